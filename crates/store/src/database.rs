//! The databases behind the store.

mod backend;
mod migrate;
mod sqlite;
mod statement;

use std::{path::PathBuf, sync::Arc};

use medcor_policy::Permit;

use self::sqlite::Sqlite;
pub(crate) use self::{
    backend::{Backend, Stored},
    statement::{Found, Lane, RECORD_COLUMNS, Row, SqlValue, Statement},
};
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
pub struct Store(Arc<Opened>);

struct Opened {
    backend: Backend,
    clock: Clock,
}

impl Store {
    /// Opens the store and checks or migrates its schema.
    pub async fn open(settings: Settings) -> Result<Self, StoreError> {
        let backend = match &settings.location {
            Location::Sqlite(path) => Backend::Sqlite(Sqlite::open(path, &settings)?),
            Location::Postgres(_) => return Err(StoreError::NotReady),
        };
        Ok(Self(Arc::new(Opened { backend, clock: settings.clock })))
    }

    /// A session for this permit.
    pub fn session<'p>(&self, permit: &'p Permit) -> Session<'p> {
        Session::new(self.clone(), permit)
    }

    /// The audit trail.
    pub fn ledger(&self) -> Ledger {
        Ledger::new(self.clone())
    }

    /// Who can log in.
    pub fn identity(&self) -> Identity {
        Identity::new(self.clone())
    }

    /// The time.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let statement = Statement::of_server("SELECT 1", Vec::new());
        self.backend().rows(Lane::Inline, statement).await.map(drop)
    }

    /// Waits for the last commits and closes. What other clones of this store ask for afterwards is
    /// [`StoreError::NotReady`].
    pub async fn close(self) {
        self.backend().close().await;
    }

    pub(crate) fn backend(&self) -> &Backend {
        &self.0.backend
    }
}
