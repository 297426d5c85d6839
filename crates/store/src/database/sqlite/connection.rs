//! How connections are opened, and the schema's version.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::{AuditDurability, StoreError, database::migrate};

/// Prepared statements kept by one connection.
const STATEMENTS_MAX: usize = 256;
/// How long a writer of another process is waited for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
/// Pages of the log after which it is folded into the database.
const CHECKPOINT_PAGES: u32 = 8000;

/// The connection that writes; makes the file where there is none.
pub(super) fn open_writer(path: &Path, durability: AuditDurability) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let synchronous = match durability {
        AuditDurability::Disk => "FULL",
        AuditDurability::Os => "NORMAL",
    };
    connection.execute_batch(&format!(
        "PRAGMA page_size = 4096;
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = {synchronous};
         PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES};
         PRAGMA cache_size = -16384;
         PRAGMA temp_store = MEMORY;"
    ))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(connection)
}

/// A connection that can only read.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection
        .execute_batch("PRAGMA cache_size = -4096; PRAGMA query_only = ON; PRAGMA temp_store = MEMORY;")?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(connection)
}

/// Brings the schema to the version that this program knows.
pub(super) fn migrate(connection: &mut Connection, applies_migrations: bool) -> Result<(), StoreError> {
    // The lock is taken before the version is read: two processes may open a new file at once.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let outstanding = migrate::outstanding(migrate::SQLITE, version, applies_migrations)?;
    if !outstanding.is_empty() {
        for migration in outstanding {
            transaction.execute_batch(migration)?;
        }
        transaction.pragma_update(None, "user_version", migrate::SQLITE.len() as i64)?;
    }
    transaction.commit()?;
    Ok(())
}
