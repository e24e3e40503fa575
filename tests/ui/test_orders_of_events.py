"""More orders of events, each of which once lost something or showed the wrong thing."""

import gc
import threading
import time
import weakref

import pytest
from PySide6.QtWidgets import QApplication, QLineEdit

from desktop_llm.services.chat import ChatService
from desktop_llm.storage.organiser import Organiser
from desktop_llm.ui.actions import Command
from desktop_llm.ui.widgets.busy import Busy
from desktop_llm.ui.workspace import Page
from tests.ui.helpers import FULL, LONG, REPLY, Gate, draft, press, settle, shown, speak, stop_all


def wait(condition, seconds=20):
    """Until another thread has done its work, while the window is busy with something else."""
    end, pause = time.monotonic() + seconds, threading.Event()
    while not condition():
        assert time.monotonic() < end
        pause.wait(0.005)


@pytest.mark.parametrize("then", ["quit", "language", "services closed"])
def test_what_is_typed_while_a_conversation_opens_outlives(qtbot, make_program, filled, gate, then):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    late = gate(program.services.chat, "open")
    page.open(filled[0])
    assert late.reached.wait(20)
    page.composer.editor.insertPlainText("typed meanwhile")
    if then == "quit":
        late.open()  # the answer comes, the window does not look any more
        program.close()
        program = make_program()
    elif then == "language":
        late.open()
        page = speak(qtbot, program, Command.CHINESE)
    else:
        program.with_services_closed(lambda: None, lambda: None)
        late.open()
    shown(qtbot, program, filled[0])
    assert program.workspace.chat.composer.text() == "typed meanwhile"


def test_the_next_new_draft_survives_the_question_before(qtbot, make_program, filled, gate):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    page.new_conversation()
    late = gate(program.services.chat._store, "ask")
    press(page, LONG)
    page.new_conversation()
    page.composer.editor.insertPlainText("another long text")
    qtbot.waitUntil(lambda: program.services.chat.new_draft() == "another long text")
    settle(program)
    late.open()
    stop_all(qtbot, program)
    settle(program)
    assert page.composer.text() == "another long text"
    program.close()
    program = make_program()
    page = shown(qtbot, program)
    page.new_conversation()
    assert page.composer.text() == "another long text"


def test_stale_draft_of_a_conversation_read_before_its_question(qtbot, make_program, filled, gate):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    page.composer.set_text(LONG)
    page.shown.save_draft()
    settle(program)
    chat = program.services.chat
    ask = gate(chat._store, "ask")
    page.composer.button.click()
    page.composer.editor.insertPlainText("since")
    page.open(filled[0])
    shown(qtbot, program, filled[0])

    asked = []
    program.replies.asked.connect(asked.append)
    late = gate(chat, "open", after=True)
    page.open(filled[-1])
    assert late.reached.wait(20)
    ask.open()
    qtbot.waitUntil(lambda: bool(asked), timeout=REPLY)
    wait(lambda: not program.drafts._unwritten)
    late.open()
    shown(qtbot, program, filled[-1])
    stop_all(qtbot, program)
    assert page.composer.text() == "since"


def test_the_veil_goes_when_a_draft_cannot_be_written(qtbot, make_program, filled, monkeypatch):
    program = make_program()
    page, window = shown(qtbot, program, filled[-1]), program.workspace
    window.show_page(Page.BACKUPS)
    backups = window.made(Page.BACKUPS)
    backups.create_button.click()
    qtbot.waitUntil(lambda: backups.chosen() is not None)
    page.composer.set_text("kept")
    Gate(monkeypatch, program.services.chat._store, "save_draft", FULL).open()
    backups.restore_button.click()
    qtbot.waitUntil(lambda: "full" in page.view.fault.text(), timeout=20_000)
    shown(qtbot, program, filled[-1])
    qtbot.waitUntil(lambda: not window.findChildren(Busy))


def test_a_deleted_conversation_is_not_shown(qtbot, make_program, filled, gate):
    program = make_program()
    page = shown(qtbot, program)
    page.open(filled[1])
    shown(qtbot, program, filled[1])
    late = gate(program.services.chat.bin, "put")
    page.list.delete([filled[1]])  # of [2, 1, 0]: after is 0
    page.list.delete([filled[0]])  # after is 1
    late.open()
    settle(program)
    settle(program)
    shown(qtbot, program)
    numbers = [row.id for row in program.services.chat.conversations()]
    assert page.conversation in (*numbers, None)


