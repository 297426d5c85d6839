//! Reads by key. Each asks the permit and puts its answer into the statement.

use std::sync::LazyLock;

use medcor_fhir::{Id, ResourceType};
use medcor_policy::{Action, Visibility};

use super::{ExportPage, Session};
use crate::{
    Page, Record, StoreError,
    database::{Found, Lane, RECORD_COLUMNS, SqlValue, Statement},
    records::search::{PageSeal, Question},
};

/// Most versions of one page.
const HISTORY_COUNT_MAX: u32 = 1000;
/// No version is greater: databases count in 31 bits.
const VERSION_MAX: u32 = 0x7fff_ffff;
/// Most records of one page of an export.
const EXPORT_COUNT_MAX: u32 = 10_000;

static CURRENT: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {RECORD_COLUMNS} FROM resource r
         WHERE r.tenant = ?1 AND r.type = ?2 AND r.id = ?3 AND r.state = 0"
    )
});

static HISTORY: LazyLock<String> = LazyLock::new(|| {
    let part = |table: &str| {
        format!(
            "SELECT {RECORD_COLUMNS} FROM {table} r
             WHERE r.tenant = ?1 AND r.type = ?2 AND r.id = ?3 AND r.version <= ?4
                 AND (CAST(?5 AS TEXT) IS NULL OR r.patient = ?5)"
        )
    };
    format!("{} UNION ALL {} ORDER BY 3 DESC LIMIT ?6", part("resource"), part("history"))
});

static ROWS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {RECORD_COLUMNS}, r.row_id FROM resource r
         WHERE r.tenant = ?1 AND r.type = ?2 AND r.state = 0 AND r.row_id > ?3
             AND (CAST(?4 AS TEXT) IS NULL OR r.patient = ?4)
         ORDER BY r.row_id LIMIT ?5"
    )
});

/// The compartment that an action is confined to.
pub(super) enum Fence<'p> {
    /// The whole tenant.
    Open,
    /// One patient.
    Patient(&'p Id),
}

impl Fence<'_> {
    fn shows(&self, patient: Option<&Id>) -> bool {
        match self {
            Self::Open => true,
            Self::Patient(own) => patient == Some(*own),
        }
    }

    fn value(&self) -> SqlValue {
        match self {
            Self::Open => SqlValue::Null,
            Self::Patient(own) => own.as_str().into(),
        }
    }
}

/// The newest version behind the place of a cursor.
fn older_than(place: &[u8]) -> Result<u32, StoreError> {
    let version = place.try_into().map(u32::from_be_bytes).map_err(|_length| StoreError::BadCursor)?;
    Ok(version.saturating_sub(1))
}

