"""A loaded model and its context, on llama.cpp's low-level interface. One thread owns it."""

import contextlib
import ctypes
import hashlib
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as llama

from desktop_llm.core.engine import PromptPiece
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.gguf import check_file
from desktop_llm.core.memory import COMPUTED_AT_ONCE
from desktop_llm.core.models import FlashAttention, KvType, LoadedModel, LoadOptions

logger = logging.getLogger(__name__)

HASHED_BYTES = 4 * 1024 * 1024  # of a model file: its header, or most of a large one's
_KV_TYPES = {
    KvType.F16: llama.GGML_TYPE_F16,
    KvType.Q8_0: llama.GGML_TYPE_Q8_0,
    KvType.Q4_0: llama.GGML_TYPE_Q4_0,
}
_FLASH = {
    FlashAttention.AUTO: llama.LLAMA_FLASH_ATTN_TYPE_AUTO,
    FlashAttention.ON: llama.LLAMA_FLASH_ATTN_TYPE_ENABLED,
    FlashAttention.OFF: llama.LLAMA_FLASH_ATTN_TYPE_DISABLED,
}
DECODE_OK, DECODE_NO_SLOT, DECODE_ABORTED = 0, 1, 2


class AbortFlag:
    """Stops a running `llama_decode` from another thread.

    llama.cpp asks its abort callback after every operation of the graph, several hundred times a
    token; a Python callback would cost a tenth of the speed. The callback is therefore a C
    function that is true as soon as the byte it is given is not zero: `strlen`.
    """

    def __init__(self) -> None:
        self._byte = ctypes.create_string_buffer(2)
        library = ctypes.CDLL("msvcrt" if sys.platform == "win32" else None)
        self._strlen = ctypes.cast(library.strlen, llama.ggml_abort_callback)
        self._address = ctypes.cast(self._byte, ctypes.c_void_p)

    def install(self, context: Any) -> None:
        llama.llama_set_abort_callback(context, self._strlen, self._address)

    def set(self) -> None:
        self._byte[0] = b"\x01"

    def clear(self) -> None:
        self._byte[0] = b"\x00"

    def is_set(self) -> bool:
        return bool(self._byte[0] != b"\x00")


class LoadCancelledError(Exception):
    """Loading was cancelled from `on_progress`."""


