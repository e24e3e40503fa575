"""Conversations in a real SQLite file."""

import sqlite3
import stat
import threading
from concurrent.futures import ThreadPoolExecutor

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from desktop_llm.core.conversations import is_private
from desktop_llm.core.errors import EnvironmentFault, FaultCode, ProgramFault
from desktop_llm.core.messages import MessageState, Role
from desktop_llm.storage.bin import Bin
from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.database import Database, MemoryDatabase
from desktop_llm.storage.migrations import MIGRATIONS
from desktop_llm.storage.rows import title_of
from desktop_llm.storage.tree import Tree


@pytest.fixture
def database(tmp_path):
    database = Database(tmp_path / "conversations.db")
    yield database
    database.close()


@pytest.fixture
def store(database):
    return Conversations(database)


@pytest.fixture
def tree(database):
    return Tree(database)


@pytest.fixture
def bin(database):
    return Bin(database)


def test_a_question_and_its_reply(store):
    conversation = store.create()
    question, reply = store.ask(conversation.id, "为什么天是蓝的?", None, "starter")
    store.flush(reply.id, "Because")
    assert store.branch(conversation.id)[1].text == "Because"
    store.finish(reply.id, "Because of Rayleigh.", MessageState.COMPLETE, finish="stop")
    branch = store.branch(conversation.id)
    assert [message.id for message in branch] == [question.id, reply.id]
    assert branch[1].state is MessageState.COMPLETE
    assert store.get(conversation.id).title == "为什么天是蓝的?"


def test_a_second_reply_is_a_branch_and_the_first_stays(store, tree):
    conversation = store.create()
    question, first = store.ask(conversation.id, "Hi", None, "")
    store.finish(first.id, "One", MessageState.COMPLETE)
    second = store.add(conversation.id, Role.ASSISTANT, "Two", parent=question.id)
    assert [message.text for message in store.branch(conversation.id)] == ["Hi", "Two"]
    tree.show(conversation.id, first.id)
    assert [message.text for message in store.branch(conversation.id)] == ["Hi", "One"]
    assert store.message(second.id).parent == question.id


def test_the_last_changed_comes_first(store):
    one, two = store.create("one"), store.create("two")
    assert [found.id for found in store.all()] == [two.id, one.id]
    store.add(one.id, Role.USER, "again", parent=None)
    assert [found.id for found in store.all()] == [one.id, two.id]


@pytest.mark.parametrize("query", ["蓝", "天是", "天是蓝", "RAYLEIGH", "rayl", "scatters light"])
def test_search_finds(store, query):
    conversation = store.create()
    store.add(conversation.id, Role.USER, "为什么天是蓝的? Rayleigh scatters\nlight", parent=None)
    hits = store.search(query)
    assert {hit.conversation for hit in hits} == {conversation.id}
    in_message = next(hit for hit in hits if hit.message is not None)
    marked = in_message.excerpt[in_message.start : in_message.end]
    assert marked.lower() in query.lower()
    assert marked


def test_search_does_not_find_scattered_characters(store):
    conversation = store.create()
    store.add(conversation.id, Role.USER, "蓝的天", parent=None)
    assert store.search("天蓝") == []


def test_deleted_is_not_found_and_purge_erases(store, database, bin):
    conversation = store.create("Sky")
    store.add(conversation.id, Role.USER, "blue", parent=None)
    bin.put(conversation.id)
    assert store.all() == []
    assert store.search("blue") == []
    bin.take_out(conversation.id)
    assert store.search("blue")
    bin.put(conversation.id)
    assert bin.purge(before=float("inf")) == 1
    for table in ("messages", "message_text", "title_text", "conversations"):
        count = database.read(
            lambda connection, t=table: connection.execute(f"SELECT count(*) FROM {t}").fetchall()
        )
        assert count == [(0,)]


def rows_of(database, table):
    query = f"SELECT count(*) FROM {table}"
    return database.read(lambda connection: connection.execute(query).fetchall())[0][0]


def test_erased_is_gone_from_every_page_and_the_log(store, database, bin):
    kept = store.create("Kept")
    store.add(kept.id, Role.USER, "stays " * 300, parent=None)
    for length in (1, 3000):
        doomed = store.create("Doomedtitle")
        store.save_draft(doomed.id, "Secretdraft")
        parent = None
        for number in range(30):
            text = "Secretquestion " * length + f"秘密 {number}"
            parent = store.add(doomed.id, Role.USER, text, parent=parent).id
        bin.put(doomed.id)
        bin.erase(doomed.id)
    for path in database.path.parent.iterdir():
        content = path.read_bytes().lower()
        for word in ("secretquestion", "retquestion", "doomedtitle", "secretdraft", "秘密"):
            assert word.encode() not in content, path.name
    assert store.search("stays")
    assert [found.id for found in store.all()] == [kept.id]
    assert rows_of(database, "message_text") == 1


