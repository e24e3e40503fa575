"""What a translation or a rewrite must keep letter by letter, put out of the model's reach.

Small models translate variable names, drop half an address and "correct" code. So those pieces
leave the text before the model sees it, and short numbered marks (⟦1⟧) stand for them, which even
small models tend to copy. What comes back is checked: a mark may be missing, doubled or invented.

Found are code, LaTeX, addresses, targets of links, tags of HTML and placeholders of the usual
formats. The words of a link, of a tag and of an image stay: they are to be translated. Numbers are
not masked, as a sentence is built around them; they are compared (`desktop_llm.core.fidelity`).

Every pattern is possessive and stops at the sign that could begin the same pattern anew, so the
time grows with the length of the text alone, whatever stands in it.
"""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from desktop_llm.core.markdown_lines import BlockKind, blocks_of


class PieceKind(StrEnum):
    CODE = "code"
    FORMULA = "formula"
    ADDRESS = "address"  # of a page or of a mailbox
    LINK = "link"  # the target of a link or an image, the name of a reference or a footnote
    TAG = "tag"  # of HTML or XML, and entities
    PLACEHOLDER = "placeholder"
    MARK = "mark"  # a sign of the text that looks like one of our marks


@dataclass(frozen=True, slots=True)
class Piece:
    """`start`: in the text it was found in."""

    kind: PieceKind
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


@dataclass(frozen=True, slots=True)
class Masked:
    """`pieces`: in the order of their marks, whose numbers begin at 1."""

    text: str
    pieces: tuple[Piece, ...]
    opening: str
    closing: str

    def mark(self, number: int) -> str:
        return f"{self.opening}{number}{self.closing}"


@dataclass(frozen=True, slots=True)
class Restored:
    """`invented`: marks that stand for nothing; they are left out of `text`."""

    text: str
    missing: tuple[Piece, ...]
    doubled: tuple[Piece, ...]
    invented: tuple[str, ...]

    @property
    def sound(self) -> bool:
        return not (self.missing or self.doubled or self.invented)


# The first pair that the text does not hold is taken.
_PAIRS = (("⟦", "⟧"), ("⟪", "⟫"), ("⦃", "⦄"), ("❲", "❳"), ("⟬", "⟭"))

_BLOCK_KINDS: Mapping[BlockKind, PieceKind] = {
    BlockKind.CODE: PieceKind.CODE,
    BlockKind.FORMULA: PieceKind.FORMULA,
    BlockKind.ELEMENT: PieceKind.CODE,
}
_PARAGRAPH_END = re.compile(r"\n[ \t\r]*+\n")

_START = re.compile(
    r"""
      [`\\$<&\[\]!{%\#]
    | (?<![A-Za-z0-9])(?:(?:https?|ftp|file)://|www\.(?=[A-Za-z0-9]))
    | (?<![A-Za-z0-9._%+-])(?:mailto:)?+[A-Za-z0-9._%+-]{1,64}+@
    """,
    re.VERBOSE | re.IGNORECASE,
)
_ADDRESS = re.compile(
    # A path may hold letters of any script, but words of the text may follow without a space:
    # only what comes right after a sign of a path is taken for a part of it.
    r"(?:https?://|ftp://|file://|www\.)"
    r"(?:[!#-;=?-\[\]_a-~]|(?<=[/=#_])(?:(?![\x00-\x7f])\w){1,200}+)++",
    re.IGNORECASE,
)
_MAILBOX = re.compile(
    r"(?:mailto:)?+[A-Za-z0-9._%+-]{1,64}+@[A-Za-z0-9-]{1,63}+(?:\.[A-Za-z0-9-]{1,63}+){1,8}+",
    re.IGNORECASE,
)
_BACKTICKS = re.compile("`++")
_ELEMENT_END = re.compile(r"</(code|kbd|samp|math|svg|pre|script|style)\s*+>", re.IGNORECASE)
_ELEMENT = re.compile(r"<(code|kbd|samp|math|svg|pre|script|style)\b", re.IGNORECASE)
_TARGET = (
    r"<[^<>\n]*+>"
    r"|(?:[^\s()<>\\]|\\[^\s])++(?:\((?:[^\s()<>\\]|\\[^\s])*+\)[^\s()<>]*+){0,20}+"
)
_MATH = "equation|align|alignat|gather|multline|eqnarray|math|displaymath"
_BOOLEAN = (
    "async|autofocus|autoplay|checked|controls|default|defer|disabled|hidden|loop|multiple|muted|"
    "novalidate|open|readonly|required|reversed|selected"
)

