//! What becomes of an appointment: how it stands, calling it off, moving it.

use jiff::Zoned;
use medcor_fhir::{
    Id, ParsedResource, RawObject, ResourceType, naming,
    view::{Appointment, Extension},
};
use medcor_tools::{
    Action, Alias, Effect, Format, Need, OwnTime, Record, Ref, Synonym, Tool, ToolContext, ToolError, alias,
    detail::Problems, kind, synonym, view,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{
    Value, json,
    value::{RawValue, to_raw_value},
};

use super::{
    answer::AppointmentAnswer,
    book::{checked, given},
    booking::{self, Length, Obstacle, Parties, Visit, span_of},
    colleague::Wanted,
    diary::{Diary, MICROSECONDS_PER_MINUTE, closed_diary},
    offers::{self, Freed, Offered, offer_hold, own_hold},
    span::Span,
    status::{Status, StatusWord},
    when::{self, Given, instant, zoned},
};

const NEEDS: &[Need] = &[
    Need::read(ResourceType::APPOINTMENT),
    Need::update(ResourceType::APPOINTMENT),
    Need::read_if_allowed(ResourceType::PATIENT),
    Need::read_if_allowed(ResourceType::PRACTITIONER),
    Need::read_if_allowed(ResourceType::LOCATION),
];

/// An appointment after a change.
#[derive(Serialize, JsonSchema)]
pub(super) struct Changed {
    success: bool,
    /// In words.
    message: String,
    /// How it stood before.
    previous_status: Status,
    #[serde(flatten)]
    row: AppointmentAnswer,
    /// How many on the waiting list the time would suit that is free now: the server offers it to the first
    /// within a minute, or `offer_freed_times` does at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting: Option<usize>,
    /// Others of the `specialty` who are free then too, to offer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    candidates: Vec<Value>,
    /// What was booked over, where `override_reason` was needed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    overridden: Vec<Value>,
    /// What to know about the time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// Sets how an appointment stands: CONFIRMED, `CHECKED_IN`, `IN_PROGRESS`, COMPLETED, `NO_SHOW`, CANCELLED, …
///
/// CANCELLED and `NO_SHOW` give the time free; to move one use `reschedule_appointment`. What is over stays
/// over: a PRECONDITION. Patients may only cancel their own.
#[derive(Deserialize, JsonSchema)]
pub(super) struct UpdateAppointmentStatus {
    /// Appointment: id or identifier.
    appointment: Ref<kind::Appointment>,
    /// How it stands now.
    status: StatusWord,
    /// Notes that are added; for CANCELLED the reason.
    #[schemars(length(max = 2000))]
    notes: Option<String>,
}

impl Tool for UpdateAppointmentStatus {
    const NAME: &'static str = "update_appointment_status";
    const TITLE: &'static str = "Set the status of an appointment";
    const EFFECT: Effect = Effect::Updates;
    const NEEDS: &'static [Need] = NEEDS;
    const SYNONYMS: &'static [Synonym] = &[
        synonym("appointment_id", "appointment"),
        synonym("id", "appointment"),
        synonym("reason", "notes"),
        synonym("cancellation_reason", "notes"),
    ];
    const KEYWORDS: &'static [&'static str] = &["check in", "arrived", "no show", "confirm", "complete"];
    type Output = Changed;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Changed, ToolError> {
        let record = cx.record(&self.appointment).await?;
        let Some(wanted) = self.status.status().filter(|wanted| *wanted != Status::Waitlist) else {
            return Err(ToolError::invalid(
                "/status",
                "is not a status that can be set; join_waitlist puts on the waiting list",
            ));
        };
        let is_patient = !cx.reaches_all(Action::Update, ResourceType::APPOINTMENT);
        if is_patient && wanted != Status::Cancelled {
            let needed = "setting a status other than CANCELLED; ask the reception".to_owned();
            return Err(ToolError::PermissionDenied { needed });
        }
        set_status(&record, wanted, given(self.notes.as_deref()), cx).await
    }
}

