"""What was deleted: seen, brought back, erased, in the real program."""

import time

import pytest
from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import QAbstractButton, QApplication, QPushButton

from desktop_llm.core.conversations import BinEntry
from desktop_llm.core.messages import Role
from desktop_llm.storage.bin import Bin
from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.database import Database
from desktop_llm.storage.tree import Tree
from desktop_llm.ui.actions import Command
from desktop_llm.ui.models.bin import DAY, BinModel, relative_time
from desktop_llm.ui.pages.bin import BinPage
from desktop_llm.ui.widgets.list_rows import BELOW_ROLE, DETAIL_BELOW_ROLE, DETAIL_ROLE
from desktop_llm.ui.workspace import Page
from tests.ui.helpers import FULL, Gate, settle, shown

NOW = 1_800_000_000.0


def entry(number, message=None, deleted=NOW, **values):
    given = {"title": f"Title {number}", "excerpt": "", "messages": 2, **values}
    return BinEntry(conversation=number, message=message, deleted=deleted, **given)


@pytest.fixture
def deleted(tmp_path, filled):
    """“Sky” whole, the reply of “合同翻译”, both messages of “Code”; the last one is the newest.
    Returns what the bin says.
    """
    database = Database(tmp_path / "data" / "conversations.db")
    store, tree, bin = Conversations(database), Tree(database), Bin(database)
    bin.put(filled[0])
    tree.delete(store.branch(filled[1])[1].id)
    tree.delete(store.branch(filled[2])[0].id)
    entries = bin.entries()
    database.close()
    return entries


def bin_page(qtbot, program, rows):
    """Shown, and filled with so many."""
    shown(qtbot, program)
    program.workspace.commands[Command.BIN].trigger()
    page = program.workspace.made(Page.BIN)
    assert isinstance(page, BinPage)
    qtbot.waitUntil(lambda: page._model.rowCount() == rows)
    settle(program)
    return page


def choose(page, *rows):
    page.list.clearSelection()
    page._choose(list(rows), rows[0])


def titles(page):
    return [entry.title for entry in page._model.entries()]


def listed(program):
    return [row.title for row in program.services.chat.conversations()]


# --- what is seen --------------------------------------------------------------------------------


def test_what_was_deleted_last_comes_first(qtbot, make_program, deleted):
    page = bin_page(qtbot, make_program(), 3)
    assert titles(page) == ["Code", "合同翻译", "Sky"]
    index = page._model.index(0)
    assert index.data(BELOW_ROLE) == "2 messages  ·  About Code"
    assert index.data(DETAIL_ROLE) == "just now"
    assert index.data(DETAIL_BELOW_ROLE) == "erased in 30 days"
    assert page._model.index(2).data(BELOW_ROLE) == "Conversation  ·  2 messages"
    assert "Erased: " in index.data(Qt.ItemDataRole.ToolTipRole)
    assert page.chosen() == [deleted[0]]


def test_the_rows_are_a_model(qtmodeltester):
    model = BinModel(30)
    qtmodeltester.check(model)
    model.show([entry(1), entry(2, 7, excerpt="a\n\nb"), entry(3, title="")])
    qtmodeltester.check(model)
    model.let_time_pass()
    assert model.index(1).data(BELOW_ROLE) == "2 messages  ·  a b"
    assert model.index(2).data() == "New conversation"


@pytest.mark.parametrize(
    ("days", "words"),
    [(0, "erased in 30 days"), (29.5, "erased in 1 day"), (31, "erased at the next start"),
     (-3, "erased in 30 days")],
)  # fmt: skip
def test_how_long_it_stays_is_said(days, words):
    model = BinModel(30)
    model.show([entry(1, deleted=time.time() - days * DAY)])
    assert model.index(0).data(DETAIL_BELOW_ROLE) == words


def test_times_are_said_as_a_person_would():
    past = [relative_time(NOW - seconds, NOW) for seconds in (-9, 5, 60, 7000, 7200, DAY, 9 * DAY)]
    assert past == ["just now", "just now", "1 minute ago", "1 hour ago", "2 hours ago",
                    "1 day ago", "9 days ago"]  # fmt: skip


def test_html_is_shown_as_it_is(qtbot, make_program, filled):
    program = make_program()
    shown(qtbot, program)
    program.services.chat.rename(filled[0], "<img src='x'>&amp;")
    program.services.chat.bin.put(filled[0])
    page = bin_page(qtbot, program, 1)
    assert page._model.index(0).data() == "<img src='x'>&amp;"
    assert "<img" not in page._model.index(0).data(Qt.ItemDataRole.ToolTipRole)
    page.erase_button.click()
    assert page.question._words.textFormat() is Qt.TextFormat.PlainText
    assert "<img src='x'>&amp;" in page.question.text()


