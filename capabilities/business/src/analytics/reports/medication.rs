//! Prescriptions by medication. A medication that few patients have is not named: its name would tell an illness. Nor
//! is one called as a single record calls it, which may say anything.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
};

use medcor_fhir::{
    Id, ResourceType, naming,
    search::Query,
    view::{CodeableConcept, Medication, MedicationRequest},
};
use medcor_tools::{FreeText, Record, ToolContext, ToolError, view};
use serde_json::Map;

use super::{
    content::Findings,
    counted::{Counted, What, rounded},
    operational::put,
};
use crate::analytics::{
    group::Group,
    small::PATIENTS_MIN,
    visits::{Standing, patients},
    window::Window,
};

/// Most records of medications that are read for their names, and how many at a time.
const MEDICATIONS_MAX: usize = 1000;
const PAGE: usize = 100;
/// Most letters of a name.
const NAME_MAX: usize = 200;
/// Most digits of an RxNorm code.
const CODE_MAX: usize = 10;
const UNNAMED: &str = "not named";

/// What a group is called, and its RxNorm code.
struct Label {
    name: String,
    code: Option<String>,
}

/// Prescriptions by medication, without those that few patients have.
pub(super) async fn medications(window: &Window, cx: &mut ToolContext<'_>) -> Result<Findings, ToolError> {
    let prescriptions = (ResourceType::MEDICATION_REQUEST, "authoredon");
    let mut counted = Counted::within(window, prescriptions, take, cx).await?;
    read_named(&mut counted, window, cx).await?;
    let mut groups = counted.groups();
    let figures = counted.figures(&[("prescriptions", counted.all.len()), ("medications", groups.len())]);
    groups.retain(|group| group.shows_booked);
    let mut named: Vec<_> = groups.iter().map(|group| (label(group, &counted, cx), group)).collect();
    named.sort_by_cached_key(|(label, group)| (Reverse(rounded(group.visits.len())), label.name.clone()));
    let rows = named.into_iter().map(|(label, group)| {
        let mut row = Map::new();
        row.insert("medication".to_owned(), label.name.into());
        if let Some(code) = label.code {
            row.insert("rxnorm_code".to_owned(), code.into());
        }
        put(&mut row, "prescriptions", Some(rounded(group.visits.len())));
        put(&mut row, "patients", Some(rounded(patients(group.visits.iter().copied()))));
        row
    });
    Ok(Findings { rows: Some(rows.collect()), figures: Some(figures), ..Findings::default() })
}

/// Counts orders and what is reported to be taken, however they stand now.
fn take(counted: &mut Counted, record: &Record) -> Result<(), ToolError> {
    let request: MedicationRequest<'_> = view(record)?;
    let is_meant = (request.is_order() || request.is_reported()) && !request.forbids();
    let written = request.authored_on.as_deref().filter(|written| counted.is_within(written));
    let Some(written) = written.filter(|_| is_meant && request.status != "entered-in-error") else {
        return Ok(());
    };
    let reference = request.medication_reference.as_ref();
    let what = match (request.medication(), reference.and_then(|it| it.id_of(ResourceType::MEDICATION))) {
        (Some(medication), _) => what(&medication, counted),
        // Its name is in another record, which is read later.
        (None, Some(id)) => What { kind: counted.kinds.number(&format!("Medication/{id}")), text: None },
        (None, None) => What { kind: counted.kinds.number(UNNAMED), text: None },
    };
    counted.add(what, record.patient.as_ref(), (written, Standing::Scheduled));
    Ok(())
}

