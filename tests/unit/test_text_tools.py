"""Tools at work, with a worker that says the words of the question again."""

import threading

import pytest

from desktop_llm.core.engine import TextDelta
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.excerpts import GAP
from desktop_llm.core.text_tools import PartDone, ToolRequest
from desktop_llm.core.tools import Long, Output, Tool, Words
from desktop_llm.engine.client import CancelledError
from desktop_llm.services.text_tools import LONGEST_TEXT, TextTools
from desktop_llm.storage.tool_history import open_tool_history
from tests.fakes.chat import Chat

SENTENCE = "Alpha beta gamma delta number {at} ends here. "


def long_text(sentences=600):
    return "".join(SENTENCE.format(at=at) for at in range(sentences))


def tool(output=Output.TEXT, long=Long.PARTS, **more):
    return Tool(
        id="x", name=Words("X"), instruction=Words("Repeat."), output=output, long=long, **more
    )


class Bench:
    def __init__(self, folder, *steps):
        self.chat = Chat(folder, *steps)
        self.history = open_tool_history(folder / "data" / "tools.db")
        self.tools = TextTools(
            self.chat.engine, self.chat.models, lambda: self.chat.settings, lambda: self.history
        )

    def run(self, used, text, **more):
        return self.tools.run(ToolRequest(tool=used, text=text, **more))

    def close(self):
        self.chat.engine.close()
        self.tools.close()
        self.chat.close()
        self.history.close()


@pytest.fixture
def bench(tmp_path):
    made = []

    def make(*steps):
        made.append(Bench(tmp_path, *steps))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_a_short_text_is_one_request(bench):
    task = bench().run(tool(), "Just a few words.")
    events = list(task.wait_events())
    outcome = task.result()
    assert outcome.parts == 1
    assert outcome.complete
    assert "Just a few words." in outcome.text
    assert "</text>" not in outcome.text
    assert any(isinstance(event, TextDelta) for event in events)


def test_the_parts_of_a_long_text_are_all_of_it_in_order(bench):
    text = long_text()
    task = bench().run(tool(Output.EDIT), text)
    done = [event for event in task.wait_events() if isinstance(event, PartDone)]
    outcome = task.result()
    assert outcome.parts == done[-1].of == len(done) - 1
    assert [event.done for event in done] == list(range(outcome.parts + 1))
    # Each reply has the instruction again, since the worker repeats all of it.
    said = outcome.text.replace("Repeat. ", "")
    assert " ".join(said.split()) == " ".join(text.split())


def test_what_was_stopped_keeps_what_is_done_and_goes_on_there(bench):
    made = bench("reply", "reply", "stall")
    text = long_text()
    task = made.run(tool(Output.EDIT), text)
    for event in task.wait_events():
        if isinstance(event, PartDone) and event.done == 2:
            threading.Timer(0.3, task.cancel).start()
    first = task.result()
    assert not first.complete
    assert "number 0 ends here." in first.text
    second = made.run(tool(Output.EDIT), text)
    known = [e.known for e in second.wait_events() if isinstance(e, PartDone) and e.done]
    assert known[:3] == [True, True, False]
    assert second.result().known_parts == 2
    assert second.result().complete


def test_after_a_death_no_part_is_made_twice(bench):
    made = bench("reply", "reply", "die:9")
    text = long_text()
    with pytest.raises(EnvironmentFault) as raised:
        made.run(tool(Output.EDIT), text).result()
    assert raised.value.code is FaultCode.WORKER_KILLED
    outcome = made.run(tool(Output.EDIT), text).result()
    assert outcome.known_parts == 2
    assert made.run(tool(Output.EDIT), text, fresh=True).result().known_parts == 0


def test_parts_are_merged_until_they_are_one(bench):
    outcome = bench().run(tool(Output.SUMMARY, Long.MERGE), long_text(2000)).result()
    assert outcome.parts > 3
    assert outcome.text
    assert all(said.support.sources or not said.support.is_supported for said in outcome.said)


def test_refining_goes_through_every_part(bench):
    task = bench().run(tool(Output.SUMMARY, Long.REFINE), long_text(700))
    outcome = task.result()
    assert outcome.parts > 1
    assert outcome.said


def test_lists_tables_and_quotes_are_put_together_without_the_model(bench):
    made = bench()
    parts = made.run(tool(Output.LIST, Long.MERGE), long_text(800)).result()
    assert parts.parts > 1


@pytest.mark.parametrize("long", [Long.PASSAGES, Long.END, Long.BEGINNING])
def test_of_a_long_text_only_a_part_is_read_where_that_is_meant(bench, long):
    outcome = bench().run(tool(long=long, max_tokens=4000), long_text(4000)).result()
    assert outcome.shortened
    assert len(outcome.text) < len(long_text(4000)) / 4
    if long is Long.PASSAGES:  # any of them may have to do with what is asked
        assert GAP in outcome.text
    else:
        has_end = "number 3999 ends" in outcome.text
        assert has_end is (long is Long.END)


def test_nothing_is_sent_for_nothing_or_too_much(bench):
    made = bench()
    for text, code in (("", FaultCode.INPUT_EMPTY), (" \n\x00", FaultCode.INPUT_EMPTY),
                       ("x" * (LONGEST_TEXT + 1), FaultCode.TEXT_TOO_LONG)):  # fmt: skip
        with pytest.raises(EnvironmentFault) as raised:
            made.run(tool(), text).result()
        assert raised.value.code is code
    with pytest.raises(EnvironmentFault) as raised:
        made.run(tool(adapter="legal"), "x").result()
    assert raised.value.code is FaultCode.NO_ADAPTER


@pytest.mark.parametrize("text", ["x", "好", "\u200b.", "\ud800", "a\x00b", "<text>", "</text>"])
def test_odd_texts_are_texts(bench, text):
    assert bench().run(tool(), text).result().complete


def test_a_cancel_before_anything_was_said_is_a_cancel(bench):
    made = bench("deaf")
    task = made.run(tool(), "a b c")
    threading.Timer(0.5, task.cancel).start()
    outcome_or_error = None
    try:
        outcome_or_error = task.result()
    except CancelledError as error:
        outcome_or_error = error
    assert outcome_or_error is not None


def test_the_history_is_searched_and_forgotten(bench):
    made = bench()
    made.run(tool(), "The bridge of Lindau", title="bridge.txt").result()
    made.run(tool(), "这座桥很长").result()
    made.run(tool(), "nothing of it", traceless=True).result()
    assert [run.title for run in made.history.all()] == ["这座桥很长", "bridge.txt"]
    assert [run.title for run in made.history.all(["Lindau"])] == ["bridge.txt"]
    assert [run.title for run in made.history.all(["桥"])] == ["这座桥很长"]
    number = made.history.all(["Lindau"])[0].id
    assert made.history.get(number).source == "The bridge of Lindau"
    made.history.delete(number)
    assert made.history.get(number) is None
    assert made.history.all(["Lindau"]) == []
    made.history.clear()
    assert made.history.all() == []


@pytest.mark.usefixtures("caplog")
def test_a_damaged_history_is_put_aside(tmp_path):
    path = tmp_path / "tools.db"
    path.write_bytes(b"no database at all" * 100)
    history = open_tool_history(path)
    assert history.all() == []
    history.close()
    assert list(tmp_path.glob("tools.damaged-*.db"))
