"""Folders, pins, tags and dragging in the list of the real program, by mouse and by keys."""

import pytest
from PySide6.QtCore import QEvent, QMimeData, QModelIndex, QPoint, QPointF, Qt
from PySide6.QtGui import (
    QContextMenuEvent,
    QDrag,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
)
from PySide6.QtWidgets import QApplication, QLineEdit, QMenu, QPushButton

from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.database import Database
from desktop_llm.storage.organiser import Organiser
from desktop_llm.ui.actions import Command
from desktop_llm.ui.widgets.list_rows import DETAIL_ROLE
from desktop_llm.ui.widgets.message_bar import SmallButton
from desktop_llm.ui.widgets.organised_rows import HEADING_FORMAT, OPEN_ROLE, ROWS_FORMAT
from desktop_llm.ui.widgets.plain_text import plain_tip
from tests.ui.helpers import FULL, settle, shown, speak
from tests.ui.test_window import controls, name_of

HOSTILE = "<img src='/dev/zero'> & more"
MOVE, LEFT, NONE = Qt.DropAction.MoveAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier(0)
CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
DIRECT = Qt.FindChildOption.FindDirectChildrenOnly


class Kept:
    """Six conversations, `a` the newest and `b` pinned; `c` and `d` are in the folder Work."""

    def __init__(self, database):
        store, organiser = Conversations(database), Organiser(database)
        made = {title: store.create(title).id for title in "fedcba"}
        self.a, self.b, self.c, self.d, self.e, self.f = (made[title] for title in "abcdef")
        organiser.pin([self.b], True)
        self.work = organiser.create_folder("Work", [self.c, self.d])
        self.home = organiser.create_folder("Home")
        organiser.tag([self.a, self.c], ["code"])
        organiser.tag([self.c], ["urgent"])


ROWS = ["Pinned", "b", "Work", "c", "d", "Home", "Today", "a", "e", "f"]


@pytest.fixture
def kept(tmp_path):
    (tmp_path / "data").mkdir()
    database = Database(tmp_path / "data" / "conversations.db")
    kept = Kept(database)
    database.close()
    return kept


@pytest.fixture
def program(qtbot, make_program, kept):
    program = make_program()
    shown(qtbot, program, kept.a)
    program.window.resize(1100, 700)
    QApplication.processEvents()
    return program


@pytest.fixture
def page(program):
    return program.workspace.chat


@pytest.fixture
def organiser(program):
    return program.services.chat.organiser


def texts(page):
    model = page.sidebar.model
    return [model.index(row).data() for row in range(model.rowCount())]


def row(page, number):
    return page.sidebar.model.index(page.sidebar.model.row_of(number))


def heading(page, folder):
    return page.sidebar.model.index(page.sidebar.model.row_of_folder(folder))


def click(qtbot, page, index, modifiers=NONE):
    view = page.sidebar.list
    qtbot.mouseClick(view.viewport(), LEFT, modifiers, view.visualRect(index).center())


def menu_of(page, index):
    """As shown by a click on that row: what its entries are called, and the entries."""
    page.sidebar.list.menu_wanted.emit(index, QPoint(20, 20))
    menu = page.sidebar.findChildren(QMenu, options=DIRECT)[-1]
    return menu, entries(menu)


def entries(menu):
    return {action.text(): action for action in menu.actions() if action.text()}


def become(qtbot, page, rows):
    qtbot.waitUntil(lambda: texts(page) == rows)


def write_name(qtbot, page, name):
    editor = page.sidebar.list.findChild(QLineEdit)
    editor.setText(name)
    qtbot.keyClick(editor, Qt.Key.Key_Return)


# --- what is listed, what folds ------------------------------------------------------------------


def test_the_list_and_its_model(program, page, kept, qtmodeltester):
    model = page.sidebar.model
    qtmodeltester.check(model)
    assert texts(page) == ROWS
    assert row(page, kept.c).data(DETAIL_ROLE) == "#code #urgent"
    assert row(page, kept.c).data(Qt.ItemDataRole.AccessibleDescriptionRole) == (
        "Folder: Work, #code #urgent"
    )
    assert "#urgent" in row(page, kept.c).data(Qt.ItemDataRole.ToolTipRole)
    assert heading(page, kept.work).data(Qt.ItemDataRole.AccessibleTextRole) == "Folder: Work"
    description = heading(page, kept.work).data(Qt.ItemDataRole.AccessibleDescriptionRole)
    assert description == "2 conversations, unfolded"
    assert heading(page, kept.home).data(DETAIL_ROLE) == "0"
    program.services.chat.organiser.move([kept.b], kept.work)
    page.list.refresh()
    settle(program)
    assert texts(page) == ROWS
    assert "Work" in row(page, kept.b).data(Qt.ItemDataRole.ToolTipRole)


