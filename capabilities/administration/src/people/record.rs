//! The FHIR records of a person: `Practitioner` with `PractitionerRole`, or `Patient`.

use medcor_fhir::{
    Id, ParsedResource, RawObject, ResourceType, naming,
    search::{Query, name::fold},
    view::{CodeableConcept, PractitionerRole},
};
use medcor_tools::{Record, Role, ToolContext, ToolError, view};
use serde_json::{Value, json, value::to_raw_value};

use super::given::Person;

/// Most roles of one clinician that are changed together.
const ROLES_MAX: u32 = 50;
/// Versions of a patient among which the last before the deactivation is.
const VERSIONS_MAX: u32 = 2;

/// Stages the directory entry of a member of staff; gives its id.
pub(super) fn create_practitioner(
    person: &Person,
    role: Role,
    cx: &mut ToolContext<'_>,
) -> Result<Id, ToolError> {
    let practitioner = ParsedResource::from_value(practitioner(person, cx))?;
    let record = cx.records().create(practitioner)?;
    let role = ParsedResource::from_value(practitioner_role(person, role, &record.id, cx))?;
    cx.records().create(role)?;
    Ok(record.id)
}

/// Stages the record of a patient; gives its id.
pub(super) fn create_patient(person: &Person, cx: &mut ToolContext<'_>) -> Result<Id, ToolError> {
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
            "value": new_record_number(cx),
        }],
        "active": true,
        "name": [name_of(person)],
        "telecom": telecom_of(person),
        "managingOrganization": organization(cx),
    });
    if let Some(dob) = &person.dob {
        patient["birthDate"] = dob.as_str().into();
    }
    Ok(cx.records().create(ParsedResource::from_value(patient)?)?.id)
}

/// Stages what changed in a `Practitioner` or `Patient`; says which parameters did.
pub(super) fn update(
    record: &Record,
    person: &Person,
    cx: &mut ToolContext<'_>,
) -> Result<Vec<&'static str>, ToolError> {
    let mut object = RawObject::parse(&record.body)?;
    let mut changed = Vec::new();
    if person.given.is_some() || person.family.is_some() {
        rename(&mut object, person)?;
        changed.extend(person.given.as_ref().map(|_| "first_name"));
        changed.extend(person.family.as_ref().map(|_| "last_name"));
    }
    for (system, value) in [("phone", &person.phone), ("email", &person.email)] {
        if let Some(value) = value {
            set_telecom(&mut object, system, value)?;
            changed.push(system);
        }
    }
    if let Some(dob) = &person.dob {
        object.set("birthDate", dob)?;
        changed.push("dob");
    }
    let has_qualification = person.license_number.is_some()
        || person.years_of_experience.is_some()
        || person.certification_level.is_some();
    if has_qualification {
        let mut kept = object.items("qualification")?;
        kept.retain(|item| !replaces(item.get(), person));
        kept.extend(qualifications(person, cx).iter().map(to_raw_value).collect::<Result<Vec<_>, _>>()?);
        object.set("qualification", &kept)?;
        changed.extend(person.license_number.as_ref().map(|_| "license_number"));
        changed.extend(person.years_of_experience.map(|_| "years_of_experience"));
        changed.extend(person.certification_level.as_ref().map(|_| "certification_level"));
    }
    if !changed.is_empty() {
        cx.records().update(record, ParsedResource::parse(object.to_text()?)?)?;
    }
    Ok(changed)
}

/// Stages what changed of a clinician's work; says which parameters did.
pub(super) async fn update_roles(
    practitioner: &Id,
    person: &Person,
    role: Option<Role>,
    cx: &mut ToolContext<'_>,
) -> Result<Vec<&'static str>, ToolError> {
    let changes = person.specialty.is_some()
        || person.department.is_some()
        || person.shift_schedule.is_some()
        || role.is_some();
    if !changes {
        return Ok(Vec::new());
    }
    let roles = roles_of(practitioner, cx).await?;
    let mut first = roles.first();
    for role in &roles {
        if view::<PractitionerRole<'_>>(role)?.is_active() {
            first = Some(role);
            break;
        }
    }
    if let Some(first) = first {
        let mut object = RawObject::parse(&first.body)?;
        work(&mut object, person, role)?;
        cx.records().update(first, ParsedResource::parse(object.to_text()?)?)?;
    } else {
        let role = role.unwrap_or(Role::Doctor);
        let resource = practitioner_role(person, role, practitioner, cx);
        cx.records().create(ParsedResource::from_value(resource)?)?;
    }
    let given = [
        ("specialty", person.specialty.is_some()),
        ("department", person.department.is_some()),
        ("shift_schedule", person.shift_schedule.is_some()),
    ];
    Ok(given.into_iter().filter(|(_, is_given)| *is_given).map(|(name, _)| name).collect())
}

