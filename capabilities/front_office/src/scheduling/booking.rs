//! What every way to book shares: what stands against a time, what could be had instead, and the record.

use jiff::{ToSpan, Zoned, civil::Date};
use medcor_fhir::{
    Id, ParsedResource, ResourceType, naming,
    primitive::TimeSpan,
    search::Query,
    view::{Appointment, Extension, HealthcareService, Patient, Practitioner},
};
use medcor_tools::{Action, Need, Record, Ref, ToolContext, ToolError, detail::Problems, kind, view};
use serde_json::{Value, json};

use super::{
    answer::{name_of, now_text},
    diary::{Days, Diary, MICROSECONDS_PER_MINUTE, Slot},
    doctors,
    kinds::Kind,
    span::Span,
    when::{self, STEP_MINUTES, clock, instant, zoned},
};

/// What booking needs at most.
pub(super) const NEEDS: &[Need] = &[
    Need::read(ResourceType::PATIENT),
    Need::read(ResourceType::PRACTITIONER),
    Need::search(ResourceType::SCHEDULE),
    Need::search(ResourceType::APPOINTMENT),
    Need::create(ResourceType::APPOINTMENT),
    Need::search_if_allowed(ResourceType::PRACTITIONER_ROLE),
    Need::read_if_allowed(ResourceType::HEALTHCARE_SERVICE),
    Need::read_if_allowed(ResourceType::LOCATION),
    Need::read_if_allowed(ResourceType::ORGANIZATION),
    // Who sets the hours of others may also book beside them.
    Need::update_if_allowed(ResourceType::SCHEDULE),
];

/// Shortest and longest visit, in minutes.
const MINUTES_MIN: u32 = 5;
const MINUTES_MAX: u32 = 720;
/// How far around a time others are looked for, in days.
const AROUND_DAYS: i32 = 14;
/// How many times are offered instead.
const ALTERNATIVES_MAX: usize = 5;
/// Most appointments of one patient that are told to stand against one time.
const OWN_MAX: usize = 20;

/// Who is seen by whom.
pub(super) struct Parties {
    pub(super) patient: Record,
    pub(super) practitioner: Record,
    pub(super) service: Option<Record>,
}

/// A time that somebody wants.
#[derive(Debug, Clone)]
pub(super) struct Visit {
    pub(super) start: Zoned,
    pub(super) end: Zoned,
}

/// What stands against a time.
#[derive(Debug, Clone)]
pub(super) struct Obstacle {
    kind: &'static str,
    problem: String,
    start: Zoned,
    end: Zoned,
    /// Of the patient's own.
    appointment: Option<Id>,
}

/// How long a visit is to be: what the caller said of it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Length<'l> {
    pub(super) end_time: Option<&'l str>,
    pub(super) minutes: Option<u32>,
}

impl Length<'_> {
    /// Whether the caller said nothing of it.
    pub(super) fn is_usual(self) -> bool {
        self.end_time.is_none() && self.minutes.is_none()
    }
}

impl Parties {
    /// Reads who takes part and refuses whom nobody can book.
    pub(super) async fn of(
        patient: &Ref<kind::Patient>,
        practitioner: &Ref<kind::Practitioner>,
        service: Option<&Ref<kind::HealthcareService>>,
        cx: &mut ToolContext<'_>,
    ) -> Result<Self, ToolError> {
        let practitioner = cx.record(practitioner).await?;
        Self::of_records(patient, practitioner, service, cx).await
    }

    /// The same, where the clinician was read already.
    pub(super) async fn of_records(
        patient: &Ref<kind::Patient>,
        practitioner: Record,
        service: Option<&Ref<kind::HealthcareService>>,
        cx: &mut ToolContext<'_>,
    ) -> Result<Self, ToolError> {
        let service = match service {
            Some(service) => Some(cx.record(service).await?),
            None => None,
        };
        let parties = Self { patient: cx.record(patient).await?, practitioner, service };
        let seen: Patient<'_> = view(&parties.patient)?;
        if seen.is_deceased() || !seen.is_active() {
            return Err(ToolError::Precondition(
                "the patient's record is closed; nobody can be booked under it".to_owned(),
            ));
        }
        if !view::<Practitioner<'_>>(&parties.practitioner)?.is_active() {
            return Err(ToolError::Precondition(
                "the clinician no longer works here; choose another".to_owned(),
            ));
        }
        Ok(parties)
    }

    /// The end of a visit: as the caller said, else by the service, the clinician's slots, or half an hour.
    pub(super) fn end(&self, start: &Zoned, length: Length<'_>, diary: &Diary) -> Result<Zoned, ToolError> {
        end_of_visit(start, length, self.service.as_ref(), diary)
    }
}

