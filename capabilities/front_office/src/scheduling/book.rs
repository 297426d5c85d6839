//! Booking one appointment, or a series of them.

use jiff::{ToSpan, Zoned};
use medcor_fhir::ResourceType;
use medcor_tools::{
    Alias, Chosen, Effect, Format, Need, OwnTime, Record, Ref, Synonym, Tool, ToolContext, ToolError, alias,
    detail::Problems, kind, synonym,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    answer::AppointmentAnswer,
    booking::{self, Length, NEEDS, Obstacle, Particulars, Parties, Visit},
    diary::{Days, Diary, closed_diary, diary},
    kinds::Kind,
    offers::own_hold,
    when::{self, Given, Moment},
};

/// Most appointments of a series.
const SERIES_MAX: u32 = 52;

/// Books an appointment for a patient with a clinician at an exact day and time.
///
/// Use it when patient, clinician, day and time are agreed; look up free times with
/// `list_appointment_slots`, or use `check_and_book_appointment` for wishes such as "next Friday
/// afternoon". A time that is not free is a CONFLICT that lists everything that stands against it and the
/// nearest free times. Times are in the organisation's time zone. `repeat` books a series, all or none.
#[derive(Deserialize, JsonSchema)]
pub(super) struct CreateAppointment {
    /// Who is seen: id, MRN, telephone number or full name; patients say `me`.
    patient: Ref<kind::Patient>,
    /// Who sees them: id, NPI or full name.
    provider: Ref<kind::Practitioner>,
    /// Day of the visit, such as 2026-12-02.
    date: Option<String>,
    /// Time of day, such as 09:30, 09:30:00 or 2:30 PM.
    start_time: Option<String>,
    /// When it ends, such as 10:00; else by `duration_minutes`, the service, or the clinician's usual slot.
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
    /// How often it repeats, at the same time of day.
    repeat: Option<Repeat>,
    /// How many appointments the series has, the first included.
    #[schemars(range(min = 2, max = 52))]
    occurrences: Option<u32>,
    /// The `hold_id` that keeps the time for you.
    #[schemars(length(max = 64))]
    hold_id: Option<String>,
    /// Why to book although something stands against it; for the reception, doctors and administrators.
    #[schemars(length(min = 3, max = 500))]
    override_reason: Option<String>,
    /// Your own organisation; any other is refused.
    organisation: Option<Ref<kind::Organization>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Repeat {
    Daily,
    Weekly,
    Biweekly,
    Monthly,
}

/// A booking.
#[derive(Serialize, JsonSchema)]
pub(super) struct Booked {
    success: bool,
    /// In words.
    message: String,
    #[serde(flatten)]
    pub(super) row: AppointmentAnswer,
    /// When it is, with the offset from UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled: Option<String>,
    appointment: Summary,
    /// What was booked over, where `override_reason` was needed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    overridden: Vec<Value>,
    /// Every appointment of the series.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    series: Vec<Summary>,
    /// What to know about the time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// An appointment in short.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct Summary {
    pub(super) appointment_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) time: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    department: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<medcor_tools::FreeText>,
}

impl Summary {
    pub(super) fn of(row: &AppointmentAnswer) -> Self {
        Self {
            appointment_id: row.id.clone(),
            date: row.date.clone(),
            time: row.time.clone(),
            kind: row.kind.clone(),
            provider: row.provider.clone(),
            department: row.department.clone(),
            location: row.location.clone(),
            status: row.status.word(),
            reason: row.reason.clone(),
        }
    }
}

