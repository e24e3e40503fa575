"""Files of other programs, damaged and hostile ones: imported as far as they are sound."""

import json
import os
import random
import zipfile
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.exchange import FORMAT, LATEST, MESSAGE_CHARACTERS, ProblemKind
from desktop_llm.core.messages import Role
from desktop_llm.services import imports, json_values
from desktop_llm.services.imports import Imported, Imports
from desktop_llm.services.json_values import DamagedError, JsonValues
from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.database import MemoryDatabase
from desktop_llm.storage.exchange import Exchange
from desktop_llm.storage.organiser import Organiser


@pytest.fixture
def database():
    memory = MemoryDatabase()
    yield memory
    for check in ("foreign_key_check", "quick_check"):
        rows = memory.read(lambda to, check=check: to.execute(f"PRAGMA {check}").fetchall())
        assert rows in ([], [("ok",)])
    memory.close()


@pytest.fixture
def read(database, tmp_path):
    def read(content, name="file.json", **more):
        path = tmp_path / name
        if not isinstance(content, bytes):
            content = (content if isinstance(content, str) else json.dumps(content)).encode()
        path.write_bytes(content)
        return Imports(Exchange(database)).read(path, **more)

    return read


def shown(database, number):
    return [(each.role, each.text) for each in Conversations(database).branch(number)]


def kinds(imported):
    return {problem.kind for problem in imported.problems}


def refusal(read, content, name="file.json"):
    with pytest.raises(EnvironmentFault) as fault:
        read(content, name)
    return fault.value.code


def node(key, parent, role, *parts, children=(), **more):
    content = {"content_type": "text", "parts": list(parts)}
    message = {"id": key, "author": {"role": role}, "content": content, "create_time": 5.5, **more}
    return {"id": key, "parent": parent, "children": list(children), "message": message}


def chatgpt(**more):
    return {
        "title": "Sky",
        "create_time": 1700000000.5,
        "update_time": 1700000001.0,
        "current_node": "a2",
        "mapping": {
            "root": {"id": "root", "parent": None, "children": ["sys"], "message": None},
            "sys": node("sys", "root", "system", "", children=["q"]),
            "q": node("q", "sys", "user", "Why blue?", children=["a1", "a2"]),
            "a1": node("a1", "q", "assistant", "First.", metadata={"model_slug": "gpt-x"}),
            "a2": node("a2", "q", "assistant", "Second.", children=["tool"]),
            "tool": node("tool", "a2", "tool", "a search result", children=["q2"]),
            "q2": node("q2", "tool", "user", "More?", {"asset_pointer": "file-1"}),
        },
        **more,
    }


def test_chatgpt_keeps_its_branches(database, read):
    imported = read([chatgpt()], "anything.txt")
    (number,) = imported.conversations
    conversation = Conversations(database).get(number)
    assert (conversation.title, conversation.created) == ("Sky", 1700000000.5)
    assert shown(database, number) == [(Role.USER, "Why blue?"), (Role.ASSISTANT, "Second.")]
    whole = Exchange(database).read(number)
    assert {message.text for message in whole.messages} == {
        "Why blue?", "First.", "Second.", "More?",
    }  # fmt: skip
    more = next(message for message in whole.messages if message.text == "More?")
    assert whole.messages[more.parent - 1].text == "Second."
    first = next(message for message in whole.messages if message.text == "First.")
    assert (first.model, first.created) == ("gpt-x", 5.5)
    (problem,) = imported.problems
    assert (problem.kind, problem.number, problem.count) == (ProblemKind.PART_SKIPPED, 1, 2)


def test_an_archive_is_read_without_unpacking_it(database, tmp_path):
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../evil.txt", "x")
        archive.writestr("conversations.json", json.dumps([chatgpt(), chatgpt(title="Two")]))
        archive.writestr("user.json", "{}")
    before = set(tmp_path.rglob("*"))
    imported = Imports(Exchange(database)).read(path)
    assert len(imported.conversations) == 2
    assert set(tmp_path.rglob("*")) == before
    assert not (tmp_path.parent / "evil.txt").exists()


