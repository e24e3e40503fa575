"""Titles written while the model is idle, with a worker whose faults are scripted."""

import queue
import threading
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_llm.core.conversations import Titled
from desktop_llm.core.messages import MessageState
from desktop_llm.core.models import LoadOptions
from desktop_llm.core.presets import Parameters
from desktop_llm.core.settings import Settings, valid
from desktop_llm.engine.arbiter import Priority
from desktop_llm.services.titles import LONGEST, MOST_TOKENS, is_about, title_from
from tests.fakes.chat import Chat
from tests.fakes.gguf_files import gguf

QUIET = 0.05
LONG = 60.0  # longer than any test waits
QUESTION = "Pancakes with maple syrup\nHow do I make them?"
FIRST_LINE, TITLE = "Pancakes with maple syrup", "Pancakes with maple syrup How do I make them"


class Watched(Chat):
    """What the titles did: `told` by `on_title`, `tried` whatever came of it, `tasks` begun."""

    def __init__(self, folder, *steps, quiet_seconds=QUIET):
        self.told: queue.SimpleQueue = queue.SimpleQueue()
        self.tried: queue.SimpleQueue = queue.SimpleQueue()
        self.tasks: queue.SimpleQueue = queue.SimpleQueue()
        self.before_title = lambda: None
        self.steps = folder / "state"
        super().__init__(folder, *steps, quiet_seconds=quiet_seconds, on_title=self.told.put)
        name, generate = self.titles._name, self.engine.generate

        def named(number):
            try:
                name(number)
            finally:
                self.tried.put(number)

        def generated(request, priority=Priority.CHAT):
            if priority is Priority.BATCH:
                self.before_title()
            task = generate(request, priority)
            if priority is Priority.BATCH:
                self.tasks.put(task)
            return task

        self.titles._name = named
        self.engine.generate = generated

    def ask(self, text=QUESTION, number=None):
        branch = [] if number is None else self.store.branch(number)
        parent = branch[-1].id if branch else None
        return self.service.send(number, text, parent).result(20).reply

    def title(self, number):
        return self.store.get(number).title

    def running(self):
        """The title that the worker writes now."""
        task, begun = self.tasks.get(timeout=20), threading.Event()
        task.set_wake(begun.set)
        assert begun.wait(20)
        return task

    def generations(self):
        return int(self.steps.read_text())


@pytest.fixture
def make_chat(tmp_path):
    chats = []

    def make(*steps, **values):
        chats.append(Watched(tmp_path, *steps, **values))
        return chats[-1]

    yield make
    for chat in chats:
        chat.close()


# --- when -----------------------------------------------------------------------------------------


def test_a_title_is_written_after_a_reply_and_only_once(make_chat):
    chat = make_chat("reply", "first", "reply")
    number = chat.ask().conversation
    assert chat.told.get(timeout=20) == number
    assert chat.title(number) == TITLE
    assert chat.store.untitled(number) == ""
    assert chat.store.search("make them")[0].conversation == number
    chat.tried.get(timeout=20)
    chat.ask("two", number)
    chat.tried.get(timeout=20)
    assert (chat.generations(), chat.told.empty()) == (3, True)


def test_it_waits_until_nothing_is_asked(make_chat):
    chat = make_chat("reply", "first", quiet_seconds=0.3)
    number = chat.ask().conversation
    ended = time.monotonic()
    chat.service.outlook(number, "what is being typed")
    assert chat.told.get(timeout=20) == number
    assert time.monotonic() - ended >= 0.25


def test_the_prompt_is_the_conversation_and_one_instruction(make_chat):
    chat = make_chat("reply", "first")
    chat.settings = replace(chat.settings, system_prompt="Pancakes? Be brief.")
    requests = []
    generate = chat.engine.generate
    chat.engine.generate = lambda request, *given: (
        requests.append(request), generate(request, *given))[1]  # fmt: skip
    number = chat.ask("煎饼怎么做？").conversation
    chat.tried.get(timeout=20)
    asked, titled = requests
    said = chat.service.prompts.messages(Parameters(), chat.store.branch(number))
    assert titled.messages[: len(said)] == said
    assert titled.messages[: len(asked.messages)] == asked.messages
    instruction, begun = titled.messages[len(said) :]
    assert "标题" in instruction.text
    assert begun.text == "标题：“"
    assert (titled.continues, titled.sampling.temperature) == (True, 0)
    assert titled.max_tokens <= 24