/// Stages that a member of staff works here no more, or again.
pub(super) async fn set_active(
    practitioner: &Record,
    is_active: bool,
    cx: &mut ToolContext<'_>,
) -> Result<(), ToolError> {
    let roles = roles_of(&practitioner.id, cx).await?;
    for record in std::iter::once(practitioner).chain(&roles) {
        let mut object = RawObject::parse(&record.body)?;
        object.set("active", &is_active)?;
        cx.records().update(record, ParsedResource::parse(object.to_text()?)?)?;
    }
    Ok(())
}

/// Stages that a deactivated patient is one again, as the record was before.
pub(super) async fn bring_back(patient: &Id, cx: &mut ToolContext<'_>) -> Result<(), ToolError> {
    let page = cx.records().history(ResourceType::PATIENT, patient, VERSIONS_MAX, None).await?;
    let mut versions = page.records.into_iter();
    let is_deleted = versions.next().is_some_and(|newest| newest.is_deleted);
    let Some(last) = versions.find(|version| !version.is_deleted).filter(|_| is_deleted) else {
        return Ok(());
    };
    Ok(cx.records().put(patient.clone(), ParsedResource::parse(last.body.to_string())?)?)
}

/// Every role of a clinician, in an order that no change of one alters.
pub(super) async fn roles_of(practitioner: &Id, cx: &mut ToolContext<'_>) -> Result<Vec<Record>, ToolError> {
    if !cx.may_read(ResourceType::PRACTITIONER_ROLE) {
        return Ok(Vec::new());
    }
    let reference = format!("Practitioner/{practitioner}");
    let mut query = Query::new(ResourceType::PRACTITIONER_ROLE).with("practitioner", &reference)?;
    query = query.with("_sort", "_id")?;
    query.count = ROLES_MAX;
    Ok(cx.records().search(&query).await?.records)
}

fn practitioner(person: &Person, cx: &ToolContext<'_>) -> Value {
    let mut practitioner = json!({
        "resourceType": "Practitioner",
        "active": true,
        "name": [name_of(person)],
        "telecom": telecom_of(person),
    });
    let qualifications = qualifications(person, cx);
    if !qualifications.is_empty() {
        practitioner["qualification"] = qualifications.into();
    }
    practitioner
}

fn practitioner_role(person: &Person, role: Role, practitioner: &Id, cx: &ToolContext<'_>) -> Value {
    let mut resource = json!({
        "resourceType": "PractitionerRole",
        "active": true,
        "practitioner": {
            "reference": format!("Practitioner/{practitioner}"),
            "display": person.display_name(),
        },
        "organization": organization(cx),
        "code": [code_of(role)],
    });
    if person.display_name().is_none() {
        resource["practitioner"] = json!({ "reference": format!("Practitioner/{practitioner}") });
    }
    if let Some(specialty) = &person.specialty {
        resource["specialty"] = json!([{ "text": specialty }]);
    }
    if let Some(department) = &person.department {
        resource["healthcareService"] = json!([{ "display": department }]);
    }
    if let Some(shift) = &person.shift_schedule {
        resource["availabilityExceptions"] = shift.as_str().into();
    }
    resource
}

fn work(object: &mut RawObject, person: &Person, role: Option<Role>) -> Result<(), ToolError> {
    if let Some(role) = role {
        object.set("code", &json!([code_of(role)]))?;
    }
    if let Some(specialty) = &person.specialty {
        put_first(object, specialty)?;
    }
    if let Some(department) = &person.department {
        object.set("healthcareService", &json!([{ "display": department }]))?;
    }
    if let Some(shift) = &person.shift_schedule {
        object.set("availabilityExceptions", shift)?;
    }
    Ok(())
}

/// Makes a specialty the first of a role. The others stay, and so does what else is known of this one, such as its
/// codes.
fn put_first(object: &mut RawObject, specialty: &str) -> Result<(), ToolError> {
    let mut items = object.items("specialty")?;
    let mut place = None;
    for (index, item) in items.iter().enumerate() {
        let concept: CodeableConcept<'_> = serde_json::from_str(item.get())?;
        if concept.text().is_some_and(|text| fold(text) == fold(specialty)) {
            place = Some(index);
            break;
        }
    }
    match place {
        Some(place) => {
            let known = items.remove(place);
            items.insert(0, known);
        }
        None => items.insert(0, to_raw_value(&json!({ "text": specialty }))?),
    }
    Ok(object.set("specialty", &items)?)
}

