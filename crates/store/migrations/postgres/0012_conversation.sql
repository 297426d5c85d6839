-- What a conversation of one caller remembers. The handle itself is not kept, only its SHA-256.
CREATE TABLE conversation (
    handle_hash  text COLLATE "C" NOT NULL PRIMARY KEY,
    tenant       integer NOT NULL,
    subject      text COLLATE "C" NOT NULL,
    client       text COLLATE "C" NOT NULL,
    patient      text COLLATE "C",
    practitioner text COLLATE "C",
    day          text COLLATE "C",
    is_pinned    bigint NOT NULL,
    touched_at   bigint NOT NULL,
    expires_at   bigint NOT NULL,
    ends_at      bigint NOT NULL
);

CREATE INDEX conversation_by_end ON conversation (expires_at);

DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'medcor_application') THEN
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON conversation TO medcor_application');
    END IF;
END
$$;
