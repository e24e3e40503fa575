"""The sampler chain of one generation."""

import ctypes
from typing import Any

import llama_cpp.llama_cpp as llama

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.generation import Sampling
from desktop_llm.worker.hardening import without_native_output

_DRY_BREAKERS = (b"\n", b":", b'"', b"*")


def build_chain(vocab: Any, context_length: int, sampling: Sampling, seed: int) -> Any:
    """A llama_sampler that the caller frees. Neutral samplers are left out.

    Raises EnvironmentFault for a grammar that does not parse.
    """
    chain = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
    vocabulary = llama.llama_vocab_n_tokens(vocab)

    def add(sampler: Any) -> None:
        llama.llama_sampler_chain_add(chain, sampler)

    if sampling.grammar is not None:
        with without_native_output():  # the parser prints a grammar it does not understand
            grammar = _grammar(vocab, sampling)
        if not grammar:
            llama.llama_sampler_free(chain)
            raise EnvironmentFault(
                FaultCode.INVALID_PARAMETER, name="grammar", value="?", low=0, high=0
            )
        add(grammar)
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
    assert sampling.grammar is not None
    source = sampling.grammar.encode()
    if not sampling.grammar_triggers:
        return llama.llama_sampler_init_grammar(vocab, source, b"root")
    patterns = [trigger.encode() for trigger in sampling.grammar_triggers]
    array = (ctypes.c_char_p * len(patterns))(*patterns)
    tokens = (llama.llama_token * 1)()
    return llama.llama_sampler_init_grammar_lazy_patterns(
        vocab, source, b"root", array, len(patterns), tokens, 0
    )
