//! `expand=patient,doctor`: the records that a row names, each read by its tool, so that whoever may not see
//! one does not see it here either.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use medcor_tools::ToolError;
use serde_json::{Map, Value, json};

use super::{Reading, Unanswered, query::Asked};
use crate::door::{response, rest::report_of};

/// Where a row has what it was expanded by.
pub(super) const MEMBER: &str = "expanded";
/// Most records that one answer is expanded by.
const RECORDS_MAX: usize = 20;

/// What a row can be expanded by.
struct Expansion {
    name: &'static str,
    /// The member with the id.
    member: &'static str,
    tool: &'static str,
    parameter: &'static str,
}

const fn expansion(
    name: &'static str,
    member: &'static str,
    tool: &'static str,
    parameter: &'static str,
) -> Expansion {
    Expansion { name, member, tool, parameter }
}

const EXPANSIONS: [Expansion; 8] = [
    expansion("patient", "patient_id", "get_patient", "patient"),
    expansion("doctor", "doctor_id", "get_doctor_details", "provider"),
    expansion("provider", "doctor_id", "get_doctor_details", "provider"),
    expansion("hospital", "hospital_id", "get_hospital", "organisation"),
    expansion("treatment", "treatment_id", "get_treatment_details", "treatment_id"),
    expansion("service", "service_id", "get_service", "service"),
    expansion("appointment", "appointment_id", "get_appointment_details", "appointment"),
    expansion("encounter", "encounter_id", "get_encounter", "encounter"),
];

fn expansion_of(name: &str) -> Option<&'static Expansion> {
    EXPANSIONS.iter().find(|expansion| expansion.name == name)
}

/// Whether rows with these members can be expanded by this.
pub(super) fn is_known(name: &str, members: &Map<String, Value>) -> bool {
    expansion_of(name).is_some_and(|expansion| members.contains_key(expansion.member))
}

/// What rows with these members can be expanded by, in words.
pub(super) fn known(members: &Map<String, Value>) -> String {
    let known = EXPANSIONS.iter().filter(|expansion| members.contains_key(expansion.member));
    let names: Vec<&str> = known.map(|expansion| expansion.name).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

impl Reading<'_> {
    /// Adds to each row what it is to be expanded by.
    pub(super) async fn expand(&self, asked: &Asked, rows: &mut [Value]) -> Result<(), Unanswered> {
        if asked.expand.is_empty() {
            return Ok(());
        }
        let expansions: Vec<&Expansion> = asked.expand.iter().filter_map(|name| expansion_of(name)).collect();
        let mut wanted: BTreeMap<(&str, String), &Expansion> = BTreeMap::new();
        for (expansion, row) in expansions.iter().flat_map(|it| rows.iter().map(move |row| (*it, row))) {
            if let Some(id) = id_of(row, expansion) {
                wanted.insert((expansion.tool, id), expansion);
            }
        }
        let records = self.read_all(wanted).await?;
        for row in rows {
            let mut expanded = Map::new();
            for expansion in &expansions {
                let Some(id) = id_of(row, expansion) else { continue };
                if let Some(record) = records.get(&(expansion.tool, id)) {
                    expanded.insert(expansion.name.to_owned(), record.clone());
                }
            }
            if let Value::Object(members) = row {
                members.insert(MEMBER.to_owned(), Value::Object(expanded));
            }
        }
        Ok(())
    }

    async fn read_all(
        &self,
        wanted: BTreeMap<(&'static str, String), &Expansion>,
    ) -> Result<BTreeMap<(&'static str, String), Value>, Unanswered> {
        if wanted.len() > RECORDS_MAX {
            let problem = format!(
                "the rows name {} records, and at most {RECORDS_MAX} are shown with them; lower the limit",
                wanted.len()
            );
            return Err(ToolError::invalid("/expand", problem).into());
        }
        let cost = u32::try_from(wanted.len()).unwrap_or(u32::MAX);
        if cost > 0
            && let Err(report) = self.rest.mcp.admit_batch(&self.asker, cost).await
        {
            return Err(Unanswered::Answered(Box::new(response::error(&report))));
        }
        let reads = wanted.into_iter().map(async |((tool, id), expansion)| {
            let arguments = json!({ expansion.parameter: id });
            let record = match self.rest.mcp.call_admitted(&self.asker, tool.to_owned(), arguments).await {
                Ok(answer) => serde_json::from_str(answer.json()).unwrap_or_default(),
                Err(failure) => json!({ "error": report_of(&failure) }),
            };
            ((tool, id), record)
        });
        Ok(join_all(reads).await.into_iter().collect())
    }
}

fn id_of(row: &Value, expansion: &Expansion) -> Option<String> {
    row.get(expansion.member).and_then(Value::as_str).map(str::to_owned)
}