def test_a_persons_title_stays(make_chat):
    chat = make_chat("reply", "first", "reply")
    number = chat.store.create().id
    chat.before_title = lambda: chat.service.rename(number, "Mine")
    chat.ask(number=number)
    chat.tried.get(timeout=20)
    assert (chat.title(number), chat.told.empty()) == ("Mine", True)
    chat.ask("two", number)
    chat.tried.get(timeout=20)
    assert chat.generations() == 3


def test_a_conversation_erased_meanwhile_is_let_go(make_chat):
    chat = make_chat("reply", "first")
    number = chat.store.create().id
    chat.before_title = lambda: chat.service.bin.put(number)
    chat.ask(number=number)
    chat.tried.get(timeout=20)
    with chat.titles._changed:
        chat.titles._waiting.append(number + 1)  # that was never there
        chat.titles._changed.notify_all()
    assert chat.tried.get(timeout=20) == number + 1
    assert chat.titles._thread.is_alive()


def test_a_question_does_not_wait_for_a_title(make_chat):
    chat = make_chat("reply", "stall", "reply", "first")
    number = chat.ask().conversation
    title = chat.running()
    reply = chat.ask("more words", number)  # the worker would stall for ever
    assert title.cancelled
    assert (reply.text, reply.state) == ("more words ", MessageState.COMPLETE)
    assert chat.told.get(timeout=20) == number
    assert chat.title(number) == TITLE


def test_a_question_in_another_conversation_puts_it_off(make_chat):
    chat = make_chat("reply", "stall", "reply", "first", "first")
    one = chat.ask().conversation
    chat.running()
    two = chat.ask("Waffles\nWhich iron?").conversation
    assert {chat.told.get(timeout=20), chat.told.get(timeout=20)} == {one, two}
    assert (chat.title(one), chat.title(two)) == (TITLE, "Waffles Which iron")


def test_no_title_puts_a_long_conversation_out_of_the_cache(make_chat):
    chat = make_chat("reply", "reply", quiet_seconds=LONG)
    one = chat.ask().conversation
    chat.ask("word " * 600)
    chat.titles._quiet_seconds = 0
    chat.service.outlook(one, "")  # tells it to look again
    assert chat.tried.get(timeout=20) == one
    assert (chat.title(one), chat.generations()) == (FIRST_LINE, 2)


def test_a_measurement_puts_it_off(make_chat):
    chat = make_chat("reply", "stall", "first")
    number = chat.ask().conversation
    title = chat.running()
    assert chat.service.outlook(number, "one").tokens > 0
    assert title.cancelled
    assert chat.told.get(timeout=20) == number


def test_switched_off_nothing_is_asked(make_chat):
    chat = make_chat()
    chat.settings = replace(chat.settings, write_titles=False)
    number = chat.ask().conversation
    assert chat.tried.get(timeout=20) == number
    assert (chat.title(number), chat.generations()) == (FIRST_LINE, 1)


def test_the_setting_is_on_or_off():
    assert Settings().write_titles is True
    assert valid("write_titles", False)
    assert not valid("write_titles", 0)
    assert not valid("write_titles", "off")


def test_another_model_is_not_asked_and_none_is_loaded(make_chat, tmp_path):
    chat = make_chat(quiet_seconds=0)
    (tmp_path / "data" / "models" / "b-model.gguf").write_bytes(gguf())
    chat.titles.pause()
    number = chat.ask().conversation
    chat.models.load(chat.models.find("b-model"), LoadOptions()).result(20)
    chat.titles.go_on()
    assert chat.tried.get(timeout=20) == number
    chat.titles.pause()
    chat.engine.unload().result(20)
    chat.titles.go_on(number)
    assert chat.tried.get(timeout=20) == number
    assert (chat.title(number), chat.generations()) == (FIRST_LINE, 1)
    assert chat.engine.model is None


