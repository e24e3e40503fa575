"""The window around the conversation: pages, palette, settings, lists, languages, keys, names."""

import pytest
from PySide6.QtCore import QByteArray, QEvent, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QAccessible, QGuiApplication, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QPushButton,
    QScrollBar,
    QWidget,
)

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.messages import MessageState
from desktop_llm.core.settings import OnClose
from desktop_llm.ui.actions import Command
from desktop_llm.ui.pages.about import AboutDialog
from desktop_llm.ui.pages.backups import BackupsPage
from desktop_llm.ui.pages.settings import SettingsPage
from desktop_llm.ui.pages.shortcuts import ShortcutsDialog
from desktop_llm.ui.pages.welcome import WelcomePage
from desktop_llm.ui.workspace import Page
from tests.ui.helpers import REPLY, shown, stop_all

CONTROLS = (QAbstractButton, QComboBox, QAbstractSpinBox, QLineEdit, QAbstractScrollArea)


# --- pages and actions ---------------------------------------------------------------------------


def test_the_pages_are_reached_by_keys(qtbot, make_program):
    window = make_program().workspace
    for keys, page in ((Qt.Key.Key_Comma, Page.SETTINGS), (Qt.Key.Key_1, Page.CHAT)):
        qtbot.keyClick(window, keys, Qt.KeyboardModifier.ControlModifier)
        assert window.page is page


@pytest.mark.parametrize(
    ("language", "words"), [("en", "settings"), ("zh_CN", "settings"), ("zh_CN", "设置")]
)
def test_the_palette_finds_an_action_in_both_languages(qtbot, make_program, language, words):
    window = make_program(language=language).workspace
    picker = window.open_palette()
    picker.search(words)
    assert Command.SETTINGS in picker.listed()
    qtbot.keyClick(picker._line, Qt.Key.Key_Return)
    assert window.page is Page.SETTINGS
    assert not picker.isVisible()


def test_every_command_is_handled_and_named(make_program):
    window = make_program(language="zh_CN").workspace
    handled = {command for command, _action in window.commands.all()}
    assert handled == set(Command)
    keys = [key for command in Command for key in command.value.keys]
    assert len(keys) == len(set(keys))
    for command, action in window.commands.all():
        chinese = any("\u4e00" <= letter <= "\u9fff" for letter in action.text())
        assert chinese, command


def test_the_shortcuts_are_listed(qtbot, make_program):
    window = make_program().workspace
    window.commands[Command.SHORTCUTS].trigger()
    dialog = window.findChild(ShortcutsDialog)
    words = " ".join(label.text() for label in dialog.findChildren(QWidget, "")
                     if hasattr(label, "text") and callable(label.text))  # fmt: skip
    for expected in ("New conversation", "Ctrl+N", "Shift+Enter"):
        assert expected in words
    dialog.reject()
    qtbot.waitUntil(lambda: window.findChild(ShortcutsDialog) is None)


def test_about_names_the_licences_of_what_is_inside(qtbot, make_program):
    window = make_program().workspace
    window.commands[Command.ABOUT].trigger()
    dialog = window.findChild(AboutDialog)
    qtbot.waitUntil(lambda: dialog.list.count() > 5, timeout=10_000)
    names = [dialog.list.item(at).text() for at in range(dialog.list.count())]
    assert any(name.startswith("llama") for name in names)
    assert dialog._text.toPlainText()
    dialog.reject()


# --- names, keys, focus --------------------------------------------------------------------------


def controls(root):
    """What a person uses; not the parts that Qt puts into them."""
    compound = QComboBox | QAbstractSpinBox | QLineEdit
    for widget in root.findChildren(QWidget):
        above = widget.parentWidget()
        while above is not None and not isinstance(above, compound):
            above = above.parentWidget()
        if isinstance(widget, CONTROLS) and not isinstance(widget, QScrollBar) and above is None:
            yield widget


