"""Subtitles in SubRip's form (.srt), read so that they can be written again byte by byte: numbers,
times and marks stay as they are, and only the words of a cue are others.

The form has no standard; what is read is what players read: a line of times with an arrow, the
words below it up to a blank line, a number above it that nothing depends on.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_TIMES = re.compile(
    r"[ \t]*(\d{1,3}:\d{1,2}:\d{1,2}[,.]\d{1,3})[ \t]*-->[ \t]*(\d{1,3}:\d{1,2}:\d{1,2}[,.]\d{1,3})"
    r"[^\n]{0,200}"
)
_NUMBER = re.compile(r"[ \t\ufeff]*\d{1,9}[ \t]*\r?")
SAMPLE = 20_000  # characters in which the first cue must begin


@dataclass(frozen=True, slots=True)
class Cue:
    times: str  # the whole line
    text: str  # without the line break at its end
    start: int  # of the text, in the file
    end: int


@dataclass(frozen=True, slots=True)
class Subtitles:
    source: str
    cues: tuple[Cue, ...]
    broken: tuple[int, ...] = ()  # numbers of lines with an arrow that is no time

    def with_texts(self, texts: Sequence[str]) -> str:
        """The file with other words: every cue is there, at its time. A blank line within a text
        would end its cue, and becomes a line with a space.
        """
        if len(texts) != len(self.cues):
            raise ValueError(f"{len(texts)} texts for {len(self.cues)} cues")
        parts, at = [], 0
        for cue, text in zip(self.cues, texts, strict=True):
            parts += [self.source[at : cue.start], text if text == cue.text else _in_cue(text)]
            at = cue.end
        return "".join([*parts, self.source[at:]])


def looks_like_subtitles(text: str) -> bool:
    lines = text[:SAMPLE].lstrip("\ufeff \t\r\n").split("\n")[:3]
    return any(_TIMES.fullmatch(line.rstrip("\r")) for line in lines)


def subtitles(text: str) -> Subtitles:
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    cues: list[Cue] = []
    broken: list[int] = []
    at = 0
    while at < len(lines):
        line = lines[at].rstrip("\r")
        if not _TIMES.fullmatch(line):
            if "-->" in line:
                broken.append(at + 1)
            at += 1
            continue
        first = last = at + 1
        while last < len(lines) and lines[last].strip() and not _begins_cue(lines, last):
            last += 1
        start = starts[first] if first < len(lines) else len(text)
        end = max(start, starts[last] - 1) if last > first else start
        words = text[start:end]
        if words.endswith("\r"):
            words, end = words[:-1], end - 1
        cues.append(Cue(line, words, start, end))
        at = max(last, first)
    return Subtitles(text, tuple(cues), tuple(broken))


def _begins_cue(lines: Sequence[str], at: int) -> bool:
    """A number and times, though no blank line stands before them."""
    if _TIMES.fullmatch(lines[at].rstrip("\r")):
        return True
    following = lines[at + 1].rstrip("\r") if at + 1 < len(lines) else ""
    return bool(_NUMBER.fullmatch(lines[at]) and _TIMES.fullmatch(following))


def _in_cue(text: str) -> str:
    lines = [line.replace("-->", "->") for line in text.strip("\n").split("\n")]
    return "\n".join(line if line.strip() else " " for line in lines) if text.strip() else text
