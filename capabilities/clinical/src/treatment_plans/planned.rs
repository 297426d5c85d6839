//! The medications of a plan: a `MedicationRequest` with the intent `plan` each. Nobody dispenses it.

use std::collections::HashMap;

use medcor_fhir::{
    Id, ResourceType, naming,
    primitive::format_instant,
    search::Query,
    view::{CodeableConcept, MedicationRequest, Reference},
};
use medcor_tools::{
    Record, ToolContext, ToolError,
    detail::{Problems, plain},
    view,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::status::PlanStatus;
use crate::listing::fenced;

/// Most medications of one plan.
pub(super) const MEDICATIONS_MAX: usize = 20;

/// A medication that is planned.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct PlannedMedication {
    /// Such as lisinopril.
    #[serde(alias = "medication_name", alias = "medication")]
    #[schemars(length(min = 1, max = 200))]
    pub(super) name: String,
    /// How much at a time, such as 10 mg.
    #[schemars(length(max = 200))]
    pub(super) dosage: Option<String>,
    /// How often, such as once daily.
    #[schemars(length(max = 200))]
    pub(super) frequency: Option<String>,
    /// For how long, such as 30 days.
    #[schemars(length(max = 200))]
    pub(super) duration: Option<String>,
}

/// A medication of a plan. What is not known is left out.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct MedicationRow {
    #[serde(skip_serializing_if = "Option::is_none")]
    medication_id: Option<String>,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    dosage: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
}

impl PlannedMedication {
    /// Adds what is wrong with it; `place` is its number in the list.
    pub(super) fn check(&self, place: usize, problems: &mut Problems) {
        let mut refuse = |member: &str, problem: &str| {
            problems.add(&format!("medications/{place}/{member}"), problem);
        };
        for (member, text) in
            [("dosage", &self.dosage), ("frequency", &self.frequency), ("duration", &self.duration)]
        {
            if let Some(Err(problem)) = text.as_deref().map(str::trim).filter(|it| !it.is_empty()).map(plain)
            {
                refuse(member, problem);
            }
        }
        match plain(self.name.trim()) {
            // DECISIONS 10: names hold no fragments of query languages.
            Ok(name) if [";", "--", "/*", "xp_"].iter().any(|mark| name.contains(mark)) => {
                refuse("name", "must not contain ; or -- or /* or xp_");
            }
            Ok(name) if !name.contains(char::is_alphabetic) => refuse("name", "has no letter"),
            Ok(_) => {}
            Err(problem) => refuse("name", problem),
        }
    }

    /// The record.
    pub(super) fn resource(
        &self,
        subject: &Value,
        (status, requester): (PlanStatus, Option<&Value>),
        cx: &ToolContext<'_>,
    ) -> Value {
        let mut request = json!({
            "resourceType": "MedicationRequest",
            "status": status.medication_code(),
            "intent": "plan",
            "medicationCodeableConcept": { "text": self.name.trim() },
            "subject": subject,
            "authoredOn": format_instant(cx.now().as_microsecond()),
        });
        if let Some(requester) = requester {
            request["requester"] = requester.clone();
        }
        if let Some(dosage) = self.dosage_instruction() {
            request["dosageInstruction"] = json!([dosage]);
        }
        request
    }

    /// FHIR `Dosage`: the words as they are, and their parts where they can be read.
    fn dosage_instruction(&self) -> Option<Value> {
        let duration = trimmed(self.duration.as_deref());
        let parts = [
            trimmed(self.dosage.as_deref()).map(str::to_owned),
            trimmed(self.frequency.as_deref()).map(str::to_owned),
            duration.map(|duration| format!("for {duration}")),
        ];
        let words: Vec<String> = parts.into_iter().flatten().collect();
        if words.is_empty() {
            return None;
        }
        let mut dosage = json!({ "text": words.join(", ") });
        if let Some(frequency) = trimmed(self.frequency.as_deref()) {
            dosage["timing"]["code"] = json!({ "text": frequency });
        }
        match duration.map(|text| (text, bounds(text))) {
            Some((_, Some(bounds))) => dosage["timing"]["repeat"] = json!({ "boundsDuration": bounds }),
            Some((text, None)) => {
                dosage["additionalInstruction"] = json!([{ "text": format!("for {text}") }]);
            }
            None => {}
        }
        if let Some(quantity) = self.dosage.as_deref().and_then(amount) {
            dosage["doseAndRate"] = json!([{ "doseQuantity": quantity }]);
        }
        Some(dosage)
    }

    /// The medication in a few words, for whoever reads the plan alone.
    pub(super) fn display(&self) -> String {
        match self.dosage_instruction().as_ref().and_then(|dosage| dosage["text"].as_str()) {
            Some(text) => format!("{}: {text}", self.name.trim()),
            None => self.name.trim().to_owned(),
        }
    }
}

