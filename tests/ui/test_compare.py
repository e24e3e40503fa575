"""Two replies beside each other: asked in turn, one of them chosen."""

import pytest
from PySide6.QtCore import Qt

from desktop_llm.core.presets import Parameters, Preset
from desktop_llm.ui.actions import Command
from desktop_llm.ui.notifier import LONG, Notifier
from tests.ui.helpers import REPLY, press, settle, shown, stop_all

STORY = "Tell me a very long story about a whale."


@pytest.fixture
def page(qtbot, make_program):
    program = make_program(context_length=512)
    page = shown(qtbot, program)
    page.program = program
    for name, words in (("Short", 6), ("Longer", 12)):
        program.services.chat.presets.save_preset(
            Preset(name=name, parameters=Parameters(max_tokens=words, temperature=0.0))
        )
    return page


def set_up(qtbot, page, *presets):
    page.program.workspace.commands[Command.COMPARE].trigger()
    qtbot.waitUntil(lambda: page.compare.asks)
    for (_model, box), name in zip(page.view.setup._boxes, presets, strict=False):
        box.setCurrentIndex(box.findText(name))


def both(qtbot, page, text=STORY):
    press(page, text)
    qtbot.waitUntil(
        lambda: page.compare._running is not None and len(page.compare._running.replies) == 2,
        timeout=REPLY,
    )
    qtbot.waitUntil(lambda: not len(page.program.replies), timeout=REPLY)
    settle(page.program)


def chosen_over(page):
    found = page.program.services.chat.corrections.all()
    return [(each.chosen, each.rejected) for each in found]


def texts(page):
    return [side.transcript.text_of(side.key).strip() for side in page.view.comparison.sides]


def test_two_presets_answer_and_one_is_chosen(qtbot, page):
    set_up(qtbot, page, "Short", "Longer")
    assert page.view.setup.sides[0].preset.name == "Short"
    both(qtbot, page)
    short, longer = texts(page)
    assert short
    assert longer.startswith(short[:8])
    assert len(longer) > len(short)
    assert page.view._stack.currentWidget() is page.view.comparison
    assert "Short" in page.view.comparison.sides[0].title.text()
    first, second = page.compare._running.replies
    assert first.parent == second.parent
    assert all(side.take_button.isEnabled() for side in page.view.comparison.sides)
    page.view.comparison.sides[0].take_button.click()
    qtbot.waitUntil(lambda: page.view._stack.currentWidget() is page.view.transcript)
    settle(page.program)
    assert [message.id for message in page.shown.branch] == [first.parent, first.id]
    assert chosen_over(page) == [(first.id, second.id)]
    press(page, "Go on.")
    qtbot.waitUntil(lambda: len(page.shown.branch) == 4, timeout=REPLY)
    stop_all(qtbot, page.program)
    assert page.shown.branch[2].parent == first.id


def test_a_comparison_left_keeps_both_versions(qtbot, page):
    set_up(qtbot, page, "Short", "Short")
    both(qtbot, page)
    page.view.comparison.left.emit()
    assert page.view._stack.currentWidget() is page.view.transcript
    assert len(page.shown.branch[1].versions) == 2
    assert chosen_over(page) == []
    page.branches.compare_versions(page.shown.branch[1].id)
    qtbot.waitUntil(lambda: page.view._stack.currentWidget() is page.view.comparison)
    assert texts(page)[0] == texts(page)[1]
    page.view.comparison.sides[1].take_button.click()
    qtbot.waitUntil(lambda: page.view._stack.currentWidget() is page.view.transcript)


def test_stopping_the_first_asks_no_second(qtbot, page):
    page.shown.take_parameters(Parameters(max_tokens=400))
    set_up(qtbot, page)
    press(page, STORY)
    qtbot.waitUntil(lambda: len(page.program.replies) == 1 and page.shown.live.begun, timeout=REPLY)
    stop_all(qtbot, page.program)
    settle(page.program)
    assert not len(page.program.replies)
    assert "stopped" in page.view.comparison.sides[1].state.text()
    assert page.view.comparison.sides[0].take_button.isEnabled()
    assert not page.view.comparison.sides[1].take_button.isEnabled()
    page.view.comparison.sides[0].take_button.click()
    qtbot.waitUntil(lambda: page.view._stack.currentWidget() is page.view.transcript)
    assert chosen_over(page) == []


def test_another_conversation_ends_the_comparison_and_not_the_reply(qtbot, page):
    press(page, "Hello.")
    qtbot.waitUntil(lambda: len(page.shown.branch) == 2, timeout=REPLY)
    qtbot.waitUntil(lambda: not len(page.program.replies), timeout=REPLY)
    settle(page.program)
    number = page.conversation
    page.shown.take_parameters(Parameters(max_tokens=400))
    set_up(qtbot, page)
    press(page, STORY)
    qtbot.waitUntil(lambda: page.shown.live is not None and page.shown.live.begun, timeout=REPLY)
    page.new_conversation()
    assert page.view._stack.currentWidget() is page.view.empty
    assert len(page.program.replies) == 1
    stop_all(qtbot, page.program)
    settle(page.program)
    page.open(number)
    qtbot.waitUntil(lambda: page.conversation == number and len(page.shown.branch) == 4)
    assert page.view._stack.currentWidget() is page.view.transcript


def test_setting_up_is_left_by_escape(qtbot, page):
    set_up(qtbot, page)
    qtbot.keyClick(page.view.setup, Qt.Key.Key_Escape)
    assert not page.compare.asks


class Tray:
    """Stands for the desktop's, which there is none of here."""

    def __init__(self):
        self.said = []

    def __call__(self, title, words):
        self.said.append((title, words))


@pytest.fixture
def told(page, monkeypatch):
    tray, now = Tray(), [0.0]
    workspace = page.program.workspace
    notifier = Notifier(
        page.program.window, page.program.replies, lambda: True, workspace, lambda: now[0]
    )
    monkeypatch.setattr(
        "desktop_llm.ui.notifier.QSystemTrayIcon.isSystemTrayAvailable", lambda: True
    )
    monkeypatch.setattr(notifier, "_show", tray)
    notifier.said, notifier.now = tray.said, now
    return notifier


def test_a_long_reply_is_told_of_when_nobody_looks(qtbot, page, told):
    page.shown.take_parameters(Parameters(max_tokens=4))
    page.program.window.hide()
    press(page, "Say a secret word.")
    told.now[0] = LONG + 1
    qtbot.waitUntil(lambda: bool(told.said), timeout=REPLY)
    assert told.said == [("desktop-llm", "The reply is there.")]


def test_a_short_one_and_one_that_is_looked_at_are_not(page, told, monkeypatch):
    page.program.window.hide()
    assert not told.tell("x", "y", LONG - 1)
    assert told.tell("x", "y", LONG + 1)
    monkeypatch.setattr(told, "_is_here", lambda: True)
    assert not told.tell("x", "y", LONG + 1)
    monkeypatch.setattr(told, "_is_here", lambda: False)
    monkeypatch.setattr(told, "_wanted", lambda: False)
    assert not told.tell("x", "y", LONG + 1)
