"""Formulas as pictures, in a real transcript."""

import subprocess
import sys
import time

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication

from desktop_llm.core.settings import Theme
from desktop_llm.rendering.formulas import FormulaRenderer
from desktop_llm.rendering.highlight import highlight
from desktop_llm.ui import theme
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.formula_pictures import FormulaPictures
from desktop_llm.ui.widgets.block_document import MOST_FORMULAS
from desktop_llm.ui.widgets.formula_object import CHARACTER
from desktop_llm.ui.widgets.message_column import Entry
from desktop_llm.ui.widgets.transcript import Transcript

TEXT = r"""Before $x^2$ and $\frac{a}{b}$$y$ after.

$$\sum_{i=1}^n i$$

```python
return 1
```

The word $\unknown{z}$ stays, **bold $\beta$ bold**.
"""
DRAWN = 5  # of them


@pytest.fixture
def tokens(qtbot):  # noqa: ARG001  # brings the application
    return theme.apply(QApplication.instance(), Theme.LIGHT, 13)


@pytest.fixture
def bridge(tokens):  # noqa: ARG001
    bridge = Bridge()
    yield bridge
    bridge.close()


@pytest.fixture(scope="module")
def renderer():
    renderer = FormulaRenderer()
    yield renderer
    renderer.close()


@pytest.fixture
def pictures(bridge, renderer):
    return FormulaPictures(bridge, renderer)


@pytest.fixture
def transcript(qtbot, tokens, pictures):
    later = []
    transcript = Transcript(tokens, lambda *asked: later.append(asked))
    transcript.later = later
    transcript.draw_formulas_with(pictures)
    qtbot.addWidget(transcript)
    transcript.resize(800, 500)
    transcript.show()
    return transcript


def document_of(transcript):
    return transcript._column.document(0)


def drawn(transcript):
    return document_of(transcript).toPlainText().count(CHARACTER)


def settled(qtbot, transcript, number=DRAWN):
    qtbot.waitUntil(lambda: drawn(transcript) >= number, timeout=20_000)


def test_formulas_become_pictures_and_what_fails_stays(qtbot, transcript):
    transcript.show_entries([Entry(1, TEXT, False)])
    assert "x^2" in document_of(transcript).toPlainText()
    settled(qtbot, transcript)
    text = document_of(transcript).toPlainText()
    assert text.count(CHARACTER) == DRAWN
    assert r"\unknown{z}" in text
    assert "x^2" not in text


def test_colours_that_come_later_are_in_the_right_place(qtbot, transcript, tokens):
    transcript.show_entries([Entry(1, TEXT, False)])
    settled(qtbot, transcript)
    ((code, language, then),) = transcript.later
    then(highlight(code, language))
    cursor = document_of(transcript).find("return")
    assert cursor.charFormat().foreground().color().name() == tokens.syntax_keyword
    assert transcript.code_of(1) == ["return 1"]


@pytest.mark.parametrize("size", [1, 9, 1000])
def test_a_reply_that_streams(qtbot, transcript, size):
    transcript.show_entries([Entry(1, "", False)])
    for at in range(0, len(TEXT), size):
        transcript.stream(1, TEXT[at : at + size])
        QApplication.processEvents()
    transcript.stream(1, "\n\nMore, $w$ and")
    transcript.stream(1, " more.")
    if size < len(TEXT):  # else all of it may still be open
        settled(qtbot, transcript, DRAWN)
    assert document_of(transcript).toPlainText().endswith("More, w and more.")
    transcript.finish(1, TEXT + "\n\nMore, $w$ and more.")
    settled(qtbot, transcript, DRAWN + 1)
    text = document_of(transcript).toPlainText()
    assert text.startswith(f"Before {CHARACTER} and {CHARACTER}{CHARACTER} after.")
    assert text.endswith(f"More, {CHARACTER} and more.")
    code, language, then = transcript.later[-1]
    then(highlight(code, language))
    assert transcript.code_of(1) == ["return 1"]


def test_copied_as_latex(qtbot, transcript):
    transcript.show_entries([Entry(1, TEXT, False)])
    transcript._selection.anchor, transcript._selection.cursor = (0, 0), (0, 5)
    settled(qtbot, transcript)
    end = document_of(transcript).characterCount() - 8
    transcript._selection.cursor = (0, end)
    text = transcript.selected_text()
    assert CHARACTER not in text
    assert text.startswith(r"Before $x^2$ and $\frac{a}{b}$$y$ after.")
    assert r"$$\sum_{i=1}^n i$$" in text
    markdown = transcript.selected_markdown()
    assert CHARACTER not in markdown
    assert r"$\frac{a}{b}$" in markdown
    transcript.copy()
    assert CHARACTER not in QApplication.clipboard().text()
    transcript.select_all()
    assert r"$\frac{a}{b}$" in transcript.selected_text()


