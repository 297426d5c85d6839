//! The diaries of clinicians: their hours, what is taken of them, and what is left to book.

use jiff::{ToSpan, Zoned, civil::Date, tz::TimeZone};
use medcor_fhir::{
    Id, ResourceType, naming,
    search::Query,
    view::{PractitionerRole, Schedule},
};
use medcor_tools::{OwnTime, Record, Taken, ToolContext, ToolError, view};

use super::{
    hours::{Hours, SLOT_MINUTES},
    span::{Span, union},
    when::zoned,
};

pub(super) const MICROSECONDS_PER_MINUTE: i64 = 60_000_000;
/// Most schedules and roles that are read for one answer.
const RECORDS_MAX: u32 = 1000;
/// Most slots that one diary is cut into for one answer.
const SLOTS_MAX: usize = 2000;

/// First and last day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Days {
    pub(super) from: Date,
    pub(super) to: Date,
}

/// What is known of a clinician's time.
pub(super) struct Diary {
    pub(super) practitioner: Id,
    /// As others name the clinician.
    pub(super) name: Option<String>,
    pub(super) hours: Hours,
    /// The id of the schedule that says so, if one does.
    pub(super) schedule: Option<String>,
    pub(super) specialties: Vec<String>,
    /// Where they work: `Location/id`, and its name.
    pub(super) location: Option<(String, Option<String>)>,
    /// Whose time does not count as taken.
    pub(super) own: OwnTime,
    /// In order, as far as it was read.
    pub(super) taken: Vec<Span>,
    /// Of which time `taken` tells.
    read: Option<Span>,
}

/// A time that could be booked, or could be if it were not taken.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub(super) practitioner: Id,
    pub(super) start: Zoned,
    pub(super) end: Zoned,
    pub(super) is_free: bool,
}

impl Days {
    /// The moments of these days, and a day around them: visits may begin before midnight.
    fn moments(self, zone: &TimeZone) -> Result<Span, ToolError> {
        let midnight = |date: Date| {
            let start = date.to_zoned(zone.clone());
            start.map(|start| start.timestamp().as_microsecond())
        };
        let after = self.to.checked_add(2.days());
        match (midnight(self.from), after.and_then(midnight)) {
            (Ok(from), Ok(to)) => Ok(Span { from: from - 24 * 60 * MICROSECONDS_PER_MINUTE, to }),
            _ => Err(ToolError::invalid("/date", "is not a day on which anybody is seen")),
        }
    }

    pub(super) fn each(self) -> impl Iterator<Item = Date> {
        self.from.series(1.day()).take_while(move |date| *date <= self.to)
    }
}

/// The diaries of these clinicians on these days, in the same order.
pub(super) async fn diaries(
    practitioners: &[Id],
    days: Days,
    cx: &mut ToolContext<'_>,
) -> Result<Vec<Diary>, ToolError> {
    let window = days.moments(&cx.time_zone())?;
    let mut diaries = closed_diaries(practitioners, cx).await?;
    let taken = cx.records().taken(practitioners, (window.from, window.to), &OwnTime::default()).await?;
    for diary in &mut diaries {
        diary.note(window, &taken);
    }
    Ok(diaries)
}

/// The same without what is taken.
async fn closed_diaries(practitioners: &[Id], cx: &mut ToolContext<'_>) -> Result<Vec<Diary>, ToolError> {
    let schedules = about(ResourceType::SCHEDULE, "actor", practitioners, cx).await?;
    let roles = about(ResourceType::PRACTITIONER_ROLE, "practitioner", practitioners, cx).await?;
    let schedules = schedules.iter().map(view).collect::<Result<Vec<Schedule<'_>>, _>>()?;
    let roles = roles.iter().map(view).collect::<Result<Vec<PractitionerRole<'_>>, _>>()?;
    let closed = closed_days(cx).await?;
    let mut diaries = Vec::with_capacity(practitioners.len());
    for practitioner in practitioners {
        let mut diary = Diary::of(practitioner, &schedules, &roles);
        diary.hours.add_closed_days(&closed);
        diaries.push(diary);
    }
    Ok(diaries)
}

