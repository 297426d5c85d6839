//! Encounters: in documented words, with what was found and done in them.

use medcor_fhir::Id;
use medcor_policy::Role;
use serde_json::{Value, json};

use crate::support::{Clinic, patient};

fn encounter(id: &str, (status, class): (&str, &str), kind: &str, start: &str) -> Value {
    json!({
        "resourceType": "Encounter", "id": id, "status": status,
        "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": class },
        "type": [{ "text": kind }],
        "subject": { "reference": "Patient/ada" },
        "participant": [{ "individual": { "reference": "Practitioner/grace" } }],
        "reasonCode": [{ "text": "Cough" }],
        "period": { "start": start, "end": start.replace("T09", "T10") },
        "serviceProvider": { "display": "City Hospital" }
    })
}

async fn clinic() -> Clinic {
    let clinic = Clinic::start().await;
    clinic.put(patient("ada", ("Ada", "Lovelace"), "1985-03-15")).await;
    clinic.put(patient("bob", ("Bob", "Boole"), "1980-01-01")).await;
    clinic
        .put(json!({ "resourceType": "Practitioner", "id": "grace", "name": [{ "text": "Grace Hopper" }] }))
        .await;
    for (id, status, class, kind, start) in [
        ("e1", "finished", "AMB", "Check-up", "2026-01-10T09:00:00Z"),
        ("e2", "finished", "EMER", "Emergency room admission", "2026-03-10T09:00:00Z"),
        ("e3", "in-progress", "AMB", "Follow-up encounter", "2026-12-02T09:00:00Z"),
        ("e4", "planned", "VR", "Video visit", "2026-12-20T09:00:00Z"),
    ] {
        clinic.put(encounter(id, (status, class), kind, start)).await;
    }
    clinic
}

async fn listed(clinic: &Clinic, arguments: Value) -> Vec<String> {
    let answer = clinic.ok(Role::Doctor, "list_encounters", arguments).await;
    let rows = answer["results"].as_array().unwrap().iter();
    rows.map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn encounters_are_listed_newest_first_in_documented_words() {
    let clinic = clinic().await;
    let answer = clinic.ok(Role::Nurse, "list_encounters", json!({ "patient_id": "ada", "limit": 20 })).await;
    assert_eq!(answer["count"], 4);
    let row = |index: usize| &answer["results"][index];
    assert_eq!((&row(0)["encounter_type"], &row(0)["status"]), (&json!("telehealth"), &json!("scheduled")));
    assert_eq!(row(0)["scheduled_at"], "2026-12-20T09:00:00Z");
    assert_eq!((&row(1)["encounter_type"], &row(1)["status"]), (&json!("follow_up"), &json!("in_progress")));
    assert_eq!((&row(2)["encounter_type"], &row(2)["status"]), (&json!("emergency"), &json!("completed")));
    let first = row(3);
    for (field, value) in [
        ("id", "e1"),
        ("patient_id", "ada"),
        ("encounter_type", "office_visit"),
        ("reason", "Cough"),
        ("provider", "Grace Hopper"),
        ("organisation", "City Hospital"),
        ("started_at", "2026-01-10T09:00:00Z"),
        ("completed_at", "2026-01-10T10:00:00Z"),
        ("created_at", "2026-12-02T09:00:00.000Z"),
    ] {
        assert_eq!(first[field], value, "{field}");
    }
}

#[tokio::test]
async fn type_status_and_dates_narrow_the_list() {
    let clinic = clinic().await;
    assert_eq!(listed(&clinic, json!({ "patient": "ada", "encounter_type": "office_visit" })).await, ["e1"]);
    assert_eq!(listed(&clinic, json!({ "patient": "ada", "type": "Follow up" })).await, ["e3"]);
    assert_eq!(listed(&clinic, json!({ "patient": "ada", "status": "completed" })).await, ["e2", "e1"]);
    assert_eq!(
        listed(&clinic, json!({ "patient": "ada", "date_from": "2026-03", "date_to": "2026-03" })).await,
        ["e2"]
    );
}

#[tokio::test]
async fn an_encounter_shows_what_belongs_to_it_and_nothing_else() {
    let clinic = clinic().await;
    let visit = json!({ "reference": "Encounter/e2" });
    let ada = json!({ "reference": "Patient/ada" });
    let observation = |id: &str, category: &str, code: &str, encounter: &Value| {
        json!({
            "resourceType": "Observation", "id": id, "status": "final",
            "category": [{ "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": category
            }] }],
            "code": { "coding": [{ "system": "http://loinc.org", "code": code }] },
            "subject": ada, "encounter": encounter, "effectiveDateTime": "2026-03-10",
            "valueQuantity": { "value": 88, "unit": "/min" }
        })
    };
    clinic.put(observation("pulse", "vital-signs", "8867-4", &visit)).await;
    clinic.put(observation("lab", "laboratory", "2823-3", &visit)).await;
    clinic.put(observation("other", "vital-signs", "8867-4", &json!({ "reference": "Encounter/e1" }))).await;
    clinic
        .put(json!({
            "resourceType": "Condition", "id": "cough", "subject": ada, "encounter": visit,
            "code": { "text": "Bronchitis" }
        }))
        .await;
    let arguments = json!({ "encounter_id": "e2" });
    let answer = clinic.ok(Role::Doctor, "encounter_summary", arguments.clone()).await;
    assert_eq!((&answer["id"], &answer["status"]), (&json!("e2"), &json!("completed")));
    assert_eq!(answer["patient"]["mrn"], "MRN-ada");
    assert_eq!(answer["patient"]["age"], 41);
    assert_eq!(answer["conditions"]["results"][0]["name"], "Bronchitis");
    assert_eq!(answer["vital_signs"]["count"], 1);
    assert_eq!(answer["vital_signs"]["results"][0]["heart_rate"], 88);
    assert_eq!(answer["lab_results"]["results"][0]["id"], "lab");
    assert_eq!(answer["medications"]["count"], 0);
    assert_eq!(answer.get("withheld"), None);
    for role in [Role::Receptionist, Role::Admin] {
        assert_eq!(clinic.refusal(role, "get_encounter", arguments.clone()).await, "PERMISSION_DENIED");
    }
    let bob = clinic.patient_caller(&Id::new("bob").unwrap());
    let report = clinic.call(&bob, "get_encounter", arguments).await.unwrap_err();
    assert_eq!(report.code.name(), "RESOURCE_NOT_FOUND");
}

