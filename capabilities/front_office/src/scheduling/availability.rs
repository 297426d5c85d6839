//! Setting when clinicians are there.

use jiff::civil::Date;
use medcor_fhir::{
    ParsedResource, RawObject, ResourceType, naming,
    search::Query,
    view::{Appointment, Extension, Schedule},
};
use medcor_tools::{
    Alias, Effect, Need, OwnTime, Record, Ref, Role, Synonym, Tool, ToolContext, ToolError, alias,
    detail::Problems, kind, synonym, view,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    answer::name_of,
    book::given,
    booking::span_of,
    change::replace_extension,
    diary::{self, Diary},
    hours::{Exception, Minutes, Weekly, name_of as day_name, number_of, weekday_of},
    span::Span,
    when::{self, clock, zoned},
};

/// Most appointments that an answer names.
const AFFECTED_MAX: usize = 20;
/// Most appointments that are looked at for whether a change concerns them.
const LOOKED_MAX: u32 = 500;

/// Sets when a clinician can be booked: hours of every week, extra hours on a day, or times that are closed.
///
/// `day_of_week` with times adds weekly hours (0 is Monday). `date` instead means that day alone, through
/// `to_date` if given. `is_available: false` closes: a holiday, leave, or hours of a week that end. Without
/// `provider` it closes days for everybody. Appointments in closed times stay and are listed. Doctors set
/// their own hours only.
#[derive(Deserialize, JsonSchema)]
pub(super) struct CreateAppointmentSlot {
    /// Whose hours: id, NPI or full name; clinicians say `me`.
    provider: Option<Ref<kind::Practitioner>>,
    /// 0 (Monday) to 6 (Sunday), or the name of the day.
    #[schemars(extend("x-medcor-name" = true))]
    day_of_week: Option<String>,
    /// From when, such as 09:00.
    start_time: Option<String>,
    /// To when, such as 17:00; 00:00 is the end of the day.
    end_time: Option<String>,
    /// This day alone instead of every week, such as 2026-12-24.
    date: Option<String>,
    /// Last day, where `date` is the first of several.
    to_date: Option<String>,
    /// `false`: nobody can be booked then.
    is_available: Option<bool>,
    /// Minutes of a visit of this clinician whose length nobody gives.
    #[schemars(range(min = 5, max = 240))]
    slot_minutes: Option<u32>,
    /// Minutes after each visit in which nobody is booked.
    #[schemars(range(min = 0, max = 120))]
    buffer_minutes: Option<u32>,
    /// Why it is closed or open, such as Christmas.
    #[schemars(length(max = 200))]
    reason: Option<String>,
}

/// Hours after a change.
#[derive(Serialize, JsonSchema)]
pub(super) struct HoursAnswer {
    success: bool,
    /// In words.
    message: String,
    /// Of the schedule.
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    doctor_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    doctor_name: Option<String>,
    /// 0 is Monday.
    #[serde(skip_serializing_if = "Option::is_none")]
    day_of_week: Option<i8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    day: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<String>,
    is_available: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    slot_minutes: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    buffer_minutes: Option<u32>,
    /// All hours of every week.
    weekly_hours: Vec<DayHours>,
    /// Appointments in what is closed now; they stay until somebody moves them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    affected_appointments: Vec<Affected>,
}

#[derive(Serialize, JsonSchema)]
struct DayHours {
    day: &'static str,
    start_time: String,
    end_time: String,
}

#[derive(Serialize, JsonSchema)]
struct Affected {
    appointment_id: String,
    date: String,
    start_time: String,
}

impl Tool for CreateAppointmentSlot {
    const NAME: &'static str = "create_appointment_slot";
    const TITLE: &'static str = "Set hours of a clinician";
    const ALIASES: &'static [Alias] = &[alias("add_availability_tool")];
    const EFFECT: Effect = Effect::Updates;
    const NEEDS: &'static [Need] = &[
        Need::read(ResourceType::PRACTITIONER),
        Need::search(ResourceType::SCHEDULE),
        Need::create(ResourceType::SCHEDULE),
        Need::update(ResourceType::SCHEDULE),
        // Who changes hours has to be told whom that concerns.
        Need::search(ResourceType::APPOINTMENT),
        Need::search_if_allowed(ResourceType::PRACTITIONER_ROLE),
    ];
    const SYNONYMS: &'static [Synonym] = &[
        synonym("day", "day_of_week"),
        synonym("notes", "reason"),
        synonym("end_date", "to_date"),
        synonym("until", "to_date"),
        synonym("slot_duration", "slot_minutes"),
    ];
    const KEYWORDS: &'static [&'static str] =
        &["availability", "working hours", "opening hours", "holiday", "leave", "vacation", "block time"];
    type Output = HoursAnswer;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<HoursAnswer, ToolError> {
        let change = self.change(cx)?;
        refuse_others(self.provider.as_ref(), cx)?;
        match &self.provider {
            Some(provider) => self.of_clinician(provider, change, cx).await,
            None => self.of_everybody(change, cx).await,
        }
    }
}

