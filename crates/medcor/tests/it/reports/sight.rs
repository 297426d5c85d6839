//! Who opens a report: a report is no second road to what is in it.

use medcor_fhir::{Id, ResourceType};
use medcor_policy::{Principal, Role, Scope};
use medcor_tools::Caller;
use serde_json::{Value, json};

use super::{another, generated, grace, of_ada, open, pulse, refused};
use crate::support::{Clinic, denial};

const NOT_THERE: Option<&str> = Some("RESOURCE_NOT_FOUND");
const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
const DENIED: Option<&str> = Some("PERMISSION_DENIED");

fn narrowed(clinic: &Clinic, caller: &Caller, scopes: &str) -> Caller {
    let scopes: Vec<Scope> = scopes.split(' ').map(|scope| scope.parse().unwrap()).collect();
    clinic.logged_in(Principal { scopes: Some(scopes), ..caller.principal().clone() })
}

async fn listed(clinic: &Clinic, caller: &Caller) -> Value {
    clinic.call(caller, "list_reports", json!({})).await.unwrap()["count"].clone()
}

#[tokio::test]
async fn for_everybody_but_its_maker_there_is_no_such_report() {
    let clinic = open().await;
    let report = of_ada(&clinic, "patient_summary").await;
    assert_eq!(refused(&clinic, &grace(&clinic), &report).await, None);
    let elsewhere = Principal {
        tenant: clinic.server.elsewhere.id,
        organization: clinic.server.elsewhere.organization.clone(),
        ..clinic.principal(Role::Doctor)
    };
    let ask = json!({ "report_id": report["report_id"] });
    let unknown = json!({ "report_id": "0198c1f2-2a3b-7c4d-8e5f-60718293a4b5" });
    for caller in [
        another(&clinic, Role::Doctor),
        another(&clinic, Role::Nurse),
        clinic.caller(Role::Admin),
        clinic.logged_in(elsewhere),
    ] {
        let hidden = clinic.call(&caller, "get_report", ask.clone()).await.unwrap_err().text();
        let absent = clinic.call(&caller, "get_report", unknown.clone()).await.unwrap_err().text();
        assert_eq!(without_time(&hidden), without_time(&absent));
        assert!(hidden.contains("RESOURCE_NOT_FOUND"), "{hidden}");
        assert_eq!(listed(&clinic, &caller).await, 0);
    }
    let ada = Id::new("ada").unwrap();
    for caller in [clinic.patient_caller(&ada), clinic.caller(Role::Receptionist)] {
        assert_eq!(refused(&clinic, &caller, &report).await, DENIED);
    }
}

fn without_time(text: &str) -> String {
    text.split(',').filter(|part| !part.contains("timestamp")).collect()
}

#[tokio::test]
async fn no_generic_tool_shows_a_report() {
    let clinic = open().await;
    let report = of_ada(&clinic, "patient_summary").await;
    let ada = Id::new("ada").unwrap();
    let of_readonly = narrowed(&clinic, &clinic.caller(Role::Readonly), "user/*.rs");
    let nothing = Ok(json!(0));
    for (caller, searched) in [
        (grace(&clinic), Err("PERMISSION_DENIED")),
        (clinic.caller(Role::Nurse), Err("PERMISSION_DENIED")),
        (clinic.caller(Role::Admin), Err("PERMISSION_DENIED")),
        (clinic.patient_caller(&ada), Err("PERMISSION_DENIED")),
        (of_readonly, nothing.clone()),
        (narrowed(&clinic, &clinic.caller(Role::System), "system/*.cruds"), nothing.clone()),
        (narrowed(&clinic, &clinic.caller(Role::System), "system/MeasureReport.cruds"), nothing.clone()),
    ] {
        let one = json!({ "resource_type": "MeasureReport", "id": report["report_id"] });
        for tool in ["fhir_read", "fhir_history"] {
            let answer = clinic.call(&caller, tool, one.clone()).await;
            assert!(answer.is_err(), "{tool}: {:?}", answer.ok());
        }
        let all = clinic.call(&caller, "fhir_search", json!({ "resource_type": "MeasureReport" })).await;
        let all = all.map(|all| all["count"].clone()).map_err(|refusal| refusal.code.name());
        assert_eq!(all, searched, "{:?}", caller.principal().roles);
    }
    // Another report of an integration is there as ever.
    clinic
        .put(json!({
            "resourceType": "MeasureReport", "id": "other", "status": "complete", "type": "summary",
            "measure": "http://example.org/Measure/beds", "period": { "start": "2026-01-01", "end": "2026-02-01" }
        }))
        .await;
    let system = narrowed(&clinic, &clinic.caller(Role::System), "system/*.cruds");
    let all = clinic.call(&system, "fhir_search", json!({ "resource_type": "MeasureReport" })).await.unwrap();
    assert_eq!((&all["count"], &all["results"][0]["id"]), (&json!(1), &json!("other")), "{all:#}");
    let other = json!({ "report_id": "other" });
    for caller in [grace(&clinic), clinic.caller(Role::Admin), system] {
        let answer = clinic.call(&caller, "get_report", other.clone()).await;
        assert_eq!(answer.unwrap_err().code.name(), "RESOURCE_NOT_FOUND", "it is none that was made here");
    }
    for (tool, patient) in [("list_medical_records", "ada"), ("list_soap_notes", "ada")] {
        let answer = clinic.ok(Role::Doctor, tool, json!({ "patient": patient })).await;
        assert_eq!(answer["count"], 0, "{tool}: {answer:#}");
    }
}

