"""Which language a text is in: by its script where that says it, else by lingua.

lingua is restricted to the languages offered. Its accurate models take about 200 MB and two
seconds once; the quick ones (15 MB) call "hello there" Spanish. Short texts are never sure.
"""

import re
from functools import lru_cache
from typing import Any

from desktop_llm.core.errors import DesktopLlmError
from desktop_llm.core.language import OFFERED, Identified, IdentifiedTexts, Identify
from desktop_llm.language.running import Running, library

LETTERS = 10  # fewer say too little
SURE = 0.7  # probability from which on no question is needed
SAMPLE = 2000  # characters looked at, at the beginning, in the middle and at the end
_KANA = re.compile("[\u3041-\u30ff\u31f0-\u31ff\uff66-\uff9d]")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")
_CYRILLIC = re.compile("[\u0400-\u052f]")
_ARABIC = re.compile("[\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufefc]")
_LETTER = re.compile(r"[^\W\d_]")
UNKNOWN = Identified("", 0.0, False)


def identify(request: Identify, running: Running) -> IdentifiedTexts:
    found = []
    for text in request.texts:
        running.check()
        found.append(identified(text))
    return IdentifiedTexts(tuple(found))


def identified(text: str) -> Identified:
    sample = _sample(text)
    letters = len(_LETTER.findall(sample))
    if not letters:
        return UNKNOWN
    by_script = _by_script(sample, letters)
    if by_script is not None and by_script.code in ("zh", "ja", "ko"):
        return _as_sure(by_script, letters)
    try:
        detector = _detector()
    except DesktopLlmError:  # the script has to do
        return UNKNOWN if by_script is None else _as_sure(by_script, 0)
    first, second = (*detector.compute_language_confidence_values(sample), None, None)[:2]
    if first is None or first.value <= 0:
        return UNKNOWN if by_script is None else _as_sure(by_script, 0)
    code = first.language.iso_code_639_1.name.lower()
    if by_script is not None and by_script.code != code:
        return _as_sure(by_script, 0)
    clear = second is None or first.value - second.value > 0.4
    sure = letters >= LETTERS and first.value >= SURE and clear
    return Identified(code, round(float(first.value), 4), sure)


def _by_script(sample: str, letters: int) -> Identified | None:
    """Kana and hangul say it; Han alone is Chinese, unless it is a short Japanese title; of
    Cyrillic and Arabic the most likely language is named, and its share.
    """
    kana, han = len(_KANA.findall(sample)), len(_HAN.findall(sample))
    hangul = len(_HANGUL.findall(sample))
    east = kana + han
    if east >= 0.4 * letters and east >= hangul:
        if kana >= 0.1 * east:
            return Identified("ja", east / letters, True)
        return Identified("zh", east / letters, kana == 0)
    if hangul >= 0.4 * letters:
        return Identified("ko", hangul / letters, True)
    for code, script in (("ru", _CYRILLIC), ("ar", _ARABIC)):
        count = len(script.findall(sample))
        if count > 0.5 * letters:
            return Identified(code, count / letters, False)
    return None


def _as_sure(found: Identified, letters: int) -> Identified:
    sure = found.sure and letters >= LETTERS and found.probability >= SURE
    return Identified(found.code, round(min(found.probability, 1.0), 4), sure)


def _sample(text: str) -> str:
    text = text.strip()
    if len(text) <= 3 * SAMPLE:
        return text
    middle = len(text) // 2
    return " ".join((text[:SAMPLE], text[middle : middle + SAMPLE], text[-SAMPLE:]))


@lru_cache(maxsize=1)
def _detector() -> Any:
    lingua = library("lingua")
    languages = [
        language for language in lingua.Language.all()
        if language.iso_code_639_1.name.lower() in OFFERED
    ]  # fmt: skip
    return lingua.LanguageDetectorBuilder.from_languages(*languages).build()
