"""What is copied with its formatting, or exported as HTML."""

from html.parser import HTMLParser

from hypothesis import given, settings
from hypothesis import strategies as st

from desktop_llm.rendering.html import to_html
from desktop_llm.rendering.markdown import parse
from tests.unit.test_markdown import PIECES, SAMPLE

ALLOWED = {
    "p", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "code", "blockquote", "ul", "ol", "li", "table",
    "thead", "tbody", "tr", "th", "td", "hr", "sup", "details", "summary", "strong", "em", "s", "a",
    "br",
}  # fmt: skip
ATTRIBUTES = {"href", "class", "start", "style"}


class Reader(HTMLParser):
    """Tags in order; fails for what must not be there."""

    def __init__(self):
        super().__init__()
        self.open = []
        self.tags = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        assert tag in ALLOWED
        for name, value in attrs:
            assert name in ATTRIBUTES
            if name == "href":
                assert value.startswith(("http://", "https://", "mailto:")) or ":" in value
                assert not value.lower().startswith(("javascript", "data", "file"))
        self.tags.append(tag)
        if tag not in ("hr", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def read(text):
    reader = Reader()
    reader.feed(to_html(parse(text)))
    reader.close()
    assert reader.open == []
    return reader


def test_every_kind_of_block():
    reader = read(SAMPLE + "\n- [x] done\n\nA[^1] $x<y$\n\n$$\nz\n$$\n\n[^1]: Note.")
    for tag in ("h1", "strong", "em", "code", "s", "ul", "ol", "blockquote", "pre", "table", "hr",
                "sup"):  # fmt: skip
        assert tag in reader.tags
    for words in ("$x<y$", "$$z$$", "☑ done", "x < 1", "天空"):
        assert words in reader.text


def test_what_would_run_or_load_is_text():
    reader = read("<script>x</script> ![a](file:///dev/zero) [b](javascript:x) <think>")
    assert set(reader.tags) <= {"p"}
    assert "<script>x</script>" in reader.text


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([*PIECES, '"', "'", "<b>", "[a](https://x.y/?a=1&b=\"c\")"]),
                max_size=40))  # fmt: skip
def test_whatever_was_written(pieces):
    read("".join(pieces))
