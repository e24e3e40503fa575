"""The page that shows what is sent: its list, the policy, the exact text; and the gauge."""

import time
from dataclasses import replace

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QAccessible, QColor, QContextMenuEvent, QPalette, QTextDocument
from PySide6.QtWidgets import QApplication, QLabel, QMenu, QVBoxLayout, QWidget

from desktop_llm.core.context import Care, Fate, Policy
from desktop_llm.core.engine import PromptPiece, RenderedPrompt
from desktop_llm.core.messages import Role
from desktop_llm.core.outlook import Kind, Outlook, OutlookItem
from desktop_llm.core.settings import Language, Theme
from desktop_llm.ui import theme
from desktop_llm.ui.models.outlook import OutlookModel
from desktop_llm.ui.pages.context_panel import ContextPanel
from desktop_llm.ui.pages.exact_text import AT_ONCE, MOST_SHOWN
from desktop_llm.ui.widgets.gauge import Gauge
from desktop_llm.ui.widgets.list_rows import BELOW_ROLE, DETAIL_BELOW_ROLE
from desktop_llm.ui.widgets.side_panel import NARROWEST, WIDTH, SidePanel
from desktop_llm.ui.widgets.weight_rows import MARK_ROLE, QUIET_ROLE, SHARE_ROLE
from desktop_llm.words import use_language

NO_STALL = 0.1  # seconds; 1,000 items take 3 ms where nothing else runs
HOSTILE = "<img src='/dev/zero'> <b>bold</b>"
CHOICES = ((Policy.STOP, None), (Policy.FIRST_AND_NEWEST, None), (Policy.NEWEST, 6),
           (Policy.SUMMARY, 1_000))  # fmt: skip
PROMPT = RenderedPrompt(
    (PromptPiece("<|user|>\n", False), PromptPiece(HOSTILE, True), PromptPiece("<|end|>", False)),
    1_203,
)


def message(number, fate=Fate.SENT, care=Care.USUAL, tokens=10, excerpt=""):
    return OutlookItem(kind=Kind.MESSAGE, role=Role.USER if number % 2 else Role.ASSISTANT,
                       excerpt=excerpt or f"Text {number}", tokens=tokens, fate=fate,
                       message=number, care=care)  # fmt: skip


def other(kind, excerpt, tokens=20):
    role = Role.USER if kind is Kind.DRAFT else Role.SYSTEM
    return OutlookItem(kind=kind, role=role, excerpt=excerpt, tokens=tokens, fate=Fate.SENT)


SYSTEM, SUMMARY = other(Kind.SYSTEM, "Be brief."), other(Kind.SUMMARY, "")


def outlook(items=(), draft="Why?", **changes):
    values = {"tokens": 1_203, "reply_room": 256, "context_length": 4_096, "policy": Policy.ASK,
              "overflows": False, "unseen": 0, "choices": CHOICES}  # fmt: skip
    return Outlook(items=(SYSTEM, *items, other(Kind.DRAFT, draft)), **(values | changes))


MIXED = (message(1, care=Care.PINNED), message(2, Fate.DROPPED, tokens=1_203),
         message(3, Fate.EXCLUDED, Care.EXCLUDED), message(4))  # fmt: skip


@pytest.fixture
def window(qtbot):
    window = QWidget()
    qtbot.addWidget(window)
    window.resize(WIDTH, 640)
    return window


@pytest.fixture
def side(window):
    """The panel where it stands in the program."""
    side = SidePanel(QApplication.windowIcon(), "Close", window)
    side.add("context", "What is sent", ContextPanel())
    QVBoxLayout(window).addWidget(side)
    window.show()
    window.activateWindow()
    side.open("context")
    return side


@pytest.fixture
def panel(side):
    return side.findChild(ContextPanel)


@pytest.fixture
def heard(panel):
    heard = []
    panel.care_wanted.connect(lambda *what: heard.append(what))
    panel.message_chosen.connect(heard.append)
    panel.policy_wanted.connect(heard.append)
    panel.rendered_wanted.connect(lambda: heard.append("rendered"))
    return heard


def said(panel):
    """The small text of the page that is shown."""
    return [label.text() for label in panel.findChildren(QLabel) if label.isVisible()]


def rows(panel, role=Qt.ItemDataRole.DisplayRole):
    model = panel.list.outlook
    return [model.index(row).data(role) for row in range(model.rowCount())]


