"""The transcript: laid out when seen, selected across messages, the same streamed as whole."""

from itertools import pairwise

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication, QIcon, QTextBlockFormat
from PySide6.QtWidgets import QApplication

from desktop_llm.core.settings import Theme
from desktop_llm.rendering.highlight import highlight
from desktop_llm.rendering.markdown import parse
from desktop_llm.ui import theme
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.widgets.block_document import BlockDocument
from desktop_llm.ui.widgets.message_bar import MessageAction
from desktop_llm.ui.widgets.message_column import SPACING, Entry
from desktop_llm.ui.widgets.transcript import Transcript
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
    streamed = transcript._column[0].document.toPlainText()
    transcript.finish(1, SAMPLE)
    whole = BlockDocument(tokens, theme.reading_font(transcript.font()))
    whole.show_blocks(parse(SAMPLE))
    assert transcript._column[0].document.toPlainText() == whole.toPlainText()
    assert streamed.split() == whole.toPlainText().split()


def test_a_table_grows_row_by_row(transcript, tokens):
    source = "| a | b |\n|---|---:|\n" + "".join(
        f"| **{row}** | word {row} |\n" for row in range(12)
    )
    transcript.show_entries([Entry(1, "", False)])
    tables = set()
    for at in range(0, len(source), 7):
        transcript.stream(1, source[at : at + 7])
        frames = transcript._column[0].document.rootFrame().childFrames()
        tables.update(frame.objectIndex() for frame in frames)
        whole = BlockDocument(tokens, theme.reading_font(transcript.font()))
        whole.show_blocks(parse(source[: at + 7]))
        assert transcript._column[0].document.toPlainText() == whole.toPlainText()
    assert len(tables) < 4


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
    transcript._selection.cursor = transcript._position_at(QPoint(790, 480).toPointF())
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


CODE = "Look:\n\n```python\ndef f():\n    return 1\n```\n\nDone."


def runs(code, language, then):
    then(highlight(code, language))


@pytest.fixture
def coloured(qtbot, tokens):
    transcript = Transcript(tokens, runs)
    qtbot.addWidget(transcript)
    transcript.resize(800, 500)
    transcript.show()
    return transcript


def colour_of(document, word):
    cursor = document.find(word)
    assert not cursor.isNull()
    return cursor.charFormat().foreground().color().name()


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_code_is_coloured_streamed_and_whole(coloured, tokens, size):
    coloured.show_entries([Entry(1, "", False)])
    for at in range(0, len(CODE), size):
        coloured.stream(1, CODE[at : at + size])
    coloured.finish(1, CODE)
    document = coloured._column[0].document
    assert colour_of(document, "return") == tokens.syntax_keyword
    assert colour_of(document, "Look") == tokens.text
    assert coloured.code_of(1) == ["def f():\n    return 1"]


def test_code_that_ends_a_reply_is_coloured_too(coloured, tokens):
    code = "```python\nreturn 1\n```"
    coloured.show_entries([Entry(1, "", False)])
    for letter in code:
        coloured.stream(1, letter)
    before = coloured._column[0].document
    coloured.finish(1, code)
    assert coloured._column[0].document is before, "what was streamed exactly is kept"
    assert colour_of(before, "return") == tokens.syntax_keyword


def test_finished_blocks_are_frozen_and_the_open_end_grows(transcript):
    transcript.show_entries([Entry(1, "", False)])
    transcript.stream(1, "First paragraph.\n\nSecond")
    document = transcript._column[0].document
    frozen = document._frozen
    revision = document.firstBlock().revision()
    transcript.stream(1, " paragraph that grows")
    assert document.toPlainText().endswith("Second paragraph that grows")
    assert document._frozen == frozen
    assert document.firstBlock().revision() == revision


def test_another_theme_in_the_middle_of_a_reply(transcript):
    dark = theme.load_tokens("dark")
    transcript.show_entries([Entry(1, "", False)])
    transcript.stream(1, "One **two** th")
    transcript.restyle(dark)
    transcript.stream(1, "ree.")
    assert transcript._column[0].document.toPlainText() == "One two three."
    transcript.finish(1, "One **two** three.")
    assert transcript.text_of(1) == "One **two** three."


