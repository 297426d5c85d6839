//! One laboratory value as a row, and as a value of a series.

use medcor_fhir::{
    naming::LOINC,
    primitive::TimeSpan,
    view::{CodeableConcept, Decimal, Observation, ObservationComponent, Quantity, Text},
};
use medcor_tools::{FreeText, Raw, Record, ToolError, view};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    flag::{Flag, FlagSource, Judged, judged, range_text},
    listing::{Paging, Rows, fenced, notes},
    series::{Sample, SeriesSet, SeriesSummary},
    vital_row::{is_void, value_text},
    window::Window,
    words::Words,
};

/// One value.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ResultRow<'r> {
    #[schemars(with = "String")]
    id: Text<'r>,
    /// What was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    component: Option<Text<'r>>,
    /// LOINC, or the code that the record has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    code: Option<Text<'r>>,
    #[serde(flatten)]
    finding: Finding<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    date: Option<Text<'r>>,
    /// Of the value, where it is not final.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    status: Option<Text<'r>>,
    /// Values of which this one consists.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<Part<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<FreeText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fhir: Option<Raw>,
}

/// What was found.
#[derive(Serialize, JsonSchema)]
struct Finding<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    value: Option<Decimal<'r>>,
    /// A value that is no plain number, such as `< 5` or a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    value_text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    unit: Option<Text<'r>>,
    /// Reference range in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flag: Option<Flag>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flag_source: Option<FlagSource>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    abnormal: bool,
}

/// A part of a value.
#[derive(Serialize, JsonSchema)]
struct Part<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    component: Option<Text<'r>>,
    #[serde(flatten)]
    finding: Finding<'r>,
}

/// What is known of a value that was taken into a list, for finding its panel.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) date: Option<String>,
    pub(super) issued: Option<String>,
    pub(super) status: String,
    pub(super) order: Option<String>,
}

impl Taken {
    /// When it was true, in microseconds.
    pub(super) fn moment(&self) -> Option<i64> {
        TimeSpan::parse(self.date.as_deref()?).map(|span| span.low)
    }
}

/// Rows of laboratory values that were not taken back.
pub(crate) struct ResultRows<'p> {
    words: Option<Words>,
    codes: &'static [&'static str],
    is_abnormal_only: bool,
    window: Window,
    paging: &'p Paging,
    taken: Vec<Taken>,
    series: SeriesSet,
}

impl<'p> ResultRows<'p> {
    pub(crate) fn new(paging: &'p Paging, window: Window) -> Self {
        Self {
            words: None,
            codes: &[],
            is_abnormal_only: false,
            window,
            paging,
            taken: Vec::new(),
            series: SeriesSet::default(),
        }
    }

    /// Only the test of this name. Codes decide where the name means some.
    pub(super) fn of_test(self, words: Option<Words>, codes: &'static [&'static str]) -> Self {
        Self { words, codes, ..self }
    }

    pub(super) fn abnormal_only(self) -> Self {
        Self { is_abnormal_only: true, ..self }
    }

    /// The first so many values that became rows.
    pub(super) fn taken(&mut self, count: usize) -> Vec<Taken> {
        let mut taken = std::mem::take(&mut self.taken);
        taken.truncate(count);
        taken
    }

    /// Forgets the values but the latest of each test, to collect those of another window.
    pub(super) fn begin_window(&mut self, window: Window) {
        self.series.clear_points();
        self.is_abnormal_only = false;
        self.window = window;
    }

    /// What the values of this window amount to.
    pub(super) fn into_summaries(self, window: &Window) -> Vec<SeriesSummary> {
        self.series.summaries(window.start().unwrap_or(i64::MIN), window.end().unwrap_or(i64::MAX))
    }

    fn is_wanted(&self, concept: &CodeableConcept<'_>) -> bool {
        let Some(words) = &self.words else { return true };
        let mut codes = concept.coding.iter().filter_map(|coding| coding.code.as_deref());
        let is_meant = codes.any(|code| self.codes.contains(&code));
        // "Hemoglobin" alone must not find glycated hemoglobin: where codes are known for the name and the
        // record has a LOINC code, codes decide.
        let is_coded = !self.codes.is_empty() && concept.code_in(LOINC).is_some();
        is_meant || (!is_coded && words.name(concept))
    }

    fn collect(&mut self, observation: &Observation<'_>, date: &str, judged: Option<Judged>) {
        let Some(quantity) = observation.value_quantity.as_ref() else { return };
        let (Some(value), None) = (quantity.value, &quantity.comparator) else { return };
        let code = observation.code.code_in(LOINC).or_else(|| observation.code.code());
        self.series.add(&Sample {
            vital: None,
            code: code.unwrap_or_default(),
            name: observation.code.text().unwrap_or_default(),
            unit: quantity.unit().unwrap_or_default(),
            date,
            value,
            flag: judged.map(|(flag, _)| flag),
        });
    }
}