def test_the_sign_of_an_object_in_a_text_is_not_copied(transcript):
    transcript.show_entries([Entry(1, f"a{CHARACTER}bc", False)])
    transcript._selection.anchor, transcript._selection.cursor = (0, 0), (0, 3)
    assert transcript.selected_text() == "ab"


def test_what_is_selected_stays_selected_and_marks_are_found(qtbot, transcript):
    transcript.show_entries([Entry(1, TEXT, False)])
    cursor = document_of(transcript).find("word")
    transcript._selection.anchor = (0, cursor.selectionStart())
    transcript._selection.cursor = (0, cursor.selectionEnd())
    assert drawn(transcript) == 0
    settled(qtbot, transcript)
    assert transcript.selected_text() == "word"
    transcript.mark_words(["after"])
    (place,) = transcript._marks.places(1, document_of(transcript))
    assert place.selectedText() == "after"
    transcript.select_all()
    transcript.grab()


def ink(document):
    """The colour of the first picture."""
    image = document._pictures._pictures[0].image
    colours = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
    return max(colours, key=QColor.alpha).name()


def test_another_theme_and_another_size(qtbot, transcript, tokens):
    transcript.show_entries([Entry(1, TEXT, False)])
    settled(qtbot, transcript)
    before = document_of(transcript)
    assert ink(before) == tokens.text
    dark = theme.load_tokens("dark")
    transcript.restyle(dark)
    settled(qtbot, transcript)
    assert document_of(transcript) is not before
    assert ink(document_of(transcript)) == dark.text
    small = document_of(transcript)._pictures._pictures[0].height
    font = transcript.font()
    font.setPixelSize(2 * font.pixelSize())
    transcript.setFont(font)
    transcript.restyle(tokens)
    settled(qtbot, transcript)
    assert document_of(transcript)._pictures._pictures[0].height > 1.5 * small


def test_known_pictures_are_shown_at_once(qtbot, transcript, tokens):
    transcript.show_entries([Entry(1, TEXT, False)])
    settled(qtbot, transcript)
    transcript.restyle(tokens)
    assert drawn(transcript) == DRAWN


def test_wide_ones_are_scaled_down(qtbot, transcript):
    terms = " + ".join(f"x_{{{number}}}" for number in range(60))
    transcript.show_entries([Entry(1, f"$${terms}$$", False)])
    settled(qtbot, transcript, 1)
    document = document_of(transcript)
    assert document._pictures._pictures[0].width > document.textWidth()
    assert document.idealWidth() <= document.textWidth() + 1


@pytest.mark.parametrize("latex", ["M", r"M^{M^M}", r"\frac{1}{M}M", r"\underset{M}{M}M"])
def test_letters_of_formulas_stand_on_the_line(qtbot, transcript, latex):
    transcript.show_entries([Entry(1, f"MMM ${latex}$", False)])
    settled(qtbot, transcript, 1)
    image = transcript.grab().toImage()
    lowest = []  # dark pixel of each column that has one
    for left in range(300):
        dark = [y for y in range(100) if image.pixelColor(left, y).lightness() < 128]
        if dark:
            lowest.append(max(dark))
    # the letter that ends the formula; what is raised above the line never reaches below it
    found = max(lowest) if "^" in latex else max(lowest[-12:])
    assert abs(found - max(lowest[:12])) <= 1


def test_a_message_of_thousands(qtbot, transcript):
    text = "\n\n".join(f"A formula $x_{{{number}}}$ here." for number in range(5000))
    transcript.show_entries([Entry(1, text, False)])
    settled(qtbot, transcript, 10)
    longest, last = [0.0], [time.perf_counter()]

    def tick():
        now = time.perf_counter()
        longest[0], last[0] = max(longest[0], now - last[0]), now

    timer = QTimer(transcript)
    timer.timeout.connect(tick)
    timer.start(0)
    settled(qtbot, transcript, MOST_FORMULAS)
    assert drawn(transcript) == MOST_FORMULAS
    timer.stop()
    assert longest[0] < 1


def test_the_program_draws_and_leaves_no_process(qtbot, make_program):
    program = make_program()
    view = program.workspace.chat.view.transcript
    view.show_entries([Entry(1, "$x^2$", False)])
    settled(qtbot, view, 1)
    assert program._formulas.process is not None
    program.close()
    assert program._formulas.process is None


def test_the_window_starts_without_svg():
    code = "import desktop_llm.ui.program, sys; print('PySide6.QtSvg' in sys.modules)"
    answer = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert answer.stdout.strip() == "False"