def test_the_place_in_a_long_conversation_is_kept(transcript):
    transcript.show_entries(long_entries(60))
    transcript.restore_view(20, 7)
    assert transcript.view_position() == (20, 7)
    transcript.resize(600, 500)
    assert transcript.view_position()[0] == 20
    transcript.restore_view(12345, 0)
    assert transcript.view_position()[0] == 20
    transcript.scroll_to_end()
    assert transcript.view_position() is None


def test_buttons_belong_to_the_message_under_the_mouse(transcript, qtbot):
    done = []
    transcript.set_actions(
        lambda key: [MessageAction(QIcon(), f"Copy {key}", lambda: done.append(key))]
    )
    transcript.show_entries([Entry(1, "the question", True), Entry(2, "the answer", False)])
    qtbot.mouseMove(transcript.viewport(), transcript._card(1).center().toPoint())
    transcript._hover(transcript._card(1).center())
    transcript.viewport().repaint()
    (button,) = [button for button in transcript._bar._buttons if button.isVisible()]
    assert button.accessibleName() == "Copy 2"
    button.click()
    assert done == [2]


def test_code_under_the_mouse_can_be_copied(transcript):
    transcript.set_copy_code(QIcon(), "Copy code")
    transcript.show_entries([Entry(1, CODE, False)])
    transcript.viewport().repaint()
    box, _text = transcript._column[0].document.code_frames()[0]
    transcript._hover(box.translated(transcript._origin(0)).center())
    assert transcript._copy_code.isVisible()
    transcript._copy_code.click()
    assert QApplication.clipboard().text() == "def f():\n    return 1"


def test_messages_far_away_are_not_kept_laid_out(transcript):
    entries = long_entries(400)
    transcript.show_entries(entries)
    for key in range(0, 400, 5):
        transcript.restore_view(key, 0)
    assert sum(entry.document is not None for entry in entries) < 160


def test_the_end_of_a_conversation_can_be_taken_back(transcript):
    transcript.show_entries(long_entries(4))
    transcript.remove_from(2)
    assert [entry.key for entry in transcript._column] == [0, 1]
    transcript.select_all()
    assert "Message 1." in transcript.selected_text()


def test_a_selection_bears_that_the_message_grows(transcript):
    transcript.show_entries([Entry(1, "the question", True), Entry(2, "", False)])
    transcript.stream(2, "Some words **and bold")
    transcript.select_all()
    transcript.stream(2, " text**, and more")
    transcript.viewport().repaint()
    assert transcript.selected_text() == "the question\n\nSome words and bold text, and more"
    transcript.finish(2, "Short.")
    transcript.viewport().repaint()
    assert transcript.selected_text() == "the question\n\nShort."


def test_all_is_copied_without_being_laid_out(elsewhere, qtbot):
    entries = [Entry(number, f"**{number}** " + "*w* " * 400, False) for number in range(100)]
    elsewhere.show_entries(entries)
    elsewhere.select_all()
    clipboard = QGuiApplication.clipboard()
    clipboard.clear()
    elsewhere.copy()
    words = "\n\n".join(f"{number} " + "w " * 399 + "w" for number in range(100))
    qtbot.waitUntil(lambda: clipboard.text() == words, timeout=20_000)
    assert sum(entry.document is not None for entry in entries) < 30


def test_who_has_scrolled_up_is_told_and_another_conversation_begins_at_its_end(transcript):
    told = []
    transcript.following_changed.connect(told.append)
    transcript.show_entries(long_entries(40))
    transcript.verticalScrollBar().setValue(0)
    assert told == [False]
    transcript.show_entries([Entry(1, "short", True)])
    assert told == [False, True]
    transcript.show_entries(long_entries(40))
    transcript.verticalScrollBar().setValue(0)
    transcript.scroll_to_end()
    assert told == [False, True, False, True]


