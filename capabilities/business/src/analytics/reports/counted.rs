//! Encounters by kind and prescriptions by medication, added up where they are found: administrators see none of the
//! records themselves.

use std::{cmp::Reverse, collections::HashMap, ops::ControlFlow};

use medcor_fhir::{
    Id, ResourceType, naming,
    primitive::{TimeSpan, format_instant},
    search::Query,
    view::{CodeableConcept, Encounter, Medication, MedicationRequest, Reference},
};
use medcor_tools::{Record, ToolContext, ToolError, view};
use serde_json::{Map, Value, json};

use super::{content::Findings, operational::put};
use crate::analytics::{
    group::{Group, grouped},
    revenue::Prices,
    small,
    visits::{Names, Standing, Visit, patients},
    window::Window,
};

/// Most records that one report adds up.
const RECORDS_MAX: usize = 200_000;
/// Most records of medications that are read for their names.
const MEDICATIONS_MAX: usize = 1000;
/// The index knows days as those of UTC, so a day more is looked at on either side.
const MARGIN: i64 = 24 * 60 * 60 * 1_000_000;
/// The length of a day such as `2026-12-02`.
const DAY: usize = 10;
const UNNAMED: &str = "not named";

/// Records by what they are. Each is counted as a visit is, so that what is kept back of figures is decided in one
/// place; its service is the number of what it is.
#[derive(Default)]
struct Counted {
    all: Vec<Visit>,
    /// What they are.
    kinds: Names,
    /// What that is called, where it is not its own name, and its RxNorm code.
    labels: HashMap<usize, Label>,
    patients: Names,
    days: Days,
    is_cut: bool,
    error: Option<ToolError>,
}

/// Counts one record, if it is meant.
type Take = fn(&mut Counted, &Record) -> Result<(), ToolError>;

#[derive(Default)]
struct Days {
    between: (i64, i64),
    first: String,
    last: String,
}

#[derive(Debug, Clone)]
struct Label {
    name: String,
    code: Option<String>,
}

/// Visits and stays by their kind.
pub(super) async fn encounters(window: &Window, cx: &mut ToolContext<'_>) -> Result<Findings, ToolError> {
    let counted =
        Counted::within(window, (ResourceType::ENCOUNTER, "date"), Counted::take_encounter, cx).await?;
    let figures = counted.figures("encounters");
    let mut groups = counted.groups();
    groups.sort_by_key(|group| Reverse(group.count()));
    let rows = groups.iter().map(|group| {
        let mut row = Map::new();
        row.insert("encounter_type".to_owned(), json!(group.key.and_then(|kind| counted.kinds.text(kind))));
        put(&mut row, "encounters", group.count());
        put(&mut row, "patients", group.booked(patients(group.visits.iter().copied())));
        put(&mut row, "completed", group.count_of(Standing::Completed));
        put(&mut row, "patients_seen", group.done(group.seen()));
        put(&mut row, "cancelled", group.count_of(Standing::Cancelled));
        if group.is_suppressed() {
            row.insert("suppressed".to_owned(), true.into());
        }
        Value::Object(row)
    });
    Ok(Findings { rows: Some(rows.collect()), figures: Some(figures), ..Findings::default() })
}

/// Prescriptions by medication, without those that few patients have: the name alone would tell an illness.
pub(super) async fn medications(window: &Window, cx: &mut ToolContext<'_>) -> Result<Findings, ToolError> {
    let prescriptions = (ResourceType::MEDICATION_REQUEST, "authoredon");
    let mut counted = Counted::within(window, prescriptions, Counted::take_prescription, cx).await?;
    counted.name_medications(window, cx).await?;
    let mut figures = counted.figures("prescriptions");
    let mut groups = counted.groups();
    let all = groups.len();
    groups.retain(|group| !group.is_suppressed());
    groups.sort_by_key(|group| Reverse(group.count()));
    figures.insert("medications".to_owned(), all.into());
    figures.insert("medications_suppressed".to_owned(), (all - groups.len()).into());
    let rows = groups.iter().map(|group| {
        let label = group.key.and_then(|kind| counted.labels.get(&kind));
        let mut row = Map::new();
        row.insert("medication".to_owned(), label.map_or(UNNAMED, |label| label.name.as_str()).into());
        if let Some(code) = label.and_then(|label| label.code.as_ref()) {
            row.insert("rxnorm_code".to_owned(), code.as_str().into());
        }
        put(&mut row, "prescriptions", group.count());
        put(&mut row, "patients", group.booked(patients(group.visits.iter().copied())));
        Value::Object(row)
    });
    Ok(Findings { rows: Some(rows.collect()), figures: Some(figures), ..Findings::default() })
}

