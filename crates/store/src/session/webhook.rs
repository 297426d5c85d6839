//! Webhooks under a permit: made and changed in the same commit as their `Subscription`. Secrets leave when they
//! are made and never again.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use medcor_fhir::{Id, ResourceType};
use medcor_policy::{Action, Role};
use ring::rand::{SecureRandom, SystemRandom};

use super::Session;
use crate::{
    StoreError,
    database::{Lane, Row, SqlValue, Statement},
    webhook::{
        Webhook, WebhookContent, WebhookFailure, WebhookKey, change,
        failure::{failure, select_failures},
        of_key,
        row::webhook,
        select_webhooks,
    },
};

const SUBSCRIPTION: ResourceType = ResourceType::SUBSCRIPTION;
/// Bytes of a secret (Standard Webhooks: 24 to 64).
const SECRET_BYTES: usize = 32;
/// What a secret begins with as it is shown.
const SECRET_PREFIX: &str = "whsec_";

/// A webhook that is made.
#[derive(Debug)]
pub struct NewWebhook<'n> {
    /// The id of its `Subscription`.
    pub id: &'n Id,
    /// What its maker is.
    pub roles: &'n [Role],
    /// What its maker's token was narrowed to, separated by spaces.
    pub scopes: Option<String>,
    /// Where notifications go.
    pub endpoint: &'n str,
    /// Names of topics, separated by commas.
    pub topics: &'n str,
    /// What notifications say.
    pub content: WebhookContent,
}

