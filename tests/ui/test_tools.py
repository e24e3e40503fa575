"""Text tools over every text, their popup and their page. The worker repeats the question."""

import sys

import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt
from PySide6.QtGui import QContextMenuEvent, QTextCursor
from PySide6.QtWidgets import QApplication, QDialog, QMenu, QPlainTextEdit

from desktop_llm.core.aspects import Clause, JudgedAspect
from desktop_llm.core.evidence import Support
from desktop_llm.core.labels import Judgement, Unsure
from desktop_llm.core.segments import Span
from desktop_llm.core.text_tools import Judged, JudgedSentence, SaidSentence, ToolOutcome
from desktop_llm.core.tools import Label, Output, Tool, Words
from desktop_llm.engine import client
from desktop_llm.rendering.differences import differences
from desktop_llm.ui.actions import Command
from desktop_llm.ui.pages.tool_editor import ToolEditor
from desktop_llm.ui.pages.tool_history import ToolHistoryDialog
from desktop_llm.ui.pages.tool_view import ToolView
from desktop_llm.ui.tool_runner import TextTarget
from desktop_llm.ui.tools_care import default_values
from desktop_llm.ui.workspace import Page
from tests.ui.helpers import settle, shown

FAKE = (sys.executable, "-m", "desktop_llm.worker.fake")
TEXT = "Rain fell. It was cold."


@pytest.fixture
def program(qtbot, make_program, monkeypatch):
    monkeypatch.setattr(client.EngineClient.__init__, "__defaults__", tuple(
        FAKE if each is client.WORKER_COMMAND else each
        for each in client.EngineClient.__init__.__defaults__
    ))  # fmt: skip
    program = make_program()
    shown(qtbot, program)
    program._tools_care.read()
    settle(program)
    return program


def tool(program, identity):
    return next(each for each in program._tools_care.tools if each.id == identity)


def done(qtbot, view):
    qtbot.waitUntil(lambda: view._outcome is not None, timeout=20_000)


def composer(program, text=TEXT):
    page = program.workspace.chat
    page.composer.set_text(text)
    return page.composer.editor


def test_the_menu_of_the_composer_has_every_tool(qtbot, program):
    care, menu = program._tools_care, QMenu()
    qtbot.addWidget(menu)
    sub = care.fill(menu, lambda: care.target_of(composer(program)))
    names = [action.text() for action in sub.actions() if not action.isSeparator()]
    assert len(names) == len(care.tools) + 1
    assert names[:2] == ["Summarise", "Translate"]
    forms = [action.text() for action in sub.actions()[0].menu().actions()]
    assert forms == ["In one sentence", "In bullet points", "In detail"]


def test_a_message_and_a_found_one_have_the_same_menu(qtbot, program):
    menu = QMenu()
    qtbot.addWidget(menu)
    program.workspace.chat.branches.add_tools(menu, 1)
    assert menu.actions()[0].text() == "Text tools"


def test_a_result_replaces_what_was_chosen_in_one_step(qtbot, program):
    editor = composer(program)
    cursor = editor.textCursor()
    cursor.setPosition(0)
    cursor.setPosition(10, QTextCursor.MoveMode.KeepAnchor)
    editor.setTextCursor(cursor)
    care = program._tools_care
    popup = care.use(tool(program, "explain"), lambda: care.target_of(editor), {})
    done(qtbot, popup.view)
    assert "Rain fell." in popup.view.text()
    assert "cold" not in popup.view.text()
    popup.view.replace_wanted.emit("It poured.")
    assert editor.toPlainText() == "It poured. It was cold."
    editor.undo()
    assert editor.toPlainText() == TEXT


def test_a_result_goes_after_the_text_or_into_the_chat(program):
    editor, care = composer(program), program._tools_care
    target = care.target_of(editor)
    target.insert("More.")
    assert editor.toPlainText() == f"{TEXT} More."
    program.workspace.show_page(Page.SETTINGS)
    care.to_chat(" End")
    assert program.workspace.page is Page.CHAT
    assert program.workspace.chat.composer.text().endswith("More. End")