/// Calls an appointment off and gives its time free.
///
/// One that is over already, or was called off, is a PRECONDITION. To choose another time use
/// `reschedule_appointment`, which keeps the appointment.
#[derive(Deserialize, JsonSchema)]
pub(super) struct CancelAppointment {
    /// Appointment: id or identifier.
    appointment: Ref<kind::Appointment>,
    /// Why it is called off.
    #[schemars(length(max = 500))]
    reason: Option<String>,
}

impl Tool for CancelAppointment {
    const NAME: &'static str = "cancel_appointment";
    const TITLE: &'static str = "Cancel an appointment";
    const ALIASES: &'static [Alias] = &[alias("delete_appointment")];
    const EFFECT: Effect = Effect::Deletes;
    const NEEDS: &'static [Need] = NEEDS;
    const IS_CONFIRMED: bool = true;
    const SYNONYMS: &'static [Synonym] =
        &[synonym("appointment_id", "appointment"), synonym("id", "appointment")];
    const KEYWORDS: &'static [&'static str] = &["call off", "cancel visit"];
    type Output = Changed;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Changed, ToolError> {
        let record = cx.record(&self.appointment).await?;
        set_status(&record, Status::Cancelled, given(self.reason.as_deref()), cx).await
    }
}

async fn set_status(
    record: &Record,
    wanted: Status,
    words: Option<&str>,
    cx: &mut ToolContext<'_>,
) -> Result<Changed, ToolError> {
    let appointment: Appointment<'_> = view(record)?;
    let previous = Status::of(&appointment);
    if previous == wanted && words.is_none() {
        let message = format!("The appointment was {} already", wanted.word());
        return Changed::of(record, previous, message, cx).await;
    }
    refuse_change(&appointment, wanted)?;
    let mut edit = RawObject::parse(&record.body)?;
    let (code, more) = wanted.fhir();
    edit.set("status", &code)?;
    let more = more.map(|more| json!({ "url": naming::APPOINTMENT_STATUS, "valueCode": more }));
    replace_extension(&mut edit, naming::APPOINTMENT_STATUS, more)?;
    match words {
        Some(words) if matches!(wanted, Status::Cancelled | Status::Rescheduled) => {
            edit.set("cancelationReason", &json!({ "text": words }))?;
        }
        Some(words) => {
            let before = appointment.comment.as_deref().map(|before| format!("{before}\n"));
            edit.set("comment", &format!("{}{words}", before.unwrap_or_default()))?;
        }
        None => {}
    }
    if let Some(offer) = Offered::of(&appointment) {
        replace_extension(&mut edit, naming::APPOINTMENT_OFFER, None)?;
        let refused = Freed::of_offer(&offer, &appointment).fhir(&cx.time_zone());
        replace_extension(&mut edit, naming::APPOINTMENT_MOVED_FROM, [refused])?;
        offer.give_back(&record.id, cx);
    }
    let current = cx.records().update(record, ParsedResource::parse(edit.to_text()?)?)?;
    let message = format!("The appointment is {} (it was {})", wanted.word(), previous.word());
    let mut changed = Changed::of(&current, previous, message, cx).await?;
    if matches!(wanted, Status::Cancelled | Status::Rescheduled) {
        let freed = Freed::of(&appointment).filter(|_| appointment.takes_time());
        changed.waiting = offers::count_suited(freed.as_ref(), cx).await?;
    }
    Ok(changed)
}

/// What is over stays over, but for mistakes of the same day: somebody came after all.
fn refuse_change(appointment: &Appointment<'_>, wanted: Status) -> Result<(), ToolError> {
    let previous = Status::of(appointment);
    let is_correction = matches!(
        (previous, wanted),
        (Status::NoShow, Status::CheckedIn | Status::InProgress | Status::Completed)
            | (Status::Completed, Status::InProgress | Status::NoShow)
    );
    if previous.is_over() && !is_correction {
        return Err(ToolError::Precondition(format!(
            "the appointment is {} and can't become {}; book a new one",
            previous.word(),
            wanted.word()
        )));
    }
    if previous == Status::Waitlist && wanted != Status::Cancelled {
        return Err(ToolError::Precondition(
            "it waits for a free time; reschedule_appointment gives it one".to_owned(),
        ));
    }
    Ok(())
}

