//! The import engine, rule by rule, on small inputs.

use medcor::import::{Counts, UNREADABLE};
use serde_json::{Value, json};

use crate::support::Destination;

const PATIENT: &str = r#"{"resourceType":"Patient","id":"ada","name":[{"family":"Lovelace"}]}"#;

fn taken(taken: u64) -> Counts {
    Counts { taken, ..Counts::default() }
}

fn unchanged(unchanged: u64) -> Counts {
    Counts { unchanged, ..Counts::default() }
}

fn bundle(kind: &str, entries: &[Value]) -> String {
    json!({ "resourceType": "Bundle", "type": kind, "entry": entries }).to_string()
}

fn condition(id: &str, subject: &str) -> Value {
    json!({ "resourceType": "Condition", "id": id, "subject": { "reference": subject } })
}

fn practitioner(id: &str, npi: &str) -> Value {
    json!({ "resourceType": "Practitioner", "id": id, "identifier": [{ "system": "urn:npi", "value": npi }] })
}

fn encounter(id: &str, practitioner: &str) -> Value {
    json!({
        "resourceType": "Encounter", "id": id, "status": "finished", "class": { "code": "AMB" },
        "participant": [{ "individual": { "reference": practitioner } }]
    })
}

#[test]
fn references_within_a_bundle_resolve_in_any_order() {
    let destination = Destination::new();
    let entries = [
        json!({ "fullUrl": "urn:uuid:c1", "resource": condition("c1", "urn:uuid:aa-1") }),
        json!({ "fullUrl": "http://old.example.org/Patient/p2", "resource": { "resourceType": "Patient", "id": "p2" } }),
        json!({ "fullUrl": "urn:uuid:aa-1", "resource": { "resourceType": "Patient", "id": "p1" } }),
        json!({ "resource": condition("c2", "http://old.example.org/Patient/p2") }),
    ];
    let imported = destination.load("bundle.json", &bundle("transaction", &entries));
    assert_eq!(imported.report.total(), taken(4), "{imported:?}");
    assert_eq!(destination.json("Condition/c1")["subject"]["reference"], "Patient/p1");
    assert_eq!(destination.json("Condition/c2")["subject"]["reference"], "Patient/p2");
    assert!(imported.report.absent.is_empty());
}

#[test]
fn an_id_is_the_resources_own_else_the_full_urls_else_a_new_one() {
    let destination = Destination::new();
    let entries = [
        json!({ "fullUrl": "urn:uuid:not-this", "resource": { "resourceType": "Patient", "id": "own" } }),
        json!({ "fullUrl": "urn:uuid:of-url", "resource": { "resourceType": "Patient" } }),
        json!({ "resource": { "resourceType": "Organization", "name": "General" } }),
    ];
    let imported = destination.load("bundle.json", &bundle("collection", &entries));
    assert_eq!(imported.report.total(), taken(3));
    let everything = destination.everything();
    assert!(everything.contains_key("Patient/own") && everything.contains_key("Patient/of-url"));
    assert_eq!(everything.len(), 3);
}