def name_of(widget):
    texts = [widget.accessibleName()]
    if isinstance(widget, QAbstractButton):
        texts.append(widget.text())
    if isinstance(widget, QLineEdit):
        texts.append(widget.placeholderText())
    return next((text for text in texts if text), "")


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_every_control_has_a_name_and_can_be_reached(qtbot, make_program, filled, language):
    program = make_program(language=language)
    window = program.workspace
    shown(qtbot, program, filled[-1])
    for page in Page:
        window.show_page(page)
    window.show_page(Page.CHAT)
    window.open_palette().close()
    program._model_care.open_menu()
    qtbot.waitUntil(program._model_care.menu.picker.isVisible)
    program._model_care.menu.picker.close()
    nameless, unreachable = [], []
    for widget in controls(window):
        if (
            isinstance(widget, QAbstractScrollArea)
            and widget.focusPolicy() == Qt.FocusPolicy.NoFocus
        ):
            continue
        if not name_of(widget) and not isinstance(widget, SettingsPage | WelcomePage):
            nameless.append(widget)
        by_tab = widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        if isinstance(widget, QAbstractButton) and not by_tab and widget.parent() is not None:
            unreachable.append(widget)
    assert nameless == []
    assert [name_of(widget) for widget in unreachable] == []


def test_tab_walks_from_the_list_to_the_composer(qtbot, make_program, filled):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    program.window.resize(1100, 700)
    page.sidebar._new.setFocus()
    walked = []
    for _ in range(40):
        widget = QApplication.focusWidget()
        if widget in walked:
            break
        walked.append(widget)
        qtbot.keyClick(widget, Qt.Key.Key_Tab)
    order = [page.sidebar._new, page.sidebar.search, page.sidebar.list, page.view.model_button,
             page.view.transcript, page.composer.editor]  # fmt: skip
    places = [walked.index(widget) for widget in order]
    assert places == sorted(places)


def test_messages_are_walked_by_arrow_keys_and_read_aloud(qtbot, make_program, filled):
    program = make_program()
    transcript = shown(qtbot, program, filled[0 - 1]).view.transcript
    transcript.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.waitUntil(lambda: bool([c for c in transcript._reading.children if c.isVisible()]))
    names = [child.accessibleName() for child in transcript._reading.children if child.isVisible()]
    assert names[0] == "You: About Code"
    assert "print(1)" in names[1]
    assert transcript._current == 1
    qtbot.keyClick(transcript, Qt.Key.Key_Up)
    assert transcript._current == 0
    qtbot.waitUntil(lambda: transcript._bar.key == transcript._column[0].key)
    qtbot.keyClick(transcript, Qt.Key.Key_Up)
    assert transcript._current == 0


def test_the_focus_never_gets_lost(qtbot, make_program, filled):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    page.show_fault(EnvironmentFault(FaultCode.DISK_FULL, path="/x"), retry=True)
    page.view.fault.findChildren(QPushButton)[-1].setFocus()
    page.view.fault.dismiss()
    assert QApplication.focusWidget() is page.composer.editor
    transcript = page.view.transcript
    transcript.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.waitUntil(lambda: transcript._bar.isVisible())
    again = next(b for b in transcript._bar._buttons if b.accessibleName() == "Another reply")
    again.setFocus()
    qtbot.keyClick(again, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: page.shown.live is not None and page.shown.live.begun, timeout=REPLY)
    assert QApplication.focusWidget() is transcript
    stop_all(qtbot, program)


def test_what_happens_is_announced(qtbot, make_program, filled, monkeypatch):
    said = []
    monkeypatch.setattr(QAccessible, "isActive", staticmethod(lambda: True))
    monkeypatch.setattr(
        QAccessible,
        "updateAccessibility",
        staticmethod(lambda event: said.append(getattr(event, "message", str)())),
    )
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    page.show_fault(EnvironmentFault(FaultCode.DISK_FULL, path="/x"))
    assert any("full" in words for words in said)
    page.composer.set_text("What colour is the sky? One word.")
    page.composer.button.click()
    qtbot.waitUntil(lambda: "The reply has ended." in said, timeout=REPLY)