/// The diary of one clinician on these days.
pub(super) async fn diary(
    practitioner: &Id,
    days: Days,
    cx: &mut ToolContext<'_>,
) -> Result<Diary, ToolError> {
    let mut diary = closed_diary(practitioner, OwnTime::default(), cx).await?;
    diary.read_days(days, cx).await?;
    Ok(diary)
}

/// The diary of one clinician, without what is taken: [`Diary::read`] adds it for the time that matters.
pub(super) async fn closed_diary(
    practitioner: &Id,
    own: OwnTime,
    cx: &mut ToolContext<'_>,
) -> Result<Diary, ToolError> {
    let mut diaries = closed_diaries(std::slice::from_ref(practitioner), cx).await?;
    let diary = diaries.pop().ok_or_else(|| ToolError::not_found("Practitioner"))?;
    Ok(Diary { own, ..diary })
}

/// The records of this type that are in use and name one of these clinicians there.
async fn about(
    resource_type: ResourceType,
    parameter: &str,
    practitioners: &[Id],
    cx: &mut ToolContext<'_>,
) -> Result<Vec<Record>, ToolError> {
    if practitioners.is_empty() || !cx.may_read(resource_type) {
        return Ok(Vec::new());
    }
    let names: Vec<String> = practitioners.iter().map(|id| format!("Practitioner/{id}")).collect();
    let mut query = Query::new(resource_type).with(parameter, &names.join(","))?;
    query.count = RECORDS_MAX;
    Ok(cx.records().search(&query).await?.records)
}

/// The schedule that closes for everybody.
pub(super) async fn organisation_schedule(cx: &mut ToolContext<'_>) -> Result<Option<Record>, ToolError> {
    let identifier = format!("{}|organisation", naming::SCHEDULE);
    let mut query = Query::new(ResourceType::SCHEDULE).with("identifier", &identifier)?;
    query.count = 1;
    Ok(cx.records().search(&query).await?.records.into_iter().next())
}

async fn closed_days(cx: &mut ToolContext<'_>) -> Result<Hours, ToolError> {
    let mut hours = Hours::default();
    if let Some(record) = organisation_schedule(cx).await? {
        hours.add_schedule(&view(&record)?);
    }
    Ok(hours)
}

