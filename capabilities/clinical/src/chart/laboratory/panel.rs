//! Panels: the values that one report has together. A value without a report is a panel of its own.

use std::collections::HashMap;

use medcor_fhir::{
    ResourceType,
    view::{DiagnosticReport, Reference, Text},
};
use medcor_tools::{FreeText, ToolContext, ToolError, view};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::result::{ResultRow, Taken};
use crate::{listing::Subject, window::Window};

/// Most reports that the values of one answer can be in.
const REPORTS_MAX: u32 = 200;
/// How far the date of a report may be from those of its values.
const MARGIN_DAYS: u32 = 7;
/// Most orders that one answer reads for their dates.
const ORDERS_MAX: usize = 20;

/// The values of one report, or one value without a report.
#[derive(Serialize, JsonSchema)]
pub(super) struct PanelRow {
    /// Id of the report, else of the value.
    order_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    test_name: Option<String>,
    /// When it was ordered, where the order is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    ordered_date: Option<String>,
    /// When the specimen was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    collected_date: Option<String>,
    /// When the result was made available.
    #[serde(skip_serializing_if = "Option::is_none")]
    resulted_date: Option<String>,
    /// final, preliminary, corrected, …
    status: String,
    /// What the laboratory concludes.
    #[serde(skip_serializing_if = "Option::is_none")]
    conclusion: Option<FreeText>,
    #[schemars(with = "Vec<ResultRow<'static>>")]
    results: Vec<Box<RawValue>>,
}

/// The reports of the values of one answer.
pub(super) struct Reports {
    taken: Vec<Taken>,
    panels: Vec<PanelRow>,
    /// Which panel a value is in, by the id of the value.
    of_value: HashMap<String, usize>,
    ordered: HashMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct OrderView<'a> {
    #[serde(borrow)]
    authored_on: Option<Text<'a>>,
}

impl Reports {
    /// Reads the reports and orders of these values, as far as the caller may.
    pub(super) async fn of(
        taken: Vec<Taken>,
        subject: &Subject,
        cx: &mut ToolContext<'_>,
    ) -> Result<Self, ToolError> {
        let mut reports =
            Self { taken, panels: Vec::new(), of_value: HashMap::new(), ordered: HashMap::new() };
        if !reports.taken.is_empty() && cx.may_read(ResourceType::DIAGNOSTIC_REPORT) {
            reports.read(subject, cx).await?;
        }
        Ok(reports)
    }

    async fn read(&mut self, subject: &Subject, cx: &mut ToolContext<'_>) -> Result<(), ToolError> {
        let moments: Vec<i64> = self.taken.iter().filter_map(Taken::moment).collect();
        let (Some(first), Some(last)) = (moments.iter().min(), moments.iter().max()) else { return Ok(()) };
        let near = Window::around(*first, *last, MARGIN_DAYS);
        let mut query = near.narrowed(subject.query(ResourceType::DIAGNOSTIC_REPORT)?, "date")?;
        query.count = REPORTS_MAX;
        let page = cx.records().search(&query).await?;
        for record in &page.records {
            let report: DiagnosticReport<'_> = view(record)?;
            let position = self.panels.len();
            let ids = report.result.iter().filter_map(|result| result.id_of(ResourceType::OBSERVATION));
            // Of several reports of a value, the newest version is the one that was found first.
            ids.for_each(|id| {
                self.of_value.entry(id.to_string()).or_insert(position);
            });
            let ordered_date = self.ordered_date(report.based_on.first(), cx).await?;
            self.panels.push(panel_of(report, ordered_date));
        }
        for index in 0..self.taken.len() {
            let order = self.taken.get(index).and_then(|taken| taken.order.clone());
            let order =
                order.map(|order| Reference { reference: Some(Text::from(order)), ..Reference::default() });
            self.ordered_date(order.as_ref(), cx).await?;
        }
        Ok(())
    }

    /// When an order was written.
    async fn ordered_date(
        &mut self,
        order: Option<&Reference<'_>>,
        cx: &mut ToolContext<'_>,
    ) -> Result<Option<String>, ToolError> {
        let Some(order) = order else { return Ok(None) };
        let Some(id) = order.id_of(ResourceType::SERVICE_REQUEST) else { return Ok(None) };
        let key = format!("ServiceRequest/{id}");
        if let Some(known) = self.ordered.get(&key) {
            return Ok(Some(known.clone()));
        }
        if self.ordered.len() >= ORDERS_MAX || !cx.may_read(ResourceType::SERVICE_REQUEST) {
            return Ok(None);
        }
        let Some(record) = cx.records().read(ResourceType::SERVICE_REQUEST, &id).await? else {
            return Ok(None);
        };
        let date = view::<OrderView<'_>>(&record)?.authored_on.map(String::from);
        if let Some(date) = &date {
            self.ordered.insert(key, date.clone());
        }
        Ok(date)
    }

    fn add_panel_of_one(&mut self, taken: Taken) -> usize {
        let ordered_date = taken.order.as_ref().and_then(|order| self.ordered.get(order).cloned());
        self.panels.push(panel_of_one(taken, ordered_date));
        self.panels.len() - 1
    }

    /// Puts the values into their panels, in the order in which the first value of each came.
    pub(super) fn panels(&mut self, values: Vec<Box<RawValue>>) -> Result<Vec<Box<RawValue>>, ToolError> {
        let mut order: Vec<usize> = Vec::new();
        for (taken, value) in std::mem::take(&mut self.taken).into_iter().zip(values) {
            let known = self.of_value.get(&taken.id).copied();
            let position = known.unwrap_or_else(|| self.add_panel_of_one(taken));
            if !order.contains(&position) {
                order.push(position);
            }
            if let Some(panel) = self.panels.get_mut(position) {
                panel.results.push(value);
            }
        }
        order
            .into_iter()
            .filter_map(|position| self.panels.get(position))
            .map(|it| Ok(to_raw_value(it)?))
            .collect()
    }
}

fn panel_of(report: DiagnosticReport<'_>, ordered_date: Option<String>) -> PanelRow {
    let start = report.effective_period.and_then(|period| period.start);
    PanelRow {
        order_id: report.id.to_string(),
        ordered_date,
        collected_date: report.effective_date_time.or(start).map(String::from),
        resulted_date: report.issued.map(String::from),
        status: report.status.to_string(),
        conclusion: report.conclusion.as_deref().and_then(FreeText::new),
        test_name: report.code.into_text().map(String::from),
        results: Vec::new(),
    }
}

fn panel_of_one(taken: Taken, ordered_date: Option<String>) -> PanelRow {
    PanelRow {
        order_id: taken.id,
        test_name: taken.name,
        ordered_date,
        collected_date: taken.date,
        resulted_date: taken.issued,
        status: taken.status,
        conclusion: None,
        results: Vec::new(),
    }
}
