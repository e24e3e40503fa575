"""Titles that the model gives to conversations while it is idle.

A conversation is called after the first line of its first question until somebody names it. When a
reply has ended and the engine has been left alone for a moment, the model that made it is asked
what the conversation is about, after the conversation itself: that lies in its KV cache, so only
the question is read. Whatever else is asked of the engine meanwhile comes first: a title that is
being written is given up at once, and begun again when it is quiet.

A small model's title may be nonsense, and the first line is never that bad: what does not look like
a title, or shares no word with what the person wrote, is thrown away. Nothing of it is logged.
"""

import logging
import re
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from desktop_llm.core.conversations import StoredMessage, Titled, state_name
from desktop_llm.core.engine import Event, Finished, TextDelta
from desktop_llm.core.errors import DesktopLlmError
from desktop_llm.core.generation import FinishReason, GenerationRequest, Sampling
from desktop_llm.core.messages import Message, MessageState, Role
from desktop_llm.core.settings import Settings
from desktop_llm.core.tasks import Task
from desktop_llm.engine.arbiter import Priority
from desktop_llm.engine.client import CancelledError, EngineClient
from desktop_llm.services.models import ModelService
from desktop_llm.services.prompts import Prompts
from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.database import Database

logger = logging.getLogger(__name__)

QUIET_SECONDS = 3.0  # without anything asked of the engine: the person reads
TITLE_TOKENS = 24
MOST_TOKENS = 2000  # of a prompt; a longer one may have left the cache, and takes long to read
FEW_TOKENS = 500  # of one that is read anew because another conversation lies in the cache
LONGEST = 60  # characters, as many as a first line has
MOST_WORDS = 12
LONGEST_LINE = 400  # characters that are looked at; a title is not hidden in more

# With the beginning of the answer: a small model then writes a title, not a sentence about one, and
# one that thinks aloud does not.
_ENGLISH = (
    "What is this conversation about? Answer with a title of at most six words, in the language of"
    " the conversation, nothing else.",
    'Title: "',
)
_CHINESE = ("这段对话是关于什么的？请用一个不超过十个字的标题回答，不要写别的。", "标题：“")
_STOPS = ('"', "”", "\n")

R = TypeVar("R")


