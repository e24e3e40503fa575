"""Whatever order things happen in: every word is kept, and what is shown is what was asked for."""

import threading

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QAbstractButton, QLineEdit, QMenu, QPushButton

from desktop_llm.services.bundle import Services
from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.database import Database
from desktop_llm.ui.actions import Command
from desktop_llm.ui.workspace import Page
from tests.ui.helpers import FULL, LONG, REPLY, Gate, draft, press, settle, shown, speak, stop_all

# --- going from one conversation to another ------------------------------------------------------


def test_the_last_conversation_that_was_asked_for_is_shown(
    qtbot, make_program, filled, monkeypatch
):
    """Whatever order the database answers in."""
    program = make_program()
    page = shown(qtbot, program)
    chat, gates = program.services.chat, {number: threading.Event() for number in filled}
    read = chat.open

    def slow(number, message):
        gates[number].wait(20)
        return read(number, message)

    monkeypatch.setattr(chat, "open", slow)
    page.open(filled[0])
    page.open(filled[1])
    gates[filled[1]].set()
    shown(qtbot, program, filled[1])
    gates[filled[0]].set()
    settle(program)
    assert page.conversation == filled[1]
    assert page.view.title.text() == "合同翻译"


def test_a_click_back_to_the_one_that_is_still_seen_counts(qtbot, make_program, filled, gate):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    late = gate(program.services.chat, "open")
    page.open(filled[0])
    page.open(filled[-1])
    late.open()
    settle(program)
    assert page.conversation == filled[-1]
    assert page.view.title.text() == "Code"


def test_what_is_typed_while_a_conversation_opens_is_its_own(qtbot, make_program, filled, gate):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    page.composer.set_text("of the first")
    program.services.chat.save_draft(filled[0], "stored before")
    late = gate(program.services.chat, "open")
    page.open(filled[0])
    page.composer.editor.insertPlainText("typed meanwhile")
    late.open()
    shown(qtbot, program, filled[0])
    assert page.composer.text() == "stored before\n\ntyped meanwhile"
    settle(program)
    assert draft(program, filled[-1]) == "of the first"
    assert draft(program, filled[0]) == "stored before\n\ntyped meanwhile"


def test_a_new_conversation_while_another_opens(qtbot, make_program, filled, gate):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    late = gate(program.services.chat, "open")
    page.open(filled[0])
    page.new_conversation()
    page.composer.editor.insertPlainText("my new words")
    late.open()
    settle(program)
    assert page.conversation is None
    assert page.composer.text() == "my new words"


def test_a_conversation_that_cannot_be_read_is_said(qtbot, make_program, filled, gate):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    gate(program.services.chat, "open", FULL).open()
    page.open(filled[0])
    qtbot.waitUntil(lambda: "full" in page.view.fault.text())
    assert page.conversation is None
    assert page.composer.isEnabled()


# --- drafts --------------------------------------------------------------------------------------


def test_the_draft_of_a_new_conversation_is_kept_while_one_writes(qtbot, make_program, filled):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    page.new_conversation()
    page.composer.editor.insertPlainText("written for an hour")
    qtbot.waitUntil(lambda: program.services.chat.new_draft() == "written for an hour")
    page.open(filled[0])
    shown(qtbot, program, filled[0])
    assert page.composer.text() == ""
    page.new_conversation()
    assert page.composer.text() == "written for an hour"
    program.close()
    page = shown(qtbot, make_program())
    assert page.conversation is None
    assert page.composer.text() == "written for an hour"


def test_the_newest_text_of_a_draft_wins(qtbot, make_program, filled, gate):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    slow = gate(program.services.chat._store, "save_draft")
    page.composer.set_text("hel")
    page.shown.save_draft()
    assert slow.reached.wait(20)
    page.composer.set_text("hello")
    page.shown.save_draft()
    page.open(filled[0])
    page.open(filled[-1])
    shown(qtbot, program, filled[-1])
    assert page.composer.text() == "hello"
    slow.open()
    settle(program)
    assert draft(program, filled[-1]) == "hello"


