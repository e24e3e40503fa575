"""A tool on a text of any length: at once where it fits, else part by part, as the tool says."""

from collections.abc import Callable, Mapping, Sequence

from desktop_llm.core.engine import TextDelta
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.excerpts import Excerpts
from desktop_llm.core.generation import GenerationRequest
from desktop_llm.core.segments import Part, parts, sentences
from desktop_llm.core.text_tools import Anew, PartDone, ToolEvent
from desktop_llm.core.tool_results import (
    clean_reply,
    joined_lists,
    joined_quotes,
    joined_tables,
)
from desktop_llm.core.tools import (
    Long,
    Output,
    Tool,
    instruction_for,
    prompt_of,
    request_for,
    schema_of,
)
from desktop_llm.services.engine_work import EngineWork
from desktop_llm.services.tool_asking import ToolAsker

SPARE = 16  # tokens that nobody has counted
PART_TOKENS = 1200  # of a part that is read; a small model overlooks much in a longer one
CHANGED_TOKENS = 400  # of a part that is written anew
LEAST_PART = 48  # tokens; a context that leaves less is too small
MERGES = 6  # steps at most, from many parts to one
SAMPLE = 20_000  # characters that tell how long the tokens of a text are
SHORTEST_TOKEN = 32  # characters of a text that has surely more tokens than one to so many


