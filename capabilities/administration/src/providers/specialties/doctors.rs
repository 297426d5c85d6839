//! Who practises a specialty.

use jiff::civil::Date;
use medcor_fhir::{
    ResourceType,
    view::{CodeableConcept, Practitioner, PractitionerRole, Profession},
};
use medcor_tools::{
    Alias, Effect, Listing, Need, Ref, ResourceBinding, Synonym, Tool, ToolContext, ToolError, alias, kind,
    resource,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::{
    super::{
        answer::ProviderRow,
        scan::{self, Place, Wanted},
    },
    catalogue::{Catalogue, NEEDS, Specialty},
    find::SPECIALTY_SYNONYMS,
    held,
};

/// Lists the doctors of one specialty in order of family name, with what each has in it.
///
/// The specialty is exact; `list_doctors` takes the beginning of one. Doctors who left are left out. An unknown
/// specialty is `RESOURCE_NOT_FOUND`. Pass `next_cursor` as cursor to go on.
#[derive(Deserialize, JsonSchema)]
pub(in crate::providers) struct GetSpecialtyDoctors {
    /// Specialty: id, code or whole name.
    #[schemars(length(min = 1, max = 200), extend("x-medcor-name" = true))]
    specialty: String,
    /// Only doctors of this hospital, clinic or department: id, short name or name. Your own is all.
    organisation: Option<Ref<kind::Organization>>,
    /// Rows.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// Number of the page, from 1; a cursor is better.
    #[schemars(range(min = 1, max = 50))]
    page: Option<u32>,
    /// `next_cursor` of the answer before.
    cursor: Option<String>,
}

/// A doctor of a specialty. What is not known is left out.
#[derive(Serialize, JsonSchema)]
pub(in crate::providers) struct SpecialtyDoctor {
    id: String,
    /// The same as `id`.
    doctor_id: String,
    /// With titles.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The same as `name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    doctor_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    doctor_email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    /// The one that was asked for.
    specialty: String,
    /// Whether it is the first of the doctor's specialties.
    is_primary: bool,
    /// In this specialty, where that is known; else as a doctor.
    #[serde(skip_serializing_if = "Option::is_none")]
    years_of_experience: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certification_date: Option<String>,
    /// Whether the doctor works at present: not gone, and not away today.
    is_available: bool,
}

impl Tool for GetSpecialtyDoctors {
    const NAME: &'static str = "get_specialty_doctors";
    const TITLE: &'static str = "List the doctors of a specialty";
    const ALIASES: &'static [Alias] = &[alias("get_doctors_by_specialty")];
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = &[
        NEEDS[0],
        NEEDS[1],
        Need::search(ResourceType::PRACTITIONER),
        Need::read_if_allowed(ResourceType::ORGANIZATION),
    ];
    const SYNONYMS: &'static [Synonym] = &SPECIALTY_SYNONYMS;
    const RESOURCES: &'static [ResourceBinding] =
        &[resource("specialties://doctors/{specialty}/{organisation}")];
    const KEYWORDS: &'static [&'static str] = &["specialists", "physicians"];
    type Output = Listing<SpecialtyDoctor>;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Listing<SpecialtyDoctor>, ToolError> {
        let catalogue = Catalogue::read(cx).await?;
        let found = catalogue.find(&self.specialty, "specialty")?.cloned();
        let specialty = found.ok_or_else(|| ToolError::not_found("specialty"))?;
        let mut applied = Map::new();
        applied.insert("specialty".to_owned(), specialty.name.as_str().into());
        applied.insert("specialty_id".to_owned(), specialty.id.as_str().into());
        if let Some(organisation) = &self.organisation {
            applied.insert("organisation".to_owned(), organisation.id().as_str().into());
        }
        let own = &cx.tenant().organization;
        let wanted = Wanted {
            profession: Some(Profession::Doctor),
            organisation: self.organisation.as_ref().map(Ref::id).filter(|id| *id != own).cloned(),
            practises: Some(specialty.clone()),
            active_only: true,
            ..Wanted::default()
        };
        let place = Place { limit: self.limit, page: self.page, cursor: self.cursor };
        let today = cx.today();
        let shape = |row: ProviderRow, practitioner: &Practitioner<'_>, roles: &[&PractitionerRole<'_>]| {
            SpecialtyDoctor::of(row, (practitioner, roles), &specialty, today)
        };
        let rows = scan::rows_of(&wanted, place, applied, shape, cx).await?;
        let is_empty = rows.is_empty();
        Ok(if is_empty { rows.with_hint("No doctor here has it; list_doctors shows all.") } else { rows })
    }
}

impl SpecialtyDoctor {
    fn of(
        row: ProviderRow,
        (practitioner, roles): (&Practitioner<'_>, &[&PractitionerRole<'_>]),
        specialty: &Specialty,
        today: Date,
    ) -> Self {
        let first: Option<&CodeableConcept<'_>> = roles.iter().flat_map(|role| &role.specialty).next();
        let since = held::practised_since(specialty, roles);
        let id = practitioner.id.as_str().to_owned();
        let name = practitioner.display_name();
        let years = since.and_then(|since| held::years_since(&since, today));
        let years_of_experience = years.or(row.years_of_experience());
        let is_available = row.is_available();
        let (doctor_email, phone) = row.into_contact();
        Self {
            doctor_id: id.clone(),
            id,
            doctor_name: name.clone(),
            name,
            doctor_email,
            phone,
            specialty: specialty.name.clone(),
            is_primary: first.is_some_and(|first| specialty.is(first)),
            years_of_experience,
            certification_date: held::certified(specialty, practitioner),
            is_available,
        }
    }
}