impl Tool for CreateAppointment {
    const NAME: &'static str = "create_appointment";
    const TITLE: &'static str = "Book an appointment";
    const ALIASES: &'static [Alias] = &[alias("schedule_appointment"), alias("book_appointment")];
    const EFFECT: Effect = Effect::Creates;
    const NEEDS: &'static [Need] = NEEDS;
    const FROM_SESSION: &'static [Chosen] = &[Chosen::Patient, Chosen::Practitioner, Chosen::Day];
    const SYNONYMS: &'static [Synonym] = &[
        synonym("treatment_id", "treatment"),
        synonym("service", "treatment"),
        synonym("service_id", "treatment"),
        synonym("type", "appointment_type"),
        synonym("duration", "duration_minutes"),
        synonym("start", "start_time"),
    ];
    const KEYWORDS: &'static [&'static str] = &["book", "visit", "make an appointment", "schedule", "series"];
    type Output = Booked;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Booked, ToolError> {
        own_organisation(self.organisation.as_ref(), cx)?;
        let first = self.first(cx)?;
        cx.choose_day(first.at.date());
        let parties = Parties::of(&self.patient, &self.provider, self.treatment.as_ref(), cx).await?;
        let order = Order {
            parties,
            length: Length { end_time: self.end_time.as_deref(), minutes: self.duration_minutes },
            hold_id: self.hold_id.as_deref().map(own_hold).transpose()?,
            particulars: Particulars {
                kind: self.appointment_type,
                reason: given(self.reason.as_deref()),
                notes: given(self.notes.as_deref()),
                override_reason: given(self.override_reason.as_deref()),
                series: None,
            },
        };
        match self.repeat {
            None => order.book(first, cx).await,
            Some(repeat) => order.book_series(first, repeat, self.occurrences.unwrap_or(2), cx).await,
        }
    }
}

impl CreateAppointment {
    /// When the first visit begins.
    fn first(&self, cx: &ToolContext<'_>) -> Result<Moment, ToolError> {
        let mut problems = Problems::default();
        let start = when::start(self.date.as_deref(), self.start_time.as_deref(), &mut problems);
        if self.occurrences.is_some() != self.repeat.is_some() {
            problems.add("repeat", "is given together with occurrences");
        }
        if self.repeat.is_some() && self.hold_id.is_some() {
            problems.add("hold_id", "keeps one time and not a series");
        }
        let moment = start.and_then(|start| checked(start, "start_time", &mut problems, cx));
        problems.refuse()?;
        moment.ok_or_else(|| ToolError::invalid("/start_time", "is required"))
    }
}

/// The moment that is meant, if somebody can be seen then.
pub(super) fn checked(
    start: Given,
    path: &str,
    problems: &mut Problems,
    cx: &ToolContext<'_>,
) -> Option<Moment> {
    match start.in_zone(&cx.time_zone()) {
        Err(problem) => {
            problems.add(path, problem);
            None
        }
        Ok(moment) => match when::start_problem(&moment.at, cx.now()) {
            Some(problem) => {
                problems.add(path, problem);
                None
            }
            None => Some(moment),
        },
    }
}

/// Refuses another organisation than the caller's own.
pub(super) fn own_organisation(
    organisation: Option<&Ref<kind::Organization>>,
    cx: &ToolContext<'_>,
) -> Result<(), ToolError> {
    if organisation.is_some_and(|organisation| *organisation.id() != cx.tenant().organization) {
        return Err(ToolError::invalid("/organisation", "appointments are those of your own organisation"));
    }
    Ok(())
}

/// What is left of a text; blank is nothing.
pub(super) fn given(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

/// What is to be booked.
pub(super) struct Order<'o> {
    pub(super) parties: Parties,
    pub(super) length: Length<'o>,
    pub(super) hold_id: Option<&'o str>,
    pub(super) particulars: Particulars<'o>,
}

