"""What a reply was made with, how sure the model was, and making it again; with a scripted worker
that echoes the question.
"""

import hashlib
import math
from dataclasses import replace
from pathlib import Path

import pytest

from desktop_llm.core.details import (
    FileState,
    ReplyDetails,
    compare,
    details_from_json,
    details_to_json,
    sha256_of,
)
from desktop_llm.core.engine import TextDelta
from desktop_llm.core.messages import Made, Message, Role
from desktop_llm.core.presets import Parameters
from desktop_llm.core.scores import (
    TokenScore,
    fitting,
    perplexity,
    scores_from_json,
    scores_to_json,
)
from desktop_llm.core.settings import Settings
from desktop_llm.core.tasks import Task
from desktop_llm.services.file_hashes import FileHashes, state_of
from desktop_llm.storage.records import Records
from tests.fakes.chat import Chat

DETAILS = ReplyDetails(
    file=FileState(path="/m.gguf", size_bytes=3, modified=5),
    template_sha256="t",
    parameters=Parameters(temperature=0.2, seed=7, stop=("a\n",)),
    prompt_sha256="p",
    context_length=512,
    program="1",
    runtime="2",
    replays=4,
)


@pytest.fixture
def chat(tmp_path):
    chat = Chat(tmp_path)
    chat.settings = Settings(model="a-model", system_prompt="Be brief.")
    yield chat
    chat.close()


def test_a_reply_knows_what_it_was_made_with(chat):
    parameters = Parameters(temperature=0.3, reproducible=True)
    reply = chat.service.send(None, "one maybe two", None, parameters=parameters).result(20).reply
    details = chat.service.records.details(reply.id)
    path = Path(chat.engine.model.path)
    assert details.file == state_of(path)
    assert details.parameters == replace(
        parameters, seed=reply.stats.seed, system_prompt="Be brief."
    )
    sent = (Message(Role.SYSTEM, "Be brief."), Message(Role.USER, "one maybe two"))
    assert details.prompt_sha256 == sha256_of(sent)
    assert details.reproducible
    assert reply.stats.first_token_seconds > 0
    chat.service.hashes._quiet = 0
    chat.service.hashes.want(details.file)
    thread = chat.service.hashes._thread
    if thread is not None:
        thread.join(20)
    known = chat.service.records.file_hash(details.file)
    assert known == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_scores_of_a_reply_fit_its_text(chat):
    reply = chat.service.send(None, "one maybe two", None).result(20).reply
    scores = chat.service.records.scores(reply.id)
    assert sum(score.length for score in scores) == len(reply.text)
    assert [score.probability for score in scores] == [0.75, 0.25, 0.75]
    again = chat.service.go_on(reply).result(20).reply
    more = chat.service.records.scores(again.id)
    assert sum(score.length for score in more) == len(again.text) - len(reply.text)


def test_scores_are_not_asked_for_where_they_are_not_wanted(chat):
    chat.settings = replace(chat.settings, note_confidence=False)
    reply = chat.service.send(None, "one", None).result(20).reply
    assert chat.service.records.scores(reply.id) == ()
    assert chat.service.records.details(reply.id) is not None


def test_a_replay_is_another_version_with_the_same_seed(chat):
    seen = []
    generate = chat.engine.generate

    def watched(request, *rest):
        seen.append(request)
        return generate(request, *rest)

    chat.engine.generate = watched
    reply = chat.service.send(None, "one two", None).result(20).reply
    details = chat.service.records.details(reply.id)
    chat.settings = replace(chat.settings, system_prompt="Something else.")
    again = chat.service.replay(reply, details).result(20).reply
    assert (again.parent, again.origin, again.made) == (reply.parent, reply.id, Made.REPLAYED)
    assert seen[1].messages == seen[0].messages
    assert seen[1].sampling.seed == reply.stats.seed
    assert seen[1].reproducible
    found = compare(details, reply.text, chat.service.records.details(again.id), again.text)
    assert (found.at, found.approximate, found.changed) == (None, True, ())
    assert chat.service.records.details(again.id).replays == reply.id


