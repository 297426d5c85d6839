//! A wish in words, and in one call what becomes of it: booked, kept for a while, offered, or asked back.

use medcor_fhir::{Id, ResourceType};
use medcor_tools::{
    Chosen, Effect, Hold, Need, Ref, Synonym, Tool, ToolContext, ToolError, detail::Problems, kind, synonym,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    answer::name_of,
    book::{Booked, Order, checked, given, own_organisation},
    booking::{self, Length, NEEDS, Particulars, Parties, Visit},
    diary::{Days, Diary, Slot, diaries},
    doctors,
    hours::Minutes,
    kinds::Kind,
    phrase::{self, Wish},
    when::{self, Given, Moment, instant, zoned},
};

/// How many times are offered.
const OFFERED_MAX: usize = 5;
/// How long a time is kept, in microseconds: five minutes.
const HOLD_MICROSECONDS: i64 = 5 * 60 * 1_000_000;

/// Finds a time that fits a wish in words, and offers it, keeps it for five minutes, or books it.
///
/// Use it for "next Friday afternoon with a cardiologist": `date` takes words, `provider` or `specialty` says with
/// whom. An exact time of a named clinician is booked at once; else times are offered, of which
/// `create_appointment` books one. `mode` HOLD keeps the first for five minutes (`hold_id`), BOOK books the first. Words that
/// mean two days are never guessed: `outcome` is then `ambiguous` and nothing is booked.
#[derive(Deserialize, JsonSchema)]
pub(super) struct CheckAndBookAppointment {
    /// Who is seen: id, MRN, telephone number or full name; patients say `me`.
    patient: Ref<kind::Patient>,
    /// With whom: id, NPI or full name.
    provider: Option<Ref<kind::Practitioner>>,
    /// With anybody of this specialty, such as cardiology or cardiologist.
    #[schemars(length(min = 2, max = 100))]
    specialty: Option<String>,
    /// A day, such as 2026-12-02, or words, such as next Friday afternoon; as soon as possible when absent.
    #[schemars(length(max = 200))]
    date: Option<String>,
    /// Time of day, such as 09:30 or 2:30 PM, or words, such as morning.
    #[schemars(length(max = 100))]
    start_time: Option<String>,
    /// When it ends, such as 10:00.
    end_time: Option<String>,
    /// Minutes of the visit, in steps of 5.
    #[schemars(range(min = 5, max = 720))]
    duration_minutes: Option<u32>,
    /// The service that is wanted: id, identifier or name.
    treatment: Option<Ref<kind::HealthcareService>>,
    /// The kind of visit.
    appointment_type: Option<Kind>,
    /// Why the patient comes.
    #[schemars(length(max = 500))]
    reason: Option<String>,
    /// Notes for the clinic.
    #[schemars(length(max = 2000))]
    notes: Option<String>,
    /// What to do with a time that fits.
    mode: Option<Mode>,
    /// Your own organisation; any other is refused.
    organisation: Option<Ref<kind::Organization>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Mode {
    Offer,
    Hold,
    Book,
}

/// What became of a wish.
#[derive(Serialize, JsonSchema)]
pub(super) struct Found {
    outcome: Outcome,
    /// In words, and what to do next.
    advice: String,
    /// Times that fit, to offer.
    options: Vec<Value>,
    /// The days that the words could mean, where that is unclear.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    readings: Vec<String>,
    /// Keeps the first option for you; pass it to `create_appointment`.
    #[serde(skip_serializing_if = "Option::is_none")]
    hold_id: Option<String>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// The appointment, where one was booked.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    booked: Option<Booked>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Booked,
    Held,
    Offered,
    Ambiguous,
    NothingFree,
}

impl Tool for CheckAndBookAppointment {
    const NAME: &'static str = "check_and_book_appointment";
    const TITLE: &'static str = "Find a time and book it";
    const EFFECT: Effect = Effect::Creates;
    const NEEDS: &'static [Need] = NEEDS;
    const FROM_SESSION: &'static [Chosen] = &[Chosen::Patient, Chosen::Practitioner, Chosen::Day];
    const SYNONYMS: &'static [Synonym] = &[
        synonym("treatment_id", "treatment"),
        synonym("service", "treatment"),
        synonym("type", "appointment_type"),
        synonym("duration", "duration_minutes"),
        synonym("when", "date"),
    ];
    const KEYWORDS: &'static [&'static str] =
        &["next friday", "earliest appointment", "find and book", "availability", "hold a time"];
    type Output = Found;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Found, ToolError> {
        own_organisation(self.organisation.as_ref(), cx)?;
        let wish = self.wish(cx)?;
        if let [day] = wish.days.as_slice()
            && day.from == day.to
        {
            cx.choose_day(day.from);
        }
        if let (Some(provider), Some(exact)) = (&self.provider, exact_of(&wish))
            && self.mode.unwrap_or(Mode::Book) == Mode::Book
        {
            let mut problems = Problems::default();
            let moment = checked(exact, "start_time", &mut problems, cx);
            problems.refuse()?;
            let moment = moment.ok_or_else(|| ToolError::invalid("/start_time", "is not a time"))?;
            return self.book(provider.id().clone(), moment, cx).await;
        }
        let options = self.options(&wish, cx).await?;
        self.settle(&wish, options, cx).await
    }
}