def go_to(panel, row):
    panel.list.setFocus()
    panel.list.setCurrentIndex(panel.list.outlook.index(row))


def point_at(qtbot, panel, row):
    place = panel.list.visualRect(panel.list.outlook.index(row)).center()
    qtbot.mouseMove(panel.list.viewport(), place)
    panel.list.entered.emit(panel.list.outlook.index(row))


# --- the model -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("qapp")
def test_the_items_are_a_model(qtmodeltester):
    model = OutlookModel()
    model.show_items((SYSTEM, SUMMARY, *MIXED, other(Kind.DRAFT, "")))
    qtmodeltester.check(model)
    model.take_care(4, Care.PINNED)
    model.show_items((SYSTEM, *MIXED[1:], message(5), other(Kind.DRAFT, "Why?")))
    assert [model.key_at(row) for row in range(6)] == ["system", 2, 3, 4, 5, "draft"]
    model.show_items(())
    assert model.rowCount() == 0


def test_each_row_says_what_becomes_of_it(panel):
    panel.show_outlook(outlook((SUMMARY, *MIXED, message(5, Fate.SUMMARISED)), draft=" \n"))
    assert rows(panel) == ["Be brief.", "Written when you send", "Text 1", "Text 2", "Text 3",
                           "Text 4", "Text 5", "Nothing typed yet"]  # fmt: skip
    assert rows(panel, BELOW_ROLE) == [
        "Instructions to the model", "Summary", "You · pinned", "The model · does not fit",
        "You · kept from the model", "The model", "You · in the summary", "Draft",
    ]  # fmt: skip
    assert rows(panel, QUIET_ROLE) == [False, False, False, True, True, False, True, False]
    assert [bool(mark) for mark in rows(panel, MARK_ROLE)] == [False, False, True] + [False] * 5
    assert rows(panel, DETAIL_BELOW_ROLE)[3] == "1,203"
    assert rows(panel, SHARE_ROLE)[3] == 1
    spoken = rows(panel, Qt.ItemDataRole.AccessibleTextRole)
    assert spoken[3] == "The model: Text 2, 1,203 tokens, does not fit"
    reader = QAccessible.queryAccessibleInterface(panel.list)
    names = [reader.child(at).text(QAccessible.Text.Name) for at in range(reader.childCount())]
    assert [name for name in names if ":" in name] == spoken


def test_a_short_conversation_has_short_bars(panel):
    panel.show_outlook(outlook((message(1, tokens=26),)))
    assert max(rows(panel, SHARE_ROLE)) == pytest.approx(0.1, abs=0.01)


def test_a_tooltip_shows_the_text_and_loads_nothing(panel):
    panel.show_outlook(outlook((message(1, excerpt=HOSTILE),)))
    tips = rows(panel, Qt.ItemDataRole.ToolTipRole)
    assert all("<img" not in tip for tip in tips)
    document = QTextDocument()
    document.setHtml(tips[1])
    assert document.toPlainText() == f"You · 10 tokens\n{HOSTILE}"
    assert "Settings" in tips[0]
    assert "always sent" in tips[2]


# --- words above the list ------------------------------------------------------------------------


def test_how_much_is_sent_is_said(panel):
    panel.show_outlook(outlook(MIXED))
    assert {"1,203 of 4,096 tokens", "256 are kept for the reply"} <= set(said(panel))
    assert panel.gauge.accessibleName() == "1,203 of 4,096 tokens, 256 are kept for the reply"
    assert not panel.gauge.over
    assert "Counting …" not in said(panel)
    panel.show_outlook(outlook(MIXED), busy=True)
    assert "Counting …" in said(panel)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"unseen": 1, "policy": Policy.NEWEST}, "1 earlier message is not sent."),
        ({"unseen": 6, "policy": Policy.NEWEST}, "6 earlier messages are not sent."),
        ({"unseen": 6, "policy": Policy.SUMMARY}, "6 earlier messages are sent as a summary."),
        ({"tokens": 4_000, "overflows": True}, "Too long: nothing can be sent as it is."),
    ],
)
def test_what_is_not_sent_is_said(panel, changes, words):
    about = {"Too long: nothing can be sent as it is.", "6 earlier messages are not sent.",
             "1 earlier message is not sent.",
             "6 earlier messages are sent as a summary."}  # fmt: skip
    panel.show_outlook(outlook(MIXED, **changes))
    assert about & set(said(panel)) == {words}
    assert panel.gauge.over is changes.get("overflows", False)
    panel.show_outlook(outlook(MIXED))
    assert about.isdisjoint(said(panel))