class Titles:
    """On a thread of its own. Any thread may call its methods; only `close` waits."""

    def __init__(
        self,
        database: Database,
        models: ModelService,
        engine: EngineClient,
        settings: Callable[[], Settings],
        on_title: Callable[[int], object] = lambda _conversation: None,
        quiet_seconds: float = QUIET_SECONDS,
    ) -> None:
        """`on_title` hears, on the thread, which conversation has a title now."""
        self._store = Conversations(database)
        self._prompts = Prompts(settings)
        self._models = models
        self._engine = engine
        self._settings = settings
        self._on_title = on_title
        self._quiet_seconds = quiet_seconds
        self._changed = threading.Condition()
        self._waiting: list[int] = []  # conversations, the one answered last at the end
        self._last: int | None = None  # answered: it lies in the cache
        self._others = 0  # that ask something of the engine
        self._quiet_from = 0.0  # on the monotonic clock
        self._task: Task[Event, Any] | None = None  # ours, at the engine
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="titles", daemon=True)
        self._thread.start()

    def pause(self) -> None:
        """Somebody is about to ask something of the engine. `go_on` must follow."""
        with self._changed:
            self._others += 1
            task = self._task
        if task is not None:
            task.cancel()

    def go_on(self, answered: int | None = None) -> None:
        """That has ended. `answered`: the conversation that it made a reply in."""
        with self._changed:
            self._others -= 1
            self._quiet_from = time.monotonic()
            if answered is not None:
                if answered in self._waiting:
                    self._waiting.remove(answered)
                self._waiting.append(answered)
                self._last = answered
            self._changed.notify_all()

    def close(self) -> None:
        """Nothing is written or told afterwards. The engine must be closed first: a worker that
        does not answer a cancel would be waited for.
        """
        with self._changed:
            self._closing = True
            task = self._task
            self._changed.notify_all()
        if task is not None:
            task.cancel()
        self._thread.join()

    # --- the thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        while (number := self._next()) is not None:
            try:
                self._name(number)
            except CancelledError:
                self._put_back(number)
            except (DesktopLlmError, KeyError) as error:  # KeyError: it was erased meanwhile
                reason = error.code.value if isinstance(error, DesktopLlmError) else "gone"
                logger.info("conversation %d got no title: %s", number, reason)
            except Exception:
                logger.exception("conversation %d got no title", number)

    def _next(self) -> int | None:
        """Waits until one can be named; None: until the end."""
        with self._changed:
            while not self._closing:
                left = None
                if self._waiting and not self._others:
                    left = self._quiet_from + self._quiet_seconds - time.monotonic()
                    if left <= 0:
                        return self._waiting.pop(0)
                self._changed.wait(left)
        return None

    def _put_back(self, number: int) -> None:
        with self._changed:
            if number not in self._waiting:
                self._waiting.insert(0, number)

    def _name(self, number: int) -> None:
        """Raises CancelledError where something else is asked of the engine."""
        first_line = self._store.untitled(number)
        if not first_line or not self._settings().write_titles:
            return
        branch = self._store.branch(number)
        if not branch or not self._made_by_loaded_model(branch[-1]):
            return
        said = " ".join(stored.text for stored in branch if stored.role is Role.USER)
        instruction, begun = _CHINESE if _is_chinese(said) else _ENGLISH
        messages = self._prompts.messages(
            self._store.get(number).parameters,
            branch,
            Message(Role.USER, instruction),
            Message(Role.ASSISTANT, begun),
        )
        if not self._is_cheap(number, messages):
            return
        title = title_from(self._write(messages, state_name(number)))
        if not title or not is_about(title, said):
            logger.info("conversation %d keeps its first line", number)
        elif self._store.rename(number, title, by=Titled.MODEL, instead_of=first_line):
            self._on_title(number)

    def _made_by_loaded_model(self, reply: StoredMessage) -> bool:
        """Another one is never loaded for a title."""
        loaded = self._engine.model
        return (
            loaded is not None
            and reply.role is Role.ASSISTANT
            and reply.state in (MessageState.COMPLETE, MessageState.STOPPED)
            and bool(reply.text.strip())
            and self._models.find(reply.model).path == loaded.path
        )

    def _is_cheap(self, number: int, messages: tuple[Message, ...]) -> bool:
        """Whether neither the title nor the next question makes the model read much."""
        count = self._result(lambda: self._engine.count_tokens(messages))[0]
        if count.tokens + TITLE_TOKENS > min(MOST_TOKENS, count.context_length):
            return False
        if number == self._last:
            return True
        cached = self._result(self._engine.status)[0].context_used
        return max(count.tokens, cached) <= FEW_TOKENS

    def _write(self, messages: tuple[Message, ...], state: str) -> str:
        """What the model says; empty where that was cut off. `state`: the KV state it goes on
        from.
        """
        request = GenerationRequest(
            messages=messages,
            sampling=Sampling(temperature=0),
            max_tokens=TITLE_TOKENS,
            stop=_STOPS,
            continues=True,
            conversation=state,
        )
        finished: Finished
        finished, text = self._result(lambda: self._engine.generate(request, Priority.BATCH))
        if finished.reason is FinishReason.CANCELLED:
            raise CancelledError
        return text if finished.reason is FinishReason.STOP else ""

    def _result(self, start: Callable[[], Task[Event, R]]) -> tuple[R, str]:
        """What the engine answers, and the text that came before."""
        with self._changed:  # a `pause` sees the task, or is seen here
            if self._others or self._closing:
                raise CancelledError
            task = start()
            self._task = task
        try:
            result = task.result()
        finally:
            with self._changed:
                self._task = None
        deltas = [event.text for event in task.take_events() if isinstance(event, TextDelta)]
        return result, "".join(deltas)


# --- what becomes of the model's words ------------------------------------------------------------

