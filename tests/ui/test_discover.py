"""Models to be had, in the window: the catalogue, a search of the stand-in of the Hub, fetching."""

import time
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QTextDocument
from PySide6.QtWidgets import QPushButton

from desktop_llm.core.catalogue import ModelTask
from desktop_llm.core.jobs import JobState
from desktop_llm.services.catalogue import catalogue
from desktop_llm.services.jobs import runner_lock
from desktop_llm.ui.actions import Command
from desktop_llm.ui.workspace import Page
from tests.fakes.demo_hub import CARD
from tests.fakes.gguf_files import gguf
from tests.fakes.hub import Fault, Hub, HubFile, HubRepo

LONG = 20_000


@pytest.fixture
def hub(tmp_path: Path, monkeypatch):
    import huggingface_hub

    path, readme = tmp_path / "m.gguf", tmp_path / "README.md"
    path.write_bytes(gguf())
    readme.write_text(CARD)
    tags = ("gguf", "license:mit", "en")
    card = {"README.md": HubFile(readme, lfs=False)}
    files = {"m-Q4_K_M.gguf": HubFile(path), "m-Q8_0.gguf": HubFile(path), **card}
    with Hub(
        HubRepo("owner/Model-GGUF", files, tags=tags, downloads=9),
        HubRepo("owner/Gated-GGUF", files, tags=tags, gated=True, downloads=5),
    ) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running
    huggingface_hub.close_session()


@pytest.fixture
def program(qtbot, make_program):
    made = make_program()
    qtbot.waitUntil(lambda: made.services is not None, timeout=LONG)
    return made


def discover(qtbot, program):
    program.workspace.commands[Command.DISCOVER].trigger()
    page = program.workspace.made(Page.DISCOVER)
    qtbot.waitUntil(lambda: page._offers.rowCount() == len(catalogue()), timeout=LONG)
    return page


def search(qtbot, page, words):
    page.words.setText(words)
    qtbot.keyClick(page.words, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.busy.isHidden(), timeout=LONG)


def test_the_catalogue_is_there_without_any_connection(qtbot, program, hub):
    page = discover(qtbot, program)
    said = [page._offers.data(page._offers.index(row), Qt.ItemDataRole.AccessibleTextRole)
            for row in range(3)]  # fmt: skip
    assert "conversations" in said[0]
    assert "translation" in said[1]
    assert "meaning" in said[2]
    page.words.setText("qwen3 8b")
    assert page._offers.rowCount() == 1
    assert "GB" in page.sentence.text()
    page.words.setText("")
    page.task.setCurrentIndex(page.task.findData(ModelTask.TRANSLATION))
    assert 0 < page._offers.rowCount() < 5
    page.words.setText("nothing of the kind")
    assert page._lists.currentWidget() is page.empty
    assert hub.asked == []


def test_a_search_shows_files_that_fit_and_the_card(qtbot, program, hub):
    page = discover(qtbot, program)
    search(qtbot, page, "model")
    qtbot.waitUntil(lambda: page._files.rowCount() == 2, timeout=LONG)
    assert page.name.text() == "owner/Model-GGUF"
    assert page.chosen_file().quantization.name == "Q4_K_M"
    said = page._files.data(page._files.index(0), Qt.ItemDataRole.AccessibleTextRole)
    assert "runs well here" in said
    page.card_button.click()
    text = page.card.toPlainText()
    assert "answers short questions" in text
    assert "tracker" not in page.card.toHtml()
    picture = page.card.loadResource(
        QTextDocument.ResourceType.ImageResource.value, QUrl("https://tracker.example/x.png")
    )
    assert picture is None
    assert all("tracker" not in asked.path for asked in hub.asked)


def test_a_search_is_not_sent_while_it_is_typed(qtbot, program, hub):
    page = discover(qtbot, program)
    qtbot.keyClicks(page.words, "private words")
    qtbot.wait(300)
    assert hub.asked == []


@pytest.mark.usefixtures("hub")
def test_a_gated_model_is_explained(qtbot, program):
    page = discover(qtbot, program)
    search(qtbot, page, "gated")
    qtbot.waitUntil(lambda: bool(page.notice.text()), timeout=LONG)
    assert "licence" in page.notice.text()
    assert "owner/Gated-GGUF" in page.notice.text()
    assert page._files.rowCount() == 2


