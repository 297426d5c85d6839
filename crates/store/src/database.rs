//! The databases behind the store.

use std::path::PathBuf;

use medcor_policy::Permit;

use crate::{Clock, Ledger, Session, StoreError, identity::Identity};

/// Where the data is.
#[derive(Debug, Clone)]
pub enum Location {
    /// An SQLite file; its folder must exist.
    Sqlite(PathBuf),
    /// A PostgreSQL database by URL.
    Postgres(String),
}

/// When an answer may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditDurability {
    /// When its audit row is on disk.
    Disk,
    /// When the operating system has it: a power failure can lose the last rows.
    Os,
}

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the data is.
    pub location: Location,
    /// When an answer may leave.
    pub audit_durability: AuditDurability,
    /// The time.
    pub clock: Clock,
    /// Reader threads for long scans.
    pub readers: usize,
    /// Whether to apply migrations; else an old schema is an error that names `medcor migrate`.
    pub applies_migrations: bool,
}

/// An open store. Cheap to clone.
#[derive(Clone)]
pub struct Store {}

impl Store {
    /// Opens the store and checks or migrates its schema.
    pub async fn open(_settings: Settings) -> Result<Self, StoreError> {
        todo!()
    }

    /// A session for this permit.
    pub fn session<'p>(&self, _permit: &'p Permit) -> Session<'p> {
        todo!()
    }

    /// The audit trail.
    pub fn ledger(&self) -> Ledger {
        todo!()
    }

    /// Who can log in.
    pub fn identity(&self) -> Identity {
        todo!()
    }

    /// The time.
    pub fn clock(&self) -> &Clock {
        todo!()
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        todo!()
    }

    /// Waits for the last commits and closes.
    pub async fn close(self) {
        todo!()
    }
}
