//! Plans of the platform and subscriptions of organisations: who sees which, what they cost, when they end.

use std::path::Path;

use medcor_policy::{Principal, Role, SubjectId};
use medcor_store::identity::User;
use medcor_tools::Caller;
use serde_json::{Value, json};

use crate::support::Clinic;

/// A clinic on 2026-12-02 at which the plans Basic (29.99 a month) and Enterprise (990 a year) are offered.
async fn clinic() -> Clinic {
    let clinic = Clinic::start().await;
    for plan in [
        json!({
            "name": "Basic", "price": 29.99, "billing_cycle": "monthly", "features": { "sms": false },
            "plan_type": "basic", "currency": "usd", "max_users": 5, "max_doctors": 2, "max_patients": 500
        }),
        json!({
            "name": "Enterprise", "price": "990", "billing_cycle": "yearly", "features": {},
            "plan_type": "ENTERPRISE", "description": "For hospitals"
        }),
        json!({ "name": "Old", "price": 0.1, "billing_cycle": "QUARTERLY", "is_active": false }),
    ] {
        clinic.ok(Role::Superadmin, "create_subscription_plan", plan).await;
    }
    clinic
}

fn members<'l>(listing: &'l Value, name: &str) -> Vec<&'l str> {
    let rows = listing["results"].as_array().unwrap_or_else(|| panic!("no list: {listing}"));
    rows.iter().map(|row| row[name].as_str().unwrap_or_default()).collect()
}

/// Subscribes the clinic's organisation.
async fn subscribed(clinic: &Clinic, mut with: Value) -> Value {
    with["plan_id"] = "Basic".into();
    clinic.ok(Role::Admin, "create_subscription", with).await
}

/// An administrator of the other hospital.
fn elsewhere(clinic: &Clinic) -> Caller {
    let tenant = &clinic.server.elsewhere;
    let own = Principal {
        tenant: tenant.id,
        organization: tenant.organization.clone(),
        ..clinic.principal(Role::Admin)
    };
    clinic.logged_in(own)
}

#[tokio::test]
async fn plans_are_offered_to_every_organisation_with_prices_to_the_last_digit() {
    let clinic = clinic().await;
    let basic = clinic.ok(Role::Admin, "get_subscription_plan_details", json!({ "plan_id": "basic" })).await;
    let mut known = basic.clone();
    known
        .as_object_mut()
        .unwrap()
        .retain(|name, _| !["id", "plan_id", "created_at"].contains(&name.as_str()));
    assert_eq!(
        known,
        json!({
            "number": 1, "name": "Basic", "plan_type": "BASIC", "type": "BASIC", "price": 29.99, "currency": "USD",
            "billing_cycle": "MONTHLY", "max_users": 5, "max_doctors": 2, "max_patients": 500,
            "features": { "sms": false }, "is_active": true
        })
    );
    for name in [basic["id"].clone(), json!(1), json!("1"), json!("BASIC")] {
        let shown = clinic.ok(Role::Admin, "get_subscription_plan_details", json!({ "plan_id": name })).await;
        assert_eq!(shown, basic, "{name}");
    }
    for (arguments, expected) in [
        (json!({}), vec!["Basic", "Enterprise", "Old"]),
        (json!({ "is_active": true }), vec!["Basic", "Enterprise"]),
        (json!({ "plan_type": "enterprise" }), vec!["Enterprise"]),
        (json!({ "plan_type": "PROFESSIONAL", "is_active": true }), vec![]),
        (json!({ "limit": 2, "page": 2 }), vec!["Old"]),
        (json!({ "cursor": basic["id"] }), vec!["Enterprise", "Old"]),
    ] {
        let listing = clinic.ok(Role::Admin, "list_subscription_plans", arguments.clone()).await;
        assert_eq!(members(&listing, "name"), expected, "{arguments}");
    }
    let there = clinic.call(&elsewhere(&clinic), "list_subscription_plans", json!({})).await.unwrap();
    assert_eq!(members(&there, "billing_cycle"), ["MONTHLY", "ANNUAL", "QUARTERLY"]);
    assert_eq!(there["results"][2]["price"], 0.1);
}

