//! Making a report.

use medcor_fhir::{ResourceType, primitive::TimeSpan, primitive::format_instant};
use medcor_tools::{Area, Effect, Need, Ref, Tool, ToolContext, ToolError, detail::Problems, kind};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    clinical::{self, Given},
    content::{Content, Findings, Part, Report, Span, Subject},
    kept::{self, Maker},
    kind::ReportType,
    operational,
};
use crate::analytics::window::{Period, Window};

/// Makes a report and keeps it as it was: about one patient, or about the organisation in figures.
///
/// About a patient (nurses and doctors): `patient_summary` (the chart at a glance; `from` leaves out what was before),
/// `encounter_history` and `medication_list` (of the dates, else all). About the organisation (administrators), without
/// a patient: `daily_census` (appointments by day, else today), `patient_volume` (by day or month, else this month),
/// `encounter_summary` (by kind of visit) and `medication_usage` (prescriptions by medication); these two only of whole
/// calendar months that are over, else the last one, and every count rounded down to a multiple of five. What 1 to 4
/// patients stand behind is left out. It is answered at once; `get_report` shows it again and the rest of a long table,
/// `list_reports` lists yours.
#[derive(Deserialize, JsonSchema)]
pub(in crate::analytics) struct GenerateReport {
    /// What is reported.
    report_type: ReportType,
    /// Whom it is about; for the three types about a patient.
    patient: Option<Ref<kind::Patient>>,
    /// First day, such as 2026-12-01; of `encounter_summary` and `medication_usage` the first of a month.
    from: Option<String>,
    /// Last day; of these two the last of a month.
    to: Option<String>,
}

type R = ResourceType;

impl Tool for GenerateReport {
    const NAME: &'static str = "generate_report";
    const TITLE: &'static str = "Make a report";
    const EFFECT: Effect = Effect::Creates;
    const NEEDS: &'static [Need] = &[
        Need::create(R::MEASURE_REPORT),
        // What get_patient_summary, list_encounters and list_prescriptions read.
        Need::read(R::PATIENT),
        Need::search_if_allowed(R::ALLERGY_INTOLERANCE),
        Need::search_if_allowed(R::CONDITION),
        Need::search_if_allowed(R::MEDICATION_REQUEST),
        Need::search_if_allowed(R::MEDICATION_DISPENSE),
        Need::search_if_allowed(R::OBSERVATION),
        Need::search_if_allowed(R::IMMUNIZATION),
        Need::search_if_allowed(R::PROCEDURE),
        Need::search_if_allowed(R::ENCOUNTER),
        Need::search_if_allowed(R::CARE_PLAN),
        Need::search_if_allowed(R::QUESTIONNAIRE_RESPONSE),
        Need::read_if_allowed(R::MEDICATION),
        Need::read_if_allowed(R::PRACTITIONER),
        Need::read_if_allowed(R::ORGANIZATION),
        Need::read_if_allowed(R::LOCATION),
        // What figures are made of.
        Need::AdministerIfAllowed(Area::Figures),
        Need::search_if_allowed(R::APPOINTMENT),
        Need::search_if_allowed(R::INVOICE),
        Need::search_if_allowed(R::PATIENT),
    ];
    const KEYWORDS: &'static [&'static str] = &[
        "census",
        "volume",
        "medication usage",
        "encounter summary",
        "analytics",
        "export",
        "overview for a period",
    ];
    type Output = Report;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Report, ToolError> {
        self.report_type.check_rights(cx)?;
        let asked = self.checked(cx)?;
        let maker = Maker::of_caller(cx).await?;
        // From here on, so that the report has the labels of all that is in it.
        cx.records().gather_labels();
        let made = match asked {
            Asked::Patient(patient) => self.about_patient(patient, cx).await?,
            Asked::Organisation(window) => self.about_organisation(&window, cx).await?,
        };
        let content = Content {
            report_type: self.report_type,
            generated_at: format_instant(cx.now().as_microsecond()),
            generated_by: maker.name.clone(),
            patient: made.patient,
            period: made.period,
            security_labels: cx.records().gathered_labels(),
            findings: made.findings,
        };
        let id = kept::keep(&content, (&maker, &made.sources), cx)?;
        content.answered(&id, Part::FIRST)
    }
}

