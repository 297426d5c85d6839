//! Real synthetic patients of three generations of Synthea: all are taken, none is changed.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;
use serde_json::{Value, value::RawValue};

use crate::support::{Destination, shared_data};

#[test]
fn all_of_synthea_loads_comes_out_identical_and_loads_again_without_a_change() {
    let Some(folder) = shared_data("synthea") else { return };
    let destination = Destination::new();
    loads_and_comes_out_identical(&destination, &folder);
}

#[test]
fn conditional_references_of_synthea_resolve_on_postgres_too() {
    let Some(folder) = shared_data("synthea/2021-conditional-refs") else { return };
    let Some(destination) = Destination::on_postgres() else { return };
    loads_and_comes_out_identical(&destination, &folder);
}

fn loads_and_comes_out_identical(destination: &Destination, folder: &Path) {
    let paths = [folder.to_owned()];
    let first = destination.import(&paths);
    assert_eq!(first.refusals.len(), 0, "{:?}", first.refusals);
    assert!(first.report.unresolved.is_empty() && first.report.without_entry == 0, "{:?}", first.report);

    let expected = Expected::of(folder);
    let stored = destination.everything();
    assert_eq!(stored.len(), expected.texts.len());
    for (record, text) in &expected.texts {
        let stored = stored.get(record).unwrap_or_else(|| panic!("{record} is missing"));
        assert_eq!(content(stored), expected.content(text), "{record}");
        assert_eq!(numbers(stored), numbers(text), "{record}");
    }

    let second = destination.import(&paths).report;
    let total = second.total();
    assert_eq!((total.taken, total.updated, total.refused), (0, 0, 0), "{:?}", second.types);
    assert_eq!(total.unchanged, first.report.total().all());
    assert_eq!(destination.everything(), stored);
}

/// What the input says, read by other means than the import's.
struct Expected {
    /// By `Type/id`.
    texts: BTreeMap<String, String>,
    /// `urn:uuid:…` and `Type?identifier=system|value` to `Type/id`.
    references: HashMap<String, String>,
}

impl Expected {
    fn of(folder: &Path) -> Self {
        let mut expected = Self { texts: BTreeMap::new(), references: HashMap::new() };
        for path in files(folder) {
            let text = read(&path);
            if path.to_string_lossy().contains("ndjson") {
                text.lines().for_each(|line| expected.add(line.to_owned(), false));
            } else {
                expected.add_bundle(&text);
            }
        }
        expected
    }

    fn add_bundle(&mut self, text: &str) {
        let value: Value = serde_json::from_str(text).unwrap();
        let raw: HashMap<&str, &RawValue> = serde_json::from_str(text).unwrap();
        let raw: Vec<HashMap<&str, &RawValue>> = serde_json::from_str(raw["entry"].get()).unwrap();
        for (entry, raw) in value["entry"].as_array().unwrap().iter().zip(raw) {
            let url = entry["fullUrl"].as_str().unwrap();
            self.references.insert(url.to_owned(), name(&entry["resource"]));
            let resource = raw["resource"].get().to_owned();
            self.add(resource, entry["request"]["ifNoneExist"].is_string());
        }
    }

    fn add(&mut self, text: String, only_if_new: bool) {
        let value: Value = serde_json::from_str(&text).unwrap();
        let record = name(&value);
        let resource_type = value["resourceType"].as_str().unwrap();
        for identifier in value["identifier"].as_array().into_iter().flatten() {
            let key = format!(
                "{resource_type}?identifier={}|{}",
                identifier["system"].as_str().unwrap_or_default(),
                identifier["value"].as_str().unwrap_or_default()
            );
            self.references.entry(key).or_insert_with(|| record.clone());
        }
        if !(only_if_new && self.texts.contains_key(&record)) {
            self.texts.insert(record, text);
        }
    }

    fn content(&self, text: &str) -> String {
        let mut value: Value = serde_json::from_str(text).unwrap();
        self.resolve(&mut value);
        without_server_meta(value).to_string()
    }

    fn resolve(&self, value: &mut Value) {
        match value {
            Value::Object(members) => {
                let reference = members.get("reference").and_then(Value::as_str).unwrap_or_default();
                if reference.contains('?') || reference.starts_with("urn:") {
                    let record = self.references[reference].clone();
                    members["reference"] = record.into();
                }
                members.values_mut().for_each(|member| self.resolve(member));
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.resolve(item)),
            _ => {}
        }
    }
}

/// Members in their order, what the server sets aside.
fn content(text: &str) -> String {
    without_server_meta(serde_json::from_str(text).unwrap()).to_string()
}

fn without_server_meta(mut value: Value) -> Value {
    let members = value.as_object_mut().unwrap();
    let mut meta = members.shift_remove("meta").unwrap_or_default();
    if let Some(meta) = meta.as_object_mut() {
        meta.shift_remove("versionId");
        meta.shift_remove("lastUpdated");
    }
    // Where it stands does not matter, what it says does.
    if meta.as_object().is_some_and(|meta| !meta.is_empty()) {
        members.insert("meta".to_owned(), meta);
    }
    value
}

/// The numbers as they are written: `107.00` is more precise than `107`.
fn numbers(text: &str) -> Vec<&str> {
    let mut numbers = Vec::new();
    let mut rest = text;
    while let Some(start) =
        rest.find(|letter: char| letter == '"' || letter == '-' || letter.is_ascii_digit())
    {
        rest = &rest[start..];
        let end = if let Some(string) = rest.strip_prefix('"') {
            let mut is_escaped = false;
            let end = string.find(|letter| {
                let is_end = letter == '"' && !is_escaped;
                is_escaped = letter == '\\' && !is_escaped;
                is_end
            });
            end.unwrap() + 2
        } else {
            let end = rest
                .find(|letter: char| !(letter.is_ascii_alphanumeric() || "+-.".contains(letter)))
                .unwrap();
            numbers.push(&rest[..end]);
            end
        };
        rest = &rest[end..];
    }
    numbers
}

fn name(resource: &Value) -> String {
    format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap())
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let files = paths.into_iter().flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] });
    files.collect()
}

fn read(path: &Path) -> String {
    let bytes = fs::read(path).unwrap();
    let mut text = String::new();
    if path.extension().is_some_and(|extension| extension == "gz") {
        GzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap();
        text
    } else {
        String::from_utf8(bytes).unwrap()
    }
}
