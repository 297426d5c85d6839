//! Making a reminder.

use jiff::{Timestamp, ToSpan, civil::Date};
use medcor_fhir::{Id, ParsedResource, ResourceType, search::name::fold, view::MedicationRequest};
use medcor_tools::{
    ArgumentProblem, Claim, Effect, Need, Ref, Synonym, Tool, ToolContext, ToolError, kind, synonym, view,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    reminder::{Draft, message, reminders},
    schedule::{Schedule, times, usual_times},
};
use crate::{
    author::Author,
    digest::claim_name,
    listing::{Subject, Success},
    medications::dosage,
    prescribing::{
        frequency::{self, Daily, Frequency},
        name,
        standing::{Match, Named, Standing, standing},
    },
};

/// Longest time for which a reminder is made.
const DAYS_MAX: i32 = 366;
/// Two calls that make the same reminder within this many seconds cannot both succeed.
const CLAIM_SECONDS: i64 = 60;

/// Makes a reminder of a medication, at times of the day until a date.
///
/// Give `times`, or a `frequency` from which they follow. It is tied to the patient's prescription of that
/// name where there is one, and ends with it. Refused with CONFLICT where there is such a reminder already.
/// The answer's `reminder_id` is what `log_medication_taken` takes.
#[derive(Deserialize, JsonSchema)]
pub(super) struct CreateMedicationReminder {
    /// Whose: id, MRN, telephone number or full name.
    patient: Ref<kind::Patient>,
    /// What is taken, as the prescription names it.
    #[schemars(length(min = 1, max = 200))]
    medication: String,
    /// The prescription, where several have this name.
    prescription: Option<Ref<kind::MedicationRequest>>,
    /// How much, such as 10 mg; that of the prescription when absent.
    #[schemars(length(min = 1, max = 100))]
    dosage: Option<String>,
    /// How often, such as twice daily, every 8 hours or every Monday. Daily when absent.
    #[schemars(length(min = 1, max = 120))]
    frequency: Option<String>,
    /// Times of the day in the organisation's time zone, such as 08:00 or 8:00 PM.
    #[schemars(length(min = 1, max = 24))]
    times: Option<Vec<String>>,
    /// First day; today when absent.
    #[schemars(extend("format" = "date"))]
    start_date: Option<String>,
    /// Last day, at most a year ahead.
    #[schemars(extend("format" = "date"))]
    end_date: String,
}

/// The reminder that was made.
#[derive(Serialize, JsonSchema)]
pub(super) struct CreatedReminder {
    status: Success,
    message: String,
    id: String,
    reminder_id: String,
    patient_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mrn: Option<String>,
    medication: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    dosage: Option<String>,
    frequency: String,
    /// Times of the day in the organisation's time zone.
    times: Vec<String>,
    start_date: String,
    end_date: String,
    /// When it is due first.
    send_at: String,
    /// The prescription with which it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    prescription_id: Option<String>,
    warnings: Vec<String>,
}

/// Arguments that were read.
struct Plan {
    schedule: Schedule,
    frequency: String,
    first: Timestamp,
}

impl Tool for CreateMedicationReminder {
    const NAME: &'static str = "create_medication_reminder";
    const TITLE: &'static str = "Make a medication reminder";
    const EFFECT: Effect = Effect::Creates;
    const NEEDS: &'static [Need] = &[
        Need::read(ResourceType::PATIENT),
        Need::search(ResourceType::MEDICATION_REQUEST),
        Need::search(ResourceType::COMMUNICATION_REQUEST),
        Need::create(ResourceType::COMMUNICATION_REQUEST),
        Need::read_if_allowed(ResourceType::MEDICATION),
        Need::read_if_allowed(ResourceType::PRACTITIONER),
    ];
    const SYNONYMS: &'static [Synonym] = &[
        synonym("medication_name", "medication"),
        synonym("drug", "medication"),
        synonym("dose", "dosage"),
        synonym("time", "times"),
        synonym("prescription_id", "prescription"),
        synonym("medication_id", "prescription"),
    ];
    const KEYWORDS: &'static [&'static str] = &["alarm", "pill", "dose", "schedule", "medicine"];
    type Output = CreatedReminder;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<CreatedReminder, ToolError> {
        if let Some(problem) = name::problem(&self.medication) {
            return Err(ToolError::invalid("/medication", problem));
        }
        let plan = self.plan(cx)?;
        let (subject, prescription) = self.prescription(cx).await?;
        let medication = prescription
            .as_ref()
            .map_or_else(|| self.medication.trim().to_owned(), |found| found.name.clone());
        refuse_duplicate(&subject, &medication, cx).await?;
        let (dosage, mut warnings) = self.dosage(prescription.as_ref())?;
        if prescription.is_none() {
            warnings.push(
                "the patient has no active prescription of this name, so nothing ends the reminder before its \
                 last day"
                    .to_owned(),
            );
        }
        let prescription = prescription.map(|prescription| prescription.record.id);
        let draft = Draft {
            medication: &medication,
            dosage: dosage.as_deref(),
            prescription: prescription.as_ref(),
            schedule: &plan.schedule,
            requester: speaker(cx).await?,
        };
        let resource = draft.resource(&subject, plan.first, cx.now());
        let record = cx.records().create(ParsedResource::from_value(resource)?)?;
        Ok(created(&record.id, subject, &plan, &draft, warnings, cx))
    }
}

