//! Reminders, what was taken of them, and how regularly. The clock stands at 2026-12-02T09:00Z.

use std::time::Duration;

use medcor::job::send_due_reminders;
use medcor_fhir::{Id, ParsedResource, ResourceType, validate::validate};
use medcor_policy::{Role, system::permit_export};
use medcor_tools::Caller;
use serde_json::{Value, json};

use crate::support::{Clinic, patient};

const HOUR: u64 = 3600;

fn prescription(id: &str, name: &str, status: &str) -> Value {
    json!({
        "resourceType": "MedicationRequest", "id": id, "status": status, "intent": "order",
        "medicationCodeableConcept": { "text": name }, "subject": { "reference": "Patient/ada" },
        "authoredOn": "2026-11-01",
        "dosageInstruction": [{ "doseAndRate": [{ "doseQuantity": { "value": 500, "unit": "mg" } }] }]
    })
}

async fn clinic() -> Clinic {
    let clinic = Clinic::start().await;
    clinic.put(patient("ada", ("Ada", "Lovelace"), "1985-03-15")).await;
    clinic.put(patient("bob", ("Bob", "Boole"), "1980-01-01")).await;
    clinic.put(prescription("m1", "Metformin 500 MG", "active")).await;
    clinic.put(prescription("m2", "Ibuprofen", "stopped")).await;
    clinic
}

fn ada(clinic: &Clinic) -> Caller {
    clinic.patient_caller(&Id::new("ada").unwrap())
}

fn advance(clinic: &Clinic, hours: u64) {
    clinic.server.store.clock().advance(Duration::from_secs(hours * HOUR));
}

/// Metformin at eight in the morning and in the evening, for a week: the first dose is that of this evening.
async fn reminder(clinic: &Clinic) -> Value {
    let arguments = json!({
        "patient_name": "Ada Lovelace", "medication": "Metformin", "dosage": "500 mg", "frequency": "twice daily",
        "times": ["08:00", "20:00"], "end_date": "2026-12-09"
    });
    clinic.ok(Role::Nurse, "create_medication_reminder", arguments).await
}

async fn logged(clinic: &Clinic, reminder: &Value, more: Value) -> Value {
    let mut arguments = json!({ "reminder_id": reminder["reminder_id"] });
    arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    match clinic.call(&ada(clinic), "log_medication_taken", arguments).await {
        Ok(answer) => answer,
        Err(report) => json!({ "error": report.code.name(), "text": report.text() }),
    }
}

/// Every record of this type, validated.
async fn records(clinic: &Clinic, resource_type: ResourceType) -> Vec<Value> {
    let permit = permit_export(clinic.server.here.id);
    let mut session = clinic.server.store.session(&permit);
    let page = session.export(resource_type, 0, 1000).await.unwrap();
    let valid = |body: &str| {
        let resource = ParsedResource::parse(body).unwrap();
        assert_eq!(validate(&resource), [], "{body}");
        serde_json::from_str(body).unwrap()
    };
    page.records.iter().map(|record| valid(&record.body)).collect()
}

#[tokio::test]
async fn a_documented_call_makes_a_reminder_that_is_tied_to_its_prescription() {
    let clinic = clinic().await;
    let answer = reminder(&clinic).await;
    for (field, value) in [
        ("status", json!("success")),
        ("message", json!("Time to take Metformin 500 MG, 500 mg")),
        ("patient_id", json!("ada")),
        ("mrn", json!("MRN-ada")),
        ("medication", json!("Metformin 500 MG")),
        ("dosage", json!("500 mg")),
        ("frequency", json!("twice daily")),
        ("times", json!(["08:00", "20:00"])),
        ("end_date", json!("2026-12-09")),
        ("send_at", json!("2026-12-02T20:00:00+00:00")),
        ("prescription_id", json!("m1")),
        ("warnings", json!([])),
    ] {
        assert_eq!(answer[field], value, "{field}");
    }
    let requests = records(&clinic, ResourceType::COMMUNICATION_REQUEST).await;
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0]["basedOn"][0]["reference"], "MedicationRequest/m1");
    assert_eq!(requests[0]["occurrenceDateTime"], "2026-12-02T20:00:00.000Z");
}

