"""Code in colours."""

import pytest

from desktop_llm.rendering.highlight import LONGEST, Kind, Run, highlight

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
    ("code", "language"), [("x", ""), ("x", "no such language"), ("x" * (LONGEST + 1), "python")]
)
def test_what_is_not_known_stays_plain(code, language):
    assert highlight(code, language) == ()
