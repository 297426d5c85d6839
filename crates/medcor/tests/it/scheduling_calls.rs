//! Calls of scheduling that clients were seen to make, with their other spellings, and its URIs and names. The
//! documented calls are in `documented_calls`. The clock of these tests stands at a day before their dates.

use jiff::Timestamp;
use medcor_fhir::{Id, ParsedResource};
use medcor_policy::{ClientId, Principal, Role, SubjectId, system::permit_import};
use medcor_store::{AuditDurability, Clock, Location, Settings, Store};
use medcor_tools::{Call, Caller, Pipeline, RateLimit};
use serde_json::{Value, json};

use crate::support::{folder::Folder, patient};

const NPI: &str = "1234567890";
/// A clinic on a store of its own, at a time that the test chooses.
struct Practice {
    store: Store,
    pipeline: Pipeline,
    principal: Principal,
    _folder: Folder,
}

impl Practice {
    async fn at(now: &str, zone: &str) -> Self {
        let now: Timestamp = now.parse().unwrap();
        let folder = Folder::new();
        let settings = Settings {
            location: Location::Sqlite(folder.path().join("medcor.sqlite")),
            audit_durability: AuditDurability::Os,
            clock: Clock::fixed(now.as_microsecond()),
            readers: 1,
            applies_migrations: true,
        };
        let store = Store::open(settings).await.unwrap();
        let tenant =
            store.identity().create_tenant(store.clock().new_id(), "here", "Here", zone).await.unwrap();
        let principal = Principal {
            tenant: tenant.id,
            organization: tenant.organization.clone(),
            subject: SubjectId("receptionist".to_owned()),
            client: ClientId("medcor".to_owned()),
            roles: vec![Role::Receptionist],
            scopes: None,
            patient: None,
            practitioner: None,
        };
        let catalog = medcor::catalog::catalog().unwrap();
        let pipeline = Pipeline::new(store.clone(), catalog, RateLimit::Off);
        let practice = Self { store, pipeline, principal, _folder: folder };
        practice.put(practice.organization(&tenant.organization)).await;
        practice.furnish().await;
        practice
    }

    fn organization(&self, id: &Id) -> Value {
        json!({ "resourceType": "Organization", "id": id, "name": "Here", "identifier": [
            { "system": "urn:legacy", "value": "1" }, { "system": "urn:legacy", "value": "uuid" },
            { "system": "urn:legacy", "value": self.principal.tenant.to_string() }
        ] })
    }

    /// One patient, one doctor and one service, by every name that documents use.
    async fn furnish(&self) {
        let legacy = |value: &str| json!({ "system": "urn:legacy", "value": value });
        let mut john = patient("john", ("John", "Smith"), "1980-01-01");
        let identifiers = john["identifier"].as_array_mut().unwrap();
        identifiers.extend([legacy("MRN001"), legacy("1"), legacy("uuid")]);
        john["telecom"] = json!([{ "system": "phone", "value": "+971 50 123 4567" }]);
        self.put(john).await;
        self.put(json!({
            "resourceType": "Practitioner", "id": "ahmed", "active": true,
            "identifier": [{ "system": "http://hl7.org/fhir/sid/us-npi", "value": NPI }, legacy("2"), legacy("uuid")],
            "name": [{ "prefix": ["Dr."], "family": "Ahmed", "given": ["Sara"] }]
        }))
        .await;
        self.put(json!({
            "resourceType": "HealthcareService", "id": "checkup", "active": true, "name": "Check-up",
            "identifier": [legacy("3")],
            "extension": [{ "url": "urn:medcor:service-length", "valueUnsignedInt": 20 }]
        }))
        .await;
        self.put(json!({
            "resourceType": "PractitionerRole", "id": "role", "active": true,
            "practitioner": { "reference": "Practitioner/ahmed", "display": "Dr. Sara Ahmed" },
            "specialty": [{ "text": "Cardiology" }],
            "availableTime": [{
                "daysOfWeek": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
                "availableStartTime": "08:00:00", "availableEndTime": "18:00:00"
            }]
        }))
        .await;
    }

    async fn put(&self, record: Value) {
        let resource = ParsedResource::parse(record.to_string()).unwrap();
        let permit = permit_import(self.principal.tenant);
        let mut session = self.store.session(&permit);
        session.put(resource.id().unwrap(), resource).unwrap();
        session.commit(crate::support::arranging(&self.store)).await.unwrap();
    }

    async fn call(&self, tool: &str, arguments: Value) -> Result<Value, medcor_tools::ErrorReport> {
        let caller = Caller::new(self.principal.clone());
        let started = std::time::Instant::now();
        let call =
            Call { caller: &caller, tool, arguments, door: "it", request_id: "r1", started, address: None };
        let answer = self.pipeline.invoke(call).await?;
        Ok(serde_json::from_str(answer.json()).unwrap())
    }

    async fn ok(&self, tool: &str, arguments: Value) -> Value {
        match self.call(tool, arguments.clone()).await {
            Ok(answer) => answer,
            Err(report) => panic!("{tool} {arguments}: {}", report.text()),
        }
    }

