//! A person as the tools show one: the account, and what its record says.

use medcor_fhir::{
    ResourceType,
    naming::SPECIALTY_CERTIFIED,
    view::{
        ContactPoint, Extension, HumanName, Identifier, Patient, Practitioner, PractitionerRole,
        Qualification,
    },
};
use medcor_tools::{Account, Record, Role, Tenant, ToolContext, ToolError, view};
use schemars::JsonSchema;
use serde::Serialize;

use super::{given::Person, record};
use crate::providers::ProviderRow;

/// A person who can log in. What is not known is left out.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub(super) struct UserAnswer {
    /// What every tool takes: of the person's record where there is one, else of the account.
    id: String,
    /// The same as `id`.
    user_id: String,
    /// Of the account: `sub` of the person's tokens.
    account_id: String,
    email: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<String>,
    full_name: String,
    /// DOCTOR, NURSE, PATIENT, ADMIN, RECEPTIONIST, AUDITOR or SUPERADMIN: the first of `roles`.
    role: String,
    roles: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    /// The same as `phone`.
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    department: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    specialty: Option<String>,
    /// The same as `specialty`.
    #[serde(skip_serializing_if = "Option::is_none")]
    specialization: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    license_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    years_of_experience: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shift_schedule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certification_level: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date_of_birth: Option<String>,
    /// Medical record number of a patient.
    #[serde(skip_serializing_if = "Option::is_none")]
    mrn: Option<String>,
    /// The own `Patient`.
    #[serde(skip_serializing_if = "Option::is_none")]
    patient_id: Option<String>,
    /// The own `Practitioner`.
    #[serde(skip_serializing_if = "Option::is_none")]
    doctor_id: Option<String>,
    /// Whose.
    hospital_id: String,
    /// The same as `hospital_id`.
    tenant_id: String,
    is_active: bool,
    /// `active`, `inactive`, or `pending_verification`: no password was chosen yet.
    status: &'static str,
}

impl UserAnswer {
    /// The account alone.
    pub(super) fn of_account(account: &Account, tenant: &Tenant, cx: &ToolContext<'_>) -> Self {
        let roles: Vec<String> = account.roles.iter().map(|role| role.name().to_uppercase()).collect();
        let status = match (account.is_active, account.has_password) {
            (false, _) => "inactive",
            (true, false) => "pending_verification",
            (true, true) => "active",
        };
        // Ids of records mean somebody in their own organisation alone.
        let is_at_home = account.tenant == cx.principal().tenant;
        let record = account.practitioner.as_ref().or(account.patient.as_ref()).filter(|_| is_at_home);
        let id = record.map_or_else(|| account.id.to_string(), ToString::to_string);
        Self {
            user_id: id.clone(),
            id,
            account_id: account.id.to_string(),
            email: account.email.clone(),
            full_name: account.display_name.clone(),
            role: roles.first().cloned().unwrap_or_default(),
            roles,
            patient_id: account.patient.as_ref().map(ToString::to_string),
            doctor_id: account.practitioner.as_ref().map(ToString::to_string),
            hospital_id: tenant.organization.to_string(),
            tenant_id: tenant.organization.to_string(),
            is_active: account.is_active,
            status,
            ..Self::default()
        }
    }

    /// The account, and what its record says as far as the caller may see it.
    pub(super) async fn of(account: &Account, cx: &mut ToolContext<'_>) -> Result<Self, ToolError> {
        let mut answer = Self::of_account(account, cx.tenant(), cx);
        if let Some(id) = &account.practitioner
            && cx.may_read(ResourceType::PRACTITIONER)
            && let Some(record) = cx.records().read(ResourceType::PRACTITIONER, id).await?
        {
            let roles = record::roles_of(id, cx).await?;
            answer.add_practitioner(&record, &roles, cx)?;
        }
        if let Some(id) = &account.patient
            && cx.may_read(ResourceType::PATIENT)
            && let Some(record) = cx.records().read(ResourceType::PATIENT, id).await?
        {
            answer.add_patient(&view(&record)?);
        }
        Ok(answer)
    }

