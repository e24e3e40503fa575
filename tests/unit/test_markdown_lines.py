"""Lines of Markdown, taken apart and put together."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_llm.core.markdown_lines import BlockKind, LineKind, blocks_of, line_of, lines_of
from tests.hostile_texts import HOSTILE_TEXTS

SIGNS = st.text(st.sampled_from("#-*+>|`~$\\[]<>/prescitylo 1.)\t\n\r=_xé汉:"), max_size=200)
SECONDS = 5.0  # far above what a linear reading takes, far below what a quadratic one does


def joined(text):
    return "".join(line.text for line in lines_of(text))


def contents(text):
    return [content for line in lines_of(text) for content in line.contents]


@given(st.one_of(st.text(), SIGNS))
def test_the_lines_joined_are_the_text(text):
    assert joined(text) == text
    assert "".join(line.with_contents(line.contents) for line in lines_of(text)) == text


@given(SIGNS)
def test_blocks_are_in_order_and_apart(text):
    end = 0
    for block in blocks_of(text):
        assert end <= block.start < block.end <= len(text)
        end = block.end


@pytest.mark.parametrize("name", HOSTILE_TEXTS)
def test_hostile_texts_take_no_time(name):
    begin = time.process_time()
    assert joined(HOSTILE_TEXTS[name]) == HOSTILE_TEXTS[name]
    assert time.process_time() - begin < SECONDS


@pytest.mark.parametrize(
    "text",
    ["$$ a\n" * 50_000, "\\[ a\n" * 50_000, "<pre>\n" * 50_000, "```\n````\n" * 30_000],
    ids=["dollars", "brackets", "pre", "fences"],
)
def test_what_is_never_closed_is_looked_for_once(text):
    begin = time.process_time()
    assert joined(text) == text
    assert time.process_time() - begin < SECONDS


@pytest.mark.parametrize(
    ("line", "kind", "prefix", "content", "trailing"),
    [
        ("## A heading\n", LineKind.HEADING, "## ", "A heading", "\n"),
        ("# Closed ##  \n", LineKind.HEADING, "# ", "Closed", " ##  \n"),
        ("# C#\n", LineKind.HEADING, "# ", "C#", "\n"),
        ("- an item", LineKind.ITEM, "- ", "an item", ""),
        ("  12) an item\r\n", LineKind.ITEM, "  12) ", "an item", "\r\n"),
        ("- [x] done\n", LineKind.ITEM, "- [x] ", "done", "\n"),
        ("> said\n", LineKind.QUOTE, "> ", "said", "\n"),
        ("> > - ## deep\n", LineKind.HEADING, "> > - ## ", "deep", "\n"),
        ("    indented  \n", LineKind.TEXT, "    ", "indented", "  \n"),
        ("a hard break\\\n", LineKind.TEXT, "", "a hard break", "\\\n"),
        ("*not* an item\n", LineKind.TEXT, "", "*not* an item", "\n"),
        ("**bold** too\n", LineKind.TEXT, "", "**bold** too", "\n"),
        ("#hashtag\n", LineKind.TEXT, "", "#hashtag", "\n"),
        ("3.14 is pi\n", LineKind.TEXT, "", "3.14 is pi", "\n"),
        ("-5 degrees\n", LineKind.TEXT, "", "-5 degrees", "\n"),
        ("> 你好\n", LineKind.QUOTE, "> ", "你好", "\n"),
    ],
)
def test_a_line(line, kind, prefix, content, trailing):
    found = line_of(line)
    assert (found.kind, found.fixed, found.contents) == (kind, (prefix, trailing), (content,))


@pytest.mark.parametrize("line", ["---\n", "***", "_ _ _\n", "===\n", "- - -\n", "--\n"])
def test_a_rule_has_no_words(line):
    assert (line_of(line).kind, line_of(line).contents) == (LineKind.RULE, ())


@pytest.mark.parametrize("line", ["- \n", "## ##\n", "> \n", "# #\n"])
def test_a_line_without_words_is_fixed(line):
    assert line_of(line).fixed == (line,)


def test_only_words_of_a_table_are_contents():
    text = "| Name | Age |\n|:---|---:|\n| Ann \\| Bo |  |\nx|y\n\nafter | it\n"
    lines = lines_of(text)
    assert [line.kind for line in lines] == [
        LineKind.TABLE_ROW,
        LineKind.TABLE_RULE,
        LineKind.TABLE_ROW,
        LineKind.TABLE_ROW,
        LineKind.BLANK,
        LineKind.TEXT,
    ]
    assert [line.cells for line in lines] == [2, 2, 2, 2, 0, 0]
    assert contents(text) == ["Name", "Age", "Ann \\| Bo", "x", "y", "after | it"]


def test_words_stay_in_their_cell_and_on_their_line():
    row, _ = lines_of("| a | b |\n|---|---|\n")
    assert row.with_contents(["x|y\\|z", "two\nlines"]) == "| x\\|y\\|z | two lines |\n"
    assert row.with_contents(["x\\", "y"]) == "| x\\  | y |\n"
    assert line_of("- a\n").with_contents(["x\n- y"]) == "- x - y\n"
    with pytest.raises(ValueError, match="2 contents for 1"):
        line_of("- a\n").with_contents(["x", "y"])


def test_fenced_code_is_kept():
    text = "before\n```python\n# no heading\n```\nafter\n> ~~~\n> quoted\n> ~~~\nend\n"
    assert contents(text) == ["before", "after", "end"]


def test_a_fence_is_closed_by_its_own_kind_and_length():
    assert contents("````\n```\n~~~~\n````\nafter") == ["after"]
    assert contents("``` a `b` ```\nafter") == ["``` a `b` ```", "after"]
    assert contents("- ```\n  code\n  ```\n- after") == ["after"]


def test_a_fence_without_an_end_goes_on():
    assert contents("before\n```\ncode\n\nmore") == ["before"]


def test_formulas_and_elements_are_kept():
    text = "a\n$$\nx = y\n\n$$\nb\n\\[\nx\n\\]\nc\n<pre>\n\nd\n</pre>\ne\n"
    assert contents(text) == ["a", "b", "c", "e"]
    assert [block.kind for block in blocks_of(text)] == [
        BlockKind.FORMULA,
        BlockKind.FORMULA,
        BlockKind.ELEMENT,
    ]
    assert contents("$$ never closed\nafter") == ["$$ never closed", "after"]
