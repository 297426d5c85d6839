//! Text that nobody meant well: whatever it is, it is refused or read, and never a panic.

use medcor_fhir::{Id, ParsedResource, validate::validate};
use proptest::prelude::*;
use serde_json::Value;

use crate::support::examples;

/// A small record that has a bit of everything.
const RECORD: &str = r##"{"resourceType":"Observation","id":"a","meta":{"versionId":"1","tag":[{"code":"x"}]},
    "contained":[{"resourceType":"Patient","id":"p","birthDate":"2000-02-29","_birthDate":{"id":"x"}}],
    "text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><a href='#x'>é</a></div>"},
    "status":"final","code":{"coding":[{"system":"http://loinc.org","code":"1-8"}]},
    "subject":{"reference":"#p","type":"Patient"},"effectivePeriod":{"start":"2026-01-01T10:00:00.5+01:00"},
    "valueQuantity":{"value":-1.50e-3,"unit":"\u00b5g"},"note":[{"text":"a","time":"2026-01"}]}"##;

/// Reads, validates, stamps and hashes, and checks that a stamped text is still a resource.
fn walk(text: &str) {
    let Ok(resource) = ParsedResource::parse(text) else { return };
    for problem in validate(&resource) {
        assert!(!problem.path.is_empty() && !problem.message.is_empty());
    }
    let stamped = resource.stamped(&Id::new("b").expect("an id"), 2, "2026-01-01T00:00:00Z");
    let again = ParsedResource::parse(stamped).expect("a stamped resource is a resource");
    assert_eq!(again.content_hash(), resource.content_hash());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any_word().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(any_word(), inner, 0..8)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

const KNOWN_WORDS: &[&str] = &[
    "resourceType",
    "Patient",
    "Bundle",
    "Parameters",
    "Reference",
    "id",
    "meta",
    "contained",
    "entry",
    "resource",
    "extension",
    "url",
    "valueString",
    "valueReference",
    "reference",
    "#",
    "#a",
    "/",
    "Patient/1",
    "?",
    "http://",
    "name",
    "_name",
    "given",
    "_given",
    "birthDate",
    "_birthDate",
    "2020-02-30",
    "T",
    "contact",
    "text",
    "div",
    "<div>",
    "</div>",
    "<div a=\"",
    "<!--",
    "parameter",
    "part",
    "_",
    "coding",
    "code",
    "period",
    "start",
    "end",
];

/// Words that mean something to a reader of FHIR, and others.
fn any_word() -> impl Strategy<Value = String> {
    prop_oneof![4 => prop::sample::select(KNOWN_WORDS).prop_map(str::to_owned), 1 => ".*"]
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(text in ".*") {
        walk(&text);
    }

    #[test]
    fn any_json_is_read_without_a_panic(mut value in any_json(), resource_type in prop::sample::select(
        &["Patient", "Bundle", "Parameters", "Observation", "Questionnaire", "ElementDefinition"][..]
    )) {
        if let Some(members) = value.as_object_mut() {
            members.insert("resourceType".into(), resource_type.into());
        }
        walk(&value.to_string());
    }

    #[test]
    fn a_record_with_changed_bytes_is_read_without_a_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<char>(), 0..3_u8), 1..6)
    ) {
        let mut letters: Vec<char> = RECORD.chars().collect();
        for (index, letter, change) in changes {
            let position = index.index(letters.len());
            match change {
                0 => letters[position] = letter,
                1 => letters.insert(position, letter),
                _ => {
                    letters.remove(position);
                }
            }
        }
        walk(&letters.into_iter().collect::<String>());
    }

    #[test]
    fn a_record_with_a_member_replaced_is_read_without_a_panic(
        choice in any::<prop::sample::Index>(), replacement in any_json()
    ) {
        let mut value: Value = serde_json::from_str(RECORD)?;
        let mut pointers = Vec::new();
        collect_pointers(&value, String::new(), &mut pointers);
        if let Some(place) = value.pointer_mut(&pointers[choice.index(pointers.len())]) {
            *place = replacement;
        }
        walk(&value.to_string());
    }
}

#[test]
fn an_example_cut_off_anywhere_is_refused() {
    let Some(examples) = examples() else { return };
    let (_, text) = examples.iter().find(|(name, _)| name == "Patient-example").expect("HL7 has the example");
    for (end, _) in text.char_indices() {
        assert!(ParsedResource::parse(&text[..end]).is_err());
    }
    walk(text);
}

fn collect_pointers(value: &Value, pointer: String, pointers: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                collect_pointers(member, format!("{pointer}/{name}"), pointers);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect_pointers(item, format!("{pointer}/{index}"), pointers);
            }
        }
        _ => {}
    }
    pointers.push(pointer);
}
