"""The library of prompts: kept, found, filled in, put into the composer, taken from files."""

import json
import os
import stat

import pytest
from PySide6.QtCore import QMimeData, Qt
from PySide6.QtGui import QInputMethodEvent
from PySide6.QtWidgets import QApplication, QLabel

from desktop_llm.core.presets import Prompt, filled_in
from desktop_llm.storage.presets import Presets
from desktop_llm.ui.actions import Command
from desktop_llm.ui.models.prompts import PromptsModel, row_of
from desktop_llm.ui.prompt_files import MOST_BYTES
from desktop_llm.ui.widgets.variable_form import FormWords, VariableForm
from tests.ui.helpers import FULL, settle, shown, speak

HOSTILE = "<img src='/dev/zero'> <b>bold</b>"
PLAIN = Prompt(name="Proofread", text="Correct the spelling.")
ASKS = Prompt(name="Summary", text="In {{language}}: {{text}}")


@pytest.fixture
def program(qtbot, make_program):
    program = make_program()
    shown(qtbot, program)
    program.services.chat.presets.add(prompts=[PLAIN, ASKS])
    program.workspace.chat.prompts.refresh()
    settle(program)
    return program


@pytest.fixture
def page(program):
    return program.workspace.chat


def names(page):
    model = page.library.model
    return [model.index(row).data() for row in range(model.rowCount())]


def stored(program):
    return {prompt.name: prompt.text for prompt in program.services.chat.presets.prompts()}


def prompt(program, name):
    return next(p for p in program.services.chat.presets.prompts() if p.name == name)


def opened(page):
    page.side.open("prompts")
    return page.library


# --- the list ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("qapp")
def test_the_prompts_are_a_model(qtmodeltester):
    model = PromptsModel()
    rows = [row_of(Prompt(id=at, name=f"Name {at}", text=f"Text\n{at}")) for at in range(1, 6)]
    model.show_rows(rows)
    model.search("text 3")
    assert [model.index(row).data() for row in range(model.rowCount())] == ["Name 3"]
    model.search("")
    model.show_rows(rows[1:])
    qtmodeltester.check(model)


def test_the_empty_library_offers_a_beginning(qtbot, make_program):
    program = make_program(language="zh_CN")
    page = shown(qtbot, program)
    qtbot.keyClick(program.workspace, Qt.Key.Key_P, Qt.KeyboardModifier.ControlModifier)
    settle(program)
    assert page.side.shown == "prompts"
    assert page.library._stack.currentWidget() is page.library.empty
    page.library.examples_wanted.emit()
    settle(program)
    assert len(names(page)) == 3
    assert page.library.search.hasFocus()


