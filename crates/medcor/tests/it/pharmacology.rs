//! Interactions, medication reviews and the formulary, by the tools that answer for them.

use std::{collections::BTreeMap, fs};

use medcor::app;
use medcor_drugs::Knowledge;
use medcor_policy::Role;
use serde_json::{Value, json};

use crate::support::{Clinic, folder::Folder, patient};

fn prescription(id: &str, medication: &str, dose: &Value, authored: &str) -> Value {
    json!({
        "resourceType": "MedicationRequest", "id": id, "status": "active", "intent": "order",
        "subject": { "reference": "Patient/john" }, "authoredOn": authored,
        "medicationCodeableConcept": { "text": medication },
        "dosageInstruction": [dose]
    })
}

fn daily(amount: u32, unit: &str) -> Value {
    json!({
        "timing": { "repeat": { "frequency": 1, "period": 1, "periodUnit": "d" } },
        "doseAndRate": [{ "doseQuantity": { "value": amount, "unit": unit } }]
    })
}

fn allergy(id: &str, to: &str) -> Value {
    let coded = |system: &str, code: &str| {
        let system = format!("http://terminology.hl7.org/CodeSystem/{system}");
        json!({ "coding": [{ "system": system, "code": code }] })
    };
    json!({
        "resourceType": "AllergyIntolerance", "id": id, "patient": { "reference": "Patient/john" },
        "code": { "text": to }, "type": "allergy",
        "clinicalStatus": coded("allergyintolerance-clinical", "active"),
        "verificationStatus": coded("allergyintolerance-verification", "confirmed")
    })
}

/// John takes warfarin and, for years, lisinopril; penicillin does not become him.
async fn clinic() -> Clinic {
    let clinic = Clinic::start().await;
    let mut john = patient("john", ("John", "Smith"), "1940-01-01");
    john["gender"] = "male".into();
    john["identifier"] = json!([
        { "type": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR" }] },
          "system": "urn:mrn", "value": "MRN001" },
        { "system": "urn:legacy", "value": "1" }
    ]);
    clinic.put(john).await;
    let warfarin = "0190a0b0-0000-7000-8000-000000000001";
    clinic
        .put(prescription(warfarin, "Warfarin Sodium 5 MG Oral Tablet", &daily(5, "mg"), "2026-10-01"))
        .await;
    clinic
        .put(prescription("lisinopril", "lisinopril 10 MG Oral Tablet", &daily(10, "mg"), "2019-03-01"))
        .await;
    clinic.put(allergy("penicillin", "Penicillin")).await;
    clinic
}