impl Rows for ResultRows<'_> {
    type Row<'r> = ResultRow<'r>;

    fn is_narrow(&self) -> bool {
        self.words.is_some() || self.is_abnormal_only
    }

    fn row<'r>(&mut self, record: &'r Record) -> Result<Option<ResultRow<'r>>, ToolError> {
        let mut observation: Observation<'r> = view(record)?;
        let date = observation.effective().unwrap_or_default();
        if is_void(&observation.status) || !self.window.holds_day(date) || !self.is_wanted(&observation.code)
        {
            return Ok(None);
        }
        let judged = judged(
            observation.value_quantity.as_ref(),
            &observation.interpretation,
            &observation.reference_range,
        );
        self.collect(&observation, date, judged);
        let parts: Vec<Part<'r>> = std::mem::take(&mut observation.component).into_iter().map(part).collect();
        let is_abnormal = judged.is_some_and(|(flag, _)| flag.is_abnormal())
            || parts.iter().any(|part| part.finding.abnormal);
        if self.is_abnormal_only && !is_abnormal {
            return Ok(None);
        }
        self.taken.push(taken(&observation));
        let finding = finding(
            value_text(&observation),
            observation.value_quantity.take(),
            judged,
            range_text(&observation.reference_range),
        );
        Ok(Some(ResultRow {
            date: observation.take_effective(),
            code: observation.code.take_code(LOINC),
            component: observation.code.into_text(),
            finding,
            status: Some(observation.status).filter(|status| *status != "final"),
            parts,
            note: notes(&observation.note),
            fhir: self.paging.fhir(record)?,
            id: observation.id,
        }))
    }
}

fn finding(
    text: Option<String>,
    quantity: Option<Quantity<'_>>,
    judged: Option<Judged>,
    reference: Option<String>,
) -> Finding<'_> {
    let value = quantity.as_ref().filter(|quantity| quantity.comparator.is_none()).and_then(|it| it.value);
    let flag = judged.map(|(flag, _)| flag);
    Finding {
        value_text: if value.is_none() { text } else { None },
        value,
        unit: quantity.and_then(Quantity::into_unit),
        reference,
        flag,
        flag_source: judged.map(|(_, source)| source),
        abnormal: flag.is_some_and(Flag::is_abnormal),
    }
}

fn part(component: ObservationComponent<'_>) -> Part<'_> {
    let quantity = component.value_quantity;
    let judged = judged(quantity.as_ref(), &component.interpretation, &component.reference_range);
    let words =
        component.value_codeable_concept.as_ref().and_then(|concept| concept.text().map(str::to_owned));
    let text = quantity.as_ref().and_then(Quantity::text).or(words);
    let text = text.or_else(|| component.value_string.as_deref().map(fenced));
    Part {
        component: component.code.into_text(),
        finding: finding(text, quantity, judged, range_text(&component.reference_range)),
    }
}

fn taken(observation: &Observation<'_>) -> Taken {
    let order = observation.based_on.iter().find_map(|order| order.reference.as_ref());
    Taken {
        id: observation.id.to_string(),
        name: observation.code.text().map(str::to_owned),
        date: observation.effective().map(str::to_owned),
        issued: observation.issued.as_ref().map(ToString::to_string),
        status: observation.status.to_string(),
        order: order.map(ToString::to_string),
    }
}