/// A time that fits.
struct Choice {
    slot: Slot,
    value: Value,
}

/// The one time that a wish names.
fn exact_of(wish: &Wish) -> Option<Given> {
    let [day] = wish.days.as_slice() else { return None };
    let minutes = wish.minutes.filter(|_| wish.is_exact && day.from == day.to)?;
    let (hour, minute) = (minutes.from / 60, minutes.from % 60);
    Some(Given::Local(day.from.at(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0)))
}

impl CheckAndBookAppointment {
    fn wish(&self, cx: &ToolContext<'_>) -> Result<Wish, ToolError> {
        let mut problems = Problems::default();
        let today = cx.today();
        if self.provider.is_none() && given(self.specialty.as_deref()).is_none() {
            problems.add("provider", "is required, or specialty for anybody of it");
        }
        let joined = [self.date.as_deref(), self.start_time.as_deref()].into_iter().flatten();
        // Documented clients send a date and a time in one.
        let joined: Vec<String> = joined.map(|text| spaced(text.trim())).collect();
        let wish = match phrase::wish(&joined.join(" "), today) {
            Ok(wish) => Some(wish),
            Err(problem) => {
                problems.add("date", problem);
                None
            }
        };
        let is_over = wish.as_ref().is_some_and(|wish| wish.days.iter().all(|days| days.to < today));
        if is_over {
            problems.add("date", format!("is in the past: today is {today}"));
        }
        problems.refuse()?;
        wish.ok_or_else(|| ToolError::invalid("/date", "is not understood"))
    }

    /// Free times for every meaning of the wish, the earliest of each day first.
    async fn options(&self, wish: &Wish, cx: &mut ToolContext<'_>) -> Result<Vec<Choice>, ToolError> {
        let mut options = Vec::new();
        for days in &wish.days {
            let mut of_reading = Vec::new();
            for diary in self.diaries(*days, cx).await? {
                let minutes = self.minutes(&diary, cx).await?;
                for slot in diary.slots(minutes, *days, cx) {
                    if slot.is_free && begins_within(&slot, wish.minutes) {
                        let value = booking::alternative(&slot, &diary);
                        of_reading.push(Choice { slot, value });
                    }
                }
            }
            of_reading.sort_by_key(|choice| choice.slot.start.timestamp());
            let free = self.without_clashes(of_reading, cx).await?;
            options.extend(free);
        }
        Ok(options)
    }

    /// The first that the patient can come to.
    async fn without_clashes(
        &self,
        choices: Vec<Choice>,
        cx: &mut ToolContext<'_>,
    ) -> Result<Vec<Choice>, ToolError> {
        let mut free = Vec::new();
        for choice in choices {
            if free.len() == OFFERED_MAX {
                break;
            }
            let visit = Visit { start: choice.slot.start.clone(), end: choice.slot.end.clone() };
            if booking::of_patient(&visit, self.patient.id(), None, cx).await?.is_empty() {
                free.push(choice);
            }
        }
        Ok(free)
    }

    async fn diaries(&self, days: Days, cx: &mut ToolContext<'_>) -> Result<Vec<Diary>, ToolError> {
        let Some(provider) = &self.provider else {
            return doctors::of_specialty(given(self.specialty.as_deref()).unwrap_or_default(), days, cx)
                .await;
        };
        let id = provider.id().clone();
        let mut diaries = diaries(std::slice::from_ref(&id), days, cx).await?;
        for diary in diaries.iter_mut().filter(|diary| diary.name.is_none()) {
            diary.name = name_of(&cx.record(provider).await?)?;
        }
        Ok(diaries)
    }