def test_messages_stand_close_whatever_their_estimates_were(transcript):
    """A message that comes into view while others are laid out is measured before it is drawn."""
    words = "长" * 30
    entries = [Entry(number, words * (1 + number % 5), number % 2 == 0) for number in range(60)]
    transcript.show_entries(entries)
    for height in (300, 520, 210, 640):
        transcript.resize(700, height)
        transcript.viewport().repaint()
        column = transcript._column
        seen = [column.card(at) for at in transcript._visible()]
        assert all(column[at].measured for at in transcript._visible())
        gaps = {round(after.top() - before.bottom()) for before, after in pairwise(seen)}
        assert gaps == {SPACING}


def test_a_double_click_takes_a_word(transcript, qtbot):
    transcript.show_entries([Entry(1, "alpha beta", True)])
    qtbot.mouseDClick(
        transcript.viewport(),
        Qt.MouseButton.LeftButton,
        pos=transcript._origin(0).toPoint() + QPoint(10, 10),
    )
    assert transcript.selected_text() == "alpha"


LONG_TEXT = "\n\n".join(f"Paragraph {number} with **bold** words." for number in range(100))


@pytest.fixture
def elsewhere(qtbot, tokens):
    """A transcript whose long Markdown is parsed on other threads."""
    bridge = Bridge()
    transcript = Transcript(tokens, None, bridge.run)
    qtbot.addWidget(transcript)
    transcript.resize(800, 500)
    transcript.show()
    yield transcript
    bridge.close()


def text_shown(transcript, index=0):
    return transcript._column.document(index).toPlainText()


def test_long_markdown_is_plain_until_it_is_parsed(elsewhere, qtbot):
    elsewhere.show_entries([Entry(1, LONG_TEXT, False), Entry(2, "**short**", False)])
    assert "**bold**" in text_shown(elsewhere)
    assert text_shown(elsewhere, 1) == "short"
    qtbot.waitUntil(lambda: "**bold**" not in text_shown(elsewhere))
    assert text_shown(elsewhere).count("bold words") == 100
    assert elsewhere.verticalScrollBar().value() == elsewhere.verticalScrollBar().maximum()


def test_a_long_paragraph_streams_without_being_parsed_here(elsewhere, qtbot):
    elsewhere.show_entries([Entry(1, "", False)])
    text = "word *and* more " * 200
    for at in range(0, len(text), 16):
        elsewhere.stream(1, text[at : at + 16])
    entry = elsewhere._column[0]
    assert entry.stream.busy
    assert entry.text == text
    qtbot.waitUntil(lambda: text_shown(elsewhere).count("and") == 200, timeout=20_000)
    elsewhere.finish(1, text)
    qtbot.waitUntil(lambda: entry.blocks is not None)
    assert "*" not in text_shown(elsewhere)


def test_a_reply_that_ends_while_it_is_parsed_shows_all_of_it(elsewhere, qtbot):
    elsewhere.show_entries([Entry(1, "", False)])
    elsewhere.stream(1, "word *and* more " * 100)
    elsewhere.stream(1, "the end")
    elsewhere.finish(1, "word *and* more " * 100 + "the end")
    qtbot.waitUntil(lambda: text_shown(elsewhere).endswith("the end"))
    assert "*" not in text_shown(elsewhere)


def test_the_theme_changes_while_a_long_paragraph_is_parsed(elsewhere, qtbot):
    elsewhere.show_entries([Entry(1, "", False)])
    elsewhere.stream(1, "short ")
    elsewhere.stream(1, "word *and* more " * 100)
    elsewhere.restyle(theme.load_tokens("dark"))
    assert text_shown(elsewhere) == "short"
    qtbot.waitUntil(lambda: text_shown(elsewhere).count("and") == 100)


