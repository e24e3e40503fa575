"""What the model sees of a conversation, in the window: counted, asked about, pinned, excluded."""

import pytest
from PySide6.QtCore import Qt

from desktop_llm.core.context import Care, Policy
from desktop_llm.core.messages import Made, MessageState, Role
from desktop_llm.core.presets import Parameters
from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.database import Database
from desktop_llm.ui.actions import Command
from tests.ui.helpers import FULL, REPLY, press, settle, shown

WORDS = "The ship sailed on and the crew told stories of the sea. "


@pytest.fixture
def page(qtbot, make_program, tmp_path):
    """A conversation of some 200 tokens in a context of 256."""
    (tmp_path / "data").mkdir()
    database = Database(tmp_path / "data" / "conversations.db")
    store = Conversations(database)
    number = store.create("Ships", "smollm2-135m-instruct").id
    parent = None
    for at in range(3):
        question = store.add(number, Role.USER, f"Tell me {at}. {WORDS}", parent=parent)
        reply = store.add(
            number, Role.ASSISTANT, f"Reply {at}. {WORDS}", parent=question.id,
            state=MessageState.COMPLETE,
        )  # fmt: skip
        parent = reply.id
    database.close()
    program = make_program(context_length=256)
    page = shown(qtbot, program, number)
    page.program = program
    return page


def counted(qtbot, page, text):
    page.composer.set_text(text)
    qtbot.waitUntil(lambda: page.context.outlook is not None, timeout=REPLY)
    return page.context.outlook


def choose(page, words):
    (button,) = [b for b in page.view.choices.buttons if b.text().startswith(words)]
    button.click()


def ended(qtbot, page):
    qtbot.waitUntil(lambda: not len(page.program.replies), timeout=REPLY)
    settle(page.program)


def test_a_choice_is_asked_for_before_anything_is_left_out(qtbot, page):
    text = f"And now? {WORDS * 7}"
    outlook = counted(qtbot, page, text)
    assert outlook.overflows
    assert "not all of the conversation fits" in page.composer.gauge.text()
    before = len(page.shown.branch)
    page.composer.button.click()
    assert page.view.choices.text()
    assert page.composer.text() == text
    assert len(page.shown.branch) == before
    qtbot.keyClick(page.view.choices.buttons[0], Qt.Key.Key_Escape)
    assert page.view.choices.isHidden()
    page.composer.button.click()
    choose(page, "The newest")
    qtbot.waitUntil(lambda: len(page.shown.branch) == before + 2, timeout=REPLY)
    ended(qtbot, page)
    reply = page.shown.branch[-1]
    assert reply.unseen > 0
    assert "made without" in page.view.transcript._column[before + 1].note
    assert page.program.services.chat.open(page.conversation)[0].policy is Policy.NEWEST
    outlook = counted(qtbot, page, "More")  # it is remembered
    assert (outlook.policy, outlook.overflows) == (Policy.NEWEST, False)
    page.composer.button.click()
    assert page.view.choices.isHidden()
    ended(qtbot, page)


def test_a_question_sent_before_it_was_counted_is_asked_about_too(qtbot, page):
    text = f"And now? {WORDS * 7}"
    press(page, text)
    qtbot.waitUntil(lambda: not page.view.choices.isHidden(), timeout=REPLY)
    assert page.composer.text() == text
    assert page.view.fault.isHidden()
    choose(page, "The first question")
    qtbot.waitUntil(lambda: len(page.shown.branch) == 8, timeout=REPLY)
    ended(qtbot, page)
    assert page.shown.branch[-1].unseen > 0


def test_nothing_is_sent_where_no_choice_helps(qtbot, page):
    outlook = counted(qtbot, page, WORDS * 70)
    assert outlook.overflows
    assert not page.composer.button.isEnabled()
    assert "Too long" in page.composer.gauge.text()


def test_another_reply_that_no_longer_fits_is_asked_about(qtbot, page):
    long = page.program.services.chat.edit_reply(page.shown.branch[-1], WORDS * 12)
    page.open(page.conversation, long.id)
    qtbot.waitUntil(lambda: page.shown.branch[-1].id == long.id)
    press(page, "Why?")
    qtbot.waitUntil(lambda: not page.view.choices.isHidden(), timeout=REPLY)
    choose(page, "Send nothing")
    assert page.composer.text() == "Why?"


