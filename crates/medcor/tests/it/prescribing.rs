//! Prescribing, changing, ending and refilling, with every check. The clock stands at 2026-12-02T09:00Z.

use std::time::Duration;

use medcor_fhir::{Id, ParsedResource, ResourceType, validate::validate};
use medcor_policy::{Principal, Role, system::permit_export};
use medcor_tools::{Caller, ErrorReport};
use serde_json::{Value, json};

use crate::support::{Clinic, denial, patient};

fn allergy(id: &str, substance: &str) -> Value {
    json!({
        "resourceType": "AllergyIntolerance", "id": id, "patient": { "reference": "Patient/ada" },
        "clinicalStatus": { "coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"
        }] },
        "code": { "text": substance }
    })
}

async fn clinic() -> Clinic {
    let clinic = Clinic::start().await;
    let mut ada = patient("ada", ("Ada", "Lovelace"), "1950-03-15");
    ada["identifier"].as_array_mut().unwrap().push(json!({ "system": "urn:legacy", "value": "1" }));
    clinic.put(ada).await;
    clinic.put(patient("bob", ("Bob", "Boole"), "1980-01-01")).await;
    for (id, given) in [("grace", "Grace"), ("alan", "Alan")] {
        clinic
            .put(json!({
                "resourceType": "Practitioner", "id": id,
                "name": [{ "family": "Hopper", "given": [given], "prefix": ["Dr."] }]
            }))
            .await;
    }
    clinic
}

fn doctor(clinic: &Clinic, id: &str) -> Caller {
    clinic.logged_in(Principal { practitioner: Id::new(id), ..clinic.principal(Role::Doctor) })
}

async fn try_call(clinic: &Clinic, tool: &str, arguments: Value) -> Result<Value, ErrorReport> {
    clinic.call(&doctor(clinic, "grace"), tool, arguments).await
}

async fn called(clinic: &Clinic, tool: &str, arguments: Value) -> Value {
    match try_call(clinic, tool, arguments.clone()).await {
        Ok(answer) => answer,
        Err(report) => panic!("{tool} {arguments}: {}", report.text()),
    }
}

async fn refused(clinic: &Clinic, tool: &str, arguments: Value) -> ErrorReport {
    match try_call(clinic, tool, arguments.clone()).await {
        Ok(answer) => panic!("{tool} {arguments} was not refused: {answer}"),
        Err(report) => report,
    }
}