/// What is to change.
enum Change {
    Weekly(Weekly),
    Days(Exception),
}

/// Doctors set their own hours, whoever else may set those of all.
fn refuse_others(provider: Option<&Ref<kind::Practitioner>>, cx: &ToolContext<'_>) -> Result<(), ToolError> {
    let principal = cx.principal();
    let is_doctor_only = principal.roles.contains(&Role::Doctor)
        && principal.roles.iter().all(|role| matches!(role, Role::Doctor | Role::Nurse));
    let is_own = provider.is_some_and(|provider| principal.practitioner.as_ref() == Some(provider.id()));
    if is_doctor_only && !is_own {
        let needed = "setting the hours of others; ask the reception".to_owned();
        return Err(ToolError::PermissionDenied { needed });
    }
    Ok(())
}

impl CreateAppointmentSlot {
    fn is_open(&self) -> bool {
        self.is_available.unwrap_or(true)
    }

    fn change(&self, cx: &ToolContext<'_>) -> Result<Change, ToolError> {
        let mut problems = Problems::default();
        let day = |text: &str| weekday_of(text).ok_or("is not a day: 0 (Monday) to 6 (Sunday), or its name");
        let weekday = problems.checked("day_of_week", self.day_of_week.as_deref(), day);
        let date = problems.checked("date", self.date.as_deref(), when::date);
        let to_date = problems.checked("to_date", self.to_date.as_deref(), when::date);
        let start = problems.checked("start_time", self.start_time.as_deref(), when::time);
        let end = problems.checked("end_time", self.end_time.as_deref(), when::time);
        if self.day_of_week.is_some() == self.date.is_some() {
            problems.add("day_of_week", "give either it, for every week, or date, for that day alone");
        }
        if self.provider.is_none() && (self.is_open() || self.date.is_none()) {
            problems.add("provider", "is required, but to close a date for everybody");
        }
        // A whole day is closed without times; everything else has both.
        let has_times = self.start_time.is_some() || self.end_time.is_some();
        let needs_times = has_times || self.is_open() || self.date.is_none();
        for (name, text) in [("start_time", &self.start_time), ("end_time", &self.end_time)] {
            if needs_times && text.is_none() {
                problems.add(name, "is required");
            }
        }
        let minutes = start.zip(end).map(|(start, end)| Minutes::between(start, end));
        if minutes == Some(None) {
            problems.add("end_time", "is not after start_time");
        }
        if let (Some(date), Some(to)) = (date, to_date)
            && to < date
        {
            problems.add("to_date", "is before date");
        }
        if to_date.or(date).is_some_and(|last| last < cx.today()) {
            problems.add("date", "is in the past");
        }
        problems.refuse()?;
        let minutes = minutes.flatten();
        match (weekday, minutes, date) {
            (Some(day), Some(minutes), _) => Ok(Change::Weekly(Weekly { day, minutes })),
            (_, minutes, Some(from)) => Ok(Change::Days(Exception {
                from,
                to: to_date.unwrap_or(from),
                minutes,
                is_open: self.is_open(),
                reason: given(self.reason.as_deref()).map(str::to_owned),
            })),
            _ => Err(ToolError::invalid("/day_of_week", "is required")),
        }
    }

    async fn of_clinician(
        &self,
        provider: &Ref<kind::Practitioner>,
        change: Change,
        cx: &mut ToolContext<'_>,
    ) -> Result<HoursAnswer, ToolError> {
        let practitioner = cx.record(provider).await?;
        let name = name_of(&practitioner)?;
        let diary = diary::closed_diary(&practitioner.id, OwnTime::default(), cx).await?;
        let mut weekly = diary.hours.weekly.clone();
        if let Change::Weekly(hours) = &change {
            weekly = if self.is_open() { added(weekly, *hours) } else { removed(weekly, *hours) };
        }
        let own = schedules_of(&practitioner, cx).await?;
        let current = own.first().cloned();
        let mut edit = match &current {
            Some(record) => RawObject::parse(&record.body)?,
            None => new_schedule(
                json!({ "reference": format!("Practitioner/{}", practitioner.id), "display": name }),
            )?,
        };
        replace_extension(&mut edit, naming::SCHEDULE_HOURS, weekly.iter().map(|hours| hours.fhir()))?;
        self.write_rest(&mut edit, &change)?;
        let schedule = staged(current.as_ref(), &edit, cx)?;
        // Hours that stood in another schedule of the same clinician are in this one now.
        for other in own.iter().skip(1) {
            let mut edit = RawObject::parse(&other.body)?;
            replace_extension(&mut edit, naming::SCHEDULE_HOURS, None)?;
            staged(Some(other), &edit, cx)?;
        }
        let affected =
            if self.is_open() { Vec::new() } else { self.affected(Some(&diary), &change, cx).await? };
        Ok(self.answer(&schedule, (Some(&practitioner), name), &weekly, &change, affected))
    }

