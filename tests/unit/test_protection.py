"""What must be kept letter by letter leaves the text and comes back."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_llm.core.protection import PieceKind, mask, pieces_of, restore
from tests.hostile_texts import HOSTILE_TEXTS

SECONDS = 8.0  # far above what a linear search takes, far below what a quadratic one does
SIGNS = st.text(st.sampled_from("`\\$<>&[](){}!%#@/:.^\"'=-_ ⟦⟧⟪⟫⦃❲⟬1s\nahtpcode汉"), max_size=120)


def found(text):
    return [(piece.kind, piece.text) for piece in pieces_of(text)]


def texts(text):
    return [piece.text for piece in pieces_of(text)]


@given(st.one_of(st.text(), SIGNS))
def test_what_is_masked_is_restored(text):
    masked = mask(text)
    restored = restore(masked, masked.text)
    assert restored.text == text
    assert restored.sound


@given(SIGNS)
def test_pieces_are_in_order_and_apart(text):
    end = 0
    for piece in pieces_of(text):
        assert end <= piece.start < piece.end
        assert text[piece.start : piece.end] == piece.text
        end = piece.end


@given(SIGNS, st.text(st.sampled_from("⟦⟧⟪⟫[]【】１12 x"), max_size=60))
def test_restoring_never_fails(text, translated):
    restored = restore(mask(text), translated)
    assert isinstance(restored.text, str)


UNCLOSED = {
    sign: sign * 60_000
    for sign in (
        "<a x=\"", "<!--", "<!-- -", "</code>", "<code>", "](", "](x(", "](x(y)", "][", "[^", "[a",
        "{", "{{", "{%", "{a:", "${", "$a ", "$$a", "\\(a", "\\[a", "\\begin{align}a",
        "%(a", "%1$", "`", "` `` ", "&#", "a@", "a.", "http://", "http://)", "www.a", "/é", "![](",
        "mailto:", "<a:", "<0", "a@a.",
    )
}  # fmt: skip


@pytest.mark.parametrize("text", UNCLOSED.values(), ids=range(len(UNCLOSED)))
def test_what_is_never_closed_takes_no_time(text):
    begin = time.process_time()
    masked = mask(text)
    assert restore(masked, masked.text).text == text
    assert time.process_time() - begin < SECONDS


@pytest.mark.parametrize("name", HOSTILE_TEXTS)
def test_hostile_texts_take_no_time(name):
    begin = time.process_time()
    masked = mask(HOSTILE_TEXTS[name])
    assert restore(masked, masked.text).text == HOSTILE_TEXTS[name]
    assert time.process_time() - begin < SECONDS


def test_many_foreign_marks_take_no_time():
    masked = mask("`a` " * 50_000)
    begin = time.process_time()
    restored = restore(masked, "".join(f"[{number}]" for number in range(1, 50_001)))
    assert time.process_time() - begin < SECONDS
    assert restored.sound


@pytest.mark.parametrize(
    ("text", "kind", "piece"),
    [
        ("Run `pip install` now", PieceKind.CODE, "`pip install`"),
        ("``a ` b`` c", PieceKind.CODE, "``a ` b``"),
        ("see <code>x & y</code>.", PieceKind.CODE, "<code>x & y</code>"),
        ("a\n```\nb\n\nc\n```\nd", PieceKind.CODE, "```\nb\n\nc\n```"),
        ("for $x^2$ holds", PieceKind.FORMULA, "$x^2$"),
        ("设$x$为数", PieceKind.FORMULA, "$x$"),
        ("the $n$th", PieceKind.FORMULA, "$n$"),
        ("so $$a\n= b$$ holds", PieceKind.FORMULA, "$$a\n= b$$"),
        ("so \\(a_1\\) holds", PieceKind.FORMULA, "\\(a_1\\)"),
        ("so \\[a = b\\] holds", PieceKind.FORMULA, "\\[a = b\\]"),
        (
            "x \\begin{align*}a&=\\frac{b}{c}\\\\\\end{align*} y",
            PieceKind.FORMULA,
            "\\begin{align*}a&=\\frac{b}{c}\\\\\\end{align*}",
        ),
        ("See https://a.example/b?c=d#e.", PieceKind.ADDRESS, "https://a.example/b?c=d#e"),
        ("(https://a.example/x_(y))", PieceKind.ADDRESS, "https://a.example/x_(y)"),
        ("访问https://a.example查看", PieceKind.ADDRESS, "https://a.example"),
        ("https://zh.example/wiki/中国, so", PieceKind.ADDRESS, "https://zh.example/wiki/中国"),
        ("at www.a.example, we", PieceKind.ADDRESS, "www.a.example"),
        ("**http://a.example**", PieceKind.ADDRESS, "http://a.example"),
        ("to jo.b+c@mail.example.org.", PieceKind.ADDRESS, "jo.b+c@mail.example.org"),
        ("发给jo@mail.example吧", PieceKind.ADDRESS, "jo@mail.example"),
        ("<https://a.example>", PieceKind.ADDRESS, "<https://a.example>"),
        ("<jo@a.example>", PieceKind.ADDRESS, "<jo@a.example>"),
        ("[words](a/b_(c).md)", PieceKind.LINK, "a/b_(c).md"),
        ('[words](a.md "a title")', PieceKind.LINK, "a.md"),
        ("![words](<a b.png>)", PieceKind.LINK, "<a b.png>"),
        ("![](a.png)", PieceKind.LINK, "![](a.png)"),
        ("[words][name]", PieceKind.LINK, "name"),
        ("  [name]: http://a.example", PieceKind.LINK, "[name]: http://a.example"),
        ("so[^note] it is", PieceKind.LINK, "[^note]"),
        ('<a href="x" disabled>words', PieceKind.TAG, '<a href="x" disabled>'),
        ("words</b> on", PieceKind.TAG, "</b>"),
        ("a<br/>b", PieceKind.TAG, "<br/>"),
        ("a<!-- b -- c -->d", PieceKind.TAG, "<!-- b -- c -->"),
        ("a &nbsp; b", PieceKind.TAG, "&nbsp;"),
        ("a &#x27; b", PieceKind.TAG, "&#x27;"),
        ("press <0>here", PieceKind.TAG, "<0>"),
        ("here</0> now", PieceKind.TAG, "</0>"),
        ("Hello {name}!", PieceKind.PLACEHOLDER, "{name}"),
        ("Hello {{ user.name }}!", PieceKind.PLACEHOLDER, "{{ user.name }}"),
        ("{0:>5.2f} of", PieceKind.PLACEHOLDER, "{0:>5.2f}"),
        ("{name!r} of", PieceKind.PLACEHOLDER, "{name!r}"),
        ("{} of", PieceKind.PLACEHOLDER, "{}"),
        ("{% if x %} of", PieceKind.PLACEHOLDER, "{% if x %}"),
        ("Hello %s", PieceKind.PLACEHOLDER, "%s"),
        ("in %1$d days", PieceKind.PLACEHOLDER, "%1$d"),
        ("in %(days)d days", PieceKind.PLACEHOLDER, "%(days)d"),
        ("costs %(price).2f now", PieceKind.PLACEHOLDER, "%(price).2f"),
        ("%.2f percent", PieceKind.PLACEHOLDER, "%.2f"),
        ("in %@ now", PieceKind.PLACEHOLDER, "%@"),
        ("in ${var} now", PieceKind.PLACEHOLDER, "${var}"),
        ("in $HOME/x now", PieceKind.PLACEHOLDER, "$HOME"),
        ("in %{count} now", PieceKind.PLACEHOLDER, "%{count}"),
        ("in #{count} now", PieceKind.PLACEHOLDER, "#{count}"),
    ],
)
def test_a_piece(text, kind, piece):
    assert found(text) == [(kind, piece)]


@pytest.mark.parametrize(
    "text",
    [
        "It costs $5 and $6, or $20,000.",
        "US$5 and US$6",
        "from $5 to A$",
        "if a < b and c > d",
        "x<y and z>w",
        "100% sure, 50%discount, 5% of it",
        "Tom & Jerry; R&D",
        "an @ alone, @name, a@b",
        "[words] (and more)",
        "[1](see this)",
        "\\[1\\] is no formula",
        "a \\`b` c",
        "a ` b",
        "one ` and\n\nanother `",
        "{two words} and { }",
        "http:// and www.",
        "C# and F#",
        "what \\$5\\$ is",
    ],
)
def test_ordinary_words_are_no_piece(text):
    assert found(text) == []


def test_code_hides_what_stands_in_it():
    assert texts("`{a}` and `<b>` {c}") == ["`{a}`", "`<b>`", "{c}"]
    assert texts("`<code>` {a} `</code>`") == ["`<code>`", "{a}", "`</code>`"]


def test_words_of_links_and_tags_are_left():
    masked = mask("See [the **guide**](g.md) or <b>ask</b> {who}.")
    assert masked.text == "See [the **guide**](⟦1⟧) or ⟦2⟧ask⟦3⟧ ⟦4⟧."
    restored = restore(masked, "⟦4⟧: [**向导**](⟦1⟧)，⟦2⟧问⟦3⟧")
    assert restored.text == "{who}: [**向导**](g.md)，<b>问</b>"


def test_a_mark_as_the_words_of_a_link():
    masked = mask("[`code`](a.md)")
    assert masked.text == "[⟦1⟧](⟦2⟧)"
    assert restore(masked, masked.text).text == "[`code`](a.md)"


@pytest.mark.parametrize(
    ("written", "restored"),
    [
        ("⟦ 1 ⟧", "{a}"),
        ("⟦１⟧", "{a}"),
        ("[1]", "{a}"),
        ("[[1]]", "{a}"),
        ("【1】", "{a}"),
        ("⟦1", "{a}"),
        ("⟦1]", "{a}"),
        ("1⟧", "{a}"),
    ],
)
def test_careless_marks_are_understood(written, restored):
    found = restore(mask("Hello {a}!"), f"你好{written}！")
    assert (found.text, found.sound) == (f"你好{restored}！", True)


def test_brackets_of_the_text_are_not_taken_for_marks():
    masked = mask("As [1] says, {a}.")
    restored = restore(masked, "如[1]所说。")
    assert restored.text == "如[1]所说。"
    assert [piece.text for piece in restored.missing] == ["{a}"]


def test_missing_doubled_and_invented_marks_are_told():
    masked = mask("{a} and {b}")
    restored = restore(masked, "⟦1⟧、⟦1⟧、⟦7⟧")
    assert restored.text == "{a}、{a}、"
    assert [piece.text for piece in restored.missing] == ["{b}"]
    assert [piece.text for piece in restored.doubled] == ["{a}"]
    assert restored.invented == ("⟦7⟧",)
    assert not restored.sound


def test_text_that_holds_marks_gets_others():
    masked = mask("⟦1⟧ is {a}")
    assert masked.text == "⟦1⟧ is ⟪1⟫"
    assert masked.mark(1) == "⟪1⟫"
    assert restore(masked, "⟪1⟫ 是 ⟦1⟧").text == "{a} 是 ⟦1⟧"


def test_text_that_holds_all_marks_keeps_them():
    text = "⟦1⟧ ⟪ ⦃ ❲ ⟬ {a}"
    masked = mask(text)
    assert masked.text == "⟦1⟧1⟦2⟧ ⟪ ⦃ ❲ ⟬ ⟦3⟧"
    assert [piece.kind for piece in masked.pieces[:2]] == [PieceKind.MARK, PieceKind.MARK]
    assert restore(masked, masked.text).text == text