def test_a_folder_folds_by_a_click_and_stays_so(qtbot, make_program, program, page, kept):
    click(qtbot, page, heading(page, kept.work))
    assert texts(page) == [each for each in ROWS if each not in ("c", "d")]
    assert page.sidebar.selected() == [kept.a]
    program.close()
    page = shown(qtbot, make_program())
    assert "c" not in texts(page)
    click(qtbot, page, heading(page, kept.work))
    assert texts(page) == ROWS


def test_folding_by_keys_opens_nothing(qtbot, program, page, kept):
    view, keys = page.sidebar.list, Qt.Key
    view.setFocus()
    for key, current in (
        (keys.Key_Up, "Home"), (keys.Key_Left, "Home"), (keys.Key_Right, "Home"),
        (keys.Key_Up, "d"), (keys.Key_Left, "Work"), (keys.Key_Left, "Work"),
        (keys.Key_Right, "Work"), (keys.Key_Right, "c"), (keys.Key_Left, "Work"),
        (keys.Key_Left, "Work"), (keys.Key_Down, "Home"), (keys.Key_Up, "Work"),
        (keys.Key_Return, "Work"), (keys.Key_Space, "Work"),
    ):  # fmt: skip
        qtbot.keyClick(view, key)
        assert view.currentIndex().data() == current
        settle(program)
    assert "c" not in texts(page)
    assert page.conversation == kept.c, "only steps onto a conversation opened one"


def test_arrows_over_a_folded_folder_leave_the_open_one_marked(qtbot, page, kept):
    page.sidebar.list.setFocus()
    qtbot.keyClick(page.sidebar.list, Qt.Key.Key_Up)
    qtbot.keyClick(page.sidebar.list, Qt.Key.Key_Left)
    assert page.sidebar.selected() == [kept.a]
    assert page.conversation == kept.a


def test_the_open_one_in_a_folded_folder_is_seen_at_its_heading(qtbot, program, page, kept):
    page.open(kept.c)
    shown(qtbot, program, kept.c)
    click(qtbot, page, heading(page, kept.work))
    assert heading(page, kept.work).data(OPEN_ROLE)
    assert page.sidebar.selected() == []
    page.rename()
    assert row(page, kept.c).isValid(), "it was unfolded to be named"
    write_name(qtbot, page, "named")
    qtbot.waitUntil(lambda: page.view.title.text() == "named")


def test_what_is_read_again_unchanged_changes_nothing(program, page):
    resets, bar = [], page.sidebar.list.verticalScrollBar()
    program.window.resize(1100, 320)
    QApplication.processEvents()
    for signal in (page.sidebar.model.modelReset, page.sidebar.model.layoutChanged,
                   page.sidebar.model.dataChanged):  # fmt: skip
        signal.connect(lambda *_given: resets.append(1))
    bar.setValue(40)
    page.list.refresh()
    settle(program)
    assert (resets, bar.value()) == ([], 40)


# --- folders -------------------------------------------------------------------------------------


def test_a_new_folder_is_named_where_it_stands(qtbot, program, page, organiser):
    qtbot.mouseClick(page.sidebar._new_folder, LEFT)
    assert texts(page)[6] == "New folder"
    write_name(qtbot, page, "  Garden \n plan ")
    become(qtbot, page, [*ROWS[:6], "Garden plan", *ROWS[6:]])
    assert [folder.name for folder in organiser.listing().folders][-1] == "Garden plan"
    settle(program)
    assert page.conversation is not None


