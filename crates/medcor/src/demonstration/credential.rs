//! Who can log in to the demonstration.

use medcor_fhir::Id;
use medcor_policy::{ClientId, Role, SubjectId, TenantId};
use medcor_store::{
    Store,
    identity::{Client, User},
};
use ring::rand::{SecureRandom, SystemRandom};
use serde::Serialize;

use super::{FillError, Person, Ward, hospital::Profession};

/// What `demo-credentials.json` holds.
#[derive(Debug, Serialize)]
pub struct Credentials {
    /// People.
    pub users: Vec<DemonstrationUser>,
    /// Programs.
    pub clients: Vec<DemonstrationClient>,
}

/// A person of the demonstration.
#[derive(Debug, Serialize)]
pub struct DemonstrationUser {
    /// The name to log in with.
    pub email: String,
    /// The password.
    pub password: String,
    /// The role.
    pub role: Role,
    /// The hospital's short name.
    pub hospital: String,
}

/// A program of the demonstration.
#[derive(Debug, Serialize)]
pub struct DemonstrationClient {
    /// Its id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// The application it is.
    pub app_id: String,
    /// Its role.
    pub role: Role,
}

/// Makes users and clients with random passwords.
pub(super) async fn create(
    store: &Store,
    wards: &[Ward],
    people: &[Option<Person>],
) -> Result<Credentials, FillError> {
    let mut roster = Roster {
        store,
        users: Vec::new(),
        clients: Vec::new(),
        shown: Vec::new(),
        shown_clients: Vec::new(),
    };
    for (index, (ward, person)) in wards.iter().zip(people).enumerate() {
        roster.add_staff(ward)?;
        if let Some(person) = person {
            roster.add_user(
                ward,
                person.email(),
                person.display(),
                Role::Patient,
                (Some(person.id.clone()), None),
            )?;
        }
        if index == 0 {
            let email = "platform@medcor.example".to_owned();
            roster.add_user(ward, email, "Platform operator".to_owned(), Role::Superadmin, (None, None))?;
            for (app_id, role, scopes) in APPLICATIONS {
                roster.add_client(ward.tenant, app_id, role, scopes)?;
            }
        }
    }
    store.identity().create_users(&roster.users).await?;
    store.identity().create_clients(&roster.clients).await?;
    Ok(Credentials { users: roster.shown, clients: roster.shown_clients })
}

const APPLICATIONS: [(&str, Role, &str); 3] = [
    ("copilot-studio", Role::Doctor, "user/*.rs"),
    (
        "pharmacy",
        Role::System,
        "system/MedicationRequest.rs system/AllergyIntolerance.rs system/Patient.rs system/Practitioner.rs",
    ),
    ("laboratory", Role::System, "system/Observation.rs system/DiagnosticReport.rs system/Patient.rs"),
];

struct Roster<'r> {
    store: &'r Store,
    users: Vec<User>,
    clients: Vec<Client>,
    shown: Vec<DemonstrationUser>,
    shown_clients: Vec<DemonstrationClient>,
}

impl Roster<'_> {
    fn add_staff(&mut self, ward: &Ward) -> Result<(), FillError> {
        let slug = ward.hospital.facts.slug;
        for (name, display, role) in [
            ("admin", "Administrator", Role::Admin),
            ("reception", "Reception desk", Role::Receptionist),
            ("audit", "Auditor", Role::Auditor),
        ] {
            self.add_user(ward, format!("{name}@{slug}.example"), display.to_owned(), role, (None, None))?;
        }
        for clinician in &ward.hospital.clinicians {
            let role = match clinician.profession {
                Profession::Doctor => Role::Doctor,
                Profession::Nurse => Role::Nurse,
            };
            let email = ward.hospital.email_of(clinician);
            self.add_user(ward, email, clinician.display(), role, (None, Some(clinician.id.clone())))?;
        }
        Ok(())
    }

    fn add_user(
        &mut self,
        ward: &Ward,
        email: String,
        display_name: String,
        role: Role,
        (patient, practitioner): (Option<Id>, Option<Id>),
    ) -> Result<(), FillError> {
        let password = random_secret()?;
        let password_hash = medcor_oauth::hash_password(&password).map_err(|_| FillError::Password)?;
        self.users.push(User {
            id: SubjectId(self.store.clock().new_id().to_string()),
            tenant: ward.tenant,
            email: email.clone(),
            display_name,
            roles: vec![role],
            password_hash: Some(password_hash),
            patient,
            practitioner,
            is_active: true,
        });
        self.shown.push(DemonstrationUser {
            email,
            password,
            role,
            hospital: ward.hospital.facts.slug.to_owned(),
        });
        Ok(())
    }

    fn add_client(
        &mut self,
        tenant: TenantId,
        app_id: &str,
        role: Role,
        scopes: &str,
    ) -> Result<(), FillError> {
        let client_secret = random_secret()?;
        let client_id = format!("demo-{app_id}");
        let secret_hash = medcor_oauth::hash_password(&client_secret).map_err(|_| FillError::Password)?;
        self.clients.push(Client {
            id: ClientId(client_id.clone()),
            tenant,
            app_id: app_id.to_owned(),
            display_name: app_id.to_owned(),
            role,
            scopes: scopes.to_owned(),
            secret_hash,
            is_active: true,
        });
        self.shown_clients.push(DemonstrationClient {
            client_id,
            client_secret,
            app_id: app_id.to_owned(),
            role,
        });
        Ok(())
    }
}

/// 120 bits in an alphabet without look-alikes.
fn random_secret() -> Result<String, FillError> {
    const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789A";
    let mut bytes = [0_u8; 24];
    SystemRandom::new().fill(&mut bytes).map_err(|_| FillError::Password)?;
    Ok(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect())
}
