//! Registering a patient.

use std::hash::{DefaultHasher, Hash, Hasher};

use medcor_fhir::{
    ParsedResource, ResourceType, naming,
    search::{
        Query, escape,
        name::{self, fold},
    },
    view::{HumanName, Patient},
};
use medcor_tools::{
    Alias, Claim, Effect, Format, Need, Record, Ref, Synonym, Tool, ToolContext, ToolError, alias,
    detail::{Problems, identifier},
    kind, synonym, view,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    answer::PatientAnswer,
    details::{Details, EMERGENCY_CONTACT, GivenAddress, GivenDetails},
    insurance,
    search::either_case,
};

/// Most records that are compared with a new patient.
const DUPLICATES_MAX: u32 = 50;

/// Registers a new patient and hands out a medical record number.
///
/// Needs the name and at least one of dob, email and phone. Search first: a patient of the same name and
/// date of birth, e-mail address or MRN is a CONFLICT that names the existing id; use `update_patient` for
/// that one. `needs_completion` in the answer lists what to ask for next. Wrong values are a
/// `VALIDATION_ERROR` that lists every problem.
#[derive(Deserialize, JsonSchema)]
pub(super) struct CreatePatient {
    #[serde(flatten)]
    details: GivenDetails,
    /// Medical record number, if the patient has one already; else one is made.
    mrn: Option<String>,
    /// Your own organisation; any other is refused.
    organisation: Option<Ref<kind::Organization>>,
}

/// A registration.
#[derive(Serialize, JsonSchema)]
pub(super) struct Registered {
    success: bool,
    /// In words.
    message: String,
    #[serde(flatten)]
    patient: PatientAnswer,
    /// Details that the record lacks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    needs_completion: Vec<&'static str>,
}

impl Tool for CreatePatient {
    const NAME: &'static str = "create_patient";
    const TITLE: &'static str = "Register a patient";
    const ALIASES: &'static [Alias] = &[alias("create_patient_tool")];
    const EFFECT: Effect = Effect::Creates;
    const NEEDS: &'static [Need] = &[
        Need::create(ResourceType::PATIENT),
        Need::search(ResourceType::PATIENT),
        Need::read_if_allowed(ResourceType::ORGANIZATION),
        insurance::NEEDS[0],
        insurance::NEEDS[1],
    ];
    const SYNONYMS: &'static [Synonym] = &[
        synonym("medical_record_number", "mrn"),
        synonym("zip", "postal_code"),
        synonym("zip_code", "postal_code"),
        synonym("given_name", "first_name"),
        synonym("family_name", "last_name"),
        synonym("patient_name", "name"),
        synonym("sex", "gender"),
    ];
    const KEYWORDS: &'static [&'static str] = &["new patient", "add patient", "onboarding", "registration"];
    type Output = Registered;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Registered, ToolError> {
        let own = cx.tenant().organization.clone();
        if self.organisation.is_some_and(|organisation| *organisation.id() != own) {
            return Err(ToolError::invalid(
                "/organisation",
                "patients are registered in your own organisation",
            ));
        }
        let mut problems = Problems::default();
        let details = self.details.checked(cx.today(), &mut problems);
        let mrn = match self.mrn.as_deref().map(|mrn| identifier(mrn.trim())).transpose() {
            Ok(mrn) => mrn,
            Err(problem) => {
                problems.add("mrn", problem);
                None
            }
        };
        let is_refused_already = problems.refuse();
        is_refused_already.and_then(|()| required(&details))?;
        refuse_duplicate(&details, mrn.as_deref(), cx).await?;
        let mrn = mrn.unwrap_or_else(|| new_record_number(cx));
        cx.records().claim(Claim(format!("patient/mrn/{mrn}")));
        claim_registration(&details, cx);
        let resource = ParsedResource::from_value(resource(&details, &mrn, cx))?;
        let record = cx.records().create(resource)?;
        insurance::record(&details.insurance, &record.id, cx).await?;
        let patient = PatientAnswer::of(&record, Format::Compact, cx)?;
        let message = format!("Patient registered with MRN {mrn} (ID: {})", patient.id());
        let needs_completion = patient.missing();
        Ok(Registered { success: true, message, patient, needs_completion })
    }
}

/// A name, and something that tells two of a name apart.
fn required(details: &Details) -> Result<(), ToolError> {
    let mut problems = Problems::default();
    if details.given.is_none() {
        problems.add("first_name", "required; or name with both names");
    }
    if details.family.is_none() {
        problems.add("last_name", "required; or name with both names");
    }
    let is_told_apart = details.dob.is_some() || details.email.is_some() || details.phone.is_some();
    if !is_told_apart {
        problems.add("dob", "one of dob, email and phone is required to tell patients of one name apart");
    }
    problems.refuse()
}

async fn refuse_duplicate(
    details: &Details,
    mrn: Option<&str>,
    cx: &mut ToolContext<'_>,
) -> Result<(), ToolError> {
    if let Some(mrn) = mrn {
        let same = Query::new(ResourceType::PATIENT).with("identifier", &escape(mrn))?;
        if let Some(existing) = first(same, cx).await? {
            return Err(conflict("this medical record number", &existing));
        }
    }
    if let Some(email) = &details.email {
        let same = Query::new(ResourceType::PATIENT).with("email", &either_case(email))?;
        if let Some(existing) = first(same, cx).await? {
            return Err(conflict("this e-mail address", &existing));
        }
    }
    match same_person(details, cx).await? {
        Some(existing) => Err(conflict("this name and date of birth", &existing)),
        None => Ok(()),
    }
}