def test_what_is_shown_when_there_is_nothing(panel, side):
    assert "Nothing to show yet" in said(panel)
    assert panel.hasFocus()  # so that Esc is heard
    panel.show_outlook(None, busy=True)
    assert "Counting …" in said(panel)
    panel.show_outlook(outlook(MIXED))
    assert panel.list.hasFocus()
    panel.show_outlook(None, busy=True)  # a model is loaded again
    assert not panel.list.isVisible()
    panel.show_outlook(None)
    assert rows(panel) == []
    assert panel.hasFocus()
    QApplication.sendEvent(panel, _key(Qt.Key.Key_Escape))
    assert side.shown == ""


def _key(key):
    from PySide6.QtGui import QKeyEvent

    return QKeyEvent(QEvent.Type.KeyPress, key, Qt.KeyboardModifier.NoModifier)


# --- the policy ----------------------------------------------------------------------------------


def test_a_policy_is_chosen_by_a_person_alone(qtbot, panel, heard):
    panel.show_outlook(outlook(MIXED, policy=Policy.NEWEST))
    assert panel.policy.currentText() == "Keep the newest"
    assert heard == []
    panel.policy.setFocus()
    qtbot.keyClick(panel.policy, Qt.Key.Key_Down)
    assert heard == [Policy.SUMMARY]
    panel.show_outlook(outlook(MIXED, policy=Policy.SUMMARY))
    panel.policy.activated.emit(panel.policy.currentIndex())  # the same again
    assert heard == [Policy.SUMMARY]


def test_each_policy_tells_what_it_would_do(qtbot, panel):
    panel.show_outlook(outlook(MIXED))
    spoken = [panel.policy.itemData(at, Qt.ItemDataRole.AccessibleTextRole) or
              panel.policy.itemText(at) for at in range(5)]  # fmt: skip
    assert spoken == ["Ask me", "Send nothing",
                      "Keep the first question and the newest, too long all the same",
                      "Keep the newest, leaves out 6",
                      "Summarise what does not fit, sums up 1,000"]  # fmt: skip
    tips = [panel.policy.itemData(at, Qt.ItemDataRole.ToolTipRole) for at in range(5)]
    assert len({*tips}) == 5
    assert all(tips)
    assert panel.policy.accessibleName() == "When the conversation is too long"
    panel.policy.showPopup()
    qtbot.waitUntil(panel.policy.view().isVisible)
    assert panel.policy.view().width() > panel.policy.width()  # none of it is cut
    panel.policy.hidePopup()


# --- keys, buttons, the menu ---------------------------------------------------------------------


def test_keys_pin_exclude_and_go_there(qtbot, panel, heard):
    panel.show_outlook(outlook(MIXED))
    go_to(panel, 4)
    for key in (Qt.Key.Key_P, Qt.Key.Key_P, Qt.Key.Key_E, Qt.Key.Key_Delete, Qt.Key.Key_Return):
        qtbot.keyClick(panel.list, key)
    assert heard == [(4, Care.PINNED), (4, Care.USUAL), (4, Care.EXCLUDED), (4, Care.USUAL), 4]
    go_to(panel, 1)
    qtbot.keyClick(panel.list, Qt.Key.Key_E)  # a pinned one
    assert heard[5:] == [(1, Care.EXCLUDED)]
    assert rows(panel, BELOW_ROLE)[1] == "You · kept from the model"  # at once
    qtbot.keyClick(panel.list, Qt.Key.Key_P, Qt.KeyboardModifier.ControlModifier)
    assert len(heard) == 6


