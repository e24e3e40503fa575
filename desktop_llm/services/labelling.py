"""Labels for texts: sentiment, or any set of labels, scored from the model's logits and calibrated.

The prompt before the text is the same for all texts and read once; texts are scored in batches. How
the model answers where there is nothing to judge is taken off (contextual calibration).
"""

from collections.abc import Callable, Mapping, Sequence

from desktop_llm.core.engine import LabelsScored, ScoringFinished
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.label_requests import LabelPrompt, LabelRequest, LabelScores
from desktop_llm.core.labels import (
    CONTENT_FREE,
    Calibration,
    Judgement,
    UnsureRule,
    content_free_preference,
    judge,
)
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
