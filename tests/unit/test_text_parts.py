"""Texts in sentences and parts, what a sentence rests on, and what models say made sound."""

import json
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_llm.core.evidence import Evidence
from desktop_llm.core.segments import LONGEST_SENTENCE, parts, sentences
from desktop_llm.core.tool_results import (
    clean_reply,
    items_of,
    joined_lists,
    joined_quotes,
    joined_tables,
    quotes_in,
    rows_of,
)


def said(text):
    return [span.of(text) for span in sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dr. Smith paid 3.5 euros. He left!", ["Dr. Smith paid 3.5 euros.", "He left!"]),
        ('He said "Go." Then he went.', ['He said "Go."', "Then he went."]),
        ("A line that\nis wrapped. Next", ["A line that\nis wrapped.", "Next"]),
        ("# Title\nText here", ["# Title", "Text here"]),
        ("- one\n- two", ["- one", "- two"]),
        ("1. First\n2. Second", ["1. First", "2. Second"]),
        ("今天很好。“走吧！”他说。", ["今天很好。", "“走吧！”", "他说。"]),
        ("标题\n第一行没有句号\n第二行", ["标题", "第一行没有句号", "第二行"]),
        ("Really?! Yes… No.", ["Really?!", "Yes…", "No."]),
        ("e.g. this, i.e. that.", ["e.g. this, i.e. that."]),
        ("", []),
        (" \n\t ", []),
        ("x", ["x"]),
    ],
)
def test_sentences(text, expected):
    assert said(text) == expected


@given(st.text(alphabet='ab .!?\n。“”"1#-', max_size=200))
def test_nothing_is_lost_between_sentences(text):
    spans = sentences(text)
    assert all(span.start < span.end for span in spans)
    assert all(one.end <= two.start for one, two in pairwise(spans))
    assert "".join("".join(said(text)).split()) == "".join(text.split())


def test_a_text_without_ends_is_cut_all_the_same():
    spans = sentences("word " * 5000)
    assert max(span.end - span.start for span in spans) <= LONGEST_SENTENCE


def count(texts):
    return [len(text.split()) for text in texts]


def test_parts_begin_at_headings_and_paragraphs_and_leave_nothing_out():
    block = "One two three four. Five six seven eight.\n\n"
    text = f"# A\n\n{block * 3}# B\n\n{block * 3}"
    spans = sentences(text)
    found = parts(text, spans, 40, count)
    assert [part.span.of(text).split("\n")[0] for part in found] == ["# A", "# B"]
    assert [part.first for part in found][1:] == [part.last for part in found][:-1]
    assert found[-1].last == len(spans)


def test_a_sentence_that_is_longer_than_a_part_is_one_of_its_own():
    text = "Hello. " + "word " * 50 + "end. B."
    found = parts(text, sentences(text), 10, count)
    assert [part.last - part.first for part in found] == [1, 1, 1]


def test_ten_megabytes_are_cut_in_seconds():
    text = "A sentence of a few words. 还有一句中文。\n\n" * 250_000
    begun = time.perf_counter()
    spans = sentences(text)
    assert len(spans) == 500_000
    assert time.perf_counter() - begun < 60


SOURCE = ["The bridge cost 14 million euros in 2019.", "Anna Berg, the mayor, praised it.",
          "It rained all day.", "这座桥花费一千四百万欧元。"]  # fmt: skip


@pytest.mark.parametrize(
    ("sentence", "sources", "supported"),
    [
        ("The bridge cost 14 million euros.", (0,), True),
        ("The mayor, Anna Berg, praised it.", (1,), True),
        ("The mayor praised the bridge, which cost euros.", (0, 1), True),
        ("The bridge cost 15 million euros.", (0,), False),  # the number is another
        ("Penguins live in Antarctica.", (), False),
        ("这座桥花费一千四百万欧元", (3,), True),
        ("", (), False),
    ],
)
def test_what_a_sentence_rests_on(sentence, sources, supported):
    support = Evidence(SOURCE).of(sentence)
    assert sorted(support.sources) == list(sources)
    assert support.is_supported is supported


def test_evidence_in_a_long_text_is_found_fast():
    text = [f"Sentence {at} speaks of thing{at} and of matter{at % 50}." for at in range(20_000)]
    evidence = Evidence(text)
    begun = time.perf_counter()
    assert evidence.of("It speaks of thing777.").sources[0] == 777
    assert time.perf_counter() - begun < 1


@pytest.mark.parametrize(
    ("reply", "source", "expected"),
    [
        ("```\ncode\n```", "x", "code"),
        ("```\ncode\n```", "```\ncod\n```", "```\ncode\n```"),
        ('"Quoted."', "x", "Quoted."),
        ('"One" and "two"', "x", '"One" and "two"'),
        ("<think>hm</think>Answer", "x", "Answer"),
        ("<text>\nDone\n</text>", "x", "Done"),
        ("Done\n</text>", "x", "Done"),
    ],
)
def test_marks_around_a_reply_go(reply, source, expected):
    assert clean_reply(reply, source) == expected


def test_lists_are_put_together():
    assert items_of("- a\n2. b\n* c") == ["a", "b", "c"]
    assert items_of("桥、市长，河") == ["桥", "市长", "河"]
    assert joined_lists(["Bridge\nMayor", "- mayor\n- River"]) == "Mayor\nBridge\nRiver"


def test_only_what_stands_in_the_text_is_quoted():
    made = joined_quotes(['{"people": ["Anna Berg", "Zeus"]}', '{"people": ["Anna Berg"]}', "{"])
    shown, dropped = quotes_in(made, "The mayor, Anna Berg, spoke.")
    assert json.loads(shown) == {"people": ["Anna Berg"]}
    assert dropped == 1


def test_tables_with_one_header_become_one():
    one, two = "| a | b |\n|---|---|\n| 1 | 2 |", "Here:\n| a | b |\n| --- | --- |\n| 3 | 4 |\nEnd"
    assert rows_of(joined_tables([one, two, one])) == [["a", "b"], ["1", "2"], ["3", "4"]]
