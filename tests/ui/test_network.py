"""The network in the window: the switch, the token, what was connected to."""

import time

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.jobs import JobKind, JobState
from desktop_llm.core.network import Contact
from desktop_llm.services.jobs import runner_lock
from desktop_llm.storage.ledger import Ledger
from desktop_llm.storage.secrets import Secrets
from desktop_llm.storage.settings import peek
from desktop_llm.ui import network_care
from desktop_llm.ui.actions import Command
from desktop_llm.ui.workspace import Page


@pytest.fixture
def program(make_program):
    return make_program()


def settings_page(program):
    program.workspace.show_page(Page.SETTINGS)
    return program.workspace.made(Page.SETTINGS)


def test_the_switch_is_seen_and_kept(qtbot, program):
    status = program.workspace.status
    program.workspace.commands[Command.OFFLINE].trigger()
    assert status._place.text() == "Offline"
    qtbot.waitUntil(lambda: peek(program._folders.settings_file).offline)
    status._place.click()
    page = program.workspace.made(Page.CONNECTIONS)
    assert page.offline_button.text() == "Go online"
    page.offline_button.click()
    qtbot.waitUntil(lambda: not peek(program._folders.settings_file).offline)
    assert "stays on this computer" in status._place.text()


def test_what_waits_for_the_switch_goes_on_after_it(qtbot, program):
    qtbot.waitUntil(lambda: program.services is not None)
    program.change("offline", True)
    spec = {"folder": "f", "source": "s", "files": [{"url": "http://127.0.0.1:9/a", "name": "a"}]}
    jobs = program.services.jobs
    number = jobs.add(JobKind.DOWNLOAD, "a", spec).id
    qtbot.waitUntil(lambda: jobs.get(number).state is JobState.PAUSED, timeout=20_000)
    assert jobs.get(number).fault.code is FaultCode.OFFLINE
    program.change("offline", False)
    qtbot.waitUntil(
        lambda: any(event.kind == "retrying" for event in jobs.events(number)), timeout=20_000
    )
    jobs.cancel(number)
    qtbot.waitUntil(runner_lock(program._folders).is_free, timeout=20_000)


def test_connections_are_listed_and_cleared(qtbot, program):
    ledger, now = Ledger(program._folders.logs), time.time()
    for host, why in (
        ("hub.example", "download"),
        ("hub.example", "download"),
        ("x.example", "unasked"),
    ):
        ledger.record(
            Contact(host=host, why=why, what="a.gguf", status=206, received=1_000_000, time=now)
        )
    program.workspace.show_page(Page.CONNECTIONS)
    page = program.workspace.made(Page.CONNECTIONS)
    qtbot.waitUntil(lambda: page._model.rowCount() == 2)
    assert page.total.text() == "1 host, 2 MB received"
    said = [page._model.data(page._model.index(row), Qt.ItemDataRole.AccessibleTextRole)
            for row in range(2)]  # fmt: skip
    assert any("2 requests" in words and "a.gguf" in words for words in said)
    assert any("refused" in words for words in said)
    page.clear_button.click()
    qtbot.waitUntil(lambda: page._model.rowCount() == 0)
    assert page._stack.currentWidget() is page.empty


def test_an_address_that_is_none_is_refused_where_it_was_typed(qtbot, program):
    page = settings_page(program)
    field = page._fields["hub_mirror"]
    assert isinstance(field.control, QLineEdit)
    qtbot.keyClicks(field.control, "mirror.example")
    qtbot.keyClick(field.control, Qt.Key.Key_Return)
    assert "https://example.org" in field._wrong.text()
    assert program._settings.current.hub_mirror == ""
    field.control.clear()
    qtbot.keyClicks(field.control, "https://mirror.example")
    qtbot.keyClick(field.control, Qt.Key.Key_Return)
    assert not field._wrong.isVisibleTo(page)
    assert program._settings.current.hub_mirror == "https://mirror.example"
    field.reset.click()
    assert (field.control.text(), program._settings.current.hub_mirror) == ("", "")


class Ring:
    held = ""

    def get_password(self, *_of):
        return self.held or None

    def set_password(self, _service, _name, password):
        self.held = password

    def delete_password(self, *_of):
        self.held = ""


def test_a_token_is_kept_in_the_keyring_and_never_shown(qtbot, program, monkeypatch):
    ring = Ring()
    monkeypatch.setattr(network_care, "secrets", Secrets(lambda: ring))
    row = settings_page(program).token
    assert not row.keep_button.isEnabled()
    qtbot.keyClicks(row.field, "hf_secret")
    row.keep_button.click()
    qtbot.waitUntil(lambda: ring.held == "hf_secret")
    qtbot.waitUntil(lambda: peek(program._folders.settings_file).token_in_keyring)
    assert row.field.text() == ""
    assert "keyring" in row.state.text()
    assert "hf_secret" not in program._folders.settings_file.read_text()
    row.forget_button.click()
    qtbot.waitUntil(lambda: not peek(program._folders.settings_file).token_in_keyring)
    assert ring.held == ""
    assert not row.forget_button.isVisibleTo(row)


def test_without_a_keyring_it_is_said_that_it_lasts_until_the_end(qtbot, program, monkeypatch):
    monkeypatch.setattr(network_care, "secrets", held := Secrets(lambda: None))
    row = settings_page(program).token
    qtbot.keyClicks(row.field, "hf_secret")
    row.keep_button.click()
    qtbot.waitUntil(lambda: "no keyring" in program.workspace.toasts.text())
    assert held.session == "hf_secret"
    assert not program._settings.current.token_in_keyring


def test_a_keyring_that_fails_is_said(qtbot, program, monkeypatch):
    class Locked(Secrets):
        def keep(self, *_token):
            raise EnvironmentFault(FaultCode.KEYRING_FAILED, reason="Locked")

    monkeypatch.setattr(network_care, "secrets", Locked(lambda: None))
    row = settings_page(program).token
    qtbot.keyClicks(row.field, "hf_secret")
    row.keep_button.click()
    qtbot.waitUntil(lambda: "Locked" in program.workspace.toasts.text())


def test_a_switch_that_cannot_be_kept_is_not_shown_as_on(qtbot, program, monkeypatch):
    def fail(*_of):
        raise EnvironmentFault(FaultCode.DISK_FULL, path="settings.toml")

    monkeypatch.setattr(program._settings, "save", fail)
    program.change("offline", True)
    qtbot.waitUntil(lambda: "settings.toml" in program.workspace.toasts.text())
    assert not program._settings.current.offline
    assert "stays on this computer" in program.workspace.status._place.text()
