//! What the server sets in a resource's text (`id`, `meta.versionId`, `meta.lastUpdated`), and what remains
//! of it without these: splices in the text, since a round trip through a value would lose decimals' zeros.

use std::ops::Range;

use serde_json::Value;

use super::members::{Member, Members};
use crate::Id;

pub(super) fn stamped(text: &str, id: &Id, version: u32, last_updated: &str) -> String {
    let places = Places::find(text);
    // An `instant` has nothing to escape; a wrong argument must still not break the text.
    let last_updated = Value::from(last_updated);
    let mut edits = Edits { edits: Vec::with_capacity(4) };
    match &places.id {
        Some(value) => edits.replace(value.clone(), format!("\"{id}\"")),
        None => edits.insert(places.after_type, format!(",\"id\":\"{id}\"")),
    }
    match &places.meta {
        None => {
            let after_id = places.id.as_ref().map_or(places.after_type, |value| value.end);
            let meta = format!(r#","meta":{{"versionId":"{version}","lastUpdated":{last_updated}}}"#);
            edits.insert(after_id, meta);
        }
        Some(value) => {
            stamp_meta(&mut edits, text, value, &format!("\"{version}\""), &last_updated.to_string());
        }
    }
    edits.apply(text)
}

pub(super) fn content_hash(text: &str) -> u128 {
    let mut hash = Hash::new();
    for member in Members::of_object(text, 0).into_iter().flatten() {
        match &*member.name {
            "id" => {}
            "meta" => {
                for part in Members::of_object(text, member.value.start).into_iter().flatten() {
                    if !matches!(&*part.name, "versionId" | "lastUpdated") {
                        hash.add_member("meta.", text, &part);
                    }
                }
            }
            _ => hash.add_member("", text, &member),
        }
    }
    hash.0
}

/// Where the members stand that the server sets.
struct Places {
    after_type: usize,
    id: Option<Range<usize>>,
    meta: Option<Range<usize>>,
}

impl Places {
    fn find(text: &str) -> Self {
        let mut places = Self { after_type: 0, id: None, meta: None };
        for member in Members::of_object(text, 0).into_iter().flatten() {
            match &*member.name {
                "resourceType" => places.after_type = member.value.end,
                "id" => places.id = Some(member.value),
                "meta" => places.meta = Some(member.value),
                _ => {}
            }
            if places.after_type > 0 && places.id.is_some() && places.meta.is_some() {
                break;
            }
        }
        places
    }
}

fn stamp_meta(edits: &mut Edits, text: &str, meta: &Range<usize>, version: &str, last_updated: &str) {
    let Some(mut members) = Members::of_object(text, meta.start) else {
        let whole = format!(r#"{{"versionId":{version},"lastUpdated":{last_updated}}}"#);
        return edits.replace(meta.clone(), whole);
    };
    let inside = members.position();
    let mut version_place = None;
    let mut last_updated_place = None;
    let mut is_empty = true;
    for member in &mut members {
        is_empty = false;
        match &*member.name {
            "versionId" => version_place = Some(member.value),
            "lastUpdated" => last_updated_place = Some(member.value),
            _ => {}
        }
    }
    let mut missing = Vec::with_capacity(2);
    match version_place {
        Some(place) => edits.replace(place, version.to_owned()),
        None => missing.push(format!("\"versionId\":{version}")),
    }
    match last_updated_place {
        Some(place) => edits.replace(place, last_updated.to_owned()),
        None => missing.push(format!("\"lastUpdated\":{last_updated}")),
    }
    if !missing.is_empty() {
        let comma = if is_empty { "" } else { "," };
        edits.insert(inside, missing.join(",") + comma);
    }
}

/// Replacements in a text, none of them overlapping another.
struct Edits {
    edits: Vec<(Range<usize>, String)>,
}

impl Edits {
    fn replace(&mut self, place: Range<usize>, by: String) {
        self.edits.push((place, by));
    }

    fn insert(&mut self, at: usize, what: String) {
        self.edits.push((at..at, what));
    }

    fn apply(mut self, text: &str) -> String {
        // A stable sort: of two insertions at one place, the one asked for first comes first.
        self.edits.sort_by_key(|(place, _)| place.start);
        let growth: usize = self.edits.iter().map(|(_, by)| by.len()).sum();
        let mut result = String::with_capacity(text.len() + growth);
        let mut position = 0;
        for (place, by) in &self.edits {
            result.push_str(&text[position..place.start]);
            result.push_str(by);
            position = place.end;
        }
        result.push_str(&text[position..]);
        result
    }
}

/// FNV-1a with 128 bits, which is short enough to keep here and will never change.
struct Hash(u128);

impl Hash {
    fn new() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }

    /// The separators can't stand unescaped in a JSON string, so two lists of members never read alike.
    fn add_member(&mut self, prefix: &str, text: &str, member: &Member<'_>) {
        self.add(prefix.as_bytes());
        self.add(member.name.as_bytes());
        self.add(&[0]);
        self.add(&text.as_bytes()[member.value.clone()]);
        self.add(&[1]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{content_hash, stamped};
    use crate::Id;

    const NOW: &str = "2026-12-02T09:00:00.123Z";

    fn stamp(text: &str) -> String {
        stamped(text, &Id::new("new").expect("an id"), 7, NOW)
    }

    #[test]
    fn a_stamp_replaces_in_place_and_keeps_every_other_byte() {
        let text = "{ \"resourceType\" : \"Patient\",\n \"id\":\"old\", \"meta\" : {\"lastUpdated\":\"2020-01-01T00:00:00Z\", \
                    \"profile\":[\"a}\\\"\"],\"versionId\": \"3\" },\"x\": 107.00 }";
        let expected =
            text.replace("old", "new").replace("2020-01-01T00:00:00Z", NOW).replace("\"3\"", "\"7\"");
        assert_eq!(stamp(text), expected);
    }

    #[test]
    fn what_is_absent_is_put_where_it_belongs() {
        let stamps = r#""versionId":"7","lastUpdated":"2026-12-02T09:00:00.123Z""#;
        for (text, expected) in [
            (r#"{"resourceType":"Patient"}"#, r#"{"resourceType":"Patient","id":"new","meta":{STAMPS}}"#),
            (
                r#"{"id":"a","x":1,"resourceType":"Patient"}"#,
                r#"{"id":"new","meta":{STAMPS},"x":1,"resourceType":"Patient"}"#,
            ),
            (
                r#"{"meta":{},"resourceType":"Patient","x":[]}"#,
                r#"{"meta":{STAMPS},"resourceType":"Patient","id":"new","x":[]}"#,
            ),
            (
                r#"{"resourceType":"Patient","meta":{ "tag":[]}}"#,
                r#"{"resourceType":"Patient","id":"new","meta":{STAMPS, "tag":[]}}"#,
            ),
            (
                r#"{"resourceType":"Patient","\u0069d":1,"meta":null}"#,
                r#"{"resourceType":"Patient","\u0069d":"new","meta":{STAMPS}}"#,
            ),
        ] {
            assert_eq!(stamp(text), expected.replace("STAMPS", stamps));
        }
    }

    #[test]
    fn the_content_hash_sees_everything_but_the_stamp() {
        let text = r#"{"resourceType":"Patient","active":true,"multipleBirthInteger":1.0}"#;
        let other_stamp = stamped(text, &Id::new("b").expect("an id"), 9, "2001-01-01T00:00:00Z");
        assert_eq!(content_hash(text), content_hash(&stamp(text)));
        assert_eq!(content_hash(&other_stamp), content_hash(&stamp(text)));
        assert_ne!(content_hash(text), content_hash(&text.replace("1.0", "1.00")));
        assert_ne!(content_hash(text), content_hash(&text.replace('}', r#","meta":{"tag":[]}}"#)));
        // The number is stored by databases: it may never change.
        assert_eq!(content_hash(r#"{"resourceType":"Patient"}"#), 0x92b7_5c9e_c051_f2dd_e19b_90b6_4c86_e725);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(any_name(), inner, 0..6)
                    .prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    fn any_name() -> impl Strategy<Value = String> {
        prop_oneof![Just("id".to_owned()), Just("meta".to_owned()), Just("versionId".to_owned()), ".*"]
    }

    /// The value without what the server sets.
    fn without_stamp(mut value: Value) -> Value {
        let members = value.as_object_mut().expect("a resource is an object");
        members.shift_remove("id");
        if let Some(meta) = members.get_mut("meta") {
            match meta.as_object_mut() {
                Some(meta) => {
                    meta.shift_remove("versionId");
                    meta.shift_remove("lastUpdated");
                }
                None => *meta = json!({}),
            }
        }
        if members.get("meta") == Some(&json!({})) {
            members.shift_remove("meta");
        }
        value
    }

    proptest! {
        #[test]
        fn a_stamped_text_is_the_same_apart_from_the_stamp(
            members in prop::collection::btree_map(any_name(), any_json(), 0..6),
            is_pretty in any::<bool>(),
        ) {
            let mut value: Value = members.into_iter().collect();
            value["resourceType"] = "Patient".into();
            let text = if is_pretty { serde_json::to_string_pretty(&value)? } else { value.to_string() };
            let result = stamp(&text);
            let read: Value = serde_json::from_str(&result)?;
            prop_assert_eq!(&read["id"], "new");
            prop_assert_eq!(&read["meta"]["versionId"], "7");
            prop_assert_eq!(&read["meta"]["lastUpdated"], NOW);
            prop_assert_eq!(stamp(&result), result);
            prop_assert_eq!(without_stamp(read), without_stamp(serde_json::from_str(&text)?));
        }
    }
}
