//! Free times that those on the waiting list are offered, the longest waiting first.
//!
//! A time is offered by the tool `offer_freed_times`, which the server calls within a minute, and never in the call
//! that gives it up: that call must not fail because somebody waits, and no patient is told of another.

use std::collections::HashSet;

use medcor_fhir::{
    Id, ParsedResource, RawObject, ResourceType, naming,
    primitive::{TimeSpan, format_instant},
    search::Query,
    view::{Appointment, CodeableConcept, Extension, Practitioner},
};
use medcor_tools::{Action, Effect, Format, Hold, Need, OwnTime, Record, Tool, ToolContext, ToolError, view};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    answer::{AppointmentAnswer, now_text},
    booking::{self, Visit, span_of},
    change::replace_extension,
    diary::{Days, Diary, MICROSECONDS_PER_MINUTE, closed_diary, diary},
    span::Span,
    waitlist::{Entry, waiting},
    when::{clock, instant, zoned},
};

/// How long an offer keeps its time, in microseconds: two hours.
const OFFER_MICROSECONDS: i64 = 120 * MICROSECONDS_PER_MINUTE;
/// How far back a call looks for times that were given up, in microseconds: an hour.
const LOOK_BACK_MICROSECONDS: i64 = 60 * MICROSECONDS_PER_MINUTE;
const COMMUNICATION_CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/communication-category";
/// Most changed appointments that one call looks at.
const CHANGED_MAX: u32 = 500;
/// Most offers that an entry remembers.
const REMEMBERED_MAX: usize = 10;

/// Offers times that were given up in the last hour, and those whose offer has run out, to the waiting list.
///
/// The server calls this by itself where somebody waits. Each time that can still be booked goes to whoever waits
/// longest and suits, and never twice to the same; it is kept two hours, and a message to the patient says so.
/// Entries whose days have passed leave the list.
#[derive(Deserialize, JsonSchema)]
pub(super) struct OfferFreedTimes {}

/// What was offered.
#[derive(Serialize, JsonSchema)]
pub(super) struct OffersMade {
    success: bool,
    /// In words.
    message: String,
    count: usize,
    /// How many entries left the list, because the days that suited have passed.
    ended: usize,
    /// Who is offered what.
    results: Vec<OfferMade>,
}

impl Tool for OfferFreedTimes {
    const NAME: &'static str = "offer_freed_times";
    const TITLE: &'static str = "Offer freed times";
    const EFFECT: Effect = Effect::Updates;
    const NEEDS: &'static [Need] = &[
        Need::search(ResourceType::APPOINTMENT),
        Need::update(ResourceType::APPOINTMENT),
        Need::search(ResourceType::SCHEDULE),
        // For whoever arranges the calendar, so not for patients.
        Need::update(ResourceType::SCHEDULE),
        Need::read(ResourceType::PATIENT),
        Need::read(ResourceType::PRACTITIONER),
        Need::search_if_allowed(ResourceType::PRACTITIONER_ROLE),
        Need::read_if_allowed(ResourceType::LOCATION),
        Need::create_if_allowed(ResourceType::COMMUNICATION),
    ];
    const KEYWORDS: &'static [&'static str] = &["waiting list", "fill cancellations"];
    type Output = OffersMade;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<OffersMade, ToolError> {
        if !sees_everybody(cx) {
            let needed = "the waiting list of the organisation".to_owned();
            return Err(ToolError::PermissionDenied { needed });
        }
        let (mut passed, mut entries) = (Vec::new(), Vec::new());
        for record in waiting(cx).await? {
            let is_over = Entry::of(&record)?.is_over(cx.today());
            if is_over { passed.push(record) } else { entries.push(record) }
        }
        for record in &passed {
            let mut edit = RawObject::parse(&record.body)?;
            edit.set("status", &"cancelled")?;
            edit.set("cancelationReason", &json!({ "text": "The days that suited have passed" }))?;
            cx.records().update(record, ParsedResource::parse(edit.to_text()?)?)?;
        }
        let mut round = Round { waiting: &entries, has_offer: HashSet::new(), given: Vec::new() };
        let mut results = Vec::new();
        for freed in given_up(&entries, cx).await? {
            results.extend(round.offer(&freed, cx).await?);
        }
        let count = results.len();
        let message =
            if count == 1 { "1 time was offered".to_owned() } else { format!("{count} times were offered") };
        Ok(OffersMade { success: true, message, count, ended: passed.len(), results })
    }
}

