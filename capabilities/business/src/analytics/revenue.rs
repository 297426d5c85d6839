//! What completed visits are worth: each at the price that the price list had for its service when it began.

use std::collections::{BTreeMap, HashMap};

use medcor_fhir::{Id, ResourceType};
use medcor_tools::{ToolContext, ToolError, view};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    small::Crowd,
    visits::{Standing, Visit, Visits},
};
use crate::amount::Amount;
use crate::price_list::Service;

/// Most services whose prices are looked up.
const SERVICES_MAX: usize = 1000;
/// Most prices that one service had.
const VERSIONS_MAX: u32 = 1000;

/// What the figures of money are, said in each answer.
pub(super) const DEFINITION: &str = "Completed visits whose service has a price, each at the price that the price \
    list had when the visit began (before the first price: the first). Invoices and payments do not count.";

/// A price of a currency, if the price list says which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Price {
    amount: Amount,
    pub(super) currency: Option<String>,
}

/// The prices that services had, by the numbers of the services.
pub(super) struct Prices {
    services: HashMap<usize, Priced>,
}

/// A service and its prices.
struct Priced {
    /// As it is called now.
    name: Option<String>,
    /// From when on, newest first, and what one cost then.
    versions: Vec<(i64, Option<Price>)>,
}

/// What visits are worth in one currency.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct Worth {
    /// ISO 4217, where the price list says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) currency: Option<String>,
    pub(super) revenue: Amount,
    /// Visits with a price in it.
    pub(super) visits: u64,
}

/// What visits are worth.
#[derive(Debug, Clone, Default)]
pub(super) struct Revenue {
    /// By currency, in their order; nothing is added up across them.
    pub(super) worths: Vec<Worth>,
    /// Completed visits without a service or with one that had no price.
    pub(super) unpriced: u64,
    /// Whether in one of the currencies so few patients had a visit with a price that nothing of it is shown.
    is_small: bool,
}

impl Prices {
    /// Where money is not shown.
    pub(super) fn none() -> Self {
        Self { services: HashMap::new() }
    }

    /// The prices of the services of completed visits.
    pub(super) async fn of(visits: &Visits, cx: &mut ToolContext<'_>) -> Result<Self, ToolError> {
        let mut numbers: Vec<usize> = visits.completed().filter_map(|visit| visit.service).collect();
        numbers.sort_unstable();
        numbers.dedup();
        if numbers.len() > SERVICES_MAX {
            return Err(visits.chosen_by.too_many(SERVICES_MAX, "services"));
        }
        let mut services = HashMap::new();
        for number in numbers {
            let id = visits.services.text(number).and_then(Id::new);
            if let Some(id) = id {
                services.insert(number, Priced::read(&id, cx).await?);
            }
        }
        Ok(Self { services })
    }

    /// The price of what was done.
    pub(super) fn of_visit(&self, visit: &Visit) -> Option<&Price> {
        self.services.get(&visit.service?)?.at(visit.start)
    }

    /// What a service is called.
    pub(super) fn name(&self, service: usize) -> Option<&str> {
        self.services.get(&service)?.name.as_deref()
    }

    /// What the completed ones of these visits are worth.
    pub(super) fn revenue<'v>(&self, visits: impl Iterator<Item = &'v Visit>) -> Revenue {
        let mut revenue = Revenue::default();
        let mut by_currency: BTreeMap<&Option<String>, (Amount, Vec<&Visit>)> = BTreeMap::new();
        for visit in visits.filter(|visit| visit.standing == Standing::Completed) {
            match self.of_visit(visit) {
                Some(price) => {
                    let (amount, priced) = by_currency.entry(&price.currency).or_default();
                    *amount += price.amount;
                    priced.push(visit);
                }
                None => revenue.unpriced += 1,
            }
        }
        revenue.is_small =
            by_currency.values().any(|(_, priced)| Crowd::of(priced.iter().copied()).is_small());
        revenue.worths = by_currency
            .into_iter()
            .map(|(currency, (revenue, priced))| Worth {
                currency: currency.clone(),
                revenue,
                visits: u64::try_from(priced.len()).unwrap_or(u64::MAX),
            })
            .collect();
        revenue
    }
}

impl Revenue {
    /// Whether so few patients stand behind it that it is not shown.
    pub(super) fn is_small(&self) -> bool {
        self.is_small
    }

    /// The amount, where it is of one currency; nothing is an amount too. None where it is not shown.
    pub(super) fn amount(&self) -> Option<Amount> {
        match self.worths.as_slice() {
            _ if self.is_small() => None,
            [] => Some(Amount::default()),
            [worth] => Some(worth.revenue),
            _ => None,
        }
    }

    /// The amount for each visit with a price, where it is of one currency.
    pub(super) fn average(&self) -> Option<Amount> {
        match self.worths.as_slice() {
            [worth] if !self.is_small() => worth.revenue.each_of(worth.visits),
            _ => None,
        }
    }

    /// The one currency, where the amount is shown.
    pub(super) fn currency(&self) -> Option<String> {
        match self.worths.as_slice() {
            [worth] if !self.is_small() => worth.currency.clone(),
            _ => None,
        }
    }

    /// Each currency, where there are several and they are shown.
    pub(super) fn by_currency(&self) -> Vec<Worth> {
        if self.worths.len() > 1 && !self.is_small() { self.worths.clone() } else { Vec::new() }
    }
}

impl Priced {
    /// What one cost at a moment; before the first price, that. One whose price was taken away has none.
    fn at(&self, moment: i64) -> Option<&Price> {
        let mut known = self.versions.iter().filter(|(since, _)| *since <= moment).map(|(_, price)| price);
        if let Some(Some(price)) = known.next() {
            return Some(price);
        }
        if known.any(Option::is_some) {
            return None;
        }
        self.versions.iter().rev().find_map(|(_, price)| price.as_ref())
    }

    async fn read(id: &Id, cx: &mut ToolContext<'_>) -> Result<Self, ToolError> {
        let page = cx.records().history(ResourceType::HEALTHCARE_SERVICE, id, VERSIONS_MAX, None).await?;
        if page.has_more {
            return Err(ToolError::Precondition(format!("a service has more than {VERSIONS_MAX} versions")));
        }
        let mut priced = Self { name: None, versions: Vec::new() };
        for record in page.records.iter().filter(|record| !record.is_deleted) {
            let service: Service<'_> = view(record)?;
            let price = service.price().and_then(|money| {
                let amount = Amount::parse(money.value.as_ref()?.as_str())?;
                Some(Price { amount, currency: money.currency.as_deref().map(str::to_owned) })
            });
            priced.versions.push((record.last_updated, price));
            if priced.name.is_none() {
                priced.name = service.name.map(String::from);
            }
        }
        Ok(priced)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_the_first_price_it_is_the_first() {
        let price = |amount: &str| Amount::parse(amount).map(|amount| Price { amount, currency: None });
        let priced = |versions: &[(i64, Option<Price>)]| Priced { name: None, versions: versions.to_vec() };
        // Newest first: it had a price from 20 on, another from 30, none since 40.
        let service = priced(&[(40, None), (30, price("7")), (20, price("5")), (10, None)]);
        for (moment, amount) in
            [(5, price("5")), (15, price("5")), (20, price("5")), (35, price("7")), (40, None)]
        {
            assert_eq!(service.at(moment), amount.as_ref(), "{moment}");
        }
        assert_eq!(priced(&[(10, None)]).at(5), None);
        assert_eq!(priced(&[]).at(5), None);
    }
}
