//! The seam between the store and its databases: a few primitives that each one implements.

use std::ops::ControlFlow;

use medcor_fhir::{Id, ResourceType};
use medcor_policy::TenantId;

use super::{
    postgres::Postgres,
    sqlite::Sqlite,
    statement::{Found, Lane, Row, Statement},
};
use crate::{Record, StoreError, batch::Batch, records::search::Dialect};

/// A database.
pub(crate) enum Backend {
    Sqlite(Sqlite),
    Postgres(Box<Postgres>),
}

/// What is stored of a record, for deciding what a write means.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) record: Record,
    pub(crate) content_hash: u128,
}

impl Backend {
    /// How its planner wants to be spoken to.
    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    /// The answer to any statement that reads.
    pub(crate) async fn rows(&self, lane: Lane, statement: Statement) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.rows(lane, statement).await,
            Self::Postgres(postgres) => postgres.rows(lane, statement).await,
        }
    }

    /// The answer to a statement whose columns begin with [`super::statement::RECORD_COLUMNS`].
    pub(crate) async fn records(&self, lane: Lane, statement: Statement) -> Result<Vec<Found>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.records(lane, statement).await,
            Self::Postgres(postgres) => postgres.records(lane, statement).await,
        }
    }

    /// Shows the records of a long answer one by one to `visit`, beside the callers and within the time
    /// limit, until it breaks; gives the state back.
    pub(crate) async fn scan<S: Send + 'static>(
        &self,
        statement: Statement,
        state: S,
        visit: fn(&mut S, Found) -> ControlFlow<()>,
    ) -> Result<S, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.scan(statement, state, visit).await,
            Self::Postgres(postgres) => postgres.scan(statement, state, visit).await,
        }
    }

    /// The current version of each of these records, deleted and withheld ones included, in order.
    pub(crate) async fn stored(
        &self,
        tenant: TenantId,
        keys: &[(ResourceType, Id)],
    ) -> Result<Vec<Option<Stored>>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.stored(tenant, keys),
            Self::Postgres(postgres) => postgres.stored(tenant, keys).await,
        }
    }

    /// Writes the batch; durable when it returns. A conflict writes nothing.
    pub(crate) async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.commit(batch).await,
            Self::Postgres(postgres) => postgres.commit(batch).await,
        }
    }

    /// Bytes that the database takes on disk.
    pub(crate) async fn size_bytes(&self) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.size_bytes().await,
            Self::Postgres(postgres) => postgres.size_bytes().await,
        }
    }

    /// Waits for the last commits and closes.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(sqlite) => sqlite.close().await,
            Self::Postgres(postgres) => postgres.close().await,
        }
    }
}
