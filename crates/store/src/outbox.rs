//! The outbox: what happened to which record, in the order in which it was committed. Every commit of
//! records adds its events itself; this is how they are followed and, after a while, forgotten.
//!
//! An event holds ids and no content. Whoever is told of one is asked for a permit then, by reading the
//! record through a [`crate::Session`].

use std::time::Duration;

use medcor_fhir::{Id, ResourceType};
use medcor_policy::{Principal, TenantId};
use tokio::sync::watch;

use crate::{
    Store, StoreError,
    batch::Batch,
    database::{Backend, Lane, Row, SqlValue, Statement},
    records::search::{Binding, Seal},
};

/// Most events of one page.
const PAGE_MAX: u32 = 1000;
/// Events that are looked at, and at most forgotten, in one commit.
const FORGOTTEN_AT_ONCE: u32 = 1000;

/// A place in the outbox: between what was seen and what is still to come.
///
/// The first number is the transaction's, by which PostgreSQL says what is settled; SQLite has one writer at a
/// time, and the number there is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventPosition {
    pub(crate) transaction_number: i64,
    pub(crate) sequence: i64,
}

impl EventPosition {
    /// A place from which something is always missed.
    pub const BEFORE_ALL: Self = Self { transaction_number: -1, sequence: 0 };

    /// The place before the event at this one.
    #[must_use]
    pub fn just_before(self) -> Self {
        Self { sequence: self.sequence.saturating_sub(1), ..self }
    }
}

/// What happened to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventAction {
    /// It is new.
    Created,
    /// It has a new version.
    Updated,
    /// It was deleted.
    Deleted,
}

impl EventAction {
    /// Its number in the database.
    pub(crate) fn code(self) -> i64 {
        match self {
            Self::Created => 0,
            Self::Updated => 1,
            Self::Deleted => 2,
        }
    }
}

/// One event. The use of an emergency access is told as a new `AuditEvent` that is no record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordEvent {
    /// Its place: whoever has seen it goes on from here.
    pub position: EventPosition,
    /// Whose record.
    pub tenant: TenantId,
    /// Its type.
    pub resource_type: ResourceType,
    /// Its id.
    pub id: Id,
    /// The version that was written.
    pub version: u32,
    /// What happened.
    pub action: EventAction,
    /// When, microseconds since the epoch.
    pub at: i64,
}

/// What follows a place.
#[derive(Debug)]
pub enum EventsAfter {
    /// The next events, in order.
    Kept(EventPage),
    /// Events after that place were forgotten, or the place is of another database.
    Forgotten,
}

/// Events in their order.
#[derive(Debug)]
pub struct EventPage {
    /// The events.
    pub events: Vec<RecordEvent>,
    /// Whether more may follow at once.
    pub is_full: bool,
    /// Whether events are there already that a transaction which still runs holds back: look again soon.
    pub is_held_back: bool,
}

/// Follows the outbox, and forgets what is old.
#[derive(Clone)]
pub struct Outbox {
    store: Store,
}

/// Wakes a follower when there may be something new.
#[derive(Debug)]
pub struct OutboxSignal(watch::Receiver<u64>);

impl OutboxSignal {
    /// Returns when something was committed since the last time, or after `at_most`: what another process
    /// writes to an SQLite file nobody tells.
    pub async fn wait(&mut self, at_most: Duration) {
        if let Ok(Err(_closed)) = tokio::time::timeout(at_most, self.0.changed()).await {
            // The store is closed; its follower finds out when it reads.
            tokio::time::sleep(at_most).await;
        }
    }
}

/// Makes positions into texts for one caller, and back.
#[derive(Clone, Debug)]
pub struct PositionSeal(Seal);

impl PositionSeal {
    /// A text that only this caller can use. `part` tells apart what is said of one event.
    pub fn seal(&self, position: EventPosition, part: u8) -> String {
        let mut bytes = [0; POSITION_BYTES];
        bytes[..8].copy_from_slice(&position.transaction_number.to_be_bytes());
        bytes[8..16].copy_from_slice(&position.sequence.to_be_bytes());
        bytes[16] = part;
        self.0.seal(&bytes)
    }

    /// The place and the part.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadCursor`] for what was not made for this caller.
    pub fn open(&self, text: &str) -> Result<(EventPosition, u8), StoreError> {
        let bytes: [u8; POSITION_BYTES] =
            self.0.open(text)?.try_into().map_err(|_length| StoreError::BadCursor)?;
        let number = |from: usize| {
            let part = bytes.get(from..from + 8).and_then(|part| part.try_into().ok());
            part.map(i64::from_be_bytes).ok_or(StoreError::BadCursor)
        };
        Ok((EventPosition { transaction_number: number(0)?, sequence: number(8)? }, bytes[16]))
    }
}

