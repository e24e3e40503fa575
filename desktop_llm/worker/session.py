"""One loaded model at work: prompts, the KV cache, and our own decode loop."""

import codecs
import secrets
import time
from collections.abc import Callable
from pathlib import Path

import llama_cpp.llama_cpp as llama

from desktop_llm.core.engine import Event, PromptProgress, TextDelta
from desktop_llm.core.errors import EnvironmentFault, FaultCode, ProgramFault
from desktop_llm.core.generation import FinishReason, GenerationRequest, GenerationStats
from desktop_llm.core.messages import Message
from desktop_llm.core.models import LoadedModel, LoadOptions
from desktop_llm.worker.cores import FreeCores, ThreadController, usable_cores
from desktop_llm.worker.llama import (
    DECODE_ABORTED,
    DECODE_NO_SLOT,
    DECODE_OK,
    AbortFlag,
    LlamaModel,
)
from desktop_llm.worker.sampling import build_chain
from desktop_llm.worker.stops import StopScanner
from desktop_llm.worker.template import (
    PROSE_STOPS,
    Piece,
    TemplateError,
    TemplateRenderer,
    fallback_pieces,
)

EMIT_SECONDS = 0.02  # text is gathered for at most this long, except the first of a reply

Emit = Callable[[Event], None]


