"""Labels for many texts: what is asked of the model, and what it says of each text.

A label is not written by the model but scored: how likely it is as the next words of the reply.
"""

from dataclasses import dataclass

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.messages import Message
from desktop_llm.core.ranges import check_range

MOST_LABELS = 200
LONGEST_LABEL = 200  # characters
MOST_TEXTS = 4096  # of one request: it is not interrupted for another, only cancelled


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelPrompt:
    """The question, with a place for the text: `before`, then head + text + tail of the user.

    One space at the end of `head` is tokenised with the text, since words carry the space before
    them. A label is taken as it is: after `begun` it usually begins with a space.
    """

    before: tuple[Message, ...] = ()  # a system message, or examples with their replies
    head: str = ""
    tail: str = ""
    begun: str = ""  # the beginning of the reply, after which a label stands
    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        """Raises EnvironmentFault: INVALID_PARAMETER, LABEL_TWICE."""
        check_range("labels", len(self.labels), 2, MOST_LABELS)
        seen = set()
        for label in self.labels:
            words = label.strip()
            check_range("label", len(words) and len(label), 1, LONGEST_LABEL)
            if words in seen:
                raise EnvironmentFault(FaultCode.LABEL_TWICE, label=words)
            seen.add(words)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRequest:
    """Texts are scored in their order, and each as if it were alone. An empty one is allowed: it
    tells which label the model prefers whatever it reads.
    """

    prompt: LabelPrompt
    texts: tuple[str, ...]
    at_once: int | None = None  # texts in one batch; None: as many as pay

    def __post_init__(self) -> None:
        check_range("texts", len(self.texts), 1, MOST_TEXTS)
        if self.at_once is not None:
            check_range("at_once", self.at_once, 1, MOST_TEXTS, whole=True)


@dataclass(frozen=True, slots=True)
class LabelScores:
    """What the model says of one text.

    `log_probs`: for each label the mean over its tokens of their log-probability in nats, over the
    whole vocabulary. The mean, or a long label would lose by its length alone; it wins a little
    instead, since later tokens of a word are easily guessed, and calibration takes that away.
    """

    log_probs: tuple[float, ...]
    cut: bool = False  # the end of the text did not fit and was not read
