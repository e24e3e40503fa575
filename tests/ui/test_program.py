"""The whole program with the real worker and the real starter model, in an offscreen window."""

import subprocess
import sys
from pathlib import Path

from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QInputMethodEvent
from PySide6.QtWidgets import QApplication, QPushButton

from desktop_llm.app import _Inside
from desktop_llm.core.messages import MessageState, Role
from desktop_llm.services.bundle import Services
from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.database import Database
from desktop_llm.storage.instance import InstanceLock
from desktop_llm.storage.library import find_starter
from desktop_llm.storage.paths import Folders, resolve_folders
from desktop_llm.storage.settings import SettingsFile
from desktop_llm.ui.main_window import MainWindow
from desktop_llm.ui.widgets.composer import Composer
from tests.fakes.gguf_files import entry, rewrite
from tests.ui.helpers import REPLY, shown


def test_a_first_conversation_that_is_there_again(qtbot, make_program, tmp_path):
    program = make_program()
    page = shown(qtbot, program)
    page.composer.set_text("What colour is the sky? One word.")
    with qtbot.waitSignal(page.shown.answered, timeout=REPLY) as answered:
        qtbot.keyClick(page.composer.editor, Qt.Key.Key_Return)
    reply = answered.args[0]
    assert reply.state is MessageState.COMPLETE
    assert reply.text.strip()
    assert page.composer.text() == ""
    page.view.transcript.select_all()
    seen = page.view.transcript.selected_text()
    assert seen.startswith("What colour is the sky? One word.")
    qtbot.waitUntil(lambda: len(page.sidebar.model.conversations()) == 1)
    page.composer.set_text("a draft")
    page.shown.save_draft()
    program.close()

    database = Database(tmp_path / "data" / "conversations.db")
    (conversation,) = Conversations(database).all()
    assert conversation.draft == "a draft"
    assert [stored.role for stored in Conversations(database).branch(conversation.id)] == [
        Role.USER,
        Role.ASSISTANT,
    ]
    database.close()

    page = shown(qtbot, make_program())
    qtbot.waitUntil(lambda: page.composer.text() == "a draft")
    page.view.transcript.select_all()
    assert page.view.transcript.selected_text() == seen


def test_stop_keeps_the_partial_reply(qtbot, make_program):
    page = shown(qtbot, make_program())
    page.composer.set_text("Tell me a very long story about a whale.")
    page.composer.button.click()
    qtbot.waitUntil(lambda: bool(page.shown.branch) and len(page.shown.branch) == 2, timeout=REPLY)
    key = page.shown.branch[-1].id
    qtbot.waitUntil(lambda: len(page.view.transcript.text_of(key)) > 20, timeout=REPLY)
    with qtbot.waitSignal(page.shown.answered, timeout=REPLY) as answered:
        page.composer.button.click()
    assert answered.args[0].state is MessageState.STOPPED
    assert len(answered.args[0].text) > 20


def test_a_reply_goes_on_while_another_conversation_is_shown(qtbot, make_program):
    program = make_program()
    page = shown(qtbot, program)
    ended = []
    page.shown.answered.connect(ended.append)  # the model may end its story before it is stopped
    page.composer.set_text("Tell me a very long story about a whale.")
    page.composer.button.click()
    qtbot.waitUntil(lambda: len(page.shown.branch) == 2, timeout=REPLY)
    number, reply = page.conversation, page.shown.branch[-1].id
    qtbot.waitUntil(lambda: len(page.view.transcript.text_of(reply)) > 20, timeout=REPLY)
    page.new_conversation()
    assert page.composer.button.text() == "Send"
    live = program.replies.live(number)
    before = len(live.text)
    qtbot.waitUntil(lambda: len(live.text) > before, timeout=REPLY)
    page.open(number)
    qtbot.waitUntil(lambda: page.conversation == number and not page.shown.opening)
    assert page.composer.button.text() == "Stop"
    seen = page.view.transcript.text_of(reply)
    qtbot.waitUntil(lambda: len(page.view.transcript.text_of(reply)) > len(seen), timeout=REPLY)
    assert page.view.transcript.text_of(reply) == live.text
    page.stop()
    qtbot.waitUntil(lambda: bool(ended), timeout=REPLY)
    assert ended[0].text == page.view.transcript.text_of(reply)
    assert len(page.shown.branch) == 2