/// What a medication is: of one code, else of one name, there is one. It is written as a search writes a token:
/// `system|code`, or `|name` where there is none.
fn what(medication: &CodeableConcept<'_>, counted: &mut Counted) -> What {
    let is_code = |code: &&str| code.len() <= CODE_MAX && code.bytes().all(|digit| digit.is_ascii_digit());
    let code = medication.code_in(naming::RXNORM).filter(is_code);
    let text = medication.text().map(|text| text.trim().chars().take(NAME_MAX).collect::<String>());
    let text = text.filter(|text| !text.is_empty());
    let kind = match (code, &text) {
        (Some(code), _) => counted.kinds.number(&format!("{}|{code}", naming::RXNORM)),
        (None, Some(text)) => counted.kinds.number(&format!("|{}", text.to_lowercase())),
        (None, None) => counted.kinds.number(UNNAMED),
    };
    What { kind, text: text.map(|text| counted.texts.number(&text)) }
}

/// Reads what medications are that are records of their own. One that the caller does not see has no name.
async fn read_named(
    counted: &mut Counted,
    window: &Window,
    cx: &mut ToolContext<'_>,
) -> Result<(), ToolError> {
    let kinds = (0..).map_while(|kind| Some((kind, counted.kinds.text(kind)?)));
    let by_id = kinds.filter_map(|(kind, text)| Some((Id::new(text.strip_prefix("Medication/")?)?, kind)));
    let by_id: HashMap<Id, usize> = by_id.collect();
    if by_id.len() > MEDICATIONS_MAX {
        return Err(window.chosen_by.too_many(MEDICATIONS_MAX, "medications"));
    }
    let unnamed = What { kind: counted.kinds.number(UNNAMED), text: None };
    let mut known: HashMap<usize, What> = by_id.values().map(|kind| (*kind, unnamed)).collect();
    let ids: Vec<&str> = by_id.keys().map(Id::as_str).collect();
    let is_seen = cx.may_read(ResourceType::MEDICATION);
    for ids in ids.chunks(PAGE).filter(|_| is_seen) {
        let mut query = Query::new(ResourceType::MEDICATION).with("_id", &ids.join(","))?;
        query.count = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        for record in cx.records().search(&query).await?.records {
            if let (Some(kind), Some(code)) = (by_id.get(&record.id), view::<Medication<'_>>(&record)?.code) {
                known.insert(*kind, what(&code, counted));
            }
        }
    }
    for visit in &mut counted.all {
        if let Some(what) = visit.service.and_then(|kind| known.get(&kind)) {
            (visit.service, visit.specialty) = (Some(what.kind), what.text);
        }
    }
    Ok(())
}

/// What a group is called: by the tables of the server, else as enough of its patients have it in their records, else
/// by what makes it one.
fn label(group: &Group<'_, Option<usize>>, counted: &Counted, cx: &ToolContext<'_>) -> Label {
    let kind = group.key.and_then(|kind| counted.kinds.text(kind)).unwrap_or(UNNAMED);
    let (code, name) = match kind.split_once('|') {
        Some(("", name)) => (None, Some(name)),
        Some((_, code)) => (Some(code), None),
        None => (None, None),
    };
    let by_tables = || Some(cx.drugs().by_rxcui(code?)?.name.clone());
    let in_words = || FreeText::new(shared(group, counted).or(name)?).map(String::from);
    let by_code = || code.map_or(UNNAMED.to_owned(), |code| format!("RxNorm {code}"));
    Label { name: by_tables().or_else(in_words).unwrap_or_else(by_code), code: code.map(ToOwned::to_owned) }
}

/// What the records of most of its patients call it, if those are not few.
fn shared<'c>(group: &Group<'_, Option<usize>>, counted: &'c Counted) -> Option<&'c str> {
    let mut patients: HashMap<usize, HashSet<usize>> = HashMap::new();
    for visit in &group.visits {
        if let Some(text) = visit.specialty {
            patients.entry(text).or_default().extend(&visit.patients);
        }
    }
    let enough = patients.into_iter().filter(|(_, patients)| patients.len() >= PATIENTS_MIN);
    let texts = enough.filter_map(|(text, patients)| Some((patients.len(), counted.texts.text(text)?)));
    texts.max_by_key(|(patients, text)| (*patients, Reverse(*text))).map(|(_, text)| text)
}
