"""The page of models: listed, described, linked, checked, removed."""

import pytest
from PySide6.QtCore import Qt

from desktop_llm.core.models import FlashAttention, KvType
from desktop_llm.services.jobs import runner_lock
from desktop_llm.storage.library import find_starter
from desktop_llm.storage.model_places import Place
from desktop_llm.ui.actions import Command
from desktop_llm.ui.pages.load_dialog import LoadDialog
from desktop_llm.ui.pages.template_dialog import TemplateDialog
from desktop_llm.ui.workspace import Page
from tests.fakes.gguf_files import entry, gguf, number
from tests.ui.helpers import settle, shown

WAIT = 20_000


def model_file(path, *entries):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gguf([entry("general.architecture", "llama"), *entries]))
    return path


@pytest.fixture
def program(qtbot, make_program, tmp_path, monkeypatch):
    monkeypatch.setattr("desktop_llm.storage.library.known_places", lambda: [])
    model_file(tmp_path / "data" / "models" / "a" / "alpha.gguf", number("general.file_type", 2))
    model_file(tmp_path / "data" / "models" / "beta.gguf", number("llama.pooling_type", 1))
    program = make_program()
    shown(qtbot, program)
    return program


@pytest.fixture
def page(qtbot, program):
    program.workspace.commands[Command.MODELS].trigger()
    page = program.workspace.made(Page.MODELS)
    qtbot.waitUntil(lambda: page.list.model().rowCount() >= 2, timeout=WAIT)
    return page


def names(page):
    model = page.list.model()
    return [model.index(row).data() for row in range(model.rowCount())]


def choose(page, name):
    page.list.setCurrentIndex(page.list.model().index(names(page).index(name)))


def test_all_are_listed_and_described(page):
    starter = find_starter()
    first = [] if starter is None else [starter.name]
    assert names(page) == [*first, "beta", "alpha"]
    choose(page, "alpha")
    facts = dict(page.facts.facts)
    assert facts["Quantization"] == "Q4_0"
    assert facts["Kind"] == "writes text"
    assert page.use_button.isEnabled()
    choose(page, "beta")
    assert dict(page.facts.facts)["Kind"] == "makes vectors of texts"
    assert not page.use_button.isEnabled()
    if starter is not None:
        choose(page, starter.name)
        assert not page.remove_button.isEnabled()


def test_one_is_used_in_chat(qtbot, program, page):
    choose(page, "alpha")
    page.list.setFocus()
    qtbot.keyClick(page.list, Qt.Key.Key_Return)
    assert program.workspace.page is Page.CHAT
    qtbot.waitUntil(lambda: program.workspace.chat.view.model_name == "alpha", timeout=WAIT)


def test_removing_says_what_it_frees_and_does_it(qtbot, program, page, tmp_path):
    choose(page, "alpha")
    path = tmp_path / "data" / "models" / "a" / "alpha.gguf"
    qtbot.keyClick(page.list, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: bool(page.question.text()), timeout=WAIT)
    assert page.question.text() == "Delete “alpha”?"
    assert "1 file is deleted for good" in page.question.accessibleDescription()
    page.question.no_button.click()
    assert path.exists()
    page.remove_button.click()
    qtbot.waitUntil(lambda: bool(page.question.text()), timeout=WAIT)
    page.question.yes_button.click()
    qtbot.waitUntil(lambda: "alpha" not in names(page), timeout=WAIT)
    assert not path.parent.exists()
    assert "is deleted" in program.workspace.toasts.text()


def test_a_folder_is_used_and_given_up(qtbot, program, page, tmp_path):
    theirs = tmp_path / "theirs"
    model_file(theirs / "gamma.gguf")
    program._library_care.link(theirs, "Jan")
    qtbot.waitUntil(lambda: "gamma" in names(page), timeout=WAIT)
    assert "1 model is used from there" in program.workspace.toasts.text()
    choose(page, "gamma")
    page.remove_button.click()
    qtbot.waitUntil(lambda: "belongs to another program" in page.fault.text(), timeout=WAIT)
    program.workspace.toasts.act()
    qtbot.waitUntil(lambda: "gamma" not in names(page), timeout=WAIT)
    assert (theirs / "gamma.gguf").exists()


def test_other_programs_are_offered_in_a_menu(qtbot, page, tmp_path, monkeypatch):
    theirs = tmp_path / "lm"
    model_file(theirs / "delta.gguf")
    place = Place("LM Studio", str(theirs))
    monkeypatch.setattr("desktop_llm.storage.library.known_places", lambda: [place])
    shown_menus = []
    monkeypatch.setattr(
        "PySide6.QtWidgets.QMenu.popup", lambda menu, *_: shown_menus.append(menu)
    )  # fmt: skip
    page.places_button.click()
    qtbot.waitUntil(lambda: len(shown_menus) == 1, timeout=WAIT)
    (action,) = shown_menus[0].actions()
    assert action.text().startswith("Use the models of LM Studio")
    action.trigger()
    qtbot.waitUntil(lambda: "delta" in names(page), timeout=WAIT)
    page.places_button.click()
    qtbot.waitUntil(lambda: len(shown_menus) == 2, timeout=WAIT)
    words = [each.text() for each in shown_menus[1].actions()]
    assert words[0] == "No other program's models were found"
    shown_menus[1].actions()[-1].trigger()
    qtbot.waitUntil(lambda: "delta" not in names(page), timeout=WAIT)


