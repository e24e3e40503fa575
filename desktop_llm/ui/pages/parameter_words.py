"""The parameters in words, and how their texts are written and read."""

from collections.abc import Callable
from dataclasses import dataclass

from desktop_llm.core.generation import MAX_STOP_LENGTH, MAX_STOP_STRINGS
from desktop_llm.core.presets import NOTHING_SET, SAMPLER
from desktop_llm.ui.widgets.slider_field import Scale
from desktop_llm.words import _

LARGEST_SEED = 0xFFFF_FFFE  # of `core.generation.Sampling`
MOST_TOKENS = 1_000_000  # of a reply, as `core.generation.GenerationRequest` takes them
_STEPS = {"temperature": 0.05, "repeat_penalty": 0.05, "frequency_penalty": 0.1,
          "presence_penalty": 0.1, "dry_multiplier": 0.1}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Words:
    name: str
    about: str
    technical: str  # for those who know llama.cpp
    lowest: str = ""  # a word that stands for the lowest value


def number_words() -> dict[str, Callable[[], Words]]:
    """Of what a number sets, in the order it is shown: the first one always, the rest folded."""
    return {
        "temperature": lambda: Words(
            _("Temperature"),
            _("Low: sober and predictable. High: more surprising, and more often wrong."),
            "--temp",
        ),
        "top_k": lambda: Words(
            _("Top-k"),
            _("The next word is chosen from this many of the likeliest."),
            "--top-k",
            _("Off"),
        ),
        "top_p": lambda: Words(
            _("Top-p"),
            _("The likeliest words are chosen from, until together they are this likely. 1 is "
              "off."),
            "--top-p",
        ),
        "min_p": lambda: Words(
            _("Min-p"),
            _("Words less likely than this share of the likeliest one are left out."),
            "--min-p",
            _("Off"),
        ),
        "typical_p": lambda: Words(
            _("Typical-p"),
            _("The lower, the more is left out of what would be an odd choice here, or too plain "
              "a one. 1 is off."),
            "--typical",
        ),
        "repeat_penalty": lambda: Words(
            _("Repeat penalty"),
            _("Makes words less likely that were used just now."),
            "--repeat-penalty",
            _("Off"),
        ),
        "repeat_last_n": lambda: Words(
            _("Look back"),
            _("How far the three penalties look back, in tokens (parts of words). 0 is off."),
            "--repeat-last-n",
            _("All"),
        ),
        "frequency_penalty": lambda: Words(
            _("Frequency penalty"),
            _("The more often a word was used, the less likely it becomes."),
            "--frequency-penalty",
        ),
        "presence_penalty": lambda: Words(
            _("Presence penalty"),
            _("A word that was used at all becomes less likely: the model moves on to new things."),
            "--presence-penalty",
        ),
        "dry_multiplier": lambda: Words(
            _("DRY multiplier"),
            _("Against whole phrases that come again, rather than single words."),
            "--dry-multiplier",
            _("Off"),
        ),
        "xtc_probability": lambda: Words(
            _("XTC probability"),
            _("How often the most expected words are passed over, for a less usual style."),
            "--xtc-probability",
            _("Off"),
        ),
        "xtc_threshold": lambda: Words(
            _("XTC threshold"),
            _("Only words at least this likely count as expected ones."),
            "--xtc-threshold",
        ),
    }  # fmt: skip


def scale_of(name: str, lowest: str = "") -> Scale:
    """Of a parameter of the sampler."""
    low, high = SAMPLER[name]
    whole = isinstance(low, int)
    default = getattr(NOTHING_SET.sampling(), name)
    return Scale(
        low=low,
        high=high,
        default=default,
        step=1 if whole else _STEPS.get(name, 0.01),
        decimals=0 if whole else 2,
        lowest=lowest,
        slider=name != "repeat_last_n",  # a pixel would be twenty
    )


# --- stop strings ---------------------------------------------------------------------------------


def stop_to_lines(stop: tuple[str, ...]) -> str:
    """One a line; a line's end within one as `\\n`."""
    return "\n".join(text.replace("\\", "\\\\").replace("\n", "\\n") for text in stop)


def stop_from_lines(text: str) -> tuple[tuple[str, ...], bool]:
    """As many as are possible, each once, and whether that is all of them."""
    given = dict.fromkeys(_unescaped(line) for line in text.split("\n") if line)
    taken = tuple(each for each in given if len(each) <= MAX_STOP_LENGTH)[:MAX_STOP_STRINGS]
    return taken, len(taken) == len(given)


def _unescaped(line: str) -> str:
    parts = line.split("\\\\")
    return "\\".join(part.replace("\\n", "\n") for part in parts)


def seed_from(text: str) -> tuple[int | None, bool]:
    """The seed, and whether it is what was written; None for nothing."""
    digits = "".join(each for each in text if each in "0123456789")[:20]
    if not digits:
        return None, not text.strip()
    return min(int(digits), LARGEST_SEED), digits == text.strip() and int(digits) <= LARGEST_SEED


def name_of(parameter: str) -> str:
    """Of any field of `core.presets.Parameters`."""
    others = {
        "system_prompt": _("Instructions to the model"),
        "max_tokens": _("Longest reply"),
        "seed": _("Seed"),
        "stop": _("Stop strings"),
        "reproducible": _("Same text every time"),
    }
    return others.get(parameter) or number_words()[parameter]().name
