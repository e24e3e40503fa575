"""Finding in a conversation, and copying with formatting."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from desktop_llm.core.messages import MessageState, Role
from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.database import Database
from desktop_llm.ui.actions import Command
from tests.ui.helpers import settle, shown


@pytest.fixture
def page(qtbot, make_program, tmp_path):
    """Forty messages, of which every tenth holds two needles."""
    (tmp_path / "data").mkdir()
    database = Database(tmp_path / "data" / "conversations.db")
    store = Conversations(database)
    number, parent = store.create("Long").id, None
    for at in range(40):
        text = f"Message {at}. " + "Words and **more** words. " * 20
        if at % 10 == 0:
            text += "A Needle, and another needle."
        role = (Role.USER, Role.ASSISTANT)[at % 2]
        parent = store.add(number, role, text, parent=parent, state=MessageState.COMPLETE).id
    database.close()
    program = make_program()
    page = shown(qtbot, program, number)
    page.program = program
    program.window.show()
    program.window.resize(1000, 700)
    return page


def count(page):
    return page.view.finder._count.text()


def looked_at(page):
    """The message that holds the mark which is selected."""
    index = page.view.transcript._selection.anchor[0]
    return page.shown.branch[index].text.split(".")[0]


def test_words_are_found_and_stepped_through(qtbot, page):
    page.program.workspace.commands[Command.FIND].trigger()
    finder, transcript = page.view.finder, page.view.transcript
    qtbot.keyClicks(finder.line, "needle")
    qtbot.waitUntil(lambda: count(page) == "1 of 4 messages")
    assert looked_at(page) == "Message 30"
    assert transcript.selected_text().casefold() == "needle"
    places = [transcript._selection.anchor]
    for _step in range(3):
        qtbot.keyClick(finder.line, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
        places.append(transcript._selection.anchor)
    assert len(set(places)) == 4
    assert looked_at(page) == "Message 20"
    top = transcript._card(transcript._selection.anchor[0]).top()
    assert top < transcript.viewport().height()
    finder._next.click()
    assert looked_at(page) == "Message 20"
    finder._next.click()
    assert looked_at(page) == "Message 30"
    qtbot.keyClick(finder.line, Qt.Key.Key_Escape)
    assert finder.isHidden()
    assert transcript.marked_words == ()
    assert QApplication.focusWidget() is transcript


def test_what_is_not_there_is_said(qtbot, page):
    page.program.workspace.commands[Command.FIND].trigger()
    page.view.finder.line.setText("zebra")
    qtbot.waitUntil(lambda: count(page) == "Not found")
    assert not page.view.finder._next.isEnabled()
    page.view.finder.line.setText("")
    qtbot.waitUntil(lambda: count(page) == "")


def test_another_conversation_ends_the_finding(qtbot, page):
    page.program.workspace.commands[Command.FIND].trigger()
    page.view.finder.line.setText("needle")
    qtbot.waitUntil(lambda: count(page) != "")
    page.new_conversation()
    assert page.view.finder.isHidden()


def test_a_selection_is_copied_as_markdown_and_with_formatting(qtbot, page):
    transcript = page.view.transcript
    transcript._selection.anchor, transcript._selection.cursor = (0, 0), (1, 9)
    markdown = transcript.selected_markdown()
    assert markdown.startswith("Message 0.")
    assert "**more**" in markdown
    assert markdown.endswith("Message 1")
    page.branches.copy_formatted("A **bold** word.")
    data = QApplication.clipboard().mimeData
    qtbot.waitUntil(lambda: data() is not None and data().hasHtml())
    assert "<strong>bold</strong>" in data().html()
    assert data().text() == "A bold word."
    assert bytes(data().data("text/markdown")).decode() == "A **bold** word."
    settle(page.program)
