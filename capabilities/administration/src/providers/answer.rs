//! How a clinician is shown: the practitioner's record and the roles that refer to it.

use jiff::civil::Date;
use medcor_fhir::{
    Id, ResourceType,
    naming::SPECIALTY_PRACTISED,
    search::name::fold,
    view::{BirthDate, CodeableConcept, ContactPoint, Practitioner, PractitionerRole, Profession},
};
use medcor_tools::{Format, Raw, Record, ToolError, view};
use schemars::JsonSchema;
use serde::Serialize;

/// A clinician in a list. What is not known is left out.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ProviderRow {
    id: String,
    /// National Provider Identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    npi: Option<String>,
    /// With titles.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// `Doctor`, `Nurse` or what the role says.
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    specialty: Option<String>,
    /// The same as `specialty`.
    #[serde(skip_serializing_if = "Option::is_none")]
    specialization: Option<String>,
    /// The same as `specialty`.
    #[serde(skip_serializing_if = "Option::is_none")]
    primary_specialty: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    all_specialties: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    department: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    /// The same as `phone`.
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    languages: Vec<String>,
    /// Since the first qualification or specialty.
    #[serde(skip_serializing_if = "Option::is_none")]
    years_of_experience: Option<u16>,
    /// Whether the clinician works at present: not gone, and not away today.
    is_available: bool,
    is_active: bool,
    #[serde(skip)]
    pub(super) profession: Profession,
}

/// A clinician in full.
#[derive(Serialize, JsonSchema)]
pub(super) struct ProviderDetails {
    #[serde(flatten)]
    row: ProviderRow,
    /// The same as `id`.
    doctor_id: String,
    /// Each with its code.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    specialties: Vec<Specialty>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    qualifications: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gender: Option<String>,
    /// The hospital or clinic.
    #[serde(skip_serializing_if = "Option::is_none")]
    hospital: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hospital_id: Option<String>,
    /// The FHIR resource, where `format` is `fhir`.
    #[serde(skip_serializing_if = "Option::is_none")]
    fhir: Option<Raw>,
}

#[derive(Serialize, JsonSchema)]
struct Specialty {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
}

impl ProviderRow {
    pub(crate) fn of(practitioner: &Practitioner<'_>, roles: &[&PractitionerRole<'_>], today: Date) -> Self {
        let profession = Profession::of(practitioner, roles);
        let specialties = specialties(roles);
        let specialty = specialties.first().cloned();
        let telecom = || roles.iter().map(|role| role.telecom.as_slice());
        let phone = ContactPoint::phone(&practitioner.telecom);
        let phone = phone.or_else(|| telecom().find_map(ContactPoint::phone)).map(str::to_owned);
        let email = ContactPoint::email(&practitioner.telecom);
        let email = email.or_else(|| telecom().find_map(ContactPoint::email)).map(str::to_owned);
        Self {
            id: practitioner.id.as_str().to_owned(),
            npi: practitioner.npi().map(str::to_owned),
            name: practitioner.display_name(),
            title: title(profession, roles),
            specialization: specialty.clone(),
            primary_specialty: specialty.clone(),
            specialty,
            all_specialties: specialties,
            department: department(roles).map(str::to_owned),
            phone_number: phone.clone(),
            phone,
            email,
            languages: practitioner
                .communication
                .iter()
                .filter_map(CodeableConcept::text)
                .map(str::to_owned)
                .collect(),
            years_of_experience: years_of_experience(practitioner, roles, today),
            is_available: practitioner.is_active() && is_at_work(roles, today),
            is_active: practitioner.is_active(),
            profession,
        }
    }

    /// Whether one of the specialties, or a word of one, begins with this folded text.
    pub(super) fn has_specialty(&self, folded: &str) -> bool {
        self.all_specialties.iter().any(|specialty| begins(&fold(specialty), folded))
    }

    /// Whether the department, or a word of it, begins with this folded text.
    pub(super) fn has_department(&self, folded: &str) -> bool {
        self.department.as_deref().is_some_and(|department| begins(&fold(department), folded))
    }

    pub(super) fn is_active(&self) -> bool {
        self.is_active
    }

    pub(super) fn is_available(&self) -> bool {
        self.is_available
    }

    pub(crate) fn department(&self) -> Option<&str> {
        self.department.as_deref()
    }

    pub(super) fn into_contact(self) -> (Option<String>, Option<String>) {
        (self.email, self.phone)
    }

    pub(crate) fn specialty(&self) -> Option<&str> {
        self.specialty.as_deref()
    }

    pub(crate) fn years_of_experience(&self) -> Option<u16> {
        self.years_of_experience
    }
}

impl ProviderDetails {
    pub(super) fn of(
        record: &Record,
        roles: &[Record],
        format: Format,
        today: Date,
    ) -> Result<Self, ToolError> {
        let practitioner: Practitioner<'_> = view(record)?;
        let roles = roles.iter().map(view).collect::<Result<Vec<PractitionerRole<'_>>, _>>()?;
        let roles: Vec<&PractitionerRole<'_>> = roles.iter().filter(|role| role.is_active()).collect();
        let hospital = roles.iter().find_map(|role| role.organization.as_ref());
        let degrees = practitioner.qualification.iter();
        Ok(Self {
            row: ProviderRow::of(&practitioner, &roles, today),
            doctor_id: record.id.to_string(),
            specialties: roles.iter().flat_map(|role| &role.specialty).filter_map(Specialty::of).collect(),
            qualifications: degrees.filter_map(|degree| degree.code.text()).map(str::to_owned).collect(),
            gender: practitioner.gender.as_deref().map(str::to_owned),
            hospital: hospital.and_then(|hospital| hospital.display.as_deref()).map(str::to_owned),
            hospital_id: hospital
                .and_then(|hospital| hospital.id_of(ResourceType::ORGANIZATION))
                .map(|id| id.to_string()),
            fhir: format.resource_of(record)?,
        })
    }
}

