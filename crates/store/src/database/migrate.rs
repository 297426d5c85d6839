//! Numbered migrations, forward only. The number of the last one applied is the schema's version.

use crate::StoreError;

/// SQLite's migrations: the first brings an empty file to version 1.
pub(super) const SQLITE: &[&str] = &[
    include_str!("../../migrations/sqlite/0001_initial.sql"),
    include_str!("../../migrations/sqlite/0002_oauth.sql"),
    include_str!("../../migrations/sqlite/0003_account.sql"),
    include_str!("../../migrations/sqlite/0004_authority.sql"),
    include_str!("../../migrations/sqlite/0005_audit.sql"),
    include_str!("../../migrations/sqlite/0006_passkey.sql"),
    include_str!("../../migrations/sqlite/0007_registration.sql"),
    include_str!("../../migrations/sqlite/0008_external.sql"),
    include_str!("../../migrations/sqlite/0009_claim_owner.sql"),
    include_str!("../../migrations/sqlite/0010_patients.sql"),
    include_str!("../../migrations/sqlite/0011_taken_back.sql"),
    include_str!("../../migrations/sqlite/0012_conversation.sql"),
    include_str!("../../migrations/sqlite/0013_events.sql"),
    include_str!("../../migrations/sqlite/0014_conversation_fence.sql"),
    include_str!("../../migrations/sqlite/0015_time_spans.sql"),
    include_str!("../../migrations/sqlite/0016_webhook.sql"),
    include_str!("../../migrations/sqlite/0017_plan.sql"),
];

/// The migrations that a schema of this version still needs.
pub(super) fn outstanding<'m>(
    migrations: &'m [&'m str],
    version: i64,
    applies_migrations: bool,
) -> Result<&'m [&'m str], StoreError> {
    let known = migrations.len();
    let applied = usize::try_from(version).ok().filter(|applied| *applied <= known);
    let outstanding = applied.and_then(|applied| migrations.get(applied..));
    match outstanding {
        None => Err(StoreError::NewerSchema { version, known }),
        Some(outstanding) if !outstanding.is_empty() && !applies_migrations => {
            Err(StoreError::OlderSchema { version, known })
        }
        Some(outstanding) => Ok(outstanding),
    }
}