/// Times that were given up of late, and those that were offered in vain; the earliest first.
async fn given_up(waiting: &[Record], cx: &mut ToolContext<'_>) -> Result<Vec<Freed>, ToolError> {
    if waiting.is_empty() {
        return Ok(Vec::new());
    }
    let now = cx.now().as_microsecond();
    let since = format!("ge{}", format_instant(now - LOOK_BACK_MICROSECONDS));
    let mut query =
        Query::new(ResourceType::APPOINTMENT).with("_lastUpdated", &since)?.with("_sort", "-_lastUpdated")?;
    query.count = CHANGED_MAX;
    let mut freed = Vec::new();
    for record in cx.records().search(&query).await?.records {
        let appointment: Appointment<'_> = view(&record)?;
        freed.extend(Freed::of(&appointment).filter(|_| appointment.status == "cancelled"));
        freed.extend(Freed::moved_from(&appointment));
    }
    for record in waiting {
        let appointment: Appointment<'_> = view(record)?;
        let who_let_it_pass = appointment.actor_id(ResourceType::PATIENT);
        let ended = Offered::all(&appointment).into_iter().filter(|offer| offer.until <= now);
        freed.extend(ended.map(|offer| Freed {
            practitioner: offer.practitioner,
            span: offer.span,
            specialties: Vec::new(),
            who_left: who_let_it_pass.clone(),
        }));
    }
    freed.retain(|freed| freed.span.from > now);
    freed.sort_by_key(|freed| freed.span.from);
    for freed in freed.iter_mut().filter(|freed| freed.specialties.is_empty()) {
        freed.specialties = closed_diary(&freed.practitioner, OwnTime::default(), cx).await?.specialties;
    }
    Ok(freed)
}

/// A time that somebody gave up.
pub(super) struct Freed {
    pub(super) practitioner: Id,
    pub(super) span: Span,
    /// Of the clinician, as far as they are known.
    pub(super) specialties: Vec<String>,
    /// Who had it.
    who_left: Option<Id>,
}

impl Freed {
    /// The time of an appointment that is being called off, or was.
    pub(super) fn of(appointment: &Appointment<'_>) -> Option<Self> {
        Some(Self {
            practitioner: appointment.actor_id(ResourceType::PRACTITIONER)?,
            span: span_of(appointment)?,
            specialties: appointment
                .specialty
                .iter()
                .filter_map(CodeableConcept::text)
                .map(str::to_owned)
                .collect(),
            who_left: appointment.actor_id(ResourceType::PATIENT),
        })
    }

    /// The time that an appointment had before it was moved, or that was offered and refused.
    fn moved_from(appointment: &Appointment<'_>) -> Option<Self> {
        let before = Extension::find(&appointment.extension, naming::APPOINTMENT_MOVED_FROM)?;
        let (practitioner, span) = timed(before)?;
        let who_left = appointment.actor_id(ResourceType::PATIENT);
        Some(Self { practitioner, span, specialties: Vec::new(), who_left })
    }

    /// The time of an offer that is not taken.
    pub(super) fn of_offer(offer: &Offered, appointment: &Appointment<'_>) -> Self {
        Self {
            practitioner: offer.practitioner.clone(),
            span: offer.span,
            specialties: Vec::new(),
            who_left: appointment.actor_id(ResourceType::PATIENT),
        }
    }

    /// What is written of the time that an appointment is moved away from.
    pub(super) fn fhir(&self, zone: &jiff::tz::TimeZone) -> Value {
        json!({ "url": naming::APPOINTMENT_MOVED_FROM, "extension": parts(&self.practitioner, self.span, zone) })
    }

    pub(super) fn minutes(&self) -> i64 {
        (self.span.to - self.span.from) / MICROSECONDS_PER_MINUTE
    }

    fn visit(&self, to: i64, cx: &ToolContext<'_>) -> Visit {
        let zone = cx.time_zone();
        Visit { start: zoned(self.span.from, &zone), end: zoned(to, &zone) }
    }

    /// The diary of that day, where the clinician sees patients at all.
    async fn diary(&self, cx: &mut ToolContext<'_>) -> Result<Option<Diary>, ToolError> {
        let practitioner = cx.read(ResourceType::PRACTITIONER, &self.practitioner).await?;
        if view::<Practitioner<'_>>(&practitioner)?.active == Some(false) {
            return Ok(None);
        }
        let date = zoned(self.span.from, &cx.time_zone()).date();
        diary(&self.practitioner, Days { from: date, to: date }, cx).await.map(Some)
    }
}

/// How many on the waiting list a time would suit that is being given up. For whoever sees the whole list.
pub(super) async fn count_suited(
    freed: Option<&Freed>,
    cx: &mut ToolContext<'_>,
) -> Result<Option<usize>, ToolError> {
    let now = cx.now().as_microsecond();
    let Some(freed) = freed.filter(|freed| freed.span.from > now && sees_everybody(cx)) else {
        return Ok(None);
    };
    let date = zoned(freed.span.from, &cx.time_zone()).date();
    let mut count = 0;
    for record in waiting(cx).await? {
        let entry = Entry::of(&record)?;
        let is_own = entry.patient.is_some() && entry.patient == freed.who_left;
        count += usize::from(!is_own && entry.suits(freed, date));
    }
    Ok(Some(count).filter(|count| *count > 0))
}

