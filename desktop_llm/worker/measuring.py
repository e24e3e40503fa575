"""How fast a loaded model reads and writes, and its perplexity on a text; and other formats of it.

Perplexity as in Jelinek et al., 1977: the exponential of the mean negative log-likelihood of each
token, given those before it in a window. The first quarter of a window is context alone.
"""

import ctypes
import math
import os
import time
from collections.abc import Callable
from pathlib import Path

import llama_cpp.llama_cpp as llama
import numpy as np

from desktop_llm.core.engine import Measured
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.worker.llama import DECODE_OK, LlamaModel, check_model_file, native_log

READ, WRITTEN, ROUNDS = 512, 32, 3  # tokens of one round
WINDOW, STEP = 512, 64  # tokens of a window, and of those whose logits are kept at once
_FTYPES = {"Q4_0": 2, "Q8_0": 7, "Q4_K_M": 15, "Q5_K_M": 17, "Q6_K": 18}  # llama_ftype


def measure(
    model: LlamaModel, text: str, threads: int, progress: Callable[[float], object]
) -> Measured:
    """Best of some rounds: what other programs take is no property of the model. Raises
    EnvironmentFault where it is cancelled.
    """
    model.set_threads(threads)
    tokens = model.tokenize(text, special=False)
    size = min(READ, model.context_length - WRITTEN - 1, model.batch_size, len(tokens))
    if size < STEP:
        raise EnvironmentFault(FaultCode.INPUT_EMPTY)
    reads, writes = [], []
    for at in range(ROUNDS + 1):  # the first warms up
        reads.append(size / _seconds(model, lambda: _read(model, tokens[:size])))
        writes.append(WRITTEN / _seconds(model, lambda: _write(model, tokens[-WRITTEN:])))
        progress(0.5 * (at + 1) / (ROUNDS + 1))
    perplexity, counted = _perplexity(model, tokens, lambda part: progress(0.5 + 0.5 * part))
    model.cut(0)
    return Measured(max(reads[1:]), max(writes[1:]), perplexity, counted, threads)


def quantize(source: Path, target: Path, form: str, threads: int) -> int:
    """Write the model in another format; returns the bytes of the new file. Raises
    EnvironmentFault.
    """
    check_model_file(source)
    parameters = llama.llama_model_quantize_default_params()
    parameters.ftype = _FTYPES[form]
    parameters.allow_requantize = True
    parameters.nthread = threads
    with native_log.listen() as heard:
        result = llama.llama_model_quantize(
            os.fsencode(source), os.fsencode(target), ctypes.byref(parameters)
        )
    if result != 0 or not target.is_file():
        target.unlink(missing_ok=True)
        detail = heard[-1].strip()[:200] if heard else ""
        raise EnvironmentFault(FaultCode.QUANTIZE_FAILED, path=str(source), detail=detail)
    return target.stat().st_size


def _seconds(model: LlamaModel, work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    llama.llama_synchronize(model.context)
    return max(1e-9, time.perf_counter() - begun)


def _read(model: LlamaModel, tokens: list[int]) -> None:
    model.cut(0)
    _must(model.decode(tokens), model)


def _write(model: LlamaModel, tokens: list[int]) -> None:
    """One token at a time, as a reply is made; which ones makes no difference."""
    for token in tokens:
        _must(model.decode_one(token), model)
        llama.llama_synchronize(model.context)


def _perplexity(
    model: LlamaModel, tokens: list[int], progress: Callable[[float], object]
) -> tuple[float, int]:
    window = min(WINDOW, model.context_length)
    total, counted = 0.0, 0
    batch = llama.llama_batch_init(STEP, 0, 1)
    try:
        for begin in range(0, len(tokens) - 1, window):
            part = tokens[begin : begin + window]
            model.cut(0)
            for at in range(0, len(part), STEP):
                few = part[at : at + STEP]
                scores = _scores(model, batch, few, at)
                for row, target in enumerate(part[at + 1 : at + 1 + len(few)]):
                    if at + row >= window // 4:
                        total += _surprise(scores[row], target)
                        counted += 1
            progress(min(1.0, (begin + window) / len(tokens)))
    finally:
        llama.llama_batch_free(batch)
    if not counted:
        raise EnvironmentFault(FaultCode.INPUT_EMPTY)
    return math.exp(total / counted), counted


def _scores(
    model: LlamaModel, batch: "llama.llama_batch", tokens: list[int], at: int
) -> np.ndarray:
    """Logits after each of the tokens: a row of float32 each."""
    batch.n_tokens = len(tokens)
    for row, token in enumerate(tokens):
        batch.token[row], batch.pos[row] = token, at + row
        batch.n_seq_id[row], batch.seq_id[row][0], batch.logits[row] = 1, 0, 1
    _must(int(llama.llama_decode(model.context, batch)), model)
    logits = llama.llama_get_logits(model.context)
    return np.ctypeslib.as_array(logits, shape=(len(tokens), model.vocabulary))


def _surprise(row: np.ndarray, target: int) -> float:
    """Negative log-likelihood, in nats."""
    wide = row.astype(np.float64)
    highest = float(wide.max())
    return highest + math.log(float(np.exp(wide - highest).sum())) - float(wide[target])


def _must(result: int, model: LlamaModel) -> None:
    if result != DECODE_OK:
        raise EnvironmentFault(FaultCode.MEASURING_STOPPED, path=str(model.path), result=result)
