"""Titles, messages, names of files: whatever they hold, they are shown and never obeyed."""

import time

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QTextDocument
from PySide6.QtWidgets import QApplication, QLabel, QMenu, QToolTip

from desktop_llm.core.messages import MessageState, Role
from desktop_llm.core.settings import Theme
from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.database import Database
from desktop_llm.ui import theme
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.models.conversations import ConversationsModel
from desktop_llm.ui.widgets.message_column import Entry
from desktop_llm.ui.widgets.plain_text import plain_tip
from desktop_llm.ui.widgets.transcript import Transcript
from desktop_llm.ui.workspace import Page
from tests.hostile_texts import HOSTILE_TEXTS
from tests.ui.helpers import settle, shown

HOSTILE = "<img src='/dev/zero'> <b>bold</b> & more"


@pytest.fixture
def hostile(tmp_path):
    (tmp_path / "data").mkdir()
    database = Database(tmp_path / "data" / "conversations.db")
    store = Conversations(database)
    number = store.create(HOSTILE, HOSTILE).id
    question = store.add(number, Role.USER, HOSTILE, parent=None)
    store.add(
        number, Role.ASSISTANT, f"[x]({HOSTILE}) {HOSTILE}", parent=question.id,
        state=MessageState.COMPLETE, model=HOSTILE,
    )  # fmt: skip
    database.close()
    return number


def of_html(tip):
    document = QTextDocument()
    document.setHtml(tip)
    return document.toPlainText()


@pytest.mark.parametrize("text", [HOSTILE, "a\nb  c", "</span><img src=x>", "'\"&amp;"])
def test_a_tooltip_shows_any_text_and_loads_nothing(text):
    assert "<img" not in plain_tip(text)
    assert of_html(plain_tip(text)) == text
    assert plain_tip("") == ""


def test_no_label_takes_text_for_html(qtbot, make_program, hostile):
    program = make_program()
    window, page = program.workspace, shown(qtbot, program, hostile)
    for each in Page:
        window.show_page(each)
    window.show_page(Page.CHAT)
    window.toasts.show(HOSTILE)
    page.sidebar.search.setText(HOSTILE * 2)
    settle(program)
    labels = program.window.findChildren(QLabel)
    assert len(labels) > 30
    assert {label.textFormat() for label in labels} == {Qt.TextFormat.PlainText}


def test_no_tooltip_of_a_row_is_html(qtbot, make_program, hostile):
    program = make_program()
    page = shown(qtbot, program, hostile)
    page.sidebar.search.setText("bold")
    qtbot.waitUntil(lambda: page.sidebar._hits.rowCount() == 3)
    tips = [page.view.title.toolTip()]
    for model in (page.sidebar.model, page.sidebar._hits):
        first = 1 if isinstance(model, ConversationsModel) else 0
        tips += [model.index(row).data(Qt.ItemDataRole.ToolTipRole)
                 for row in range(first, model.rowCount())]  # fmt: skip
    assert len(tips) == 5
    for tip in tips:
        assert "<img" not in tip
        assert "<img src='/dev/zero'>" in of_html(tip)
    QToolTip.showText(QPoint(1, 1), tips[1])
    (shown_tip,) = [w for w in QApplication.topLevelWidgets() if w.inherits("QTipLabel")]
    assert shown_tip.text() == tips[1]
    QToolTip.hideText()


def test_an_ampersand_stays_one(qtbot, make_program, hostile):
    program = make_program()
    page = shown(qtbot, program, hostile)
    assert page.view.model_button.text() == HOSTILE.replace("&", "&&")
    assert page.view.model_name == HOSTILE
    page.view.transcript.link_activated.emit("https://bank.example/?a=1&b=2")
    menu = page.view.transcript.findChildren(QMenu)[-1]
    assert menu.actions()[0].text() == "https://bank.example/?a=1&&b=2"
    menu.close()


@pytest.fixture
def transcript(qtbot):
    bridge = Bridge()
    transcript = Transcript(theme.apply(QApplication.instance(), Theme.LIGHT, 13), None, bridge.run)
    qtbot.addWidget(transcript)
    transcript.resize(800, 600)
    transcript.show()
    yield transcript
    bridge.close()


@pytest.mark.parametrize("mine", [False, True], ids=["reply", "question"])
@pytest.mark.parametrize("text", HOSTILE_TEXTS.values(), ids=HOSTILE_TEXTS)
def test_any_message_is_shown_in_bounded_time(qtbot, transcript, text, mine):
    began = time.thread_time()
    transcript.show_entries([Entry(1, "before", True), Entry(2, text, mine), Entry(3, "after", 0)])
    entry = transcript._column[1]
    qtbot.waitUntil(lambda: mine or entry.blocks is not None, timeout=60_000)
    bar = transcript.verticalScrollBar()
    for place in (0, bar.maximum() // 2, bar.maximum()):
        bar.setValue(place)
        assert not transcript.grab().isNull()
    assert time.thread_time() - began < 5  # it was minutes
    assert transcript.text_of(2) == text


def test_the_rest_of_a_long_message_is_a_click_away(qtbot, transcript):
    transcript.set_more_words("show more")
    text = "\n\n".join(f"Paragraph {number}." for number in range(8_000))
    transcript.show_entries([Entry(1, text, False)])
    entry = transcript._column[0]
    qtbot.waitUntil(lambda: entry.blocks is not None)
    transcript.grab()
    shown = transcript._column.document(0).toPlainText()
    assert shown.endswith("show more")
    seen = shown.count("Paragraph")
    assert 100 < seen < 8_000
    transcript._set_current(0)
    while entry.rest:
        qtbot.keyClick(transcript, Qt.Key.Key_Space)
    assert transcript._column.document(0).toPlainText().split() == text.split()
    transcript.restyle(theme.load_tokens("dark"))  # as much of it is shown as before
    assert transcript._column.document(0).toPlainText().split() == text.split()
    transcript.select_all()
    assert transcript.selected_text().split() == text.split()
