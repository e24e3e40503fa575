"""One loaded model at work: prompts, the KV cache, and our own decode loop."""

import codecs
import contextlib
import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import llama_cpp.llama_cpp as llama

from desktop_llm.core.engine import (
    Event,
    Finished,
    Measured,
    PromptPiece,
    PromptProgress,
    RenderedPrompt,
    ScoringFinished,
    TextDelta,
    TokenCount,
)
from desktop_llm.core.errors import EnvironmentFault, FaultCode, ProgramFault
from desktop_llm.core.generation import FinishReason, GenerationRequest, GenerationStats
from desktop_llm.core.label_requests import LabelRequest
from desktop_llm.core.messages import Message, Role
from desktop_llm.core.models import LoadedModel, LoadOptions, StateCache
from desktop_llm.core.scores import TokenScore
from desktop_llm.core.templates import family_for
from desktop_llm.worker.cores import (
    FreeCores,
    ThreadController,
    cores_wanted_by_others,
    usable_cores,
)
from desktop_llm.worker.guard import CallGuard
from desktop_llm.worker.kv_states import KvStates, common_prefix
from desktop_llm.worker.label_scoring import LabelScorer, available_bytes, token_prompt
from desktop_llm.worker.llama import (
    DECODE_ABORTED,
    DECODE_NO_SLOT,
    DECODE_OK,
    AbortFlag,
    LlamaModel,
)
from desktop_llm.worker.measuring import measure
from desktop_llm.worker.sampling import Sampler
from desktop_llm.worker.scoring import Scorer
from desktop_llm.worker.stops import StopScanner
from desktop_llm.worker.template import (
    TemplateError,
    TemplateRenderer,
    fallback_pieces,
)

SHOWN_FROM = 128  # tokens of a prompt; shorter ones are read before anybody could look
SLOW_STEP = 2.0  # seconds for one step of a prompt
LEAST_STEP = 64  # tokens
SPEED_TOKENS = 128  # of a prompt, that tell how fast it is read
COUNTED = 2048  # texts of which the tokens are remembered
SPARE_BYTES = 512 * 1024 * 1024  # below this, a reply takes the memory of scores of labels
EMIT_SECONDS = 0.05  # text is gathered for at most this long, except the first of a reply

Emit = Callable[[Event], None]


