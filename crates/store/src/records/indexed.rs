//! Which parameters have index rows. The rest is evaluated on the bodies that these have narrowed.
//!
//! Index rows dominate the cost of a write, so a parameter earns its rows: by default tokens, references
//! and dates do, and the exceptions below are data.

use std::sync::LazyLock;

use medcor_fhir::{
    ResourceType,
    search::{ParameterId, SearchKind, SearchParameter, parameter::parameters},
};

/// The parameter that names the patient of a chart: `subject` where the type has it, else `patient`.
/// `patient` finds the same records then and has no rows of its own.
pub(crate) fn chart_parameter(resource_type: ResourceType) -> Option<ParameterId> {
    plan(resource_type).chart
}

/// The type's principal date parameter, held by `resource.moment` and `resource.moment_end`.
pub(crate) fn moment_parameter(resource_type: ResourceType) -> Option<ParameterId> {
    plan(resource_type).moment
}

/// Whether the parameter has rows in an index table. The chart and the moment parameter have them where
/// the columns of `resource` can't hold their values.
pub(crate) fn has_rows(resource_type: ResourceType, parameter: ParameterId) -> bool {
    plan(resource_type).indexed.binary_search(&parameter).is_ok()
}

#[derive(Debug, Default)]
struct Plan {
    chart: Option<ParameterId>,
    moment: Option<ParameterId>,
    /// In order.
    indexed: Vec<ParameterId>,
}

fn plan(resource_type: ResourceType) -> &'static Plan {
    static PLANS: LazyLock<Vec<Plan>> = LazyLock::new(|| ResourceType::all().map(plan_of).collect());
    &PLANS[usize::from(resource_type.code())]
}

fn plan_of(resource_type: ResourceType) -> Plan {
    let all = parameters(resource_type);
    let code = |code: &str| all.iter().find(|parameter| parameter.code == code).map(|found| found.id);
    let chart = code("subject").or_else(|| code("patient"));
    let moment = MOMENTS.iter().find_map(|moment| code(moment));
    let mut indexed: Vec<ParameterId> = all
        .iter()
        .filter(|parameter| Some(parameter.id) != chart && Some(parameter.id) != moment)
        .filter(|parameter| !(parameter.code == "patient" && chart.is_some()))
        .filter(|parameter| earns_rows(parameter))
        .map(|parameter| parameter.id)
        .chain(chart)
        .collect();
    indexed.sort_unstable();
    Plan { chart, moment, indexed }
}

/// Codes of principal dates, the first that a type has.
const MOMENTS: [&str; 9] = [
    "date",
    "onset-date",
    "authoredon",
    "effective-time",
    "birthdate",
    "period",
    "created",
    "issued",
    "start",
];

fn earns_rows(parameter: &SearchParameter) -> bool {
    match parameter.kind {
        SearchKind::Composite | SearchKind::Special => false,
        SearchKind::String => !parameter.code.starts_with("address-"),
        _ => true,
    }
}
