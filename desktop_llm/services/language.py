"""Language tools: what a text is written in, made of, and like to read.

The process behind them starts when it is first needed and ends after some quiet minutes, since
models of languages take hundreds of megabytes. Calls are tasks, one after the other.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from desktop_llm.core.errors import DesktopLlmError, FaultCode, ProgramFault
from desktop_llm.core.language import (
    Analyse,
    Analysed,
    AnalysedPortion,
    Analysis,
    Collocations,
    Concordance,
    CountedWords,
    FoundCollocations,
    FoundLines,
    Frequencies,
    Identified,
    Identify,
    Part,
    Polarity,
    Readability,
    Readable,
    Request,
    StopWords,
    Vader,
)
from desktop_llm.core.tasks import Task
from desktop_llm.core.text import clean_text
from desktop_llm.engine.language_client import CancelledError, LanguageClient

IDLE_SECONDS = 300.0
R = TypeVar("R")

LanguageTask = Task[AnalysedPortion, R | None]  # None: it was cancelled


class LanguageTools:
    """Every method returns at once. Offsets count in the text as `clean_text` leaves it."""

    def __init__(
        self,
        client: LanguageClient,
        pack_of: Callable[[str], str] = lambda _language: "",
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        """`pack_of`: the folder of the language pack that serves a language, or empty."""
        self._client = client
        self._pack_of = pack_of
        self._idle_seconds = idle_seconds
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="language")
        self._lock = threading.Lock()
        self._cancels: set[threading.Event] = set()
        self._idle: threading.Timer | None = None
        self._closed = False

    def identify(self, *texts: str) -> LanguageTask[tuple[Identified, ...]]:
        return self._begin(lambda: Identify(tuple(map(clean_text, texts))), lambda end: end.found)

    def analyse(
        self, text: str, language: str, parts: tuple[Part, ...] = (Part.SENTENCES,)
    ) -> LanguageTask[Analysis]:
        """Portions come as events, too, for whoever shows how far it is."""
        portions: list[AnalysedPortion] = []
        return self._begin(
            lambda: Analyse(clean_text(text), language, parts, self._pack_of(language)),
            lambda end: _joined(end, portions),
            portions.append,
        )

    def vader(self, *texts: str, language: str = "en") -> LanguageTask[tuple[Polarity, ...]]:
        return self._begin(
            lambda: Vader(tuple(map(clean_text, texts)), language), lambda end: end.found
        )

    def frequencies(
        self, text: str, language: str, most: int = 100, stop_words: bool = False
    ) -> LanguageTask[CountedWords]:
        return self._begin(
            lambda: Frequencies(
                clean_text(text), language, most, stop_words, self._pack_of(language)
            )
        )

    def collocations(
        self, text: str, language: str, most: int = 50, at_least: int = 2, stop_words: bool = False
    ) -> LanguageTask[FoundCollocations]:
        return self._begin(
            lambda: Collocations(
                clean_text(text), language, most, at_least, stop_words, self._pack_of(language)
            )
        )

    def concordance(
        self, text: str, word: str, width: int = 40, most: int = 500
    ) -> LanguageTask[FoundLines]:
        return self._begin(lambda: Concordance(clean_text(text), clean_text(word), width, most))

    def readability(self, text: str, language: str) -> LanguageTask[Readable]:
        return self._begin(lambda: Readability(clean_text(text), language, self._pack_of(language)))

    def stop_words(self, language: str) -> LanguageTask[tuple[str, ...]]:
        return self._begin(lambda: StopWords(language), lambda end: end.words)

    def release(self) -> None:
        """End the process once it has nothing to do, as a pack is to be removed. Blocks."""
        self._client.end()

    def close(self) -> None:
        """What is running is given up. Whoever made the client closes it then."""
        with self._lock:
            self._closed = True
            for cancelled in self._cancels:
                cancelled.set()
            idle, self._idle = self._idle, None
        if idle is not None:
            idle.cancel()
            idle.join()
        self._pool.shutdown()

    # --- inside --------------------------------------------------------------------------------

    def _begin(
        self,
        request: Callable[[], Request],
        result: Callable[[Any], R] = lambda end: end,
        on_portion: Callable[[AnalysedPortion], None] = lambda _portion: None,
    ) -> LanguageTask[R]:
        cancelled = threading.Event()
        task: LanguageTask[R] = Task(on_cancel=cancelled.set)
        with self._lock:
            if self._closed:
                task.finish(None)
                return task
            if self._idle is not None:
                self._idle.cancel()
                self._idle = None
            self._cancels.add(cancelled)
            self._pool.submit(self._run, task, request, result, on_portion, cancelled)
        return task

    def _run(
        self,
        task: LanguageTask[R],
        request: Callable[[], Request],
        result: Callable[[Any], R],
        on_portion: Callable[[AnalysedPortion], None],
        cancelled: threading.Event,
    ) -> None:
        def heard(portion: AnalysedPortion) -> None:
            on_portion(portion)
            task.post(portion)

        try:
            if cancelled.is_set():
                raise CancelledError
            found = result(self._client.ask(request(), cancelled, heard))
        except CancelledError:
            task.finish(None)
        except DesktopLlmError as fault:
            if cancelled.is_set():
                task.finish(None)
            else:
                task.fail(fault)
        except Exception as error:  # noqa: BLE001  # said as a bug where it is shown
            task.fail(ProgramFault(FaultCode.BUG, detail=f"{type(error).__name__}: {error}"))
        else:
            task.finish(found)
        with self._lock:
            self._cancels.discard(cancelled)
            if not self._cancels and not self._closed:
                self._idle = threading.Timer(self._idle_seconds, self._end_idle)
                self._idle.daemon = True
                self._idle.start()

    def _end_idle(self) -> None:
        with self._lock:
            wanted = bool(self._cancels) or self._closed
        if not wanted:
            self._client.end()


def _joined(end: Analysed, portions: list[AnalysedPortion]) -> Analysis:
    return Analysis(
        end.language,
        end.unit,
        end.parts,
        end.annotations,
        tuple(each for portion in portions for each in portion.sentences),
        tuple(each for portion in portions for each in portion.tokens),
        tuple(each for portion in portions for each in portion.entities),
    )
