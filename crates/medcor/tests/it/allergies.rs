//! Allergies: the active ones, and never the same one twice.

use medcor_fhir::Id;
use medcor_policy::Role;
use serde_json::{Value, json};

use crate::support::{Clinic, patient};

async fn clinic() -> Clinic {
    let clinic = Clinic::start().await;
    clinic.put(patient("ada", ("Ada", "Lovelace"), "1985-03-15")).await;
    clinic.put(patient("bob", ("Bob", "Boole"), "1980-01-01")).await;
    clinic
}

fn allergy(id: &str, (clinical, verification): (Option<&str>, &str), name: &str) -> Value {
    let mut allergy = json!({
        "resourceType": "AllergyIntolerance", "id": id,
        "verificationStatus": { "coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification",
            "code": verification
        }] },
        "code": { "text": name },
        "patient": { "reference": "Patient/ada" }
    });
    if let Some(clinical) = clinical {
        allergy["clinicalStatus"] = json!({ "coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": clinical
        }] });
    }
    allergy
}

fn allergens(answer: &Value) -> Vec<&str> {
    let mut names: Vec<&str> =
        answer["results"].as_array().unwrap().iter().map(|row| row["allergen"].as_str().unwrap()).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn an_allergy_that_was_added_is_listed_with_every_documented_field() {
    let clinic = clinic().await;
    let added = clinic
        .ok(
            Role::Nurse,
            "add_allergy",
            json!({
                "patient": "ada", "allergen": "Penicillin", "code": "7980", "reaction": "Hives",
                "severity": "Severe", "criticality": "high", "category": "medication",
                "onset_date": "2019-05", "notes": "told by her mother"
            }),
        )
        .await;
    assert_eq!(added["status"], "success");
    assert_eq!(added["id"], added["allergy_id"]);
    let answer = clinic.ok(Role::Doctor, "get_allergies", json!({ "mrn": "MRN-ada" })).await;
    assert_eq!((&answer["status"], &answer["mrn"]), (&json!("success"), &json!("MRN-ada")));
    let row = &answer["results"][0];
    for (field, value) in [
        ("allergen", "Penicillin"),
        ("code", "7980"),
        ("reaction", "Hives"),
        ("severity", "severe"),
        ("criticality", "high"),
        ("type", "allergy"),
        ("onset_date", "2019-05"),
        ("status", "active"),
        ("verification", "confirmed"),
        ("note", "<record-text>told by her mother</record-text>"),
    ] {
        assert_eq!(row[field], value, "{field}");
    }
    assert_eq!(row["id"], added["id"]);
    assert_eq!(added["allergy"], *row);
}

#[tokio::test]
async fn the_same_substance_is_refused_by_its_name_and_by_its_code() {
    let clinic = clinic().await;
    let first = json!({ "patient": "ada", "substance": "Penicillin G", "code": "7980" });
    clinic.ok(Role::Doctor, "add_allergy", first).await;
    for again in [
        json!({ "patient": "ada", "substance": "penicillin g" }),
        json!({ "patient": "ada", "substance": "Benzylpenicillin", "code": "7980" }),
    ] {
        assert_eq!(clinic.refusal(Role::Doctor, "add_allergy", again).await, "CONFLICT");
    }
    clinic.ok(Role::Doctor, "add_allergy", json!({ "patient": "bob", "substance": "Penicillin G" })).await;
    clinic.ok(Role::Doctor, "add_allergy", json!({ "patient": "ada", "substance": "Latex" })).await;
}

#[tokio::test]
async fn of_two_calls_at_once_one_adds_the_allergy() {
    let clinic = clinic().await;
    let arguments = json!({ "patient": "ada", "substance": "Latex" });
    let (one, other) = futures_util::join!(
        clinic.call_as(Role::Doctor, "add_allergy", arguments.clone()),
        clinic.call_as(Role::Nurse, "add_allergy", arguments),
    );
    let refused: Vec<&str> =
        [one, other].into_iter().filter_map(Result::err).map(|it| it.code.name()).collect();
    assert_eq!(refused, ["CONFLICT"]);
}

#[tokio::test]
async fn an_unconfirmed_allergy_stands_and_a_refuted_one_does_not() {
    let clinic = clinic().await;
    for record in [
        allergy("a1", (Some("active"), "confirmed"), "Active"),
        allergy("a2", (Some("active"), "unconfirmed"), "Unconfirmed"),
        allergy("a3", (Some("resolved"), "confirmed"), "Resolved"),
        allergy("a4", (Some("active"), "refuted"), "Refuted"),
        allergy("a5", (None, "entered-in-error"), "Taken back"),
    ] {
        clinic.put(record).await;
    }
    let listed = |status: Value| {
        let clinic = &clinic;
        async move {
            clinic.ok(Role::Doctor, "get_allergies", json!({ "patient": "ada", "status": status })).await
        }
    };
    assert_eq!(allergens(&listed(Value::Null).await), ["Active", "Unconfirmed"]);
    assert_eq!(allergens(&listed("RESOLVED".into()).await), ["Resolved"]);
    assert_eq!(allergens(&listed("all".into()).await), ["Active", "Refuted", "Resolved", "Unconfirmed"]);
    let none = clinic.ok(Role::Doctor, "get_allergies", json!({ "patient": "bob" })).await;
    assert!(none["hint"].as_str().unwrap().contains("does not mean"), "{none}");
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_every_problem() {
    let clinic = clinic().await;
    let arguments = json!({
        "patient": "ada", "substance": "nuts; drop", "severity": "mild", "code_system": "snomed",
        "onset_date": "2030"
    });
    let report = clinic.call_as(Role::Doctor, "add_allergy", arguments).await.unwrap_err();
    let problems = report.details["problems"].as_array().unwrap();
    let paths: Vec<&str> = problems.iter().map(|problem| problem["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["/substance", "/severity", "/code_system", "/onset_date"]);
}

#[tokio::test]
async fn the_front_desk_sees_no_allergies_and_patients_only_their_own() {
    let clinic = clinic().await;
    clinic.put(allergy("a1", (Some("active"), "confirmed"), "Latex")).await;
    for role in [Role::Receptionist, Role::Admin] {
        assert_eq!(
            clinic.refusal(role, "get_allergies", json!({ "patient": "ada" })).await,
            "PERMISSION_DENIED"
        );
        let add = json!({ "patient": "ada", "substance": "Latex" });
        assert_eq!(clinic.refusal(role, "add_allergy", add).await, "PERMISSION_DENIED");
    }
    let ada = clinic.patient_caller(&Id::new("ada").unwrap());
    let own = clinic.call(&ada, "get_allergies", json!({ "patient": "ada" })).await.unwrap();
    assert_eq!(allergens(&own), ["Latex"]);
    let bob = clinic.patient_caller(&Id::new("bob").unwrap());
    let other = clinic.call(&bob, "get_allergies", json!({ "patient": "ada" })).await.unwrap_err();
    assert_eq!(other.code.name(), "RESOURCE_NOT_FOUND");
}