def test_the_palettes_key_reaches_it_from_a_text(qtbot, make_program):
    """Where the text field would take it: X11 deletes to the end of the line with it."""
    program = make_program()
    page = shown(qtbot, program)
    control = Qt.KeyboardModifier.ControlModifier
    for field in (page.composer.editor, page.sidebar.search):
        event = QKeyEvent(QEvent.Type.ShortcutOverride, Qt.Key.Key_K, control)
        event.ignore()
        QApplication.sendEvent(field, event)
        assert not event.isAccepted()
        copy = QKeyEvent(QEvent.Type.ShortcutOverride, Qt.Key.Key_C, control)
        QApplication.sendEvent(field, copy)
        assert copy.isAccepted()


def test_keys_of_the_list_and_of_the_reply(qtbot, make_program, filled):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    page.composer.set_text("words to keep")
    for modifiers in (Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.NoModifier):
        qtbot.keyClick(page.composer.editor, Qt.Key.Key_Delete, modifiers)
    page.sidebar.list.setFocus()
    qtbot.keyClick(page.sidebar.list, Qt.Key.Key_Delete)
    shown(qtbot, program, filled[-2])
    assert program.workspace.toasts.text() == "“Code” is deleted."
    program.workspace.toasts.clear()
    page.composer.set_text("Tell me a very long story about a whale.")
    page.composer.button.click()
    qtbot.waitUntil(lambda: len(page.shown.branch) == 4, timeout=REPLY)
    with qtbot.waitSignal(page.shown.answered, timeout=REPLY) as answered:
        qtbot.keyClick(page.composer.editor, Qt.Key.Key_Escape)
    assert answered.args[0].state is MessageState.STOPPED


# --- the list ------------------------------------------------------------------------------------


def test_search_finds_chinese_and_opens_the_message(qtbot, make_program, filled):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    page.search()
    page.sidebar.search.setText("译")
    found = page.sidebar._hits
    qtbot.waitUntil(lambda: found.rowCount() == 3)
    page.sidebar._found.clicked.emit(found.index(1, 0))
    shown(qtbot, program, filled[1])
    page.sidebar.search.setText("nothing like it")
    qtbot.waitUntil(lambda: "nothing like it" in page.sidebar._nothing.text())
    page.sidebar.search.clear()
    assert page.sidebar._stack.currentWidget() is page.sidebar.list


def test_search_by_keys_alone(qtbot, make_program, filled):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    search, found = page.sidebar.search, page.sidebar._found
    page.search()
    qtbot.keyClicks(search, "scatters")
    qtbot.keyClick(search, Qt.Key.Key_Return)  # before the search has begun
    shown(qtbot, program, filled[0])
    page.search()
    search.setText("about")
    qtbot.waitUntil(lambda: page.sidebar._hits.rowCount() == 3)
    qtbot.keyClick(search, Qt.Key.Key_Down)
    assert QApplication.focusWidget() is found
    assert found.selectionModel().isSelected(page.sidebar._hits.index(0))
    qtbot.keyClick(found, Qt.Key.Key_Down)
    qtbot.keyClick(found, Qt.Key.Key_Return)
    shown(qtbot, program, filled[1])
    qtbot.keyClick(found, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: page.sidebar._hits.rowCount() == 2)
    page.new_conversation()
    assert search.text() == ""


def test_stopping_by_the_mouse_leaves_the_focus_where_one_writes(qtbot, make_program):
    program = make_program()
    page = shown(qtbot, program)
    page.composer.set_text("Tell me a very long story about a whale.")
    qtbot.mouseClick(page.composer.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(page.shown.branch) == 2, timeout=REPLY)
    with qtbot.waitSignal(page.shown.answered, timeout=REPLY):
        qtbot.mouseClick(page.composer.button, Qt.MouseButton.LeftButton)
    assert QApplication.focusWidget() is page.composer.editor


