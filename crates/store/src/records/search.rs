//! Search: a checked query, as far as a permit sees, on any database.
//!
//! SQL narrows by index rows; what it can't tell is asked of the records found, by
//! [`medcor_fhir::search::Filter::matches`], which is what search means. The fence (tenant, compartment, state) is in
//! every statement, so a record that the caller may not see changes no result, total or order.

mod collect;
mod condition;
pub(crate) mod lookup;
mod plan;
mod position;
mod range;
mod residual;
mod seal;
mod sql;
pub(crate) mod tally;

use std::{ops::ControlFlow, sync::Arc};

use medcor_fhir::{
    ResourceType,
    search::{Query, Total},
};
use medcor_policy::{Action, Permit, Visibility};

use self::{
    collect::{Arrival, Collector},
    condition::{Compiled, Reach, Test},
    plan::{ChartForm, Pass, Plan, Slice},
    position::{Key, Order, Position},
    sql::Values,
};
pub(crate) use self::{
    seal::{Binding, CursorKey, PageSeal, Question, Seal},
    sql::Dialect,
};
use crate::{
    Page, Record, StoreError,
    database::{Backend, Found, Lane},
    sight::Limits,
};

/// How many records have a code that is rare.
const RARE_MAX: usize = 200;
/// Most rows of a narrow search that are looked at where the caller stands.
const INLINE_ROWS_MAX: usize = 500;

/// The records that match, as far as the permit sees.
pub(crate) async fn search(
    backend: &Backend,
    key: &CursorKey,
    permit: &Permit,
    limits: &Limits,
    query: &Query,
) -> Result<Page, StoreError> {
    let visibility = permitted(permit, query.resource_type)?;
    let query = Arc::new(query.clone());
    let seal = PageSeal::new(key, permit, Question::Query(query.clone()));
    let after = match &query.cursor {
        Some(cursor) => Some(opened(&seal.seal(), cursor, &query)?),
        None => None,
    };
    let mut values = Values::new(permit.tenant(), query.resource_type);
    let compile = |filter| condition::compile(&mut values, query.resource_type, filter);
    let mut compiled: Vec<Compiled> = query.filters.iter().map(compile).collect();
    if rarest(backend, &values, &visibility, &mut compiled).await? == Rarest::Nobody {
        let total = (query.total == Total::Accurate).then_some(0);
        return Ok(Page::sealed(Vec::new(), Vec::new(), total, false, seal));
    }
    let plan = Plan::new(backend.dialect(), values, (&visibility, limits), compiled);
    let search = Search { backend, plan, order: Order::of(&query), query: query.clone() };
    let form = chart_form(backend, &search.plan).await?;
    let limit = usize::try_from(query.count).unwrap_or(usize::MAX).saturating_add(1);
    let mut rows = search.rows(form, after, limit).await?;
    let has_more = rows.len() == limit;
    rows.truncate(limit - 1);
    let total = match query.total {
        Total::None => None,
        Total::Accurate => Some(search.total(form).await?),
    };
    let (places, records): (Vec<Position>, Vec<Record>) = rows.into_iter().unzip();
    let places = places.iter().map(Position::to_bytes).collect();
    Ok(Page::sealed(records, places, total, has_more, seal))
}

/// The records of this type that a search may look at.
fn permitted(permit: &Permit, resource_type: ResourceType) -> Result<Visibility<'_>, StoreError> {
    match permit.visibility(Action::Search, resource_type) {
        Visibility::Nothing => Err(StoreError::OutsidePermit { action: Action::Search, resource_type }),
        visibility => Ok(visibility),
    }
}

/// A chart is read by its own index, unless records refer to its patient in other ways.
async fn chart_form(backend: &Backend, plan: &Plan) -> Result<ChartForm, StoreError> {
    let Some(question) = plan.chart_question() else { return Ok(ChartForm::Straight) };
    let has_rows = !backend.rows(Lane::Snapshot, question).await?.is_empty();
    Ok(if has_rows { ChartForm::WithRows } else { ChartForm::Straight })
}

/// What is known of the rarest code or status that a search asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rarest {
    /// No record has it, so none matches.
    Nobody,
    /// Few have it: the search starts from them.
    Few,
    /// Nothing, or that many have it.
    Unknown,
}

/// Where a search would look at all records of its type: makes a code or status that few of them have what it
/// starts from. Who waits has a status that hardly anybody else has; what is over has that of most.
async fn rarest(
    backend: &Backend,
    values: &Values,
    visibility: &Visibility<'_>,
    compiled: &mut [Compiled],
) -> Result<Rarest, StoreError> {
    if matches!(visibility, Visibility::Compartment(_)) || plan::leader(compiled, false).is_some() {
        return Ok(Rarest::Unknown);
    }
    for compiled in compiled {
        let Some(Test::Rows(rows)) = &mut compiled.test else { continue };
        if rows.is_negated || !rows.is_point || rows.reach != Reach::Many {
            continue;
        }
        let text = format!("{} LIMIT {}", rows.selected(), RARE_MAX + 1);
        let few = backend.rows(Lane::Snapshot, values.clone().into_statement(&text)).await?;
        if few.is_empty() {
            return Ok(Rarest::Nobody);
        }
        if few.len() <= RARE_MAX {
            rows.reach = Reach::Handful;
            return Ok(Rarest::Few);
        }
    }
    Ok(Rarest::Unknown)
}

fn opened(seal: &Seal, cursor: &str, query: &Query) -> Result<Position, StoreError> {
    let position = Position::from_bytes(&seal.open(cursor)?).ok_or(StoreError::BadCursor)?;
    let is_of_query = position.keys.len() == Order::of(query).keys.len();
    is_of_query.then_some(position).ok_or(StoreError::BadCursor)
}

