//! The documented collections, and how they are paged, ordered, narrowed and opened.

use axum::http::StatusCode;
use medcor_policy::Role;
use serde_json::{Value, json};

use super::{code_of, json_of};
use crate::support::{Clinic, Reply, patient};

const PATIENTS: &str = "/api/mcp/resources/patients";

async fn clinic() -> Clinic {
    let clinic = Clinic::start().await;
    for (id, name, born) in [
        ("ada", ("Ada", "Lovelace"), "1980-05-17"),
        ("bea", ("Bea", "Byron"), "1990-01-02"),
        ("cy", ("Cy", "Carter"), "1970-07-03"),
    ] {
        clinic.put(patient(id, name, born)).await;
    }
    clinic
}

async fn get(clinic: &Clinic, who: &str, path: &str) -> Reply {
    let token = clinic.server.token(who).await;
    clinic.server.request("GET", path).bearer(&token).send().await
}

fn names(reply: &Reply) -> Vec<String> {
    let list = json_of(reply);
    let rows = list["results"].as_array().unwrap_or_else(|| panic!("no list: {}", reply.body));
    let name_of = |row: &Value| row["name"].as_str().unwrap_or_default().to_owned();
    rows.iter().map(|row| name_of(row).split(' ').next_back().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn a_list_is_the_tools_own_with_pages_and_links() {
    let clinic = clinic().await;
    let whole = get(&clinic, "doctor@here", PATIENTS).await;
    assert_eq!(whole.status, StatusCode::OK, "{}", whole.body);
    let mut list = json_of(&whole);
    let answer = clinic.ok(Role::Doctor, "list_patients", json!({ "limit": 20 })).await;
    list.as_object_mut().unwrap().retain(|name, _| name != "page" && name != "limit");
    assert_eq!(list, answer);
    let versioned = get(&clinic, "doctor@here", "/api/v1/mcp/resources/patients/").await;
    assert_eq!(json_of(&versioned)["count"], 3);

    let first = get(&clinic, "doctor@here", &format!("{PATIENTS}?limit=2")).await;
    assert_eq!(names(&first), ["Byron", "Carter"]);
    let links = first.header("link");
    assert!(links.contains(&format!("<{PATIENTS}?limit=2&page=2>; rel=\"next\"")), "{links}");
    assert!(!links.contains("rel=\"prev\""), "{links}");
    let second = get(&clinic, "doctor@here", &format!("{PATIENTS}?limit=2&page=2")).await;
    assert_eq!(names(&second), ["Lovelace"]);
    let links = second.header("link");
    assert!(links.contains("page=1>; rel=\"prev\"") && !links.contains("rel=\"next\""), "{links}");
    assert_eq!(json_of(&second)["page"], 2);
    let beyond = get(&clinic, "doctor@here", &format!("{PATIENTS}?limit=2&page=9")).await;
    assert_eq!(json_of(&beyond)["count"], 0);
    let cursor = json_of(&first)["next_cursor"].as_str().expect("a cursor").to_owned();
    let next = get(&clinic, "doctor@here", &format!("{PATIENTS}?limit=2&cursor={cursor}")).await;
    assert_eq!(names(&next), ["Lovelace"]);
}

#[tokio::test]
async fn a_tool_without_numbers_of_pages_is_gone_through_by_its_cursor() {
    let clinic = clinic().await;
    let users = "/api/mcp/resources/users";
    let all = json_of(&get(&clinic, "admin@here", users).await);
    let all: Vec<Value> =
        all["results"].as_array().expect("people").iter().map(|it| it["id"].clone()).collect();
    let mut seen = Vec::new();
    for page in 1..=all.len().div_ceil(2) {
        let reply = get(&clinic, "admin@here", &format!("{users}?limit=2&page={page}")).await;
        seen.extend(json_of(&reply)["results"].as_array().expect("people").iter().map(|it| it["id"].clone()));
    }
    assert_eq!(seen, all);
    let beyond = get(&clinic, "admin@here", &format!("{users}?limit=2&page=20")).await;
    assert_eq!(json_of(&beyond)["count"], 0, "{}", beyond.body);
}

#[tokio::test]
async fn rows_are_ordered_narrowed_and_shortened_as_asked() {
    let clinic = clinic().await;
    let list = async |query: &str| get(&clinic, "doctor@here", &format!("{PATIENTS}?{query}")).await;
    assert_eq!(names(&list("sort=dob").await), ["Carter", "Lovelace", "Byron"]);
    let descending = list("sort=-dob&limit=2").await;
    assert_eq!(names(&descending), ["Byron", "Lovelace"]);
    let links = descending.header("link");
    assert!(links.contains("page=2>; rel=\"next\"") && links.contains("page=2>; rel=\"last\""), "{links}");
    assert_eq!(json_of(&descending)["total"], 3);
    assert_eq!(names(&list("sort=-dob&limit=2&page=2").await), ["Carter"]);
    let fields = json_of(&list("fields=mrn").await);
    assert_eq!(fields["results"][0], json!({ "id": "bea", "mrn": "MRN-bea" }));
    let filtered = list("filter=%7B%22organisation%22%3A%22here%22%7D").await;
    assert_eq!(json_of(&filtered)["count"], 3, "{}", filtered.body);
    for query in [
        "colour=red",
        "filter=%7B%22colour%22%3A%22red%22%7D",
        "filter=%7B%22limit%22%3A1%7D",
        "filter=red",
        "fields=colour",
        "sort=colour",
        "expand=colour",
        "limit=101",
        "limit=0",
        "page=x",
    ] {
        let reply = list(query).await;
        assert_eq!(
            (reply.status, code_of(&reply).as_str()),
            (StatusCode::BAD_REQUEST, "VALIDATION_ERROR"),
            "{query}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_the_client_has_is_not_sent_again_and_the_reading_is_in_the_trail() {
    let clinic = clinic().await;
    let path = format!("{PATIENTS}/ada");
    let first = get(&clinic, "doctor@here", &path).await;
    assert_eq!((first.status, &json_of(&first)["last_name"]), (StatusCode::OK, &json!("Lovelace")));
    let tag = first.header("etag").to_owned();
    let token = clinic.server.token("doctor@here").await;
    let again = async |tag: &str| {
        clinic.server.request("GET", &path).bearer(&token).header("if-none-match", tag).send().await
    };
    let before = clinic.server.audit().await.len();
    let known = again(&tag).await;
    assert_eq!((known.status, known.body.as_str()), (StatusCode::NOT_MODIFIED, ""));
    assert_eq!(known.header("etag"), tag);
    let rows = clinic.server.audit().await;
    assert_eq!((rows.len(), &rows[before]["patients"]), (before + 1, &json!(["ada"])));
    assert_eq!(again("W/\"other\"").await.status, StatusCode::OK);
    clinic.ok(Role::Receptionist, "update_patient", json!({ "patient": "ada", "city": "York" })).await;
    assert_eq!(again(&tag).await.status, StatusCode::OK);
    assert!(first.header("cache-control").contains("private"));
}

#[tokio::test]
async fn what_a_row_names_is_shown_with_it_to_those_who_may_see_it() {
    let clinic = clinic().await;
    clinic
        .put(json!({
            "resourceType": "Appointment", "id": "visit", "status": "booked",
            "start": "2026-12-03T10:00:00Z", "end": "2026-12-03T10:30:00Z",
            "participant": [{ "actor": { "reference": "Patient/ada" }, "status": "accepted" }]
        }))
        .await;
    let path = "/api/mcp/resources/appointments";
    let reply = get(&clinic, "doctor@here", &format!("{path}?expand=patient&fields=status")).await;
    let list = json_of(&reply);
    assert_eq!(list["results"][0]["expanded"]["patient"]["last_name"], "Lovelace", "{list}");
    assert_eq!(list["results"][0]["id"], "visit");
    let one = get(&clinic, "doctor@here", &format!("{path}/visit?expand=patient")).await;
    assert_eq!(json_of(&one)["expanded"]["patient"]["id"], "ada", "{}", one.body);
    assert_eq!(
        get(&clinic, "doctor@here", &format!("{path}/visit?page=2")).await.status,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn what_is_not_there_or_not_the_callers_is_refused() {
    let clinic = clinic().await;
    clinic.put_elsewhere(patient("dee", ("Dee", "Elsewhere"), "1980-01-01")).await;
    for (who, path, status) in [
        ("doctor@here", "/api/mcp/resources/colours", 404),
        ("doctor@here", "/api/mcp/resources/patients/nobody", 404),
        ("doctor@here", "/api/mcp/resources/patients/dee", 404),
        ("nurse@here", "/api/mcp/resources/users", 403),
        ("doctor@here", "/api/mcp/resources/analytics/colours", 404),
    ] {
        let before = clinic.server.audit().await.len();
        let reply = get(&clinic, who, path).await;
        assert_eq!(reply.status.as_u16(), status, "{path}: {}", reply.body);
        assert_eq!(clinic.server.audit().await.len(), before + 1, "{path}");
    }
    let bare = clinic.server.request("GET", PATIENTS).send().await;
    assert_eq!(bare.status, StatusCode::UNAUTHORIZED);
    let in_url = clinic.server.request("GET", &format!("{PATIENTS}?access_token=x")).send().await;
    assert_eq!(code_of(&in_url), "VALIDATION_ERROR");
}

#[tokio::test]
async fn specialties_are_a_collection_of_the_catalogue_and_what_clinicians_have() {
    let clinic = Clinic::start().await;
    clinic.employ_cardiologist().await;
    let mut ids = Vec::new();
    for (code, name) in [("NEURO", "Neurology"), ("DERM", "Dermatology")] {
        let added = json!({ "code": code, "name": name, "description": "Example" });
        ids.push(clinic.ok(Role::Admin, "create_specialty", added).await["id"].clone());
    }
    let path = "/api/mcp/resources/specialties";
    let list = async |query: &str| get(&clinic, "nurse@here", &format!("{path}{query}")).await;
    assert_eq!(names(&list("").await), ["Cardiology", "Dermatology", "Neurology"]);
    let first = list("?limit=2").await;
    assert_eq!(names(&first), ["Cardiology", "Dermatology"]);
    assert!(first.header("link").contains("page=2>; rel=\"next\""), "{}", first.header("link"));
    assert_eq!(names(&list("?limit=2&page=2").await), ["Neurology"]);
    let cursor = json_of(&first)["next_cursor"].as_str().expect("a cursor").to_owned();
    assert_eq!(names(&list(&format!("?cursor={cursor}")).await), ["Neurology"]);
    assert_eq!(names(&list("?sort=-name&limit=1").await), ["Neurology"]);
    assert_eq!(names(&list("?filter=%7B%22search%22%3A%22neuro%22%7D").await), ["Neurology"]);
    let fields = json_of(&list("?fields=code&limit=2").await);
    assert_eq!(fields["results"][1], json!({ "id": ids[1], "code": "DERM" }));
    let neurology = ids[0].as_str().expect("an id");
    for id in [neurology, "NEURO", "Neurology"] {
        let one = json_of(&list(&format!("/{id}")).await);
        assert_eq!((&one["id"], &one["description"]), (&ids[0], &json!("Example")), "{id}");
    }
    assert_eq!(json_of(&list("/Cardiology?fields=name").await)["name"], "Cardiology");
    assert_eq!(list("/neurologist").await.status, StatusCode::NOT_FOUND);
    assert_eq!(list("?filter=%7B%22colour%22%3A%22red%22%7D").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn subscription_plans_are_a_collection_for_administrators() {
    let clinic = Clinic::start().await;
    for (name, price) in [("Basic", json!(29.99)), ("Professional", json!(99)), ("Enterprise", json!(490))] {
        let plan = json!({ "name": name, "price": price, "billing_cycle": "MONTHLY", "plan_type": name });
        clinic.ok(Role::Superadmin, "create_subscription_plan", plan).await;
    }
    let path = "/api/mcp/resources/subscription_plans";
    let list = async |query: &str| get(&clinic, "admin@here", &format!("{path}{query}")).await;
    assert_eq!(names(&list("").await), ["Basic", "Professional", "Enterprise"]);
    let first = list("?limit=2").await;
    assert_eq!(names(&first), ["Basic", "Professional"]);
    assert!(first.header("link").contains("page=2>; rel=\"last\""), "{}", first.header("link"));
    assert_eq!(names(&list("?limit=2&page=2").await), ["Enterprise"]);
    assert_eq!(names(&list("?sort=-price&limit=1").await), ["Enterprise"]);
    assert_eq!(names(&list("?filter=%7B%22plan_type%22%3A%22BASIC%22%7D").await), ["Basic"]);
    assert_eq!(names(&list("?filter=%7B%22is_active%22%3Afalse%7D").await), [""; 0]);
    let fields = json_of(&list("?fields=name,price&limit=1").await);
    assert_eq!((&fields["results"][0]["price"], &fields["total"]), (&json!(29.99), &json!(3)));
    assert!(fields["results"][0]["billing_cycle"].is_null());
    let id = fields["results"][0]["id"].as_str().expect("an id");
    for id in [id, "1", "basic"] {
        assert_eq!(json_of(&list(&format!("/{id}")).await)["name"], "Basic", "{id}");
    }
    let tag = list("/1").await.header("etag").to_owned();
    assert!(!tag.is_empty());
    assert_eq!(list("/9").await.status, StatusCode::NOT_FOUND);
    for query in ["?colour=red", "?sort=colour", "?filter=%7B%22colour%22%3A1%7D"] {
        assert_eq!(list(query).await.status, StatusCode::BAD_REQUEST, "{query}");
    }
    assert_eq!(get(&clinic, "doctor@here", path).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_prompt_is_filled_from_an_object() {
    let clinic = clinic().await;
    let token = clinic.server.token("doctor@here").await;
    let asked = async |body: Value| {
        let request = clinic.server.request("POST", "/api/mcp/prompts/get").bearer(&token);
        request.body(body.to_string()).send().await
    };
    let reply = asked(json!({ "prompt": "trial_prompt", "initial_data": { "patient": "Ada" } })).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    let body = json_of(&reply);
    assert_eq!(body["messages"][0]["content"]["text"], "See Ada about the visit.");
    let as_mcp = json!({ "name": "trial_prompt", "arguments": { "patient": "Ada", "reason": "a cough" } });
    assert_eq!(json_of(&asked(as_mcp).await)["messages"][0]["content"]["text"], "See Ada about a cough.");
    for (body, code) in [
        (json!({ "prompt": "no_such_prompt" }), "RESOURCE_NOT_FOUND"),
        (json!({ "prompt": "trial_prompt" }), "VALIDATION_ERROR"),
        (
            json!({ "prompt": "trial_prompt", "initial_data": { "colour": "red", "patient": "Ada" } }),
            "VALIDATION_ERROR",
        ),
        (json!({ "prompt": "trial_prompt", "initial_data": [1] }), "VALIDATION_ERROR"),
        (json!({ "initial_data": {} }), "VALIDATION_ERROR"),
    ] {
        assert_eq!(code_of(&asked(body.clone()).await), code, "{body}");
    }
}
