//! Which specialties a clinician has.

use jiff::civil::Date;
use medcor_fhir::{
    ResourceType,
    naming::{SPECIALTY_CERTIFIED, SPECIALTY_PRACTISED},
    view::{BirthDate, Extension, Practitioner, PractitionerRole},
};
use medcor_tools::{
    Effect, Listing, ListingBuilder, Need, Record, Ref, Synonym, Tool, ToolContext, ToolError, kind, synonym,
    view,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    super::scan,
    catalogue::{Catalogue, NEEDS, Specialty},
};

/// A specialty of a clinician.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) specialty: Specialty,
    /// Since when it is practised: a day.
    pub(super) since: Option<String>,
    /// When it was certified: a date.
    pub(super) certified: Option<String>,
}

/// The same, as the tools show it.
#[derive(Serialize, JsonSchema)]
pub(in crate::providers) struct HeldRow {
    id: String,
    specialty_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    specialty_code: Option<String>,
    specialty_name: String,
    /// Whether it is the first that the clinician is asked for.
    is_primary: bool,
    /// In this specialty.
    #[serde(skip_serializing_if = "Option::is_none")]
    years_of_experience: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certification_date: Option<String>,
}

/// Lists the specialties of one clinician, the primary one first: experience in each, and when it was certified.
#[derive(Deserialize, JsonSchema)]
pub(in crate::providers) struct ListDoctorSpecialties {
    /// Clinician: id, NPI or full name; clinicians say `me`.
    provider: Ref<kind::Practitioner>,
}

impl Tool for ListDoctorSpecialties {
    const NAME: &'static str = "list_doctor_specialties";
    const TITLE: &'static str = "List a clinician's specialties";
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = &[NEEDS[0], NEEDS[1], Need::read(ResourceType::PRACTITIONER)];
    const SYNONYMS: &'static [Synonym] = &[synonym("name", "provider"), synonym("id", "provider")];
    const KEYWORDS: &'static [&'static str] = &["specialization", "board certification"];
    type Output = Listing<HeldRow>;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Listing<HeldRow>, ToolError> {
        let record = cx.record(&self.provider).await?;
        let roles = current_roles(&record, cx).await?;
        let catalogue = Catalogue::read(cx).await?;
        let held = held(&record, &roles, &catalogue)?;
        let mut rows = ListingBuilder::new();
        for row in rows_of(&held, &record, cx.today()) {
            rows.push(&row)?;
        }
        let applied = json!({ "provider": record.id.as_str() });
        Ok(rows.finish(applied.as_object().cloned().unwrap_or_default()))
    }
}

/// The roles of a clinician that have not ended.
pub(super) async fn current_roles(
    practitioner: &Record,
    cx: &mut ToolContext<'_>,
) -> Result<Vec<Record>, ToolError> {
    let mut current = Vec::new();
    for record in scan::roles_of(std::slice::from_ref(practitioner), cx).await? {
        let role: PractitionerRole<'_> = view(&record)?;
        if role.is_active() {
            current.push(record);
        }
    }
    Ok(current)
}

/// What these records say that a clinician has, the primary one first.
pub(super) fn held(
    practitioner: &Record,
    roles: &[Record],
    catalogue: &Catalogue,
) -> Result<Vec<Held>, ToolError> {
    let practitioner: Practitioner<'_> = view(practitioner)?;
    let roles = roles.iter().map(view).collect::<Result<Vec<PractitionerRole<'_>>, _>>()?;
    let roles: Vec<&PractitionerRole<'_>> = roles.iter().collect();
    let mut list: Vec<Held> = Vec::new();
    for concept in roles.iter().flat_map(|role| &role.specialty) {
        let is_known = list.iter().any(|held| held.specialty.is(concept));
        list.extend(catalogue.of(concept).filter(|_| !is_known).map(|specialty| Held {
            since: practised_since(&specialty, &roles),
            certified: certified(&specialty, &practitioner),
            specialty,
        }));
    }
    Ok(list)
}

/// Since when it is practised.
pub(super) fn practised_since(specialty: &Specialty, roles: &[&PractitionerRole<'_>]) -> Option<String> {
    let extensions = roles.iter().flat_map(|role| &role.extension);
    let mut of_it = extensions.filter(|extension| is_of(extension, specialty));
    of_it.find_map(|extension| extension.part("since")?.value_date.as_deref().map(str::to_owned))
}

/// Whether an extension of a role speaks of this specialty.
pub(super) fn is_of(extension: &Extension<'_>, specialty: &Specialty) -> bool {
    let words = || extension.part("specialty")?.value_string.as_deref();
    extension.url == SPECIALTY_PRACTISED && words().is_some_and(|words| specialty.is_called(words))
}

/// When it was certified.
pub(super) fn certified(specialty: &Specialty, practitioner: &Practitioner<'_>) -> Option<String> {
    let mut of_it = practitioner.qualification.iter().filter(|held| certifies(&held.extension, specialty));
    of_it.find_map(|held| held.period.as_ref()?.start.as_deref().map(str::to_owned))
}

/// Whether a qualification with these extensions certifies this specialty.
pub(super) fn certifies(extensions: &[Extension<'_>], specialty: &Specialty) -> bool {
    let words = || Extension::find(extensions, SPECIALTY_CERTIFIED)?.value_string.as_deref();
    words().is_some_and(|words| specialty.is_called(words))
}

/// Whole years from a date to today.
pub(super) fn years_since(date: &str, today: Date) -> Option<u16> {
    Some(BirthDate::parse(date)?.age_on(today)?.years)
}

pub(super) fn rows_of(held: &[Held], practitioner: &Record, today: Date) -> Vec<HeldRow> {
    let row = |(place, held): (usize, &Held)| HeldRow {
        id: format!("{}.{}", practitioner.id, held.specialty.id),
        specialty_id: held.specialty.id.clone(),
        specialty_code: held.specialty.code.clone(),
        specialty_name: held.specialty.name.clone(),
        is_primary: place == 0,
        years_of_experience: held.since.as_deref().and_then(|since| years_since(since, today)),
        certification_date: held.certified.clone(),
    };
    held.iter().enumerate().map(row).collect()
}