    async fn minutes(&self, diary: &Diary, cx: &mut ToolContext<'_>) -> Result<u32, ToolError> {
        if let Some(minutes) = self.duration_minutes {
            return Ok(minutes);
        }
        let Some(treatment) = &self.treatment else { return Ok(diary.slot_minutes()) };
        let record = cx.record(treatment).await?;
        Ok(booking::service_minutes(Some(&record))?.unwrap_or_else(|| diary.slot_minutes()))
    }

    async fn settle(
        &self,
        wish: &Wish,
        options: Vec<Choice>,
        cx: &mut ToolContext<'_>,
    ) -> Result<Found, ToolError> {
        let readings: Vec<String> = wish.days.iter().map(|days| days.from.to_string()).collect();
        let is_ambiguous = wish.days.len() > 1;
        let values: Vec<Value> = options.iter().map(|choice| choice.value.clone()).collect();
        let first = options.into_iter().next();
        let found = |outcome, advice: String| Found {
            outcome,
            advice,
            options: values.clone(),
            readings: if is_ambiguous { readings.clone() } else { Vec::new() },
            hold_id: None,
            expires_at: None,
            booked: None,
        };
        if is_ambiguous {
            let advice = format!(
                "The words can mean {}; nothing was booked. Ask which, then call again with that date.",
                readings.join(" or ")
            );
            return Ok(found(Outcome::Ambiguous, advice));
        }
        let Some(first) = first else {
            let advice = "Nothing is free then; ask for other days or join_waitlist.".to_owned();
            return Ok(found(Outcome::NothingFree, advice));
        };
        match self.mode.unwrap_or(Mode::Offer) {
            Mode::Offer => {
                let advice =
                    "Nothing is booked yet: offer these times, then call create_appointment.".to_owned();
                Ok(found(Outcome::Offered, advice))
            }
            Mode::Hold => {
                cx.choose_day(first.slot.start.date());
                let advice =
                    "The first time is kept for five minutes; on a yes call create_appointment with hold_id.";
                let (id, until) = hold(&first.slot, cx);
                let expires_at = Some(instant(&zoned(until, &cx.time_zone())));
                Ok(Found { hold_id: Some(id), expires_at, ..found(Outcome::Held, advice.to_owned()) })
            }
            Mode::Book => {
                cx.choose_day(first.slot.start.date());
                let moment = Moment { at: first.slot.start.clone(), note: None };
                self.book(first.slot.practitioner, moment, cx).await
            }
        }
    }

    async fn book(
        &self,
        practitioner: Id,
        moment: Moment,
        cx: &mut ToolContext<'_>,
    ) -> Result<Found, ToolError> {
        let practitioner = cx.read(ResourceType::PRACTITIONER, &practitioner).await?;
        let order = Order {
            parties: Parties::of_records(&self.patient, practitioner, self.treatment.as_ref(), cx).await?,
            length: Length { end_time: self.end_time.as_deref(), minutes: self.duration_minutes },
            hold_id: None,
            particulars: Particulars {
                kind: self.appointment_type,
                reason: given(self.reason.as_deref()),
                notes: given(self.notes.as_deref()),
                ..Particulars::default()
            },
        };
        let booked = order.book(moment, cx).await?;
        Ok(Found {
            outcome: Outcome::Booked,
            advice: "Tell date, time, clinician and id.".to_owned(),
            options: Vec::new(),
            readings: Vec::new(),
            hold_id: None,
            expires_at: None,
            booked: Some(booked),
        })
    }
}

fn begins_within(slot: &Slot, minutes: Option<Minutes>) -> bool {
    let start = i32::from(slot.start.hour()) * 60 + i32::from(slot.start.minute());
    minutes.is_none_or(|minutes| (minutes.from..minutes.to).contains(&start))
}

/// Keeps a time for five minutes.
fn hold(slot: &Slot, cx: &mut ToolContext<'_>) -> (String, i64) {
    let (id, span) = (cx.new_id().to_string(), slot.span());
    let until = cx.now().as_microsecond() + HOLD_MICROSECONDS;
    let practitioner = slot.practitioner.clone();
    cx.records().hold(&Hold { id: id.clone(), practitioner, from: span.from, to: span.to, until });
    (id, until)
}

/// A date-time in two words: `2025-12-25T10:00` is a date and a time.
fn spaced(text: &str) -> String {
    match (when::date(text), text.get(10..11), text.get(11..)) {
        (Ok(date), Some("T" | "t" | " "), Some(clock)) => format!("{date} {clock}"),
        _ => text.to_owned(),
    }
}
