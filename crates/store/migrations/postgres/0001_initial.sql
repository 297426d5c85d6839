-- Numbers of tenants, types and parameters are stable: see TenantId, ResourceType::code, ParameterId.
-- Times are microseconds since the epoch. Texts that are keys are compared
-- by their bytes, as on every other database of MedCor.

-- Identity. No patient data.

CREATE TABLE tenant (
    number       bigint PRIMARY KEY,
    organization text COLLATE "C" NOT NULL UNIQUE,
    slug         text COLLATE "C" NOT NULL UNIQUE,
    name         text COLLATE "C" NOT NULL,
    time_zone    text COLLATE "C" NOT NULL,
    is_active    smallint NOT NULL
);

CREATE TABLE user_account (
    id            text COLLATE "C" NOT NULL PRIMARY KEY,
    tenant        integer NOT NULL,
    email         text COLLATE "C" NOT NULL UNIQUE,
    display_name  text NOT NULL,
    roles         text NOT NULL,
    password_hash text,
    patient       text COLLATE "C",
    practitioner  text COLLATE "C",
    is_active     smallint NOT NULL
);

CREATE INDEX user_account_by_tenant ON user_account (tenant, email);

CREATE TABLE client (
    id           text COLLATE "C" NOT NULL PRIMARY KEY,
    tenant       integer NOT NULL,
    app_id       text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    role         text COLLATE "C" NOT NULL,
    scopes       text NOT NULL,
    secret_hash  text NOT NULL,
    is_active    smallint NOT NULL
);

CREATE TABLE signing_key (
    id         text COLLATE "C" NOT NULL PRIMARY KEY,
    pkcs8      bytea NOT NULL,
    created_at bigint NOT NULL
);

-- Keys of the server itself: sealing cursors, signing the heads of audit chains.
CREATE TABLE secret (
    name  text COLLATE "C" NOT NULL PRIMARY KEY,
    value bytea NOT NULL
);

-- Records.

-- state: 0 current, 1 deleted (the row is the mark of the deletion), 2 withheld (its patient is
-- deactivated). Reads and searches see state 0 only.
-- is_chart: 1 where the type's chart parameter (`subject`, else `patient`) refers to `patient` and to
-- nobody else. The parameter then has no row in index_reference.
-- moment, moment_end: low and high of the type's principal date parameter, which has no rows in
-- index_date. Without a date both are -9223372036854775808, so that all databases sort alike.
CREATE TABLE resource (
    row_id       bigint PRIMARY KEY,
    tenant       integer NOT NULL,
    type         smallint NOT NULL,
    id           text COLLATE "C" NOT NULL,
    version      integer NOT NULL,
    state        smallint NOT NULL,
    patient      text COLLATE "C",
    is_chart     smallint NOT NULL,
    moment       bigint NOT NULL,
    moment_end   bigint NOT NULL,
    last_updated bigint NOT NULL,
    content_hash bytea NOT NULL,
    body         text NOT NULL
-- Bodies of up to 8 kB stay in their row as they are: compressing them costs more than it saves.
) WITH (toast_tuple_target = 8160);

-- Writers take numbers in blocks, so that index rows know them before the row is there.
CREATE SEQUENCE resource_row MINVALUE 1 START 1 INCREMENT BY 128;

CREATE UNIQUE INDEX resource_by_id ON resource (tenant, type, id);
-- Reading a chart touches no other index.
CREATE INDEX resource_by_chart ON resource (tenant, patient, type, is_chart, moment, row_id)
    WHERE patient IS NOT NULL AND state = 0;
CREATE INDEX resource_by_moment ON resource (tenant, type, moment, row_id) WHERE state = 0;
CREATE INDEX resource_by_update ON resource (tenant, type, last_updated, row_id) WHERE state = 0;

-- Superseded versions only: the history of a record is its row in `resource` and its rows here.
CREATE TABLE history (
    row_id       bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    tenant       integer NOT NULL,
    type         smallint NOT NULL,
    id           text COLLATE "C" NOT NULL,
    version      integer NOT NULL,
    state        smallint NOT NULL,
    patient      text COLLATE "C",
    last_updated bigint NOT NULL,
    body         text NOT NULL
);

CREATE UNIQUE INDEX history_by_version ON history (tenant, type, id, version);

