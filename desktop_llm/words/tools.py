"""Text tools in words."""

from desktop_llm.core import translations
from desktop_llm.core.tool_files import Flaw, ToolProblem
from desktop_llm.core.translations import Problem
from desktop_llm.words import _


def problem_words(problem: ToolProblem) -> str:
    """Which file, which line, what is wrong there."""
    why = {
        Flaw.NOT_TOML: _("it is not valid TOML"),
        Flaw.NEWER: _("it is of a newer version of this program"),
        Flaw.TOO_LONG: _("“{key}” is too long"),
        Flaw.MISSING: _("“{key}” is missing"),
        Flaw.WRONG: _("“{key}” has no valid value"),
        Flaw.UNKNOWN: _("“{key}” is not known"),
        Flaw.UNDECLARED: _("the variable “{key}” is not declared"),
        Flaw.SAME_ID: _("another file has the same id"),
        Flaw.UNREADABLE: _("it cannot be read"),
    }[problem.flaw].format(key=problem.key)
    if problem.line:
        return _("“{file}”, line {line}: {why}.").format(
            file=problem.file, line=problem.line, why=why
        )
    return _("“{file}”: {why}.").format(file=problem.file, why=why)


def flaw_words(problem: Problem) -> str:
    """What is wrong with a unit of a translation."""
    words = {
        translations.Flaw.KEPT_MISSING: _(
            "Sentence {number}: “{detail}” was lost, and put at the end."
        ),
        translations.Flaw.TERM_MISSED: _("Sentence {number}: the glossary asks for {detail}."),
        translations.Flaw.NUMBER_CHANGED: _("Sentence {number}: “{detail}” is not in it."),
        translations.Flaw.REPEATS: _(
            "Sentence {number}: it repeats itself, or the sentence before."
        ),
        translations.Flaw.UNTRANSLATED: _("Sentence {number}: it was not translated."),
    }[problem.flaw]
    return words.format(number=problem.unit + 1, detail=problem.detail)