# A group "kept", where there is one, is the piece; else the whole match is.
_BY_SIGN: Mapping[str, Sequence[tuple[PieceKind, re.Pattern[str]]]] = {
    "\\": (
        (PieceKind.FORMULA, re.compile(r"\\\((?P<formula>(?:[^\\\n]|\\[^()\n])++)\\\)")),
        (PieceKind.FORMULA, re.compile(r"\\\[(?P<formula>(?:[^\\]|\\[^\[\]])++)\\\]")),
        (
            PieceKind.FORMULA,
            re.compile(
                rf"\\begin\{{(?P<name>(?:{_MATH})\*?)\}}"
                r"(?:[^\\]|\\(?!(?:begin|end)\{(?P=name)\}))++\\end\{(?P=name)\}"
            ),
        ),
    ),
    "$": (
        (PieceKind.PLACEHOLDER, re.compile(r"\$\{[^{}\n]{1,200}+\}")),
        (PieceKind.PLACEHOLDER, re.compile(r"\$[A-Z][A-Z0-9_]{1,63}+(?![A-Za-z0-9_$])")),
        (PieceKind.FORMULA, re.compile(r"\$\$(?:[^$\\]|\\.)++\$\$", re.DOTALL)),
        # As Pandoc: no space within the signs, no digit after them; so "$5 and $6" is money.
        (
            PieceKind.FORMULA,
            re.compile(
                r"(?<![A-Za-z0-9$])\$(?![\s$])(?P<formula>(?:[^$\\\n]|\\.)++)(?<!\s)\$(?![0-9$])"
            ),
        ),
    ),
    "<": (
        (PieceKind.TAG, re.compile(r"<!--(?:[^-<]|-(?!->)|<(?!!--))*+-->")),
        (PieceKind.TAG, re.compile(r"<[!?][A-Za-z\[][^<>]*+>")),
        (PieceKind.ADDRESS, re.compile(r"<[A-Za-z][A-Za-z0-9+.-]{1,31}+:[^\s<>]++>")),
        (PieceKind.ADDRESS, re.compile(r"<[A-Za-z0-9._%+-]++@[A-Za-z0-9.-]++>")),
        (PieceKind.TAG, re.compile(r"</?\d{1,4}+\s?/?>")),
        (
            PieceKind.TAG,
            re.compile(
                r"</?[A-Za-z][A-Za-z0-9:._-]*+(?:\s++(?:[A-Za-z_:@][\w:.@-]*+\s*+=\s*+"
                rf"(?:\"[^\"<]*+\"|'[^'<]*+'|[^\s\"'<>`=]++)|(?:{_BOOLEAN})(?![\w=-])))*+\s*+/?>"
            ),
        ),
    ),
    "&": (
        (
            PieceKind.TAG,
            re.compile(r"&(?:[A-Za-z][A-Za-z0-9]{1,31}+|#\d{1,7}+|#[xX][0-9A-Fa-f]{1,6}+);"),
        ),
    ),
    "!": ((PieceKind.LINK, re.compile(r"!\[\]\([^()\n]++\)")),),  # an image without words
    "]": (
        (
            PieceKind.LINK,
            re.compile(rf"\]\([ \t]*+(?P<kept>{_TARGET})(?=[ \t]*+\)|[ \t]++[\"'(])"),
        ),
        (PieceKind.LINK, re.compile(r"\]\[(?P<kept>[^\[\]\n]{1,200}+)\]")),
    ),
    "[": ((PieceKind.LINK, re.compile(r"\[\^[^\[\]\s]{1,64}+\]")),),
    "{": (
        (PieceKind.PLACEHOLDER, re.compile(r"\{\{[^{}\n]{1,200}+\}\}")),
        (PieceKind.PLACEHOLDER, re.compile(r"\{%(?:[^%{}\n]|%(?!\})){1,200}+%\}")),
        (
            PieceKind.PLACEHOLDER,
            re.compile(r"\{(?:\w[\w.\[\]-]{0,63}+(?:![rsa])?+(?::[^{}\n]{0,40}+)?+)?+\}"),
        ),
    ),
    "%": (
        (PieceKind.PLACEHOLDER, re.compile(r"%\{\w{1,64}+\}")),
        (
            PieceKind.PLACEHOLDER,
            re.compile(r"%\([A-Za-z_][\w.]{0,63}+\)[-+#0]{0,5}(?:\d{1,3}|\.\d{1,3}){0,2}[a-zA-Z]"),
        ),
        # Not after a digit: "50%discount" is a word.
        (
            PieceKind.PLACEHOLDER,
            re.compile(
                r"(?<![0-9%])%(?:\d{1,2}\$)?[-+#0]{0,5}\d{0,3}(?:\.\d{1,3})?"
                r"(?:hh|h|ll|l|L|q|j|z|t)?[diouxXeEfFgGaAcspn@]"
            ),
        ),
    ),
    "#": ((PieceKind.PLACEHOLDER, re.compile(r"#\{\w{1,64}+\}")),),
}
_DEFINITION = re.compile(r"\[(?!\^)[^\[\]\n]{1,200}+\]:[ \t]*+(?:<[^<>\n]*+>|[^\s]++)")
_LETTERS = re.compile(r"(?<!\S)[A-Za-z]{3,}+(?!\S)")
_SIGN_OF_FORMULA = re.compile(r"[\\^_={}+<>|*/-]")
_PLAIN_FORMULA = re.compile(r"[A-Za-z0-9'(),.]{1,24}")
_BRACKETS = (("(", ")"), ("[", "]"), ("{", "}"))
_HAN_OR_KANA = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")