/// Puts extensions in the place of those of this meaning.
pub(super) fn replace_extension(
    edit: &mut RawObject,
    url: &str,
    extensions: impl IntoIterator<Item = Value>,
) -> Result<(), ToolError> {
    let mut kept: Vec<Box<RawValue>> = Vec::new();
    for item in edit.items("extension")? {
        let known: Extension<'_> = serde_json::from_str(item.get())?;
        if known.url != *url {
            kept.push(item);
        }
    }
    for extension in extensions {
        kept.push(to_raw_value(&extension)?);
    }
    if kept.is_empty() {
        edit.remove("extension");
        return Ok(());
    }
    Ok(edit.set("extension", &kept)?)
}

/// Moves an appointment to another time, and to another clinician if one is named.
///
/// What you do not give stays: the length, the clinician, the day. `specialty` moves it to another clinician of
/// it who is free then, and names the others who are. The old time is free again at once. A time that is not free
/// is a CONFLICT that lists everything against it and the nearest free times; the appointment then stays where it
/// was. Also gives somebody on the waiting list a time.
#[derive(Deserialize, JsonSchema)]
pub(super) struct RescheduleAppointment {
    /// Appointment: id or identifier.
    appointment: Ref<kind::Appointment>,
    /// The new day, such as 2026-12-02.
    date: Option<String>,
    /// The new time of day, such as 09:30 or 2:30 PM.
    start_time: Option<String>,
    /// When it ends; the length stays where it is absent.
    end_time: Option<String>,
    /// The new length in minutes.
    #[schemars(range(min = 5, max = 720))]
    duration_minutes: Option<u32>,
    /// The new clinician: id, NPI or full name.
    provider: Option<Ref<kind::Practitioner>>,
    /// To whoever else of this specialty is free then, such as cardiology or cardiologist.
    #[schemars(length(min = 2, max = 100))]
    specialty: Option<String>,
    /// Why it is moved.
    #[schemars(length(max = 500))]
    reason: Option<String>,
    /// The `hold_id` that keeps the time for you.
    #[schemars(length(max = 64))]
    hold_id: Option<String>,
    /// Why to book although something stands against it; for the reception, doctors and administrators.
    #[schemars(length(min = 3, max = 500))]
    override_reason: Option<String>,
}

