//! Events that were given up after the last attempt: ids and no content, the newest of each webhook.

use medcor_fhir::{Id, ResourceType};

use super::{Lease, Webhook, WebhookKey, Webhooks, change, of_key, saved};
use crate::{
    EventAction, EventPosition, RecordEvent, StoreError,
    database::{Row, SqlValue, Statement},
    outbox::{action, resource_type},
};

/// Events of one webhook that are remembered; older ones make way.
const KEPT: i64 = 1000;
/// Events that are delivered again in one turn.
const AGAIN: i64 = 20;

/// An event that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookFailure {
    /// Its number among the webhook's events.
    pub number: i64,
    /// The type of the record.
    pub resource_type: ResourceType,
    /// Its id.
    pub id: Id,
    /// The version that was written.
    pub version: u32,
    /// What happened to it.
    pub action: EventAction,
    /// When, microseconds since the epoch.
    pub at: i64,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was tried last, microseconds since the epoch.
    pub failed_at: i64,
    /// Why that failed.
    pub reason: String,
    /// Whether somebody wants it delivered again.
    pub is_wanted: bool,
}

impl WebhookFailure {
    /// The event. Its place is not known any more.
    pub fn event(&self, of: &WebhookKey) -> RecordEvent {
        RecordEvent {
            position: EventPosition::BEFORE_ALL,
            tenant: of.tenant,
            resource_type: self.resource_type,
            id: self.id.clone(),
            version: self.version,
            action: self.action,
            at: self.at,
        }
    }
}

/// The columns that [`failure`] reads.
macro_rules! select_failures {
    () => {
        "SELECT number, type, id, version, action, at, attempts, failed_at, reason, is_wanted FROM webhook_failure"
    };
}

pub(crate) use select_failures;

impl Webhooks {
    /// Gives an event up and writes how far the webhook is, as [`Webhooks::save`] does.
    pub async fn give_up(
        &self,
        webhook: &Webhook,
        failure: &WebhookFailure,
        lease: Lease<'_>,
    ) -> Result<bool, StoreError> {
        let sql =
            "INSERT INTO webhook_failure (tenant, webhook, number, type, id, version, action, at, attempts,
                       failed_at, reason, is_wanted)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 0) ON CONFLICT DO NOTHING";
        let mut values = of_failure(&webhook.key, failure.number);
        values.extend([
            i64::from(failure.resource_type.code()).into(),
            failure.id.as_str().into(),
            i64::from(failure.version).into(),
            failure.action.code().into(),
            failure.at.into(),
            i64::from(failure.attempts).into(),
            failure.failed_at.into(),
            failure.reason.as_str().into(),
        ]);
        let old = Statement::of_server(
            "DELETE FROM webhook_failure WHERE tenant = ?1 AND webhook = ?2 AND number <= ?3",
            of_failure(&webhook.key, failure.number - KEPT),
        );
        self.changes_something(vec![saved(webhook, lease), change(sql, values)], vec![old]).await
    }

    /// Given-up events that somebody wants delivered again, the oldest first.
    pub async fn wanted(&self, key: &WebhookKey) -> Result<Vec<WebhookFailure>, StoreError> {
        let sql = concat!(
            select_failures!(),
            " WHERE tenant = ?1 AND webhook = ?2 AND is_wanted = 1 ORDER BY number LIMIT ?3"
        );
        let mut values = of_key(key);
        values.push(AGAIN.into());
        self.rows(sql, values).await?.iter().map(failure).collect()
    }

    /// A given-up event was delivered, or is not the owner's to know any more.
    pub async fn forget_failure(&self, key: &WebhookKey, number: i64) -> Result<(), StoreError> {
        let sql = "DELETE FROM webhook_failure WHERE tenant = ?1 AND webhook = ?2 AND number = ?3";
        self.changes_something(vec![change(sql, of_failure(key, number))], Vec::new()).await.map(drop)
    }

    /// A given-up event failed again.
    pub async fn fail_again(&self, key: &WebhookKey, failed: &WebhookFailure) -> Result<(), StoreError> {
        let sql = "UPDATE webhook_failure SET attempts = ?4, failed_at = ?5, reason = ?6, is_wanted = 0
                   WHERE tenant = ?1 AND webhook = ?2 AND number = ?3";
        let mut values = of_failure(key, failed.number);
        values.extend([
            i64::from(failed.attempts).into(),
            failed.failed_at.into(),
            failed.reason.as_str().into(),
        ]);
        self.changes_something(vec![change(sql, values)], Vec::new()).await.map(drop)
    }
}

fn of_failure(key: &WebhookKey, number: i64) -> Vec<SqlValue> {
    let mut values = of_key(key);
    values.push(number.into());
    values
}

pub(crate) fn failure(row: &Row) -> Result<WebhookFailure, StoreError> {
    let small = |column: usize| row.integer(column).map(|number| u32::try_from(number).unwrap_or_default());
    Ok(WebhookFailure {
        number: row.integer(0)?,
        resource_type: resource_type(row, 1)?,
        id: Id::new(row.text(2)?).ok_or(StoreError::Damaged("an id is not an id"))?,
        version: small(3)?,
        action: action(row, 4)?,
        at: row.integer(5)?,
        attempts: small(6)?,
        failed_at: row.integer(7)?,
        reason: row.text(8)?.to_owned(),
        is_wanted: row.integer(9)? != 0,
    })
}
