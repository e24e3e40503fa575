"""The diagnostics tell much of an installation, and not a word of what somebody wrote."""

import logging
import os
import sqlite3
import sys
from pathlib import Path

import pytest

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.messages import Role
from desktop_llm.core.replies import Answered, ChatEvent
from desktop_llm.core.settings import Settings, Theme
from desktop_llm.core.tasks import Task
from desktop_llm.engine.client import EngineClient
from desktop_llm.services.chat import ChatService
from desktop_llm.services.diagnostics import Diagnostics, RoundTrip, ask_worker, examine
from desktop_llm.services.models import ModelService
from desktop_llm.storage.bin import Bin
from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.database import Database
from desktop_llm.storage.library import Library
from desktop_llm.storage.logs import ENGINE_LOG, WINDOW_LOG, start_logging
from desktop_llm.storage.migrations import MIGRATIONS
from desktop_llm.storage.paths import Folders
from desktop_llm.storage.settings import SettingsFile
from tests.fakes.gguf_files import gguf

PIECE = 5  # characters of somebody's text that already give it away

# No five letters in a row of these are in anything a program says of itself.
WORDS = {
    "question": "Zwölf Boxkämpfer jagen Viktor quer über den Sylter Deich",
    "reply": "Quuxwambat jumblefitz, ob kvothe xyloqua: 饕餮盛宴与魑魅魍魉",
    "title": "Geheimbund Ypsilonquark",
    "draft": "Fjordhengst Schnürsenkelwunder",
    "system prompt": "Murmeltierhaft hochtrabend, 一律使用文言文作答",
    "echoed": "Xanthippe Pfützenspringer Gürteltierzucht",
    "deleted": "Vogelhochzeitskuchen Brimborium",
}


@pytest.fixture
def folders(tmp_path):
    folders = Folders(tmp_path / "data", tmp_path / "data" / "cache")
    folders.ensure()
    return folders


@pytest.fixture
def engine(folders):
    folders.logs.mkdir(exist_ok=True)
    command = (
        sys.executable,
        "-m",
        "desktop_llm.worker.fake",
        "--step",
        "reply",
        "--step",
        "die:9",
    )
    client = EngineClient(folders.logs / ENGINE_LOG, command, back_off=(0.0, 0.0, 0.0))
    yield client
    client.close()


@pytest.fixture
def logged(folders):
    undo = start_logging(folders.logs)
    yield folders.logs / WINDOW_LOG
    undo()


def pieces(text: str) -> set[str]:
    return {text[at : at + PIECE] for at in range(len(text) - PIECE + 1)}


def ended(task: Task[ChatEvent, Answered]) -> Answered:
    for _ in task.wait_events():
        pass
    return task.result(20)


def talk(folders: Folders, engine: EngineClient) -> None:
    """A person's afternoon: two replies, the second of which ends with the worker."""
    settings = SettingsFile(folders.settings_file)
    settings.change(
        system_prompt=WORDS["system prompt"], font_size=15, theme=Theme.DARK, model="fake"
    )
    folders.models.mkdir()
    (folders.models / "fake.gguf").write_bytes(gguf())
    database = Database(folders.database)
    store = Conversations(database)
    chat = ChatService(
        database, ModelService(Library(folders), engine), engine, lambda: settings.current
    )
    conversation = store.create().id
    ended(chat.send(conversation, WORDS["echoed"], None))
    assert WORDS["echoed"] in store.branch(conversation)[-1].text
    answer = ended(chat.send(conversation, WORDS["question"], None))
    assert answer.fault is not None
    store.rename(conversation, WORDS["title"])
    store.add(conversation, Role.ASSISTANT, WORDS["reply"], parent=answer.reply.parent)
    store.save_draft(conversation, WORDS["draft"])
    Bin(database).put(store.create(WORDS["deleted"]).id)
    chat.close()
    database.close()


def test_not_a_word_of_anybody_is_in_it(folders, engine, logged, tmp_path, caplog):  # noqa: ARG001
    talk(folders, engine)
    for words in WORDS.values():
        try:
            {}[words]
        except KeyError as error:
            logging.getLogger("desktop_llm.tests").exception("failed: %s", error)
        logging.getLogger("elsewhere").warning("met %s", words)
    file = tmp_path / "diagnostics.txt"
    Diagnostics(folders, engine).save(file, ask_worker(engine))
    text = file.read_text(encoding="utf-8")
    everything = text + "".join(path.read_text(encoding="utf-8") for path in folders.logs.iterdir())
    found = {
        (kind, piece) for kind, words in WORDS.items() for piece in pieces(words)
        if piece.lower() in everything.lower()
    }  # fmt: skip
    assert found == set()
    assert f"system_prompt = ({len(WORDS['system prompt'])} characters)" in text
    assert "a reply ended early: worker-killed" in text
    database = folders.database.read_bytes()
    assert WORDS["title"].encode() in database  # the words were there to be found
    assert WORDS["draft"].encode() in database