fn trimmed(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

/// `10 mg`, `0.5ml`: a number and a unit. Anything else stays in words.
fn amount(text: &str) -> Option<Value> {
    let text = text.trim();
    let end = text.find(|letter: char| !(letter.is_ascii_digit() || letter == '.'))?;
    let (number, unit) = text.split_at(end);
    let value: serde_json::Number = serde_json::from_str(number).ok()?;
    let unit = unit.trim();
    let is_unit =
        !unit.is_empty() && unit.chars().all(|letter| letter.is_alphabetic() || "%/".contains(letter));
    is_unit.then(|| json!({ "value": value, "unit": unit }))
}

/// `30 days`, `2 weeks`: FHIR `Duration`, with UCUM's unit.
fn bounds(text: &str) -> Option<Value> {
    let (number, unit) = text.split_once(' ')?;
    let value: u32 = number.parse().ok().filter(|number| *number > 0)?;
    let code = match unit.trim().to_lowercase().trim_end_matches('s') {
        "day" => "d",
        "week" => "wk",
        "month" => "mo",
        "year" => "a",
        _ => return None,
    };
    Some(json!({ "value": value, "unit": unit.trim(), "system": naming::UCUM, "code": code }))
}

/// What was planned, by the id of its record.
#[derive(Default)]
pub(super) struct Planned {
    known: HashMap<Id, MedicationRow>,
}

impl Planned {
    /// Reads the medications that these plans name, as far as the caller may.
    pub(super) async fn learn(&mut self, ids: Vec<Id>, cx: &mut ToolContext<'_>) -> Result<(), ToolError> {
        for record in records(&ids, cx).await? {
            self.known.insert(record.id.clone(), row(&record)?);
        }
        Ok(())
    }

    /// The medication that an activity of a plan refers to.
    pub(super) fn row(&self, reference: &Reference<'_>) -> Option<MedicationRow> {
        let id = reference.id_of(ResourceType::MEDICATION_REQUEST)?;
        let from_display = || {
            let display = reference.display.as_deref().unwrap_or("not named");
            let (name, dosage) = display.split_once(": ").unzip();
            MedicationRow {
                medication_id: Some(id.to_string()),
                name: name.unwrap_or(display).to_owned(),
                dosage: dosage.map(str::to_owned),
                frequency: None,
                duration: None,
                status: None,
            }
        };
        Some(self.known.get(&id).cloned().unwrap_or_else(from_display))
    }

    /// Takes a medication that was just written.
    pub(super) fn take(&mut self, record: &Record) -> Result<(), ToolError> {
        self.known.insert(record.id.clone(), row(record)?);
        Ok(())
    }
}

/// The prescriptions with these ids, as far as the caller may see them.
pub(super) async fn records(ids: &[Id], cx: &mut ToolContext<'_>) -> Result<Vec<Record>, ToolError> {
    let mut found = Vec::new();
    if !cx.may_read(ResourceType::MEDICATION_REQUEST) {
        return Ok(found);
    }
    for some in ids.chunks(MEDICATIONS_MAX * 5) {
        let ids: Vec<&str> = some.iter().map(Id::as_str).collect();
        let mut query = Query::new(ResourceType::MEDICATION_REQUEST).with("_id", &ids.join(","))?;
        query.count = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        found.extend(cx.records().search(&query).await?.records);
    }
    Ok(found)
}

fn row(record: &Record) -> Result<MedicationRow, ToolError> {
    let request: MedicationRequest<'_> = view(record)?;
    let name = request.medication_codeable_concept.as_ref().and_then(CodeableConcept::text);
    let dosage = request.dosage_instruction.first();
    let timing = dosage.and_then(|dosage| dosage.timing.as_ref());
    let bounds = timing.and_then(|timing| timing.repeat.as_ref()?.bounds_duration.as_ref()?.text());
    let in_words = || {
        let instruction = dosage?.additional_instruction.first()?.text()?;
        Some(instruction.strip_prefix("for ").unwrap_or(instruction).to_owned())
    };
    let dose = dosage.and_then(|dosage| dosage.dose_and_rate.first()?.dose_quantity.as_ref()?.text());
    let dose_in_words = || dosage.and_then(|dosage| dosage.text.as_deref()).map(fenced);
    Ok(MedicationRow {
        medication_id: Some(record.id.to_string()),
        name: name.unwrap_or("not named").to_owned(),
        dosage: dose.or_else(dose_in_words),
        frequency: timing.and_then(|timing| timing.code.as_ref()?.text().map(str::to_owned)),
        duration: bounds.or_else(in_words),
        status: Some(request.status.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_a_number_and_a_unit_and_nothing_else() {
        for (text, amount_of) in [
            ("10 mg", Some(("10", "mg"))),
            ("0.5ml", Some(("0.5", "ml"))),
            ("5 mg/kg", Some(("5", "mg/kg"))),
            ("1-2 tablets", None),
            ("one tablet", None),
            ("10", None),
            (".5 mg", None),
        ] {
            let expected = amount_of.map(|(value, unit)| format!(r#"{{"value":{value},"unit":"{unit}"}}"#));
            assert_eq!(amount(text).map(|value| value.to_string()), expected, "{text}");
        }
    }

    #[test]
    fn a_duration_in_days_weeks_months_and_years_has_its_unit() {
        for (text, code) in [("30 days", Some("d")), ("1 week", Some("wk")), ("3 Months", Some("mo"))] {
            assert_eq!(bounds(text).and_then(|it| it["code"].as_str().map(str::to_owned)).as_deref(), code);
        }
        assert!(bounds("until better").is_none() && bounds("0 days").is_none());
    }
}
