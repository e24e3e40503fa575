"""Code in colours."""

import pytest
from pygments.lexers import get_lexer_by_name

from desktop_llm.rendering.highlight import LANGUAGES, LONGEST, LONGEST_LINE, Kind, Run, highlight

CODE = 'def add(a):\n    # sum 和\n    return a + 1, "x"\n'


def test_every_kind_is_found_where_it_stands():
    runs = {CODE[run.start : run.start + run.length]: run.kind for run in highlight(CODE, "python")}
    assert runs["add"] is Kind.NAME
    assert runs["# sum 和"] is Kind.COMMENT
    assert runs["return"] is Kind.KEYWORD
    assert runs["1"] is Kind.NUMBER
    assert Kind.STRING in runs.values()


def test_the_first_line_may_be_empty():
    assert highlight("\n\nreturn", "python") == (Run(2, 6, Kind.KEYWORD),)


@pytest.mark.parametrize(
    ("code", "language"),
    [("x", ""), ("x", "no such language"), ("x\n" * LONGEST, "python"),
     ("x" * (LONGEST_LINE + 1), "python"), ("<a>", "html+jinja"), ("1", "easytrieve")],
)  # fmt: skip
def test_what_is_not_known_stays_plain(code, language):
    assert highlight(code, language) == ()


def test_code_that_takes_too_long_is_coloured_as_far_as_that_goes(monkeypatch):
    whole = highlight(CODE, "python")
    monkeypatch.setattr("desktop_llm.rendering.highlight.SECONDS", -1.0)
    assert highlight(CODE, "python") == whole[:1]


def test_other_names_of_a_language():
    assert highlight("return 1;", "c++")


def test_every_language_is_known():
    assert [name for name in LANGUAGES if get_lexer_by_name(name).aliases[0] != name] == []