#[tokio::test]
async fn plans_are_made_by_the_platform_once_and_with_sound_prices() {
    let clinic = clinic().await;
    let plan = |name: &str| json!({ "name": name, "price": 1, "billing_cycle": "MONTHLY", "features": {} });
    for role in [Role::Admin, Role::Doctor, Role::Auditor, Role::Patient] {
        let refusal = clinic.refusal(role, "create_subscription_plan", plan("New")).await;
        assert_eq!(refusal, "PERMISSION_DENIED", "{role}");
    }
    assert_eq!(clinic.refusal(Role::Superadmin, "create_subscription_plan", plan("BASIC")).await, "CONFLICT");
    for (parameter, value) in [
        ("price", json!(-1)),
        ("price", json!(0.000_01)),
        ("price", json!("much")),
        ("billing_cycle", json!("WEEKLY")),
        ("currency", json!("dollars")),
        ("name", json!("x; --")),
        ("max_users", json!(0)),
        ("features", json!("sms")),
        ("features", json!({ "all": "x".repeat(5000) })),
        ("colour", json!("red")),
    ] {
        let mut wrong = plan("New");
        wrong[parameter] = value.clone();
        let refusal = clinic.refusal(Role::Superadmin, "create_subscription_plan", wrong).await;
        assert_eq!(refusal, "VALIDATION_ERROR", "{parameter} {value}");
    }
    for role in [Role::Doctor, Role::Receptionist, Role::Nurse, Role::Patient, Role::Auditor, Role::System] {
        for tool in ["list_subscription_plans", "list_subscriptions"] {
            assert_eq!(clinic.refusal(role, tool, json!({})).await, "PERMISSION_DENIED", "{role} {tool}");
        }
    }
    let unknown = json!({ "plan_id": 99 });
    assert_eq!(
        clinic.refusal(Role::Admin, "get_subscription_plan_details", unknown).await,
        "RESOURCE_NOT_FOUND"
    );
    let gone = json!({ "cursor": "nobody" });
    assert_eq!(clinic.refusal(Role::Admin, "list_subscription_plans", gone).await, "VALIDATION_ERROR");
}

#[tokio::test]
async fn an_organisation_subscribes_once_and_sees_its_own_alone() {
    let clinic = clinic().await;
    let made = subscribed(&clinic, json!({ "start_date": "2026-11-30" })).await;
    let expected = json!({
        "number": 1, "hospital": "here", "plan": "Basic", "plan_type": "BASIC", "price": 29.99, "currency": "USD",
        "plan_billing_cycle": "MONTHLY", "billing_cycle": "MONTHLY", "status": "ACTIVE", "is_active": true,
        "start_date": "2026-11-30", "current_period_start": "2026-11-30", "current_period_end": "2026-12-29",
        "next_billing_date": "2026-12-30", "auto_renew": true, "cancel_at_period_end": false
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&made[name], value, "{name}: {made}");
    }
    assert_eq!((&made["success"], &made["subscription_id"]), (&json!(true), &made["id"]));
    let again = json!({ "plan_id": "Enterprise", "start_date": "2027-06-01" });
    assert_eq!(clinic.refusal(Role::Admin, "create_subscription", again).await, "CONFLICT");
    let own = clinic.ok(Role::Admin, "list_subscriptions", json!({})).await;
    assert_eq!(members(&own, "id"), [made["id"].as_str().unwrap()]);

    // The other hospital has none, can't see this one, and can't touch it.
    let there = elsewhere(&clinic);
    let none = clinic.call(&there, "list_subscriptions", json!({})).await.unwrap();
    assert_eq!(none["count"], 0);
    let here = json!({ "tenant_id": "here" });
    for (tool, arguments) in [
        ("list_subscriptions", here.clone()),
        ("create_subscription", json!({ "hospital_id": "here", "plan_id": 1 })),
        ("update_subscription", json!({ "subscription_id": made["id"], "auto_renew": false })),
        ("cancel_subscription", json!({ "subscription_id": made["id"], "immediate": true })),
    ] {
        let refused = clinic.call(&there, tool, arguments).await.unwrap_err();
        assert_eq!(refused.code.name(), "RESOURCE_NOT_FOUND", "{tool}");
    }
    // The platform sees and makes those of all.
    let for_it = json!({ "hospital_id": "elsewhere", "plan_id": "Enterprise", "billing_cycle": "ANNUAL" });
    let made_there = clinic.ok(Role::Superadmin, "create_subscription", for_it).await;
    assert_eq!(
        (&made_there["hospital"], &made_there["start_date"]),
        (&json!("elsewhere"), &json!("2026-12-02"))
    );
    let all = clinic.ok(Role::Superadmin, "list_subscriptions", json!({})).await;
    assert_eq!(members(&all, "hospital"), ["here", "elsewhere"]);
    assert_eq!(members(&clinic.ok(Role::Superadmin, "list_subscriptions", here).await, "hospital"), ["here"]);
    // What is done elsewhere under a key is done once, too.
    let lasting =
        json!({ "subscription_id": made_there["id"], "auto_renew": false, "idempotency_key": "lasting-1" });
    let once = clinic.ok(Role::Superadmin, "update_subscription", lasting.clone()).await;
    assert_eq!(once, clinic.ok(Role::Superadmin, "update_subscription", lasting).await);
    let ended = json!({ "subscription_id": made_there["id"], "immediate": true, "reason": "moved away" });
    let ended = clinic.ok(Role::Superadmin, "cancel_subscription", ended).await;
    assert_eq!((&ended["status"], &ended["hospital"]), (&json!("CANCELLED"), &json!("elsewhere")));
    let theirs = clinic.call(&there, "list_subscriptions", json!({ "status": "cancelled" })).await.unwrap();
    assert_eq!(theirs["results"][0]["cancellation_reason"], "<record-text>moved away</record-text>");
}

