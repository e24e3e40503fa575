import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_llm.core.calibration_measures import bootstrap, expected_calibration_error, wilson
from desktop_llm.core.engine import LabelsScored, ScoreLabels, ScoringFinished
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.label_requests import (
    MOST_LABELS,
    MOST_TEXTS,
    LabelPrompt,
    LabelRequest,
    LabelScores,
)
from desktop_llm.core.labels import (
    Calibration,
    Judgement,
    Unsure,
    UnsureRule,
    batch_preference,
    best_temperature,
    content_free_preference,
    judge,
    probabilities,
)
from desktop_llm.protocol.codec import decode, encode

PROMPT = LabelPrompt(head="天 ", labels=("a", "b"))
SCORES = st.lists(st.floats(-50, 0), min_size=2, max_size=8)


def scores(*log_probs: float) -> LabelScores:
    return LabelScores(log_probs)


@pytest.mark.parametrize(
    "labels",
    [(), ("one",), ("a", ""), ("a", "  "), ("a", "b" * 201), tuple(map(str, range(201)))],
)
def test_labels_that_cannot_be_scored_are_refused(labels):
    with pytest.raises(EnvironmentFault) as caught:
        LabelPrompt(labels=labels)
    assert caught.value.code is FaultCode.INVALID_PARAMETER


def test_the_same_label_twice_is_refused_by_name():
    with pytest.raises(EnvironmentFault) as caught:
        LabelPrompt(labels=(" good", "bad", "good"))
    assert caught.value.code is FaultCode.LABEL_TWICE
    assert caught.value.data == {"label": "good"}


def test_the_most_labels_and_texts_are_allowed_and_no_more():
    prompt = LabelPrompt(labels=tuple(map(str, range(MOST_LABELS))))
    LabelRequest(prompt=prompt, texts=("",) * MOST_TEXTS)
    for texts in ((), ("",) * (MOST_TEXTS + 1)):
        with pytest.raises(EnvironmentFault):
            LabelRequest(prompt=prompt, texts=texts)


@pytest.mark.parametrize(
    "value",
    [
        ScoreLabels(
            LabelRequest(prompt=LabelPrompt(head="天", labels=("a", "b")), texts=("", "x"))
        ),
        LabelsScored(3, (LabelScores((-0.5, -math.inf), True),), 9),
        ScoringFinished(1, True, 20, 300, (1, 2), 0.5),
    ],
)
def test_requests_and_scores_cross_the_pipe(value):
    assert decode(encode(4, value)) == (4, value)


@given(SCORES, st.floats(0.05, 20))
def test_probabilities_sum_to_one_and_keep_the_order(values, temperature):
    found = probabilities(values, Calibration(temperature=temperature))
    assert math.isclose(sum(found), 1)
    assert max(found) == found[values.index(max(values))]


@given(SCORES)
def test_what_a_model_answers_to_nothing_is_calibrated_to_even(values):
    preference = content_free_preference([LabelScores(tuple(values))])
    found = probabilities(values, Calibration(preference=preference))
    assert found == pytest.approx([1 / len(values)] * len(values))


def test_content_free_inputs_are_averaged_as_probabilities():
    one, other = scores(math.log(0.8), math.log(0.2)), scores(math.log(0.2), math.log(0.2))
    assert content_free_preference([one, other]) == pytest.approx((math.log(0.65), math.log(0.35)))


def test_batch_calibration_takes_the_mean_of_the_batch():
    assert batch_preference([scores(-1, -4), scores(-3, -2)]) == (-2, -3)
    for function in (batch_preference, content_free_preference):
        with pytest.raises(ValueError, match="no scores"):
            function([])


def test_a_calibration_of_other_labels_is_refused():
    with pytest.raises(ValueError, match="2 scores"):
        probabilities((-1, -2), Calibration(preference=(0, 0, 0)))
    for broken in (0.0, math.nan, 1000.0):
        with pytest.raises(EnvironmentFault):
            Calibration(temperature=broken)


def test_the_temperature_makes_a_boaster_as_sure_as_it_is_right():
    # Right three times of four, and sure with odds of e^8 to 1.
    answers, gold = [scores(0, -8)] * 40, ([0] * 3 + [1]) * 10
    temperature = best_temperature(answers, gold)
    sure = probabilities(answers[0].log_probs, Calibration(temperature=temperature))[0]
    assert sure == pytest.approx(0.75, abs=0.001)


def test_unsure_stands_beside_the_label():
    assert judge(scores(-1, -5)) == Judgement(0, probabilities((-1, -5)), Unsure.NO)
    assert judge(scores(-1, -1.1)).unsure is Unsure.CLOSE
    assert judge(scores(-1.1, -1)).label == 1
    weak = UnsureRule(least_probability=0.9, least_margin=0)
    assert judge(scores(-1, -2), rule=weak).unsure is Unsure.WEAK
    assert judge(scores(-1, -5), evidence=(0, 1, 0)).unsure is Unsure.SPLIT
    assert judge(scores(-1, -5), evidence=(0, 0)).unsure is Unsure.NO
    assert judge(LabelScores((-1, -5), cut=True)).unsure is Unsure.CUT


def test_wilsons_interval_is_the_published_one():
    found = wilson(81, 263)  # Newcombe, 1998, table I
    assert (found.low, found.high) == pytest.approx((0.2553, 0.3662), abs=0.0001)
    assert wilson(0, 20).low == 0
    assert wilson(0, 20).high == pytest.approx(0.1611, abs=0.0001)
    assert wilson(20, 20).high == 1
    with pytest.raises(ValueError, match="0 of 0"):
        wilson(0, 0)


def test_the_bootstrap_agrees_with_wilson_on_many_and_repeats_itself():
    values = [1.0] * 140 + [0.0] * 60
    found, exact = bootstrap(values), wilson(140, 200)
    assert found == bootstrap(values)
    assert (found.value, found.low, found.high) == pytest.approx(
        (exact.value, exact.low, exact.high), abs=0.02
    )


def test_calibration_error_of_the_honest_and_of_the_boaster():
    honest = [0.5, 0.5] * 15 + [1.0] * 30
    right = [True, False] * 15 + [True] * 30
    assert expected_calibration_error(honest, right) == 0
    assert expected_calibration_error([0.9] * 30, [True] * 15 + [False] * 15) >= 0.4
    assert expected_calibration_error([0.7], [True]) == pytest.approx(0.3)
    with pytest.raises(ValueError, match="no judgements"):
        expected_calibration_error([], [])


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_calibration_error_lies_between_nothing_and_one(pairs):
    sureness, right = [each[0] for each in pairs], [each[1] for each in pairs]
    assert 0 <= expected_calibration_error(sureness, right) <= 1