def test_a_reply_that_broke_off_gives_none(make_chat):
    chat = make_chat("die:9")
    assert chat.ask().state is MessageState.INTERRUPTED
    chat.tried.get(timeout=20)
    assert chat.generations() == 1


def test_a_stopped_reply_gives_one(make_chat):
    chat = make_chat("stall", "first")
    task = chat.service.send(None, QUESTION, None)
    next(event for event in task.wait_events() if hasattr(event, "text"))
    task.cancel()
    assert task.result(20).reply.state is MessageState.STOPPED
    chat.told.get(timeout=20)


def test_a_long_conversation_keeps_its_first_line(make_chat):
    chat = make_chat()
    number = chat.ask("long " * MOST_TOKENS).conversation
    chat.tried.get(timeout=20)
    assert (chat.title(number)[:4], chat.generations()) == ("long", 1)


@pytest.mark.parametrize("step", ["die:9", "die:11", "garbage", "exit:1", "idle", "reply"])
def test_a_fault_costs_the_title_only_and_the_next_reply_brings_it(make_chat, step):
    # "idle" loads again what unloaded at that very moment, and takes the step after it
    steps = ("idle", "reply") if step == "idle" else (step,)
    chat = make_chat("reply", *steps, "reply", "first")
    number = chat.ask().conversation
    assert chat.tried.get(timeout=20) == number
    assert (chat.title(number), chat.told.empty()) == (FIRST_LINE, True)
    assert chat.ask("more words", number).state is MessageState.COMPLETE
    assert chat.told.get(timeout=20) == number


def test_a_bug_does_not_end_the_thread(make_chat, caplog):
    chat = make_chat("reply", "reply", "first")

    def fail():
        raise ValueError("secret")

    chat.before_title = fail
    number = chat.ask().conversation
    chat.tried.get(timeout=20)
    chat.before_title = lambda: None
    chat.ask("more words", number)
    assert chat.told.get(timeout=20) == number
    words = [record.getMessage() for record in caplog.records if "titles" in record.name]
    assert words == [f"conversation {number} got no title"]


# --- the end --------------------------------------------------------------------------------------


def test_closing_does_not_wait_for_quiet(make_chat):
    chat = make_chat(quiet_seconds=LONG)
    chat.ask()
    chat.close()
    assert not chat.titles._thread.is_alive()
    assert chat.tried.empty()


@pytest.mark.parametrize("step", ["stall", "stuck"])
def test_closing_ends_what_runs(make_chat, step):
    chat = make_chat("reply", step)
    chat.ask()
    chat.running()
    chat.close()
    assert not chat.titles._thread.is_alive()
    assert chat.told.empty()


def test_closing_by_itself_cancels(make_chat):
    chat = make_chat("reply", "stall")
    chat.ask()
    title = chat.running()
    chat.titles.close()
    assert title.cancelled
    assert not chat.titles._thread.is_alive()
    chat.titles.close()


# --- the store ------------------------------------------------------------------------------------


def test_the_models_title_gives_way(make_chat):
    chat = make_chat(quiet_seconds=LONG)
    number = chat.ask().conversation
    assert chat.store.rename(number, "Model's", by=Titled.MODEL, instead_of=FIRST_LINE)
    assert not chat.store.rename(number, "Again", by=Titled.MODEL, instead_of="Model's")
    chat.service.rename(number, "Mine")
    assert chat.title(number) == "Mine"


