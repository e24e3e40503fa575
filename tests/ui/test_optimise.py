"""Making a model faster, in the window."""

from dataclasses import replace

import pytest
from PySide6.QtWidgets import QPushButton

from desktop_llm.core.jobs import JobKind
from desktop_llm.core.measurement import Candidate, Measurement
from desktop_llm.services.jobs import runner_lock
from desktop_llm.services.optimisation import ASIDE
from desktop_llm.storage.jobs import open_jobs
from desktop_llm.ui.pages.optimise_dialog import OptimiseDialog
from desktop_llm.ui.workspace import Page
from tests.fakes.gguf_files import gguf

WAIT = 60_000


def measured(**changed):
    values = {
        "time": 1000.0, "program": "1", "runtime": "2", "path": "/m.gguf", "name": "m",
        "quantization": "Q4_1", "size_bytes": 100, "threads": 2, "prompt_rate": 100.0,
        "decode_rate": 10.0, "perplexity": 10.0, "tokens": 500,
    }  # fmt: skip
    return Measurement(**{**values, **changed})


@pytest.fixture
def dialog(qtbot, make_program, monkeypatch):
    monkeypatch.setattr("desktop_llm.storage.library.known_places", lambda: [])
    program = make_program()
    qtbot.waitUntil(lambda: program.services is not None, timeout=WAIT)
    program.workspace.show_page(Page.MODELS)
    page = program.workspace.made(Page.MODELS)
    qtbot.waitUntil(lambda: page._model.rowCount() > 0, timeout=WAIT)
    page.speed_button.click()
    dialog = program.workspace.findChildren(OptimiseDialog)[0]
    qtbot.waitUntil(lambda: dialog._state is not None, timeout=WAIT)
    dialog.program, dialog.page = program, page
    yield dialog
    dialog.program = dialog.page = None


def click(qtbot, dialog, name):
    def there():
        return [each for each in dialog.findChildren(QPushButton)
                if each.accessibleName() == name and each.isVisibleTo(dialog)]  # fmt: skip

    qtbot.waitUntil(lambda: bool(there()), timeout=WAIT)
    there()[0].click()


def labels(dialog):
    return " ".join(label.text() for label in dialog.findChildren(type(dialog.state))
                    if label.isVisibleTo(dialog))  # fmt: skip


def test_a_model_is_measured_and_the_past_is_listed(qtbot, dialog):
    assert "Nothing was measured yet" in labels(dialog)
    dialog.measure_button.click()
    qtbot.waitUntil(lambda: not dialog.measure_button.isEnabled(), timeout=WAIT)
    qtbot.waitUntil(lambda: "Measured before" in labels(dialog), timeout=WAIT)
    assert "perplexity" in labels(dialog)
    qtbot.waitUntil(lambda: dialog.measure_button.isEnabled(), timeout=WAIT)
    qtbot.waitUntil(runner_lock(dialog.program._folders).is_free, timeout=WAIT)


def test_another_format_is_taken_and_one_is_deleted(qtbot, dialog):
    program = dialog.program
    model = dialog.page.chosen()
    aside = program._folders.models / ASIDE / "0123"
    aside.mkdir(parents=True)
    found = []
    for form in ("Q8_0", "Q4_0"):
        path = aside / f"model-{form}.gguf"
        path.write_bytes(gguf())
        after = measured(quantization=form, path=str(path), prompt_rate=200.0)
        found.append(Candidate(before=measured(path=model.path), after=after))
    worse = replace(found[1], after=replace(found[1].after, perplexity=13.0))
    found = [found[0], worse]
    jobs = open_jobs(program._folders.jobs_database)
    number = jobs.add(JobKind.OPTIMISE.value, model.name, {"path": model.path}).id
    jobs.claim([JobKind.OPTIMISE.value])
    jobs.done(number, {"before": found[0].before.to_values(),
                       "after": [one.after.to_values() for one in found]})  # fmt: skip
    jobs.close()
    dialog.look_wanted.emit()
    qtbot.waitUntil(lambda: "Q8_0 is worth taking" in labels(dialog), timeout=WAIT)
    assert "30 % higher" in labels(dialog)
    click(qtbot, dialog, "Delete Q4_0")
    qtbot.waitUntil(lambda: not (aside / "model-Q4_0.gguf").exists(), timeout=WAIT)
    click(qtbot, dialog, "Take Q8_0")
    names = program._folders.models / "optimised" / "model-Q8_0" / "model-Q8_0.gguf"
    qtbot.waitUntil(names.is_file, timeout=WAIT)
    qtbot.waitUntil(lambda: dialog.page._model.row_of(str(names)) >= 0, timeout=WAIT)