def test_a_question_too_long_is_a_draft_though_a_write_was_slow(qtbot, make_program, filled, gate):
    program = make_program(context_length=256)
    page = shown(qtbot, program, filled[-1])
    words = "word " * 400
    store = program.services.chat._store
    ask, refusal = gate(store, "ask"), gate(store, "take_back")
    press(page, words)
    page.open(filled[0])
    shown(qtbot, program, filled[0])
    late = gate(store, "save_draft")
    (live,) = program.replies._live
    ask.open()
    qtbot.waitUntil(lambda: live.asked is not None, timeout=REPLY)
    assert late.reached.wait(20)
    assert not live.task.done
    refusal.open()
    wait(lambda: live.task.done, 100)  # the window is busy with something else
    late.open()
    wait(lambda: not program.drafts._unwritten)
    qtbot.waitUntil(lambda: not len(program.replies), timeout=REPLY)
    settle(program)
    assert draft(program, filled[-1]).strip() == words.strip()


@pytest.mark.parametrize("others", [True, False])
def test_language_with_rows_older_than_the_question(qtbot, make_program, gate, request, others):
    if others:
        request.getfixturevalue("filled")
    program = make_program()
    page = shown(qtbot, program)
    page.new_conversation()
    chat = program.services.chat
    ask = gate(chat._store, "ask")

    press(page, LONG)
    (live,) = program.replies._live
    late = gate(chat.organiser, "listing", after=True)
    page = speak(qtbot, program, Command.CHINESE)
    qtbot.waitUntil(late.reached.is_set)
    ask.open()
    qtbot.waitUntil(lambda: live.asked is not None, timeout=REPLY)
    late.open()
    shown(qtbot, program)
    qtbot.waitUntil(lambda: len(live.text) > 10, timeout=REPLY)
    stop_all(qtbot, program)
    assert page.conversation == live.conversation
    assert [each.text for each in page.shown.branch][:1] == [LONG]


def test_a_name_that_is_being_written_survives_the_end_of_a_reply(qtbot, make_program, filled):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    page.rename()
    editor = page.sidebar.list.findChild(QLineEdit)
    editor.setText("a new nam")
    page.sidebar.model.refresh(filled[-1])  # as `_ended` and `_show_busy` do
    assert editor.text() == "a new nam"


def test_an_older_list_does_not_replace_a_newer(qtbot, make_program, filled, monkeypatch):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    chat, late, reached = program.services.chat, threading.Event(), threading.Event()
    read = chat.organiser.listing

    def slow():
        found = read()
        if not reached.is_set():
            reached.set()
            late.wait(20)
        return found

    monkeypatch.setattr(chat.organiser, "listing", slow)
    page.list.refresh()
    assert reached.wait(20)
    page.delete()
    qtbot.waitUntil(lambda: "deleted" in program.workspace.toasts.text())
    qtbot.waitUntil(lambda: len(page.sidebar.model.conversations()) == 2)
    late.set()
    settle(program)
    assert len(page.sidebar.model.conversations()) == 2


def test_an_example_does_not_double_the_draft(qtbot, make_program):
    program = make_program()
    page = shown(qtbot, program)
    page.composer.set_text("a long draft of mine")
    page.shown.save_draft()
    page.send(LONG)
    qtbot.waitUntil(lambda: len(page.shown.branch) == 2, timeout=REPLY)
    stop_all(qtbot, program)
    page.new_conversation()
    assert page.composer.text() == ""


def test_the_undo_of_another_database(qtbot, make_program, filled, gate):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    late = gate(program.services.chat.bin, "put")
    page.delete()
    program.with_services_closed(lambda: None, lambda: None)
    late.open()
    shown(qtbot, program, filled[-2])
    assert program.workspace.toasts.text() == ""