async fn prescribed(clinic: &Clinic, medication: &str, dosage: &str, frequency: &str) -> Value {
    let arguments =
        json!({ "patient": "ada", "medication": medication, "dosage": dosage, "frequency": frequency });
    called(clinic, "prescribe_medication", arguments).await
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

fn paths(report: &ErrorReport) -> Vec<String> {
    let problems = report.details["problems"].as_array().into_iter().flatten();
    problems.map(|problem| problem["path"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_the_patient_is_reported_to_take_warns_and_says_who_reported_it() {
    let clinic = clinic().await;
    clinic
        .put(json!({
            "resourceType": "MedicationStatement", "id": "advil", "status": "active",
            "subject": { "reference": "Patient/ada" }, "medicationCodeableConcept": { "text": "Advil" },
            "dateAsserted": "2026-11-20", "informationSource": { "reference": "Practitioner/alan" }
        }))
        .await;
    let answer = prescribed(&clinic, "warfarin", "5 mg", "once daily").await;
    let warning =
        answer["warnings"].as_array().unwrap().iter().find(|row| row["kind"] == "interaction").unwrap();
    let said = "Advil is reported and not prescribed here: reported by Dr. Alan Hopper, 2026-11-20.";
    assert_eq!((&warning["other"], &warning["reported"]), (&json!("Advil"), &json!(said)));
    // To prescribe what is only reported is no second order of it.
    let answer = prescribed(&clinic, "Advil", "400 mg", "once daily").await;
    let kinds: Vec<&Value> = answer["warnings"].as_array().unwrap().iter().map(|row| &row["kind"]).collect();
    assert!(kinds.contains(&&json!("duplicate_ingredient")), "{answer}");
    records(&clinic, ResourceType::MEDICATION_REQUEST).await;
}

#[tokio::test]
async fn a_pregnancy_and_a_weight_of_the_chart_count() {
    let clinic = clinic().await;
    let mut joan = patient("joan", ("Joan", "Smith"), "1998-01-01");
    joan["gender"] = "female".into();
    clinic.put(joan).await;
    let for_joan = |medication: &str, dosage: &str| json!({ "patient": "joan", "medication": medication, "dosage": dosage, "frequency": "once daily" });
    let before = called(&clinic, "prescribe_medication", for_joan("acetaminophen", "90 mg/kg")).await;
    assert!(!before["warnings"].to_string().contains("dose"), "no weight is known: {before}");
    clinic
        .put(json!({
            "resourceType": "Observation", "status": "final", "subject": { "reference": "Patient/joan" },
            "code": { "coding": [{ "system": "http://loinc.org", "code": "29463-7" }] },
            "effectiveDateTime": "2026-11-01",
            "valueQuantity": { "value": 60, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg" }
        }))
        .await;
    let after = called(&clinic, "prescribe_medication", for_joan("acetaminophen", "95 mg/kg")).await;
    assert!(after["warnings"].as_array().unwrap().iter().any(|row| row["kind"] == "dose"), "{after}");
    clinic
        .put(json!({
            "resourceType": "Condition", "subject": { "reference": "Patient/joan" },
            "code": { "coding": [{ "system": "http://snomed.info/sct", "code": "77386006" }] },
            "clinicalStatus": { "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"
            }] }
        }))
        .await;
    let report = refused(&clinic, "prescribe_medication", for_joan("isotretinoin", "20 mg")).await;
    assert_eq!(paths(&report), ["/override_reason"], "{}", report.text());
}

#[tokio::test]
async fn documented_calls_of_three_systems_prescribe_and_are_read_back() {
    let clinic = clinic().await;
    for (arguments, name) in [
        (
            json!({ "mrn": "MRN-ada", "medication_name": "Lisinopril", "dosage": "10mg", "frequency": "Once daily",
                    "refills": 3 }),
            "Lisinopril",
        ),
        (
            json!({ "patient_name": "Ada Lovelace", "medication_name": "Metformin", "dosage": "500 mg",
                    "frequency": "twice daily", "start_date": "2026-12-02", "instructions": "Take with food" }),
            "Metformin",
        ),
        (
            json!({ "patient_id": 1, "medication_id": "83367", "dosage": "20 mg", "frequency": "at bedtime",
                    "refills_remaining": 2 }),
            "atorvastatin",
        ),
    ] {
        let answer = called(&clinic, "prescribe_medication", arguments.clone()).await;
        assert_eq!(answer["status"], "success");
        assert_eq!(answer["medication"]["name"], name);
        assert_eq!(answer["medication"]["status"], "active");
        assert_eq!(answer["medication"]["prescriber"], "Dr. Grace Hopper");
        for field in ["message", "id", "medication_id", "patient_id", "dosage", "frequency", "prescribed_at"]
        {
            assert!(answer[field].is_string(), "{field}: {answer}");
        }
        let wanted = arguments.get("refills").or_else(|| arguments.get("refills_remaining"));
        assert_eq!(answer["refills_remaining"], *wanted.unwrap_or(&json!(0)));
        assert!(answer["warnings"].is_array());
    }
    let list = called(&clinic, "get_medications", json!({ "mrn": "MRN-ada" })).await;
    let mut rows: Vec<(&str, &str, &str)> = list["results"].as_array().unwrap().iter().map(row).collect();
    rows.sort_unstable();
    assert_eq!(
        rows,
        [
            ("Lisinopril", "10 mg", "once daily"),
            ("Metformin", "500 mg", "twice daily"),
            ("atorvastatin", "20 mg", "once daily at bedtime"),
        ]
    );
    let requests = records(&clinic, ResourceType::MEDICATION_REQUEST).await;
    assert_eq!(requests.len(), 3);
    assert_eq!(requests[0]["medicationCodeableConcept"]["coding"][0]["code"], "29046");
    assert_eq!(requests[0]["requester"]["reference"], "Practitioner/grace");
    assert_eq!(requests[0]["dispenseRequest"]["numberOfRepeatsAllowed"], 3);
    let repeat = &requests[1]["dosageInstruction"][0]["timing"]["repeat"];
    assert_eq!(
        (&repeat["frequency"], &repeat["period"], &repeat["periodUnit"]),
        (&json!(2), &json!(1), &json!("d"))
    );
    assert_eq!(requests[1]["dosageInstruction"][0]["patientInstruction"], "Take with food");
}

fn row(row: &Value) -> (&str, &str, &str) {
    let text = |name: &str| row[name].as_str().unwrap_or_default();
    (text("name"), text("dosage"), text("frequency"))
}

#[tokio::test]
async fn every_wrong_part_of_an_order_is_named_at_once() {
    let clinic = clinic().await;
    let arguments = json!({
        "patient": "ada", "medication": "Lisinopril; DROP TABLE", "dosage": "much", "frequency": "often",
        "start_date": "2020-01-01"
    });
    let report = refused(&clinic, "prescribe_medication", arguments).await;
    assert_eq!(report.code.name(), "VALIDATION_ERROR");
    assert_eq!(paths(&report), ["/medication", "/dosage", "/frequency", "/start_date"]);
    for name in ["a--b", "a/*b", "xp_cmdshell", "<script>", "ACE inhibitors"] {
        let arguments =
            json!({ "patient": "ada", "medication": name, "dosage": "10 mg", "frequency": "daily" });
        assert_eq!(
            paths(&refused(&clinic, "prescribe_medication", arguments).await),
            ["/medication"],
            "{name}"
        );
    }
    assert!(records(&clinic, ResourceType::MEDICATION_REQUEST).await.is_empty());
}

#[tokio::test]
async fn a_misspelled_name_is_refused_with_candidates() {
    let clinic = clinic().await;
    let arguments =
        json!({ "patient": "ada", "medication": "Lisinoprill", "dosage": "10 mg", "frequency": "daily" });
    let report = refused(&clinic, "prescribe_medication", arguments).await;
    assert_eq!(paths(&report), ["/medication"]);
    assert!(report.text().contains("lisinopril"), "{}", report.text());
    assert!(records(&clinic, ResourceType::MEDICATION_REQUEST).await.is_empty());
}

#[tokio::test]
async fn what_no_table_has_is_prescribed_and_said_to_be_unchecked() {
    let clinic = clinic().await;
    let answer = prescribed(&clinic, "Qwzxvium forte", "1 tablet", "daily").await;
    assert_eq!(answer["warnings"][0]["kind"], "unchecked");
    clinic.put(allergy("a1", "Bqrtyphol")).await;
    let arguments =
        json!({ "patient": "ada", "medication": "Bqrtyphol", "dosage": "1 tablet", "frequency": "daily" });
    let report = refused(&clinic, "prescribe_medication", arguments).await;
    assert_eq!(paths(&report), ["/override_reason"], "an allergy to the very words");
}

#[tokio::test]
async fn a_contraindicated_pair_wants_a_reason_that_is_kept() {
    let clinic = clinic().await;
    prescribed(&clinic, "Phenelzine", "15 mg", "TID").await;
    let mut arguments =
        json!({ "patient": "ada", "medication": "Fluoxetine", "dosage": "20 mg", "frequency": "daily" });
    let report = refused(&clinic, "prescribe_medication", arguments.clone()).await;
    assert_eq!(
        (report.code.name(), paths(&report)),
        ("VALIDATION_ERROR", vec!["/override_reason".to_owned()])
    );
    assert!(report.text().to_lowercase().contains("serotonin"), "{}", report.text());
    assert!(records(&clinic, ResourceType::DETECTED_ISSUE).await.is_empty());

    arguments["override_reason"] = "the psychiatrist of the ward watches the switch".into();
    let answer = called(&clinic, "prescribe_medication", arguments).await;
    let warning = &answer["warnings"][0];
    assert_eq!((&warning["kind"], &warning["severity"]), (&json!("interaction"), &json!("contraindicated")));
    assert_eq!(warning["overridden"], true);
    for field in ["description", "other", "management", "source"] {
        assert!(warning[field].is_string(), "{field}: {warning}");
    }
    let issues = records(&clinic, ResourceType::DETECTED_ISSUE).await;
    assert_eq!(issues.len(), 1);
    assert_eq!(answer["detected_issues"][0], issues[0]["id"]);
    assert_eq!(
        issues[0]["mitigation"][0]["action"]["text"],
        "the psychiatrist of the ward watches the switch"
    );
    let implicated = format!("MedicationRequest/{}", answer["id"].as_str().unwrap());
    assert_eq!(issues[0]["implicated"][0]["reference"], implicated);
    assert_eq!(issues[0]["implicated"].as_array().unwrap().len(), 2);
    assert_eq!(issues[0]["mitigation"][0]["author"]["reference"], "Practitioner/grace");
}

#[tokio::test]
async fn an_allergy_to_the_class_wants_a_reason() {
    let clinic = clinic().await;
    clinic.put(allergy("a1", "Penicillin")).await;
    let arguments =
        json!({ "patient": "ada", "medication": "Amoxicillin", "dosage": "500 mg", "frequency": "TID" });
    let report = refused(&clinic, "prescribe_medication", arguments.clone()).await;
    assert_eq!(paths(&report), ["/override_reason"], "{}", report.text());
    let mut overridden = arguments;
    overridden["override_reason"] = "tolerated twice since".into();
    let answer = called(&clinic, "prescribe_medication", overridden).await;
    let issues = records(&clinic, ResourceType::DETECTED_ISSUE).await;
    assert_eq!(issues[0]["implicated"][1]["reference"], "AllergyIntolerance/a1");
    assert_eq!(answer["warnings"][0]["overridden"], true);
}

#[tokio::test]
async fn lesser_findings_are_warnings_and_nothing_harmless_interrupts() {
    let clinic = clinic().await;
    let harmless = prescribed(&clinic, "Lisinopril", "10 mg", "daily").await;
    assert_eq!(harmless["warnings"], json!([]));
    let duplicate = prescribed(&clinic, "Lisinopril", "20 mg", "daily").await;
    let kinds: Vec<&Value> = duplicate["warnings"].as_array().unwrap().iter().map(|it| &it["kind"]).collect();
    assert!(kinds.contains(&&json!("duplicate_ingredient")), "{duplicate}");
    let dose = prescribed(&clinic, "Acetaminophen", "3 g", "QID").await;
    let kinds: Vec<&Value> = dose["warnings"].as_array().unwrap().iter().map(|it| &it["kind"]).collect();
    assert!(kinds.contains(&&json!("dose")), "{dose}");
}

#[tokio::test]
async fn the_prescriber_is_the_caller_and_nobody_else() {
    let clinic = clinic().await;
    let arguments =
        json!({ "patient": "ada", "medication": "Lisinopril", "dosage": "10 mg", "frequency": "daily" });
    for role in [Role::Nurse, Role::Receptionist, Role::Admin] {
        for tool in ["prescribe_medication", "update_prescription", "discontinue_medication"] {
            assert_eq!(
                clinic.refusal(role, tool, arguments.clone()).await,
                "PERMISSION_DENIED",
                "{role}: {tool}"
            );
        }
    }
    let ada = clinic.patient_caller(&Id::new("ada").unwrap());
    let report = clinic.call(&ada, "prescribe_medication", arguments.clone()).await.unwrap_err();
    assert_eq!(report.code.name(), "PERMISSION_DENIED");
    assert_eq!(clinic.refusal(Role::Doctor, "prescribe_medication", arguments.clone()).await, "PRECONDITION");
    let mut for_another = arguments.clone();
    for_another["prescribed_by_id"] = "alan".into();
    assert_eq!(refused(&clinic, "prescribe_medication", for_another).await.code.name(), "PERMISSION_DENIED");
    let mut for_oneself = arguments;
    for_oneself["prescribed_by_id"] = "grace".into();
    called(&clinic, "prescribe_medication", for_oneself).await;
}

#[tokio::test]
async fn prescribing_takes_a_fresh_login_and_a_confirmation_where_they_are_wanted() {
    let clinic = clinic().await;
    let arguments =
        json!({ "patient": "ada", "medication": "Lisinopril", "dosage": "10 mg", "frequency": "daily" });
    let now = clinic.server.store.clock().timestamp().as_second();
    let old = doctor(&clinic, "grace").with_login_at(Some(now - 3600));
    let report = clinic.call(&old, "prescribe_medication", arguments.clone()).await.unwrap_err();
    assert_eq!(report.code.name(), "AUTH_REQUIRED");
    let identity = clinic.server.store.identity();
    identity.set_tenant_setting(clinic.server.here.id, "write_confirmation", "always").await.unwrap();
    let report = refused(&clinic, "prescribe_medication", arguments.clone()).await;
    assert_eq!(report.code.name(), "CONFIRMATION_REQUIRED");
    let mut confirmed = arguments;
    confirmed["confirmation_token"] = report.details["confirmation_token"].clone();
    called(&clinic, "prescribe_medication", confirmed).await;
}

#[tokio::test]
async fn the_same_prescription_is_written_once() {
    let clinic = clinic().await;
    let mut arguments = json!({
        "patient": "ada", "medication": "Lisinopril", "dosage": "10 mg", "frequency": "daily",
        "idempotency_key": "prescription-1"
    });
    let first = called(&clinic, "prescribe_medication", arguments.clone()).await;
    assert_eq!(called(&clinic, "prescribe_medication", arguments.clone()).await, first);
    arguments["dosage"] = "20 mg".into();
    let report = refused(&clinic, "prescribe_medication", arguments.clone()).await;
    assert_eq!(report.code.name(), "IDEMPOTENCY_MISMATCH");
    arguments.as_object_mut().unwrap().remove("idempotency_key");
    arguments["dosage"] = "10mg".into();
    assert_eq!(refused(&clinic, "prescribe_medication", arguments).await.code.name(), "CONFLICT");
    assert_eq!(records(&clinic, ResourceType::MEDICATION_REQUEST).await.len(), 1);
}

#[tokio::test]
async fn what_was_hidden_before_is_in_no_answer_and_what_is_hidden_since_is_not_told_again() {
    let clinic = clinic().await;
    clinic.put(denial("ada", Some("Observation"))).await;
    let arguments = json!({
        "patient": "ada", "medication": "Lisinopril", "dosage": "10 mg", "frequency": "daily",
        "idempotency_key": "prescription-1"
    });
    let first = called(&clinic, "prescribe_medication", arguments.clone()).await;
    assert_eq!(called(&clinic, "prescribe_medication", arguments.clone()).await, first);
    clinic.put(denial("ada", Some("Condition"))).await;
    let report = refused(&clinic, "prescribe_medication", arguments).await;
    assert_eq!(report.code.name(), "CONFLICT");
    assert!(report.text().contains("done under this key already"), "{}", report.text());
    assert_eq!(records(&clinic, ResourceType::MEDICATION_REQUEST).await.len(), 1);
}

#[tokio::test]
async fn a_batch_is_all_or_none_with_every_problem_by_its_index() {
    let clinic = clinic().await;
    let arguments = json!({ "patient": "ada", "prescriptions": [
        { "medication": "Lisinopril", "dosage": "10 mg", "frequency": "daily" },
        { "medication": "Metformin", "dosage": "much", "frequency": "daily" },
        { "medication": "Phenelzine", "dosage": "15 mg", "frequency": "TID" },
        { "medication": "Fluoxetine", "dosage": "20 mg", "frequency": "daily" },
        { "medication": "lisinopril", "dosage": "5 mg", "frequency": "often" },
        { "medication": "Lisinopril", "dosage": "5 mg", "frequency": "daily" }
    ] });
    let report = refused(&clinic, "batch_prescribe", arguments).await;
    let mut found = paths(&report);
    found.sort_unstable();
    assert_eq!(
        found,
        [
            "/prescriptions/1/dosage",
            "/prescriptions/3/override_reason",
            "/prescriptions/4/frequency",
            "/prescriptions/5/medication",
        ]
    );
    assert!(records(&clinic, ResourceType::MEDICATION_REQUEST).await.is_empty());
    let good = json!({ "patient": "ada", "prescriptions": [
        { "medication": "Lisinopril", "dosage": "10 mg", "frequency": "daily" },
        { "medication": "Metformin", "dosage": "500 mg", "frequency": "BID", "refills": 2 }
    ] });
    let answer = called(&clinic, "batch_prescribe", good).await;
    assert_eq!((&answer["count"], &answer["results"][1]["refills_remaining"]), (&json!(2), &json!(2)));
    assert_eq!(records(&clinic, ResourceType::MEDICATION_REQUEST).await.len(), 2);
}

#[tokio::test]
async fn a_change_ends_the_prescription_and_writes_its_successor() {
    let clinic = clinic().await;
    let first = prescribed(&clinic, "Lisinopril", "10 mg", "daily").await;
    let arguments = json!({
        "patient_name": "Ada Lovelace", "medication_name": "lisinopril", "new_dosage": "20 mg",
        "new_frequency": "BID"
    });
    let by_alan =
        clinic.call(&doctor(&clinic, "alan"), "update_prescription", arguments.clone()).await.unwrap();
    assert_eq!((&by_alan["changed"], &by_alan["replaced_prescription_id"]), (&json!(true), &first["id"]));
    assert_eq!(row(&by_alan["medication"]), ("Lisinopril", "20 mg", "twice daily"));
    assert_eq!(by_alan["medication"]["prescriber"], "Dr. Alan Hopper");
    assert_eq!(by_alan["warnings"], json!([]), "the old one is no duplicate");
    let requests = records(&clinic, ResourceType::MEDICATION_REQUEST).await;
    let old = requests.iter().find(|it| it["id"] == first["id"]).unwrap();
    let new = requests.iter().find(|it| it["id"] == by_alan["id"]).unwrap();
    assert_eq!((&old["status"], &new["status"]), (&json!("stopped"), &json!("active")));
    assert_eq!(old["requester"]["reference"], "Practitioner/grace");
    let prior = format!("MedicationRequest/{}", first["id"].as_str().unwrap());
    assert_eq!(new["priorPrescription"]["reference"], prior);
    assert_eq!(new["medicationCodeableConcept"], old["medicationCodeableConcept"]);

    let again = called(&clinic, "update_prescription", arguments).await;
    assert_eq!((&again["changed"], &again["id"]), (&json!(false), &by_alan["id"]));
    assert_eq!(records(&clinic, ResourceType::MEDICATION_REQUEST).await.len(), 2);
    let old = json!({ "prescription": first["id"], "new_dosage": "5 mg" });
    assert_eq!(refused(&clinic, "update_prescription", old).await.code.name(), "PRECONDITION");
}

#[tokio::test]
async fn a_change_is_checked_like_a_new_prescription() {
    let clinic = clinic().await;
    prescribed(&clinic, "Lisinopril", "10 mg", "daily").await;
    let of = |more: Value| {
        let mut arguments = json!({ "patient": "ada", "medication": "Lisinopril" });
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        arguments
    };
    for (more, code) in [
        (json!({}), "VALIDATION_ERROR"),
        (json!({ "new_dosage": "much" }), "VALIDATION_ERROR"),
        (json!({ "new_frequency": "often" }), "VALIDATION_ERROR"),
        (json!({ "new_dosage": "20 mg", "status": "on-hold" }), "VALIDATION_ERROR"),
    ] {
        assert_eq!(
            refused(&clinic, "update_prescription", of(more.clone())).await.code.name(),
            code,
            "{more}"
        );
    }
    for name in ["Lisinoprill", "Lisino"] {
        let arguments = json!({ "patient": "ada", "medication": name, "new_dosage": "20 mg" });
        let report = refused(&clinic, "update_prescription", arguments).await;
        assert_eq!(report.code.name(), "RESOURCE_NOT_FOUND");
        assert_eq!(report.details["did_you_mean"][0]["name"], "Lisinopril");
    }
    clinic.put(allergy("a1", "lisinopril")).await;
    let report = refused(&clinic, "update_prescription", of(json!({ "new_dosage": "20 mg" }))).await;
    assert_eq!(paths(&report), ["/override_reason"]);
    let held =
        called(&clinic, "update_prescription", of(json!({ "status": "on hold", "reason": "cough" }))).await;
    assert_eq!(held["medication"]["status"], "on-hold");
    let resumed = called(&clinic, "update_prescription", of(json!({ "status": "active" }))).await;
    assert_eq!((&resumed["medication"]["status"], &resumed["id"]), (&json!("active"), &held["id"]));
}

#[tokio::test]
async fn a_medication_is_discontinued_once_with_its_reason() {
    let clinic = clinic().await;
    let first = prescribed(&clinic, "Lisinopril", "10 mg", "daily").await;
    let arguments =
        json!({ "patient_name": "Ada Lovelace", "medication_name": "Lisinopril", "reason": "dry cough" });
    let answer = called(&clinic, "discontinue_medication", arguments.clone()).await;
    assert_eq!((&answer["id"], &answer["had_ended"]), (&first["id"], &json!(false)));
    assert_eq!(answer["medication"]["status"], "stopped");
    let again = called(&clinic, "discontinue_medication", arguments).await;
    assert_eq!((&again["id"], &again["had_ended"]), (&first["id"], &json!(true)));
    let requests = records(&clinic, ResourceType::MEDICATION_REQUEST).await;
    assert_eq!(requests[0]["statusReason"]["text"], "dry cough");
    assert_eq!(requests[0]["meta"]["versionId"], "2");
    let list = called(&clinic, "get_medications", json!({ "patient": "ada" })).await;
    assert_eq!(list["count"], 0);
    prescribed(&clinic, "Lisinopril", "10 mg", "daily").await;
    for (arguments, code) in [
        (json!({ "patient": "ada", "medication": "Aspirin", "reason": "x" }), "RESOURCE_NOT_FOUND"),
        (json!({ "patient": "ada", "medication": "xp_a", "reason": "x" }), "VALIDATION_ERROR"),
        (json!({ "patient": "ada", "reason": "x" }), "VALIDATION_ERROR"),
        (json!({ "patient": "bob", "prescription": first["id"], "reason": "x" }), "VALIDATION_ERROR"),
        (json!({ "medication": "Aspirin", "prescription": first["id"], "reason": "x" }), "VALIDATION_ERROR"),
        (json!({ "patient": "ada", "medication": "Lisinopril", "reason": " " }), "VALIDATION_ERROR"),
    ] {
        let report = refused(&clinic, "discontinue_medication", arguments.clone()).await;
        assert_eq!(report.code.name(), code, "{arguments}");
    }
}

#[tokio::test]
async fn a_name_that_fits_two_prescriptions_is_refused_with_both() {
    let clinic = clinic().await;
    prescribed(&clinic, "Lisinopril", "10 mg", "daily").await;
    clinic.server.store.clock().advance(Duration::from_mins(3));
    prescribed(&clinic, "Lisinopril", "5 mg", "at bedtime").await;
    let arguments = json!({ "patient": "ada", "medication": "Lisinopril", "reason": "cough" });
    let report = refused(&clinic, "discontinue_medication", arguments).await;
    assert_eq!(report.code.name(), "AMBIGUOUS");
    assert_eq!(report.details["candidates"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn refills_are_recorded_until_none_is_left() {
    let clinic = clinic().await;
    let arguments = json!({
        "patient": "ada", "medication": "Lisinopril", "dosage": "10 mg", "frequency": "daily", "refills": 1
    });
    let rx = called(&clinic, "prescribe_medication", arguments).await;
    let refill = |date: &str| {
        json!({ "patient_name": "Ada Lovelace", "medication_name": "Lisinopril", "refill_date": date,
                "quantity": 30, "pharmacy": "Corner Pharmacy" })
    };
    let first = clinic.ok(Role::Nurse, "add_medication_refill", refill("2026-11-20")).await;
    assert_eq!((&first["prescription_id"], &first["refills_remaining"]), (&rx["id"], &json!(1)));
    for field in ["message", "medication_name", "refill_date", "quantity", "pharmacy"] {
        assert!(!first[field].is_null(), "{field}");
    }
    assert_eq!(clinic.refusal(Role::Nurse, "add_medication_refill", refill("2026-11-20")).await, "CONFLICT");
    let second = clinic.ok(Role::Nurse, "add_medication_refill", refill("2026-12-01")).await;
    assert_eq!(second["refills_remaining"], 0);
    assert_eq!(
        clinic.refusal(Role::Nurse, "add_medication_refill", refill("2026-12-02")).await,
        "PRECONDITION"
    );
    assert_eq!(
        clinic.refusal(Role::Nurse, "add_medication_refill", refill("2026-12-03")).await,
        "VALIDATION_ERROR"
    );
    let list = called(&clinic, "list_prescriptions", json!({ "patient": "ada" })).await;
    assert_eq!(list["results"][0]["refills_remaining"], 0);
    let dispenses = records(&clinic, ResourceType::MEDICATION_DISPENSE).await;
    assert_eq!(dispenses.len(), 2);
    assert_eq!(dispenses[1]["type"]["coding"][0]["code"], "RF");

    let more = json!({ "patient": "ada", "medication": "Lisinopril", "refills": 5 });
    let answer = called(&clinic, "update_prescription", more).await;
    assert_eq!(answer["medication"]["refills_allowed"], 5);
    let arguments = json!({ "patient": "ada", "medication": "Lisinopril", "reason": "cough" });
    called(&clinic, "discontinue_medication", arguments).await;
    let stopped = json!({ "prescription": answer["id"], "refill_date": "2026-12-02" });
    assert_eq!(clinic.refusal(Role::Nurse, "add_medication_refill", stopped).await, "PRECONDITION");
}

#[tokio::test]
async fn what_is_prescribed_together_at_once_is_written_once() {
    let clinic = clinic().await;
    let arguments =
        json!({ "patient": "ada", "medication": "Lisinopril", "dosage": "10 mg", "frequency": "daily" });
    let (one, other) = tokio::join!(
        try_call(&clinic, "prescribe_medication", arguments.clone()),
        try_call(&clinic, "prescribe_medication", arguments)
    );
    assert_eq!(u32::from(one.is_ok()) + u32::from(other.is_ok()), 1);
    assert_eq!(records(&clinic, ResourceType::MEDICATION_REQUEST).await.len(), 1);
}