def test_what_is_no_model_is_refused(qtbot, program, page, tmp_path):
    text = tmp_path / "text.gguf"
    text.write_text("no model")
    program._library_care.link(text)
    qtbot.waitUntil(lambda: "not a GGUF" in page.fault.text(), timeout=WAIT)
    settle(program)
    assert "text" not in names(page)


def test_a_check_is_a_job(qtbot, program, page):
    choose(page, "alpha")
    page.check_button.click()
    toasts = program.workspace.toasts
    qtbot.waitUntil(lambda: "is being checked" in toasts.text(), timeout=WAIT)
    qtbot.waitUntil(lambda: "“alpha” is sound" in toasts.text(), timeout=WAIT)
    qtbot.waitUntil(lambda: "SHA-256" in dict(page.facts.facts), timeout=WAIT)
    lock = runner_lock(program.services.folders)
    qtbot.waitUntil(lock.is_free, timeout=WAIT)


def test_a_broken_file_is_listed_with_its_fault(qtbot, program, page, tmp_path):
    (tmp_path / "data" / "models" / "bad.gguf").write_text("no model")
    program._library_care.refresh()
    qtbot.waitUntil(lambda: "bad" in names(page), timeout=WAIT)
    choose(page, "bad")
    assert "not a GGUF" in page.trouble.text()
    assert not page.use_button.isEnabled()
    assert page.remove_button.isEnabled()


def test_nothing_at_all(qtbot, make_program, monkeypatch):
    monkeypatch.setattr("desktop_llm.storage.library.find_starter", lambda: None)
    program = make_program()
    shown(qtbot, program)
    program.workspace.show_page(Page.MODELS)
    page = program.workspace.made(Page.MODELS)
    settle(program)
    assert page._stack.currentWidget() is page.empty


def test_how_a_model_is_loaded_is_set_with_what_it_takes(qtbot, program, page):
    choose(page, "alpha")
    page.load_button.click()
    qtbot.waitUntil(lambda: bool(program.workspace.findChildren(LoadDialog)), timeout=WAIT)
    dialog = program.workspace.findChildren(LoadDialog)[0]
    assert "of" in dialog.sentence.text()
    assert "This computer" in dialog.about.text()
    dialog.kv_type.setCurrentIndex(dialog.kv_type.findData(KvType.Q8_0))
    dialog.flash.setCurrentIndex(dialog.flash.findData(FlashAttention.OFF))
    assert not dialog.keep_button.isEnabled()
    assert "flash attention" in dialog.sentence.text()
    dialog.flash.setCurrentIndex(0)
    dialog.context.setCurrentIndex(dialog.context.findData(1024))
    dialog.largest_button.click()
    assert dialog.context.currentData() > 1024
    dialog.threads.setValue(2)
    dialog.keep_button.click()
    qtbot.waitUntil(
        lambda: "KV q8_0" in dict(page.facts.facts).get("Loaded with", ""), timeout=WAIT
    )
    settings = page.chosen().settings
    assert (settings.kv_type, settings.threads) == (KvType.Q8_0, 2)
    page.load_button.click()
    qtbot.waitUntil(lambda: bool(program.workspace.findChildren(LoadDialog)), timeout=WAIT)
    again = program.workspace.findChildren(LoadDialog)[-1]
    assert again.kv_type.currentData() == KvType.Q8_0
    again.usual_button.click()
    again.keep_button.click()
    qtbot.waitUntil(lambda: "Loaded with" not in dict(page.facts.facts), timeout=WAIT)


def test_a_template_is_shown_tried_and_replaced(qtbot, program, page):
    choose(page, "alpha")
    page.template_button.click()
    qtbot.waitUntil(lambda: bool(program.workspace.findChildren(TemplateDialog)), timeout=WAIT)
    dialog = program.workspace.findChildren(TemplateDialog)[0]
    assert dialog.source.toPlainText() == ""
    dialog.choice.setCurrentIndex(dialog.choice.findText("Llama 3"))
    dialog.choice.activated.emit(dialog.choice.currentIndex())
    qtbot.waitUntil(lambda: dialog.state.text() == "It works.", timeout=WAIT)
    assert "<|start_header_id|>user<|end_header_id|>" in dialog.preview.toPlainText()
    assert "What is a herring?" in dialog.preview.toPlainText()
    dialog.source.setPlainText("{{ nothing.at.all }}")
    assert dialog.choice.currentText() == "Your own"
    qtbot.waitUntil(lambda: "no use" in dialog.state.text(), timeout=WAIT)
    assert not dialog.keep_button.isEnabled()
    dialog.source.setPlainText("{% for m in messages %}{{ m.content }}!{% endfor %}")
    qtbot.waitUntil(lambda: dialog.state.text() == "It works.", timeout=WAIT)
    dialog.keep_button.click()
    facts = page.facts
    qtbot.waitUntil(lambda: dict(facts.facts).get("Chat template") == "your own", timeout=WAIT)
    page.load_button.click()
    qtbot.waitUntil(lambda: bool(program.workspace.findChildren(LoadDialog)), timeout=WAIT)
    load = program.workspace.findChildren(LoadDialog)[0]
    load.threads.setValue(1)
    load.keep_button.click()
    qtbot.waitUntil(lambda: "1 thread" in dict(facts.facts).get("Loaded with", ""), timeout=WAIT)
    assert dict(facts.facts)["Chat template"] == "your own"