def test_an_erasing_that_was_cut_off_is_ended_by_the_next_purge(store, database, monkeypatch, bin):
    conversation = store.create()
    store.add(conversation.id, Role.USER, "blue", parent=None)
    with monkeypatch.context() as patch:
        patch.setattr(bin, "_erase_conversation", lambda _number: None)  # it was killed here
        bin.put(conversation.id)
        bin.erase(conversation.id)
    assert store.all() == []
    assert bin.purge(before=1.0) == 1
    assert rows_of(database, "conversations") == 0


def test_a_question_is_taken_back_into_the_draft(store, database):
    conversation = store.create()
    first, answer = store.ask(conversation.id, "first", None, "")
    store.finish(answer.id, "one", MessageState.COMPLETE)
    question, reply = store.ask(conversation.id, "too early", answer.id, "")
    store.flush(reply.id, "half")
    after = store.take_back(question.id, reply.id)
    assert (after.draft, after.leaf, after.title) == ("too early", answer.id, "first")
    assert [message.id for message in store.branch(conversation.id)] == [first.id, answer.id]
    assert store.search("early") == []
    assert rows_of(database, "message_text") == 2
    store.finish(reply.id, "a late end", MessageState.STOPPED)  # of a thread that was slow
    assert store.search("late") == []
    again, _ = store.ask(conversation.id, "better", answer.id, "")
    assert again.id > reply.id


def test_the_first_question_taken_back_leaves_no_title_and_loses_no_draft(store):
    conversation = store.create()
    question, reply = store.ask(conversation.id, "first", None, "")
    store.save_draft(conversation.id, "written since")
    after = store.take_back(question.id, reply.id)
    assert (after.draft, after.leaf, after.title) == ("first\n\nwritten since", None, "")
    assert store.search("first") == []
    store.ask(conversation.id, "second", None, "")
    assert store.get(conversation.id).title == "second"


def test_what_has_more_hanging_on_it_is_not_taken_back(store):
    conversation = store.create()
    question, reply = store.ask(conversation.id, "first", None, "")
    other = store.add(conversation.id, Role.ASSISTANT, "Two", parent=question.id)
    for pair in ((question.id, reply.id), (question.id, other.id)):
        with pytest.raises(ProgramFault):
            store.take_back(*pair)
    for pair in ((reply.id, question.id), (question.id, 99), (99, reply.id)):
        with pytest.raises(KeyError):
            store.take_back(*pair)
    assert len(store.branch(conversation.id)) == 2


def test_a_number_is_never_given_twice(store, bin):
    one = store.create()
    question, reply = store.ask(one.id, "first", None, "")
    bin.put(one.id)
    bin.erase(one.id)
    two = store.create()
    assert two.id > one.id
    assert store.ask(two.id, "second", None, "")[0].id > reply.id > question.id


def test_the_oldest_database_is_brought_up_to_date_after_a_backup(tmp_path):
    path = tmp_path / "conversations.db"
    connection = sqlite3.connect(path)
    connection.executescript(MIGRATIONS[0][1])
    connection.executescript(
        "PRAGMA user_version = 1;"
        "INSERT INTO conversations (id, sequence, title, model, created, changed, leaf)"
        " VALUES (7, 1, 'Old', '', 0, 0, 9);"
        "INSERT INTO messages (id, conversation, role, text, state, created)"
        " VALUES (9, 7, 'user', 'blue sky', 'complete', 0);"
        "INSERT INTO message_text (rowid, text) VALUES (9, 'blue sky');"
    )
    connection.close()
    backed_up = []
    database = Database(path, backed_up.append)
    store = Conversations(database)
    assert backed_up == [path]
    assert store.search("blue")
    assert store.branch(7)[0].text == "blue sky"
    question, _ = store.ask(7, "and then?", 9, "")
    assert question.id == 10
    assert store.create().id == 8
    database.close()


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text())
def test_no_query_is_syntax(store, query):
    store.search(query)


