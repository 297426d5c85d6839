//! Organisations: hospitals, clinics and practices, each a tenant of its own.

use medcor_fhir::{
    ResourceType,
    search::name::fold,
    view::{Address, CodeableConcept, ContactPoint, Identifier, Organization},
};
use medcor_tools::{
    Alias, Area, Capability, Effect, Format, Listing, ListingBuilder, Lookup, LookupBy, Matched, Need,
    Prompt, PromptArgument, ROWS_DEFAULT, Raw, Record, ResourceBinding, Synonym, Tenant, Tool, ToolContext,
    ToolError, alias, resource, synonym, tool, view,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Map;

pub(super) static ORGANISATIONS: Capability = Capability {
    name: "organisations",
    description: "Hospitals, clinics and practices: who they are and how to reach them.",
    tools: &[tool::<ListHospitals>(), tool::<GetHospital>()],
    prompts: &[TENANT_SETUP],
};

const NEEDS: &[Need] = &[Need::read(ResourceType::ORGANIZATION), Need::AdministerIfAllowed(Area::Tenants)];

/// Lists the hospitals, clinics and practices that you may see: your own; a platform administrator sees all.
///
/// Use it to learn the ids and short names that other tools take as organisation. Departments inside an
/// organisation are not listed; `search_tools` finds the tools for them.
#[derive(Deserialize, JsonSchema)]
struct ListHospitals {
    /// Only names with these beginnings.
    query: Option<String>,
    /// Only organisations in use, or only those that are not.
    is_active: Option<bool>,
    /// Only this type, in words.
    hospital_type: Option<String>,
    /// Only in this town.
    city: Option<String>,
    /// Rows.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
}

/// An organisation. What is not known is left out.
#[derive(Serialize, JsonSchema)]
struct OrganisationAnswer {
    id: String,
    /// The same as `id`.
    hospital_id: String,
    /// The same as `id`.
    tenant_id: String,
    name: String,
    /// Short name, unique on this server.
    #[serde(skip_serializing_if = "Option::is_none")]
    slug: Option<String>,
    /// The same as `slug`.
    #[serde(skip_serializing_if = "Option::is_none")]
    schema_name: Option<String>,
    /// The same as `slug`.
    #[serde(skip_serializing_if = "Option::is_none")]
    subdomain: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hospital_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// In one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    city: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<String>,
    /// In which its appointments live.
    #[serde(skip_serializing_if = "Option::is_none")]
    time_zone: Option<String>,
    /// `active` or `inactive`.
    status: &'static str,
    is_active: bool,
    /// The FHIR resource, where `format` is `fhir`.
    #[serde(skip_serializing_if = "Option::is_none")]
    fhir: Option<Raw>,
}

impl Tool for ListHospitals {
    const NAME: &'static str = "list_hospitals";
    const TITLE: &'static str = "List hospitals and clinics";
    const ALIASES: &'static [Alias] =
        &[alias("list_tenants"), alias("get_all_clinics"), alias("list_clinics")];
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = NEEDS;
    const SYNONYMS: &'static [Synonym] = &[synonym("name", "query"), synonym("active_only", "is_active")];
    const RESOURCES: &'static [ResourceBinding] =
        &[resource("clinics://all"), resource("hospitals://list"), resource("healthcare://tenants/list")];
    const KEYWORDS: &'static [&'static str] = &["organisations", "organizations", "practices", "tenants"];
    type Output = Listing<OrganisationAnswer>;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Listing<OrganisationAnswer>, ToolError> {
        let mut rows = ListingBuilder::new();
        let (mut total, mut taken) = (0_u64, 0);
        let limit = self.limit.unwrap_or(ROWS_DEFAULT);
        for tenant in cx.tenants().await? {
            let record = own_record(&tenant, cx).await?;
            let hospital = OrganisationAnswer::of_tenant(&tenant, record.as_ref(), Format::Compact)?;
            if !self.fits(&hospital) {
                continue;
            }
            total += 1;
            if taken < limit && rows.push(&hospital)? {
                taken += 1;
            }
        }
        let rows = rows.finish(self.applied_filter()).with_total(total);
        Ok(if total > u64::from(taken) { rows.with_more(None) } else { rows })
    }
}