/// See [`Parties::end`].
pub(super) fn end_of_visit(
    start: &Zoned,
    length: Length<'_>,
    service: Option<&Record>,
    diary: &Diary,
) -> Result<Zoned, ToolError> {
    let mut problems = Problems::default();
    let usual = service_minutes(service)?.unwrap_or_else(|| diary.slot_minutes());
    let end = end_of(start, length, usual, &mut problems);
    problems.refuse()?;
    end.ok_or_else(|| ToolError::invalid("/end_time", "is not a time of that day"))
}

/// How long a service takes, where it says so.
pub(super) fn service_minutes(service: Option<&Record>) -> Result<Option<u32>, ToolError> {
    let Some(record) = service else { return Ok(None) };
    let service: HealthcareService<'_> = view(record)?;
    let length = Extension::find(&service.extension, naming::SERVICE_LENGTH);
    Ok(length.and_then(|length| length.value_unsigned_int))
}

fn end_of(start: &Zoned, length: Length<'_>, usual: u32, problems: &mut Problems) -> Option<Zoned> {
    let Some(text) = length.end_time else {
        let minutes = length.minutes.unwrap_or(usual);
        check_minutes(minutes, "duration_minutes", problems);
        return start.checked_add(i64::from(minutes).minutes()).ok();
    };
    // Documented clients send a date-time here too.
    let clock = text.trim().get(11..).filter(|_| when::date(text).is_ok() && text.len() > 10);
    let time = problems.checked("end_time", Some(clock.unwrap_or(text)), when::time)?;
    let end = match when::Given::Local(start.date().to_datetime(time)).in_zone(start.time_zone()) {
        Ok(moment) => moment.at,
        Err(problem) => {
            problems.add("end_time", problem);
            return None;
        }
    };
    // Midnight ends the day on which the visit begins.
    let end = if time == jiff::civil::Time::midnight() { end.tomorrow().ok()? } else { end };
    let minutes = (end.timestamp().as_second() - start.timestamp().as_second()) / 60;
    if minutes <= 0 {
        problems.add("end_time", "is not after start_time");
        return None;
    }
    let minutes = u32::try_from(minutes).unwrap_or(u32::MAX);
    if length.minutes.is_some_and(|given| given != minutes) {
        problems.add("duration_minutes", format!("contradicts end_time, which makes {minutes} minutes"));
    }
    check_minutes(minutes, "end_time", problems);
    Some(end)
}

pub(super) fn check_minutes(minutes: u32, path: &str, problems: &mut Problems) {
    let step = STEP_MINUTES.unsigned_abs();
    if !(MINUTES_MIN..=MINUTES_MAX).contains(&minutes) || !minutes.is_multiple_of(step) {
        problems.add(
            path,
            format!("makes {minutes} minutes; visits take {MINUTES_MIN} to {MINUTES_MAX} in steps of {step}"),
        );
    }
}

impl Visit {
    pub(super) fn span(&self) -> Span {
        Span { from: self.start.timestamp().as_microsecond(), to: self.end.timestamp().as_microsecond() }
    }

    pub(super) fn minutes(&self) -> u32 {
        let minutes = (self.span().to - self.span().from) / MICROSECONDS_PER_MINUTE;
        u32::try_from(minutes).unwrap_or(MINUTES_MIN)
    }

    /// The days whose diary is needed to judge it, and to offer others.
    pub(super) fn days_around(date: Date, today: Date) -> Days {
        let from = date.saturating_sub(AROUND_DAYS.days()).max(today);
        Days { from, to: date.saturating_add(AROUND_DAYS.days()) }
    }

