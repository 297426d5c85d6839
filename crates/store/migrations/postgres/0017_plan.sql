-- Plans of this server, and which organisation has subscribed to which. A price is in ten-thousandths of its
-- currency's unit; days are texts (YYYY-MM-DD), and `ends` is the first day on which it is over, 9999-12-31 where
-- there is none.
CREATE TABLE plan (
    id           text COLLATE "C" NOT NULL PRIMARY KEY,
    number       bigint NOT NULL UNIQUE,
    name         text COLLATE "C" NOT NULL,
    folded_name  text COLLATE "C" NOT NULL UNIQUE,
    kind         text COLLATE "C" NOT NULL,
    price        bigint NOT NULL,
    currency     text COLLATE "C",
    cycle        text COLLATE "C" NOT NULL,
    users_max    bigint,
    doctors_max  bigint,
    patients_max bigint,
    features     text COLLATE "C" NOT NULL,
    description  text COLLATE "C",
    is_active    bigint NOT NULL,
    created_at   bigint NOT NULL
);

CREATE TABLE plan_subscription (
    tenant              integer NOT NULL,
    id                  text COLLATE "C" NOT NULL,
    number              bigint NOT NULL,
    plan                text COLLATE "C" NOT NULL,
    starts              text COLLATE "C" NOT NULL,
    ends                text COLLATE "C" NOT NULL,
    cycle               text COLLATE "C" NOT NULL,
    renews              bigint NOT NULL,
    cancelled_at        bigint,
    cancellation_reason text COLLATE "C",
    created_at          bigint NOT NULL,
    version             bigint NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, number)
);

-- What a subscription was until it was changed.
CREATE TABLE plan_subscription_version (
    tenant              integer NOT NULL,
    id                  text COLLATE "C" NOT NULL,
    version             bigint NOT NULL,
    plan                text COLLATE "C" NOT NULL,
    starts              text COLLATE "C" NOT NULL,
    ends                text COLLATE "C" NOT NULL,
    cycle               text COLLATE "C" NOT NULL,
    renews              bigint NOT NULL,
    cancelled_at        bigint,
    cancellation_reason text COLLATE "C",
    changed_at          bigint NOT NULL,
    PRIMARY KEY (tenant, id, version)
);

ALTER TABLE plan ENABLE ROW LEVEL SECURITY;
ALTER TABLE plan FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_fence ON plan USING (medcor_may_touch(0));
ALTER TABLE plan_subscription ENABLE ROW LEVEL SECURITY;
ALTER TABLE plan_subscription FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_fence ON plan_subscription USING (medcor_may_touch(tenant));
ALTER TABLE plan_subscription_version ENABLE ROW LEVEL SECURITY;
ALTER TABLE plan_subscription_version FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_fence ON plan_subscription_version USING (medcor_may_touch(tenant));

DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'medcor_application') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON plan, plan_subscription, plan_subscription_version
            TO medcor_application;
    END IF;
END
$$;
