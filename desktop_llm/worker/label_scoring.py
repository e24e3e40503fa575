"""How likely labels are as the next words, for many texts at once.

A context of its own, on the weights that are loaded: the conversation's KV cache is not touched.
What all prompts begin with is evaluated once, in sequence 0, and every text's sequence begins as a
copy of it; in a unified KV cache that costs no memory. One pass over a batch of texts gives the
log-probability of each label's first token. Labels of more tokens are evaluated on copies of the
text's sequence, all but their last token. Logits are the model's own: float64 log-softmax over the
whole vocabulary.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import llama_cpp.llama_cpp as llama
import numpy as np

from desktop_llm.core.engine import LabelsScored, PromptPiece, ScoringFinished
from desktop_llm.core.errors import EnvironmentFault, FaultCode, ProgramFault
from desktop_llm.core.label_requests import LabelPrompt, LabelRequest, LabelScores
from desktop_llm.core.memory import COMPUTED_AT_ONCE, CONTEXT_STEP
from desktop_llm.worker.llama import DECODE_ABORTED, DECODE_OK, AbortFlag, LlamaModel

logger = logging.getLogger(__name__)

SEQUENCES = 32  # of the context; the first holds what all prompts begin with
COPIES = 16  # of them, for labels of more than one token
AT_ONCE = SEQUENCES  # rows of logits kept of one pass; 128 kB each for a vocabulary of 32,000
LONGEST_TOKEN = 256  # characters; what is longer than this times the room is cut before it is read
MEMORY_SHARE = 0.5  # of what is free, for the KV cache


class ScoringCancelledError(Exception):
    """In the middle of a batch, which is lost."""


@dataclass(frozen=True, slots=True)
class TokenPrompt:
    """A prompt in tokens: `prefix`, the text, `suffix`, and one of the labels."""

    prefix: list[int]
    suffix: list[int]
    labels: list[list[int]]
    lead: str  # put before each text: the space that `head` ended with

    @property
    def longest_label(self) -> int:
        return max(map(len, self.labels))


@dataclass(frozen=True, slots=True)
class _Text:
    tokens: list[int]  # with the suffix
    cut: bool


def token_prompt(
    model: LlamaModel, prompt: LabelPrompt, pieces: Sequence[PromptPiece], mark: str
) -> TokenPrompt:
    """`pieces` are of the prompt with `mark` in the place of head, text and tail.

    Raises EnvironmentFault: LABEL_TWICE for labels that are the same to the model.
    """
    at = next(at for at, piece in enumerate(pieces) if piece.is_content and mark in piece.text)
    before, _, after = pieces[at].text.partition(mark)
    head, lead = prompt.head, ""
    if head.endswith(" "):
        head = head[:-1]
        # SentencePiece puts the space before by itself.
        lead = "" if llama.llama_vocab_type(model.vocab) == llama.LLAMA_VOCAB_TYPE_SPM else " "
    prefix = model.tokenize_pieces([*pieces[:at], PromptPiece(before + head, True)])
    if model.adds_bos and prefix[:1] != [model.bos]:
        prefix.insert(0, model.bos)
    suffix = model.tokenize_pieces(
        [
            PromptPiece(prompt.tail + after, True),
            *pieces[at + 1 :],
            PromptPiece(prompt.begun, True),
        ]
    )
    labels = [_label_tokens(model, prompt.begun, label) for label in prompt.labels]
    for at, tokens in enumerate(labels):
        if not tokens or tokens in labels[:at]:
            raise EnvironmentFault(FaultCode.LABEL_TWICE, label=prompt.labels[at].strip())
    if not prefix:  # there has to be something to copy
        prefix, suffix = suffix[:1], suffix[1:]
    return TokenPrompt(prefix, suffix, labels, lead)


def _label_tokens(model: LlamaModel, begun: str, label: str) -> list[int]:
    """As the label is written after `begun`, where that leaves the tokens of `begun` alone."""
    start = model.tokenize(begun, special=False)
    both = model.tokenize(begun + label, special=False)
    if len(both) > len(start) and both[: len(start)] == start:
        return both[len(start) :]
    return model.tokenize(label, special=False)


def available_bytes() -> int:
    """Memory that this computer has to spare."""
    import psutil

    return int(psutil.virtual_memory().available)


class LabelScorer:
    """Of one loaded model. Every method is called by the thread that owns it."""

    def __init__(self, model: LlamaModel, abort: AbortFlag) -> None:
        self._model = model
        self._abort = abort
        self._context: Any = None
        self._memory: Any = None
        self._length = 0  # tokens of the context
        self._prefix: list[int] = []  # what lies in sequence 0
        self._batch = llama.llama_batch_init(COMPUTED_AT_ONCE, 0, 1)

    @property
    def holds_memory(self) -> bool:
        return self._context is not None

    def free(self) -> None:
        """The context; it is made again when it is needed."""
        if self._context is not None:
            llama.llama_free(self._context)
        self._context, self._length, self._prefix = None, 0, []

    def close(self) -> None:
        self.free()
        llama.llama_batch_free(self._batch)

    def score(
        self,
        request: LabelRequest,
        prompt: TokenPrompt,
        threads: Callable[[], int],
        emit: Callable[[LabelsScored], object],
    ) -> ScoringFinished:
        """`threads` is asked before each batch. Raises faults.

        What was emitted before a fault or a cancel is sound.
        """
        began = time.perf_counter()
        done = read = 0
        total, cancelled = len(request.texts), False
        room = self._model.context_length - len(prompt.prefix) - len(prompt.suffix)
        room -= prompt.longest_label
        if room < 1:
            raise EnvironmentFault(
                FaultCode.PROMPT_TOO_LONG,
                tokens=len(prompt.prefix) + len(prompt.suffix),
                context=self._model.context_length,
            )
        try:
            for batch in self._batches(request, prompt, room):
                self._prepare(prompt, sum(len(text.tokens) for text in batch), threads())
                scores = self._score(batch, prompt.labels)
                emit(LabelsScored(done, tuple(scores), total))
                done += len(batch)
                read += sum(len(text.tokens) for text in batch)
        except ScoringCancelledError:
            cancelled = True
        return ScoringFinished(
            done=done,
            cancelled=cancelled,
            prefix_tokens=len(prompt.prefix),
            text_tokens=read,
            label_tokens=tuple(map(len, prompt.labels)),
            seconds=time.perf_counter() - began,
        )

    def _batches(
        self, request: LabelRequest, prompt: TokenPrompt, room: int
    ) -> Iterator[list[_Text]]:
        """Texts in their order, as many as one pass takes; a long one alone."""
        most = SEQUENCES - 1 - (COPIES if prompt.longest_label > 1 else 0)
        most = min(most, request.at_once or most)
        batch: list[_Text] = []
        tokens = 0
        for words in request.texts:
            if self._abort.is_set():
                raise ScoringCancelledError
            found = self._model.tokenize(prompt.lead + words[: room * LONGEST_TOKEN], special=False)
            cut = len(found) > room or len(words) > room * LONGEST_TOKEN
            text = _Text(found[:room] + prompt.suffix, cut)
            if batch and (len(batch) == most or tokens + len(text.tokens) > COMPUTED_AT_ONCE):
                yield batch
                batch, tokens = [], 0
            batch.append(text)
            tokens += len(text.tokens)
        yield batch

    # --- the context ---------------------------------------------------------------------------

    def _prepare(self, prompt: TokenPrompt, tokens: int, threads: int) -> None:
        """A context with room for so many tokens of texts, and the prefix in it."""
        needed = len(prompt.prefix) + max(tokens, COMPUTED_AT_ONCE)
        needed += max(AT_ONCE, prompt.longest_label) if prompt.longest_label > 1 else 0
        if needed > self._length:
            self.free()
            self._make(needed, threads)
        llama.llama_set_n_threads(self._context, threads, threads)
        if self._prefix != prompt.prefix:
            self._clear()
            self._decode([(token, at, 0, False) for at, token in enumerate(prompt.prefix)])
            self._prefix = prompt.prefix

    def _make(self, tokens: int, threads: int) -> None:
        """Raises EnvironmentFault: MODEL_TOO_LARGE."""
        length = -(-tokens // CONTEXT_STEP) * CONTEXT_STEP
        most = MEMORY_SHARE * available_bytes()
        if length * self._model.kv_bytes_per_token() > most:
            raise EnvironmentFault(FaultCode.MODEL_TOO_LARGE, path=str(self._model.path))
        self._context = self._model.another_context(length, SEQUENCES, AT_ONCE, threads)
        self._memory = llama.llama_get_memory(self._context)
        self._length = length
        logger.info("a context of %d tokens for scores", length)

    def _clear(self) -> None:
        self._prefix = []
        llama.llama_memory_clear(self._memory, True)

    # --- one batch -----------------------------------------------------------------------------

    def _score(self, batch: list[_Text], labels: list[list[int]]) -> list[LabelScores]:
        start = len(self._prefix)
        try:
            rows = self._first_rows(batch, start)
            sums = np.array([[row[label[0]] for label in labels] for row in rows])
            long = [at for at, label in enumerate(labels) if len(label) > 1]
            if long:
                self._add_the_rest(batch, labels, long, sums, start)
        except BaseException:  # an unfinished batch lies in the memory
            with contextlib.suppress(Exception):
                self._clear()
            raise
        self._drop(range(1, len(batch) + 1))
        means = sums / np.array([len(label) for label in labels])
        return [
            LabelScores(tuple(map(float, row)), text.cut)
            for row, text in zip(means, batch, strict=True)
        ]

    def _first_rows(self, batch: list[_Text], start: int) -> list[np.ndarray]:
        """Log-probabilities of the token after each text: float64 (vocabulary) each."""
        entries = []
        for sequence, text in enumerate(batch, 1):
            llama.llama_memory_seq_cp(self._memory, 0, sequence, -1, -1)
            last = len(text.tokens) - 1
            entries += [
                (token, start + at, sequence, at == last) for at, token in enumerate(text.tokens)
            ]
        return self._decode(entries)

    def _add_the_rest(
        self,
        batch: list[_Text],
        labels: list[list[int]],
        long: list[int],
        sums: np.ndarray,
        start: int,
    ) -> None:
        """Add the log-probabilities of all but the first token of each label to `sums`."""
        waiting: list[tuple[int, int]] = [(row, at) for row in range(len(batch)) for at in long]
        while waiting:
            taken: list[tuple[int, int]] = []
            entries: list[tuple[int, int, int, bool]] = []
            while waiting and len(taken) < COPIES:
                row, at = waiting[0]
                tokens = labels[at][:-1]
                if taken and len(entries) + len(tokens) > AT_ONCE:
                    break
                waiting.pop(0)
                sequence = SEQUENCES - COPIES + len(taken)
                llama.llama_memory_seq_cp(self._memory, row + 1, sequence, -1, -1)
                after = start + len(batch[row].tokens)
                entries += [(token, after + n, sequence, True) for n, token in enumerate(tokens)]
                taken.append((row, at))
            rows = iter(self._decode(entries))
            for row, at in taken:
                sums[row, at] += sum(float(next(rows)[token]) for token in labels[at][1:])
            self._drop(range(SEQUENCES - COPIES, SEQUENCES - COPIES + len(taken)))

    def _drop(self, sequences: range) -> None:
        for sequence in sequences:
            llama.llama_memory_seq_rm(self._memory, sequence, -1, -1)

    def _decode(self, entries: list[tuple[int, int, int, bool]]) -> list[np.ndarray]:
        """Evaluate (token, position, sequence, whether its row is wanted); the rows, in order.

        Raises ScoringCancelledError, ProgramFault.
        """
        rows: list[np.ndarray] = []
        for chunk in _chunks(entries):
            batch = self._batch
            batch.n_tokens = len(chunk)
            for at, (token, position, sequence, wanted) in enumerate(chunk):
                batch.token[at], batch.pos[at] = token, position
                batch.n_seq_id[at], batch.seq_id[at][0] = 1, sequence
                batch.logits[at] = wanted
            result = int(llama.llama_decode(self._context, batch))
            if result == DECODE_ABORTED or self._abort.is_set():
                self._clear()
                raise ScoringCancelledError
            if result != DECODE_OK:
                self._clear()
                raise ProgramFault(FaultCode.BUG, detail=f"llama_decode returned {result}")
            rows += [self._row(at) for at, entry in enumerate(chunk) if entry[3]]
        return rows

    def _row(self, at: int) -> np.ndarray:
        """Log-softmax of the logits after the batch's token `at`."""
        pointer = llama.llama_get_logits_ith(self._context, at)
        logits = np.ctypeslib.as_array(pointer, shape=(self._model.vocabulary,))
        wide = logits.astype(np.float64)
        wide -= wide.max()
        wide -= np.log(np.exp(wide).sum())
        return wide


def _chunks(
    entries: list[tuple[int, int, int, bool]],
) -> Iterator[list[tuple[int, int, int, bool]]]:
    """What one call of `llama_decode` takes, in tokens and in rows."""
    chunk: list[tuple[int, int, int, bool]] = []
    rows = 0
    for entry in entries:
        if len(chunk) == COMPUTED_AT_ONCE or (entry[3] and rows == AT_ONCE):
            yield chunk
            chunk, rows = [], 0
        chunk.append(entry)
        rows += entry[3]
    if chunk:
        yield chunk