impl<'p> Session<'p> {
    /// What the permit lets this action see of a type; nothing at all is an error.
    pub(super) fn fence(&self, action: Action, resource_type: ResourceType) -> Result<Fence<'p>, StoreError> {
        match self.permit.visibility(action, resource_type) {
            Visibility::Tenant => Ok(Fence::Open),
            Visibility::Compartment(own) => Ok(Fence::Patient(own)),
            Visibility::Nothing => Err(StoreError::OutsidePermit { action, resource_type }),
        }
    }

    pub(super) async fn read_current(
        &mut self,
        resource_type: ResourceType,
        id: &Id,
    ) -> Result<Option<Record>, StoreError> {
        let fence = self.fence(Action::Read, resource_type)?;
        let statement = self.statement(&CURRENT, resource_type, vec![id.as_str().into()]);
        let mut found = self.store.backend().records(Lane::Snapshot, statement).await?;
        let record = found.pop().map(|found| found.record);
        let Some(record) = record.filter(|record| fence.shows(record.patient.as_ref())) else {
            return Ok(None);
        };
        let limits = self.limits(Action::Read, resource_type).await?;
        if limits.withholds(&record)? || !self.is_seen(&limits, record.about()).await? {
            return Ok(None);
        }
        self.note(record.about());
        self.note_labels(&record)?;
        self.shown(record).map(Some)
    }

    pub(super) async fn read_one_version(
        &mut self,
        resource_type: ResourceType,
        id: &Id,
        version: u32,
    ) -> Result<Option<Record>, StoreError> {
        let newest_first = self.versions(resource_type, id, version, 1).await?;
        let record = newest_first.into_iter().map(|found| found.record).find(|it| it.version == version);
        let Some(record) = record else { return Ok(None) };
        self.note(record.about());
        self.shown(record).map(Some)
    }

    pub(super) async fn read_history(
        &mut self,
        resource_type: ResourceType,
        id: &Id,
        count: u32,
        cursor: Option<&str>,
    ) -> Result<Page, StoreError> {
        let question = format!("{resource_type}/{id}/_history");
        let seal = PageSeal::new(self.store.cursor_key().await?, self.permit, Question::Text(question));
        let newest = match cursor {
            Some(cursor) => older_than(&seal.seal().open(cursor)?)?,
            None => VERSION_MAX,
        };
        let count = count.clamp(1, HISTORY_COUNT_MAX);
        let found = self.versions(resource_type, id, newest, count + 1).await?;
        let has_more = found.len() > count as usize;
        let records: Vec<Record> = found.into_iter().take(count as usize).map(|it| it.record).collect();
        let records = self.all_shown(records)?;
        let places = records.iter().map(|record| record.version.to_be_bytes().to_vec()).collect();
        Ok(Page::sealed(records, places, None, has_more, seal))
    }

    /// Visible versions up to `newest`, newest first.
    pub(super) async fn versions(
        &self,
        resource_type: ResourceType,
        id: &Id,
        newest: u32,
        count: u32,
    ) -> Result<Vec<Found>, StoreError> {
        let fence = self.fence(Action::Read, resource_type)?;
        let values = vec![
            id.as_str().into(),
            i64::from(newest.min(VERSION_MAX)).into(),
            fence.value(),
            i64::from(count).into(),
        ];
        let statement = self.statement(&HISTORY, resource_type, values);
        let found = self.store.backend().records(Lane::Snapshot, statement).await?;
        self.within_limits(Action::Read, resource_type, found).await
    }

    pub(super) async fn read_rows(
        &mut self,
        resource_type: ResourceType,
        after_row: i64,
        count: u32,
    ) -> Result<ExportPage, StoreError> {
        let fence = self.fence(Action::Search, resource_type)?;
        let count = i64::from(count.clamp(1, EXPORT_COUNT_MAX));
        let statement =
            self.statement(&ROWS, resource_type, vec![after_row.into(), fence.value(), count.into()]);
        let found = self.store.backend().records(Lane::Scan, statement).await?;
        let last_row = found.last().map_or(Ok(after_row), |last| last.keys.integer(0))?;
        let found = self.within_limits(Action::Search, resource_type, found).await?;
        let records = self.all_shown(found.into_iter().map(|found| found.record).collect())?;
        Ok(ExportPage { records, last_row })
    }

    /// Those that consent, care and release let see.
    async fn within_limits(
        &self,
        action: Action,
        resource_type: ResourceType,
        found: Vec<Found>,
    ) -> Result<Vec<Found>, StoreError> {
        let limits = self.limits(action, resource_type).await?;
        if limits.is_none() {
            return Ok(found);
        }
        let mut seen = Vec::with_capacity(found.len());
        for found in found {
            let is_withheld = limits.withholds(&found.record)?;
            if !is_withheld && self.is_seen(&limits, found.record.about()).await? {
                seen.push(found);
            }
        }
        Ok(seen)
    }

    /// A statement whose first values are tenant and type.
    fn statement(&self, sql: &'static str, resource_type: ResourceType, rest: Vec<SqlValue>) -> Statement {
        let tenant = self.permit.tenant();
        let mut values = Vec::with_capacity(2 + rest.len());
        values.push(tenant.into());
        values.push(i64::from(resource_type.code()).into());
        values.extend(rest);
        Statement::of_tenant(tenant, sql, values)
    }
}
