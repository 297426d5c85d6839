//! People and places: patients, clinicians, organisations, locations.

use serde::Deserialize;

use super::{
    Address, AvailableTime, CodeableConcept, ContactPoint, Extension, HumanName, Identifier, Meta, Period,
    Reference, Text,
};

/// `Patient`: demographics.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Patient<'a> {
    /// Logical id.
    #[serde(borrow)]
    pub id: Text<'a>,
    /// Version and tags.
    #[serde(borrow)]
    pub meta: Meta<'a>,
    /// MRN and others.
    #[serde(borrow)]
    pub identifier: Vec<Identifier<'a>>,
    /// `false` for a deactivated record.
    pub active: Option<bool>,
    /// Names.
    #[serde(borrow)]
    pub name: Vec<HumanName<'a>>,
    /// Telephone numbers and e-mail addresses.
    #[serde(borrow)]
    pub telecom: Vec<ContactPoint<'a>>,
    /// `male`, `female`, `other` or `unknown`.
    #[serde(borrow)]
    pub gender: Option<Text<'a>>,
    /// Date of birth, perhaps partial.
    #[serde(borrow)]
    pub birth_date: Option<Text<'a>>,
    /// Whether the patient has died.
    pub deceased_boolean: Option<bool>,
    /// When the patient died.
    #[serde(borrow)]
    pub deceased_date_time: Option<Text<'a>>,
    /// Addresses.
    #[serde(borrow)]
    pub address: Vec<Address<'a>>,
    /// Marital status.
    #[serde(borrow)]
    pub marital_status: Option<CodeableConcept<'a>>,
    /// People to call.
    #[serde(borrow)]
    pub contact: Vec<PatientContact<'a>>,
    /// Languages.
    #[serde(borrow)]
    pub communication: Vec<Communication<'a>>,
    /// The patient's own doctors.
    #[serde(borrow)]
    pub general_practitioner: Vec<Reference<'a>>,
    /// Who keeps the record.
    #[serde(borrow)]
    pub managing_organization: Option<Reference<'a>>,
}

impl Patient<'_> {
    /// The name to call the patient by.
    pub fn display_name(&self) -> Option<String> {
        HumanName::preferred(&self.name).and_then(HumanName::display)
    }

    /// The medical record number.
    pub fn mrn(&self) -> Option<&str> {
        Identifier::medical_record_number(&self.identifier)
    }

    /// Whether the record is in use; one that does not say is.
    pub fn is_active(&self) -> bool {
        self.active != Some(false)
    }

    /// Whether the patient has died.
    pub fn is_deceased(&self) -> bool {
        self.deceased_boolean == Some(true) || self.deceased_date_time.is_some()
    }
}

/// `Patient.contact`: somebody to call for the patient.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct PatientContact<'a> {
    /// What they are to the patient.
    #[serde(borrow)]
    pub relationship: Vec<CodeableConcept<'a>>,
    /// Their name.
    #[serde(borrow)]
    pub name: Option<HumanName<'a>>,
    /// How to reach them.
    #[serde(borrow)]
    pub telecom: Vec<ContactPoint<'a>>,
}

/// `communication`: a language.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Communication<'a> {
    /// BCP 47.
    #[serde(borrow)]
    pub language: CodeableConcept<'a>,
    /// Whether it is the preferred one.
    pub preferred: Option<bool>,
}

/// `Practitioner`: a clinician.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Practitioner<'a> {
    /// Logical id.
    #[serde(borrow)]
    pub id: Text<'a>,
    /// NPI and others.
    #[serde(borrow)]
    pub identifier: Vec<Identifier<'a>>,
    /// `false` for somebody who left.
    pub active: Option<bool>,
    /// Names.
    #[serde(borrow)]
    pub name: Vec<HumanName<'a>>,
    /// Telephone numbers and e-mail addresses.
    #[serde(borrow)]
    pub telecom: Vec<ContactPoint<'a>>,
    /// `male`, `female`, `other` or `unknown`.
    #[serde(borrow)]
    pub gender: Option<Text<'a>>,
    /// Certificates and licences.
    #[serde(borrow)]
    pub qualification: Vec<Qualification<'a>>,
    /// Languages: a concept each, unlike those of patients.
    #[serde(borrow)]
    pub communication: Vec<CodeableConcept<'a>>,
}

