"""What the language process finds, asked without the process."""

import sys
from importlib import import_module

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.language import (
    Analyse,
    Analysed,
    Collocations,
    Concordance,
    Frequencies,
    Identify,
    Part,
    Readability,
    StopWords,
    Unit,
    Vader,
)
from desktop_llm.language import identify, running
from desktop_llm.language.main import CODEC, SERVES
from desktop_llm.language.readability import english_syllables
from desktop_llm.language.running import CancelledError, Running, cut
from desktop_llm.language.sentences import split, words_of

TEXTS = st.text(
    st.sampled_from(list("aB1 .!?…。！？“”\"'「」（）\n\t—,，天空한あア€😀\u0301")), max_size=200
)


def ask(request):
    return SERVES[type(request)](request, Running(lambda _event: None))


def sentences(text, language="en"):
    portions = []
    SERVES[Analyse](Analyse(text, language), Running(portions.append))
    return [text[each.start : each.end] for portion in portions for each in portion.sentences]


def codes(*texts):
    return [found.code for found in ask(Identify(texts)).found]


# --- sentences ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", 'Dr. Ng said: "It works." He left.', ['Dr. Ng said: "It works."', "He left."]),
        ("en", "It costs 3.5 dollars... really! Yes?", ["It costs 3.5 dollars... really!", "Yes?"]),
        ("en", "A heading\n\nIts text.", ["A heading", "Its text."]),
        ("en", 'One. "Two." (Three.) Four', ["One.", '"Two."', "(Three.)", "Four"]),
        ("de", "Er sagte: „Ja.“ Dann ging er.", ["Er sagte: „Ja.“", "Dann ging er."]),
        ("zh", "他说：“好。”走吧！真的？？", ["他说：“好。”", "走吧！", "真的？？"]),
        ("zh", "是的……也许。共3.14元。", ["是的……也许。", "共3.14元。"]),
        ("zh", "（完。）\n\n标题\n\n正文", ["（完。）", "标题", "正文"]),
        ("ja", "「はい。」と言う。今日は。", ["「はい。」", "と言う。", "今日は。"]),
        ("ko", "안녕하세요. 저는 학생입니다.", ["안녕하세요.", "저는 학생입니다."]),
        ("xx", "", []),
        ("en", " \n ", []),
    ],
)
def test_sentences_by_rules(language, text, expected):
    assert sentences(text, language) == expected


@given(TEXTS)
def test_sentences_hold_every_word_once_and_in_order(text):
    words = words_of((at, letter) for at, letter in enumerate(text))
    found = list(split(text, words))
    ends = [0, *(end for _start, end in found)]
    assert all(before <= start for before, (start, _end) in zip(ends, found, strict=False))
    covered = {at for start, end in found for at in range(start, end)}
    assert {word.start for word in words} <= covered


@given(TEXTS, st.sampled_from(["en", "zh", "ja", "ko"]))
@settings(max_examples=50)
def test_tokens_are_what_stands_there(text, language):
    portions = []
    end = SERVES[Analyse](Analyse(text, language, tuple(Part)), Running(portions.append))
    assert isinstance(end, Analysed)
    assert end.parts == (Part.SENTENCES, Part.TOKENS)
    tokens = [token for portion in portions for token in portion.tokens]
    assert all(0 <= token.start < token.end <= len(text) for token in tokens)
    joined = "".join(text[token.start : token.end] for token in tokens)
    assert "".join(joined.split()) == "".join(text.split())


@given(st.text(st.sampled_from("ab \n。."), max_size=400), st.integers(1, 50))
def test_portions_make_the_text(text, most):
    start, pieces = 0, []
    while start < len(text):
        end = cut(text, start, most)
        pieces.append(text[start:end])
        start = end
    assert "".join(pieces) == text
    assert all(0 < len(piece) <= most + 1 for piece in pieces)


