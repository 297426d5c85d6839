//! Free times.

use jiff::{ToSpan, civil::Date};
use medcor_fhir::ResourceType;
use medcor_tools::{
    Alias, Chosen, Effect, Need, Ref, ResourceBinding, Synonym, Tool, ToolContext, ToolError, alias,
    detail::Problems, kind, resource, synonym,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    book::own_organisation,
    booking,
    diary::{Days, Diary, Slot, diaries},
    doctors,
    hours::name_of,
    when::{self, clock, clock_with_seconds, instant, zone_name},
};

/// How many days are looked through where no end is given.
const DAYS: i32 = 7;
/// Most days of one answer.
const DAYS_MAX: i32 = 62;
/// Rows of an answer.
const ROWS: usize = 20;

/// Lists times at which a clinician, or anybody of a specialty, can be booked.
///
/// Computed from weekly hours, exceptions, holidays, appointments and holds; never from the past. Without
/// `date` or `from` the next 7 days. `available_times` are the free times of `date`, the first day that has
/// any; `results` has every time with its clinician. Book one with `create_appointment`.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ListAppointmentSlots {
    /// Whose times: id, NPI or full name; clinicians say `me`.
    provider: Option<Ref<kind::Practitioner>>,
    /// Anybody of this specialty, such as cardiology.
    #[schemars(length(min = 2, max = 100))]
    specialty: Option<String>,
    /// Only this day, such as 2026-12-02.
    date: Option<String>,
    /// First day.
    from: Option<String>,
    /// Last day.
    to: Option<String>,
    /// Minutes that are needed; else by the service or the clinician's usual slot.
    #[schemars(range(min = 5, max = 720))]
    duration_minutes: Option<u32>,
    /// The service that is wanted: id, identifier or name.
    treatment: Option<Ref<kind::HealthcareService>>,
    /// `false`: only times that are taken.
    is_available: Option<bool>,
    /// Free and taken times.
    include_booked: Option<bool>,
    /// Most rows, 20 when absent.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<usize>,
    /// `fhir` adds each time as a FHIR Slot.
    format: Option<SlotFormat>,
    /// Your own organisation; any other is refused.
    organisation: Option<Ref<kind::Organization>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum SlotFormat {
    Compact,
    Fhir,
}

/// Times.
#[derive(Serialize, JsonSchema)]
pub(super) struct Slots {
    /// The first day with a free time.
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<String>,
    /// The free times of that day, `HH:MM:SS`.
    available_times: Vec<String>,
    results: Vec<SlotRow>,
    count: usize,
    /// `results` in short.
    #[serde(rename = "slots")]
    in_short: Vec<ShortSlot>,
    /// Whether there are more times than rows.
    truncated: bool,
    time_zone: String,
    applied_filter: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'static str>,
}

#[derive(Serialize, JsonSchema)]
struct SlotRow {
    /// Of the clinician and the time.
    id: String,
    doctor_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    doctor_name: Option<String>,
    date: String,
    day_of_week: &'static str,
    start_time: String,
    end_time: String,
    /// With the offset from UTC.
    start: String,
    duration_minutes: i64,
    is_available: bool,
    /// `AVAILABLE` or `BOOKED`.
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fhir: Option<Value>,
}

#[derive(Serialize, JsonSchema)]
struct ShortSlot {
    start_time: String,
    end_time: String,
    is_available: bool,
}

