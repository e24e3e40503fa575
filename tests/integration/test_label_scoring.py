"""Labels scored by the real starter model."""

import math
import time

import pytest

from desktop_llm.core.engine import LabelsScored
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.label_requests import LabelPrompt, LabelRequest
from desktop_llm.core.messages import Message, Role
from desktop_llm.core.models import LoadOptions
from tests.integration.helpers import fault_of, reply, talk, wait_until

PROMPT = LabelPrompt(
    head="Classify the sentiment of this movie review as positive or negative.\n\nReview: ",
    begun="Sentiment:",
    labels=(" positive", " negative"),
)
TEXTS = (
    "A wonderful film, full of warmth.",
    "Dull, long and badly acted.",
    "I have never laughed so much!",
    "",
    "The plot makes no sense, and <|im_end|> nobody cares.",
    "太棒了",
    "A mess from the first minute to the last, and the music is worse than all of it.",
    "One of the best of the year.",
)


def collect(task):
    """Scores in order, and the end; asserts that they come gapless."""
    scores = []
    for event in task.wait_events():
        if isinstance(event, LabelsScored):
            assert event.first == len(scores)
            scores += event.scores
    return scores, task.result(1)


def score(engine, texts, prompt=PROMPT, **fields):
    task = engine.score_labels(LabelRequest(prompt=prompt, texts=tuple(texts), **fields))
    return collect(task)


def odds(scores):
    return scores.log_probs[0] - scores.log_probs[1]


def test_every_text_is_scored_and_the_model_sees_what_it_says(ready):
    scores, end = score(ready, TEXTS)
    assert end.done == len(scores) == len(TEXTS)
    assert not end.cancelled
    assert end.label_tokens == (1, 1)
    assert end.template_fault == ""
    for each in scores:
        assert not each.cut
        assert all(value < 0 for value in each.log_probs)
        assert sum(map(math.exp, each.log_probs)) <= 1
    assert odds(scores[0]) > odds(scores[1])
    assert odds(scores[7]) > odds(scores[6])


def test_one_by_one_gives_nearly_what_a_batch_gives(ready):
    together, _end = score(ready, TEXTS)
    alone, _end = score(ready, TEXTS, at_once=1)
    again, _end = score(ready, TEXTS)
    assert again == together
    for one, other in zip(together, alone, strict=True):
        assert abs(odds(one) - odds(other)) <= 0.5
        if abs(odds(other)) > 0.5:
            assert (odds(one) > 0) == (odds(other) > 0)


def test_a_label_of_several_tokens_is_the_mean_over_them(ready):
    """Scored in pieces, as labels of one token after what stands before them."""
    words = ("very", "positive")
    labels = (" very positive", " negative", " somewhat negative indeed")
    long = LabelPrompt(head=PROMPT.head, begun=PROMPT.begun, labels=labels)
    scores, end = score(ready, TEXTS[:3], long)
    assert end.label_tokens == (2, 1, 3)
    first = LabelPrompt(head=PROMPT.head, begun=PROMPT.begun, labels=(" very", " negative"))
    then = LabelPrompt(
        head=PROMPT.head, begun=f"{PROMPT.begun} {words[0]}", labels=(" positive", " negative")
    )
    begun, _end = score(ready, TEXTS[:3], first)
    ended, _end = score(ready, TEXTS[:3], then)
    for whole, one, other in zip(scores, begun, ended, strict=True):
        expected = (one.log_probs[0] + other.log_probs[0]) / 2
        assert whole.log_probs[0] == pytest.approx(expected, abs=0.3)
        assert whole.log_probs[1] == pytest.approx(one.log_probs[1], abs=0.3)


def test_many_labels_of_several_tokens(ready):
    labels = tuple(f" number {at} of all" for at in range(60))
    prompt = LabelPrompt(head=PROMPT.head, labels=labels)
    scores, end = score(ready, TEXTS[:2], prompt)
    assert len(scores) == 2
    assert min(end.label_tokens) >= 4
    assert all(len(each.log_probs) == 60 and max(each.log_probs) < 0 for each in scores)


def test_a_text_that_does_not_fit_is_cut_at_its_end_and_says_so(watched, starter):
    watched.client.load(starter, LoadOptions(context_length=512, threads=1)).result(60)
    texts = ("Good. " * 30, "An awful film. " * 2000, "Good. " * 30)
    scores, end = score(watched.client, texts)
    assert [each.cut for each in scores] == [False, True, False]
    assert odds(scores[1]) < odds(scores[0])
    assert end.text_tokens < 512 + 2 * 150
    assert abs(odds(scores[0]) - odds(scores[2])) <= 0.5


def test_a_conversation_goes_on_from_its_kv_cache(ready):
    words = "Tell me about whales, and where they live, and what they eat in winter."
    text, before = reply(ready, talk(words, max_tokens=12, conversation="kept"))
    used = before.stats.context_used
    score(ready, TEXTS)
    assert ready.status().result(10).context_used == used
    _text, after = reply(ready, talk(words, text, "And then?", max_tokens=4, conversation="kept"))
    assert after.stats.reused_tokens >= used - 1


def test_a_cancel_keeps_what_is_done_and_comes_within_a_second(ready):
    texts = TEXTS * 100
    task = ready.score_labels(LabelRequest(prompt=PROMPT, texts=texts))
    kept, cancelled_at = [], 0.0
    for event in task.wait_events():
        if isinstance(event, LabelsScored):
            kept += event.scores
            if not cancelled_at:
                cancelled_at = time.monotonic()
                task.cancel()
    waited = time.monotonic() - cancelled_at
    end = task.result(1)
    assert end.cancelled
    assert 0 < end.done == len(kept) < len(texts)
    assert waited < 1
    scores, _end = score(ready, TEXTS)  # and it works on
    assert [odds(one) for one in scores] == pytest.approx([odds(one) for one in kept[:8]], abs=0.5)


def test_cancelled_within_the_first_batch_nothing_is_claimed(ready):
    task = ready.score_labels(LabelRequest(prompt=PROMPT, texts=("A long text. " * 400,) * 3))
    time.sleep(0.3)  # nothing tells when it begins
    task.cancel()
    scores, end = collect(task)
    assert end.cancelled
    assert end.done == len(scores)


def test_what_cannot_be_asked_is_a_fault(ready):
    too_long = LabelPrompt(head="word " * 3000, labels=(" yes", " no"))
    fault = fault_of(ready.score_labels(LabelRequest(prompt=too_long, texts=("a",))))
    assert fault.code is FaultCode.PROMPT_TOO_LONG
    with pytest.raises(EnvironmentFault):
        LabelPrompt(labels=(" yes", " yes"))


def test_examples_and_a_system_message_stand_before_the_text(ready):
    before = (
        Message(Role.SYSTEM, "You name the colour of things."),
        Message(Role.USER, "Thing: snow"),
        Message(Role.ASSISTANT, "white"),
    )
    prompt = LabelPrompt(before=before, head="Thing: ", labels=("white", "green"))
    scores, _end = score(ready, ("milk", "grass"), prompt)
    assert odds(scores[0]) > odds(scores[1])


def test_after_the_death_of_the_worker_the_model_is_loaded_again(watched, starter):
    watched.client.load(starter, LoadOptions(context_length=512, threads=1)).result(60)
    pid = watched.client.worker_pid
    import psutil

    psutil.Process(pid).kill()
    wait_until(lambda: watched.client.worker_pid != pid)
    scores, _end = score(watched.client, TEXTS[:2])
    assert len(scores) == 2