const POSITION_BYTES: usize = 17;

impl Store {
    /// The outbox.
    pub fn outbox(&self) -> Outbox {
        Outbox { store: self.clone() }
    }
}

impl Outbox {
    /// The place behind everything that is settled now.
    pub async fn newest(&self) -> Result<EventPosition, StoreError> {
        self.adopt_restored().await?;
        let rows = self.rows(self.dialect().newest, Vec::new()).await?;
        rows.first().map_or(Ok(BEGINNING), |row| position(row, 0))
    }

    /// The events after a place, at most `count` of them.
    ///
    /// On PostgreSQL an event comes when no transaction is open any more that began before its own: one that
    /// stays open holds back all that came after it.
    pub async fn after(&self, place: EventPosition, count: u32) -> Result<EventsAfter, StoreError> {
        let count = count.clamp(1, PAGE_MAX);
        let values = match self.store.backend() {
            Backend::Sqlite(_) => vec![place.sequence.into(), i64::from(count).into()],
            Backend::Postgres(_) => {
                vec![place.transaction_number.into(), place.sequence.into(), i64::from(count).into()]
            }
        };
        let rows = self.rows(self.dialect().after, values).await?;
        // Asked after the rows were read: what was forgotten before is known by then.
        if !self.is_kept(place).await? {
            return Ok(EventsAfter::Forgotten);
        }
        let is_full = rows.len() == count as usize;
        let mut events = Vec::with_capacity(rows.len());
        for row in &rows {
            if row.integer(8)? == 0 {
                return Ok(EventsAfter::Kept(EventPage { events, is_full: false, is_held_back: true }));
            }
            events.push(event(row)?);
        }
        Ok(EventsAfter::Kept(EventPage { events, is_full, is_held_back: false }))
    }

    /// Whether nothing after this place was forgotten.
    async fn is_kept(&self, place: EventPosition) -> Result<bool, StoreError> {
        let rows = self.rows(self.dialect().bounds, Vec::new()).await?;
        let row = rows.first().ok_or(StoreError::Damaged("the horizon of events is missing"))?;
        Ok(position(row, 0)? <= place && place <= position(row, 2)?)
    }

    /// Wakes whoever follows.
    pub fn signal(&self) -> OutboxSignal {
        OutboxSignal(match self.store.backend() {
            Backend::Sqlite(sqlite) => sqlite.committed(),
            Backend::Postgres(postgres) => postgres.committed(),
        })
    }

    /// Forgets events that are older than this (microseconds since the epoch), from the oldest on up to the
    /// first that is not. What is forgotten is remembered as a place, so that nobody goes on from before it
    /// without being told.
    pub async fn forget_before(&self, at: i64) -> Result<(), StoreError> {
        loop {
            let EventsAfter::Kept(page) = self.after(self.horizon().await?, FORGOTTEN_AT_ONCE).await? else {
                // Another instance forgets at the same time.
                return Ok(());
            };
            let old: Vec<&RecordEvent> = page.events.iter().take_while(|event| event.at < at).collect();
            let Some(last) = old.last() else { return Ok(()) };
            let values = || vec![last.position.transaction_number.into(), last.position.sequence.into()];
            let sweeps = vec![
                Statement::of_server(HORIZON_MOVES, values()),
                Statement::of_server(self.dialect().forget, self.dialect().forgotten(last.position)),
            ];
            self.store.backend().commit(Batch { sweeps, ..Batch::default() }).await?;
            if old.len() < FORGOTTEN_AT_ONCE as usize {
                return Ok(());
            }
        }
    }

    /// Makes positions into texts for this caller.
    pub async fn seal_for(&self, principal: &Principal) -> Result<PositionSeal, StoreError> {
        let binding =
            Binding::of(principal.tenant, &principal.subject, &principal.client, "events of the outbox");
        Ok(PositionSeal(self.store.cursor_key().await?.seal_for(binding)))
    }

    async fn horizon(&self) -> Result<EventPosition, StoreError> {
        let sql = "SELECT transaction_number, sequence FROM event_horizon";
        let rows = self.rows(sql, Vec::new()).await?;
        rows.first().map_or(Ok(BEGINNING), |row| position(row, 0))
    }

