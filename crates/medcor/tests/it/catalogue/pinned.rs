//! A pin takes other patients out of reach, and nothing else: what staff do for the pinned patient goes as it
//! does without.

use std::collections::BTreeMap;

use medcor_policy::{Need, Role};
use medcor_tools::{CompiledTool, Exposure};
use serde_json::{Value, json};

use super::example;
use crate::support::region::{House, Region};

/// What a pin is meant to refuse, and why.
const REFUSED: &[(&str, &str)] = &[
    ("create_patient", "nobody new comes in"),
    ("offer_freed_times", "the waiting list is of everybody"),
    ("get_hospital_statistics", FIGURES),
    ("get_revenue_analytics", FIGURES),
    ("get_specialty_demand", FIGURES),
    ("list_webhooks", WEBHOOKS),
    ("delete_webhook", WEBHOOKS),
    ("list_webhook_failures", WEBHOOKS),
    ("redeliver_webhook", WEBHOOKS),
    ("record_webhook_states", WEBHOOKS),
];
const WEBHOOKS: &str = "webhooks tell of everybody";
const FIGURES: &str = "figures are of everybody";

/// On one database alone: what a pin leaves is decided above it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pin_changes_no_call_about_its_patient() {
    for role in [Role::Doctor, Role::Nurse, Role::Receptionist, Role::Admin] {
        let free = Box::pin(outcomes(role, false)).await;
        let pinned = Box::pin(outcomes(role, true)).await;
        let done = free.values().filter(|outcome| **outcome == "OK").count();
        assert!(done > 20, "the examples of {role} work: {free:?}");
        let mut differences = Vec::new();
        for (tool, outcome) in &free {
            if outcome != &pinned[tool] {
                differences.push(format!("{tool}: {outcome} without a pin, {} with one", pinned[tool]));
            }
        }
        assert!(differences.is_empty(), "{role}: {differences:#?}");
    }
}

/// What becomes of every example, in an order in which nothing is ended before it is used.
async fn outcomes(role: Role, is_pinned: bool) -> BTreeMap<&'static str, String> {
    let region = Region::on_sqlite().await;
    let house = &region.north;
    let caller = house.caller(role, None);
    let session = json!({ "patient": house.ada.patient, "pin": is_pinned });
    let (_, session) = region.call(&caller, "start_session", session).await;
    let session: Value = serde_json::from_str(session.expect("a session begins").json()).expect("JSON");
    let mut tools: Vec<&CompiledTool> =
        region.pipeline.catalog().tools().filter(|tool| is_meant(tool)).collect();
    tools.sort_by_key(|tool| (!tool.entry.effect.is_read_only(), tool.entry.effect.is_destructive()));
    let mut outcomes = BTreeMap::new();
    for tool in tools.into_iter().filter(|tool| caller.may_use(tool.entry)) {
        let mut arguments = about_ada(tool, house);
        // Without a pin the session fills nothing that the example leaves out.
        if is_pinned {
            arguments["session"] = session["session"].clone();
        }
        let (_, result) = region.call(&caller, tool.entry.name, arguments).await;
        let outcome = result.map_or_else(|refusal| refusal.code.name().to_owned(), |_| "OK".to_owned());
        outcomes.insert(tool.entry.name, outcome);
    }
    outcomes
}

/// Nothing is administered in a pinned session, and what ends sessions ends this one.
fn is_meant(tool: &CompiledTool) -> bool {
    let administers = |need: &Need| matches!(need, Need::Administer(_));
    tool.entry.exposure == Exposure::Listed
        && !tool.entry.names_another()
        && tool.toolset != "conversation"
        && !tool.entry.needs.iter().any(administers)
        && !REFUSED.iter().any(|(refused, _)| *refused == tool.entry.name)
}

/// The example of a tool; where it is about Bea, her record is exchanged for Ada's.
fn about_ada(tool: &CompiledTool, house: &House) -> Value {
    let mut text = example::arguments(tool, house).to_string();
    for (resource_type, id) in &house.bea.records {
        if let Some(own) = house.ada.record(*resource_type) {
            text = text.replace(id.as_str(), own.as_str());
        }
    }
    serde_json::from_str(&text).expect("JSON")
}