#[tokio::test]
async fn of_two_calls_at_once_that_subscribe_one_does() {
    let clinic = clinic().await;
    let call = || clinic.call_as(Role::Admin, "create_subscription", json!({ "plan_id": "Basic" }));
    let (one, other) = tokio::join!(call(), call());
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    let refused = one.err().or(other.err()).expect("one was refused");
    assert_eq!(refused.code.name(), "CONFLICT");
    assert_eq!(clinic.ok(Role::Admin, "list_subscriptions", json!({})).await["count"], 1);
}

#[tokio::test]
async fn a_subscription_changes_its_plan_and_whether_it_renews() {
    let clinic = clinic().await;
    let made = subscribed(&clinic, json!({ "start_date": "2026-11-15", "billing_cycle": "quarterly" })).await;
    let update = async |arguments: Value| {
        let mut all = json!({ "subscription_id": made["id"] });
        all.as_object_mut().unwrap().extend(arguments.as_object().unwrap().clone());
        clinic.call_as(Role::Admin, "update_subscription", all).await
    };
    let upgraded = update(json!({ "plan_id": "Enterprise", "auto_renew": true })).await.unwrap();
    assert_eq!((&upgraded["plan"], &upgraded["price"]), (&json!("Enterprise"), &json!(990.0)));
    assert_eq!(
        (&upgraded["billing_cycle"], &upgraded["plan_billing_cycle"]),
        (&json!("ANNUAL"), &json!("ANNUAL"))
    );
    let listed = clinic.ok(Role::Admin, "list_subscriptions", json!({})).await;
    let former = &listed["results"][0]["former_plans"];
    assert_eq!(former.as_array().map(Vec::len), Some(1), "{former}");
    assert_eq!((&former[0]["plan_id"], &former[0]["billing_cycle"]), (&made["plan_id"], &json!("QUARTERLY")));
    let ending = update(json!({ "auto_renew": false })).await.unwrap();
    assert_eq!(
        (&ending["end_date"], &ending["status"], &ending["next_billing_date"]),
        (&json!("2027-11-14"), &json!("ACTIVE"), &Value::Null)
    );
    // What follows has its place, and so the first can't go on over it.
    let next = json!({ "plan_id": 1, "start_date": "2027-11-15", "end_date": "2028-02-14" });
    let next = clinic.ok(Role::Admin, "create_subscription", next).await;
    assert_eq!(
        (&next["status"], &next["number"], &next["auto_renew"]),
        (&json!("SCHEDULED"), &json!(2), &json!(false))
    );
    assert_eq!(update(json!({ "auto_renew": true })).await.unwrap_err().code.name(), "CONFLICT");
    let called_off = clinic.ok(Role::Admin, "cancel_subscription", json!({ "subscription_id": 2 })).await;
    assert_eq!((&called_off["status"], &called_off["is_active"]), (&json!("CANCELLED"), &json!(false)));
    let going_on = update(json!({ "auto_renew": true })).await.unwrap();
    assert_eq!((&going_on["end_date"], &going_on["auto_renew"]), (&Value::Null, &json!(true)));
    for (arguments, code) in [
        (json!({}), "VALIDATION_ERROR"),
        (json!({ "plan_id": "Old" }), "VALIDATION_ERROR"),
        (json!({ "plan_id": "Ancient" }), "RESOURCE_NOT_FOUND"),
        (json!({ "billing_cycle": "MONTHLY" }), "VALIDATION_ERROR"),
    ] {
        assert_eq!(update(arguments.clone()).await.unwrap_err().code.name(), code, "{arguments}");
    }
    let over = json!({ "subscription_id": 2, "auto_renew": true });
    assert_eq!(clinic.refusal(Role::Admin, "update_subscription", over).await, "PRECONDITION");
}

