//! The waiting list: an `Appointment` of status `waitlist`.

use jiff::civil::Date;
use medcor_fhir::{
    Id, ParsedResource, ResourceType,
    search::{Query, name::fold},
    view::{Appointment, CodeableConcept},
};
use medcor_tools::{
    Effect, Format, Need, Record, Ref, Synonym, Tool, ToolContext, ToolError, detail::Problems, kind,
    synonym, view,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    answer::{AppointmentAnswer, name_of, now_text},
    book::{given, own_organisation},
    booking,
    diary::{Days, diary},
    doctors,
    kinds::Kind,
    offers::{Freed, Offered},
    when,
};

/// Most people on the waiting list who are looked at: those who wait longest.
const WAITING_MAX: u32 = 1_000;
/// How many free times are told who joins.
const FREE_MAX: usize = 3;

/// Puts a patient on the waiting list for a day, a clinician or a specialty.
///
/// Use it when no free time suits. A time that somebody calls off or moves is offered to the first who fits: it
/// is kept two hours, shows as `offer` in the entry, and is taken with `reschedule_appointment`; who lets it
/// pass stays on the list. Leave the list with `cancel_appointment`. Joining twice for the same is a CONFLICT.
#[derive(Deserialize, JsonSchema)]
pub(super) struct JoinWaitlist {
    /// Who waits: id, MRN, telephone number or full name; patients say `me`.
    patient: Ref<kind::Patient>,
    /// The day that suits, such as 2026-12-02; any when absent.
    date: Option<String>,
    /// First day that suits, instead of `date`.
    from: Option<String>,
    /// Last day that suits.
    to: Option<String>,
    /// With whom: id, NPI or full name; anybody when absent.
    provider: Option<Ref<kind::Practitioner>>,
    /// Anybody of this specialty, such as cardiology.
    #[schemars(length(min = 2, max = 100))]
    specialty: Option<String>,
    /// Minutes that are needed, 30 when absent.
    #[schemars(range(min = 5, max = 720))]
    duration_minutes: Option<u32>,
    /// The kind of visit.
    appointment_type: Option<Kind>,
    /// Why the patient comes, or what else to know.
    #[schemars(length(max = 500))]
    notes: Option<String>,
    /// Your own organisation; any other is refused.
    organisation: Option<Ref<kind::Organization>>,
}

/// An entry of the waiting list.
#[derive(Serialize, JsonSchema)]
pub(super) struct Waiting {
    success: bool,
    /// In words.
    message: String,
    /// How many waited before for the same.
    ahead: usize,
    #[serde(flatten)]
    row: AppointmentAnswer,
    /// Times that are free already and would suit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    free_now: Vec<Value>,
}

impl Tool for JoinWaitlist {
    const NAME: &'static str = "join_waitlist";
    const TITLE: &'static str = "Join the waiting list";
    const EFFECT: Effect = Effect::Creates;
    const NEEDS: &'static [Need] = &[
        Need::read(ResourceType::PATIENT),
        Need::create(ResourceType::APPOINTMENT),
        Need::search(ResourceType::APPOINTMENT),
        Need::search(ResourceType::SCHEDULE),
        Need::read(ResourceType::PRACTITIONER),
        Need::search_if_allowed(ResourceType::PRACTITIONER_ROLE),
        Need::read_if_allowed(ResourceType::ORGANIZATION),
    ];
    const SYNONYMS: &'static [Synonym] = &[
        synonym("reason", "notes"),
        synonym("type", "appointment_type"),
        synonym("duration", "duration_minutes"),
    ];
    const KEYWORDS: &'static [&'static str] = &["waiting list", "fully booked", "earlier appointment"];
    type Output = Waiting;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Waiting, ToolError> {
        own_organisation(self.organisation.as_ref(), cx)?;
        let days = self.days(cx)?;
        let patient = cx.record(&self.patient).await?;
        let specialties = self.specialties(cx).await?;
        let waiting = waiting(cx).await?;
        let mut ahead = 0;
        for record in &waiting {
            let entry = Entry::of(record)?;
            if entry.wants_same(&self, &specialties) && !entry.is_over(cx.today()) {
                if entry.patient.as_ref() == Some(&patient.id) {
                    return Err(ToolError::Conflict(format!(
                        "the patient waits for this already: {}",
                        record.id
                    )));
                }
                ahead += 1;
            }
        }
        let mut resource = self.resource(&patient, days, cx).await?;
        if !specialties.is_empty() {
            let concepts = specialties.iter().map(|specialty| json!({ "text": specialty }));
            resource["specialty"] = concepts.collect();
        }
        let record = cx.records().create(ParsedResource::from_value(resource)?)?;
        let row = AppointmentAnswer::of_one(&record, Format::Compact, cx).await?;
        let free_now = self.free_now(days, cx).await?;
        let message = format!("On the waiting list (ID: {}); {ahead} wait longer for the same", record.id);
        Ok(Waiting { success: true, message, ahead, row, free_now })
    }
}