impl Tool for ListAppointmentSlots {
    const NAME: &'static str = "list_appointment_slots";
    const TITLE: &'static str = "List free times";
    const ALIASES: &'static [Alias] = &[alias("get_available_slots"), alias("list_available_slots")];
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = &[
        Need::search(ResourceType::SCHEDULE),
        Need::read(ResourceType::PRACTITIONER),
        Need::search_if_allowed(ResourceType::PRACTITIONER_ROLE),
        Need::read_if_allowed(ResourceType::HEALTHCARE_SERVICE),
        Need::read_if_allowed(ResourceType::ORGANIZATION),
    ];
    const FROM_SESSION: &'static [Chosen] = &[Chosen::Practitioner, Chosen::Day];
    const SYNONYMS: &'static [Synonym] = &[
        synonym("treatment_id", "treatment"),
        synonym("service", "treatment"),
        synonym("duration", "duration_minutes"),
    ];
    const RESOURCES: &'static [ResourceBinding] =
        &[resource("doctors://availability/{provider}/{date}").with(&[("include_booked", "true")])];
    const KEYWORDS: &'static [&'static str] =
        &["free appointment slots", "availability", "open times", "when can", "calendar"];
    type Output = Slots;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Slots, ToolError> {
        own_organisation(self.organisation.as_ref(), cx)?;
        let days = self.days(cx)?;
        let diaries = self.diaries(days, cx).await?;
        let minutes = self.minutes(cx).await?;
        let mut slots: Vec<(Slot, &Diary)> = Vec::new();
        for diary in &diaries {
            let minutes = minutes.unwrap_or_else(|| diary.slot_minutes());
            slots.extend(diary.slots(minutes, days, cx).into_iter().map(|slot| (slot, diary)));
        }
        // Where one diary has two schedules, one time can come twice.
        slots.sort_by(|(one, _), (other, _)| {
            let key = |slot: &Slot| (slot.start.timestamp(), slot.practitioner.as_str().to_owned());
            key(one).cmp(&key(other))
        });
        Ok(self.answer(&slots, &diaries, days, cx))
    }
}

impl ListAppointmentSlots {
    fn days(&self, cx: &ToolContext<'_>) -> Result<Days, ToolError> {
        let today = cx.today();
        let mut problems = Problems::default();
        let mut day = |name: &str, text: &Option<String>| problems.checked(name, text.as_deref(), when::date);
        let (date, from, to) = (day("date", &self.date), day("from", &self.from), day("to", &self.to));
        if self.date.is_some() && (self.from.is_some() || self.to.is_some()) {
            problems.add("date", "is one day; give either it or from and to");
        }
        let days = chosen(date, from, to, today);
        if days.to < days.from {
            problems.add("to", "is before from");
        }
        if (days.to - days.from).get_days() >= DAYS_MAX {
            problems.add("to", format!("is {DAYS_MAX} days or more after from; ask for a shorter time"));
        }
        problems.refuse()?;
        Ok(days)
    }

    async fn diaries(&self, days: Days, cx: &mut ToolContext<'_>) -> Result<Vec<Diary>, ToolError> {
        match (&self.provider, &self.specialty) {
            (Some(provider), _) => {
                let id = provider.id().clone();
                let mut diaries = diaries(std::slice::from_ref(&id), days, cx).await?;
                for diary in &mut diaries {
                    if diary.name.is_none() {
                        let record = cx.record(provider).await?;
                        diary.name = super::answer::name_of(&record)?;
                    }
                }
                Ok(diaries)
            }
            (None, Some(specialty)) => doctors::of_specialty(specialty, days, cx).await,
            (None, None) => doctors::all(days, cx).await,
        }
    }

    async fn minutes(&self, cx: &mut ToolContext<'_>) -> Result<Option<u32>, ToolError> {
        let Some(treatment) = self.treatment.as_ref().filter(|_| self.duration_minutes.is_none()) else {
            return Ok(self.duration_minutes);
        };
        let record = cx.record(treatment).await?;
        booking::service_minutes(Some(&record))
    }

    fn is_wanted(&self, slot: &Slot) -> bool {
        match (self.include_booked, self.is_available) {
            (Some(true), _) => true,
            (_, Some(is_available)) => slot.is_free == is_available,
            _ => slot.is_free,
        }
    }

