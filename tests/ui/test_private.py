"""Private conversations in the window: nothing of them reaches the disk."""

import pytest
from PySide6.QtCore import Qt

from desktop_llm.core.conversations import is_private
from desktop_llm.ui.actions import Command
from tests.ui.helpers import REPLY, press, settle, shown, speak

CANARY = "Xylophonquartz"


@pytest.fixture
def program(qtbot, make_program):
    program = make_program(context_length=512)
    shown(qtbot, program)
    return program


def begin(qtbot, program):
    program.workspace.commands[Command.PRIVATE].trigger()
    page = program.workspace.chat
    qtbot.waitUntil(lambda: page.private and page.ready)
    return page


def replied(qtbot, program, messages):
    page = program.workspace.chat
    qtbot.waitUntil(lambda: len(page.shown.branch) == messages, timeout=REPLY)
    qtbot.waitUntil(lambda: not len(program.replies), timeout=REPLY)
    settle(program)


def leave(qtbot, program, words="Forget"):
    page = program.workspace.chat
    page.view.private_left.emit()
    if not page.view.choices.isHidden():
        (button,) = [b for b in page.view.choices.buttons if b.text().startswith(words)]
        button.click()
    qtbot.waitUntil(lambda: not page.private and page.ready)


def hits(folder):
    return [
        path.name
        for path in folder.rglob("*")
        if path.is_file() and CANARY.lower().encode() in path.read_bytes().lower()
    ]


def test_nothing_private_reaches_the_disk(qtbot, program, tmp_path):
    page = begin(qtbot, program)
    assert not page.view._private.isHidden()
    press(page, f"Say {CANARY} twice.")
    replied(qtbot, program, 2)
    assert is_private(page.conversation)
    assert page.sidebar.model.rowCount() > 0
    page.composer.set_text(f"A draft with {CANARY}")
    page.shown.save_draft()
    path = tmp_path / "given.txt"
    path.write_text(CANARY)
    page.attachments.attach_files([str(path)])
    qtbot.waitUntil(
        lambda: len(page.composer.attachments.chips) == 1 and not page.attachments.reading,
        timeout=REPLY,
    )
    path.unlink()
    page.edit()
    settle(program)
    qtbot.wait(3000)  # what saves states when nothing is asked has had its time
    assert hits(tmp_path) == []
    leave(qtbot, program)
    assert page.composer.text() == ""
    assert page.sidebar.model.rowCount() == 0
    program.close()
    assert hits(tmp_path) == []


def test_leaving_asks_first_and_staying_keeps_all(qtbot, program):
    page = begin(qtbot, program)
    press(page, "Hello.")
    replied(qtbot, program, 2)
    page.view.private_left.emit()
    assert page.view.choices.text()
    qtbot.keyClick(page.view.choices.buttons[0], Qt.Key.Key_Return)
    assert page.private
    assert len(page.shown.branch) == 2


def test_an_empty_private_space_is_left_at_once(qtbot, program):
    begin(qtbot, program)
    leave(qtbot, program)
    assert program.services.private.chat is None


def test_the_other_conversations_are_as_they_were(qtbot, make_program, filled):
    program = make_program()
    page = shown(qtbot, program)
    page.open(filled[1])
    qtbot.waitUntil(lambda: page.conversation == filled[1] and not page.shown.opening)
    page.composer.set_text("An open question")
    page.shown.save_draft()
    begin(qtbot, program)
    assert page.sidebar.model.rowCount() == 0
    assert page.composer.text() == ""
    page.composer.set_text("private words")
    page.open(filled[0])  # not of this space
    assert page.private
    assert page.conversation is None
    leave(qtbot, program)
    qtbot.waitUntil(lambda: page.conversation == filled[1] and not page.shown.opening)
    assert page.composer.text() == "An open question"
    page.new_conversation()
    assert page.composer.text() == ""


def test_another_language_keeps_the_private_space(qtbot, program):
    page = begin(qtbot, program)
    press(page, "Hello.")
    replied(qtbot, program, 2)
    number = page.conversation
    page = speak(qtbot, program, Command.CHINESE)
    qtbot.waitUntil(lambda: page.ready and page.conversation == number, timeout=REPLY)
    assert page.private
    assert not page.view._private.isHidden()


def test_the_next_start_shows_nothing_of_it(qtbot, make_program, filled):
    program = make_program()
    page = shown(qtbot, program)
    page.open(filled[2])
    qtbot.waitUntil(lambda: page.conversation == filled[2] and not page.shown.opening)
    begin(qtbot, program)
    press(page, "Hello.")
    replied(qtbot, program, 2)
    program.close()
    page = shown(qtbot, make_program())
    assert page.conversation == filled[2]
    assert not page.private


def test_leaving_stops_what_is_being_written(qtbot, program):
    page = begin(qtbot, program)
    press(page, "Tell me a very long story about a whale.")
    qtbot.waitUntil(lambda: page.shown.live is not None and page.shown.live.begun, timeout=REPLY)
    leave(qtbot, program)
    qtbot.waitUntil(lambda: not len(program.replies), timeout=REPLY)
    assert program.services.private.chat is None
    settle(program)
    assert page.view.fault.isHidden()
    assert page.sidebar.model.rowCount() == 0