def test_a_draft_without_a_conversation_is_kept(qtbot, make_program):
    program = make_program()
    page = shown(qtbot, program)
    page.composer.set_text("not sent yet")
    program.close()
    page = shown(qtbot, make_program())
    qtbot.waitUntil(lambda: page.composer.text() == "not sent yet")


def test_a_window_that_cannot_be_furnished_says_so_and_ends(
    qtbot, tmp_path, monkeypatch, capsys, caplog
):
    def fails(*_arguments, **_named):
        raise RuntimeError("of a test")

    class Application:
        exited = None
        quit = None

        def setWindowIcon(self, _icon):
            pass

        def exit(self, result):
            self.exited = result

    monkeypatch.setattr("desktop_llm.ui.program.Program", fails)
    folders = Folders(tmp_path / "data", tmp_path / "cache")
    folders.ensure()
    window = MainWindow(QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat))
    qtbot.addWidget(window)
    application, settings = Application(), SettingsFile(folders.settings_file)
    inside = _Inside(application, folders, settings, window, InstanceLock(folders.data))
    inside.furnish()
    inside.furnish()
    inside.stop_logging()
    assert application.exited == 1
    assert "RuntimeError: of a test" in capsys.readouterr().err
    assert "cannot be furnished" in caplog.text
    caplog.clear()


def test_closing_while_it_opens_leaves_nothing(make_program):
    make_program(wait=False).close()


def test_a_broken_settings_file_and_a_damaged_database_are_said(qtbot, make_program, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "settings.toml").write_text("font_size = = 3", encoding="utf-8")
    program = make_program()
    assert "settings.broken.toml" in program.workspace.chat.view.fault.text()
    shown(qtbot, program)
    program.close()
    (folder / "conversations.db").write_bytes(b"no database" * 1000)
    page = make_program(wait=False).workspace.chat
    qtbot.waitUntil(lambda: "conversations.db" in page.view.fault.text())
    assert page.view.fault.isVisible()
    assert (folder / "conversations.db").read_bytes() == b"no database" * 1000


def test_ctrl_plus_scales_the_text_and_it_stays(qtbot, make_program, tmp_path):
    program = make_program()
    page = shown(qtbot, program)
    before = page.composer.editor.font().pixelSize()
    qtbot.keyClick(page.composer.editor, Qt.Key.Key_Plus, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: page.composer.editor.font().pixelSize() == before + 1)
    file = tmp_path / "data" / "settings.toml"
    qtbot.waitUntil(lambda: file.exists() and "font_size = 14" in file.read_text(encoding="utf-8"))
    qtbot.keyClick(page.composer.editor, Qt.Key.Key_0, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: page.composer.editor.font().pixelSize() == before)