def test_claude_brings_texts_and_documents(database, read):
    said = [
        {"uuid": "1", "sender": "human", "text": "Summarise", "created_at": "2025-01-02T03:04:05Z",
         "attachments": [
             {"file_name": "r.txt", "extracted_content": "The report.", "file_size": 9}]},
        {"uuid": "2", "sender": "assistant", "text": "old",
         "content": [{"type": "text", "text": "A summary."}, {"type": "tool_use"}],
         "parent_message_uuid": "1"},
        {"uuid": "3", "sender": "assistant", "text": "Another.", "parent_message_uuid": "1"},
        {"uuid": "4", "sender": "narrator", "text": "?"},
    ]  # fmt: skip
    imported = read([{"uuid": "u", "name": "Report", "created_at": "x", "chat_messages": said}])
    (number,) = imported.conversations
    whole = Exchange(database).read(number)
    assert [(m.text, m.parent) for m in whole.messages] == [
        ("Summarise", None), ("A summary.", 1), ("Another.", 1),
    ]  # fmt: skip
    assert whole.messages[0].attachments[0].text == "The report."
    assert whole.messages[0].created == 1735787045.0
    assert kinds(imported) == {ProblemKind.PART_SKIPPED}


@pytest.mark.parametrize("lines", [False, True])
def test_sharegpt_is_read_as_a_list_and_line_by_line(database, read, lines):
    one = {"conversations": [
        {"from": "system", "value": "Be kind."}, {"from": "human", "value": "Hello\nthere"},
        {"from": "gpt", "value": "Hi."}, {"from": "tool", "value": "x"},
    ]}  # fmt: skip
    content = "\n".join([json.dumps(one)] * 2) if lines else [one, one]
    imported = read(content)
    assert len(imported.conversations) == 2
    number = imported.conversations[0]
    assert [text for _role, text in shown(database, number)] == ["Be kind.", "Hello\nthere", "Hi."]
    assert Conversations(database).get(number).title == "Hello"


def test_what_corrections_export_is_read_too(database, read):
    line = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}
    imported = read(json.dumps(line) + "\n")
    assert shown(database, imported.conversations[0]) == [(Role.USER, "q"), (Role.ASSISTANT, "a")]


def own(*conversations):
    return {"format": FORMAT, "version": 1, "conversations": list(conversations)}


def talk(*texts, **more):
    messages = [
        {"role": "user" if at % 2 == 0 else "assistant", "parent": at or None, "text": text}
        for at, text in enumerate(texts)
    ]
    return {"title": "T", "messages": messages, **more}


def test_a_file_that_is_cut_gives_what_came_before(database, read):
    text = json.dumps(own(talk("one", "two"), talk("three"), talk("four")))
    imported = read(text[: text.index("four") + 2])
    assert len(imported.conversations) == 2
    assert [problem.kind for problem in imported.problems] == [ProblemKind.FILE_CUT]
    assert len(Organiser(database).listing().conversations) == 2


def test_what_is_no_conversation_costs_itself_alone(read):
    imported = read(own(talk("one"), 7, {"x": 1}, talk(), talk("two")))
    assert len(imported.conversations) == 3
    found = [(problem.kind, problem.number) for problem in imported.problems]
    assert found == [
        (ProblemKind.NOT_A_CONVERSATION, 2),
        (ProblemKind.NOT_A_CONVERSATION, 3),
    ]


def test_a_conversation_of_others_without_messages_is_left_out(read):
    imported = read([chatgpt(mapping={}), chatgpt()])
    assert len(imported.conversations) == 1
    assert (ProblemKind.EMPTY, 1) in [(each.kind, each.number) for each in imported.problems]


def test_claude_keeps_its_branches(database, read):
    root = "00000000-0000-4000-8000-000000000000"
    said = [
        {"uuid": "1", "sender": "human", "text": "asked", "parent_message_uuid": root},
        {"uuid": "2", "sender": "assistant", "text": "reply", "parent_message_uuid": "1"},
        {"uuid": "3", "sender": "human", "text": "asked anew", "parent_message_uuid": root},
        {"uuid": "4", "sender": "narrator", "text": "?", "parent_message_uuid": "1"},
        {"uuid": "5", "sender": "assistant", "text": "other reply", "parent_message_uuid": "4"},
    ]
    imported = read([{"name": "T", "created_at": "9999-01-01T00:00:00Z", "chat_messages": said}])
    whole = Exchange(database).read(imported.conversations[0])
    assert [(m.text, m.parent) for m in whole.messages] == [
        ("asked", None), ("reply", 1), ("asked anew", None), ("other reply", 1),
    ]  # fmt: skip
    assert whole.created == LATEST


def test_our_own_file_may_have_been_put_in_another_order(read):
    text = json.dumps(own(talk("one"), talk("two")), sort_keys=True)
    assert text.startswith('{"conversations"')
    assert len(read(text).conversations) == 2