def test_a_folder_that_is_not_named_is_not_made(qtbot, program, page, organiser):
    program.workspace.commands[Command.NEW_FOLDER].trigger()
    editor = page.sidebar.list.findChild(QLineEdit)
    editor.setText("half")
    page.list.refresh()
    settle(program)
    assert page.sidebar.list.findChild(QLineEdit) is editor
    qtbot.keyClick(editor, Qt.Key.Key_Escape)
    become(qtbot, page, ROWS)
    program.workspace.commands[Command.NEW_FOLDER].trigger()
    write_name(qtbot, page, "   ")
    become(qtbot, page, ROWS)
    assert len(organiser.listing().folders) == 2


def test_a_folder_that_cannot_be_made_is_said(qtbot, program, page, gate):
    gate(program.services.chat.organiser, "create_folder", FULL).open()
    page.sidebar.name_folder()
    write_name(qtbot, page, "Lost")
    qtbot.waitUntil(lambda: "full" in page.view.fault.text())
    assert texts(page) == ROWS


def test_the_folder_the_keyboard_is_at_is_renamed(qtbot, page, kept):
    view = page.sidebar.list
    view.setFocus()
    view.setCurrentIndex(heading(page, kept.home))
    override = QKeyEvent(QEvent.Type.ShortcutOverride, Qt.Key.Key_F2, NONE)
    override.ignore()
    QApplication.sendEvent(view, override)
    assert override.isAccepted(), "else the window's F2 renames the conversation"
    qtbot.keyClick(view, Qt.Key.Key_F2)
    write_name(qtbot, page, "House")
    become(qtbot, page, [each.replace("Home", "House") for each in ROWS])


def test_a_deleted_folder_keeps_its_conversations_and_comes_back(qtbot, program, page, kept):
    view, toasts = page.sidebar.list, program.workspace.toasts
    view.setFocus()
    view.setCurrentIndex(heading(page, kept.work))
    qtbot.keyClick(view, Qt.Key.Key_Delete)
    become(qtbot, page, ["Pinned", "b", "Home", "Today", "a", "c", "d", "e", "f"])
    assert toasts.text() == ("The folder “Work” is deleted. Its conversations are still here.")
    toasts.act()
    become(qtbot, page, ROWS)


def test_the_menu_of_a_folder(qtbot, program, page, kept):
    menu, found = menu_of(page, heading(page, kept.home))
    assert list(found) == ["Rename folder", "New folder", "Delete folder"]
    found["Delete folder"].trigger()
    menu.close()
    become(qtbot, page, [each for each in ROWS if each != "Home"])
    assert program.workspace.toasts.text() == "The folder “Home” is deleted."
    menu, found = menu_of(page, heading(page, kept.work))
    found["Rename folder"].trigger()
    menu.close()
    write_name(qtbot, page, HOSTILE)
    qtbot.waitUntil(lambda: HOSTILE in texts(page))
    assert "<img" not in heading(page, kept.work).data(Qt.ItemDataRole.ToolTipRole)
    menu, found = menu_of(page, QModelIndex())
    assert list(found) == ["New folder"]
    menu.close()


# --- pins, moves, by menu and by key -------------------------------------------------------------


def test_the_menu_of_a_conversation(qtbot, page, kept):
    menu, found = menu_of(page, row(page, kept.c))
    assert list(found) == ["Rename", "Pin", "Move to folder", "Tags …", "Show all with #code",
                           "Show all with #urgent", "Export …", "Delete"]  # fmt: skip
    folders = entries(found["Move to folder"].menu())
    assert list(folders) == ["Work", "Home", "No folder", "New folder …"]
    assert [text for text, action in folders.items() if action.isChecked()] == ["Work"]
    folders["Home"].trigger()
    menu.close()
    become(qtbot, page, ["Pinned", "b", "Work", "d", "Home", "c", "Today", "a", "e", "f"])
    assert page.conversation == kept.a, "a menu opens nothing"
    menu, found = menu_of(page, row(page, kept.c))
    found["Pin"].trigger()
    menu.close()
    become(qtbot, page, ["Pinned", "b", "c", "Work", "d", "Home", "Today", "a", "e", "f"])
    menu, found = menu_of(page, row(page, kept.c))
    found["Unpin"].trigger()
    menu.close()
    qtbot.waitUntil(lambda: texts(page)[4:6] == ["Home", "c"])
    menu, found = menu_of(page, row(page, kept.c))
    entries(found["Move to folder"].menu())["New folder …"].trigger()
    menu.close()
    write_name(qtbot, page, "Next")
    become(qtbot, page, ["Pinned", "b", "Work", "d", "Home", "Next", "c", "Today", "a", "e", "f"])
    assert page.sidebar.selected() == [kept.a]


