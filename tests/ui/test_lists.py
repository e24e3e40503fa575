"""Item models, the picker, notices and the composer, each by itself."""

import random
import time

import pytest
from PySide6.QtCore import QMimeData, QPersistentModelIndex, QRect, Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QWidget

from desktop_llm.core.conversations import Backup, Folder, Listed, Listing, SearchHit
from desktop_llm.ui.models.conversations import ConversationsModel
from desktop_llm.ui.models.hits import HitsModel
from desktop_llm.ui.pages.backups import BackupsModel
from desktop_llm.ui.widgets.composer import Composer
from desktop_llm.ui.widgets.picker import Pick, Picker
from desktop_llm.ui.widgets.toasts import Toasts

DAY = 86_400
NOW = 1_800_000_000.0


def conversation(number, days=0.0, folder=None, pinned=False, tags=()):
    return Listed(number, f"Title {number}", NOW - days * DAY, folder, pinned, tags)


def listing(*conversations, folders=()):
    return Listing(tuple(folders), conversations)


def texts(model):
    return [model.index(row, 0).data() for row in range(model.rowCount())]


def test_conversations_stand_under_their_day(qtmodeltester):
    model = ConversationsModel()
    rows = [conversation(4), conversation(3, 1), conversation(2, 5), conversation(1, 400)]
    model.show(listing(*rows), now=NOW)
    qtmodeltester.check(model)
    assert texts(model) == ["Today", "Title 4", "Yesterday", "Title 3", "Previous 7 days",
                            "Title 2", "Earlier", "Title 1"]  # fmt: skip
    assert not model.flags(model.index(0, 0)) & Qt.ItemFlag.ItemIsSelectable
    assert model.row_of(3) == 3
    assert model.row_of(9) is None


def test_a_clock_that_jumped_does_not_reorder(qtmodeltester):
    model = ConversationsModel()
    model.show(listing(conversation(2, 400), conversation(1, 0), conversation(3, -3)), now=NOW)
    qtmodeltester.check(model)
    assert texts(model) == ["Earlier", "Title 2", "Title 1", "Title 3"]


def test_another_day_makes_other_headings():
    model = ConversationsModel()
    rows = listing(conversation(1))
    model.show(rows, now=NOW)
    model.show(rows, now=NOW + DAY)
    assert texts(model) == ["Yesterday", "Title 1"]


def test_the_pinned_then_folders_then_days(qtmodeltester):
    folders = [Folder(1, "Work"), Folder(2, "Home", open=False), Folder(3, "Empty")]
    rows = [conversation(6), conversation(5, folder=1, pinned=True), conversation(4, folder=1),
            conversation(3, folder=2), conversation(2, 1, 9), conversation(1, 1)]  # fmt: skip
    model = ConversationsModel()
    model.show(listing(*rows, folders=folders), now=NOW)
    qtmodeltester.check(model)
    assert texts(model) == ["Pinned", "Title 5", "Work", "Title 4", "Home", "Empty",
                            "Today", "Title 6", "Yesterday", "Title 2", "Title 1"]  # fmt: skip
    model.fold(2, True)
    model.fold(1, False)
    qtmodeltester.check(model)
    assert texts(model)[2:6] == ["Work", "Home", "Title 3", "Empty"]
    assert model.title_of(4) == "Title 4", "also in a folded folder"
    model.show(listing(*rows, folders=folders), now=NOW)  # read before the database had it
    assert texts(model)[2:6] == ["Work", "Home", "Title 3", "Empty"]


def test_what_is_listed_anew_is_told_as_what_differs(qtmodeltester):
    """Whatever came, went and moved: rows that are held on to are still the same ones."""
    chance = random.Random(3)
    model, resets = ConversationsModel(), []
    model.modelReset.connect(lambda: resets.append(1))
    qtmodeltester.check(model)
    folders = [Folder(number, f"F{number}") for number in (1, 2, 3)]
    numbers = list(range(1, 40))
    for nth in range(60):
        chance.shuffle(folders)
        kept = [number for number in numbers if chance.random() > 0.1]
        if chance.random() < 0.7:  # as one that is written in
            kept.insert(0, kept.pop(chance.randrange(len(kept))))
        rows = [conversation(number, at / 3, chance.choice([None, None, 1, 2, 3]),
                             chance.random() < 0.1) for at, number in enumerate(kept)]  # fmt: skip
        some = chance.sample(folders, chance.randrange(4))
        held = {number: QPersistentModelIndex(model.index(model.row_of(number)))
                for number in numbers if model.row_of(number) is not None}  # fmt: skip
        before = len(resets)
        model.show(listing(*rows, folders=some), now=NOW)
        fresh = ConversationsModel()
        fresh.show(listing(*rows, folders=some), now=NOW)
        assert texts(model) == texts(fresh), nth
        for number, index in held.items():
            if index.isValid():
                assert index.row() == model.row_of(number)
            else:
                assert model.row_of(number) is None or len(resets) > before
    assert len(resets) <= 2


def test_what_is_the_same_is_not_told(qtbot):  # noqa: ARG001
    model, told = ConversationsModel(), []
    folders = [Folder(1, "Work")]
    model.show(listing(conversation(2), conversation(1, folder=1), folders=folders), now=NOW)
    model.dataChanged.connect(lambda first, last, _roles: told.append((first.row(), last.row())))
    for signal in (model.modelReset, model.layoutChanged, model.rowsInserted, model.rowsRemoved):
        signal.connect(lambda *_given: told.append("all"))
    model.show(listing(conversation(2), conversation(1, folder=1), folders=folders), now=NOW)
    assert told == []
    tagged = conversation(2, tags=("new",))
    model.show(listing(tagged, conversation(1, folder=1), folders=folders), now=NOW)
    assert told == [(3, 3)]


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
