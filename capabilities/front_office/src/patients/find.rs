//! Showing one patient, listing all, and resolving a caller's number.

use medcor_fhir::{
    ResourceType,
    search::{Query, escape},
    view::{HumanName, Patient},
};
use medcor_tools::{
    Alias, Candidate, Effect, Format, Listing, Lookup, LookupBy, Matched, Need, ROWS_DEFAULT, Record, Ref,
    ResourceBinding, Synonym, Tool, ToolContext, ToolError, alias, kind, resource, synonym, view,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::{
    answer::{PatientAnswer, PatientRow},
    insurance,
};

/// Shows one patient's demographics: name, record number, date of birth, age, contact details, address.
///
/// Use it when you know who is meant: by id, MRN, telephone number or full name. With part of a name use
/// `search_patients`. For conditions, allergies and medications use `get_patient_summary`. An unknown patient
/// is `RESOURCE_NOT_FOUND`; a name that several share is AMBIGUOUS and lists them.
#[derive(Deserialize, JsonSchema)]
pub(super) struct GetPatient {
    /// Patient: id, MRN, telephone number or full name; patients say `me`.
    patient: Ref<kind::Patient>,
    /// Whether to look up the insurance too.
    #[serde(default)]
    include_insurance: bool,
    #[serde(default)]
    format: Format,
}

impl Tool for GetPatient {
    const NAME: &'static str = "get_patient";
    const TITLE: &'static str = "Show a patient";
    const ALIASES: &'static [Alias] = &[alias("get_patient_details")];
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] =
        &[Need::read(ResourceType::PATIENT), Need::search_if_allowed(ResourceType::COVERAGE)];
    const SYNONYMS: &'static [Synonym] = &[synonym("name", "patient"), synonym("id", "patient")];
    const RESOURCES: &'static [ResourceBinding] = &[resource("patients://info/{patient}")];
    const KEYWORDS: &'static [&'static str] =
        &["demographics", "contact details", "date of birth", "insurance"];
    type Output = PatientAnswer;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<PatientAnswer, ToolError> {
        let record = cx.record(&self.patient).await?;
        let mut answer = PatientAnswer::of(&record, self.format, cx)?;
        if self.include_insurance {
            answer.insurance = insurance::of_patient(&record.id, cx).await?;
        }
        Ok(answer)
    }
}

/// Lists the organisation's patients in order of family name.
///
/// Use it for going through all patients; to find somebody use `search_patients`. Pass `next_cursor` as cursor
/// to go on. Patients whose record is not in use are left out unless `active_only` is false.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ListPatients {
    /// Only patients of this hospital or clinic: id, short name or name. Your own organisation is all.
    organisation: Option<Ref<kind::Organization>>,
    /// Whether to leave out patients whose record is not in use.
    #[serde(default = "yes")]
    active_only: bool,
    /// Rows.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// Number of the page, from 1; a cursor is better.
    #[schemars(range(min = 1, max = 50))]
    page: Option<u32>,
    /// `next_cursor` of the answer before.
    cursor: Option<String>,
}

fn yes() -> bool {
    true
}

impl Tool for ListPatients {
    const NAME: &'static str = "list_patients";
    const TITLE: &'static str = "List patients";
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] =
        &[Need::search(ResourceType::PATIENT), Need::read_if_allowed(ResourceType::ORGANIZATION)];
    const RESOURCES: &'static [ResourceBinding] = &[resource("healthcare://patients")];
    const KEYWORDS: &'static [&'static str] = &["all patients", "registry"];
    type Output = Listing<PatientRow>;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Listing<PatientRow>, ToolError> {
        let mut query = Query::new(ResourceType::PATIENT).with("_sort", "family,given")?;
        let mut applied = Map::new();
        applied.insert("active_only".to_owned(), self.active_only.into());
        if self.active_only {
            query = query.with("active:not", "false")?;
        }
        if let Some(organisation) = &self.organisation {
            applied.insert("organisation".to_owned(), organisation.id().as_str().into());
            if *organisation.id() != cx.tenant().organization {
                query = query.with("organization", &escape(&organisation.reference()))?;
            }
        }
        query.count = self.limit.unwrap_or(ROWS_DEFAULT);
        query.cursor = self.cursor;
        let page = cx.page(query, self.page).await?;
        let today = cx.today();
        let listing = Listing::of_page(&page, applied, |record| PatientRow::of(record, today))?;
        let is_empty = listing.is_empty();
        Ok(if is_empty { listing.with_hint("No patient; create_patient registers one.") } else { listing })
    }
}

/// Finds out which patient a telephone number belongs to; answers the id and first name only.
///
/// Use it when somebody calls or writes, then address them by first name and confirm who they are before
/// anything else. Country code, leading zero and punctuation do not matter. `RESOURCE_NOT_FOUND` when nobody
/// has the number; AMBIGUOUS with first names when a family shares it.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ResolvePatientByPhone {
    /// The number, in any spelling.
    #[schemars(length(min = 7, max = 40))]
    phone: String,
}

/// Who a number belongs to.
#[derive(Serialize, JsonSchema)]
pub(super) struct ResolvedPatient {
    found: bool,
    id: String,
    /// The same as `id`.
    patient_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<String>,
    /// In words.
    message: String,
}

impl Tool for ResolvePatientByPhone {
    const NAME: &'static str = "resolve_patient_by_phone";
    const TITLE: &'static str = "Who has this telephone number";
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = &[Need::search(ResourceType::PATIENT)];
    const KEYWORDS: &'static [&'static str] = &["caller", "caller id", "identify"];
    type Output = ResolvedPatient;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<ResolvedPatient, ToolError> {
        let lookup =
            Lookup { resource_type: ResourceType::PATIENT, text: self.phone.trim(), by: LookupBy::Phone };
        match cx.records().lookup(&lookup).await? {
            Matched::One(record) => ResolvedPatient::of(&record),
            Matched::Several(records) => Err(ToolError::Ambiguous {
                parameter: "phone".to_owned(),
                candidates: records.iter().map(candidate).collect::<Result<_, _>>()?,
            }),
            Matched::Near(_) => Err(ToolError::not_found("patient with this telephone number")),
        }
    }
}

impl ResolvedPatient {
    fn of(record: &Record) -> Result<Self, ToolError> {
        let id = record.id.to_string();
        let first_name = first_name(record)?;
        let name = first_name.as_deref().unwrap_or("a patient");
        let message = format!("Found: {name} (ID: {id})");
        Ok(Self { found: true, patient_id: id.clone(), id, first_name, message })
    }
}

fn first_name(record: &Record) -> Result<Option<String>, ToolError> {
    let patient: Patient<'_> = view(record)?;
    let name = HumanName::preferred(&patient.name);
    Ok(name.and_then(|name| name.given.first()).map(|given| given.as_str().to_owned()))
}

fn candidate(record: &Record) -> Result<Candidate, ToolError> {
    let name = first_name(record)?.unwrap_or_default();
    Ok(Candidate { id: record.id.to_string(), name, detail: None })
}
