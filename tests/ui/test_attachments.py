"""Documents attached in the window: dropped, pasted, chosen, sent, taken back, read."""

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QImage
from PySide6.QtWidgets import QApplication, QFileDialog

from desktop_llm.core.attachments import Take
from desktop_llm.core.documents import PASTE
from desktop_llm.services.documents import DocumentReader
from desktop_llm.ui.actions import Command
from desktop_llm.ui.pages.document_dialog import DocumentDialog
from tests.ui.helpers import REPLY, Gate, settle, shown, speak


@pytest.fixture
def page(qtbot, make_program):
    program = make_program(context_length=512)
    page = shown(qtbot, program)
    page.program = program
    return page


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("The cat is called Tom.")
    return path


def chips(page):
    return page.composer.attachments.chips


def attached(qtbot, page, count):
    qtbot.waitUntil(
        lambda: len(chips(page)) == count and not page.attachments.reading, timeout=REPLY
    )
    return chips(page)


def files(*paths):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return data


def drop(page, data):
    point, copy = QPoint(50, 50), Qt.DropAction.CopyAction
    enter = QDragEnterEvent(
        point, copy, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    QApplication.sendEvent(page.view, enter)
    event = QDropEvent(
        QPointF(point), copy, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    QApplication.sendEvent(page.view, event)
    return enter.isAccepted()


def replied(qtbot, page):
    qtbot.waitUntil(lambda: len(page.shown.branch) >= 2, timeout=REPLY)
    qtbot.waitUntil(lambda: not len(page.program.replies), timeout=REPLY)
    settle(page.program)


def test_a_dropped_file_goes_with_the_question(qtbot, page, file):
    assert drop(page, files(file))
    (chip,) = attached(qtbot, page, 1)
    assert chip.name == "notes.txt"
    assert chip.choice == "Whole text"
    qtbot.waitUntil(lambda: "token" in chips(page)[0].detail, timeout=REPLY)
    assert not page.composer.button.isEnabled()  # there is no question yet
    page.composer.set_text("What is the cat called?")
    page.composer.button.click()
    assert chips(page) == []
    replied(qtbot, page)
    question = page.shown.branch[0]
    assert [each.name for each in question.attachments] == ["notes.txt"]
    assert page.view.transcript._column[0].attached[0][1] == "Attached: notes.txt"
    assert chips(page) == []
    assert page.view.transcript.text_of(question.id) == "What is the cat called?"


def test_what_is_pasted_is_a_file_a_long_text_or_words(qtbot, page, file):
    editor = page.composer.editor
    editor.insertFromMimeData(files(file))
    attached(qtbot, page, 1)
    words = QMimeData()
    words.setText("x" * PASTE)
    editor.insertFromMimeData(words)
    assert len(page.composer.text()) == PASTE
    page.composer.clear()
    long = QMimeData()
    long.setText("One sentence. " * 400)
    editor.insertFromMimeData(long)
    assert attached(qtbot, page, 2)[1].name == "Pasted text"
    assert page.composer.text() == ""
    page._toasts.act()  # put it into the message
    assert page.composer.text().strip() == ("One sentence. " * 400).strip()
    settle(page.program)
    assert [chip.name for chip in attached(qtbot, page, 1)] == ["notes.txt"]


def test_a_picture_is_refused_in_words(qtbot, page, tmp_path):
    picture = QMimeData()
    picture.setImageData(QImage(4, 4, QImage.Format.Format_RGB32))
    page.composer.editor.insertFromMimeData(picture)
    assert "picture" in page.view.fault.text()
    path = tmp_path / "p.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    page.view.fault.dismiss()
    drop(page, files(path))
    qtbot.waitUntil(lambda: "p.png" in page.view.fault.text(), timeout=REPLY)
    assert chips(page) == []


def test_each_file_that_is_refused_is_named(qtbot, page, file, tmp_path):
    pictures = [tmp_path / f"{n}.png" for n in range(5)]
    for picture in pictures:
        picture.write_bytes(b"\x89PNG\r\n\x1a\n")
    drop(page, files(file, tmp_path / "missing.txt", *pictures))
    attached(qtbot, page, 1)
    words = page.view.fault.text()
    assert words.startswith("6 files could not be attached.")
    assert all(name in words for name in ("missing.txt", *(each.name for each in pictures)))


def test_a_fault_without_a_button_has_the_whole_width(qtbot, page, tmp_path):
    page.attachments.attach_files([str(tmp_path / "missing.txt")])
    fault = page.view.fault
    qtbot.waitUntil(lambda: "missing.txt" in fault.text(), timeout=REPLY)
    qtbot.waitUntil(lambda: fault._what.width() > fault.width() // 2)


def test_files_are_chosen_in_a_dialog(qtbot, page, file, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([str(file)], ""))
    page.program.workspace.commands[Command.ATTACH].trigger()
    attached(qtbot, page, 1)


def test_nothing_is_sent_while_a_file_is_being_read(page, file, monkeypatch):
    gate = Gate(monkeypatch, DocumentReader, "_read")
    page.composer.set_text("What is it?")
    drop(page, files(file))
    (chip,) = chips(page)
    assert chip.busy
    assert not page.composer.button.isEnabled()
    page.composer.attachments.remove_wanted.emit(chip.key)
    assert chips(page) == []
    assert page.composer.button.isEnabled()
    gate.open()
    settle(page.program)
    assert chips(page) == []


def test_what_is_attached_stands_there_after_a_restart(qtbot, make_program, page, file):
    drop(page, files(file))
    attached(qtbot, page, 1)
    page.program.close()
    page = shown(qtbot, make_program())
    attached(qtbot, page, 1)


def test_each_conversation_has_its_own(qtbot, page, file):
    drop(page, files(file))
    attached(qtbot, page, 1)
    page.composer.set_text("What is it?")
    page.composer.button.click()
    replied(qtbot, page)
    number = page.conversation
    drop(page, files(file, file))
    attached(qtbot, page, 2)
    page.new_conversation()
    attached(qtbot, page, 0)
    page.open(number)
    attached(qtbot, page, 2)


def test_a_chip_is_removed_with_a_way_back(qtbot, page, file):
    drop(page, files(file))
    (chip,) = attached(qtbot, page, 1)
    page.composer.attachments.remove_wanted.emit(chip.key)
    attached(qtbot, page, 0)
    settle(page.program)
    page._toasts.act()
    attached(qtbot, page, 1)


def test_a_long_document_is_offered_as_an_excerpt(qtbot, page, tmp_path):
    path = tmp_path / "long.txt"
    path.write_text("A sentence about the sea and its many ships. " * 300)
    drop(page, files(path))
    (chip,) = attached(qtbot, page, 1)
    assert chip.choice == "Excerpt"
    qtbot.waitUntil(lambda: "token" in chips(page)[0].detail, timeout=REPLY)
    tokens = int(chips(page)[0].detail.split()[0])
    assert tokens < 512
    page.attachments.choose(chip.key, Take.SUMMARY)
    qtbot.waitUntil(lambda: chips(page)[0].choice == "Summary", timeout=REPLY)
    page.attachments.choose(chip.key, Take.WHOLE)
    page.composer.set_text("What is it about?")
    qtbot.waitUntil(lambda: "Too long" in page.composer.gauge.text(), timeout=REPLY)
    assert not page.composer.button.isEnabled()


def test_what_was_too_long_stands_with_the_draft_again(qtbot, page, tmp_path):
    path = tmp_path / "long.txt"
    path.write_text("A sentence about the sea and its many ships. " * 300)
    drop(page, files(path))
    (chip,) = attached(qtbot, page, 1)
    page.attachments.choose(chip.key, Take.WHOLE)
    settle(page.program)
    attached(qtbot, page, 1)
    page.shown.send_composed("What is it about?")
    qtbot.waitUntil(lambda: page.composer.text() == "What is it about?", timeout=REPLY)
    assert [chip.name for chip in attached(qtbot, page, 1)] == ["long.txt"]


def test_a_document_is_shown(qtbot, page, file):
    drop(page, files(file))
    (chip,) = attached(qtbot, page, 1)
    page.composer.attachments.opened.emit(chip.key)
    qtbot.waitUntil(lambda: page.view.findChildren(DocumentDialog) != [], timeout=REPLY)
    (dialog,) = page.view.findChildren(DocumentDialog)
    assert dialog.view.toPlainText() == "The cat is called Tom."
    dialog.reject()


def test_a_dropped_file_is_not_lost_with_another_language(qtbot, page, file):
    drop(page, files(file))
    attached(qtbot, page, 1)
    page = speak(qtbot, page.program, Command.CHINESE)
    attached(qtbot, page, 1)