-- Patients that are deactivated: new records about them are withheld at once.
CREATE TABLE withheld_patient (
    tenant  integer NOT NULL,
    patient text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, patient)
);

-- Index rows, for parameters that `records/indexed.rs` names. A parameter's number implies its type.
-- Texts are cut to 512 bytes. Systems are a hash of the URI (0 for none), so that nothing is interned.

-- exact: empty where it equals folded.
CREATE TABLE index_string (
    tenant    integer NOT NULL,
    parameter integer NOT NULL,
    folded    text COLLATE "C" NOT NULL,
    row_id    bigint NOT NULL,
    exact     text COLLATE "C" NOT NULL
);

CREATE UNIQUE INDEX index_string_by_value ON index_string (tenant, parameter, folded, row_id, exact);

CREATE TABLE index_token (
    tenant    integer NOT NULL,
    parameter integer NOT NULL,
    code      text COLLATE "C" NOT NULL,
    row_id    bigint NOT NULL,
    system    bigint NOT NULL
);

CREATE UNIQUE INDEX index_token_by_value ON index_token (tenant, parameter, code, row_id, system);

-- target: an id; target_type: its type, 254 for nothing but a display or identifier (target is empty),
-- 255 where target is a URL.
CREATE TABLE index_reference (
    tenant      integer NOT NULL,
    parameter   integer NOT NULL,
    target      text COLLATE "C" NOT NULL,
    target_type smallint NOT NULL,
    row_id      bigint NOT NULL
);

CREATE UNIQUE INDEX index_reference_by_value ON index_reference (tenant, parameter, target, target_type, row_id);

CREATE TABLE index_date (
    tenant    integer NOT NULL,
    parameter integer NOT NULL,
    low       bigint NOT NULL,
    row_id    bigint NOT NULL,
    high      bigint NOT NULL
);

CREATE UNIQUE INDEX index_date_by_value ON index_date (tenant, parameter, low, row_id, high);

-- Numbers, and quantities with their unit: the hash of its system, the coded unit and the unit in words
-- (0 and empty for plain numbers).
CREATE TABLE index_number (
    tenant    integer NOT NULL,
    parameter integer NOT NULL,
    low       double precision NOT NULL,
    row_id    bigint NOT NULL,
    high      double precision NOT NULL,
    system    bigint NOT NULL,
    code      text COLLATE "C" NOT NULL,
    unit      text COLLATE "C" NOT NULL
);

CREATE UNIQUE INDEX index_number_by_value ON index_number (tenant, parameter, low, row_id, high, system, code, unit);

CREATE TABLE index_uri (
    tenant    integer NOT NULL,
    parameter integer NOT NULL,
    value     text COLLATE "C" NOT NULL,
    row_id    bigint NOT NULL
);

CREATE UNIQUE INDEX index_uri_by_value ON index_uri (tenant, parameter, value, row_id);

-- What a commit leaves beside records.

CREATE TABLE claim (
    tenant integer NOT NULL,
    key    text COLLATE "C" NOT NULL,
    at     bigint NOT NULL,
    PRIMARY KEY (tenant, key)
);

CREATE TABLE idempotency (
    tenant       integer NOT NULL,
    subject      text COLLATE "C" NOT NULL,
    client       text COLLATE "C" NOT NULL,
    key          text COLLATE "C" NOT NULL,
    request_hash bytea NOT NULL,
    answer       text NOT NULL,
    at           bigint NOT NULL,
    PRIMARY KEY (tenant, subject, client, key)
);

-- The outbox: what happened, never what it says. action: 0 created, 1 updated, 2 deleted.
CREATE TABLE event (
    sequence bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    tenant   integer NOT NULL,
    type     smallint NOT NULL,
    id       text COLLATE "C" NOT NULL,
    version  integer NOT NULL,
    action   smallint NOT NULL,
    at       bigint NOT NULL
);

-- The audit trail. A chain is one opened store's; head, head_hash and seal (a keyed hash of the head)
-- change with every commit, so that a removed tail shows.
CREATE TABLE audit_chain (
    number    bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    id        text COLLATE "C" NOT NULL UNIQUE,
    opened_at bigint NOT NULL,
    head      bigint NOT NULL,
    head_hash bytea NOT NULL,
    seal      bytea NOT NULL
);