/// One search on its way.
struct Search<'b> {
    backend: &'b Backend,
    plan: Plan,
    query: Arc<Query>,
    order: Order,
}

impl Search<'_> {
    async fn rows(
        &self,
        form: ChartForm,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<(Position, Record)>, StoreError> {
        if self.order.column().is_some() && !self.plan.is_handful() {
            return self.ordered(form, after, limit).await;
        }
        let first = self.order.keys.first().map(|key| key.source);
        let index = first.and_then(|source| source.index(self.query.resource_type));
        match (first, index) {
            (Some(source), Some(index)) if !self.plan.is_narrow() => {
                self.streamed(after, limit, source, index).await
            }
            _ => self.unordered(form, after, limit).await,
        }
    }

    /// By a column of `resource`, whose index gives the order.
    async fn ordered(
        &self,
        form: ChartForm,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<(Position, Record)>, StoreError> {
        let mut collector = self.collector(Arrival::Ordered, after.clone(), limit);
        for pass in self.passes(after.as_ref()) {
            let slice =
                Slice { form, order: &self.order, pass: *pass, after: after.as_ref(), limit: Some(limit) };
            collector = if self.plan.residual.is_empty() {
                let found = self.backend.records(self.lane(), self.plan.records(slice)).await?;
                visited(collector, found)
            } else {
                self.asked(collector, slice).await?
            };
            collector = collector.checked()?;
            if collector.is_full() {
                break;
            }
        }
        collector.finish().map(|(kept, _)| kept)
    }

    /// The parts of the order, without those that end before this place.
    fn passes(&self, after: Option<&Position>) -> &'static [Pass] {
        let Some((column, key)) = self.order.column() else { return &[Pass::All] };
        // A missing moment is the least number: where the order descends it is last by itself.
        if column != "r.moment" || key.is_descending {
            return &[Pass::All];
        }
        match after.and_then(|after| after.keys.first()) {
            Some(Key::Missing) => &[Pass::Missing],
            _ => &[Pass::Valued, Pass::Missing],
        }
    }

    /// By a parameter's index table, in whose order the rows come.
    async fn streamed(
        &self,
        after: Option<Position>,
        limit: usize,
        source: position::Source,
        index: (&'static str, &'static str),
    ) -> Result<Vec<(Position, Record)>, StoreError> {
        let order = &self.order;
        let mut collector = self.collector(Arrival::ByFirstKey, after.clone(), limit);
        let is_behind_values = after.as_ref().is_some_and(|after| after.keys.first() == Some(&Key::Missing));
        let slice =
            Slice { form: ChartForm::Straight, order, pass: Pass::All, after: after.as_ref(), limit: None };
        if !is_behind_values {
            let statement = self.plan.stream(slice, source, index);
            collector = self.backend.scan(statement, collector, visit).await?.checked()?;
        }
        if !collector.is_full() {
            let statement = self.plan.without_rows(slice, source, index.0);
            collector = self.backend.scan(statement, collector.arriving(Arrival::Unordered), visit).await?;
        }
        collector.finish().map(|(kept, _)| kept)
    }

    /// By looking at every record that comes into question.
    async fn unordered(
        &self,
        form: ChartForm,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<(Position, Record)>, StoreError> {
        let slice = Slice { form, order: &self.order, pass: Pass::All, after: None, limit: None };
        let collector = self.collector(Arrival::Unordered, after, limit);
        self.asked(collector, slice).await?.finish().map(|(kept, _)| kept)
    }

    async fn total(&self, form: ChartForm) -> Result<u64, StoreError> {
        if self.plan.residual.is_empty() {
            let lane = if self.plan.is_narrow() { Lane::Snapshot } else { Lane::Scan };
            let rows = self.backend.rows(lane, self.plan.count(form)).await?;
            let count = rows.first().ok_or(StoreError::Damaged("a count has no row"))?.integer(0)?;
            return u64::try_from(count).map_err(|_negative| StoreError::Damaged("a count is negative"));
        }
        let slice = Slice { form, order: &self.order, pass: Pass::All, after: None, limit: None };
        let collector = self.collector(Arrival::Counted, None, 0);
        self.asked(collector, slice).await?.finish().map(|(_, matched)| matched)
    }

    /// Shows every record of a slice to the collector: a handful here, more beside the callers.
    async fn asked(&self, collector: Collector, slice: Slice<'_>) -> Result<Collector, StoreError> {
        if self.plan.is_narrow() {
            // A slice in an order has to come in it.
            let is_ordered = collector.is_ordered();
            let glance = Slice { limit: Some(INLINE_ROWS_MAX + 1), ..slice };
            let statement = if is_ordered { self.plan.records(glance) } else { self.plan.glance(glance) };
            let mut found = self.backend.records(Lane::Snapshot, statement).await?;
            if found.len() <= INLINE_ROWS_MAX {
                if !is_ordered {
                    collect::keep_once(&mut found);
                }
                return Ok(visited(collector, found));
            }
        }
        let statement = self.plan.records(Slice { limit: None, ..slice });
        self.backend.scan(statement, collector, visit).await
    }

    fn collector(&self, arrival: Arrival, after: Option<Position>, limit: usize) -> Collector {
        Collector::new(&self.query, &self.order, &self.plan.residual, arrival).page(after, limit)
    }

    /// Where a statement runs whose rows are all wanted.
    fn lane(&self) -> Lane {
        if self.plan.is_narrow() || self.plan.is_page_of_index() { Lane::Snapshot } else { Lane::Scan }
    }
}

fn visited(mut collector: Collector, found: Vec<Found>) -> Collector {
    for found in found {
        if collector.visit(found).is_break() {
            break;
        }
    }
    collector
}

fn visit(collector: &mut Collector, found: Found) -> ControlFlow<()> {
    collector.visit(found)
}
