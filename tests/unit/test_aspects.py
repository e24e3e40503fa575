"""Aspects: clauses, what names an aspect, and that evidence is the text itself."""

import random

import pytest

from desktop_llm.core.aspects import (
    MOST_FOUND,
    clauses,
    evidence_of,
    found_aspects,
    mention_of,
    typed_aspects,
)


def said(text):
    return [span.of(text) for span in clauses(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "The screen is gorgeous, but the battery dies after two hours.",
            ["The screen is gorgeous,", "but the battery dies after two hours."],
        ),
        (
            "I love the keyboard although the trackpad sticks.",
            ["I love the keyboard", "although the trackpad sticks."],
        ),
        ("It cost 1,000 dollars in all.", ["It cost 1,000 dollars in all."]),
        (
            "Screen, battery, and speakers are great.",
            ["Screen, battery, and speakers are great."],
        ),
        ("I used it for a while today.", ["I used it for a while today."]),
        ("The food was cold, sadly.", ["The food was cold, sadly."]),
        ("屏幕很漂亮，但电池只能用两小时。", ["屏幕很漂亮，", "但电池只能用两小时。"]),
        ("服务不但周到而且热情。", ["服务不但周到而且热情。"]),
        ("价格便宜不过质量一般。位置好。", ["价格便宜", "不过质量一般。", "位置好。"]),
        ("", []),
        ("…", ["…"]),
    ],
)
def test_clauses(text, expected):
    assert said(text) == expected


def test_an_aspect_is_named_as_a_word():
    assert mention_of("art").search("a party") is None
    assert mention_of("battery life").search("The Battery  Life is fine")
    assert mention_of("screen").search("Both screens flicker")
    assert mention_of("价格").search("这个价格太高")
    assert mention_of("C++").search("good C++ support")
    assert mention_of("AI").search("这个AI助手不错")


def test_typed_ones_stand_once_and_found_ones_stand_in_the_text():
    assert typed_aspects([" Screen ", "screen", "", "battery  life"]) == ["Screen", "battery life"]
    text = "The screen is fine. The battery was weak and the battery is hot. Great staff."
    found, dropped = found_aspects(["staff", "Camera", "the screen", "price"], text, ["Screen"])
    assert found == ["battery", "staff"]
    assert dropped == 2
    assert found_aspects([], "屏幕很漂亮，但是电池不耐用。")[0] == ["屏幕", "电池"]
    many = [f"word{at}" for at in range(99)]
    assert len(found_aspects(many, " ".join(many))[0]) == MOST_FOUND


WORDS = [
    "the", "battery", "Battery", "screen", "is", "bad", "but", "although", "while", ",", ", ",
    "; ", ". ", "\n", "\n\n", "但", "不过", "，", "。", "价格", "很高", "1,000", "😀", "İ", "—",
    " - ", "U.S.", '"', "）",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(300))
def test_evidence_is_the_text_itself_and_names_the_aspect(seed):
    chance = random.Random(seed)
    text = "".join(
        chance.choice(WORDS) + chance.choice(["", " "]) for _at in range(chance.randint(0, 60))
    )
    spans = clauses(text)
    end = 0
    for span in spans:
        assert end <= span.start < span.end <= len(text)
        assert not text[end : span.start].strip()  # nothing is lost between them
        assert span.of(text) == span.of(text).strip()
        end = span.end
    assert not text[end:].strip()
    for aspect in ("battery", "screen", "价格", "İ", "is bad"):
        for at in evidence_of(aspect, text, spans):
            assert "".join(aspect.split()).lower() in "".join(spans[at].of(text).split()).lower()
