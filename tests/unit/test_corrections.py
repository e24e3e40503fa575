"""Ratings, edits and choices as material for training; with a scripted worker."""

import json
import stat

import pytest

from desktop_llm.core.corrections import CellCorrection, CorrectionKind, ExportForm, Rating
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.messages import Message, Role
from desktop_llm.core.settings import Settings
from tests.fakes.chat import Chat


@pytest.fixture
def chat(tmp_path):
    chat = Chat(tmp_path)
    chat.settings = Settings(model="a-model", system_prompt="Be brief.")
    yield chat
    chat.close()


@pytest.fixture
def corrections(chat):
    return chat.service.corrections


def asked(chat, text, number=None, parent=None):
    return chat.service.send(number, text, parent).result(20).reply


def kinds(corrections):
    return {(each.kind, each.chosen, each.rejected) for each in corrections.all()}


def test_an_edit_corrects_what_the_model_said(chat, corrections):
    reply = asked(chat, "one")
    first = chat.service.edit_reply(reply, "better")
    second = chat.service.edit_reply(first, "best")
    assert kinds(corrections) == {
        (CorrectionKind.EDIT, first.id, reply.id),
        (CorrectionKind.EDIT, second.id, reply.id),
    }
    assert chat.service.correction_files.sides(corrections.all()[0]) == ("one", reply.text, "best")


def test_a_choice_is_the_last_one_made(chat, corrections):
    one = asked(chat, "one")
    other = chat.service.retry(one).result(20).reply
    corrections.prefer(one.id, other.id)
    corrections.prefer(other.id, one.id)
    corrections.prefer(other.id, 999)  # erased meanwhile
    assert kinds(corrections) == {(CorrectionKind.CHOICE, other.id, one.id)}


def test_a_good_reply_is_listed_and_a_poor_one_is_not(chat, corrections):
    good, poor = asked(chat, "one"), asked(chat, "two")
    corrections.rate(good.id, Rating.GOOD)
    corrections.rate(poor.id, Rating.POOR)
    assert kinds(corrections) == {(CorrectionKind.LIKED, good.id, None)}
    assert chat.service.message(poor.id).rating is Rating.POOR
    corrections.rate(good.id, Rating.NONE)
    assert corrections.all() == []


def test_what_is_deleted_is_listed_no_more(chat, corrections):
    reply = asked(chat, "one")
    edited = chat.service.edit_reply(reply, "better")
    chat.service.tree.delete(edited.id)
    assert corrections.all() == []
    chat.service.tree.restore(edited.id)
    assert len(corrections.all()) == 1
    chat.service.bin.put(reply.conversation)
    assert corrections.all() == []
    chat.service.bin.empty()


def test_marks_stay(chat, corrections):
    edited = chat.service.edit_reply(asked(chat, "one"), "better")
    corrections.use([edited.id], True)
    assert corrections.all()[0].training
    assert chat.service.message(edited.id).training
    corrections.use([edited.id], False)
    assert not corrections.all()[0].training


def test_they_are_exported_in_both_forms(chat, corrections, tmp_path):
    first = asked(chat, "one")
    edited = chat.service.edit_reply(asked(chat, "two", first.conversation, first.id), "二")
    corrections.rate(first.id, Rating.GOOD)
    path = tmp_path / "out.jsonl"
    files = chat.service.correction_files
    assert files.export(path, corrections.all(), ExportForm.CHAT) == 2
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert {len(line["messages"]) for line in lines} == {3, 5}
    longer = max((line["messages"] for line in lines), key=len)
    assert [message["role"] for message in longer] == [
        "system", "user", "assistant", "user", "assistant",
    ]  # fmt: skip
    assert longer[-1]["content"] == "二"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert files.export(path, corrections.all(), ExportForm.PREFERENCE) == 1
    (line,) = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert line["chosen"] == [{"role": "assistant", "content": "二"}]
    assert line["rejected"][0]["content"].strip() == "two"
    assert line["prompt"][0] == {"role": "system", "content": "Be brief."}
    assert edited.text == "二"


def test_a_file_that_cannot_be_written_is_said(chat, corrections, tmp_path):
    chat.service.edit_reply(asked(chat, "one"), "better")
    with pytest.raises(EnvironmentFault) as fault:
        chat.service.correction_files.export(
            tmp_path / "none" / "x.jsonl", corrections.all(), ExportForm.CHAT
        )
    assert fault.value.code in (FaultCode.FILE_UNWRITABLE, FaultCode.DISK_FAILED)


def cell(**changed):
    values = {
        "key": "k", "step": 0, "row": 3, "title": "reviews.csv", "before": "negative",
        "prompt": (Message(Role.USER, "Tone of: fine"),), "after": "positive",
    }  # fmt: skip
    return CellCorrection(**{**values, **changed})


def test_a_cell_of_a_table_is_a_correction(chat, corrections, tmp_path):
    files = chat.service.correction_files
    corrections.keep_cells([cell(), cell(row=4, after="neutral")])
    corrections.keep_cells([cell(after="mixed")])  # of the same cell
    found = {each.excerpt: each for each in corrections.all()}
    assert set(found) == {"mixed", "neutral"}
    assert all(each.kind is CorrectionKind.CELL and not each.training for each in found.values())
    mixed = found["mixed"]
    assert files.sides(mixed) == ("Tone of: fine", "negative", "mixed")
    corrections.use([], True, [mixed.chosen])
    assert {each.excerpt for each in corrections.all() if each.training} == {"mixed"}
    path = tmp_path / "out.jsonl"
    assert files.export(path, [mixed], ExportForm.PREFERENCE) == 1
    assert json.loads(path.read_text()) == {
        "prompt": [{"role": "user", "content": "Tone of: fine"}],
        "chosen": [{"role": "assistant", "content": "mixed"}],
        "rejected": [{"role": "assistant", "content": "negative"}],
    }
    [gone] = corrections.forget_cells([mixed.chosen])
    assert {each.excerpt for each in corrections.all()} == {"neutral"}
    corrections.keep_cells([gone])
    assert {each.excerpt for each in corrections.all() if each.training} == {"mixed"}
    corrections.forget_cell("k", 0, 4)
    assert [each.row for each in corrections.cells_of("k")] == [3]
    with pytest.raises(KeyError):
        files.sides(mixed)
