//! A clinic in which everything that documents name exists, by those names, at a time before their dates.

use std::time::Duration;

use medcor_fhir::{Id, ResourceType};
use medcor_policy::{Principal, Role, SubjectId, system::permit_export};
use medcor_store::identity::User;
use serde_json::{Map, Value, json};

use crate::support::{Clinic, patient};

/// When the chart was begun. What is asked for of that year is there.
const BEGIN: &str = "2024-12-02T09:00:00Z";
/// Until the documented calls are made: 2025-01-06T07:00Z.
const LATER: Duration = Duration::from_hours(35 * 24 - 2);
const NPI: &str = "1234567890";
const EMAIL: &str = "ahmed@here";

/// The clinic, and who calls.
pub(super) struct Desk {
    pub(super) clinic: Clinic,
    made: Map<String, Value>,
}

impl Desk {
    pub(super) async fn open() -> Self {
        let clinic = Clinic::start_at(BEGIN).await;
        let mut desk = Self { clinic, made: Map::new() };
        desk.furnish().await;
        desk.employ().await;
        desk.book().await;
        desk.chart().await;
        desk.ask().await;
        desk.clinic.server.store.clock().advance(LATER);
        desk
    }

    /// A call over MCP, whose token is an argument where `carries_token` says that the system sends it so.
    pub(super) async fn call(&self, tool: &str, mut arguments: Value, carries_token: bool) -> Value {
        let server = &self.clinic.server;
        let token = server.token(EMAIL).await;
        let mut request = server.request("POST", "/mcp");
        if carries_token {
            arguments["access_token"] = token.into();
        } else {
            request = request.bearer(&token);
        }
        let params = json!({ "name": tool, "arguments": arguments });
        request.modern(1, "tools/call", params).send().await.result()
    }

    /// The text of a resource.
    pub(super) async fn read(&self, uri: &str) -> Value {
        let server = &self.clinic.server;
        let request = server.request("POST", "/mcp").bearer(&server.token(EMAIL).await);
        let reply = request.rpc(1, "resources/read", json!({ "uri": uri })).send().await;
        let answer = reply.rpc();
        let text = answer["result"]["contents"][0]["text"].as_str();
        serde_json::from_str(text.unwrap_or_else(|| panic!("{uri}: {answer}"))).expect("JSON")
    }

    /// The answer to another request of MCP.
    pub(super) async fn request(&self, method: &str, params: Value) -> Value {
        let server = &self.clinic.server;
        let request = server.request("POST", "/mcp").bearer(&server.token(EMAIL).await);
        request.rpc(1, method, params).send().await.rpc()
    }

    /// What there is here under the name of a documented parameter.
    pub(super) fn made(&self, parameter: &str) -> Option<Value> {
        self.made.get(parameter).cloned()
    }

    /// The patient, the doctor, the organisation and a service, by every name that documents use.
    async fn furnish(&self) {
        let legacy = |value: &str| json!({ "system": "urn:legacy", "value": value });
        let organization = &self.clinic.server.here.organization;
        let mut john = patient("john", ("John", "Smith"), "1960-01-01");
        john["gender"] = "male".into();
        john["identifier"][0]["value"] = "MRN001".into();
        john["identifier"].as_array_mut().unwrap().extend([legacy("1"), legacy("uuid")]);
        john["telecom"] = json!([{ "system": "phone", "value": "+971 50 123 4567" }]);
        let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        for record in [
            john,
            json!({
                "resourceType": "Organization", "id": organization, "name": "Here",
                "identifier": [legacy("1"), legacy("uuid")]
            }),
            json!({
                "resourceType": "Practitioner", "id": "ahmed", "active": true,
                "identifier": [
                    { "system": "http://hl7.org/fhir/sid/us-npi", "value": NPI }, legacy("2"), legacy("uuid")
                ],
                "name": [{ "prefix": ["Dr."], "family": "Ahmed" }]
            }),
            json!({
                "resourceType": "HealthcareService", "id": "checkup", "active": true, "name": "Check-up",
                "identifier": [legacy("3")]
            }),
            json!({ "resourceType": "Location", "id": "room", "name": "Room 4" }),
            json!({
                "resourceType": "PractitionerRole", "id": "role", "active": true,
                "practitioner": { "reference": "Practitioner/ahmed", "display": "Dr. Ahmed" },
                "location": [{ "reference": "Location/room", "display": "Room 4" }],
                "specialty": [{ "text": "Cardiology" }],
                "availableTime": [{
                    "daysOfWeek": days, "availableStartTime": "08:00:00", "availableEndTime": "18:00:00"
                }]
            }),
        ] {
            self.clinic.put(record).await;
        }
    }