def test_a_reply_that_waits_for_another_says_so(qtbot, make_program, filled):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    page.composer.set_text("Tell me a very long story about a whale.")
    page.composer.button.click()
    qtbot.waitUntil(lambda: len(page.shown.branch) == 4, timeout=REPLY)
    page.open(filled[0])
    shown(qtbot, program, filled[0])
    page.composer.set_text("Say hello.")
    page.composer.button.click()
    progress = page.view._progress
    qtbot.waitUntil(lambda: "Another reply" in progress._words.text(), timeout=REPLY)
    assert progress.isVisible()
    program.replies.live(filled[-1]).task.cancel()
    with qtbot.waitSignal(page.shown.began, timeout=REPLY):
        pass
    assert not progress.isVisible()
    stop_all(qtbot, program)


def test_rename_where_the_title_stands(qtbot, make_program, filled):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    page.rename()
    editor = page.sidebar.list.findChild(QLineEdit)
    editor.setText("Renamed")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.view.title.text() == "Renamed")
    assert page.sidebar.model.conversations()[0].title == "Renamed"


def test_deleting_can_be_undone(qtbot, make_program, filled):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    window = program.workspace
    window.commands[Command.DELETE].trigger()
    shown(qtbot, program, filled[-2])
    qtbot.waitUntil(lambda: len(page.sidebar.model.conversations()) == 2)
    assert "Code" in window.toasts.text()
    window.toasts.act()
    shown(qtbot, program, filled[-1])
    qtbot.waitUntil(lambda: len(page.sidebar.model.conversations()) == 3)


def test_alt_and_arrows_walk_the_conversations(qtbot, make_program, filled):
    program = make_program()
    shown(qtbot, program, filled[-1])
    program.workspace.commands[Command.NEXT].trigger()
    shown(qtbot, program, filled[-2])
    program.workspace.commands[Command.PREVIOUS].trigger()
    shown(qtbot, program, filled[-1])


def test_escape_closes_the_topmost(qtbot, make_program, filled):
    program = make_program()
    window, page = program.workspace, shown(qtbot, program, filled[-1])
    page.sidebar.search.setText("sky")
    window.show_page(Page.SETTINGS)
    window.toasts.show("Something happened.")
    for gone in (
        lambda: not window.toasts.text(),
        lambda: window.page is Page.CHAT,
        lambda: not page.sidebar.search.text(),
    ):
        assert not gone()
        qtbot.keyClick(window, Qt.Key.Key_Escape)
        assert gone()


# --- language, theme, size -----------------------------------------------------------------------


def test_the_language_changes_while_the_program_runs(qtbot, make_program, filled):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    page.composer.set_text("a draft")
    program.workspace.commands[Command.CHINESE].trigger()
    qtbot.waitUntil(lambda: program.workspace.chat.composer.button.text() == "发送")
    page = shown(qtbot, program, filled[-1])
    qtbot.waitUntil(lambda: page.composer.text() == "a draft")
    program.workspace.commands[Command.ENGLISH].trigger()
    qtbot.waitUntil(lambda: program.workspace.chat.composer.button.text() == "Send")
    shown(qtbot, program, filled[-1])


def test_the_theme_changes_at_once_and_stays(qtbot, make_program, tmp_path):
    program = make_program(theme="light")
    light = QApplication.instance().palette().window().color()
    program.workspace.commands[Command.DARK].trigger()
    assert QApplication.instance().palette().window().color() != light
    file = tmp_path / "data" / "settings.toml"
    qtbot.waitUntil(lambda: 'theme = "dark"' in file.read_text(encoding="utf-8"))