#[tokio::test]
async fn a_consent_that_comes_later_closes_what_it_speaks_of() {
    let clinic = open().await;
    let grace = grace(&clinic);
    let keyed = json!({ "report_type": "patient_summary", "patient": "ada", "idempotency_key": "report-1" });
    let summary = generated(&clinic, &grace, keyed.clone()).await;
    let medications = of_ada(&clinic, "medication_list").await;
    clinic.put(denial("ada", Some("Observation"))).await;
    assert_eq!(refused(&clinic, &grace, &summary).await, NOT_THERE, "there are vital signs in it");
    assert_eq!(refused(&clinic, &grace, &medications).await, None);
    assert_eq!(listed(&clinic, &grace).await, 1);
    let again = clinic.call(&grace, "generate_report", keyed).await;
    assert!(again.is_err(), "the kept answer would tell it: {:?}", again.ok());
    // What is made now has none of it, and so it opens.
    let now = of_ada(&clinic, "patient_summary").await;
    assert_eq!(now["summary"]["vitals"]["count"], 0, "{now:#}");
    assert_eq!(refused(&clinic, &grace, &now).await, None);

    clinic.put(denial("ada", None)).await;
    for report in [&summary, &medications, &now] {
        assert_eq!(refused(&clinic, &grace, report).await, NOT_THERE);
    }
    assert_eq!(listed(&clinic, &grace).await, 0);
    let ask = json!({ "report_type": "medication_list", "patient": "ada" });
    let answer = clinic.call(&grace, "generate_report", ask).await;
    assert_eq!(answer.unwrap_err().code.name(), "RESOURCE_NOT_FOUND");
    let glass = json!({ "patient": "ada", "reason": "unconscious in the ambulance" });
    clinic.call(&grace, "break_glass", glass).await.unwrap();
    assert_eq!(refused(&clinic, &grace, &summary).await, None, "an emergency opens it with the chart");
}

#[tokio::test]
async fn a_report_closes_when_its_patient_leaves_the_care_of_its_maker() {
    let clinic = open().await;
    let grace = grace(&clinic);
    let report = of_ada(&clinic, "encounter_history").await;
    let tenant = clinic.server.here.id;
    let identity = clinic.server.store.identity();
    identity.set_tenant_setting(tenant, "care_team_only", "on").await.unwrap();
    assert_eq!(refused(&clinic, &grace, &report).await, None, "there was a visit this year");
    clinic.delete(ResourceType::ENCOUNTER, "e-ada").await;
    assert_eq!(refused(&clinic, &grace, &report).await, NOT_THERE);
    assert_eq!(listed(&clinic, &grace).await, 0);
}

#[tokio::test]
async fn a_report_has_the_security_labels_of_what_is_in_it() {
    let clinic = open().await;
    assert!(of_ada(&clinic, "patient_summary").await.get("security_labels").is_none());
    let mut secret = pulse("secret", "ada");
    secret["meta"] = json!({ "security": [{ "system": CONFIDENTIALITY, "code": "R" }] });
    clinic.put(secret).await;
    let report = of_ada(&clinic, "patient_summary").await;
    assert_eq!(report["security_labels"], json!(["R"]), "{report:#}");
    assert!(
        of_ada(&clinic, "medication_list").await.get("security_labels").is_none(),
        "it has no observation"
    );
    let stored = clinic.server.exported().await;
    let id = report["report_id"].as_str().unwrap();
    let record = stored.iter().find(|line| line.contains(&format!("\"id\":\"{id}\""))).unwrap();
    let record: Value = serde_json::from_str(record).unwrap();
    assert_eq!(record["meta"]["security"][0]["code"], "R", "{record:#}");
    assert_eq!((&record["resourceType"], &record["type"]), (&json!("MeasureReport"), &json!("individual")));
    let attachment = &record["extension"].as_array().unwrap().last().unwrap()["valueAttachment"];
    assert!(attachment["size"].as_u64() > Some(500) && attachment["hash"].is_string(), "{record:#}");
}