    fn answer(&self, slots: &[(Slot, &Diary)], diaries: &[Diary], days: Days, cx: &ToolContext<'_>) -> Slots {
        let free = || slots.iter().map(|(slot, _)| slot).filter(|slot| slot.is_free);
        let date = free().next().map(|slot| slot.start.date());
        let mut times: Vec<String> = free()
            .filter(|slot| Some(slot.start.date()) == date)
            .map(|slot| clock_with_seconds(slot.start.time()))
            .collect();
        times.dedup();
        let limit = self.limit.unwrap_or(ROWS);
        let wanted: Vec<&(Slot, &Diary)> = slots.iter().filter(|(slot, _)| self.is_wanted(slot)).collect();
        let with_fhir = self.format == Some(SlotFormat::Fhir);
        let results: Vec<SlotRow> =
            wanted.iter().take(limit).map(|(slot, diary)| SlotRow::of(slot, diary, with_fhir)).collect();
        let has_hours = diaries.iter().any(|diary| diary.hours.are_known());
        let hint = match (results.is_empty(), has_hours) {
            (false, _) => None,
            (true, true) => Some("Nothing fits on these days; ask for others or another clinician."),
            (true, false) => Some("Nobody has hours here yet; create_appointment_slot adds weekly hours."),
        };
        Slots {
            date: date.map(|date| date.to_string()),
            available_times: times,
            count: results.len(),
            in_short: results.iter().map(SlotRow::short).collect(),
            truncated: wanted.len() > results.len(),
            results,
            time_zone: zone_name(&cx.time_zone()),
            applied_filter: self.filter(days),
            hint,
        }
    }

    fn filter(&self, days: Days) -> Value {
        let mut filter = json!({ "from": days.from.to_string(), "to": days.to.to_string() });
        if let Some(provider) = &self.provider {
            filter["provider"] = provider.id().as_str().into();
        }
        if let Some(specialty) = self.specialty.as_deref().filter(|_| self.provider.is_none()) {
            filter["specialty"] = specialty.into();
        }
        filter
    }
}

/// The days that are asked for; none before today.
fn chosen(date: Option<Date>, from: Option<Date>, to: Option<Date>, today: Date) -> Days {
    if let Some(date) = date {
        return Days { from: date, to: date };
    }
    let from = from.unwrap_or(today);
    Days {
        from: from.max(today),
        to: to.unwrap_or_else(|| from.max(today).saturating_add((DAYS - 1).days())),
    }
}

impl SlotRow {
    fn of(slot: &Slot, diary: &Diary, with_fhir: bool) -> Self {
        let span = slot.span();
        Self {
            id: format!("{}@{}", slot.practitioner, instant(&slot.start)),
            doctor_id: slot.practitioner.to_string(),
            doctor_name: diary.name.clone(),
            date: slot.start.date().to_string(),
            day_of_week: name_of(slot.start.weekday()),
            start_time: clock(slot.start.time()),
            end_time: clock(slot.end.time()),
            start: instant(&slot.start),
            duration_minutes: (span.to - span.from) / super::diary::MICROSECONDS_PER_MINUTE,
            is_available: slot.is_free,
            status: if slot.is_free { "AVAILABLE" } else { "BOOKED" },
            fhir: with_fhir.then(|| fhir_slot(slot, diary)),
        }
    }

    fn short(&self) -> ShortSlot {
        ShortSlot {
            start_time: self.start_time.clone(),
            end_time: self.end_time.clone(),
            is_available: self.is_available,
        }
    }
}

fn fhir_slot(slot: &Slot, diary: &Diary) -> Value {
    let schedule = match &diary.schedule {
        Some(id) => json!({ "reference": format!("Schedule/{id}") }),
        None => json!({ "display": diary.name.as_deref().unwrap_or("hours of the role") }),
    };
    json!({
        "resourceType": "Slot",
        "schedule": schedule,
        "status": if slot.is_free { "free" } else { "busy" },
        "start": instant(&slot.start),
        "end": instant(&slot.end),
    })
}
