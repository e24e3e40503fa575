"""What of a conversation is sent: planned by `core.context`, counted by the engine."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from desktop_llm.core.attachments import Attachment, with_documents
from desktop_llm.core.context import Care, Fate, Item, Plan, Policy, plan, reply_room
from desktop_llm.core.conversations import StoredMessage
from desktop_llm.core.engine import TokenCount
from desktop_llm.core.messages import Message, MessageState, Role
from desktop_llm.core.outlook import EXCERPT_LENGTH, Kind, Outlook, OutlookItem
from desktop_llm.core.presets import NOTHING_SET, Parameters
from desktop_llm.engine.client import EngineClient
from desktop_llm.services.digests import Count, Digests
from desktop_llm.services.prompts import Prompts
from desktop_llm.services.summaries import SUMMARY_TOKENS
from desktop_llm.storage.conversations import Conversations

TEMPLATE_TOKENS = 64  # of a message, more than any template writes around it
MOST_TRIES = 4  # at a plan: dropping a message may change what the template writes


@dataclass(frozen=True, slots=True)
class Manner:
    """What a conversation says of its prompts."""

    policy: Policy = Policy.ASK
    parameters: Parameters = NOTHING_SET


@dataclass(frozen=True, slots=True)
class ToSummarise:
    """A summary that has to be made before the prompt can be."""

    before: int  # the message that it will stand before
    previous: str  # summary that it goes on from
    messages: tuple[Message, ...]  # since that


@dataclass(frozen=True, slots=True)
class Prepared:
    """A prompt, or what is to be done before there is one."""

    messages: tuple[Message, ...]
    tokens: int  # at most, where nothing had to be counted
    context_length: int
    policy: Policy
    unseen: int = 0
    overflows: bool = False
    hopeless: bool = False  # it would, whatever was dropped
    to_summarise: ToSummarise | None = None


@dataclass(frozen=True, slots=True)
class _Part:
    """Something that may be sent: a message, or the draft."""

    said: Message
    message: int | None
    care: Care = Care.USUAL


class Contexts:
    """Blocks on the engine, which must have the model loaded."""

    def __init__(
        self, store: Conversations, prompts: Prompts, engine: EngineClient, digests: Digests
    ) -> None:
        self._store = store
        self._prompts = prompts
        self._engine = engine
        self._digests = digests

    def prepare(
        self,
        path: Sequence[StoredMessage],
        manner: Manner,
        context_length: int,
        begun: str = "",
        count: Count | None = None,
    ) -> Prepared:
        """The prompt of a reply to the last message of `path`. `begun`: what there is of it;
        `count`: the engine's, where that is to be watched over.
        """
        policy, system = manner.policy, self._prompts.head(manner.parameters)
        parts, end = _parts(path), _begun(begun)
        if surely_fits([*system, *(part.said for part in parts), *end], context_length):
            kept = [part.said for part in parts if part.care is not Care.EXCLUDED]
            messages = (*system, *kept, *end)
            return Prepared(messages, _most_tokens(messages), context_length, policy)
        weighed = self._weigh(system, parts, policy, end, count or self._count)
        found = weighed.found
        prepared = Prepared(
            weighed.prompt(system, parts, end),
            found.tokens,
            context_length,
            policy,
            found.unseen,
            found.overflows,
            found.overflows and weighed.plan(Policy.NEWEST).overflows,
        )
        if policy is not Policy.SUMMARY or not found.start or found.overflows:
            return prepared
        before = parts[found.start].message
        assert before is not None  # the draft is last, and the window holds it
        known = self._summaries(parts)
        if before in known:
            head = self._prompts.head(manner.parameters, known[before])
            return replace(prepared, messages=weighed.prompt(head, parts, end))
        return replace(prepared, to_summarise=_to_summarise(parts, found.start, known))

    def outlook(
        self,
        branch: Sequence[StoredMessage],
        draft: str,
        manner: Manner,
        attached: Sequence[Attachment] = (),
    ) -> Outlook:
        """What sending `draft` with what is attached to it would send now."""
        policy, head = manner.policy, self._prompts.head(manner.parameters)
        branch, shown = self._previewed(branch, draft, attached)
        parts = [*_parts(branch), _Part(Message(Role.USER, with_documents(draft, shown)), None)]
        weighed = self._weigh(head, parts, policy, (), self._count)
        found, context = weighed.found, weighed.count.context_length
        choices = tuple(
            (other, None if (seen := weighed.plan(other)).overflows else seen.unseen)
            for other in Policy
            if other is not Policy.ASK
        )
        items = [
            _item(Kind.SYSTEM, message, tokens, Fate.SENT)
            for message, tokens in zip(head, weighed.count.parts, strict=False)
        ]
        if found.start and policy is Policy.SUMMARY:
            before = parts[found.start].message
            text = "" if before is None else self._summaries(parts).get(before, "")
            said = Message(Role.SYSTEM, text)
            items.append(_item(Kind.SUMMARY, said, SUMMARY_TOKENS, Fate.SENT))
        for part, weight, fate in zip(parts, weighed.items, found.fates, strict=True):
            kind = Kind.DRAFT if part.message is None else Kind.MESSAGE
            item = _item(kind, part.said, weight.tokens, fate)
            items.append(replace(item, message=part.message, care=part.care))
        return Outlook(
            attached=self._weigh_attached(shown),
            items=tuple(items),
            tokens=found.tokens,
            reply_room=reply_room(context),
            context_length=context,
            policy=policy,
            overflows=found.overflows,
            unseen=found.unseen,
            choices=choices,
        )

    def prompt_of(
        self,
        branch: Sequence[StoredMessage],
        draft: str,
        manner: Manner,
        attached: Sequence[Attachment] = (),
    ) -> tuple[Message, ...]:
        """The messages that sending `draft` with what is attached to it would send now."""
        policy, head = manner.policy, self._prompts.head(manner.parameters)
        branch, shown = self._previewed(branch, draft, attached, exact=True)
        parts = [*_parts(branch), _Part(Message(Role.USER, with_documents(draft, shown)), None)]
        weighed = self._weigh(head, parts, policy, (), self._count)
        if weighed.found.start and policy is Policy.SUMMARY:
            before = parts[weighed.found.start].message
            known = {} if before is None else self._summaries(parts)
            head = self._prompts.head(manner.parameters, known.get(before or 0, ""))
        return weighed.prompt(head, parts, ())

    def _previewed(
        self,
        branch: Sequence[StoredMessage],
        draft: str,
        attached: Sequence[Attachment],
        exact: bool = False,
    ) -> tuple[list[StoredMessage], tuple[Attachment, ...]]:
        """With what is still to be made of documents, as far as that can be told."""
        digests, count = self._digests, self._count
        waiting = [*attached, *(each for message in branch for each in message.attachments)]
        if all(attachment.said is not None for attachment in waiting):
            return list(branch), tuple(attached)
        context = count((Message(Role.USER, ""),)).context_length
        shown = digests.preview(attached, draft, context, count, exact)
        return [digests.previewed(one, context, count, exact) for one in branch], shown

    def _weigh_attached(self, attached: Sequence[Attachment]) -> tuple[tuple[int, int], ...]:
        if not attached:
            return ()
        said = tuple(Message(Role.USER, attachment.said or "") for attachment in attached)
        parts = self._count(said).parts
        return tuple(zip((attachment.id for attachment in attached), parts, strict=True))

    def _weigh(
        self,
        head: tuple[Message, ...],
        parts: Sequence[_Part],
        policy: Policy,
        end: tuple[Message, ...],
        count: Count,
    ) -> "_Weighed":
        everything = (*head, *(part.said for part in parts), *end)
        weighed = _Weighed(count(everything), len(head), parts, policy)
        for _try in range(MOST_TRIES):
            found = weighed.found
            if all(fate is Fate.SENT for fate in found.fates):
                break
            counted = count(weighed.prompt(head, parts, end)).tokens
            counted += SUMMARY_TOKENS if found.start and policy is Policy.SUMMARY else 0
            more = counted - found.tokens
            weighed.correct(more)
            if more <= 0 or weighed.found.fates == found.fates:
                break
        return weighed

    def _summaries(self, parts: Sequence[_Part]) -> dict[int, str]:
        return self._store.summaries([part.message for part in parts if part.message is not None])

    def _count(self, messages: tuple[Message, ...]) -> TokenCount:
        return self._engine.count_tokens(messages).result()


class _Weighed:
    """Parts with their tokens, and the plan for them."""

    def __init__(
        self, count: TokenCount, head: int, parts: Sequence[_Part], policy: Policy
    ) -> None:
        self.count = count
        self._policy = policy
        template = count.tokens - sum(count.parts)
        share = max(0, template // (len(count.parts) + 1))  # one more for what opens the reply
        self.items = [
            Item(part.said.role, tokens + share, part.care)
            for part, tokens in zip(parts, count.parts[head:], strict=False)
        ]
        self._fixed = count.tokens - sum(item.tokens for item in self.items)
        self.found = self.plan(policy)

    def plan(self, policy: Policy) -> Plan:
        return plan(self.items, self._fixed, self.count.context_length, policy, SUMMARY_TOKENS)

    def correct(self, more: int) -> None:
        """So many tokens more than the plan says."""
        self._fixed += more
        self.found = self.plan(self._policy)

    def prompt(
        self, head: tuple[Message, ...], parts: Sequence[_Part], end: tuple[Message, ...]
    ) -> tuple[Message, ...]:
        sent = [
            part.said
            for part, fate in zip(parts, self.found.fates, strict=True)
            if fate is Fate.SENT
        ]
        return (*head, *sent, *end)


def surely_fits(messages: Sequence[Message], context_length: int) -> bool:
    """Without counting: no token is shorter than a byte."""
    return _most_tokens(messages) <= context_length - reply_room(context_length)


def _most_tokens(messages: Sequence[Message]) -> int:
    return sum(len(message.text.encode()) + TEMPLATE_TOKENS for message in messages)


def _parts(path: Sequence[StoredMessage]) -> list[_Part]:
    """What was said; a reply that is being written was not yet."""
    return [
        _Part(stored.message, stored.id, stored.care)
        for stored in path
        if stored.message.text and stored.state is not MessageState.STREAMING
    ]


def _begun(text: str) -> tuple[Message, ...]:
    return (Message(Role.ASSISTANT, text),) if text else ()


def _item(kind: Kind, said: Message, tokens: int, fate: Fate) -> OutlookItem:
    return OutlookItem(
        kind=kind, role=said.role, excerpt=said.text[:EXCERPT_LENGTH], tokens=tokens, fate=fate
    )


def _to_summarise(parts: Sequence[_Part], start: int, known: dict[int, str]) -> ToSummarise:
    """What stands before the window, from the last summary on."""
    before = parts[start].message
    assert before is not None
    first, previous = 0, ""
    for at in range(start - 1, 0, -1):
        if (number := parts[at].message) in known:
            first, previous = at, known[number]
            break
    messages = tuple(part.said for part in parts[first:start] if part.care is not Care.EXCLUDED)
    return ToSummarise(before, previous, messages)
