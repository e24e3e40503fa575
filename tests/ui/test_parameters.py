"""Parameters of a conversation and presets, in the window."""

import json

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel

from desktop_llm.core.presets import NOTHING_SET, Parameters, Preset
from desktop_llm.core.settings import Language
from desktop_llm.ui.actions import Command
from desktop_llm.ui.pages.parameter_words import seed_from, stop_from_lines, stop_to_lines
from desktop_llm.ui.pages.parameters_panel import ParametersPanel
from desktop_llm.ui.parameters_care import import_words
from desktop_llm.ui.widgets.side_panel import NARROWEST
from desktop_llm.words import use_language
from tests.ui.helpers import FULL, REPLY, press, settle, shown, speak, stop_all

MODEL = "smollm2-135m-instruct"
PRECISE = Preset(name="Precise", parameters=Parameters(temperature=0.2, seed=7))
HOSTILE = "<img src='/dev/zero'> & <b>bold</b>"


@pytest.fixture
def program(make_program, filled):  # noqa: ARG001
    return make_program()


@pytest.fixture
def page(qtbot, program, filled):
    return opened(qtbot, program, filled[-1])


def opened(qtbot, program, number=0):
    page = shown(qtbot, program, number)
    program.window.activateWindow()
    if page.values.isHidden() or not page.side.shown:
        program.workspace.commands[Command.PARAMETERS].trigger()
    settle(program)
    return page


def go_to(qtbot, program, number):
    program.workspace.chat.open(number)
    page = shown(qtbot, program, number)
    settle(program)
    return page


def kept(program, number):
    settle(program)
    return program.services.chat.open(number)[0].parameters


def set_temperature(page, value):
    page.values._numbers["temperature"].number.setValue(value)
    page.values.flush()


def add_preset(program, preset=PRECISE):
    number = program.services.chat.presets.save_preset(preset)
    program.workspace.chat.parameters.refresh()
    settle(program)
    return number


def choose(page, row):
    choice = page.values.presets.choice
    choice.setCurrentIndex(row)
    choice.activated.emit(row)


def names(page):
    choice = page.values.presets.choice
    return [choice.itemText(row) for row in range(choice.count())]


def toasts(program):
    return program.workspace.toasts


# --- parameters ----------------------------------------------------------------------------------


def test_what_is_set_stays_with_its_conversation(qtbot, program, page, filled):
    first, _second, last = filled
    set_temperature(page, 1.2)
    assert kept(program, last) == Parameters(temperature=1.2)
    go_to(qtbot, program, first)
    assert page.values._numbers["temperature"].value == 0.7
    go_to(qtbot, program, last)
    assert page.values._numbers["temperature"].value == 1.2
    assert page.values._numbers["temperature"].reset.isVisible()
    page.values._numbers["temperature"].reset.click()
    page.values.flush()
    assert kept(program, last) == NOTHING_SET
    assert page.values._numbers["temperature"].reset.isHidden()


def test_what_is_typed_goes_with_the_conversation_it_was_typed_for(qtbot, program, page, filled):
    first, _second, last = filled
    instructions = page.values._texts["system_prompt"].field
    instructions.setFocus()
    qtbot.keyClicks(instructions, "Be brief.")
    number = page.values._numbers["max_tokens"].number
    number.setFocus()
    number.selectAll()
    qtbot.keyClicks(number, "55")  # neither Enter nor Tab
    go_to(qtbot, program, first)
    assert instructions.toPlainText() == ""
    assert kept(program, last) == Parameters(system_prompt="Be brief.", max_tokens=55)
    assert kept(program, first) == NOTHING_SET


def test_a_field_that_is_edited_is_left_alone(qtbot, page):
    values = page.values
    stop = values._texts["stop"].field
    stop.setFocus()
    qtbot.keyClicks(stop, "END")
    for _time in range(2):
        qtbot.keyClick(stop, Qt.Key.Key_Return)
    values.show_parameters(NOTHING_SET, (), 3)
    assert stop.toPlainText() == "END\n\n"
    assert stop.hasFocus()
    with qtbot.waitSignal(values.parameters_changed) as told:  # after a moment of quiet
        pass
    assert told.args == [Parameters(stop=("END",))]
    assert stop.toPlainText() == "END\n\n"  # a line is still being begun


def test_the_next_reply_is_made_with_them(qtbot, program, page):
    page.values._numbers["max_tokens"].number.setValue(3)
    press(page, "Tell me a long story.")  # before the moment of quiet is over
    qtbot.waitUntil(lambda: not len(program.replies), timeout=REPLY)
    settle(program)
    assert page.shown.branch[-1].stats.completion_tokens <= 3