#[tokio::test]
async fn a_list_of_drugs_is_checked_with_the_documented_fields() {
    let clinic = clinic().await;
    let drugs = json!({ "medication_ids": ["Coumadin", 5640, "lisinopril 10 mg"] });
    let answer = clinic.ok(Role::Nurse, "check_interactions", drugs).await;
    let interaction = &answer["interactions"][0];
    assert_eq!(interaction["medication_a"], "5640");
    assert_eq!(interaction["medication_b"], "Coumadin");
    assert_eq!(interaction["severity"], "high");
    assert_eq!(interaction["clinical_severity"], "major");
    for field in ["description", "effect", "management", "source"] {
        assert!(interaction[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {interaction}");
    }
    assert_eq!(answer["is_complete"], true);
    assert!(answer["note"].as_str().unwrap().contains("pharmacist"));
    assert_eq!(answer["interaction_count"], answer["interactions"].as_array().unwrap().len());
}

#[tokio::test]
async fn drugs_for_a_patient_are_checked_against_the_chart() {
    let clinic = clinic().await;
    let asked = json!({ "patient_id": 1, "drugs": ["Advil", "Augmentin"] });
    let answer = clinic.ok(Role::Doctor, "check_interactions", asked).await;
    assert_eq!(answer["patient_id"], "john");
    assert_eq!(answer["interactions"][0]["medication_b"], "Warfarin Sodium 5 MG Oral Tablet");
    let evidence = "MedicationRequest/0190a0b0-0000-7000-8000-000000000001";
    assert_eq!(answer["interactions"][0]["evidence"], json!([evidence]));
    let warnings = answer["warnings"].as_array().unwrap();
    let allergy = warnings.iter().find(|warning| warning["kind"] == "allergy").unwrap();
    assert_eq!(allergy["clinical_severity"], "contraindicated");
    assert_eq!(allergy["evidence"], json!(["AllergyIntolerance/penicillin"]));
    assert_eq!(answer["has_contraindication"], true);
    let origins: Vec<&Value> =
        answer["medications"].as_array().unwrap().iter().map(|row| &row["origin"]).collect();
    assert_eq!(origins, ["given", "given", "chart", "chart"]);
}

#[tokio::test]
async fn a_prescription_and_a_class_are_checked_by_their_names() {
    let clinic = clinic().await;
    let asked = json!({ "medications": ["0190a0b0-0000-7000-8000-000000000001", "NSAIDs"] });
    let answer = clinic.ok(Role::Doctor, "check_interactions", asked).await;
    assert_eq!(answer["interactions"][0]["clinical_severity"], "major", "{answer}");
    let elsewhere = json!({ "medications": ["0190a0b0-0000-7000-8000-00000000ffff", "NSAIDs"] });
    assert_eq!(clinic.refusal(Role::Doctor, "check_interactions", elsewhere).await, "RESOURCE_NOT_FOUND");
}

#[tokio::test]
async fn what_is_not_known_is_said_and_never_guessed() {
    let clinic = clinic().await;
    let asked = json!({ "medications": ["warfrin", "ibuprofen"], "allergies": ["cats"] });
    let answer = clinic.ok(Role::Doctor, "check_interactions", asked).await;
    assert_eq!(answer["interactions"], json!([]));
    assert_eq!(answer["is_complete"], false);
    assert_eq!(answer["unrecognised"][0]["name"], "warfrin");
    assert_eq!(answer["unrecognised"][0]["candidates"][0], "warfarin");
    assert_eq!(answer["unrecognised"][1]["name"], "cats");
    assert_eq!(clinic.refusal(Role::Doctor, "check_interactions", json!({})).await, "VALIDATION_ERROR");
    let front_desk = json!({ "medications": ["warfarin", "aspirin"] });
    assert_eq!(
        clinic.refusal(Role::Receptionist, "check_interactions", front_desk).await,
        "PERMISSION_DENIED"
    );
}

#[tokio::test]
async fn a_severity_that_is_asked_for_leaves_out_the_lesser_and_says_so() {
    let clinic = clinic().await;
    let asked = |least: Option<&str>| json!({ "medications": ["lisinopril", "hydrochlorothiazide"], "min_severity": least });
    let all = json!({ "medications": ["lisinopril", "hydrochlorothiazide"] });
    let all = clinic.ok(Role::Doctor, "check_interactions", all).await;
    assert_eq!(all["interactions"][0]["is_interruptive"], false);
    let grave = clinic.ok(Role::Doctor, "check_interactions", asked(Some("major"))).await;
    assert_eq!((&grave["interactions"], &grave["left_out"]), (&json!([]), &json!(1)));
}

#[tokio::test]
async fn a_review_has_what_documented_clients_read() {
    let clinic = clinic().await;
    clinic.put(prescription("ibuprofen", "Ibuprofen 600 MG", &daily(600, "mg"), "2026-11-01")).await;
    clinic.put(prescription("unknown", "Unheard-of remedy", &daily(1, "tablet"), "2026-11-01")).await;
    let answer = clinic.ok(Role::Doctor, "medication_review", json!({ "patient_id": 1 })).await;
    for field in [
        "patient_id",
        "patient_name",
        "review_date",
        "total_medications",
        "prescriptions",
        "interactions",
        "interaction_count",
        "status",
    ] {
        assert!(!answer[field].is_null(), "{field}: {answer}");
    }
    assert_eq!(answer["total_medications"], 4);
    assert_eq!(answer["status"], "review_incomplete");
    assert_eq!(answer["unrecognised"][0]["name"], "Unheard-of remedy");
    assert_eq!(answer["interactions"][0]["clinical_severity"], "major");
    let prescriptions = answer["prescriptions"].as_array().unwrap();
    let overdue: Vec<&Value> = prescriptions
        .iter()
        .filter(|row| row["is_overdue"] == true)
        .map(|row| &row["medication_id"])
        .collect();
    assert_eq!(overdue, ["lisinopril"]);
    let steps = answer["next_steps"].as_array().unwrap();
    assert!(steps[0].as_str().unwrap().contains("bleeding"), "{steps:?}");
    assert!(steps.iter().any(|step| step.as_str().unwrap().contains("Unheard-of remedy")), "{steps:?}");
    assert!(
        answer["warnings"].as_array().unwrap().iter().any(|warning| warning["kind"] == "age"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_review_of_what_is_known_is_complete() {
    let clinic = clinic().await;
    let answer = clinic.ok(Role::Nurse, "medication_review", json!({ "patient": "MRN001" })).await;
    assert_eq!(answer["status"], "review_complete", "{answer}");
    assert_eq!(answer["patient_name"], "John Smith");
}

#[tokio::test]
async fn a_pregnancy_of_the_chart_counts() {
    let clinic = Clinic::start().await;
    clinic.put(patient("john", ("Joan", "Smith"), "1998-01-01")).await;
    let asked = || json!({ "patient": "john", "medications": ["isotretinoin"] });
    let before = clinic.ok(Role::Doctor, "check_interactions", asked()).await;
    assert_eq!(before["has_contraindication"], false);
    assert_eq!(before["warnings"][0]["kind"], "pregnancy");
    clinic
        .put(json!({
            "resourceType": "Condition", "id": "c", "subject": { "reference": "Patient/john" },
            "code": { "coding": [{ "system": "http://snomed.info/sct", "code": "72892002" }] },
            "clinicalStatus": { "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"
            }] }
        }))
        .await;
    let after = clinic.ok(Role::Doctor, "check_interactions", asked()).await;
    assert_eq!(after["has_contraindication"], true, "{after}");
}

#[tokio::test]
async fn a_pregnancy_that_was_recorded_by_mistake_does_not_count() {
    let clinic = Clinic::start().await;
    clinic.put(patient("john", ("Joan", "Smith"), "1998-01-01")).await;
    let is_counted = async || {
        let asked = json!({ "patient": "john", "medications": ["isotretinoin"] });
        clinic.ok(Role::Doctor, "check_interactions", asked).await["has_contraindication"] == true
    };
    let status = |id: &str, status: &str, code: &str, date: &str| {
        json!({
            "resourceType": "Observation", "id": id, "status": status, "effectiveDateTime": date,
            "subject": { "reference": "Patient/john" },
            "code": { "coding": [{ "system": "http://loinc.org", "code": "82810-3" }] },
            "valueCodeableConcept": { "coding": [{ "system": "http://snomed.info/sct", "code": code }] }
        })
    };
    clinic.put(status("wrong", "entered-in-error", "77386006", "2026-11-20")).await;
    assert!(!is_counted().await, "the only status was taken back");
    clinic.put(status("right", "final", "77386006", "2026-11-01")).await;
    assert!(is_counted().await, "the status before the one that was taken back counts");
    clinic.put(status("newest", "cancelled", "60001007", "2026-11-25")).await;
    assert!(is_counted().await, "one that was cancelled does not end it");
    clinic.put(status("over", "final", "60001007", "2026-11-26")).await;
    assert!(!is_counted().await);
    let problem = |id: &str, verification: &str| {
        let coded = |system: &str, code: &str| json!({ "coding": [{ "system": format!("http://terminology.hl7.org/CodeSystem/{system}"), "code": code }] });
        json!({
            "resourceType": "Condition", "id": id, "subject": { "reference": "Patient/john" },
            "code": { "coding": [{ "system": "http://snomed.info/sct", "code": "72892002" }] },
            "clinicalStatus": coded("condition-clinical", "active"),
            "verificationStatus": coded("condition-ver-status", verification)
        })
    };
    clinic.put(problem("refuted", "refuted")).await;
    assert!(!is_counted().await, "a problem that was refuted");
    clinic.put(problem("confirmed", "confirmed")).await;
    assert!(is_counted().await, "another problem stands behind it");
}

#[tokio::test]
async fn the_formulary_is_searched_by_name_brand_code_and_class() {
    let clinic = clinic().await;
    for (asked, name) in [
        (json!({ "query": "lipitor" }), "atorvastatin"),
        (json!({ "search_term": "29046" }), "lisinopril"),
        (json!({ "medication_id": 29046 }), "lisinopril"),
        (json!({ "name": "paracetamol" }), "acetaminophen"),
        (json!({ "drug_class": "DOACs" }), "apixaban"),
    ] {
        let answer = clinic.ok(Role::Receptionist, "get_formulary", asked.clone()).await;
        let names: Vec<&str> =
            answer["results"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
        assert!(names.contains(&name), "{asked}: {names:?}");
    }
    let misspelt = clinic.ok(Role::Doctor, "get_formulary", json!({ "query": "metropolol" })).await;
    assert_eq!((&misspelt["count"], &misspelt["did_you_mean"][0]), (&json!(0), &json!("metoprolol")));
    let first = clinic.ok(Role::Doctor, "get_formulary", json!({ "limit": 5 })).await;
    let second = clinic.ok(Role::Doctor, "get_formulary", json!({ "limit": 5, "page": 2 })).await;
    assert_ne!(first["results"][0]["name"], second["results"][0]["name"]);
    assert_eq!(first["truncated"], true);
    assert_eq!(
        clinic.refusal(Role::Doctor, "get_formulary", json!({ "class": "zzz" })).await,
        "VALIDATION_ERROR"
    );
    let bound = clinic.server.pipeline.catalog().bound_resource("pms://formulary/current").unwrap();
    assert_eq!(bound.tool, "get_formulary");
}

fn statement(id: &str, medication: &str, more: &Value) -> Value {
    let mut statement = json!({
        "resourceType": "MedicationStatement", "id": id, "status": "active",
        "subject": { "reference": "Patient/john" }, "medicationCodeableConcept": { "text": medication },
        "dateAsserted": "2026-11-20", "informationSource": { "reference": "Patient/john" }
    });
    for (name, value) in more.as_object().unwrap() {
        statement[name] = value.clone();
    }
    statement
}

#[tokio::test]
async fn what_the_patient_reports_to_take_is_checked_and_said_to_be_reported() {
    let clinic = clinic().await;
    clinic.put(statement("advil", "Advil", &json!({}))).await;
    let review = clinic.ok(Role::Doctor, "medication_review", json!({ "patient": "john" })).await;
    assert_eq!(review["total_medications"], 3);
    let rows = review["prescriptions"].as_array().unwrap();
    let reported = rows.iter().find(|row| row["origin"] == "reported").unwrap();
    assert_eq!((&reported["id"], &reported["medication_name"]), (&json!("advil"), &json!("Advil")));
    assert_eq!(
        (&reported["reported_by"], &reported["reported_date"]),
        (&json!("the patient"), &json!("2026-11-20"))
    );
    assert!(reported["prescribed_date"].is_null(), "{reported}");
    let bleeding = review["interactions"].as_array().unwrap().iter().find(|row| row["reported"].is_string());
    let bleeding = bleeding.unwrap_or_else(|| panic!("no finding is of what is reported: {review}"));
    let said = "Advil is reported and not prescribed here: reported by the patient, 2026-11-20.";
    assert_eq!(bleeding["reported"], said);
    let evidence = bleeding["evidence"].as_array().unwrap();
    assert!(evidence.contains(&json!("MedicationStatement/advil")), "{bleeding}");
    assert!(review["next_steps"].to_string().contains("Ask whether it is really taken"), "{review}");
    let asked = json!({ "patient": "john", "medications": ["aspirin"] });
    let check = clinic.ok(Role::Doctor, "check_interactions", asked).await;
    let origins: Vec<&Value> =
        check["medications"].as_array().unwrap().iter().map(|row| &row["origin"]).collect();
    assert_eq!(origins, ["given", "chart", "chart", "reported"]);
}

#[tokio::test]
async fn a_report_of_a_prescription_a_logged_dose_and_what_is_over_are_no_medications_of_their_own() {
    let clinic = clinic().await;
    let warfarin =
        json!({ "basedOn": [{ "reference": "MedicationRequest/0190a0b0-0000-7000-8000-000000000001" }] });
    for (id, medication, more) in [
        ("intake", "Advil", json!({ "derivedFrom": [{ "reference": "CommunicationRequest/r" }] })),
        ("over", "Advil", json!({ "effectivePeriod": { "end": "2026-10-01" } })),
        ("completed", "Advil", json!({ "status": "completed" })),
        ("not-taken", "Advil", json!({ "status": "not-taken" })),
        ("same", "Coumadin", json!({})),
        ("told", "Some blood thinner", warfarin),
    ] {
        clinic.put(statement(id, medication, &more)).await;
    }
    let review = clinic.ok(Role::Doctor, "medication_review", json!({ "patient": "john" })).await;
    assert_eq!(review["total_medications"], 2, "{review}");
    assert_eq!(review["status"], "review_complete");
}

#[tokio::test]
async fn a_report_of_another_dose_than_is_prescribed_is_not_hidden_by_the_prescription() {
    let clinic = clinic().await;
    let taken = |amount: u32, times: u32| {
        json!({ "dosage": [{
            "timing": { "repeat": { "frequency": times, "period": 1, "periodUnit": "d" } },
            "doseAndRate": [{ "doseQuantity": { "value": amount, "unit": "mg" } }]
        }] })
    };
    let mut prescribed = prescription("apap", "Acetaminophen 500 MG", &daily(500, "mg"), "2026-11-01");
    prescribed["dosageInstruction"] = taken(500, 3)["dosage"].clone();
    clinic.put(prescribed).await;
    let total = async || {
        let review = clinic.ok(Role::Doctor, "medication_review", json!({ "patient": "john" })).await;
        (review["total_medications"].as_u64().unwrap(), review)
    };
    clinic.put(statement("told", "Tylenol", &json!({}))).await;
    clinic.put(statement("same", "Tylenol", &taken(500, 3))).await;
    let (count, review) = total().await;
    assert_eq!(count, 3, "a report without a dose, and one of the same dose, tell nothing new: {review}");
    clinic.put(statement("more-often", "Tylenol", &taken(500, 4))).await;
    assert_eq!(total().await.0, 4);
    clinic.put(statement("more", "Tylenol", &taken(1_500, 4))).await;
    let (count, review) = total().await;
    assert_eq!(count, 5, "{review}");
    let rows = review["prescriptions"].as_array().unwrap();
    let row = rows.iter().find(|row| row["id"] == "more").unwrap();
    assert_eq!((&row["origin"], &row["dosage"]), (&json!("reported"), &json!("1500 mg")));
    let warnings = review["warnings"].as_array().unwrap();
    let of_kind = |kind: &str| warnings.iter().find(|row| row["kind"] == kind);
    let duplicate = of_kind("duplicate_ingredient").unwrap_or_else(|| panic!("{review}"));
    assert!(
        duplicate["reported"].as_str().unwrap().contains("is reported and prescribed otherwise here"),
        "{duplicate}"
    );
    assert!(of_kind("dose").is_some(), "{review}");
}

#[tokio::test]
async fn a_cream_that_is_prescribed_does_not_hide_what_is_taken_up_elsewhere() {
    let clinic = clinic().await;
    clinic.put(prescription("cream", "Miconazole 2% Cream", &daily(1, "g"), "2026-11-01")).await;
    clinic.put(statement("ovule", "Miconazole vaginal", &json!({}))).await;
    let review = clinic.ok(Role::Doctor, "medication_review", json!({ "patient": "john" })).await;
    assert_eq!(review["total_medications"], 4, "{review}");
    let evidence = json!("MedicationStatement/ovule");
    let interactions = review["interactions"].as_array().unwrap();
    let is_of_ovule = |row: &&Value| row["evidence"].as_array().unwrap().contains(&evidence);
    let found = interactions.iter().find(is_of_ovule).unwrap_or_else(|| panic!("{review}"));
    assert!(found["clinical_severity"] == "major", "{found}");
}

#[tokio::test]
async fn a_plan_counts_as_planned_and_is_no_duplicate_of_what_carries_it_out() {
    let clinic = clinic().await;
    clinic
        .put(json!({
            "resourceType": "Practitioner", "id": "grace", "name": [{ "family": "Hopper", "given": ["Grace"] }]
        }))
        .await;
    let mut plan = prescription("plan", "Ibuprofen", &daily(400, "mg"), "2026-11-01");
    plan["intent"] = "plan".into();
    plan["requester"] = json!({ "reference": "Practitioner/grace" });
    clinic.put(plan).await;
    let mut proposal = prescription("proposal", "Simvastatin", &daily(40, "mg"), "2026-11-01");
    proposal["intent"] = "proposal".into();
    clinic.put(proposal).await;
    let review = clinic.ok(Role::Doctor, "medication_review", json!({ "patient": "john" })).await;
    let said = review["interactions"].as_array().unwrap().iter().find_map(|row| row["reported"].as_str());
    assert_eq!(
        said,
        Some("Ibuprofen is planned and not prescribed here: planned by Grace Hopper, 2026-11-01.")
    );
    assert_eq!(review["total_medications"], 3, "a proposal is not taken: {review}");
    let asked = json!({ "patient": "john", "medications": ["ibuprofen"] });
    let check = clinic.ok(Role::Doctor, "check_interactions", asked).await;
    let kinds: Vec<&Value> = check["warnings"].as_array().unwrap().iter().map(|row| &row["kind"]).collect();
    assert!(!kinds.contains(&&json!("duplicate_ingredient")), "{check}");
    assert_eq!(check["interactions"][0]["medication_b"], "Warfarin Sodium 5 MG Oral Tablet");
}

/// The parameters that a documented system has for these tools, with their examples, and the resource.
#[test]
fn tables_of_the_operator_replace_the_embedded_ones() {
    let folder = Folder::new();
    let mut config = medcor::config::load(&BTreeMap::new(), None).unwrap();
    assert_eq!(app::drugs(&config).unwrap().pairs(), Knowledge::embedded().pairs());
    config.drug_tables = Some(folder.path().to_owned());
    assert!(app::drugs(&config).is_err(), "an empty folder is a mistake");
    let header =
        "name_a,members_a,name_b,members_b,severity,effect,mechanism,management,interruptive,source\n";
    let row = "aspirin,aspirin,ibuprofen,ibuprofen,major,an effect,,avoid,yes,our pharmacist\n";
    fs::write(folder.path().join("interactions.csv"), format!("{header}{row}")).unwrap();
    assert_eq!(app::drugs(&config).unwrap().pairs(), 1);
    fs::write(folder.path().join("interactions.csv"), format!("{header}{row}a,b\nx,y,z,q,r,s,t,u,v,w\n"))
        .unwrap();
    let refused = app::drugs(&config).unwrap_err().to_string();
    assert!(refused.contains("line 3") && refused.contains("line 4"), "{refused}");
}
