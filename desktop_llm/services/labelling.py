"""Labels for texts: sentiment, or any set of labels, scored from the model's logits and calibrated.

The prompt before the text is the same for all texts and read once; texts are scored in batches. How
the model answers where there is nothing to judge is taken off (contextual calibration).
"""

from collections.abc import Callable, Mapping, Sequence

from desktop_llm.core.aspects import (
    Clause,
    JudgedAspect,
    clauses,
    evidence_of,
)
from desktop_llm.core.engine import LabelsScored, ScoringFinished
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.label_requests import LabelPrompt, LabelRequest, LabelScores
from desktop_llm.core.labels import (
    CONTENT_FREE,
    Calibration,
    Judgement,
    Unsure,
    UnsureRule,
    content_free_preference,
    judge,
)
from desktop_llm.core.segments import parts, sentences
from desktop_llm.core.text_tools import Judged, JudgedSentence
from desktop_llm.core.tool_results import items_of
from desktop_llm.core.tools import (
    TEXT,
    Label,
    Tool,
    VariableKind,
    Words,
    instruction_for,
)
from desktop_llm.engine.arbiter import Priority
from desktop_llm.engine.client import CancelledError
from desktop_llm.services.engine_work import EngineWork

PART_TOKENS = 400  # of a part that is judged at once
MOST_SENTENCES = 2000  # that are judged by themselves
MOST_CLAUSES = 100  # that are judged of one aspect
SPLIT = 0.4  # of the surely judged sentences that speak for another label
AT_ONCE = 64  # texts of one request: a chat waits for its end
_PLACE = "{{" + TEXT + "}}"


def labels_of(tool: Tool, values: Mapping[str, str]) -> tuple[Label, ...]:
    """The tool's, or those that a person typed. Raises EnvironmentFault for fewer than two."""
    found = list(tool.labels)
    for variable in tool.variables:
        if variable.kind is VariableKind.LABELS:
            names = dict.fromkeys(items_of(values.get(variable.name) or variable.default))
            found += [Label(value=name, title=Words(name), word=Words(name)) for name in names]
    if len(found) < 2:
        raise EnvironmentFault(FaultCode.FEW_LABELS)
    return tuple(found)


