//! Who the patient is, as far as checks of drugs ask: age, pregnancy, weight.

use jiff::ToSpan;
use medcor_drugs::{PatientFacts, Pregnancy};
use medcor_fhir::{
    ResourceType,
    naming::LOINC,
    view::{BirthDate, Condition, Observation},
};
use medcor_tools::{ToolContext, ToolError, view};

use super::LOOKED_AT_MAX;
use crate::{
    analyte::Sex,
    listing::Subject,
    vital::{Measured, Measurement, Unit},
    vital_row::is_void,
};

/// From which age on, and below which, a pregnancy is possible, in months.
const CHILDBEARING_MONTHS: std::ops::Range<u32> = 12 * 12..56 * 12;
/// LOINC: pregnancy status.
const PREGNANCY_STATUS: &str = "82810-3";
/// What a pregnancy status is where there is a pregnancy: SNOMED CT, and LOINC's answer.
const IS_PREGNANT: [&str; 2] = ["77386006", "LA15173-0"];
/// SNOMED CT: pregnant; normal pregnancy.
const PREGNANCIES: &str = "http://snomed.info/sct|77386006,http://snomed.info/sct|72892002";
/// Months after which a pregnancy is over, whatever its status says.
const PREGNANCY_MONTHS: i32 = 10;
/// A weight that is older says nothing of a dose.
const WEIGHT_MONTHS: i32 = 12;
/// Newest values among which one that counts is looked for.
const VALUES_SCANNED: u32 = 5;

/// Age and pregnancy.
pub(super) async fn facts(subject: &Subject, cx: &mut ToolContext<'_>) -> Result<PatientFacts, ToolError> {
    let age = subject.birth.as_ref().and_then(|birth| birth.age_on(cx.today()));
    let age_months = age.map(|age| u32::from(age.months));
    let can_be = subject.sex == Some(Sex::Female)
        && age_months.is_some_and(|months| CHILDBEARING_MONTHS.contains(&months));
    let pregnancy = match can_be {
        true if is_pregnant(subject, cx).await? => Pregnancy::Pregnant,
        true => Pregnancy::Possible,
        false => Pregnancy::Unknown,
    };
    Ok(PatientFacts { age_months, pregnancy, weight_kg: None })
}

/// Whether the chart has a pregnancy: an active problem, or a status of the last ten months.
async fn is_pregnant(subject: &Subject, cx: &mut ToolContext<'_>) -> Result<bool, ToolError> {
    if cx.may_read(ResourceType::CONDITION) {
        let query = subject.query(ResourceType::CONDITION)?.with("code", PREGNANCIES)?;
        let mut query = query.with("clinical-status", "active")?;
        query.count = LOOKED_AT_MAX;
        for record in &cx.records().search(&query).await?.records {
            let problem: Condition<'_> = view(record)?;
            if !matches!(problem.verification_status.code(), Some("refuted" | "entered-in-error")) {
                return Ok(true);
            }
        }
    }
    if !cx.may_read(ResourceType::OBSERVATION) {
        return Ok(false);
    }
    let query = subject.query(ResourceType::OBSERVATION)?.with("code", PREGNANCY_STATUS)?;
    let mut query = query.with("_sort", "-date")?;
    query.count = VALUES_SCANNED;
    for record in &cx.records().search(&query).await?.records {
        let status: Observation<'_> = view(record)?;
        if is_void(&status.status) {
            continue;
        }
        let value = status.value_codeable_concept.as_ref();
        let mut codes = value.into_iter().flat_map(|value| &value.coding);
        let says_so =
            codes.any(|coding| coding.code.as_deref().is_some_and(|code| IS_PREGNANT.contains(&code)));
        return Ok(says_so && is_recent(status.effective(), PREGNANCY_MONTHS, cx));
    }
    Ok(false)
}

/// The last weight of the last year.
pub(super) async fn weight_kg(subject: &Subject, cx: &mut ToolContext<'_>) -> Result<Option<f64>, ToolError> {
    if !cx.may_read(ResourceType::OBSERVATION) {
        return Ok(None);
    }
    let measurement = Measurement::of(Measured::Weight);
    let codes: Vec<String> = measurement.codes.iter().map(|code| format!("{LOINC}|{code}")).collect();
    let query = subject.query(ResourceType::OBSERVATION)?.with("code", &codes.join(","))?;
    let mut query = query.with("_sort", "-date")?;
    query.count = VALUES_SCANNED;
    for record in &cx.records().search(&query).await?.records {
        let weight: Observation<'_> = view(record)?;
        let number = weight.value_quantity.as_ref().and_then(|quantity| {
            let unit = quantity.code.as_deref().and_then(|code| measurement.unit_of(code));
            let unit: &Unit = unit.or_else(|| measurement.unit_of(quantity.unit()?))?;
            Some(unit.to_first(quantity.value?.number()?)).filter(|_| quantity.comparator.is_none())
        });
        let (low, high) = measurement.plausible;
        let number = number.filter(|kg| (low..=high).contains(kg));
        if let (false, Some(number)) = (is_void(&weight.status), number) {
            return Ok(Some(number).filter(|_| is_recent(weight.effective(), WEIGHT_MONTHS, cx)));
        }
    }
    Ok(None)
}

/// Whether a FHIR date or date-time is of the last so many months.
fn is_recent(text: Option<&str>, months: i32, cx: &ToolContext<'_>) -> bool {
    let day = text.map(|text| text.get(..10).unwrap_or(text)).and_then(BirthDate::parse);
    day.is_some_and(|day| day.earliest().saturating_add(months.months()) >= cx.today())
}
