"""Models that are known by themselves, which to take, and what their makers say of them."""

import re

import pytest

from desktop_llm.core.catalogue import (
    Fit,
    ModelTask,
    fit_of,
    matching,
    recommended,
    rough_memory,
    weights_rate,
)
from desktop_llm.core.model_card import readable
from desktop_llm.core.models import InstalledModel, ModelSource
from desktop_llm.services.catalogue import catalogue, hub_address
from desktop_llm.words.discover import brief, fit_sentence, reason_words

GB = 1_000_000_000


def test_the_catalogue_is_whole() -> None:
    models = catalogue()
    assert len(models) >= 10
    assert {task for each in models for task in each.tasks} == set(ModelTask)
    assert hub_address().startswith("https://")
    for each in models:
        assert re.fullmatch(r"[0-9a-f]{64}", each.sha256), each.name
        assert re.fullmatch(r"[\w.-]+/[\w.-]+", each.repo)
        assert each.file.endswith(".gguf")
        assert each.size > 100_000_000
        assert each.licence
        assert each.languages
        assert brief(each)
        spec = each.download_spec("https://hub.example")
        assert spec.files[0].url == f"https://hub.example/{each.repo}/resolve/main/{each.file}"
        assert spec.files[0].sha256 == each.sha256
    assert len({each.sha256 for each in models}) == len(models)
    assert any(each.speaks("zh") and ModelTask.CHAT in each.tasks for each in models)


@pytest.mark.parametrize(
    ("needed", "free", "rate", "fit"),
    [(3, 10, None, Fit.WELL), (3, 10, 20, Fit.WELL), (3, 10, 2, Fit.SLOW), (9, 10, 20, Fit.TIGHT),
     (11, 10, 20, Fit.TOO_LARGE), (None, 10, 1, Fit.UNKNOWN), (3, None, 1, Fit.UNKNOWN)],
)  # fmt: skip
def test_how_well_it_fits(needed, free, rate, fit) -> None:
    assert fit_of(needed, free, rate) is fit
    if needed is not None and free is not None:
        assert bool(fit_sentence(fit, needed, free, 4096)) is (fit is not Fit.UNKNOWN)


@pytest.mark.parametrize("task", list(ModelTask))
@pytest.mark.parametrize("free", [1, 4, 8, 16, 64])
@pytest.mark.parametrize("language", ["en", "zh", "de"])
def test_the_largest_that_runs_well_is_recommended(task, free, language) -> None:
    rate = 40 * GB
    found = recommended(catalogue(), free * GB, language, task, rate)
    assert found is not None
    assert task in found.model.tasks
    assert found.model.speaks(language)
    assert reason_words(found)
    others = [each for each in catalogue() if task in each.tasks and each.speaks(language)]
    well = [each for each in others
            if fit_of(each.rough_memory, free * GB, each.rate(rate)) is Fit.WELL]  # fmt: skip
    if well:
        assert found.fit is Fit.WELL
        assert found.model.size == max(each.size for each in well)
    else:
        assert found.smaller
        assert found.model.size == min(each.size for each in others)


def test_a_slow_computer_is_offered_less() -> None:
    fast = recommended(catalogue(), 64 * GB, "en", ModelTask.CHAT, 100 * GB)
    slow = recommended(catalogue(), 64 * GB, "en", ModelTask.CHAT, 5 * GB)
    assert fast is not None
    assert slow is not None
    assert slow.model.size < 1 * GB < fast.model.size


def test_the_speed_is_that_which_was_measured() -> None:
    def model(size: int, rate: float) -> InstalledModel:
        return InstalledModel(
            name="m", path="m", size_bytes=size, source=ModelSource.FOLDER, decode_rate=rate
        )

    assert weights_rate([], 2) == 8e9
    assert weights_rate([], 64) == weights_rate([], 8)
    assert weights_rate([model(100, 0), model(GB, 12), model(2 * GB, 3)], 2) == 12 * GB
    assert rough_memory(GB) > GB


def test_the_catalogue_is_narrowed() -> None:
    models = catalogue()
    assert {each.name for each in matching(models, "qwen 8b", None, "")} == {"Qwen3 8B"}
    assert all(ModelTask.TRANSLATION in each.tasks
               for each in matching(models, "", ModelTask.TRANSLATION, "zh"))  # fmt: skip
    assert matching(models, "nothing-of-the-kind", None, "") == []
    assert len(matching(models, "", None, "")) == len(models)


# --- cards ---------------------------------------------------------------------------------------


def test_a_card_is_shown_without_its_data_and_html() -> None:
    card = (
        "---\nlicense: mit\ntags:\n- a\n---\n<!-- hidden\nlines -->\n"
        '<p align="center"><img src="https://tracker.example/x.png" onload="steal()"></p>\n\n\n\n'
        "# Title\nOne<br>two, 3 < 4 and a<b.\n\n```html\n<b>stays</b>\n<!-- too -->\n```\n"
        "~~~\n```\n<i>also</i>\n~~~\n<script>alert(1)</script>\nEnd"
    )
    shown = readable(card)
    assert shown.startswith("# Title\nOne  \ntwo, 3 < 4 and a<b.")
    assert "tracker" not in shown
    assert "license:" not in shown
    assert "<b>stays</b>\n<!-- too -->" in shown
    assert "<i>also</i>" in shown
    assert "<script>" not in shown
    assert shown.endswith("End")


@pytest.mark.parametrize(
    "card",
    ["", "---", "---\nno end", "<!-- open", "```\nopen <b>", "<" * 50_000, "-" * 300_000,
     "<!--" * 20_000, "```\n" * 20_000],
)  # fmt: skip
def test_a_card_of_any_kind_is_read(card) -> None:
    assert len(readable(card)) <= 200_100