def test_the_menu_is_reached_by_keyboard(page, kept):
    wanted = []
    page.sidebar.list.menu_wanted.connect(lambda index, _where: wanted.append(index.data()))
    page.sidebar.list.setFocus()
    page.sidebar.list.setCurrentIndex(heading(page, kept.work))
    event = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint(), QPoint())
    QApplication.sendEvent(page.sidebar.list, event)
    assert wanted == ["Work"]
    page.sidebar.findChildren(QMenu, options=DIRECT)[-1].close()


def test_the_commands_act_on_what_is_open(qtbot, program, page, kept):
    program.window.activateWindow()
    qtbot.keyClick(page.composer.editor, Qt.Key.Key_P, CONTROL | SHIFT)
    become(qtbot, page, ["Pinned", "a", "b", "Work", "c", "d", "Home", "Today", "e", "f"])
    program.workspace.commands[Command.PIN].trigger()
    become(qtbot, page, ROWS)
    program.workspace.commands[Command.MOVE_TO_FOLDER].trigger()
    picker = page.organise._picker
    assert picker.listed() == [kept.work, kept.home, "none", "new"]
    picker.search("home")
    qtbot.keyClick(picker._line, Qt.Key.Key_Return)
    become(qtbot, page, ["Pinned", "b", "Work", "c", "d", "Home", "a", "Today", "e", "f"])
    program.workspace.commands[Command.MOVE_TO_FOLDER].trigger()
    picker.search("no folder")
    qtbot.keyClick(picker._line, Qt.Key.Key_Return)
    become(qtbot, page, ROWS)
    program.workspace.commands[Command.MOVE_TO_FOLDER].trigger()
    picker.search("new")
    qtbot.keyClick(picker._line, Qt.Key.Key_Return)
    write_name(qtbot, page, "Own")
    qtbot.waitUntil(lambda: texts(page)[6:8] == ["Own", "a"])
    assert page.sidebar.selected() == [page.conversation]


def test_nothing_is_pinned_where_nothing_is_open(program, page):
    page.new_conversation()
    for command in (Command.PIN, Command.MOVE_TO_FOLDER, Command.TAGS):
        program.workspace.toasts.clear()
        program.workspace.commands[command].trigger()
        assert "Ask something first" in program.workspace.toasts.text()


def test_what_a_hidden_list_would_show_is_said(qtbot, program, page):
    page.toggle_list()
    program.workspace.commands[Command.PIN].trigger()
    assert program.workspace.toasts.text() == "Pinned."
    program.workspace.commands[Command.NEW_FOLDER].trigger()
    assert page.sidebar.isVisible()
    qtbot.keyClick(page.sidebar.list.findChild(QLineEdit), Qt.Key.Key_Escape)


def test_a_full_disk_changes_nothing_and_is_said(qtbot, program, page, kept, gate):
    for name, act in (
        ("pin", lambda: page.organise.pin([kept.a])),
        ("move", lambda: page.organise.move([kept.a], kept.work)),
        ("delete_folder", lambda: page.organise.delete_folder(kept.work)),
        ("open_folder", lambda: page.sidebar._fold(heading(page, kept.work), False)),
    ):
        page.show_fault(None)
        gate(program.services.chat.organiser, name, FULL).open()
        act()
        qtbot.waitUntil(lambda: "full" in page.view.fault.text())
        settle(program)
    assert [each for each in texts(page) if each not in ("c", "d")] == [
        each for each in ROWS if each not in ("c", "d")
    ]


# --- several -------------------------------------------------------------------------------------


def test_several_are_chosen_and_nothing_opens(qtbot, program, page, kept):
    click(qtbot, page, row(page, kept.e), CONTROL)
    click(qtbot, page, row(page, kept.c), CONTROL)
    settle(program)
    assert page.sidebar.selected() == [kept.c, kept.a, kept.e]
    assert page.conversation == kept.a
    click(qtbot, page, row(page, kept.f))
    shown(qtbot, program, kept.f)
    assert page.sidebar.selected() == [kept.f]
    page.sidebar.list.setFocus()
    for _ in range(2):
        qtbot.keyClick(page.sidebar.list, Qt.Key.Key_Up, SHIFT)
    settle(program)
    assert page.sidebar.selected() == [kept.a, kept.e, kept.f]
    assert page.conversation == kept.f
    qtbot.keyClick(page.sidebar.list, Qt.Key.Key_Escape)
    assert page.sidebar.selected() == [kept.f]