def test_offline_a_search_offers_to_go_online(qtbot, program, hub):
    page = discover(qtbot, program)
    program.change("offline", True)
    search(qtbot, page, "model")
    assert "offline switch" in page.fault.text()
    assert hub.asked == []
    buttons = page.fault.findChildren(QPushButton)
    next(button for button in buttons if button.text() == "Go online").click()
    assert not program._settings.current.offline


def test_a_hub_that_fails_is_said_and_asked_again(qtbot, program, hub):
    hub.faults.append(Fault("500", api=True))
    page = discover(qtbot, program)
    search(qtbot, page, "model")
    assert "127.0.0.1" in page.fault.text()
    buttons = page.fault.findChildren(QPushButton)
    next(button for button in buttons if button.text() == "Try again").click()
    qtbot.waitUntil(lambda: page._files.rowCount() == 2, timeout=LONG)
    assert page.fault.isHidden()


def test_a_search_is_cancelled(qtbot, program, hub):
    hub.faults.append(Fault("hang", times=9, api=True))
    page = discover(qtbot, program)
    page.words.setText("model")
    page.search_button.click()
    qtbot.waitUntil(lambda: len(hub.asked) > 0, timeout=LONG)
    page.cancel_button.click()
    assert page.busy.isHidden()
    hub.faults.clear()
    search(qtbot, page, "model")
    qtbot.waitUntil(lambda: page._files.rowCount() == 2, timeout=LONG)


@pytest.mark.usefixtures("hub")
def test_a_model_is_downloaded_and_used(qtbot, program):
    page = discover(qtbot, program)
    search(qtbot, page, "model")
    qtbot.waitUntil(lambda: page._files.rowCount() == 2, timeout=LONG)
    page.download_button.click()
    jobs = program.services.jobs
    qtbot.waitUntil(lambda: [job.state for job in jobs.all()] == [JobState.DONE], timeout=LONG)
    folder = program._folders.models / "owner" / "Model-GGUF"
    assert (folder / "m-Q4_K_M.gguf").is_file()
    qtbot.waitUntil(
        lambda: page._files.rowCount() == 2 or page._offers.rowCount() > 0, timeout=LONG
    )
    qtbot.waitUntil(runner_lock(program._folders).is_free, timeout=LONG)


def test_whether_there_is_a_newer_version_is_told(qtbot, program, hub):
    page = discover(qtbot, program)
    search(qtbot, page, "model")
    qtbot.waitUntil(lambda: page._files.rowCount() == 2, timeout=LONG)
    page.download_button.click()
    jobs = program.services.jobs
    qtbot.waitUntil(lambda: [job.state for job in jobs.all()] == [JobState.DONE], timeout=LONG)
    program.workspace.show_page(Page.MODELS)
    models = program.workspace.made(Page.MODELS)
    path = str(program._folders.models / "owner" / "Model-GGUF" / "m-Q4_K_M.gguf")
    qtbot.waitUntil(lambda: models._model.row_of(path) >= 0, timeout=LONG)
    models.choose(path)
    models.newer_button.click()
    toasts = program.workspace.toasts
    qtbot.waitUntil(lambda: "newest" in toasts.text(), timeout=LONG)
    changed = Path(hub.repos["owner/Model-GGUF"].files["m-Q4_K_M.gguf"].path)
    other = changed.with_name("other.gguf")
    other.write_bytes(gguf() + b"more")
    hub.repos["owner/Model-GGUF"].files["m-Q4_K_M.gguf"] = HubFile(other)
    models.newer_button.click()
    qtbot.waitUntil(lambda: "newer version" in toasts.text(), timeout=LONG)
    qtbot.waitUntil(runner_lock(program._folders).is_free, timeout=LONG)


def test_a_hub_that_hangs_keeps_no_window_open(qtbot, program, hub):
    hub.faults.append(Fault("hang", times=99, api=True))
    page = discover(qtbot, program)
    for words in ("a", "b", "c", "d", "e", "f"):
        page.words.setText(words)
        page.search_button.click()
    qtbot.waitUntil(lambda: len(hub.asked) >= 1, timeout=LONG)
    done = []
    program.bridge.run(lambda: done.append(1))  # the window's own work goes on
    program._work_bridge.run(lambda: done.append(2))
    qtbot.waitUntil(lambda: sorted(done) == [1, 2], timeout=2000)
    begun = time.monotonic()
    program.close()
    assert time.monotonic() - begun < 5