_CONTROL = re.compile(r"<[|｜]|[|｜]>|</?[a-z_]+>|\[/?INST\]|<<", re.IGNORECASE)
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_MARKS = re.compile(r"\*+|`+|~~+")
_LEADING = re.compile(
    r"^(?:(?:#{1,6}|>|[-+•·]|\d{1,2}[.)])\s+|(?:title|标题|標題|题目|題目)\s*[:：])",
    re.IGNORECASE,
)
_TRAILING = " .,;:!?。，、；：！？…"
_PAIRS = ('""', "''", "“”", "‘’", "„“", "«»", "「」", "『』", "《》", "〈〉", "【】", "__")
# How a refusal, or a sentence about the task, begins; and the task itself, said again.
_NO_TITLE = re.compile(
    r"(?:i(?:['’](?:m|ll|ve|d)| am| can| cannot| do| did| will| would| have| apologi[sz]e)"
    r"|sorry|unfortunately|as an? (?:ai|language)|sure|certainly|of course|okay|here(?:['’]s| is)"
    r"|(?:this|the|our) (?:title|user|topic)|you (?:asked|are|have|want))\b"
    r"|.*\b(?:six words|nothing else|(?:this|the) conversation)\b"
    r"|(?:很?抱歉|对不起|作为(?:一个|ai|人工智能|语言模型)|我(?:无法|不能|可以|会|是)|好的|当然|以下是"
    r"|这是|[这该本]段?(?:对话|标题)|用户)"
    r"|.*(?:不超过十个字|不要写别的)",
    re.IGNORECASE,
)
# Han, kana, hangul, Thai and Lao: written without spaces, or with few.
_DENSE = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7ff]+")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")
_KANA = re.compile("[\u3040-\u30ff]")
_WORD = re.compile(r"\w{3,}")
_JOINERS = "\u200c\u200d"  # within words of some languages, and within emoji
# Words, and pairs of characters, that say nothing of what a text is about.
_COMMON = re.compile(
    "about|all|and|any|are|but|can|conversation|could|did|does|for|from|give|has|have|how|its|make"
    "|most|not|one|please|should|some|tell|that|the|their|them|there|these|they|this|title|was|what"
    "|when|where|which|who|why|will|with|would|you|your"
    "|一个|一下|一些|什么|这个|那个|怎么|怎样|如何|可以|我们|你们|我的|你的|关于|请你|是什|么是"
)


def title_from(text: str) -> str:
    """The title in what a model wrote, on one line; empty where there is none to be used.

    The first line that holds more than marks counts, without Markdown, quotes around it, "Title:"
    and punctuation at the end. It is none where it is longer than `LONGEST` characters or
    `MOST_WORDS` words (two characters of Chinese are one), holds a control token or a broken
    character, or begins as a refusal or a sentence about the task does.
    """
    for line in text.splitlines():
        if len(line) > LONGEST_LINE or _CONTROL.search(line):
            return ""
        title = _bare(line)
        if any(letter.isalnum() for letter in title):
            return title if _is_title(title) else ""
    return ""


def is_about(title: str, said: str) -> bool:
    """Whether a title is written as the person writes, and has a word in common with what the
    person wrote, whatever its ending.
    """
    if _is_chinese(said) and _HAN.search(title) is None:
        return False
    if _DENSE.search(title) is not None and _DENSE.search(said) is None:
        return False
    words, said_words = _words(title), _words(said)
    if _pairs(title) & _pairs(said):
        return True
    return any(
        word.startswith(other) or other.startswith(word) or word[:5] == other[:5]
        for word in words
        for other in said_words
    )


def _bare(line: str) -> str:
    line = _MARKS.sub("", _LINK.sub(r"\1", line))
    line = " ".join(line.split())  # before tabs go with what cannot be printed
    line = "".join(letter for letter in line if letter.isprintable() or letter in _JOINERS)
    line = " ".join(line.split())
    before = ""
    while line != before:
        before = line
        line = _LEADING.sub("", line.strip()).rstrip(_TRAILING)
        for pair in _PAIRS:
            line = _without(pair, line)
    return line


def _without(pair: str, line: str) -> str:
    """Without quotes around all of it, or one that was never closed or opened."""
    opening, closing = pair[0], pair[1]
    starts, ends = line.startswith(opening), line.endswith(closing) and len(line) > 1
    inner = line[starts : len(line) - ends]
    return line if opening in inner or closing in inner else inner


def _is_title(line: str) -> bool:
    dense = sum(len(run) for run in _DENSE.findall(line))
    words = dense / 2 + len(_DENSE.sub(" ", line).split())
    fits = len(line) <= LONGEST and words <= MOST_WORDS
    return fits and "\ufffd" not in line and _NO_TITLE.match(line) is None


def _words(text: str) -> set[str]:
    found = _WORD.findall(_DENSE.sub(" ", text.casefold()))
    return {word for word in found if _COMMON.fullmatch(word) is None}


def _pairs(text: str) -> set[str]:
    """Two characters each, of what is written without spaces."""
    found = {run[at : at + 2] for run in _DENSE.findall(text) for at in range(len(run) - 1)}
    return {pair for pair in found if _COMMON.fullmatch(pair) is None}


def _is_chinese(text: str) -> bool:
    """Mostly: a Chinese question holds foreign words too, and a Japanese one Chinese characters."""
    return 4 * len(_HAN.findall(text)) > len(text) and _KANA.search(text) is None