def test_what_was_thought_is_folded_and_unfolds(qtbot, transcript):
    transcript.set_thought_words(lambda ended, seconds: f"thought {ended} {seconds:.0f}")
    text = "<think>\nFirst *this*.\n</think>\n\nThe answer."
    entry = Entry(7, text, False, thinking_seconds=12)
    transcript.show_entries([entry])
    transcript.grab()
    folded = transcript._column.document(0).toPlainText()
    assert folded.startswith("▸ thought True 12")
    assert "First" not in folded
    transcript._set_current(0)
    qtbot.keyClick(transcript, Qt.Key.Key_Space)
    unfolded = transcript._column.document(0).toPlainText()
    assert unfolded.startswith("▾")
    assert "First this." in unfolded
    qtbot.keyClick(transcript, Qt.Key.Key_Space)
    assert "First" not in transcript._column.document(0).toPlainText()


def test_thinking_streams_folded_and_the_answer_follows(transcript):
    transcript.set_thought_words(lambda ended, _seconds: "thought" if ended else "thinking")
    transcript.show_entries([Entry(7, "", False)])
    seen = []
    for piece in ("<thi", "nk>", "so ", "far", "</think>", "\n\nThe ", "answer."):
        transcript.stream(7, piece)
        seen.append(transcript._column.document(0).toPlainText().strip())
    assert seen[1:4] == ["▸ thinking"] * 3
    assert seen[4:] == ["▸ thought", "▸ thought\nThe", "▸ thought\nThe answer."]
    transcript.finish(7, "<think>so far</think>\n\nThe answer.", "", 3.0)
    assert transcript._column.document(0).toPlainText() == "▸ thought\nThe answer."


def test_tasks_notes_and_formulas_are_shown(transcript):
    text = "- [ ] open\n- [x] done\n\nA[^1] $x^2$\n\n$$\ny\n$$\n\n[^1]: Note."
    transcript.show_entries([Entry(7, text, False)])
    document = transcript._column.document(0)
    markers = []
    block = document.begin()
    while block.isValid():
        markers.append(block.blockFormat().marker())
        block = block.next()
    kinds = QTextBlockFormat.MarkerType
    assert markers[:2] == [kinds.Unchecked, kinds.Checked]
    shown = document.toPlainText()
    for words in ("open", "done", "x^2", "y", "1 Note."):
        assert words in shown


def on_screen(transcript):
    """What the window shows, not what it would draw now."""
    QApplication.processEvents()
    return transcript.screen().grabWindow(transcript.winId()).toImage()


def test_a_reply_that_grows_is_moved_up_as_it_would_be_drawn(transcript):
    transcript.show_entries([Entry(1, "A question?\n" * 12, True), Entry(2, "", False)])
    text = "Some **bold** words that fill a line or two of it.\n\n- item\n\n```\ncode\n```\n\n" * 12
    for at in range(0, len(text), 30):
        transcript.stream(2, text[at : at + 30])
        if at % 300 == 0:
            moved = on_screen(transcript)
            transcript.viewport().update()
            assert moved == on_screen(transcript)
    assert transcript.verticalScrollBar().value() == transcript.verticalScrollBar().maximum() > 500


def test_a_task_that_is_done_has_its_tick_below_a_question_too(transcript):
    pictures = []
    for mark in ("x", " "):
        transcript.show_entries(
            [Entry(1, "What is done?", True), Entry(2, f"- [{mark}] it", False)]
        )
        pictures.append(transcript.viewport().grab().toImage())
    assert pictures[0] != pictures[1]


def test_what_is_attached_stands_above_the_question_and_opens(transcript, qtbot):
    entry = Entry(1, "What is it?", True, attached=((7, "Attached: notes.txt"),))
    transcript.show_entries([entry])
    opened = []
    transcript.attachment_opened.connect(opened.append)
    assert entry.document.toPlainText().split("\n") == ["Attached: notes.txt", "What is it?"]
    box = (
        transcript._column.card(0).topLeft()
        + entry.document.documentLayout().blockBoundingRect(entry.document.begin()).center()
    )
    point = QPoint(round(transcript._column.left + 60), round(box.y() + 12))
    qtbot.mouseClick(transcript.viewport(), Qt.MouseButton.LeftButton, pos=point)
    assert opened == [7]
    assert transcript.text_of(1) == "What is it?"
