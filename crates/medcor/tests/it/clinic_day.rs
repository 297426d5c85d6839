//! A day at a clinic, by MCP over HTTP: a patient arrives, books, is seen, treated and reminded; somebody who
//! waits gets the time that another gives up. What the day leaves behind is FHIR, by two judges.

use std::time::Duration;

use medcor::job::{offer_freed_times, send_due_reminders};
use medcor_fhir::Id;
use medcor_policy::{Role, SubjectId};
use medcor_store::identity::User;
use serde_json::{Value, json};

use crate::support::{Clinic, oracle};

const RECEPTION: &str = "receptionist@here";
const NURSE: &str = "nurse@here";
const DOCTOR: &str = "grace@here";
/// The agent of the patient acts with the patient's own rights.
const AGENT: &str = "nora@here";
const HOUR: Duration = Duration::from_hours(1);

/// A Wednesday, 09:00 in London.
struct Day {
    clinic: Clinic,
}

impl Day {
    async fn begin() -> Self {
        let day = Self { clinic: Clinic::start().await };
        for (id, family, specialty) in [("grace", "Hopper", "Cardiology"), ("emmy", "Noether", "Dermatology")]
        {
            day.clinic
                .put(json!({
                    "resourceType": "Practitioner", "id": id, "active": true,
                    "name": [{ "family": family, "given": [id], "prefix": ["Dr."] }]
                }))
                .await;
            day.clinic
                .put(json!({
                    "resourceType": "PractitionerRole", "id": format!("role-{id}"), "active": true,
                    "practitioner": { "reference": format!("Practitioner/{id}"), "display": format!("Dr. {family}") },
                    "specialty": [{ "text": specialty }]
                }))
                .await;
        }
        day.employ(DOCTOR, Role::Doctor, |user| user.practitioner = Id::new("grace")).await;
        for weekday in 0..5 {
            let hours = json!({
                "provider": "grace", "day_of_week": weekday, "start_time": "09:00", "end_time": "17:00"
            });
            day.done(RECEPTION, "create_appointment_slot", hours).await;
        }
        day
    }

    async fn employ(&self, email: &str, role: Role, change: impl FnOnce(&mut User)) {
        let server = &self.clinic.server;
        let mut user = User {
            id: SubjectId(server.store.clock().new_id().to_string()),
            tenant: server.here.id,
            email: email.to_owned(),
            display_name: email.to_owned(),
            roles: vec![role],
            password_hash: None,
            patient: None,
            practitioner: None,
            is_active: true,
        };
        change(&mut user);
        server.store.identity().create_users(&[user]).await.unwrap();
    }

    async fn call(&self, who: &str, tool: &str, arguments: Value) -> Value {
        let server = &self.clinic.server;
        let request = server.request("POST", "/mcp").bearer(&server.token(who).await);
        let params = json!({ "name": tool, "arguments": arguments });
        request.modern(1, "tools/call", params).send().await.result()
    }

    async fn done(&self, who: &str, tool: &str, arguments: Value) -> Value {
        let mut result = self.call(who, tool, arguments.clone()).await;
        assert_eq!(result["isError"], false, "{who}: {tool} {arguments}: {}", result["content"][0]["text"]);
        result["structuredContent"].take()
    }

    /// The text with which a call is refused.
    async fn refused(&self, who: &str, tool: &str, arguments: Value) -> String {
        let result = self.call(who, tool, arguments.clone()).await;
        assert_eq!(result["isError"], true, "{who}: {tool} {arguments} was not refused: {result}");
        result["content"][0]["text"].as_str().unwrap().to_owned()
    }

    fn pass(&self, time: Duration) {
        self.clinic.server.store.clock().advance(time);
    }

    /// The patient is written down, gets a login, and tells what does not become her.
    async fn onboards(&self) -> Value {
        let nora = json!({
            "first_name": "Nora", "last_name": "Quist", "dob": "1961-04-05", "gender": "female",
            "phone": "+44 1632 960123", "email": "nora@example.org", "address": "1 Mill Lane", "city": "Northgate",
            "postal_code": "NG1 2AB", "country": "GB", "emergency_contact": "Ole Quist",
            "emergency_phone": "+44 1632 960124", "insurance_provider": "Acme Health",
            "insurance_policy_number": "P-1"
        });
        let nora = self.done(RECEPTION, "create_patient", nora).await;
        let patient = nora["id"].as_str().unwrap().to_owned();
        self.employ(AGENT, Role::Patient, |user| user.patient = Id::new(&patient)).await;
        let allergy = json!({
            "patient": patient, "substance": "penicillin", "reaction": ["hives", "swollen lips"],
            "severity": "severe", "criticality": "high", "onset_date": "1999"
        });
        self.done(NURSE, "add_allergy", allergy).await;
        nora
    }