impl ListHospitals {
    fn fits(&self, hospital: &OrganisationAnswer) -> bool {
        let begins = |wanted: &Option<String>, text: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| text.is_some_and(|text| has_words(text, wanted)))
        };
        self.is_active.is_none_or(|is_active| hospital.is_active == is_active)
            && begins(&self.query, Some(&hospital.name))
            && begins(&self.hospital_type, hospital.hospital_type.as_deref())
            && begins(&self.city, hospital.city.as_deref())
    }

    fn applied_filter(&self) -> Map<String, serde_json::Value> {
        let mut applied = Map::new();
        let texts = [("query", &self.query), ("hospital_type", &self.hospital_type), ("city", &self.city)];
        for (name, text) in texts {
            if let Some(text) = text {
                applied.insert(name.to_owned(), text.as_str().into());
            }
        }
        if let Some(is_active) = self.is_active {
            applied.insert("is_active".to_owned(), is_active.into());
        }
        applied
    }
}

/// Whether each word that is wanted begins a word of the text.
fn has_words(text: &str, wanted: &str) -> bool {
    let text = fold(text);
    fold(wanted).split(' ').all(|wanted| text.split(' ').any(|word| word.starts_with(wanted)))
}

/// Shows one hospital, clinic or practice: name, type, address, contact details, time zone.
///
/// Without an argument it is your own. Other organisations of this server are shown to platform
/// administrators only; for everybody else they are `RESOURCE_NOT_FOUND`.
#[derive(Deserialize, JsonSchema)]
struct GetHospital {
    /// Organisation: id, number, short name or name; `default` is your own.
    organisation: Option<String>,
    #[serde(default)]
    format: Format,
}

impl Tool for GetHospital {
    const NAME: &'static str = "get_hospital";
    const TITLE: &'static str = "Show a hospital or clinic";
    const ALIASES: &'static [Alias] =
        &[alias("get_tenant_details"), alias("get_hospital_details"), alias("get_clinic_info")];
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = NEEDS;
    const SYNONYMS: &'static [Synonym] = &[synonym("id", "organisation"), synonym("name", "organisation")];
    const RESOURCES: &'static [ResourceBinding] =
        &[resource("clinics://details/{organisation}"), resource("hospitals://details/{organisation}")];
    const KEYWORDS: &'static [&'static str] = &["organisation", "opening", "address", "tenant"];
    type Output = OrganisationAnswer;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<OrganisationAnswer, ToolError> {
        let name = self.organisation.as_deref().unwrap_or("default").trim();
        match cx.tenant_named(name).await {
            Ok(tenant) => {
                let record = own_record(&tenant, cx).await?;
                OrganisationAnswer::of_tenant(&tenant, record.as_ref(), self.format)
            }
            Err(not_found) => {
                let lookup =
                    Lookup { resource_type: ResourceType::ORGANIZATION, text: name, by: LookupBy::Anything };
                match cx.records().lookup(&lookup).await? {
                    Matched::One(record) => OrganisationAnswer::of_record(&record, self.format),
                    _ => Err(not_found),
                }
            }
        }
    }
}

/// The organisation's own record; another tenant's is behind the fence.
async fn own_record(tenant: &Tenant, cx: &mut ToolContext<'_>) -> Result<Option<Record>, ToolError> {
    if tenant.id != cx.tenant().id {
        return Ok(None);
    }
    Ok(cx.records().read(ResourceType::ORGANIZATION, &tenant.organization).await?)
}