impl Counted {
    /// All records of this type of which this date is in these days.
    async fn within(
        window: &Window,
        (resource_type, date): (ResourceType, &str),
        take: Take,
        cx: &mut ToolContext<'_>,
    ) -> Result<Self, ToolError> {
        let query = Query::new(resource_type)
            .with("_sort", date)?
            .with(date, &format!("ge{}", format_instant(window.from - MARGIN)))?
            .with(date, &format!("lt{}", format_instant(window.to + MARGIN)))?;
        let days = Days {
            between: (window.from, window.to),
            first: window.first.to_string(),
            last: window.last.to_string(),
        };
        let begun = (Self { days, ..Self::default() }, take);
        let tallied = cx.records().tally_for_figures(&query, begun, Self::visit).await;
        let (mut counted, _) = tallied.map_err(|error| match (ToolError::from(error), window.chosen_by) {
            (ToolError::TooSlow, Some(parameter)) => {
                ToolError::invalid(parameter, "adding up takes too long; narrow the dates")
            }
            (error, _) => error,
        })?;
        match counted.error.take() {
            Some(error) => Err(error),
            None if counted.is_cut => Err(too_many(window, RECORDS_MAX)),
            None => Ok(counted),
        }
    }

    fn visit((counted, take): &mut (Self, Take), record: &Record) -> ControlFlow<()> {
        counted.is_cut = counted.all.len() == RECORDS_MAX;
        if counted.is_cut {
            return ControlFlow::Break(());
        }
        match take(counted, record) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                counted.error = Some(error);
                ControlFlow::Break(())
            }
        }
    }

    fn take_encounter(&mut self, record: &Record) -> Result<(), ToolError> {
        let encounter: Encounter<'_> = view(record)?;
        let standing = match encounter.status.as_str() {
            "entered-in-error" => return Ok(()),
            "finished" => Standing::Completed,
            "cancelled" => Standing::Cancelled,
            "in-progress" | "onleave" => Standing::InProgress,
            "arrived" | "triaged" => Standing::CheckedIn,
            _ => Standing::Scheduled,
        };
        let start = encounter.period.as_ref().and_then(|period| period.start.as_deref());
        if let Some(start) = start.filter(|start| self.days.hold(start)) {
            let kind = self.kinds.number(encounter.visit_kind().word());
            self.add(kind, encounter.subject.as_ref(), (start, standing));
        }
        Ok(())
    }

    /// Orders and what is reported to be taken, however they stand now.
    fn take_prescription(&mut self, record: &Record) -> Result<(), ToolError> {
        let request: MedicationRequest<'_> = view(record)?;
        let is_meant = (request.is_order() || request.is_reported()) && !request.forbids();
        let written = request.authored_on.as_deref().filter(|written| self.days.hold(written));
        let Some(written) = written.filter(|_| is_meant && request.status != "entered-in-error") else {
            return Ok(());
        };
        let reference = request.medication_reference.as_ref();
        let kind = match (request.medication(), reference.and_then(|it| it.id_of(ResourceType::MEDICATION))) {
            (Some(medication), _) => self.medication(&medication),
            // Its name is in another record, which is read later.
            (None, Some(id)) => self.kinds.number(&format!("Medication/{id}")),
            (None, None) => self.kinds.number(UNNAMED),
        };
        let subject = SubjectOf::deserialized(record)?;
        self.add(kind, subject.subject.as_ref(), (written, Standing::Scheduled));
        Ok(())
    }

    /// The number of a medication: of one code, else of one name, there is one.
    fn medication(&mut self, medication: &CodeableConcept<'_>) -> usize {
        let rxnorm = medication.coding.iter().find(|coding| coding.system.as_deref() == Some(naming::RXNORM));
        let code = rxnorm.and_then(|coding| coding.code.as_ref().map(ToString::to_string));
        let name = medication.text().unwrap_or(UNNAMED);
        let number = self.kinds.number(&code.clone().unwrap_or_else(|| name.to_lowercase()));
        self.labels.entry(number).or_insert_with(|| Label { name: name.to_owned(), code });
        number
    }

    /// Reads the names of medications that are records of their own.
    async fn name_medications(&mut self, window: &Window, cx: &mut ToolContext<'_>) -> Result<(), ToolError> {
        let texts = (0..).map_while(|number| Some((number, self.kinds.text(number)?)));
        let ids =
            texts.filter_map(|(number, text)| Some((number, Id::new(text.strip_prefix("Medication/")?)?)));
        let ids: Vec<(usize, Id)> = ids.collect();
        if ids.len() > MEDICATIONS_MAX {
            return Err(too_many(window, MEDICATIONS_MAX));
        }
        let mut same = HashMap::new();
        for (number, id) in ids {
            if let Some(record) = cx.records().read(ResourceType::MEDICATION, &id).await?
                && let Some(medication) = view::<Medication<'_>>(&record)?.code
            {
                same.insert(number, self.medication(&medication));
            }
        }
        for visit in &mut self.all {
            visit.service = visit.service.map(|kind| same.get(&kind).copied().unwrap_or(kind));
        }
        Ok(())
    }

    fn add(&mut self, kind: usize, subject: Option<&Reference<'_>>, (date, standing): (&str, Standing)) {
        let patient = subject.and_then(|subject| subject.id_of(ResourceType::PATIENT));
        self.all.push(Visit {
            start: TimeSpan::parse(date).map_or(self.days.between.0, |span| span.low),
            standing,
            patients: patient.iter().map(|patient| self.patients.number(patient.as_str())).collect(),
            practitioners: Vec::new(),
            service: Some(kind),
            specialty: None,
            minutes: 0,
            waited_minutes: None,
        });
    }

    fn groups(&self) -> Vec<Group<'_, Option<usize>>> {
        grouped(self.all.iter(), &Prices::none(), |visit| vec![visit.service])
    }

    /// How many in all, and of how many patients.
    fn figures(&self, name: &str) -> Map<String, Value> {
        let mut figures = Map::new();
        figures.insert(name.to_owned(), self.all.len().into());
        let patients = small::shown(patients(self.all.iter()));
        put(&mut figures, "patients", patients);
        let suppressed: &[&str] = if patients.is_none() { &["patients"] } else { &[] };
        figures.insert("suppressed".to_owned(), json!(suppressed));
        figures
    }
}

