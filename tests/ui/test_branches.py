"""Versions, edits, deleted parts and forks, in the window."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from desktop_llm.core.context import Care
from desktop_llm.core.messages import Made, MessageState, Role
from desktop_llm.ui.actions import Command
from tests.ui.helpers import FULL, LONG, REPLY, press, settle, shown, speak, stop_all


def texts(page):
    return [message.text for message in page.shown.branch]


def seen(page):
    """As the transcript has them."""
    return [entry.text for entry in page.view.transcript._column]


def ended(qtbot, program):
    qtbot.waitUntil(lambda: not len(program.replies), timeout=REPLY)
    settle(program)


@pytest.fixture
def page(qtbot, make_program, filled):
    """The conversation "Sky": a question and a reply."""
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    page.open(filled[0])
    shown(qtbot, program, filled[0])
    page.program = program
    return page


def edit(page, key, text):
    """Open the editor on a message and write; returns the editor."""
    page.branches.edit(key)
    editor = page.view.transcript.editor
    assert (editor.key, editor.isHidden()) == (key, False)
    editor.editor.setPlainText(text)
    return editor


def test_an_edited_question_becomes_a_branch_with_a_reply_of_its_own(qtbot, page):
    question, reply = page.shown.branch
    page.composer.set_text("a draft")
    editor = edit(page, question.id, "Say hello.")
    qtbot.keyClick(editor.editor, Qt.Key.Key_Return)
    ended(qtbot, page.program)
    assert texts(page)[0] == "Say hello."
    assert page.shown.branch[1].text
    assert page.shown.branch[0].versions == (question.id, page.shown.branch[0].id)
    assert seen(page) == texts(page)
    assert page.composer.text() == "a draft"
    assert "version 2 of 2" in page.view.transcript._column[0].note
    page.step_version(-1)
    qtbot.waitUntil(lambda: texts(page) == [question.text, reply.text])
    assert page.view.transcript._column[0].note == "version 1 of 2"
    page.step_version(1)
    qtbot.waitUntil(lambda: texts(page)[0] == "Say hello.")
    page.step_version(1)  # there is no later one
    settle(page.program)
    assert texts(page)[0] == "Say hello."


def test_an_edited_reply_is_a_version_without_a_new_reply(qtbot, page):
    reply = page.shown.branch[1]
    editor = edit(page, reply.id, "Because of *Rayleigh*.\nReally.")
    qtbot.keyClick(editor.editor, Qt.Key.Key_Return)  # breaks the line here
    assert editor.key == reply.id
    qtbot.keyClick(editor.editor, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: "Rayleigh" in texts(page)[-1])
    edited = page.shown.branch[1]
    assert (edited.made, edited.origin, edited.model) == (Made.EDITED, reply.id, reply.model)
    assert "edited by you" in page.view.transcript._column[1].note
    assert editor.isHidden()
    settle(page.program)
    assert page.program.services.chat.open(page.conversation)[1][0].draft is None


def test_any_reply_can_be_made_again_and_by_keys_gone_back_to(qtbot, page):
    reply = page.shown.branch[1]
    press(page, "And now?")
    ended(qtbot, page.program)
    assert len(page.shown.branch) == 4
    page.branches.retry(reply.id)
    ended(qtbot, page.program)
    assert len(page.shown.branch) == 2
    assert page.shown.branch[1].versions == (reply.id, page.shown.branch[1].id)
    page.program.workspace.commands[Command.EARLIER_VERSION].trigger()
    qtbot.waitUntil(lambda: len(page.shown.branch) == 4)
    assert page.shown.branch[1].id == reply.id
    transcript = page.view.transcript
    transcript._set_current(1)
    qtbot.keyClick(transcript, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: len(page.shown.branch) == 2)
    assert transcript.current == page.shown.branch[1].id


def test_a_stopped_reply_goes_on(qtbot, page):
    press(page, LONG)
    qtbot.waitUntil(lambda: page.shown.live is not None and page.shown.live.begun, timeout=REPLY)
    assert page.branches.is_live(page.shown.branch[-1].id)
    page.stop()
    ended(qtbot, page.program)
    cut = page.shown.branch[-1]
    assert page.branches.is_cut_off(cut.id)
    page.go_on()
    qtbot.waitUntil(
        lambda: page.shown.live is not None and len(page.shown.live.text) > len(cut.text),
        timeout=REPLY,
    )
    assert seen(page)[-1].startswith(cut.text)
    stop_all(qtbot, page.program)
    settle(page.program)
    longer = page.shown.branch[-1]
    assert longer.text.startswith(cut.text)
    assert (longer.made, longer.versions) == (Made.CONTINUED, (cut.id, longer.id))


def test_a_reply_on_its_way_goes_on_while_another_version_is_looked_at(qtbot, page):
    first = page.shown.branch[1]
    page.branches.retry(first.id)
    qtbot.waitUntil(lambda: page.shown.live is not None and page.shown.live.begun, timeout=REPLY)
    live = page.shown.live
    page.branches.show_message(first.id)
    qtbot.waitUntil(lambda: texts(page)[-1] == first.text)
    assert page.shown.live is live
    page.branches.show_message(live.reply)
    qtbot.waitUntil(lambda: page.shown.branch[-1].id == live.reply)
    assert live.text.startswith(seen(page)[-1][:20])
    stop_all(qtbot, page.program)
    settle(page.program)
    assert page.shown.branch[-1].state in (MessageState.STOPPED, MessageState.COMPLETE)
    assert seen(page)[-1] == page.shown.branch[-1].text


def test_looking_elsewhere_before_the_question_is_kept_mixes_no_branches(qtbot, page, gate):
    question, first = page.shown.branch
    page.branches.retry(first.id)
    ended(qtbot, page.program)
    second = page.shown.branch[1]
    late = gate(page.program.services.chat._store, "add")
    page.branches.retry(second.id)
    assert late.reached.wait(20)
    page.branches.show_message(first.id)
    qtbot.waitUntil(lambda: page.shown.branch[-1].id == first.id)
    late.open()
    ended(qtbot, page.program)
    stored = page.program.services.chat.open(page.conversation)[1]
    assert [message.id for message in page.shown.branch] == [message.id for message in stored]
    assert seen(page) == [message.text for message in stored]
    assert stored[1].versions == (first.id, second.id, stored[1].id)
    assert stored[0].id == question.id


def test_deleting_a_message_takes_what_followed_and_undo_brings_it_back(qtbot, page):
    program, before = page.program, texts(page)
    press(page, "And now?")
    ended(qtbot, program)
    whole = texts(page)
    transcript = page.view.transcript
    transcript._set_current(2)
    qtbot.keyClick(transcript, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: texts(page) == before)
    assert seen(page) == before
    toasts = program.workspace.toasts
    assert "2 messages are deleted." in toasts.text()
    toasts.act()
    qtbot.waitUntil(lambda: texts(page) == whole)
    page.branches.delete(page.shown.branch[0].id)
    qtbot.waitUntil(lambda: texts(page) == [])
    assert page.view._stack.currentWidget() is page.view.empty
    program.workspace.commands[Command.RESTORE].trigger()
    qtbot.waitUntil(lambda: texts(page) == whole)


def test_deleting_the_reply_on_its_way_stops_it(qtbot, page):
    before = texts(page)
    press(page, LONG)
    qtbot.waitUntil(lambda: page.shown.live is not None and page.shown.live.begun, timeout=REPLY)
    page.branches.delete(page.shown.branch[2].id)
    qtbot.waitUntil(lambda: texts(page) == before, timeout=REPLY)
    ended(qtbot, page.program)
    assert not page.shown.busy
    assert seen(page) == before


def test_what_was_deleted_elsewhere_comes_back_into_its_conversation(qtbot, page, filled):
    program = page.program
    page.branches.delete(page.shown.branch[1].id)
    qtbot.waitUntil(lambda: len(texts(page)) == 1)
    page.open(filled[1])
    shown(qtbot, program, filled[1])
    program.workspace.toasts.act()
    shown(qtbot, program, filled[0])
    qtbot.waitUntil(lambda: len(texts(page)) == 2)


def test_a_question_whose_reply_is_gone_can_be_answered_again(qtbot, page):
    question, reply = page.shown.branch
    page.branches.delete(reply.id)
    qtbot.waitUntil(lambda: len(texts(page)) == 1)
    assert page.shown.may_retry(question.id)
    page.retry()
    ended(qtbot, page.program)
    assert len(page.shown.branch) == 2
    assert page.shown.branch[1].text


def test_a_fork_is_a_conversation_of_its_own(qtbot, page, filled):
    program, question = page.program, page.shown.branch[0]
    page.branches.fork(question.id)
    qtbot.waitUntil(lambda: page.conversation not in (None, *filled) and not page.shown.opening)
    assert texts(page) == [question.text]
    assert page.view.title.text() == "Sky – fork"
    settle(program)
    assert page.sidebar.model.title_of(page.conversation) == "Sky – fork"
    assert len(program.services.chat.open(filled[0])[1]) == 2


def test_an_edit_that_is_not_ended_is_there_again(qtbot, page, filled):
    program, question = page.program, page.shown.branch[0]
    edit(page, question.id, "half a thought")
    page.open(filled[1])
    shown(qtbot, program, filled[1])
    assert page.view.transcript.editor.key is None
    page.open(filled[0])
    shown(qtbot, program, filled[0])
    editor = page.view.transcript.editor
    assert (editor.key, editor.text()) == (question.id, "half a thought")
    editor.editor.setPlainText("half a thought more")
    page = speak(qtbot, program, Command.CHINESE)
    shown(qtbot, program, filled[0])
    assert page.view.transcript.editor.text() == "half a thought more"
    speak(qtbot, program, Command.ENGLISH)


def test_an_edit_that_is_not_ended_outlives_the_program(qtbot, make_program, filled):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    reply = page.shown.branch[1]
    edit(page, reply.id, "half a thought")
    program.close()
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    assert page.view.transcript.editor.text() == "half a thought"
    qtbot.keyClick(page.view.transcript.editor.editor, Qt.Key.Key_Escape)
    assert page.view.transcript.editor.isHidden()
    program.workspace.toasts.act()  # undo
    assert page.view.transcript.editor.text() == "half a thought"
    page.view.transcript.editor._cancel.click()
    settle(program)
    assert program.services.chat.open(filled[-1])[1][1].draft is None


def test_an_edit_that_cannot_be_kept_stands_in_the_editor_again(qtbot, page, gate):
    question = page.shown.branch[0]
    broken = gate(page.program.services.chat._store, "ask", fault=FULL)
    broken.open()
    editor = edit(page, question.id, "changed")
    editor._confirm.click()
    qtbot.waitUntil(lambda: not page.view.fault.isHidden(), timeout=REPLY)
    qtbot.waitUntil(lambda: page.view.transcript.editor.text() == "changed")
    assert texts(page)[0] == question.text


def test_nothing_is_sent_from_an_editor_while_a_reply_is_on_its_way(qtbot, page):
    question = page.shown.branch[0]
    press(page, LONG)
    qtbot.waitUntil(lambda: page.shown.live is not None and page.shown.live.begun, timeout=REPLY)
    editor = edit(page, question.id, "changed")
    assert not editor._confirm.isEnabled()
    qtbot.keyClick(editor.editor, Qt.Key.Key_Return)
    assert editor.key == question.id
    stop_all(qtbot, page.program)
    qtbot.waitUntil(editor._confirm.isEnabled)


def test_the_map_shows_the_versions_and_leads_to_them(qtbot, page):
    program, first = page.program, page.shown.branch[1]
    page.branches.retry(first.id)
    ended(qtbot, program)
    program.window.show()
    program.window.resize(1200, 700)
    program.workspace.commands[Command.BRANCHES].trigger()
    qtbot.waitUntil(lambda: page.map.model.rowCount() == 3)
    page.map.message_chosen.emit(first.id)
    qtbot.waitUntil(lambda: page.shown.branch[-1].id == first.id)
    page.map.delete_wanted.emit(first.id)
    qtbot.waitUntil(lambda: page.map.model.rowCount() == 2)
    assert page.shown.branch[-1].id != first.id
    qtbot.keyClick(page.map.list, Qt.Key.Key_Escape)
    assert page.side.isHidden()
    assert QApplication.focusWidget() is page.composer.editor


def test_the_buttons_of_a_message(page):
    menus = [action.text for action in page.view.transcript._actions_of(page.shown.branch[1].id)]
    assert menus == ["Copy", "Edit", "Another reply", "Good reply", "Poor reply", "More"]
    menus = [action.text for action in page.view.transcript._actions_of(page.shown.branch[0].id)]
    assert menus == ["Copy", "Edit", "More"]


def test_another_model_can_reply_and_each_reply_says_which(qtbot, page):
    first = page.shown.branch[1]
    page.branches.retry(first.id, model="no such model")
    ended(qtbot, page.program)
    assert page.shown.branch[1].model == "no such model"
    assert "no such model" in page.view.transcript._column[1].note
    assert not page.view.fault.isHidden()
    assert page.shown.branch[1].role is Role.ASSISTANT


def test_a_hit_in_another_branch_opens_there_with_its_words_marked(qtbot, page, filled):
    program, question = page.program, page.shown.branch[0]
    editor = edit(page, question.id, "Say hello.")
    editor._confirm.click()
    ended(qtbot, program)
    page.open(filled[1])
    shown(qtbot, program, filled[1])
    page.sidebar.search.setText("light scatters")
    qtbot.waitUntil(lambda: page.sidebar._hits.rowCount() == 1)
    page.sidebar._open_first()
    shown(qtbot, program, filled[0])
    qtbot.waitUntil(lambda: page.view.transcript.marked_words == ("light", "scatters"))
    assert texts(page)[-1] == "Blue light scatters."
    transcript = page.view.transcript
    assert len(transcript._drawn_over(1)) == 2
    page.open(filled[1])
    shown(qtbot, program, filled[1])
    assert transcript.marked_words == ()


def test_the_first_marked_word_of_a_long_message_is_seen(qtbot, make_program, filled):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    program.window.show()
    number = page.conversation
    text = "\n\n".join(f"Paragraph {at}." for at in range(200)) + "\n\nA needle.\n\nAnd on."
    program.services.chat.edit_reply(page.shown.branch[-1], text)
    page.open(filled[0])
    shown(qtbot, program, filled[0])
    page.sidebar.search.setText("needle")
    qtbot.waitUntil(lambda: page.sidebar._hits.rowCount() == 1)
    page.sidebar._open_first()
    shown(qtbot, program, number)
    transcript = page.view.transcript

    def needle():
        document = transcript._column.document(1)
        (place,) = transcript._marks.places(transcript._column[1].key, document)
        box = document.documentLayout().blockBoundingRect(place.block())
        return transcript._origin(1).y() + box.top()

    qtbot.waitUntil(lambda: transcript.marked_words == ("needle",))
    qtbot.waitUntil(lambda: 0 <= needle() < transcript.viewport().height())


def test_an_unfinished_edit_does_not_take_the_keyboard(qtbot, page, filled):
    program, question = page.program, page.shown.branch[0]
    program.window.show()
    edit(page, question.id, "half a thought")
    page.open(filled[1])
    shown(qtbot, program, filled[1])
    page.composer.setFocus()
    page.open(filled[0])
    shown(qtbot, program, filled[0])
    assert page.view.transcript.editor.text() == "half a thought"
    assert QApplication.focusWidget() is page.composer.editor


def test_words_typed_into_an_edit_outlive_whatever_happens_beside_it(qtbot, page):
    question, reply = page.shown.branch
    editor = edit(page, question.id, "typed")
    page.context.take_care(reply.id, Care.EXCLUDED)
    editor.editor.insertPlainText("just now ")
    qtbot.waitUntil(lambda: page.shown.branch[1].care is Care.EXCLUDED)
    assert editor.text() == "just now typed"
    editor.editor.insertPlainText("and more ")
    page.branches.delete(reply.id)
    qtbot.waitUntil(lambda: len(page.shown.branch) == 1)
    assert editor.text() == "just now and more typed"
    page.retry()
    ended(qtbot, page.program)
    assert editor.text() == "just now and more typed"


def test_an_edit_that_was_sent_is_not_there_again(qtbot, page):
    question = page.shown.branch[0]
    editor = edit(page, question.id, "Say hello.")
    page.branches.save_edit()
    editor._confirm.click()
    ended(qtbot, page.program)
    settle(page.program)
    assert page.program.services.chat._store.message(question.id).draft is None


def test_a_question_sent_while_its_place_is_deleted_stays(qtbot, page, gate):
    late = gate(page.program.services.chat._store, "ask")
    press(page, "Say hello.")
    assert late.reached.wait(20)
    page.program.services.chat.tree.delete(page.shown.branch[1].id)
    late.open()
    ended(qtbot, page.program)
    stored = page.program.services.chat.open(page.conversation)[1]
    assert "Say hello." in [message.text for message in stored]