#[test]
fn every_byte_of_one_line_stays_and_several_lines_become_one() {
    let destination = Destination::new();
    let line = r#"{ "resourceType":"Observation", "id":"o1","status":"final" ,"code":{"text":"a  b"},"valueQuantity":{"value":107.00} }"#;
    let spread = "{\n  \"resourceType\": \"Observation\",\n  \"id\": \"o2\",\n  \"status\": \"final\",\n  \"code\": {\n    \"text\": \"a  b\"\n  },\n  \"valueQuantity\": { \"value\": 1.50e1 }\n}";
    destination.load("line.ndjson", line);
    destination.load("spread.json", spread);
    let stored = destination.text("Observation/o1").unwrap();
    let meta = &stored[stored.find(r#","meta":"#).unwrap()..=stored.find('}').unwrap()];
    assert_eq!(stored.replacen(meta, "", 1), line);
    let stored = destination.text("Observation/o2").unwrap();
    assert!(
        stored.ends_with(r#""status":"final","code":{"text":"a  b"},"valueQuantity":{"value":1.50e1}}"#),
        "{stored}"
    );
}

#[test]
fn conditional_references_resolve_whatever_order_the_files_come_in() {
    let destination = Destination::new();
    let npi = "Practitioner?identifier=urn:npi|17";
    let first = destination.file("a.ndjson", &format!("{}\n", encounter("e1", npi)));
    let second =
        destination.file("b.json", &bundle("transaction", &[json!({ "resource": encounter("e2", npi) })]));
    let last = destination.file("c.ndjson", &practitioner("grace", "17").to_string());
    let imported = destination.import(&[first, second, last]);
    assert_eq!(imported.report.total(), taken(3));
    assert!(imported.report.unresolved.is_empty());
    for encounter in ["Encounter/e1", "Encounter/e2"] {
        assert_eq!(
            destination.json(encounter)["participant"][0]["individual"]["reference"],
            "Practitioner/grace"
        );
    }
}

#[test]
fn a_conditional_reference_may_mean_a_record_that_waited_itself() {
    let destination = Destination::new();
    let mut visit = encounter("e1", "Practitioner?identifier=urn:npi|17");
    visit["identifier"] = json!([{ "system": "urn:visit", "value": "v1" }]);
    let mut report = condition("c1", "Patient/ada");
    report["encounter"] = json!({ "reference": "Encounter?identifier=urn:visit|v1" });
    let lines = format!("{report}\n{visit}\n{}\n{PATIENT}\n", practitioner("grace", "17"));
    let imported = destination.load("all.ndjson", &lines);
    assert_eq!(imported.report.total(), taken(4));
    assert!(imported.report.unresolved.is_empty());
    assert_eq!(destination.json("Condition/c1")["encounter"]["reference"], "Encounter/e1");
}

#[test]
fn a_conditional_reference_that_fits_none_or_several_is_kept_and_counted() {
    let destination = Destination::new();
    let references =
        ["Practitioner?identifier=urn:npi|0", "Practitioner?identifier=urn:npi|17", "Practitioner?nothing=1"];
    let mut lines: Vec<Value> =
        references.iter().enumerate().map(|(number, to)| encounter(&format!("e{number}"), to)).collect();
    lines.extend([practitioner("grace", "17"), practitioner("alan", "17")]);
    let lines = lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
    let imported = destination.load("all.ndjson", &lines);
    assert_eq!((imported.report.total(), imported.refusals.len()), (taken(5), 0));
    assert_eq!(imported.report.unresolved["Practitioner"], 3);
    for (number, reference) in references.iter().enumerate() {
        let stored = destination.json(&format!("Encounter/e{number}"));
        assert_eq!(stored["participant"][0]["individual"]["reference"], *reference);
    }
}

#[test]
fn a_conditional_reference_never_means_a_record_of_another_tenant() {
    let destination = Destination::new();
    let elsewhere = destination.another_tenant();
    let path = destination.file("p.ndjson", &practitioner("grace", "17").to_string());
    let mut engine = destination.engine();
    engine.tenant = elsewhere;
    assert_eq!(destination.import_with(&engine, &[path]).report.total(), taken(1));
    let imported =
        destination.load("e.ndjson", &encounter("e1", "Practitioner?identifier=urn:npi|17").to_string());
    assert_eq!(imported.report.unresolved["Practitioner"], 1);
    let imported = destination.load("f.ndjson", &encounter("e2", "Practitioner/grace").to_string());
    assert_eq!(imported.report.absent["Practitioner"], 1);
}

#[test]
fn what_exists_already_is_used_where_the_input_asks_for_that() {
    let destination = Destination::new();
    destination.load("there.ndjson", &practitioner("grace", "17").to_string());
    let request = json!({ "method": "POST", "url": "Practitioner", "ifNoneExist": "identifier=urn:npi|17" });
    let new = json!({ "method": "POST", "url": "Practitioner", "ifNoneExist": "identifier=urn:npi|18" });
    let entries = [
        json!({ "resource": encounter("e1", "urn:uuid:one") }),
        json!({ "resource": encounter("e2", "Practitioner/other") }),
        json!({ "fullUrl": "urn:uuid:one", "resource": practitioner("other", "17"), "request": request }),
        json!({ "fullUrl": "urn:uuid:two", "resource": practitioner("alan", "18"), "request": new }),
        json!({ "fullUrl": "urn:uuid:two-again", "resource": practitioner("alan2", "18"), "request": new }),
        json!({ "resource": encounter("e3", "urn:uuid:two-again") }),
    ];
    let imported = destination.load("bundle.json", &bundle("batch", &entries));
    assert_eq!(imported.report.types["Practitioner"], Counts { taken: 1, unchanged: 2, ..Counts::default() });
    for (encounter, practitioner) in [("e1", "grace"), ("e2", "grace"), ("e3", "alan")] {
        let stored = destination.json(&format!("Encounter/{encounter}"));
        let expected = format!("Practitioner/{practitioner}");
        assert_eq!(stored["participant"][0]["individual"]["reference"], expected);
    }
    assert!(destination.record("Practitioner/other").is_none());
}

#[test]
fn several_records_where_one_is_asked_for_are_refused() {
    let destination = Destination::new();
    let there = [practitioner("grace", "17"), practitioner("alan", "17")].map(|value| value.to_string());
    destination.load("there.ndjson", &there.join("\n"));
    let entries = [
        json!({ "resource": practitioner("x", "17"),
                "request": { "method": "POST", "url": "Practitioner", "ifNoneExist": "identifier=urn:npi|17" } }),
        json!({ "resource": practitioner("y", "17"),
                "request": { "method": "PUT", "url": "Practitioner?identifier=urn:npi|17" } }),
        json!({ "request": { "method": "DELETE", "url": "Practitioner?identifier=urn:npi|17" } }),
    ];
    let imported = destination.load("bundle.json", &bundle("batch", &entries));
    assert_eq!(imported.report.total().refused, 3);
    assert!(imported.refusals[0].place.ends_with("bundle.json, entry 1"), "{:?}", imported.refusals);
}

#[test]
fn the_methods_of_a_transaction_are_followed() {
    let destination = Destination::new();
    destination.load("there.ndjson", &format!("{PATIENT}\n{}", practitioner("grace", "17")));
    let patient = |id: &str, family: &str| json!({ "resourceType": "Patient", "id": id, "name": [{ "family": family }] });
    let request = |method: &str, url: &str| json!({ "method": method, "url": url });
    let entries = [
        json!({ "resource": patient("ada", "King"), "request": request("PUT", "Patient/ada") }),
        json!({ "resource": practitioner("other", "17"), "request": request("PUT", "Practitioner?identifier=urn:npi|17") }),
        json!({ "resource": patient("eve", "Adams"), "request": request("PUT", "http://x.example.org/fhir/Patient/eve") }),
        json!({ "resource": patient("b", "Noel"), "request": request("PUT", "Patient/c") }),
        json!({ "resource": patient("d", "Noel"), "request": request("PUT", "Practitioner/d") }),
        json!({ "request": request("GET", "Patient/ada") }),
        json!({ "resource": patient("f", "Noel"), "request": request("PATCH", "Patient/f") }),
        json!({ "request": request("POST", "Patient") }),
        json!({}),
    ];
    let imported = destination.load("bundle.json", &bundle("transaction", &entries));
    let total = imported.report.total();
    assert_eq!(
        (total.taken, total.updated, total.unchanged, total.refused),
        (1, 1, 1, 6),
        "{:?}",
        imported.refusals
    );
    assert_eq!(destination.json("Patient/ada")["name"][0]["family"], "King");
    assert!(destination.record("Practitioner/other").is_none());

    let deletions = [
        json!({ "request": request("DELETE", "Patient/eve") }),
        json!({ "request": request("DELETE", "Patient/nobody") }),
    ];
    let imported = destination.load("deletions.json", &bundle("transaction", &deletions));
    assert_eq!((imported.report.total().deleted, imported.report.total().refused), (1, 0));
    assert!(destination.record("Patient/eve").is_none());
    assert_eq!(
        destination.load("again.json", &bundle("transaction", &deletions)).report.total(),
        Counts::default()
    );
}

#[test]
fn a_bad_record_is_reported_with_its_place_and_all_its_problems_and_the_rest_goes_on() {
    let destination = Destination::new();
    let bad = r#"{"resourceType":"Patient","id":"bad","gender":"it","birthDate":"yesterday","shoe":"left"}"#;
    let lines = format!(
        "{PATIENT}\n\n{bad}\n{{\"resourceType\":\"Patient\"\n[]\n{{\"resourceType\":\"Person2\"}}\n{}",
        practitioner("g", "1")
    );
    let imported = destination.load("mixed.ndjson", &lines);
    assert_eq!(imported.report.types["Patient"], Counts { taken: 1, refused: 1, ..Counts::default() });
    assert_eq!(imported.report.types["Practitioner"], taken(1));
    assert_eq!(imported.report.types[UNREADABLE].refused, 3);
    let places: Vec<&str> = imported.refusals.iter().map(|it| it.place.rsplit_once(':').unwrap().1).collect();
    assert_eq!(places, ["3", "4", "5", "6"]);
    let problems = imported.refusals[0].problems.join("\n");
    for path in ["Patient.gender", "Patient.birthDate", "Patient.shoe"] {
        assert!(problems.contains(path), "{problems}");
    }
    assert!(destination.record("Patient/bad").is_none());
}

#[test]
fn a_strict_import_stops_at_the_first_refusal() {
    let destination = Destination::new();
    let first = destination.file("a.ndjson", PATIENT);
    let bad = destination.file("b.ndjson", r#"{"resourceType":"Patient","shoe":1}"#);
    let last = destination.file("c.ndjson", &practitioner("grace", "17").to_string());
    let mut engine = destination.engine();
    engine.is_strict = true;
    let imported = destination.import_with(&engine, &[first, bad, last]);
    assert!(imported.report.was_stopped);
    assert_eq!(imported.refusals.len(), 1);
    assert!(destination.record("Practitioner/grace").is_none());
}

#[test]
fn references_to_records_that_nobody_has_are_counted_by_type() {
    let destination = Destination::new();
    destination.load("there.ndjson", PATIENT);
    let mut later = condition("c3", "Patient/later");
    later["asserter"] = json!({ "reference": "Practitioner/gone/_history/2" });
    later["contained"] = json!([{ "resourceType": "Practitioner", "id": "x" }]);
    later["recorder"] = json!({ "reference": "#x" });
    let lines = [
        condition("c1", "Patient/ada"),
        condition("c2", "Patient/gone"),
        later,
        condition("c4", "urn:uuid:no-entry"),
        json!({ "resourceType": "Patient", "id": "later" }),
    ];
    let lines = lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
    let imported = destination.load("all.ndjson", &lines);
    assert_eq!(imported.report.total(), taken(5), "{:?}", imported.refusals);
    assert_eq!(imported.report.absent.iter().collect::<Vec<_>>(), [(&"Patient", &1), (&"Practitioner", &1)]);
    assert_eq!(imported.report.without_entry, 1);
}

#[test]
fn importing_again_leaves_alone_what_was_changed_or_deleted_since() {
    let destination = Destination::new();
    let lines = format!("{PATIENT}\n{}", condition("c1", "Patient/ada"));
    assert_eq!(destination.load("all.ndjson", &lines).report.total(), taken(2));
    assert_eq!(destination.load("all.ndjson", &lines).report.total(), unchanged(2));
    destination.edit("Patient/ada", |patient| patient["name"][0]["family"] = json!("King"));
    destination.delete("Condition/c1");
    assert_eq!(destination.load("all.ndjson", &lines).report.total(), unchanged(2));
    assert_eq!(destination.json("Patient/ada")["name"][0]["family"], "King");
    assert!(destination.record("Condition/c1").is_none());

    let mut engine = destination.engine();
    engine.is_restoring = true;
    let path = destination.file("all.ndjson", &lines);
    let restored = destination.import_with(&engine, &[path]).report.total();
    assert_eq!((restored.taken, restored.updated), (1, 1));
    assert_eq!(destination.json("Patient/ada")["name"][0]["family"], "Lovelace");
    assert!(destination.record("Condition/c1").is_some());
}

#[test]
fn folders_are_read_in_depth_and_other_files_left_aside() {
    let destination = Destination::new();
    let patient = |id: &str| json!({ "resourceType": "Patient", "id": id }).to_string();
    let folder = destination.file("one.json", &patient("one")).parent().unwrap().to_owned();
    destination.compressed_file("deep/two.json.gz", &patient("two"));
    destination.compressed_file(
        "deep/deeper/three.ndjson.gz",
        &format!("{}\r\n{}", patient("three"), patient("four")),
    );
    destination.file("deep/bom.JSON", &format!("\u{feff}{}", patient("five")));
    destination.file(
        "deep/nested.jsonl",
        &bundle("collection", &[json!({ "resource": { "resourceType": "Patient", "id": "six" } })]),
    );
    destination.file("README.md", "# Not a record");
    destination.file("empty.ndjson", "");
    let imported = destination.import(&[folder]);
    assert_eq!(imported.report.types["Patient"], taken(6), "{:?}", imported.refusals);
    assert_eq!((imported.report.files, imported.report.left_aside), (6, 1));
}

#[test]
fn a_file_that_cannot_be_read_is_reported_and_the_rest_goes_on() {
    let destination = Destination::new();
    let broken = destination.file("a.json.gz", "this is not gzip");
    let binary = destination.file("b.json", "");
    std::fs::write(&binary, [0xff, 0xfe, 0x00]).unwrap();
    let response = destination.file("c.json", &bundle("transaction-response", &[]));
    let good = destination.file("d.json", PATIENT);
    let imported = destination.import(&[broken, binary, response, good]);
    assert_eq!(imported.report.total(), Counts { taken: 1, refused: 3, ..Counts::default() });
    let places: Vec<_> = imported.refusals.iter().map(|it| it.place.rsplit('/').next().unwrap()).collect();
    assert_eq!(places, ["a.json.gz", "b.json", "c.json"]);
}

#[test]
fn a_document_is_a_record_of_its_own() {
    let destination = Destination::new();
    let document = json!({
        "resourceType": "Bundle", "id": "doc", "type": "document",
        "identifier": { "system": "urn:ietf:rfc:3986", "value": "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0" },
        "timestamp": "2026-12-02T09:00:00Z",
        "entry": [{
            "fullUrl": "http://example.org/fhir/Composition/c",
            "resource": {
                "resourceType": "Composition", "id": "c", "status": "final", "type": { "text": "Note" },
                "date": "2026-12-02", "title": "Note", "author": [{ "reference": "Practitioner/grace" }]
            }
        }]
    });
    let imported = destination.load("document.json", &document.to_string());
    assert_eq!(imported.report.total(), taken(1), "{:?}", imported.refusals);
    assert!(destination.record("Bundle/doc").is_some());
    assert!(destination.record("Composition/c").is_none());
}

#[test]
fn every_commit_and_every_round_of_questions_leaves_one_audit_row() {
    let destination = Destination::new();
    let lines =
        (0..1200).map(|number| json!({ "resourceType": "Patient", "id": format!("p{number}") }).to_string());
    let lines = lines.collect::<Vec<_>>().join("\n");
    destination.load("patients.ndjson", &lines);
    assert_eq!(destination.audit_events(), ["AUDIT:IMPORT"; 3]);
    destination.load("e.ndjson", &encounter("e1", "Practitioner?identifier=urn:npi|17").to_string());
    let events = destination.audit_events().split_off(3);
    assert_eq!(events.iter().filter(|event| *event == "AUDIT:IMPORT").count(), 1);
    assert!(events.iter().any(|event| event == "AUDIT:IMPORT_LOOKUP"), "{events:?}");
}

#[test]
fn one_record_that_comes_twice_ends_as_it_came_last() {
    let destination = Destination::new();
    let king = PATIENT.replace("Lovelace", "King");
    let imported = destination.load("all.ndjson", &format!("{PATIENT}\n{king}\n"));
    assert_eq!((imported.report.total().taken, imported.report.total().updated), (1, 1));
    assert_eq!(destination.json("Patient/ada")["name"][0]["family"], "King");
    let imported = destination.load("all.ndjson", &format!("{PATIENT}\n{king}\n"));
    assert_eq!(imported.report.total(), unchanged(2));
}
