//! Webhooks as rows.

use medcor_fhir::Id;
use medcor_policy::{ClientId, Role, SubjectId, TenantId};

use super::{Sealed, Webhook, WebhookContent, WebhookKey, WebhookProgress, WebhookState};
use crate::{StoreError, database::Row, outbox::position};

/// How many columns [`webhook`] reads; further ones follow.
pub(super) const COLUMNS: usize = 24;

/// The columns that [`webhook`] reads, and further ones, of `webhook` as `w`.
macro_rules! select_webhooks {
    ($further:literal) => {
        concat!(
            "SELECT w.tenant, w.id, w.subject, w.client, w.roles, w.scopes, w.endpoint, w.topics, w.content,
                 w.secret, w.previous_secret, w.previous_until, w.created_at, w.state, w.reason,
                 w.transaction_number, w.sequence, w.events, w.attempts, w.due_at, w.last_delivery_at,
                 w.last_failure, w.last_failure_at, w.is_recorded",
            $further,
            " FROM webhook w"
        )
    };
}

pub(crate) use select_webhooks;

pub(crate) fn webhook(row: &Row) -> Result<Webhook, StoreError> {
    let text = |column: usize| row.optional_text(column).map(|text| text.map(str::to_owned));
    Ok(Webhook {
        key: WebhookKey {
            tenant: tenant(row, 0)?,
            id: Id::new(row.text(1)?).ok_or(StoreError::Damaged("an id is not an id"))?,
        },
        subject: SubjectId(row.text(2)?.to_owned()),
        client: ClientId(row.text(3)?.to_owned()),
        roles: row.text(4)?.split_whitespace().map(role).collect::<Result<_, _>>()?,
        scopes: text(5)?,
        endpoint: row.text(6)?.to_owned(),
        topics: row.text(7)?.to_owned(),
        content: if row.integer(8)? == 1 { WebhookContent::FullResource } else { WebhookContent::IdOnly },
        secret: Sealed(row.text(9)?.to_owned()),
        previous_secret: text(10)?.map(Sealed),
        previous_until: row.integer(11)?,
        created_at: row.integer(12)?,
        progress: WebhookProgress {
            state: state(row.integer(13)?)?,
            reason: text(14)?,
            position: position(row, 15)?,
            events: row.integer(17)?,
            attempts: u32::try_from(row.integer(18)?).unwrap_or_default(),
            due_at: row.integer(19)?,
            last_delivery_at: row.optional_integer(20)?,
            last_failure: text(21)?,
            last_failure_at: row.optional_integer(22)?,
        },
        is_recorded: row.integer(23)? != 0,
    })
}

pub(crate) fn tenant(row: &Row, column: usize) -> Result<TenantId, StoreError> {
    let number = i32::try_from(row.integer(column)?);
    number.map(TenantId).map_err(|_| StoreError::Damaged("a tenant's number is too large"))
}

fn role(name: &str) -> Result<Role, StoreError> {
    name.parse().map_err(|_| StoreError::Damaged("a role is unknown"))
}

fn state(number: i64) -> Result<WebhookState, StoreError> {
    Ok(match number {
        0 => WebhookState::Requested,
        1 => WebhookState::Active,
        2 => WebhookState::Error,
        3 => WebhookState::Off,
        4 => WebhookState::Ended,
        _ => return Err(StoreError::Damaged("the state of a webhook is unknown")),
    })
}