def test_a_new_conversation_keeps_its_own(qtbot, program, page, filled):
    page.new_conversation()
    set_temperature(page, 0.0)
    page.values._numbers["max_tokens"].number.setValue(4)
    go_to(qtbot, program, filled[0])
    assert page.shown.parameters == NOTHING_SET
    page.new_conversation()
    expected = Parameters(temperature=0.0, max_tokens=4)
    assert page.shown.parameters == expected
    page = speak(qtbot, program, Command.CHINESE)
    qtbot.waitUntil(lambda: page.ready)
    assert page.shown.parameters == expected
    press(page, "Hello")
    qtbot.waitUntil(lambda: bool(page.shown.branch) and not len(program.replies), timeout=REPLY)
    assert kept(program, page.conversation) == expected
    page.new_conversation()
    assert page.shown.parameters == NOTHING_SET


def test_what_is_set_while_the_first_question_is_on_its_way(qtbot, program, page, gate):
    add_preset(program)
    page.new_conversation()
    choose(page, 1)
    held = gate(program.services.chat._store, "ask")
    press(page, "Hello")
    page.values._numbers["max_tokens"].number.setValue(2)
    page.values.flush()
    held.open()
    qtbot.waitUntil(lambda: page.conversation is not None, timeout=REPLY)
    expected = Parameters(temperature=0.2, seed=7, max_tokens=2)
    assert kept(program, page.conversation) == expected
    assert page.values.presets.choice.currentText() == "Precise (changed)"
    toasts(program).act()
    assert kept(program, page.conversation) == NOTHING_SET
    stop_all(qtbot, program)


def test_the_seed_of_the_last_reply_is_kept_and_released(qtbot, program, page):
    values = page.values
    assert not values.keep_seed.isVisible()
    press(page, "Hello")
    values._numbers["max_tokens"].number.setValue(4)
    qtbot.waitUntil(lambda: not len(program.replies), timeout=REPLY)
    settle(program)
    seed = page.shown.branch[-1].stats.seed
    assert values.last_seed.text() == f"Last reply: {seed}"
    values.keep_seed.setFocus()
    qtbot.keyClick(values.keep_seed, Qt.Key.Key_Space)
    assert kept(program, page.conversation).seed == seed
    assert values.free_seed.hasFocus()
    page.retry()
    qtbot.waitUntil(lambda: not len(program.replies), timeout=REPLY)
    settle(program)
    assert page.shown.branch[-1].stats.seed == seed
    values.free_seed.click()
    assert kept(program, page.conversation).seed is None
    assert values._texts["seed"].text() == ""


def test_a_disk_that_fails_loses_nothing_that_is_shown(qtbot, program, page, filled, monkeypatch):
    chat, last = program.services.chat, filled[-1]

    def full(_number, _parameters):
        raise FULL

    with monkeypatch.context() as broken:
        broken.setattr(chat, "set_parameters", full)
        set_temperature(page, 1.4)
        settle(program)
    assert "is full" in page.view.fault.text()
    assert page.values._numbers["temperature"].value == 1.4
    go_to(qtbot, program, filled[0])
    go_to(qtbot, program, last)
    assert page.values._numbers["temperature"].value == 1.4
    assert kept(program, last) == Parameters(temperature=1.4)


def test_the_outlook_counts_the_instructions_of_a_new_conversation(qtbot, page):
    page.new_conversation()
    page.composer.set_text("Hello")
    qtbot.waitUntil(lambda: page.context.outlook is not None, timeout=REPLY)
    before = page.context.outlook.tokens
    page.values._texts["system_prompt"].field.setPlainText("Answer like a pirate, at length.")
    page.values.flush()
    qtbot.waitUntil(
        lambda: page.context.outlook is not None and page.context.outlook.tokens != before,
        timeout=REPLY,
    )
    assert page.context.outlook.items[0].excerpt.startswith("Answer like a pirate")


# --- presets -------------------------------------------------------------------------------------


