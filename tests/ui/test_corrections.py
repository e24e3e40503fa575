"""Corrections in the window: rated, marked, reviewed with before and after, exported."""

import json

import pytest
from PySide6.QtWidgets import QFileDialog

from desktop_llm.core.corrections import CorrectionKind, ExportForm, Rating
from desktop_llm.core.messages import Role
from desktop_llm.ui.actions import Command
from desktop_llm.ui.workspace import Page
from tests.ui.helpers import settle, shown


@pytest.fixture
def page(qtbot, make_program, filled):
    program = make_program()
    page = shown(qtbot, program)
    page.open(filled[0])
    qtbot.waitUntil(lambda: page.conversation == filled[0] and not page.shown.opening)
    page.program = program
    return page


def review(qtbot, page, count):
    page.program.workspace.commands[Command.CORRECTIONS].trigger()
    corrections = page.program.workspace.made(Page.CORRECTIONS)
    qtbot.waitUntil(lambda: len(corrections._model.all()) == count)
    return corrections


def edited(qtbot, page, text):
    reply = page.shown.branch[1]
    page.branches._confirm(reply.id, text)
    qtbot.waitUntil(lambda: page.shown.branch[1].text == text)
    return reply, page.shown.branch[1]


def test_a_reply_is_rated_and_it_can_be_taken_back(qtbot, page):
    key = page.shown.branch[1].id
    page.branches.rate(key, Rating.GOOD)
    qtbot.waitUntil(lambda: page.branches.rating_of(key) is Rating.GOOD)
    assert "rated as good" in page.view.transcript._column[1].note
    corrections = review(qtbot, page, 1)
    assert corrections._model.all()[0].kind is CorrectionKind.LIKED
    page.branches.rate(key, Rating.NONE)
    qtbot.waitUntil(lambda: page.branches.rating_of(key) is Rating.NONE)
    review(qtbot, page, 0)
    assert corrections._stack.currentWidget() is corrections.empty


def test_an_edit_is_reviewed_marked_and_exported(qtbot, page, tmp_path, monkeypatch):
    before, after = edited(qtbot, page, "Short waves scatter most.")
    corrections = review(qtbot, page, 1)
    qtbot.waitUntil(lambda: corrections.after.toPlainText() == after.text)
    assert corrections.before.toPlainText() == before.text
    assert corrections.question.toPlainText() == "About Sky"
    assert not corrections.export_button.isEnabled()
    corrections.use_button.click()
    qtbot.waitUntil(lambda: corrections.export_button.isEnabled())
    assert corrections.use_button.text() == "Do not use"
    assert "1 correction" in corrections.marked.text()
    path = tmp_path / "out.jsonl"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    corrections.export_wanted.emit(ExportForm.PREFERENCE)
    qtbot.waitUntil(path.exists)
    settle(page.program)
    line = json.loads(path.read_text(encoding="utf-8"))
    assert line["chosen"][0]["content"] == after.text
    assert line["rejected"][0]["content"] == before.text
    assert "exported" in page.program.workspace.toasts.text()


def test_a_mark_is_set_in_the_conversation_too(qtbot, page):
    _before, after = edited(qtbot, page, "Better.")
    page.branches.use_for_training(after.id, True)
    qtbot.waitUntil(lambda: page.branches.is_for_training(after.id))
    assert "for training" in page.view.transcript._column[1].note
    corrections = review(qtbot, page, 1)
    assert [each.chosen for each in corrections.for_training] == [after.id]


def test_a_correction_leads_to_its_conversation(qtbot, page, filled):
    _before, after = edited(qtbot, page, "Better.")
    page.open(filled[1])
    qtbot.waitUntil(lambda: page.conversation == filled[1] and not page.shown.opening)
    corrections = review(qtbot, page, 1)
    corrections.open_button.click()
    qtbot.waitUntil(lambda: page.conversation == filled[0] and not page.shown.opening)
    assert page.program.workspace.page is Page.CHAT
    assert page.shown.branch[1].id == after.id


def test_a_file_that_cannot_be_written_is_said(qtbot, page, tmp_path, monkeypatch):
    _before, after = edited(qtbot, page, "Better.")
    page.branches.use_for_training(after.id, True)
    qtbot.waitUntil(lambda: page.branches.is_for_training(after.id))
    corrections = review(qtbot, page, 1)
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "none" / "x.jsonl"), "")
    )
    corrections.export_wanted.emit(ExportForm.CHAT)
    qtbot.waitUntil(lambda: not corrections.fault.isHidden())


def test_only_replies_are_rated(page):
    question = page.shown.branch[0]
    assert question.role is Role.USER
    assert not page.branches.is_reply(question.id)