impl Tool for RescheduleAppointment {
    const NAME: &'static str = "reschedule_appointment";
    const TITLE: &'static str = "Move an appointment";
    const ALIASES: &'static [Alias] =
        &[alias("update_appointment"), alias("move_appointment"), alias("patch_appointment")];
    const EFFECT: Effect = Effect::Updates;
    const NEEDS: &'static [Need] = &[
        NEEDS[0],
        NEEDS[1],
        Need::read(ResourceType::PATIENT),
        Need::read(ResourceType::PRACTITIONER),
        Need::search(ResourceType::APPOINTMENT),
        Need::search(ResourceType::SCHEDULE),
        NEEDS[4],
        Need::search_if_allowed(ResourceType::PRACTITIONER_ROLE),
        Need::update_if_allowed(ResourceType::SCHEDULE),
    ];
    const SYNONYMS: &'static [Synonym] = &[
        synonym("appointment_id", "appointment"),
        synonym("id", "appointment"),
        synonym("duration", "duration_minutes"),
    ];
    const KEYWORDS: &'static [&'static str] = &["change time", "postpone", "other day", "move visit"];
    type Output = Changed;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Changed, ToolError> {
        let record = cx.record(&self.appointment).await?;
        let appointment: Appointment<'_> = view(&record)?;
        let previous = Status::of(&appointment);
        refuse_move(previous)?;
        let offer = Offered::of(&appointment);
        let before = span_of(&appointment).or(offer.as_ref().map(|offer| offer.span));
        let start = self.start(before, offer.as_ref(), cx)?;
        let length = self.length(before);
        let target = self.target((&record, &appointment), offer.as_ref(), (&start.at, length), cx).await?;
        let Target { parties, mut diary, candidates } = target;
        let practitioner = parties.practitioner.id.clone();
        let end = parties.end(&start.at, length, &diary)?;
        let visit = Visit { start: start.at, end };
        let obstacles = booking::obstacles(&visit, &mut diary, &parties.patient.id, cx).await?;
        let why = given(self.override_reason.as_deref());
        booking::refuse_or_override(&obstacles, (&visit, &mut diary), why, cx).await?;
        if let Some(own) = &self.hold_id {
            let span = visit.span();
            cx.records().give_back(own_hold(own)?, &practitioner, (span.from, span.to));
        }
        if let Some(offer) = &offer {
            offer.give_back(&record.id, cx);
        }
        let had = Freed::of(&appointment).filter(|_| appointment.takes_time());
        let had = had.or_else(|| offer.as_ref().map(|offer| Freed::of_offer(offer, &appointment)));
        let left = had.filter(|left| left.practitioner != practitioner || !left.span.overlaps(visit.span()));
        let moved = Moved {
            visit: &visit,
            parties: &parties,
            override_reason: why.filter(|_| !obstacles.is_empty()),
            left: left.as_ref().map(|left| left.fhir(&cx.time_zone())),
        };
        let text = moved.text(&record, &appointment, &diary, given(self.reason.as_deref()))?;
        let current = cx.records().update(&record, ParsedResource::parse(text)?)?;
        let message = format!("The appointment is now {}", visit.words());
        let mut changed = Changed::of(&current, previous, message, cx).await?;
        changed.candidates = candidates;
        changed.overridden = obstacles.iter().map(Obstacle::value).collect();
        changed.warnings.extend(start.note);
        changed.waiting = offers::count_suited(left.as_ref(), cx).await?;
        Ok(changed)
    }
}

fn refuse_move(previous: Status) -> Result<(), ToolError> {
    if previous.is_over() || matches!(previous, Status::CheckedIn | Status::InProgress) {
        return Err(ToolError::Precondition(format!(
            "the appointment is {} and can't be moved; book a new one",
            previous.word()
        )));
    }
    Ok(())
}

impl RescheduleAppointment {
    /// When it begins: what is not given stays.
    fn start(
        &self,
        before: Option<Span>,
        offer: Option<&Offered>,
        cx: &ToolContext<'_>,
    ) -> Result<when::Moment, ToolError> {
        let mut problems = Problems::default();
        let local = before.map(|before| zoned(before.from, &cx.time_zone()).datetime());
        if self.date.is_none()
            && self.start_time.is_none()
            && self.provider.is_none()
            && self.specialty.is_none()
            && self.length(None).is_usual()
            // Who is offered a time takes it by saying nothing else.
            && offer.is_none()
        {
            problems.add(
                "date",
                "nothing to change is given: give date, start_time, a length, provider or specialty",
            );
        }
        if self.specialty.is_some() {
            let alone = "names one clinician, and specialty any other: give one of them";
            let given = [
                ("provider", self.provider.is_some()),
                ("hold_id", self.hold_id.is_some()),
                ("override_reason", self.override_reason.is_some()),
            ];
            for (name, _) in given.into_iter().filter(|(_, is_given)| *is_given) {
                problems.add(name, alone);
            }
        }
        let (day, clock) =
            (local.map(|local| local.date().to_string()), local.map(|local| when::clock(local.time())));
        let start = if self.date.is_none() && self.start_time.is_none() {
            // An hour that comes twice stays the one that it is.
            before.map(|before| Given::Moment(zoned(before.from, &cx.time_zone()).timestamp()))
        } else {
            let has_both = self.start_time.as_deref().is_some_and(|text| when::date(text).is_ok());
            let day = self.date.as_deref().or(day.as_deref().filter(|_| !has_both));
            let clock = self.start_time.as_deref().or(clock.as_deref());
            when::start(day, clock, &mut problems)
        };
        let moment = start.and_then(|start| checked(start, "start_time", &mut problems, cx));
        problems.refuse()?;
        moment.ok_or_else(|| ToolError::invalid("/date", "is required: the appointment has no time yet"))
    }