def pieces_of(text: str) -> list[Piece]:
    """In the order of the text; they do not overlap."""
    pieces: list[Piece] = []
    at = 0
    for block in blocks_of(text):
        pieces.extend(_inline(text, at, block.start))
        kind = _BLOCK_KINDS[block.kind]
        pieces.append(Piece(kind, text[block.start : block.end], block.start))
        at = block.end
    pieces.extend(_inline(text, at, len(text)))
    return pieces


def mask(text: str) -> Masked:
    """The text with marks for what must be kept. `restore` with the same text gives it back."""
    pieces = pieces_of(text)
    free = [pair for pair in _PAIRS if pair[0] not in text and pair[1] not in text]
    opening, closing = free[0] if free else _PAIRS[0]
    if not free:
        pieces = list(_with_signs(text, pieces, opening + closing))
    parts: list[str] = []
    at = 0
    for number, piece in enumerate(pieces, 1):
        parts += (text[at : piece.start], f"{opening}{number}{closing}")
        at = piece.end
    parts.append(text[at:])
    return Masked("".join(parts), tuple(pieces), opening, closing)


def restore(masked: Masked, translated: str) -> Restored:
    """Marks become pieces again.

    A mark that was written a little differently (spaces, digits of another width, other brackets)
    is taken where it can be no other: its number is missing else, and it stands there once.
    """
    strict, loose = _mark_patterns(masked.opening, masked.closing)
    known = range(1, len(masked.pieces) + 1)
    seen = Counter(
        number for found in strict.finditer(translated) if (number := _number(found)) in known
    )
    own = {found.group() for found in loose.finditer(masked.text)}  # "[1]" may be the text's
    guesses = Counter(
        number
        for found in loose.finditer(translated)
        if found.group() not in own and not strict.fullmatch(found.group())
        if (number := _number(found)) in known and number not in seen
    )
    taken = {number for number, count in guesses.items() if count == 1}
    invented: list[str] = []

    def piece(found: re.Match[str]) -> str:
        number = _number(found)
        if strict.fullmatch(found.group()):
            if number in known:
                return masked.pieces[number - 1].text
            invented.append(found.group())
            return ""
        if number in taken and found.group() not in own:
            return masked.pieces[number - 1].text
        return found.group()

    return Restored(
        loose.sub(piece, translated),
        tuple(masked.pieces[n - 1] for n in known if n not in seen and n not in taken),
        tuple(masked.pieces[n - 1] for n in known if seen[n] > 1),
        tuple(invented),
    )


