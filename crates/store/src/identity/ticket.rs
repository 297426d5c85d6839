//! One-time tickets that open a stream, for clients that can't send a header.

use super::{Identity, TokenHash, server_change};
use crate::{AuditEvent, StoreError, database::Statement};

impl Identity {
    /// Keeps what a ticket stands for until `ends_at` (microseconds), with a row of the trail, and removes
    /// those that are too old. `standing` says whose it is; it is no secret.
    pub async fn add_stream_ticket(
        &self,
        secret: TokenHash,
        standing: &str,
        ends_at: i64,
        event: &AuditEvent,
    ) -> Result<bool, StoreError> {
        let insert = server_change(
            "INSERT INTO stream_ticket (secret_hash, standing, ends_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            vec![secret.as_slice().into(), standing.into(), ends_at.into()],
            "ticket",
        );
        let old =
            Statement::of_server("DELETE FROM stream_ticket WHERE ends_at <= ?1", vec![self.now().into()]);
        self.audited_with(vec![insert], vec![old], event).await
    }

    /// Uses a ticket up: what it stands for, to the first who asks in time, and to nobody else.
    pub async fn use_stream_ticket(&self, secret: TokenHash) -> Result<Option<String>, StoreError> {
        let sql = "SELECT standing FROM stream_ticket WHERE secret_hash = ?1 AND ends_at > ?2";
        let values = || vec![secret.as_slice().into(), self.now().into()];
        let rows = self.rows(sql, values()).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let standing = row.text(0)?.to_owned();
        let delete = "DELETE FROM stream_ticket WHERE secret_hash = ?1 AND ends_at > ?2";
        Ok(self.changes_something(delete, values()).await?.then_some(standing))
    }
}