#[tokio::test]
async fn the_documented_prompts_name_tools_that_exist() {
    let clinic = clinic().await;
    let catalog = clinic.server.pipeline.catalog();
    let prompts = catalog.prompts();
    for name in ["discharge_summary", "encounter_note", "med_reconciliation", "emergency_triage"] {
        let prompt = prompts.iter().find(|prompt| prompt.name == name).unwrap_or_else(|| panic!("no {name}"));
        let words = prompt.template.split(|letter: char| !(letter.is_ascii_lowercase() || letter == '_'));
        let tools: Vec<&str> = words
            .filter(|word| ["get_", "list_", "record_", "search_"].iter().any(|verb| word.starts_with(verb)))
            .collect();
        assert!(!tools.is_empty(), "{name}");
        for tool in tools {
            assert!(catalog.find(tool).is_some(), "{name}: {tool}");
        }
    }
    for prompt in prompts {
        for tool in prompt.reads() {
            let (found, _) = catalog.find(tool).unwrap_or_else(|| panic!("{}: {tool}", prompt.name));
            assert!(found.entry.effect.is_read_only(), "{}: {tool}", prompt.name);
        }
    }
}

fn open(kind: &str) -> Value {
    json!({ "patient_id": "ada", "encounter_type": kind })
}

fn with(mut arguments: Value, mut more: Value) -> Value {
    arguments.as_object_mut().unwrap().append(more.as_object_mut().unwrap());
    arguments
}

#[tokio::test]
async fn a_visit_that_begins_now_is_in_progress_and_has_every_documented_field() {
    let clinic = clinic().await;
    let grace = medcor_tools::Caller::new(medcor_policy::Principal {
        practitioner: Id::new("grace"),
        ..clinic.principal(Role::Doctor)
    });
    let call = with(open("office visit"), json!({ "reason": "Cough", "notes": "came alone" }));
    let created = clinic.call(&grace, "create_encounter", call).await.unwrap();
    for (field, value) in [
        ("patient_id", "ada"),
        ("encounter_type", "office_visit"),
        ("status", "in_progress"),
        ("reason", "Cough"),
        ("notes", "<record-text>came alone</record-text>"),
        ("provider", "Grace Hopper"),
        ("started_at", "2026-12-02T09:00:00.000Z"),
        ("created_at", "2026-12-02T09:00:00.000Z"),
    ] {
        assert_eq!(created[field], value, "{field}");
    }
    assert_eq!(created["id"], created["encounter_id"]);
    let read = clinic.ok(Role::Nurse, "get_encounter", json!({ "encounter_id": created["id"] })).await;
    assert_eq!((&read["notes"], &read["reason"]), (&created["notes"], &created["reason"]));
}

