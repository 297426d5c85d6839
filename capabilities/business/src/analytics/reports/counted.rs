//! Encounters by kind and prescriptions, added up where they are found: administrators see none of the records
//! themselves, so every count is rounded and the days are whole months.

use std::{cmp::Reverse, ops::ControlFlow};

use medcor_fhir::{
    Id, ResourceType,
    primitive::{TimeSpan, format_instant},
    search::Query,
    view::Encounter,
};
use medcor_tools::{Record, ToolContext, ToolError, view};
use serde_json::{Map, Value, json};

use super::{content::Findings, operational::put};
use crate::analytics::{
    group::{Group, grouped},
    revenue::Prices,
    small::Crowd,
    visits::{Names, Standing, Visit, patients},
    window::Window,
};

/// Most records that one report adds up.
const RECORDS_MAX: usize = 200_000;
/// The index knows days as those of UTC, so a day more is looked at on either side.
const MARGIN: i64 = 24 * 60 * 60 * 1_000_000;
/// The length of a day such as `2026-12-02`.
const DAY: usize = 10;
/// Counts are rounded down to a multiple of this: a record or a consent that comes later tells little.
const ROUNDED_TO: u64 = 5;

/// Records by what they are. Each is counted as a visit is, so that what is kept back of figures is decided in one
/// place; its service is the number of what it is, its specialty the number of what it says that it is called.
#[derive(Default)]
pub(super) struct Counted {
    pub(super) all: Vec<Visit>,
    /// What they are.
    pub(super) kinds: Names,
    /// What the records call that.
    pub(super) texts: Names,
    patients: Names,
    days: Days,
    is_cut: bool,
    error: Option<ToolError>,
}

/// What a record is, by the numbers of its kind and of what it calls it.
#[derive(Debug, Clone, Copy)]
pub(super) struct What {
    pub(super) kind: usize,
    pub(super) text: Option<usize>,
}

/// Counts one record, if it is meant.
pub(super) type Take = fn(&mut Counted, &Record) -> Result<(), ToolError>;

#[derive(Default)]
pub(super) struct Days {
    between: (i64, i64),
    first: String,
    last: String,
}

/// Visits and stays by their kind; of a kind that few patients have there is no row.
pub(super) async fn encounters(window: &Window, cx: &mut ToolContext<'_>) -> Result<Findings, ToolError> {
    let counted =
        Counted::within(window, (ResourceType::ENCOUNTER, "date"), Counted::take_encounter, cx).await?;
    let figures = counted.figures(&[("encounters", counted.all.len())]);
    let mut groups = counted.groups();
    groups.retain(|group| group.shows_booked);
    let kind = |group: &Group<'_, Option<usize>>| group.key.and_then(|kind| counted.kinds.text(kind));
    groups.sort_by_key(|group| (Reverse(rounded(group.visits.len())), kind(group)));
    let rows = groups.iter().map(|group| {
        let mut row = Map::new();
        row.insert("encounter_type".to_owned(), json!(kind(group)));
        put(&mut row, "encounters", Some(rounded(group.visits.len())));
        put(&mut row, "patients", Some(rounded(patients(group.visits.iter().copied()))));
        if group.shows_done {
            let standing = |standing| Some(rounded(group.standing(standing).count()));
            put(&mut row, "completed", standing(Standing::Completed));
            put(&mut row, "patients_seen", Some(rounded(group.seen())));
            put(&mut row, "cancelled", standing(Standing::Cancelled));
        } else {
            row.insert("suppressed".to_owned(), true.into());
        }
        row
    });
    Ok(Findings { rows: Some(rows.collect()), figures: Some(figures), ..Findings::default() })
}

/// A count as it is told.
pub(super) fn rounded(count: usize) -> u64 {
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    count / ROUNDED_TO * ROUNDED_TO
}

impl Counted {
    /// All records of this type of which this date is in these days.
    pub(super) async fn within(
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
        let (mut counted, _) = tallied.map_err(|error| window.chosen_by.of_tally(error))?;
        match counted.error.take() {
            Some(error) => Err(error),
            None if counted.is_cut => Err(window.chosen_by.too_many(RECORDS_MAX, "records")),
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
            self.add(What { kind, text: None }, record.patient.as_ref(), (start, standing));
        }
        Ok(())
    }

    /// One more, about this patient and of this date.
    pub(super) fn add(&mut self, what: What, patient: Option<&Id>, (date, standing): (&str, Standing)) {
        self.all.push(Visit {
            start: TimeSpan::parse(date).map_or(self.days.between.0, |span| span.low),
            standing,
            patients: patient.iter().map(|patient| self.patients.number(patient.as_str())).collect(),
            practitioners: Vec::new(),
            service: Some(what.kind),
            specialty: what.text,
            minutes: 0,
            waited_minutes: None,
        });
    }

    /// Whether a date is in the days that are asked for.
    pub(super) fn is_within(&self, date: &str) -> bool {
        self.days.hold(date)
    }

    pub(super) fn groups(&self) -> Vec<Group<'_, Option<usize>>> {
        grouped(self.all.iter(), &Prices::none(), |visit| vec![visit.service])
    }

    /// These counts of all of them, and how many patients they are of; nothing of it where that is few.
    pub(super) fn figures(&self, counts: &[(&str, usize)]) -> Map<String, Value> {
        let is_small = Crowd::of(self.all.iter()).is_small();
        let mut figures = Map::new();
        let mut suppressed = Vec::new();
        for (name, count) in counts.iter().copied().chain([("patients", patients(self.all.iter()))]) {
            put(&mut figures, name, (!is_small).then(|| rounded(count)));
            suppressed.extend(is_small.then_some(name));
        }
        figures.insert("suppressed".to_owned(), json!(suppressed));
        figures.insert("rounded_to".to_owned(), ROUNDED_TO.into());
        figures
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

    #[test]
    fn counts_are_rounded_down() {
        assert_eq!([0, 4, 5, 9, 14].map(rounded), [0, 0, 5, 5, 10]);
    }
}
