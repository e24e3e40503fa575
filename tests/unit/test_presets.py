"""Parameters, presets and prompts as values and as files."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_llm.core.conversations import Conversation
from desktop_llm.core.errors import EnvironmentFault
from desktop_llm.core.presets import (
    SAMPLER,
    Parameters,
    Preset,
    Prompt,
    filled_in,
    from_json,
    from_values,
    presets_from_file,
    presets_to_file,
    prompts_from_file,
    prompts_to_file,
    to_json,
    variables_of,
)
from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.database import Database
from desktop_llm.storage.presets import Presets
from desktop_llm.storage.tree import Tree

ODD = Parameters(
    system_prompt="Be brief.\n“简短”", temperature=0.0, top_k=0, seed=7, max_tokens=99,
    stop=("\n\n", "###"), reproducible=True,
)  # fmt: skip


def test_nothing_set_is_the_chats_default():
    sampling = Parameters().sampling()
    assert (sampling.temperature, sampling.repeat_penalty, sampling.seed) == (0.7, 1.1, None)
    assert to_json(Parameters()) == ""
    assert from_json("") == from_json("{broken") == from_json("[1]") == Parameters()


def test_parameters_survive_json():
    assert from_json(to_json(ODD)) == ODD
    assert ODD.sampling().temperature == 0


def test_what_is_set_goes_over_what_is_below():
    over = Parameters(temperature=1.0).over(ODD)
    assert (over.temperature, over.top_k, over.stop) == (1.0, 0, ODD.stop)


@pytest.mark.parametrize(
    "wrong",
    [{"temperature": 9.0}, {"top_k": -1}, {"max_tokens": 0}, {"stop": ("",)}, {"seed": -1},
     {"stop": ("x",) * 17}, {"system_prompt": "x" * 100_001}],
)  # fmt: skip
def test_what_is_outside_the_ranges_is_refused(wrong):
    with pytest.raises(EnvironmentFault):
        Parameters(**wrong)


def test_the_ranges_that_are_offered_are_all_possible():
    for name, ends in SAMPLER.items():
        for end in ends:
            Parameters(**{name: end})


def test_a_strangers_values_are_taken_as_far_as_they_are_sound():
    values = {"temperature": "hot", "top_k": 40.0, "top_p": True, "seed": 1.5, "nonsense": 1,
              "stop": "x", "system_prompt": 3, "max_tokens": 10**30, "min_p": 0.1}  # fmt: skip
    parameters, refused = from_values(values)
    assert parameters == Parameters(top_k=40, min_p=0.1)
    assert refused == ["temperature", "top_p", "seed", "nonsense", "stop", "system_prompt",
                       "max_tokens"]  # fmt: skip


def test_presets_survive_a_file():
    presets = [Preset(name="Odd", model="m", parameters=ODD), Preset(name="Plain")]
    read = presets_from_file(presets_to_file(presets))
    assert (list(read.presets), read.left_out) == (presets, ())


def test_prompts_survive_a_file():
    prompts = [Prompt(name="Mail", text="Write to {{who}}\n")]
    assert prompts_from_file(prompts_to_file(prompts)) == (tuple(prompts), ())


def test_a_file_is_read_as_far_as_it_is_sound():
    entries = [{"name": "a", "temperature": 99}, "x", {"name": ""}, {"name": "b", "model": 3}]
    whole = {"format": "desktop-llm-presets", "version": 1, "presets": entries}
    read = presets_from_file(json.dumps(whole))
    assert [preset.name for preset in read.presets] == ["a", "b"]
    assert read.left_out == ("a: temperature", "2", "3")


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "null", '{"format": "desktop-llm-presets", "version": 2, "presets": []}',
     '{"format": "desktop-llm-presets", "version": 1, "presets": {}}', "[" * 100_000],
)  # fmt: skip
def test_another_file_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011  # of json, or ours
        presets_from_file(text)
    with pytest.raises(ValueError):  # noqa: PT011
        prompts_from_file(text)


def test_variables_are_asked_for_once_and_in_order():
    text = "Translate {{ text }} to {{language}}: {{text}} {{}} {{a\nb}} {single}"
    assert variables_of(text) == ("text", "language")
    assert filled_in(text, {"text": "{{language}}", "language": "zh"}).startswith(
        "Translate {{language}} to zh: {{language}} {{}}"
    )
    assert filled_in("{{unknown}}", {}) == "{{unknown}}"


@given(st.text(max_size=60), st.dictionaries(st.text(max_size=5), st.text(max_size=9)))
def test_whatever_the_prompt(text, values):
    filled_in(text, values)
    assert len(set(variables_of(text))) == len(variables_of(text))


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))  # fmt: skip
def test_whatever_a_preset_file_holds(entry):
    whole = {"format": "desktop-llm-presets", "version": 1, "presets": [entry, {"name": "x"}]}
    read = presets_from_file(json.dumps(whole))
    assert read.presets[-1].name == "x"


@pytest.fixture
def database(tmp_path):
    database = Database(tmp_path / "conversations.db")
    yield database
    database.close()


def test_presets_are_kept_changed_deleted_and_brought_back(database):
    store = Presets(database)
    first = store.save_preset(Preset(name="Odd", model="m", parameters=ODD))
    second = store.save_preset(Preset(name="Plain"))
    assert [preset.name for preset in store.presets()] == ["Odd", "Plain"]
    assert store.presets()[0].parameters == ODD
    store.save_preset(Preset(id=second, name="Plainer"))
    odd = store.presets()[0]
    store.delete_preset(first)
    assert [preset.name for preset in store.presets()] == ["Plainer"]
    assert store.save_preset(odd) == first
    assert {preset.name for preset in store.presets()} == {"Odd", "Plainer"}


def test_prompts_that_are_used_come_first(database):
    store = Presets(database)
    store.add(prompts=[Prompt(name=name, text=name) for name in "abc"])
    store.use_prompt(store.prompts()[2].id)
    assert [prompt.name for prompt in store.prompts()] == ["c", "a", "b"]
    store.delete_prompt(store.prompts()[0].id)
    assert [prompt.name for prompt in store.prompts()] == ["a", "b"]


def test_a_conversation_has_parameters_and_its_fork_too(database):
    store = Conversations(database)
    like = Conversation(id=0, title="", model="m", leaf=None, draft="", created=0, changed=0,
                        parameters=ODD)  # fmt: skip
    question, reply = store.ask(None, "Hi", None, "m", new=like)
    number = question.conversation
    assert (store.get(number).parameters, store.get(number).model) == (ODD, "m")
    fork = Tree(database).fork(reply.id, "")
    assert store.get(fork).parameters == ODD
    store.set_parameters(number, Parameters())
    assert store.get(number).parameters == Parameters()


def test_a_gap_that_never_ends_is_given_up_at_once():
    assert variables_of("{{" + " " * 100_000) == ()
    assert variables_of("{{" * 50_000) == ()
    assert variables_of("{{ my answer }} {{\u3000语言\u3000}} {{ }}") == ("my answer", "语言")
