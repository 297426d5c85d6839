//! The databases behind the store.

mod backend;
mod migrate;
mod sqlite;
mod statement;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use medcor_fhir::ResourceType;
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

/// How much a store holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statistics {
    /// Current records of each type that there are any of, in order of type.
    pub records: Vec<(ResourceType, u64)>,
    /// Rows of the audit trail.
    pub audit_rows: u64,
    /// Size of the database on disk, without its log.
    pub database_bytes: u64,
}

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

    /// How much the store holds, over all tenants.
    pub async fn statistics(&self) -> Result<Statistics, StoreError> {
        let sql = "SELECT type, count(*) FROM resource WHERE state = 0 GROUP BY tenant, type";
        let counts = self.backend().rows(Lane::Scan, Statement::of_server(sql, Vec::new())).await?;
        let mut records = BTreeMap::new();
        for row in &counts {
            let code = u8::try_from(row.integer(0)?).ok().and_then(ResourceType::from_code);
            let resource_type = code.ok_or(StoreError::Damaged("a type's number is unknown"))?;
            *records.entry(resource_type).or_default() += u64::try_from(row.integer(1)?).unwrap_or(0);
        }
        let sql = "SELECT coalesce(sum(head), 0) FROM audit_chain";
        let heads = self.backend().rows(Lane::Inline, Statement::of_server(sql, Vec::new())).await?;
        let audit_rows = heads.first().map_or(Ok(0), |row| row.integer(0))?;
        Ok(Statistics {
            records: records.into_iter().collect(),
            audit_rows: u64::try_from(audit_rows).unwrap_or(0),
            database_bytes: self.backend().size_bytes().await?,
        })
    }

    pub(crate) fn backend(&self) -> &Backend {
        &self.0.backend
    }
}