    /// The doctor's login.
    async fn employ(&self) {
        let server = &self.clinic.server;
        let user = User {
            id: SubjectId(server.store.clock().new_id().to_string()),
            tenant: server.here.id,
            email: EMAIL.to_owned(),
            display_name: "Dr. Ahmed".to_owned(),
            roles: vec![Role::Doctor],
            password_hash: None,
            patient: None,
            practitioner: Id::new("ahmed"),
            is_active: true,
        };
        server.store.identity().create_users(&[user]).await.unwrap();
    }

    async fn book(&mut self) {
        let visit = json!({
            "patient": "john", "provider": "ahmed", "date": "2024-12-02", "start_time": "10:00", "treatment": "checkup",
            "appointment_type": "CONSULTATION", "reason": "Cough", "notes": "Comes by taxi"
        });
        let visit = self.ok("create_appointment", visit).await;
        let booked = json!({
            "patient": "john", "provider": "ahmed", "date": "2025-01-14", "start_time": "08:00", "treatment": "checkup",
            "appointment_type": "FOLLOW_UP", "reason": "Follow-up", "notes": "Comes by taxi"
        });
        let booked = self.ok("create_appointment", booked).await;
        let today = json!({
            "patient": "john", "provider": "ahmed", "date": "2025-01-06", "start_time": "10:00", "reason": "Knee"
        });
        self.ok("create_appointment", today).await;
        self.also_called(ResourceType::APPOINTMENT, &booked["id"], &["1", "uuid"]).await;
        self.also_called(ResourceType::APPOINTMENT, &visit["id"], &["2"]).await;
        self.made.insert("visit".to_owned(), visit["id"].clone());
        self.clinic.put(patient("bob", ("Bob", "Boole"), "1980-01-01")).await;
        let waits = json!({ "patient": "bob", "date": "2025-01-10", "notes": "Any time" });
        self.ok("join_waitlist", waits).await;
    }

