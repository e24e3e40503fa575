"""Conversations out and in: our own JSON loses nothing, the other forms can be read and load
nothing.
"""

import json
import random
import re
import stat
from dataclasses import replace

import pypdf
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from desktop_llm.core.attachments import Take
from desktop_llm.core.context import Care, Policy
from desktop_llm.core.corrections import Rating
from desktop_llm.core.details import FileState, ReplyDetails
from desktop_llm.core.documents import Document, DocumentKind
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.exchange import (
    Reader,
    WholeAttachment,
    WholeConversation,
    WholeMessage,
    from_values,
    to_values,
)
from desktop_llm.core.generation import GenerationStats
from desktop_llm.core.messages import Made, MessageState, Role
from desktop_llm.core.presets import Parameters
from desktop_llm.core.scores import TokenScore
from desktop_llm.services.exports import ExportCancelledError, Exports, ExportWords, FileForm
from desktop_llm.services.imports import Imports
from desktop_llm.storage.attachments import Attachments
from desktop_llm.storage.bin import Bin
from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.corrections import Corrections
from desktop_llm.storage.database import Database, MemoryDatabase
from desktop_llm.storage.exchange import Exchange
from desktop_llm.storage.organiser import Organiser
from desktop_llm.storage.records import Records
from desktop_llm.storage.tree import Tree

WORDS = ExportWords(
    you="You", model="The model", system="System", untitled="Untitled",
    attached="Attached: {name}", thought="What the model thought", language="en",
)  # fmt: skip
STATS = GenerationStats(
    prompt_tokens=5, reused_tokens=1, completion_tokens=3, prompt_seconds=0.25,
    completion_seconds=0.1, seed=7, threads=2, context_used=8,
)  # fmt: skip


@pytest.fixture
def database(tmp_path):
    database = Database(tmp_path / "conversations.db")
    yield database
    database.close()


@pytest.fixture
def number(database):
    """A conversation with something of everything in it; returns its number."""
    store, tree = Conversations(database), Tree(database)
    whole = store.create("Waves & <light>", "m-1")
    question = store.add(whole.id, Role.USER, "Why is the sky **blue**?", parent=None)
    reply = store.add(
        whole.id, Role.ASSISTANT, "<think>hm</think>\nBlue *scatters*. $x^2$", parent=question.id,
        model="m-1",
    )  # fmt: skip
    store.finish(reply.id, reply.text, MessageState.COMPLETE, finish="stop", stats=STATS)
    edited = store.add(
        whole.id, Role.ASSISTANT, "蓝光散射。", parent=question.id, model="m-1", origin=reply.id,
        made=Made.EDITED,
    )  # fmt: skip
    more = store.add(whole.id, Role.USER, "<script>alert(1)</script>", parent=edited.id)
    gone = store.add(whole.id, Role.ASSISTANT, "deleted", parent=more.id)
    tree.delete(gone.id)
    tree.show_version(reply.id)
    tree.save_edit(more.id, "half an edit")
    attachments = Attachments(database)
    for name, take in (("a.txt", Take.WHOLE), ("b.pdf", Take.EXCERPT)):
        attachments.add(whole.id, document(name), take)
    first = attachments.of_draft(whole.id)[0]
    database.write(
        lambda to: to.execute(
            "UPDATE attachments SET message = ?, sent = 'part' WHERE id = ?",
            (question.id, first.id),
        ).fetchall()
    )
    records = Records(database)
    file = FileState(path="/home/me/secret folder/m-1.gguf", size_bytes=10, modified=20)
    details = ReplyDetails(file=file, parameters=Parameters(seed=7), replays=reply.id)
    records.keep(reply.id, details, (TokenScore(3, 0.25, (("x", 0.5),)), TokenScore(2, 0.9)))
    records.keep_file_hash(file, "f" * 64)
    corrections = Corrections(database)
    corrections.prefer(edited.id, reply.id)
    corrections.rate(reply.id, Rating.POOR)
    corrections.use([edited.id], True)
    store.save_summary(more.id, "They spoke of light.", "m-1")
    store.take_care(question.id, Care.PINNED)
    store.choose_policy(whole.id, Policy.NEWEST)
    store.set_parameters(whole.id, Parameters(temperature=0.25, stop=("a\n",)))
    store.save_draft(whole.id, "a draft")
    organiser = Organiser(database)
    organiser.create_folder("Physics", [whole.id])
    organiser.tag([whole.id], add=["light", "学习"])
    organiser.pin([whole.id], True)
    return whole.id