impl CreateMedicationReminder {
    fn plan(&self, cx: &ToolContext<'_>) -> Result<Plan, ToolError> {
        let mut problems = Vec::new();
        let mut problem = |path: &str, problem: String| {
            problems.push(ArgumentProblem { path: path.to_owned(), problem });
        };
        let frequency = self.frequency.as_deref().map(Frequency::parse);
        let daily = match frequency.as_ref() {
            None => None,
            Some(None) => {
                problem("/frequency", format!("doesn't say how often; {}", frequency::EXAMPLES));
                None
            }
            Some(Some(frequency)) => {
                let daily = frequency.daily();
                if daily.is_none() {
                    let what =
                        "has no times of a day; a reminder takes one such as twice daily or every 8 hours";
                    problem("/frequency", what.to_owned());
                }
                daily
            }
        };
        let times = match self.times.as_deref().map(times) {
            Some(Ok(times)) => Some(times),
            Some(Err(ToolError::Validation(wrong))) => {
                for wrong in wrong {
                    problem(&wrong.path, wrong.problem);
                }
                None
            }
            Some(Err(other)) => return Err(other),
            None => None,
        };
        if self.times.is_none() && self.frequency.is_none() {
            problem("/times", "give times of the day, or a frequency".to_owned());
        }
        if let (Some(times), Some(daily)) = (&times, &daily)
            && times.len() != usize::try_from(daily.times).unwrap_or_default()
        {
            problem("/times", format!("are {}, and the frequency means {} a day", times.len(), daily.times));
        }
        let dates = self.dates(cx, &mut problem);
        if !problems.is_empty() {
            return Err(ToolError::Validation(problems));
        }
        let count = times.as_ref().map_or(1, |times| u32::try_from(times.len()).unwrap_or(1));
        let daily = daily.unwrap_or(Daily { times: count, every_days: 1, days: Vec::new() });
        let times = times.unwrap_or_else(|| usual_times(daily.times));
        let words = match frequency.flatten() {
            Some(frequency) => frequency.words(),
            None if count == 1 => "once daily".to_owned(),
            None if count == 2 => "twice daily".to_owned(),
            None => format!("{count} times daily"),
        };
        let schedule = Schedule::new(dates, times, &daily, cx.now());
        let Some(first) = schedule.next_after(cx.now(), &cx.time_zone()) else {
            return Err(ToolError::invalid("/end_date", "no dose is due before the end of this day"));
        };
        Ok(Plan { schedule, frequency: words, first })
    }

    fn dates(&self, cx: &ToolContext<'_>, problem: &mut impl FnMut(&str, String)) -> (Date, Date) {
        let today = cx.today();
        let mut date = |path: &str, text: &str| {
            let date = text.trim().parse::<Date>().ok();
            if date.is_none() {
                problem(path, "not a date such as 2026-05-01".to_owned());
            }
            date
        };
        let start = match &self.start_date {
            None => Some(today),
            Some(text) => date("/start_date", text),
        };
        let end = date("/end_date", &self.end_date);
        let (Some(start), Some(end)) = (start, end) else { return (today, today) };
        let latest = today.checked_add(DAYS_MAX.days()).unwrap_or(today);
        if start < today {
            problem("/start_date", format!("is before today, {today}"));
        }
        if end < start || end < today {
            problem("/end_date", "is before the first day".to_owned());
        }
        if end > latest {
            problem("/end_date", format!("is more than a year ahead; the latest is {latest}"));
        }
        (start, end)
    }