impl OrganisationAnswer {
    fn of_tenant(tenant: &Tenant, record: Option<&Record>, format: Format) -> Result<Self, ToolError> {
        let id = tenant.organization.to_string();
        let known = match record {
            Some(record) => Self::of_record(record, format)?,
            None => Self::unknown(id),
        };
        let slug = Some(tenant.slug.clone());
        Ok(Self {
            name: tenant.name.clone(),
            schema_name: slug.clone(),
            subdomain: slug.clone(),
            slug,
            time_zone: Some(tenant.time_zone.clone()),
            status: status(tenant.is_active),
            is_active: tenant.is_active,
            ..known
        })
    }

    fn of_record(record: &Record, format: Format) -> Result<Self, ToolError> {
        let organization: Organization<'_> = view(record)?;
        let address = Address::preferred(&organization.address);
        let part = |part: Option<&str>| part.map(str::to_owned);
        let registration = organization.identifier.iter().find(|identifier| identifier.is_kind("PRN"));
        let is_active = organization.active != Some(false);
        Ok(Self {
            name: organization.name.as_deref().unwrap_or_default().to_owned(),
            hospital_type: part(organization.kind.iter().find_map(CodeableConcept::text)),
            registration_number: part(
                registration
                    .and_then(|identifier| identifier.value.as_deref())
                    .or_else(|| Identifier::npi(&organization.identifier)),
            ),
            phone: part(ContactPoint::phone(&organization.telecom)),
            email: part(ContactPoint::email(&organization.telecom)),
            address: address.and_then(Address::display),
            city: part(address.and_then(|address| address.city.as_deref())),
            state: part(address.and_then(|address| address.state.as_deref())),
            country: part(address.and_then(|address| address.country.as_deref())),
            status: status(is_active),
            is_active,
            fhir: format.resource_of(record)?,
            ..Self::unknown(record.id.to_string())
        })
    }

    fn unknown(id: String) -> Self {
        Self {
            hospital_id: id.clone(),
            tenant_id: id.clone(),
            id,
            name: String::new(),
            slug: None,
            schema_name: None,
            subdomain: None,
            hospital_type: None,
            registration_number: None,
            phone: None,
            email: None,
            address: None,
            city: None,
            state: None,
            country: None,
            time_zone: None,
            status: status(true),
            is_active: true,
            fhir: None,
        }
    }
}

const fn status(is_active: bool) -> &'static str {
    if is_active { "active" } else { "inactive" }
}

const TENANT_SETUP: Prompt = Prompt {
    name: "tenant_setup",
    title: "Set up an organisation",
    description: "Bring a new hospital or clinic onto this server, from its name to the first test booking.",
    arguments: &[
        PromptArgument { name: "name", description: "Name of the organisation.", is_required: false },
        PromptArgument {
            name: "time_zone",
            description: "IANA time zone, such as Europe/London.",
            is_required: false,
        },
    ],
    template: "\
Set up the organisation {{name|whose name you will ask for}} in the time zone {{time_zone|to be asked for}}.

1. Check with list_hospitals that it does not exist yet. Creating organisations is for platform administrators: \
search_tools with `create hospital` shows whether you may; if not, say who can.
2. Create it with name, short name, time zone, address and contact details, and show the result with get_hospital.
3. Add its domain, then its first administrator, doctors, nurses and receptionists: search_tools with `create user`. \
Never ask for or repeat a password in the conversation.
4. Enter the services with their prices, and each doctor's weekly hours: search_tools with `service` and with \
`availability`.
5. Choose a subscription plan if this server bills: search_tools with `subscription`.
6. Verify: health_check says ok, list_doctors and list_nurses show the staff, and a test patient registered \
with create_patient can be booked. Say what is still open.
",
};

#[cfg(test)]
mod tests {
    use super::has_words;

    #[test]
    fn a_name_fits_by_the_beginnings_of_its_words() {
        assert!(has_words("General Hospital São Paulo", "gen sao"));
        assert!(!has_words("General Hospital", "eneral"));
    }
}