class LlamaModel:
    """Weights, vocabulary and one context with one sequence."""

    def __init__(
        self,
        path: Path,
        options: LoadOptions,
        threads: int,
        abort: AbortFlag,
        on_progress: Callable[[float], bool],
    ) -> None:
        """Load; `on_progress(fraction)` returns False to cancel.

        Raises LoadCancelledError, or EnvironmentFault: MODEL_MISSING and the other faults of a
        header, MODEL_NOT_LOADABLE, MODEL_TOO_LARGE.
        """
        self.path = path
        self._file = check_model_file(path)
        self._mapped = options.use_mmap
        self._own_template = options.template
        self.batch_size = options.batch_size
        self._model = self._load(path, options, on_progress)
        self.vocab = llama.llama_model_get_vocab(self._model)
        trained = llama.llama_model_n_ctx_train(self._model)
        parameters = llama.llama_context_default_params()
        parameters.n_ctx = min(options.context_length, trained or options.context_length)
        parameters.n_batch = options.batch_size
        parameters.n_ubatch = min(options.batch_size, COMPUTED_AT_ONCE)
        parameters.n_threads = parameters.n_threads_batch = threads
        parameters.no_perf = True
        parameters.type_k = parameters.type_v = _KV_TYPES[options.kv_type]
        parameters.flash_attn_type = _FLASH[options.flash_attention]
        self._parameters = parameters
        self.context = llama.llama_init_from_model(self._model, parameters)
        if not self.context:
            llama.llama_model_free(self._model)
            raise EnvironmentFault(FaultCode.MODEL_TOO_LARGE, path=str(path))
        abort.install(self.context)
        self._abort = abort  # C has its address
        self._memory = llama.llama_get_memory(self.context)
        self.context_length: int = llama.llama_n_ctx(self.context)
        self._threads = (threads, threads)
        self.vocabulary: int = llama.llama_vocab_n_tokens(self.vocab)
        self.bos: int = llama.llama_vocab_bos(self.vocab)
        self.adds_bos: bool = llama.llama_vocab_get_add_bos(self.vocab)
        self._piece_buffer = ctypes.create_string_buffer(256)
        self._one_token = (llama.llama_token * 1)()

    def _load(self, path: Path, options: LoadOptions, on_progress: Callable[[float], bool]) -> Any:
        cancelled = False

        @llama.llama_progress_callback  # type: ignore[untyped-decorator]
        def progress(fraction: float, _data: object) -> bool:
            nonlocal cancelled
            cancelled = cancelled or not on_progress(fraction)
            return not cancelled

        parameters = llama.llama_model_default_params()
        parameters.n_gpu_layers = options.gpu_layers
        parameters.load_mode = (
            llama.LLAMA_LOAD_MODE_MMAP if options.use_mmap else llama.LLAMA_LOAD_MODE_NONE
        ) | (llama.LLAMA_LOAD_MODE_MLOCK if options.use_mlock else 0)
        parameters.progress_callback = progress
        with native_log.listen() as heard:
            model = llama.llama_model_load_from_file(os.fsencode(path), parameters)
        if cancelled:
            if model:
                llama.llama_model_free(model)
            raise LoadCancelledError
        if not model:
            raise EnvironmentFault(
                FaultCode.MODEL_NOT_LOADABLE, path=str(path), detail=_cause(heard)
            )
        return model

    def free(self) -> None:
        llama.llama_free(self.context)
        llama.llama_model_free(self._model)
        if sys.platform == "linux":  # else much of it stays with the process
            with contextlib.suppress(AttributeError):
                ctypes.CDLL(None).malloc_trim(0)

    def file_is_sound(self) -> bool:
        """Whether the weights in memory are still those that were loaded.

        They are mapped, not read: a file written to or cut short in place changes under the model.
        One that was deleted or replaced by another lives on in the mapping.
        """
        try:
            now = _identity(self.path)
        except OSError:
            return True
        return not self._mapped or now == self._file or now[:2] != self._file[:2]

    def describe(self) -> LoadedModel:
        description = self._text(llama.llama_model_desc)
        template = self._own_template or self.template()
        return LoadedModel(
            path=str(self.path),
            name=self.metadata("general.name") or self.path.stem,
            architecture=self.metadata("general.architecture"),
            description=description,
            parameters=llama.llama_model_n_params(self._model),
            size_bytes=llama.llama_model_size(self._model),
            context_length=self.context_length,
            trained_context=llama.llama_model_n_ctx_train(self._model),
            vocabulary=self.vocabulary,
            has_template=template is not None,
            template_sha256=hashlib.sha256((template or "").encode()).hexdigest(),
            runtime=runtime_version(),
        )

    def template(self) -> str | None:
        source = llama.llama_model_chat_template(self._model, None)
        return source.decode("utf-8", "replace") if source else None

    def metadata(self, key: str) -> str:
        return self._text(llama.llama_model_meta_val_str, key.encode())

    def _text(self, function: Any, *arguments: bytes) -> str:
        buffer = ctypes.create_string_buffer(1024)
        length = function(self._model, *arguments, buffer, len(buffer))
        return buffer.value.decode("utf-8", "replace") if length > 0 else ""

    # --- tokens --------------------------------------------------------------------------------

    def tokenize(self, text: str, special: bool) -> list[int]:
        """Tokens of `text`; `special` lets control tokens in it count as such."""
        data = text.encode("utf-8", "replace")
        room = len(data) + 8
        tokens = (llama.llama_token * room)()
        count = llama.llama_tokenize(self.vocab, data, len(data), tokens, room, False, special)
        if count < 0:
            tokens = (llama.llama_token * -count)()
            count = llama.llama_tokenize(
                self.vocab, data, len(data), tokens, -count, False, special
            )
        return tokens[:count]  # type: ignore[no-any-return]

    def piece(self, token: int, special: bool = False) -> bytes:
        """The bytes of a token; part of a character for some."""
        buffer = self._piece_buffer
        size = llama.llama_token_to_piece(self.vocab, token, buffer, len(buffer), 0, special)
        if size < 0:
            self._piece_buffer = buffer = ctypes.create_string_buffer(-size)
            size = llama.llama_token_to_piece(self.vocab, token, buffer, -size, 0, special)
        return buffer.raw[:size]

    def knows_special(self, text: str) -> bool:
        """Whether `text` is one control token of this vocabulary."""
        return len(self.tokenize(text, special=True)) == 1

    def ends(self, token: int) -> bool:
        return bool(llama.llama_vocab_is_eog(self.vocab, token))

    def tokenize_pieces(self, pieces: Sequence[PromptPiece]) -> list[int]:
        """Of a prompt: control tokens count in what the template wrote, not in what people did."""
        tokens: list[int] = []
        for piece in pieces:
            tokens += self.tokenize(piece.text, special=not piece.is_content)
        return tokens

    # --- other contexts ------------------------------------------------------------------------

    def another_context(self, length: int, sequences: int, rows: int, threads: int) -> Any:
        """A context of `length` tokens that its sequences share, otherwise as the first one; at
        most `rows` rows of logits come of one decode. The caller frees it, before the model.

        Raises EnvironmentFault: MODEL_TOO_LARGE.
        """
        parameters = type(self._parameters).from_buffer_copy(self._parameters)
        parameters.n_ctx, parameters.n_seq_max, parameters.kv_unified = length, sequences, True
        parameters.n_batch = parameters.n_ubatch = COMPUTED_AT_ONCE
        parameters.n_outputs_max = rows
        parameters.n_threads = parameters.n_threads_batch = threads
        context = llama.llama_init_from_model(self._model, parameters)
        if not context:
            raise EnvironmentFault(FaultCode.MODEL_TOO_LARGE, path=str(self.path))
        self._abort.install(context)
        return context

    def kv_bytes_per_token(self) -> int:
        """Of the KV cache, at most: a layer that keeps less is counted as one that keeps all."""
        model = self._model
        heads = max(1, llama.llama_model_n_head(model))
        width = llama.llama_model_n_embd(model) * llama.llama_model_n_head_kv(model) // heads
        return int(2 * width * llama.llama_model_n_layer(model) * 2)

    # --- the context ---------------------------------------------------------------------------

    def set_threads(self, threads: int, for_prompts: int | None = None) -> None:
        """For one token at a time, and for many."""
        wanted = (threads, for_prompts or threads)
        if wanted != self._threads:
            llama.llama_set_n_threads(self.context, *wanted)
            self._threads = wanted

    @property
    def threads(self) -> int:
        return self._threads[0]

    def decode(self, tokens: list[int]) -> int:
        """Evaluate tokens after those in the context; llama_decode's own return value."""
        count = len(tokens)
        array = (llama.llama_token * count)(*tokens)
        return int(llama.llama_decode(self.context, llama.llama_batch_get_one(array, count)))

    def decode_one(self, token: int) -> int:
        self._one_token[0] = token
        batch = llama.llama_batch_get_one(self._one_token, 1)
        return int(llama.llama_decode(self.context, batch))

    def cut(self, length: int) -> bool:
        """Keep the first `length` tokens of the context; False where it cannot be cut there."""
        if length == 0:
            llama.llama_memory_clear(self._memory, True)
            return True
        return bool(llama.llama_memory_seq_rm(self._memory, 0, length, -1))

    # --- the state of the sequence -------------------------------------------------------------

    def sequence_bytes(self) -> int:
        return int(llama.llama_state_seq_get_size(self.context, 0))

    def save_sequence(self) -> bytearray:
        data = bytearray(self.sequence_bytes())
        buffer = (ctypes.c_uint8 * len(data)).from_buffer(data)
        written = llama.llama_state_seq_get_data(self.context, buffer, len(data), 0)
        del buffer  # or it could not be shortened
        del data[written:]
        return data

    def load_sequence(self, data: bytearray) -> bool:
        """In the place of what lies there; False, with an empty context, where it is refused."""
        self.cut(0)
        buffer = (ctypes.c_uint8 * len(data)).from_buffer(data)
        if llama.llama_state_seq_set_data(self.context, buffer, len(data), 0) == len(data):
            return True
        self.cut(0)
        return False

    def fingerprint(self, options: LoadOptions) -> str:
        """Another one for whatever makes a state of the KV cache another: file, parameters, build.

        The file by its header, size and time: hashing gigabytes would take longer than it saves.
        """
        with self.path.open("rb") as file:
            head = hashlib.sha256(file.read(HASHED_BYTES)).hexdigest()
        parts = [
            head, *self._file[2:], self.context_length, options.batch_size, options.gpu_layers,
            options.kv_type.value, options.flash_attention.value,
            llama.llama_print_system_info().decode("utf-8", "replace"), runtime_version(),
        ]  # fmt: skip
        return hashlib.sha256(repr(parts).encode()).hexdigest()


