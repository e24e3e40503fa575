"""Every sampler acts, and every neutral value does nothing: seen in what the real model says."""

import pytest

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.generation import FinishReason, GenerationRequest, Sampling
from desktop_llm.core.messages import Message, Role
from tests.integration.helpers import ask, fault_of, reply, said

QUESTION = (Message(Role.SYSTEM, "Poet."), Message(Role.USER, "Count: one one one one"))
GREEDY = "One one one one one."
NEUTRAL = {"top_k": 0, "top_p": 1.0, "min_p": 0.0}  # every token may come


def request(tokens: int = 8, **sampling) -> GenerationRequest:
    return GenerationRequest(messages=QUESTION, max_tokens=tokens, sampling=Sampling(**sampling))


def say(engine, tokens: int = 8, **sampling) -> str:
    """It depends on its settings alone: the prompt has been read once, and all of it but its last
    token is kept from then on.
    """
    return said(engine, request(tokens, **sampling))


@pytest.fixture(scope="module", autouse=True)
def warm(engine) -> None:
    say(engine, tokens=1)
    assert say(engine, temperature=0) == GREEDY


@pytest.mark.parametrize(
    "sampling",
    [
        {"temperature": 1.5, "top_k": 1},
        {"temperature": 1.5, "top_k": 0, "top_p": 0.0, "min_p": 0.0},
        {"temperature": 1.5, "top_k": 0, "top_p": 1.0, "min_p": 1.0},
        {"temperature": 0.001, **NEUTRAL},
        {"temperature": 0, **NEUTRAL, "seed": 5},
    ],
    ids=["top_k=1", "top_p=0", "min_p=1", "temperature near 0", "temperature 0"],
)
def test_what_leaves_one_token_is_greedy(ready, sampling):
    assert say(ready, **{"seed": 3, **sampling}) == GREEDY


@pytest.mark.parametrize(
    "sampling",
    [
        {"repeat_penalty": 1.0, "repeat_last_n": -1},
        {"repeat_penalty": 5.0, "repeat_last_n": 0},
        {"frequency_penalty": 0.0, "presence_penalty": 0.0},
        {"dry_multiplier": 0.0, "dry_allowed_length": 0},
        {"dry_multiplier": 5.0, "dry_allowed_length": 10_000},
        {"dry_multiplier": 5.0, "dry_penalty_last_n": 0},
        {"logit_bias": ()},
        {"logit_bias": ((5, 0.0), (49151, 0.0))},
        {"grammar": "root ::= .*"},
    ],
    ids=str,
)
def test_a_neutral_value_does_nothing(ready, sampling):
    assert say(ready, temperature=0, **sampling) == GREEDY


@pytest.mark.parametrize(
    "sampling",
    [
        {"repeat_penalty": 1.8},
        {"repeat_penalty": 1.8, "repeat_last_n": -1},
        {"frequency_penalty": 3.0},
        {"presence_penalty": 8.0},
        {"dry_multiplier": 5.0, "dry_allowed_length": 1, "dry_base": 4.0},
    ],
    ids=str,
)
def test_what_weighs_on_repetition_changes_a_repeating_reply(ready, sampling):
    assert say(ready, temperature=0, **sampling).count("one") < 4


DRAWN = {"temperature": 1.2, "seed": 1, **NEUTRAL}


@pytest.fixture(scope="module")
def drawn(engine) -> str:
    text = say(engine, **DRAWN)
    assert say(engine, **DRAWN) == text, "the same settings and seed give the same text"
    return text


@pytest.mark.parametrize(
    "changed",
    [
        {"seed": 2},
        {"temperature": 0.2},
        {"typical_p": 0.1},
        {"top_k": 2},
        {"top_p": 0.3},
        {"min_p": 0.5},
        {"xtc_probability": 1.0, "xtc_threshold": 0.02},
    ],
    ids=str,
)
def test_each_of_them_changes_what_is_drawn(ready, drawn, changed):
    assert say(ready, **{**DRAWN, **changed}) != drawn


def test_xtc_takes_the_likeliest_away(ready):
    cold = {"temperature": 0.001, "seed": 1, **NEUTRAL}
    assert say(ready, **cold, xtc_probability=0.0, xtc_threshold=0.02) == GREEDY
    assert say(ready, **cold, xtc_probability=1.0, xtc_threshold=0.6) == GREEDY, "over a half: off"
    assert say(ready, **cold, xtc_probability=1.0, xtc_threshold=0.02) != GREEDY


def test_the_hottest_temperature_still_speaks(ready):
    assert say(ready, temperature=5.0, seed=1, **NEUTRAL) != say(ready, temperature=0)


def test_no_seed_is_another_each_time_and_is_told(ready):
    wanted = request(temperature=1.5, **NEUTRAL)
    (first, one), (second, two) = reply(ready, wanted), reply(ready, wanted)
    assert one.stats.seed != two.stats.seed
    assert first != second
    assert say(ready, temperature=1.5, **NEUTRAL, seed=one.stats.seed) == first