def test_a_continued_reply_is_replayed_from_its_beginning(chat):
    reply = chat.service.send(None, "one two", None).result(20).reply
    longer = chat.service.go_on(reply).result(20).reply
    again = chat.service.replay(longer, chat.service.records.details(longer.id)).result(20).reply
    assert again.text == longer.text


def test_what_a_fork_copies_knows_it_too(chat):
    reply = chat.service.send(None, "one", None).result(20).reply
    fork = chat.service.tree.fork(reply.id, "copy")
    copied = chat.service.open(fork)[1][-1]
    records = chat.service.records
    assert records.details(copied.id) == records.details(reply.id)
    assert records.scores(copied.id) == records.scores(reply.id)


def test_details_survive_being_written():
    assert details_from_json(details_to_json(DETAILS)) == DETAILS
    for broken in ("[]", "{}", '{"file": 3}', "x"):
        with pytest.raises(ValueError):  # noqa: PT011  # whichever
            details_from_json(broken)


@pytest.mark.parametrize(
    ("change", "text", "at", "changed"),
    [
        ({}, "same", None, ()),
        ({"runtime": "3"}, "sane", 2, ("runtime",)),
        (
            {"prompt_sha256": "q", "template_sha256": ""},
            "sam",
            3,
            ("template_sha256", "prompt_sha256"),
        ),
    ],
)
def test_a_replay_is_compared(change, text, at, changed):
    found = compare(DETAILS, "same", replace(DETAILS, **change), text)
    assert (found.at, found.approximate, found.changed) == (at, True, changed)
    reproducible = replace(DETAILS, parameters=Parameters(reproducible=True))
    assert not compare(reproducible, "same", reproducible, "same").approximate


def test_scores_survive_being_written():
    scores = (TokenScore(3, 0.25, ((" b\n", 0.125), ("“", 0.0625))), TokenScore(0, 1.0))
    assert scores_from_json(scores_to_json(scores)) == scores
    assert scores_from_json(scores_to_json(())) == ()
    broken_ones = (
        "", "[]", "{}", "[[1],[2,3],{}]", '[["a"],[0.5],{}]', "[[1],[7],{}]", "[[1],[1],3]",
    )  # fmt: skip
    for broken in broken_ones:
        with pytest.raises(ValueError):  # noqa: PT011  # whichever
            scores_from_json(broken)


def test_perplexity_is_the_mean_number_of_choices():
    assert perplexity([TokenScore(1, 0.25)] * 3) == pytest.approx(4)
    assert perplexity([TokenScore(1, 1.0)]) == 1
    assert perplexity([]) == 1
    assert math.isfinite(perplexity([TokenScore(1, 0.0)]))


def test_scores_end_where_the_text_was_cut():
    scores = [TokenScore(3, 0.5), TokenScore(4, 0.5), TokenScore(2, 0.5)]
    assert [score.length for score in fitting(scores, 5)] == [3, 2]
    assert fitting(scores, 0) == ()


def test_scores_of_merged_deltas_stay_together():
    task = Task()
    task.post(TextDelta("a", 1, (TokenScore(1, 0.5),)))
    task.post(TextDelta("b", 1, (TokenScore(1, 0.25),)))
    (event,) = task.take_events()
    assert [score.probability for score in event.scores] == [0.5, 0.25]


def test_a_file_that_changes_while_it_is_read_has_no_hash(chat, tmp_path):
    path = tmp_path / "m.gguf"
    path.write_bytes(b"one")
    state = state_of(path)
    path.write_bytes(b"other")
    records = Records(chat.database)
    hashes = FileHashes(records, quiet_seconds=0)
    hashes.want(state)
    hashes.want(FileState(path=str(tmp_path / "none"), size_bytes=1, modified=1))
    hashes.close()
    assert records.file_hash(state) == ""


def test_hashing_waits_while_something_runs(chat, tmp_path):
    path = tmp_path / "m.gguf"
    path.write_bytes(b"one")
    hashes = FileHashes(chat.service.records, busy=lambda: True, quiet_seconds=0.01)
    hashes.want(state_of(path))
    hashes.close()
    assert chat.service.records.file_hash(state_of(path)) == ""