def runtime_system() -> tuple[str, bool]:
    """What the library uses of the processor, and whether it was built for a graphics card."""
    system = llama.llama_print_system_info().decode("utf-8", "replace")
    return system, bool(llama.llama_supports_gpu_offload())


def runtime_version() -> str:
    import llama_cpp

    return str(llama_cpp.__version__)


class NativeLog:
    """llama.cpp's warnings and errors, which it writes to a callback of the whole process."""

    def __init__(self) -> None:
        self._heard: list[str] | None = None
        self._callback: Any = None

    def install(self, muted: Callable[[], bool]) -> None:
        """Send them to the log, except while `muted`: a cancel is an error to llama.cpp."""

        @llama.llama_log_callback  # type: ignore[untyped-decorator]
        def log(level: int, text: bytes, _data: object) -> None:
            if level not in (3, 4):  # GGML_LOG_LEVEL_WARN, _ERROR
                return
            line = text.decode("utf-8", "replace").rstrip()
            if self._heard is not None:
                self._heard.append(line)
            if not muted():
                logger.warning("%s", line)

        self._callback = log  # a reference, as long as C has the pointer
        llama.llama_log_set(log, None)

    @contextlib.contextmanager
    def listen(self) -> Iterator[list[str]]:
        """What is said within this."""
        heard: list[str] = []
        self._heard = heard
        try:
            yield heard
        finally:
            self._heard = None


native_log = NativeLog()


def check_model_file(path: Path) -> tuple[int, int, int, int]:
    """Read the header ourselves before native code does. Returns the file's identity.

    Raises EnvironmentFault.
    """
    try:
        if not path.exists():
            raise EnvironmentFault(FaultCode.MODEL_MISSING, path=str(path))
        if not path.is_file():  # a pipe would keep its reader waiting for ever
            raise EnvironmentFault(FaultCode.MODEL_NOT_GGUF, path=str(path))
        with path.open("rb", buffering=0) as file:
            check_file(file, str(path))
        return _identity(path)
    except OSError as error:
        raise EnvironmentFault(
            FaultCode.FILE_UNREADABLE, path=str(path), reason=error.strerror or ""
        ) from error


def _identity(path: Path) -> tuple[int, int, int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _cause(heard: list[str]) -> str:
    """The line in which llama.cpp says why a model does not load."""
    for line in heard:
        _, found, cause = line.partition("error loading model: ")
        if found:
            return cause[:200]
    return heard[-1][:200] if heard else "unknown"