def test_a_bias_forces_and_forbids_a_token(ready):
    for sampling in ({"temperature": 0}, {"temperature": 1.0, "seed": 1, **NEUTRAL}):
        wanted = request(5, **sampling, logit_bias=((2000, 1000.0),))
        text, finished = reply(ready, wanted)
        assert finished.stats.completion_tokens == 5
        assert text == text[: len(text) // 5] * 5
    never = tuple((token, -1000.0) for token in (0, 2))
    _, finished = reply(ready, request(12, temperature=0, logit_bias=never))
    assert finished.reason is FinishReason.LENGTH, "it may not end"
    text, finished = reply(ready, request(temperature=0, logit_bias=((2, 1000.0),)))
    assert (text, finished.reason) == ("", FinishReason.STOP), "it ends at once"
    assert finished.stats.completion_tokens == 0


@pytest.mark.parametrize("token", [49_152, 2**31 - 1])
def test_a_bias_outside_the_vocabulary_is_refused_by_the_worker(ready, token):
    biased = Sampling(logit_bias=((1, 1.0), (token, 1.0)))
    fault = fault_of(ready.generate(ask("hi", sampling=biased)))
    assert (fault.code, fault.data["high"]) == (FaultCode.INVALID_PARAMETER, 49_151)


# --- grammars -------------------------------------------------------------------------------------


def follow(engine, grammar: str, tokens: int = 24, **sampling) -> tuple[str, FinishReason]:
    wanted = request(tokens, grammar=grammar, **{"temperature": 0, **sampling})
    text, finished = reply(engine, wanted)
    return text, finished.reason


@pytest.mark.parametrize("sampling", [{}, {"temperature": 3.0, "seed": 1, **NEUTRAL}])
def test_a_grammar_is_followed_to_its_end(ready, sampling):
    assert follow(ready, 'root ::= "yes" | "no"', **sampling)[0] in ("yes", "no")
    assert follow(ready, 'root ::= "🙂" "天空"', **sampling) == ("🙂天空", FinishReason.STOP)
    text, _ = follow(ready, "root ::= [0-9]{3} [a-c]+", tokens=12, **sampling)
    assert text[:3].isdigit()
    assert set(text[3:]) <= set("abc")


def test_a_grammar_goes_before_the_other_samplers(ready):
    """A bias towards a token that the grammar forbids, and a single candidate it forbids too."""
    for sampling in ({"logit_bias": ((2000, 1000.0),)}, {"temperature": 1.0, "top_k": 1}):
        assert follow(ready, 'root ::= "zebra"', **sampling) == ("zebra", FinishReason.STOP)


def test_a_grammar_can_wait_for_a_text(ready):
    word = GREEDY.split()[2]
    grammar = f'root ::= "{word}" " 123"'
    text, _ = follow(ready, grammar, grammar_triggers=("never said", word))
    assert text == GREEDY[: GREEDY.index(word)] + word + " 123"
    assert follow(ready, grammar, grammar_triggers=("(never", "[z-a]"))[0] == GREEDY


@pytest.mark.parametrize(
    "grammar",
    [
        "root ::= (",
        "root ::= root",
        "root ::= missing",
        'other ::= "a"',
        'root ::= "abc',
        "root ::= [^\\x00-\\U0010FFFF]",
        'root ::= "a" [^\\x00-\\U0010FFFF]',
        "root ::= <[99999999]>",
        'root ::= "\\UFFFFFFFF"',
        'root ::= "\\x00"',
    ],
)
def test_a_grammar_that_nothing_follows_is_a_fault_and_no_death(ready, grammar):
    pid = ready.worker_pid
    wanted = request(temperature=0, grammar=grammar)
    assert fault_of(ready.generate(wanted)).code is FaultCode.GRAMMAR_INVALID
    assert ready.worker_pid == pid


def test_a_bomb_in_a_few_lines_is_stopped_and_the_next_request_goes_on(ready):
    """Thirty rules, each twice the one after: a billion ways to begin."""
    rules = "".join(f"x{at} ::= x{at + 1} | x{at + 1}\n" for at in range(34))
    bomb = Sampling(grammar=f'root ::= x0\n{rules}x34 ::= "a"')
    task = ready.generate(ask("hi", sampling=bomb, max_tokens=4))
    waiting = ready.generate(ask("Name a colour.", max_tokens=4))
    assert fault_of(task, 30).code is FaultCode.GRAMMAR_TOO_COMPLEX
    assert waiting.result(30).stats.completion_tokens > 0, "it goes to the next worker"


def test_a_grammar_may_be_large(ready):
    words = " | ".join(f'"w{at}"' for at in range(4000))
    text, _ = follow(ready, f"root ::= {words}")
    assert text.startswith("w")
    with pytest.raises(EnvironmentFault) as caught:
        Sampling(grammar=words * 20)
    assert caught.value.code is FaultCode.GRAMMAR_TOO_COMPLEX