impl Order<'_> {
    /// Books one appointment.
    pub(super) async fn book(mut self, first: Moment, cx: &mut ToolContext<'_>) -> Result<Booked, ToolError> {
        let own = OwnTime { hold: self.hold_id.map(str::to_owned), appointment: None };
        let mut diary = closed_diary(&self.parties.practitioner.id, own, cx).await?;
        let end = self.parties.end(&first.at, self.length, &diary)?;
        let visit = Visit { start: first.at, end };
        let patient = &self.parties.patient.id;
        let obstacles = booking::obstacles(&visit, &mut diary, patient, cx).await?;
        let reason = self.particulars.override_reason;
        booking::refuse_or_override(&obstacles, (&visit, &mut diary), reason, cx).await?;
        if obstacles.is_empty() {
            self.particulars.override_reason = None;
        }
        if let Some(hold) = self.hold_id {
            let span = visit.span();
            cx.records().give_back(hold, &self.parties.practitioner.id, (span.from, span.to));
        }
        let resource = booking::resource(&self.parties, &visit, &diary, &self.particulars, cx)?;
        let record = cx.records().create(resource)?;
        let mut booked = Booked::of(&record, &obstacles, cx).await?;
        booked.warnings.extend(first.note);
        Ok(booked)
    }

    /// Books all of them or none.
    async fn book_series(
        mut self,
        first: Moment,
        repeat: Repeat,
        occurrences: u32,
        cx: &mut ToolContext<'_>,
    ) -> Result<Booked, ToolError> {
        let (starts, warnings) = starts_of(&first, repeat, occurrences.min(SERIES_MAX), cx)?;
        let last = starts.last().map_or(first.at.date(), Zoned::date);
        let days = Days { from: first.at.date(), to: last };
        let mut diary = diary(&self.parties.practitioner.id, days, cx).await?;
        let mut visits = Vec::with_capacity(starts.len());
        let mut obstacles = Vec::new();
        for start in starts {
            let end = self.parties.end(&start, self.length, &diary)?;
            let visit = Visit { start, end };
            obstacles.extend(booking::obstacles(&visit, &mut diary, &self.parties.patient.id, cx).await?);
            visits.push(visit);
        }
        let whole =
            visits.first().ok_or_else(|| ToolError::invalid("/occurrences", "makes no appointment"))?;
        let reason = self.particulars.override_reason;
        booking::refuse_or_override(&obstacles, (whole, &mut diary), reason, cx).await?;
        if obstacles.is_empty() {
            self.particulars.override_reason = None;
        }
        let series = cx.new_id().to_string();
        let records = self.create_all(&visits, &diary, &series, cx)?;
        let record = records.first().ok_or_else(|| ToolError::not_found(ResourceType::APPOINTMENT.name()))?;
        let mut booked = Booked::of(record, &obstacles, cx).await?;
        booked.message = format!("{} appointments are booked, the first {}", records.len(), whole.words());
        for record in &records {
            let row = AppointmentAnswer::of_one(record, Format::Compact, cx).await?;
            booked.series.push(Summary::of(&row));
        }
        booked.warnings.extend(warnings);
        Ok(booked)
    }

    fn create_all(
        &self,
        visits: &[Visit],
        diary: &Diary,
        series: &str,
        cx: &mut ToolContext<'_>,
    ) -> Result<Vec<Record>, ToolError> {
        let particulars = Particulars { series: Some(series), ..self.particulars };
        let mut records = Vec::with_capacity(visits.len());
        for visit in visits {
            let resource = booking::resource(&self.parties, visit, diary, &particulars, cx)?;
            records.push(cx.records().create(resource)?);
        }
        Ok(records)
    }
}

/// When the appointments of a series begin: at one time of day, whatever the clock does in between.
fn starts_of(
    first: &Moment,
    repeat: Repeat,
    occurrences: u32,
    cx: &ToolContext<'_>,
) -> Result<(Vec<Zoned>, Vec<String>), ToolError> {
    let local = first.at.datetime();
    let mut starts = vec![first.at.clone()];
    let mut problems = Problems::default();
    let mut warnings: Vec<String> = first.note.iter().cloned().collect();
    for number in 1..i64::from(occurrences) {
        let later = match repeat {
            Repeat::Daily => number.days(),
            Repeat::Weekly => number.weeks(),
            Repeat::Biweekly => (2 * number).weeks(),
            Repeat::Monthly => number.months(),
        };
        let Ok(local) = local.checked_add(later) else {
            problems.add("occurrences", "goes beyond the calendar");
            break;
        };
        if let Some(moment) = checked(Given::Local(local), "start_time", &mut problems, cx) {
            warnings.extend(moment.note);
            starts.push(moment.at);
        }
    }
    problems.refuse()?;
    Ok((starts, warnings))
}

impl Booked {
    /// The answer for a new appointment.
    pub(super) async fn of(
        record: &Record,
        obstacles: &[Obstacle],
        cx: &mut ToolContext<'_>,
    ) -> Result<Self, ToolError> {
        let row = AppointmentAnswer::of_one(record, Format::Compact, cx).await?;
        let with = row.doctor_name.as_deref().map(|name| format!(" with {name}")).unwrap_or_default();
        let at = [row.date.as_deref(), row.start_time.as_deref()].map(Option::unwrap_or_default).join(" ");
        Ok(Self {
            success: true,
            message: format!("Appointment booked for {at}{with} (ID: {})", row.id),
            scheduled: row.start().map(str::to_owned),
            appointment: Summary::of(&row),
            row,
            overridden: obstacles.iter().map(Obstacle::value).collect(),
            series: Vec::new(),
            warnings: Vec::new(),
        })
    }
}
