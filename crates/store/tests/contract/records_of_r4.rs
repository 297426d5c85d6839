//! HL7's own examples, and records of our own where the examples are few.

use std::{
    fs::File,
    io::{Read, Write as _},
};

use flate2::read::GzDecoder;
use medcor_fhir::{Id, ParsedResource, ResourceType, validate::validate};
use serde_json::json;

use crate::support::{Hospital, entry, heart_rate, import, patient, resource};

/// Fills a tenant with examples, and the other one with more of the same, which must never be seen.
pub(crate) async fn fill(hospital: &Hospital) {
    let examples = examples();
    for tenant in [hospital.tenant, hospital.other_tenant] {
        let permit = import(tenant);
        let mut session = hospital.store.session(&permit);
        let others = if tenant == hospital.tenant { 0 } else { 7 };
        for (position, (id, example)) in examples.iter().enumerate() {
            if position % 10 >= others {
                session.put(id.clone(), example.clone()).expect("the example is valid");
            }
        }
        for (id, resource) in generated() {
            session.put(id, resource).expect("our own records are valid");
        }
        session.commit(entry("fill")).await.expect("a fresh tenant has no conflicts");
    }
}

/// Charts of two patients, so that types which the examples show once have several records.
fn generated() -> Vec<(Id, ParsedResource)> {
    let mut records = Vec::new();
    let id = |text: String| Id::new(&text).expect("an id");
    for number in 0..24 {
        let given = ["Ada", "Grace"][number % 2];
        let gender = ["female", "male", "other"][number % 3];
        let family = ["Lovelace", "Løve-Ace", "O'Brien", "Byron", "Hopper"][number % 5];
        let value = json!({
            "resourceType": "Patient",
            "name": [{ "family": family, "given": [given, format!("N{}", number / 3)] }],
            "gender": gender,
            "birthDate": format!("19{}", 40 + number % 7),
            "telecom": [{ "system": "phone", "value": format!("+44 20 7946 {:04}", number / 2) }],
        });
        records.push((id(format!("gen{number}")), resource(value)));
    }
    for number in 0..60 {
        let subject = id(["example", "gen1", "gen2"][number % 3].to_owned());
        let mut value = heart_rate(&subject, 50 + u32::try_from(number % 17).expect("small"));
        match number % 6 {
            0 => drop(value.as_object_mut().and_then(|members| members.remove("effectiveDateTime"))),
            1 => value["effectiveDateTime"] = json!(format!("2026-1{}", number % 3)),
            2 => value["effectiveDateTime"] = json!(format!("2025-0{}-11T10:00:00+02:00", 1 + number % 9)),
            3 => {
                value["subject"] = json!({ "reference": "Group/example" });
                value["performer"] = json!([{ "reference": "Patient/example" }]);
            }
            4 => value["performer"] = json!([{ "reference": "Practitioner/example" }]),
            _ => {
                value["valueQuantity"]["value"] =
                    json!(f64::from(u32::try_from(number).expect("small")) / 8.0);
            }
        }
        records.push((id(format!("gen{number}")), resource(value)));
    }
    records.push((id("plain".to_owned()), resource(patient("Plain"))));
    records
}

/// Nothing, said plainly, where the examples are absent.
fn examples() -> Vec<(Id, ParsedResource)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/fhir-r4/examples-4.0.1.tgz");
    let Ok(file) = File::open(path) else {
        writeln!(std::io::stderr(), "skipped HL7's examples: {path} is absent")
            .expect("standard error is open");
        return Vec::new();
    };
    let mut examples = Vec::new();
    let mut archive = tar::Archive::new(GzDecoder::new(file));
    for entry in archive.entries().expect("the examples are an archive") {
        let mut entry = entry.expect("the archive is whole");
        let path = entry.path().expect("a path").to_string_lossy().into_owned();
        let is_json = std::path::Path::new(&path).extension().is_some_and(|extension| extension == "json");
        if !is_json {
            continue;
        }
        let mut text = String::new();
        entry.read_to_string(&mut text).expect("an example is UTF-8");
        let Ok(example) = ParsedResource::parse(&text) else { continue };
        // Some hold thousands of concepts and say nothing more about search.
        let is_long = text.len() > 30_000 || example.resource_type() == ResourceType::BUNDLE;
        if let Some(id) = example.id().filter(|_| !is_long && validate(&example).is_empty()) {
            examples.push((id, example));
        }
    }
    examples
}
