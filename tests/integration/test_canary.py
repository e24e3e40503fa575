"""What is deleted is nowhere any more: every file of the data and cache folders is searched."""

from pathlib import Path

from desktop_llm.core.conversations import state_name
from desktop_llm.core.documents import Document, DocumentKind
from desktop_llm.services.bundle import Services
from desktop_llm.storage.paths import Folders
from desktop_llm.storage.settings import SettingsFile
from tests.integration.helpers import wait_until

CANARY = "Xylophonquartz"
QUESTION = f"Repeat after me: {CANARY} {CANARY} and the long story of the {CANARY}. " * 4


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def hits(folder: Path, needles: list[bytes]) -> list[str]:
    return [
        path.name
        for path in files(folder)
        if any(needle in path.read_bytes().lower() for needle in needles)
    ]


def document(text: str) -> Document:
    return Document(
        name=f"{CANARY}.txt", kind=DocumentKind.TEXT, text=text, size_bytes=1, sha256=""
    )


def test_a_canary_is_gone_with_its_conversation(tmp_path):
    folders = Folders(tmp_path / "data", tmp_path / "cache")
    folders.ensure()
    settings = SettingsFile(folders.settings_file)
    settings.change(threads=1, context_length=1024)
    services = Services.open(folders, settings)
    services.maintenance._thread.join()  # the backup of the day is of before
    try:
        chat = services.chat
        sent = chat.attach(None, document(f"The document says {CANARY}."))
        reply = chat.send(None, QUESTION, None, attached=[sent.id]).result(120).reply
        number = reply.conversation
        edited = chat.edit_reply(reply, f"{CANARY} edited")
        chat.tree.save_edit(edited.id, f"{CANARY} half edited")
        chat.save_draft(number, f"{CANARY} draft")
        chat.attach(number, document(f"{CANARY} attached"))
        removed = chat.attach(number, document(f"{CANARY} attached and removed"))
        chat.attachments.remove(removed.id)
        chat.rename(number, f"{CANARY} title")
        chat.organiser.tag([number], add=[CANARY])
        chat._store.save_summary(edited.id, f"{CANARY} summary", "m")
        state = folders.sessions / f"{state_name(number)}.kv"
        wait_until(state.exists)
        other = chat.send(None, "What is a violin?", None).result(120).reply
        chat.tree.delete(chat.send(other.conversation, CANARY, other.id).result(120).reply.parent)
        words = [CANARY.lower().encode(), CANARY.lower()[3:].encode()]
        assert hits(tmp_path, words)  # it was there, or nothing is proven
        chat.bin.put(number)
        wait_until(lambda: not state.exists())
        assert chat.bin.empty() == 2
        assert hits(tmp_path, words) == []
        assert chat.open(other.conversation)[1]
    finally:
        services.close()
    assert hits(tmp_path, words) == []
    assert not state.exists()


def test_a_state_does_not_outlive_a_deletion_that_meets_an_unload(tmp_path):
    """The model is unloaded, and writes what it has, just when its conversation goes."""
    folders = Folders(tmp_path / "data", tmp_path / "cache")
    folders.ensure()
    settings = SettingsFile(folders.settings_file)
    settings.change(threads=1, context_length=1024)
    services = Services.open(folders, settings)
    try:
        reply = services.chat.send(None, QUESTION, None).result(120).reply
        unloading = services.engine.unload()
        services.chat.bin.put(reply.conversation)
        unloading.result(30)
        services.engine.status().result(30)  # whatever was asked before it is done
        wait_until(lambda: not list(folders.sessions.glob("*")))
    finally:
        services.close()
    assert list(folders.sessions.glob("*")) == []