def test_quick_presses_of_ctrl_plus_lose_no_step(qtbot, make_program):
    program = make_program()
    editor = program.workspace.chat.composer.editor
    before = editor.font().pixelSize()
    for _ in range(5):
        qtbot.keyClick(editor, Qt.Key.Key_Plus, Qt.KeyboardModifier.ControlModifier)
    assert program._settings.current.font_size == before + 5


def test_settings_are_kept_and_can_be_reset(qtbot, make_program, tmp_path):
    program = make_program()
    program.workspace.show_page(Page.SETTINGS)
    page = program.workspace.made(Page.SETTINGS)
    threads = page._fields["threads"]
    threads.control.setValue(3)
    file = tmp_path / "data" / "settings.toml"
    qtbot.waitUntil(lambda: "threads = 3" in file.read_text(encoding="utf-8"))
    assert threads.reset.isVisible()
    threads.reset.click()
    assert threads.control.value() == 0
    qtbot.waitUntil(lambda: "threads" not in file.read_text(encoding="utf-8"))
    page._fields["system_prompt"].control.setPlainText("Be brief.")
    qtbot.waitUntil(lambda: program._settings.current.system_prompt == "Be brief.")


@pytest.mark.parametrize("language", ["en", "zh_CN"])
@pytest.mark.parametrize(("size", "font"), [((800, 600), 13), ((800, 600), 27), ((3840, 2160), 13)])
def test_layouts_survive(qtbot, make_program, filled, language, size, font):
    """Nothing that can be pressed is cut off by the window's edge, nor squeezed to nothing."""
    program = make_program(language=language, font_size=font)
    page = shown(qtbot, program, filled[-1])
    window = program.window
    window.resize(*size)
    for shown_page in (Page.CHAT, Page.SETTINGS, Page.BACKUPS, Page.WELCOME):
        program.workspace.show_page(shown_page)
        QApplication.processEvents()
        assert window.size() == QSize(*size), f"{shown_page} needs more room"
        for button in window.findChildren(QAbstractButton):
            if button.isVisible() and button.text():
                least = button.fontMetrics().horizontalAdvance(button.text())
                assert button.width() >= least, button.text()
        composer = page.composer
        if shown_page is Page.CHAT:
            corner = composer.button.mapTo(window, QPoint(0, 0))
            assert window.rect().contains(QRect(corner, composer.button.size()))


def test_a_narrow_window_folds_the_list_away(qtbot, make_program, filled):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    program.window.resize(1100, 700)
    qtbot.waitUntil(page.sidebar.isVisible)
    program.window.resize(800, 700)
    qtbot.waitUntil(page.sidebar.isHidden)
    program.workspace.commands[Command.LIST].trigger()
    assert page.sidebar.isVisible()
    page.open(filled[0])
    assert page.sidebar.isHidden()


def test_a_window_on_a_screen_that_is_gone_comes_back(make_program):
    program = make_program()
    window = program.window
    window.move(20_000, 20_000)
    program.close()
    window = make_program().window
    screens = [screen.availableGeometry() for screen in QGuiApplication.screens()]
    assert any(screen.intersects(window.geometry()) for screen in screens)


def test_a_broken_state_file_is_no_obstacle(make_program, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "window.ini").write_bytes(b"[General]\ngeometry=nonsense\nsplit=\xff\n")
    window = make_program().window
    assert window.isVisible()
    assert isinstance(window.saveGeometry(), QByteArray)


# --- closing, first run, backups -----------------------------------------------------------------


def test_closing_asks_once_while_something_runs_and_remembers(make_program):
    program = make_program()
    leaving = program._leaving
    leaving._running = lambda: True
    program.window.close()
    assert program.window.isVisible()
    leaving.question.reject()
    assert program.window.isVisible()
    program.window.close()
    leaving.question.remember.setChecked(True)
    leaving.question.quit.click()
    assert not program.window.isVisible()
    assert program._settings.current.on_close is OnClose.QUIT


