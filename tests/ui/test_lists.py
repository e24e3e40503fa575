"""Item models, the picker, notices and the composer, each by itself."""

import time

import pytest
from PySide6.QtCore import QMimeData, QRect, Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QWidget

from desktop_llm.core.conversations import Backup, Conversation, SearchHit
from desktop_llm.ui.models.conversations import ConversationsModel, HitsModel
from desktop_llm.ui.pages.backups import BackupsModel
from desktop_llm.ui.widgets.composer import Composer
from desktop_llm.ui.widgets.picker import Pick, Picker
from desktop_llm.ui.widgets.toasts import Toasts

DAY = 86_400
NOW = 1_800_000_000.0


def conversation(number, days=0.0):
    return Conversation(id=number, title=f"Title {number}", model="", leaf=None, draft="",
                        created=NOW, changed=NOW - days * DAY)  # fmt: skip


def texts(model):
    return [model.index(row, 0).data() for row in range(model.rowCount())]


def test_conversations_stand_under_their_day(qtmodeltester):
    model = ConversationsModel()
    rows = [conversation(4), conversation(3, 1), conversation(2, 5), conversation(1, 400)]
    model.show(rows, now=NOW)
    qtmodeltester.check(model)
    assert texts(model) == ["Today", "Title 4", "Yesterday", "Title 3", "Previous 7 days",
                            "Title 2", "Earlier", "Title 1"]  # fmt: skip
    assert not model.flags(model.index(0, 0)) & Qt.ItemFlag.ItemIsSelectable
    assert model.row_of(3) == 3
    assert model.row_of(9) is None


def test_a_clock_that_jumped_does_not_reorder(qtmodeltester):
    model = ConversationsModel()
    model.show([conversation(2, 400), conversation(1, 0), conversation(3, -3)], now=NOW)
    qtmodeltester.check(model)
    assert texts(model) == ["Earlier", "Title 2", "Title 1", "Title 3"]


def test_hits_and_backups_are_models(qtmodeltester):
    hits = HitsModel()
    hits.show([SearchHit(conversation=1, title="T", message=2, excerpt="a b", start=0, end=1)])
    qtmodeltester.check(hits)
    backups = BackupsModel()
    backups.show([Backup(path="/x", created=time.time(), size_bytes=2048, cause="daily")])
    qtmodeltester.check(backups)


@pytest.fixture
def picker(qtbot):
    window = QWidget()
    qtbot.addWidget(window)
    window.show()
    picker = Picker("Search", "Nothing", window)
    picks = [Pick(1, "Alpha", "Ctrl+A"), Pick(2, "Beta", enabled=False), Pick(3, "Gamma"),
             Pick(4, "设置", terms="Settings")]  # fmt: skip
    picker.open(picks, QRect(0, 0, 300, 300))
    yield picker
    picker.close()


def test_a_picker_finds_by_every_word(picker):
    picker.search("set")
    assert picker.listed() == [4]
    picker.search("ctrl alp")
    assert picker.listed() == [1]
    picker.search("zzz")
    assert picker.listed() == []
    assert picker._nothing.isVisible()


def test_a_picker_is_driven_by_keys_and_skips_what_cannot_be_chosen(qtbot, picker):
    chosen = []
    picker.chosen.connect(chosen.append)
    qtbot.keyClick(picker._line, Qt.Key.Key_Down)
    qtbot.keyClick(picker._line, Qt.Key.Key_Return)
    assert chosen == [3]
    assert not picker.isVisible()


def test_escape_closes_a_picker(qtbot, picker):
    qtbot.keyClick(picker._line, Qt.Key.Key_Escape)
    assert not picker.isVisible()


def test_a_notice_offers_its_action_once(qtbot):
    window = QWidget()
    qtbot.addWidget(window)
    window.resize(600, 400)
    window.show()
    toasts, done = Toasts(window, QIcon(), "Dismiss"), []
    toasts.show("Deleted.", "Undo", lambda: done.append(1))
    assert toasts.text() == "Deleted."
    toasts.show("Another.", "Undo", lambda: done.append(2))
    toasts.show("Plain.")
    toasts.show("Copied.")
    assert toasts.text() == "Deleted.\nAnother.\nCopied."
    toasts.act()
    assert done == [2]
    assert toasts.text() == "Deleted.\nCopied."
    for number in range(5):
        toasts.show(f"{number}", "Undo", lambda: done.append(1))
    assert toasts.text() == "2\n3\n4"
    toasts.clear()
    toasts.act()
    assert (done, toasts.text()) == ([2], "")


@pytest.fixture
def composer(qtbot):
    composer = Composer()
    qtbot.addWidget(composer)
    composer.set_words("Ask", "Your message", "Send", "Stop")
    composer.show()
    return composer


def test_what_is_pasted_is_text_that_can_be_kept(composer):
    data = QMimeData()
    data.setText("a\x00b\r\nc")
    composer.editor.insertFromMimeData(data)
    assert composer.text() == "ab\nc"


def test_a_megabyte_in_the_composer(composer, qtbot):
    text = "word 文字 " * 120_000
    sent = []
    composer.send_wanted.connect(sent.append)
    composer.set_text(text)
    qtbot.keyClick(composer.editor, Qt.Key.Key_Return)
    assert sent == [text]
    assert composer.text() == text, "it stays until the question is kept"


def test_too_long_cannot_be_sent(composer, qtbot):
    sent = []
    composer.send_wanted.connect(sent.append)
    composer.set_text("too long")
    composer.set_gauge("Too long", "Too long: 9 tokens", over=True)
    assert not composer.button.isEnabled()
    qtbot.keyClick(composer.editor, Qt.Key.Key_Return)
    assert sent == []
    composer.set_gauge("3 / 9")
    qtbot.keyClick(composer.editor, Qt.Key.Key_Return)
    assert sent == ["too long"]


def test_the_composer_grows_with_its_text_up_to_a_point(composer):
    one = composer.editor.height()
    composer.set_text("\n" * 5)
    some = composer.editor.height()
    composer.set_text("\n" * 500)
    assert one < some < composer.editor.height() < 400
