"""Jobs in the window: seen, steered, told of, with a real runner and a stand-in of the Hub."""

import random

import pytest
from PySide6.QtCore import Qt

from desktop_llm.core.downloads import DownloadSpec, RemoteFile
from desktop_llm.core.jobs import JobKind, JobState
from desktop_llm.services.jobs import JobService, runner_lock
from desktop_llm.storage.jobs import open_jobs
from desktop_llm.ui.actions import Command
from desktop_llm.ui.pages.jobs import CANCEL, EARLIER, FORGET, LATER, LOG, PAUSE, RESUME
from desktop_llm.ui.workspace import Page
from tests.fakes.gguf_files import gguf
from tests.fakes.hub import Fault, Hub, HubFile, HubRepo
from tests.ui.helpers import settle, shown, speak

LONG = 30_000  # milliseconds


@pytest.fixture
def hub(tmp_path):
    path = tmp_path / "model.gguf"
    path.write_bytes(gguf(data=random.Random(3).randbytes(20_000_000)))
    with Hub(HubRepo("owner/model", {"model.gguf": HubFile(path)})) as hub:
        yield hub


@pytest.fixture
def program(qtbot, make_program):
    program = make_program()
    shown(qtbot, program)
    folders = program.services.folders
    yield program
    jobs = JobService(folders)
    for job in jobs.all():
        jobs.cancel(job.id)
    jobs.close()
    qtbot.waitUntil(runner_lock(folders).is_free, timeout=LONG)


@pytest.fixture
def page(program):
    program.workspace.commands[Command.JOBS].trigger()
    return program.workspace.made(Page.JOBS)


def spec(hub, folder="there"):
    file = hub.repos["owner/model"].files["model.gguf"]
    one = RemoteFile(
        url=hub.address("owner/model", "model.gguf"), name="model.gguf", size=file.size,
        sha256=file.sha256,
    )  # fmt: skip
    return DownloadSpec(folder=folder, files=(one,)).to_values()


def add(program, hub, folder="there"):
    return program.services.jobs.add(JobKind.DOWNLOAD, f"Model {folder}", spec(hub, folder)).id


def text(page, job):
    row = page.row(job)
    return "" if row is None else row.accessibleDescription()


def wait(qtbot, page, job, words):
    qtbot.waitUntil(lambda: words in text(page, job), timeout=LONG)


def click(page, job, key):
    page.row(job).button(key).click()


def test_nothing_yet(program, page):
    settle(program)
    assert page._stack.currentWidget() is page.empty
    assert program.workspace.status._jobs is None
    assert not program.services.folders.jobs_database.exists()


def test_a_download_is_seen_from_begin_to_end(qtbot, program, page, hub):
    hub.delay = 0.1
    job = add(program, hub)
    wait(qtbot, page, job, "MB/s")
    status = program.workspace.status._jobs
    qtbot.waitUntil(lambda: "1 job" in status.text() and "%" in status.text(), timeout=LONG)
    hub.delay = 0
    wait(qtbot, page, job, "done")
    assert "just now" in text(page, job)
    assert "is here" in program.workspace.toasts.text()
    qtbot.waitUntil(lambda: status.isHidden(), timeout=LONG)
    click(page, job, FORGET)
    qtbot.waitUntil(lambda: page.row(job) is None, timeout=LONG)


def test_pause_go_on_and_cancel(qtbot, program, page, hub):
    hub.delay = 0.1
    job = add(program, hub)
    wait(qtbot, page, job, "MB/s")
    click(page, job, PAUSE)
    wait(qtbot, page, job, "paused")
    click(page, job, RESUME)
    wait(qtbot, page, job, "MB/s")
    click(page, job, CANCEL)
    wait(qtbot, page, job, "cancelled")
    assert page.row(job).button(RESUME).accessibleName() == "Try again: Model there"


def test_the_order_and_the_focus(qtbot, program, page, hub):
    hub.delay = 0.1
    first, second, third = (add(program, hub, name) for name in "abc")
    qtbot.waitUntil(lambda: page.row(third) is not None, timeout=LONG)
    program.window.activateWindow()
    later = page.row(second).button(LATER)
    later.setFocus()
    qtbot.keyClick(later, Qt.Key.Key_Space)
    jobs = program.services.jobs
    qtbot.waitUntil(lambda: [job.id for job in jobs.all()] == [first, third, second], timeout=LONG)
    qtbot.waitUntil(lambda: page.row(second).button(LATER) is None, timeout=LONG)
    assert page.row(second).isAncestorOf(program.window.focusWidget())
    click(page, second, EARLIER)
    qtbot.waitUntil(lambda: [job.id for job in jobs.all()] == [first, second, third], timeout=LONG)


def test_a_failure_is_said_where_one_is_and_explained_on_the_page(qtbot, program, page, hub):
    program.workspace.show_page(Page.CHAT)
    hub.faults.append(Fault("404"))
    job = add(program, hub)
    toasts = program.workspace.toasts
    qtbot.waitUntil(lambda: "has no “model.gguf”" in toasts.text(), timeout=LONG)
    toasts.act()
    assert program.workspace.page is Page.JOBS
    wait(qtbot, page, job, "It may have been renamed")
    click(page, job, LOG)
    row = page.row(job)
    qtbot.waitUntil(lambda: "Failed." in row._lines.text(), timeout=LONG)
    assert row._lines.text().splitlines()[0].endswith("Put into the queue.")
    click(page, job, LOG)
    assert row._lines.isHidden()
    click(page, job, RESUME)
    wait(qtbot, page, job, "done")
    page.clear_button.click()
    qtbot.waitUntil(lambda: page._stack.currentWidget() is page.empty, timeout=LONG)


def test_what_the_command_line_begins_is_seen_too(qtbot, program, page, hub):
    other = JobService(program.services.folders)
    job = other.add(JobKind.DOWNLOAD, "From elsewhere", spec(hub)).id
    other.close()
    wait(qtbot, page, job, "done")


def test_it_goes_on_without_the_window_and_is_found_again(qtbot, make_program, program, hub):
    hub.delay = 0.1
    job = add(program, hub)
    jobs = program.services.jobs
    qtbot.waitUntil(lambda: jobs.get(job).progress.done > 0, timeout=LONG)
    folders = program.services.folders
    program.close()
    assert not runner_lock(folders).is_free()
    hub.delay = 0
    own = open_jobs(folders.jobs_database)
    qtbot.waitUntil(lambda: own.get(job).state is JobState.DONE, timeout=LONG)
    own.close()
    again = make_program()
    shown(qtbot, again)
    again.workspace.show_page(Page.JOBS)
    wait(qtbot, again.workspace.made(Page.JOBS), job, "done")
    qtbot.waitUntil(runner_lock(folders).is_free, timeout=LONG)


def test_another_language(qtbot, program, page, hub):
    hub.delay = 0.1
    job = add(program, hub)
    wait(qtbot, page, job, "MB/s")
    speak(qtbot, program, Command.CHINESE)
    program.workspace.show_page(Page.JOBS)
    page = program.workspace.made(Page.JOBS)
    wait(qtbot, page, job, "进行中")
    program.services.jobs.cancel(job)
    wait(qtbot, page, job, "已取消")
    speak(qtbot, program, Command.ENGLISH)
