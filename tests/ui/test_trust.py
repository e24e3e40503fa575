"""What a reply was made with, in the window: shown, made again, and how sure the model was."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from desktop_llm.core.messages import Made
from desktop_llm.core.presets import Parameters
from desktop_llm.core.scores import TokenScore
from desktop_llm.ui.actions import Command
from desktop_llm.ui.models.reply_details import pieces_of
from desktop_llm.ui.widgets.scored_text import ScoredText
from tests.ui.helpers import REPLY, press, settle, shown


@pytest.fixture
def page(qtbot, make_program):
    program = make_program(context_length=512)
    page = shown(qtbot, program)
    page.program = program
    return page


def asked(qtbot, page, text, replies=1, **values):
    page.shown.take_parameters(Parameters(max_tokens=24, **values))
    press(page, text)
    ended(qtbot, page, 2 * replies)


def ended(qtbot, page, messages):
    qtbot.waitUntil(lambda: len(page.shown.branch) == messages, timeout=REPLY)
    qtbot.waitUntil(lambda: not len(page.program.replies), timeout=REPLY)
    settle(page.program)


def facts(page):
    return dict(page.about._facts.facts)


def test_a_reply_shows_what_it_was_made_with(qtbot, page):
    page.program.workspace.commands[Command.REPLY].trigger()
    assert page.about._stack.currentWidget() is page.about.empty
    asked(qtbot, page, "Why is the sky blue?", temperature=0.5)
    qtbot.waitUntil(lambda: facts(page).get("Temperature") == "0.5", timeout=REPLY)
    shown_facts = facts(page)
    assert shown_facts["Model"].startswith("smollm2")
    assert shown_facts["Adapter"] == "none"
    assert shown_facts["Reproducible"] == "no"
    assert shown_facts["Seed"] == str(page.shown.branch[1].stats.seed)
    assert len(shown_facts["Chat template (SHA-256)"]) == 64
    assert "Time to first token" in shown_facts
    qtbot.waitUntil(lambda: len(facts(page)["File (SHA-256)"]) == 64, timeout=REPLY)
    assert not page.about._scored.isHidden()
    assert page.about.text.toPlainText() == page.shown.branch[1].text
    assert "Perplexity" in page.about.perplexity.text()
    page.about.copy_button.click()
    assert f"Seed: {shown_facts['Seed']}" in QGuiApplication.clipboard().text()


def test_a_reproducible_reply_is_made_again_letter_for_letter(qtbot, page):
    page._tell_about(0)
    asked(qtbot, page, "Tell me of the sea.", reproducible=True)
    first = page.shown.branch[1]
    qtbot.waitUntil(lambda: page.about.replay_button.isEnabled(), timeout=REPLY)
    page.about.replay_button.click()
    qtbot.waitUntil(lambda: page.shown.branch[-1].id != first.id, timeout=REPLY)
    ended(qtbot, page, 2)
    again = page.shown.branch[1]
    assert (again.made, again.text) == (Made.REPLAYED, first.text)
    qtbot.waitUntil(lambda: "Identical" in page._toasts.text(), timeout=REPLY)
    qtbot.waitUntil(lambda: "Identical" in page.about.verdict.text(), timeout=REPLY)
    assert "made again" in page.view.transcript._column[1].note


def test_another_reply_is_at_best_approximate(qtbot, page):
    page._tell_about(0)
    asked(qtbot, page, "Tell me of the sea.", temperature=1.5)
    qtbot.waitUntil(lambda: page.about.replay_button.isEnabled(), timeout=REPLY)
    first = page.shown.branch[1]
    page.about.replay_button.click()
    qtbot.waitUntil(lambda: page.shown.branch[-1].id != first.id, timeout=REPLY)
    ended(qtbot, page, 2)
    qtbot.waitUntil(lambda: bool(page.about.verdict.text()), timeout=REPLY)
    words = page.about.verdict.text()
    assert "Approximate" in words or "may be chance" in words


def test_a_reply_of_before_says_what_is_not_known(qtbot, make_program, filled):
    program = make_program()
    page = shown(qtbot, program)
    page.open(filled[0])
    qtbot.waitUntil(lambda: page.conversation == filled[0] and not page.shown.opening)
    page._tell_about(page.shown.branch[1].id)
    qtbot.waitUntil(lambda: "Model" in facts(page), timeout=REPLY)
    assert not page.about.replay_button.isEnabled()
    assert "not noted" in page.about.replay_button.toolTip()
    assert page.about._scored.isHidden()


def test_confidence_is_not_noted_where_it_is_not_wanted(qtbot, make_program):
    page = shown(qtbot, make_program(note_confidence=False))
    press(page, "Hello.")
    qtbot.waitUntil(lambda: len(page.shown.branch) == 2 and not page.shown.busy, timeout=REPLY)
    page._tell_about(page.shown.branch[1].id)
    qtbot.waitUntil(lambda: "Seed" in facts(page), timeout=REPLY)
    assert page.about._scored.isHidden()


def test_shaky_words_are_underlined_and_told(qtbot):
    text = "😀 sure maybe hardly"
    scores = (
        TokenScore(7, 0.9),
        TokenScore(6, 0.4, (("often", 0.5),)),
        TokenScore(6, 0.05, (("\n", 0.8),)),
    )
    pieces = pieces_of(text, scores)
    assert [(piece.text, piece.level) for piece in pieces] == [
        (text[:7], 0),
        (text[7:13], 1),
        (text[13:], 2),
    ]
    view = ScoredText()
    qtbot.addWidget(view)
    view.show_pieces(pieces)
    marks = [mark.cursor.selectedText() for mark in view.extraSelections()]
    assert marks == [text[7:13], text[13:]]
    notes = []
    view.noted.connect(notes.append)
    cursor = view.textCursor()
    cursor.setPosition(15)  # the face counts twice
    view.setTextCursor(cursor)
    assert notes[-1].splitlines() == ["“hardly”  5 %", "Instead:", "“↵”  80 %"]
    view.show_pieces([])
    assert view.extraSelections() == []


def test_the_panel_is_left_by_escape_with_a_reply_and_without(qtbot, page):
    page.program.workspace.commands[Command.REPLY].trigger()
    assert page.side.isVisible()
    qtbot.keyClick(page.window().focusWidget(), Qt.Key.Key_Escape)
    assert not page.side.isVisible()
    asked(qtbot, page, "Hello.")
    page.program.workspace.commands[Command.REPLY].trigger()
    qtbot.waitUntil(lambda: "Seed" in facts(page), timeout=REPLY)
    page.program.workspace.commands[Command.REPLY].trigger()
    page.program.workspace.commands[Command.REPLY].trigger()
    assert page.window().focusWidget() is page.about.copy_button
    qtbot.keyClick(page.about.copy_button, Qt.Key.Key_Escape)
    assert not page.side.isVisible()
    assert page.window().focusWidget() is page.composer.editor
