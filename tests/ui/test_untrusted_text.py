"""Titles, messages, names of files: whatever they hold, they are shown and never obeyed."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QTextDocument
from PySide6.QtWidgets import QApplication, QLabel, QMenu, QToolTip

from desktop_llm.core.messages import MessageState, Role
from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.database import Database
from desktop_llm.ui.models.conversations import ConversationsModel
from desktop_llm.ui.widgets.plain_text import plain_tip
from desktop_llm.ui.workspace import Page
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