def test_all_that_are_chosen_are_pinned_and_moved(qtbot, program, page, kept):
    for number in (kept.e, kept.c):
        click(qtbot, page, row(page, number), CONTROL)
    page.sidebar.list.setFocus()
    program.workspace.commands[Command.PIN].trigger()
    become(qtbot, page, ["Pinned", "a", "b", "c", "e", "Work", "d", "Home", "Today", "f"])
    assert page.sidebar.selected() == [kept.a, kept.c, kept.e]
    program.workspace.commands[Command.PIN].trigger()
    become(qtbot, page, ROWS)
    menu, found = menu_of(page, row(page, kept.e))
    assert "Rename" not in found
    entries(found["Move to folder"].menu())["Home"].trigger()
    menu.close()
    become(qtbot, page, ["Pinned", "b", "Work", "d", "Home", "a", "c", "e", "Today", "f"])
    menu, found = menu_of(page, row(page, kept.f))  # not one of them
    found["Pin"].trigger()
    menu.close()
    qtbot.waitUntil(lambda: texts(page)[:3] == ["Pinned", "b", "f"])


def test_deleting_several_is_undone_at_once(qtbot, program, page, kept):
    organiser, toasts = program.services.chat.organiser, program.workspace.toasts
    before = organiser.listing()
    for number in (kept.e, kept.c, kept.b):
        click(qtbot, page, row(page, number), CONTROL)
    page.sidebar.list.setFocus()
    qtbot.keyClick(page.sidebar.list, Qt.Key.Key_Delete)
    become(qtbot, page, ["Work", "d", "Home", "Today", "f"])
    assert toasts.text() == "4 conversations are deleted."
    shown(qtbot, program, kept.f)
    assert page.sidebar.selected() == [kept.f]
    toasts.act()
    become(qtbot, page, ROWS)
    shown(qtbot, program, kept.a)
    assert organiser.listing() == before


def test_several_are_deleted_all_or_none(qtbot, program, page, kept, monkeypatch):
    bin, put = program.services.chat.bin, program.services.chat.bin.put

    def full(number):
        if number == kept.e:
            raise FULL
        put(number)

    monkeypatch.setattr(bin, "put", full)
    page.list.delete([kept.c, kept.d, kept.e])
    qtbot.waitUntil(lambda: "full" in page.view.fault.text())
    page.list.refresh()
    settle(program)
    assert texts(page) == ROWS
    assert program.workspace.toasts.text() == ""
    assert bin.entries() == []


def test_what_is_not_deleted_by_a_key_held_down(qtbot, page):
    page.sidebar.list.setFocus()
    wanted = []
    page.sidebar.delete_wanted.connect(wanted.append)
    held = QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_Delete, NONE, "", True)
    QApplication.sendEvent(page.sidebar.list, held)
    assert wanted == []
    qtbot.keyClick(page.sidebar.list, Qt.Key.Key_Space, CONTROL)  # the open one is not chosen now
    qtbot.keyClick(page.sidebar.list, Qt.Key.Key_Delete)
    assert wanted == []


def test_tabbing_into_the_list_opens_nothing(program, page):
    page.new_conversation()
    page.sidebar.list.setFocus(Qt.FocusReason.TabFocusReason)
    settle(program)
    assert page.conversation is None
    assert page.sidebar.list.currentIndex().isValid()


# --- tags ----------------------------------------------------------------------------------------


def chips(editor):
    return [chip.findChild(QPushButton).text() for chip in editor._shown_chips]


