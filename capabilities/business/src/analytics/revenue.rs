//! What completed visits are worth: each at the price that the price list had for its service when it began.

use std::collections::{BTreeMap, HashMap};

use medcor_fhir::{Id, ResourceType};
use medcor_tools::{ToolContext, ToolError, view};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    amount::Amount,
    small,
    visits::{Standing, Visit, Visits, patients},
};
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
struct Price {
    amount: Amount,
    currency: Option<String>,
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
    /// ISO 4217; null where the price list does not say it.
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
    /// How many patients had a visit with a price: of the currency in which they are fewest.
    pub(super) patients: usize,
}

impl Prices {
    /// Where money is not shown.
    pub(super) fn none() -> Self {
        Self { services: HashMap::new() }
    }

    /// The prices of the services of completed visits.
    pub(super) async fn of(visits: &Visits, cx: &mut ToolContext<'_>) -> Result<Self, ToolError> {
        let completed = visits.all.iter().filter(|visit| visit.standing == Standing::Completed);
        let mut numbers: Vec<usize> = completed.filter_map(|visit| visit.service).collect();
        numbers.sort_unstable();
        numbers.dedup();
        if numbers.len() > SERVICES_MAX {
            let problem = format!("the dates hold visits of more than {SERVICES_MAX} services; narrow them");
            return Err(ToolError::invalid("/from", problem));
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

    fn of_visit(&self, visit: &Visit) -> Option<&Price> {
        let versions = &self.services.get(&visit.service?)?.versions;
        let then = versions.iter().find(|(since, _)| *since <= visit.start);
        then.or(versions.last()).and_then(|(_, price)| price.as_ref())
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
        let counts = by_currency.values().map(|(_, priced)| patients(priced.iter().copied()));
        revenue.patients = counts.min().unwrap_or_default();
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
        small::is_small(self.patients)
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

    /// The one currency.
    pub(super) fn currency(&self) -> Option<String> {
        match self.worths.as_slice() {
            [worth] => worth.currency.clone(),
            _ => None,
        }
    }

    /// Each currency, where there are several and they are shown.
    pub(super) fn by_currency(&self) -> Vec<Worth> {
        if self.worths.len() > 1 && !self.is_small() { self.worths.clone() } else { Vec::new() }
    }
}

impl Priced {
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
