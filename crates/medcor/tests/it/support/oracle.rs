//! Whether records are FHIR R4: by our own validator, and by Medplum's, which shares nothing with ours.
//!
//! The other one is installed by `.ci/run`, which makes its absence a failure; where it is absent otherwise,
//! the tests say so and judge by ours alone.

use std::{collections::BTreeMap, path::Path, process::Command};

use medcor_fhir::{ParsedResource, validate::validate};
use serde_json::{Value, json};

use super::{folder::Folder, setting};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk/typescript");

/// Fails with every problem of these records, given as JSON texts; answers how many there are of each type.
pub(crate) fn check(records: &[String]) -> BTreeMap<String, usize> {
    let mut problems = Vec::new();
    let mut types = BTreeMap::new();
    for record in records {
        let resource = ParsedResource::parse(record.clone()).expect("a resource");
        problems.extend(validate(&resource).iter().map(|problem| format!("{problem:?} in {record}")));
        let value: Value = serde_json::from_str(record).expect("JSON");
        *types.entry(value["resourceType"].as_str().expect("a type").to_owned()).or_default() += 1;
    }
    problems.extend(independent_problems(records));
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    types
}

fn independent_problems(records: &[String]) -> Vec<String> {
    if !Path::new(&format!("{FOLDER}/node_modules/@medplum/core")).exists() {
        assert!(setting("MEDCOR_REQUIRE_SDKS").is_none(), "the independent validator is not installed");
        eprintln!("skipped: the independent validator is not installed (.ci/run shows how)");
        return Vec::new();
    }
    let folder = Folder::new();
    let path = folder.path().join("records.ndjson");
    let lines = records.iter().map(|record| record.replace(['\n', '\r'], " "));
    std::fs::write(&path, lines.collect::<Vec<_>>().join("\n")).expect("the records are written");
    let plan = json!({ "path": path });
    let script = format!("{FOLDER}/validate.mjs");
    let output = Command::new("node").arg(script).arg(plan.to_string()).output().expect("node runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let judged: Value = serde_json::from_slice(&output.stdout).expect("the script prints JSON");
    assert_eq!(judged["count"], records.len());
    let problems = judged["problems"].as_array().expect("problems").iter();
    problems.map(|problem| problem.as_str().expect("a text").to_owned()).collect()
}
