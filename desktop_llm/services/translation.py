"""Translation sentence by sentence: what must stay is masked and checked, terms are held to a
glossary, what was accepted before is taken from the memory, and what goes wrong is tried once more
and then said.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.generation import GenerationRequest
from desktop_llm.core.glossary import (
    Entry,
    Glossary,
    glossary_from_table,
    glossary_from_tbx,
    missed,
)
from desktop_llm.core.languages import is_mostly_chinese
from desktop_llm.core.markdown_lines import LineKind, lines_of
from desktop_llm.core.messages import Message, Role
from desktop_llm.core.protection import Masked, mask, restore
from desktop_llm.core.repetition import is_too_long, without_loop
from desktop_llm.core.segments import is_break, sentences
from desktop_llm.core.subtitles import looks_like_subtitles, subtitles
from desktop_llm.core.tools import CHINESE, Tool, instruction_for, prompt_of, request_for
from desktop_llm.core.translations import Flaw, Pair, Problem, changed_numbers, chrf, normal
from desktop_llm.storage.tool_history import ToolHistory

CONTEXT_PAIRS = 2  # that came before, shown to the model
LONGEST_GLOSSARY = 20_000_000  # bytes of its file
STRICTER = 1.3  # repeat penalty of the second attempt, where the first went round in circles
TO, FROM, GLOSSARY, CHECK = "to", "from", "glossary", "check"

Ask = Callable[[GenerationRequest, str], str]  # gets the answer to a request about a text


@dataclass(slots=True)
class Translated:
    text: str
    pairs: list[Pair] = field(default_factory=list)  # one a unit that was translated
    problems: list[Problem] = field(default_factory=list)
    remembered: int = 0  # units from the memory
    score: float | None = None  # chrF of the text and what it becomes when translated back


class Translator:
    """Of one tool with its values. Raises EnvironmentFault, and whatever `ask` raises."""

    def __init__(
        self,
        tool: Tool,
        values: Mapping[str, str],
        language: str,
        ask: Ask,
        memory: ToolHistory | None,
        on_unit: Callable[[str, int, int], object],
    ) -> None:
        """`on_unit` hears each piece of the result as it comes, and how many units are done."""
        self._tool = tool
        self._values = dict(tool.values(values))
        self._language = language
        self._ask = ask
        self._memory = memory
        self._on_unit = on_unit
        self._to = self._values.get(TO, "")
        self._glossary = self._read_glossary()
        self._done = Translated("")
        self._units = self._unit = 0

    @property
    def so_far(self) -> Translated:
        return self._done

    @property
    def refused(self) -> int:
        """Entries of the glossary that are not taken."""
        return len(self._glossary.refused)

    def translate(self, text: str) -> Translated:
        if looks_like_subtitles(text):
            found = subtitles(text)
            self._units = sum(bool(cue.text.strip()) for cue in found.cues)
            texts = [cue.text for cue in found.cues]
            try:
                for at, cue in enumerate(found.cues):
                    texts[at] = self._content(cue.text)
            finally:  # also of what was stopped, every cue is there
                self._done.text = found.with_texts(texts)
        else:
            self._translate_lines(_unwrapped(text))
        if self._values.get(CHECK) == "yes":
            self._check()
        return self._done

    def _translate_lines(self, text: str) -> None:
        lines = lines_of(text)
        self._units = sum(len(sentences(content)) for line in lines for content in line.contents)
        for line in lines:
            contents = [self._content(content) for content in line.contents]
            said = line.with_contents(contents)
            self._done.text += said
            self._on_unit(said, self._unit, self._units)

    def _content(self, content: str) -> str:
        """Its sentences one by one; what stands between them stays."""
        if "\n" in content:  # a cue of several lines is one thought
            return self._sentence(content)
        parts, at = [], 0
        for span in sentences(content):
            parts += [content[at : span.start], self._sentence(span.of(content))]
            at = span.end
        return "".join([*parts, content[at:]])

    def _sentence(self, source: str) -> str:
        unit = self._unit
        self._unit += 1
        masked = mask(source)
        if not any(sign.isalpha() for sign in _without_marks(masked)):
            return source
        known = self._remembered(source)
        if known is not None:
            self._done.remembered += 1
            said = known
        else:
            said, problems = self._attempts(unit, source, masked)
            self._done.problems += problems
        self._done.pairs.append(Pair(source, said))
        self._on_unit("", self._unit, self._units)
        return said

    def _attempts(self, unit: int, source: str, masked: Masked) -> tuple[str, list[Problem]]:
        """The better of two, where the first is not sound."""
        terms = self._glossary.matching(source)
        first = self._attempt(unit, source, masked, terms, ())
        if not first[1]:
            return first
        second = self._attempt(unit, source, masked, terms, first[1])
        return second if len(second[1]) < len(first[1]) else first

    def _attempt(
        self,
        unit: int,
        source: str,
        masked: Masked,
        terms: Sequence[Entry],
        before: Sequence[Problem],
    ) -> tuple[str, list[Problem]]:
        """`before`: what was wrong with the first attempt."""
        instruction = instruction_for(self._tool, self._values, self._language)
        for words in self._hints(masked, terms, before):
            instruction = f"{instruction}\n{words}"
        messages = prompt_of(instruction, masked.text)
        if not before:
            messages = (*self._context(source), *messages)
        tool = replace(self._tool, max_tokens=min(self._tool.max_tokens, 64 + 2 * len(source)))
        request = request_for(tool, messages)
        if any(problem.flaw is Flaw.REPEATS for problem in before):
            sampling = replace(request.sampling, repeat_penalty=STRICTER)
            request = replace(request, sampling=sampling)
        said, looped = without_loop(self._ask(request, source))
        looped = looped or is_too_long(said, source)
        restored = restore(masked, said)
        text = restored.text.strip() or source
        copied = any(
            normal(pair.target) == normal(text) and normal(pair.source) != normal(source)
            for pair in self._done.pairs[-CONTEXT_PAIRS:]
        )
        problems = [Problem(unit, Flaw.REPEATS)] if looped or copied else []
        for piece in restored.missing:  # nothing is lost: it stands at the end
            text = f"{text} {piece.text}"
            problems.append(Problem(unit, Flaw.KEPT_MISSING, piece.text))
        problems += [
            Problem(unit, Flaw.TERM_MISSED, f"{entry.source} → {entry.target}")
            for entry in missed(terms, text)
        ]
        problems += [
            Problem(unit, Flaw.NUMBER_CHANGED, number) for number in changed_numbers(source, text)
        ]
        if normal(text) == normal(source) and len(source.split()) > 2:
            problems.append(Problem(unit, Flaw.UNTRANSLATED))
        return text, problems

    def _hints(
        self, masked: Masked, terms: Sequence[Entry], before: Sequence[Problem]
    ) -> list[str]:
        chinese = self._language == CHINESE
        hints = []
        if terms:
            listed = "; ".join(f"{entry.source} = {entry.target}" for entry in terms)
            hints.append(f"术语：{listed}" if chinese else f"Use these terms: {listed}")
        if any(problem.flaw is Flaw.TERM_MISSED for problem in before):
            wanted = ", ".join(f"“{entry.target}”" for entry in terms)
            words = f"译文中必须出现：{wanted}"
            hints.append(words if chinese else f"The translation must contain: {wanted}")
        if masked.pieces and before:
            marks = " ".join(masked.mark(at) for at in range(1, len(masked.pieces) + 1))
            hints.append(f"译文中必须保留：{marks}" if chinese else f"Keep these marks: {marks}")
        return hints

    def _context(self, source: str) -> tuple[Message, ...]:
        """What came before, and what is like it in the memory, as turns."""
        pairs = self._done.pairs[-CONTEXT_PAIRS:]
        if self._memory is not None and self._to:
            like = self._memory.similar(normal(source), self._to)
            pairs = [*([like] if like is not None else []), *pairs]
        instruction = instruction_for(self._tool, self._values, self._language)
        turns: list[Message] = []
        for pair in pairs:
            turns += prompt_of(instruction, pair.source)
            turns.append(Message(Role.ASSISTANT, pair.target))
        return tuple(turns)

    def _remembered(self, source: str) -> str | None:
        if self._memory is None or not self._to:
            return None
        return self._memory.remembered(normal(source), self._to)

    # --- the check -------------------------------------------------------------------------------

    def _check(self) -> None:
        """Each unit translated back, and how much of it comes out again."""
        scores = []
        back_to = self._values.get(FROM) or ("zh" if self._language == CHINESE else "en")
        for pair in self._done.pairs:
            chinese = is_mostly_chinese(pair.target)
            values = {**self._values, TO: back_to}
            instruction = instruction_for(self._tool, values, CHINESE if chinese else "en")
            request = request_for(self._tool, prompt_of(instruction, pair.target))
            said, _looped = without_loop(self._ask(request, pair.target))
            scores.append(chrf(pair.source, said))
        self._done.score = sum(scores) / len(scores) if scores else None

    # --- the glossary ----------------------------------------------------------------------------

    def _read_glossary(self) -> Glossary:
        """Raises EnvironmentFault where its file cannot be read, or has no entry."""
        name = self._values.get(GLOSSARY, "").strip()
        if not name:
            return Glossary(())
        path = Path(name).expanduser()
        try:
            with path.open("rb") as file:
                content = file.read(LONGEST_GLOSSARY + 1)
        except OSError as error:
            raise EnvironmentFault(
                FaultCode.FILE_UNREADABLE, path=str(path), reason=error.strerror or ""
            ) from error
        if len(content) > LONGEST_GLOSSARY:
            raise EnvironmentFault(
                FaultCode.FILE_TOO_LARGE, path=str(path), size_bytes=len(content),
                most_bytes=LONGEST_GLOSSARY,
            )  # fmt: skip
        text = content.decode("utf-8-sig", "replace")
        if path.suffix.lower() in (".tbx", ".xml") or text.lstrip()[:5] == "<?xml":
            source = self._values.get(FROM) or ("zh" if self._language == CHINESE else "en")
            glossary = glossary_from_tbx(text, source, self._to)
        else:
            glossary = glossary_from_table(text)
        if not glossary.entries:
            raise EnvironmentFault(FaultCode.NO_GLOSSARY, path=str(path))
        return glossary


def _unwrapped(text: str) -> str:
    """Lines that were wrapped are one: a sentence is not translated in halves."""
    lines = lines_of(text)
    parts, at = [], 0
    for one, following in zip(lines, [*lines[1:], None], strict=True):
        raw = one.text
        at += len(raw)
        both = following is not None and one.kind is following.kind is LineKind.TEXT
        if both and raw.endswith("\n") and not is_break(text, at - 1):
            raw = raw.rstrip("\r\n ") + " "
        parts.append(raw)
    return "".join(parts)


def _without_marks(masked: Masked) -> str:
    text = masked.text
    for number in range(1, len(masked.pieces) + 1):
        text = text.replace(masked.mark(number), "")
    return text
