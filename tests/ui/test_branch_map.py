"""The map of a conversation's branches, and the panel that it is shown in."""

import time

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAccessible, QContextMenuEvent, QIcon, QTextDocument
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QVBoxLayout, QWidget

from desktop_llm.core.conversations import TreeNode
from desktop_llm.core.messages import Role
from desktop_llm.ui.models.branches import BranchesModel, map_words
from desktop_llm.ui.widgets.branch_map import MARK_ROLE, BranchMap
from desktop_llm.ui.widgets.list_rows import DETAIL_ROLE
from desktop_llm.ui.widgets.side_panel import NARROWEST, WIDTH, SidePanel

NO_STALL = 0.1  # seconds for 1,000 messages
HOSTILE = "<img src='/dev/zero'> <b>bold</b>"


def tree(parents, shown=(), texts=None):
    return [
        TreeNode(id=number, parent=parent, role=Role.ASSISTANT if number % 2 == 0 else Role.USER,
                 excerpt=(texts or {}).get(number, f"Text {number}"), model="smollm2",
                 created=1_800_000_000.0, shown=number in shown)
        for number, parent in parents.items()
    ]  # fmt: skip


def chain(length):
    return tree({number: number - 1 or None for number in range(1, length + 1)},
                range(1, length + 1))  # fmt: skip


FORKED = tree({1: None, 2: 1, 4: 1, 3: 2}, shown={1, 2, 3})


@pytest.fixture
def branches(qtbot):
    branches = BranchMap(BranchesModel(), QIcon())
    qtbot.addWidget(branches)
    branches.set_words(map_words())
    branches.resize(WIDTH, 300)
    branches.show()
    branches.activateWindow()
    return branches


def texts(branches):
    model = branches.model
    return [model.index(row).data() for row in range(model.rowCount())]


def spoken(model):
    role = Qt.ItemDataRole.AccessibleTextRole
    return [model.index(row).data(role) for row in range(model.rowCount())]


def click(qtbot, branches, row):
    place = branches.list.visualRect(branches.model.index(row)).center()
    qtbot.mouseClick(branches.list.viewport(), Qt.MouseButton.LeftButton, pos=place)


# --- the model -------------------------------------------------------------------------------


def test_branches_are_a_model(qtmodeltester):
    model = BranchesModel()
    model.show_nodes([*FORKED, *tree({number: number - 1 for number in range(5, 20)})])
    qtmodeltester.check(model)
    model.mark(4)
    model.unfold(next(r for r in range(model.rowCount()) if "more" in model.index(r).data()))
    assert model.rowCount() == 19
    model.show_nodes([])


def test_each_row_is_told_in_words():
    model = BranchesModel()
    model.show_nodes(FORKED)
    model.mark(3)
    assert spoken(model) == [
        "You: Text 1, shown",
        "The model: Text 2, version 1 of 2, shown",
        "You: Text 3, shown, current",
        "The model: Text 4, version 2 of 2",
    ]
    assert [model.index(row).data(DETAIL_ROLE) for row in range(4)] == [None, "1/2", None, "2/2"]
    model.show_nodes(chain(20))
    model.mark(9)
    assert spoken(model)[2] == "… 16 more messages, shown, current"


def test_a_message_is_one_line_and_a_reply_without_its_marks():
    model = BranchesModel()
    said = {1: "**Mine**\n\n stays", 2: "## Sky\n\n**Blue**, `x`", 3: " \n"}
    model.show_nodes(tree({1: None, 2: 1, 3: 2}, texts=said))
    assert [model.index(row).data() for row in range(3)] == ["**Mine** stays", "Sky Blue, x", "…"]


def test_a_tooltip_tells_who_and_when_and_loads_nothing():
    model = BranchesModel()
    model.show_nodes(tree({1: None, 2: 1}, texts={1: HOSTILE, 2: HOSTILE}))
    for row, speaker in enumerate(("You", "smollm2")):
        tip = model.index(row).data(Qt.ItemDataRole.ToolTipRole)
        assert "<img" not in tip
        document = QTextDocument()
        document.setHtml(tip)
        first, text = document.toPlainText().split("\n")
        assert first.startswith(f"{speaker} · ")
        assert "2027" in first
        assert "<b>bold</b>" in text


# --- the map ---------------------------------------------------------------------------------


def test_what_is_shown_when_there_is_little(branches):
    assert not branches.empty.isVisible()  # nothing is known yet
    branches.show_nodes([])
    assert branches.empty.isVisible()
    assert "another reply" in branches.list.accessibleDescription()
    branches.show_nodes(chain(3))
    assert not branches.empty.isVisible()
    assert branches._hint.isVisible()
    branches.show_nodes(FORKED)
    assert not branches._hint.isVisible()
    assert branches.list.accessibleName() == "Branches"
    assert branches.list.accessibleDescription() == ""
    labels = branches.findChildren(QLabel)
    assert {label.textFormat() for label in labels} == {Qt.TextFormat.PlainText}