@pytest.mark.parametrize("query", ['"', "a AND", "NEAR(", "text:x", "*", "-a", "\0", "\ud800"])
def test_hostile_queries(store, query):
    assert store.search(query) == []


def test_interrupted_is_marked_and_searchable(store):
    conversation = store.create()
    _, reply = store.ask(conversation.id, "Hi", None, "")
    store.flush(reply.id, "half a sentence")
    assert store.mark_interrupted() == 1
    assert store.message(reply.id).state is MessageState.INTERRUPTED
    assert store.search("sentence")


def test_texts_that_hurt(store):
    conversation = store.create()
    for text, kept in (("a\ud800b", "a\ufffdb"), ("a\0b", "ab"), ("長" * 350_000, None)):
        message = store.add(conversation.id, Role.USER, text, parent=None)
        assert store.message(message.id).text == (kept or text)


def test_the_draft_is_kept_until_it_is_sent(store):
    conversation = store.create()
    store.save_draft(conversation.id, "half a thou")
    assert store.get(conversation.id).draft == "half a thou"
    store.ask(conversation.id, "half a thought", None, "")
    assert store.get(conversation.id).draft == ""


def test_what_is_written_before_there_is_a_conversation(store):
    assert store.new_draft() == ""
    store.save_draft(None, "half a thou")
    store.save_draft(None, "half a \ud800 thought")
    assert store.new_draft() == "half a \ufffd thought"
    assert store.all() == []
    question, reply = store.ask(None, "half a \ud800 thought", None, "a-model")
    assert store.new_draft() == ""
    (conversation,) = store.all()
    assert (conversation.title, conversation.draft) == ("half a \ufffd thought", "")
    assert store.branch(conversation.id) == [question, reply]
    store.save_draft(None, "the next one")
    store.ask(None, "something else", None, "a-model")
    assert store.new_draft() == "the next one"


def test_words_are_added_to_a_draft(store):
    number = store.create().id
    for words in ("one", "two"):
        store.add_to_draft(number, words)
    assert store.get(number).draft == "one\n\ntwo"


def test_a_question_that_fails_makes_no_conversation(store):
    store.save_draft(None, "kept")
    with pytest.raises(apsw.ConstraintError):
        store.ask(None, "kept", 12345, "")  # there is no such message to answer
    assert store.all() == []
    assert store.new_draft() == "kept"


def test_the_last_deleted_can_be_restored(store, bin):
    one, two, erased = (store.create(title).id for title in ("one", "two", "erased"))
    assert bin.restore_last() is None
    for number in (two, one, erased):
        bin.put(number)
    bin.erase(erased)
    assert bin.restore_last().conversation == one
    assert bin.restore_last().conversation == two
    assert [found.id for found in store.all()] == [two, one]


def test_a_closed_database_refuses_and_never_hangs(tmp_path):
    database = Database(tmp_path / "conversations.db")
    store = Conversations(database)
    number = store.create().id
    database.close()
    for late in (lambda: store.save_draft(number, "x"), lambda: store.get(number)):
        with pytest.raises(ProgramFault, match="closed"):
            late()
    database.close()


def test_a_long_title_is_cut_at_a_word():
    assert title_of("\n  word " + "sentence " * 20) == "word " + "sentence " * 5 + "sentence…"
    assert title_of("") == ""


def test_unknown_ids(store):
    with pytest.raises(KeyError):
        store.get(7)
    with pytest.raises(KeyError):
        store.message(7)


def test_a_newer_database_is_refused_untouched(tmp_path):
    path = tmp_path / "conversations.db"
    Database(path).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(EnvironmentFault) as caught:
        Database(path)
    assert caught.value.code is FaultCode.DATABASE_NEWER
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["conversations.db"]


def test_a_newer_version_that_is_still_in_the_log_is_refused_untouched(tmp_path):
    path = tmp_path / "conversations.db"
    Database(path).close()
    connection = apsw.Connection(str(path))
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)  # as if it had been killed
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    before = path.read_bytes(), (tmp_path / "conversations.db-wal").read_bytes()
    with pytest.raises(EnvironmentFault) as caught:
        Database(path)
    assert caught.value.code is FaultCode.DATABASE_NEWER
    assert (path.read_bytes(), (tmp_path / "conversations.db-wal").read_bytes()) == before


def test_two_that_make_the_same_database_at_once(tmp_path):
    path = tmp_path / "conversations.db"
    with ThreadPoolExecutor(4) as pool:
        for database in pool.map(lambda _: Database(path), range(4)):
            Conversations(database).create()
            database.close()


