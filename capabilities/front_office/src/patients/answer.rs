//! How a patient is shown.

use jiff::civil::Date;
use medcor_fhir::{
    primitive::format_instant,
    view::{Address, BirthDate, ContactPoint, HumanName, Patient, PatientContact},
};
use medcor_tools::{Format, Raw, Record, ToolContext, ToolError, view};
use schemars::JsonSchema;
use serde::Serialize;

use super::{details::EMERGENCY_CONTACT, insurance::Insurance};

/// One patient's demographics. What is not known is left out.
#[derive(Serialize, JsonSchema)]
pub(super) struct PatientAnswer {
    id: String,
    /// The same as `id`.
    patient_id: String,
    /// Medical record number.
    #[serde(skip_serializing_if = "Option::is_none")]
    mrn: Option<String>,
    /// Given names and family name.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<String>,
    /// Date of birth; a year or a month where the day is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    dob: Option<String>,
    /// The same as `dob`.
    #[serde(skip_serializing_if = "Option::is_none")]
    date_of_birth: Option<String>,
    /// Whole years today, or at death.
    #[serde(skip_serializing_if = "Option::is_none")]
    age: Option<u16>,
    /// Whole months, for patients under two.
    #[serde(skip_serializing_if = "Option::is_none")]
    age_months: Option<u16>,
    /// `male`, `female`, `other` or `unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    gender: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    /// The same as `phone`.
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<AddressAnswer>,
    /// Preferred language.
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    marital_status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    emergency_contact: Option<EmergencyContact>,
    /// The patient's own doctor.
    #[serde(skip_serializing_if = "Option::is_none")]
    general_practitioner: Option<String>,
    /// Whether the record is in use.
    active: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    deceased: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    deceased_date: Option<String>,
    /// Where it was asked for and is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) insurance: Option<Insurance>,
    /// Grows with every change.
    version: u32,
    /// When this version was written.
    updated_at: String,
    /// The FHIR resource, where `format` is `fhir`.
    #[serde(skip_serializing_if = "Option::is_none")]
    fhir: Option<Raw>,
}

#[derive(Serialize, JsonSchema)]
struct AddressAnswer {
    /// In one line.
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    street: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    city: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    zip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct EmergencyContact {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    relationship: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
}

/// A patient in a list.
#[derive(Serialize, JsonSchema)]
pub(super) struct PatientRow {
    id: String,
    /// Medical record number.
    #[serde(skip_serializing_if = "Option::is_none")]
    mrn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dob: Option<String>,
    /// The same as `dob`.
    #[serde(skip_serializing_if = "Option::is_none")]
    date_of_birth: Option<String>,
    /// Whole years today, or at death.
    #[serde(skip_serializing_if = "Option::is_none")]
    age: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gender: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    active: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    deceased: bool,
}

impl PatientAnswer {
    pub(super) fn of(record: &Record, format: Format, cx: &ToolContext<'_>) -> Result<Self, ToolError> {
        let patient: Patient<'_> = view(record)?;
        let name = HumanName::preferred(&patient.name);
        let dob = patient.birth_date.as_deref().map(str::to_owned);
        let age = age(&patient, cx.today());
        let phone = ContactPoint::phone(&patient.telecom).map(str::to_owned);
        let id = record.id.to_string();
        Ok(Self {
            patient_id: id.clone(),
            id,
            mrn: patient.mrn().map(str::to_owned),
            name: name.and_then(HumanName::display),
            first_name: name.and_then(HumanName::first_name),
            last_name: name.and_then(|name| name.family.as_deref()).map(str::to_owned),
            date_of_birth: dob.clone(),
            dob,
            age: age.map(|age| age.years),
            age_months: age.filter(|age| age.years < 2).map(|age| age.months),
            gender: patient.gender.as_deref().map(str::to_owned),
            phone_number: phone.clone(),
            phone,
            email: ContactPoint::email(&patient.telecom).map(str::to_owned),
            address: Address::preferred(&patient.address).and_then(AddressAnswer::of),
            language: language(&patient),
            marital_status: patient
                .marital_status
                .as_ref()
                .and_then(|status| status.text())
                .map(str::to_owned),
            emergency_contact: emergency_contact(&patient.contact).map(EmergencyContact::of),
            general_practitioner: patient
                .general_practitioner
                .iter()
                .find_map(|reference| reference.display.as_deref())
                .map(str::to_owned),
            active: patient.is_active(),
            deceased: patient.is_deceased(),
            deceased_date: patient.deceased_date_time.as_deref().map(str::to_owned),
            insurance: None,
            version: record.version,
            updated_at: format_instant(record.last_updated),
            fhir: format.resource_of(record)?,
        })
    }

