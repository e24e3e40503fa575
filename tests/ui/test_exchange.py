"""Conversations exported from the window and imported into it."""

import json

import pytest
from PySide6.QtWidgets import QFileDialog

from desktop_llm.services.exports import FileForm
from desktop_llm.services.imports import Imports
from desktop_llm.ui.actions import Command
from desktop_llm.ui.pages.exchange_dialogs import ExportDialog, ImportReport
from desktop_llm.ui.widgets.busy import Busy
from tests.ui.helpers import Gate, settle, shown


@pytest.fixture
def program(qtbot, make_program, filled):
    program = make_program()
    page = shown(qtbot, program)
    page.open(filled[0])
    qtbot.waitUntil(lambda: page.conversation == filled[0] and not page.shown.opening)
    return program


def dialog(program, kind):
    (found,) = program.workspace.findChildren(kind)
    return found


def care(program):
    return program._exchange_care


def test_what_and_how_are_asked_for(program, filled):
    program.workspace.commands[Command.EXPORT].trigger()
    asked = dialog(program, ExportDialog)
    words = [button.text() for button in asked.what.buttons()]
    assert words == ["This conversation: Sky", "All conversations"]
    wanted = []
    asked.wanted.disconnect()
    asked.wanted.connect(lambda numbers, form: wanted.append((numbers, form)))
    asked.forms.buttons()[1].setChecked(True)
    asked._go_on()
    assert wanted == [((filled[0],), FileForm.MARKDOWN)]


def test_those_that_are_chosen_in_the_list_are_meant(program, filled):
    program.workspace.chat.organise.export(filled[:2])
    asked = dialog(program, ExportDialog)
    assert [button.text() for button in asked.what.buttons()] == [
        "2 conversations that are chosen",
        "All conversations",
    ]
    asked.reject()


def test_the_name_of_the_file_is_that_of_the_conversation(qtbot, program, filled):
    chat = program.services.chat
    chat.rename(filled[0], 'a/b: "c" <d>?')
    program.workspace.chat.list.refresh()
    model = program.workspace.chat.sidebar.model
    qtbot.waitUntil(lambda: model.title_of(filled[0]).startswith("a/b"))
    care(program)._ask_where((filled[0],), FileForm.HTML)
    asked = dialog(program, QFileDialog)
    assert asked.selectedFiles()[0].rsplit("/", 1)[-1] == "a b c d.html"
    asked.reject()


@pytest.mark.parametrize("form", list(FileForm))
def test_a_file_is_written(qtbot, program, tmp_path, form):
    path = tmp_path / f"out.{form.value}"
    care(program).write(path, None, form)
    qtbot.waitUntil(lambda: "3 conversations are exported" in program.workspace.toasts.text(),
                    timeout=30_000)  # fmt: skip
    assert path.stat().st_size > 200


def test_a_place_that_cannot_be_written_is_said(qtbot, program, tmp_path):
    care(program).write(tmp_path / "none" / "x.json", None, FileForm.JSON)
    qtbot.waitUntil(lambda: not program.workspace.chat.view.fault.isHidden())
    assert not care(program)._busy


def test_what_was_exported_is_imported_and_listed(qtbot, program, tmp_path):
    path = tmp_path / "out.json"
    care(program).write(path, None, FileForm.JSON)
    qtbot.waitUntil(path.exists)
    settle(program)
    care(program).read([str(path)])
    qtbot.waitUntil(lambda: "3 conversations are imported" in program.workspace.toasts.text())
    page = program.workspace.chat
    assert len(program.services.chat.organiser.listing().conversations) == 6
    before = page.conversation
    program.workspace.toasts.act()
    qtbot.waitUntil(lambda: page.conversation != before and not page.shown.opening)


def test_what_could_not_be_taken_is_reported(qtbot, program, tmp_path):
    sound, broken = tmp_path / "a.json", tmp_path / "b.json"
    chat = {"conversations": [{"from": "human", "value": "Hi"}, {"from": "robot", "value": "x"}]}
    sound.write_text(json.dumps([chat]))
    broken.write_text("nothing")
    care(program).read([str(broken), str(sound)])
    qtbot.waitUntil(lambda: program.workspace.findChildren(ImportReport) != [])
    report = dialog(program, ImportReport)
    lines = report.view.toPlainText().splitlines()
    assert "b.json" in lines[0]
    assert lines[1].startswith("a.json: conversation 1")
    report.reject()


def test_an_import_is_stopped(qtbot, program, tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"conversations": [{"from": "human", "value": "Hi"}]}]))
    gate = Gate(monkeypatch, Imports, "read")
    care(program).read([str(path)])
    qtbot.waitUntil(lambda: any(busy.isVisible() for busy in program.workspace.findChildren(Busy)))
    dialog(program, Busy).cancelled.emit()
    gate.open()
    settle(program)
    qtbot.waitUntil(lambda: not care(program)._busy)
    assert len(program.services.chat.organiser.listing().conversations) == 3