def test_escape_stops_and_closes_and_gives_the_focus_back(qtbot, program):
    program.window.activateWindow()
    editor, care = composer(program), program._tools_care
    popup = care.use(tool(program, "explain"), lambda: care.target_of(editor), {})
    qtbot.keyClick(popup, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: program.window.focusWidget() is editor)
    assert editor.toPlainText() == TEXT


def test_a_question_is_asked_for_before_anything_runs(qtbot, program):
    editor, care = composer(program), program._tools_care
    popup = care.use(tool(program, "ask"), lambda: care.target_of(editor), {})
    settle(program)
    assert not popup.view.running
    popup.view.run_button.click()
    assert "“Question” is empty." in popup.view.fault.text()
    popup.view.form.first_field().setText("How was it?")
    popup.view.run_button.click()
    done(qtbot, popup.view)
    assert "How was it?" in popup.view.text()
    popup.close()
    again = care.use(tool(program, "ask"), lambda: care.target_of(editor), {})
    assert again.view.values() == {"question": "How was it?"}
    again.close()


def test_nothing_to_work_on_is_said(program):
    composer(program, "")
    program.workspace.commands[Command.USE_TOOL].trigger()
    assert "Put the cursor into a text" in program.workspace.toasts.text()


def test_private_texts_leave_no_trace(qtbot, program):
    program.workspace.commands[Command.PRIVATE].trigger()
    qtbot.waitUntil(lambda: program.workspace.chat.private and program.workspace.chat.ready)
    editor, care = composer(program, "A secret."), program._tools_care
    popup = care.use(tool(program, "explain"), lambda: care.target_of(editor), {})
    done(qtbot, popup.view)
    popup.close()
    assert program.services.tools.history().all() == []


def test_changes_are_taken_one_by_one(qtbot):
    view = ToolView()
    qtbot.addWidget(view)
    view.resize(500, 400)
    used = Tool(id="x", name=Words("X"), instruction=Words("y"), output=Output.EDIT)
    view.open(used, "He go to school every days.", {}, may_replace=True)
    view.began("He go to school every days.")
    pieces = differences("He go to school every days.", "He goes to school every day.")
    view.show_outcome(ToolOutcome(text="He goes to school every day."), pieces)
    view.show()
    assert view.text() == "He goes to school every day."
    first, second = view.result.numbers()
    view.result.chosen.emit(second)
    assert view.text() == "He goes to school every days."
    assert "1 of 2 changes taken." in view._state.text()
    qtbot.keyClick(view.result, Qt.Key.Key_Right)
    assert view.result.current == first
    qtbot.keyClick(view.result, Qt.Key.Key_Space)
    assert view.text() == "He go to school every days."
    view.take_all.click()
    with qtbot.waitSignal(view.replace_wanted) as wanted:
        view.replace_button.click()
    assert wanted.args == ["He goes to school every day."]


def test_what_is_too_long_to_be_shown_is_said(qtbot):
    view = ToolView()
    qtbot.addWidget(view)
    used = Tool(id="x", name=Words("X"), instruction=Words("y"), output=Output.EDIT)
    view.open(used, "a", {})
    view.began("a")
    view.show_outcome(ToolOutcome(text="b" * 200_001), [])
    assert "too long to show the changes" in view._state.text()
    assert "The first 200,000 characters are shown." in view._state.text()
    assert len(view.result.toPlainText()) == 200_000
    assert len(view.text()) == 200_001