def test_a_file_of_a_newer_program_is_not_guessed_at(read):
    newer = {**own(talk("one")), "version": 2}
    assert refusal(read, newer) is FaultCode.IMPORT_NEWER
    assert refusal(read, json.dumps(newer, sort_keys=True)) is FaultCode.IMPORT_NEWER


def test_a_number_that_no_machine_holds_costs_nothing_else(read):
    text = json.dumps(own(talk("one", created=1), talk("two")))
    imported = read(text.replace('"created": 1', '"created": ' + "9" * 10_000))
    assert len(imported.conversations) == 2
    assert kinds(imported) == {ProblemKind.VALUE_IGNORED}


def test_half_a_character_in_what_a_reply_was_made_with(read):
    one = talk("one", "two")
    one["messages"][1]["details"] = {"file": {"name": "m\ud800"}, "program": "\ud800\0"}
    assert len(read(own(one)).conversations) == 1


def test_cycles_and_missing_parents_are_left_out(database, read):
    messages = [
        {"role": "user", "text": "sound"},
        {"role": "user", "text": "own parent", "parent": 2},
        {"role": "user", "text": "later parent", "parent": 4},
        {"role": "assistant", "text": "below", "parent": 3},
        {"role": "assistant", "text": "kept", "parent": 1, "child": 1, "origin": 3},
        {"role": "wizard", "text": "who"},
        {"role": ["user"], "text": "who"},
    ]
    imported = read(own({"title": "T", "shown": 4, "messages": messages}))
    (number,) = imported.conversations
    assert [text for _role, text in shown(database, number)] == ["sound", "kept"]
    assert kinds(imported) == {ProblemKind.BROKEN_TREE, ProblemKind.PART_SKIPPED}
    circle = {"a": node("a", "b", "user", "x"), "b": node("b", "a", "user", "y")}
    sound = {**circle, "c": node("c", None, "user", "z")}
    imported = read([{"mapping": sound, "current_node": "a"}])
    assert shown(database, imported.conversations[0]) == [(Role.USER, "z")]
    assert kinds(imported) == {ProblemKind.BROKEN_TREE}


@pytest.mark.parametrize(
    "values",
    [
        {"created": "yesterday"}, {"created": -5}, {"created": 1e300}, {"created": [1]},
        {"policy": "all"}, {"parameters": {"temperature": 900, "x": 1}}, {"pinned": "yes"},
        {"tags": "a"}, {"tags": [1, None]}, {"folder": {"a": 1}}, {"draft": 7}, {"shown": -3},
        {"shown": "x"}, {"titled": 3}, {"summaries": 5}, {"choices": {"a": 1}},
        {"attachments": [{"name": "x"}]}, {"title": 3},
    ],
)  # fmt: skip
def test_values_of_another_kind_are_as_by_default(read, values):
    imported = read(own(talk("one", **values)))
    assert len(imported.conversations) == 1
    assert kinds(imported) == {ProblemKind.VALUE_IGNORED}


@pytest.mark.parametrize(
    "values",
    [
        {"stats": {"seed": "x"}}, {"stats": [1]}, {"details": 3}, {"details": {"file": 3}},
        {"scores": [[1], [2], {}]}, {"scores": "x"}, {"state": "?"}, {"made": 4},
        {"care": "dear"}, {"rating": "best"}, {"unseen": -1}, {"created": True},
        {"attachments": 4}, {"care": [1]}, {"state": {}}, {"origin": "x"}, {"child": 1.5},
        {"text": 3},
        {"stats": {"prompt_tokens": 1, "reused_tokens": 0, "completion_tokens": 1,
                   "prompt_seconds": -1, "completion_seconds": 0, "seed": 0, "threads": 0,
                   "context_used": 0}},
    ],
)  # fmt: skip
def test_values_of_a_message_too(read, values):
    one = talk("one", "two")
    one["messages"][1].update(values)
    imported = read(own(one))
    assert len(imported.conversations) == 1
    assert kinds(imported) == {ProblemKind.VALUE_IGNORED}


def test_the_hash_of_a_file_here_cannot_be_forged(database, read):
    one = talk("one", "two")
    one["messages"][1]["details"] = {
        "file": {"name": "/home/me/models/m.gguf", "size_bytes": 5, "modified": 7, "sha256": "f"}
    }
    read(own(one))
    paths = database.read(lambda to: to.execute("SELECT path FROM file_hashes").fetchall())
    assert paths == [("m.gguf",)]


