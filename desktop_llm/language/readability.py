"""How hard a text is to read, by formulas that are published and can be computed by hand.

English: reading ease, Flesch 1948 (206.835 - 1.015 W/S - 84.6 Y/W), and grade, Kincaid and others
1975 (0.39 W/S + 11.8 Y/W - 15.59). German: Amstad 1978 (180 - W/S - 58.5 Y/W). W are words, S
sentences, Y syllables; these are estimated from the spelling: groups of vowels, without a silent e.
For other languages, Chinese among them, there are the lengths of sentences alone.
"""

import re
from collections.abc import Callable

from desktop_llm.core.language import Readability, Readable
from desktop_llm.language.pipelines import counted, pipeline
from desktop_llm.language.running import Running
from desktop_llm.language.sentences import split

_VOWELS = re.compile("[aeiouyáàâäéèêëíìîïóòôöúùûü]+")
_GERMAN = re.compile("[aeiouyäöü]+")
_DIPHTHONGS = re.compile("ie|ei|ai|au|äu|eu|aa|ee|oo|ui|[aeiouyäöü]")
# Vowels that stand beside each other and are two syllables.
_TWO = re.compile(
    "i[ao](?!u)(?<![tcsg]i[ao])|[^g]ua(?=[lt])|eo(?=[^u]|$)|[^aeiouyq]uou|ying"
    "|(?<!t)ie(?=nc|t)|[aeiou][ïëöü]"
)
_SILENT_E = re.compile("(?<![aeiouy])(?<![^aeiouy]l)e$")
_SILENT_ENDING = re.compile("[^aeiouylr]es$|[^aeiouytd]ed$")
_SPOKEN_ENDING = re.compile("(?:[scxzg]|sh|ch)es$")


def readability(request: Readability, running: Running) -> Readable:
    chosen = pipeline(request.language, request.pack)
    characters = words = sentences = syllables = 0
    count = SYLLABLES.get(chosen.language)
    for _start, portion in running.portions(request.text):
        found = chosen.words(portion)
        for word in counted(found):
            words += 1
            characters += sum(map(str.isalnum, word))
            syllables += count(word) if count else 0
        sentences += sum(
            any(map(str.isalnum, portion[start:end])) for start, end in split(portion, found)
        )
    ease = grade = None
    formula = ""
    if words and sentences and count:
        length, weight = words / sentences, syllables / words
        if chosen.language == "en":
            ease = 206.835 - 1.015 * length - 84.6 * weight
            grade = 0.39 * length + 11.8 * weight - 15.59
            formula = "Flesch, Flesch-Kincaid"
        else:
            ease, formula = 180 - length - 58.5 * weight, "Amstad"
    return Readable(
        characters,
        words,
        sentences,
        chosen.unit,
        round(words / sentences, 2) if sentences else 0.0,
        round(characters / sentences, 2) if sentences else 0.0,
        syllables,
        None if ease is None else round(ease, 2),
        None if grade is None else round(grade, 2),
        formula,
    )


def english_syllables(word: str) -> int:
    """Estimated; at least one."""
    word = re.sub("['’]s?$", "", word.lower())
    count = len(_VOWELS.findall(word)) + len(_TWO.findall(word))
    silent = _SILENT_E.search(word) or (
        _SILENT_ENDING.search(word) and not _SPOKEN_ENDING.search(word)
    )
    return max(1, count - bool(silent))


def german_syllables(word: str) -> int:
    """Estimated; at least one."""
    groups = _GERMAN.findall(word.lower())
    return max(1, sum(len(_DIPHTHONGS.findall(group)) for group in groups))


SYLLABLES: dict[str, Callable[[str], int]] = {"en": english_syllables, "de": german_syllables}
