"""What was changed in a text, and taking changes one by one."""

from hypothesis import given
from hypothesis import strategies as st

from desktop_llm.rendering.differences import Piece, differences, with_changes


def changes(old, new):
    return [(piece.old, piece.new) for piece in differences(old, new) if piece.is_change]


def test_words_are_changed_whole():
    assert changes("He go home.", "He goes home.") == [("go", "goes")]
    assert changes("I don't know", "I do not know") == [("don't", "do not")]


def test_chinese_is_changed_by_the_character():
    assert changes("今天天气很好", "今天天气真好") == [("很", "真")]


def test_a_phrase_is_one_change():
    assert changes("the big red dog ran", "the small blue dog ran") == [("big red", "small blue")]


def test_lines_are_not_joined():
    assert changes("a\nb", "c\nd") == [("a", "c"), ("b", "d")]


def test_nothing_and_everything():
    assert differences("", "") == []
    assert differences("same", "same") == [Piece("same", "same")]
    assert changes("", "new") == [("", "new")]
    assert changes("old", "") == [("old", "")]


WORDS = st.text(alphabet="ab 中文.\n'", max_size=60)


@given(WORDS, WORDS)
def test_both_texts_can_be_put_together_again(old, new):
    pieces = differences(old, new)
    assert with_changes(pieces, ()) == old
    assert with_changes(pieces, range(len(pieces))) == new
