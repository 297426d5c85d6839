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
    /// Whether the window has more values than were summed up.
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
        let needs_more = paging.is_first() && !covers(&rows, &list, &summed);
        let is_partial = needs_more && rescanned(cx, query, &mut rows, &summed).await?;
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