impl Diary {
    fn of(practitioner: &Id, schedules: &[Schedule<'_>], roles: &[PractitionerRole<'_>]) -> Self {
        let is_own = |who: &medcor_fhir::view::Reference<'_>| {
            who.id_of(ResourceType::PRACTITIONER).as_ref() == Some(practitioner)
        };
        let of_schedule =
            |schedule: &&Schedule<'_>| schedule.active != Some(false) && schedule.actor.iter().any(is_own);
        let of_role = |role: &&PractitionerRole<'_>| {
            role.active != Some(false) && role.practitioner.as_ref().is_some_and(is_own)
        };
        let mut hours = Hours::default();
        let mut id = None;
        for schedule in schedules.iter().filter(of_schedule) {
            id.get_or_insert_with(|| schedule.id.to_string());
            hours.add_schedule(schedule);
        }
        let has_own_hours = !hours.weekly.is_empty();
        let roles: Vec<&PractitionerRole<'_>> = roles.iter().filter(of_role).collect();
        for role in &roles {
            if !has_own_hours {
                hours.add_role_hours(role);
            }
            hours.add_role_leave(role);
        }
        let actors = schedules.iter().filter(of_schedule).flat_map(|schedule| &schedule.actor);
        let names = actors
            .filter(|actor| is_own(actor))
            .chain(roles.iter().filter_map(|role| role.practitioner.as_ref()));
        let mut specialties: Vec<String> = Vec::new();
        for text in roles.iter().flat_map(|role| &role.specialty).filter_map(|concept| concept.text()) {
            if !specialties.iter().any(|known| known == text) {
                specialties.push(text.to_owned());
            }
        }
        let location = roles.iter().flat_map(|role| &role.location).find_map(|location| {
            let reference = location.reference.as_deref()?.to_owned();
            Some((reference, location.display.as_deref().map(str::to_owned)))
        });
        Self {
            practitioner: practitioner.clone(),
            name: names.into_iter().find_map(|actor| actor.display.as_deref().map(str::to_owned)),
            hours,
            schedule: id,
            specialties,
            location,
            own: OwnTime::default(),
            taken: Vec::new(),
            read: None,
        }
    }

    /// Reads what is taken on these days.
    pub(super) async fn read_days(&mut self, days: Days, cx: &mut ToolContext<'_>) -> Result<(), ToolError> {
        let window = days.moments(&cx.time_zone())?;
        self.read(window, cx).await
    }

    /// Reads what is taken of this time, unless that is known.
    pub(super) async fn read(&mut self, window: Span, cx: &mut ToolContext<'_>) -> Result<(), ToolError> {
        if self.read.is_some_and(|read| read.holds(window)) {
            return Ok(());
        }
        let who = std::slice::from_ref(&self.practitioner);
        let taken = cx.records().taken(who, (window.from, window.to), &self.own).await?;
        self.note(window, &taken);
        Ok(())
    }

    fn note(&mut self, window: Span, taken: &[Taken]) {
        let own = taken.iter().filter(|taken| taken.practitioner == self.practitioner);
        self.taken = union(own.map(|Taken { from, to, .. }| Span { from: *from, to: *to }).collect());
        self.read = Some(window);
    }

    /// Minutes of a visit whose length nobody gave.
    pub(super) fn slot_minutes(&self) -> u32 {
        self.hours.slot_minutes.filter(|minutes| *minutes > 0).unwrap_or(SLOT_MINUTES)
    }

    /// Minutes after a visit in which nobody is seen.
    pub(super) fn buffer_minutes(&self) -> u32 {
        self.hours.buffer_minutes.unwrap_or(0)
    }

    /// This span and the pause after it.
    pub(super) fn with_pause(&self, span: Span) -> Span {
        Span { to: span.to + i64::from(self.buffer_minutes()) * MICROSECONDS_PER_MINUTE, ..span }
    }

    /// What takes some of this span, or of the pause after it.
    pub(super) fn taken_in(&self, span: Span) -> impl Iterator<Item = Span> {
        let with_pause = self.with_pause(span);
        self.taken.iter().copied().filter(move |taken| taken.overlaps(with_pause))
    }

    /// All slots of this length on these days that have not begun.
    pub(super) fn slots(&self, minutes: u32, days: Days, cx: &ToolContext<'_>) -> Vec<Slot> {
        let (zone, now) = (cx.time_zone(), cx.now().as_microsecond());
        let length = i64::from(minutes) * MICROSECONDS_PER_MINUTE;
        let step = i64::from(minutes.min(self.slot_minutes())) * MICROSECONDS_PER_MINUTE;
        let mut slots = Vec::new();
        for date in days.each() {
            for open in self.hours.on(date, &zone) {
                let mut from = open.from;
                while from + length <= open.to && slots.len() < SLOTS_MAX {
                    let span = Span { from, to: from + length };
                    if from > now {
                        slots.push(Slot {
                            practitioner: self.practitioner.clone(),
                            start: zoned(span.from, &zone),
                            end: zoned(span.to, &zone),
                            is_free: self.taken_in(span).next().is_none(),
                        });
                    }
                    from += step;
                }
            }
        }
        slots
    }
}

impl Slot {
    pub(super) fn span(&self) -> Span {
        Span { from: self.start.timestamp().as_microsecond(), to: self.end.timestamp().as_microsecond() }
    }
}
