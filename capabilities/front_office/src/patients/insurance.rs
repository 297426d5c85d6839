//! A patient's insurance: the `Coverage` record beside the patient's own.

use medcor_fhir::{
    Id, ParsedResource, RawObject, ResourceType,
    search::{Query, escape},
    view::{Reference, Text},
};
use medcor_tools::{Action, Need, Record, ToolContext, ToolError, view};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// What a tool that may record insurance needs.
pub(super) const NEEDS: [Need; 3] = [
    Need::search_if_allowed(ResourceType::COVERAGE),
    Need::Optional { action: Action::Create, resource_type: ResourceType::COVERAGE },
    Need::Optional { action: Action::Update, resource_type: ResourceType::COVERAGE },
];

/// A patient's insurance.
#[derive(Serialize, JsonSchema)]
pub(super) struct Insurance {
    /// The insurer.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_number: Option<String>,
}

/// What a caller says of a patient's insurance.
#[derive(Default)]
pub(super) struct GivenInsurance {
    pub(super) provider: Option<String>,
    pub(super) policy_number: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Coverage<'a> {
    #[serde(borrow)]
    payor: Vec<Reference<'a>>,
    #[serde(borrow)]
    subscriber_id: Option<Text<'a>>,
}

impl GivenInsurance {
    pub(super) fn is_empty(&self) -> bool {
        self.provider.is_none() && self.policy_number.is_none()
    }
}

/// The insurance in force; `None` where none is recorded or it is not the caller's to see.
pub(super) async fn of_patient(
    patient: &Id,
    cx: &mut ToolContext<'_>,
) -> Result<Option<Insurance>, ToolError> {
    let Some(record) = in_force(patient, cx).await? else { return Ok(None) };
    let coverage: Coverage<'_> = view(&record)?;
    let provider = coverage.payor.iter().find_map(|payor| payor.display.as_deref()).map(str::to_owned);
    let policy_number = coverage.subscriber_id.as_deref().map(str::to_owned);
    Ok(Some(Insurance { provider, policy_number }))
}

/// Stages what was given: a change of the insurance in force, else a new one. Says what changed.
pub(super) async fn record(
    given: &GivenInsurance,
    patient: &Id,
    cx: &mut ToolContext<'_>,
) -> Result<Vec<&'static str>, ToolError> {
    if given.is_empty() {
        return Ok(Vec::new());
    }
    let current = in_force(patient, cx).await?;
    let action = if current.is_some() { Action::Update } else { Action::Create };
    if !cx.reaches_all(action, ResourceType::COVERAGE) {
        return Err(ToolError::PermissionDenied { needed: "recording insurance".to_owned() });
    }
    match current {
        Some(current) => change(given, &current, cx),
        None => create(given, patient, cx),
    }
}

async fn in_force(patient: &Id, cx: &mut ToolContext<'_>) -> Result<Option<Record>, ToolError> {
    if !cx.may_read(ResourceType::COVERAGE) {
        return Ok(None);
    }
    let patient = format!("Patient/{patient}");
    let mut query = Query::new(ResourceType::COVERAGE)
        .with("beneficiary", &escape(&patient))?
        .with("status", "active")?;
    query.count = 1;
    let page = cx.records().search(&query).await?;
    Ok(page.records.into_iter().next())
}

fn create(
    given: &GivenInsurance,
    patient: &Id,
    cx: &mut ToolContext<'_>,
) -> Result<Vec<&'static str>, ToolError> {
    // FHIR R4 Coverage.payor is required.
    let Some(provider) = &given.provider else {
        let problem = "required with insurance_policy_number: no insurance is recorded yet";
        return Err(ToolError::invalid("/insurance_provider", problem));
    };
    let mut coverage = json!({
        "resourceType": "Coverage",
        "status": "active",
        "beneficiary": { "reference": format!("Patient/{patient}") },
        "payor": [{ "display": provider }],
    });
    let mut changed = vec!["insurance_provider"];
    if let Some(number) = &given.policy_number {
        coverage["subscriberId"] = number.as_str().into();
        changed.push("insurance_policy_number");
    }
    cx.records().create(ParsedResource::from_value(coverage)?)?;
    Ok(changed)
}

fn change(
    given: &GivenInsurance,
    current: &Record,
    cx: &mut ToolContext<'_>,
) -> Result<Vec<&'static str>, ToolError> {
    let known: Coverage<'_> = view(current)?;
    let mut object = RawObject::parse(&current.body)?;
    let mut changed = Vec::new();
    if let Some(provider) = &given.provider {
        let is_known = known.payor.iter().any(|payor| payor.display.as_deref() == Some(provider));
        if !is_known {
            object.set("payor", &json!([{ "display": provider }]))?;
            changed.push("insurance_provider");
        }
    }
    if let Some(number) = &given.policy_number
        && known.subscriber_id.as_deref() != Some(number)
    {
        object.set("subscriberId", number)?;
        changed.push("insurance_policy_number");
    }
    if !changed.is_empty() {
        cx.records().update(current, ParsedResource::parse(object.to_text()?)?)?;
    }
    Ok(changed)
}