class Labeller:
    """Of one tool with its values, for texts in one language. Raises EnvironmentFault."""

    def __init__(
        self, work: EngineWork, tool: Tool, values: Mapping[str, str], language: str
    ) -> None:
        self.labels = labels_of(tool, values)
        self._work = work
        self._temperature = tool.temperature
        self.rule = UnsureRule()
        instruction = instruction_for(tool, values, language)
        if _PLACE not in instruction:
            instruction = f"{instruction}\n\n{_PLACE}"
        head, _place, tail = instruction.partition(_PLACE)
        begun = tool.begun.within(language)
        space = " " if begun and not begun.endswith((" ", "：", "“", '"')) else ""
        words = tuple(space + label.word.within(language) for label in self.labels)
        self.prompt = LabelPrompt(head=head, tail=tail, begun=begun, labels=words)
        self._calibration: Calibration | None = None

    def judge(
        self, texts: Sequence[str], on_done: Callable[[int], object] = lambda _done: None
    ) -> list[Judgement]:
        """One a text. `on_done` hears how many are done. Raises CancelledError."""
        calibration = self.calibration()
        found: list[Judgement] = []
        for at in range(0, len(texts), AT_ONCE):
            scores = self._score(texts[at : at + AT_ONCE])
            found += [judge(each, calibration, self.rule) for each in scores]
            on_done(len(found))
        return found

    def judge_text(
        self, text: str, on_done: Callable[[int, int], object] = lambda _done, _of: None
    ) -> tuple[Judged, int, bool]:
        """A text as a whole, by its parts where it is long, and each of its sentences. Returns in
        how many parts, and whether not all sentences were judged by themselves.
        """
        spans = sentences(text)
        found = parts(text, spans, PART_TOKENS, self._work.count)
        several = spans[:MOST_SENTENCES] if len(spans) > 1 else []
        pieces = [part.span.of(text) for part in found] + [span.of(text) for span in several]
        judgements = self.judge(pieces, lambda done: on_done(done, len(pieces)))
        own = judgements[len(found) :]
        judged = tuple(
            JudgedSentence(span, each.label, each.probability, each.unsure)
            for span, each in zip(several, own, strict=True)
        )
        lengths = [part.span.end - part.span.start for part in found]
        whole = together(judgements[: len(found)], lengths, own, self.rule)
        return Judged(self.labels, whole, judged), len(found), len(spans) > MOST_SENTENCES

    def judge_aspects(
        self,
        text: str,
        typed: Sequence[str],
        found: Sequence[str],
        on_done: Callable[[int, int], object] = lambda _done, _of: None,
    ) -> tuple[tuple[JudgedAspect, ...], bool]:
        """Each by the clauses that name it, and whether some had more of them than were judged."""
        spans = clauses(text)
        named = [(name, evidence_of(name, text, spans)) for name in (*typed, *found)]
        shortened = any(len(places) > MOST_CLAUSES for _name, places in named)
        wanted = sorted({at for _name, places in named for at in places[:MOST_CLAUSES]})
        pieces = [spans[at].of(text) for at in wanted]
        judgements = self.judge(pieces, lambda done: on_done(done, len(pieces))) if pieces else []
        by_clause = dict(zip(wanted, judgements, strict=True))
        made: list[JudgedAspect] = []
        for number, (name, places) in enumerate(named):
            places = places[:MOST_CLAUSES]
            if not places and number >= len(typed):
                continue  # its words stand in two clauses
            own = [by_clause[at] for at in places]
            lengths = [spans[at].end - spans[at].start for at in places]
            evidence = tuple(
                Clause(spans[at], each.label, each.probability, each.unsure)
                for at, each in zip(places, own, strict=True)
            )
            whole = together(own, lengths, own, self.rule) if own else None
            made.append(JudgedAspect(name, whole, evidence, typed=number < len(typed)))
        return tuple(made), shortened

    def calibration(self) -> Calibration:
        """Found out with the first texts."""
        if self._calibration is None:
            self._calibration = Calibration(
                preference=content_free_preference(self._score(CONTENT_FREE)),
                temperature=self._temperature,
            )
        return self._calibration

    def _score(self, texts: Sequence[str]) -> list[LabelScores]:
        request = LabelRequest(prompt=self.prompt, texts=tuple(texts))
        task = self._work.watch(self._work.engine.score_labels(request, Priority.BATCH))
        scores: list[LabelScores] = []
        for event in task.wait_events():
            if isinstance(event, LabelsScored):
                scores += event.scores
        finished: ScoringFinished = task.result()
        if finished.cancelled:
            raise CancelledError
        return scores


def together(
    found: Sequence[Judgement],
    lengths: Sequence[int],
    sentences_of_it: Sequence[Judgement],
    rule: UnsureRule,
) -> Judgement:
    """Parts of one text as one judgement: by length; split where surely judged sentences differ."""
    total = sum(lengths)
    count = len(found[0].probabilities)
    shares = tuple(
        sum(each.probabilities[at] * length for each, length in zip(found, lengths, strict=True))
        / total
        for at in range(count)
    )
    best = max(range(count), key=shares.__getitem__)
    second = max(share for at, share in enumerate(shares) if at != best)
    unsure = found[0].unsure if len(found) == 1 else Unsure.NO
    if shares[best] - second < rule.least_margin:
        unsure = Unsure.CLOSE
    elif not unsure:
        sure = [each.label for each in sentences_of_it if each.unsure is Unsure.NO]
        others = sum(label != best for label in sure)
        if others >= max(1, SPLIT * len(sure)):
            unsure = Unsure.SPLIT
    return Judgement(best, shares, unsure)
