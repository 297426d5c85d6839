-- Plans of this server, and which organisation has subscribed to which. A price is in ten-thousandths of its
-- currency's unit; days are texts (YYYY-MM-DD), and `ends` is the first day on which it is over, 9999-12-31 where
-- there is none.
CREATE TABLE plan (
    id           TEXT NOT NULL PRIMARY KEY,
    number       INTEGER NOT NULL UNIQUE,
    name         TEXT NOT NULL,
    folded_name  TEXT NOT NULL UNIQUE,
    kind         TEXT NOT NULL,
    price        INTEGER NOT NULL,
    currency     TEXT,
    cycle        TEXT NOT NULL,
    users_max    INTEGER,
    doctors_max  INTEGER,
    patients_max INTEGER,
    features     TEXT NOT NULL,
    description  TEXT,
    is_active    INTEGER NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE plan_subscription (
    tenant              INTEGER NOT NULL,
    id                  TEXT NOT NULL,
    number              INTEGER NOT NULL,
    plan                TEXT NOT NULL,
    starts              TEXT NOT NULL,
    ends                TEXT NOT NULL,
    cycle               TEXT NOT NULL,
    renews              INTEGER NOT NULL,
    cancelled_at        INTEGER,
    cancellation_reason TEXT,
    created_at          INTEGER NOT NULL,
    version             INTEGER NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, number)
) STRICT, WITHOUT ROWID;

-- What a subscription was until it was changed.
CREATE TABLE plan_subscription_version (
    tenant              INTEGER NOT NULL,
    id                  TEXT NOT NULL,
    version             INTEGER NOT NULL,
    plan                TEXT NOT NULL,
    starts              TEXT NOT NULL,
    ends                TEXT NOT NULL,
    cycle               TEXT NOT NULL,
    renews              INTEGER NOT NULL,
    cancelled_at        INTEGER,
    cancellation_reason TEXT,
    changed_at          INTEGER NOT NULL,
    PRIMARY KEY (tenant, id, version)
) STRICT, WITHOUT ROWID;