def test_a_screen_reader_hears_the_rows(branches):
    branches.show_nodes(FORKED)
    rows = QAccessible.queryAccessibleInterface(branches.list)
    names = [rows.child(at).text(QAccessible.Text.Name) for at in range(rows.childCount())]
    assert names == spoken(branches.model)


def test_click_and_enter_choose_a_message(qtbot, branches):
    chosen = []
    branches.message_chosen.connect(chosen.append)
    branches.show_nodes(FORKED)
    click(qtbot, branches, 3)
    qtbot.keyClick(branches.list, Qt.Key.Key_Up)
    qtbot.keyClick(branches.list, Qt.Key.Key_Return)
    qtbot.keyClick(branches.list, Qt.Key.Key_Home)
    qtbot.keyClick(branches.list, Qt.Key.Key_Enter)
    assert chosen == [4, 3, 1]


@pytest.mark.parametrize("by_key", [True, False])
def test_a_fold_is_opened_where_it_stands(qtbot, branches, by_key):
    chosen = []
    branches.message_chosen.connect(chosen.append)
    branches.show_nodes(chain(20))
    assert texts(branches) == ["Text 1", "Text 2", "… 16 more messages", "Text 19", "Text 20"]
    if by_key:
        branches.list.setCurrentIndex(branches.model.index(2))
        qtbot.keyClick(branches.list, Qt.Key.Key_Return)
    else:
        click(qtbot, branches, 2)
    assert texts(branches) == [f"Text {number}" for number in range(1, 21)]
    assert branches.list.currentIndex().data() == "Text 3"
    assert chosen == []
    branches.show_nodes(chain(22))
    assert branches.model.rowCount() == 22  # it stays open


def test_a_fold_is_no_message(qtbot, branches):
    heard = []
    branches.delete_wanted.connect(heard.append)
    branches.menu_wanted.connect(lambda *what: heard.append(what))
    branches.show_nodes(chain(20))
    branches.list.setCurrentIndex(branches.model.index(2))
    qtbot.keyClick(branches.list, Qt.Key.Key_Delete)
    ask_menu(branches, QContextMenuEvent.Reason.Keyboard)
    assert heard == []
    branches.list.setCurrentIndex(branches.model.index(3))
    qtbot.keyClick(branches.list, Qt.Key.Key_Delete)
    assert heard == [19]


def ask_menu(branches, reason, row=0):
    place = branches.list.visualRect(branches.model.index(row)).center()
    on_screen = branches.list.viewport().mapToGlobal(place)
    event = QContextMenuEvent(reason, place, on_screen)
    QApplication.sendEvent(branches.list.viewport(), event)
    return on_screen


def test_a_menu_is_asked_for_with_its_place(branches):
    asked = []
    branches.menu_wanted.connect(lambda message, place: asked.append((message, place)))
    branches.show_nodes(FORKED)
    at = ask_menu(branches, QContextMenuEvent.Reason.Mouse, 3)
    assert asked == [(4, at)]
    branches.list.setCurrentIndex(branches.model.index(1))
    ask_menu(branches, QContextMenuEvent.Reason.Keyboard)
    below = branches.list.viewport().mapToGlobal(
        branches.list.visualRect(branches.model.index(1)).center()
    )
    assert asked[1:] == [(2, below)]


def marked(branches):
    model = branches.model
    return [row for row in range(model.rowCount()) if model.index(row).data(MARK_ROLE)]


def test_the_current_message_is_marked(branches):
    branches.show_nodes(FORKED)
    for message, rows in ((4, [3]), (1, [0]), (None, []), (99, [])):
        branches.mark(message)
        assert marked(branches) == rows
    branches.show_nodes(chain(20))
    branches.mark(10)
    assert marked(branches) == [2]  # the fold that it is in
    branches.model.unfold(2)
    assert marked(branches) == [9]


def test_a_mark_leaves_a_person_who_has_gone_elsewhere(qtbot, branches):
    branches.show_nodes(chain(6))
    branches.mark(2)
    branches.list.setFocus()
    qtbot.waitUntil(branches.list.hasFocus)
    branches.mark(3)
    assert branches.list.currentIndex().row() == 2
    qtbot.keyClick(branches.list, Qt.Key.Key_Home)
    branches.mark(5)
    assert branches.list.currentIndex().row() == 0
    assert marked(branches) == [4]
    branches.list.clearFocus()
    branches.mark(4)
    assert branches.list.currentIndex().row() == 3


def forest(size, shown=()):
    """A first message, and many replies to it."""
    return tree({1: None} | dict.fromkeys(range(2, size + 1), 1), {1, *shown})