def test_the_model_chosen_just_before(qtbot, make_program, filled, gate):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    late = gate(program.services.chat, "choose_model")
    program._choose_model("another-model")
    asked = []
    program.replies.asked.connect(asked.append)
    press(page, LONG)
    qtbot.waitUntil(lambda: bool(asked), timeout=REPLY)
    late.open()
    stop_all(qtbot, program)
    assert asked[0].asked.reply.model == "another-model"


def test_two_languages_quickly(qtbot, make_program, filled, gate):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    page.open(filled[0])
    shown(qtbot, program, filled[0])
    late = gate(program.services.chat.organiser, "listing")
    speak(qtbot, program, Command.CHINESE)
    qtbot.waitUntil(lambda: not program._working)
    speak(qtbot, program, Command.ENGLISH)
    late.open()
    shown(qtbot, program)
    assert program.workspace.chat.conversation == filled[0]


def test_old_text_in_the_new_draft(qtbot, make_program, filled, monkeypatch):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    page.composer.set_text("of the third")
    page.shown.save_draft()
    settle(program)
    Gate(monkeypatch, ChatService, "open", FULL).open()
    program.with_services_closed(lambda: None, lambda: None)
    qtbot.waitUntil(lambda: "full" in page.view.fault.text())
    assert page.conversation is None
    assert page.composer.text() == ""


def test_language_does_not_wait_for_a_count(qtbot, make_program, filled, gate):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    late = gate(program.services.chat, "outlook")
    page.composer.editor.insertPlainText("some words")
    qtbot.waitUntil(late.reached.is_set)
    page = speak(qtbot, program, Command.CHINESE)
    qtbot.waitUntil(lambda: page.ready, timeout=3000)


def test_the_tokens_are_counted_after_a_reply_elsewhere(qtbot, make_program, filled):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    press(page, LONG)
    qtbot.waitUntil(lambda: len(page.shown.branch) == 4, timeout=REPLY)
    page.open(filled[0])
    shown(qtbot, program, filled[0])
    page.composer.set_text("short")
    page.composer.set_gauge("too long", "", True)  # as of the text before
    qtbot.waitUntil(lambda: not page.context._timer.isActive())
    stop_all(qtbot, program)
    qtbot.waitUntil(lambda: page.composer.button.isEnabled(), timeout=5000)


def test_a_draft_on_its_way_does_not_outlive_its_question(qtbot, make_program, filled, gate):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    page.new_conversation()
    late = gate(program.services.chat._store, "save_draft")
    page.composer.set_text(LONG)
    page.shown.save_draft()
    assert late.reached.wait(20)
    page.composer.button.click()
    qtbot.waitUntil(lambda: len(page.shown.branch) == 2, timeout=REPLY)
    late.open()
    stop_all(qtbot, program)
    settle(program)
    assert program.services.chat.new_draft() == ""


def test_a_slow_copy_does_not_replace_a_newer(qtbot, make_program, filled):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    transcript, jobs = page.view.transcript, []
    transcript._work = lambda work, then: jobs.append((work, then))
    for entry in transcript._column._entries:
        entry.blocks = None
    transcript.select_all()
    transcript.copy()
    page._copy("newer")
    for work, then in jobs:
        then(work())
    assert jobs
    assert QApplication.clipboard().text() == "newer"


def test_quit_while_renaming(qtbot, make_program, filled):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    page.rename()
    editor = page.sidebar.list.findChild(QLineEdit)
    editor.setText("a new name")
    program.close()
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    assert page.view.title.text() == "a new name"


def test_typed_for_one_while_it_opens_goes_not_to_another(qtbot, make_program, filled, gate):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    late = gate(program.services.chat, "open")
    page.open(filled[0])
    page.composer.editor.insertPlainText("for the first")
    page.open(filled[1])
    late.open()
    shown(qtbot, program, filled[1])
    settle(program)
    assert page.composer.text() == ""
    assert draft(program, filled[0]) == "for the first"


def test_renaming_while_a_reply_ends(qtbot, make_program, filled):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    press(page, LONG)
    qtbot.waitUntil(lambda: len(page.shown.branch) == 4, timeout=REPLY)
    settle(program)
    page.rename()
    editor = page.sidebar.list.findChild(QLineEdit)
    editor.setText("a new nam")
    stop_all(qtbot, program)
    assert editor.text() == "a new nam"