#[tokio::test]
async fn a_cancelled_subscription_ends_with_its_period_or_at_once() {
    let clinic = clinic().await;
    let made = subscribed(&clinic, json!({ "start_date": "2026-11-30" })).await;
    let at_end = json!({ "subscription_id": made["id"], "reason": "too dear", "immediate": false });
    let cancelled = clinic.ok(Role::Admin, "cancel_subscription", at_end.clone()).await;
    assert_eq!(
        (
            &cancelled["status"],
            &cancelled["cancel_at_period_end"],
            &cancelled["end_date"],
            &cancelled["auto_renew"]
        ),
        (&json!("ACTIVE"), &json!(true), &json!("2026-12-29"), &json!(false))
    );
    assert_eq!(cancelled["cancellation_reason"], "<record-text>too dear</record-text>");
    let again = clinic.ok(Role::Admin, "cancel_subscription", at_end).await;
    assert_eq!(again["cancelled_at"], cancelled["cancelled_at"]);
    let back = json!({ "subscription_id": made["id"], "auto_renew": true });
    let back = clinic.ok(Role::Admin, "update_subscription", back).await;
    assert_eq!((&back["cancel_at_period_end"], &back["end_date"]), (&json!(false), &Value::Null));
    let at_once = json!({ "subscription_id": made["id"], "immediate": true });
    let ended = clinic.ok(Role::Admin, "cancel_subscription", at_once.clone()).await;
    assert_eq!((&ended["status"], &ended["end_date"]), (&json!("CANCELLED"), &json!("2026-12-01")));
    assert_eq!(clinic.refusal(Role::Admin, "cancel_subscription", at_once).await, "PRECONDITION");
    // The day is free again.
    let next = subscribed(&clinic, json!({})).await;
    assert_eq!((&next["start_date"], &next["status"]), (&json!("2026-12-02"), &json!("ACTIVE")));
    for wrong in [
        json!({ "plan_id": "Old" }),
        json!({ "plan_id": 1, "start_date": "2026-02-30" }),
        json!({ "plan_id": 1, "start_date": "1926-02-03" }),
        json!({ "plan_id": 1, "start_date": "2027-01-02", "end_date": "2027-01-01" }),
        json!({ "plan_id": 1, "end_date": "2027-01-01", "auto_renew": true }),
        json!({ "start_date": "2027-01-01" }),
    ] {
        let refusal = clinic.refusal(Role::Admin, "create_subscription", wrong.clone()).await;
        assert_eq!(refusal, "VALIDATION_ERROR", "{wrong}");
    }
}

#[tokio::test]
async fn every_reading_and_change_of_plans_is_in_the_trail() {
    let clinic = clinic().await;
    let before = clinic.server.audit().await.len();
    clinic.ok(Role::Admin, "list_subscription_plans", json!({})).await;
    let for_it = json!({ "hospital_id": "elsewhere", "plan_id": "Basic" });
    clinic.ok(Role::Superadmin, "create_subscription", for_it.clone()).await;
    assert_eq!(clinic.refusal(Role::Superadmin, "create_subscription", for_it).await, "CONFLICT");
    let rows = clinic.server.audit().await;
    let actions: Vec<&Value> = rows[before..].iter().map(|row| &row["action"]).collect();
    assert_eq!(actions, ["list_subscription_plans", "create_subscription", "create_subscription"]);
    assert_eq!(rows[before + 1]["outcome"], "success");
    assert_eq!(rows[before + 2]["outcome"]["failure"], "CONFLICT");
}

/// What the documents name of each call's answer; of lists what is in their rows.
const DOCUMENTED: &[(&str, &str, &[&str])] = &[
    ("medcor_v2", "create_subscription_plan", &["id", "name", "price", "billing_cycle", "features"]),
    ("medcor_v2", "list_subscription_plans", &["id", "name", "price", "billing_cycle", "features"]),
    ("medcor_v2", "get_subscription_plan_details", &["id", "name", "price", "billing_cycle", "features"]),
    ("medcor_v2", "create_subscription", &["id", "tenant_id", "plan_id", "status", "start_date"]),
    ("medcor_v2", "list_subscriptions", &["id", "tenant_id", "plan_id", "status", "start_date"]),
    (
        "medcor_complete",
        "list_subscription_plans",
        &[
            "id",
            "name",
            "type",
            "price",
            "billing_cycle",
            "max_users",
            "max_doctors",
            "max_patients",
            "features",
        ],
    ),
    ("medcor_complete", "create_subscription", &["success", "subscription_id", "hospital", "plan"]),
    ("medcor_complete", "update_subscription", &["id", "plan_id", "auto_renew", "status"]),
    (
        "medcor_complete",
        "cancel_subscription",
        &["id", "status", "cancellation_reason", "cancel_at_period_end"],
    ),
];