def test_a_draft_that_cannot_be_written_is_said_and_written_later(
    qtbot, make_program, filled, monkeypatch
):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    with monkeypatch.context() as broken:
        Gate(broken, program.services.chat._store, "save_draft", FULL).open()
        page.composer.set_text("kept")
        page.shown.save_draft()
        qtbot.waitUntil(lambda: "full" in page.view.fault.text())
    page.open(filled[0])
    shown(qtbot, program, filled[0])
    page.composer.set_text("more")
    page.shown.save_draft()
    settle(program)
    assert draft(program, filled[-1]) == "kept"


# --- sending -------------------------------------------------------------------------------------


def test_what_is_typed_after_enter_stays(qtbot, make_program, filled, gate):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    late = gate(program.services.chat._store, "ask")
    page.composer.set_text(LONG)
    qtbot.keyClick(page.composer.editor, Qt.Key.Key_Return)
    page.composer.editor.insertPlainText("and one more thing")
    late.open()
    qtbot.waitUntil(lambda: len(page.shown.branch) == 4, timeout=REPLY)
    stop_all(qtbot, program)
    settle(program)
    assert page.composer.text() == draft(program, filled[-1]) == "and one more thing"


def test_an_example_leaves_what_stands_in_the_composer(qtbot, make_program):
    program = make_program()
    page = shown(qtbot, program)
    page.composer.set_text("a long draft of mine")
    page.shown.save_draft()
    page.view.empty.findChildren(QAbstractButton)[0].click()
    qtbot.waitUntil(lambda: len(page.shown.branch) == 2, timeout=REPLY)
    stop_all(qtbot, program)
    settle(program)
    assert page.composer.text() == draft(program, page.conversation) == "a long draft of mine"
    assert program.services.chat.new_draft() == ""


def test_a_question_on_its_way_does_not_follow_to_another_conversation(
    qtbot, make_program, filled, gate
):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    late = gate(program.services.chat._store, "ask")
    press(page, "Name a colour.")
    page.composer.editor.insertPlainText("written since")
    page.open(filled[0])
    shown(qtbot, program, filled[0])
    assert page.composer.button.text() == "Send"
    with qtbot.waitSignal(page.shown.answered, timeout=REPLY):
        late.open()
    assert page.conversation == filled[0]
    assert page.shown.branch[0].text == "About Sky"
    settle(program)
    assert len(program.services.chat.open(filled[-1])[1]) == 4
    assert draft(program, filled[-1]) == "written since"


@pytest.mark.parametrize("while_shown", [True, False])
def test_a_question_that_cannot_be_stored_is_a_draft_again(
    qtbot, make_program, filled, gate, while_shown
):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    late = gate(program.services.chat._store, "ask", FULL)
    press(page, "kept")
    page.composer.editor.insertPlainText("since")
    if not while_shown:
        page.open(filled[0])
        shown(qtbot, program, filled[0])
    late.open()
    said = page.view.fault if while_shown else program.workspace.toasts
    qtbot.waitUntil(lambda: "full" in said.text())
    settle(program)
    assert draft(program, filled[-1]) == "kept\n\nsince"
    if while_shown:
        assert page.composer.text() == "kept\n\nsince"
        assert len(page.shown.branch) == 2
    else:
        assert "Code" in said.text()
        program.workspace.toasts.act()
        shown(qtbot, program, filled[-1])
        assert page.composer.text() == "kept\n\nsince"


@pytest.mark.parametrize("then", ["stay", "new", "other"])
def test_a_first_question_that_cannot_be_stored_is_a_draft_again(
    qtbot, make_program, filled, gate, then
):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    page.new_conversation()
    late = gate(program.services.chat._store, "ask", FULL)
    press(page, "first question")
    if then == "new":
        page.new_conversation()
        page.composer.editor.insertPlainText("another")
    elif then == "other":
        page.open(filled[0])
        shown(qtbot, program, filled[0])
    late.open()
    stop_all(qtbot, program)
    settle(program)
    if then == "other":
        page.new_conversation()
    words = "first question\n\nanother" if then == "new" else "first question"
    assert page.composer.text() == words
    page.shown.leave()
    settle(program)
    assert program.services.chat.new_draft() == words
    assert len(program.services.chat.conversations()) == 3