def test_the_model_chosen_last_is_kept(qtbot, make_program, filled, monkeypatch):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    chat, late, reached = program.services.chat, threading.Event(), threading.Event()
    write = chat.choose_model

    def slow(number, name):
        if name == "first":
            reached.set()
            late.wait(20)
        write(number, name)

    monkeypatch.setattr(chat, "choose_model", slow)
    page.choose_model("first")
    assert reached.wait(20)
    page.choose_model("second")
    late.set()
    settle(program)
    assert chat.open(filled[-1])[0].model == "second"


def test_the_model_chosen_while_a_conversation_opens(qtbot, make_program, filled, gate):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    late = gate(program.services.chat, "open")
    page.open(filled[0])
    program._choose_model("another-model")
    late.open()
    shown(qtbot, program, filled[0])
    settle(program)
    assert page.view.model_name == "another-model"


def test_a_page_of_another_language_goes(qtbot, make_program, filled):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    old = weakref.ref(page)
    bridge = weakref.ref(program._work_bridge)
    del page
    speak(qtbot, program, Command.CHINESE)
    shown(qtbot, program, filled[-1])
    settle(program)
    for _ in range(3):
        gc.collect()
        QApplication.processEvents()
    assert (old(), bridge()) == (None, None)


def test_a_question_of_the_welcome_page_while_the_list_is_read(qtbot, make_program, gate):
    late = gate(Organiser, "listing")
    program = make_program(wait=False, first_run_done=False)
    welcome = program.workspace.made(Page.WELCOME)
    qtbot.waitUntil(lambda: welcome.examples[0].isEnabled(), timeout=20_000)
    welcome.examples[0].click()
    late.open()
    page = shown(qtbot, program)
    qtbot.waitUntil(lambda: len(page.shown.branch) == 2 or len(program.replies) > 0)
    stop_all(qtbot, program)


def test_a_noted_draft_is_written_by_a_quit_before_the_page_is_ready(
    qtbot, make_program, filled, monkeypatch, gate
):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    with monkeypatch.context() as broken:
        Gate(broken, program.services.chat._store, "save_draft", FULL).open()
        page.composer.set_text("kept")
        late = gate(Organiser, "listing")
        program.with_services_closed(lambda: None, lambda: None)
        qtbot.waitUntil(late.reached.is_set)
    threading.Timer(0.3, late.open).start()
    program.close()
    program = make_program()
    assert shown(qtbot, program, filled[-1]).composer.text() == "kept"


def test_a_question_that_cannot_be_stored_while_services_close_is_said(
    qtbot, make_program, filled, gate
):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    late = gate(program.services.chat._store, "ask", FULL)
    press(page, LONG)
    program.with_services_closed(lambda: None, lambda: None)
    late.open()
    qtbot.waitUntil(lambda: page.ready, timeout=20_000)
    shown(qtbot, program, filled[-1])
    assert page.composer.text() == LONG
    assert "full" in page.view.fault.text() + program.workspace.toasts.text()


def test_a_restore_that_is_refused_is_said(qtbot, make_program, filled):
    program = make_program()
    shown(qtbot, program, filled[-1])
    window, late = program.workspace, threading.Event()
    window.show_page(Page.BACKUPS)
    backups = window.made(Page.BACKUPS)
    backups.create_button.click()
    qtbot.waitUntil(lambda: backups.chosen() is not None)
    program.with_services_closed(lambda: late.wait(20), lambda: None)
    window.toasts.clear()
    backups.restore_button.click()
    said = window.toasts.text() + window.chat.view.fault.text()
    late.set()
    shown(qtbot, program, filled[-1])
    assert said


def test_restore_last_after_a_delete_on_its_way(qtbot, make_program, filled, gate):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    late = gate(program.services.chat.bin, "put")
    page.delete()
    program.workspace.commands[Command.RESTORE].trigger()
    late.open()
    shown(qtbot, program, filled[-1])
    settle(program)
    assert len(program.services.chat.conversations()) == 3


def test_enter_while_a_conversation_opens(qtbot, make_program, filled, gate):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    gate(program.services.chat, "open")
    page.open(filled[0])
    page.composer.editor.insertPlainText("hello")
    assert not page.composer.button.isEnabled()  # a Send that does nothing