def test_a_preset_is_saved_under_a_name_asked_for_in_place(qtbot, program, page):
    set_temperature(page, 0.2)
    row = page.values.presets
    row.save.click()
    assert row.name.hasFocus()
    qtbot.keyClicks(row.name, "Precise")
    qtbot.keyClick(row.name, Qt.Key.Key_Return)
    settle(program)
    assert row.choice.currentText() == "Precise"
    (preset,) = program.services.chat.presets.presets()
    assert (preset.parameters, preset.model) == (Parameters(temperature=0.2), "")
    row.save.click()
    qtbot.keyClicks(row.name, "Precise")
    qtbot.keyClick(row.name, Qt.Key.Key_Return)
    assert "already" in row.wrong.text()
    qtbot.keyClick(row.name, Qt.Key.Key_Escape)
    assert row.choice.isVisible()
    assert page.side.shown


def test_a_preset_is_applied_and_that_undone(program, page, filled):
    add_preset(program)
    set_temperature(page, 1.5)
    assert names(page) == ["No preset", "Precise"] or names(page)[0].endswith("(changed)")
    choose(page, 1)
    assert kept(program, filled[-1]) == PRECISE.parameters
    assert "“Precise” is applied." in toasts(program).text()
    set_temperature(page, 0.3)
    assert page.values.presets.choice.currentText() == "Precise (changed)"
    choose(page, 1)
    assert kept(program, filled[-1]) == PRECISE.parameters
    toasts(program).act()
    assert kept(program, filled[-1]) == Parameters(temperature=0.3, seed=7)
    page.values.reset_all.click()
    assert kept(program, filled[-1]) == NOTHING_SET
    toasts(program).act()
    assert kept(program, filled[-1]) == Parameters(temperature=0.3, seed=7)


def test_a_model_that_is_missing_is_said(program, page):
    add_preset(program, Preset(name="Far", model="other", parameters=Parameters(top_k=3)))
    choose(page, 1)
    settle(program)
    assert "“other” is not on this computer" in toasts(program).text()
    assert page.view.model_name == MODEL


def test_a_preset_brings_its_model(program, page, filled, monkeypatch):
    monkeypatch.setattr(page.branches, "models", [MODEL, "other"])
    add_preset(program, Preset(name="Other", model="other"))
    choose(page, 1)
    settle(program)
    assert page.view.model_name == "other"
    assert program.services.chat.open(filled[-1])[0].model == "other"
    toasts(program).act()
    settle(program)
    assert program.services.chat.open(filled[-1])[0].model == MODEL
    page.new_conversation()
    choose(page, 1)
    assert (page.view.model_name, page.shown.beginning.model) == ("other", "other")
    page.choose_model(MODEL)
    assert (page.view.model_name, page.shown.beginning.model) == (MODEL, MODEL)


def test_presets_are_renamed_updated_and_deleted(qtbot, program, page):
    add_preset(program)
    choose(page, 1)
    presets, row = program.services.chat.presets, page.values.presets
    entry(row, "Rename …").trigger()
    row.name.setText("Exact")
    qtbot.keyClick(row.name, Qt.Key.Key_Return)
    settle(program)
    assert [preset.name for preset in presets.presets()] == ["Exact"]
    assert not entry(row, "Update with these values").isEnabled()
    set_temperature(page, 0.1)
    entry(row, "Update with these values").trigger()
    settle(program)
    assert presets.presets()[0].parameters == Parameters(temperature=0.1, seed=7)
    toasts(program).act()
    settle(program)
    assert presets.presets()[0].parameters == PRECISE.parameters
    entry(row, "Delete preset").trigger()
    settle(program)
    assert presets.presets() == []
    assert page.shown.parameters == Parameters(temperature=0.1, seed=7)
    toasts(program).act()
    settle(program)
    assert [preset.name for preset in presets.presets()] == ["Exact"]


def entry(row, words):
    menu = row.menu()
    return next(action for action in menu.actions() if action.text() == words)


def test_presets_go_out_to_a_file_and_come_in_again(program, page, tmp_path):
    add_preset(program)
    path = tmp_path / "presets.json"
    page.parameters.export_file(path)
    settle(program)
    assert json.loads(path.read_text(encoding="utf-8"))["presets"][0]["name"] == "Precise"
    page.parameters.import_file(path)
    settle(program)
    assert names(page) == ["No preset", "Precise", "Precise (2)"]
    assert "1 preset is imported." in toasts(program).text()