def test_it_tells_what_a_report_needs(folders, engine):
    talk(folders, engine)
    (folders.models / "broken.gguf").write_bytes(b"no model")
    lines = Diagnostics(folders, engine).report(ask_worker(engine), logs=True).splitlines()
    assert "font_size = 15" in lines
    assert "theme = dark" in lines
    assert "model = fake" in lines
    assert not any(line.startswith("language") for line in lines)
    assert "1 conversations, 1 more deleted" in lines
    assert "5 messages" in lines
    assert f"schema {len(MIGRATIONS)}, this program knows {len(MIGRATIONS)}" in lines
    assert "broken: folder, 0.0 MB, model-not-gguf" in lines
    assert any(line.startswith("fake: folder, ") and "GGUF 3" in line for line in lines)
    assert any(line.startswith("apsw 3.") for line in lines)
    assert any(line.startswith("answered after ") for line in lines)
    for title in ("Program", "Computer", "Data folder", "End of window.log"):
        assert f"== {title} ==" in lines
    assert "failed" not in " ".join(lines)


def test_the_settings_in_use_are_told_rather_than_those_in_the_file(folders, engine):
    report = Diagnostics(folders, engine, lambda: Settings(threads=7)).report(logs=False)
    assert "threads = 7" in report
    assert "window.log" not in report


def test_the_home_folder_is_not_named(folders, engine, monkeypatch):
    monkeypatch.setenv("HOME", str(folders.data.parent))
    monkeypatch.setenv("USERPROFILE", str(folders.data.parent))
    report = Diagnostics(folders, engine).report(logs=False)
    assert f"data: ~{os.sep}data" in report
    assert str(Path.home()) not in report


@pytest.mark.parametrize("content", [b"no database" * 500, b""])
def test_a_broken_installation_is_told_and_left_as_it_is(folders, engine, content):
    folders.database.write_bytes(content)
    folders.settings_file.write_text(f"system_prompt = {WORDS['draft']}", encoding="utf-8")
    folders.models.mkdir()
    fault = EnvironmentFault(FaultCode.WORKER_CRASHED, reason="SIGILL")
    report = Diagnostics(folders, engine).report(RoundTrip(1.5, fault), logs=False)
    assert "the settings file cannot be read" in report
    assert "worker-crashed SIGILL after 1.50 s" in report
    assert ("database-damaged" in report) == bool(content)
    assert WORDS["draft"] not in report
    assert folders.database.read_bytes() == content
    assert folders.settings_file.exists()


def test_a_database_of_a_newer_program_is_told(folders, engine):
    with sqlite3.connect(folders.database) as connection:
        connection.execute("CREATE TABLE talks (id)")
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    report = Diagnostics(folders, engine).report(logs=False)
    assert f"schema 99, this program knows {len(MIGRATIONS)}" in report
    assert "failed" not in report


def test_one_section_that_fails_spoils_no_other(folders, engine, caplog):
    report = Diagnostics(folders, engine, lambda: {}[WORDS["draft"]]).report(logs=False)
    assert "== Settings that differ from the default ==\nfailed: KeyError\n" in report
    assert "== Engine ==\nno worker runs\n" in report
    assert "a section of the diagnostics failed" in caplog.text


def test_a_link_into_nothing_hides_no_other_model(folders):
    """Models may lie on a disk that is not there today."""
    folders.models.mkdir()
    (folders.models / "a.gguf").symlink_to(folders.models / "nowhere")
    (folders.models / "b.gguf").write_bytes(gguf())
    assert examine(folders).models[-1] == "b"
    assert "a" not in examine(folders).models


def test_a_place_that_cannot_be_written_is_named(folders, engine, tmp_path):
    with pytest.raises(EnvironmentFault) as fault:
        Diagnostics(folders, engine).save(tmp_path)
    assert fault.value.code is FaultCode.FILE_UNWRITABLE
    assert fault.value.data["path"] == str(tmp_path)


def test_examining_needs_no_folder(tmp_path):
    nowhere = Folders(tmp_path / "not" / "there", tmp_path / "cache")
    facts = examine(nowhere)
    assert facts.data_free_bytes > 0
    assert facts.packages["apsw"] != "missing"
    assert not nowhere.data.exists()