def test_a_message_is_pinned_and_kept_from_the_model(qtbot, page):
    first = page.shown.branch[0]
    page.branches.take_care(first.id, Care.EXCLUDED)
    qtbot.waitUntil(lambda: page.shown.branch[0].care is Care.EXCLUDED)
    assert "kept from the model" in page.view.transcript._column[0].note
    outlook = counted(qtbot, page, "More")
    sent = {item.message: item.fate.value for item in outlook.items}
    assert sent[first.id] == "excluded"
    page.branches.take_care(first.id, Care.PINNED)
    qtbot.waitUntil(lambda: page.shown.branch[0].care is Care.PINNED)
    assert "pinned" in page.view.transcript._column[0].note


def test_the_inspector_shows_what_is_sent(qtbot, page):
    program = page.program
    program.window.show()
    program.workspace.commands[Command.CONTEXT].trigger()
    assert page.side.shown == "context"
    counted(qtbot, page, "More")
    qtbot.waitUntil(lambda: page.context.outlook is not None and page.inspector.isVisible())
    page.inspector.policy_wanted.emit(Policy.NEWEST)
    qtbot.waitUntil(
        lambda: program.services.chat.open(page.conversation)[0].policy is Policy.NEWEST
    )
    qtbot.waitUntil(
        lambda: page.context.outlook is not None and page.context.outlook.policy is Policy.NEWEST,
        timeout=REPLY,
    )
    page.inspector.care_wanted.emit(page.shown.branch[1].id, Care.EXCLUDED)
    qtbot.waitUntil(lambda: page.shown.branch[1].care is Care.EXCLUDED)
    page.inspector.message_chosen.emit(page.shown.branch[0].id)
    shown_texts = []
    page.inspector.show_rendered = lambda rendered: shown_texts.append(rendered)
    page.inspector.rendered_wanted.emit()
    qtbot.waitUntil(lambda: bool(shown_texts), timeout=REPLY)
    assert "".join(piece.text for piece in shown_texts[0].pieces).count("<|im_start|>") > 3


def test_a_choice_that_cannot_be_kept_is_said(qtbot, page, gate):
    gate(page.program.services.chat, "choose_policy", FULL).open()
    page.context.choose_policy(Policy.NEWEST)
    qtbot.waitUntil(lambda: "full" in page.view.fault.text())


def crowd(page):
    """Instructions so long that a reply to the last question no longer fits with all before it."""
    chat = page.program.services.chat
    parameters = Parameters(system_prompt="Be kind. " * 42, max_tokens=8)
    chat.set_parameters(page.conversation, parameters)
    page.shown.take_parameters(parameters)
    page.composer.set_text("half a draft")


@pytest.mark.parametrize("act", ["retry", "go on", "edit"])
def test_what_was_refused_is_asked_for_again_and_never_the_draft(qtbot, page, act):
    crowd(page)
    question, reply = page.shown.branch[-2:]
    if act == "retry":
        page.retry()
    elif act == "go on":
        page.go_on()
    else:
        page.branches.edit(question.id)
        page.view.transcript.editor.editor.setPlainText("And edited?")
        page.view.transcript.editor._confirm.click()
    qtbot.waitUntil(lambda: not page.view.choices.isHidden(), timeout=REPLY)
    assert page.shown.branch[-1].id == reply.id
    choose(page, "The newest")
    qtbot.waitUntil(lambda: page.shown.branch[-1].id != reply.id, timeout=REPLY)
    ended(qtbot, page)
    last, made = page.shown.branch[-2:]
    assert page.composer.text() == "half a draft"
    assert made.unseen > 0
    assert made.finish
    if act == "edit":
        assert (last.text, last.origin) == ("And edited?", question.id)
        assert page.view.transcript.editor.isHidden()
    else:
        assert made.versions == (reply.id, made.id)
        assert (made.made is Made.CONTINUED) is (act == "go on")
    texts = [message.text for message in page.program.services.chat.open(page.conversation)[1]]
    assert "half a draft" not in texts


def test_refusing_to_choose_leaves_everything_as_it_was(qtbot, page):
    crowd(page)
    before = [message.id for message in page.shown.branch]
    page.retry()
    qtbot.waitUntil(lambda: not page.view.choices.isHidden(), timeout=REPLY)
    choose(page, "Send nothing")
    settle(page.program)
    assert [message.id for message in page.shown.branch] == before
    assert page.shown.branch[-1].versions == (before[-1],)
    assert page.composer.text() == "half a draft"