impl Session<'_> {
    /// Stages a webhook of this caller, which begins with what happens from now on. The secret is shown once.
    pub async fn begin_webhook(&mut self, new: &NewWebhook<'_>) -> Result<String, StoreError> {
        self.check(Action::Create, SUBSCRIPTION, None)?;
        let key = self.webhook_key(new.id);
        let (shown, sealed) = self.new_secret(&key).await?;
        let position = self.store.outbox().newest().await?;
        let roles: Vec<&str> = new.roles.iter().map(|role| role.name()).collect();
        let mut values = of_key(&key);
        values.extend([
            self.permit.subject().0.as_str().into(),
            self.permit.client().0.as_str().into(),
            roles.join(" ").into(),
            new.scopes.clone().into(),
            new.endpoint.into(),
            new.topics.into(),
            i64::from(new.content == WebhookContent::FullResource).into(),
            sealed.into(),
            self.store.clock().now().into(),
            position.transaction_number.into(),
            position.sequence.into(),
        ]);
        self.changes.push(change(
            "INSERT INTO webhook (tenant, id, subject, client, roles, scopes, endpoint, topics, content, secret,
                 previous_until, created_at, state, is_recorded, transaction_number, sequence, events, attempts,
                 due_at, lease_until)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, ?11, 0, 1, ?12, ?13, 0, 0, 0, 0)",
            values,
        ));
        Ok(shown)
    }

    /// The webhooks of this organisation that were not ended, the oldest first.
    pub async fn webhooks(&self) -> Result<Vec<Webhook>, StoreError> {
        self.check(Action::Search, SUBSCRIPTION, None)?;
        let sql =
            concat!(select_webhooks!(""), " WHERE w.tenant = ?1 AND w.state < 4 ORDER BY w.created_at, w.id");
        let rows = self.webhook_rows(sql, vec![self.permit.tenant().into()]).await?;
        rows.iter().map(webhook).collect()
    }

    /// The webhook of this `Subscription`, also where it was ended.
    pub async fn webhook(&self, id: &Id) -> Result<Option<Webhook>, StoreError> {
        self.check(Action::Read, SUBSCRIPTION, None)?;
        let sql = concat!(select_webhooks!(""), " WHERE w.tenant = ?1 AND w.id = ?2");
        let rows = self.webhook_rows(sql, of_key(&self.webhook_key(id))).await?;
        rows.first().map(webhook).transpose()
    }

    /// Stages another secret; the one before signs too until this time (microseconds since the epoch).
    pub async fn rotate_webhook_secret(
        &mut self,
        webhook: &Webhook,
        previous_until: i64,
    ) -> Result<String, StoreError> {
        self.check(Action::Update, SUBSCRIPTION, None)?;
        let (shown, sealed) = self.new_secret(&webhook.key).await?;
        let mut values = of_key(&webhook.key);
        values.extend([sealed.into(), previous_until.into()]);
        self.changes.push(change(
            "UPDATE webhook SET previous_secret = secret, secret = ?3, previous_until = ?4
             WHERE tenant = ?1 AND id = ?2",
            values,
        ));
        Ok(shown)
    }

    /// Stages the end of a webhook. Whoever sends at this moment finds it taken away.
    pub fn end_webhook(&mut self, webhook: &Webhook) -> Result<(), StoreError> {
        self.check(Action::Delete, SUBSCRIPTION, None)?;
        for sql in [
            "UPDATE webhook SET state = 4, reason = NULL, is_recorded = 1, secret = '', previous_secret = NULL,
                 lease = NULL, lease_until = 0
             WHERE tenant = ?1 AND id = ?2",
            "DELETE FROM webhook_failure WHERE tenant = ?1 AND webhook = ?2",
        ] {
            self.sweeps.push(Statement::of_server(sql, of_key(&webhook.key)));
        }
        Ok(())
    }

    /// Stages that a webhook that is in error or off begins with a handshake again, and goes on where it was.
    pub fn restart_webhook(&mut self, webhook: &Webhook) -> Result<(), StoreError> {
        self.check(Action::Update, SUBSCRIPTION, None)?;
        self.changes.push(change(
            "UPDATE webhook SET state = 0, reason = NULL, attempts = 0, due_at = 0, is_recorded = 0, lease = NULL,
                 lease_until = 0
             WHERE tenant = ?1 AND id = ?2 AND state IN (2, 3)",
            of_key(&webhook.key),
        ));
        Ok(())
    }

    /// Stages that a webhook is tried at once, however long it would wait.
    pub fn hasten_webhook(&mut self, webhook: &Webhook) -> Result<(), StoreError> {
        self.check(Action::Update, SUBSCRIPTION, None)?;
        let sql = "UPDATE webhook SET due_at = 0 WHERE tenant = ?1 AND id = ?2";
        self.sweeps.push(Statement::of_server(sql, of_key(&webhook.key)));
        Ok(())
    }

    /// Events of a webhook that were given up, the newest first: those before this number.
    pub async fn webhook_failures(
        &self,
        webhook: &Webhook,
        before: i64,
        limit: u32,
    ) -> Result<Vec<WebhookFailure>, StoreError> {
        self.check(Action::Read, SUBSCRIPTION, None)?;
        let sql = concat!(
            select_failures!(),
            " WHERE tenant = ?1 AND webhook = ?2 AND number < ?3 ORDER BY number DESC LIMIT ?4"
        );
        let mut values = of_key(&webhook.key);
        values.extend([before.into(), i64::from(limit).into()]);
        self.webhook_rows(sql, values).await?.iter().map(failure).collect()
    }

    /// How many events of each webhook were given up, by the id of its `Subscription`.
    pub async fn webhook_failure_counts(&self) -> Result<Vec<(String, i64)>, StoreError> {
        self.check(Action::Search, SUBSCRIPTION, None)?;
        let sql = "SELECT webhook, count(*) FROM webhook_failure WHERE tenant = ?1 GROUP BY webhook";
        let rows = self.webhook_rows(sql, vec![self.permit.tenant().into()]).await?;
        rows.iter().map(|row| Ok((row.text(0)?.to_owned(), row.integer(1)?))).collect()
    }

    /// Stages that given-up events are delivered again: those of these numbers, or all.
    pub fn want_webhook_failures(
        &mut self,
        webhook: &Webhook,
        numbers: Option<&[i64]>,
    ) -> Result<(), StoreError> {
        self.check(Action::Update, SUBSCRIPTION, None)?;
        let Some(numbers) = numbers else {
            let sql = "UPDATE webhook_failure SET is_wanted = 1 WHERE tenant = ?1 AND webhook = ?2";
            self.sweeps.push(Statement::of_server(sql, of_key(&webhook.key)));
            return Ok(());
        };
        for number in numbers {
            let mut values = of_key(&webhook.key);
            values.push((*number).into());
            let sql =
                "UPDATE webhook_failure SET is_wanted = 1 WHERE tenant = ?1 AND webhook = ?2 AND number = ?3";
            self.sweeps.push(Statement::of_server(sql, values));
        }
        Ok(())
    }

    /// Stages that the `Subscription` says how the webhook stands.
    pub fn webhook_is_recorded(&mut self, webhook: &Webhook) -> Result<(), StoreError> {
        self.check(Action::Update, SUBSCRIPTION, None)?;
        let mut values = of_key(&webhook.key);
        values.push(webhook.progress.state.number().into());
        self.changes.push(change(
            "UPDATE webhook SET is_recorded = 1 WHERE tenant = ?1 AND id = ?2 AND state = ?3",
            values,
        ));
        Ok(())
    }

    /// A secret as it is shown, and as it is kept.
    async fn new_secret(&self, key: &WebhookKey) -> Result<(String, String), StoreError> {
        let mut secret = [0; SECRET_BYTES];
        SystemRandom::new().fill(&mut secret).expect("the system's randomness does not run dry");
        let sealed = self.store.webhook_seal(key).await?.seal(&secret);
        Ok((format!("{SECRET_PREFIX}{}", STANDARD.encode(secret)), sealed))
    }

    fn webhook_key(&self, id: &Id) -> WebhookKey {
        WebhookKey { tenant: self.permit.tenant(), id: id.clone() }
    }

    async fn webhook_rows(&self, sql: &'static str, values: Vec<SqlValue>) -> Result<Vec<Row>, StoreError> {
        let statement = Statement::of_tenant(self.permit.tenant(), sql, values);
        self.store.backend().rows(Lane::Inline, statement).await
    }
}
