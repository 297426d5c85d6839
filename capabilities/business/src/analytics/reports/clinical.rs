//! Reports about a patient: what the tools of the chart answer to whoever asks.

use medcor_fhir::Id;
use medcor_tools::{ToolContext, ToolError};
use serde_json::{Map, Value, json};

use super::{
    content::Findings,
    kind::{ENCOUNTERS, PRESCRIPTIONS, ReportType, SUMMARY},
};

/// Rows of a section of a summary.
const SECTION_ROWS: u32 = 30;
/// Rows that are asked for at a time.
const PAGE_ROWS: u32 = 100;
/// Most rows of a report, and most bytes of them.
const ROWS_MAX: usize = 1000;
const BYTES_MAX: usize = 128 * 1024;

/// A tool answered something else than what it answers: a mistake of ours, and no report of nothing.
#[derive(Debug, thiserror::Error)]
#[error("the answer of a part has no {0}")]
struct Unlike(&'static str);

/// The days that a report is of, as the caller gave them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given<'g> {
    pub(super) from: Option<&'g str>,
    pub(super) to: Option<&'g str>,
}

/// What a report of this type says about a patient.
pub(super) async fn findings(
    kind: ReportType,
    patient: &Id,
    given: Given<'_>,
    cx: &mut ToolContext<'_>,
) -> Result<Findings, ToolError> {
    let mut arguments = Map::new();
    arguments.insert("patient".to_owned(), patient.as_str().into());
    match kind {
        ReportType::EncounterHistory => table(ENCOUNTERS, arguments, given, cx).await,
        ReportType::MedicationList => table(PRESCRIPTIONS, arguments, given, cx).await,
        _ => summary(arguments, given, cx).await,
    }
}

async fn summary(
    mut arguments: Map<String, Value>,
    given: Given<'_>,
    cx: &mut ToolContext<'_>,
) -> Result<Findings, ToolError> {
    arguments.insert("limit".to_owned(), SECTION_ROWS.into());
    if let Some(from) = given.from {
        arguments.insert("since".to_owned(), from.into());
    }
    let summary = members(cx.part(SUMMARY, arguments).await?)?;
    let is_cut = summary.values().any(is_truncated);
    Ok(Findings { summary: Some(summary), is_cut, ..Findings::default() })
}

/// All rows of a list, page by page.
async fn table(
    tool: &str,
    mut arguments: Map<String, Value>,
    given: Given<'_>,
    cx: &mut ToolContext<'_>,
) -> Result<Findings, ToolError> {
    arguments.insert("limit".to_owned(), PAGE_ROWS.into());
    for (name, day) in [("from", given.from), ("to", given.to)] {
        if let Some(day) = day {
            arguments.insert(name.to_owned(), day.into());
        }
    }
    let mut found = Found::default();
    while found.take(cx.part(tool, arguments.clone()).await?)? {
        arguments.insert("cursor".to_owned(), json!(found.next));
    }
    Ok(Findings { rows: Some(found.rows), is_cut: found.is_cut, ..Findings::default() })
}

/// The rows of a table so far.
#[derive(Default)]
struct Found {
    rows: Vec<Map<String, Value>>,
    bytes: usize,
    is_cut: bool,
    /// Where the list goes on.
    next: Option<String>,
}

impl Found {
    /// Takes the rows of one answer; whether there are more to ask for.
    fn take(&mut self, answer: Value) -> Result<bool, ToolError> {
        let is_truncated = is_truncated(&answer);
        let mut answer = members(answer)?;
        let Some(Value::Array(rows)) = answer.remove("results") else { return Err(unlike("rows")) };
        let came_with_rows = !rows.is_empty();
        for row in rows {
            self.bytes += row.to_string().len();
            if self.rows.len() == ROWS_MAX || self.bytes > BYTES_MAX {
                self.is_cut = true;
                return Ok(false);
            }
            self.rows.push(members(row)?);
        }
        let next = answer.get("next_cursor").and_then(Value::as_str).map(ToOwned::to_owned);
        // A cursor that leads nowhere would be asked for again and again.
        let goes_on = next.is_some() && (came_with_rows || next != self.next);
        self.is_cut = is_truncated && !goes_on;
        self.next = next;
        Ok(goes_on)
    }
}

/// Whether a list or section says that there is more.
fn is_truncated(answer: &Value) -> bool {
    answer.get("truncated").and_then(Value::as_bool).unwrap_or(false)
}

fn members(answer: Value) -> Result<Map<String, Value>, ToolError> {
    match answer {
        Value::Object(members) => Ok(members),
        _ => Err(unlike("members")),
    }
}

fn unlike(what: &'static str) -> ToolError {
    ToolError::Server(Box::new(Unlike(what)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str) -> Value {
        json!({ "id": text })
    }

    #[test]
    fn an_answer_without_rows_is_no_empty_report() {
        for answer in
            [json!({}), json!({ "results": null }), json!({ "results": {} }), json!([]), json!(null)]
        {
            let refused = Found::default().take(answer.clone()).unwrap_err();
            assert!(matches!(refused, ToolError::Server(_)), "{answer}");
        }
        assert!(matches!(Found::default().take(json!({ "results": ["text"] })), Err(ToolError::Server(_))));
        let mut none = Found::default();
        assert!(!none.take(json!({ "results": [], "truncated": false })).unwrap());
        assert!(none.rows.is_empty() && !none.is_cut);
    }

    #[test]
    fn a_list_that_is_cut_and_does_not_go_on_is_incomplete() {
        let mut found = Found::default();
        assert!(found.take(json!({ "results": [row("a")], "truncated": true, "next_cursor": "1" })).unwrap());
        assert!(!found.is_cut);
        assert!(!found.take(json!({ "results": [row("b")], "truncated": true })).unwrap());
        assert!(found.is_cut && found.rows.len() == 2);
        let mut still = Found::default();
        let again = json!({ "results": [], "truncated": true, "next_cursor": "1" });
        assert!(still.take(again.clone()).unwrap());
        assert!(!still.take(again).unwrap(), "it leads nowhere");
        assert!(still.is_cut);
    }

    #[test]
    fn a_report_has_as_many_rows_as_there_is_room_for() {
        let mut found = Found::default();
        let long = row(&"a".repeat(BYTES_MAX / 2 - 20));
        let answer = json!({ "results": [long, long, long], "truncated": false });
        assert!(!found.take(answer).unwrap());
        assert!(found.is_cut && found.rows.len() == 2);
        let mut found = Found::default();
        let answer = json!({ "results": vec![row("a"); ROWS_MAX + 1], "truncated": false });
        assert!(!found.take(answer).unwrap());
        assert!(found.is_cut && found.rows.len() == ROWS_MAX);
    }
}