    /// In words.
    pub(super) fn words(&self) -> String {
        format!("{} {}–{}", self.start.date(), clock(self.start.time()), clock(self.end.time()))
    }
}

/// Everything that stands against this visit.
pub(super) async fn obstacles(
    visit: &Visit,
    diary: &mut Diary,
    patient: &Id,
    cx: &mut ToolContext<'_>,
) -> Result<Vec<Obstacle>, ToolError> {
    diary.read(diary.with_pause(visit.span()), cx).await?;
    if diary.taken_in(visit.span()).next().is_some() {
        // It is refused: what takes the time is told whole, with what is free around it.
        diary.read_days(Visit::days_around(visit.start.date(), cx.today()), cx).await?;
    }
    let mut found = obstacles_of_clinician(visit, diary);
    found.extend(of_patient(visit, patient, diary.own.appointment.as_ref(), cx).await?);
    Ok(found)
}

/// What the clinician's hours and what was read of the diary say against it.
pub(super) fn obstacles_of_clinician(visit: &Visit, diary: &Diary) -> Vec<Obstacle> {
    let mut found: Vec<Obstacle> = outside_hours(visit, diary).into_iter().collect();
    let zone = visit.start.time_zone();
    for taken in diary.taken_in(visit.span()) {
        let (start, end) = (zoned(taken.from, zone), zoned(taken.to, zone));
        let problem = format!("the clinician is taken from {} to {}", clock(start.time()), clock(end.time()));
        found.push(Obstacle { kind: "provider_taken", problem, start, end, appointment: None });
    }
    found
}

fn outside_hours(visit: &Visit, diary: &Diary) -> Option<Obstacle> {
    let (date, zone) = (visit.start.date(), visit.start.time_zone());
    let open = diary.hours.on(date, zone);
    if open.iter().any(|open| open.holds(visit.span())) {
        return None;
    }
    let clock_of = |at: i64| clock(zoned(at, zone).time());
    let hours: Vec<String> =
        open.iter().map(|span| format!("{}–{}", clock_of(span.from), clock_of(span.to))).collect();
    let closed = diary.hours.closed_in(visit.span(), date, zone);
    let mut problem = match hours.as_slice() {
        [] if !diary.hours.are_known() => {
            "the clinician has no hours yet; create_appointment_slot adds them".to_owned()
        }
        [] => format!("the clinician sees nobody on {date}"),
        hours => format!("outside the clinician's hours on {date}: {}", hours.join(", ")),
    };
    if let Some(closed) = closed {
        problem.extend([" (", closed, ")"]);
    }
    let (start, end) = (visit.start.clone(), visit.end.clone());
    Some(Obstacle { kind: "outside_hours", problem, start, end, appointment: None })
}

/// Nobody is at two places. `own` is the appointment that moves.
pub(super) async fn of_patient(
    visit: &Visit,
    patient: &Id,
    own: Option<&Id>,
    cx: &mut ToolContext<'_>,
) -> Result<Vec<Obstacle>, ToolError> {
    let span = visit.span();
    let mut ids = cx.records().appointments_at(patient, (span.from, span.to)).await?;
    ids.retain(|id| Some(id) != own);
    ids.truncate(OWN_MAX);
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<&str> = ids.iter().map(Id::as_str).collect();
    let mut query = Query::new(ResourceType::APPOINTMENT)
        .with("_id", &ids.join(","))?
        .with("patient", &format!("Patient/{patient}"))?;
    query.count = u32::try_from(OWN_MAX).unwrap_or(u32::MAX);
    let page = cx.records().search(&query).await?;
    let zone = visit.start.time_zone();
    let mut found = Vec::new();
    for record in &page.records {
        let appointment: Appointment<'_> = view(record)?;
        let Some(taken) = span_of(&appointment).filter(|taken| taken.overlaps(span)) else { continue };
        if !appointment.takes_time() {
            continue;
        }
        let (start, end) = (zoned(taken.from, zone), zoned(taken.to, zone));
        let problem = format!(
            "the patient has another appointment from {} to {} ({})",
            clock(start.time()),
            clock(end.time()),
            record.id
        );
        found.push(Obstacle {
            kind: "patient_taken",
            problem,
            start,
            end,
            appointment: Some(record.id.clone()),
        });
    }
    Ok(found)
}

