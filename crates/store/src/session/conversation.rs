//! What a conversation remembers between calls: kept in the database, so that it is the same on every
//! instance, and bound to the caller who began it.

use medcor_fhir::Id;
use medcor_policy::Principal;
use ring::{
    digest::{SHA256, digest},
    rand::{SecureRandom, SystemRandom},
};

use super::Session;
use crate::{
    Conflict, Store, StoreError,
    batch::{Batch, Change},
    database::{Lane, Row, SqlValue, Statement},
};

/// A conversation that nobody used for so long is over, in microseconds: 30 minutes.
const IDLE_MICROSECONDS: i64 = 30 * 60 * 1_000_000;
/// None is longer, in microseconds: 12 hours.
const LENGTH_MAX_MICROSECONDS: i64 = 12 * 60 * 60 * 1_000_000;
/// How often using one is written down where it remembers nothing new, in microseconds: a minute.
const TOUCH_MICROSECONDS: i64 = 60 * 1_000_000;
/// What handles begin with.
const PREFIX: &str = "session_";

/// What a conversation remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// The chosen patient.
    pub patient: Option<Id>,
    /// The chosen clinician.
    pub practitioner: Option<Id>,
    /// The chosen day, `YYYY-MM-DD`.
    pub day: Option<String>,
    /// Whether the patient is the only one in sight.
    pub is_pinned: bool,
    /// When it was used last, microseconds since the epoch.
    touched_at: i64,
    /// When it is over unless it is used before, microseconds since the epoch.
    pub expires_at: i64,
    /// When it is over in any case, microseconds since the epoch.
    ends_at: i64,
}

impl Conversation {
    /// One that begins at this time and remembers nothing.
    pub fn begun_at(now: i64) -> Self {
        Self {
            patient: None,
            practitioner: None,
            day: None,
            is_pinned: false,
            touched_at: now,
            expires_at: now + IDLE_MICROSECONDS,
            ends_at: now + LENGTH_MAX_MICROSECONDS,
        }
    }

    /// The same, used at this time.
    fn used_at(&self, now: i64) -> Self {
        let expires_at = (now + IDLE_MICROSECONDS).min(self.ends_at);
        Self { touched_at: now, expires_at, ..self.clone() }
    }
}

impl Store {
    /// The conversation with this handle; `None` where there is none of this caller, or it is over.
    pub async fn conversation(
        &self,
        principal: &Principal,
        handle: &str,
    ) -> Result<Option<Conversation>, StoreError> {
        let statement = Statement::of_server(
            "SELECT patient, practitioner, day, is_pinned, touched_at, expires_at, ends_at FROM conversation
             WHERE handle_hash = ?1 AND tenant = ?2 AND subject = ?3 AND client = ?4 AND expires_at > ?5",
            vec![
                hash_of(handle).as_str().into(),
                principal.tenant.into(),
                principal.subject.0.as_str().into(),
                principal.client.0.as_str().into(),
                self.clock().now().into(),
            ],
        );
        let rows = self.backend().rows(Lane::Inline, statement).await?;
        rows.first().map(conversation_of).transpose()
    }

    /// Forgets conversations that are over.
    pub async fn forget_conversations(&self) -> Result<(), StoreError> {
        let sweeps = vec![forgotten(self.clock().now())];
        self.backend().commit(Batch { sweeps, ..Batch::default() }).await
    }
}

impl Session<'_> {
    /// Stages a new conversation of this caller; its handle is shown once. Those that are over go with it.
    pub fn begin_conversation(&mut self, conversation: &Conversation) -> String {
        let mut random = [0; 24];
        SystemRandom::new().fill(&mut random).expect("the system's randomness does not run dry");
        let handle = format!("{PREFIX}{}", hexadecimal(&random));
        self.sweeps.push(forgotten(self.store.clock().now()));
        let mut values: Vec<SqlValue> = vec![
            hash_of(&handle).as_str().into(),
            self.permit.tenant().into(),
            self.permit.subject().0.as_str().into(),
            self.permit.client().0.as_str().into(),
        ];
        values.extend(memory(conversation));
        values.push(conversation.ends_at.into());
        self.sweeps.push(Statement::of_server(
            "INSERT INTO conversation (handle_hash, tenant, subject, client, patient, practitioner, day, is_pinned,
                 touched_at, expires_at, ends_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            values,
        ));
        handle
    }

    /// Stages the end of a conversation: its handle opens nothing any more.
    pub fn end_conversation(&mut self, handle: &str) {
        let ended = "DELETE FROM conversation WHERE handle_hash = ?1";
        self.sweeps.push(Statement::of_server(ended, vec![hash_of(handle).as_str().into()]));
    }

    /// Stages what a conversation of this caller remembers from now on, where that is anything new. A pin is
    /// never taken off again. The commit that pins fails with [`Conflict::Pinned`] where another pinned
    /// somebody else, or ended the conversation, in between.
    pub fn remember(&mut self, handle: &str, before: &Conversation, after: &Conversation) {
        let now = self.store.clock().now();
        if before == after && now - before.touched_at < TOUCH_MICROSECONDS {
            return;
        }
        let mut values: Vec<SqlValue> = vec![hash_of(handle).as_str().into()];
        values.extend(memory(&after.used_at(now)));
        if after.is_pinned && !before.is_pinned {
            let statement = Statement::of_server(
                "UPDATE conversation SET patient = ?2, practitioner = ?3, day = ?4, is_pinned = ?5, touched_at = ?6,
                     expires_at = ?7
                 WHERE handle_hash = ?1 AND (is_pinned = 0 OR patient = ?2)",
                values,
            );
            self.changes.push(Change { statement, otherwise: Conflict::Pinned });
            return;
        }
        self.sweeps.push(Statement::of_server(
            "UPDATE conversation SET patient = CASE WHEN is_pinned = 1 THEN patient ELSE ?2 END, practitioner = ?3,
                 day = ?4, is_pinned = CASE WHEN is_pinned = 1 THEN is_pinned ELSE ?5 END, touched_at = ?6, expires_at = ?7
             WHERE handle_hash = ?1",
            values,
        ));
    }
}

/// Forgets what is over at this time.
fn forgotten(now: i64) -> Statement {
    Statement::of_server("DELETE FROM conversation WHERE expires_at <= ?1", vec![now.into()])
}

/// In the order of the columns.
fn memory(conversation: &Conversation) -> [SqlValue; 6] {
    let text = |text: Option<&str>| text.map_or(SqlValue::Null, SqlValue::from);
    [
        text(conversation.patient.as_ref().map(Id::as_str)),
        text(conversation.practitioner.as_ref().map(Id::as_str)),
        text(conversation.day.as_deref()),
        conversation.is_pinned.into(),
        conversation.touched_at.into(),
        conversation.expires_at.into(),
    ]
}

fn conversation_of(row: &Row) -> Result<Conversation, StoreError> {
    let id = |column| -> Result<Option<Id>, StoreError> {
        let text = row.optional_text(column)?;
        text.map(|text| Id::new(text).ok_or(StoreError::Damaged("an id is not an id"))).transpose()
    };
    Ok(Conversation {
        patient: id(0)?,
        practitioner: id(1)?,
        day: row.optional_text(2)?.map(str::to_owned),
        is_pinned: row.integer(3)? == 1,
        touched_at: row.integer(4)?,
        expires_at: row.integer(5)?,
        ends_at: row.integer(6)?,
    })
}

/// A handle opens what is its caller's, so the database holds none.
fn hash_of(handle: &str) -> String {
    hexadecimal(digest(&SHA256, handle.as_bytes()).as_ref())
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a text grows");
        text
    })
}