    async fn of_everybody(&self, change: Change, cx: &mut ToolContext<'_>) -> Result<HoursAnswer, ToolError> {
        let current = diary::organisation_schedule(cx).await?;
        let mut edit = match &current {
            Some(record) => RawObject::parse(&record.body)?,
            None => new_schedule(json!({ "display": cx.tenant().name }))?,
        };
        edit.set("identifier", &json!([{ "system": naming::SCHEDULE, "value": "organisation" }]))?;
        self.write_rest(&mut edit, &change)?;
        let schedule = staged(current.as_ref(), &edit, cx)?;
        let affected = self.affected(None, &change, cx).await?;
        Ok(self.answer(&schedule, (None, None), &[], &change, affected))
    }

    /// Exceptions and lengths.
    fn write_rest(&self, edit: &mut RawObject, change: &Change) -> Result<(), ToolError> {
        if let Change::Days(exception) = change {
            let mut all: Vec<Value> = Vec::new();
            for item in edit.items("extension")? {
                let known: Extension<'_> = serde_json::from_str(item.get())?;
                if known.url == *naming::SCHEDULE_EXCEPTION {
                    all.push(serde_json::from_str(item.get())?);
                }
            }
            let new = exception.fhir();
            if !all.contains(&new) {
                all.push(new);
            }
            replace_extension(edit, naming::SCHEDULE_EXCEPTION, all)?;
        }
        let lengths =
            [(naming::SCHEDULE_SLOT, self.slot_minutes), (naming::SCHEDULE_BUFFER, self.buffer_minutes)];
        for (url, minutes) in lengths {
            if let Some(minutes) = minutes {
                replace_extension(edit, url, Some(json!({ "url": url, "valueUnsignedInt": minutes })))?;
            }
        }
        Ok(())
    }

    /// The appointments to come that are in what is closed now.
    async fn affected(
        &self,
        diary: Option<&Diary>,
        change: &Change,
        cx: &mut ToolContext<'_>,
    ) -> Result<Vec<Affected>, ToolError> {
        let zone = cx.time_zone();
        let now = medcor_fhir::primitive::format_instant(cx.now().as_microsecond());
        let mut query =
            Query::new(ResourceType::APPOINTMENT).with("date", &format!("ge{now}"))?.with("_sort", "date")?;
        if let Some(diary) = diary {
            query = query.with("actor", &format!("Practitioner/{}", diary.practitioner))?;
        }
        query.count = LOOKED_MAX;
        let mut affected = Vec::new();
        for record in cx.records().search(&query).await?.records {
            let appointment: Appointment<'_> = view(&record)?;
            let Some(span) = span_of(&appointment).filter(|_| appointment.takes_time()) else { continue };
            let start = zoned(span.from, &zone);
            if affected.len() < AFFECTED_MAX && change.closes(span, start.date(), &zone) {
                affected.push(Affected {
                    appointment_id: record.id.to_string(),
                    date: start.date().to_string(),
                    start_time: clock(start.time()),
                });
            }
        }
        Ok(affected)
    }

    fn answer(
        &self,
        schedule: &Record,
        (practitioner, doctor_name): (Option<&Record>, Option<String>),
        weekly: &[Weekly],
        change: &Change,
        affected: Vec<Affected>,
    ) -> HoursAnswer {
        let (weekday, exception, minutes) = match change {
            Change::Weekly(hours) => (Some(hours.day), None, Some(hours.minutes)),
            Change::Days(exception) => (None, Some(exception), exception.minutes),
        };
        let times = minutes.map(Minutes::texts);
        let what = if self.is_open() { "open" } else { "closed" };
        let who = doctor_name.clone().unwrap_or_else(|| "everybody".to_owned());
        let on = match (weekday, exception) {
            (Some(day), _) => format!("every {}", day_name(day)),
            (None, Some(days)) if days.to > days.from => format!("{} to {}", days.from, days.to),
            (None, Some(days)) => days.from.to_string(),
            (None, None) => String::new(),
        };
        let clock = times.as_ref().map(|(start, end)| format!(" {start}–{end}")).unwrap_or_default();
        HoursAnswer {
            success: true,
            message: format!("{who}: {what} {on}{clock}"),
            id: schedule.id.to_string(),
            doctor_id: practitioner.map(|practitioner| practitioner.id.to_string()),
            doctor_name,
            day_of_week: weekday.map(number_of),
            day: weekday.map(day_name),
            date: exception.map(|days| days.from.to_string()),
            to_date: exception.map(|days| days.to.to_string()),
            start_time: times.as_ref().map(|(start, _)| start.clone()),
            end_time: times.map(|(_, end)| end),
            is_available: self.is_open(),
            slot_minutes: self.slot_minutes,
            buffer_minutes: self.buffer_minutes,
            weekly_hours: weekly.iter().map(DayHours::of).collect(),
            affected_appointments: affected,
        }
    }
}

