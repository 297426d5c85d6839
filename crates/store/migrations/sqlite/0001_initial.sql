-- Numbers of tenants, types and parameters are stable: see TenantId, ResourceType::code, ParameterId.
-- Times are microseconds since the epoch. STRICT everywhere: a wrong type is an error, never converted.

-- Identity. No patient data.

CREATE TABLE tenant (
    number       INTEGER PRIMARY KEY,
    organization TEXT    NOT NULL UNIQUE,
    slug         TEXT    NOT NULL UNIQUE,
    name         TEXT    NOT NULL,
    time_zone    TEXT    NOT NULL,
    is_active    INTEGER NOT NULL
) STRICT;

CREATE TABLE user_account (
    id            TEXT    NOT NULL PRIMARY KEY,
    tenant        INTEGER NOT NULL,
    email         TEXT    NOT NULL UNIQUE,
    display_name  TEXT    NOT NULL,
    roles         TEXT    NOT NULL,
    password_hash TEXT,
    patient       TEXT,
    practitioner  TEXT,
    is_active     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX user_account_by_tenant ON user_account (tenant, email);

CREATE TABLE client (
    id           TEXT    NOT NULL PRIMARY KEY,
    tenant       INTEGER NOT NULL,
    app_id       TEXT    NOT NULL,
    display_name TEXT    NOT NULL,
    role         TEXT    NOT NULL,
    scopes       TEXT    NOT NULL,
    secret_hash  TEXT    NOT NULL,
    is_active    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE signing_key (
    id         TEXT    NOT NULL PRIMARY KEY,
    pkcs8      BLOB    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Keys of the server itself: sealing cursors, signing the heads of audit chains.
CREATE TABLE secret (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Records.

-- state: 0 current, 1 deleted (the row is the mark of the deletion), 2 withheld (its patient is
-- deactivated). Reads and searches see state 0 only.
-- is_chart: 1 where the type's chart parameter (`subject`, else `patient`) refers to `patient` and to
-- nobody else. The parameter then has no row in index_reference.
-- moment, moment_end: low and high of the type's principal date parameter, which has no rows in
-- index_date. Without a date both are -9223372036854775808, so that all databases sort alike.
CREATE TABLE resource (
    row_id       INTEGER PRIMARY KEY,
    tenant       INTEGER NOT NULL,
    type         INTEGER NOT NULL,
    id           TEXT    NOT NULL,
    version      INTEGER NOT NULL,
    state        INTEGER NOT NULL,
    patient      TEXT,
    is_chart     INTEGER NOT NULL,
    moment       INTEGER NOT NULL,
    moment_end   INTEGER NOT NULL,
    last_updated INTEGER NOT NULL,
    content_hash BLOB    NOT NULL,
    body         TEXT    NOT NULL
) STRICT;

CREATE UNIQUE INDEX resource_by_id ON resource (tenant, type, id);
-- Reading a chart touches no other index.
CREATE INDEX resource_by_chart ON resource (tenant, patient, type, is_chart, moment, row_id)
    WHERE patient IS NOT NULL AND state = 0;
CREATE INDEX resource_by_moment ON resource (tenant, type, moment, row_id) WHERE state = 0;
CREATE INDEX resource_by_update ON resource (tenant, type, last_updated, row_id) WHERE state = 0;

-- Superseded versions only: the history of a record is its row in `resource` and its rows here.
CREATE TABLE history (
    row_id       INTEGER PRIMARY KEY,
    tenant       INTEGER NOT NULL,
    type         INTEGER NOT NULL,
    id           TEXT    NOT NULL,
    version      INTEGER NOT NULL,
    state        INTEGER NOT NULL,
    patient      TEXT,
    last_updated INTEGER NOT NULL,
    body         TEXT    NOT NULL
) STRICT;

CREATE UNIQUE INDEX history_by_version ON history (tenant, type, id, version);

-- Patients that are deactivated: new records about them are withheld at once.
CREATE TABLE withheld_patient (
    tenant  INTEGER NOT NULL,
    patient TEXT    NOT NULL,
    PRIMARY KEY (tenant, patient)
) STRICT, WITHOUT ROWID;

-- Index rows, for parameters that `records/indexed.rs` names. A parameter's number implies its type.
-- Texts are cut to 512 bytes. Systems are a hash of the URI (0 for none), so that nothing is interned.

-- exact: empty where it equals folded.
CREATE TABLE index_string (
    tenant    INTEGER NOT NULL,
    parameter INTEGER NOT NULL,
    folded    TEXT    NOT NULL,
    row_id    INTEGER NOT NULL,
    exact     TEXT    NOT NULL,
    PRIMARY KEY (tenant, parameter, folded, row_id, exact)
) STRICT, WITHOUT ROWID;

CREATE TABLE index_token (
    tenant    INTEGER NOT NULL,
    parameter INTEGER NOT NULL,
    code      TEXT    NOT NULL,
    row_id    INTEGER NOT NULL,
    system    INTEGER NOT NULL,
    PRIMARY KEY (tenant, parameter, code, row_id, system)
) STRICT, WITHOUT ROWID;

-- target: an id; target_type: its type, 254 for nothing but a display or identifier (target is empty),
-- 255 where target is a URL.
CREATE TABLE index_reference (
    tenant      INTEGER NOT NULL,
    parameter   INTEGER NOT NULL,
    target      TEXT    NOT NULL,
    target_type INTEGER NOT NULL,
    row_id      INTEGER NOT NULL,
    PRIMARY KEY (tenant, parameter, target, target_type, row_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE index_date (
    tenant    INTEGER NOT NULL,
    parameter INTEGER NOT NULL,
    low       INTEGER NOT NULL,
    row_id    INTEGER NOT NULL,
    high      INTEGER NOT NULL,
    PRIMARY KEY (tenant, parameter, low, row_id, high)
) STRICT, WITHOUT ROWID;

-- Numbers, and quantities with their unit: the hash of its system, the coded unit and the unit in words
-- (0 and empty for plain numbers).
CREATE TABLE index_number (
    tenant    INTEGER NOT NULL,
    parameter INTEGER NOT NULL,
    low       REAL    NOT NULL,
    row_id    INTEGER NOT NULL,
    high      REAL    NOT NULL,
    system    INTEGER NOT NULL,
    code      TEXT    NOT NULL,
    unit      TEXT    NOT NULL,
    PRIMARY KEY (tenant, parameter, low, row_id, high, system, code, unit)
) STRICT, WITHOUT ROWID;

CREATE TABLE index_uri (
    tenant    INTEGER NOT NULL,
    parameter INTEGER NOT NULL,
    value     TEXT    NOT NULL,
    row_id    INTEGER NOT NULL,
    PRIMARY KEY (tenant, parameter, value, row_id)
) STRICT, WITHOUT ROWID;

-- What a commit leaves beside records.

CREATE TABLE claim (
    tenant INTEGER NOT NULL,
    key    TEXT    NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency (
    tenant       INTEGER NOT NULL,
    subject      TEXT    NOT NULL,
    client       TEXT    NOT NULL,
    key          TEXT    NOT NULL,
    request_hash BLOB    NOT NULL,
    answer       TEXT    NOT NULL,
    at           INTEGER NOT NULL,
    PRIMARY KEY (tenant, subject, client, key)
) STRICT, WITHOUT ROWID;

-- The outbox: what happened, never what it says. action: 0 created, 1 updated, 2 deleted.
CREATE TABLE event (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant   INTEGER NOT NULL,
    type     INTEGER NOT NULL,
    id       TEXT    NOT NULL,
    version  INTEGER NOT NULL,
    action   INTEGER NOT NULL,
    at       INTEGER NOT NULL
) STRICT;

-- The audit trail. A chain is one opened store's; head, head_hash and seal (a keyed hash of the head)
-- change with every commit, so that a removed tail shows.
CREATE TABLE audit_chain (
    number    INTEGER PRIMARY KEY,
    id        TEXT    NOT NULL UNIQUE,
    opened_at INTEGER NOT NULL,
    head      INTEGER NOT NULL,
    head_hash BLOB    NOT NULL,
    seal      BLOB    NOT NULL
) STRICT;

CREATE TABLE mcp_audit_log (
    row_id        INTEGER PRIMARY KEY,
    chain         INTEGER NOT NULL,
    sequence      INTEGER NOT NULL,
    at            INTEGER NOT NULL,
    tenant        INTEGER,
    payload       TEXT    NOT NULL,
    previous_hash BLOB    NOT NULL,
    hash          BLOB    NOT NULL
) STRICT;

-- Signed heads, each linked to the checkpoint before it whichever chain that spoke of, so that a whole
-- chain can't vanish.
CREATE TABLE audit_checkpoint (
    number    INTEGER PRIMARY KEY,
    chain     TEXT    NOT NULL,
    sequence  INTEGER NOT NULL,
    head_hash BLOB    NOT NULL,
    at        INTEGER NOT NULL,
    signature BLOB    NOT NULL
) STRICT;