def test_offsets_count_in_the_whole_of_a_long_text(monkeypatch):
    monkeypatch.setattr(running, "PORTION", 40)
    monkeypatch.setattr(running.cut, "__defaults__", (40,))
    text = "The cat sat on the mat. " * 20
    assert sentences(text) == ["The cat sat on the mat."] * 20


def test_chinese_is_split_by_character_and_says_so():
    found = ask(Analyse("Python很好", "zh", (Part.TOKENS,)))
    assert found.unit is Unit.CHARACTER
    assert found.annotations == ()


# --- identification -------------------------------------------------------------------------------


def test_languages_are_identified():
    texts = {
        "en": "The weather is nice today, isn't it?",
        "de": "Wo ist der Bahnhof und wann fährt der Zug?",
        "fr": "Je ne sais pas où se trouve la gare.",
        "zh": "这是一个测试，我们看看结果如何。",
        "ja": "これはテストです。結果を見ましょう。",
        "ko": "이것은 시험입니다. 결과를 봅시다.",
        "ru": "Я не знаю, где находится вокзал.",
        "ar": "لا أعرف أين تقع محطة القطار",
    }
    found = ask(Identify(tuple(texts.values()))).found
    assert [each.code for each in found] == list(texts)
    assert [each.code for each in found if not each.sure] == []


def test_little_is_never_sure():
    found = ask(Identify(("hello", "天空", "はい", "Да", "42!", ""))).found
    assert not any(each.sure for each in found)
    assert [each.code for each in found][1:] == ["zh", "ja", "ru", "", ""]


def test_the_script_has_to_do_where_lingua_is_missing(monkeypatch):
    def missing(name):
        raise EnvironmentFault(FaultCode.LANGUAGE_TOOL_MISSING, name=name)

    identify._detector.cache_clear()
    monkeypatch.setattr(identify, "library", missing)
    found = ask(
        Identify(("这是一个很长的中文测试句子", "Где находится вокзал", "Hello there"))
    ).found
    assert [each.code for each in found] == ["zh", "ru", ""]
    assert [each.sure for each in found] == [True, False, False]


@given(TEXTS)
def test_anything_can_be_identified(text):
    (found,) = ask(Identify((text,))).found
    assert 0 <= found.probability <= 1
    assert len(found.code) in (0, 2)


# --- sentiment ------------------------------------------------------------------------------------


def test_vader_knows_good_from_bad():
    good, bad, none, empty = ask(
        Vader(("I love this great film!", "This is awful.", "The plane landed.", ""))
    ).found
    assert good.compound > 0.5
    assert bad.compound < -0.3
    assert none.compound == empty.compound == 0
    assert all(
        abs(each.positive + each.neutral + each.negative - 1) < 0.01 for each in (good, bad, none)
    )


def test_a_long_text_is_the_mean_of_its_sentences():
    short, long = ask(Vader(("I love it.", "I love it. " * 500))).found
    assert long.compound == pytest.approx(short.compound, abs=0.01)


def test_vader_is_english_alone():
    with pytest.raises(EnvironmentFault) as fault:
        Vader(("gut",), "de")
    assert fault.value.code is FaultCode.LANGUAGE_UNSUPPORTED


# --- counts ---------------------------------------------------------------------------------------


def test_frequencies_leave_stop_words_out_or_not():
    text = "The cat and the dog. The CAT!"
    found = ask(Frequencies(text, "en"))
    assert [(each.word, each.count) for each in found.found] == [("cat", 2), ("dog", 1)]
    assert (found.words, found.kinds) == (7, 4)
    found = ask(Frequencies(text, "en", 1, True))
    assert [(each.word, each.count) for each in found.found] == [("the", 3)]


def test_neighbours_that_belong_together_are_found():
    text = "New York is big. We like New York, and york is new. " * 3
    found = ask(Collocations(text, "en")).found
    assert (found[0].first, found[0].second, found[0].count) == ("new", "york", 6)
    found = ask(Collocations("机器学习很好。机器学习很难。我们用机器学习。", "zh"))
    assert ("机", "器") in [(each.first, each.second) for each in found.found]
    assert found.unit is Unit.CHARACTER


