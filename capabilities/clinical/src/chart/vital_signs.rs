//! Vital signs, newest first, with the latest, average and trend of each kind.

use medcor_fhir::{ResourceType, naming::LOINC, search::Query};
use medcor_tools::{
    Alias, Effect, Listing, Need, Ref, Synonym, Tool, ToolContext, ToolError, alias, kind, synonym,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    listing::{Format, Paging, PatientList, Rows, Subject, listed},
    series::SeriesSummary,
    vital::Vital,
    vital_row::{VitalRow, VitalRows},
    window::Window,
};

/// Window of averages and trends when the caller names none.
const WINDOW_DAYS_DEFAULT: u32 = 365;
/// Most values of which averages and trends are made.
const WINDOW_VALUES_MAX: u32 = 1000;
/// Most records read at a time to find the latest value of what has none in the window.
const LOOKED_UP_MAX: u32 = 100;

/// Lists a patient's vital signs, newest first, and sums up each kind: latest value, average, minimum,
/// maximum and trend over the last `window_days`.
///
/// Use it for questions such as "latest blood pressure", "average heart rate this month" or "is the
/// weight rising"; the figures are computed here, do not compute them from the rows. Abnormal values
/// carry a flag. A patient without values gives an empty list.
#[derive(Deserialize, JsonSchema)]
pub(super) struct GetVitalSigns {
    /// Whose vital signs: id, MRN, telephone number or full name.
    patient: Ref<kind::Patient>,
    /// Only these vital signs; all when absent.
    kinds: Option<Vec<Vital>>,
    /// Not before this date or date-time, such as 2026-05-01.
    from: Option<String>,
    /// Not after this date or date-time; a date includes its whole day.
    to: Option<String>,
    /// Days over which average and trend are computed, up to `to` or now. 365 when absent.
    #[schemars(range(min = 1, max = 36500))]
    window_days: Option<u32>,
    /// Most rows, 20 when absent.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// `next_cursor` of the answer to continue.
    cursor: Option<String>,
    /// `fhir` adds each whole FHIR resource.
    format: Option<Format>,
}

/// Vital signs and what they amount to.
#[derive(Serialize, JsonSchema)]
pub(super) struct VitalSigns {
    #[serde(flatten)]
    list: PatientList<VitalRow<'static>>,
    /// Per kind: latest value, average, minimum, maximum and trend. With the first part of a list only.
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<Summary>,
}

/// What the values of a window amount to.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Summary {
    window_days: u32,
    /// Whether the window has more values than were summed up, or a vital sign that is missing here may
    /// have a value among records that were not read.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_partial: bool,
    measures: Vec<SeriesSummary>,
}

impl Tool for GetVitalSigns {
    const NAME: &'static str = "get_vital_signs";
    const TITLE: &'static str = "Get vital signs";
    const ALIASES: &'static [Alias] = &[alias("get_patient_vitals")];
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] =
        &[Need::read(ResourceType::PATIENT), Need::search(ResourceType::OBSERVATION)];
    const SYNONYMS: &'static [Synonym] =
        &[synonym("kind", "kinds"), synonym("vital_sign", "kinds"), synonym("vital_type", "kinds")];
    const KEYWORDS: &'static [&'static str] =
        &["blood pressure", "pulse", "temperature", "weight", "BMI", "SpO2", "trend", "average"];
    type Output = VitalSigns;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<VitalSigns, ToolError> {
        let subject = Subject::of(&self.patient, cx).await?;
        let window = Window::new(self.from.as_deref(), self.to.as_deref(), cx)?;
        let paging = Paging::new(self.limit, self.cursor, self.format);
        let kinds = self.kinds.unwrap_or_default();
        let mut filter = subject.filter();
        window.echo(&mut filter);
        let mut query = subject.query(ResourceType::OBSERVATION)?;
        query = narrowed_to(query, &kinds, &mut filter)?.with("_sort", "-date")?;
        let days = self.window_days.unwrap_or(WINDOW_DAYS_DEFAULT);
        let end = window.end().unwrap_or_else(|| cx.now().as_microsecond().saturating_add(1));
        let summed = Window::days_before(end, days);

        let mut rows = VitalRows::new(Some(&subject), &paging, window.clone());
        let listed_query = window.narrowed(query.clone(), "date")?;
        let list = listed(cx, listed_query, &paging, filter, &mut rows).await?;
        let asked = Asked { query, kinds, summed: &summed, end };
        let is_partial = paging.is_first() && completed(cx, &asked, &list, &mut rows).await?;
        let summary = paging.is_first().then(|| Summary {
            window_days: days,
            is_partial,
            measures: rows.into_summaries(&summed),
        });
        Ok(VitalSigns { list: subject.list(list), summary })
    }
}