/// The arguments that a document gives for a call, all of them.
fn documented(tool: &Value, (plan, subscription): (&Value, &Value)) -> Value {
    let mut arguments = json!({});
    for parameter in tool["params"].as_array().expect("parameters") {
        let name = parameter["name"].as_str().expect("a name");
        arguments[name] = match name {
            "tenant_id" | "hospital_id" => json!("default"),
            "plan_id" if parameter["type"] == "integer" => json!(1),
            "plan_id" => plan.clone(),
            "subscription_id" => subscription.clone(),
            "plan_type" | "billing_cycle" if parameter["enum"].is_array() => parameter["enum"][0].clone(),
            "billing_cycle" => json!("yearly"),
            "name" => json!("Documented"),
            "price" => json!(49.5),
            "features" => json!({ "reminders": true }),
            "reason" => json!("Moving away"),
            "end_date" => json!("2027-12-31"),
            "is_active" => json!(true),
            _ => parameter["example"].clone(),
        };
        assert!(!arguments[name].is_null(), "{name}");
    }
    arguments
}

#[tokio::test]
async fn every_documented_call_of_plans_and_subscriptions_works_as_written() {
    for system in ["medcor_v2", "medcor_complete"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/surface");
        let path = folder.join(format!("{system}.json"));
        let Ok(text) = std::fs::read_to_string(&path) else {
            eprintln!("skipped: {} is absent", path.display());
            return;
        };
        let facts: Value = serde_json::from_str(&text).unwrap();
        let clinic = clinic().await;
        employ_platform(&clinic).await;
        let plans = clinic.ok(Role::Admin, "list_subscription_plans", json!({})).await;
        let plan = plans["results"][0]["id"].clone();
        let mut subscription = Value::Null;
        let mut called = 0;
        let tools: Vec<&Value> = facts["tools"].as_array().expect("tools").iter().collect();
        // What lists and ends comes after what makes.
        let is_of = |tool: &&&Value| tool["name"].as_str().is_some_and(|name| name.contains("subscription"));
        let mut tools: Vec<&Value> = tools.iter().filter(is_of).copied().collect();
        tools.sort_by_key(|tool| !tool["name"].as_str().unwrap_or_default().starts_with("create"));
        for tool in tools {
            let name = tool["name"].as_str().expect("a name");
            let of_it = DOCUMENTED.iter().find(|(of, known, _)| (*of, *known) == (system, name));
            let (_, _, fields) = of_it.unwrap_or_else(|| panic!("nobody calls {name} of {system}"));
            let who = if name == "create_subscription_plan" { Role::Superadmin } else { Role::Admin };
            let mut arguments = documented(tool, (&plan, &subscription));
            if !arguments["tenant_id"].is_null() {
                arguments["tenant_id"] = clinic.server.here.id.0.into();
            }
            let result = over_mcp(&clinic, who, name, &arguments).await;
            assert_eq!(result["isError"], false, "{system} {name} {arguments}: {result}");
            let answer = &result["structuredContent"];
            let row = answer["results"].get(0).unwrap_or(answer);
            for field in *fields {
                assert!(!row[*field].is_null(), "{system} {name} has no {field}: {answer}");
            }
            if name == "create_subscription" {
                subscription = answer["id"].clone();
            }
            called += 1;
        }
        assert_eq!(called, DOCUMENTED.iter().filter(|(of, _, _)| *of == system).count());
    }
}

/// The login of a platform administrator.
async fn employ_platform(clinic: &Clinic) {
    let server = &clinic.server;
    let user = User {
        id: SubjectId(server.store.clock().new_id().to_string()),
        tenant: server.here.id,
        email: "superadmin@here".to_owned(),
        display_name: "Platform".to_owned(),
        roles: vec![Role::Superadmin],
        password_hash: None,
        patient: None,
        practitioner: None,
        is_active: true,
    };
    server.store.identity().create_users(&[user]).await.unwrap();
}

async fn over_mcp(clinic: &Clinic, who: Role, tool: &str, arguments: &Value) -> Value {
    let token = clinic.server.token(&format!("{}@here", who.name())).await;
    let params = json!({ "name": tool, "arguments": arguments });
    let request = clinic.server.request("POST", "/mcp").bearer(&token);
    request.modern(1, "tools/call", params).send().await.result()
}
