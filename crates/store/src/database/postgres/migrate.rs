//! Brings the schema to the version that this program knows. Instances that start at once wait for each
//! other.

use super::{
    connect::{Connector, SERVER},
    failure,
};
use crate::{StoreError, database::migrate};

/// Held while the version is read and changed; a number that nobody else of this database takes by chance.
const LOCK: i64 = 0x6d65_6463_6f72;

/// PostgreSQL's migrations: the first brings an empty database to version 1.
const MIGRATIONS: &[&str] = &[
    include_str!("../../../migrations/postgres/0001_initial.sql"),
    include_str!("../../../migrations/postgres/0002_oauth.sql"),
    include_str!("../../../migrations/postgres/0003_account.sql"),
    include_str!("../../../migrations/postgres/0004_authority.sql"),
    include_str!("../../../migrations/postgres/0005_audit.sql"),
    include_str!("../../../migrations/postgres/0006_passkey.sql"),
    include_str!("../../../migrations/postgres/0007_registration.sql"),
    include_str!("../../../migrations/postgres/0008_external.sql"),
    include_str!("../../../migrations/postgres/0009_claim_owner.sql"),
    include_str!("../../../migrations/postgres/0010_patients.sql"),
    include_str!("../../../migrations/postgres/0011_taken_back.sql"),
    include_str!("../../../migrations/postgres/0012_conversation.sql"),
    include_str!("../../../migrations/postgres/0013_events.sql"),
    include_str!("../../../migrations/postgres/0014_conversation_fence.sql"),
    include_str!("../../../migrations/postgres/0015_time_spans.sql"),
    include_str!("../../../migrations/postgres/0016_webhook.sql"),
    include_str!("../../../migrations/postgres/0017_plan.sql"),
];

pub(super) async fn migrate(connector: &Connector, applies_migrations: bool) -> Result<(), StoreError> {
    let (client, driver) = connector.open().await?;
    let driver = tokio::spawn(driver);
    let version = version(&client).await?;
    let is_current = migrate::outstanding(MIGRATIONS, version, applies_migrations)?.is_empty();
    if !is_current {
        client
            .batch_execute(&format!(
                "BEGIN; SET LOCAL medcor.tenants = '{{{SERVER}}}'; SELECT pg_advisory_xact_lock({LOCK})"
            ))
            .await
            .map_err(failure)?;
        let version = self::version(&client).await?;
        for migration in migrate::outstanding(MIGRATIONS, version, applies_migrations)? {
            client.batch_execute(migration).await.map_err(failure)?;
        }
        let known = MIGRATIONS.len();
        let noted = format!(
            "CREATE TABLE IF NOT EXISTS schema_version (version bigint NOT NULL);
             DELETE FROM schema_version; INSERT INTO schema_version VALUES ({known}); COMMIT"
        );
        client.batch_execute(&noted).await.map_err(failure)?;
    }
    drop(client);
    match driver.await {
        Ok(ended) => ended.map_err(failure),
        Err(error) => Err(StoreError::Database(error.into())),
    }
}

/// 0 for an empty database.
async fn version(client: &tokio_postgres::Client) -> Result<i64, StoreError> {
    let exists = client.query_one("SELECT to_regclass('schema_version') IS NOT NULL", &[]).await;
    if !exists.map_err(failure)?.get::<_, bool>(0) {
        return Ok(0);
    }
    let row = client.query_opt("SELECT version FROM schema_version", &[]).await.map_err(failure)?;
    Ok(row.map_or(0, |row| row.get(0)))
}
