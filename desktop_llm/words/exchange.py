"""What leaves the program and what comes in, in words."""

from desktop_llm.core.exchange import Problem, ProblemKind
from desktop_llm.core.settings import Language
from desktop_llm.services.exports import ExportWords
from desktop_llm.words import _, counted, current_language


def export_words() -> ExportWords:
    chinese = current_language() is Language.CHINESE
    return ExportWords(
        you=_("You"),
        model=_("The model"),
        system=_("Instructions to the model"),
        untitled=_("New conversation"),
        attached=_("Attached: {name}"),
        thought=_("What the model thought"),
        language="zh-CN" if chinese else "en",
    )


def problem_words(problem: Problem) -> str:
    """One line: where it is, and what could not be taken."""
    title = " ".join(problem.title.split())
    where = _("conversation {number}").format(number=f"{problem.number:,}")
    if title:
        where = _("{where} “{title}”").format(where=where, title=title[:60])
    return f"{where}: {_what(problem)}"


def _what(problem: Problem) -> str:
    count = problem.count
    if problem.kind is ProblemKind.BROKEN_TREE:
        return counted(
            "{number} message hangs on nothing and is left out",
            "{number} messages hang on nothing and are left out",
            count,
        )
    if problem.kind is ProblemKind.PART_SKIPPED:
        return counted(
            "{number} part that is no text is left out",
            "{number} parts that are no text are left out",
            count,
        )
    if problem.kind is ProblemKind.TEXT_CUT:
        return counted("{number} long text is cut", "{number} long texts are cut", count)
    if problem.kind is ProblemKind.VALUE_IGNORED:
        return counted(
            "{number} value is not sound and is ignored",
            "{number} values are not sound and are ignored",
            count,
        )
    return {
        ProblemKind.NOT_A_CONVERSATION: _("is no conversation"),
        ProblemKind.EMPTY: _("has no messages"),
        ProblemKind.FILE_CUT: _("the file is damaged from here on"),
        ProblemKind.TOO_MANY: _("the file has too many messages; the rest is left out"),
    }[problem.kind]