    /// The length that is asked for, else the one it has.
    fn length(&self, before: Option<Span>) -> Length<'_> {
        let known =
            before.and_then(|before| u32::try_from((before.to - before.from) / MICROSECONDS_PER_MINUTE).ok());
        let minutes = match (&self.end_time, self.duration_minutes) {
            (None, None) => known,
            (_, given) => given,
        };
        Length { end_time: self.end_time.as_deref(), minutes }
    }

    /// The hold that keeps the time: the caller's own, or the offer to who waits.
    fn hold_id(&self, offer: Option<&Offered>, appointment: &Id) -> Result<Option<String>, ToolError> {
        match (&self.hold_id, offer) {
            (Some(hold), _) => Ok(Some(own_hold(hold)?.to_owned())),
            (None, Some(_)) => Ok(Some(offer_hold(appointment))),
            (None, None) => Ok(None),
        }
    }

    /// To whom it moves.
    async fn target(
        &self,
        (record, appointment): (&Record, &Appointment<'_>),
        offer: Option<&Offered>,
        (start, length): (&Zoned, Length<'_>),
        cx: &mut ToolContext<'_>,
    ) -> Result<Target, ToolError> {
        let hold = self.hold_id(offer, &record.id)?;
        let own = OwnTime { hold, appointment: Some(record.id.clone()) };
        let Some(specialty) = given(self.specialty.as_deref()) else {
            let parties = self.parties(appointment, offer, cx).await?;
            let diary = closed_diary(&parties.practitioner.id, own, cx).await?;
            return Ok(Target { parties, diary, candidates: Vec::new() });
        };
        let current = appointment.actor_id(ResourceType::PRACTITIONER);
        let mut found = Wanted { specialty, start, length, current }.find(cx).await?;
        found.diary.own = own;
        let patient = patient_of(appointment, cx).await?;
        let parties = Parties { patient, practitioner: found.practitioner, service: None };
        Ok(Target { parties, diary: found.diary, candidates: found.candidates })
    }

    async fn parties(
        &self,
        appointment: &Appointment<'_>,
        offer: Option<&Offered>,
        cx: &mut ToolContext<'_>,
    ) -> Result<Parties, ToolError> {
        let provider: Option<Id> = match &self.provider {
            Some(provider) => Some(provider.id().clone()),
            None => appointment
                .actor_id(ResourceType::PRACTITIONER)
                .or_else(|| offer.map(|offer| offer.practitioner.clone())),
        };
        let provider = provider
            .ok_or_else(|| ToolError::invalid("/provider", "is required: the appointment has none yet"))?;
        Ok(Parties {
            patient: patient_of(appointment, cx).await?,
            practitioner: cx.read(ResourceType::PRACTITIONER, &provider).await?,
            service: None,
        })
    }
}

async fn patient_of(appointment: &Appointment<'_>, cx: &mut ToolContext<'_>) -> Result<Record, ToolError> {
    let patient = appointment.actor_id(ResourceType::PATIENT);
    let patient =
        patient.ok_or_else(|| ToolError::Precondition("the appointment has no patient".to_owned()))?;
    cx.read(ResourceType::PATIENT, &patient).await
}

/// To whom an appointment moves.
struct Target {
    parties: Parties,
    diary: Diary,
    candidates: Vec<Value>,
}

/// What is written of a move.
struct Moved<'m> {
    visit: &'m Visit,
    parties: &'m Parties,
    override_reason: Option<&'m str>,
    /// The time that is given up.
    left: Option<Value>,
}