    /// The prescription that is meant; none where the patient has none of this name.
    async fn prescription(&self, cx: &mut ToolContext<'_>) -> Result<(Subject, Option<Standing>), ToolError> {
        let named = Named {
            patient: Some(&self.patient),
            medication: Some(&self.medication),
            prescription: self.prescription.as_ref(),
            statuses: "active",
        };
        if self.prescription.is_some() {
            let (subject, found) = named.find(cx).await?;
            let request: MedicationRequest<'_> = view(&found.record)?;
            if request.status != "active" {
                let what =
                    format!("the prescription is {}, so nobody is to be reminded of it", request.status);
                return Err(ToolError::Precondition(what));
            }
            return Ok((subject, Some(found)));
        }
        let subject = Subject::of(&self.patient, cx).await?;
        match standing(&subject, "active", cx).await?.named(&self.medication) {
            Match::One(found) => Ok((subject, Some(*found))),
            Match::None(_) => Ok((subject, None)),
            Match::Several(_) => named.find(cx).await.map(|(subject, found)| (subject, Some(found))),
        }
    }

    /// The dose that the reminder says, and what speaks against it.
    fn dosage(&self, prescription: Option<&Standing>) -> Result<(Option<String>, Vec<String>), ToolError> {
        let given = self.dosage.as_deref().map(str::trim).filter(|dosage| !dosage.is_empty());
        let mut prescribed = None;
        if let Some(prescription) = prescription {
            let request: MedicationRequest<'_> = view(&prescription.record)?;
            prescribed = request.dosage_instruction.first().and_then(dosage::dose);
        }
        let mut warnings = Vec::new();
        if let (Some(given), Some(prescribed)) = (given, &prescribed)
            && plain(given) != plain(prescribed)
        {
            warnings.push(format!("the prescription says {prescribed}, and the reminder {given}"));
        }
        Ok((given.map(str::to_owned).or(prescribed), warnings))
    }
}

fn plain(text: &str) -> String {
    fold(text).replace(' ', "")
}

/// Who wants or says something: the patient, else the caller's practitioner.
pub(super) async fn speaker(cx: &mut ToolContext<'_>) -> Result<Option<Value>, ToolError> {
    if let Some(patient) = &cx.principal().patient {
        return Ok(Some(json!({ "reference": format!("Patient/{patient}") })));
    }
    Ok(Author::of_caller(cx).await?.map(|author| json!(author)))
}

async fn refuse_duplicate(
    subject: &Subject,
    medication: &str,
    cx: &mut ToolContext<'_>,
) -> Result<(), ToolError> {
    let medication = fold(medication);
    for (record, reminder) in reminders(subject, Some("active"), cx).await? {
        if fold(&reminder.medication) == medication {
            return Err(ToolError::Conflict(format!(
                "there is a reminder of this medication already, until {}: CommunicationRequest/{}",
                reminder.schedule.end, record.id
            )));
        }
    }
    // Of two calls at the same time one claims the minute of the other: neither sees the other's record.
    for claim in claims(subject, &medication, cx.now(), 0..=1) {
        cx.records().claim(claim);
    }
    Ok(())
}

/// Gives up what a reminder claimed that was made just now, so that another can be made in its place at once.
pub(super) fn release_claims(subject: &Subject, medication: &str, cx: &mut ToolContext<'_>) {
    for claim in claims(subject, &fold(medication), cx.now(), -1..=1) {
        cx.records().release(claim);
    }
}

/// Claims on these minutes, counted from this moment's; the medication is folded.
fn claims(
    subject: &Subject,
    medication: &str,
    now: Timestamp,
    minutes: std::ops::RangeInclusive<i64>,
) -> impl Iterator<Item = Claim> + use<> {
    let minute = now.as_second() / CLAIM_SECONDS;
    let name = claim_name("reminder", &subject.patient_id, medication);
    minutes.map(move |distance| Claim(format!("{name}@{}", minute + distance)))
}

fn created(
    id: &Id,
    subject: Subject,
    plan: &Plan,
    draft: &Draft<'_>,
    warnings: Vec<String>,
    cx: &ToolContext<'_>,
) -> CreatedReminder {
    let Plan { schedule, frequency, first } = plan;
    CreatedReminder {
        status: Success::Success,
        message: message(draft.medication, draft.dosage),
        id: id.to_string(),
        reminder_id: id.to_string(),
        patient_id: subject.patient_id,
        mrn: subject.mrn,
        medication: draft.medication.to_owned(),
        dosage: draft.dosage.map(str::to_owned),
        frequency: frequency.clone(),
        times: schedule.times.iter().map(|time| time.strftime("%H:%M").to_string()).collect(),
        start_date: schedule.start.to_string(),
        end_date: schedule.end.to_string(),
        send_at: local(*first, cx),
        prescription_id: draft.prescription.map(Id::to_string),
        warnings,
    }
}

/// A moment as people of the organisation read it, with its distance from UTC.
pub(super) fn local(moment: Timestamp, cx: &ToolContext<'_>) -> String {
    moment.to_zoned(cx.time_zone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}
