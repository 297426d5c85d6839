-- How far the outbox was forgotten: whoever stands before this place has missed something. The first column
-- is there for databases whose transactions commit in another order than they begin.
CREATE TABLE event_horizon (
    number             INTEGER NOT NULL PRIMARY KEY CHECK (number = 1),
    transaction_number INTEGER NOT NULL,
    sequence           INTEGER NOT NULL
) STRICT;

INSERT INTO event_horizon (number, transaction_number, sequence) VALUES (1, 0, 0);

-- Tickets that open one stream of events each, for clients that can't send a header. The ticket itself is not
-- kept, only its SHA-256; standing is what the token said that it was got with, without its signature.
CREATE TABLE stream_ticket (
    secret_hash BLOB    NOT NULL PRIMARY KEY,
    standing    TEXT    NOT NULL,
    ends_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX stream_ticket_by_end ON stream_ticket (ends_at);
