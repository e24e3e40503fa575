"""Sentences, words and names of a text, portion by portion."""

from typing import Any

from desktop_llm.core.language import (
    Analyse,
    Analysed,
    AnalysedPortion,
    Part,
    Span,
    Token,
)
from desktop_llm.language.pipelines import Pipeline, pipeline
from desktop_llm.language.running import Running
from desktop_llm.language.sentences import Word, split, words_of

# Components that only these parts need.
_FOR_TOKENS = ("tagger", "morphologizer", "attribute_ruler", "lemmatizer", "trainable_lemmatizer")
_FOR_ENTITIES = ("ner", "entity_ruler")
_ANNOTATIONS = {"lemma": "LEMMA", "part_of_speech": "POS", "tag": "TAG", "head": "DEP"}


def analyse(request: Analyse, running: Running) -> Analysed:
    parts = frozenset(request.parts)
    chosen = pipeline(request.language, request.pack)
    analysed = _Analysis(chosen, parts)
    for start, text in running.portions(request.text):
        running.post(analysed.portion(start, text))
    found = tuple(
        part for part in Part if part in parts and (part is not Part.ENTITIES or analysed.entities)
    )
    return Analysed(chosen.language, chosen.unit, found, tuple(sorted(analysed.annotations)))


class _Analysis:
    def __init__(self, chosen: Pipeline, parts: frozenset[Part]) -> None:
        self._pipeline = chosen
        self._parts = parts
        self._tokens = 0  # so far
        self.annotations: set[str] = set()
        names = set(chosen.nlp.pipe_names) if chosen.whole else set()
        self.entities = bool(names.intersection((*_FOR_ENTITIES, "span_ruler")))
        without: tuple[str, ...] = () if Part.TOKENS in parts else _FOR_TOKENS
        without += () if Part.ENTITIES in parts else _FOR_ENTITIES
        if parts == {Part.ENTITIES}:
            without += ("parser", "senter")
        self._disabled = sorted(names.intersection(without))

    def portion(self, start: int, text: str) -> AnalysedPortion:
        doc = None
        if self._pipeline.whole:
            with self._pipeline.nlp.select_pipes(disable=self._disabled):
                doc = self._pipeline.nlp(text)
            words = words_of((token.idx, token.text) for token in doc)
        else:
            words = self._pipeline.words(text)
        sentences: tuple[Span, ...] = ()
        tokens: tuple[Token, ...] = ()
        entities: tuple[Span, ...] = ()
        if Part.SENTENCES in self._parts:
            sentences = _sentences(start, text, words, doc)
        if Part.TOKENS in self._parts:
            if doc is None:
                tokens = tuple(Token(start + word.start, start + word.end) for word in words)
            else:
                tokens = self._annotated(start, doc)
            self._tokens += len(tokens)
        if Part.ENTITIES in self._parts and doc is not None:
            entities = tuple(
                Span(start + entity.start_char, start + entity.end_char, entity.label_)
                for entity in doc.ents
            )
        return AnalysedPortion(start + len(text), sentences, tokens, entities)

    def _annotated(self, start: int, doc: Any) -> tuple[Token, ...]:
        has = {name: doc.has_annotation(mark) for name, mark in _ANNOTATIONS.items()}
        self.annotations.update(name for name, there in has.items() if there)
        shown = [token for token in doc if not token.is_space]
        places = {token.i: self._tokens + at for at, token in enumerate(shown)}
        return tuple(
            Token(
                start + token.idx,
                start + token.idx + len(token),
                token.lemma_ if has["lemma"] else "",
                token.pos_ if has["part_of_speech"] else "",
                token.tag_ if has["tag"] else "",
                places.get(token.head.i, places[token.i]) if has["head"] else -1,
                token.dep_ if has["head"] else "",
            )
            for token in shown
        )


def _sentences(start: int, text: str, words: list[Word], doc: Any) -> tuple[Span, ...]:
    if doc is None or not doc.has_annotation("SENT_START"):
        return tuple(Span(start + first, start + end) for first, end in split(text, words))
    spans = []
    for sentence in doc.sents:
        raw = sentence.text
        kept = raw.strip()
        if kept:
            first = start + sentence.start_char + len(raw) - len(raw.lstrip())
            spans.append(Span(first, first + len(kept)))
    return tuple(spans)