impl Specialty {
    fn of(concept: &CodeableConcept<'_>) -> Option<Self> {
        Some(Self { name: concept.text()?.to_owned(), code: concept.code().map(str::to_owned) })
    }
}

/// Whether the role is at this organisation.
pub(super) fn is_at(role: &PractitionerRole<'_>, organisation: &Id) -> bool {
    let at = role.organization.as_ref().and_then(|at| at.id_of(ResourceType::ORGANIZATION));
    at.as_ref() == Some(organisation)
}

fn title(profession: Profession, roles: &[&PractitionerRole<'_>]) -> String {
    match profession {
        Profession::Doctor => "Doctor".to_owned(),
        Profession::Nurse => "Nurse".to_owned(),
        Profession::Other => {
            let text = roles.iter().flat_map(|role| &role.code).find_map(CodeableConcept::text);
            text.unwrap_or("Clinician").to_owned()
        }
    }
}

fn specialties(roles: &[&PractitionerRole<'_>]) -> Vec<String> {
    let mut specialties: Vec<String> = Vec::new();
    for text in roles.iter().flat_map(|role| &role.specialty).filter_map(CodeableConcept::text) {
        if !specialties.iter().any(|known| known == text) {
            specialties.push(text.to_owned());
        }
    }
    specialties
}

/// The service, else the place of work, of the first role that names one.
fn department<'r>(roles: &[&'r PractitionerRole<'_>]) -> Option<&'r str> {
    let services = roles.iter().flat_map(|role| &role.healthcare_service);
    let places = roles.iter().flat_map(|role| &role.location);
    services.chain(places).find_map(|reference| reference.display.as_deref())
}

fn years_of_experience(
    practitioner: &Practitioner<'_>,
    roles: &[&PractitionerRole<'_>],
    today: Date,
) -> Option<u16> {
    let starts =
        practitioner.qualification.iter().filter_map(|degree| degree.period.as_ref()?.start.as_deref());
    let practised = roles.iter().flat_map(|role| &role.extension);
    let practised = practised.filter(|extension| extension.url == SPECIALTY_PRACTISED);
    let since = practised.filter_map(|extension| extension.part("since")?.value_date.as_deref());
    let dates = starts.chain(since).filter_map(|start| BirthDate::parse(start.split('T').next()?));
    let first = dates.min_by_key(BirthDate::earliest)?;
    Some(first.age_on(today)?.years)
}

/// Whether one of the roles is not interrupted today. Who has no role on record is not known to be away.
fn is_at_work(roles: &[&PractitionerRole<'_>], today: Date) -> bool {
    let noon = today.at(12, 0, 0, 0).to_zoned(jiff::tz::TimeZone::UTC);
    let Ok(noon) = noon.map(|noon| noon.timestamp().as_microsecond()) else { return true };
    let is_away = |role: &&PractitionerRole<'_>| {
        role.not_available
            .iter()
            .any(|pause| pause.during.as_ref().is_some_and(|during| during.contains(noon)))
    };
    roles.is_empty() || roles.iter().any(|role| !is_away(role))
}

/// Whether the folded text or one of its words begins with this folded beginning.
fn begins(folded: &str, beginning: &str) -> bool {
    let starts = std::iter::once(0).chain(folded.match_indices(' ').map(|(index, _)| index + 1));
    !beginning.is_empty()
        && starts.filter_map(|start| folded.get(start..)).any(|rest| rest.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Date = Date::constant(2026, 12, 2);

    fn row(practitioner: &str, role: &str) -> ProviderRow {
        let practitioner: Practitioner<'_> = serde_json::from_str(practitioner).unwrap();
        let role: PractitionerRole<'_> = serde_json::from_str(role).unwrap();
        ProviderRow::of(&practitioner, &[&role], TODAY)
    }

    #[test]
    fn a_specialty_is_found_by_the_beginning_of_a_word() {
        let row = row("{}", r#"{"specialty":[{"text":"Paediatric Cardiology"},{"text":"Cardiology"}]}"#);
        assert!(row.has_specialty("cardio") && row.has_specialty("paediatric card"));
        assert!(!row.has_specialty("diatric") && !row.has_specialty(""));
        assert_eq!(row.specialty.as_deref(), Some("Paediatric Cardiology"));
    }

    #[test]
    fn who_is_away_today_is_not_available() {
        let away = r#"{"notAvailable":[{"description":"leave","during":{"start":"2026-12-01","end":"2026-12-02"}}]}"#;
        assert!(!row("{}", away).is_available);
        assert!(row("{}", &away.replace("2026-12-02", "2026-12-01")).is_available);
        assert!(!row(r#"{"active":false}"#, "{}").is_available);
    }

    #[test]
    fn experience_counts_from_the_first_qualification() {
        let practitioner =
            r#"{"qualification":[{"period":{"start":"2010"}},{"period":{"start":"2001-06-01T00:00:00Z"}}]}"#;
        assert_eq!(row(practitioner, "{}").years_of_experience, Some(25));
    }
}