def test_it_is_searched_and_used_by_keys_alone(qtbot, page):
    page.composer.set_text("Before. ")
    qtbot.keyClick(page.composer.editor, Qt.Key.Key_P, Qt.KeyboardModifier.ControlModifier)
    library = page.library
    assert library.search.hasFocus()
    qtbot.keyClicks(library.search, "spell")
    assert names(page) == ["Proofread"]
    qtbot.keyClick(library.search, Qt.Key.Key_Escape)
    assert names(page) == ["Proofread", "Summary"]
    qtbot.keyClick(library.search, Qt.Key.Key_Down)
    qtbot.keyClick(library.search, Qt.Key.Key_Up)
    qtbot.keyClick(library.search, Qt.Key.Key_Return)
    assert page.composer.text() == "Before. Correct the spelling."
    assert page.composer.editor.hasFocus()
    qtbot.keyClick(page.composer.editor, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert page.composer.text() == "Before. "


def test_what_was_used_last_comes_first(program, page):
    page.prompts.use(prompt(program, "Summary"))
    page.view.form.confirm()
    settle(program)
    assert names(page) == ["Summary", "Proofread"]


def test_what_is_chosen_in_the_composer_is_not_replaced(program, page):
    page.composer.set_text("Keep this")
    page.composer.editor.selectAll()
    page.prompts.use(prompt(program, "Proofread"))
    assert page.composer.text() == "Keep thisCorrect the spelling."


def test_a_deleted_prompt_can_be_brought_back(qtbot, program, page):
    library = opened(page)
    library.list.setFocus()
    qtbot.keyClick(library.list, Qt.Key.Key_Delete)
    settle(program)
    assert names(page) == ["Summary"]
    assert library.list.hasFocus()
    program.workspace.toasts.act()
    settle(program)
    assert set(names(page)) == {"Summary", "Proofread"}
    assert library.chosen().name == "Proofread"


def test_a_prompt_is_duplicated(program, page):
    library = opened(page)
    library.duplicate_button.click()
    settle(program)
    assert library.chosen().name == "Proofread (copy)"
    assert stored(program)["Proofread (copy)"] == PLAIN.text


def test_a_failing_database_loses_nothing(program, page, gate):
    library = opened(page)
    gate(Presets, "delete_prompt", FULL).open()
    gate(Presets, "save_prompt", FULL).open()
    gate(Presets, "use_prompt", FULL).open()
    library.delete_button.click()
    settle(program)
    assert names(page) == ["Proofread", "Summary"]
    assert not page.view.fault.isHidden()
    library.edit(library.chosen())
    library.editor.text.setPlainText("Other words")
    library.editor.save_button.click()
    settle(program)
    assert library.editing
    assert library.editor.text.toPlainText() == "Other words"
    assert not library.editor.text.isReadOnly()
    page.prompts.use(prompt(program, "Proofread"))
    settle(program)
    assert page.composer.text() == PLAIN.text


# --- writing one ---------------------------------------------------------------------------------


def test_a_prompt_is_written_and_its_variables_are_listed(qtbot, program, page):
    library = opened(page)
    library.new_button.click()
    editor = library.editor
    assert editor.name.hasFocus()
    assert not editor.save_button.isEnabled()
    qtbot.keyClicks(editor.text, "Tell {{who}} about {{what}} and {{who}}")
    assert editor._variables.text() == "Asked for: who, what"
    qtbot.keyClick(editor.text, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    settle(program)
    assert not library.editing
    assert library.chosen().name == "Tell {{who}} about {{what}} and {{who}}"


def test_escape_from_the_editor_can_be_undone(qtbot, program, page):
    library = opened(page)
    library.edit_button.click()
    qtbot.keyClick(library.editor.text, Qt.Key.Key_Escape)
    assert program.workspace.toasts.text() == ""  # nothing was changed
    library.edit_button.click()
    library.editor.text.setPlainText("Half written")
    qtbot.keyClick(library.editor.text, Qt.Key.Key_Escape)
    assert not library.editing
    assert page.side.shown == "prompts"
    program.workspace.toasts.act()
    assert library.editing
    assert library.editor.text.toPlainText() == "Half written"
    library.editor.save_button.click()
    settle(program)
    assert stored(program)["Proofread"] == "Half written"


def test_what_is_being_written_survives_another_language(qtbot, program, page):
    library = opened(page)
    library.edit(library.chosen())
    library.editor.text.setPlainText("Half written")
    page.prompts.use(prompt(program, "Summary"))
    page.view.form.fields["text"].setPlainText("Long")
    page = speak(qtbot, program, Command.CHINESE)
    qtbot.waitUntil(lambda: page.ready)
    settle(program)
    assert page.library.editing
    assert page.library.editor.text.toPlainText() == "Half written"
    assert page.library.editor.stored.name == "Proofread"
    page.prompts.use(prompt(program, "Summary"))
    assert page.view.form.fields["text"].toPlainText() == "Long"
    speak(qtbot, program, Command.ENGLISH)


# --- variables -----------------------------------------------------------------------------------


def test_variables_are_asked_for_and_filled_in(qtbot, program, page):
    form = page.view.form
    page.composer.set_text("A. ")
    page.prompts.use(prompt(program, "Summary"))
    language, text = form.fields.values()
    assert language.hasFocus()
    qtbot.keyClicks(language, "German")
    assert form.preview.toPlainText() == "In German: {{text}}"
    qtbot.keyClick(language, Qt.Key.Key_Tab)
    assert text.hasFocus()
    qtbot.keyClicks(text, "one {{language}}")
    qtbot.keyClick(text, Qt.Key.Key_Return)
    qtbot.keyClicks(text, "two")
    qtbot.keyClick(text, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert page.composer.text() == "A. In German: one {{language}}\ntwo"
    assert form.isHidden()
    assert page.composer.editor.hasFocus()
    page.prompts.use(prompt(program, "Summary"))
    assert form.fields["language"].toPlainText() == ""
    assert "German" in form.fields["language"].placeholderText()
    assert form.values()["language"] == "German"


def test_what_was_typed_is_there_again_after_escape(qtbot, program, page):
    form = page.view.form
    page.prompts.use(prompt(program, "Summary"))
    qtbot.keyClicks(form.fields["language"], "Ger")
    qtbot.keyClick(form.fields["language"], Qt.Key.Key_Escape)
    assert form.isHidden()
    assert page.composer.editor.hasFocus()
    assert page.composer.text() == ""
    page.prompts.use(prompt(program, "Summary"))
    assert form.fields["language"].toPlainText() == "Ger"
    assert form.fields["text"].hasFocus()


def test_the_form_takes_text_as_text(qtbot):
    form = VariableForm(filled_in, FormWords("Insert", "Cancel", "Preview", "Hint", "{value}"))
    qtbot.addWidget(form)
    form.open(HOSTILE, f"{HOSTILE} {{{{a}}}} 😀 {{{{b}}}}", ["a", "b"], {"a": "😀\ue000\ue001"}, {})
    form.fields["b"].setPlainText(HOSTILE)
    assert form.preview.toPlainText() == f"{HOSTILE} 😀 😀 {HOSTILE}"
    marked = [mark.cursor.selectedText() for mark in form.preview.extraSelections()]
    assert marked == ["😀", HOSTILE]
    plain = Qt.TextFormat.PlainText
    assert all(label.textFormat() is plain for label in form.findChildren(QLabel))


# --- the slash -----------------------------------------------------------------------------------


def slash(qtbot, page):
    page.composer.setFocus()
    qtbot.keyClick(page.composer.editor, "/")
    return page.prompts._picker


def test_a_slash_offers_the_prompts(qtbot, page):
    picker = slash(qtbot, page)
    assert picker.isVisible()
    qtbot.keyClicks(picker._line, "proof")
    qtbot.keyClick(picker._line, Qt.Key.Key_Return)
    assert not picker.isVisible()
    assert page.composer.text() == PLAIN.text
    assert page.composer.editor.hasFocus()


def test_escape_leaves_the_slash_and_what_was_typed(qtbot, page):
    picker = slash(qtbot, page)
    qtbot.keyClicks(picker._line, "home/me")
    qtbot.keyClick(picker._line, Qt.Key.Key_Escape)
    assert page.composer.text() == "/home/me"
    assert page.composer.editor.hasFocus()
    page.composer.clear()
    qtbot.keyClick(slash(qtbot, page)._line, Qt.Key.Key_Backspace)
    assert page.composer.text() == ""


def test_only_a_slash_that_is_typed_first_counts(qtbot, page):
    editor = page.composer.editor
    page.composer.setFocus()
    data = QMimeData()
    data.setText("/")
    editor.insertFromMimeData(data)
    assert page.prompts._picker is None
    page.composer.clear()
    qtbot.keyClicks(editor, "a/")
    assert page.prompts._picker is None
    page.composer.clear()
    QApplication.sendEvent(editor, QInputMethodEvent("ni", []))
    qtbot.keyClick(editor, "/")
    assert page.prompts._picker is None
    page.composer.clear()
    committed = QInputMethodEvent("", [])
    committed.setCommitString("/")
    QApplication.sendEvent(editor, committed)
    assert page.composer.text() == "/"
    assert page.prompts._picker is None


def test_without_prompts_a_slash_is_a_slash(qtbot, make_program):
    page = shown(qtbot, make_program())
    assert slash(qtbot, page) is None
    assert page.composer.text() == "/"


# --- files ---------------------------------------------------------------------------------------


def test_prompts_go_to_a_file_and_come_back(program, page, tmp_path):
    target = tmp_path / "out.json"
    page.prompts.export(target)
    settle(program)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600 or os.name != "posix"
    for each in program.services.chat.presets.prompts():
        program.services.chat.presets.delete_prompt(each.id)
    page.prompts.import_files([target])
    settle(program)
    assert stored(program) == {PLAIN.name: PLAIN.text, ASKS.name: ASKS.text}
    assert names(page) == ["Proofread", "Summary"]
    assert program.workspace.toasts.text() == "2 prompts imported."


def test_texts_are_prompts_too_and_what_is_broken_is_named(program, page, tmp_path):
    (tmp_path / "Letter.md").write_text("Dear {{name}}", encoding="utf-8-sig")
    (tmp_path / "empty.txt").write_text(" \n")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "large.json").write_bytes(b" " * (MOST_BYTES + 1))
    entries = [{"name": HOSTILE, "text": HOSTILE}, {"name": "no text"}, 7]
    whole = {"format": "desktop-llm-prompts", "version": 1, "prompts": entries}
    (tmp_path / "mixed.json").write_text(json.dumps(whole))
    files = ["Letter.md", "mixed.json", "deep.json", "large.json", "binary.txt", "gone.md",
             "empty.txt"]  # fmt: skip
    page.prompts.import_files([tmp_path / name for name in files])
    settle(program)
    assert stored(program)["Letter"] == "Dear {{name}}"
    assert stored(program)[HOSTILE] == HOSTILE
    assert program.workspace.toasts.text() == (
        "2 prompts imported. Not taken: mixed.json (entry 2 is broken);"
        " mixed.json (entry 3 is broken); deep.json (not a file of prompts); 4 more"
    )


@pytest.mark.skipif(os.name != "posix", reason="there are no pipes with names")
def test_a_pipe_is_no_file(program, page, tmp_path):
    os.mkfifo(tmp_path / "pipe.txt")
    page.prompts.import_files([tmp_path / "pipe.txt"])
    settle(program)
    assert "pipe.txt (cannot be read)" in program.workspace.toasts.text()


def test_a_folder_that_takes_no_file_is_said(program, page, tmp_path):
    page.prompts.export(tmp_path / "gone" / "out.json")
    settle(program)
    assert not page.view.fault.isHidden()
    assert stored(program)


def test_a_hostile_name_is_shown_as_it_is(program, page):
    program.services.chat.presets.add(prompts=[Prompt(name=HOSTILE, text=HOSTILE)])
    page.prompts.refresh()
    settle(program)
    index = page.library.model.index(2)
    assert index.data() == HOSTILE
    assert "<img" not in index.data(Qt.ItemDataRole.ToolTipRole)
    page.library.choose(program.services.chat.presets.prompts()[2].id)
    page.library.delete_button.click()
    settle(program)
    assert HOSTILE in program.workspace.toasts.text()
