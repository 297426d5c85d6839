//! Calls of tools by people of each role, on a server with records that the test chooses.

use std::time::Instant;

use medcor_fhir::{Id, ParsedResource, ResourceType};
use medcor_policy::{ClientId, Principal, Role, SubjectId, system::permit_import};
use medcor_store::{Clock, identity::Tenant};
use medcor_tools::{Call, Caller, ErrorReport};
use serde_json::{Value, json};

use super::{Server, server::arranging, setting};

/// A server whose tools are called without a protocol between.
pub(crate) struct Clinic {
    pub(crate) server: Server,
}

impl Clinic {
    /// On SQLite; on PostgreSQL where `MEDCOR_TEST_STORE` is `postgres`. CI runs both.
    pub(crate) async fn start() -> Self {
        let server = if is_on_postgres() {
            Server::start_on_postgres().await.expect("PostgreSQL is asked for, so it is there")
        } else {
            Server::start().await
        };
        Self { server }
    }

    /// The same at another time, such as `2025-01-06T07:00:00Z`.
    pub(crate) async fn start_at(now: &str) -> Self {
        let now: jiff::Timestamp = now.parse().expect("a time");
        let clock = Clock::fixed(now.as_microsecond());
        let server = if is_on_postgres() {
            Server::start_on_postgres_at(clock).await.expect("PostgreSQL is asked for, so it is there")
        } else {
            Server::start_at(clock).await
        };
        Self { server }
    }

    /// Stores a record of this hospital, under its id if it has one.
    pub(crate) async fn put(&self, record: Value) -> Id {
        self.put_at(&self.server.here, record).await
    }

    /// Dr. Grace Hopper, `grace`, is a cardiologist of this hospital.
    pub(crate) async fn employ_cardiologist(&self) {
        self.put(json!({
            "resourceType": "Practitioner", "id": "grace", "active": true,
            "name": [{ "family": "Hopper", "given": ["Grace"], "prefix": ["Dr."] }]
        }))
        .await;
        self.put(json!({
            "resourceType": "PractitionerRole", "id": "role-grace", "active": true,
            "practitioner": { "reference": "Practitioner/grace", "display": "Dr. Hopper" },
            "specialty": [{ "text": "Cardiology" }]
        }))
        .await;
    }

    /// Stores a record of the other hospital.
    pub(crate) async fn put_elsewhere(&self, record: Value) -> Id {
        self.put_at(&self.server.elsewhere, record).await
    }

    /// Deletes a record of this hospital.
    pub(crate) async fn delete(&self, resource_type: ResourceType, id: &str) {
        let store = &self.server.store;
        let permit = permit_import(self.server.here.id);
        let mut session = store.session(&permit);
        let id = Id::new(id).expect("an id");
        let record = session.read(resource_type, &id).await.expect("a read").expect("it is there");
        session.delete(&record).expect("it may");
        session.commit(arranging(store)).await.expect("the record is deleted");
    }

    /// Stores a record of this organisation.
    pub(crate) async fn put_at(&self, tenant: &Tenant, record: Value) -> Id {
        let store = &self.server.store;
        let resource = ParsedResource::parse(record.to_string()).expect("a resource");
        let id = resource.id().unwrap_or_else(|| store.clock().new_id());
        let permit = permit_import(tenant.id);
        let mut session = store.session(&permit);
        session.put(id.clone(), resource).expect("a valid record");
        session.commit(arranging(store)).await.expect("the record is stored");
        id
    }

    /// Somebody of this hospital.
    pub(crate) fn caller(&self, role: Role) -> Caller {
        self.logged_in(self.principal(role))
    }

    /// A caller who has just logged in.
    pub(crate) fn logged_in(&self, principal: Principal) -> Caller {
        let now = self.server.store.clock().now();
        Caller::new(principal).with_login_at(Some(now.div_euclid(1_000_000)))
    }

    /// The patient with this chart.
    pub(crate) fn patient_caller(&self, patient: &Id) -> Caller {
        self.logged_in(Principal { patient: Some(patient.clone()), ..self.principal(Role::Patient) })
    }

    pub(crate) fn principal(&self, role: Role) -> Principal {
        let tenant = &self.server.here;
        Principal {
            tenant: tenant.id,
            organization: tenant.organization.clone(),
            subject: SubjectId(role.name().to_owned()),
            client: ClientId("medcor".to_owned()),
            roles: vec![role],
            scopes: None,
            patient: None,
            practitioner: None,
        }
    }

    /// One call; its answer as JSON.
    pub(crate) async fn call(
        &self,
        caller: &Caller,
        tool: &str,
        arguments: Value,
    ) -> Result<Value, ErrorReport> {
        let started = Instant::now();
        let call = Call { caller, tool, arguments, door: "it", request_id: "r1", started, address: None };
        let answer = self.server.pipeline.invoke(call).await?;
        Ok(serde_json::from_str(answer.json()).expect("an answer is JSON"))
    }

    /// One call by a member of staff.
    pub(crate) async fn call_as(
        &self,
        role: Role,
        tool: &str,
        arguments: Value,
    ) -> Result<Value, ErrorReport> {
        self.call(&self.caller(role), tool, arguments).await
    }

    /// One call by a member of staff that must succeed.
    pub(crate) async fn ok(&self, role: Role, tool: &str, arguments: Value) -> Value {
        match self.call_as(role, tool, arguments.clone()).await {
            Ok(answer) => answer,
            Err(report) => panic!("{tool} {arguments}: {}", report.text()),
        }
    }

    /// The code with which one call by a member of staff is refused.
    pub(crate) async fn refusal(&self, role: Role, tool: &str, arguments: Value) -> &'static str {
        match self.call_as(role, tool, arguments.clone()).await {
            Ok(answer) => panic!("{tool} {arguments} was not refused: {answer}"),
            Err(report) => report.code.name(),
        }
    }
}

fn is_on_postgres() -> bool {
    setting("MEDCOR_TEST_STORE").is_some_and(|store| store == "postgres")
}

/// This patient's consent that nobody sees their records, or those of one type.
pub(crate) fn denial(patient: &str, of: Option<&str>) -> Value {
    let mut consent = json!({
        "resourceType": "Consent",
        "id": of.map_or_else(|| format!("no-{patient}"), |of| format!("no-{of}-of-{patient}")),
        "status": "active",
        "scope": { "coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"
        }] },
        "category": [{ "coding": [{ "system": "http://loinc.org", "code": "59284-0" }] }],
        "policyRule": { "text": "The patient's own." },
        "patient": { "reference": format!("Patient/{patient}") },
        "provision": { "type": "deny" }
    });
    if let Some(of) = of {
        consent["provision"]["class"] =
            json!([{ "system": "http://hl7.org/fhir/resource-types", "code": of }]);
    }
    consent
}

/// A patient with an MRN, a telephone number and an e-mail address.
pub(crate) fn patient(id: &str, (given, family): (&str, &str), birth_date: &str) -> Value {
    json!({
        "resourceType": "Patient",
        "id": id,
        "identifier": [{
            "type": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR" }] },
            "system": "urn:mrn",
            "value": format!("MRN-{id}")
        }],
        "name": [{ "use": "official", "family": family, "given": [given] }],
        "gender": "female",
        "birthDate": birth_date
    })
}