impl Change {
    fn closes(&self, span: Span, date: Date, zone: &jiff::tz::TimeZone) -> bool {
        let closed = match self {
            Self::Weekly(hours) if hours.day == date.weekday() => hours.minutes.on(date, zone),
            Self::Days(days) if days.from <= date && date <= days.to => days.minutes().on(date, zone),
            _ => None,
        };
        closed.is_some_and(|closed| closed.overlaps(span))
    }
}

impl DayHours {
    fn of(weekly: &Weekly) -> Self {
        let (start_time, end_time) = weekly.minutes.texts();
        Self { day: day_name(weekly.day), start_time, end_time }
    }
}

/// Hours of every week in order, those that touch as one.
fn added(mut weekly: Vec<Weekly>, new: Weekly) -> Vec<Weekly> {
    weekly.push(new);
    weekly.sort_by_key(|hours| (number_of(hours.day), hours.minutes));
    let mut joined: Vec<Weekly> = Vec::with_capacity(weekly.len());
    for hours in weekly {
        match joined.last_mut().filter(|last| last.day == hours.day && hours.minutes.from <= last.minutes.to)
        {
            Some(last) => last.minutes.to = last.minutes.to.max(hours.minutes.to),
            None => joined.push(hours),
        }
    }
    joined
}

/// Hours of every week without these.
fn removed(weekly: Vec<Weekly>, gone: Weekly) -> Vec<Weekly> {
    let parts = weekly.into_iter().flat_map(|hours| {
        if hours.day != gone.day {
            return vec![hours];
        }
        let before = Minutes { from: hours.minutes.from, to: hours.minutes.to.min(gone.minutes.from) };
        let after = Minutes { from: hours.minutes.from.max(gone.minutes.to), to: hours.minutes.to };
        let left = [before, after].into_iter().filter(|minutes| minutes.from < minutes.to);
        left.map(|minutes| Weekly { day: hours.day, minutes }).collect()
    });
    parts.collect()
}

async fn schedules_of(practitioner: &Record, cx: &mut ToolContext<'_>) -> Result<Vec<Record>, ToolError> {
    let mut query =
        Query::new(ResourceType::SCHEDULE).with("actor", &format!("Practitioner/{}", practitioner.id))?;
    query.count = 20;
    let mut records = cx.records().search(&query).await?.records;
    let mut is_used = Vec::with_capacity(records.len());
    for record in &records {
        is_used.push(view::<Schedule<'_>>(record)?.active != Some(false));
    }
    let mut used = is_used.into_iter();
    records.retain(|_| used.next().unwrap_or(false));
    records.sort_by(|one, other| one.id.as_str().cmp(other.id.as_str()));
    Ok(records)
}

fn new_schedule(mut actor: Value) -> Result<RawObject, ToolError> {
    if actor.get("display").is_some_and(Value::is_null)
        && let Some(actor) = actor.as_object_mut()
    {
        actor.remove("display");
    }
    let schedule = json!({ "resourceType": "Schedule", "active": true, "actor": [actor] });
    Ok(RawObject::parse(&schedule.to_string())?)
}

fn staged(current: Option<&Record>, edit: &RawObject, cx: &mut ToolContext<'_>) -> Result<Record, ToolError> {
    let resource = ParsedResource::parse(edit.to_text()?)?;
    Ok(match current {
        Some(current) => cx.records().update(current, resource)?,
        None => cx.records().create(resource)?,
    })
}

#[cfg(test)]
mod tests {
    use jiff::civil::Weekday;

    use super::*;

    fn hours(day: Weekday, from: i32, to: i32) -> Weekly {
        Weekly { day, minutes: Minutes { from, to } }
    }

    #[test]
    fn hours_that_touch_become_one_and_others_stay() {
        let (monday, friday) = (Weekday::Monday, Weekday::Friday);
        let all = added(vec![hours(friday, 0, 10), hours(monday, 10, 20)], hours(monday, 20, 30));
        assert_eq!(all, [hours(monday, 10, 30), hours(friday, 0, 10)]);
        assert_eq!(
            removed(all, hours(monday, 15, 25)),
            [hours(monday, 10, 15), hours(monday, 25, 30), hours(friday, 0, 10)]
        );
    }
}