def test_the_first_run_chooses_language_and_starts(qtbot, make_program):
    program = make_program(first_run_done=False)
    assert program.workspace.page is Page.WELCOME
    page = program.workspace.made(Page.WELCOME)
    qtbot.waitUntil(page.examples[0].isEnabled, timeout=10_000)
    assert "smollm2" in page._model.text()
    page.language.setCurrentIndex(2)
    page.language.activated.emit(2)
    qtbot.waitUntil(
        lambda: (
            program.workspace.page is Page.WELCOME
            and program.workspace.made(Page.WELCOME).start_button.text() == "开始使用"
        )
    )
    program.workspace.made(Page.WELCOME).start_button.click()
    assert program.workspace.page is Page.CHAT
    assert program._settings.current.first_run_done


def test_an_example_of_the_first_page_is_answered(qtbot, make_program):
    program = make_program(first_run_done=False)
    page = program.workspace.made(Page.WELCOME)
    qtbot.waitUntil(page.examples[0].isEnabled, timeout=10_000)
    with qtbot.waitSignal(program.workspace.chat.shown.answered, timeout=120_000):
        page.examples[0].click()
        qtbot.waitUntil(lambda: len(program.replies) == 1, timeout=20_000)
        qtbot.waitUntil(lambda: program.replies.live(program.workspace.chat.conversation) is None
                        or len(program.replies.live(program.workspace.chat.conversation).text) > 10,
                        timeout=120_000)  # fmt: skip
        program.workspace.chat.stop()


def test_a_backup_is_made_and_restored(qtbot, make_program, filled):
    program = make_program()
    page = shown(qtbot, program, filled[-1])
    window = program.workspace
    window.show_page(Page.BACKUPS)
    backups = window.made(Page.BACKUPS)
    assert isinstance(backups, BackupsPage)
    qtbot.waitUntil(lambda: backups._model.rowCount() == 1)
    backups.create_button.click()
    qtbot.waitUntil(lambda: backups._model.rowCount() == 2)
    page.delete()
    qtbot.waitUntil(lambda: len(page.sidebar.model.conversations()) == 2)
    backups.list.setCurrentIndex(backups._model.index(0, 0))
    backups.restore_button.click()
    qtbot.waitUntil(lambda: len(page.sidebar.model.conversations()) == 3, timeout=10_000)
    qtbot.waitUntil(lambda: backups._model.rowCount() == 3)


def test_a_damaged_database_has_a_way_out(qtbot, make_program, filled, tmp_path):
    program = make_program()
    shown(qtbot, program, filled[-1])
    program.close()
    (tmp_path / "data" / "conversations.db").write_bytes(b"no database" * 1000)
    program = make_program(wait=False)
    page = program.workspace.chat
    qtbot.waitUntil(lambda: "conversations.db" in page.view.fault.text())
    first = page.view.fault.findChildren(QAbstractButton)[-2]
    assert first.text() == "Restore the newest backup"
    first.click()
    qtbot.waitUntil(lambda: len(page.sidebar.model.conversations()) == 3, timeout=10_000)


def test_diagnostics_are_saved_also_without_services(qtbot, make_program, filled, tmp_path):
    program = make_program()
    shown(qtbot, program, filled[-1])
    path = tmp_path / "report.txt"
    program._data_care.write_diagnostics(path)
    qtbot.waitUntil(lambda: "report.txt" in program.workspace.toasts.text(), timeout=10_000)
    text = path.read_text(encoding="utf-8")
    assert "3 conversations" in text
    assert "合同" not in text
    program.close()
    (tmp_path / "data" / "conversations.db").write_bytes(b"no database" * 1000)
    program = make_program(wait=False)
    qtbot.waitUntil(lambda: "conversations.db" in program.workspace.chat.view.fault.text())
    path.unlink()
    program._data_care.write_diagnostics(path)
    qtbot.waitUntil(path.exists, timeout=10_000)
    qtbot.waitUntil(lambda: "report.txt" in program.workspace.toasts.text(), timeout=10_000)
