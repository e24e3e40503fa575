"""The real model's probabilities, against what its own choices say of them."""

import pytest

from desktop_llm.core.engine import TextDelta
from desktop_llm.core.generation import GenerationRequest, Sampling
from desktop_llm.core.messages import Message, Role

ASKED = (Message(Role.USER, "Write two sentences about the sea."),)


def scored(engine, **changes):
    request = GenerationRequest(messages=ASKED, max_tokens=60, scores=True, **changes)
    task = engine.generate(request)
    deltas = [event for event in task.wait_events() if isinstance(event, TextDelta)]
    task.result()
    text = "".join(delta.text for delta in deltas)
    return text, [score for delta in deltas for score in delta.scores]


def test_the_likeliest_token_is_never_less_likely_than_the_others(engine):
    text, scores = scored(engine, sampling=Sampling(temperature=0))
    assert sum(score.length for score in scores) == len(text)
    for score in scores:
        assert 0 < score.probability <= 1
        assert all(p <= score.probability + 1e-6 for _word, p in score.others)
        assert score.probability + sum(p for _word, p in score.others) <= 1 + 1e-6
    assert any(score.others for score in scores)


def test_probabilities_are_the_models_before_temperature_and_penalties(engine):
    plain = scored(engine, sampling=Sampling(temperature=0))
    shaped = scored(engine, sampling=Sampling(temperature=0, logit_bias=((0, -5.0),)))
    assert shaped[0] == plain[0]
    for one, other in zip(plain[1], shaped[1], strict=True):
        assert other.probability == pytest.approx(one.probability, rel=0.02)
    hot = scored(engine, sampling=Sampling(temperature=1.5, seed=3))
    for score in hot[1]:
        named = [p for _word, p in score.others]
        assert score.probability + sum(named) <= 1 + 1e-6


def test_a_stop_string_cuts_the_text_and_not_the_scores(engine):
    text, scores = scored(engine, sampling=Sampling(temperature=0), stop=("sea",))
    assert "sea" not in text
    assert sum(score.length for score in scores) >= len(text)
