"""The database's shape: named steps, only ever appended to.

`PRAGMA user_version` counts the steps applied. The tables stay readable with stock SQLite.
Order is by `sequence` and `id`, never by time: clocks jump.
"""

_CONVERSATIONS = """
CREATE TABLE conversations (
    id       INTEGER PRIMARY KEY,
    sequence INTEGER NOT NULL,
    title    TEXT NOT NULL,
    model    TEXT NOT NULL,
    leaf     INTEGER,
    draft    TEXT NOT NULL DEFAULT '',
    created  REAL NOT NULL,
    changed  REAL NOT NULL,
    deleted  REAL
);
CREATE INDEX conversations_by_sequence ON conversations (sequence);
CREATE TABLE messages (
    id           INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL REFERENCES conversations ON DELETE CASCADE,
    parent       INTEGER REFERENCES messages ON DELETE CASCADE,
    role         TEXT NOT NULL,
    text         TEXT NOT NULL,
    state        TEXT NOT NULL,
    created      REAL NOT NULL,
    model        TEXT NOT NULL DEFAULT '',
    reason       TEXT NOT NULL DEFAULT '',
    finish       TEXT NOT NULL DEFAULT '',
    stats        TEXT
);
CREATE INDEX messages_by_conversation ON messages (conversation);
CREATE INDEX messages_by_parent ON messages (parent);
CREATE INDEX messages_streaming ON messages (state) WHERE state = 'streaming';
CREATE VIRTUAL TABLE message_text USING fts5(text, tokenize = 'unicode61');
CREATE VIRTUAL TABLE title_text USING fts5(text, tokenize = 'unicode61');
"""

MIGRATIONS: tuple[tuple[str, str], ...] = (("conversations", _CONVERSATIONS),)