def test_a_question_that_is_too_long_is_said_wherever_one_is(qtbot, make_program, filled):
    program = make_program(context_length=256)
    page = shown(qtbot, program, filled[-1])
    press(page, "word " * 400)
    page.open(filled[0])
    shown(qtbot, program, filled[0])
    toasts = program.workspace.toasts
    qtbot.waitUntil(lambda: "too long" in toasts.text(), timeout=REPLY)
    toasts.act()
    shown(qtbot, program, filled[-1])
    assert page.composer.text() == "word " * 400


def test_stop_before_the_question_is_stored(qtbot, make_program, gate):
    program = make_program()
    page = shown(qtbot, program)
    late = gate(program.services.chat._store, "ask")
    press(page, LONG)
    assert page.composer.button.text() == "Stop"
    page.composer.button.click()
    with qtbot.waitSignal(page.shown.answered, timeout=REPLY) as answered:
        late.open()
    assert not answered.args[0].text
    assert page.shown.branch[0].text == LONG


def test_a_conversation_read_before_its_question_was_stored(qtbot, make_program, filled, gate):
    """What was read is older than what has happened since."""
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    read = program.services.chat.open

    asked = []
    program.replies.asked.connect(asked.append)
    page.open(filled[0])
    shown(qtbot, program, filled[0])
    late = gate(program.services.chat, "open", after=True)
    page.open(filled[-1])
    assert late.reached.wait(20)
    last = read(filled[-1])[1][-1].id
    program.replies.send(program.services.chat, filled[-1], LONG, last)
    qtbot.waitUntil(lambda: bool(asked), timeout=REPLY)
    late.open()
    shown(qtbot, program, filled[-1])
    assert [message.text for message in page.shown.branch[2:3]] == [LONG]
    reply = page.shown.branch[3].id
    qtbot.waitUntil(lambda: len(page.view.transcript.text_of(reply)) > 20, timeout=REPLY)
    stop_all(qtbot, program)
    assert page.view.transcript.text_of(reply) == read(filled[-1])[1][3].text


# --- another reply -------------------------------------------------------------------------------


def test_the_earlier_reply_stays_until_another_begins_and_comes_back(qtbot, make_program, filled):
    program = make_program()
    page = shown(qtbot, program)
    page.open(filled[0])
    shown(qtbot, program, filled[0])
    earlier = page.shown.branch[-1]
    page.retry()
    assert page.shown.branch[-1] == earlier
    qtbot.waitUntil(lambda: page.shown.branch[-1].id != earlier.id, timeout=REPLY)
    page.step_version(-1)
    qtbot.waitUntil(lambda: page.shown.branch[-1].id == earlier.id, timeout=REPLY)
    page.stop()
    qtbot.waitUntil(lambda: not len(program.replies))
    assert page.view.transcript.text_of(earlier.id) == "Blue light scatters."
    assert page.composer.button.text() == "Send"


def test_another_reply_that_is_refused_costs_nothing(qtbot, make_program, filled, gate):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    gate(program.services.chat._store, "add", FULL).open()
    before = list(page.shown.branch)
    page.retry()
    qtbot.waitUntil(lambda: "full" in page.view.fault.text())
    assert page.shown.branch == before


# --- deleting, renaming --------------------------------------------------------------------------


def test_deleting_keeps_what_was_typed_just_before(qtbot, make_program, filled):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    page.composer.editor.insertPlainText("typed just before")
    page.delete()
    shown(qtbot, program, filled[-2])
    program.workspace.toasts.act()
    shown(qtbot, program, filled[-1])
    assert page.composer.text() == "typed just before"


def test_deleting_leaves_what_was_opened_since(qtbot, make_program, filled, gate):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    late = gate(program.services.chat.bin, "put")
    page.delete()
    page.open(filled[0])
    shown(qtbot, program, filled[0])
    page.composer.editor.insertPlainText("words in the other")
    late.open()
    qtbot.waitUntil(lambda: "deleted" in program.workspace.toasts.text())
    settle(program)
    assert page.conversation == filled[0]
    assert page.composer.text() == "words in the other"


