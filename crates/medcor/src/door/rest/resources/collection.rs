//! Which tools read which collection.

use medcor_tools::ToolError;
use serde_json::{Map, Value};

/// A documented collection.
pub(in crate::door::rest) struct Collection {
    /// In the path.
    pub(in crate::door::rest) name: &'static str,
    /// The tool that lists it.
    pub(in crate::door::rest) list: &'static str,
    /// The tool that shows one of it, and its parameter for the id.
    pub(in crate::door::rest) item: (&'static str, &'static str),
}

const fn collection(
    name: &'static str,
    list: &'static str,
    item: &'static str,
    parameter: &'static str,
) -> Collection {
    Collection { name, list, item: (item, parameter) }
}

/// The ten documented collections; the name of one has two parts.
pub(in crate::door::rest) const COLLECTIONS: [Collection; 10] = [
    collection("hospitals", "list_hospitals", "get_hospital", "organisation"),
    collection("users", "list_users", "get_user", "user"),
    collection("doctors", "list_doctors", "get_doctor_details", "provider"),
    collection("patients", "list_patients", "get_patient", "patient"),
    collection("appointments", "list_appointments", "get_appointment_details", "appointment"),
    collection("medical_records", "list_medical_records", "get_medical_record", "record"),
    collection("treatments", "list_treatments", "get_treatment_details", "treatment_id"),
    collection("specialties", "list_specialties", "get_specialty", "specialty"),
    collection("subscription_plans", "list_subscription_plans", "get_subscription_plan_details", "plan_id"),
    collection(REPORTS, "list_reports", "get_report", "report_id"),
];

/// The collection of the caller's own reports.
pub(super) const REPORTS: &str = "analytics/reports";

/// Tools that list records of one patient or of the whole organisation, and want to be told which. A collection
/// is the organisation's.
const OF_ORGANISATION: [&str; 1] = ["list_medical_records"];
const ORGANISATION: &str = "organisation";
/// How callers name it too.
const ORGANISATIONS: [&str; 7] =
    [ORGANISATION, "organization", "hospital_id", "hospital", "tenant_id", "tenant", "clinic_id"];

/// A reading that is no list of records.
pub(in crate::door::rest) struct Only {
    /// In the path, after `analytics/`.
    pub(in crate::door::rest) name: &'static str,
    /// The tool that reads it.
    pub(in crate::door::rest) tool: &'static str,
}

/// The documented reading of `analytics` that is no list.
pub(in crate::door::rest) const ANALYTICS: [Only; 1] =
    [Only { name: "dashboard", tool: "get_hospital_statistics" }];

impl Collection {
    /// The collection of this name.
    ///
    /// # Errors
    ///
    /// `RESOURCE_NOT_FOUND`.
    pub(super) fn of(name: &str) -> Result<&'static Self, ToolError> {
        COLLECTIONS
            .iter()
            .find(|collection| collection.name == name)
            .ok_or_else(|| ToolError::not_found("collection"))
    }

    /// Says to a tool that wants it that the whole collection is meant.
    pub(super) fn complete(&self, filter: &mut Map<String, Value>) {
        let is_said = filter.keys().any(|name| ORGANISATIONS.contains(&name.as_str()));
        if OF_ORGANISATION.contains(&self.list) && !is_said {
            filter.insert(ORGANISATION.to_owned(), "default".into());
        }
    }
}

/// The reading at `analytics/{name}`.
pub(super) fn only(collection: &str, name: &str) -> Option<&'static Only> {
    ANALYTICS.iter().find(|only| collection == "analytics" && only.name == name)
}

/// The schema of a row of a list.
pub(super) fn row_of(list: &Value) -> Option<&Value> {
    list.pointer("/properties/results/items")
}

/// The names of the members that a schema knows; `None` where it does not say.
pub(super) fn members_of(schema: &Value) -> Option<&Map<String, Value>> {
    schema.get("properties").and_then(Value::as_object).filter(|members| !members.is_empty())
}