    /// The agent finds a time, keeps it while it asks, and books it; then answers the questions of the clinic.
    async fn books(&self) -> (Value, Value) {
        let offered = json!({ "patient": "me", "specialty": "cardiologist", "date": "today", "start_time": "10:00", "mode": "HOLD" });
        let offered = self.done(AGENT, "check_and_book_appointment", offered).await;
        let booking = json!({
            "patient": "me", "provider": "grace", "date": "2026-12-02", "start_time": "10:00",
            "hold_id": offered["hold_id"], "reason": "Burning stomach", "appointment_type": "CONSULTATION"
        });
        let today = self.done(AGENT, "create_appointment", booking).await;
        assert_eq!((&today["status"], &today["time"]), (&json!("SCHEDULED"), &json!("10:00")), "{offered:#}");
        let friday = json!({
            "patient": "me", "specialty": "cardiologist", "date": "this Friday afternoon", "mode": "BOOK",
            "reason": "Follow-up"
        });
        let friday = self.done(AGENT, "check_and_book_appointment", friday).await;
        assert_eq!(friday["status"], "SCHEDULED");
        let questions = self.done(AGENT, "get_previsit_questionnaire", json!({})).await;
        assert!(!questions["questions"].as_array().unwrap().is_empty());
        let answers = json!({
            "patient": "me", "appointment": today["id"],
            "responses": { "reason": "Burning stomach for two weeks", "allergies": "Penicillin" }
        });
        let answers = self.done(AGENT, "submit_previsit_response", answers).await;
        assert_eq!(answers["is_complete"], true);
        (today, friday)
    }

    /// Reception checks her in, the nurse opens the visit and measures.
    async fn arrives(&self, patient: &Value, appointment: &Value) -> Value {
        let arrived = json!({ "appointment_id": appointment["id"], "status": "checked-in" });
        let arrived = self.done(RECEPTION, "update_appointment_status", arrived).await;
        assert_eq!(arrived["status"], "CHECKED_IN");
        let visit = json!({
            "patient": patient, "encounter_type": "office_visit", "appointment": appointment["id"],
            "reason": "Burning stomach", "provider": "grace"
        });
        let visit = self.done(NURSE, "create_encounter", visit).await;
        let vitals = json!({
            "patient": patient, "encounter": visit["id"], "blood_pressure": "148/92", "heart_rate": 88,
            "temperature": 36.9, "respiratory_rate": 15, "oxygen_saturation": 97, "weight": 74.5, "weight_unit": "kg",
            "height": 168, "height_unit": "cm", "pain_score": 4
        });
        self.done(NURSE, "record_vital_signs", vitals).await;
        visit
    }

    /// The doctor reads, writes, signs, and adds what came to mind afterwards.
    async fn is_seen(&self, patient: &Value, visit: &Value) {
        let summary = self.done(DOCTOR, "get_patient_summary", json!({ "patient": patient })).await;
        let told = summary.to_string();
        for known in ["penicillin", "two weeks", "148/92"] {
            assert!(told.contains(known), "the summary does not say `{known}`: {summary:#}");
        }
        let draft = json!({
            "patient": patient, "encounter": visit["id"], "subjective": "Burning pain after meals.",
            "objective": "Soft abdomen, tender epigastrium."
        });
        let draft = self.done(DOCTOR, "create_soap_note", draft).await;
        let sign = json!({
            "note": draft["id"], "assessment": "Gastritis, H. pylori suspected.", "plan": "Breath test, treat.", "sign": true
        });
        let signed = self.done(DOCTOR, "update_soap_note", sign).await;
        assert_eq!(signed["status"], "signed");
        let late = json!({ "note": draft["id"], "plan": "Nothing" });
        assert!(self.refused(DOCTOR, "update_soap_note", late).await.starts_with("PRECONDITION"));
        let addendum = json!({
            "note": draft["id"], "kind": "addendum", "subjective": "Takes ibuprofen.", "objective": "None.",
            "assessment": "Worsens gastritis.", "plan": "Also stop ibuprofen."
        });
        let addendum = self.done(DOCTOR, "version_soap_note", addendum).await;
        self.done(DOCTOR, "update_soap_note", json!({ "note": addendum["id"], "sign": true })).await;
    }