def test_an_empty_bin_says_so(qtbot, make_program, filled):
    program = make_program()
    page = bin_page(qtbot, program, 0)
    assert page.empty.isVisible()
    assert not page.empty_button.isVisible()
    program.services.chat.bin.put(filled[0])
    program.workspace.chat.list.refresh()  # as the watch of the database does
    qtbot.waitUntil(lambda: page._model.rowCount() == 1)
    assert page.list.isVisible()
    assert page.empty_button.isEnabled()


@pytest.mark.usefixtures("filled")
def test_it_is_reached_from_the_settings_and_left_by_escape(qtbot, make_program):
    window = make_program().workspace
    window.show_page(Page.SETTINGS)
    buttons = window.made(Page.SETTINGS).findChildren(QPushButton)
    next(button for button in buttons if button.text() == "Deleted …").click()
    assert window.page is Page.BIN
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Escape)
    assert window.page is Page.CHAT


# --- restoring -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("deleted")
def test_a_conversation_comes_back_and_can_be_opened(qtbot, make_program, filled):
    program = make_program()
    page, window = bin_page(qtbot, program, 3), program.workspace
    before = window.chat.conversation
    choose(page, 2)
    page.restore_button.click()
    qtbot.waitUntil(lambda: window.toasts.text() == "“Sky” is restored.")
    settle(program)
    assert titles(page) == ["Code", "合同翻译"]
    assert "Sky" in [row.title for row in window.chat.sidebar.model.conversations()]
    assert (window.page, window.chat.conversation) == (Page.BIN, before)
    window.toasts.act()
    shown(qtbot, program, filled[0])
    assert window.page is Page.CHAT
    assert window.chat.view.title.text() == "Sky"


@pytest.mark.usefixtures("deleted")
@pytest.mark.parametrize("in_view", [True, False])
def test_messages_come_back_where_they_were(qtbot, make_program, filled, in_view):
    program = make_program()
    chat_page, window = shown(qtbot, program), program.workspace
    own = filled[2] if in_view else filled[1]
    chat_page.open(own)
    shown(qtbot, program, own)
    page = bin_page(qtbot, program, 3)
    qtbot.keyClick(page.list, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.toasts.text() == "2 messages are restored.")
    settle(program)
    shown(qtbot, program, own)
    assert titles(page) == ["合同翻译", "Sky"]
    assert len(chat_page.shown.branch) == (2 if in_view else 1)
    window.toasts.act()
    shown(qtbot, program, filled[2])
    assert [message.text for message in chat_page.shown.branch][:1] == ["About Code"]


@pytest.mark.usefixtures("deleted")
def test_several_come_back_together(qtbot, make_program):
    program = make_program()
    page = bin_page(qtbot, program, 3)
    choose(page, 0, 2)
    page.restore_button.click()
    qtbot.waitUntil(lambda: program.workspace.toasts.text() == "2 entries are restored.")
    settle(program)
    assert titles(page) == ["合同翻译"]
    assert page.chosen() == page._model.entries()
    assert "Sky" in listed(program)


def test_a_part_of_a_part_comes_back_with_it(qtbot, make_program, filled):
    program = make_program()
    shown(qtbot, program)
    chat = program.services.chat
    question, reply = chat.open(filled[0])[1]
    chat.tree.delete(reply.id)
    chat.tree.delete(question.id)
    page = bin_page(qtbot, program, 2)
    choose(page, 0, 1)
    page.restore_button.click()
    qtbot.waitUntil(lambda: page._model.rowCount() == 0)
    assert [message.id for message in chat.open(filled[0])[1]] == [question.id, reply.id]


@pytest.mark.usefixtures("deleted")
@pytest.mark.parametrize("act", ["restore", "erase"])
def test_what_was_restored_elsewhere_is_left_alone(qtbot, make_program, filled, act):
    program = make_program()
    page = bin_page(qtbot, program, 3)
    choose(page, 2)
    program.services.chat.bin.take_out(filled[0])
    if act == "restore":
        page.restore_button.click()
    else:
        page.erase_button.click()
        page.question.yes_button.click()
    qtbot.waitUntil(lambda: "no longer here" in program.workspace.toasts.text())
    settle(program)
    assert titles(page) == ["Code", "合同翻译"]
    assert len(program.services.chat.open(filled[0])[1]) == 2