fn sees_everybody(cx: &ToolContext<'_>) -> bool {
    cx.sees_everybody(Action::Update, ResourceType::APPOINTMENT)
        && cx.sees_everybody(Action::Search, ResourceType::APPOINTMENT)
}

/// The offers of one call.
struct Round<'w> {
    /// The longest first.
    waiting: &'w [Record],
    /// Entries that were offered something in this call.
    has_offer: HashSet<Id>,
    /// What was offered in this call.
    given: Vec<(Id, Span)>,
}

impl Round<'_> {
    /// Offers a time to the first who fits and could book it now.
    async fn offer(
        &mut self,
        freed: &Freed,
        cx: &mut ToolContext<'_>,
    ) -> Result<Option<OfferMade>, ToolError> {
        let now = cx.now().as_microsecond();
        let date = zoned(freed.span.from, &cx.time_zone()).date();
        let mut known: Option<Diary> = None;
        for record in self.waiting.iter().filter(|record| !self.has_offer.contains(&record.id)) {
            let entry = Entry::of(record)?;
            let has_offer = entry.offers.iter().any(|offer| offer.until > now);
            let patient = entry
                .patient
                .clone()
                .filter(|patient| Some(patient) != freed.who_left.as_ref() && !has_offer);
            let Some(patient) = patient.filter(|_| entry.suits(freed, date)) else { continue };
            let diary = match &mut known {
                Some(diary) => diary,
                None => match freed.diary(cx).await? {
                    Some(diary) => known.insert(diary),
                    None => return Ok(None),
                },
            };
            let to = freed.span.from + i64::from(entry.minutes) * MICROSECONDS_PER_MINUTE;
            let visit = freed.visit(to, cx);
            let is_given =
                |(whose, span): &(Id, Span)| *whose == freed.practitioner && span.overlaps(visit.span());
            if self.given.iter().any(is_given)
                || !booking::obstacles(&visit, diary, &patient, cx).await?.is_empty()
            {
                continue;
            }
            self.has_offer.insert(record.id.clone());
            self.given.push((freed.practitioner.clone(), visit.span()));
            return offer(record, &patient, (&freed.practitioner, visit), entry.offers, cx).await.map(Some);
        }
        Ok(None)
    }
}

async fn offer(
    record: &Record,
    patient: &Id,
    (practitioner, visit): (&Id, Visit),
    before: Vec<Offered>,
    cx: &mut ToolContext<'_>,
) -> Result<OfferMade, ToolError> {
    let span = visit.span();
    let now = cx.now().as_microsecond();
    let until = (now + OFFER_MICROSECONDS).min(span.from);
    let offered = Offered { practitioner: practitioner.clone(), span, until };
    let zone = cx.time_zone();
    let remembered = before.into_iter().filter(|offer| offer.span.from > now).take(REMEMBERED_MAX - 1);
    let offers: Vec<Value> =
        std::iter::once(offered).chain(remembered).map(|offer| offer.fhir(&zone)).collect();
    let mut edit = RawObject::parse(&record.body)?;
    replace_extension(&mut edit, naming::APPOINTMENT_OFFER, offers)?;
    let current = cx.records().update(record, ParsedResource::parse(edit.to_text()?)?)?;
    cx.records().hold(&Hold {
        id: offer_hold(&record.id),
        practitioner: practitioner.clone(),
        from: span.from,
        to: span.to,
        until,
    });
    if cx.reaches_all(Action::Create, ResourceType::COMMUNICATION) {
        let message = message(&record.id, patient, &visit, until, cx);
        cx.records().create(ParsedResource::from_value(message)?)?;
    }
    let row = AppointmentAnswer::of_one(&current, Format::Compact, cx).await?;
    Ok(OfferMade {
        appointment_id: record.id.to_string(),
        patient_id: record.patient.as_ref().map(ToString::to_string),
        patient_name: row.patient_name,
        date: visit.start.date().to_string(),
        start_time: clock(visit.start.time()),
        end_time: clock(visit.end.time()),
        expires_at: instant(&zoned(until, &zone)),
        next: "Ask them; on a yes call reschedule_appointment with this appointment_id alone, on a no cancel_appointment.",
    })
}

