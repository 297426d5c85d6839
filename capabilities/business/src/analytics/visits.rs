//! The appointments of some days, without who they are with: what figures are made of. Patients are numbers here,
//! which mean nothing beyond one answer.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::ControlFlow,
};

use medcor_fhir::{
    Id, ResourceType,
    primitive::{TimeSpan, format_instant},
    search::Query,
    view::{Appointment, CodeableConcept},
};
pub(super) use medcor_tools::AppointmentStatus as Standing;
use medcor_tools::{Action, Record, ToolContext, ToolError, view};

use super::window::{ChosenBy, Window};

/// Most appointments that one call adds up.
const VISITS_MAX: usize = 200_000;
const MICROSECONDS_PER_MINUTE: i64 = 60_000_000;
/// A moment in a search is a millisecond.
const MILLISECOND: i64 = 1000;

/// One appointment. What is known of people and services is a number in the lists of [`Visits`].
#[derive(Debug, Clone)]
pub(super) struct Visit {
    /// Microseconds since the epoch.
    pub(super) start: i64,
    pub(super) standing: Standing,
    pub(super) patients: Vec<usize>,
    pub(super) practitioners: Vec<usize>,
    pub(super) service: Option<usize>,
    /// What the appointment itself says.
    pub(super) specialty: Option<usize>,
    pub(super) minutes: i64,
    /// From when it was asked for to when it is.
    pub(super) waited_minutes: Option<i64>,
}

/// The appointments of some days.
#[derive(Debug, Default)]
pub(super) struct Visits {
    pub(super) all: Vec<Visit>,
    pub(super) practitioners: Names,
    pub(super) services: Names,
    pub(super) specialties: Names,
    patients: Names,
    within: (i64, i64),
    pub(super) chosen_by: ChosenBy,
    is_cut: bool,
    error: Option<ToolError>,
}

/// Texts, each with a number.
#[derive(Debug, Default)]
pub(super) struct Names {
    texts: Vec<String>,
    numbers: HashMap<String, usize>,
}

/// What figures of the organisation are made of, as far as it is about patients.
pub(super) const ABOUT_PATIENTS: &[ResourceType] =
    &[ResourceType::APPOINTMENT, ResourceType::PATIENT, ResourceType::INVOICE];

/// Whether the caller sees these records of everybody, and not those of one chart alone.
pub(super) fn sees_everybody(resource_types: &[ResourceType], cx: &ToolContext<'_>) -> bool {
    resource_types.iter().all(|resource_type| cx.sees_everybody(Action::Search, *resource_type))
}

/// Refuses figures where not everybody is seen: those of one patient are none of the organisation's.
pub(super) fn refuse_pinned(resource_types: &[ResourceType], cx: &ToolContext<'_>) -> Result<(), ToolError> {
    if sees_everybody(resource_types, cx) {
        return Ok(());
    }
    Err(ToolError::PermissionDenied {
        needed: "figures of all patients in a conversation or with a token that is confined to one"
            .to_owned(),
    })
}

impl Visits {
    /// All appointments that begin in these days, but for those entered in error, as far as the caller sees them; of
    /// one clinician, if one is given.
    pub(super) async fn within(
        window: &Window,
        practitioner: Option<&Id>,
        cx: &mut ToolContext<'_>,
    ) -> Result<Self, ToolError> {
        // `sa` is what the index on the start can tell; `take` has the last word.
        let mut query = Query::new(ResourceType::APPOINTMENT)
            .with("_sort", "date")?
            .with("date", &format!("sa{}", format_instant(window.from - MILLISECOND)))?
            .with("date", &format!("lt{}", format_instant(window.to)))?;
        if let Some(practitioner) = practitioner {
            query = query.with("actor", &format!("Practitioner/{practitioner}"))?;
        }
        let chosen_by = window.chosen_by;
        let visits = Self { within: (window.from, window.to), chosen_by, ..Self::default() };
        let tallied = cx.records().tally(&query, visits, Self::take).await;
        let mut visits = tallied.map_err(|error| chosen_by.of_tally(error))?;
        if let Some(error) = visits.error.take() {
            return Err(error);
        }
        if visits.is_cut {
            return Err(visits.chosen_by.too_many(VISITS_MAX, "appointments"));
        }
        Ok(visits)
    }