#[tokio::test]
async fn a_pinned_conversation_reports_on_its_patient_alone() {
    let clinic = open().await;
    let of_bob = clinic
        .ok(Role::Doctor, "generate_report", json!({ "report_type": "medication_list", "patient": "bob" }))
        .await;
    let pinned = clinic.ok(Role::Doctor, "pin_patient", json!({ "patient": "ada" })).await;
    let session = &pinned["session"];
    let filled = json!({ "report_type": "medication_list", "session": session });
    let report = clinic.ok(Role::Doctor, "generate_report", filled).await;
    assert_eq!(report["patient_id"], "ada");
    let other = json!({ "report_type": "medication_list", "patient": "bob", "session": session });
    assert_eq!(clinic.refusal(Role::Doctor, "generate_report", other).await, "RESOURCE_NOT_FOUND");
    let ask = |report: &Value| json!({ "report_id": report["report_id"], "session": session });
    assert_eq!(clinic.ok(Role::Doctor, "get_report", ask(&report)).await["patient_id"], "ada");
    assert_eq!(clinic.refusal(Role::Doctor, "get_report", ask(&of_bob)).await, "RESOURCE_NOT_FOUND");
    let listed = clinic.ok(Role::Doctor, "list_reports", json!({ "session": session })).await;
    assert_eq!(listed["count"], 1, "{listed:#}");
    assert_eq!(clinic.ok(Role::Doctor, "list_reports", json!({})).await["count"], 2);
}

#[tokio::test]
async fn roles_and_scopes_have_the_reports_of_what_they_see() {
    let clinic = open().await;
    let of_patient = json!({ "report_type": "patient_summary", "patient": "ada" });
    let of_house = json!({ "report_type": "daily_census" });
    for (role, arguments) in [
        (Role::Nurse, &of_house),
        (Role::Doctor, &of_house),
        (Role::Admin, &of_patient),
        (Role::Receptionist, &of_patient),
        (Role::Receptionist, &of_house),
        (Role::Superadmin, &of_house),
        (Role::Auditor, &of_patient),
    ] {
        let refusal = clinic.refusal(role, "generate_report", arguments.clone()).await;
        assert_eq!(refusal, "PERMISSION_DENIED", "{role} {arguments}");
    }
    let ada = Id::new("ada").unwrap();
    let answer = clinic.call(&clinic.patient_caller(&ada), "generate_report", of_patient.clone()).await;
    assert_eq!(answer.unwrap_err().code.name(), "PERMISSION_DENIED");
    assert_eq!(clinic.ok(Role::Nurse, "generate_report", of_patient.clone()).await["patient_id"], "ada");

    let grace = grace(&clinic);
    let report = generated(&clinic, &grace, of_patient.clone()).await;
    let without_chart = narrowed(&clinic, &grace, "user/MeasureReport.crs user/Patient.rs");
    let answer = clinic.call(&without_chart, "generate_report", of_patient).await;
    assert_eq!(answer.unwrap_err().code.name(), "PERMISSION_DENIED");
    assert_eq!(
        refused(&clinic, &without_chart, &report).await,
        NOT_THERE,
        "the token does not see the chart"
    );
    let whole = narrowed(&clinic, &grace, "user/*.cruds");
    assert_eq!(refused(&clinic, &whole, &report).await, None);
    let keyed = json!({ "report_type": "patient_summary", "patient": "ada", "idempotency_key": "report-1" });
    let first = generated(&clinic, &whole, keyed.clone()).await;
    assert_eq!(generated(&clinic, &grace, keyed.clone()).await, first);
    let documented = narrowed(&clinic, &grace, "pms:report:generate pms:patient:read pms:medication:read");
    let medications = json!({ "report_type": "medication_list", "patient": "ada" });
    let medications = generated(&clinic, &documented, medications).await;
    assert_eq!(refused(&clinic, &documented, &medications).await, None);
    assert_eq!(refused(&clinic, &documented, &report).await, NOT_THERE);
    let less = narrowed(&clinic, &grace, "user/MeasureReport.crs user/Patient.rs user/Condition.rs");
    let again = clinic.call(&less, "generate_report", keyed).await;
    assert!(again.is_err(), "the kept answer has more than this token sees: {:?}", again.ok());
}