def test_the_sentences_of_a_summary_lead_to_their_sources(qtbot):
    view = ToolView()
    qtbot.addWidget(view)
    used = Tool(id="x", name=Words("X"), instruction=Words("y"), output=Output.SUMMARY)
    source = "Rain fell all day. The sun rose."
    view.open(used, source, {})
    view.began(source)
    said = (
        SaidSentence(Span(0, 8), Support((0,), 1.0)),
        SaidSentence(Span(9, 18), Support((), 0.0, ("7",))),
    )
    outcome = ToolOutcome(text="It rains. 7 days.", said=said, sources=(Span(0, 18), Span(19, 32)))
    view.show_outcome(outcome, [])
    assert "1 sentence has no source in the text." in view._state.text()
    with qtbot.waitSignal(view.sources_chosen) as chosen:
        view.result.chosen.emit(0)
    assert chosen.args == [[Span(0, 18)]]
    assert "Rain fell all day." in view._evidence.text()
    view.result.chosen.emit(1)
    assert "Not in the text: 7." in view._evidence.text()


def test_an_aspect_leads_to_its_evidence(qtbot):
    source = "The screen is gorgeous, but the battery dies."
    labels = (
        Label(value="positive", title=Words("Positive"), word=Words("positive")),
        Label(value="negative", title=Words("Negative"), word=Words("negative")),
    )
    screen, battery = Span(0, 23), Span(24, 45)
    judged = Judged(
        labels, Judgement(1, (0.2, 0.8)), (JudgedSentence(Span(0, 45), 1, 0.8, Unsure.NO),),
        (
            JudgedAspect("screen", Judgement(0, (0.9, 0.1)), (Clause(screen, 0, 0.9, Unsure.NO),)),
            JudgedAspect("camera", None),
            JudgedAspect(
                "battery", Judgement(1, (0.45, 0.55), Unsure.CLOSE),
                (Clause(battery, 1, 0.55, Unsure.CLOSE), Clause(screen, 0, 0.9, Unsure.NO)),
            ),
        ),
    )  # fmt: skip
    view = ToolView()
    qtbot.addWidget(view)
    used = Tool(id="x", name=Words("X"), instruction=Words("y"), output=Output.LABELS)
    view.open(used, source, {})
    view.began(source)
    view.show_outcome(ToolOutcome(text="negative", judged=judged), [])
    shown_text = view.result.toPlainText()
    for line in ("screen  Positive 90 %", "“The screen is gorgeous,”", "camera  not mentioned",
                 "battery  Negative 55 % ?"):  # fmt: skip
        assert line in shown_text
    expected = [[Span(0, 45)], [screen], [screen], [battery, screen], [battery], [screen]]
    assert sorted(view.result.numbers()) == list(range(len(expected)))
    for number, spans in enumerate(expected):
        with qtbot.waitSignal(view.sources_chosen) as chosen:
            view.result.chosen.emit(number)
        assert chosen.args == [spans]


def test_labels_and_temperature_are_set_in_the_editor(qtbot, program):
    editor = editor_of(qtbot, program)
    editor.new()
    editor.name.setText("Urgency")
    editor.instruction.setPlainText("How urgent is this?")
    editor.output.setCurrentIndex(editor.output.findData("labels"))
    assert editor.written() is None
    assert "two labels" in editor.problem.text()
    editor.labels.setText("urgent, 普通")
    editor.temperature.setValue(0.5)
    written = editor.written()
    assert [label.value for label in written.labels] == ["urgent", "普通"]
    assert written.sampling.temperature == 0.5
    for name in ("sentiment", "translate", "classify"):
        used = tool(program, name)
        editor._show(used)
        same = editor.written()
        assert same.labels == used.labels
        assert same.sampling == used.sampling
        assert same.variables == used.variables


def page_of(qtbot, program):
    program.workspace.show_page(Page.TOOLS)
    page = program.workspace.made(Page.TOOLS)
    qtbot.waitUntil(lambda: bool(page._buttons))
    return page