def test_a_click_goes_there(qtbot, panel, heard):
    panel.show_outlook(outlook(MIXED))
    place = panel.list.visualRect(panel.list.outlook.index(2)).center()
    qtbot.mouseClick(panel.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert heard == [2]


def test_only_messages_can_be_pinned(qtbot, panel, heard):
    panel.show_outlook(outlook((SUMMARY, message(1))))
    for row in (0, 1, 3):
        go_to(panel, row)
        for key in (Qt.Key.Key_P, Qt.Key.Key_E, Qt.Key.Key_Delete, Qt.Key.Key_Return):
            qtbot.keyClick(panel.list, key)
        assert not any(bar.isVisible() for bar in panel.list._bars)
    assert heard == []


def test_the_row_in_use_and_the_one_under_the_mouse_have_buttons(qtbot, panel, heard):
    panel.show_outlook(outlook(MIXED))
    in_use, under = panel.list._bars
    go_to(panel, 1)
    assert (in_use.row, under.row) == (1, -1)
    point_at(qtbot, panel, 4)
    assert (in_use.row, under.row) == (1, 4)
    pin, exclude = under._buttons.values()
    assert pin.accessibleName() == "Always send to the model (P)"
    assert [button.isChecked() for button in in_use._buttons.values()] == [True, False]
    qtbot.mouseClick(pin, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(exclude, Qt.MouseButton.LeftButton)
    assert heard == [(4, Care.PINNED), (4, Care.EXCLUDED)]
    assert (pin.isChecked(), exclude.isChecked()) == (False, True)
    assert panel.list.hasFocus()
    point_at(qtbot, panel, 1)
    assert (in_use.row, under.row) == (1, -1)  # once is enough
    QApplication.sendEvent(panel.list.viewport(), QEvent(QEvent.Type.Leave))
    panel.policy.setFocus()
    assert not in_use.isVisible()
    assert not under.isVisible()


def test_tab_walks_as_one_reads(qtbot, side, panel):
    panel.show_outlook(outlook(MIXED))
    panel.policy.setFocus()
    go = [panel.policy]
    for _at in range(6):
        if _at == 1:
            panel.list.setCurrentIndex(panel.list.outlook.index(1))
        qtbot.keyClick(go[-1], Qt.Key.Key_Tab)
        go.append(QApplication.focusWidget())
    buttons = list(panel.list._bars[0]._buttons.values())
    assert go == [panel.policy, panel.list, *buttons, panel.rendered_button, side.close_button,
                  panel.policy]  # fmt: skip


def test_the_focus_of_a_button_that_goes_returns_to_the_list(qtbot, panel, heard):
    panel.show_outlook(outlook(MIXED))
    go_to(panel, 1)
    pin = panel.list._bars[0]._buttons[Care.PINNED]
    pin.setFocus()
    qtbot.keyClick(pin, Qt.Key.Key_Space)
    assert heard == [(1, Care.USUAL)]
    assert pin.hasFocus()
    panel.show_outlook(outlook(()))
    assert panel.list.hasFocus()


def test_the_menu_offers_the_same(panel, heard):
    panel.show_outlook(outlook(MIXED))
    go_to(panel, 3)
    menu = panel.list._menu(panel.list.currentIndex(), Care.EXCLUDED)
    words = [action.text().split("\t") for action in menu.actions() if action.text()]
    assert words == [["Show in the conversation", "Enter"], ["Always send to the model", "P"],
                     ["Keep from the model", "E"]]  # fmt: skip
    assert [action.isChecked() for action in menu.actions()] == [False, False, False, True]
    panel.show_outlook(outlook((message(9), *MIXED)))  # rows come while it is open
    for action in menu.actions():
        action.trigger()
    assert heard == [3, (3, Care.PINNED), (3, Care.EXCLUDED)]
    menu.close()
    for row, menus in ((0, 0), (2, 1)):
        go_to(panel, row)
        keyboard = QContextMenuEvent.Reason.Keyboard
        event = QContextMenuEvent(keyboard, QPoint(), QPoint())
        QApplication.sendEvent(panel.list.viewport(), event)
        shown = [menu for menu in panel.list.findChildren(QMenu) if menu.isVisible()]
        assert len(shown) == menus
        for menu in shown:
            menu.close()


# --- updates -------------------------------------------------------------------------------------


def many(size, first=1):
    return tuple(message(number) for number in range(first, first + size))


def test_an_update_leaves_row_and_place(panel):
    panel.show_outlook(outlook(many(60)))
    view = panel.list
    go_to(panel, 40)
    top = view.visualRect(view.currentIndex()).top()
    for items in (many(60), (SUMMARY, *many(60)), (SUMMARY, *many(62)), many(58, first=3)):
        panel.show_outlook(outlook(items, draft=f"Why {len(items)}?"))
        assert view.currentIndex().data() == "Text 40"
        assert view.visualRect(view.currentIndex()).top() == top
    view.verticalScrollBar().setValue(0)
    assert not view._sees(view.currentIndex())
    panel.show_outlook(outlook(many(58, first=3), draft="Why not?"))
    assert view.verticalScrollBar().value() == 0
    gone = tuple(item for item in many(58, first=3) if item.message % 2)  # more than are moved
    panel.show_outlook(outlook(gone))
    assert view.verticalScrollBar().value() == 0


def test_another_conversation_begins_at_its_top(panel):
    panel.show_outlook(outlook(many(60)))
    go_to(panel, 40)
    panel.show_outlook(outlook(many(60, first=100)))
    assert panel.list.verticalScrollBar().value() == 0
    assert not panel.list.currentIndex().isValid()


def test_a_thousand_items_do_not_stall(panel):
    items = many(1_000)
    panel.show_outlook(outlook(items))
    QApplication.processEvents()
    go_to(panel, 600)
    times = []
    dropped = (*(replace(item, fate=Fate.DROPPED) for item in items[:500]), *items[500:])
    for each in (items, dropped, (SUMMARY, *items), (*items, message(1_001))):
        started = time.perf_counter()
        panel.show_outlook(outlook(each, draft=f"Why {len(times)}?"))
        QApplication.processEvents()
        times.append(time.perf_counter() - started)
    assert max(times) < NO_STALL


# --- the exact text ------------------------------------------------------------------------------


def colours(panel):
    """Of each stretch of the text."""
    found, block = [], panel.exact.view.document().begin()
    while block.isValid():
        walk = block.begin()
        while not walk.atEnd():
            part = walk.fragment()
            brush = part.charFormat().foreground()
            grey = brush.style() is not Qt.BrushStyle.NoBrush
            found.append((part.text(), brush.color() if grey else None))
            walk += 1
        block = block.next()
    return found


def test_the_exact_text_is_shown_as_it_is(qtbot, panel, heard, side):
    panel.show_outlook(outlook(MIXED))
    qtbot.mouseClick(panel.rendered_button, Qt.MouseButton.LeftButton)
    assert heard == ["rendered"]
    assert panel.rendered_button.text() == "One moment …"
    panel.show_rendered(PROMPT)
    qtbot.waitUntil(lambda: not panel.exact.filling)
    grey = panel.palette().color(QPalette.ColorRole.PlaceholderText)
    assert colours(panel) == [("<|user|>", grey), (HOSTILE, None), ("<|end|>", grey)]
    assert "1,203 tokens" in said(panel)
    assert panel.exact.view.hasFocus()
    qtbot.mouseClick(panel.exact.copy_button, Qt.MouseButton.LeftButton)
    assert QApplication.clipboard().text() == f"<|user|>\n{HOSTILE}<|end|>"
    assert panel.exact.copy_button.text() == "Copied"
    panel.exact.view.setFocus()
    qtbot.keyClick(panel.exact.view, Qt.Key.Key_Escape)
    assert panel.list.isVisible()
    assert panel.rendered_button.hasFocus()
    assert panel.rendered_button.text() == "Show the exact text"
    assert side.shown == "context"
    qtbot.keyClick(panel.rendered_button, Qt.Key.Key_Escape)
    assert side.shown == ""


def test_no_exact_text_leaves_the_list(panel):
    panel.show_outlook(outlook(MIXED))
    panel.rendered_button.click()
    panel.show_rendered(None)
    assert panel.list.isVisible()
    assert panel.rendered_button.text() == "Show the exact text"


def test_an_exact_text_that_is_old_says_so(panel, heard):
    panel.show_outlook(outlook(MIXED))
    panel.show_rendered(PROMPT)
    panel.show_outlook(outlook(MIXED))
    assert not panel.exact._stale.isVisible()
    panel.show_outlook(outlook(MIXED, draft="Why not?"))
    assert panel.exact.isVisible()
    panel.exact._stale.click()
    assert heard == ["rendered"]
    panel.show_rendered(PROMPT)
    assert not panel.exact._stale.isVisible()
    panel.show_outlook(None)  # another conversation
    assert not panel.exact.isVisible()
    assert panel.exact.view.toPlainText() == ""


def test_another_template_is_told(panel):
    panel.show_outlook(outlook(MIXED))
    panel.show_rendered(replace(PROMPT, template_fault="no such filter"))
    assert any("could not be used (no such filter)" in text for text in said(panel))


def test_a_huge_prompt_comes_in_pieces_and_not_all_of_it(qtbot, panel):
    panel.show_outlook(outlook(MIXED))
    huge = RenderedPrompt((PromptPiece("<|user|>", False), PromptPiece("word " * 210_000, True)), 9)
    started = time.perf_counter()
    panel.show_rendered(huge)
    assert time.perf_counter() - started < NO_STALL
    assert len(panel.exact.view.toPlainText()) <= 2 * AT_ONCE
    assert any("first 200,000 of 1,050,008 characters" in text for text in said(panel))
    qtbot.waitUntil(lambda: not panel.exact.filling)
    assert len(panel.exact.view.toPlainText()) == MOST_SHOWN
    assert panel.exact.view.verticalScrollBar().value() == 0
    panel.exact.copy()
    assert len(QApplication.clipboard().text()) == 1_050_008
    panel.show_list()
    assert panel.exact.view.toPlainText() == ""


def test_the_exact_text_follows_the_theme(qtbot, panel):
    panel.show_outlook(outlook(MIXED))
    panel.show_rendered(PROMPT)
    for chosen in (Theme.DARK, Theme.LIGHT):
        tokens = theme.apply(QApplication.instance(), chosen, 13)
        muted = QColor(tokens.muted)
        qtbot.waitUntil(
            lambda muted=muted: [colour for _text, colour in colours(panel)] == [muted, None, muted]
        )


# --- the whole of it -----------------------------------------------------------------------------


@pytest.mark.parametrize("language", [Language.ENGLISH, Language.CHINESE])
@pytest.mark.parametrize("width", [NARROWEST, WIDTH])
def test_it_fits_in_both_languages(qtbot, language, width):
    use_language(language)
    panel = ContextPanel()
    qtbot.addWidget(panel)
    assert panel.minimumSizeHint().width() <= NARROWEST
    panel.resize(width, 400)
    panel.show()
    for changes in ({}, {"overflows": True}, {"unseen": 2, "policy": Policy.SUMMARY}):
        panel.show_outlook(outlook((SUMMARY, *MIXED), **changes), busy=True)
        assert panel.width() == width
        panel.grab()
        panel.policy.showPopup()
        panel.policy.hidePopup()
    panel.show_rendered(PROMPT)
    panel.grab()
    labels = panel.findChildren(QLabel)
    assert {label.textFormat() for label in labels} == {Qt.TextFormat.PlainText}


# --- the gauge -----------------------------------------------------------------------------------


@pytest.fixture
def gauge(qtbot):
    gauge = Gauge()
    qtbot.addWidget(gauge)
    gauge.resize(100, 24)
    gauge.show()
    return gauge


def painted(gauge):
    """Colours along the bar, each once."""
    image = gauge.grab().toImage()
    found = [image.pixelColor(x, image.height() // 2).name() for x in range(8, image.width() - 8)]
    return [each for at, each in enumerate(found) if at == 0 or found[at - 1] != each]


def test_a_gauge_shows_what_is_used_and_kept(gauge):
    gauge.set_parts(0, 0, 0, "Nothing")
    accent, danger, empty = (
        gauge.palette().color(role).name()
        for role in (
            QPalette.ColorRole.Accent,
            QPalette.ColorRole.BrightText,
            QPalette.ColorRole.Mid,
        )
    )
    assert painted(gauge) == [empty]
    gauge.set_parts(50, 20, 100, "50 of 100")
    seen = painted(gauge)
    assert seen[0] == accent
    assert empty in seen[1:]
    assert seen[-1] not in (accent, empty)  # a light accent
    assert gauge.accessibleName() == "50 of 100"
    assert "50 of 100" in gauge.toolTip()
    gauge.set_parts(120, 20, 100, "120 of 100")
    assert painted(gauge) == [danger]


def test_a_gauge_is_a_button_where_somebody_listens(qtbot, gauge):
    assert gauge.focusPolicy() is Qt.FocusPolicy.NoFocus
    qtbot.mouseClick(gauge, Qt.MouseButton.LeftButton)
    heard = []
    gauge.clicked.connect(lambda: heard.append(1))
    assert gauge.focusPolicy() is Qt.FocusPolicy.StrongFocus
    qtbot.mouseClick(gauge, Qt.MouseButton.LeftButton)
    assert heard == [1]
    for key in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter):
        heard.clear()
        qtbot.keyClick(gauge, key)
        assert heard == [1]