impl JoinWaitlist {
    fn days(&self, cx: &ToolContext<'_>) -> Result<Option<Days>, ToolError> {
        let mut problems = Problems::default();
        let mut day = |name: &str, text: &Option<String>| problems.checked(name, text.as_deref(), when::date);
        let (date, from, to) = (day("date", &self.date), day("from", &self.from), day("to", &self.to));
        let days = date.map(|date| Days { from: date, to: date });
        let days = days.or_else(|| {
            let from = from.or(to.map(|_| cx.today()))?;
            Some(Days { from, to: to.unwrap_or(Date::MAX) })
        });
        if let Some(days) = days {
            if days.to < cx.today() {
                problems.add(if date.is_some() { "date" } else { "to" }, "is in the past");
            }
            if days.to < days.from {
                problems.add("to", "is before from");
            }
        }
        if let Some(minutes) = self.duration_minutes {
            booking::check_minutes(minutes, "duration_minutes", &mut problems);
        }
        problems.refuse()?;
        Ok(days)
    }

    /// What is waited for, as clinicians call it: times that are given up say no codes.
    async fn specialties(&self, cx: &mut ToolContext<'_>) -> Result<Vec<String>, ToolError> {
        match given(self.specialty.as_deref()) {
            Some(specialty) => doctors::words_of(specialty, cx).await,
            None => Ok(Vec::new()),
        }
    }

    async fn resource(
        &self,
        patient: &Record,
        days: Option<Days>,
        cx: &mut ToolContext<'_>,
    ) -> Result<Value, ToolError> {
        let actor = |record: &Record, name: Option<String>, status: &str| {
            let mut actor = json!({ "reference": format!("{}/{}", record.resource_type, record.id) });
            if let Some(name) = name {
                actor["display"] = name.into();
            }
            json!({ "actor": actor, "status": status })
        };
        let mut participants = vec![actor(patient, name_of(patient)?, "accepted")];
        if let Some(provider) = &self.provider {
            let record = cx.record(provider).await?;
            participants.push(actor(&record, name_of(&record)?, "tentative"));
        }
        let mut entry = json!({
            "resourceType": "Appointment",
            "status": "waitlist",
            "created": now_text(cx.now()),
            "minutesDuration": self.minutes(),
            "participant": participants,
        });
        if let Some(days) = days {
            let mut period = json!({ "start": days.from.to_string() });
            if days.to < Date::MAX {
                period["end"] = days.to.to_string().into();
            }
            entry["requestedPeriod"] = json!([period]);
        }
        if let Some(kind) = self.appointment_type {
            entry["appointmentType"] = kind.concept();
        }
        if let Some(notes) = given(self.notes.as_deref()) {
            entry["comment"] = notes.into();
        }
        Ok(entry)
    }

    fn minutes(&self) -> u32 {
        self.duration_minutes.unwrap_or(super::hours::SLOT_MINUTES)
    }

