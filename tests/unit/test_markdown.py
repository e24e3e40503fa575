"""Markdown into blocks: complete, safe, and the same streamed as whole."""

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from desktop_llm.rendering.markdown import (
    Code,
    Formula,
    Heading,
    Items,
    Paragraph,
    Quote,
    Rule,
    Span,
    Table,
    parse,
)
from desktop_llm.rendering.plain_text import plain_text, words_of
from desktop_llm.rendering.portions import parse_to_show
from desktop_llm.rendering.streaming import StreamingParser, joined
from tests.hostile_texts import HOSTILE_TEXTS

SAMPLE = """# Sky 天空

Blue **and *wide***, `x < 1`, ~~grey~~.

- one
- two
  1. inner

> said

```python title
def f():
                                return 1
```

| a | b |
|:--|--:|
| 1 | **2** |

---

End.
"""


def test_every_kind_of_block():
    heading, words, items, quote, code, table, rule, end = parse(SAMPLE)
    assert heading == Heading(1, (Span("Sky 天空"),))
    assert words == Paragraph(
        (
            Span("Blue "), Span("and ", bold=True), Span("wide", bold=True, italic=True),
            Span(", "), Span("x < 1", code=True), Span(", "), Span("grey", struck=True), Span("."),
        )
    )  # fmt: skip
    assert isinstance(items, Items)
    assert items.start is None
    assert items.items[1][1] == Items(1, ((Paragraph((Span("inner"),)),),))
    assert quote == Quote((Paragraph((Span("said"),)),))
    assert code == Code("def f():\n" + " " * 32 + "return 1", "python")
    assert isinstance(table, Table)
    assert (table.align, table.rows[0][1]) == (("left", "right"), (Span("2", bold=True),))
    assert rule == Rule()
    assert end == Paragraph((Span("End."),))


@pytest.mark.parametrize(
    "text",
    ["![cat](file:///dev/zero)", "![cat](http://127.0.0.1/x.png)", "[cat](file:///etc/passwd)",
     "[cat](javascript:alert(1))", "[cat](data:text/html,x)", "[cat](//host/x)"],
)  # fmt: skip
def test_what_would_load_or_run_becomes_text(text):
    spans = [span for block in parse(text) for span in block.spans]
    assert all(span.link == "" for span in spans)
    assert "cat" in words_of(spans)


def test_html_stays_text_and_safe_links_stay_links():
    (block,) = parse("<img src=x> and [a](https://example.org/a)")
    assert block.spans == (Span("<img src=x> and "), Span("a", link="https://example.org/a"))


@pytest.mark.parametrize("size", [1, 3, 7, 50])
def test_streamed_as_whole(size):
    parser, frozen, opened = StreamingParser(), (), ()
    for at in range(0, len(SAMPLE), size):
        finished, opened = parser.feed(SAMPLE[at : at + size])
        frozen += finished
    assert joined(frozen + opened) == parse(SAMPLE)


def test_deep_nesting_and_long_lines_end():
    parse(">" * 5000 + " deep")
    parse("[" * 5000)
    parse("*" * 20000)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="*_`[]()<>!|-#>~ \n1.ab天😀\\", max_size=200))
def test_any_text_is_parsed_and_streams(text):
    parser, blocks = StreamingParser(), ()
    for character in text:
        finished, opened = parser.feed(character)
        blocks = (*blocks, *finished)
    if text.strip():
        assert bool((*blocks, *opened)) == bool(parse(text))


def test_what_is_copied_has_no_marks():
    assert plain_text(parse(SAMPLE)) == (
        "Sky 天空\n\nBlue and wide, x < 1, grey.\n\n• one\n• two\n  1. inner\n\nsaid\n\n"
        f"def f():\n{' ' * 32}return 1\n\na\tb\n1\t2\n\nEnd."
    )
    assert plain_text(()) == ""


PIECES = [
    "word", " ", "two words", "\n", "\n\n", "- ", "1. ", "2) ", "* ", "  ", "**", "*", "_", "`",
    "```\n", "```py\n", "# ", "> ", "| a | b |\n|---|---|\n", "|", "---", "===", "~~", "&amp;",
    "&", ";", "<", ">", "\\", "天空", "，", "😀", "1", ".", "    ", "\t", "=", "-", "+ ",
    "$", "$x$", "$$", "$$\n", "\\(", "\\)", "\\[", "\\]", "[ ] ", "[x] ", "<think>", "</think>",
]  # fmt: skip


@settings(max_examples=600, deadline=None)
@example(["- ", "- ", "[x] ", "word"])
@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_at_every_moment_the_stream_shows_what_a_parse_would(pieces):
    parser, frozen, text = StreamingParser(), (), ""
    for piece in pieces:
        text += piece
        finished, opened = parser.feed(piece)
        frozen += finished
        assert joined(frozen + opened) == joined(parse(text)), text


def test_tasks_and_plain_items():
    (items,) = parse("- [ ] to do\n- [x] **done**\n- plain\n- [ ]\n")
    assert items.done == (False, True, None, None)
    assert items.items[0] == (Paragraph((Span("to do"),)),)
    assert items.items[1] == (Paragraph((Span("done", bold=True),)),)
    assert parse("- a\n- b")[0].done == ()
    assert plain_text((items,)).split("\n")[:3] == ["☐ to do", "☑ done", "• plain"]


@pytest.mark.parametrize(
    ("text", "formula"),
    [("so $x^2$ is", "x^2"), (r"so \(x^2\) is", "x^2"), ("so $$x$$ is", "x")],
)
def test_formulas_within_words(text, formula):
    (block,) = parse(text)
    assert [span.text for span in block.spans if span.math] == [formula]


@pytest.mark.parametrize("text", ["$$\na = b\n$$", "$$ a = b $$", "\\[\na = b\n\\]"])
def test_formulas_on_lines_of_their_own(text):
    assert parse(text) == (Formula("a = b"),)
    assert plain_text(parse(text)) == "$$a = b$$"


def test_prices_are_no_formulas():
    for text in ("It costs $5 and not $6.", "$5-$6", "5$-6$"):
        (block,) = parse(text)
        assert block.spans == (Span(text),)
    assert parse("$x$ and 1")[0].spans[0].math


def test_footnotes():
    text, notes = parse("One[^a] and two^[within].\n\n[^a]: The *note*.\n\n    More.")
    assert [span.note for span in text.spans if span.note] == ["a", "2"]
    assert [label for label, _blocks in notes.notes] == ["a", "2"]
    assert plain_text((text, notes)) == "One[a] and two[2].\n\n[a] The note.\n\nMore.\n[2] within"


def test_what_is_thought_aloud_stands_before_the_answer():
    thought, answer = parse("<think>\nFirst *this*.\n</think>\n\nThe answer.")
    assert thought.ended
    assert thought.blocks == (Paragraph((Span("First "), Span("this", italic=True), Span("."))),)
    assert answer == Paragraph((Span("The answer."),))
    (thought,) = parse("<think>half *a")
    assert (thought.ended, thought.blocks) == (False, (Paragraph((Span("half *a"),)),))
    assert plain_text(parse("<think>x</think>y")) == "y"
    assert parse("so <think>x</think>")[0].spans[0].text.startswith("so <think>")


@pytest.mark.parametrize("text", HOSTILE_TEXTS.values(), ids=HOSTILE_TEXTS)
def test_hostile_text_is_parsed_in_bounded_time(text):
    began = time.process_time()
    parse_to_show(text)
    assert time.process_time() - began < 5