def steady_threads() -> int:
    """Threads for the tokens of a reproducible reply, whatever is set and whoever else computes.

    llama.cpp divides the attention of one token among its threads, so another number of them
    changes the last bits of the logits once 256 tokens lie in the context; a prompt's do not
    depend on it. Half the cores lose little and do not wait for a core that another process has.
    """
    return max(1, usable_cores() // 2)


class Session:
    """Owns a `LlamaModel`; the KV cache keeps the longest common prefix between requests."""

    def __init__(
        self,
        path: Path,
        options: LoadOptions,
        abort: AbortFlag,
        on_progress: Callable[[float], bool],
        warn: Callable[[str], None],
        guard: CallGuard,
        states: StateCache | None = None,
    ) -> None:
        self._abort = abort
        self._warn = warn
        self._guard = guard
        self._fixed_threads = options.threads
        self._controller = ThreadController(usable_cores(), FreeCores().measure)
        threads = options.threads or self._controller.threads
        self._model = LlamaModel(path, options, threads, abort, on_progress)
        self._cached: list[int] = []  # tokens in the context, in order
        self._conversation = ""  # whose they are; empty: nobody's
        cache = states or StateCache()
        self._states = KvStates(self._model, cache, self._model.fingerprint(options))
        self._label_scorer = LabelScorer(self._model, abort)
        self._counted: dict[bytes, int] = {}  # tokens of texts, the last used last
        self._family = family_for(self._model.knows_special)  # where the template is of no use
        self._template_fault = ""  # why the fallback is in use for good
        self._renderer = self._make_renderer(options.template or self._model.template())

    def _make_renderer(self, source: str | None) -> TemplateRenderer | None:
        if source is None:
            self._template_fault = "the file has none"
            return None
        bos, eos = self._name(self._model.bos), self._name(llama.llama_vocab_eos(self._model.vocab))
        renderer = TemplateRenderer(source, bos, eos)
        with contextlib.suppress(OSError):  # tried again with the first prompt
            renderer.start()  # while the person still writes
        return renderer

    def _name(self, token: int) -> str:
        """A special token as templates write it; empty where the vocabulary has none."""
        if token < 0:
            return ""
        return self._model.piece(token, special=True).decode("utf-8", "replace")

    @property
    def threads(self) -> int:
        return self._model.threads

    @property
    def context_used(self) -> int:
        return len(self._cached)

    @property
    def sound(self) -> bool:
        """Whether the file is still as it was loaded."""
        return self._model.file_is_sound()

    def describe(self) -> LoadedModel:
        return self._model.describe()

    def close(self) -> None:
        if self._renderer is not None:
            self._renderer.close()
        if self.sound:
            self.save_states(lambda: False)
        self._label_scorer.close()
        self._model.free()

    # --- states of conversations ---------------------------------------------------------------

    def save_states(self, waits: Callable[[], bool]) -> None:
        """Write what is not on disk yet; `waits` tells that there is something better to do."""
        self._states.save(self._conversation, self._cached, waits)

    def forget_state(self, conversation: str) -> None:
        self._states.forget(conversation)
        if conversation == self._conversation:
            self._forget()
            self._conversation = ""

    def _turn_to(self, conversation: str, prompt: list[int]) -> None:
        """What lies in the context is kept; the state of another conversation takes its place
        where more of the prompt is in it.
        """
        if conversation == self._conversation and self._cached:
            return
        if self._conversation:
            self._states.put(self._conversation, self._cached)
        self._conversation = conversation
        if conversation:
            least = common_prefix(self._cached, prompt)
            taken = self._states.take(conversation, prompt, least)
            if taken is not None:
                self._cached = taken

    # --- prompts -------------------------------------------------------------------------------

    def _pieces(self, messages: tuple[Message, ...]) -> tuple[list[PromptPiece], str]:
        """Prompt pieces, and why they are not the template's."""
        fault = self._template_fault
        if self._renderer is not None:
            try:
                return self._renderer.pieces(messages), ""
            except TemplateError as error:
                fault = str(error)
                self._warn(f"chat template of {self._model.path.name}: {fault}; using the fallback")
                if error.for_good:
                    self._template_fault = fault
                    self._renderer.close()
                    self._renderer = None
        return fallback_pieces(messages, self._family), fault

    def _prompt(
        self, messages: tuple[Message, ...], continues: bool = False
    ) -> tuple[list[int], str]:
        """Its tokens, and why they are not the template's. `continues`: the last message is the
        beginning of the reply, and its turn stays open.
        """
        begun = messages[-1:] if continues else ()
        pieces, fault = self._pieces(messages[: len(messages) - len(begun)])
        pieces += [PromptPiece(message.text, True) for message in begun]
        return self._tokens_of(pieces), fault

    def _tokens_of(self, pieces: list[PromptPiece]) -> list[int]:
        tokens = self._model.tokenize_pieces(pieces)
        if self._model.adds_bos and tokens[:1] != [self._model.bos]:
            tokens.insert(0, self._model.bos)
        return tokens

    def count(self, messages: tuple[Message, ...], bare: bool = False) -> TokenCount:
        """Tokens of the prompt, and of each message's own words; `bare`: of the words alone."""
        if bare:
            texts = [self._model.tokenize(message.text, special=False) for message in messages]
            parts = tuple(map(len, texts))
            return TokenCount(sum(parts), self._model.context_length, parts)
        parts = tuple(self._count_words(message.text) for message in messages)
        return TokenCount(len(self._prompt(messages)[0]), self._model.context_length, parts)

    def _count_words(self, text: str) -> int:
        """Counted once: a conversation is counted anew for every word that is typed."""
        key = hashlib.sha256(text.encode("utf-8", "replace")).digest()  # not the text itself
        count = self._counted.pop(key, None)
        if count is None:
            count = len(self._model.tokenize(text, special=False))
        self._counted[key] = count  # the last one used
        while len(self._counted) > COUNTED:
            self._counted.pop(next(iter(self._counted)))
        return count

    def render(self, messages: tuple[Message, ...]) -> RenderedPrompt:
        pieces, fault = self._pieces(messages)
        return RenderedPrompt(tuple(pieces), len(self._tokens_of(pieces)), fault)

    def measure(self, text: str, progress: Callable[[float], object]) -> Measured:
        """What lies in the context is lost."""
        if self._conversation:
            self._states.put(self._conversation, self._cached)
            self._conversation = ""
        try:
            return measure(self._model, text, self._fixed_threads or usable_cores(), progress)
        finally:
            self._forget()

    # --- labels --------------------------------------------------------------------------------

    def score_labels(self, request: LabelRequest, emit: Emit) -> ScoringFinished:
        """In a context of its own: what lies in the conversation's stays. Raises faults."""
        mark = f"{secrets.randbits(64):020}"
        messages = (*request.prompt.before, Message(Role.USER, mark))
        pieces, template_fault = self._pieces(messages)
        prompt = token_prompt(self._model, request.prompt, pieces, mark)
        finished = self._label_scorer.score(request, prompt, self._batch_threads, emit)
        return replace(finished, template_fault=template_fault)

    def _batch_threads(self) -> int:
        return self._fixed_threads or self._controller.begin(cores_wanted_by_others())

    @property
    def scores_kept(self) -> bool:
        """Whether memory is held for scores of labels."""
        return self._label_scorer.holds_memory

    def free_scores(self) -> None:
        self._label_scorer.free()

    # --- generation ----------------------------------------------------------------------------

    def generate(self, request: GenerationRequest, emit: Emit) -> Finished:
        """Make one reply; `emit` gets its text. Raises faults."""
        prompt, template_fault = self._prompt(request.messages, request.continues)
        if not prompt:
            raise EnvironmentFault(FaultCode.INPUT_EMPTY)
        if len(prompt) >= self._model.context_length:
            raise EnvironmentFault(
                FaultCode.PROMPT_TOO_LONG,
                tokens=len(prompt),
                context=self._model.context_length,
            )
        stops = request.stop
        if template_fault:
            stops += self._family.stops
        with contextlib.ExitStack() as stack:
            if (request.sampling.grammar or request.sampling.json_schema) is not None:
                stack.enter_context(self._guard.watch())
            if self._fixed_threads is None:
                self._controller.begin(cores_wanted_by_others())
            if self.scores_kept and available_bytes() < SPARE_BYTES:
                self._label_scorer.free()
            reason, stats = self._reply(request, prompt, stops, emit)
        return Finished(reason, stats, template_fault)

    def _reply(
        self, request: GenerationRequest, prompt: list[int], stops: tuple[str, ...], emit: Emit
    ) -> tuple[FinishReason, GenerationStats]:
        model = self._model
        threads = self._fixed_threads or self._controller.threads
        if request.reproducible:
            model.set_threads(steady_threads(), for_prompts=threads)
        else:
            model.set_threads(threads)
        seed = request.sampling.seed
        if seed is None:
            seed = secrets.randbelow(0xFFFF_FFFE)
        sampler = Sampler(model.vocab, model.context_length, request.sampling, seed, self._guard)
        with contextlib.closing(sampler):
            started = time.perf_counter()
            self._turn_to(request.conversation, prompt)
            reused = 0 if request.reproducible else common_prefix(self._cached, prompt[:-1])
            reused = self._keep(prompt, reused)
            complete = self._prefill(prompt, reused, request.reproducible, emit)
            prefilled = time.perf_counter()
            if len(prompt) - reused >= SPEED_TOKENS:
                self._states.prompt_speed = (len(prompt) - reused) / (prefilled - started)
            if complete:
                reason, made = self._decode(request, stops, sampler, emit)
            else:
                reason, made = FinishReason.CANCELLED, 0
            ended = time.perf_counter()
        return reason, GenerationStats(
            prompt_tokens=len(prompt),
            reused_tokens=reused,
            completion_tokens=made,
            prompt_seconds=prefilled - started,
            completion_seconds=ended - prefilled,
            seed=seed,
            threads=model.threads,
            context_used=len(self._cached),
        )

    def _keep(self, prompt: list[int], reused: int) -> int:
        """Cut the context after `reused` tokens of the prompt. Returns how many it kept."""
        if not self._model.cut(reused):
            self._model.cut(0)
            reused = 0
        self._cached = prompt[:reused]
        return reused

    def _prefill(self, prompt: list[int], reused: int, reproducible: bool, emit: Emit) -> bool:
        """Evaluate the prompt after `reused` tokens; False if cancelled on the way.

        Where that is slow, smaller steps show that it goes on; a reproducible prompt keeps its.
        """
        step = self._model.batch_size
        start = reused
        shown = len(prompt) - reused > SHOWN_FROM
        if shown:
            emit(PromptProgress(reused, len(prompt)))
        while start < len(prompt):
            if self._abort.is_set():
                return False
            chunk = prompt[start : start + step]
            before = time.perf_counter()
            result = self._model.decode(chunk)
            if result == DECODE_ABORTED:
                if not self._model.cut(start):
                    self._forget()
                return False
            if result != DECODE_OK:
                self._forget()
                raise ProgramFault(FaultCode.BUG, detail=f"llama_decode returned {result}")
            self._cached += chunk
            start += len(chunk)
            if shown:
                emit(PromptProgress(len(self._cached), len(prompt)))
            if time.perf_counter() - before > SLOW_STEP and not reproducible:
                step = max(min(step, LEAST_STEP), step // 2)
        return True

    def _forget(self) -> None:
        self._model.cut(0)
        self._cached = []

    def _decode(
        self, request: GenerationRequest, stops: tuple[str, ...], sampler: Sampler, emit: Emit
    ) -> tuple[FinishReason, int]:
        """The loop: sample, show, evaluate. Returns why it ended and the tokens made.

        A reply that ends within a character ends before it.
        """
        model, cached = self._model, self._cached
        utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        scanner = StopScanner(stops)
        limit = request.max_tokens or model.context_length
        gathered, gathered_tokens, emitted_at = "", 0, 0.0
        scorer = Scorer(model.vocabulary) if request.scores else None
        scores: list[TokenScore] = []  # of the tokens gathered
        made = 0
        reason = FinishReason.LENGTH
        before = time.perf_counter()
        try:
            while made < limit:
                token = sampler.sample(model.context)
                if model.ends(token):
                    reason = FinishReason.STOP
                    break
                made += 1
                text = utf8.decode(model.piece(token))
                if scorer is not None:
                    scores.append(self._score(scorer, token, len(text)))
                gathered += scanner.feed(text)
                gathered_tokens += 1
                if scanner.stopped:
                    reason = FinishReason.STOP
                    break
                now = time.perf_counter()
                if gathered and now - emitted_at >= EMIT_SECONDS:
                    emit(TextDelta(gathered, gathered_tokens, tuple(scores)))
                    gathered, gathered_tokens, emitted_at = "", 0, now
                    scores.clear()
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
        finally:  # also before a fault: what was made is kept
            if not scanner.stopped:
                gathered += scanner.flush()
            if gathered or gathered_tokens:
                emit(TextDelta(gathered, gathered_tokens, tuple(scores)))
        return reason, made

    def _score(self, scorer: Scorer, token: int, length: int) -> TokenScore:
        probability, others = scorer.score(self._model.context, token)
        named = tuple(
            (self._model.piece(other, special=True).decode("utf-8", "replace"), p)
            for other, p in others
        )
        return TokenScore(length, min(1.0, probability), named)

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