#[tokio::test]
async fn times_follow_from_the_frequency_and_the_dose_from_the_prescription() {
    let clinic = clinic().await;
    let arguments = json!({
        "patient": "ada", "medication": "metformin", "frequency": "every 8 hours", "end_date": "2026-12-09"
    });
    let answer = clinic.call(&ada(&clinic), "create_medication_reminder", arguments).await.unwrap();
    assert_eq!(answer["times"], json!(["08:00", "14:00", "20:00"]));
    assert_eq!(answer["dosage"], "500 mg");
    let arguments = json!({
        "patient": "ada", "medication": "vitamin D", "dosage": "1000 IU", "times": ["9 PM"],
        "end_date": "2026-12-09"
    });
    let answer = clinic.call(&ada(&clinic), "create_medication_reminder", arguments).await.unwrap();
    assert_eq!(answer["times"], json!(["21:00"]));
    assert!(answer["warnings"][0].as_str().unwrap().contains("no active prescription"), "{answer}");
}

#[tokio::test]
async fn every_wrong_argument_of_a_reminder_is_named() {
    let clinic = clinic().await;
    let good = json!({
        "patient": "ada", "medication": "Metformin", "times": ["08:00"], "end_date": "2026-12-09"
    });
    for (field, value, path) in [
        ("medication", json!("Metformin; drop"), "/medication"),
        ("times", json!(["25:00"]), "/times/0"),
        ("times", json!(["08:00", "8 am"]), "/times/1"),
        ("frequency", json!("often"), "/frequency"),
        ("frequency", json!("as needed"), "/frequency"),
        ("frequency", json!("twice daily"), "/times"),
        ("start_date", json!("2026-12-01"), "/start_date"),
        ("end_date", json!("2026-12-01"), "/end_date"),
        ("end_date", json!("2030-01-01"), "/end_date"),
        ("end_date", json!("2026-12-02"), "/end_date"),
        ("end_date", json!("soon"), "/end_date"),
    ] {
        let mut arguments = good.clone();
        arguments[field] = value.clone();
        let report = clinic.call_as(Role::Nurse, "create_medication_reminder", arguments).await.unwrap_err();
        assert_eq!(report.code.name(), "VALIDATION_ERROR", "{field} {value}");
        assert_eq!(report.details["problems"][0]["path"], path, "{field} {value}");
    }
    let stopped = json!({
        "patient": "ada", "medication": "Ibuprofen", "prescription": "m2", "times": ["08:00"], "end_date": "2026-12-09"
    });
    assert_eq!(clinic.refusal(Role::Nurse, "create_medication_reminder", stopped).await, "PRECONDITION");
    assert!(records(&clinic, ResourceType::COMMUNICATION_REQUEST).await.is_empty());
}

#[tokio::test]
async fn a_second_reminder_of_a_medication_is_refused_and_a_repeated_call_has_one_effect() {
    let clinic = clinic().await;
    let arguments = json!({
        "patient": "ada", "medication": "Metformin", "times": ["08:00"], "end_date": "2026-12-09",
        "idempotency_key": "reminder-1"
    });
    let first = clinic.ok(Role::Nurse, "create_medication_reminder", arguments.clone()).await;
    let again = clinic.ok(Role::Nurse, "create_medication_reminder", arguments.clone()).await;
    assert_eq!(first, again);
    let mut other = arguments;
    other.as_object_mut().unwrap().remove("idempotency_key");
    assert_eq!(clinic.refusal(Role::Nurse, "create_medication_reminder", other).await, "CONFLICT");
    assert_eq!(records(&clinic, ResourceType::COMMUNICATION_REQUEST).await.len(), 1);
}

