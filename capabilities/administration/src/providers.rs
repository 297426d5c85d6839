//! Providers: who works here, in what profession and specialty, and which specialties there are.

mod answer;
mod scan;
mod specialties;

use medcor_fhir::{ResourceType, search::name::fold, view::Profession};
use medcor_tools::{
    Alias, Capability, Chosen, Effect, Format, Listing, Need, Ref, ResourceBinding, Synonym, Tool,
    ToolContext, ToolError, alias, kind, resource, synonym, tool,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Map;

pub(crate) use self::answer::ProviderRow;
use self::{
    answer::ProviderDetails,
    scan::{Place, Wanted},
};

pub(super) static PROVIDERS: Capability = Capability {
    name: "providers",
    description: "Find doctors and nurses: specialty, contact details, languages, whether they are available. \
                  Specialties, and who practises which.",
    tools: &[
        tool::<ListDoctors>(),
        tool::<SearchProviders>(),
        tool::<GetDoctorDetails>(),
        tool::<ListNurses>(),
        tool::<specialties::ListSpecialties>(),
        tool::<specialties::GetSpecialty>(),
        tool::<specialties::CreateSpecialty>(),
        tool::<specialties::GetSpecialtyDoctors>(),
        tool::<specialties::ListDoctorSpecialties>(),
        tool::<specialties::UpdateDoctorSpecialties>(),
    ],
    prompts: &[],
};

const NEEDS: &[Need] = &[
    Need::search(ResourceType::PRACTITIONER),
    Need::search_if_allowed(ResourceType::PRACTITIONER_ROLE),
    Need::read_if_allowed(ResourceType::ORGANIZATION),
];

fn yes() -> bool {
    true
}

/// Lists doctors in order of family name, with specialty, contact details and whether they are available.
///
/// Use it to choose a doctor by specialty or department; to find a clinician by name use `search_providers`.
/// Doctors who left are left out unless `active_only` is false. Pass `next_cursor` as cursor to go on.
#[derive(Deserialize, JsonSchema)]
struct ListDoctors {
    /// Only doctors of this hospital, clinic or department: id, short name or name. Your own is all.
    organisation: Option<Ref<kind::Organization>>,
    /// Only this specialty: words such as Cardiology, of which the beginning is enough, or its code.
    specialty: Option<String>,
    /// Only this department or place of work, in words.
    department: Option<String>,
    /// Only doctors who work at present, or who do not.
    is_available: Option<bool>,
    /// Whether to leave out doctors who left.
    #[serde(default = "yes")]
    active_only: bool,
    /// Only names with these beginnings.
    query: Option<String>,
    /// Rows.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// Number of the page, from 1; a cursor is better.
    #[schemars(range(min = 1, max = 50))]
    page: Option<u32>,
    /// `next_cursor` of the answer before.
    cursor: Option<String>,
}

impl Tool for ListDoctors {
    const NAME: &'static str = "list_doctors";
    const TITLE: &'static str = "List doctors";
    const ALIASES: &'static [Alias] = &[alias("get_doctors"), alias("fetch_doctors")];
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = NEEDS;
    const SYNONYMS: &'static [Synonym] = &[synonym("is_active", "active_only"), synonym("name", "query")];
    const RESOURCES: &'static [ResourceBinding] = &[
        resource("doctors://list"),
        resource("doctors://list/{organisation}"),
        resource("healthcare://doctors"),
    ];
    const KEYWORDS: &'static [&'static str] = &["physicians", "staff", "available doctors", "practitioners"];
    type Output = Listing<ProviderRow>;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Listing<ProviderRow>, ToolError> {
        let mut applied = Map::new();
        applied.insert("active_only".to_owned(), self.active_only.into());
        let texts =
            [("specialty", &self.specialty), ("department", &self.department), ("query", &self.query)];
        for (name, text) in texts {
            if let Some(text) = text {
                applied.insert(name.to_owned(), text.as_str().into());
            }
        }
        if let Some(is_available) = self.is_available {
            applied.insert("is_available".to_owned(), is_available.into());
        }
        if let Some(organisation) = &self.organisation {
            applied.insert("organisation".to_owned(), organisation.id().as_str().into());
        }
        let own = &cx.tenant().organization;
        let wanted = Wanted {
            profession: Some(Profession::Doctor),
            organisation: self.organisation.as_ref().map(Ref::id).filter(|id| *id != own).cloned(),
            specialty: self.specialty.as_deref().map(fold),
            department: self.department.as_deref().map(fold),
            is_available: self.is_available,
            active_only: self.active_only,
            query: self.query,
            ..Wanted::default()
        };
        let place = Place { limit: self.limit, page: self.page, cursor: self.cursor };
        let rows = scan::providers(&wanted, place, applied, cx).await?;
        let is_empty = rows.is_empty();
        Ok(if is_empty { rows.with_hint("No doctor fits; leave out a condition.") } else { rows })
    }
}

/// Finds clinicians of any profession by name, NPI or specialty.
///
/// Use it to turn a name that somebody said into an id to book with. Parts of a name fit from their
/// beginning, in any order, and titles do not matter. An empty list is not an error.
#[derive(Deserialize, JsonSchema)]
struct SearchProviders {
    /// Name or parts of it, NPI, or a specialty in words.
    #[schemars(length(min = 1, max = 200))]
    query: String,
    /// Whether to leave out clinicians who left.
    #[serde(default = "yes")]
    active_only: bool,
    /// Rows.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// `next_cursor` of the answer before.
    cursor: Option<String>,
}