def test_deleting_stops_the_question_on_its_way(qtbot, make_program, filled, gate):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    late = gate(program.services.chat._store, "ask")
    press(page, LONG)
    page.delete()
    shown(qtbot, program, filled[-2])
    late.open()
    qtbot.waitUntil(lambda: not len(program.replies), timeout=REPLY)
    question, reply = program.services.chat.open(filled[-1])[1][-2:]
    assert (question.text, reply.text) == (LONG, "")


def test_the_row_that_was_clicked_is_deleted(qtbot, make_program, filled):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    index = page.sidebar.model.index(page.sidebar.model.row_of(filled[0]), 0)
    page.sidebar.list.menu_wanted.emit(index, QPoint(9, 9))
    menu = page.sidebar.findChild(QMenu, options=Qt.FindChildOption.FindDirectChildrenOnly)
    menu.actions()[-1].trigger()
    menu.close()
    qtbot.waitUntil(lambda: "Sky" in program.workspace.toasts.text())
    settle(program)
    assert page.conversation == filled[-1]
    assert [row.id for row in page.sidebar.model.conversations()] == [filled[2], filled[1]]


def test_the_last_deleted_comes_back_after_a_start(qtbot, make_program, filled):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    page.delete()
    shown(qtbot, program, filled[-2])
    program.close()
    program = make_program()
    shown(qtbot, program, filled[-2])
    program.workspace.commands[Command.RESTORE].trigger()
    shown(qtbot, program, filled[-1])
    program.workspace.commands[Command.RESTORE].trigger()
    qtbot.waitUntil(lambda: "Nothing is deleted" in program.workspace.toasts.text())


def test_a_name_that_is_being_written_survives_a_change_of_the_list(qtbot, make_program, filled):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    page.rename()
    editor = page.sidebar.list.findChild(QLineEdit)
    editor.setText("a new nam")
    program.services.chat.rename(filled[0], "Heaven")
    page.list.refresh()
    settle(program)
    assert page.sidebar.list.findChild(QLineEdit) is editor
    editor.setText("a new name")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(
        lambda: (
            [row.title for row in page.sidebar.model.conversations()]
            == ["a new name", "合同翻译", "Heaven"]
        )
    )


def test_the_list_shows_the_open_one_and_stays_where_it_was_scrolled(qtbot, make_program, tmp_path):
    (tmp_path / "data").mkdir()
    database = Database(tmp_path / "data" / "conversations.db")
    store = Conversations(database)
    numbers = [store.create(f"T{number}").id for number in range(200)]
    database.close()
    program = make_program()
    page = shown(qtbot, program, numbers[-1])
    shown_list, bar = page.sidebar.list, page.sidebar.list.verticalScrollBar()
    page.open(numbers[0])
    shown(qtbot, program, numbers[0])
    index = page.sidebar.model.index(page.sidebar.model.row_of(numbers[0]), 0)
    assert shown_list.viewport().rect().intersects(shown_list.visualRect(index))
    bar.setValue(100)
    page.list.refresh()
    settle(program)
    assert bar.value() == 100


# --- the services closed and opened again --------------------------------------------------------


def test_a_restore_ends_with_a_page_that_works(qtbot, make_program, filled):
    program = make_program()
    page, window = shown(qtbot, program, filled[-1]), program.workspace
    window.show_page(Page.BACKUPS)
    backups = window.made(Page.BACKUPS)
    backups.create_button.click()
    qtbot.waitUntil(lambda: "made" in window.toasts.text())
    page.delete()
    shown(qtbot, program, filled[-2])
    qtbot.waitUntil(lambda: backups.chosen() is not None)
    backups.restore_button.click()
    qtbot.waitUntil(lambda: "restored" in window.toasts.text(), timeout=20_000)
    shown(qtbot, program)
    assert page.composer.isEnabled()
    assert len(page.sidebar.model.conversations()) == 3
    page.open(filled[-1])
    shown(qtbot, program, filled[-1])