/// What is asked for, checked.
enum Asked<'a> {
    Patient(&'a Ref<kind::Patient>),
    Organisation(Window),
}

/// What was found, and in records of which types.
struct Made {
    patient: Option<Subject>,
    period: Span,
    findings: Findings,
    sources: Vec<ResourceType>,
}

impl GenerateReport {
    /// Every problem at once.
    fn checked(&self, cx: &ToolContext<'_>) -> Result<Asked<'_>, ToolError> {
        let word = self.report_type.word();
        if self.report_type.is_about_patient() {
            let missing =
                || ToolError::invalid("/patient", format!("is missing: {word} is about one patient"));
            let (patient, ()) = both(self.patient.as_ref().ok_or_else(missing), self.check_dates(cx))?;
            return Ok(Asked::Patient(patient));
        }
        let nobody = match self.patient {
            Some(_) => {
                let problem = format!("{word} is about the organisation; leave it out");
                Err(ToolError::invalid("/patient", problem))
            }
            None => Ok(()),
        };
        let ((), window) = both(nobody, self.window(cx))?;
        Ok(Asked::Organisation(window))
    }

    /// The days of figures.
    fn window(&self, cx: &ToolContext<'_>) -> Result<Window, ToolError> {
        match (self.report_type, self.from.as_deref(), self.to.as_deref()) {
            (ReportType::EncounterSummary | ReportType::MedicationUsage, from, to) => {
                Window::of_months(from, to, cx)
            }
            (ReportType::DailyCensus, None, None) => Window::given(None, None, Some(Period::Daily), cx),
            (_, from, to) => Window::given(from, to, None, cx),
        }
    }

    fn check_dates(&self, cx: &ToolContext<'_>) -> Result<(), ToolError> {
        let mut problems = Problems::default();
        let span = |text: &str| TimeSpan::parse(text).ok_or("is not a date such as 2026-05-01 or 2026-05");
        let from = problems.checked("from", self.from.as_deref(), span);
        let to = problems.checked("to", self.to.as_deref(), span);
        if let (Some(from), Some(to)) = (from, to)
            && from.low >= to.high
        {
            problems.add("to", "is before `from`");
        }
        // A day may end later here than in UTC.
        let is_past = self.to.as_deref().zip(to).is_some_and(|(text, to)| {
            let today = cx.today().to_string();
            match text.trim().get(..today.len()) {
                Some(day) => day < today.as_str(),
                None => to.high <= cx.now().as_microsecond(),
            }
        });
        if self.report_type == ReportType::PatientSummary && is_past {
            problems.add("to", "is in the past: a summary is of what stands today; leave it out");
        }
        problems.refuse()
    }

    async fn about_patient(
        &self,
        patient: &Ref<kind::Patient>,
        cx: &mut ToolContext<'_>,
    ) -> Result<Made, ToolError> {
        let id = patient.id();
        // Read again, since it was resolved before labels were gathered.
        let record = cx.read(ResourceType::PATIENT, id).await?;
        let trimmed = |text: &Option<String>| text.as_deref().map(|text| text.trim().to_owned());
        let (from, to) = (trimmed(&self.from), trimmed(&self.to));
        let given = Given { from: from.as_deref(), to: to.as_deref() };
        let findings = clinical::findings(self.report_type, id, given, cx).await?;
        let sources = kept::seen(self.report_type.sources(), id, cx).await?;
        Ok(Made { patient: Some(Subject::of(&record)?), period: Span::new(from, to, cx), findings, sources })
    }

    async fn about_organisation(&self, window: &Window, cx: &mut ToolContext<'_>) -> Result<Made, ToolError> {
        let findings = operational::findings(self.report_type, window, cx).await?;
        let period = Span::new(Some(window.first.to_string()), Some(window.last.to_string()), cx);
        Ok(Made { patient: None, period, findings, sources: Vec::new() })
    }
}

/// Both, or the problems of both.
fn both<A, B>(one: Result<A, ToolError>, other: Result<B, ToolError>) -> Result<(A, B), ToolError> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (Err(ToolError::Validation(mut problems)), Err(ToolError::Validation(more))) => {
            problems.extend(more);
            Err(ToolError::Validation(problems))
        }
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}
