//! Reports over REST and MCP.

use axum::http::StatusCode;
use medcor_fhir::Id;
use serde_json::{Value, json};

use super::open;
use crate::support::{Clinic, Reply};

const REPORTS: &str = "/api/mcp/resources/analytics/reports";

async fn get(clinic: &Clinic, who: &str, path: &str) -> Reply {
    let token = clinic.server.token(who).await;
    clinic.server.request("GET", path).bearer(&token).send().await
}

fn json_of(reply: &Reply) -> Value {
    serde_json::from_str(&reply.body).unwrap_or_else(|_| panic!("no JSON: {}", reply.body))
}

async fn made(clinic: &Clinic, who: &str, arguments: Value) -> Value {
    let token = clinic.server.token(who).await;
    let body = json!({ "tool": "generate_report", "params": arguments });
    let request = clinic.server.request("POST", "/api/mcp/tools/invoke").bearer(&token);
    let reply = request.body(body.to_string()).send().await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    json_of(&reply)
}

#[tokio::test]
async fn the_collection_of_reports_is_the_callers_own() {
    let clinic = open().await;
    let empty = get(&clinic, "doctor@here", REPORTS).await;
    assert_eq!((empty.status, &json_of(&empty)["count"]), (StatusCode::OK, &json!(0)), "{}", empty.body);
    for patient in ["ada", "bob", "ada"] {
        made(&clinic, "doctor@here", json!({ "report_type": "medication_list", "patient_id": patient }))
            .await;
    }
    let report =
        made(&clinic, "doctor@here", json!({ "report_type": "patient_summary", "patient": "ada" })).await;
    let whole = json_of(&get(&clinic, "doctor@here", REPORTS).await);
    assert_eq!((&whole["count"], &whole["page"], &whole["limit"]), (&json!(4), &json!(1), &json!(20)));
    let first = get(&clinic, "doctor@here", &format!("{REPORTS}?limit=3")).await;
    assert!(first.header("link").contains("page=2>; rel=\"next\""), "{}", first.header("link"));
    let second = json_of(&get(&clinic, "doctor@here", &format!("{REPORTS}/?limit=3&page=2")).await);
    assert_eq!(second["count"], 1, "{second:#}");
    let filtered = format!("{REPORTS}?filter=%7B%22report_type%22%3A%22patient_summary%22%7D&fields=title");
    let filtered = json_of(&get(&clinic, "doctor@here", &filtered).await);
    assert_eq!(filtered["results"], json!([{ "id": report["id"], "title": "Patient summary" }]));
    // Reports are large, so a page has fewer of them than was asked for, and says so.
    for query in ["limit=100", "limit=100&page=2", "limit=100&sort=title", "sort=-generated_at"] {
        let page = get(&clinic, "doctor@here", &format!("{REPORTS}?{query}")).await;
        let count = if query.contains("page=2") { 0 } else { 4 };
        assert_eq!((page.status, &json_of(&page)["count"]), (StatusCode::OK, &json!(count)), "{query}");
    }
    let page = json_of(&get(&clinic, "doctor@here", &format!("{REPORTS}?limit=100")).await);
    assert_eq!(page["limit"], 20, "{page:#}");
    assert_eq!(json_of(&get(&clinic, "nurse@here", REPORTS).await)["count"], 0);
    assert_eq!(get(&clinic, "receptionist@here", REPORTS).await.status, StatusCode::FORBIDDEN);

    let one = format!("{REPORTS}/{}", report["id"].as_str().unwrap());
    for path in [one.clone(), format!("{one}/"), one.replace("/api/", "/api/v1/")] {
        let reply = get(&clinic, "doctor@here", &path).await;
        assert_eq!((reply.status, json_of(&reply)), (StatusCode::OK, report.clone()), "{path}");
    }
    for (who, path) in [
        ("nurse@here", one.as_str()),
        ("admin@here", one.as_str()),
        ("doctor@elsewhere", one.as_str()),
        ("doctor@here", &format!("{REPORTS}/unknown")),
    ] {
        assert_eq!(get(&clinic, who, path).await.status, StatusCode::NOT_FOUND, "{who} {path}");
    }
}

#[tokio::test]
async fn an_agent_makes_and_reads_a_report_over_mcp() {
    let clinic = open().await;
    let token = clinic.server.token("doctor@here").await;
    let call = async |name: &str, arguments: Value| {
        let params = json!({ "name": name, "arguments": arguments });
        let request = clinic.server.request("POST", "/mcp").bearer(&token);
        request.modern(1, "tools/call", params).send().await.result()
    };
    let made =
        call("generate_report", json!({ "report_type": "encounter_history", "patient": "MRN-ada" })).await;
    let report = &made["structuredContent"];
    assert_eq!(report["results"][0]["encounter_type"], "office_visit", "{made:#}");
    let read = call("get_report", json!({ "report_id": report["report_id"] })).await;
    assert_eq!(read["structuredContent"], *report);
    let refused = call("generate_report", json!({ "report_type": "patient_volume" })).await;
    assert_eq!(refused["isError"], true);
    assert!(refused["content"][0]["text"].as_str().unwrap().contains("PERMISSION_DENIED"), "{refused:#}");
    // The trail says whose chart was read, and nothing of what it says.
    let rows = clinic.server.audit().await;
    let ada = Id::new("ada").unwrap();
    let about_ada = |row: &&Value| row["action"] == "get_report" && row["patients"] == json!([ada.as_str()]);
    assert_eq!(rows.iter().filter(about_ada).count(), 1, "{rows:#?}");
}
