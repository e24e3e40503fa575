"""Other formats of a model: what is worth taking, what is kept, what is decided."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from desktop_llm.core.jobs import Job, JobState
from desktop_llm.core.measurement import Candidate, Measurement
from desktop_llm.core.models import ModelSettings, ModelSource
from desktop_llm.services.model_library import ModelLibrary
from desktop_llm.services.optimisation import (
    ASIDE,
    adopt,
    candidates,
    discard,
    is_there,
    left_out,
    measured_text,
)
from desktop_llm.storage.library import Library
from desktop_llm.storage.paths import Folders
from desktop_llm.storage.speed_history import HISTORY, SpeedHistory
from desktop_llm.words.measurement import (
    left_out_words,
    measured_words,
    outcome_words,
    verdict_words,
)
from tests.fakes.gguf_files import gguf


def measured(**changed) -> Measurement:
    values = {
        "time": 1000.0, "program": "1", "runtime": "2", "path": "/m.gguf", "name": "m",
        "quantization": "Q4_1", "size_bytes": 100, "threads": 2, "prompt_rate": 100.0,
        "decode_rate": 10.0, "perplexity": 10.0, "tokens": 500,
    }  # fmt: skip
    return Measurement(**{**values, **changed})


def candidate(reads: float, costs: float, **changed) -> Candidate:
    after = measured(
        prompt_rate=100 * reads, perplexity=10 * (1 + costs), quantization="Q8_0", **changed
    )
    return Candidate(before=measured(), after=after)


@pytest.mark.parametrize(
    ("reads", "costs", "passes", "word"),
    [(2.0, 0.01, True, "as good"), (1.6, -0.01, True, "as good"), (3.5, 0.24, False, "worse"),
     (1.2, 0.0, False, "not enough"), (0.8, 0.0, False, "not enough")],
)  # fmt: skip
def test_what_is_worth_taking(reads, costs, passes, word) -> None:
    one = candidate(reads, costs)
    assert one.passes is passes
    assert word in verdict_words(one)
    assert one.reads == pytest.approx(reads)
    assert one.costs == pytest.approx(costs)


def test_where_nothing_passes_it_is_said() -> None:
    assert "worth taking" in outcome_words([candidate(2, 0.01), candidate(3, 0.2)])
    assert "without becoming worse" in outcome_words([candidate(3, 0.2), candidate(1, 0)])
    assert "left as it is" in outcome_words([candidate(1, 0)])
    assert "left as it is" in outcome_words([])
    assert "100 tok/s" in measured_words(measured())


def test_the_text_is_long_enough_and_of_both_languages() -> None:
    text = measured_text()
    assert len(text) > 5000
    assert "冰" in text


def test_what_was_measured_is_kept_by_model(tmp_path) -> None:
    history = SpeedHistory(tmp_path)
    history.record(measured(time=1.0))
    history.record(measured(time=2.0, path="/other.gguf"))
    with (tmp_path / HISTORY).open("a") as file:
        file.write('{"time": 3}\nnot json\n[]\n')
    history.record(measured(time=4.0))
    assert [one.time for one in history.all()] == [4.0, 2.0, 1.0]
    assert [one.time for one in history.all("/m.gguf")] == [4.0, 1.0]
    assert SpeedHistory(tmp_path / "nothing").all() == []


@pytest.mark.parametrize(
    "result",
    [{}, {"before": {}}, {"before": None, "after": []}, {"before": {"time": "x"}, "after": 5}],
)
def test_a_result_that_makes_no_sense_offers_nothing(result) -> None:
    job = Job(id=1, kind="optimise", title="m", spec={}, state=JobState.DONE, result=result)
    assert candidates(job) == []


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    made = Folders(tmp_path / "data", tmp_path / "cache")
    made.ensure()
    return made


@pytest.fixture
def made(folders: Folders) -> Candidate:
    """One that waits, of a model that is there."""
    source = folders.models / "a" / "model.gguf"
    aside = folders.models / ASIDE / "0123" / "model-Q8_0.gguf"
    for path in (source, aside):
        path.parent.mkdir(parents=True)
        path.write_bytes(gguf())
    one = candidate(2, 0.01, path=str(aside), decode_rate=33.0)
    return replace(one, before=replace(one.before, path=str(source)))


def test_what_is_taken_is_a_model_with_the_settings_of_the_other(folders, made) -> None:
    library = ModelLibrary(Library(folders))
    library.set(made.before.path, ModelSettings(threads=2))
    assert is_there(made)
    before = {model.name for model, _fault in library.all()}
    path = adopt(library, folders.models, made)
    assert not is_there(made)
    found = library.find(str(path))
    assert (found.source, found.settings) == (ModelSource.MADE, ModelSettings(threads=2))
    assert found.decode_rate == 33.0
    assert {model.name for model, _fault in library.all()} == before | {"model-Q8_0"}


def test_what_is_deleted_is_gone_and_nothing_else(folders, made, tmp_path) -> None:
    other = tmp_path / "mine.gguf"
    other.write_bytes(b"x")
    discard(folders.models, replace(made, after=replace(made.after, path=str(other))))
    assert other.exists()
    sneaky = folders.models / ASIDE / ".." / "a" / "model.gguf"
    discard(folders.models, replace(made, after=replace(made.after, path=str(sneaky))))
    assert sneaky.exists()
    discard(folders.models, made)
    assert not is_there(made)
    assert not (folders.models / ASIDE / "0123").exists()


def test_values_survive_being_written_down() -> None:
    one = measured()
    assert Measurement.from_values(json.loads(json.dumps(one.to_values()))) == one


def test_what_was_not_tried_is_said() -> None:
    job = Job(id=1, kind="optimise", title="m", spec={}, state=JobState.DONE,
              result={"left_out": ["Q8_0"]})  # fmt: skip
    assert "Q8_0 was not tried" in left_out_words(left_out(job))
    assert left_out_words(left_out(replace(job, result={"left_out": 5}))) == ""