def test_tags_are_written_completed_and_removed(qtbot, program, page, kept, organiser):
    program.workspace.commands[Command.TAGS].trigger()
    editor = page.organise._editor
    assert chips(editor) == ["#code"]
    qtbot.waitUntil(lambda: editor.offered() == ["urgent"])
    qtbot.keyClicks(editor.line, "New #Tag")
    assert editor.offered() == []
    qtbot.keyClick(editor.line, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: chips(editor) == ["#code", "#new-tag"])
    qtbot.keyClicks(editor.line, "zwei,")
    qtbot.waitUntil(lambda: chips(editor) == ["#code", "#new-tag", "#zwei"])
    qtbot.keyClicks(editor.line, "gen")
    assert editor.offered() == ["urgent"]
    qtbot.keyClick(editor.line, Qt.Key.Key_Down)
    qtbot.keyClick(editor.line, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "#urgent" in chips(editor))
    editor._shown_chips[0].findChild(SmallButton).click()
    qtbot.waitUntil(lambda: chips(editor) == ["#new-tag", "#urgent", "#zwei"])
    assert editor.focusWidget() is editor.line
    assert editor.isVisible()
    qtbot.keyClick(editor.line, Qt.Key.Key_Return)
    assert not editor.isVisible()
    assert row(page, kept.a).data(DETAIL_ROLE) == "#new-tag #urgent #zwei"
    assert organiser.tags()[0] == ("urgent", 2)


def test_tags_of_several(qtbot, program, page, kept, organiser):
    click(qtbot, page, row(page, kept.c), CONTROL)
    page.sidebar.list.setFocus()
    program.workspace.commands[Command.TAGS].trigger()
    editor = page.organise._editor
    assert editor._title.text() == "Tags of 2 conversations"
    assert chips(editor) == ["#code", "#urgent  1/2"]
    qtbot.waitUntil(lambda: editor.offered() == ["urgent"])
    qtbot.keyClicks(editor.line, "urgent")
    qtbot.keyClick(editor.line, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: chips(editor) == ["#code", "#urgent"])
    editor._shown_chips[0].findChild(SmallButton).click()
    qtbot.waitUntil(lambda: chips(editor) == ["#urgent"])
    assert organiser.tags() == [("urgent", 2)]
    qtbot.keyClick(editor.line, Qt.Key.Key_Escape)
    assert not editor.isVisible()


def test_tags_that_cannot_be_kept_are_not_shown(qtbot, program, page, kept, gate):
    gate(program.services.chat.organiser, "tag", FULL).open()
    page.organise.edit_tags([kept.a])
    editor = page.organise._editor
    qtbot.keyClicks(editor.line, "lost")
    qtbot.keyClick(editor.line, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "full" in page.view.fault.text())
    assert chips(editor) == ["#code"]
    editor.close()


def test_the_tags_of_what_is_deleted_meanwhile_close(qtbot, program, page, kept):
    page.organise.edit_tags([kept.e])
    program.services.chat.bin.put(kept.e)
    page.list.refresh()
    qtbot.waitUntil(lambda: not page.organise._editor.isVisible())


def test_every_control_of_the_tags_has_a_name(page, kept):
    page.organise.edit_tags([kept.c])
    editor = page.organise._editor
    assert [widget for widget in controls(editor) if not name_of(widget)] == []
    buttons = [*editor.findChildren(QPushButton), *editor.findChildren(SmallButton)]
    named = [button for button in buttons if button.accessibleName()]
    assert {button.accessibleName() for button in named} >= {"#code", "Remove the tag code"}
    assert all(b.focusPolicy() & Qt.FocusPolicy.TabFocus for b in named)
    editor.close()


def test_a_chip_and_the_menu_search_for_the_tag(program, page, kept):
    page.toggle_list()
    page.organise.edit_tags([kept.c])
    page.organise._editor._shown_chips[0].findChild(QPushButton).click()
    assert page.sidebar.isVisible()
    assert page.sidebar.search.text() == "#code "
    assert not page.organise._editor.isVisible()
    page.sidebar.search.clear()
    menu, found = menu_of(page, row(page, kept.c))
    found["Show all with #urgent"].trigger()
    menu.close()
    assert page.sidebar.search.text() == "#urgent "
    settle(program)


