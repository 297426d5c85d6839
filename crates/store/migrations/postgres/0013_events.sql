-- The number of the transaction that wrote an event. Numbers of a sequence are given before the commit, so a
-- lower one may be seen later than a higher one. Of transactions it is known which are over
-- (pg_snapshot_xmin): events are handed out in the order of (transaction_number, sequence), and only those of
-- transactions below which none is open any more.
ALTER TABLE event
    ADD COLUMN transaction_number bigint NOT NULL DEFAULT (CAST(CAST(pg_current_xact_id() AS text) AS bigint));
ALTER TABLE event DROP CONSTRAINT event_pkey, ADD PRIMARY KEY (transaction_number, sequence);

-- The outbox holds ids and no content, and one follower of each instance reads it for all tenants.
CREATE POLICY followed ON event FOR SELECT USING (
    0 = ANY ((SELECT nullif(current_setting('medcor.tenants', true), '')::integer[])::integer[]));
CREATE POLICY forgotten ON event FOR DELETE USING (
    0 = ANY ((SELECT nullif(current_setting('medcor.tenants', true), '')::integer[])::integer[]));
CREATE POLICY renumbered ON event FOR UPDATE USING (
    0 = ANY ((SELECT nullif(current_setting('medcor.tenants', true), '')::integer[])::integer[]));

-- How far the outbox was forgotten: whoever stands before this place has missed something.
CREATE TABLE event_horizon (
    number             smallint NOT NULL PRIMARY KEY CHECK (number = 1),
    transaction_number bigint NOT NULL,
    sequence           bigint NOT NULL
);

INSERT INTO event_horizon (number, transaction_number, sequence) VALUES (1, 0, 0);

-- Tickets that open one stream of events each, for clients that can't send a header. The ticket itself is not
-- kept, only its SHA-256; standing is what the token said that it was got with, without its signature.
CREATE TABLE stream_ticket (
    secret_hash bytea NOT NULL PRIMARY KEY,
    standing    text NOT NULL,
    ends_at     bigint NOT NULL
);

CREATE INDEX stream_ticket_by_end ON stream_ticket (ends_at);

ALTER TABLE stream_ticket ENABLE ROW LEVEL SECURITY;
ALTER TABLE stream_ticket FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_fence ON stream_ticket USING (medcor_may_touch(0));

DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'medcor_application') THEN
        GRANT SELECT, UPDATE ON event_horizon TO medcor_application;
        GRANT SELECT, INSERT, DELETE ON stream_ticket TO medcor_application;
    END IF;
END
$$;
