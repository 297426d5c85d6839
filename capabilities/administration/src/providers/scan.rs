//! Going through the clinicians: the names in the index, the rest row by row, since what a clinician does
//! stands in other records than who they are.

use medcor_fhir::{
    Id, ResourceType,
    search::{
        Query, escape,
        name::{self, fold},
    },
    view::{Practitioner, PractitionerRole, Profession},
};
use medcor_tools::{Listing, ListingBuilder, ROWS_DEFAULT, Record, ToolContext, ToolError, view};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    answer::{ProviderRow, is_at},
    specialties::Specialty,
};

/// Clinicians read at once.
const STEP: u32 = 100;
/// Most clinicians that one call goes through; a cursor goes on.
const SCAN_MAX: usize = 1000;
/// Most roles read for one step.
const ROLES_MAX: u32 = 1000;
/// Most words of a name that are considered.
const WORDS_MAX: usize = 6;

/// Which clinicians are wanted.
#[derive(Default)]
pub(super) struct Wanted {
    pub(super) profession: Option<Profession>,
    /// Other than the tenant's own.
    pub(super) organisation: Option<Id>,
    /// Folded.
    pub(super) specialty: Option<String>,
    /// This one and no other.
    pub(super) practises: Option<Specialty>,
    /// Folded.
    pub(super) department: Option<String>,
    pub(super) is_available: Option<bool>,
    pub(super) active_only: bool,
    /// Name or NPI.
    pub(super) query: Option<String>,
}

/// Which rows of them.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) limit: Option<u32>,
    pub(super) page: Option<u32>,
    pub(super) cursor: Option<String>,
}

impl Wanted {
    fn search(&self) -> Result<Query, ToolError> {
        let mut query = Query::new(ResourceType::PRACTITIONER).with("_sort", "family,given")?;
        query.count = STEP;
        if self.active_only {
            query = query.with("active:not", "false")?;
        }
        let Some(text) = self.query.as_deref().map(str::trim) else { return Ok(query) };
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_number {
            return Ok(query.with("identifier", text)?);
        }
        let folded = fold(text);
        let words: Vec<&str> = name::words(&folded).into_iter().take(WORDS_MAX).collect();
        if words.is_empty() {
            return Err(ToolError::invalid("/query", "nothing to search for: give a name, NPI or specialty"));
        }
        for word in words {
            query = query.with(name::NAME_WORD, &escape(word))?;
        }
        Ok(query)
    }

    fn fits(&self, row: &ProviderRow, roles: &[&PractitionerRole<'_>]) -> bool {
        self.profession.is_none_or(|profession| row.profession == profession)
            && (!self.active_only || row.is_active())
            && self.is_available.is_none_or(|is_available| row.is_available() == is_available)
            && self.specialty.as_deref().is_none_or(|specialty| {
                row.has_specialty(specialty) || roles.iter().any(|role| has_code(role, specialty))
            })
            && self.practises.as_ref().is_none_or(|specialty| roles.iter().any(|role| specialty.is_of(role)))
            && self.department.as_deref().is_none_or(|department| row.has_department(department))
            && self.organisation.as_ref().is_none_or(|at| roles.iter().any(|role| is_at(role, at)))
    }
}

/// Whether one of the specialties has this code, folded.
fn has_code(role: &PractitionerRole<'_>, folded: &str) -> bool {
    let mut codes = role.specialty.iter().flat_map(|concept| &concept.coding);
    codes.any(|coding| coding.code.as_deref().is_some_and(|code| fold(code) == folded))
}

/// The clinicians that fit, in order of name.
pub(super) async fn providers(
    wanted: &Wanted,
    place: Place,
    applied: Map<String, Value>,
    cx: &mut ToolContext<'_>,
) -> Result<Listing<ProviderRow>, ToolError> {
    rows_of(wanted, place, applied, |row, _, _| row, cx).await
}

/// The same, each as a row that `shape` makes of the clinician and the current roles.
pub(super) async fn rows_of<T: Serialize + Send>(
    wanted: &Wanted,
    place: Place,
    applied: Map<String, Value>,
    shape: impl Fn(ProviderRow, &Practitioner<'_>, &[&PractitionerRole<'_>]) -> T + Send + Sync,
    cx: &mut ToolContext<'_>,
) -> Result<Listing<T>, ToolError> {
    let mut query = wanted.search()?;
    query.cursor = place.cursor;
    let today = cx.today();
    let limit = place.limit.unwrap_or(ROWS_DEFAULT);
    let mut skipped = place.page.unwrap_or(1).saturating_sub(1) * limit;
    let mut rows = ListingBuilder::new();
    let (mut taken, mut scanned) = (0, 0);
    loop {
        let page = cx.records().search(&query).await.map_err(ToolError::of_own_search)?;
        let roles = roles_of(&page.records, cx).await?;
        let roles = roles.iter().map(view).collect::<Result<Vec<PractitionerRole<'_>>, _>>()?;
        for (index, record) in page.records.iter().enumerate() {
            if taken == limit {
                let cursor =
                    index.checked_sub(1).map_or(query.cursor.clone(), |last| page.cursor_after(last));
                return Ok(rows.finish(applied).with_more(cursor));
            }
            let own = roles_among(&roles, &record.id);
            let practitioner: Practitioner<'_> = view(record)?;
            let row = ProviderRow::of(&practitioner, &own, today);
            if !wanted.fits(&row, &own) {
                continue;
            }
            if skipped > 0 {
                skipped -= 1;
            } else if rows.push(&shape(row, &practitioner, &own))? {
                taken += 1;
            } else {
                let cursor =
                    index.checked_sub(1).map_or(query.cursor.clone(), |last| page.cursor_after(last));
                return Ok(rows.finish(applied).with_more(cursor));
            }
        }
        scanned += page.records.len();
        let last = page.records.len().checked_sub(1).filter(|_| page.has_more);
        let Some(cursor) = last.and_then(|last| page.cursor_after(last)) else {
            return Ok(rows.finish(applied));
        };
        if scanned >= SCAN_MAX || taken == limit {
            return Ok(rows.finish(applied).with_more(Some(cursor)));
        }
        query.cursor = Some(cursor);
    }
}

/// The roles of these clinicians, in an order that no change of one alters, since the first says what comes first;
/// none where the caller may not see roles.
pub(super) async fn roles_of(
    practitioners: &[Record],
    cx: &mut ToolContext<'_>,
) -> Result<Vec<Record>, ToolError> {
    if practitioners.is_empty() || !cx.may_read(ResourceType::PRACTITIONER_ROLE) {
        return Ok(Vec::new());
    }
    let ids: Vec<String> = practitioners.iter().map(|record| format!("Practitioner/{}", record.id)).collect();
    let mut query = Query::new(ResourceType::PRACTITIONER_ROLE).with("practitioner", &ids.join(","))?;
    query = query.with("_sort", "_id")?;
    query.count = ROLES_MAX;
    Ok(cx.records().search(&query).await?.records)
}

fn roles_among<'r, 'a>(
    roles: &'r [PractitionerRole<'a>],
    practitioner: &Id,
) -> Vec<&'r PractitionerRole<'a>> {
    let is_of = |role: &&PractitionerRole<'_>| {
        let who = role.practitioner.as_ref().and_then(|who| who.id_of(ResourceType::PRACTITIONER));
        who.as_ref() == Some(practitioner) && role.is_active()
    };
    roles.iter().filter(is_of).collect()
}
