-- What a conversation of one caller remembers. The handle itself is not kept, only its SHA-256.
CREATE TABLE conversation (
    handle_hash  TEXT NOT NULL PRIMARY KEY,
    tenant       INTEGER NOT NULL,
    subject      TEXT NOT NULL,
    client       TEXT NOT NULL,
    patient      TEXT,
    practitioner TEXT,
    day          TEXT,
    is_pinned    INTEGER NOT NULL,
    touched_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    ends_at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX conversation_by_end ON conversation (expires_at);
