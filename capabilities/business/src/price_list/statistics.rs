//! The price list in figures.

use medcor_fhir::{ResourceType, search::Query};
use medcor_tools::{Alias, Effect, Need, Ref, Tool, ToolContext, ToolError, alias, kind, view};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{find::refuse_foreign, row::Service};

/// Services that one search reads.
const PAGE_ROWS: u32 = 200;
/// Most services that are counted.
const SERVICES_MAX: usize = 5000;

/// Counts the services of the price list, and says what they cost: average, lowest and highest price.
///
/// Prices are of the services that are offered. Where they are in several currencies, each has its own figures in
/// `by_currency`, and nothing is added up across them.
#[derive(Deserialize, JsonSchema)]
pub(super) struct GetTreatmentStats {
    /// Your own organisation; any other is refused.
    organisation: Option<Ref<kind::Organization>>,
}

/// The price list in figures.
#[derive(Serialize, JsonSchema)]
pub(super) struct PriceListStatistics {
    total_treatments: usize,
    /// Services that are offered.
    active_treatments: usize,
    inactive_treatments: usize,
    /// Services that are offered and have a price.
    priced_treatments: u32,
    /// Absent where prices are in several currencies, or there are none.
    #[serde(flatten)]
    prices: Option<Prices>,
    /// Where there are several currencies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    by_currency: Vec<Prices>,
    /// Whether there are more services than were counted.
    truncated: bool,
    tenant_id: String,
}

/// What services cost in one currency.
#[derive(Serialize, JsonSchema)]
struct Prices {
    /// ISO 4217, where the price list says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    /// To the hundredth.
    average_cost: f64,
    min_cost: f64,
    max_cost: f64,
    /// Of how many services.
    services: u32,
}

impl Tool for GetTreatmentStats {
    const NAME: &'static str = "get_treatment_stats";
    const TITLE: &'static str = "Price list in figures";
    const ALIASES: &'static [Alias] = &[alias("get_service_statistics")];
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] =
        &[Need::search(ResourceType::HEALTHCARE_SERVICE), Need::read_if_allowed(ResourceType::ORGANIZATION)];
    const KEYWORDS: &'static [&'static str] = &["average price", "how many services", "cost", "statistics"];
    type Output = PriceListStatistics;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<PriceListStatistics, ToolError> {
        refuse_foreign(self.organisation.as_ref(), cx)?;
        let mut query = Query::new(ResourceType::HEALTHCARE_SERVICE).with("_sort", "name")?;
        query.count = PAGE_ROWS;
        let mut count = Count::default();
        let truncated = loop {
            let page = cx.records().search(&query).await?;
            for record in &page.records {
                count.take(&view(record)?);
            }
            let next = page.records.len().checked_sub(1).and_then(|last| page.cursor_after(last));
            if !page.has_more || next.is_none() {
                break false;
            }
            if count.total >= SERVICES_MAX {
                break true;
            }
            query.cursor = next;
        };
        Ok(count.statistics(truncated, cx))
    }
}

/// What was counted.
#[derive(Default)]
struct Count {
    total: usize,
    active: usize,
    /// Sums; rounded at the end.
    prices: Vec<Prices>,
}

impl Count {
    fn take(&mut self, service: &Service<'_>) {
        self.total += 1;
        if !service.is_active() {
            return;
        }
        self.active += 1;
        let Some(price) = service.price() else { return };
        let Some(cost) = price.value.as_ref().and_then(medcor_fhir::view::Decimal::number) else { return };
        let currency = price.currency.as_deref();
        match self.prices.iter_mut().find(|known| known.currency.as_deref() == currency) {
            Some(known) => {
                known.average_cost += cost;
                known.min_cost = known.min_cost.min(cost);
                known.max_cost = known.max_cost.max(cost);
                known.services += 1;
            }
            None => self.prices.push(Prices {
                currency: currency.map(str::to_owned),
                average_cost: cost,
                min_cost: cost,
                max_cost: cost,
                services: 1,
            }),
        }
    }

    fn statistics(mut self, truncated: bool, cx: &ToolContext<'_>) -> PriceListStatistics {
        for prices in &mut self.prices {
            prices.average_cost = (prices.average_cost / f64::from(prices.services) * 100.0).round() / 100.0;
        }
        let priced = self.prices.iter().map(|prices| prices.services).sum();
        let is_one = self.prices.len() == 1;
        PriceListStatistics {
            total_treatments: self.total,
            active_treatments: self.active,
            inactive_treatments: self.total - self.active,
            priced_treatments: priced,
            prices: if is_one { self.prices.pop() } else { None },
            by_currency: self.prices,
            truncated,
            tenant_id: cx.tenant().organization.to_string(),
        }
    }
}