#[tokio::test]
async fn the_times_of_a_visit_tell_its_status() {
    let clinic = clinic().await;
    for (times, status) in [
        (json!({ "scheduled_at": "2026-12-03T10:00" }), "scheduled"),
        (json!({ "scheduled_at": "2026-12-02" }), "scheduled"),
        (json!({ "started_at": "2026-12-02T08:00:00Z" }), "in_progress"),
        (json!({ "started_at": "2026-12-01", "completed_at": "2026-12-01" }), "completed"),
        (json!({ "status": "Completed" }), "completed"),
        (json!({ "status": "arrived" }), "arrived"),
        (json!({ "status": "cancelled", "scheduled_at": "2026-12-03T10:00Z" }), "cancelled"),
    ] {
        let created = clinic.ok(Role::Nurse, "create_encounter", with(open("telehealth"), times)).await;
        assert_eq!(created["status"], status, "{created}");
    }
    let call = json!({ "status": "in_progress", "scheduled_at": "2026-12-02T08:30:00Z" });
    let late = clinic.ok(Role::Nurse, "create_encounter", with(open("emergency"), call)).await;
    assert_eq!(late["scheduled_at"], "2026-12-02T08:30:00.000Z");
    assert_eq!(late["started_at"], "2026-12-02T09:00:00.000Z");
}

#[tokio::test]
async fn times_that_contradict_one_another_are_refused_together() {
    let clinic = clinic().await;
    for (call, paths) in [
        (json!({ "scheduled_at": "2026-12-01T10:00" }), vec!["/scheduled_at"]),
        (json!({ "status": "completed", "scheduled_at": "2026-12-05" }), vec!["/scheduled_at"]),
        (json!({ "started_at": "2026-12-05", "completed_at": "soon" }), vec!["/started_at", "/completed_at"]),
        (json!({ "status": "scheduled", "started_at": "2026-12-01" }), vec!["/started_at"]),
        (json!({ "status": "in-progress", "completed_at": "2026-12-01" }), vec!["/completed_at"]),
        (
            json!({ "started_at": "2026-12-01T10:00Z", "completed_at": "2026-12-01T09:00Z" }),
            vec!["/completed_at"],
        ),
        (json!({ "reason": "   " }), vec!["/reason"]),
    ] {
        let report = clinic
            .call_as(Role::Doctor, "create_encounter", with(open("office_visit"), call))
            .await
            .unwrap_err();
        let problems = report.details["problems"].as_array().unwrap();
        let found: Vec<&str> = problems.iter().map(|problem| problem["path"].as_str().unwrap()).collect();
        assert_eq!(found, paths);
    }
}

async fn booked(clinic: &Clinic, id: &str, (status, whose): (&str, &str)) {
    clinic
        .put(json!({
            "resourceType": "Appointment", "id": id, "status": status,
            "start": "2026-12-03T10:00:00Z", "end": "2026-12-03T10:30:00Z",
            "participant": [{ "actor": { "reference": format!("Patient/{whose}") }, "status": "accepted" }]
        }))
        .await;
}

#[tokio::test]
async fn an_appointment_has_one_encounter() {
    let clinic = clinic().await;
    booked(&clinic, "a1", ("booked", "ada")).await;
    booked(&clinic, "a2", ("cancelled", "ada")).await;
    booked(&clinic, "a3", ("booked", "bob")).await;
    let of = |id: &str| with(open("office_visit"), json!({ "appointment_id": id, "status": "scheduled" }));
    let created = clinic.ok(Role::Nurse, "create_encounter", of("a1")).await;
    assert_eq!(created["appointment_id"], "a1");
    assert_eq!(created["scheduled_at"], "2026-12-03T10:00:00.000Z");
    let again = clinic.call_as(Role::Nurse, "create_encounter", of("a1")).await.unwrap_err();
    assert_eq!(again.code.name(), "CONFLICT");
    assert!(again.text().contains(created["id"].as_str().unwrap()), "{}", again.text());
    assert_eq!(clinic.refusal(Role::Nurse, "create_encounter", of("a2")).await, "PRECONDITION");
    assert_eq!(clinic.refusal(Role::Nurse, "create_encounter", of("a3")).await, "VALIDATION_ERROR");
    let cancel = json!({ "encounter": created["id"], "status": "cancelled" });
    clinic.ok(Role::Nurse, "update_encounter", cancel).await;
    clinic.ok(Role::Nurse, "create_encounter", of("a1")).await;
}