/// What the patient is told of an offer.
fn message(entry: &Id, patient: &Id, visit: &Visit, until: i64, cx: &ToolContext<'_>) -> Value {
    let (date, from, to) = (visit.start.date(), clock(visit.start.time()), clock(visit.end.time()));
    let until = zoned(until, &cx.time_zone());
    let until = format!("{} {}", until.date(), clock(until.time()));
    let patient = json!({ "reference": format!("Patient/{patient}") });
    json!({
        "resourceType": "Communication",
        // It is on its way: whoever delivers it completes it.
        "status": "in-progress",
        "category": [{ "coding": [{ "system": COMMUNICATION_CATEGORY, "code": "notification" }] }],
        "subject": patient,
        "recipient": [patient],
        "about": [{ "reference": format!("Appointment/{entry}") }],
        "sent": now_text(cx.now()),
        "payload": [{ "contentString": format!("A time is free: {date} {from}–{to}. It is kept for you until {until}.") }],
    })
}

/// A time that somebody on the waiting list is, or was, offered.
pub(super) struct Offered {
    pub(super) practitioner: Id,
    pub(super) span: Span,
    /// Microseconds since the epoch.
    pub(super) until: i64,
}

/// Who is offered a time.
#[derive(Debug, Serialize, JsonSchema)]
struct OfferMade {
    appointment_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    patient_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patient_name: Option<String>,
    date: String,
    start_time: String,
    end_time: String,
    /// Until when the time is kept.
    expires_at: String,
    /// What to do next.
    next: &'static str,
}

impl Offered {
    /// The newest.
    pub(super) fn of(appointment: &Appointment<'_>) -> Option<Self> {
        Self::read(Extension::find(&appointment.extension, naming::APPOINTMENT_OFFER)?)
    }

    /// All that are remembered, the newest first.
    pub(super) fn all(appointment: &Appointment<'_>) -> Vec<Self> {
        let offers =
            appointment.extension.iter().filter(|extension| extension.url == naming::APPOINTMENT_OFFER);
        offers.filter_map(Self::read).collect()
    }

    fn read(offer: &Extension<'_>) -> Option<Self> {
        let (practitioner, span) = timed(offer)?;
        Some(Self { practitioner, span, until: instant_part(offer, "until")? })
    }

    fn fhir(&self, zone: &jiff::tz::TimeZone) -> Value {
        let mut parts = parts(&self.practitioner, self.span, zone);
        parts.push(json!({ "url": "until", "valueInstant": instant(&zoned(self.until, zone)) }));
        json!({ "url": naming::APPOINTMENT_OFFER, "extension": parts })
    }

    /// Stages giving its time back.
    pub(super) fn give_back(&self, appointment: &Id, cx: &mut ToolContext<'_>) {
        let hold = offer_hold(appointment);
        cx.records().give_back(&hold, &self.practitioner, (self.span.from, self.span.to));
    }
}

/// With whom and from when to when, in the parts of an extension.
fn parts(practitioner: &Id, span: Span, zone: &jiff::tz::TimeZone) -> Vec<Value> {
    vec![
        json!({ "url": "practitioner", "valueReference": { "reference": format!("Practitioner/{practitioner}") } }),
        json!({ "url": "start", "valueInstant": instant(&zoned(span.from, zone)) }),
        json!({ "url": "end", "valueInstant": instant(&zoned(span.to, zone)) }),
    ]
}

fn timed(extension: &Extension<'_>) -> Option<(Id, Span)> {
    let practitioner = extension.part("practitioner")?.value_reference.as_ref()?;
    let span = Span { from: instant_part(extension, "start")?, to: instant_part(extension, "end")? };
    Some((practitioner.id_of(ResourceType::PRACTITIONER)?, span))
}

fn instant_part(extension: &Extension<'_>, part: &str) -> Option<i64> {
    Some(TimeSpan::parse(extension.part(part)?.value_instant.as_deref()?)?.low)
}

/// Under which id the time of an offer is kept. No caller's own hold is called so.
pub(super) fn offer_hold(appointment: &Id) -> String {
    format!("offer-{appointment}")
}

/// The id of a hold that a caller names.
pub(super) fn own_hold(id: &str) -> Result<&str, ToolError> {
    if id.starts_with("offer-") || Id::new(id).is_none() {
        return Err(ToolError::invalid("/hold_id", "is not a hold_id that check_and_book_appointment gave"));
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_that_is_written_is_read_again() {
        let offered = Offered {
            practitioner: Id::new("grace").unwrap(),
            span: Span { from: 1_796_374_800_000_000, to: 1_796_376_600_000_000 },
            until: 1_796_209_200_000_000,
        };
        let zone = jiff::tz::TimeZone::get("Europe/London").unwrap();
        let body = json!({ "status": "waitlist", "extension": [offered.fhir(&zone)] }).to_string();
        let read = Offered::of(&serde_json::from_str(&body).unwrap()).expect("it is read");
        assert_eq!((read.span, read.until), (offered.span, offered.until));
        assert_eq!(read.practitioner, offered.practitioner);
    }
}
