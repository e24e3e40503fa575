"""The transcript: laid out when seen, selected across messages, the same streamed as whole."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication

from desktop_llm.core.settings import Theme
from desktop_llm.ui import theme
from desktop_llm.ui.widgets.block_document import BlockDocument
from desktop_llm.ui.widgets.transcript import Entry, Transcript
from tests.unit.test_markdown import SAMPLE


@pytest.fixture
def tokens(qtbot):  # noqa: ARG001  # brings the application
    return theme.apply(QApplication.instance(), Theme.LIGHT, 13)


@pytest.fixture
def transcript(qtbot, tokens):
    transcript = Transcript(tokens)
    qtbot.addWidget(transcript)
    transcript.resize(800, 500)
    with qtbot.waitExposed(transcript):
        transcript.show()
    return transcript


def long_entries(count):
    return [Entry(number, f"Message {number}. " + "word " * 120, number % 2 == 0)
            for number in range(count)]  # fmt: skip


def test_only_what_is_seen_is_laid_out(transcript):
    entries = long_entries(300)
    transcript.show_entries(entries)
    laid_out = [entry.key for entry in entries if entry.document is not None]
    assert 0 < len(laid_out) < 30
    assert laid_out[-1] == 299
    assert transcript.verticalScrollBar().value() == transcript.verticalScrollBar().maximum()


def test_streamed_as_whole(transcript, tokens):
    transcript.show_entries([Entry(1, "", False)])
    for at in range(0, len(SAMPLE), 5):
        transcript.stream(1, SAMPLE[at : at + 5])
    streamed = transcript._entries[0].document.toPlainText()
    transcript.finish(1, SAMPLE)
    whole = BlockDocument(tokens, theme.reading_font(transcript.font()))
    whole.show_markdown(SAMPLE)
    assert transcript._entries[0].document.toPlainText() == whole.toPlainText()
    assert streamed.split() == whole.toPlainText().split()


def test_selection_reaches_across_messages(transcript):
    transcript.show_entries([Entry(1, "the question", True), Entry(2, "the **answer**", False)])
    transcript.select_all()
    assert transcript.selected_text() == "the question\n\nthe answer"
    transcript.copy()
    assert QApplication.clipboard().text() == "the question\n\nthe answer"


def test_the_mouse_selects(transcript, qtbot):
    transcript.show_entries([Entry(1, "the question", True), Entry(2, "the answer", False)])
    port = transcript.viewport()
    qtbot.mousePress(port, Qt.MouseButton.LeftButton, pos=QPoint(45, 44))
    qtbot.mouseMove(port, QPoint(790, 480))
    transcript._cursor = transcript._at(QPoint(790, 480).toPointF())
    qtbot.mouseRelease(port, Qt.MouseButton.LeftButton, pos=QPoint(790, 480))
    assert transcript.selected_text().endswith("the answer")


def test_the_view_follows_until_the_person_scrolls_up(transcript):
    transcript.show_entries([*long_entries(20), Entry(99, "", False)])
    transcript.stream(99, "word " * 500)
    bar = transcript.verticalScrollBar()
    assert bar.value() == bar.maximum()
    bar.setValue(bar.maximum() - 300)
    assert not transcript.following
    before = bar.value()
    transcript.stream(99, "word " * 500)
    assert bar.value() == before


def test_the_persons_text_is_never_markdown(transcript):
    transcript.show_entries([Entry(1, "# not a *heading*", True)])
    transcript.select_all()
    assert transcript.selected_text() == "# not a *heading*"