/// What a role is called: in HL7's words where it has any.
fn code_of(role: Role) -> Value {
    let (system, code, text) = match role {
        Role::Doctor => (naming::PRACTITIONER_ROLE, "doctor", "Doctor"),
        Role::Nurse => (naming::PRACTITIONER_ROLE, "nurse", "Nurse"),
        Role::Receptionist => (naming::STAFF_ROLE, "receptionist", "Receptionist"),
        Role::Auditor => (naming::STAFF_ROLE, "auditor", "Auditor"),
        _ => (naming::STAFF_ROLE, "administrator", "Administrator"),
    };
    json!({ "coding": [{ "system": system, "code": code, "display": text }], "text": text })
}

/// A licence with the day so many years ago, and a certificate.
fn qualifications(person: &Person, cx: &ToolContext<'_>) -> Vec<Value> {
    let mut list = Vec::new();
    if person.license_number.is_some() || person.years_of_experience.is_some() {
        let mut licence = json!({ "code": { "text": LICENCE } });
        if let Some(number) = &person.license_number {
            let kind =
                json!({ "coding": [{ "system": naming::IDENTIFIER_TYPE, "code": "LN" }], "text": "Licence" });
            licence["identifier"] = json!([{ "type": kind, "value": number }]);
        }
        if let Some(years) = person.years_of_experience {
            let start = cx.today().saturating_sub(jiff::Span::new().years(years));
            licence["period"] = json!({ "start": start.to_string() });
        }
        list.push(licence);
    }
    if let Some(certificate) = &person.certification_level {
        list.push(json!({ "code": { "text": certificate } }));
    }
    list
}

/// How the licence is called that the tools keep.
pub(super) const LICENCE: &str = "Licence to practise";

/// Whether a qualification makes way for what is given now.
fn replaces(qualification: &str, person: &Person) -> bool {
    if qualification.contains(naming::SPECIALTY_CERTIFIED) {
        return false;
    }
    let is_licence = qualification.contains(LICENCE);
    (is_licence && (person.license_number.is_some() || person.years_of_experience.is_some()))
        || (!is_licence && person.certification_level.is_some())
}

fn name_of(person: &Person) -> Value {
    json!({ "use": "official", "family": person.family, "given": person.given })
}

fn telecom_of(person: &Person) -> Value {
    let points = [("phone", &person.phone), ("email", &person.email)];
    let given = points.into_iter().filter_map(|(system, value)| Some((system, value.as_ref()?)));
    given.map(|(system, value)| json!({ "system": system, "value": value })).collect()
}

fn organization(cx: &ToolContext<'_>) -> Value {
    let tenant = cx.tenant();
    json!({ "reference": format!("Organization/{}", tenant.organization), "display": tenant.name })
}

fn new_record_number(cx: &ToolContext<'_>) -> String {
    let id = cx.new_id();
    let digits = id.as_str();
    let random = digits.get(digits.len().saturating_sub(8)..).unwrap_or(digits);
    format!("MRN{}", random.to_ascii_uppercase())
}

/// The first name with what is new in it; what it was as a whole is no longer true.
fn rename(object: &mut RawObject, person: &Person) -> Result<(), ToolError> {
    let mut names = object.items("name")?;
    let mut name = match names.first() {
        Some(first) => RawObject::parse(first.get())?,
        None => RawObject::parse(r#"{"use":"official"}"#)?,
    };
    name.remove("text");
    name.remove("_text");
    if let Some(given) = &person.given {
        name.set("given", given)?;
        name.remove("_given");
    }
    if let Some(family) = &person.family {
        name.set("family", family)?;
        name.remove("_family");
    }
    let name = to_raw_value(&name)?;
    match names.first_mut() {
        Some(first) => *first = name,
        None => names.push(name),
    }
    Ok(object.set("name", &names)?)
}

fn set_telecom(object: &mut RawObject, system: &str, value: &str) -> Result<(), ToolError> {
    let mut points = object.items("telecom")?;
    let new = to_raw_value(&json!({ "system": system, "value": value }))?;
    let is_of = |point: &str| {
        serde_json::from_str::<Value>(point).is_ok_and(|point| point["system"].as_str() == Some(system))
    };
    match points.iter().position(|point| is_of(point.get())).and_then(|index| points.get_mut(index)) {
        Some(known) => {
            let mut point = RawObject::parse(known.get())?;
            point.set("value", &value)?;
            point.remove("_value");
            *known = to_raw_value(&point)?;
        }
        None => points.push(new),
    }
    Ok(object.set("telecom", &points)?)
}
