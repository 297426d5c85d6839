//! Webhooks: what the server keeps of a `Subscription` beside the record, and how deliveries are shared between
//! instances. Which events an owner may know of is not decided here: that is asked when one is sent.

pub(crate) mod failure;
pub(crate) mod row;

use medcor_fhir::Id;
use medcor_policy::{ClientId, Role, SubjectId, TenantId};

pub use self::failure::WebhookFailure;
pub(crate) use self::row::select_webhooks;
use self::row::webhook;
use crate::{
    Conflict, EventPosition, Store, StoreError,
    batch::{Batch, Change},
    database::{Lane, Row, SqlValue, Statement},
    records::search::{Binding, Seal},
};

/// Webhooks that are looked at with one statement.
const PAGE: i64 = 200;

/// How a webhook stands; the codes of `Subscription.status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookState {
    /// Its endpoint was not reached yet.
    Requested,
    /// Events are sent.
    Active,
    /// Nothing is sent until somebody looks.
    Error,
    /// Its receiver switched it off.
    Off,
    /// It was ended; its secrets are forgotten.
    Ended,
}

impl WebhookState {
    /// The code of `Subscription.status`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Active => "active",
            Self::Error => "error",
            Self::Off | Self::Ended => "off",
        }
    }

    pub(crate) const fn number(self) -> i64 {
        match self {
            Self::Requested => 0,
            Self::Active => 1,
            Self::Error => 2,
            Self::Off => 3,
            Self::Ended => 4,
        }
    }
}

/// What a notification says of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookContent {
    /// Which one it is.
    IdOnly,
    /// The record too, as its owner sees it then.
    FullResource,
}

impl WebhookContent {
    /// The code of the payload's content (Subscriptions R5 Backport).
    pub const fn name(self) -> &'static str {
        match self {
            Self::IdOnly => "id-only",
            Self::FullResource => "full-resource",
        }
    }
}

/// Whose and which webhook.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WebhookKey {
    /// Whose.
    pub tenant: TenantId,
    /// The id of its `Subscription`.
    pub id: Id,
}

/// A webhook.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Whose and which.
    pub key: WebhookKey,
    /// Who made it: events are judged as theirs.
    pub subject: SubjectId,
    /// Through which program.
    pub client: ClientId,
    /// What its maker was then. Less counts, more does not.
    pub roles: Vec<Role>,
    /// What the token was narrowed to with which it was made, separated by spaces.
    pub scopes: Option<String>,
    /// Where notifications go.
    pub endpoint: String,
    /// Names of topics, separated by commas.
    pub topics: String,
    /// What notifications say.
    pub content: WebhookContent,
    /// When it was made, microseconds since the epoch.
    pub created_at: i64,
    /// Until when the secret before signs too, microseconds since the epoch.
    pub previous_until: i64,
    /// How far it is.
    pub progress: WebhookProgress,
    /// Whether its `Subscription` says how it stands.
    pub is_recorded: bool,
    secret: Sealed,
    previous_secret: Option<Sealed>,
}

/// How far a webhook is. Times are microseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookProgress {
    /// How it stands.
    pub state: WebhookState,
    /// Why it stands so, where it is no more active.
    pub reason: Option<String>,
    /// The last event that was delivered, given up, or is not its owner's to know.
    pub position: EventPosition,
    /// Events that were delivered or given up.
    pub events: i64,
    /// Attempts of the next event that failed.
    pub attempts: u32,
    /// When it is tried again.
    pub due_at: i64,
    /// When something was delivered last.
    pub last_delivery_at: Option<i64>,
    /// Why the last attempt failed that did.
    pub last_failure: Option<String>,
    /// When that was.
    pub last_failure_at: Option<i64>,
}

/// A secret as it is kept.
#[derive(Clone)]
struct Sealed(String);

impl std::fmt::Debug for Sealed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("(sealed)")
    }
}

/// A webhook that there may be something to do for.
#[derive(Debug)]
pub struct DueWebhook {
    /// It, as it was when it was looked at.
    pub webhook: Webhook,
    /// Whether somebody wants given-up events delivered again.
    pub has_wanted: bool,
}