@pytest.mark.parametrize("damage", ["no database", "broken page"])
def test_a_damaged_database_is_reported_and_kept(tmp_path, damage):
    path = tmp_path / "conversations.db"
    database = Database(path)
    store = Conversations(database)
    store.add(store.create().id, Role.USER, "word " * 20_000, parent=None)
    database.close()
    broken = b"hello" * 2000
    if damage == "broken page":
        broken = bytearray(path.read_bytes())
        broken[4096 : 4096 * 4] = b"\xff" * (4096 * 3)
    path.write_bytes(bytes(broken))
    with pytest.raises(EnvironmentFault) as caught:
        Database(path)
    assert caught.value.code is FaultCode.DATABASE_DAMAGED
    assert path.read_bytes() == bytes(broken)


def test_a_full_disk_loses_nothing_and_passes(store, database):
    conversation = store.create()
    store.add(conversation.id, Role.USER, "kept", parent=None)

    def limit(pages):
        database.write(
            lambda connection: connection.execute(f"PRAGMA max_page_count = {pages}").fetchall()
        )

    limit(1)  # SQLite takes the present size where less is asked for
    with pytest.raises(EnvironmentFault) as caught:
        store.add(conversation.id, Role.USER, "x" * 1_000_000, parent=None)
    assert caught.value.code is FaultCode.DISK_FULL
    assert [message.text for message in store.branch(conversation.id)] == ["kept"]
    limit(1_000_000)
    store.add(conversation.id, Role.USER, "after", parent=None)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(EnvironmentFault) as caught:
        Database(tmp_path / "file" / "conversations.db")
    assert caught.value.code is FaultCode.DATA_FOLDER_READ_ONLY


def test_a_failed_change_leaves_nothing(store, database):
    def half(connection: apsw.Connection) -> None:
        connection.execute("DELETE FROM conversations")
        raise ValueError

    store.create()
    with pytest.raises(ValueError, match=r"^$"):
        database.write(half)
    assert len(store.all()) == 1


def test_a_path_of_250_characters_with_chinese_and_emoji(tmp_path):
    folder = tmp_path / "我的文档 😀" / "合同" / ("long-name-" * 14)
    folder = folder / ("x" * (249 - len(str(folder))))
    assert len(str(folder)) == 250
    database = Database(folder / "conversations.db")
    assert Conversations(database).create("天").title == "天"
    database.close()


def test_a_path_beyond_what_sqlite_opens_is_said(tmp_path):
    with pytest.raises(EnvironmentFault) as fault:
        Database(tmp_path / "/".join(["文档😀文档😀"] * 25) / "conversations.db")
    assert fault.value.code is FaultCode.PATH_TOO_LONG


def test_changes_of_another_process_are_seen(store, database):
    before = database.data_version()
    other = Database(database.path)
    Conversations(other).create("from elsewhere")
    other.close()
    assert database.data_version() != before
    assert [found.title for found in store.all()] == ["from elsewhere"]


def test_private_and_readable_with_stock_sqlite(store, database):
    store.create("Sky")
    assert stat.S_IMODE(database.path.stat().st_mode) == 0o600
    connection = sqlite3.connect(database.path)
    assert connection.execute("SELECT title FROM conversations").fetchall() == [("Sky",)]
    connection.close()


def test_a_database_in_memory_takes_the_same_calls_and_is_gone_when_it_is_closed(tmp_path):
    before = set(tmp_path.rglob("*"))
    memory = MemoryDatabase()
    store = Conversations(memory)
    number = store.create("kept nowhere").id
    store.add(number, Role.USER, "words to find", parent=None)
    assert is_private(number)
    assert is_private(store.branch(number)[0].id)
    assert [hit.conversation for hit in store.search("words")] == [number]
    memory.tidy()
    memory.close()
    assert set(tmp_path.rglob("*")) == before
    with pytest.raises(ProgramFault):
        store.all()


def test_a_query_that_runs_is_waited_for_when_it_closes(tmp_path):
    database = Database(tmp_path / "a.db")
    begun, found = threading.Event(), []

    def hold():
        begun.set()
        return threading.Event().wait(0.3) or 7

    def slow(connection):
        connection.create_scalar_function("hold", hold)
        return connection.execute("SELECT hold()").fetchall()

    thread = threading.Thread(target=lambda: found.append(database.read(slow)))
    thread.start()
    assert begun.wait(5)
    database.close()
    thread.join()
    assert found == [[(7,)]]
