//! A vital sign as a row of an answer, and as values of a series.

use std::borrow::Cow;

use medcor_fhir::{
    naming::LOINC,
    primitive::TimeSpan,
    view::{BirthDate, CodeableConcept, Decimal, Observation, Quantity, ReferenceRange, Text},
};
use medcor_tools::{FreeText, Raw, Record, ToolError, view};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use crate::{
    flag::{Flag, FlagSource, Judged, judged, range_text},
    listing::{Paging, Rows, Subject, fenced, notes},
    series::{Sample, SeriesSet, SeriesSummary},
    vital::{BLOOD_PRESSURE_PANELS, MEASUREMENTS, Measured, Measurement, Unit, Vital},
    window::Window,
};

/// From this age on the usual ranges of adults apply.
const ADULT_YEARS: i16 = 18;

/// One vital sign.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct VitalRow<'r> {
    #[schemars(with = "String")]
    id: Text<'r>,
    /// Which vital sign, where it is one of those that are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<Vital>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    name: Option<Text<'r>>,
    /// LOINC, or the code that the record has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    code: Option<Text<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    value: Option<Decimal<'r>>,
    /// A value that is no plain number, such as `< 5` or a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    value_text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    unit: Option<Text<'r>>,
    /// Systolic/diastolic, such as 120/80.
    #[serde(skip_serializing_if = "Option::is_none")]
    blood_pressure: Option<String>,
    #[serde(flatten)]
    named: Named<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    recorded_date: Option<Text<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    recorded_by: Option<Text<'r>>,
    /// Of the record, where it is not final.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    status: Option<Text<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flag: Option<Flag>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flag_source: Option<FlagSource>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    abnormal: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<FreeText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fhir: Option<Raw>,
}

/// The value again under the name of what is measured, as documented clients read it; of a blood pressure
/// both parts.
#[derive(Debug, Default)]
struct Named<'r>([Option<(&'static str, Decimal<'r>)>; 2]);

impl<'r> Named<'r> {
    fn add(&mut self, value: Option<(&'static str, Decimal<'r>)>) {
        if let Some(free) = self.0.iter_mut().find(|slot| slot.is_none()) {
            *free = value;
        }
    }

    /// `120/80`, where both parts are there.
    fn blood_pressure(&self) -> Option<String> {
        let part = |wanted: Measured| {
            let name = Measurement::of(wanted).name;
            self.0.iter().flatten().find(|(named, _)| *named == name).map(|(_, value)| value.as_str())
        };
        Some(format!("{}/{}", part(Measured::SystolicBp)?, part(Measured::DiastolicBp)?))
    }
}

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().flatten().map(|(name, value)| (*name, *value)))
    }
}

impl JsonSchema for Named<'_> {
    fn schema_name() -> Cow<'static, str> {
        "NamedValues".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let properties: Map<String, Value> = MEASUREMENTS
            .iter()
            .map(|measurement| (measurement.name.to_owned(), json!({ "type": "number" })))
            .collect();
        json_schema!({ "type": "object", "properties": properties })
    }
}

/// Makes rows of observations, and collects their values.
pub(crate) struct VitalRows<'p> {
    paging: &'p Paging,
    window: Window,
    /// The day from which on the usual ranges of adults apply, as text that compares like a date.
    adult_since: Option<String>,
    series: SeriesSet,
    oldest: Option<i64>,
}

impl<'p> VitalRows<'p> {
    pub(crate) fn new(subject: Option<&Subject>, paging: &'p Paging, window: Window) -> Self {
        Self {
            paging,
            window,
            adult_since: subject.and_then(|subject| subject.birth).map(adult_since),
            series: SeriesSet::default(),
            oldest: None,
        }
    }

    /// The window of the rows.
    pub(crate) fn window(&self) -> &Window {
        &self.window
    }

    /// When the oldest value was true, in microseconds.
    pub(crate) fn oldest(&self) -> Option<i64> {
        self.oldest
    }

    /// Forgets the values but the latest of each kind, to collect those of another window.
    pub(crate) fn begin_window(&mut self, window: Window) {
        self.series.clear_points();
        self.window = window;
    }