    async fn chart(&mut self) {
        let seen = json!({
            "patient": "john", "encounter_type": "office_visit", "status": "completed", "reason": "Check-up",
            "notes": "Came alone", "scheduled_at": "2024-11-04T09:00:00Z", "started_at": "2024-11-04T09:05:00Z",
            "completed_at": "2024-11-04T09:30:00Z"
        });
        let seen = self.ok("create_encounter", seen).await;
        self.also_called(ResourceType::ENCOUNTER, &seen["id"], &["100"]).await;
        let now = json!({
            "patient": "john", "encounter_type": "office_visit", "appointment": self.made["visit"], "reason": "Cough"
        });
        self.ok("create_encounter", now).await;
        self.ok(
            "record_vital_signs",
            json!({
                "patient": "john", "blood_pressure": "128/82", "heart_rate": 72, "temperature": 98.6,
                "oxygen_saturation": 98, "weight": 180, "height": 70
            }),
        )
        .await;
        let order = self.ok("order_lab", json!({ "patient": "john", "tests": ["potassium"] })).await;
        let result = json!({
            "patient": "john", "order": order["order_id"],
            "results": [{ "test": "potassium", "value": 5.4, "unit": "mmol/L" }]
        });
        self.ok("record_lab_result", result).await;
        let allergy = json!({
            "patient": "john", "substance": "penicillin", "reaction": ["hives"], "severity": "moderate",
            "onset_date": "2019-05"
        });
        self.ok("add_allergy", allergy).await;
        let metformin = json!({
            "patient": "john", "medication": "Metformin", "dosage": "500 mg", "frequency": "twice daily",
            "route": "oral", "refills": 3, "quantity": 60
        });
        self.ok("prescribe_medication", metformin).await;
        let reminder = json!({
            "patient": "john", "medication": "Metformin", "times": ["08:00", "20:00"], "end_date": "2025-11-30"
        });
        self.make("reminder_id", "create_medication_reminder", reminder).await;
        let note = json!({
            "patient": "john", "subjective": "Coughs.", "objective": "Clear.", "assessment": "Cold.", "plan": "Rest."
        });
        self.make("note_id", "create_soap_note", note).await;
        let record = json!({
            "patient": "john", "title": "Seen", "description": "Well.", "record_type": "CONSULTATION",
            "diagnosis": "Cold", "symptoms": "Cough", "appointment": self.made["visit"]
        });
        let record = self.ok("create_medical_record", record).await;
        self.also_called(ResourceType::DOCUMENT_REFERENCE, &record["record_id"], &["uuid"]).await;
        let plan = json!({
            "patient": "john", "name": "Physiotherapy", "doctor_id": "ahmed", "end_date": "2025-06-30",
            "appointment": "1"
        });
        let plan = self.ok("create_treatment_plan", plan).await;
        self.also_called(ResourceType::CARE_PLAN, &plan["id"], &["uuid"]).await;
        self.made.insert("plan_id".to_owned(), plan["id"].clone());
    }

    async fn ask(&mut self) {
        let responses = json!({ "patient": "john", "responses": { "reason": "Cough" } });
        self.ok("submit_previsit_response", responses).await;
        let emergency = json!({ "patient": "john", "description": "Chest pain", "priority": "urgent" });
        self.make("emergency_id", "report_emergency", emergency).await;
        let inquiry = json!({ "patient": "john", "subject": "Dose", "message": "With food?" });
        self.make("inquiry_id", "create_medical_inquiry", inquiry).await;
    }

    async fn make(&mut self, name: &str, tool: &str, arguments: Value) {
        let answer = self.ok(tool, arguments).await;
        assert!(!answer[name].is_null(), "{tool} answers no {name}: {answer:#}");
        self.made.insert(name.to_owned(), answer[name].clone());
    }

    /// A call that is no documented one.
    async fn ok(&self, tool: &str, arguments: Value) -> Value {
        let principal = Principal { practitioner: Id::new("ahmed"), ..self.clinic.principal(Role::Doctor) };
        let caller = self.clinic.logged_in(principal);
        match self.clinic.call(&caller, tool, arguments.clone()).await {
            Ok(answer) => answer,
            Err(report) => panic!("{tool} {arguments}: {}", report.text()),
        }
    }

    /// Gives a record the ids that it had in older systems.
    async fn also_called(&self, resource_type: ResourceType, id: &Value, names: &[&str]) {
        let server = &self.clinic.server;
        let permit = permit_export(server.here.id);
        let page = server.store.session(&permit).export(resource_type, 0, 1000).await.unwrap();
        let found = page.records.iter().find(|record| id == record.id.as_str());
        let mut record: Value = serde_json::from_str(&found.expect("it was made").body).unwrap();
        let identifiers = names.iter().map(|name| json!({ "system": "urn:legacy", "value": name }));
        match record["identifier"].as_array_mut() {
            Some(there) => there.extend(identifiers),
            None => record["identifier"] = identifiers.collect(),
        }
        self.clinic.put(record).await;
    }
}