/// From when to when an appointment is.
pub(super) fn span_of(appointment: &Appointment<'_>) -> Option<Span> {
    let at = |text: Option<&str>| Some(TimeSpan::parse(text?)?.low);
    Some(Span { from: at(appointment.start.as_deref())?, to: at(appointment.end.as_deref())? })
}

impl Obstacle {
    /// The same among those of several clinicians.
    pub(super) fn of(&self, diary: &Diary) -> Value {
        let mut value = self.value();
        if let Some(name) = &diary.name {
            value["problem"] = format!("{name}: {}", self.problem).into();
        }
        value["doctor_id"] = diary.practitioner.as_str().into();
        value
    }

    pub(super) fn value(&self) -> Value {
        let mut value = json!({
            "kind": self.kind,
            "problem": self.problem,
            "date": self.start.date().to_string(),
            "start_time": clock(self.start.time()),
            "end_time": clock(self.end.time()),
        });
        if let Some(appointment) = &self.appointment {
            value["appointment_id"] = appointment.as_str().into();
        }
        value
    }
}

/// Refuses a time, with all that stands against it and the nearest ones that are free, unless the caller
/// has the right to book all the same and says why.
pub(super) async fn refuse_or_override(
    obstacles: &[Obstacle],
    (visit, diary): (&Visit, &mut Diary),
    override_reason: Option<&str>,
    cx: &mut ToolContext<'_>,
) -> Result<(), ToolError> {
    if obstacles.is_empty() {
        return Ok(());
    }
    if override_reason.is_some() {
        if cx.reaches_all(Action::Update, ResourceType::SCHEDULE) {
            return Ok(());
        }
        let needed = "booking a time that is not free; ask somebody who sets hours".to_owned();
        return Err(ToolError::PermissionDenied { needed });
    }
    let alternatives = alternatives(visit, visit.minutes(), diary, cx).await?;
    let kinds = if obstacles.len() == 1 { "1 thing stands" } else { "several things stand" };
    Err(ToolError::Blocked {
        message: format!("{} can't be booked: {kinds} against it; nothing was booked", visit.words()),
        conflicts: obstacles.iter().map(Obstacle::value).collect(),
        alternatives,
    })
}

/// Free times near this one: of the same clinician, else of others of the same specialty.
async fn alternatives(
    visit: &Visit,
    minutes: u32,
    diary: &mut Diary,
    cx: &mut ToolContext<'_>,
) -> Result<Vec<Value>, ToolError> {
    let days = Visit::days_around(visit.start.date(), cx.today());
    diary.read_days(days, cx).await?;
    let mut free = nearest(diary.slots(minutes, days, cx), visit);
    let mut offered: Vec<Value> = Vec::new();
    if free.len() < ALTERNATIVES_MAX
        && let Some(specialty) = diary.specialties.first()
    {
        let day = Days { from: visit.start.date(), to: visit.start.date() };
        for other in doctors::of_specialty(specialty, day, cx).await? {
            if other.practitioner != diary.practitioner {
                let nearest = nearest(other.slots(minutes, day, cx), visit).into_iter().next();
                offered.extend(nearest.map(|slot| alternative(&slot, &other)));
            }
        }
    }
    free.sort_by_key(|slot| slot.start.timestamp());
    let own = free.iter().map(|slot| alternative(slot, diary));
    Ok(own.chain(offered).take(ALTERNATIVES_MAX).collect())
}

/// The free ones that are nearest.
pub(super) fn nearest(slots: Vec<Slot>, visit: &Visit) -> Vec<Slot> {
    let wanted = visit.start.timestamp().as_second();
    let mut free: Vec<Slot> = slots.into_iter().filter(|slot| slot.is_free).collect();
    free.sort_by_key(|slot| (slot.start.timestamp().as_second() - wanted).abs());
    free.truncate(ALTERNATIVES_MAX);
    free
}

