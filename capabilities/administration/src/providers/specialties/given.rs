//! Which specialties a clinician is to have, as callers say it.

use jiff::{Span, civil::Date};
use medcor_tools::{
    ToolContext, ToolError,
    detail::{Problems, birth_date},
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    catalogue::{Catalogue, Specialty},
    held::Held,
};

/// A specialty that a clinician is given.
#[derive(Deserialize, JsonSchema)]
pub(super) struct GivenSpecialty {
    /// Specialty: id, code or whole name.
    #[schemars(length(min = 1, max = 200))]
    pub(super) specialty_id: String,
    /// Whether it is the clinician's first.
    pub(super) is_primary: Option<bool>,
    /// Years of experience in it.
    #[schemars(range(max = 80))]
    pub(super) years_of_experience: Option<u16>,
    /// When it was certified, YYYY-MM-DD.
    pub(super) certification_date: Option<String>,
}

/// The same, checked. What is not given stays as it is known.
pub(super) struct Wanted {
    pub(super) specialty: Specialty,
    /// Since when it is practised, where that is given.
    pub(super) since: Option<String>,
    /// When it was certified, where that is given.
    pub(super) certified: Option<String>,
}

/// All of these and no others, the primary one first.
pub(super) fn replaced(
    all: &[GivenSpecialty],
    known: &[Held],
    catalogue: &Catalogue,
    cx: &ToolContext<'_>,
) -> Result<Vec<Wanted>, ToolError> {
    let mut problems = Problems::default();
    let mut list: Vec<Wanted> = Vec::new();
    let mut primary = None;
    for (place, given) in all.iter().enumerate() {
        let path = format!("specialties/{place}/");
        let Some(wanted) = given.checked(&path, (catalogue, known), cx.today(), &mut problems)? else {
            continue;
        };
        if list.iter().any(|it| it.specialty.id == wanted.specialty.id) {
            problems.add(&format!("{path}specialty_id"), "is in the list twice");
        }
        if given.is_primary == Some(true) && primary.replace(list.len()).is_some() {
            problems.add(&format!("{path}is_primary"), "is true of two; one specialty is the primary one");
        }
        list.push(wanted);
    }
    problems.refuse()?;
    move_to_front(&mut list, primary);
    Ok(list)
}

/// What is known, with this one in it.
pub(super) fn assigned(
    one: &GivenSpecialty,
    known: Vec<Held>,
    catalogue: &Catalogue,
    cx: &ToolContext<'_>,
) -> Result<Vec<Wanted>, ToolError> {
    if catalogue.find(&one.specialty_id, "specialty")?.is_none() {
        return Err(ToolError::not_found("specialty"));
    }
    let mut problems = Problems::default();
    let wanted = one.checked("", (catalogue, &known), cx.today(), &mut problems)?;
    problems.refuse()?;
    let Some(wanted) = wanted else { return Err(ToolError::not_found("specialty")) };
    let kept = |held: Held| Wanted { specialty: held.specialty, since: None, certified: None };
    let mut list: Vec<Wanted> = known.into_iter().map(kept).collect();
    let place = list.iter().position(|it| it.specialty.id == wanted.specialty.id);
    match place.and_then(|place| list.get_mut(place)) {
        Some(item) => *item = wanted,
        None => list.push(wanted),
    }
    match (one.is_primary, place) {
        (Some(true), place) => {
            let newest = list.len().saturating_sub(1);
            move_to_front(&mut list, Some(place.unwrap_or(newest)));
        }
        // Another one is the first then.
        (Some(false), Some(0)) => list.rotate_left(1),
        _ => {}
    }
    Ok(list)
}

fn move_to_front(list: &mut [Wanted], place: Option<usize>) {
    if let Some(before) = place.and_then(|place| list.get_mut(..=place)) {
        before.rotate_right(1);
    }
}

impl GivenSpecialty {
    fn checked(
        &self,
        path: &str,
        (catalogue, known): (&Catalogue, &[Held]),
        today: Date,
        problems: &mut Problems,
    ) -> Result<Option<Wanted>, ToolError> {
        let at = |name: &str| format!("{path}{name}");
        let certified =
            problems.checked(&at("certification_date"), self.certification_date.as_deref(), |text| {
                birth_date(text, today)
            });
        let name = if path.is_empty() { "specialty" } else { "specialty_id" };
        let Some(specialty) = catalogue.find(&self.specialty_id, &at(name))? else {
            problems.add(
                &at(name),
                "is no specialty here; list_specialties shows them, create_specialty adds one",
            );
            return Ok(None);
        };
        let is_held = known.iter().any(|held| held.specialty.id == specialty.id);
        if !specialty.is_active && !is_held {
            problems.add(&at(name), "is not given to clinicians any more");
        }
        let start = |years: u16| today.saturating_sub(Span::new().years(years)).to_string();
        let since = self.years_of_experience.map(start);
        Ok(Some(Wanted { specialty: specialty.clone(), since, certified }))
    }
}
