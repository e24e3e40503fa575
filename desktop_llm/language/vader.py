"""Sentiment by VADER (Hutto and Gilbert 2014): NLTK's rules, the lexicon of `vaderSentiment`.

NLTK would download its lexicon; the other package ships the same one. Its folder is added to
NLTK's path, and the package itself never imported.
"""

from functools import lru_cache
from importlib.util import find_spec
from typing import Any

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.language import Polarities, Polarity, Vader
from desktop_llm.language.pipelines import pipeline
from desktop_llm.language.running import Running, library
from desktop_llm.language.sentences import split

LEXICON = "vader_lexicon.txt"
LONG = 2000  # characters; a longer text is the mean of its sentences, which the rules are made for


def vader(request: Vader, running: Running) -> Polarities:
    return Polarities(tuple(_polarity(text, running) for text in request.texts))


def _polarity(text: str, running: Running) -> Polarity:
    running.check()
    if len(text) <= LONG:
        return _scores(text)
    found, weights = [], []
    words_in = pipeline("en").words
    for _start, portion in running.portions(text):
        for first, end in split(portion, words_in(portion)):
            for at in range(first, end, LONG):  # what has no sentences takes time by its square
                piece = portion[at : min(end, at + LONG)]
                found.append(_scores(piece))
                weights.append(len(piece))
            running.check()
    total = sum(weights)
    if not total:
        return _scores("")

    def mean(values: list[float]) -> float:
        return round(sum(map(float.__mul__, values, map(float, weights))) / total, 4)

    return Polarity(
        mean([each.compound for each in found]),
        mean([each.positive for each in found]),
        mean([each.neutral for each in found]),
        mean([each.negative for each in found]),
    )


def _scores(text: str) -> Polarity:
    if not text.strip():
        return Polarity(0.0, 0.0, 1.0, 0.0)
    found = _analyzer().polarity_scores(text)
    return Polarity(
        float(found["compound"]), float(found["pos"]), float(found["neu"]), float(found["neg"])
    )


@lru_cache(maxsize=1)
def _analyzer() -> Any:
    analyzer = library("nltk.sentiment.vader").SentimentIntensityAnalyzer
    data = library("nltk.data")
    spec = find_spec("vaderSentiment")
    if spec is None or not spec.submodule_search_locations:
        raise EnvironmentFault(FaultCode.LANGUAGE_TOOL_MISSING, name="vaderSentiment")
    folder = spec.submodule_search_locations[0]
    if folder not in data.path:
        data.path.insert(0, folder)
    return analyzer(LEXICON)