async fn standing(clinic: &Clinic, appointment: &str) -> String {
    let shown =
        clinic.ok(Role::Receptionist, "get_appointment_details", json!({ "appointment": appointment })).await;
    shown["status"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_appointment_stands_as_its_encounter_does_and_never_goes_back() {
    let clinic = clinic().await;
    booked(&clinic, "a1", ("booked", "ada")).await;
    let planned = with(open("office_visit"), json!({ "appointment_id": "a1", "status": "scheduled" }));
    let created = clinic.ok(Role::Nurse, "create_encounter", planned).await;
    assert_eq!(created.get("appointment_status"), None, "nobody has come yet");
    assert_eq!(standing(&clinic, "a1").await, "SCHEDULED");
    for (status, word) in
        [("arrived", "CHECKED_IN"), ("in_progress", "IN_PROGRESS"), ("completed", "COMPLETED")]
    {
        let step = json!({ "encounter": created["id"], "status": status });
        let answer = clinic.ok(Role::Nurse, "update_encounter", step.clone()).await;
        assert_eq!(answer["appointment_status"], word);
        assert_eq!(standing(&clinic, "a1").await, word);
        let again = clinic.ok(Role::Nurse, "update_encounter", step).await;
        assert_eq!(again.get("appointment_status"), None, "the same step again changes nothing");
    }
    booked(&clinic, "a2", ("booked", "ada")).await;
    let now = with(open("office_visit"), json!({ "appointment_id": "a2" }));
    let begun = clinic.ok(Role::Nurse, "create_encounter", now).await;
    assert_eq!(
        (&begun["appointment_status"], standing(&clinic, "a2").await),
        (&json!("IN_PROGRESS"), "IN_PROGRESS".into())
    );
    // What the reception said since is not undone.
    booked(&clinic, "a3", ("fulfilled", "ada")).await;
    let late = with(open("office_visit"), json!({ "appointment_id": "a3" }));
    let late = clinic.ok(Role::Nurse, "create_encounter", late).await;
    assert_eq!((late.get("appointment_status"), standing(&clinic, "a3").await), (None, "COMPLETED".into()));
}

#[tokio::test]
async fn of_two_encounters_for_one_appointment_at_once_one_is_opened() {
    let clinic = clinic().await;
    booked(&clinic, "a1", ("booked", "ada")).await;
    let call = with(open("office_visit"), json!({ "appointment_id": "a1" }));
    let (one, other) = futures_util::join!(
        clinic.call_as(Role::Doctor, "create_encounter", call.clone()),
        clinic.call_as(Role::Nurse, "create_encounter", call),
    );
    let refused: Vec<&str> =
        [one, other].into_iter().filter_map(Result::err).map(|it| it.code.name()).collect();
    assert_eq!(refused, ["CONFLICT"]);
}

#[tokio::test]
async fn a_visit_goes_from_planned_to_finished_and_remembers_the_way() {
    let clinic = clinic().await;
    let call = with(open("office_visit"), json!({ "scheduled_at": "2026-12-02T10:00:00Z" }));
    let visit = clinic.ok(Role::Nurse, "create_encounter", call).await["id"].clone();
    for (status, word) in [("arrived", "arrived"), ("in progress", "in_progress"), ("finished", "completed")]
    {
        let step = json!({ "encounter_id": visit, "status": status });
        let answer = clinic.ok(Role::Nurse, "update_encounter", step.clone()).await;
        assert_eq!((&answer["status"], &answer["changed"]), (&json!(word), &json!(["status"])));
        let again = clinic.ok(Role::Nurse, "update_encounter", step).await;
        assert_eq!(again.get("changed"), None, "the same step again changes nothing");
    }
    let read = json!({ "encounter": visit, "format": "fhir" });
    let answer = clinic.ok(Role::Doctor, "get_encounter", read).await;
    for (field, value) in [
        ("scheduled_at", "2026-12-02T10:00:00.000Z"),
        ("started_at", "2026-12-02T09:00:00.000Z"),
        ("completed_at", "2026-12-02T09:00:00.000Z"),
        ("created_at", "2026-12-02T09:00:00.000Z"),
    ] {
        assert_eq!(answer[field], value, "{field}");
    }
    let steps = answer["fhir"]["statusHistory"].as_array().unwrap();
    let steps: Vec<&str> = steps.iter().map(|step| step["status"].as_str().unwrap()).collect();
    assert_eq!(steps, ["planned", "arrived", "in-progress"]);
}

#[tokio::test]
async fn an_impossible_step_is_refused_and_the_possible_ones_are_named() {
    let clinic = clinic().await;
    for (visit, status, named) in [
        ("e4", "completed", "arrived or in_progress or cancelled"),
        ("e3", "scheduled", "completed or cancelled"),
        ("e1", "in_progress", "nothing follows"),
    ] {
        let step = json!({ "encounter": visit, "status": status });
        let report = clinic.call_as(Role::Doctor, "update_encounter", step).await.unwrap_err();
        assert_eq!(report.code.name(), "PRECONDITION");
        assert!(report.text().contains(named), "{}", report.text());
    }
    for wrong in [
        json!({ "encounter": "e3", "completed_at": "2026-12-02" }),
        json!({ "encounter": "e3", "status": "completed", "completed_at": "2026-12-01" }),
        json!({ "encounter": "e3", "scheduled_at": "2026-12-09T10:00" }),
        json!({ "encounter": "e4", "scheduled_at": "2026-12-01T10:00" }),
        json!({ "encounter": "e3", "diagnosis": ["x".repeat(201)] }),
        json!({ "encounter": "e3", "status": "forgotten" }),
    ] {
        assert_eq!(clinic.refusal(Role::Doctor, "update_encounter", wrong).await, "VALIDATION_ERROR");
    }
    let stale = json!({ "encounter": "e3", "notes": "x", "expected_version": 7 });
    assert_eq!(clinic.refusal(Role::Doctor, "update_encounter", stale).await, "CONFLICT");
}

#[tokio::test]
async fn a_diagnosis_is_a_condition_of_the_chart_and_is_not_there_twice() {
    let clinic = clinic().await;
    clinic
        .put(json!({
            "resourceType": "Condition", "id": "asthma", "subject": { "reference": "Patient/ada" },
            "clinicalStatus": { "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active" }] },
            "code": { "text": "Asthma" }
        }))
        .await;
    let call = json!({ "encounter": "e3", "diagnosis": ["Acute bronchitis", "asthma"], "notes": "wheezing" });
    let answer = clinic.ok(Role::Doctor, "update_encounter", call.clone()).await;
    assert_eq!(answer["diagnoses"], json!(["Acute bronchitis", "asthma"]));
    assert_eq!(answer["changed"], json!(["notes", "diagnosis"]));
    let conditions = clinic.ok(Role::Doctor, "list_conditions", json!({ "patient": "ada" })).await;
    assert_eq!(conditions["count"], 2, "{conditions}");
    let again = json!({ "encounter": "e3", "diagnosis": "ACUTE BRONCHITIS" });
    let again = clinic.ok(Role::Doctor, "update_encounter", again).await;
    assert_eq!(again.get("changed"), None);
    let visit = clinic.ok(Role::Doctor, "get_encounter", json!({ "encounter": "e3" })).await;
    assert_eq!(visit["conditions"]["results"][0]["name"], "Acute bronchitis");
    let more = json!({ "encounter": "e3", "note": "better now", "discharged_to": "home" });
    let more = clinic.ok(Role::Nurse, "update_encounter", more).await;
    assert_eq!(more["notes"], "<record-text>wheezing\nbetter now</record-text>");
    assert_eq!(more["discharged_to"], "home");
}

#[tokio::test]
async fn encounters_are_opened_by_clinicians_for_patients_in_their_sight() {
    let clinic = clinic().await;
    for role in [Role::Receptionist, Role::Admin, Role::Patient] {
        for tool in ["create_encounter", "update_encounter"] {
            let call = match tool {
                "create_encounter" => open("office_visit"),
                _ => json!({ "encounter": "e3", "notes": "x" }),
            };
            assert_eq!(clinic.refusal(role, tool, call).await, "PERMISSION_DENIED", "{role} {tool}");
        }
    }
    let unknown = json!({ "patient": "nobody", "encounter_type": "office_visit" });
    assert_eq!(clinic.refusal(Role::Doctor, "create_encounter", unknown).await, "RESOURCE_NOT_FOUND");
}