CREATE TABLE mcp_audit_log (
    row_id        bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    chain         bigint NOT NULL,
    sequence      bigint NOT NULL,
    at            bigint NOT NULL,
    tenant        integer,
    payload       text NOT NULL,
    previous_hash bytea NOT NULL,
    hash          bytea NOT NULL
);

-- Signed heads, each linked to the checkpoint before it whichever chain that spoke of, so that a whole
-- chain can't vanish.
CREATE TABLE audit_checkpoint (
    number    bigint PRIMARY KEY,
    chain     text COLLATE "C" NOT NULL,
    sequence  bigint NOT NULL,
    head_hash bytea NOT NULL,
    at        bigint NOT NULL,
    signature bytea NOT NULL
);

-- The planner knows nothing of tables that are empty, and plans of the first minutes would walk a whole
-- type for one record. So it sees rows of about the shape that real ones will have, and they go again; what it
-- learned stays until the first real look at the tables.
INSERT INTO resource (row_id, tenant, type, id, version, state, patient, is_chart, moment, moment_end,
    last_updated, content_hash, body)
SELECT n, n % 2, n % 40, 'id' || n, 1, 0, 'patient' || n / 20, 1, n, n, n, '', '' FROM generate_series(1, 4000) n;
INSERT INTO history (tenant, type, id, version, state, patient, last_updated, body)
SELECT n % 2, n % 40, 'id' || n, 1, 0, 'patient' || n / 20, n, '' FROM generate_series(1, 4000) n;
INSERT INTO index_string SELECT n % 2, n % 40, 'text' || n / 2, n / 4, '' FROM generate_series(1, 4000) n;
INSERT INTO index_token SELECT n % 2, n % 100, 'code' || n / 8, n / 4, n % 20 FROM generate_series(1, 4000) n;
INSERT INTO index_reference SELECT n % 2, n % 40, 'id' || n / 8, 103, n / 2 FROM generate_series(1, 4000) n;
INSERT INTO index_date SELECT n % 2, n % 40, n, n / 2, n FROM generate_series(1, 4000) n;
INSERT INTO index_number SELECT n % 2, n % 20, n, n / 2, n, 0, '', '' FROM generate_series(1, 4000) n;
INSERT INTO index_uri SELECT n % 2, n % 20, 'uri' || n / 8, n / 2 FROM generate_series(1, 4000) n;
INSERT INTO claim SELECT n % 2, 'key' || n, n FROM generate_series(1, 4000) n;
ANALYZE resource, history, index_string, index_token, index_reference, index_date, index_number, index_uri, claim;
DELETE FROM resource;
DELETE FROM history;
DELETE FROM index_string;
DELETE FROM index_token;
DELETE FROM index_reference;
DELETE FROM index_date;
DELETE FROM index_number;
DELETE FROM index_uri;
DELETE FROM claim;

-- The second fence: whatever a statement says, it touches only rows of the tenants that its connection is
-- set to. FORCE holds for the owner of the tables too; superusers work as the role below.
DO $$
DECLARE
    fenced text;
BEGIN
    FOREACH fenced IN ARRAY ARRAY[
        'resource', 'history', 'withheld_patient', 'index_string', 'index_token', 'index_reference',
        'index_date', 'index_number', 'index_uri', 'claim', 'idempotency'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', fenced);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', fenced);
        -- The sub-query is evaluated once for a statement, not once for a row.
        EXECUTE format(
            'CREATE POLICY tenant_fence ON %I USING (tenant = ANY ('
            '(SELECT nullif(current_setting(''medcor.tenants'', true), '''')::integer[])::integer[]))',
            fenced
        );
    END LOOP;
END
$$;

-- As whom the server works when it logs in as a superuser, whom no policy binds.
DO $$
BEGIN
    CREATE ROLE medcor_application NOLOGIN;
EXCEPTION
    -- It is there from another database of this server, or may not be made: the server then says so.
    WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN NULL;
END
$$;

DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'medcor_application') THEN
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO medcor_application', current_schema());
        EXECUTE format(
            'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %I TO medcor_application',
            current_schema()
        );
        EXECUTE format(
            'GRANT USAGE ON ALL SEQUENCES IN SCHEMA %I TO medcor_application', current_schema()
        );
        -- The trail only grows.
        REVOKE UPDATE, DELETE ON mcp_audit_log, audit_checkpoint FROM medcor_application;
    END IF;
END
$$;