/// The error of more records than a report adds up or reads; it is the caller's who chose the days.
fn too_many(window: &Window, most: usize) -> ToolError {
    let problem = format!("the dates hold more than {most} records");
    match window.chosen_by {
        Some(parameter) => ToolError::invalid(parameter, format!("{problem}; narrow them")),
        None => ToolError::Precondition(format!("{problem}; ask for fewer days by from and to")),
    }
}

impl Days {
    /// Whether a date is in them: a moment by the clock, a day by its name.
    fn hold(&self, date: &str) -> bool {
        if date.len() > DAY {
            return TimeSpan::parse(date)
                .is_some_and(|span| (self.between.0..self.between.1).contains(&span.low));
        }
        // Of a month or a year, nobody knows which day.
        date.len() == DAY && self.first.as_str() <= date && date <= self.last.as_str()
    }
}

/// Whom a record is about.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct SubjectOf<'a> {
    #[serde(borrow)]
    subject: Option<Reference<'a>>,
}

impl<'a> SubjectOf<'a> {
    fn deserialized(record: &'a Record) -> Result<Self, ToolError> {
        view(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_in_the_days_whatever_the_zone_and_a_month_is_in_none() {
        let days = Days {
            between: (1_796_101_200_000_000, 1_796_187_600_000_000),
            first: "2026-12-01".to_owned(),
            last: "2026-12-01".to_owned(),
        };
        assert!(days.hold("2026-12-01") && !days.hold("2026-12-02") && !days.hold("2026-11-30"));
        assert!(!days.hold("2026-12") && !days.hold("2026") && !days.hold(""));
        assert!(days.hold("2026-12-02T04:59:59Z") && !days.hold("2026-12-02T05:00:00Z"));
        assert!(!days.hold("2026-12-01T04:59:59Z"));
    }
}