class Session:
    """Owns a `LlamaModel`; the KV cache keeps the longest common prefix between requests."""

    def __init__(
        self,
        path: Path,
        options: LoadOptions,
        abort: AbortFlag,
        on_progress: Callable[[float], bool],
        warn: Callable[[str], None],
    ) -> None:
        self._abort = abort
        self._warn = warn
        self._fixed_threads = options.threads
        self._controller = ThreadController(usable_cores(), FreeCores().measure)
        threads = options.threads or self._controller.threads
        self._model = LlamaModel(path, options, threads, abort, on_progress)
        self._cached: list[int] = []  # tokens in the context, in order
        self._chatml = self._model.knows_special("<|im_start|>")
        self._renderer = self._make_renderer()

    def _make_renderer(self) -> TemplateRenderer | None:
        source = self._model.template()
        if source is None:
            return None
        model = self._model
        bos = (
            model.piece(model.bos, special=True).decode("utf-8", "replace")
            if model.bos >= 0
            else ""
        )
        eos_token = llama.llama_vocab_eos(model.vocab)
        eos = (
            model.piece(eos_token, special=True).decode("utf-8", "replace")
            if eos_token >= 0
            else ""
        )
        return TemplateRenderer(source, bos, eos)

    @property
    def threads(self) -> int:
        return self._model.threads

    @property
    def context_used(self) -> int:
        return len(self._cached)

    def describe(self) -> LoadedModel:
        return self._model.describe()

    def close(self) -> None:
        if self._renderer is not None:
            self._renderer.close()
        self._model.free()

    # --- prompts -------------------------------------------------------------------------------

    def _pieces(self, messages: tuple[Message, ...]) -> tuple[list[Piece], tuple[str, ...]]:
        """Prompt pieces and the stop strings that go with them."""
        if self._renderer is not None:
            try:
                return self._renderer.pieces(messages), ()
            except TemplateError as error:
                self._warn(f"chat template of {self._model.path.name}: {error}; using the fallback")
                self._renderer.close()
                self._renderer = None
        return fallback_pieces(messages, self._chatml), () if self._chatml else PROSE_STOPS

    def _prompt(self, messages: tuple[Message, ...]) -> tuple[list[int], tuple[str, ...]]:
        pieces, stops = self._pieces(messages)
        tokens: list[int] = []
        for piece in pieces:
            tokens += self._model.tokenize(piece.text, special=not piece.is_content)
        if self._model.adds_bos and tokens[:1] != [self._model.bos]:
            tokens.insert(0, self._model.bos)
        return tokens, stops

    def count(self, messages: tuple[Message, ...]) -> tuple[int, int]:
        """Tokens of the prompt, and the context's length."""
        return len(self._prompt(messages)[0]), self._model.context_length

    # --- generation ----------------------------------------------------------------------------

    def generate(
        self, request: GenerationRequest, emit: Emit
    ) -> tuple[FinishReason, GenerationStats]:
        """Make one reply; `emit` gets its text. Raises faults."""
        prompt, stops = self._prompt(request.messages)
        if not prompt:
            raise EnvironmentFault(FaultCode.INPUT_EMPTY)
        if len(prompt) >= self._model.context_length:
            raise EnvironmentFault(
                FaultCode.PROMPT_TOO_LONG,
                tokens=len(prompt),
                context=self._model.context_length,
            )
        seed = request.sampling.seed
        if seed is None:
            seed = secrets.randbelow(0xFFFF_FFFE)
        chain = build_chain(self._model.vocab, self._model.context_length, request.sampling, seed)
        try:
            started = time.perf_counter()
            reused = 0 if request.reproducible else self._common_prefix(prompt)
            complete = self._prefill(prompt, reused, emit)
            prefilled = time.perf_counter()
            if complete:
                reason, made = self._decode(request, (*request.stop, *stops), chain, emit)
            else:
                reason, made = FinishReason.CANCELLED, 0
            ended = time.perf_counter()
        finally:
            llama.llama_sampler_free(chain)
        return reason, GenerationStats(
            prompt_tokens=len(prompt),
            reused_tokens=reused,
            completion_tokens=made,
            prompt_seconds=prefilled - started,
            completion_seconds=ended - prefilled,
            seed=seed,
            threads=self._model.threads,
            context_used=len(self._cached),
        )

    def _common_prefix(self, prompt: list[int]) -> int:
        """Tokens of the prompt already in the context; at least one is left to evaluate."""
        length = 0
        for cached, wanted in zip(self._cached, prompt[:-1], strict=False):
            if cached != wanted:
                break
            length += 1
        return length

    def _prefill(self, prompt: list[int], reused: int, emit: Emit) -> bool:
        """Evaluate the prompt after `reused` tokens; False if cancelled on the way."""
        if not self._model.cut(reused):
            self._model.cut(0)
            reused = 0
        self._cached = prompt[:reused]
        step = self._model.batch_size
        for start in range(reused, len(prompt), step):
            if self._abort.is_set():
                return False
            chunk = prompt[start : start + step]
            result = self._model.decode(chunk)
            if result == DECODE_ABORTED:
                if not self._model.cut(start):
                    self._forget()
                return False
            if result != DECODE_OK:
                self._forget()
                raise ProgramFault(FaultCode.BUG, detail=f"llama_decode returned {result}")
            self._cached += chunk
            if len(prompt) - reused > step:
                emit(PromptProgress(len(self._cached), len(prompt)))
        return True

    def _forget(self) -> None:
        self._model.cut(0)
        self._cached = []

    def _decode(
        self, request: GenerationRequest, stops: tuple[str, ...], chain: object, emit: Emit
    ) -> tuple[FinishReason, int]:
        """The loop: sample, show, evaluate. Returns why it ended and the tokens made."""
        model, cached = self._model, self._cached
        utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        scanner = StopScanner(stops)
        limit = request.max_tokens or model.context_length
        gathered, gathered_tokens, emitted_at = "", 0, 0.0
        made = 0
        reason = FinishReason.LENGTH
        before = time.perf_counter()
        while made < limit:
            token = llama.llama_sampler_sample(chain, model.context, -1)
            if model.ends(token):
                reason = FinishReason.STOP
                break
            made += 1
            gathered += scanner.feed(utf8.decode(model.piece(token)))
            gathered_tokens += 1
            if scanner.stopped:
                reason = FinishReason.STOP
                break
            now = time.perf_counter()
            if gathered and now - emitted_at >= EMIT_SECONDS:
                emit(TextDelta(gathered, gathered_tokens))
                gathered, gathered_tokens, emitted_at = "", 0, now
            if self._abort.is_set():
                reason = FinishReason.CANCELLED
                break
            if made == limit:
                break
            if len(cached) >= model.context_length:
                reason = FinishReason.CONTEXT
                break
            result = model.decode_one(token)
            if result != DECODE_OK:
                reason = self._broken_off(result)
                break
            cached.append(token)
            after = time.perf_counter()
            if self._fixed_threads is None and not request.reproducible:
                model.set_threads(self._controller.note(after - before))
            before = after
        if not scanner.stopped:
            gathered += scanner.feed(utf8.decode(b"", True)) + scanner.flush()
        if gathered or gathered_tokens:
            emit(TextDelta(gathered, gathered_tokens))
        return reason, made

    def _broken_off(self, result: int) -> FinishReason:
        """What a `llama_decode` that did not succeed within a reply means."""
        if result == DECODE_NO_SLOT:
            return FinishReason.CONTEXT
        if result == DECODE_ABORTED:
            if not self._model.cut(len(self._cached)):
                self._forget()
            return FinishReason.CANCELLED
        self._forget()
        raise ProgramFault(FaultCode.BUG, detail=f"llama_decode returned {result}")
