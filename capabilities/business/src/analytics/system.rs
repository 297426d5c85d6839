//! The server in figures, for those who administer it or one of its organisations.

use std::collections::BTreeMap;

use medcor_fhir::{ResourceType, search::Query};
use medcor_tools::{Area, Effect, Need, ResourceBinding, Tool, ToolContext, ToolError, resource};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{statistics::total, visits::refuse_pinned};

/// What is counted: the member of the statistics, and the records.
const COUNTED: [(ResourceType, Kind); 4] = [
    (ResourceType::PRACTITIONER, Kind::Doctors),
    (ResourceType::PATIENT, Kind::Patients),
    (ResourceType::APPOINTMENT, Kind::Appointments),
    (ResourceType::HEALTHCARE_SERVICE, Kind::Treatments),
];

#[derive(Clone, Copy)]
enum Kind {
    Doctors,
    Patients,
    Appointments,
    Treatments,
}

/// Says how the server is and how much it holds: organisations, clinicians, patients, appointments, services.
///
/// Platform administrators see the sums over all organisations, and each; administrators of an organisation their own.
/// Numbers of records alone: nothing of what they say.
#[derive(Deserialize, JsonSchema)]
pub(super) struct GetSystemStats {}

/// The server in figures.
#[derive(Serialize, JsonSchema)]
pub(super) struct SystemStatistics {
    /// `ok`, or `unreachable` where the database does not answer.
    status: &'static str,
    /// By name: `healthy` or `unreachable`.
    checks: Checks,
    /// Null where the database does not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    statistics: Option<Counts>,
    /// Each organisation, for platform administrators.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tenants: Vec<TenantRow>,
    /// Now, UTC.
    timestamp: String,
}

#[derive(Serialize, JsonSchema)]
struct Checks {
    database: &'static str,
}

#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
struct Counts {
    /// Organisations that the numbers are of.
    #[serde(rename = "total_tenants")]
    tenants: u64,
    /// Clinicians in the directory, of every profession.
    #[serde(rename = "total_doctors")]
    doctors: u64,
    /// Registered.
    #[serde(rename = "total_patients")]
    patients: u64,
    #[serde(rename = "total_appointments")]
    appointments: u64,
    /// Services of the price list.
    #[serde(rename = "total_treatments")]
    treatments: u64,
}

#[derive(Serialize, JsonSchema)]
struct TenantRow {
    tenant_id: String,
    name: String,
    #[serde(flatten)]
    counts: Counts,
}

impl Tool for GetSystemStats {
    const NAME: &'static str = "get_system_stats";
    const TITLE: &'static str = "The server in figures";
    const EFFECT: Effect = Effect::ReadOnly;
    // Who administers people administers an organisation or the platform.
    const NEEDS: &'static [Need] = &[
        Need::Administer(Area::Users),
        Need::AdministerIfAllowed(Area::Tenants),
        Need::search(ResourceType::PRACTITIONER),
        Need::search(ResourceType::HEALTHCARE_SERVICE),
        Need::search_if_allowed(ResourceType::PATIENT),
        Need::search_if_allowed(ResourceType::APPOINTMENT),
    ];
    const RESOURCES: &'static [ResourceBinding] = &[resource("healthcare://system/status")];
    const KEYWORDS: &'static [&'static str] =
        &["status", "statistics", "how many organisations", "tenants", "platform", "capacity"];
    type Output = SystemStatistics;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<SystemStatistics, ToolError> {
        let is_of_all = cx.may_administer(Area::Tenants);
        if !is_of_all {
            refuse_pinned(&[ResourceType::PATIENT, ResourceType::APPOINTMENT], cx)?;
        }
        let timestamp = cx.now().to_string();
        if !cx.database_answers().await {
            let (status, checks) = ("unreachable", Checks { database: "unreachable" });
            return Ok(SystemStatistics { status, checks, statistics: None, tenants: Vec::new(), timestamp });
        }
        let (tenants, counts) = if is_of_all { everywhere(cx).await? } else { (Vec::new(), here(cx).await?) };
        let checks = Checks { database: "healthy" };
        Ok(SystemStatistics { status: "ok", checks, statistics: Some(counts), tenants, timestamp })
    }
}

/// The caller's own organisation, as far as the caller sees it.
async fn here(cx: &mut ToolContext<'_>) -> Result<Counts, ToolError> {
    let mut counts = Counts { tenants: 1, ..Counts::default() };
    for (resource_type, kind) in COUNTED {
        *counts.of(kind) = total(Query::new(resource_type), cx).await?;
    }
    Ok(counts)
}

/// Each organisation, and all.
async fn everywhere(cx: &mut ToolContext<'_>) -> Result<(Vec<TenantRow>, Counts), ToolError> {
    let mut by_tenant: BTreeMap<i32, Counts> = BTreeMap::new();
    for (resource_type, kind) in COUNTED {
        for (tenant, count) in cx.records().count_everywhere(resource_type).await? {
            *by_tenant.entry(tenant.0).or_default().of(kind) = count;
        }
    }
    let mut sum = Counts::default();
    let mut rows = Vec::new();
    for tenant in cx.tenants().await? {
        let counts = by_tenant.get(&tenant.id.0).cloned().unwrap_or_default();
        let mut counts = Counts { tenants: 1, ..counts };
        sum.tenants += 1;
        for (_, kind) in COUNTED {
            *sum.of(kind) += *counts.of(kind);
        }
        rows.push(TenantRow { tenant_id: tenant.organization.to_string(), name: tenant.name, counts });
    }
    Ok((rows, sum))
}

impl Counts {
    fn of(&mut self, kind: Kind) -> &mut u64 {
        match kind {
            Kind::Doctors => &mut self.doctors,
            Kind::Patients => &mut self.patients,
            Kind::Appointments => &mut self.appointments,
            Kind::Treatments => &mut self.treatments,
        }
    }
}
