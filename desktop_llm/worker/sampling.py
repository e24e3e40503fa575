"""From logits to the next token: the sampler chain of one generation, and its grammar."""

import ctypes
import re
from dataclasses import replace
from typing import Any

import llama_cpp.llama_cpp as llama
import numpy as np

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.generation import Sampling
from desktop_llm.core.ranges import check_range
from desktop_llm.worker.guard import CallGuard
from desktop_llm.worker.hardening import without_native_output

_DRY_BREAKERS = (b"\n", b":", b'"', b"*")
_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


class Sampler:
    """One generation's. Owns native memory: `close` frees it.

    The grammar is asked about the one token that the chain chose, and about the whole vocabulary
    only where it refuses that one: this is exact (what was refused is drawn again among what the
    grammar allows) and costs a fraction.
    """

    def __init__(
        self, vocab: Any, context_length: int, sampling: Sampling, seed: int, guard: CallGuard
    ) -> None:
        """Raises EnvironmentFault for a grammar that does not parse, or a token out of range."""
        self._vocabulary: int = llama.llama_vocab_n_tokens(vocab)
        for token, _ in sampling.logit_bias:
            check_range("logit_bias", token, 0, self._vocabulary - 1, whole=True)
        self._guard = guard
        self._grammar: Any = None
        if sampling.json_schema is not None:
            sampling = replace(sampling, grammar=grammar_of(sampling.json_schema), json_schema=None)
        if sampling.grammar is not None:
            with (
                guard.call(),
                without_native_output(),
            ):  # a grammar that is not understood is printed
                self._grammar = _grammar(vocab, sampling)
            if not self._grammar:
                raise EnvironmentFault(FaultCode.GRAMMAR_INVALID)
            self._ids = np.arange(self._vocabulary, dtype=np.int32)
            self._candidates = np.empty(self._vocabulary, _CANDIDATE)
        self._chain = _chain(vocab, self._vocabulary, context_length, sampling, seed)

    def close(self) -> None:
        llama.llama_sampler_free(self._chain)
        if self._grammar:
            llama.llama_sampler_free(self._grammar)

    def sample(self, context: Any) -> int:
        """The next token, accepted. Raises EnvironmentFault where the grammar allows none."""
        if not self._grammar:
            return int(llama.llama_sampler_sample(self._chain, context, -1))
        token = self._choose(context, strict=False)
        if not self._allowed(token):
            token = self._choose(context, strict=True)
        with self._guard.call():
            llama.llama_sampler_accept(self._grammar, token)
        llama.llama_sampler_accept(self._chain, token)
        return token

    def _choose(self, context: Any, strict: bool) -> int:
        logits = llama.llama_get_logits_ith(context, -1)
        candidates = self._candidates
        candidates["id"] = self._ids
        candidates["logit"] = np.ctypeslib.as_array(logits, shape=(self._vocabulary,))
        array = _array(candidates)
        if strict:
            with self._guard.call():
                llama.llama_sampler_apply(self._grammar, ctypes.byref(array))
            if np.isneginf(candidates["logit"]).all():
                raise EnvironmentFault(FaultCode.GRAMMAR_INVALID)
        llama.llama_sampler_apply(self._chain, ctypes.byref(array))
        return int(array.data[array.selected].id)

    def _allowed(self, token: int) -> bool:
        candidate = np.array([(token, 1.0, 0.0)], _CANDIDATE)
        array = _array(candidate)
        with self._guard.call():
            llama.llama_sampler_apply(self._grammar, ctypes.byref(array))
        return not np.isneginf(candidate["logit"][0])