def test_a_long_text_is_cut_and_it_is_said(database, read):
    imported = read(own(talk("x" * (MESSAGE_CHARACTERS + 5))))
    ((_role, text),) = shown(database, imported.conversations[0])
    assert len(text) == MESSAGE_CHARACTERS
    assert kinds(imported) == {ProblemKind.TEXT_CUT}


@pytest.mark.parametrize(
    "content",
    [
        b"", b"   ", b"hello", b"{}", b"[]", b"[1, 2]", b"null", b'{"format": "x"}', b"\xff\xfe",
        b"PK\x03\x04 broken", b"[" * 100_000, b'{"a":' * 100_000, b"[" + b"9" * 10_000 + b"]",
        b'{"format": "desktop-llm conversations", "conversations": 5}',
        b'{"conversations": {"a": 1}}', b"[NaN, Infinity, 1e999]",
    ],
)  # fmt: skip
def test_a_file_of_nothing_known_is_refused(read, content):
    damaged = content.startswith(b"PK")
    expected = FaultCode.ARCHIVE_DAMAGED if damaged else FaultCode.IMPORT_UNKNOWN
    assert refusal(read, content) is expected


def test_an_empty_export_of_ours_is_no_fault(read):
    assert read(own()) == Imported()


def archive(path, **files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(f"{name.replace('_', '-')}.json", content)


def test_an_archive_that_is_damaged_gives_what_came_before(database, tmp_path):
    path = tmp_path / "export.zip"
    chance = random.Random(5)
    talks = [talk(f"{chance.random()}" * 20) for _ in range(2000)]
    archive(path, conversations=json.dumps(talks))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(64)
    path.write_bytes(content)
    imported = Imports(Exchange(database)).read(path)
    assert 100 < len(imported.conversations) < 2000
    assert [problem.kind for problem in imported.problems] == [ProblemKind.FILE_CUT]


@pytest.mark.parametrize("seed", range(60))
def test_an_archive_with_spoilt_bytes_is_imported_or_refused(database, tmp_path, seed):
    path = tmp_path / "export.zip"
    archive(path, conversations=json.dumps([chatgpt(), chatgpt()]), user="{}")
    chance, content = random.Random(seed), bytearray(path.read_bytes())
    for _ in range(chance.randrange(1, 5)):
        content[chance.randrange(len(content))] = chance.randrange(256)
    path.write_bytes(content)
    with suppress(EnvironmentFault):
        Imports(Exchange(database)).read(path)


def test_what_an_archive_unpacks_to_is_counted_together(database, tmp_path, monkeypatch):
    path = tmp_path / "export.zip"
    text = json.dumps([talk("x" * 700)])
    archive(path, conversations_1=text, conversations_2=text, conversations_3=text)
    monkeypatch.setattr(imports, "MOST_BYTES", 1000)
    imported = Imports(Exchange(database)).read(path)
    assert len(imported.conversations) == 1
    assert [problem.kind for problem in imported.problems] == [ProblemKind.TOO_MANY]


def test_the_list_of_an_archive_is_not_read_without_end(database, tmp_path, monkeypatch):
    path = tmp_path / "export.zip"
    archive(path, conversations=json.dumps([talk("one")]), user="{}")
    monkeypatch.setattr(imports, "DIRECTORY_BYTES", 60)
    with pytest.raises(EnvironmentFault) as fault:
        Imports(Exchange(database)).read(path)
    assert fault.value.code is FaultCode.ARCHIVE_DAMAGED


def test_a_report_has_an_end(read):
    imported = read(own(talk("one"), *[5] * 1000))
    assert len(imported.problems) == imports.MOST_PROBLEMS


def test_archives_that_unpack_to_too_much_are_refused(database, tmp_path, monkeypatch):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversations.json", "[" + " " * 50_000_000)
    with pytest.raises(EnvironmentFault) as fault:
        Imports(Exchange(database)).read(path)
    assert fault.value.code is FaultCode.FILE_TOO_LARGE
    monkeypatch.setattr(imports, "MOST_BYTES", 1000)
    path = tmp_path / "large.json"
    path.write_text(json.dumps(own(talk("x" * 2000))))
    with pytest.raises(EnvironmentFault) as fault:
        Imports(Exchange(database)).read(path)
    assert fault.value.code is FaultCode.FILE_TOO_LARGE


@pytest.mark.skipif(os.name != "posix", reason="such files")
def test_what_is_no_file_never_blocks(database, tmp_path):
    pipe = tmp_path / "pipe.json"
    os.mkfifo(pipe)
    link = tmp_path / "zero.json"
    link.symlink_to("/dev/zero")
    for path in (pipe, link, tmp_path, tmp_path / "missing.json"):
        with pytest.raises(EnvironmentFault) as fault:
            Imports(Exchange(database)).read(path)
        assert fault.value.code in (FaultCode.IMPORT_UNKNOWN, FaultCode.FILE_UNREADABLE)


def test_an_import_can_be_stopped_between_two_conversations(database, read):
    seen = []
    imported = read(
        own(*[talk("one")] * 5),
        go_on=lambda: len(seen) < 2,
        progress=lambda done, of: seen.append(done / of),
    )
    assert imported.cancelled
    assert len(imported.conversations) == 2
    assert seen == sorted(seen)
    assert len(Organiser(database).listing().conversations) == 2


def test_numbers_that_only_python_reads_do_no_harm(read):
    text = json.dumps(own(talk("one", "two"))).replace('"title"', '"created": NaN, "title"')
    assert len(read(text).conversations) == 1
    text = json.dumps(own(talk("one"))).replace('"T"', '"\\ud800\\u0000 T"')
    assert len(read(text).conversations) == 1


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def read_in_pieces(content, size):
    at = 0

    def read(_most):
        nonlocal at
        at += size
        return content[at - size : at]

    source = JsonValues(read, lambda: True)
    found = []
    try:
        found.extend(source.conversations())
    except DamagedError:
        found.append("damaged")
    return found


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(values, max_size=5), st.booleans(), st.booleans(), st.integers(1, 9))
def test_values_are_the_same_in_whatever_pieces_they_come(monkeypatch, whole, plain, ours, size):
    monkeypatch.setattr(json_values, "PIECE", 1)
    file = own(*whole) if ours else whole
    content = json.dumps(file, ensure_ascii=not plain).encode("utf-8", "surrogatepass")
    sound = content.decode("utf-8", "replace")
    expected = json.loads(sound)["conversations"] if ours else json.loads(sound)
    assert read_in_pieces(content, size) == expected
    for end in (len(content) // 2, len(content) // 3):  # cut: the sound ones before, in order
        found = read_in_pieces(content[:end], size)
        found = found[:-1] if found[-1:] == ["damaged"] else found
        assert len(found) <= len(expected)
        assert found[:-1] == expected[: len(found[:-1])]


def test_a_value_of_any_length_is_tried_a_few_times_only(monkeypatch):
    tried = []

    class Counting(json.JSONDecoder):
        def raw_decode(self, text, at=0):
            tried.append(len(text))
            return super().raw_decode(text, at)

    monkeypatch.setattr(json_values, "PIECE", 10)
    monkeypatch.setattr(json_values, "_DECODER", Counting())
    content = json.dumps([[["x"] * 20_000], 1]).encode()
    assert len(read_in_pieces(content, 10)) == 2
    assert len(tried) < 20
    monkeypatch.setattr(json_values, "LONGEST", 1000)
    assert read_in_pieces(content, 10) == ["damaged"]


def outcome(read, content):
    try:
        read(content)
    except EnvironmentFault as fault:
        return fault.code
    return "imported"


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(["mapping", "messages", "chat_messages", "conversations", "text", "role",
                         "parent", "children", "message", "content", "parts", "author", "sender",
                         "from", "value", "title", "stats", "details", "file", "scores"]),
        inner,
        max_size=5,
    ),
    max_leaves=25,
)  # fmt: skip


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(anything, max_size=4))
def test_any_json_is_imported_or_refused(read, values):
    assert outcome(read, values) in ("imported", FaultCode.IMPORT_UNKNOWN)


@pytest.mark.parametrize("seed", range(60))
def test_a_sound_file_with_spoilt_bytes_is_imported_or_refused(read, seed):
    chance = random.Random(seed)
    sample = chance.choice(
        [json.dumps(own(talk("one", "two"), talk("three"))), json.dumps([chatgpt(), chatgpt()])]
    )
    content = bytearray(sample.encode())
    for _ in range(chance.randrange(1, 12)):
        at = chance.randrange(len(content))
        if chance.random() < 0.5:
            content[at] = chance.randrange(256)
        else:
            del content[at : at + chance.randrange(1, 30)]
    refused = (FaultCode.IMPORT_UNKNOWN, FaultCode.IMPORT_NEWER)
    assert outcome(read, bytes(content)) in ("imported", *refused)