def test_the_search_completes_a_tag(qtbot, program, page):
    search = page.sidebar.search
    popup = search._popup
    page.search()
    qtbot.keyClicks(search, "whale #")
    qtbot.waitUntil(popup.isVisible)
    assert [popup.model().index(at, 0).data() for at in range(2)] == ["#code", "#urgent"]
    qtbot.keyClicks(popup, "ge")
    assert popup.model().rowCount() == 1
    qtbot.keyClick(popup, Qt.Key.Key_Down)
    qtbot.keyClick(popup, Qt.Key.Key_Return)
    assert search.text() == "whale #urgent "
    assert not popup.isVisible()
    search.clear()
    qtbot.keyClicks(search, "a#")
    settle(program)
    assert not popup.isVisible(), "a sign within a word begins no tag"
    search.clear()
    qtbot.keyClicks(search, "#")
    qtbot.waitUntil(popup.isVisible)
    assert page.sidebar._stack.currentWidget() is page.sidebar.list, "nothing is searched for yet"
    qtbot.keyClick(popup, Qt.Key.Key_Escape)
    assert not popup.isVisible()
    assert search.text() == "#"


def test_a_hostile_tag_is_only_text(program, page, kept, organiser):
    organiser.tag([kept.e], ["<b>&amp;"])
    page.list.refresh()
    settle(program)
    page.organise.edit_tags([kept.e])
    (chip,) = page.organise._editor._shown_chips
    name = chip.findChild(QPushButton)
    assert name.text() == "#<b>&&amp;"
    assert name.toolTip() == plain_tip("Show all with #<b>&amp;")
    page.organise._editor.close()


# --- dragging ------------------------------------------------------------------------------------


def drop(page, data, onto=None, before=-1):
    """As the view does: onto a row, or before one."""
    parent = QModelIndex() if onto is None else onto
    return page.sidebar.model.dropMimeData(data, MOVE, before, 0, parent)


def dragged(page, *numbers):
    return page.sidebar.model.mimeData([row(page, number) for number in numbers])


def test_conversations_are_dropped_where_they_belong(qtbot, page, kept):
    assert drop(page, dragged(page, kept.a, kept.b), heading(page, kept.home))
    become(qtbot, page, ["Work", "c", "d", "Home", "a", "b", "Today", "e", "f"])
    assert drop(page, dragged(page, kept.a), row(page, kept.d))
    become(qtbot, page, ["Work", "a", "c", "d", "Home", "b", "Today", "e", "f"])
    page.organise.pin([kept.e])
    become(qtbot, page, ["Pinned", "e", "Work", "a", "c", "d", "Home", "b", "Today", "f"])
    assert drop(page, dragged(page, kept.c, kept.e, kept.f), row(page, kept.e))
    become(qtbot, page, ["Pinned", "c", "e", "f", "Work", "a", "d", "Home", "b"])
    page.organise.pin([kept.f])
    become(qtbot, page, ["Pinned", "c", "e", "Work", "a", "d", "Home", "b", "Today", "f"])
    day = page.sidebar.model.index(texts(page).index("Today"))
    assert drop(page, dragged(page, kept.a, kept.b, kept.c), day)
    become(qtbot, page, ["Pinned", "e", "Work", "d", "Home", "Today", "a", "b", "c", "f"])
    assert page.sidebar.selected() == [kept.a]


def test_folders_are_dragged_into_another_order(qtbot, page, kept, organiser):
    model = page.sidebar.model
    data = model.mimeData([heading(page, kept.home)])
    assert data.formats() == [HEADING_FORMAT]
    assert drop(page, data, before=heading(page, kept.work).row())
    become(qtbot, page, ["Pinned", "b", "Home", "Work", "c", "d", *ROWS[6:]])
    assert [folder.name for folder in organiser.listing().folders] == ["Home", "Work"]
    assert drop(page, model.mimeData([heading(page, kept.home)]), before=6)
    become(qtbot, page, ROWS)


def test_what_changes_nothing_or_comes_from_elsewhere_is_refused(program, page, kept):
    assert not drop(page, dragged(page, kept.c), row(page, kept.d))
    assert not drop(page, dragged(page, kept.b), row(page, kept.b))
    assert not drop(page, dragged(page, kept.e), row(page, kept.a))
    assert not drop(page, dragged(page, kept.e))
    assert not drop(page, page.sidebar.model.mimeData([heading(page, kept.work)]), before=2)
    assert not drop(page, QMimeData(), row(page, kept.d))
    foreign = QMimeData()
    foreign.setData(ROWS_FORMAT, b'["another list", 1]')
    assert not drop(page, foreign, heading(page, kept.home))
    settle(program)
    assert texts(page) == ROWS


