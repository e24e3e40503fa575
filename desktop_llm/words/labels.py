"""Why a label is in doubt, in words."""

from desktop_llm.core.labels import Unsure
from desktop_llm.words import _


def unsure_words(unsure: Unsure) -> str:
    return {
        Unsure.NO: "",
        Unsure.CLOSE: _("Uncertain: another label is nearly as likely."),
        Unsure.WEAK: _("Uncertain: no label is likely."),
        Unsure.SPLIT: _("Uncertain: the sentences speak for different labels."),
        Unsure.CUT: _("Uncertain: the end of the text was not read."),
    }[unsure]


def doubt_words(unsure: str) -> str:
    """As it is kept with a row."""
    try:
        return unsure_words(Unsure(unsure))
    except ValueError:  # of another version
        return unsure
