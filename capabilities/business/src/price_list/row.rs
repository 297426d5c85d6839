//! A service as the tools show it.

use medcor_fhir::{
    naming::{SERVICE_LENGTH, SERVICE_PRICE},
    view::{CodeableConcept, Decimal, Text},
};
use medcor_tools::{Format, Raw, Record, ToolContext, ToolError, view};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A `HealthcareService` with its price, as far as tools show it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Service<'a> {
    #[serde(borrow)]
    pub(crate) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) comment: Option<Text<'a>>,
    active: Option<bool>,
    #[serde(borrow)]
    pub(super) category: Vec<CodeableConcept<'a>>,
    #[serde(borrow)]
    extension: Vec<ServiceExtension<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ServiceExtension<'a> {
    #[serde(borrow)]
    url: Text<'a>,
    value_unsigned_int: Option<u32>,
    #[serde(borrow)]
    value_money: Option<Money<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Money<'a> {
    #[serde(borrow)]
    pub(crate) value: Option<Decimal<'a>>,
    #[serde(borrow)]
    pub(crate) currency: Option<Text<'a>>,
}

impl<'a> Service<'a> {
    /// Whether it is offered; one that does not say is.
    pub(super) fn is_active(&self) -> bool {
        self.active != Some(false)
    }

    /// What one costs.
    pub(crate) fn price(&self) -> Option<&Money<'a>> {
        self.extension(SERVICE_PRICE)?.value_money.as_ref()
    }

    /// How long an appointment for it takes.
    pub(super) fn minutes(&self) -> Option<u32> {
        self.extension(SERVICE_LENGTH)?.value_unsigned_int
    }

    fn extension(&self, url: &str) -> Option<&ServiceExtension<'a>> {
        self.extension.iter().find(|extension| extension.url == url)
    }
}

/// A service and its price. What is not known is left out.
#[derive(Serialize, JsonSchema)]
pub(super) struct ServiceRow {
    pub(super) id: String,
    /// The same as `id`.
    service_id: String,
    /// The same as `id`.
    treatment_id: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// The price of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    cost: Option<Box<RawValue>>,
    /// ISO 4217, where the price list says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_minutes: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<String>,
    /// Whether it can be booked.
    is_active: bool,
    /// ACTIVE or INACTIVE.
    status: &'static str,
    tenant_id: String,
    tenant_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fhir: Option<Raw>,
}

impl ServiceRow {
    pub(super) fn of(record: &Record, format: Format, cx: &ToolContext<'_>) -> Result<Self, ToolError> {
        let service: Service<'_> = view(record)?;
        let price = service.price();
        let id = record.id.to_string();
        Ok(Self {
            service_id: id.clone(),
            treatment_id: id.clone(),
            id,
            cost: price.and_then(|price| price.value.as_ref()).map(Decimal::to_raw),
            currency: price.and_then(|price| price.currency.as_deref()).map(str::to_owned),
            duration_minutes: service.minutes(),
            category: service.category.first().and_then(CodeableConcept::text).map(str::to_owned),
            is_active: service.is_active(),
            status: if service.is_active() { "ACTIVE" } else { "INACTIVE" },
            tenant_id: cx.tenant().organization.to_string(),
            tenant_name: cx.tenant().name.clone(),
            fhir: format.resource_of(record)?,
            description: service.comment.map(String::from),
            name: service.name.map(String::from).unwrap_or_default(),
        })
    }
}
