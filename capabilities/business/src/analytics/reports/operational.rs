//! Reports about the organisation: appointments by day or month. None of it is about a person: what few patients stand
//! behind is kept back as all figures are (docs/decisions/0023).

use medcor_fhir::ResourceType;
use medcor_tools::{ToolContext, ToolError};
use serde_json::{Map, Value, json};

use super::{content::Findings, counted, kind::ReportType, medication};
use crate::analytics::{
    group::{Group, grouped},
    revenue::Prices,
    small,
    visits::{Standing, Visit, Visits, by_status, patients},
    window::{Stretch, Window},
};

/// Days up to which a volume is told by day, and beyond by month.
const DAYS_BY_DAY: i64 = 31;

/// What a report of this type says about the organisation.
pub(super) async fn findings(
    kind: ReportType,
    window: &Window,
    cx: &mut ToolContext<'_>,
) -> Result<Findings, ToolError> {
    match kind {
        ReportType::DailyCensus => census(window, cx).await,
        ReportType::EncounterSummary => counted::encounters(window, cx).await,
        ReportType::MedicationUsage => medication::medications(window, cx).await,
        _ => volume(window, cx).await,
    }
}

/// How many come on each day, and what became of it.
async fn census(window: &Window, cx: &mut ToolContext<'_>) -> Result<Findings, ToolError> {
    let visits = Visits::within(window, None, cx).await?;
    let mut figures = Map::new();
    figures.insert("days".to_owned(), window.length().into());
    figures.insert("appointments".to_owned(), visits.all.len().into());
    figures.insert("appointments_by_status".to_owned(), json!(by_status(visits.all.iter())));
    let days = window.each_day(cx)?;
    let row = |group: &Group<'_, &str>| {
        let mut row = told("date", group);
        put(&mut row, "in_progress", group.count_of(Standing::InProgress));
        put(&mut row, "checked_in", group.count_of(Standing::CheckedIn));
        row
    };
    Ok(Findings { figures: Some(figures), rows: Some(rows(&visits, &days, row)), ..Findings::default() })
}

/// How many patients come and are seen, by day or month.
async fn volume(window: &Window, cx: &mut ToolContext<'_>) -> Result<Findings, ToolError> {
    let visits = Visits::within(window, None, cx).await?;
    let new = cx.records().count_first_stored(ResourceType::PATIENT, (window.from, window.to)).await?;
    let new = usize::try_from(new).unwrap_or(usize::MAX);
    let active = patients(visits.all.iter().filter(|visit| !visit.standing.is_called_off()));
    let mut figures = Map::new();
    figures.insert("appointments".to_owned(), visits.all.len().into());
    let mut suppressed = Vec::new();
    for (name, count) in
        [("new_patients", new), ("active_patients", active), ("patients_seen", patients(visits.completed()))]
    {
        let shown = small::shown(count);
        suppressed.extend(shown.is_none().then_some(name));
        put(&mut figures, name, shown);
    }
    figures.insert("suppressed".to_owned(), json!(suppressed));
    let stretches = if window.length() > DAYS_BY_DAY { window.months(cx)? } else { window.each_day(cx)? };
    let name = if window.length() > DAYS_BY_DAY { "month" } else { "date" };
    let rows = rows(&visits, &stretches, |group| told(name, group));
    Ok(Findings { figures: Some(figures), rows: Some(rows), ..Findings::default() })
}

/// A row for each of these days or months that has an appointment.
fn rows<'s>(
    visits: &'s Visits,
    stretches: &'s [Stretch],
    row: impl Fn(&Group<'_, &'s str>) -> Map<String, Value>,
) -> Vec<Map<String, Value>> {
    let stretch = |visit: &Visit| {
        let after = stretches.partition_point(|stretch| stretch.from <= visit.start);
        stretches.get(after.saturating_sub(1)).map_or("", |stretch| stretch.name.as_str())
    };
    let groups = grouped(visits.asked_for(), &Prices::none(), |visit| vec![stretch(visit)]);
    groups.iter().map(row).collect()
}

/// What is told of appointments that belong together.
fn told(name: &str, group: &Group<'_, &str>) -> Map<String, Value> {
    let mut row = Map::new();
    row.insert(name.to_owned(), group.key.into());
    put(&mut row, "appointments", group.count());
    put(&mut row, "patients", group.booked(patients(group.visits.iter().copied())));
    put(&mut row, "completed", group.count_of(Standing::Completed));
    put(&mut row, "patients_seen", group.done(group.seen()));
    put(&mut row, "cancelled", group.count_of(Standing::Cancelled));
    put(&mut row, "no_shows", group.count_of(Standing::NoShow));
    if group.is_suppressed() {
        row.insert("suppressed".to_owned(), true.into());
    }
    row
}

/// A figure; one that is kept back is left out.
pub(super) fn put(members: &mut Map<String, Value>, name: &str, figure: Option<u64>) {
    if let Some(figure) = figure {
        members.insert(name.to_owned(), figure.into());
    }
}
