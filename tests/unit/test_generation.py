"""What one generation may ask for: every number is checked before it reaches C."""

import math
from dataclasses import fields

import pytest

from desktop_llm.core.engine import LoadModel
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.generation import GenerationRequest, Sampling
from desktop_llm.core.grammar import MAX_GRAMMAR, MAX_NESTING, check_grammar
from desktop_llm.core.models import LoadOptions

NUMBERS = [
    field.name
    for field in fields(Sampling)
    if field.name not in ("grammar", "grammar_triggers", "json_schema", "logit_bias")
]
NO_NUMBERS = [
    math.nan,
    math.inf,
    -math.inf,
    True,
    False,
    "1",
    10**30,
    -(10**30),
    10**5000,
    1e300,
    [1],
    1j,
]


def refused(make, **values) -> EnvironmentFault:
    with pytest.raises(EnvironmentFault) as caught:
        make(**values)
    assert caught.value.code is FaultCode.INVALID_PARAMETER
    return caught.value


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("name", NUMBERS)
def test_no_field_takes_what_is_no_number_in_its_range(name, value):
    fault = refused(Sampling, **{name: value})
    assert fault.data["name"] == name
    assert len(str(fault.data["value"])) <= 40


@pytest.mark.parametrize("name", ["top_k", "repeat_last_n", "dry_allowed_length", "seed"])
def test_counts_are_whole(name):
    refused(Sampling, **{name: 1.0})


@pytest.mark.parametrize(
    "bias", [(-1, 0.0), (2**31, 0.0), (1.0, 0.0), (True, 0.0), (1, math.nan), (1, math.inf)]
)
def test_a_bias_names_a_token_and_a_finite_number(bias):
    refused(Sampling, logit_bias=(bias,))


def test_a_request_limits_its_tokens_and_stop_strings():
    for most in (0, -1, True, 1.5, 10**9, math.nan):
        refused(GenerationRequest, messages=(), max_tokens=most)
    for stop in (("",), ("x" * 257,), ("x",) * 17):
        refused(GenerationRequest, messages=(), stop=stop)


@pytest.mark.parametrize("name", ["context_length", "batch_size", "threads", "gpu_layers"])
@pytest.mark.parametrize("value", [-1, True, 1.5, math.nan, 10**12, "8"])
def test_a_model_is_loaded_with_numbers_in_range(name, value):
    refused(LoadOptions, **{name: value})


@pytest.mark.parametrize("seconds", [-1, True, 0.5, math.nan, 10**12])
def test_a_model_rests_after_a_whole_number_of_seconds(seconds):
    refused(LoadModel, path="/a", idle_unload_seconds=seconds)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("root ::= " + "(" * 20_000 + '"a"' + ")" * 20_000, FaultCode.GRAMMAR_TOO_COMPLEX),
        ("root ::= " + "(" * (MAX_NESTING + 1), FaultCode.GRAMMAR_TOO_COMPLEX),
        ('root ::= "a"{1000000}', FaultCode.GRAMMAR_TOO_COMPLEX),
        ('root ::= "a"{0,2001}', FaultCode.GRAMMAR_TOO_COMPLEX),
        ('root ::= "a"{99999999999999999999}', FaultCode.GRAMMAR_INVALID),
        ('root ::= "a"{5,2}', FaultCode.GRAMMAR_INVALID),
        ('root ::= "a"{-1}', FaultCode.GRAMMAR_INVALID),
        ('root ::= "a"{', FaultCode.GRAMMAR_INVALID),
        ("x" * (MAX_GRAMMAR + 1), FaultCode.GRAMMAR_TOO_COMPLEX),
        ('root ::= "\x00"', FaultCode.GRAMMAR_INVALID),
        ("", FaultCode.GRAMMAR_INVALID),
        (" \n", FaultCode.GRAMMAR_INVALID),
    ],
)
def test_a_grammar_that_llama_cpp_would_choke_on_is_refused(text, code):
    with pytest.raises(EnvironmentFault) as caught:
        check_grammar(text)
    assert caught.value.code is code


@pytest.mark.parametrize(
    "text",
    [
        'root ::= "a"{2,} "b"{3} [0-9]{0,4}',
        "root ::= " + "(" * MAX_NESTING + '"a"' + ")" * MAX_NESTING,
        'root ::= "' + "(" * 200 + '" # ' + "(" * 200,
        "root ::= [({\\]" + "(" * 200 + "]",
        'root ::= "{5,2}" "\\"{5,2}" [{5,2}]',
        'root ::= "天空" | "🙂"',
    ],
)
def test_a_grammar_is_not_refused_for_what_its_literals_hold(text):
    check_grammar(text)


def test_triggers_are_few_and_short():
    check_grammar("root ::= .", ("<tool>",))
    for triggers in (("",), ("x" * 257,), ("x",) * 17):
        with pytest.raises(EnvironmentFault):
            Sampling(grammar="root ::= .", grammar_triggers=triggers)