def test_enter_while_an_input_method_composes_never_sends(qtbot):
    composer = Composer()
    qtbot.addWidget(composer)
    composer.set_words("", "", "Send", "Stop")
    composer.set_text("nihao")
    sent = []
    composer.send_wanted.connect(sent.append)
    QApplication.sendEvent(composer.editor, QInputMethodEvent("你好", []))
    qtbot.keyClick(composer.editor, Qt.Key.Key_Return)
    assert sent == []
    QApplication.sendEvent(composer.editor, QInputMethodEvent("", []))
    qtbot.keyClick(composer.editor, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    assert sent == []
    qtbot.keyClick(composer.editor, Qt.Key.Key_Return)
    assert len(sent) == 1


def test_the_window_imports_nothing_heavy():
    heavy = ["llama_cpp", "torch", "transformers", "spacy", "nltk", "onnxruntime",
             "huggingface_hub", "httpx2"]  # fmt: skip
    script = f"import sys, desktop_llm.app;print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_tokens_are_counted_while_one_writes_and_too_many_are_said_before(qtbot, make_program):
    page = shown(qtbot, make_program(context_length=256))
    page.composer.set_text("How are you today?")
    qtbot.waitUntil(lambda: page.composer.gauge.text().endswith("/ 256 tokens"), timeout=REPLY)
    assert page.composer.button.isEnabled()
    page.composer.set_text("word " * 400)
    qtbot.waitUntil(lambda: page.composer.gauge.text().startswith("Too long"), timeout=REPLY)
    assert not page.composer.button.isEnabled()
    page.composer.set_text("word " * 180)
    qtbot.waitUntil(lambda: "little room" in page.composer.gauge.text(), timeout=REPLY)
    assert page.composer.button.isEnabled()


def test_a_question_that_is_too_long_is_a_draft_again(qtbot, make_program):
    program = make_program(context_length=256)
    page = shown(qtbot, program)
    text = "word " * 400
    page.composer.set_text(text)
    page.composer.button.click()  # faster than the count
    qtbot.waitUntil(lambda: "too long" in page.view.fault.text(), timeout=REPLY)
    qtbot.waitUntil(lambda: page.composer.text() == text)
    assert page.shown.branch == []
    assert program.services.chat.conversations()[0].draft == text


def test_a_template_that_cannot_be_used_is_said_beside_the_reply(qtbot, make_program, tmp_path):
    starter, key = find_starter(), "tokenizer.chat_template"
    models = tmp_path / "data" / "models"
    models.mkdir(parents=True)
    rewrite(Path(starter.path), models / "odd.gguf", {key: entry(key, "nothing of the question")})
    page = shown(qtbot, make_program(model="odd"))
    with qtbot.waitSignal(page.shown.answered, timeout=REPLY) as answered:
        page.send("What colour is the sky? One word.")
    assert answered.args[0].state is MessageState.COMPLETE
    assert answered.args[0].text
    qtbot.waitUntil(lambda: "chat template" in page.view.fault.text())
    assert "drops a message" in page.view.fault.text()


def test_what_another_process_writes_is_seen(qtbot, make_program, tmp_path):
    page = shown(qtbot, make_program())
    script = (
        "import sys; from pathlib import Path;"
        "from desktop_llm.storage.database import Database;"
        "from desktop_llm.storage.conversations import Conversations;"
        "database = Database(Path(sys.argv[1])); Conversations(database).create('From outside');"
        "database.close()"
    )
    path = tmp_path / "data" / "conversations.db"
    subprocess.run([sys.executable, "-c", script, str(path)], check=True)
    qtbot.waitUntil(
        lambda: [row.title for row in page.sidebar.model.conversations()] == ["From outside"]
    )


def test_the_data_folder_moves_and_is_found_again(qtbot, make_program, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("DESKTOP_LLM_HOME", raising=False)
    program = make_program()
    page = shown(qtbot, program)
    page.composer.set_text("kept while it moves")
    restarts = []
    program._data_care._restart = lambda: restarts.append(True)
    program._data_care.move_folder(tmp_path / "data" / "inside")
    qtbot.waitUntil(lambda: "inside" in page.view.fault.text())
    program._data_care.move_folder(tmp_path / "new place 新")
    qtbot.waitUntil(lambda: bool(restarts), timeout=20_000)
    program.close()
    assert resolve_folders(None).data == tmp_path / "new place 新"
    services = Services.open(resolve_folders(None), program._settings)
    assert services.chat.new_draft() == "kept while it moves"
    services.maintenance._thread.join()
    assert services.maintenance.done.faults == []
    assert not (tmp_path / "data" / "conversations.db").exists()
    services.close()


def test_a_context_that_fits_is_offered_and_used(qtbot, make_program, monkeypatch):
    program = make_program(context_length=8192)
    page = shown(qtbot, program)
    monkeypatch.setattr(
        "desktop_llm.services.models.free_memory", lambda _pid, **_more: 250_000_000
    )
    page.composer.set_text("Hello")
    page.composer.button.click()
    qtbot.waitUntil(lambda: "memory" in page.view.fault.text(), timeout=REPLY)
    offer = next(
        button
        for button in page.view.fault.findChildren(QPushButton)
        if button.text().startswith("Use a context of")
    )
    with qtbot.waitSignal(page.shown.answered, timeout=REPLY) as answered:
        offer.click()
    assert answered.args[0].state is MessageState.COMPLETE
    assert program._settings.current.context_length < 8192