    /// What is measured of these vital signs and has no value yet.
    pub(crate) fn without_value(&self, kinds: &[Vital]) -> Vec<&'static Measurement> {
        let is_wanted = |measurement: &&Measurement| {
            (kinds.is_empty() || kinds.contains(&measurement.vital)) && !self.series.has(measurement.measured)
        };
        MEASUREMENTS.iter().filter(is_wanted).collect()
    }

    /// Empty rows of the same patient in another window.
    pub(crate) fn of_window(&self, window: Window) -> Self {
        Self {
            paging: self.paging,
            window,
            adult_since: self.adult_since.clone(),
            series: SeriesSet::default(),
            oldest: None,
        }
    }

    /// Takes over the other rows' values of what has none here; whether there were any.
    pub(crate) fn adopt(&mut self, other: Self) -> bool {
        self.series.adopt(other.series)
    }

    /// What the values of this window amount to.
    pub(crate) fn into_summaries(self, window: &Window) -> Vec<SeriesSummary> {
        self.series.summaries(window.start().unwrap_or(i64::MIN), window.end().unwrap_or(i64::MAX))
    }

    /// What the record says, else, for adults, the usual range.
    fn judged(&self, value: &MeasuredValue<'_>, date: &str) -> Option<Judged> {
        if value.said.is_some() {
            return value.said;
        }
        let is_adult = date.get(..10)? >= self.adult_since.as_deref()?;
        let limits = value.measurement?.usual.as_ref().filter(|_| is_adult)?;
        let number = value.plain?.number()?;
        Some((limits.flag(value.unit?.to_first(number)), FlagSource::AdultRange))
    }

    fn collect(&mut self, value: &MeasuredValue<'_>, date: &str, judged: Option<Judged>) {
        let (Some(measurement), Some(unit), Some(plain)) = (value.measurement, value.unit, value.plain)
        else {
            return;
        };
        self.series.add(&Sample {
            vital: Some((measurement, unit)),
            code: measurement.codes.first().copied().unwrap_or_default(),
            name: measurement.title,
            unit: unit.code,
            date,
            value: plain,
            flag: judged.map(|(flag, _)| flag),
        });
    }

    fn saw(&mut self, date: &str) {
        let at = TimeSpan::parse(date).map(|span| span.low);
        self.oldest = match (self.oldest, at) {
            (Some(oldest), Some(at)) => Some(oldest.min(at)),
            (oldest, at) => oldest.or(at),
        };
    }
}

/// One value of an observation or of one of its components.
struct MeasuredValue<'r> {
    measurement: Option<&'static Measurement>,
    unit: Option<&'static Unit>,
    /// A number without a comparator.
    plain: Option<Decimal<'r>>,
    /// What the record itself says of it.
    said: Option<Judged>,
}

impl<'r> MeasuredValue<'r> {
    fn new(
        code: &CodeableConcept<'_>,
        quantity: Option<&Quantity<'r>>,
        interpretation: &[CodeableConcept<'_>],
        ranges: &[ReferenceRange<'_>],
    ) -> Self {
        let mut codes = code.coding.iter().filter_map(|coding| coding.code.as_deref());
        let measurement = codes.find_map(Measurement::of_code);
        let unit_of = |text: &Option<Text<'_>>| measurement?.unit_of(text.as_deref()?);
        Self {
            measurement,
            unit: quantity.and_then(|quantity| unit_of(&quantity.code).or_else(|| unit_of(&quantity.unit))),
            plain: quantity
                .filter(|quantity| quantity.comparator.is_none())
                .and_then(|quantity| quantity.value),
            said: judged(quantity, interpretation, ranges),
        }
    }

    fn named(&self) -> Option<(&'static str, Decimal<'r>)> {
        Some((self.measurement?.name, self.plain?))
    }
}

/// Somebody of whom only the year or month of birth is known is an adult a year later, for certain.
fn adult_since(birth: BirthDate) -> String {
    let earliest = birth.earliest();
    match birth.day() {
        Some(day) => format!("{:04}-{:02}-{:02}", day.year() + ADULT_YEARS, day.month(), day.day()),
        None => format!("{:04}-01-01", earliest.year() + ADULT_YEARS + 1),
    }
}

impl Rows for VitalRows<'_> {
    type Row<'r> = VitalRow<'r>;

    fn row<'r>(&mut self, record: &'r Record) -> Result<Option<VitalRow<'r>>, ToolError> {
        let observation: Observation<'r> = view(record)?;
        let date = observation.effective().unwrap_or_default();
        if is_void(&observation.status) || !self.window.holds_day(date) {
            return Ok(None);
        }
        self.saw(date);
        let whole = MeasuredValue::new(
            &observation.code,
            observation.value_quantity.as_ref(),
            &observation.interpretation,
            &observation.reference_range,
        );
        let mut worst = self.judged(&whole, date);
        self.collect(&whole, date, worst);
        let mut named = Named([whole.named(), None]);
        for part in &observation.component {
            let quantity = part.value_quantity.as_ref();
            let value = MeasuredValue::new(&part.code, quantity, &part.interpretation, &part.reference_range);
            let judged = self.judged(&value, date);
            self.collect(&value, date, judged);
            worst = graver(worst, judged);
            named.add(value.named());
        }
        let kind = kind_of(&observation.code, whole.measurement);
        let row = VitalRow { kind, named, flag: None, ..VitalRow::of(observation, whole.plain) };
        Ok(Some(VitalRow { fhir: self.paging.fhir(record)?, ..row.with_flag(worst) }))
    }
}

