//! Care plans, as a section of the summary.

use medcor_fhir::view::{CarePlan, CarePlanActivity, CodeableConcept, Text};
use medcor_tools::{Record, ToolError, view};
use schemars::JsonSchema;
use serde::Serialize;

use crate::listing::{Rows, fenced};

/// Most activities of one plan that are shown.
const ACTIVITIES_MAX: usize = 10;

/// One care plan.
#[derive(Serialize, JsonSchema)]
pub(crate) struct CarePlanRow<'r> {
    #[schemars(with = "String")]
    id: Text<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    name: Option<Text<'r>>,
    #[schemars(with = "String")]
    status: Text<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    start_date: Option<Text<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    end_date: Option<Text<'r>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    activities: Vec<String>,
}

/// Rows of care plans.
pub(super) struct CarePlanRows;

impl Rows for CarePlanRows {
    type Row<'r> = CarePlanRow<'r>;

    fn row<'r>(&mut self, record: &'r Record) -> Result<Option<CarePlanRow<'r>>, ToolError> {
        let plan: CarePlan<'r> = view(record)?;
        let (start, end) = plan.period.map_or((None, None), |period| (period.start, period.end));
        let category = plan.category.into_iter().find_map(CodeableConcept::into_text);
        Ok(Some(CarePlanRow {
            id: plan.id,
            name: plan.title.or(category),
            status: plan.status,
            start_date: start,
            end_date: end,
            activities: plan.activity.iter().filter_map(activity).take(ACTIVITIES_MAX).collect(),
        }))
    }
}

fn activity(activity: &CarePlanActivity<'_>) -> Option<String> {
    if let Some(detail) = &activity.detail {
        let named = detail.code.as_ref().and_then(|code| code.text().map(str::to_owned));
        return named.or_else(|| detail.description.as_deref().map(fenced));
    }
    activity.reference.as_ref()?.display.as_ref().map(ToString::to_string)
}