def test_what_is_noted_for_one_database_is_not_written_into_the_next(
    qtbot, make_program, filled, gate
):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    late = gate(program.services.chat._store, "ask")
    press(page, LONG)
    page.composer.editor.insertPlainText("since")
    seen, done = [], []
    path = program._folders.database

    def work():
        database = Database(path)
        seen.append(Conversations(database).get(filled[-1]).draft)
        database.close()

    assert program.with_services_closed(work, lambda: done.append(True))
    assert not program.with_services_closed(work, lambda: done.append(True))
    late.open()
    qtbot.waitUntil(lambda: bool(done), timeout=20_000)
    shown(qtbot, program, filled[-1])
    assert seen == ["since"]
    assert page.composer.text() == "since"
    assert page.shown.branch[2].text == LONG


@pytest.mark.usefixtures("filled")
def test_opening_again_twice_opens_once(qtbot, make_program, monkeypatch, tmp_path):
    opened, real = [], Services.open.__func__
    path = tmp_path / "data" / "conversations.db"
    sound = path.read_bytes()
    path.write_bytes(b"no database" * 1000)
    program = make_program(wait=False)
    page = program.workspace.chat
    qtbot.waitUntil(lambda: "conversations.db" in page.view.fault.text(), timeout=20_000)
    path.write_bytes(sound)
    monkeypatch.setattr(
        Services,
        "open",
        classmethod(lambda cls, *given: opened.append(real(cls, *given)) or opened[-1]),
    )
    program._open_failed(FULL)
    again = page.view.fault.findChildren(QPushButton)[-1]
    assert again.text() == "Try again"
    again.click()
    again.click()
    shown(qtbot, program)
    assert len(opened) == 1
    assert not page.view.fault.isVisible()


def test_the_undo_of_another_database_is_gone(qtbot, make_program, filled):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    page.delete()
    qtbot.waitUntil(lambda: "deleted" in program.workspace.toasts.text())
    program.with_services_closed(lambda: None, lambda: None)
    assert program.workspace.toasts.text() == ""
    shown(qtbot, program, filled[-2])


# --- another language ----------------------------------------------------------------------------


@pytest.mark.parametrize("new", [False, True])
def test_a_question_on_its_way_is_followed_into_another_language(
    qtbot, make_program, filled, gate, new
):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    if new:
        page.new_conversation()
    late = gate(program.services.chat._store, "ask")
    press(page, LONG)
    page.composer.editor.insertPlainText("since")
    page = speak(qtbot, program, Command.CHINESE)
    qtbot.waitUntil(lambda: page.ready and not page.shown.opening)
    assert page.composer.text() == "since"
    assert page.composer.button.text() == "停止"
    late.open()
    qtbot.waitUntil(lambda: LONG in [each.text for each in page.shown.branch], timeout=REPLY)
    stop_all(qtbot, program)
    settle(program)
    assert draft(program, page.conversation) == "since"


def test_another_language_while_the_services_are_closed(qtbot, make_program, filled):
    program = make_program()
    shown(qtbot, program, filled[-1])
    window, late = program.workspace, threading.Event()
    program.with_services_closed(lambda: late.wait(20), lambda: window.toasts.show("Done."))
    window.commands[Command.CHINESE].trigger()
    late.set()
    qtbot.waitUntil(lambda: program.workspace is not window, timeout=20_000)
    page = shown(qtbot, program, filled[-1])
    assert page.composer.button.text() == "发送"


@pytest.mark.parametrize("leave", ["another setting", "page", "language", "close"])
def test_instructions_that_were_just_typed_are_kept(qtbot, make_program, tmp_path, leave):
    program = make_program()
    shown(qtbot, program)
    program.workspace.show_page(Page.SETTINGS)
    control = program.workspace.made(Page.SETTINGS)._fields["system_prompt"].control
    control.insertPlainText("Answer in verse")
    if leave == "another setting":
        program.workspace.commands[Command.LARGER].trigger()
        assert control.toPlainText() == "Answer in verse"
    elif leave == "page":
        program.workspace.show_page(Page.CHAT)
        assert program._settings.current.system_prompt == "Answer in verse"
    elif leave == "language":
        speak(qtbot, program, Command.CHINESE)
    program.close()
    assert "Answer in verse" in (tmp_path / "data" / "settings.toml").read_text(encoding="utf-8")