fn kind_of(code: &CodeableConcept<'_>, measurement: Option<&'static Measurement>) -> Option<Vital> {
    let mut codes = code.coding.iter().filter_map(|coding| coding.code.as_deref());
    let is_pressure = codes.any(|code| BLOOD_PRESSURE_PANELS.contains(&code));
    if is_pressure { Some(Vital::BloodPressure) } else { measurement.map(|measurement| measurement.vital) }
}

impl<'r> VitalRow<'r> {
    /// All that the observation says itself.
    fn of(mut observation: Observation<'r>, value: Option<Decimal<'r>>) -> Self {
        let value_text = if value.is_none() { value_text(&observation) } else { None };
        let performer = observation.performer.drain(..).next();
        Self {
            recorded_date: observation.take_effective(),
            recorded_by: performer.and_then(|performer| performer.display.or(performer.reference)),
            kind: None,
            code: observation.code.take_code(LOINC),
            name: observation.code.into_text(),
            value,
            value_text,
            unit: observation.value_quantity.and_then(Quantity::into_unit),
            blood_pressure: None,
            named: Named::default(),
            status: Some(observation.status).filter(|status| *status != "final"),
            flag: None,
            flag_source: None,
            abnormal: false,
            reference: range_text(&observation.reference_range),
            note: notes(&observation.note),
            fhir: None,
            id: observation.id,
        }
    }

    fn with_flag(self, judged: Option<Judged>) -> Self {
        let flag = judged.map(|(flag, _)| flag);
        let flag_source = judged.map(|(_, source)| source);
        Self {
            blood_pressure: self.named.blood_pressure(),
            flag,
            flag_source,
            abnormal: flag.is_some_and(Flag::is_abnormal),
            ..self
        }
    }
}

/// What was found, in words, where it is no plain number.
pub(crate) fn value_text(observation: &Observation<'_>) -> Option<String> {
    if let Some(text) = observation.value_quantity.as_ref().and_then(Quantity::text) {
        return Some(text);
    }
    let words = |concept: &Option<CodeableConcept<'_>>| {
        concept.as_ref().and_then(|concept| concept.text().map(str::to_owned))
    };
    words(&observation.value_codeable_concept)
        .or_else(|| observation.value_string.as_deref().map(fenced))
        .or_else(|| observation.value_boolean.map(|is_so| if is_so { "yes" } else { "no" }.to_owned()))
        .or_else(|| observation.value_integer.map(|number| number.to_string()))
        .or_else(|| observation.value_date_time.as_deref().map(str::to_owned))
        .or_else(|| words(&observation.data_absent_reason))
}

/// A record that was taken back says nothing about the patient.
pub(crate) fn is_void(status: &str) -> bool {
    matches!(status, "entered-in-error" | "cancelled")
}

fn graver(one: Option<Judged>, other: Option<Judged>) -> Option<Judged> {
    match (one, other) {
        (Some((flag, source)), Some((other, other_source))) => {
            Some(if flag.graver(other) == flag { (flag, source) } else { (other, other_source) })
        }
        (one, other) => one.or(other),
    }
}