# --- words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Sorting a list in Python", "Sorting a list in Python"),
        ("\n\n  Sorting   a\tlist \nSecond line", "Sorting a list"),
        ("---\n# **Sorting** a `list`", "Sorting a list"),
        ("```\nSorting\n```", "Sorting"),
        ('Title: "Sorting a List."', "Sorting a List"),
        ("**Title:** *Sorting*", "Sorting"),
        ("Title:\nSorting", "Sorting"),
        ("标题：《长城的历史》。", "长城的历史"),
        ("標題: 「長城」", "長城"),
        ("题目：“睡眠建议”！", "睡眠建议"),
        ("长城的历史》", "长城的历史"),
        ("《红楼梦》读后感", "《红楼梦》读后感"),
        ("《论语》与《孟子》", "《论语》与《孟子》"),
        ("‘Rome’ in two days…", "‘Rome’ in two days"),
        ("'Rome in two days'", "Rome in two days"),
        ("1. Rome", "Rome"),
        ("[Rome](https://example.org)", "Rome"),
        ("_Rome_", "Rome"),
        ("__init__ explained", "__init__ explained"),
        ("C# or C++", "C# or C++"),
        ("Why is the sky blue?", "Why is the sky blue"),
        ("Das Wetter: heute 👨‍👩‍👧", "Das Wetter: heute 👨‍👩‍👧"),
        ("left\u202eright", "leftright"),
        ("half \ud83d an emoji", "half an emoji"),
        ("天" * 24, "天" * 24),
        ("I, Claudius", "I, Claudius"),
        ("Islands of Greece", "Islands of Greece"),
    ],
)
def test_what_looks_like_a_title_is_taken(text, title):
    assert title_from(text) == title


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t\n",
        "“”",
        "…",
        "\u200d",
        "🎉",
        "x" * (LONGEST + 1),
        "a b c d e f g h i j k l m",
        "天" * 25,
        "Rome<|im_end|>",
        "长\ufffd",
        "<think>",
        "</s> Rome",
        "[INST] Rome",
        "<｜end▁of▁sentence｜>",
        "I'm sorry, but I can't do that",
        "I cannot help with that.",
        "Sorry, no title",
        "As an AI language model",
        "Sure! Here is a title",
        "Here's a title for you",
        "Certainly",
        "This conversation is about Rome",
        "The title of this conversation",
        "In this conversation we talk",
        "At Most Six Words, Nothing Else",
        "What is this conversation about?",
        "抱歉，我不能",
        "很抱歉",
        "我无法写标题",
        "好的，标题是长城",
        "这段对话是关于长城的",
        "作为一个人工智能",
        "不要写别的",
    ],
)
def test_what_does_not_is_not(text):
    assert title_from(text) == ""


@given(
    st.text(st.characters(), max_size=200)
    | st.text("\"'“”《》_*`#- Tt标题itle:：.\n<|>I ", max_size=80)
)
def test_a_title_is_short_and_one_line_whatever_the_model_writes(text):
    title = title_from(text)
    assert len(title) <= LONGEST
    assert len(title.splitlines()) <= 1
    assert title == " ".join(title.split())
    assert title_from(title) in (title, ""), "it is clean already"
    is_about(title, text)


@pytest.mark.parametrize(
    ("title", "said"),
    [
        ("Sorting lists", "How do I sort this?"),
        ("Translation help", "Please translate it"),
        ("Rome in Two Days", "What should I see in ROME?"),
        ("长城历史", "请介绍一下长城的历史。"),
        ("Python 列表排序", "python 里怎么给列表排序？"),
        ("東京の天気", "東京はどうですか"),
        ("서울 여행", "서울에서 뭘 볼까요?"),
        ("Погода завтра", "какая завтра погода?"),
    ],
)
def test_a_title_about_the_question(title, said):
    assert is_about(title, said)


@pytest.mark.parametrize(
    ("title", "said"),
    [
        ("The Uncanny", "Give me a simple recipe for pancakes."),
        ("What You Should Give", "What should I give?"),
        ("珍茶封被", "写一首关于秋天的短诗。"),
        ("什么是什么", "这是什么？"),
        ("Mentor", "怎样才能睡得更好？"),
        ("Python for Beginners", "如何用 Python 读取一个文本文件？"),
        ("Python 列表", "Sort a list in Python"),
        ("", "words"),
        ("words", ""),
    ],
)
def test_a_title_about_something_else(title, said):
    assert not is_about(title, said)