impl Tool for SearchProviders {
    const NAME: &'static str = "search_providers";
    const TITLE: &'static str = "Find clinicians";
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = NEEDS;
    const SYNONYMS: &'static [Synonym] =
        &[synonym("name", "query"), synonym("npi", "query"), synonym("specialty", "query")];
    const KEYWORDS: &'static [&'static str] = &["doctor by name", "npi", "specialist"];
    type Output = Listing<ProviderRow>;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Listing<ProviderRow>, ToolError> {
        let mut applied = Map::new();
        applied.insert("query".to_owned(), self.query.as_str().into());
        applied.insert("active_only".to_owned(), self.active_only.into());
        let place = Place { limit: self.limit, page: None, cursor: self.cursor };
        let mut wanted =
            Wanted { active_only: self.active_only, query: Some(self.query.clone()), ..Wanted::default() };
        let rows = scan::providers(&wanted, place.clone(), applied.clone(), cx).await?;
        if !rows.is_empty() || place.cursor.is_some() {
            return Ok(rows);
        }
        // Not a name: perhaps it is what they do.
        wanted.specialty = Some(fold(&self.query));
        wanted.query = None;
        applied.insert("matched_by".to_owned(), "specialty".into());
        let rows = scan::providers(&wanted, place, applied, cx).await?;
        let is_empty = rows.is_empty();
        Ok(if is_empty { rows.with_hint("Nobody fits; list_doctors shows all doctors.") } else { rows })
    }
}

/// Shows one clinician: profession, specialties, qualifications, contact details, languages, workplaces.
///
/// Use it when you know who is meant: by id, NPI or full name. An unknown one is `RESOURCE_NOT_FOUND`; a name
/// that several share is AMBIGUOUS and lists them.
#[derive(Deserialize, JsonSchema)]
struct GetDoctorDetails {
    /// Clinician: id, NPI or full name; clinicians say `me`.
    provider: Ref<kind::Practitioner>,
    #[serde(default)]
    format: Format,
}

impl Tool for GetDoctorDetails {
    const NAME: &'static str = "get_doctor_details";
    const TITLE: &'static str = "Show a clinician";
    const ALIASES: &'static [Alias] =
        &[alias("get_provider"), alias("get_doctor"), alias("get_doctor_by_id")];
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] =
        &[Need::read(ResourceType::PRACTITIONER), Need::search_if_allowed(ResourceType::PRACTITIONER_ROLE)];
    const FROM_SESSION: &'static [Chosen] = &[Chosen::Practitioner];
    const SYNONYMS: &'static [Synonym] = &[synonym("name", "provider"), synonym("id", "provider")];
    const RESOURCES: &'static [ResourceBinding] = &[resource("doctors://details/{provider}")];
    const KEYWORDS: &'static [&'static str] = &["provider", "practitioner", "physician", "nurse"];
    type Output = ProviderDetails;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<ProviderDetails, ToolError> {
        let record = cx.record(&self.provider).await?;
        let roles = scan::roles_of(std::slice::from_ref(&record), cx).await?;
        ProviderDetails::of(&record, &roles, self.format, cx.today())
    }
}

/// Lists nurses in order of family name, with contact details.
///
/// Nurses who left are left out unless `active_only` is false.
#[derive(Deserialize, JsonSchema)]
struct ListNurses {
    /// Only nurses of this hospital, clinic or department: id, short name or name. Your own is all.
    organisation: Option<Ref<kind::Organization>>,
    /// Whether to leave out nurses who left.
    #[serde(default = "yes")]
    active_only: bool,
    /// Rows.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// `next_cursor` of the answer before.
    cursor: Option<String>,
}

impl Tool for ListNurses {
    const NAME: &'static str = "list_nurses";
    const TITLE: &'static str = "List nurses";
    const EFFECT: Effect = Effect::ReadOnly;
    // Colleagues alone: those who look after patients.
    const NEEDS: &'static [Need] = &[NEEDS[0], NEEDS[1], NEEDS[2], Need::search(ResourceType::PATIENT)];
    const SYNONYMS: &'static [Synonym] = &[synonym("is_active", "active_only")];
    const RESOURCES: &'static [ResourceBinding] = &[resource("healthcare://nurses")];
    const KEYWORDS: &'static [&'static str] = &["nursing staff"];
    type Output = Listing<ProviderRow>;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Listing<ProviderRow>, ToolError> {
        let mut applied = Map::new();
        applied.insert("active_only".to_owned(), self.active_only.into());
        if let Some(organisation) = &self.organisation {
            applied.insert("organisation".to_owned(), organisation.id().as_str().into());
        }
        let own = &cx.tenant().organization;
        let wanted = Wanted {
            profession: Some(Profession::Nurse),
            organisation: self.organisation.as_ref().map(Ref::id).filter(|id| *id != own).cloned(),
            active_only: self.active_only,
            ..Wanted::default()
        };
        let place = Place { limit: self.limit, page: None, cursor: self.cursor };
        scan::providers(&wanted, place, applied, cx).await
    }
}