def test_an_undo_while_the_page_is_shown(qtbot, make_program, filled):
    program = make_program()
    shown(qtbot, program, filled[-1]).delete()
    qtbot.waitUntil(lambda: "deleted" in program.workspace.toasts.text())
    page = bin_page(qtbot, program, 1)
    page.erase_button.click()
    assert "“Code”" in page.question.text()
    program.workspace.toasts.act()
    qtbot.waitUntil(lambda: page._model.rowCount() == 0)
    assert page.question.isHidden()
    assert page.empty.isVisible()


@pytest.mark.usefixtures("deleted")
def test_a_restore_that_fails_is_said_and_tried_again(qtbot, make_program, monkeypatch):
    program = make_program()
    page = bin_page(qtbot, program, 3)
    choose(page, 2)
    with monkeypatch.context() as broken:
        Gate(broken, program.services.chat.bin, "restore", FULL).open()
        page.restore_button.click()
        qtbot.waitUntil(lambda: "full" in page.fault.text())
        settle(program)
    assert page.restore_button.isEnabled()
    assert page._model.rowCount() == 3
    button(page.fault, "Try again").click()
    qtbot.waitUntil(lambda: page._model.rowCount() == 2)
    assert page.fault.isHidden()
    assert "Sky" in listed(program)


@pytest.mark.usefixtures("deleted")
def test_a_bin_that_cannot_be_read_is_said(qtbot, make_program, monkeypatch):
    program = make_program()
    shown(qtbot, program)
    with monkeypatch.context() as broken:
        Gate(broken, program.services.chat.bin, "entries", FULL).open()
        program.workspace.commands[Command.BIN].trigger()
        page = program.workspace.made(Page.BIN)
        qtbot.waitUntil(lambda: "full" in page.fault.text())
        assert not page.empty.isVisible()  # nobody knows whether it is empty
        settle(program)
    program.workspace.show_page(Page.CHAT)
    program.workspace.show_page(Page.BIN)
    qtbot.waitUntil(lambda: page._model.rowCount() == 3)
    assert page.fault.isHidden()


# --- erasing -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("deleted")
def test_erasing_asks_first(qtbot, make_program, filled):
    program = make_program()
    page = bin_page(qtbot, program, 3)
    choose(page, 2)
    qtbot.keyClick(page.list, Qt.Key.Key_Delete)
    assert page.question.text() == "Erase “Sky” for good?"
    assert page.question.no_button.hasFocus()
    qtbot.keyClick(page.question.no_button, Qt.Key.Key_Escape)
    assert page.question.isHidden()
    assert page.list.hasFocus()
    assert program.workspace.page is Page.BIN
    qtbot.keyClick(page.list, Qt.Key.Key_Delete)
    qtbot.keyClick(page.question.no_button, Qt.Key.Key_Return)
    assert page.question.isHidden()
    settle(program)
    assert page._model.rowCount() == 3
    page.erase_button.click()
    qtbot.keyClick(page.question.yes_button, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: program.workspace.toasts.text() == "1 entry is erased.")
    settle(program)
    assert titles(page) == ["Code", "合同翻译"]
    with pytest.raises(KeyError):
        program.services.chat.open(filled[0])


@pytest.mark.usefixtures("deleted")
def test_messages_are_erased_and_the_rest_stays(qtbot, make_program, filled):
    program = make_program()
    page = bin_page(qtbot, program, 3)
    choose(page, 1)
    page.erase_button.click()
    assert page.question.text() == "Erase 1 message of “合同翻译” for good?"
    page.question.yes_button.click()
    qtbot.waitUntil(lambda: page._model.rowCount() == 2)
    assert [message.role for message in program.services.chat.open(filled[1])[1]] == [Role.USER]


@pytest.mark.usefixtures("deleted")
def test_the_bin_is_emptied_of_what_was_seen(qtbot, make_program, filled):
    """What is deleted while the question stands was not asked about."""
    program = make_program()
    page = bin_page(qtbot, program, 3)
    page.empty_button.click()
    assert page.question.text() == "Erase all 3 entries in the bin for good?"
    program.services.chat.bin.put(filled[1])
    program.services.chat.bin.take_out(filled[0])
    page.question.yes_button.click()
    qtbot.waitUntil(lambda: "1 entry is erased" in program.workspace.toasts.text())
    settle(program)
    assert titles(page) == ["合同翻译"]
    assert listed(program) == ["Code", "Sky"]
    page.empty_button.click()
    page.question.yes_button.click()
    qtbot.waitUntil(page.empty.isVisible)
    assert listed(program) == ["Code", "Sky"]


