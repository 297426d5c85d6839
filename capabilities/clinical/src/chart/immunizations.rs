//! Vaccinations.

use medcor_fhir::{
    ResourceType,
    view::{CodeableConcept, Immunization, Text},
};
use medcor_tools::{
    Alias, Effect, FreeText, Need, Raw, Record, Ref, Synonym, Tool, ToolContext, ToolError, alias, kind,
    synonym, view,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    listing::{Format, Paging, PatientList, Rows, Subject, listed, notes},
    window::Window,
    words::Words,
};

const CVX: &str = "http://hl7.org/fhir/sid/cvx";

/// Lists a patient's vaccinations, newest first, with those that were refused or not done.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ListImmunizations {
    /// Whose: id, MRN, telephone number or full name.
    patient: Ref<kind::Patient>,
    /// Only vaccines of this name or CVX code, such as influenza.
    #[schemars(length(min = 1, max = 100))]
    vaccine: Option<String>,
    /// Not before this date or date-time, such as 2026-05-01.
    from: Option<String>,
    /// Not after this date or date-time; a date includes its whole day.
    to: Option<String>,
    /// Most rows, 20 when absent.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// `next_cursor` of the answer to continue.
    cursor: Option<String>,
    /// `fhir` adds each whole FHIR resource.
    format: Option<Format>,
}

/// One vaccination.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ImmunizationRow<'r> {
    #[schemars(with = "String")]
    id: Text<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    vaccine: Option<Text<'r>>,
    /// CVX, else whatever code the record has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    code: Option<Text<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    date: Option<Text<'r>>,
    /// completed or not-done.
    #[schemars(with = "String")]
    status: Text<'r>,
    /// Why it was not done.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    reason: Option<Text<'r>>,
    /// Which dose of the series.
    #[serde(skip_serializing_if = "Option::is_none")]
    dose_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    lot_number: Option<Text<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    site: Option<Text<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<FreeText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fhir: Option<Raw>,
}

impl Tool for ListImmunizations {
    const NAME: &'static str = "list_immunizations";
    const TITLE: &'static str = "List immunizations";
    const ALIASES: &'static [Alias] = &[alias("get_immunizations"), alias("get_patient_immunizations")];
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] =
        &[Need::read(ResourceType::PATIENT), Need::search(ResourceType::IMMUNIZATION)];
    const SYNONYMS: &'static [Synonym] =
        &[synonym("name", "vaccine"), synonym("vaccine_name", "vaccine"), synonym("code", "vaccine")];
    const KEYWORDS: &'static [&'static str] = &["vaccine", "vaccination", "shot", "immunisation"];
    type Output = PatientList<ImmunizationRow<'static>>;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Self::Output, ToolError> {
        let subject = Subject::of(&self.patient, cx).await?;
        let window = Window::new(self.from.as_deref(), self.to.as_deref(), cx)?;
        let paging = Paging::new(self.limit, self.cursor, self.format);
        let mut filter = subject.filter();
        window.echo(&mut filter);
        if let Some(vaccine) = &self.vaccine {
            filter.insert("vaccine".to_owned(), vaccine.as_str().into());
        }
        let query = subject.query(ResourceType::IMMUNIZATION)?.with("_sort", "-date")?;
        let query = window.narrowed(query, "date")?;
        let words = Words::given(self.vaccine.as_deref(), "/vaccine")?;
        let mut rows = ImmunizationRows { words, window, paging: &paging };
        let list = listed(cx, query, &paging, filter, &mut rows).await?;
        Ok(subject.list(list))
    }
}

/// Rows of vaccinations that were not taken back.
pub(crate) struct ImmunizationRows<'p> {
    words: Option<Words>,
    window: Window,
    paging: &'p Paging,
}

impl<'p> ImmunizationRows<'p> {
    pub(crate) fn new(paging: &'p Paging, window: Window) -> Self {
        Self { words: None, window, paging }
    }
}

impl Rows for ImmunizationRows<'_> {
    type Row<'r> = ImmunizationRow<'r>;

    fn is_narrow(&self) -> bool {
        self.words.is_some()
    }

    fn row<'r>(&mut self, record: &'r Record) -> Result<Option<ImmunizationRow<'r>>, ToolError> {
        let mut immunization: Immunization<'r> = view(record)?;
        let date = immunization.occurrence_date_time.or(immunization.occurrence_string);
        let is_outside = !self.window.holds_day(date.as_deref().unwrap_or_default());
        let is_other = self.words.as_ref().is_some_and(|words| !words.name(&immunization.vaccine_code));
        if immunization.status == "entered-in-error" || is_outside || is_other {
            return Ok(None);
        }
        let protocol = immunization.protocol_applied.first();
        let dose_number = protocol.and_then(|protocol| {
            let number = protocol.dose_number_positive_int.map(|number| number.to_string());
            number.or_else(|| protocol.dose_number_string.as_ref().map(Text::to_string))
        });
        Ok(Some(ImmunizationRow {
            code: immunization.vaccine_code.take_code(CVX),
            vaccine: immunization.vaccine_code.into_text(),
            date,
            status: immunization.status,
            reason: immunization.status_reason.and_then(CodeableConcept::into_text),
            dose_number,
            lot_number: immunization.lot_number,
            site: immunization.site.and_then(CodeableConcept::into_text),
            note: notes(&immunization.note),
            fhir: self.paging.fhir(record)?,
            id: immunization.id,
        }))
    }
}
