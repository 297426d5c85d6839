-- What the server keeps of a webhook beside its `Subscription`: whose it is, what was agreed, how far it is.
-- Secrets are sealed. state: 0 requested, 1 active, 2 error, 3 off, 4 ended.
CREATE TABLE webhook (
    tenant             integer NOT NULL,
    id                 text COLLATE "C" NOT NULL,
    subject            text COLLATE "C" NOT NULL,
    client             text COLLATE "C" NOT NULL,
    roles              text COLLATE "C" NOT NULL,
    scopes             text COLLATE "C",
    endpoint           text COLLATE "C" NOT NULL,
    topics             text COLLATE "C" NOT NULL,
    content            bigint NOT NULL,
    secret             text COLLATE "C" NOT NULL,
    previous_secret    text COLLATE "C",
    previous_until     bigint NOT NULL,
    created_at         bigint NOT NULL,
    state              bigint NOT NULL,
    reason             text COLLATE "C",
    is_recorded        bigint NOT NULL,
    transaction_number bigint NOT NULL,
    sequence           bigint NOT NULL,
    events             bigint NOT NULL,
    attempts           bigint NOT NULL,
    due_at             bigint NOT NULL,
    last_delivery_at   bigint,
    last_failure       text COLLATE "C",
    last_failure_at    bigint,
    lease              text COLLATE "C",
    lease_until        bigint NOT NULL,
    PRIMARY KEY (tenant, id)
);

-- Events that were given up after the last attempt: ids and no content.
CREATE TABLE webhook_failure (
    tenant    integer NOT NULL,
    webhook   text COLLATE "C" NOT NULL,
    number    bigint NOT NULL,
    type      bigint NOT NULL,
    id        text COLLATE "C" NOT NULL,
    version   bigint NOT NULL,
    action    bigint NOT NULL,
    at        bigint NOT NULL,
    attempts  bigint NOT NULL,
    failed_at bigint NOT NULL,
    reason    text COLLATE "C" NOT NULL,
    is_wanted bigint NOT NULL,
    PRIMARY KEY (tenant, webhook, number)
);

ALTER TABLE webhook ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_fence ON webhook USING (medcor_may_touch(tenant));
ALTER TABLE webhook_failure ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_failure FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_fence ON webhook_failure USING (medcor_may_touch(tenant));

DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'medcor_application') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON webhook, webhook_failure TO medcor_application;
    END IF;
END
$$;