#[tokio::test]
async fn doses_are_taken_late_or_skipped_with_a_reason() {
    let clinic = clinic().await;
    let reminder = reminder(&clinic).await;
    let early = logged(&clinic, &reminder, json!({})).await;
    assert_eq!(early["error"], "PRECONDITION", "the first dose is due in eleven hours: {early}");

    advance(&clinic, 11);
    let taken = logged(&clinic, &reminder, json!({ "notes": "with dinner" })).await;
    assert_eq!(taken["outcome"], "taken", "{taken}");
    assert_eq!(taken["scheduled_for"], "2026-12-02T20:00:00+00:00");
    assert_eq!(taken["next_due"], "2026-12-03T08:00:00+00:00");
    assert_eq!(taken["already_logged"], false);

    advance(&clinic, 14);
    let late = logged(&clinic, &reminder, json!({ "status": "late", "reason": "overslept" })).await;
    assert_eq!(
        (&late["outcome"], &late["scheduled_for"]),
        (&json!("late"), &json!("2026-12-03T08:00:00+00:00"))
    );

    advance(&clinic, 10);
    let skipped = logged(&clinic, &reminder, json!({ "status": "skipped", "reason": "nausea" })).await;
    assert_eq!(skipped["outcome"], "skipped", "{skipped}");

    let statements = records(&clinic, ResourceType::MEDICATION_STATEMENT).await;
    let statuses: Vec<&str> = statements.iter().map(|it| it["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["completed", "completed", "not-taken"]);
    assert_eq!(statements[0]["informationSource"]["reference"], "Patient/ada");
    assert_eq!(statements[0]["basedOn"][0]["reference"], "MedicationRequest/m1");
    assert_eq!(statements[2]["statusReason"][0]["text"], "nausea");
}

#[tokio::test]
async fn a_dose_is_logged_once_and_corrected_by_the_clinic_alone() {
    let clinic = clinic().await;
    let reminder = reminder(&clinic).await;
    advance(&clinic, 11);
    let first = logged(&clinic, &reminder, json!({})).await;
    let again = logged(&clinic, &reminder, json!({})).await;
    assert_eq!((&again["already_logged"], &again["id"]), (&json!(true), &first["id"]));
    let other = logged(&clinic, &reminder, json!({ "status": "skipped" })).await;
    assert_eq!(other["error"], "CONFLICT");
    let arguments =
        json!({ "reminder_id": reminder["reminder_id"], "status": "skipped", "reason": "vomited" });
    let corrected = clinic.ok(Role::Nurse, "log_medication_taken", arguments).await;
    assert_eq!((&corrected["id"], &corrected["outcome"]), (&first["id"], &json!("skipped")));
    let statements = records(&clinic, ResourceType::MEDICATION_STATEMENT).await;
    assert_eq!(statements.len(), 1);
    assert_eq!(statements[0]["meta"]["versionId"], "2");
}

#[tokio::test]
async fn a_dose_that_is_not_due_or_contradicts_itself_is_refused() {
    let clinic = clinic().await;
    let reminder = reminder(&clinic).await;
    advance(&clinic, 24);
    for (more, path) in [
        (json!({ "scheduled_for": "2026-12-02T19:00" }), "/scheduled_for"),
        (json!({ "scheduled_for": "2026-12-04T08:00" }), "/scheduled_for"),
        (json!({ "taken_at": "2026-12-05T08:00" }), "/taken_at"),
        (json!({ "taken_at": "2026-12-02" }), "/taken_at"),
        (json!({ "status": "skipped", "taken_at": "2026-12-03T08:00" }), "/taken_at"),
        (json!({ "status": "late", "taken_at": "2026-12-03T08:10" }), "/status"),
    ] {
        let refused = logged(&clinic, &reminder, more.clone()).await;
        assert_eq!(refused["error"], "VALIDATION_ERROR", "{more}");
        assert!(refused["text"].as_str().unwrap().contains(path), "{more}: {refused}");
    }
    let yesterday = json!({ "scheduled_for": "2026-12-02T20:00", "taken_at": "2026-12-02T20:30" });
    assert_eq!(logged(&clinic, &reminder, yesterday).await["outcome"], "taken");
}

#[tokio::test]
async fn nobody_logs_or_reads_the_doses_of_another_patient() {
    let clinic = clinic().await;
    let reminder = reminder(&clinic).await;
    let bob = clinic.patient_caller(&Id::new("bob").unwrap());
    let arguments = json!({ "reminder_id": reminder["reminder_id"] });
    let report = clinic.call(&bob, "log_medication_taken", arguments).await.unwrap_err();
    assert_eq!(report.code.name(), "RESOURCE_NOT_FOUND");
    for tool in ["get_adherence", "create_medication_reminder"] {
        let mut arguments = json!({ "patient": "ada" });
        if tool == "create_medication_reminder" {
            arguments["medication"] = "Aspirin".into();
            arguments["times"] = json!(["08:00"]);
            arguments["end_date"] = "2026-12-09".into();
        }
        let report = clinic.call(&bob, tool, arguments.clone()).await.unwrap_err();
        assert_eq!(report.code.name(), "RESOURCE_NOT_FOUND", "{tool}");
        for role in [Role::Receptionist, Role::Admin] {
            assert_eq!(clinic.refusal(role, tool, arguments.clone()).await, "PERMISSION_DENIED");
        }
    }
}

#[tokio::test]
async fn adherence_counts_what_was_due() {
    let clinic = clinic().await;
    let reminder = reminder(&clinic).await;
    advance(&clinic, 11);
    logged(&clinic, &reminder, json!({})).await;
    advance(&clinic, 12);
    logged(&clinic, &reminder, json!({})).await;
    // The evening of the 3rd is missed, the morning of the 4th skipped, its evening open.
    advance(&clinic, 24);
    logged(&clinic, &reminder, json!({ "status": "skipped", "reason": "nausea" })).await;
    advance(&clinic, 12);
    let answer = clinic.call(&ada(&clinic), "get_adherence", json!({ "patient": "me" })).await.unwrap();
    for (field, value) in [
        ("adherence_rate", json!(50.0)),
        ("taken", json!(2)),
        ("late", json!(0)),
        ("skipped", json!(1)),
        ("missed", json!(1)),
        ("total_reminders", json!(4)),
        ("current_streak_days", json!(0)),
        ("longest_streak_days", json!(1)),
    ] {
        assert_eq!(answer[field], value, "{field}: {answer}");
    }
    assert_eq!(answer["reminders"][0]["adherence_rate"], 50.0);
    assert_eq!(answer["not_taken"][0]["reason"], "<record-text>nausea</record-text>");
    assert_eq!(answer["not_taken"][1]["outcome"], "missed");
    let pending = answer["pending"].as_array().unwrap();
    assert_eq!(pending.len(), 2, "{answer}");
    assert_eq!(pending[0]["send_at"], "2026-12-04T20:00:00+00:00");
    assert_eq!((&pending[0]["is_due"], &pending[1]["is_due"]), (&json!(true), &json!(false)));
    assert!(pending[0]["message"].as_str().unwrap().contains("Time to take Metformin"));
    assert_eq!(answer["prescriptions"], json!({ "total": 2, "active": 1, "stopped": 1 }));
    let earlier = json!({ "patient": "ada", "from": "2026-12-02", "to": "2026-12-02" });
    let answer = clinic.ok(Role::Doctor, "get_adherence", earlier).await;
    assert_eq!((&answer["adherence_rate"], &answer["total_reminders"]), (&json!(100.0), &json!(1)));
}

#[tokio::test]
async fn the_documented_uris_read_adherence() {
    let clinic = clinic().await;
    reminder(&clinic).await;
    let catalog = clinic.server.pipeline.catalog().clone();
    for uri in [
        "reminders://adherence/Ada Lovelace",
        "reminders://medication/pending/Ada%20Lovelace",
        "medications://statistics/ada",
    ] {
        let bound = catalog.bound_resource(uri).unwrap_or_else(|| panic!("{uri}"));
        assert_eq!(bound.tool, "get_adherence");
        let answer = clinic.ok(Role::Nurse, bound.tool, Value::Object(bound.arguments)).await;
        assert_eq!(answer["patient_id"], "ada", "{uri}");
    }
}

#[tokio::test]
async fn the_job_sends_each_due_reminder_once() {
    let clinic = clinic().await;
    reminder(&clinic).await;
    let pipeline = clinic.server.pipeline.clone();
    let rows = clinic.server.audit().await.len();
    send_due_reminders(&pipeline).await.unwrap();
    assert_eq!(clinic.server.audit().await.len(), rows, "where nothing is due there is no call");
    advance(&clinic, 11);
    for _ in 0..2 {
        send_due_reminders(&pipeline).await.unwrap();
    }
    let sent = records(&clinic, ResourceType::COMMUNICATION).await;
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert_eq!(sent[0]["recipient"][0]["reference"], "Patient/ada");
    assert_eq!(sent[0]["payload"][0]["contentString"], "Time to take Metformin 500 MG, 500 mg");
    assert_eq!(clinic.server.audit().await.len(), rows + 1);
    let request = &records(&clinic, ResourceType::COMMUNICATION_REQUEST).await[0];
    assert_eq!(request["occurrenceDateTime"], "2026-12-03T08:00:00.000Z");
}

#[tokio::test]
async fn a_dose_that_is_logged_or_long_past_is_passed_over() {
    let clinic = clinic().await;
    let reminder = reminder(&clinic).await;
    advance(&clinic, 11);
    logged(&clinic, &reminder, json!({})).await;
    send_due_reminders(&clinic.server.pipeline).await.unwrap();
    advance(&clinic, 15);
    send_due_reminders(&clinic.server.pipeline).await.unwrap();
    assert!(records(&clinic, ResourceType::COMMUNICATION).await.is_empty());
    advance(&clinic, 24 * 8);
    send_due_reminders(&clinic.server.pipeline).await.unwrap();
    assert_eq!(records(&clinic, ResourceType::COMMUNICATION_REQUEST).await[0]["status"], "completed");
}

#[tokio::test]
async fn a_reminder_ends_with_its_prescription() {
    let clinic = clinic().await;
    reminder(&clinic).await;
    advance(&clinic, 11);
    let arguments =
        json!({ "patient_name": "Ada Lovelace", "medication_name": "Metformin", "reason": "diarrhoea" });
    let answer = clinic.ok(Role::Doctor, "discontinue_medication", arguments).await;
    assert_eq!(answer["reminders_ended"], 1);
    advance(&clinic, 24);
    send_due_reminders(&clinic.server.pipeline).await.unwrap();
    assert!(records(&clinic, ResourceType::COMMUNICATION).await.is_empty());
    assert_eq!(records(&clinic, ResourceType::COMMUNICATION_REQUEST).await[0]["status"], "revoked");
    let answer = clinic.ok(Role::Nurse, "get_adherence", json!({ "patient": "ada" })).await;
    assert_eq!((&answer["total_reminders"], &answer["pending"]), (&json!(0), &json!([])), "{answer}");

    // A prescription that somebody else ended.
    clinic.put(prescription("m1", "Metformin 500 MG", "active")).await;
    reminder(&clinic).await;
    clinic.put(prescription("m1", "Metformin 500 MG", "stopped")).await;
    advance(&clinic, 24);
    send_due_reminders(&clinic.server.pipeline).await.unwrap();
    assert!(records(&clinic, ResourceType::COMMUNICATION).await.is_empty());
}

#[tokio::test]
async fn one_reminder_is_ended_with_its_reason_and_another_takes_its_place() {
    let clinic = clinic().await;
    let made = reminder(&clinic).await;
    let end = json!({ "reminder_id": made["reminder_id"], "reason": "Takes it at other times" });
    let ended = clinic.ok(Role::Nurse, "end_medication_reminder", end.clone()).await;
    assert_eq!((&ended["patient_id"], &ended["medication"]), (&json!("ada"), &json!("Metformin 500 MG")));
    assert_eq!(ended["had_ended"], false);
    assert_eq!(clinic.ok(Role::Nurse, "end_medication_reminder", end.clone()).await["had_ended"], true);
    let requests = records(&clinic, ResourceType::COMMUNICATION_REQUEST).await;
    assert_eq!(
        (&requests[0]["status"], &requests[0]["statusReason"]["text"]),
        (&json!("revoked"), &end["reason"])
    );
    // The prescription goes on, and nothing is sent any more.
    let prescriptions =
        clinic.ok(Role::Nurse, "list_prescriptions", json!({ "patient": "ada", "status": "active" })).await;
    assert_eq!(prescriptions["count"], 1);
    let other = reminder(&clinic).await;
    assert_ne!(other["reminder_id"], made["reminder_id"]);
    advance(&clinic, 11);
    send_due_reminders(&clinic.server.pipeline).await.unwrap();
    let sent = records(&clinic, ResourceType::COMMUNICATION).await;
    let of: Vec<&Value> = sent.iter().map(|message| &message["basedOn"][0]["reference"]).collect();
    let id = other["reminder_id"].as_str().unwrap();
    assert_eq!(
        of,
        [&json!(format!("CommunicationRequest/{id}"))],
        "the reminder that was ended sends nothing"
    );
}

#[tokio::test]
async fn what_is_no_reminder_or_somebody_elses_is_not_ended() {
    let clinic = clinic().await;
    let made = reminder(&clinic).await;
    let end = json!({ "reminder_id": made["reminder_id"] });
    for role in [Role::Receptionist, Role::Admin] {
        assert_eq!(
            clinic.refusal(role, "end_medication_reminder", end.clone()).await,
            "PERMISSION_DENIED",
            "{role}"
        );
    }
    let question = json!({ "patient": "ada", "subject": "Dose", "message": "With food?" });
    let inquiry = clinic.ok(Role::Nurse, "create_medical_inquiry", question).await["id"].clone();
    assert_eq!(
        clinic.refusal(Role::Nurse, "end_medication_reminder", json!({ "reminder": inquiry })).await,
        "PRECONDITION"
    );
    let elsewhere = json!({ "reminder": "0190a0b0-0000-7000-8000-00000000ffff" });
    assert_eq!(clinic.refusal(Role::Nurse, "end_medication_reminder", elsewhere).await, "RESOURCE_NOT_FOUND");
}