    /// What a registration should still ask for.
    pub(super) fn missing(&self) -> Vec<&'static str> {
        let known = [
            ("dob", self.dob.is_some()),
            ("gender", self.gender.is_some()),
            ("phone", self.phone.is_some()),
            ("address", self.address.is_some()),
        ];
        known.into_iter().filter(|(_, is_known)| !is_known).map(|(name, _)| name).collect()
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }
}

impl PatientRow {
    pub(super) fn of(record: &Record, today: Date) -> Result<Self, ToolError> {
        let patient: Patient<'_> = view(record)?;
        let dob = patient.birth_date.as_deref().map(str::to_owned);
        Ok(Self {
            id: record.id.to_string(),
            mrn: patient.mrn().map(str::to_owned),
            name: patient.display_name(),
            date_of_birth: dob.clone(),
            dob,
            age: age(&patient, today).map(|age| age.years),
            gender: patient.gender.as_deref().map(str::to_owned),
            phone: ContactPoint::phone(&patient.telecom).map(str::to_owned),
            email: ContactPoint::email(&patient.telecom).map(str::to_owned),
            active: patient.is_active(),
            deceased: patient.is_deceased(),
        })
    }
}

/// The age today; of the dead the age that they reached.
fn age(patient: &Patient<'_>, today: Date) -> Option<medcor_fhir::view::Age> {
    let birth = BirthDate::parse(patient.birth_date.as_deref()?)?;
    let last_day = match patient.deceased_date_time.as_deref() {
        Some(moment) => BirthDate::parse(moment.split('T').next()?)?.earliest(),
        // Died on a day that nobody wrote down.
        None if patient.is_deceased() => return None,
        None => today,
    };
    birth.age_on(last_day)
}

fn language(patient: &Patient<'_>) -> Option<String> {
    let preferred = patient.communication.iter().find(|language| language.preferred == Some(true));
    let language = preferred.or_else(|| patient.communication.first())?;
    language.language.text().map(str::to_owned)
}

/// The person to call in an emergency; else the first.
pub(super) fn emergency_contact<'c, 'a>(
    contacts: &'c [PatientContact<'a>],
) -> Option<&'c PatientContact<'a>> {
    let (system, code) = EMERGENCY_CONTACT;
    let is_emergency = |contact: &&PatientContact<'_>| {
        contact.relationship.iter().any(|relation| relation.has(system, code))
    };
    contacts.iter().find(is_emergency).or_else(|| contacts.first())
}

impl EmergencyContact {
    fn of(contact: &PatientContact<'_>) -> Self {
        Self {
            name: contact.name.as_ref().and_then(HumanName::display),
            relationship: contact.relationship.iter().find_map(|relation| relation.text()).map(str::to_owned),
            phone: ContactPoint::phone(&contact.telecom).map(str::to_owned),
        }
    }
}

impl AddressAnswer {
    fn of(address: &Address<'_>) -> Option<Self> {
        let street = address.line.joined();
        Some(Self {
            text: address.display()?,
            street: (!street.is_empty()).then_some(street),
            city: address.city.as_deref().map(str::to_owned),
            state: address.state.as_deref().map(str::to_owned),
            zip: address.postal_code.as_deref().map(str::to_owned),
            country: address.country.as_deref().map(str::to_owned),
        })
    }
}