    /// What the directory says of a member of staff.
    pub(super) fn add_practitioner(
        &mut self,
        record: &Record,
        roles: &[Record],
        cx: &ToolContext<'_>,
    ) -> Result<(), ToolError> {
        let practitioner: Practitioner<'_> = view(record)?;
        let roles = roles.iter().map(view).collect::<Result<Vec<PractitionerRole<'_>>, _>>()?;
        let roles: Vec<&PractitionerRole<'_>> = roles.iter().collect();
        let row = ProviderRow::of(&practitioner, &roles, cx.today());
        self.add_names(&practitioner.name);
        self.set_phone(ContactPoint::phone(&practitioner.telecom));
        self.set_work(row.department(), row.specialty());
        self.years_of_experience = row.years_of_experience();
        let qualifications = &practitioner.qualification;
        self.license_number = qualifications
            .iter()
            .flat_map(|held| &held.identifier)
            .find_map(|number| number.value.as_deref())
            .map(str::to_owned);
        let is_of_specialty =
            |held: &&Qualification<'_>| Extension::find(&held.extension, SPECIALTY_CERTIFIED).is_some();
        let others = qualifications.iter().filter(|held| !is_of_specialty(held));
        let certificate = others.filter_map(|held| held.code.text());
        self.certification_level =
            certificate.filter(|text| *text != record::LICENCE).map(str::to_owned).next();
        self.shift_schedule =
            roles.iter().find_map(|role| role.availability_exceptions.as_deref()).map(str::to_owned);
        Ok(())
    }

    /// Leaves out which records are the person's, where they are another organisation's.
    pub(super) fn forget_records(&mut self) {
        self.patient_id = None;
        self.doctor_id = None;
    }

    /// Where somebody works, as what.
    pub(super) fn set_work(&mut self, department: Option<&str>, specialty: Option<&str>) {
        self.department = department.map(str::to_owned);
        self.specialty = specialty.map(str::to_owned);
        self.specialization.clone_from(&self.specialty);
    }

    /// What is staged and not yet stored.
    pub(super) fn apply(&mut self, person: &Person) {
        let put = |known: &mut Option<String>, new: &Option<String>| {
            if new.is_some() {
                known.clone_from(new);
            }
        };
        put(&mut self.first_name, &person.given.as_ref().map(|given| given.join(" ")));
        put(&mut self.last_name, &person.family);
        put(&mut self.phone, &person.phone);
        put(&mut self.phone_number, &person.phone);
        put(&mut self.department, &person.department);
        put(&mut self.specialty, &person.specialty);
        put(&mut self.specialization, &person.specialty);
        put(&mut self.license_number, &person.license_number);
        put(&mut self.shift_schedule, &person.shift_schedule);
        put(&mut self.certification_level, &person.certification_level);
        put(&mut self.date_of_birth, &person.dob);
        self.years_of_experience = person.years_of_experience.or(self.years_of_experience);
    }

    fn add_patient(&mut self, patient: &Patient<'_>) {
        self.add_names(&patient.name);
        self.set_phone(ContactPoint::phone(&patient.telecom));
        self.date_of_birth = patient.birth_date.as_deref().map(str::to_owned);
        self.mrn = Identifier::medical_record_number(&patient.identifier).map(str::to_owned);
    }

    fn add_names(&mut self, names: &[HumanName<'_>]) {
        let Some(name) = HumanName::preferred(names) else { return };
        self.first_name = Some(name.given.joined()).filter(|given| !given.is_empty());
        self.last_name = name.family.as_deref().map(str::to_owned);
    }

    fn set_phone(&mut self, phone: Option<&str>) {
        self.phone = phone.map(str::to_owned);
        self.phone_number.clone_from(&self.phone);
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn full_name(&self) -> &str {
        &self.full_name
    }
}

/// The same answer under the name that older clients read: `doctor`, `nurse`.
pub(super) fn nested(answer: &UserAnswer, account: &Account, role: Role) -> Option<UserAnswer> {
    (account.roles.first() == Some(&role)).then(|| answer.clone())
}
