//! Finds rows of the trail, newest first until enough are found.

use serde_json::{Map, Value};

use crate::{
    AuditEntry, StoreError,
    audit::AuditQuery,
    database::{Backend, Lane, Row, SqlValue, Statement},
};

/// Rows read at once.
const PAGE_ROWS: i64 = 2000;

/// Rows as JSON lines, oldest first.
pub(crate) async fn search(backend: &Backend, query: &AuditQuery) -> Result<Vec<String>, StoreError> {
    let mut lines = Vec::new();
    let mut before = i64::MAX;
    while lines.len() < query.limit as usize {
        let page = page_before(backend, query, before).await?;
        let Some(last) = page.last() else {
            break;
        };
        before = last.integer(0)?;
        for row in &page {
            if lines.len() < query.limit as usize && is_match(query, row.text(3)?) {
                lines.push(line(row)?);
            }
        }
    }
    lines.reverse();
    Ok(lines)
}

async fn page_before(backend: &Backend, query: &AuditQuery, row_id: i64) -> Result<Vec<Row>, StoreError> {
    // Who and what stand in the payload alone: a column of its own for each would cost every call.
    let sql = "SELECT l.row_id, c.id, l.sequence, l.payload, l.previous_hash, l.hash
               FROM mcp_audit_log l JOIN audit_chain c ON c.number = l.chain
               WHERE l.row_id < ?1 AND l.at >= ?2 AND l.at < ?3 AND (?4 = 0 OR l.tenant = ?5)
               ORDER BY l.row_id DESC LIMIT ?6";
    let tenant: SqlValue = query.tenant.map_or(SqlValue::Integer(0), SqlValue::from);
    let values = vec![
        row_id.into(),
        query.from.unwrap_or(i64::MIN).into(),
        query.to.unwrap_or(i64::MAX).into(),
        query.tenant.is_some().into(),
        tenant,
        PAGE_ROWS.into(),
    ];
    backend.rows(Lane::Scan, Statement::of_server(sql, values)).await
}

fn is_match(query: &AuditQuery, payload: &str) -> bool {
    // A row that can't be read is shown: whoever searches should see the damage.
    let Ok(entry) = serde_json::from_str::<AuditEntry>(payload) else {
        return true;
    };
    let is_patient = query.patient.as_ref().is_none_or(|patient| entry.patients.contains(patient));
    let is_subject = query.subject.is_none() || query.subject == entry.subject;
    let is_action = query.action.as_ref().is_none_or(|action| *action == entry.action);
    is_patient && is_subject && is_action
}

fn line(row: &Row) -> Result<String, StoreError> {
    let payload = row.text(3)?;
    let mut members: Map<String, Value> = serde_json::from_str(payload).unwrap_or_default();
    members.insert("chain".to_owned(), row.text(1)?.into());
    members.insert("sequence".to_owned(), row.integer(2)?.into());
    members.insert("previous_hash".to_owned(), hex(row.bytes(4)?).into());
    members.insert("hash".to_owned(), hex(row.bytes(5)?).into());
    Ok(Value::Object(members).to_string())
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}
