"""Qt for the UI tests: offscreen, and no message of Qt's but those of that platform itself."""

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest
from PySide6.QtWidgets import QApplication

from desktop_llm.core.messages import MessageState, Role
from desktop_llm.core.settings import Language
from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.database import Database
from desktop_llm.storage.paths import Folders
from desktop_llm.storage.settings import SettingsFile
from desktop_llm.ui.program import Program
from desktop_llm.words import use_language
from tests.ui.helpers import Gate

ALLOWED = "This plugin does not support"  # size hints, raise(), grabbing the keyboard
OPENED = 20_000  # milliseconds the services may take to open on a busy machine


@pytest.fixture(autouse=True)
def no_qt_messages(qtlog):
    yield
    seen = [record.message for record in qtlog.records if ALLOWED not in record.message]
    assert seen == []


@pytest.fixture(autouse=True)
def english():
    use_language(Language.ENGLISH)
    yield
    use_language(Language.ENGLISH)


@pytest.fixture
def make_program(qtbot, tmp_path):
    """The real program on a data folder of its own; `make(**settings)` as the settings file."""
    programs = []

    def make(wait: bool = True, **settings: object) -> Program:
        folders = Folders(tmp_path / "data", tmp_path / "cache")
        folders.ensure()
        if not folders.settings_file.exists():
            given = {"first_run_done": True, "language": "en", "write_titles": False, **settings}
            lines = [f"{name} = {_toml(value)}" for name, value in given.items()]
            folders.settings_file.write_text("\n".join(lines), encoding="utf-8")
        file = SettingsFile(folders.settings_file)
        programs.append(Program(QApplication.instance(), folders, file))
        if wait:
            qtbot.waitUntil(lambda: programs[-1].workspace.chat.ready, timeout=OPENED)
        return programs[-1]

    yield make
    for program in programs:
        if not program.bridge._closed:
            program.close()


@pytest.fixture
def filled(tmp_path):
    """Three conversations, the oldest first; returns their numbers."""
    (tmp_path / "data").mkdir()
    database = Database(tmp_path / "data" / "conversations.db")
    store = Conversations(database)
    numbers = []
    for title, answer in (("Sky", "Blue light scatters."), ("合同翻译", "这是合同的译文。"),
                          ("Code", "```python\nprint(1)\n```")):  # fmt: skip
        number = store.create(title, "smollm2-135m-instruct").id
        question = store.add(number, Role.USER, f"About {title}", parent=None)
        store.add(number, Role.ASSISTANT, answer, parent=question.id, state=MessageState.COMPLETE)
        numbers.append(number)
    database.close()
    return numbers


@pytest.fixture
def gate(monkeypatch):
    """`gate(owner, name, fault)` holds a call back until it is opened, see `Gate`."""
    gates = []

    def make(owner, name, fault=None, after=False):
        gates.append(Gate(monkeypatch, owner, name, fault, after))
        return gates[-1]

    yield make
    for each in gates:
        each.open()


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool | int) else f'"{value}"'