class LongText:
    """One run. `parts`: of the text, 0 for one piece; `shortened`: not all of it was read."""

    def __init__(
        self,
        tool: Tool,
        values: Mapping[str, str],
        language: str,
        work: EngineWork,
        asker: ToolAsker,
        post: Callable[[ToolEvent], object],
    ) -> None:
        self._tool = tool
        self._values = values
        self._language = language
        self._work = work
        self._asker = asker
        self._post = post
        self._instruction = instruction_for(tool, values, language)
        self._long = tool.how_long(values)
        self._anew = tool.output is Output.EDIT  # it comes out about as long as it went in
        self._done: list[str] = []
        self.parts = 0
        self.shortened = False

    def apply(self, text: str) -> str:
        """What the tool makes of it. Raises CancelledError and faults; see `so_far` then."""
        room = self._room()
        size = self._tokens_of(text, room)
        if size <= (min(room, CHANGED_TOKENS) if self._anew else room):
            return self._asker.ask(self._request(text), text).text
        if self._long in (Long.PASSAGES, Long.END, Long.BEGINNING):
            return self._asker.ask(self._request(self._chosen(text, room, size)), text).text
        spans = sentences(text)
        most = min(room, CHANGED_TOKENS if self._anew else PART_TOKENS)
        found = parts(text, spans, most, self._work.count)
        self.parts = len(found)
        self._post(PartDone(0, len(found)))
        if self._long is Long.REFINE:
            return self._refine(text, found)
        made = [self._part(at, text, part) for at, part in enumerate(found)]
        without_model = (Output.LIST, Output.QUOTES, Output.TABLE)
        if self._long is Long.PARTS or self._tool.output in without_model:
            return self._joined(made)
        return self._merge(made, room)

    def so_far(self) -> str:
        """What is done of it, where it was stopped; empty where nothing is."""
        begun = clean_reply(self._asker.streamed, "")
        if self._long is Long.REFINE and self._done:
            begun = ""  # the next version, which is not better yet
        return self._joined([*self._done, begun])

    def _request(self, piece: str, before: str = "") -> GenerationRequest:
        """`before`: what came of the text so far."""
        said = self._instruction
        if before:
            said = _GO_ON[self._language].format(instruction=said, before=before)
        begun = self._tool.begun.within(self._language)
        schema = schema_of(self._tool, self._values)
        return request_for(self._tool, prompt_of(said, piece), begun, schema)

    def _room(self) -> int:
        """Tokens of a text that fit beside the question and its answer."""
        loaded = self._work.engine.model
        messages = self._request("").messages
        counted = self._work.watch(self._work.engine.count_tokens(messages)).result()
        self._work.check()
        context = loaded.context_length if loaded else int(counted.context_length)
        free = context - int(counted.tokens) - SPARE
        room = free - min(self._tool.max_tokens, max(64, free // 3))
        if self._anew:
            room = min(room, int(free / 2.5))
        if room < LEAST_PART:
            raise EnvironmentFault(
                FaultCode.PROMPT_TOO_LONG, tokens=int(counted.tokens), context=context
            )
        return room

    def _tokens_of(self, text: str, room: int) -> int:
        """About, and more than `room`, where counting all of them would take long."""
        if len(text) < SHORTEST_TOKEN * room:
            return self._work.count([text])[0]
        sample = text[:SAMPLE]
        (tokens,) = self._work.count([sample])
        return max(room + 1, round(tokens * len(text) / len(sample)))

    def _chosen(self, text: str, room: int, size: int) -> str:
        self.shortened = True
        if self._long is Long.PASSAGES:  # reading them is most of the time that this takes
            room = min(room, PART_TOKENS)
        share = 0.9 * room / size
        if self._long is Long.PASSAGES:
            question = " ".join(self._values.values())
            return Excerpts(text).best(question, int(share * len(text.encode())))
        spans, length = sentences(text), int(share * len(text))
        if self._long is Long.END:
            least = len(text) - length
            start = next((span.start for span in spans if span.start >= least), least)
            return text[start:]
        end = next((span.end for span in reversed(spans) if span.end <= length), length)
        return text[:end]

    def _part(self, at: int, text: str, part: Part) -> str:
        piece = part.span.of(text)
        said = self._asker.ask_part(self._request(piece), piece)
        words, gap = said.text, "\n\n"
        if self._anew:  # what stood between the parts stands there still
            after = text[part.span.end :]
            gap = after[: len(after) - len(after.lstrip())]
        if at + 1 < self.parts:
            self._post(TextDelta(gap, 0))
            words += gap if self._anew else ""
        self._done.append(words)
        self._tell(at + 1, said.known)
        return words

    def _tell(self, done: int, known: bool) -> None:
        self._asker.streamed = ""
        self._post(PartDone(done, self.parts, known))

    def _refine(self, text: str, found: Sequence[Part]) -> str:
        """The summary so far and the next part, again and again."""
        so_far = ""
        for at, part in enumerate(found):
            piece = part.span.of(text)
            if so_far:
                self._post(Anew())
            made = self._asker.ask_part(self._request(piece, so_far), piece)
            so_far = made.text or so_far
            self._done = [so_far]
            self._tell(at + 1, made.known)
        return so_far

    def _merge(self, made: list[str], room: int) -> str:
        """What came of the parts, as a text of its own, which the same is asked of."""
        for _ in range(MERGES):
            whole = "\n\n".join(each for each in made if each.strip())
            self._post(Anew())
            if self._tokens_of(whole, room) <= room:
                return self._asker.ask_part(self._request(whole), whole).text or whole
            groups = parts(whole, sentences(whole), room, self._work.count)
            if len(groups) >= len(made):
                break
            pieces = [each.span.of(whole) for each in groups]
            made = [self._asker.ask_part(self._request(each), each).text for each in pieces]
        return "\n\n".join(made)

    def _joined(self, made: Sequence[str]) -> str:
        output = self._tool.output
        if output is Output.LIST:
            return joined_lists(made)
        if output is Output.QUOTES:
            return joined_quotes(made)
        if output is Output.TABLE:
            return joined_tables(made)
        between = "" if self._anew else "\n\n"
        return between.join(each for each in made if each.strip())


_GO_ON = {
    "en": "{instruction}\n\nThis is what came of the text so far:\n{before}\n\nImprove it and add"
    " to it what the next piece of the text says.",
    "zh_CN": "{instruction}\n\n目前的结果：\n{before}\n\n请用文字的下一部分补充和改进它。",
}