    async fn free_now(&self, days: Option<Days>, cx: &mut ToolContext<'_>) -> Result<Vec<Value>, ToolError> {
        const LOOK_AHEAD: i32 = 14;
        let today = cx.today();
        let last = today.saturating_add(jiff::Span::new().days(LOOK_AHEAD));
        let days = days.unwrap_or(Days { from: today, to: last });
        let days = Days {
            from: days.from.max(today),
            to: days.to.min(days.from.max(today).saturating_add(jiff::Span::new().days(LOOK_AHEAD))),
        };
        let diaries = match (&self.provider, given(self.specialty.as_deref())) {
            (Some(provider), _) => vec![diary(provider.id(), days, cx).await?],
            (None, Some(specialty)) => doctors::of_specialty(specialty, days, cx).await?,
            (None, None) => return Ok(Vec::new()),
        };
        let mut free = Vec::new();
        for diary in &diaries {
            let slots = diary.slots(self.minutes(), days, cx);
            let slots = slots.into_iter().filter(|slot| slot.is_free).take(FREE_MAX);
            free.extend(slots.map(|slot| (slot.start.timestamp(), booking::alternative(&slot, diary))));
        }
        free.sort_by_key(|(start, _)| *start);
        Ok(free.into_iter().take(FREE_MAX).map(|(_, free)| free).collect())
    }
}

/// Who waits, the longest first.
pub(super) async fn waiting(cx: &mut ToolContext<'_>) -> Result<Vec<Record>, ToolError> {
    // Ids are in the order in which records were made.
    let mut query = Query::new(ResourceType::APPOINTMENT).with("status", "waitlist")?.with("_sort", "_id")?;
    query.count = WAITING_MAX;
    Ok(cx.records().search(&query).await?.records)
}

/// What somebody waits for.
pub(super) struct Entry {
    pub(super) patient: Option<Id>,
    practitioner: Option<Id>,
    /// Folded; any when there is none.
    specialties: Vec<String>,
    days: Option<(String, Option<String>)>,
    pub(super) minutes: u32,
    /// What it was offered, the newest first.
    pub(super) offers: Vec<Offered>,
}

impl Entry {
    pub(super) fn of(record: &Record) -> Result<Self, ToolError> {
        let appointment: Appointment<'_> = view(record)?;
        let wished = appointment.requested_period.first();
        let days = wished.and_then(|wished| {
            let day = |text: &str| text.get(..10).unwrap_or(text).to_owned();
            Some((day(wished.start.as_deref()?), wished.end.as_deref().map(day)))
        });
        Ok(Self {
            patient: appointment.actor_id(ResourceType::PATIENT),
            practitioner: appointment.actor_id(ResourceType::PRACTITIONER),
            specialties: appointment.specialty.iter().filter_map(CodeableConcept::text).map(fold).collect(),
            days,
            minutes: appointment.minutes_duration.unwrap_or(super::hours::SLOT_MINUTES),
            offers: Offered::all(&appointment),
        })
    }

    /// Whether the days that suited have passed.
    pub(super) fn is_over(&self, today: Date) -> bool {
        let last = self.days.as_ref().and_then(|(_, to)| to.as_deref());
        last.is_some_and(|last| last < today.to_string().as_str())
    }

    fn wants_same(&self, call: &JoinWaitlist, specialties: &[String]) -> bool {
        let is_wanted = |specialty: &String| self.specialties.contains(&fold(specialty));
        self.practitioner.as_ref() == call.provider.as_ref().map(Ref::id)
            && self.specialties.is_empty() == specialties.is_empty()
            && (specialties.is_empty() || specialties.iter().any(is_wanted))
    }

    /// Whether it waits for such a time, and was not offered this one before.
    pub(super) fn suits(&self, freed: &Freed, date: Date) -> bool {
        let date = date.to_string();
        let is_of_specialty =
            |wanted: &String| freed.specialties.iter().any(|known| doctors::is_same(known, wanted));
        let was_offered =
            |offer: &Offered| offer.practitioner == freed.practitioner && offer.span.from == freed.span.from;
        self.practitioner.as_ref().is_none_or(|wanted| *wanted == freed.practitioner)
            && (self.specialties.is_empty() || self.specialties.iter().any(is_of_specialty))
            && i64::from(self.minutes) <= freed.minutes()
            && !self.offers.iter().any(was_offered)
            && self
                .days
                .as_ref()
                .is_none_or(|(from, to)| *from <= date && to.as_ref().is_none_or(|to| date <= *to))
    }
}