    /// One result is abnormal, one is critical.
    async fn is_tested(&self, patient: &Value, visit: &Value) {
        let order =
            json!({ "patient": patient, "tests": ["BMP"], "encounter": visit["id"], "reason": "Gastritis" });
        let order = self.done(DOCTOR, "order_lab", order).await;
        let result = json!({
            "patient": patient, "order": order["order_id"], "conclusion": "Repeat potassium",
            "results": [
                { "test": "creatinine", "value": 1.6, "unit": "mg/dL" },
                { "test": "potassium", "value": 6.8, "unit": "mmol/L" }
            ]
        });
        let result = self.done(DOCTOR, "record_lab_result", result).await;
        assert_eq!(
            (&result["results"][0]["flag"], &result["order_status"]),
            (&json!("high"), &json!("completed"))
        );
        assert_eq!(result["critical"][0]["flag"], "critical_high");
        let again = json!({ "patient": patient, "tests": ["potassium"], "priority": "stat" });
        let again = self.done(DOCTOR, "order_lab", again).await;
        let fine = json!({
            "patient": patient, "order": again["order_id"],
            "results": [{ "test": "potassium", "value": 4.4, "unit": "mmol/L" }]
        });
        let fine = self.done(DOCTOR, "record_lab_result", fine).await;
        assert_eq!(fine["results"][0]["flag"], "normal");
    }

    /// An allergy stands against the first choice and an interaction against the second.
    async fn is_treated(&self, patient: &Value, visit: &Value) {
        let order = |medication: &str, dosage: &str, frequency: &str| {
            json!({
                "patient": patient, "medication": medication, "dosage": dosage, "frequency": frequency, "route": "oral",
                "encounter": visit["id"], "duration_days": 14, "quantity": 28, "refills": 1
            })
        };
        let prescribe = "prescribe_medication";
        let usual = order("Simvastatin", "20 mg", "once daily");
        self.done(DOCTOR, prescribe, usual).await;
        let refused = self.refused(DOCTOR, prescribe, order("Amoxicillin", "1 g", "twice daily")).await;
        assert!(refused.to_lowercase().contains("penicillin"), "{refused}");
        let mut other = order("Clarithromycin", "500 mg", "twice daily");
        let refused = self.refused(DOCTOR, prescribe, other.clone()).await;
        assert!(refused.to_lowercase().contains("simvastatin"), "{refused}");
        other["override_reason"] = "Simvastatin is paused for the fourteen days".into();
        let other = self.done(DOCTOR, prescribe, other).await;
        assert!(!other["warnings"].as_array().unwrap().is_empty());
        let pause = json!({ "patient": patient, "medication": "Simvastatin", "status": "on-hold", "reason": "Clarithromycin" });
        self.done(DOCTOR, "update_prescription", pause).await;
        let handed_out = json!({ "patient": patient, "medication": "Clarithromycin", "quantity": 28, "pharmacy": "Corner Pharmacy" });
        self.done(NURSE, "add_medication_refill", handed_out).await;
        let plan = json!({
            "patient": patient, "name": "Eradication", "diagnosis": "Gastritis", "encounter": visit["id"],
            "lifestyle_intervention": "No alcohol for two weeks",
            "medications": [{ "name": "Omeprazole", "dosage": "20 mg", "frequency": "twice daily", "duration": "14 days" }],
            "instructions": "Take everything to the end", "follow_up_date": "2026-12-16"
        });
        self.done(DOCTOR, "create_treatment_plan", plan).await;
    }

    async fn leaves(&self, patient: &Value, visit: &Value, appointment: &Value) {
        let referral =
            json!({ "patient": patient, "specialty": "gastroenterology", "reason": "If it does not heal" });
        self.done(DOCTOR, "refer_patient", referral).await;
        let over = json!({ "encounter": visit["id"], "status": "completed", "diagnosis": ["Gastritis"] });
        self.done(DOCTOR, "update_encounter", over).await;
        let letter = json!({
            "patient": patient, "title": "Letter home", "description": "You were seen for gastritis.",
            "record_type": "CONSULTATION", "encounter": visit["id"], "attachments": ["https://files.example.org/leaflet.pdf"]
        });
        self.done(DOCTOR, "create_medical_record", letter).await;
        let over = json!({ "appointment_id": appointment["id"], "status": "completed" });
        assert_eq!(self.done(RECEPTION, "update_appointment_status", over).await["status"], "COMPLETED");
    }