/// What the server does with webhooks by itself, in every organisation.
#[derive(Clone)]
pub struct Webhooks {
    store: Store,
}

/// How long who sends.
#[derive(Debug, Clone, Copy)]
pub struct Lease<'l> {
    /// The instance.
    pub holder: &'l str,
    /// Until when nobody else does, microseconds since the epoch.
    pub until: i64,
}

impl Store {
    /// The webhooks.
    pub fn webhooks(&self) -> Webhooks {
        Webhooks { store: self.clone() }
    }

    /// Seals the secret of a webhook. One that is put into another webhook's row does not open there.
    pub(crate) async fn webhook_seal(&self, key: &WebhookKey) -> Result<Seal, StoreError> {
        let (subject, client) = (SubjectId("webhook".to_owned()), ClientId(key.id.to_string()));
        let binding = Binding::of(key.tenant, &subject, &client, "the secret of a webhook");
        Ok(self.cursor_key().await?.seal_for(binding))
    }
}

impl Webhooks {
    /// Webhooks that are requested or active, whose time has come and that nobody works on, in order of their
    /// keys: those after this one. An empty page ends them.
    pub async fn due(&self, after: Option<&WebhookKey>) -> Result<Vec<DueWebhook>, StoreError> {
        let (tenant, id) = after.map_or((0, ""), |key| (key.tenant.0, key.id.as_str()));
        let values = vec![self.store.clock().now().into(), i64::from(tenant).into(), id.into(), PAGE.into()];
        let sql = concat!(
            select_webhooks!(
                ", (SELECT count(*) FROM webhook_failure f
                    WHERE f.tenant = w.tenant AND f.webhook = w.id AND f.is_wanted = 1)"
            ),
            " WHERE w.state < 2 AND w.due_at <= ?1 AND w.lease_until <= ?1
                AND (w.tenant > ?2 OR (w.tenant = ?2 AND w.id > ?3))
              ORDER BY w.tenant, w.id LIMIT ?4"
        );
        let due =
            |row: &Row| Ok(DueWebhook { webhook: webhook(row)?, has_wanted: row.integer(row::COLUMNS)? > 0 });
        self.rows(sql, values).await?.iter().map(due).collect()
    }

    /// Takes a webhook for one instance: as it is then, or `None` where another has it or it is not to be
    /// worked on any more.
    pub async fn take(&self, key: &WebhookKey, lease: Lease<'_>) -> Result<Option<Webhook>, StoreError> {
        let sql = "UPDATE webhook SET lease = ?3, lease_until = ?4
                   WHERE tenant = ?1 AND id = ?2 AND state < 2 AND due_at <= ?5 AND lease_until <= ?5";
        let mut values = of_key(key);
        values.extend([lease.holder.into(), lease.until.into(), self.store.clock().now().into()]);
        if !self.changes_something(vec![change(sql, values)], Vec::new()).await? {
            return Ok(None);
        }
        let sql = concat!(select_webhooks!(""), " WHERE w.tenant = ?1 AND w.id = ?2");
        self.rows(sql, of_key(key)).await?.first().map(webhook).transpose()
    }

    /// Writes how far it is; with a time that is over the webhook is given back. False where it was taken away
    /// meanwhile, by its owner or because the lease had ended.
    pub async fn save(&self, webhook: &Webhook, lease: Lease<'_>) -> Result<bool, StoreError> {
        self.changes_something(vec![saved(webhook, lease)], Vec::new()).await
    }

    /// Gives a webhook back of which nothing changed, to be looked at again at this time.
    pub async fn give_back(&self, key: &WebhookKey, holder: &str, due_at: i64) -> Result<(), StoreError> {
        let sql = "UPDATE webhook SET lease = NULL, lease_until = 0, due_at = ?4
                   WHERE tenant = ?1 AND id = ?2 AND lease = ?3";
        let mut values = of_key(key);
        values.extend([holder.into(), due_at.into()]);
        let sweeps = vec![Statement::of_server(sql, values)];
        self.store.backend().commit(Batch { sweeps, ..Batch::default() }).await
    }

    /// Remembers that none of the events up to here is of this webhook, where nobody works on it: else it would
    /// look as if it had missed them once they are forgotten.
    pub async fn pass(&self, webhook: &Webhook, to: EventPosition) -> Result<(), StoreError> {
        let sql = "UPDATE webhook SET transaction_number = ?5, sequence = ?6
                   WHERE tenant = ?1 AND id = ?2 AND transaction_number = ?3 AND sequence = ?4
                       AND state = 1 AND lease_until <= ?7";
        let from = webhook.progress.position;
        let mut values = of_key(&webhook.key);
        values.extend([
            from.transaction_number.into(),
            from.sequence.into(),
            to.transaction_number.into(),
            to.sequence.into(),
            self.store.clock().now().into(),
        ]);
        let sweeps = vec![Statement::of_server(sql, values)];
        self.store.backend().commit(Batch { sweeps, ..Batch::default() }).await
    }

    /// Organisations with webhooks whose `Subscription` does not say how they stand.
    pub async fn unrecorded(&self) -> Result<Vec<TenantId>, StoreError> {
        let sql = "SELECT DISTINCT tenant FROM webhook WHERE is_recorded = 0";
        let rows = self.rows(sql, Vec::new()).await?;
        rows.iter().map(|row| row::tenant(row, 0)).collect()
    }

    /// The secrets that sign now, the newest first.
    pub async fn secrets(&self, webhook: &Webhook) -> Result<Vec<Vec<u8>>, StoreError> {
        let seal = self.store.webhook_seal(&webhook.key).await?;
        let is_previous_good = self.store.clock().now() < webhook.previous_until;
        let previous = webhook.previous_secret.as_ref().filter(|_| is_previous_good);
        std::iter::once(&webhook.secret).chain(previous).map(|sealed| seal.open(&sealed.0)).collect()
    }

    async fn rows(&self, sql: &'static str, values: Vec<SqlValue>) -> Result<Vec<Row>, StoreError> {
        self.store.backend().rows(Lane::Inline, Statement::of_server(sql, values)).await
    }

    async fn changes_something(
        &self,
        changes: Vec<Change>,
        sweeps: Vec<Statement>,
    ) -> Result<bool, StoreError> {
        match self.store.backend().commit(Batch { changes, sweeps, ..Batch::default() }).await {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

pub(crate) fn of_key(key: &WebhookKey) -> Vec<SqlValue> {
    vec![key.tenant.into(), key.id.as_str().into()]
}

/// A statement that must find its webhook.
pub(crate) fn change(sql: &'static str, values: Vec<SqlValue>) -> Change {
    let otherwise = Conflict::Claimed("the webhook".to_owned());
    Change { statement: Statement::of_server(sql, values), otherwise }
}

fn saved(webhook: &Webhook, lease: Lease<'_>) -> Change {
    let sql = "UPDATE webhook SET is_recorded = CASE WHEN state = ?4 THEN is_recorded ELSE 0 END, state = ?4,
                   reason = ?5, transaction_number = ?6, sequence = ?7, events = ?8, attempts = ?9, due_at = ?10,
                   last_delivery_at = ?11, last_failure = ?12, last_failure_at = ?13, lease_until = ?14
               WHERE tenant = ?1 AND id = ?2 AND lease = ?3";
    let WebhookProgress { state, reason, position, events, attempts, due_at, .. } = &webhook.progress;
    let mut values = of_key(&webhook.key);
    values.extend([
        lease.holder.into(),
        state.number().into(),
        reason.as_deref().into(),
        position.transaction_number.into(),
        position.sequence.into(),
        (*events).into(),
        i64::from(*attempts).into(),
        (*due_at).into(),
        webhook.progress.last_delivery_at.into(),
        webhook.progress.last_failure.as_deref().into(),
        webhook.progress.last_failure_at.into(),
        lease.until.into(),
    ]);
    change(sql, values)
}