impl Moved<'_> {
    fn text(
        &self,
        record: &Record,
        appointment: &Appointment<'_>,
        diary: &Diary,
        reason: Option<&str>,
    ) -> Result<String, ToolError> {
        let mut edit = RawObject::parse(&record.body)?;
        let minutes = (self.visit.span().to - self.visit.span().from) / MICROSECONDS_PER_MINUTE;
        edit.set("start", &instant(&self.visit.start))?;
        edit.set("end", &instant(&self.visit.end))?;
        edit.set("minutesDuration", &minutes)?;
        // Nobody has confirmed the new time yet, and who waited has one.
        edit.set("status", &"booked")?;
        replace_extension(&mut edit, naming::APPOINTMENT_STATUS, None)?;
        replace_extension(&mut edit, naming::APPOINTMENT_OFFER, None)?;
        replace_extension(&mut edit, naming::APPOINTMENT_MOVED_FROM, self.left.clone())?;
        let buffer = Some(diary.buffer_minutes()).filter(|minutes| *minutes > 0);
        let buffer =
            buffer.map(|minutes| json!({ "url": naming::APPOINTMENT_BUFFER, "valueUnsignedInt": minutes }));
        replace_extension(&mut edit, naming::APPOINTMENT_BUFFER, buffer)?;
        let why = self
            .override_reason
            .map(|why| json!({ "url": naming::APPOINTMENT_OVERRIDE, "valueString": why }));
        replace_extension(&mut edit, naming::APPOINTMENT_OVERRIDE, why)?;
        if let Some(reason) = reason {
            let before = appointment.comment.as_deref().map(|before| format!("{before}\n"));
            edit.set("comment", &format!("{}Moved: {reason}", before.unwrap_or_default()))?;
        }
        let known = appointment.actor_id(ResourceType::PRACTITIONER);
        if known.as_ref() != Some(&self.parties.practitioner.id) {
            self.exchange_practitioner(&mut edit, diary)?;
        }
        Ok(edit.to_text()?)
    }

    /// Takes the clinician and their place out, and puts the new ones in.
    fn exchange_practitioner(&self, edit: &mut RawObject, diary: &Diary) -> Result<(), ToolError> {
        let mut participants: Vec<Box<RawValue>> = Vec::new();
        for item in edit.items("participant")? {
            let known: medcor_fhir::view::AppointmentParticipant<'_> = serde_json::from_str(item.get())?;
            let target = known.actor.as_ref().and_then(medcor_fhir::view::Reference::target);
            let goes = target.is_some_and(|(of, _)| {
                matches!(
                    of,
                    ResourceType::PRACTITIONER | ResourceType::PRACTITIONER_ROLE | ResourceType::LOCATION
                )
            });
            if !goes {
                participants.push(item);
            }
        }
        for participant in booking::staff(&self.parties.practitioner, diary)? {
            participants.push(to_raw_value(&participant)?);
        }
        edit.set("participant", &participants)?;
        match diary.specialties.first() {
            Some(specialty) => edit.set("specialty", &json!([{ "text": specialty }]))?,
            None => edit.remove("specialty"),
        }
        Ok(())
    }
}

impl Changed {
    pub(super) async fn of(
        record: &Record,
        previous: Status,
        message: String,
        cx: &mut ToolContext<'_>,
    ) -> Result<Self, ToolError> {
        let row = AppointmentAnswer::of_one(record, Format::Compact, cx).await?;
        Ok(Self {
            success: true,
            message,
            previous_status: previous,
            row,
            waiting: None,
            candidates: Vec::new(),
            overridden: Vec::new(),
            warnings: Vec::new(),
        })
    }
}