def test_a_change_leaves_row_and_place(branches):
    branches.show_nodes(forest(100))
    view = branches.list
    view.setCurrentIndex(branches.model.index(60))
    top = view.visualRect(view.currentIndex()).top()
    assert view.verticalScrollBar().value() > 0
    branches.show_nodes(forest(101))
    assert view.currentIndex().data() == "Text 61"
    assert view.visualRect(view.currentIndex()).top() == top
    branches.show_nodes(forest(101, shown={80}))  # another one comes first
    assert view.currentIndex().data() == "Text 61"
    assert view.visualRect(view.currentIndex()).top() == top
    view.verticalScrollBar().setValue(view.verticalScrollBar().maximum())
    first = view.indexAt(QPoint(9, 0))
    text, top = first.data(), view.visualRect(first).top()
    assert not view.sees(view.currentIndex())
    branches.show_nodes(forest(120, shown={80}))
    first = view.indexAt(QPoint(9, 0))
    assert (first.data(), view.visualRect(first).top()) == (text, top)
    assert view.currentIndex().data() == "Text 61"


def test_another_conversation_begins_where_it_is_shown(branches):
    branches.show_nodes(forest(100))
    branches.list.setCurrentIndex(branches.model.index(60))
    other = tree({1000: None} | dict.fromkeys(range(1001, 1100), 1000), {1000, 1050})
    branches.show_nodes(other)
    assert branches.list.currentIndex().data() == "Text 1050"
    assert branches.list.sees(branches.list.currentIndex())


def test_after_a_deletion_the_next_row_is_in_use(branches):
    branches.show_nodes(FORKED)
    branches.list.setCurrentIndex(branches.model.index(2))
    branches.show_nodes([node for node in FORKED if node.id != 3])
    assert branches.list.currentIndex().data() == "Text 4"


def test_no_stall(branches):
    thousand = tree({number: max(1, number - 1 - number % 3) if number > 1 else None
                     for number in range(1, 1001)}, {1})  # fmt: skip
    begun = time.process_time()
    branches.show_nodes(thousand)
    branches.grab()
    assert time.process_time() - begun < NO_STALL
    begun = time.process_time()
    branches.show_nodes(forest(10_000))
    branches.grab()
    assert time.process_time() - begun < 10 * NO_STALL


def test_more_lanes_than_are_drawn_fit_into_the_list(branches):
    branches.show_nodes(forest(40, shown={7}))
    branches.resize(NARROWEST, 200)
    assert not branches.grab().isNull()


# --- the panel -------------------------------------------------------------------------------


@pytest.fixture
def panel(qtbot):
    window = QWidget()
    qtbot.addWidget(window)
    panel = SidePanel(QIcon(), "Close", window)
    panel.after = QLineEdit(window)
    column = QVBoxLayout(window)
    column.addWidget(panel.after)
    column.addWidget(panel)
    panel.add("map", "Branches", BranchMap(BranchesModel(), QIcon()))
    panel.add("more", "More", QLabel())
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    panel.after.setFocus()
    yield panel
    window.close()


def page_of(panel):
    return panel.findChild(BranchMap)


def test_a_panel_is_hidden_until_a_page_is_opened(qtbot, panel):
    assert panel.isHidden()
    assert panel.shown == ""
    with qtbot.waitSignal(panel.opened) as opened:
        panel.open("map")
    assert opened.args == ["map"]
    assert panel.isVisible()
    assert panel.shown == "map"
    assert page_of(panel).list.hasFocus()
    assert panel.accessibleName() == panel._title.text() == "Branches"
    assert panel.sizeHint().width() == WIDTH
    assert panel.minimumWidth() == NARROWEST
    panel.open("more")
    assert panel.shown == "more"
    assert not page_of(panel).isVisible()
    assert panel.close_button.hasFocus()  # a page that takes none
    with pytest.raises(KeyError):
        panel.open("unknown")


@pytest.mark.parametrize("nodes", [[], FORKED])
def test_esc_closes_the_panel(qtbot, panel, nodes):
    closed = []
    panel.closed.connect(lambda: closed.append(panel.shown))
    panel.open("map")
    page_of(panel).show_nodes(nodes)
    assert page_of(panel).list.hasFocus()
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Escape)
    assert panel.isHidden()
    assert panel.after.hasFocus()
    panel.close_panel()
    assert closed == [""]


def test_the_button_closes_the_panel(qtbot, panel):
    button = panel.close_button
    assert button.toolTip() == button.accessibleName() == "Close"
    panel.open("map")
    panel.after.setFocus()
    with qtbot.waitSignal(panel.closed):
        button.click()
    assert panel.isHidden()
    assert panel.after.hasFocus()
