"""The whole program with the real worker and the real starter model, in an offscreen window."""

import subprocess
import sys

from PySide6.QtCore import Qt
from PySide6.QtGui import QInputMethodEvent
from PySide6.QtWidgets import QApplication

from desktop_llm.core.messages import MessageState, Role
from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.database import Database
from desktop_llm.ui.widgets.composer import Composer

REPLY = 120_000  # milliseconds a reply may take on a busy machine


def opened(qtbot, program):
    """Its newest conversation is shown."""
    page = program.window.chat
    qtbot.waitUntil(lambda: page._conversation is not None or not page.sidebar.model.rowCount())
    return page


def test_a_first_conversation_that_is_there_again(qtbot, make_program, tmp_path):
    program = make_program()
    page = opened(qtbot, program)
    page.composer.set_text("What colour is the sky? One word.")
    with qtbot.waitSignal(page.answered, timeout=REPLY) as answered:
        qtbot.keyClick(page.composer.editor, Qt.Key.Key_Return)
    reply = answered.args[0]
    assert reply.state is MessageState.COMPLETE
    assert reply.text.strip()
    assert page.composer.text() == ""
    page.view.transcript.select_all()
    shown = page.view.transcript.selected_text()
    assert shown.startswith("What colour is the sky? One word.")
    qtbot.waitUntil(lambda: len(page.sidebar.model.conversations()) == 1)
    page.composer.set_text("a draft")
    page.save_draft()
    program.close()

    database = Database(tmp_path / "data" / "conversations.db")
    (conversation,) = Conversations(database).all()
    assert conversation.draft == "a draft"
    assert [stored.role for stored in Conversations(database).branch(conversation.id)] == [
        Role.USER,
        Role.ASSISTANT,
    ]
    database.close()

    page = opened(qtbot, make_program())
    qtbot.waitUntil(lambda: page.composer.text() == "a draft")
    page.view.transcript.select_all()
    assert page.view.transcript.selected_text() == shown


def test_stop_keeps_the_partial_reply(qtbot, make_program):
    page = opened(qtbot, make_program())
    page.composer.set_text("Tell me a very long story about a whale.")
    page.composer.button.click()
    qtbot.waitUntil(lambda: bool(page._branch) and len(page._branch) == 2, timeout=REPLY)
    key = page._branch[-1].id
    qtbot.waitUntil(lambda: len(page.view.transcript.text_of(key)) > 20, timeout=REPLY)
    with qtbot.waitSignal(page.answered, timeout=REPLY) as answered:
        page.composer.button.click()
    assert answered.args[0].state is MessageState.STOPPED
    assert len(answered.args[0].text) > 20


def test_a_reply_goes_on_while_another_conversation_is_shown(qtbot, make_program):
    page = opened(qtbot, make_program())
    page.composer.set_text("Tell me a very long story about a whale.")
    page.composer.button.click()
    qtbot.waitUntil(lambda: len(page._branch) == 2, timeout=REPLY)
    number, reply = page.conversation, page._branch[-1].id
    qtbot.waitUntil(lambda: len(page.view.transcript.text_of(reply)) > 20, timeout=REPLY)
    page.new_conversation()
    assert page.composer.button.text() == "Send"
    before = len(page._replies.live(number).text)
    qtbot.waitUntil(lambda: len(page._replies.live(number).text) > before, timeout=REPLY)
    page.open(number)
    qtbot.waitUntil(lambda: page.conversation == number)
    assert page.composer.button.text() == "Stop"
    seen = page.view.transcript.text_of(reply)
    qtbot.waitUntil(lambda: len(page.view.transcript.text_of(reply)) > len(seen), timeout=REPLY)
    assert page.view.transcript.text_of(reply) == page._replies.live(number).text
    with qtbot.waitSignal(page.answered, timeout=REPLY) as answered:
        page.stop()
    assert answered.args[0].text == page.view.transcript.text_of(reply)
    assert len(page._branch) == 2


def test_a_draft_without_a_conversation_is_kept(qtbot, make_program):
    program = make_program()
    page = opened(qtbot, program)
    page.composer.set_text("not sent yet")
    program.close()
    page = opened(qtbot, make_program())
    qtbot.waitUntil(lambda: page.composer.text() == "not sent yet")


def test_closing_while_it_opens_leaves_nothing(make_program):
    make_program(wait=False).close()


def test_a_broken_settings_file_and_a_damaged_database_are_said(qtbot, make_program, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "settings.toml").write_text("font_size = = 3", encoding="utf-8")
    program = make_program()
    assert "settings.broken.toml" in program.window.chat.view.fault.text()
    opened(qtbot, program)
    program.close()
    (folder / "conversations.db").write_bytes(b"no database" * 1000)
    page = make_program(wait=False).window.chat
    qtbot.waitUntil(lambda: "conversations.db" in page.view.fault.text())
    assert page.view.fault.isVisible()
    assert (folder / "conversations.db").read_bytes() == b"no database" * 1000


def test_ctrl_plus_scales_the_text_and_it_stays(qtbot, make_program, tmp_path):
    program = make_program()
    page = opened(qtbot, program)
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
             "huggingface_hub"]  # fmt: skip
    script = f"import sys, desktop_llm.app;print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
