"""Long messages in portions: nothing is lost between them, and each is small."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_llm.rendering.markdown import Code, Items, Paragraph, Span, Table, parse
from desktop_llm.rendering.plain_text import plain_text
from desktop_llm.rendering.portions import (
    LONGEST_PARSED,
    PORTION,
    _blocks_cost,
    as_written,
    parse_to_show,
    split,
)
from tests.unit.test_markdown import SAMPLE

LONG = [
    "**b** i " * 20_000, "word " * 100_000, "x" * 500_000, "- item\n" * 10_000, "a\n\n" * 20_000,
    "|a|b|\n|-|-|\n" + "|1|2|\n" * 20_000, "```\n" + "line of code\n" * 20_000 + "```",
    "> " + "word *and* " * 20_000, "1. one\n2. two\n" * 5_000, "[a](http://x.example) " * 8_000,
]  # fmt: skip


def portions(blocks, room=PORTION):
    found = []
    while blocks:
        shown, blocks = split(blocks, room)
        found.append(shown)
    return found


@pytest.mark.parametrize("text", LONG, ids=lambda text: text[:8].strip())
def test_each_portion_is_small_and_no_word_is_lost(text):
    blocks = parse(text)
    parts = portions(blocks)
    assert len(parts) > 1
    assert all(_blocks_cost(part) <= PORTION * 1.01 for part in parts)
    words = "".join(plain_text(part) for part in parts)
    assert letters(words) == letters(plain_text(blocks)) + letters(repeated(blocks, parts))


def letters(text):
    return len([letter for letter in text if letter.isalpha()])


def repeated(blocks, parts):
    """The head of a table that is divided stands above each part."""
    if not isinstance(blocks[0], Table):
        return ""
    return "ab" * (len(parts) - 1)


def test_a_short_message_is_one_portion():
    blocks = parse(SAMPLE)
    assert split(blocks) == (blocks, ())


def test_a_list_goes_on_counting():
    blocks = parse("\n".join(f"{number}. item" for number in range(5, 400)))
    parts = portions(blocks, room=2000)
    assert [part[0].start for part in parts][:2] == [5, 5 + len(parts[0][0].items)]
    assert sum(len(part[0].items) for part in parts) == 395
    assert all(isinstance(part[0], Items) for part in parts)


def test_code_is_divided_between_lines():
    parts = portions((Code("one\ntwo\nthree", "text"),), room=40 + 9)
    assert [part[0].text for part in parts] == ["one\ntwo", "three"]


def test_of_a_row_that_is_too_wide_it_is_said_that_there_is_more():
    (table,), _rest = split(parse("|" + "a|" * 500 + "\n|" + "-|" * 500 + "\n|" + "1|" * 500), 3000)
    assert table.head[-1] == (Span("…"),)
    assert {len(row) for row in table.rows} == {len(table.head)} == {len(table.align)}


def test_what_is_too_long_to_be_parsed_is_shown_as_it_was_written():
    text = "*a* " * (LONGEST_PARSED // 4 + 1)
    assert parse_to_show(text) == as_written(text) == (Paragraph((Span(text),)),)
    assert parse_to_show("*a*") == parse("*a*")


@given(st.text(alphabet="*_`|-> \n1.ab天\\$", max_size=400), st.integers(1, 200))
def test_portions_end_and_lose_nothing(text, room):
    blocks = parse(text)
    parts = portions(blocks, room)
    assert len(parts) <= len(text) + 1
    if not any(isinstance(block, Table) for block in blocks):
        whole, shown = plain_text(blocks), "".join(map(plain_text, parts))
        assert set(whole.split()) <= set("".join(shown).split()) or letters(whole) == letters(shown)