    /// A database that was restored from its own text into another server has events of transactions that
    /// that server has not come to yet. They are over.
    async fn adopt_restored(&self) -> Result<(), StoreError> {
        let Some(adopt) = self.dialect().adopt else { return Ok(()) };
        if self.rows(adopt.0, Vec::new()).await?.is_empty() {
            return Ok(());
        }
        let sweeps = vec![Statement::of_server(adopt.1, Vec::new())];
        self.store.backend().commit(Batch { sweeps, ..Batch::default() }).await
    }

    async fn rows(&self, sql: &'static str, values: Vec<SqlValue>) -> Result<Vec<Row>, StoreError> {
        self.store.backend().rows(Lane::Inline, Statement::of_server(sql, values)).await
    }

    fn dialect(&self) -> &'static Texts {
        match self.store.backend() {
            Backend::Sqlite(_) => &SQLITE,
            Backend::Postgres(_) => &POSTGRES,
        }
    }
}

const BEGINNING: EventPosition = EventPosition { transaction_number: 0, sequence: 0 };

/// What is said to each database.
struct Texts {
    newest: &'static str,
    after: &'static str,
    /// The horizon, and a place that nothing settled lies behind.
    bounds: &'static str,
    forget: &'static str,
    has_transactions: bool,
    /// Whether there is anything to adopt, and how it is.
    adopt: Option<(&'static str, &'static str)>,
}

impl Texts {
    fn forgotten(&self, last: EventPosition) -> Vec<SqlValue> {
        if self.has_transactions {
            return vec![last.transaction_number.into(), last.sequence.into()];
        }
        vec![last.sequence.into()]
    }
}

const HORIZON_MOVES: &str = "UPDATE event_horizon SET transaction_number = ?1, sequence = ?2
     WHERE (transaction_number, sequence) < (?1, ?2)";

static SQLITE: Texts = Texts {
    newest: "SELECT 0, coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'event'",
    after: "SELECT 0, sequence, tenant, type, id, version, action, at, 1 FROM event
            WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
    bounds: "SELECT transaction_number, sequence, 0,
                 (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'event')
             FROM event_horizon",
    forget: "DELETE FROM event WHERE sequence <= ?1",
    has_transactions: false,
    adopt: None,
};

static POSTGRES: Texts = Texts {
    newest: "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1, 9223372036854775807::bigint",
    after: "SELECT e.transaction_number, e.sequence, e.tenant, e.type, e.id, e.version, e.action, e.at,
                CASE WHEN e.transaction_number < s.settled THEN 1 ELSE 0 END
            FROM event e
                CROSS JOIN (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS settled) s
            WHERE (e.transaction_number, e.sequence) > (?1, ?2)
            ORDER BY e.transaction_number, e.sequence LIMIT ?3",
    bounds: "SELECT transaction_number, sequence, pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
                 9223372036854775807::bigint
             FROM event_horizon",
    forget: "DELETE FROM event WHERE (transaction_number, sequence) <= (?1, ?2)",
    has_transactions: true,
    adopt: Some((
        "SELECT 1 FROM event
         WHERE transaction_number >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint LIMIT 1",
        "UPDATE event SET transaction_number = 0
         WHERE transaction_number >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint",
    )),
};

pub(crate) fn position(row: &Row, first: usize) -> Result<EventPosition, StoreError> {
    Ok(EventPosition { transaction_number: row.integer(first)?, sequence: row.integer(first + 1)? })
}

fn event(row: &Row) -> Result<RecordEvent, StoreError> {
    let tenant = i32::try_from(row.integer(2)?);
    Ok(RecordEvent {
        position: position(row, 0)?,
        tenant: tenant.map(TenantId).map_err(|_| StoreError::Damaged("a tenant's number is too large"))?,
        resource_type: resource_type(row, 3)?,
        id: Id::new(row.text(4)?).ok_or(StoreError::Damaged("an id is not an id"))?,
        version: u32::try_from(row.integer(5)?).map_err(|_| StoreError::Damaged("a version is negative"))?,
        action: action(row, 6)?,
        at: row.integer(7)?,
    })
}

pub(crate) fn resource_type(row: &Row, column: usize) -> Result<ResourceType, StoreError> {
    let code = u8::try_from(row.integer(column)?).ok().and_then(ResourceType::from_code);
    code.ok_or(StoreError::Damaged("a type's number is unknown"))
}

pub(crate) fn action(row: &Row, column: usize) -> Result<EventAction, StoreError> {
    Ok(match row.integer(column)? {
        0 => EventAction::Created,
        1 => EventAction::Updated,
        2 => EventAction::Deleted,
        _ => return Err(StoreError::Damaged("an event's action is unknown")),
    })
}