def grammar_of(schema: str) -> str:
    """Of a JSON schema that was checked. Raises EnvironmentFault for what has no grammar."""
    from llama_cpp.llama_grammar import json_schema_to_gbnf

    try:
        grammar: str = json_schema_to_gbnf(schema)
    except (AssertionError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise EnvironmentFault(FaultCode.SCHEMA_INVALID, place=str(error)[:100]) from error
    # The converter lets line breaks stand in a string, and JSON does not.
    return grammar.replace(r'[^"\\]', r'[^"\\\x00-\x1f]')


def _array(candidates: Any) -> Any:
    """llama.cpp's view of `candidates`, which must outlive it."""
    data = candidates.ctypes.data_as(ctypes.POINTER(llama.llama_token_data))
    return llama.llama_token_data_array(data, len(candidates), -1, False)


def _chain(vocab: Any, vocabulary: int, context_length: int, sampling: Sampling, seed: int) -> Any:
    """The chain without the grammar. Neutral samplers are left out."""
    chain = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())

    def add(sampler: Any) -> None:
        llama.llama_sampler_chain_add(chain, sampler)

    if sampling.logit_bias:
        biases = (llama.llama_logit_bias * len(sampling.logit_bias))()
        for entry, (token, bias) in zip(biases, sampling.logit_bias, strict=True):
            entry.token, entry.bias = token, bias
        add(llama.llama_sampler_init_logit_bias(vocabulary, len(biases), biases))
    last_n = context_length if sampling.repeat_last_n < 0 else sampling.repeat_last_n
    penalties = (sampling.repeat_penalty, sampling.frequency_penalty, sampling.presence_penalty)
    if last_n and penalties != (1.0, 0.0, 0.0):
        add(llama.llama_sampler_init_penalties(vocabulary, last_n, *penalties))
    if sampling.dry_multiplier > 0:
        breakers = (ctypes.c_char_p * len(_DRY_BREAKERS))(*_DRY_BREAKERS)
        dry_last_n = (
            context_length if sampling.dry_penalty_last_n < 0 else sampling.dry_penalty_last_n
        )
        add(
            llama.llama_sampler_init_dry(
                vocab,
                sampling.dry_multiplier,
                sampling.dry_base,
                sampling.dry_allowed_length,
                dry_last_n,
                breakers,
                len(_DRY_BREAKERS),
            )
        )
    if sampling.temperature == 0:
        add(llama.llama_sampler_init_greedy())
        return chain
    if sampling.top_k > 0:
        add(llama.llama_sampler_init_top_k(sampling.top_k))
    if sampling.typical_p < 1:
        add(llama.llama_sampler_init_typical(sampling.typical_p, 1))
    if sampling.top_p < 1:
        add(llama.llama_sampler_init_top_p(sampling.top_p, 1))
    if sampling.min_p > 0:
        add(llama.llama_sampler_init_min_p(sampling.min_p, 1))
    if sampling.xtc_probability > 0:
        xtc = (sampling.xtc_probability, sampling.xtc_threshold)
        add(llama.llama_sampler_init_xtc(*xtc, 1, seed))
    add(llama.llama_sampler_init_temp(sampling.temperature))
    add(llama.llama_sampler_init_dist(seed))
    return chain


def _grammar(vocab: Any, sampling: Sampling) -> Any:
    """A llama_sampler, or None where the text does not parse.

    A trigger is a text, not a pattern: std::regex throws through C for a malformed one, and takes
    quadratic time for others.
    """
    assert sampling.grammar is not None
    source = sampling.grammar.encode("utf-8", "replace")
    if not sampling.grammar_triggers:
        return llama.llama_sampler_init_grammar(vocab, source, b"root")
    patterns = [_literal(trigger) for trigger in sampling.grammar_triggers]
    array = (ctypes.c_char_p * len(patterns))(*patterns)
    tokens = (llama.llama_token * 1)()
    return llama.llama_sampler_init_grammar_lazy_patterns(
        vocab, source, b"root", array, len(patterns), tokens, 0
    )


def _literal(text: str) -> bytes:
    """An ECMAScript pattern that matches `text`. Python's `re.escape` escapes more than that."""
    return re.sub(r"([\\^$.|?*+()\[\]{}/])", r"\\\1", text).encode("utf-8", "replace")
