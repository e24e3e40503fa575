"""Models to be had, in words."""

from desktop_llm.core.catalogue import CatalogueModel, Fit, ModelTask, Recommendation
from desktop_llm.words import _
from desktop_llm.words.amounts import size_words
from desktop_llm.words.models import count_words, language_words

MANY = "multi"


def task_words(task: ModelTask) -> str:
    return {
        ModelTask.CHAT: _("Chat"),
        ModelTask.TRANSLATION: _("Translation"),
        ModelTask.EMBEDDING: _("Search by meaning"),
    }[task]


def fit_words(fit: Fit) -> str:
    return {
        Fit.WELL: _("runs well here"),
        Fit.SLOW: _("fits, but writes slowly"),
        Fit.TIGHT: _("tight here"),
        Fit.TOO_LARGE: _("too large for now"),
        Fit.UNKNOWN: "",
    }[fit]


def fit_sentence(fit: Fit, needed: int, free: int, context: int) -> str:
    """How the two numbers compare; `context`: tokens they are meant for."""
    words = {
        Fit.WELL: _("Runs well here: takes about {needed} with a context of {tokens} tokens, of "
                    "{free} free memory."),
        Fit.SLOW: _("Fits, takes about {needed} with a context of {tokens} tokens, of {free} free "
                    "memory; but this computer will write more slowly than you read."),
        Fit.TIGHT: _("Tight: takes about {needed} with a context of {tokens} tokens, of {free} "
                     "free memory. Close other programs first."),
        Fit.TOO_LARGE: _("Too large for now: takes about {needed} with a context of {tokens} "
                         "tokens, and {free} of memory are free."),
    }  # fmt: skip
    if fit not in words:
        return ""
    return words[fit].format(
        needed=size_words(needed), free=size_words(free), tokens=f"{context:,}"
    )


def reason_words(found: Recommendation) -> str:
    """Why this one, in a sentence."""
    needed, free = size_words(found.needed), size_words(found.free)
    if found.smaller:
        words = _("The smallest of its kind: about {needed} of {free} free memory. Others are too "
                  "large or too slow here.")  # fmt: skip
        return words.format(needed=needed, free=free)
    words = {
        ModelTask.CHAT: _("The largest for conversations that runs well here: about {needed} of "
                          "{free} free memory."),
        ModelTask.TRANSLATION: _("The largest made for translation that runs well here: about "
                                 "{needed} of {free} free memory."),
        ModelTask.EMBEDDING: _("The largest for search by meaning that runs well here: about "
                               "{needed} of {free} free memory."),
    }[found.task]  # fmt: skip
    return words.format(needed=needed, free=free)


def brief(model: CatalogueModel) -> str:
    """In one line."""
    parts = [", ".join(task_words(task) for task in model.tasks), count_words(model.parameters)]
    parts.append(spoken_words(model.languages))
    return "  ·  ".join(parts)


def spoken_words(languages: tuple[str, ...]) -> str:
    named = language_words(tuple(each for each in languages if each != MANY))
    return _("{languages} and many more").format(languages=named) if MANY in languages else named