def test_a_concordance_shows_whole_words_with_what_surrounds_them():
    found = ask(Concordance("It is. With it, a bit", "it", 3))
    assert found.total == 2
    assert [(each.left, each.right) for each in found.found] == [("", " is"), ("th ", ", a")]
    found = ask(Concordance("天气很好，空气也好", "气", 1))
    assert [(each.left, each.right) for each in found.found] == [("天", "很"), ("空", "也")]


@given(TEXTS, st.text(min_size=1, max_size=5).filter(str.strip))
def test_a_concordance_takes_any_word_as_it_is(text, word):
    for line in ask(Concordance(text, word)).found:
        found = text[line.start : line.end]
        assert found.casefold().split() == word.casefold().split() or found


def test_stop_words_come_from_spacy():
    assert "the" in ask(StopWords("en")).words
    assert "的" in ask(StopWords("zh")).words
    assert ask(StopWords("qq")).words == ()


# --- readability ----------------------------------------------------------------------------------


def test_the_formulas_are_those_that_were_published():
    found = ask(Readability("The cat sat on the mat.", "en"))
    assert (found.words, found.sentences, found.syllables) == (6, 1, 6)
    assert found.ease == pytest.approx(206.835 - 1.015 * 6 - 84.6, abs=0.01)
    assert found.grade == pytest.approx(0.39 * 6 + 11.8 - 15.59, abs=0.01)
    found = ask(Readability("天空很蓝。我们走吧！", "zh"))
    assert (found.characters, found.sentences, found.characters_per_sentence) == (8, 2, 4.0)
    assert found.ease is None
    assert ask(Readability("", "en")).ease is None


@pytest.mark.parametrize(
    ("word", "count"),
    [
        ("cat", 1), ("table", 2), ("make", 1), ("makes", 1), ("boxes", 2), ("wanted", 2),
        ("jumped", 1), ("agree", 2), ("readability", 5), ("syllable", 3), ("nation", 2),
        ("beautiful", 3), ("the", 1), ("rhythm", 1), ("naïve", 2), ("science", 2), ("don't", 1),
    ],
)  # fmt: skip
def test_syllables_are_estimated_well_enough(word, count):
    assert english_syllables(word) == count


# --- limits ---------------------------------------------------------------------------------------


def test_a_request_out_of_range_is_refused_before_it_is_sent():
    for make, code in [
        (lambda: Identify(("a" * 10_000_001,)), FaultCode.REQUEST_TOO_LARGE),
        (lambda: Analyse("a", "../en"), FaultCode.LANGUAGE_UNSUPPORTED),
        (lambda: Frequencies("a", "en", 0), FaultCode.INVALID_PARAMETER),
        (lambda: Concordance("a", " "), FaultCode.INPUT_EMPTY),
        (lambda: Concordance("a", "a", -1), FaultCode.INVALID_PARAMETER),
    ]:
        with pytest.raises(EnvironmentFault) as fault:
            make()
        assert fault.value.code is code


def test_a_cancelled_request_ends():
    cancelled = Running(lambda _event: None)
    cancelled.cancelled.set()
    for request in (Identify(("a",)), Analyse("a", "en"), Vader(("a",)), Readability("a", "en")):
        with pytest.raises(CancelledError):
            SERVES[type(request)](request, cancelled)


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "spacy", None)
    with pytest.raises(EnvironmentFault) as fault:
        running.library("spacy")
    assert fault.value.code is FaultCode.LANGUAGE_TOOL_MISSING
    assert fault.value.data["name"] == "spacy"


def test_every_request_is_served_and_crosses_the_pipe():
    for request in (Identify(("a",)), Analyse("天", "zh", tuple(Part)), StopWords("en")):
        assert CODEC.decode(CODEC.encode(3, request)) == (3, request)
    assert import_module("desktop_llm.engine.language_client").CODEC is not CODEC