def test_the_page_works_on_a_dropped_file_and_keeps_a_history(qtbot, program, tmp_path):
    page = page_of(qtbot, program)
    (tmp_path / "Notiz 笔记.txt").write_text("Snow lay on the hills.", "utf-8")
    page.files_given.emit([str(tmp_path / "Notiz 笔记.txt")])
    qtbot.waitUntil(lambda: page.text() == "Snow lay on the hills.")
    assert "Notiz 笔记.txt" in page._about.text()
    page.tool_chosen.emit("explain")
    page.view.run_button.click()
    done(qtbot, page.view)
    page.history_button.click()
    dialog = next(w for w in QApplication.topLevelWidgets() if isinstance(w, ToolHistoryDialog))
    qtbot.waitUntil(lambda: bool(dialog._model.rows))
    dialog.line.setText("hills")
    qtbot.waitUntil(lambda: len(dialog._model.rows) == 1)
    page.show_text("")
    dialog.open_button.click()
    qtbot.waitUntil(lambda: page.text() == "Snow lay on the hills.")
    done(qtbot, page.view)
    assert "Snow lay" in page.view.text()


def test_a_file_that_cannot_be_read_is_said(qtbot, program, tmp_path):
    page = page_of(qtbot, program)
    (tmp_path / "x.pdf").write_bytes(b"%PDF-1.7 and no more")
    page.files_given.emit([str(tmp_path / "x.pdf")])
    qtbot.waitUntil(lambda: bool(page.view.fault.text()), timeout=20_000)
    assert "x.pdf" in page.view.fault.text()


def test_a_very_long_text_is_shown_in_part_and_read_whole(qtbot, program):
    page = page_of(qtbot, program)
    page.show_text("word " * 100_000)
    assert len(page.source.toPlainText()) == 200_000
    assert len(page.text()) == 500_000
    assert page.source.isReadOnly()


def test_another_tool_keeps_what_was_chosen(qtbot, program):
    page = page_of(qtbot, program)
    page.tool_chosen.emit("rewrite")
    page.view.form.first_field().setCurrentIndex(2)
    page.tool_chosen.emit("explain")
    page.tool_chosen.emit("rewrite")
    assert page.view.values() == {"style": "shorter"}


def editor_of(qtbot, program):
    program.workspace.commands[Command.MANAGE_TOOLS].trigger()
    editor = next(w for w in QApplication.topLevelWidgets() if isinstance(w, ToolEditor))
    qtbot.waitUntil(lambda: editor.list.count() > 0)
    return editor


def test_a_person_adds_a_tool_and_finds_it_in_the_menu(qtbot, program):
    editor = editor_of(qtbot, program)
    editor.new_button.click()
    editor.save_button.click()
    assert "needs a name" in editor.problem.text()
    editor.name.setText("Shout & <b>bold</b>")
    editor.instruction.setPlainText("Write it {{how}}: {{text}}")
    editor.save_button.click()
    qtbot.waitUntil(lambda: any(t.own for t in program._tools_care.tools))
    mine = next(t for t in program._tools_care.tools if t.own)
    assert [v.name for v in mine.variables] == ["how"]
    assert editor._shown.id == mine.id
    menu = QMenu()
    qtbot.addWidget(menu)
    sub = program._tools_care.fill(menu, lambda: None)
    assert "Shout && <b>bold</b>" in [action.text() for action in sub.actions()]
    editor.delete_button.click()
    qtbot.waitUntil(lambda: not any(t.own for t in program._tools_care.tools))
    program.workspace.toasts.act()
    qtbot.waitUntil(lambda: any(t.own for t in program._tools_care.tools))
    editor.close()


def test_a_tool_is_tried_out_before_it_is_saved(qtbot, program):
    editor = editor_of(qtbot, program)
    editor.instruction.setPlainText("Sing this.")
    editor.sample.setPlainText("La la la.")
    editor.try_button.click()
    done(qtbot, editor.view)
    assert "Sing this." in editor.view.text()
    assert program.services.tools.history().all() == []
    editor.close()