impl Practitioner<'_> {
    /// The name with titles, as colleagues and patients write it.
    pub fn display_name(&self) -> Option<String> {
        HumanName::preferred(&self.name).and_then(HumanName::display_with_titles)
    }

    /// The National Provider Identifier.
    pub fn npi(&self) -> Option<&str> {
        Identifier::npi(&self.identifier)
    }

    /// Whether the record is in use; one that does not say is.
    pub fn is_active(&self) -> bool {
        self.active != Some(false)
    }
}

/// `Practitioner.qualification`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Qualification<'a> {
    /// What R4 has no element for.
    #[serde(borrow)]
    pub extension: Vec<Extension<'a>>,
    /// Which.
    #[serde(borrow)]
    pub code: CodeableConcept<'a>,
    /// Its number.
    #[serde(borrow)]
    pub identifier: Vec<Identifier<'a>>,
    /// When it was or is valid.
    #[serde(borrow)]
    pub period: Option<Period<'a>>,
}

/// `PractitionerRole`: what a clinician does where.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PractitionerRole<'a> {
    /// Logical id.
    #[serde(borrow)]
    pub id: Text<'a>,
    /// What R4 has no element for.
    #[serde(borrow)]
    pub extension: Vec<Extension<'a>>,
    /// `false` for a role that ended.
    pub active: Option<bool>,
    /// Who.
    #[serde(borrow)]
    pub practitioner: Option<Reference<'a>>,
    /// Where.
    #[serde(borrow)]
    pub organization: Option<Reference<'a>>,
    /// Doctor, nurse, …
    #[serde(borrow)]
    pub code: Vec<CodeableConcept<'a>>,
    /// Cardiology, …
    #[serde(borrow)]
    pub specialty: Vec<CodeableConcept<'a>>,
    /// Places of work.
    #[serde(borrow)]
    pub location: Vec<Reference<'a>>,
    /// What is offered.
    #[serde(borrow)]
    pub healthcare_service: Vec<Reference<'a>>,
    /// Telephone numbers and e-mail addresses at work.
    #[serde(borrow)]
    pub telecom: Vec<ContactPoint<'a>>,
    /// When they work, every week.
    #[serde(borrow)]
    pub available_time: Vec<AvailableTime<'a>>,
    /// When they work, in words.
    #[serde(borrow)]
    pub availability_exceptions: Option<Text<'a>>,
    /// Leave and the like.
    #[serde(borrow)]
    pub not_available: Vec<NotAvailable<'a>>,
}

impl PractitionerRole<'_> {
    /// Whether the role has not ended; one that does not say has not.
    pub fn is_active(&self) -> bool {
        self.active != Some(false)
    }
}

/// `PractitionerRole.notAvailable`: a time away.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct NotAvailable<'a> {
    /// Why, in words.
    #[serde(borrow)]
    pub description: Option<Text<'a>>,
    /// When.
    #[serde(borrow)]
    pub during: Option<Period<'a>>,
}

/// `Organization`: a hospital, clinic or department.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Organization<'a> {
    /// Logical id.
    #[serde(borrow)]
    pub id: Text<'a>,
    /// NPI, registration number and others.
    #[serde(borrow)]
    pub identifier: Vec<Identifier<'a>>,
    /// `false` for a closed one.
    pub active: Option<bool>,
    /// Hospital, department, …
    #[serde(rename = "type", borrow)]
    pub kind: Vec<CodeableConcept<'a>>,
    /// Its name.
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    /// Telephone numbers and e-mail addresses.
    #[serde(borrow)]
    pub telecom: Vec<ContactPoint<'a>>,
    /// Addresses.
    #[serde(borrow)]
    pub address: Vec<Address<'a>>,
    /// What it is part of.
    #[serde(borrow)]
    pub part_of: Option<Reference<'a>>,
}

/// `Location`: a ward, room or building.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Location<'a> {
    /// Logical id.
    #[serde(borrow)]
    pub id: Text<'a>,
    /// `active`, `suspended` or `inactive`.
    #[serde(borrow)]
    pub status: Option<Text<'a>>,
    /// Its name.
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    /// Telephone numbers and e-mail addresses.
    #[serde(borrow)]
    pub telecom: Vec<ContactPoint<'a>>,
    /// Where it is.
    #[serde(borrow)]
    pub address: Option<Address<'a>>,
}
