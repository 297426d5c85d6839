//! What callers say of a person, checked: every problem at once.

use medcor_tools::{
    Role, ToolContext, ToolError,
    detail::{Problems, birth_date, email, identifier, names_of, plain, telephone},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Nobody has worked longer.
const YEARS_MAX: u16 = 80;

/// What a person is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum PersonRole {
    Doctor,
    Nurse,
    Patient,
    Admin,
    Receptionist,
    /// The same as RECEPTIONIST.
    Staff,
    Auditor,
    Superadmin,
}

impl PersonRole {
    pub(super) fn role(self) -> Role {
        match self {
            Self::Doctor => Role::Doctor,
            Self::Nurse => Role::Nurse,
            Self::Patient => Role::Patient,
            Self::Admin => Role::Admin,
            Self::Receptionist | Self::Staff => Role::Receptionist,
            Self::Auditor => Role::Auditor,
            Self::Superadmin => Role::Superadmin,
        }
    }
}

/// What a caller says of a person.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct GivenPerson {
    /// E-mail address, with which the person logs in; unique on this server.
    email: Option<String>,
    /// Given names.
    first_name: Option<String>,
    /// Family name.
    last_name: Option<String>,
    /// The whole name, instead of `first_name` and `last_name`.
    name: Option<String>,
    /// Telephone number.
    phone: Option<String>,
    /// Of patients: date of birth, YYYY-MM-DD.
    dob: Option<String>,
    /// Of clinicians: number of the licence.
    license_number: Option<String>,
    /// Of clinicians.
    #[schemars(range(max = 80))]
    years_of_experience: Option<u16>,
    /// Of staff: where they work, in words.
    department: Option<String>,
    /// Of clinicians: the first specialty in words, such as Cardiology. Others stay.
    specialty: Option<String>,
    /// Of nurses: when they work, in words.
    shift_schedule: Option<String>,
    /// Of nurses: certificate, such as RN.
    certification_level: Option<String>,
}

/// What is known to be sound.
#[derive(Debug, Default)]
pub(super) struct Person {
    pub(super) email: Option<String>,
    pub(super) given: Option<Vec<String>>,
    pub(super) family: Option<String>,
    pub(super) phone: Option<String>,
    pub(super) dob: Option<String>,
    pub(super) license_number: Option<String>,
    pub(super) years_of_experience: Option<u16>,
    pub(super) department: Option<String>,
    pub(super) specialty: Option<String>,
    pub(super) shift_schedule: Option<String>,
    pub(super) certification_level: Option<String>,
}

impl GivenPerson {
    /// What is said of a patient who registers.
    pub(super) fn of_patient(email: String, name: String, phone: String, dob: Option<String>) -> Self {
        Self { email: Some(email), name: Some(name), phone: Some(phone), dob, ..Self::default() }
    }

    /// What is sound; every problem is added to the list.
    pub(super) fn checked(&self, problems: &mut Problems, cx: &ToolContext<'_>) -> Person {
        let names = (self.first_name.as_deref(), self.last_name.as_deref());
        let (given, family) = names_of(names, self.name.as_deref(), problems);
        if self.years_of_experience.is_some_and(|years| years > YEARS_MAX) {
            problems.add("years_of_experience", "is more than 80");
        }
        let today = cx.today();
        Person {
            email: problems.checked("email", self.email.as_deref(), email),
            given,
            family,
            phone: problems.checked("phone", self.phone.as_deref(), telephone),
            dob: problems.checked("dob", self.dob.as_deref(), |text| birth_date(text, today)),
            license_number: problems.checked("license_number", self.license_number.as_deref(), identifier),
            years_of_experience: self.years_of_experience,
            department: problems.checked("department", self.department.as_deref(), plain),
            specialty: problems.checked("specialty", self.specialty.as_deref(), plain),
            shift_schedule: problems.checked("shift_schedule", self.shift_schedule.as_deref(), plain),
            certification_level: problems.checked(
                "certification_level",
                self.certification_level.as_deref(),
                plain,
            ),
        }
    }
}

impl Person {
    /// The parameters that say something of clinicians and of nobody else.
    pub(super) fn of_staff(&self) -> Vec<&'static str> {
        let given = [
            ("license_number", self.license_number.is_some()),
            ("years_of_experience", self.years_of_experience.is_some()),
            ("department", self.department.is_some()),
            ("specialty", self.specialty.is_some()),
            ("shift_schedule", self.shift_schedule.is_some()),
            ("certification_level", self.certification_level.is_some()),
        ];
        given.into_iter().filter(|(_, is_given)| *is_given).map(|(name, _)| name).collect()
    }

    /// Refuses what this role can't have: nothing that is given is dropped.
    pub(super) fn check_role(&self, role: Role, problems: &mut Problems) {
        if role == Role::Patient {
            for parameter in self.of_staff() {
                problems.add(parameter, "is of staff; a patient has none");
            }
        } else if self.dob.is_some() {
            problems.add("dob", "is kept of patients only");
        }
    }

    /// The name that the person is greeted by.
    pub(super) fn display_name(&self) -> Option<String> {
        let given = self.given.as_deref()?.join(" ");
        Some(format!("{given} {}", self.family.as_deref()?))
    }
}

/// Goes to the organisation that the caller names.
pub(super) async fn enter(organisation: Option<&str>, cx: &mut ToolContext<'_>) -> Result<(), ToolError> {
    let Some(text) = organisation else { return Ok(()) };
    let tenant = cx.tenant_named(text).await?;
    cx.enter(tenant)
}