def test_erasing_takes_the_way_back_out_of_the_notices(qtbot, make_program, filled):
    program = make_program()
    shown(qtbot, program, filled[-1]).delete()
    qtbot.waitUntil(lambda: "deleted" in program.workspace.toasts.text())
    page = bin_page(qtbot, program, 1)
    page.empty_button.click()
    page.question.yes_button.click()
    qtbot.waitUntil(lambda: program.workspace.toasts.text() == "1 entry is erased.")


@pytest.mark.usefixtures("deleted")
def test_erasing_many_can_be_ended(qtbot, make_program, gate):
    program = make_program()
    page = bin_page(qtbot, program, 3)
    slow = gate(program.services.chat.bin, "erase")
    page.empty_button.click()
    page.question.yes_button.click()
    qtbot.waitUntil(page.progress.isVisible)
    assert page.progress._words.text() == "Erasing: 0 of 3"
    assert not page.restore_button.isEnabled()
    qtbot.keyClick(page.list, Qt.Key.Key_Delete)
    assert page.question.isHidden()
    page.progress.cancel_button.click()
    slow.open()
    qtbot.waitUntil(lambda: "1 entry is erased" in program.workspace.toasts.text())
    settle(program)
    assert page.progress.isHidden()
    assert titles(page) == ["合同翻译", "Sky"]


@pytest.mark.usefixtures("deleted")
def test_an_erasure_that_fails_goes_on_where_it_stopped(qtbot, make_program, monkeypatch):
    program = make_program()
    page = bin_page(qtbot, program, 3)
    with monkeypatch.context() as broken:
        Gate(broken, program.services.chat.bin, "erase", FULL).open()
        page.empty_button.click()
        page.question.yes_button.click()
        qtbot.waitUntil(lambda: "full" in page.fault.text())
        settle(program)
    assert page._model.rowCount() == 3
    button(page.fault, "Try again").click()
    qtbot.waitUntil(page.empty.isVisible)


@pytest.mark.usefixtures("deleted")
def test_the_services_close_while_it_is_erased(qtbot, make_program, gate):
    program = make_program()
    page = bin_page(qtbot, program, 3)
    slow = gate(program.services.chat.bin, "erase")
    page.empty_button.click()
    page.question.yes_button.click()
    assert slow.reached.wait(20)
    assert program.with_services_closed(lambda: None, lambda: None)
    page.restore_wanted.emit(page.chosen())
    assert "Not now" in program.workspace.toasts.text()
    slow.open()
    qtbot.waitUntil(lambda: program.services is not None and program.workspace.chat.ready)
    qtbot.waitUntil(lambda: page._model.rowCount() == 2)
    assert page.empty_button.isEnabled()


# --- how it looks and is reached -----------------------------------------------------------------


@pytest.mark.usefixtures("deleted")
def test_what_is_chosen_stays_chosen(qtbot, make_program, filled):
    program = make_program()
    page = bin_page(qtbot, program, 3)
    choose(page, 1, 2)
    program.services.chat.bin.take_out(filled[0])
    program.workspace.chat.list.refresh()
    qtbot.waitUntil(lambda: page._model.rowCount() == 2)
    assert [entry.title for entry in page.chosen()] == ["合同翻译"]
    qtbot.keyClick(page.list, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert len(page.chosen()) == 2


@pytest.mark.usefixtures("deleted")
def test_tab_walks_as_one_reads(qtbot, make_program):
    page = bin_page(qtbot, make_program(), 3)
    assert page.list.hasFocus()
    page.erase_button.click()
    page.list.setFocus()
    walked = []
    for _ in range(6):
        walked.append(QApplication.focusWidget())
        qtbot.keyClick(walked[-1], Qt.Key.Key_Tab)
    assert walked == [page.list, page.question.no_button, page.question.yes_button,
                      page.restore_button, page.erase_button, page.empty_button]  # fmt: skip


@pytest.mark.usefixtures("deleted")
@pytest.mark.parametrize("font", [13, 27])
def test_it_fits_a_small_window(qtbot, make_program, font):
    program = make_program(font_size=font)
    page = bin_page(qtbot, program, 3)
    program.window.resize(800, 600)
    page.empty_button.click()
    QApplication.processEvents()
    assert program.window.size() == QSize(800, 600)
    for each in page.findChildren(QAbstractButton):
        if each.isVisible() and each.text():
            assert each.width() >= each.fontMetrics().horizontalAdvance(each.text()), each.text()
            corner = each.mapTo(program.window, QPoint(0, 0))
            assert program.window.rect().contains(QRect(corner, each.size()))


def button(owner, text):
    return next(each for each in owner.findChildren(QPushButton) if each.text() == text)
