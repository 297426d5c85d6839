//! SQLite: short reads where they are called, long ones on a few threads, and one writer thread.

mod apply;
mod connection;
mod index_statements;
mod readers;
mod scanners;
mod snapshot;
mod trail;
mod writer;

use std::{ops::ControlFlow, path::Path, sync::Arc};

use medcor_fhir::{Id, ResourceType};
use medcor_policy::TenantId;
use tokio::sync::watch;

use self::{readers::Readers, scanners::Scanners, writer::Writer};
use super::{
    Settings,
    backend::Stored,
    statement::{Found, Lane, Row, Statement},
};
use crate::{StoreError, batch::Batch};

/// An open SQLite file.
pub(crate) struct Sqlite {
    readers: Arc<Readers>,
    scanners: Scanners,
    writer: Writer,
    /// Counts the commits of this process that wrote events.
    committed: watch::Sender<u64>,
}

impl Sqlite {
    /// Opens the file and checks or migrates its schema.
    pub(super) fn open(path: &Path, settings: &Settings) -> Result<Self, StoreError> {
        let mut connection = connection::open_writer(path, settings.audit_durability)?;
        connection::migrate(&mut connection, settings.applies_migrations)?;
        let readers = Arc::new(Readers::new(path, settings.readers));
        snapshot::start_keeper(&readers)?;
        let committed = watch::Sender::new(0);
        Ok(Self {
            scanners: Scanners::start(path, settings.readers)?,
            writer: Writer::start(connection, settings, Arc::clone(&readers), committed.clone())?,
            readers,
            committed,
        })
    }

    pub(super) async fn rows(&self, lane: Lane, statement: Statement) -> Result<Vec<Row>, StoreError> {
        match lane {
            Lane::Inline => self.readers.anew(|reader| reader.rows(&statement)),
            Lane::Snapshot => self.readers.with(|reader| reader.rows(&statement)),
            Lane::Scan => self.scanners.run(move |reader| reader.rows(&statement)).await,
        }
    }

    pub(super) async fn records(&self, lane: Lane, statement: Statement) -> Result<Vec<Found>, StoreError> {
        match lane {
            Lane::Inline => self.readers.anew(|reader| reader.records(&statement)),
            Lane::Snapshot => self.readers.with(|reader| reader.records(&statement)),
            Lane::Scan => self.scanners.run(move |reader| reader.records(&statement)).await,
        }
    }

    pub(super) async fn scan<S: Send + 'static>(
        &self,
        statement: Statement,
        mut state: S,
        visit: fn(&mut S, Found) -> ControlFlow<()>,
    ) -> Result<S, StoreError> {
        let scan = move |reader: &readers::Reader| {
            reader.scan(&statement, |found| visit(&mut state, found))?;
            Ok(state)
        };
        self.scanners.run(scan).await
    }

    pub(super) fn stored(
        &self,
        tenant: TenantId,
        keys: &[(ResourceType, Id)],
    ) -> Result<Vec<Option<Stored>>, StoreError> {
        self.readers.with(|reader| keys.iter().map(|(of, id)| reader.stored(tenant, *of, id)).collect())
    }

    pub(super) async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.writer.commit(batch).await
    }

    /// Changes with every commit of this process that wrote events.
    pub(crate) fn committed(&self) -> watch::Receiver<u64> {
        self.committed.subscribe()
    }

    pub(super) async fn size_bytes(&self) -> Result<u64, StoreError> {
        let sql = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
        let rows = self.rows(Lane::Inline, Statement::of_server(sql, Vec::new())).await?;
        let bytes = rows.first().map_or(Ok(0), |row| row.integer(0))?;
        Ok(u64::try_from(bytes).unwrap_or(0))
    }

    pub(super) async fn close(&self) {
        self.scanners.close();
        self.writer.close().await;
        self.readers.close();
    }
}
