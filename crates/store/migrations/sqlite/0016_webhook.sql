-- What the server keeps of a webhook beside its `Subscription`: whose it is, what was agreed, how far it is.
-- Secrets are sealed. state: 0 requested, 1 active, 2 error, 3 off, 4 ended.
CREATE TABLE webhook (
    tenant             INTEGER NOT NULL,
    id                 TEXT NOT NULL,
    subject            TEXT NOT NULL,
    client             TEXT NOT NULL,
    roles              TEXT NOT NULL,
    scopes             TEXT,
    endpoint           TEXT NOT NULL,
    topics             TEXT NOT NULL,
    content            INTEGER NOT NULL,
    secret             TEXT NOT NULL,
    previous_secret    TEXT,
    previous_until     INTEGER NOT NULL,
    created_at         INTEGER NOT NULL,
    state              INTEGER NOT NULL,
    reason             TEXT,
    is_recorded        INTEGER NOT NULL,
    transaction_number INTEGER NOT NULL,
    sequence           INTEGER NOT NULL,
    events             INTEGER NOT NULL,
    attempts           INTEGER NOT NULL,
    due_at             INTEGER NOT NULL,
    last_delivery_at   INTEGER,
    last_failure       TEXT,
    last_failure_at    INTEGER,
    lease              TEXT,
    lease_until        INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

-- Events that were given up after the last attempt: ids and no content.
CREATE TABLE webhook_failure (
    tenant    INTEGER NOT NULL,
    webhook   TEXT NOT NULL,
    number    INTEGER NOT NULL,
    type      INTEGER NOT NULL,
    id        TEXT NOT NULL,
    version   INTEGER NOT NULL,
    action    INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    attempts  INTEGER NOT NULL,
    failed_at INTEGER NOT NULL,
    reason    TEXT NOT NULL,
    is_wanted INTEGER NOT NULL,
    PRIMARY KEY (tenant, webhook, number)
) STRICT, WITHOUT ROWID;