def _mark_patterns(opening: str, closing: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """As a mark is written, and as it is written too by models that are careless."""
    strict = rf"{opening}\s{{0,2}}(\d{{1,7}})\s{{0,2}}{closing}"
    loose = (
        r"[\[【〚［]{1,2}+\s?(\d{1,7}+)\s?[\]】〛］]{1,2}+"
        rf"|{opening}\s?(\d{{1,7}}+)(?:\s?[\]】〛］])?+"
        rf"|(?<!\d)(\d{{1,7}}+)\s?{closing}"
    )
    return re.compile(strict), re.compile(f"{strict}|{loose}")


def _number(found: re.Match[str]) -> int:
    return int(next(group for group in found.groups() if group is not None))


def _with_signs(text: str, pieces: Iterable[Piece], signs: str) -> Iterator[Piece]:
    """Where a text holds every pair of marks, its own are pieces too."""
    pattern = re.compile(f"[{signs}]")
    at = 0
    for piece in pieces:
        for sign in pattern.finditer(text, at, piece.start):
            yield Piece(PieceKind.MARK, sign.group(), sign.start())
        yield piece
        at = piece.end
    for sign in pattern.finditer(text, at):
        yield Piece(PieceKind.MARK, sign.group(), sign.start())


def _inline(text: str, start: int, end: int) -> Iterator[Piece]:
    """Nothing that begins in one paragraph ends in another."""
    while start < end:
        found = _PARAGRAPH_END.search(text, start, end)
        stop = found.start() if found else end
        yield from _Paragraph(text, start, stop).pieces()
        start = found.end() if found else end


class _Paragraph:
    def __init__(self, text: str, start: int, end: int) -> None:
        self._text = text
        self._start = start
        self._end = end
        self._runs: dict[int, list[int]] | None = None  # of backticks, by length: where they begin
        self._element_ends: dict[str, list[tuple[int, int]]] | None = None

    def pieces(self) -> Iterator[Piece]:
        at = self._start
        while (sign := _START.search(self._text, at, self._end)) is not None:
            piece, at = self._at(sign)
            if piece is not None:
                yield piece

    def _at(self, sign: re.Match[str]) -> tuple[Piece | None, int]:
        """What begins there, if anything, and where to look on."""
        start, first = sign.start(), sign.group()
        if first == "`":
            return self._code(start)
        if len(first) > 1:
            return self._address(sign)
        if first == "<" and (piece := self._element(start)) is not None:
            return piece, piece.end
        if first == "[" and self._begins_line(start):
            found = _DEFINITION.match(self._text, start, self._end)
            if found is not None:
                return Piece(PieceKind.LINK, found.group(), start), found.end()
        for kind, pattern in _BY_SIGN[first]:
            found = pattern.match(self._text, start, self._end)
            if found is None or not _is_sound(found):
                continue
            group = "kept" if "kept" in pattern.groupindex else 0
            return Piece(kind, found[group], found.start(group)), found.end(group)
        # A sign after a backslash is only that sign.
        return None, min(self._end, start + (2 if first == "\\" else 1))

    def _code(self, start: int) -> tuple[Piece | None, int]:
        """A run of backticks is closed by the next one of its length (CommonMark 0.31, 6.1)."""
        if self._runs is None:
            self._runs = {}
            for run in _BACKTICKS.finditer(self._text, start, self._end):
                self._runs.setdefault(len(run.group()), []).append(run.start())
        found = _BACKTICKS.match(self._text, start, self._end)
        end = found.end() if found else start + 1
        runs = self._runs.get(end - start, [])
        following = bisect_left(runs, end)
        if following == len(runs):
            return None, end
        stop = runs[following] + (end - start)
        return Piece(PieceKind.CODE, self._text[start:stop], start), stop

    def _address(self, sign: re.Match[str]) -> tuple[Piece | None, int]:
        start = sign.start()
        pattern = _MAILBOX if sign.group().endswith("@") else _ADDRESS
        found = pattern.match(self._text, start, self._end)
        address = _without_trailing_signs(found.group()) if found else ""
        if len(address) <= len(sign.group()):
            return None, sign.end()
        return Piece(PieceKind.ADDRESS, address, start), start + len(address)

    def _element(self, start: int) -> Piece | None:
        """An element whose text is no prose, as a whole."""
        found = _ELEMENT.match(self._text, start, self._end)
        if found is None:
            return None
        if self._element_ends is None:
            self._element_ends = {}
            for each in _ELEMENT_END.finditer(self._text, start, self._end):
                self._element_ends.setdefault(each[1].lower(), []).append(each.span())
        ends = self._element_ends.get(found[1].lower(), [])
        following = bisect_left(ends, (start, 0))
        if following == len(ends):
            return None
        return Piece(PieceKind.CODE, self._text[start : ends[following][1]], start)

    def _begins_line(self, start: int) -> bool:
        before = self._text[max(0, start - 8) : start]
        line = before.rpartition("\n")[2]
        return not line.strip(" \t>") and (len(line) < len(before) or len(before) == start)


def _is_sound(found: re.Match[str]) -> bool:
    """Money and escaped brackets look like formulas; what stands between the signs tells."""
    if "formula" not in found.re.groupindex:
        return True
    content = found["formula"]
    if _PLAIN_FORMULA.fullmatch(content):
        return not found.group().startswith("\\[")
    if re.search(r"[\\^_{]", content):
        return True
    if _HAN_OR_KANA.search(content) or _LETTERS.search(content):
        return False
    return _SIGN_OF_FORMULA.search(content) is not None


def _without_trailing_signs(address: str) -> str:
    """Without what ends the sentence; a bracket stays if it was opened within."""
    balance = {close: address.count(begin) - address.count(close) for begin, close in _BRACKETS}
    end = len(address)
    while end:
        last = address[end - 1]
        if last in balance:
            if balance[last] >= 0:
                break
            balance[last] += 1
        elif last not in ".,;:!?'*_~|":
            break
        end -= 1
    return address[:end]