def document(name):
    return Document(
        name=name, kind=DocumentKind.PDF, text="a text", size_bytes=6, sha256="0" * 64, pages=2
    )


def written(database, path, form=FileForm.JSON, numbers=None):
    count = Exports(Exchange(database)).write(path, numbers, form, WORDS)
    return count, path.read_bytes()


def content(data):
    values = json.loads(data)
    del values["exported"]
    return values


def round_trip(database, tmp_path):
    """What our JSON is before, and after it went through an empty database."""
    path = tmp_path / "one.json"
    _count, before = written(database, path)
    other = Database(tmp_path / "other.db")
    try:
        imported = Imports(Exchange(other)).read(path)
        _count, after = written(other, tmp_path / "two.json")
        sound(other)
    finally:
        other.close()
        (tmp_path / "other.db").unlink()
    return content(before), content(after), imported


def sound(database):
    for check in ("foreign_key_check", "quick_check"):
        rows = database.read(lambda to, check=check: to.execute(f"PRAGMA {check}").fetchall())
        assert rows in ([], [("ok",)])


@pytest.mark.usefixtures("number")
def test_our_own_json_comes_back_identical(database, tmp_path):
    before, after, imported = round_trip(database, tmp_path)
    assert before == after
    assert imported.problems == ()
    assert imported.messages == 4
    (conversation,) = before["conversations"]
    assert conversation["folder"] == "Physics"
    assert [message["text"] for message in conversation["messages"]][2] == "蓝光散射。"
    text = json.dumps(before)
    assert "secret folder" not in text
    assert "deleted" not in text
    assert "f" * 64 in text


def test_what_comes_back_is_used_as_it_was(database, number, tmp_path):
    path = tmp_path / "one.json"
    written(database, path)
    exchange = Exchange(database)
    (again,) = Imports(exchange).read(path).conversations
    store = Conversations(database)
    assert again != number
    assert [m.text for m in store.branch(again)] == [m.text for m in store.branch(number)]
    assert {hit.conversation for hit in store.search("scatters")} == {number, again}
    assert store.get(again).parameters == store.get(number).parameters
    listing = Organiser(database).listing()
    assert [folder.name for folder in listing.folders] == ["Physics"]
    assert {row.folder for row in listing.conversations} == {listing.folders[0].id}
    reply = store.branch(again)[1]
    details = Records(database).details(reply.id)
    assert (details.file.path, details.replays) == ("m-1.gguf", reply.id)
    assert Records(database).scores(reply.id)[0].others == (("x", 0.5),)
    assert Records(database).file_hash(details.file) == "f" * 64
    kinds = [each.conversation for each in Corrections(database).all()]
    assert kinds.count(again) == kinds.count(number) == 2
    Bin(database).put(again)
    Bin(database).empty()
    sound(database)


def test_the_order_of_the_list_comes_back(database, tmp_path):
    store = Conversations(database)
    for title in ("oldest", "middle", "newest"):
        number = store.create(title).id
        store.add(number, Role.USER, title, parent=None)
    other = MemoryDatabase()
    path = tmp_path / "all.json"
    assert written(database, path)[0] == 3
    Imports(Exchange(other)).read(path)
    titles = [each.title for each in Conversations(other).all()]
    assert titles == ["newest", "middle", "oldest"]
    other.close()


texts = st.text(max_size=20).map(lambda text: text.replace("\x00", "").replace("\r", "\n"))
times = st.floats(min_value=0, max_value=4e9)