    /// Those that took place.
    pub(super) fn completed(&self) -> impl Iterator<Item = &Visit> {
        self.all.iter().filter(|visit| visit.standing == Standing::Completed)
    }

    /// Without those that were moved, which another stands for.
    pub(super) fn asked_for(&self) -> impl Iterator<Item = &Visit> {
        self.all.iter().filter(|visit| visit.standing != Standing::Rescheduled)
    }

    fn take(&mut self, record: &Record) -> ControlFlow<()> {
        if self.all.len() == VISITS_MAX {
            self.is_cut = true;
            return ControlFlow::Break(());
        }
        match view(record) {
            Ok(appointment) => {
                self.add(&appointment);
                ControlFlow::Continue(())
            }
            Err(error) => {
                self.error = Some(error);
                ControlFlow::Break(())
            }
        }
    }

    fn add(&mut self, appointment: &Appointment<'_>) {
        let moment = |text: Option<&str>| Some(TimeSpan::parse(text?)?.low);
        let Some(start) = moment(appointment.start.as_deref()) else { return };
        let standing = Standing::of(appointment);
        if standing == Standing::EnteredInError || !(self.within.0..self.within.1).contains(&start) {
            return;
        }
        let end = moment(appointment.end.as_deref()).unwrap_or(start);
        let asked = moment(appointment.created.as_deref()).filter(|asked| *asked <= start);
        let practitioners = actors(appointment, ResourceType::PRACTITIONER, &mut self.practitioners);
        let patients = actors(appointment, ResourceType::PATIENT, &mut self.patients);
        let service = appointment.actor_id(ResourceType::HEALTHCARE_SERVICE);
        let specialty = appointment.specialty.iter().find_map(CodeableConcept::text);
        self.all.push(Visit {
            start,
            standing,
            patients,
            practitioners,
            service: service.map(|id| self.services.number(id.as_str())),
            specialty: specialty.map(|text| self.specialties.number(text)),
            minutes: ((end - start) / MICROSECONDS_PER_MINUTE).max(0),
            waited_minutes: asked.map(|asked| (start - asked) / MICROSECONDS_PER_MINUTE),
        });
    }
}

/// The numbers of all of this type who take part, each once, in their order.
fn actors(appointment: &Appointment<'_>, of: ResourceType, names: &mut Names) -> Vec<usize> {
    let participants = appointment.participant.iter();
    let ids = participants.filter_map(|participant| participant.actor.as_ref()?.id_of(of));
    let mut numbers = Vec::new();
    for id in ids {
        let number = names.number(id.as_str());
        if !numbers.contains(&number) {
            numbers.push(number);
        }
    }
    numbers
}

/// How many of these stand how, by the word.
pub(super) fn by_status<'v>(visits: impl Iterator<Item = &'v Visit>) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    for visit in visits {
        *counts.entry(visit.standing.word()).or_default() += 1;
    }
    counts
}

/// How many different patients these are of.
pub(super) fn patients<'v>(visits: impl Iterator<Item = &'v Visit>) -> usize {
    visits.flat_map(|visit| visit.patients.iter().copied()).collect::<HashSet<usize>>().len()
}

impl Names {
    /// The number of this text.
    pub(super) fn number(&mut self, text: &str) -> usize {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        self.texts.push(text.to_owned());
        self.numbers.insert(text.to_owned(), self.texts.len() - 1);
        self.texts.len() - 1
    }

    /// The text of this number.
    pub(super) fn text(&self, number: usize) -> Option<&str> {
        self.texts.get(number).map(String::as_str)
    }
}
