"""How often words occur, which belong together, and where one stands."""

import re
from collections import Counter
from collections.abc import Iterator

from desktop_llm.core.language import (
    Collocation,
    Collocations,
    Concordance,
    ConcordanceLine,
    CountedWords,
    FoundCollocations,
    FoundLines,
    Frequencies,
    Frequency,
)
from desktop_llm.language.pipelines import Pipeline, counted, pipeline
from desktop_llm.language.running import Running, library


def frequencies(request: Frequencies, running: Running) -> CountedWords:
    chosen = pipeline(request.language, request.pack)
    counts: Counter[str] = Counter()
    for _start, portion in running.portions(request.text):
        counts.update(counted(chosen.words(portion)))
    words, kinds = counts.total(), len(counts)
    if not request.stop_words:
        for word in chosen.stop_words():
            counts.pop(word, None)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    found = tuple(Frequency(word, count) for word, count in ordered[: request.most])
    return CountedWords(found, words, kinds, chosen.unit)


def collocations(request: Collocations, running: Running) -> FoundCollocations:
    nltk = library("nltk.collocations")
    measure = library("nltk.metrics.association").BigramAssocMeasures.likelihood_ratio
    chosen = pipeline(request.language, request.pack)
    finder = nltk.BigramCollocationFinder.from_documents(_runs(chosen, request.text, running))
    finder.apply_freq_filter(request.at_least)
    if not request.stop_words:
        stop_words = chosen.stop_words()
        finder.apply_word_filter(stop_words.__contains__)
    running.check()
    total, single, pairs = finder.N, finder.word_fd, finder.ngram_fd
    found = [
        Collocation(first, second, pairs[first, second], round(float(score), 4))
        for (first, second), score in finder.score_ngrams(measure)
        # The ratio is as high for words that avoid each other.
        if pairs[first, second] * total > single[first] * single[second]
    ]
    found.sort(key=lambda each: (-each.score, each.first, each.second))
    return FoundCollocations(tuple(found[: request.most]), chosen.unit)


def _runs(chosen: Pipeline, text: str, running: Running) -> Iterator[list[str]]:
    """Words that stand beside each other, with no sign between."""
    for _start, portion in running.portions(text):
        run: list[str] = []
        for word in chosen.words(portion):
            if any(map(str.isalnum, word.text)):
                run.append(word.text.casefold())
            elif run:
                yield run
                run = []
        if run:
            yield run


def concordance(request: Concordance, running: Running) -> FoundLines:
    """Whole words, whatever their case; within a word where the script has no spaces."""
    text, width = request.text, request.width
    words = request.word.split()
    pattern = r"\s+".join(map(re.escape, words))
    if _has_spaces(words[0][0]):
        pattern = rf"(?<!\w){pattern}"
    if _has_spaces(words[-1][-1]):
        pattern = rf"{pattern}(?!\w)"
    lines: list[ConcordanceLine] = []
    total = 0
    for found in re.finditer(pattern, text, re.IGNORECASE):
        if total % 1000 == 0:
            running.check()
        total += 1
        if len(lines) < request.most:
            start, end = found.span()
            left, right = text[max(0, start - width) : start], text[end : end + width]
            lines.append(ConcordanceLine(start, end, left, right))
    return FoundLines(tuple(lines), total)


def _has_spaces(character: str) -> bool:
    """Whether its script sets words apart by spaces."""
    return character.isalnum() and not "\u0e00" <= character <= "\u0fff" and not (
        "\u3041" <= character <= "\u9fff" or "\U00020000" <= character <= "\U0003ffff"
    )  # fmt: skip