def test_a_hostile_file_does_no_harm(program, page, tmp_path):
    entries = [
        {"name": HOSTILE, "temperature": 9, "stop": [HOSTILE], "system_prompt": HOSTILE},
        {"name": "B" * 500, "seed": -1, "what": {}, "top_k": 1e400},
        "nothing",
    ]
    path = tmp_path / "hostile.json"
    whole = {"format": "desktop-llm-presets", "version": 1, "presets": entries}
    path.write_text(json.dumps(whole), encoding="utf-8")
    page.parameters.import_file(path)
    settle(program)
    assert "2 presets are imported." in toasts(program).text()
    assert "and 2 more" in toasts(program).text()
    assert HOSTILE in names(page)
    choose(page, 1)
    settle(program)
    assert page.values._texts["system_prompt"].text() == HOSTILE
    labels = program.window.findChildren(QLabel)
    shown = [label for label in labels if "<img" in label.text()]
    assert shown
    assert all(label.textFormat() is Qt.TextFormat.PlainText for label in shown)
    assert page.side.width() < 500


def test_a_broken_file_is_named(program, page, tmp_path):
    path = tmp_path / "broken.json"
    path.write_text("{", encoding="utf-8")
    page.parameters.import_file(path)
    settle(program)
    assert "broken.json” is not a file of presets" in page.view.fault.text()
    assert program.services.chat.presets.presets() == []


@pytest.mark.parametrize("name", ["choose_file", "choose_place"])
def test_files_are_asked_for_without_a_modal_loop(program, page, name):
    getattr(page.parameters, name)()
    (dialog,) = program.window.findChildren(QFileDialog)
    dialog.reject()
    settle(program)


# --- the panel -----------------------------------------------------------------------------------


def test_esc_closes_it_from_every_field(qtbot, program, page):
    values = page.values
    values.more.set_open(True)
    fields = [field.number for field in values._numbers.values()]
    fields += [field.field for field in values._texts.values()]
    for field in (*fields, values.presets.choice, values.more.button):
        page.side.open("parameters")
        field.setFocus()
        qtbot.keyClick(field, Qt.Key.Key_Escape)
        assert not page.side.shown
        assert page.composer.hasFocus() or page.isAncestorOf(program.window.focusWidget())


@pytest.mark.parametrize("language", [Language.ENGLISH, Language.CHINESE])
def test_it_fits_the_narrowest_panel(qtbot, language):
    use_language(language)
    panel = ParametersPanel()
    qtbot.addWidget(panel)
    panel.resize(NARROWEST, 600)
    panel.show_parameters(Parameters(seed=1), (PRECISE,), 4_294_967_294, PRECISE)
    panel.show()
    panel.more.set_open(True)
    QApplication.processEvents()
    inside = panel._area.widget()
    assert inside.minimumSizeHint().width() <= panel._area.viewport().width()


def test_numbers_follow_slider_and_keys(qtbot):
    panel = ParametersPanel()
    qtbot.addWidget(panel)
    panel.show()
    heard = []
    panel.parameters_changed.connect(heard.append)
    field = panel._numbers["temperature"]
    qtbot.keyClick(field.slider, Qt.Key.Key_Right)
    panel.flush()
    field.number.selectAll()
    qtbot.keyClicks(field.number, "1.37")
    qtbot.keyClick(field.number, Qt.Key.Key_Return)
    panel.flush()
    assert heard == [Parameters(temperature=0.75), Parameters(temperature=1.37)]
    panel.show_parameters(Parameters(temperature=0.123), (), None)
    panel.flush()
    assert len(heard) == 2  # what is shown more roughly is not changed by that


# --- texts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stop", [(), ("a",), ("a\nb", "\\n", "\\"), ("\\\n", " leading"), ("\n\n",), ("\\\\n",)]
)
def test_stop_strings_are_read_as_they_are_written(stop):
    assert stop_from_lines(stop_to_lines(stop)) == (stop, True)


def test_stop_strings_that_are_too_many_or_too_long():
    taken, whole = stop_from_lines("\n".join(str(at) for at in range(20)))
    assert (len(taken), whole) == (16, False)
    assert stop_from_lines("x" * 257) == ((), False)
    assert stop_from_lines("a\na\n\n") == (("a",), True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", (None, True)), (" 12 ", (12, True)), ("99999999999", (4_294_967_294, False)),
     ("12x", (12, False)), ("x", (None, False)), ("٣", (None, False))],
)  # fmt: skip
def test_seeds(text, expected):
    assert seed_from(text) == expected


def test_what_came_of_a_file_in_words():
    assert import_words(1, ()) == "1 preset is imported."
    assert import_words(0, ["a", "b\nc"]).endswith("Not taken: a, b c.")
    assert import_words(2, ["a", "b", "c", "d"]).endswith("Not taken: a, b, c and 1 more.")