/// A free time in an answer.
pub(super) fn alternative(slot: &Slot, diary: &Diary) -> Value {
    let (date, start, end) = (slot.start.date(), clock(slot.start.time()), clock(slot.end.time()));
    let with = diary.name.as_deref().map(|name| format!(" with {name}")).unwrap_or_default();
    json!({
        "text": format!("{date} {start}–{end}{with}"),
        "doctor_id": slot.practitioner.as_str(),
        "doctor_name": diary.name,
        "date": date.to_string(),
        "start_time": start,
        "end_time": end,
    })
}

/// What is written of a new appointment beside who and when.
#[derive(Default)]
pub(super) struct Particulars<'p> {
    pub(super) kind: Option<Kind>,
    pub(super) reason: Option<&'p str>,
    pub(super) notes: Option<&'p str>,
    /// Where something stood against it.
    pub(super) override_reason: Option<&'p str>,
    pub(super) series: Option<&'p str>,
}

/// The FHIR resource of a new appointment.
pub(super) fn resource(
    parties: &Parties,
    visit: &Visit,
    diary: &Diary,
    particulars: &Particulars<'_>,
    cx: &ToolContext<'_>,
) -> Result<ParsedResource, ToolError> {
    let minutes = (visit.span().to - visit.span().from) / MICROSECONDS_PER_MINUTE;
    let mut appointment = json!({
        "resourceType": "Appointment",
        "status": "booked",
        "start": instant(&visit.start),
        "end": instant(&visit.end),
        "minutesDuration": minutes,
        "created": now_text(cx.now()),
        "participant": participants(parties, diary)?,
    });
    let mut extensions = Vec::new();
    if diary.buffer_minutes() > 0 {
        let minutes = diary.buffer_minutes();
        extensions.push(json!({ "url": naming::APPOINTMENT_BUFFER, "valueUnsignedInt": minutes }));
    }
    if let Some(reason) = particulars.override_reason {
        extensions.push(json!({ "url": naming::APPOINTMENT_OVERRIDE, "valueString": reason }));
    }
    if !extensions.is_empty() {
        appointment["extension"] = extensions.into();
    }
    if let Some(series) = particulars.series {
        appointment["identifier"] = json!([{ "system": naming::APPOINTMENT_SERIES, "value": series }]);
    }
    if let Some(specialty) = diary.specialties.first() {
        appointment["specialty"] = json!([{ "text": specialty }]);
    }
    if let Some(service) = &parties.service {
        let service: HealthcareService<'_> = view(service)?;
        let name = service.name.as_deref().or_else(|| service.kind.iter().find_map(|kind| kind.text()));
        if let Some(name) = name {
            appointment["serviceType"] = json!([{ "text": name }]);
        }
    }
    if let Some(kind) = particulars.kind {
        appointment["appointmentType"] = kind.concept();
    }
    if let Some(reason) = particulars.reason {
        appointment["reasonCode"] = json!([{ "text": reason }]);
    }
    if let Some(notes) = particulars.notes {
        appointment["comment"] = notes.into();
    }
    Ok(ParsedResource::from_value(appointment)?)
}

fn participants(parties: &Parties, diary: &Diary) -> Result<Vec<Value>, ToolError> {
    let mut participants = vec![participant(&parties.patient, name_of(&parties.patient)?.as_deref())];
    participants.extend(staff(&parties.practitioner, diary)?);
    if let Some(service) = &parties.service {
        let name = view::<HealthcareService<'_>>(service)?.name.map(String::from);
        participants.push(participant(service, name.as_deref()));
    }
    Ok(participants)
}

/// The clinician, and where they work.
pub(super) fn staff(practitioner: &Record, diary: &Diary) -> Result<Vec<Value>, ToolError> {
    let mut staff = vec![participant(practitioner, name_of(practitioner)?.as_deref())];
    if let Some((reference, name)) = &diary.location {
        staff.push(accepted(reference, name.as_deref()));
    }
    Ok(staff)
}

fn participant(record: &Record, name: Option<&str>) -> Value {
    accepted(&format!("{}/{}", record.resource_type, record.id), name)
}

fn accepted(reference: &str, name: Option<&str>) -> Value {
    let mut actor = json!({ "reference": reference });
    if let Some(name) = name {
        actor["display"] = name.into();
    }
    json!({ "actor": actor, "status": "accepted" })
}
