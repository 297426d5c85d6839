//! All of Synthea's records: nothing of them is refused.

use std::{fs, io::Read, path::Path};

use flate2::read::GzDecoder;
use medcor_fhir::ParsedResource;

use crate::support::{listed, problems, shared_data};

#[test]
fn every_bundle_of_synthea_is_valid() {
    for folder in ["synthea/2019-bundles", "synthea/2021-conditional-refs"] {
        let Some(folder) = shared_data(folder) else { return };
        for (name, text) in files(&folder) {
            let problems = problems(&text);
            assert!(problems.is_empty(), "{name}\n{}", listed(&problems));
        }
    }
}

#[test]
fn every_line_of_synthea_is_valid_and_as_a_value_of_our_own_too() {
    let Some(folder) = shared_data("synthea/2025-us-core-ndjson") else { return };
    for (name, text) in files(&folder) {
        for (number, line) in text.lines().enumerate() {
            let problems = problems(line);
            assert!(problems.is_empty(), "{name}:{}\n{}", number + 1, listed(&problems));
        }
        let first = text.lines().next().expect("a file has a line");
        let value = serde_json::from_str(first).expect("a line is JSON");
        let resource = ParsedResource::from_value(value).expect("a line is a resource");
        assert_eq!(resource.id(), ParsedResource::parse(first).expect("a line is a resource").id());
    }
}

fn files(folder: &Path) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is readable") {
        let path = entry.expect("the folder is readable").path();
        let bytes = fs::read(&path).expect("the file is readable");
        let mut text = String::new();
        if path.extension().is_some_and(|extension| extension == "gz") {
            GzDecoder::new(&*bytes).read_to_string(&mut text).expect("the file is gzipped text");
        } else {
            text = String::from_utf8(bytes).expect("the file is text");
        }
        files.push((path.display().to_string(), text));
    }
    files
}