def test_tools_are_ordered_and_files_with_errors_are_named(qtbot, program, tmp_path):
    editor = editor_of(qtbot, program)
    editor.list.setCurrentRow(1)
    editor.up_button.click()
    qtbot.waitUntil(lambda: program._tools_care.tools[0].id == "translate")
    (tmp_path / "bad.toml").write_text("id = 3\n", "utf-8")
    manager = next(c for c in editor.children() if type(c).__name__ == "ToolManager")
    manager.import_files([tmp_path / "bad.toml"])
    qtbot.waitUntil(lambda: "“bad.toml”, line 1" in editor.problem.text())
    editor.close()


def test_the_context_menu_of_a_field_is_its_own_and_the_tools(program):
    editor = composer(program)
    program._tools_care._show_menu_of(editor, QPoint(0, 0))
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    assert menu.actions()[-1].text() == "Text tools"
    menu.close()


# --- outside the window --------------------------------------------------------------------------


def test_the_clipboard_is_worked_on_and_put_back_with_all_its_formats(qtbot, program):
    clipboard = QApplication.clipboard()
    data = QMimeData()
    data.setText("Rain fell.")
    data.setHtml("<b>Rain</b> fell.")
    data.setData("application/x-of-another-program", b"\x00\x01")
    clipboard.setMimeData(data)
    program.workspace.commands[Command.CLIPBOARD].trigger()
    picker = program._outside.care.picker
    assert "explain " in picker.listed()
    picker.search("Explain")
    picker._take()
    popup = program._tools_care._popup
    done(qtbot, popup.view)
    popup.view.replace_wanted.emit("It rained.")
    assert clipboard.text() == "It rained."
    program.workspace.toasts.act()
    assert clipboard.text() == "Rain fell."
    assert clipboard.mimeData().html() == "<b>Rain</b> fell."
    assert bytes(clipboard.mimeData().data("application/x-of-another-program")) == b"\x00\x01"


def test_an_empty_clipboard_is_said(program):
    QApplication.clipboard().clear()
    program.work_on_clipboard()
    assert "no text on the clipboard" in program.workspace.toasts.text()


def test_a_key_that_cannot_be_had_is_said(program):
    program.change("global_shortcut", "Ctrl+Alt+Space")
    assert "cannot be heard everywhere" in program.workspace.toasts.text()
    program.change("tray_icon", True)


def test_a_translation_is_from_whatever_it_is_in(program):
    chosen = default_values(tool(program, "translate"), "Rain fell.")
    assert chosen == {"to": "zh"}


def test_a_private_text_stays_private_on_the_page_though_it_is_edited(qtbot, program):
    page = page_of(qtbot, program)
    private = TextTarget("A secret.", traceless=True)
    program._tools_care.open_on_page(tool(program, "explain"), {}, private)
    done(qtbot, page.view)
    page.source.insertPlainText("More of a ")
    page.view.run_wanted.emit(True)
    qtbot.waitUntil(lambda: "More of a" in page.view.text() and page.view._outcome is not None)
    assert program.services.tools.history().all() == []
    page.source.clear()
    page.source.insertPlainText("Nothing private.")
    page.view.run_wanted.emit(True)
    qtbot.waitUntil(lambda: "Nothing private." in page.view.text())
    qtbot.waitUntil(lambda: len(program.services.tools.history().all()) == 1)


def test_a_document_of_a_private_conversation_leaves_no_trace(qtbot, program):
    program.workspace.commands[Command.PRIVATE].trigger()
    qtbot.waitUntil(lambda: program.workspace.chat.private and program.workspace.chat.ready)
    dialog = QDialog(program.workspace.chat.view)  # as a document is shown
    field = QPlainTextEdit("A secret.", dialog)
    assert program._tools_care.target_of(field).traceless
    program.workspace.show_page(Page.TOOLS)
    elsewhere = program.workspace.made(Page.TOOLS).source
    assert not program._tools_care.target_of(elsewhere).traceless


def test_the_menu_key_opens_the_same_menu(program):
    editor = composer(program)
    event = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint(1, 1), QPoint(1, 1))
    QApplication.sendEvent(editor, event)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    assert menu.actions()[-1].text() == "Text tools"
    menu.close()
