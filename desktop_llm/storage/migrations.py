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

# A number is given once: what still writes to something erased must not reach something new.
# What is erased leaves the index's pages too, not only its lists ('optimize' once for what is old).
_ERASING = """
CREATE TABLE given_ids (kind TEXT PRIMARY KEY, last INTEGER NOT NULL);
INSERT INTO given_ids SELECT 'messages', coalesce(max(id), 0) FROM messages;
INSERT INTO given_ids SELECT 'conversations', coalesce(max(id), 0) FROM conversations;
INSERT INTO message_text (message_text, rank) VALUES ('secure-delete', 1);
INSERT INTO title_text (title_text, rank) VALUES ('secure-delete', 1);
INSERT INTO message_text (message_text) VALUES ('optimize');
INSERT INTO title_text (title_text) VALUES ('optimize');
"""

# What is written before there is a conversation for it: one row, of id 0.
_NEW_DRAFT = """
CREATE TABLE new_draft (id INTEGER PRIMARY KEY CHECK (id = 0), text TEXT NOT NULL);
"""

# `child`: the version below a message that was shown last (NULL: the newest). `origin` and `made`:
# which message it is a version of, and how it came of it. `draft`: an edit that is not ended.
# `deletion`: the message with which it was deleted; those it hangs below stay.
_VERSIONS = """
ALTER TABLE messages ADD COLUMN child INTEGER;
ALTER TABLE messages ADD COLUMN origin INTEGER;
ALTER TABLE messages ADD COLUMN made TEXT NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN draft TEXT;
ALTER TABLE messages ADD COLUMN deleted REAL;
ALTER TABLE messages ADD COLUMN deletion INTEGER;
CREATE INDEX messages_deleted ON messages (deletion) WHERE deletion IS NOT NULL;
CREATE INDEX conversations_deleted ON conversations (deleted) WHERE deleted IS NOT NULL;
"""

# `titled`: by whom, see `core.conversations.Titled`. Titles of before may be a person's.
_ORDER = """
CREATE TABLE folders (
    id       INTEGER PRIMARY KEY,
    name     TEXT NOT NULL,
    position INTEGER NOT NULL,
    open     INTEGER NOT NULL DEFAULT 1
);
INSERT INTO given_ids VALUES ('folders', 0);
CREATE TABLE tags (
    conversation INTEGER NOT NULL REFERENCES conversations ON DELETE CASCADE,
    tag          TEXT NOT NULL,
    PRIMARY KEY (conversation, tag)
) WITHOUT ROWID;
CREATE INDEX tags_by_tag ON tags (tag);
ALTER TABLE conversations ADD COLUMN folder INTEGER REFERENCES folders ON DELETE SET NULL;
ALTER TABLE conversations ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversations ADD COLUMN titled TEXT NOT NULL DEFAULT '';
CREATE INDEX conversations_by_folder ON conversations (folder) WHERE folder IS NOT NULL;
UPDATE conversations SET titled = 'person' WHERE title <> '';
"""

# `care`: see `core.context.Care`; `unseen`: messages before a reply that it was made without. A
# summary stands for what came before the message of its number.
_CONTEXT = """
ALTER TABLE conversations ADD COLUMN policy TEXT NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN care TEXT NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN unseen INTEGER NOT NULL DEFAULT 0;
CREATE TABLE summaries (
    message INTEGER PRIMARY KEY REFERENCES messages ON DELETE CASCADE,
    text    TEXT NOT NULL,
    model   TEXT NOT NULL,
    created REAL NOT NULL
);
"""

# `parameters`: what differs from the default, as `core.presets` writes it.
_PRESETS = """
ALTER TABLE conversations ADD COLUMN parameters TEXT NOT NULL DEFAULT '';
CREATE TABLE presets (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    model      TEXT NOT NULL,
    parameters TEXT NOT NULL,
    position   INTEGER NOT NULL
);
CREATE TABLE prompts (
    id       INTEGER PRIMARY KEY,
    name     TEXT NOT NULL,
    text     TEXT NOT NULL,
    position INTEGER NOT NULL,
    used     REAL
);
INSERT INTO given_ids VALUES ('presets', 0), ('prompts', 0);
"""

# Of a message, or of the draft of a conversation, or of what there is no conversation for yet.
# `sent`: what the model gets where that is not the whole text; `removed`: it can be put back.
_ATTACHMENTS = """
CREATE TABLE attachments (
    id           INTEGER PRIMARY KEY,
    message      INTEGER REFERENCES messages ON DELETE CASCADE,
    conversation INTEGER REFERENCES conversations ON DELETE CASCADE,
    name         TEXT NOT NULL,
    kind         TEXT NOT NULL,
    size         INTEGER NOT NULL,
    sha256       TEXT NOT NULL,
    encoding     TEXT NOT NULL,
    pages        INTEGER,
    left_out     INTEGER NOT NULL,
    text         TEXT NOT NULL,
    take         TEXT NOT NULL,
    sent         TEXT,
    removed      REAL
);
CREATE INDEX attachments_by_message ON attachments (message);
CREATE INDEX attachments_by_conversation ON attachments (conversation);
INSERT INTO given_ids VALUES ('attachments', 0);
"""

# What replies were made with (`core.details`), how sure the model was (`core.scores`), and what
# model files were when they were read whole.
_TRUST = """
CREATE TABLE reply_records (
    message INTEGER PRIMARY KEY REFERENCES messages ON DELETE CASCADE,
    details TEXT NOT NULL,
    scores  TEXT
);
CREATE TABLE file_hashes (
    path     TEXT PRIMARY KEY,
    size     INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    sha256   TEXT NOT NULL
) WITHOUT ROWID;
"""

_CHOICES = """
CREATE TABLE choices (
    chosen   INTEGER NOT NULL REFERENCES messages ON DELETE CASCADE,
    rejected INTEGER NOT NULL REFERENCES messages ON DELETE CASCADE,
    created  REAL NOT NULL,
    PRIMARY KEY (chosen, rejected)
) WITHOUT ROWID;
CREATE INDEX choices_by_rejected ON choices (rejected);
"""

# `rating`: see `core.corrections.Rating`; `training`: the reply is to be used for that.
_CORRECTIONS = """
ALTER TABLE messages ADD COLUMN rating TEXT NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN training INTEGER NOT NULL DEFAULT 0;
CREATE INDEX messages_edited ON messages (made) WHERE made = 'edited';
CREATE INDEX messages_rated ON messages (rating) WHERE rating <> '';
"""

Migrations = tuple[tuple[str, str], ...]  # a name and its SQL

# Whole, since the table and the work on it may be gone. `prompt`: JSON, roles and texts.
_CELLS = """
CREATE TABLE cell_corrections (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    work     TEXT NOT NULL,
    step     INTEGER NOT NULL,
    row      INTEGER NOT NULL,
    title    TEXT NOT NULL,
    prompt   TEXT NOT NULL,
    before   TEXT NOT NULL,
    after    TEXT NOT NULL,
    created  REAL NOT NULL,
    training INTEGER NOT NULL DEFAULT 0,
    UNIQUE (work, step, row)
);
"""

MIGRATIONS: Migrations = (
    ("conversations", _CONVERSATIONS),
    ("erasing", _ERASING),
    ("new draft", _NEW_DRAFT),
    ("versions", _VERSIONS),
    ("folders, pins, tags", _ORDER),
    ("context", _CONTEXT),
    ("presets and prompts", _PRESETS),
    ("attachments", _ATTACHMENTS),
    ("trust", _TRUST),
    ("choices", _CHOICES),
    ("corrections", _CORRECTIONS),
    ("corrections of tables", _CELLS),
)