    /// The id of an appointment that is booked for what follows.
    async fn appointment(&self) -> String {
        let answer = self
            .ok(
                "create_appointment",
                json!({ "patient": "john", "provider": "ahmed", "date": "2025-01-14", "time": "08:00" }),
            )
            .await;
        answer["id"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn observed_calls_with_other_spellings_work_too() {
    for (tool, arguments) in [
        (
            "create_appointment",
            json!({ "patient_id": 1, "doctor_id": 2, "treatment_id": 3, "date": "2025-08-01", "time": "14:30", "notes": "..", "tenant_id": 1 }),
        ),
        (
            "create_appointment",
            json!({ "patient_id": 1, "doctor_id": 2, "date": "2025-01-15", "time": "14:00" }),
        ),
        (
            "create_appointment",
            json!({ "patient_id": "uuid", "doctor_id": "uuid", "date": "2025-02-01", "preferred_time": "14:00:00", "reason": "Checkup" }),
        ),
        (
            "book_appointment",
            json!({ "patient_name": "+971501234567", "doctor_name": "Dr. Sara Ahmed", "date": "2025-12-25", "start_time": "10:00", "end_time": "10:30" }),
        ),
        (
            "book_appointment",
            json!({ "doctor_id": "ahmed", "patient_id": "john", "time": "2025-12-25 10:00" }),
        ),
        (
            "check_and_book_appointment",
            json!({ "patient_name": "John Smith", "doctor_name": "Dr. Sara Ahmed", "date": "2025-12-25", "start_time": "10:00", "end_time": "10:30" }),
        ),
    ] {
        let practice = Practice::at("2025-01-06T07:00:00Z", "Europe/London").await;
        let answer = practice.ok(tool, arguments).await;
        assert_eq!(answer["status"], "SCHEDULED", "{answer:#}");
    }
    let practice = Practice::at("2025-01-06T07:00:00Z", "Europe/London").await;
    let slots = practice.ok("list_appointment_slots", json!({ "doctor_id": 2, "date": "2025-01-15" })).await;
    assert_eq!(slots["available_times"][0], "08:00:00");
    let id = practice.appointment().await;
    let answer = practice
        .ok("update_appointment_status", json!({ "appointment_id": id, "status": "confirmed" }))
        .await;
    assert_eq!(answer["status"], "CONFIRMED");
    let moved = json!({ "appointment_id": id, "new_date": "2025-01-16", "new_time": "09:00", "new_end_time": "09:45" });
    let answer = practice.ok("reschedule_appointment", moved).await;
    assert_eq!(
        (&answer["date"], &answer["time"], &answer["duration_minutes"]),
        (&json!("2025-01-16"), &json!("09:00"), &json!(45))
    );
    let missing = practice.call("create_appointment", json!({ "patient_id": "john" })).await.unwrap_err();
    assert!(missing.text().starts_with("VALIDATION_ERROR"), "{}", missing.text());
}

#[tokio::test]
async fn every_documented_resource_of_scheduling_is_read() {
    let practice = Practice::at("2025-01-06T07:00:00Z", "Europe/London").await;
    practice.appointment().await;
    for (uri, tool, rows) in [
        ("doctors://availability/Sara Ahmed/2025-01-14", "list_appointment_slots", 20),
        ("appointments://doctor/Sara Ahmed", "list_appointments", 1),
        ("appointments://today/default", "list_appointments", 0),
        ("appointments://upcoming/default", "list_appointments", 1),
        ("patients://appointments/John Smith", "list_appointments", 1),
        ("patients://appointments/upcoming/John Smith", "list_appointments", 1),
        ("patients://appointments/history/John Smith", "list_appointments", 0),
        ("healthcare://appointments", "list_appointments", 1),
        ("waitlist://all", "list_appointments", 0),
    ] {
        let bound = practice.pipeline.catalog().bound_resource(uri).unwrap_or_else(|| panic!("{uri}"));
        assert_eq!(bound.tool, tool, "{uri}");
        let answer = practice.ok(bound.tool, Value::Object(bound.arguments)).await;
        assert_eq!(answer["count"], rows, "{uri}: {answer:#}");
    }
}

#[tokio::test]
async fn every_name_that_clients_try_means_a_tool_of_scheduling() {
    let catalog = medcor::catalog::catalog().unwrap();
    for (name, tool) in [
        ("get_patient_appointments", "list_appointments"),
        ("get_appointment_by_id", "get_appointment_details"),
        ("get_appointment", "get_appointment_details"),
        ("delete_appointment", "cancel_appointment"),
        ("update_appointment", "reschedule_appointment"),
        ("move_appointment", "reschedule_appointment"),
        ("patch_appointment", "reschedule_appointment"),
        ("get_available_slots", "list_appointment_slots"),
        ("list_available_slots", "list_appointment_slots"),
        ("list_appointment_types", "get_appointment_types"),
    ] {
        let (found, _) = catalog.find(name).unwrap_or_else(|| panic!("{name}"));
        assert_eq!(found.entry.name, tool);
    }
}
