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
/// a patient: `daily_census` (appointments by day, else today), `patient_volume` (by day or month), `encounter_summary`
/// (by kind of visit), `medication_usage` (prescriptions by medication); without dates it is this month, and what 1 to 4
/// patients stand behind is left out. It is answered at once; `get_report` shows it again and the rest of a long table,
/// `list_reports` lists yours.
#[derive(Deserialize, JsonSchema)]
pub(in crate::analytics) struct GenerateReport {
    /// What is reported.
    report_type: ReportType,
    /// Whom it is about; for the three types about a patient.
    patient: Option<Ref<kind::Patient>>,
    /// First day, such as 2026-12-01.
    from: Option<String>,
    /// Last day.
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
        let (content, sources) = match asked {
            Asked::Patient(patient) => self.about_patient(patient, cx).await?,
            Asked::Organisation(window) => (self.about_organisation(&window, cx).await?, Vec::new()),
        };
        let content = Content {
            generated_by: maker.name.clone(),
            security_labels: cx.records().gathered_labels(),
            ..content
        };
        let id = kept::keep(&content, (&maker, &sources), cx)?;
        content.answered(&id, Part::FIRST)
    }
}

/// What is asked for, checked.
enum Asked<'a> {
    Patient(&'a Ref<kind::Patient>),
    Organisation(Window),
}

impl GenerateReport {
    /// Every problem at once.
    fn checked(&self, cx: &ToolContext<'_>) -> Result<Asked<'_>, ToolError> {
        let mut problems = Problems::default();
        if self.report_type.is_about_patient() {
            if self.patient.is_none() {
                problems
                    .add("patient", format!("is missing: {} is about one patient", self.report_type.word()));
            }
            self.check_dates(&mut problems, cx);
            problems.refuse()?;
            return match &self.patient {
                Some(patient) => Ok(Asked::Patient(patient)),
                None => Err(ToolError::invalid("/patient", "is missing")),
            };
        }
        if self.patient.is_some() {
            problems.add(
                "patient",
                format!("{} is about the organisation; leave it out", self.report_type.word()),
            );
        }
        let is_today =
            self.report_type == ReportType::DailyCensus && self.from.is_none() && self.to.is_none();
        let period = is_today.then_some(Period::Daily);
        match Window::given(self.from.as_deref(), self.to.as_deref(), period, cx) {
            Ok(window) => problems.refuse().map(|()| Asked::Organisation(window)),
            Err(ToolError::Validation(others)) => {
                for other in others {
                    problems.add(other.path.trim_start_matches('/'), other.problem);
                }
                problems.refuse()?;
                Err(ToolError::invalid("", "the dates can't be read"))
            }
            Err(error) => Err(error),
        }
    }

    fn check_dates(&self, problems: &mut Problems, cx: &ToolContext<'_>) {
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
    }

    async fn about_patient(
        &self,
        patient: &Ref<kind::Patient>,
        cx: &mut ToolContext<'_>,
    ) -> Result<(Content, Vec<ResourceType>), ToolError> {
        let id = patient.id();
        // Read again, since it was resolved before labels were gathered.
        let record = cx.read(ResourceType::PATIENT, id).await?;
        let trimmed = |text: &Option<String>| text.as_deref().map(|text| text.trim().to_owned());
        let (from, to) = (trimmed(&self.from), trimmed(&self.to));
        let given = Given { from: from.as_deref(), to: to.as_deref() };
        let findings = clinical::findings(self.report_type, id, given, cx).await?;
        let sources = kept::seen(self.report_type.sources(), id, cx).await?;
        let period = Span::new(from, to, cx);
        Ok((self.content(Some(Subject::of(&record)?), period, findings, cx), sources))
    }

    async fn about_organisation(
        &self,
        window: &Window,
        cx: &mut ToolContext<'_>,
    ) -> Result<Content, ToolError> {
        let findings = operational::findings(self.report_type, window, cx).await?;
        let period = Span::new(Some(window.first.to_string()), Some(window.last.to_string()), cx);
        Ok(self.content(None, period, findings, cx))
    }

    fn content(
        &self,
        patient: Option<Subject>,
        period: Span,
        findings: Findings,
        cx: &ToolContext<'_>,
    ) -> Content {
        Content {
            report_type: self.report_type,
            generated_at: format_instant(cx.now().as_microsecond()),
            generated_by: String::new(),
            patient,
            period,
            security_labels: Vec::new(),
            findings,
        }
    }
}