async fn first(mut query: Query, cx: &mut ToolContext<'_>) -> Result<Option<Record>, ToolError> {
    query.count = 1;
    Ok(cx.records().search(&query).await?.records.into_iter().next())
}

/// A patient of the same folded name and the same date of birth.
async fn same_person(details: &Details, cx: &mut ToolContext<'_>) -> Result<Option<Record>, ToolError> {
    let Some(dob) = &details.dob else { return Ok(None) };
    let wanted = folded_name(details);
    let mut query = Query::new(ResourceType::PATIENT).with("birthdate", dob)?;
    for word in name::words(&wanted) {
        query = query.with(name::NAME_WORD, &escape(word))?;
    }
    query.count = DUPLICATES_MAX;
    let page = cx.records().search(&query).await?;
    for record in page.records {
        let patient: Patient<'_> = view(&record)?;
        let has_name = patient.name.iter().filter_map(HumanName::display).any(|name| fold(&name) == wanted);
        if has_name && patient.birth_date.as_deref() == Some(dob.as_str()) {
            return Ok(Some(record));
        }
    }
    Ok(None)
}

fn folded_name(details: &Details) -> String {
    let given = details.given.as_deref().unwrap_or_default().join(" ");
    fold(&format!("{given} {}", details.family.as_deref().unwrap_or_default()))
}

fn conflict(what: &str, existing: &Record) -> ToolError {
    ToolError::Conflict(format!(
        "a patient with {what} is registered already: id {}; compare with get_patient and use update_patient",
        existing.id
    ))
}

/// `MRN` and eight digits of the random part of a new id.
fn new_record_number(cx: &ToolContext<'_>) -> String {
    let id = cx.new_id();
    let digits = id.as_str();
    let random = digits.get(digits.len().saturating_sub(8)..).unwrap_or(digits);
    format!("MRN{}", random.to_ascii_uppercase())
}

/// Two calls at once that register one person can't both be first: a search would see neither.
fn claim_registration(details: &Details, cx: &mut ToolContext<'_>) {
    let name = folded_name(details);
    let apart = details.dob.as_ref().or(details.phone.as_ref());
    let by_name = apart.map(|apart| hash_of(&(&name, apart)));
    let by_email = details.email.as_ref().map(|email| hash_of(&email.to_lowercase()));
    let keys = by_name.into_iter().chain(by_email);
    for key in keys {
        cx.claim_for_now(&format!("patient/new/{key:016x}"));
    }
}

fn hash_of(key: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

fn resource(details: &Details, mrn: &str, cx: &ToolContext<'_>) -> Value {
    let tenant = cx.tenant();
    let mut patient = json!({
        "resourceType": "Patient",
        "identifier": [{
            "use": "usual",
            "type": {
                "coding": [{ "system": naming::IDENTIFIER_TYPE, "code": naming::MEDICAL_RECORD_NUMBER }],
                "text": "Medical record number",
            },
            "system": naming::medical_record_number_system(&tenant.organization),
            "value": mrn,
        }],
        "active": true,
        "name": [{ "use": "official", "family": details.family, "given": details.given }],
    });
    let telecom: Vec<Value> = [("phone", &details.phone), ("email", &details.email)]
        .into_iter()
        .filter_map(|(system, value)| value.as_ref().map(|value| json!({ "system": system, "value": value })))
        .collect();
    if !telecom.is_empty() {
        patient["telecom"] = telecom.into();
    }
    if let Some(gender) = details.gender {
        patient["gender"] = gender.into();
    }
    if let Some(dob) = &details.dob {
        patient["birthDate"] = dob.as_str().into();
    }
    if let Some(address) = &details.address {
        patient["address"] = json!([address_resource(address)]);
    }
    if details.emergency_contact.is_some() || details.emergency_phone.is_some() {
        patient["contact"] = json!([contact_resource(details)]);
    }
    patient["managingOrganization"] =
        json!({ "reference": format!("Organization/{}", tenant.organization), "display": tenant.name });
    patient
}

/// FHIR `Address`: by its parts where there are any, else as it was written.
pub(super) fn address_resource(address: &GivenAddress) -> Value {
    let mut resource = json!({ "use": "home" });
    if let Some(line) = &address.line {
        if address.has_parts() {
            resource["line"] = json!([line]);
        } else {
            resource["text"] = line.as_str().into();
        }
    }
    let parts = [
        ("city", &address.city),
        ("state", &address.state),
        ("postalCode", &address.postal_code),
        ("country", &address.country),
    ];
    for (name, part) in parts {
        if let Some(part) = part {
            resource[name] = part.as_str().into();
        }
    }
    resource
}

/// FHIR `Patient.contact` of the person to call in an emergency.
pub(super) fn contact_resource(details: &Details) -> Value {
    let (system, code) = EMERGENCY_CONTACT;
    let mut contact = json!({ "relationship": [{ "coding": [{ "system": system, "code": code }], "text": "Emergency contact" }] });
    if let Some(name) = &details.emergency_contact {
        contact["name"] = json!({ "text": name });
    }
    if let Some(phone) = &details.emergency_phone {
        contact["telecom"] = json!([{ "system": "phone", "value": phone }]);
    }
    contact
}
