//! Reports about a patient: what the tools of the chart answer to whoever asks.

use medcor_fhir::Id;
use medcor_tools::{ToolContext, ToolError};
use serde_json::{Map, Value, json};

use super::{content::Findings, kind::ReportType};

/// Rows of a section of a summary.
const SECTION_ROWS: u32 = 30;
/// Rows that are asked for at a time.
const PAGE_ROWS: u32 = 100;
/// Most rows of a report, and most bytes of them.
const ROWS_MAX: usize = 1000;
const BYTES_MAX: usize = 512 * 1024;

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
        ReportType::EncounterHistory => table("list_encounters", arguments, given, cx).await,
        ReportType::MedicationList => table("list_prescriptions", arguments, given, cx).await,
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
    let answer = cx.part("get_patient_summary", arguments).await?;
    Ok(Findings { summary: members(answer), ..Findings::default() })
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
    let (mut rows, mut bytes) = (Vec::new(), 0);
    loop {
        let mut answer = members(cx.part(tool, arguments.clone()).await?).unwrap_or_default();
        let results = answer.get_mut("results").map(Value::take).unwrap_or_default();
        let Value::Array(results) = results else { break };
        for row in results {
            bytes += serde_json::to_string(&row)?.len();
            if rows.len() == ROWS_MAX || bytes > BYTES_MAX {
                return Ok(Findings { rows: Some(rows), is_cut: true, ..Findings::default() });
            }
            rows.push(row);
        }
        match answer.get("next_cursor").and_then(Value::as_str) {
            Some(next) => drop(arguments.insert("cursor".to_owned(), json!(next))),
            None => break,
        }
    }
    Ok(Findings { rows: Some(rows), ..Findings::default() })
}

fn members(answer: Value) -> Option<Map<String, Value>> {
    match answer {
        Value::Object(members) => Some(members),
        _ => None,
    }
}