fn narrowed_to(query: Query, kinds: &[Vital], filter: &mut Map<String, Value>) -> Result<Query, ToolError> {
    if kinds.is_empty() {
        return Ok(query.with("category", "vital-signs")?);
    }
    filter.insert("kinds".to_owned(), json!(kinds));
    let codes: Vec<String> =
        kinds.iter().flat_map(|kind| kind.codes()).map(|code| format!("{LOINC}|{code}")).collect();
    Ok(query.with("code", &codes.join(","))?)
}

/// What is summed up.
struct Asked<'s> {
    /// The search for all of it, without a window.
    query: Query,
    /// These vital signs; all where empty.
    kinds: Vec<Vital>,
    summed: &'s Window,
    /// Where the window ends, in microseconds.
    end: i64,
}

/// Reads into the rows' series what the list did not hold: the rest of the window, and the latest value of
/// what has none in it. Whether some are still missing.
async fn completed(
    cx: &mut ToolContext<'_>,
    asked: &Asked<'_>,
    list: &Listing<VitalRow<'static>>,
    rows: &mut VitalRows<'_>,
) -> Result<bool, ToolError> {
    let is_whole = !list.is_truncated() && rows.window().start().is_none();
    if is_whole {
        return Ok(false);
    }
    let needs_more = !covers(rows, list, asked.summed);
    let has_more = needs_more && rescanned(cx, asked.query.clone(), rows, asked.summed).await?;
    Ok(looked_up(cx, asked, rows).await? || has_more)
}

/// Looks up the latest value of what has none; whether one may be left. A height may be years older than
/// every weight.
async fn looked_up(
    cx: &mut ToolContext<'_>,
    asked: &Asked<'_>,
    rows: &mut VitalRows<'_>,
) -> Result<bool, ToolError> {
    let before = Window::before(asked.end);
    // Every round finds something that has no value yet, or is the last.
    loop {
        let missing = rows.without_value(&asked.kinds);
        if missing.is_empty() {
            return Ok(false);
        }
        let codes = missing.iter().flat_map(|measurement| measurement.holders());
        let codes: Vec<String> = codes.map(|code| format!("{LOINC}|{code}")).collect();
        let mut query = before.narrowed(asked.query.clone(), "date")?.with("code", &codes.join(","))?;
        query.count = LOOKED_UP_MAX;
        let page = cx.records().search(&query).await?;
        let mut found = rows.of_window(before.clone());
        for record in &page.records {
            found.row(record)?;
        }
        if !rows.adopt(found) || !page.has_more {
            return Ok(page.has_more);
        }
    }
}

/// Whether the rows of the list hold every value of the window that is summed up.
fn covers(rows: &VitalRows<'_>, list: &Listing<VitalRow<'static>>, summed: &Window) -> bool {
    let begins_later =
        rows.window().start().is_some_and(|from| summed.start().is_some_and(|start| from > start));
    let reaches_back = !list.is_truncated() || rows.oldest() < summed.start();
    reaches_back && !begins_later
}

/// Reads the values of the window into the rows' series in the place of the list's; whether there are
/// more than one call sums up.
async fn rescanned(
    cx: &mut ToolContext<'_>,
    query: Query,
    rows: &mut VitalRows<'_>,
    summed: &Window,
) -> Result<bool, ToolError> {
    rows.begin_window(summed.clone());
    let mut query = summed.narrowed(query, "date")?;
    query.count = WINDOW_VALUES_MAX;
    let page = cx.records().search(&query).await?;
    for record in &page.records {
        rows.row(record)?;
    }
    Ok(page.has_more)
}