class FakeDrag:
    """The rest of a drag as the windowing system would do it, within the call that waits for it."""

    def __init__(self, view, at, ends="drop"):
        self.view, self.at, self.ends = view, at, ends
        self.image, self.words = None, None

    def __call__(self, drag, *_actions):
        data, at = drag.mimeData(), QPointF(self.at)
        port = self.view.viewport()
        enter = QDragEnterEvent(self.at, MOVE, data, LEFT, NONE)
        QApplication.sendEvent(port, enter)
        assert enter.isAccepted()
        move = QDragMoveEvent(self.at, MOVE, data, LEFT, NONE)
        QApplication.sendEvent(port, move)
        self.accepted = move.isAccepted()
        self.image = port.grab().toImage()
        assert not drag.pixmap().isNull()
        if self.ends == "drop":
            QApplication.sendEvent(port, QDropEvent(at, MOVE, data, LEFT, NONE))
        else:
            QApplication.sendEvent(port, QDragLeaveEvent())
        return MOVE if self.ends == "drop" else Qt.DropAction.IgnoreAction


def drag_by_mouse(qtbot, page, index, fake, monkeypatch):
    monkeypatch.setattr(QDrag, "exec", lambda drag, *actions: fake(drag, *actions))
    view = page.sidebar.list
    start = view.visualRect(index).center()
    qtbot.mousePress(view.viewport(), LEFT, NONE, start)
    for step in (4, 12, 30):
        event_at = start + QPoint(0, step)
        qtbot.mouseMove(view.viewport(), event_at)
        _move(view, event_at)
    qtbot.mouseRelease(view.viewport(), LEFT, NONE, start + QPoint(0, 30))


def _move(view, at):
    """With the button down, which `mouseMove` does not say."""
    port = view.viewport()
    place = QPointF(port.mapToGlobal(at))
    event = QMouseEvent(QEvent.Type.MouseMove, QPointF(at), place, Qt.MouseButton.NoButton, LEFT,
                        NONE)  # fmt: skip
    QApplication.sendEvent(port, event)


def test_a_drag_by_mouse_moves_and_opens_nothing(qtbot, program, page, kept, monkeypatch):
    view = page.sidebar.list
    before = view.viewport().grab().toImage()
    fake = FakeDrag(view, view.visualRect(row(page, kept.d)).center())
    drag_by_mouse(qtbot, page, row(page, kept.e), fake, monkeypatch)
    assert fake.accepted
    assert isinstance(fake.image, QImage)
    assert fake.image != before, "the folder lights up"
    become(qtbot, page, ["Pinned", "b", "Work", "c", "d", "e", "Home", "Today", "a", "f"])
    settle(program)
    assert page.conversation == kept.a
    assert view._aim is None


def test_a_heading_is_dragged_and_does_not_fold(qtbot, program, page, kept, monkeypatch):
    view = page.sidebar.list
    upper = view.visualRect(heading(page, kept.work)).topLeft() + QPoint(40, 3)
    fake = FakeDrag(view, upper)
    drag_by_mouse(qtbot, page, heading(page, kept.home), fake, monkeypatch)
    assert fake.accepted
    become(qtbot, page, ["Pinned", "b", "Home", "Work", "c", "d", *ROWS[6:]])
    settle(program)


def test_a_drag_that_ends_elsewhere_does_nothing(qtbot, program, page, kept, monkeypatch):
    view = page.sidebar.list
    fake = FakeDrag(view, view.visualRect(heading(page, kept.home)).center(), ends="leave")
    drag_by_mouse(qtbot, page, row(page, kept.e), fake, monkeypatch)
    below = QPoint(20, view.viewport().height() - 2)
    drag_by_mouse(qtbot, page, row(page, kept.e), FakeDrag(view, below), monkeypatch)
    settle(program)
    assert texts(page) == ROWS
    assert view._aim is None


def test_all_of_it_in_chinese(qtbot, program, page, kept):
    page = speak(qtbot, program, Command.CHINESE)
    shown(qtbot, program, kept.a)
    assert page.sidebar.model.row_of(kept.c) is not None
    assert texts(page)[2:6] == ROWS[2:6]