@st.composite
def wholes(draw):
    """Random trees with everything that hangs on them."""
    chance = random.Random(draw(st.integers(0, 2**32)))
    count = draw(st.integers(1, 8))
    messages = []
    for at in range(count):
        parent = chance.choice([None, *range(1, at + 1)]) if at else None
        role = chance.choice(list(Role))
        scores = tuple(
            TokenScore(chance.randrange(5), round(chance.random(), 3))
            for _ in range(chance.randrange(3))
        )
        details = ReplyDetails(
            file=FileState(path="m.gguf", size_bytes=chance.randrange(99), modified=5),
            parameters=Parameters(temperature=chance.choice([None, 0.5])),
            program="1",
        )
        messages.append(
            WholeMessage(
                role=role,
                text=draw(texts),
                parent=parent,
                state=chance.choice([MessageState.COMPLETE, MessageState.STOPPED]),
                created=draw(times),
                model=chance.choice(["", "m"]),
                stats=chance.choice([None, STATS]),
                origin=chance.choice([None, *range(1, at + 1)]) if at else None,
                made=chance.choice(list(Made)),
                draft=chance.choice([None, "", "x"]),
                care=chance.choice(list(Care)),
                unseen=chance.randrange(3),
                rating=chance.choice(list(Rating)),
                training=chance.choice([False, True]),
                attachments=tuple(
                    WholeAttachment(
                        name=f"n{each}", kind=chance.choice(list(DocumentKind)), text=draw(texts),
                        take=chance.choice(list(Take)), sent=chance.choice([None, "s"]),
                    )
                    for each in range(chance.randrange(2))
                ),
                details=chance.choice([None, details]),
            )
        )  # fmt: skip
        if messages[-1].details is not None:
            messages[-1] = replace(messages[-1], scores=scores)
    numbers = list(range(1, count + 1))
    pairs = [(a, b) for a in numbers for b in numbers if a != b]
    return WholeConversation(
        title=draw(st.text(alphabet="ab 词<&", max_size=8)),
        messages=tuple(messages),
        created=draw(times),
        changed=draw(times),
        leaf=chance.choice(numbers),
        draft=draw(texts),
        folder=chance.choice(["", "F"]),
        pinned=chance.choice([False, True]),
        tags=tuple(sorted(set(chance.choices(["a", "b", "词"], k=2)))),
        policy=chance.choice(list(Policy)),
        summaries=tuple((at, "s", "m", 5.0) for at in sorted(chance.sample(numbers, 1))),
        choices=tuple((*pair, 1.5) for pair in chance.sample(pairs, min(1, len(pairs)))),
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(wholes())
def test_any_tree_survives_values_and_the_database(whole):
    reader = Reader()
    values = json.loads(json.dumps(to_values(whole)))
    read = from_values(values, reader, 0.0)
    assert to_values(read) == to_values(whole)
    assert reader.counts == {}
    memory = MemoryDatabase()
    try:
        exchange = Exchange(memory)
        assert to_values(exchange.read(exchange.put(read))) == to_values(whole)
        sound(memory)
    finally:
        memory.close()


@pytest.mark.usefixtures("number")
def test_a_file_to_be_read_has_the_branch_that_is_shown(database, tmp_path):
    _count, data = written(database, tmp_path / "a.md", FileForm.MARKDOWN)
    text = data.decode()
    assert text.startswith("# Waves & <light>\n")
    time = r"\*\d{4}-\d\d-\d\d \d\d:\d\d\*"
    said = r"> Attached: a\.txt\n\nWhy is the sky \*\*blue\*\*\?"
    assert re.search(rf"## You\n\n{time}\n\n{said}", text)
    assert "## m-1" in text
    assert "Blue *scatters*." in text
    assert "蓝光散射" not in text
    assert "<summary>What the model thought</summary>" in text


@pytest.mark.parametrize(
    ("said", "closed"),
    [
        ("```py\nx", "```py\nx\n```"), ("~~~~\n~~~", "~~~~\n~~~\n~~~~"), ("```\nx\n```", ""),
        ("```a``` b", ""), ("```\n~~~\n````", ""), ("a ``` b", ""),
    ],
)  # fmt: skip
def test_code_that_was_never_ended_hides_nothing_after_it(database, said, closed):
    store = Conversations(database)
    number = store.create("T").id
    reply = store.add(number, Role.ASSISTANT, said, parent=None, state=MessageState.STOPPED)
    store.add(number, Role.USER, "next", parent=reply.id)
    text = "".join(Exports(Exchange(database)).pieces([number], FileForm.MARKDOWN, WORDS))
    assert f"\n\n{closed or said}\n\n## You\n" in text


def test_a_draft_alone_comes_back_too(database, tmp_path):
    store = Conversations(database)
    store.save_draft(store.create("").id, "not sent yet")
    store.create("Only a title")
    before, after, imported = round_trip(database, tmp_path)
    assert before == after
    assert len(before["conversations"]) == len(imported.conversations) == 2
    assert imported.problems == ()


def test_html_runs_nothing_and_loads_nothing(database, number, tmp_path):
    Tree(database).show_version(3)
    store = Conversations(database)
    last = store.branch(number)[-1]
    store.add(
        number, Role.ASSISTANT, "![p](http://x/p.png) <img src=x onerror=y> [a](javascript:b)",
        parent=last.id,
    )  # fmt: skip
    _count, data = written(database, tmp_path / "a.html", FileForm.HTML)
    text = data.decode()
    assert "default-src 'none'" in text
    assert "<title>" in text
    assert "<h1>Waves &amp; &lt;light&gt;</h1>" in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    for sign in ("<script", "<img", "<iframe", 'href="javascript', "url("):
        assert sign not in text


def test_a_pdf_has_pages_and_words_of_both_languages(database, number, tmp_path):
    store = Conversations(database)
    Tree(database).show_version(3)
    parent = store.branch(number)[-1].id
    for _ in range(30):
        parent = store.add(number, Role.ASSISTANT, "A long line of words. " * 40, parent=parent).id
    path = tmp_path / "a.pdf"
    written(database, path, FileForm.PDF)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    reader = pypdf.PdfReader(path)
    assert len(reader.pages) > 2
    assert "A long line of words." in " ".join(reader.pages[1].extract_text().split())
    assert list(tmp_path.glob(".a.pdf*")) == []


@pytest.mark.parametrize("form", list(FileForm))
@pytest.mark.usefixtures("number")
def test_nothing_is_left_of_an_export_that_was_cancelled(database, tmp_path, form):
    path = tmp_path / "x"
    path.write_text("old")
    with pytest.raises(ExportCancelledError):
        Exports(Exchange(database)).write(path, None, form, WORDS, go_on=lambda: False)
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.glob("*x*")] == ["x"]


def test_a_place_that_cannot_be_written_is_named(database, number, tmp_path):
    with pytest.raises(EnvironmentFault) as fault:
        written(database, tmp_path / "none" / "a.json")
    assert fault.value.code is FaultCode.FILE_UNWRITABLE
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(EnvironmentFault):
        written(database, folder)
    assert list(tmp_path.glob(".folder*")) == []
    written(database, tmp_path / f"{'😀' * 62}.json")
    with pytest.raises(KeyError):
        written(database, tmp_path / "a.json", numbers=[number, 999])
    assert not (tmp_path / "a.json").exists()


@pytest.mark.parametrize("command", ["false", "true"])  # "true": it ends, but there is no PDF
@pytest.mark.usefixtures("number")
def test_a_pdf_that_fails_is_said(database, tmp_path, monkeypatch, command):
    monkeypatch.setattr("desktop_llm.services.pdf.COMMAND", (command,))
    with pytest.raises(EnvironmentFault) as fault:
        written(database, tmp_path / "a.pdf", FileForm.PDF)
    assert fault.value.code is FaultCode.EXPORT_FAILED
    assert not (tmp_path / "a.pdf").exists()