    /// In the evening the first dose is taken, in the morning the second one is not.
    async fn remembers(&self, patient: &Value) {
        let reminder = json!({
            "patient": patient, "medication": "Clarithromycin", "times": ["08:00", "20:00"], "end_date": "2026-12-15"
        });
        let reminder = self.done(NURSE, "create_medication_reminder", reminder).await;
        self.pass(HOUR * 10 + Duration::from_mins(10));
        send_due_reminders(&self.clinic.server.pipeline).await.unwrap();
        let taken = json!({ "reminder": reminder["reminder_id"] });
        self.done(AGENT, "log_medication_taken", taken).await;
        self.pass(HOUR * 12);
        send_due_reminders(&self.clinic.server.pipeline).await.unwrap();
        let skipped = json!({ "reminder": reminder["reminder_id"], "status": "skipped", "reason": "Nausea" });
        self.done(AGENT, "log_medication_taken", skipped).await;
        let adherence = self.done(AGENT, "get_adherence", json!({ "patient": "me" })).await;
        assert_eq!((&adherence["taken"], &adherence["skipped"]), (&json!(1), &json!(1)), "{adherence:#}");
    }

    /// She gives up Friday, and whoever waits for it gets it.
    async fn gives_up(&self, friday: &Value) {
        let tom = json!({ "first_name": "Tom", "last_name": "Reed", "dob": "1975-02-03", "phone": "+44 1632 960555" });
        let tom = self.done(RECEPTION, "create_patient", tom).await;
        let waits = json!({ "patient": tom["id"], "provider": "grace", "date": friday["date"] });
        let waits = self.done(RECEPTION, "join_waitlist", waits).await;
        let given_up = json!({ "appointment_id": friday["id"], "reason": "Feels better" });
        let given_up = self.done(AGENT, "cancel_appointment", given_up).await;
        assert_eq!(given_up["status"], "CANCELLED");
        assert!(given_up["waiting"].is_null(), "who else waits is none of hers");
        offer_freed_times(&self.clinic.server.pipeline).await.unwrap();
        let whole = json!({ "status": "waitlist" });
        let waiting = self.done(RECEPTION, "list_appointments", whole).await;
        assert_eq!(waiting["count"], 1);
        let accepted = json!({ "appointment_id": waits["id"] });
        let accepted = self.done(RECEPTION, "reschedule_appointment", accepted).await;
        assert_eq!((&accepted["status"], &accepted["time"]), (&json!("SCHEDULED"), &friday["time"]));
    }

    /// What comes in between visits.
    async fn asks(&self, patient: &Value) {
        let question = json!({ "patient": "me", "subject": "Wine", "message": "May I drink a glass?" });
        let question = self.done(AGENT, "create_medical_inquiry", question).await;
        let answer = json!({ "inquiry": question["inquiry_id"], "answer": "Better not." });
        self.done(DOCTOR, "mark_inquiry_answered", answer).await;
        let told = json!({ "patient": patient, "message": "Results are fine", "channel": "sms" });
        self.done(NURSE, "add_communication_logs", told).await;
        let alarm = json!({ "patient": "me", "description": "Black stool", "priority": "urgent" });
        let alarm = self.done(AGENT, "report_emergency", alarm).await;
        let over =
            json!({ "emergency": alarm["emergency_id"], "status": "resolved", "notes": "Iron tablets" });
        self.done(NURSE, "update_emergency_status", over).await;
    }
}

#[tokio::test]
async fn a_day_at_the_clinic_leaves_nothing_but_fhir() {
    let day = Day::begin().await;
    let nora = day.onboards().await;
    let patient = nora["id"].clone();
    let (today, friday) = day.books().await;
    day.pass(HOUR);
    let visit = day.arrives(&patient, &today).await;
    day.is_seen(&patient, &visit).await;
    day.is_tested(&patient, &visit).await;
    day.is_treated(&patient, &visit).await;
    day.leaves(&patient, &visit, &today).await;
    day.remembers(&patient).await;
    day.gives_up(&friday).await;
    day.asks(&patient).await;

    let seen = day.done(DOCTOR, "get_encounter", json!({ "encounter": visit["id"] })).await;
    assert_eq!(seen["status"], "completed");
    let refused = day.refused(AGENT, "list_appointments", json!({ "patient": "Tom Reed" })).await;
    assert!(refused.starts_with("RESOURCE_NOT_FOUND"), "{refused}");
    let types = oracle::check(&day.clinic.server.exported().await);
    println!("{types:?}");
    for name in [
        "AllergyIntolerance",
        "Appointment",
        "CarePlan",
        "Communication",
        "CommunicationRequest",
        "Composition",
        "Condition",
        "Coverage",
        "DetectedIssue",
        "DiagnosticReport",
        "DocumentReference",
        "Encounter",
        "Flag",
        "MedicationDispense",
        "MedicationRequest",
        "MedicationStatement",
        "Observation",
        "Patient",
        "QuestionnaireResponse",
        "Schedule",
        "ServiceRequest",
    ] {
        assert!(types.contains_key(name), "the day left no {name}: {types:?}");
    }
}
