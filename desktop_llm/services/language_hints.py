"""What the language process says beside a tool's work; what it cannot say costs nothing else."""

import logging
from typing import Any, TypeVar

from desktop_llm.core.errors import DesktopLlmError
from desktop_llm.core.language import Identified
from desktop_llm.core.tasks import Task
from desktop_llm.services.engine_work import EngineWork
from desktop_llm.services.language import LanguageTools

logger = logging.getLogger(__name__)

IDENTIFIED, JUDGED_BY_LEXICON = 4000, 100_000  # characters that are looked at
SECONDS = 30.0

R = TypeVar("R")


def language_of(text: str, tools: LanguageTools | None, work: EngineWork) -> Identified | None:
    """None where it cannot be told."""
    if tools is None:
        return None
    found = _answer(work, tools.identify(text[:IDENTIFIED]))
    return found[0] if found else None


def lexicon_of(
    text: str, tools: LanguageTools | None, work: EngineWork
) -> tuple[str, float | None]:
    """The language of a text, and how positive a lexicon finds it, -1 … 1, where it is English."""
    found = language_of(text, tools, work)
    language = "" if found is None else found.code
    if language != "en" or tools is None:
        return language, None
    polarity = _answer(work, tools.vader(text[:JUDGED_BY_LEXICON]))
    return language, polarity[0].compound if polarity else None


def _answer(work: EngineWork, task: Task[Any, R]) -> R | None:
    try:
        return work.watch(task).result(SECONDS)
    except (DesktopLlmError, TimeoutError) as fault:
        logger.info("the language process could not be asked: %s", type(fault).__name__)
        return None
