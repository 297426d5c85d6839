//! Whether a record satisfies a condition (FHIR R4 §3.1.1.4 and §3.1.1.5).

use super::{Filter, FilterValue, IndexEntry, IndexValue, Modifier, Prefix, name::fold};
use crate::Id;

impl Filter {
    /// Whether a record with these entries, id and last-updated time (microseconds) satisfies this
    /// condition. The meaning of search in one place: the store's SQL must agree with it.
    pub fn matches(&self, id: &Id, last_updated: i64, entries: &[IndexEntry<'_>]) -> bool {
        match self {
            Self::Id(ids) => ids.contains(id),
            Self::LastUpdated(values) => {
                let instant = IndexValue::Date { low: last_updated, high: last_updated + 1 };
                values.iter().any(|wanted| value_matches(None, wanted, &instant))
            }
            Self::Parameter { parameter, modifier, values } => {
                let mut found = entries.iter().filter(|entry| entry.parameter == parameter.id);
                let modifier = modifier.as_ref();
                match modifier {
                    Some(Modifier::Missing(is_missing)) => found.next().is_none() == *is_missing,
                    // Reverses the whole match: records without any value are found too.
                    Some(Modifier::Not) => !found
                        .any(|entry| values.iter().any(|wanted| value_matches(None, wanted, &entry.value))),
                    _ => found.any(|entry| {
                        values.iter().any(|wanted| value_matches(modifier, wanted, &entry.value))
                    }),
                }
            }
        }
    }
}

fn value_matches(modifier: Option<&Modifier>, wanted: &FilterValue, found: &IndexValue<'_>) -> bool {
    match (wanted, found) {
        (FilterValue::String { folded, exact }, IndexValue::String { folded: found, exact: found_exact }) => {
            match modifier {
                Some(Modifier::Exact) => found_exact == exact,
                Some(Modifier::Contains) => found.contains(folded.as_str()),
                _ => found.starts_with(folded.as_str()),
            }
        }
        // `:text`.
        (FilterValue::String { folded, .. }, IndexValue::Token { text, .. }) => {
            text.as_deref().is_some_and(|text| fold(text).starts_with(folded.as_str()))
        }
        (FilterValue::Token { system, code }, IndexValue::Token { system: found, code: found_code, .. }) => {
            system_matches(system.as_deref(), found.as_deref())
                && code.as_ref().is_none_or(|code| code == found_code)
        }
        (
            FilterValue::OfType { system, code, value },
            IndexValue::OfType { system: s, code: c, value: v },
        ) => system == s && code == c && value == v,
        (FilterValue::Reference { .. } | FilterValue::Token { .. }, IndexValue::Reference { .. }) => {
            reference_matches(wanted, found)
        }
        (FilterValue::Date { prefix, low, high }, IndexValue::Date { low: found_low, high: found_high }) => {
            date_matches(*prefix, (*low, *high), (*found_low, *found_high))
        }
        (
            FilterValue::Number { prefix, value, low, high },
            IndexValue::Number { low: found_low, high: found_high },
        ) => number_matches(*prefix, (*value, *low, *high), (*found_low, *found_high)),
        (FilterValue::Quantity { .. }, IndexValue::Quantity { .. }) => quantity_matches(wanted, found),
        (FilterValue::Uri(wanted), IndexValue::Uri(found)) => match modifier {
            Some(Modifier::Below) => is_below(found, wanted),
            Some(Modifier::Above) => is_below(wanted, found),
            _ => wanted == found,
        },
        (FilterValue::Composite(wanted), IndexValue::Composite(found)) => {
            let components = wanted.iter().zip(found);
            components
                .into_iter()
                .all(|(wanted, found)| found.iter().any(|found| value_matches(None, wanted, found)))
        }
        _ => false,
    }
}

/// FHIR R4 §3.1.1.4.10: any system where none is given, no system where an empty one is.
fn system_matches(wanted: Option<&str>, found: Option<&str>) -> bool {
    match wanted {
        None => true,
        Some("") => found.is_none_or(str::is_empty),
        Some(wanted) => found == Some(wanted),
    }
}

fn reference_matches(wanted: &FilterValue, found: &IndexValue<'_>) -> bool {
    let IndexValue::Reference { target, url, identifier } = found else {
        return false;
    };
    match wanted {
        FilterValue::Token { system, code } => identifier.as_ref().is_some_and(|(found, value)| {
            system_matches(system.as_deref(), found.as_deref())
                && code.as_ref().is_none_or(|code| code == value)
        }),
        FilterValue::Reference { resource_type, id: Some(id), .. } => {
            target.as_ref().is_some_and(|(target_type, target_id)| {
                resource_type.is_none_or(|resource_type| resource_type == *target_type)
                    && id.as_str() == target_id
            })
        }
        FilterValue::Reference { url: Some(wanted), .. } => {
            url.as_deref().is_some_and(|found| is_same_canonical(wanted, found))
        }
        _ => false,
    }
}

/// A canonical without a version stands for every version.
fn is_same_canonical(wanted: &str, found: &str) -> bool {
    match found.strip_prefix(wanted) {
        Some("") => true,
        Some(version) => version.starts_with('|') && !wanted.contains('|'),
        None => false,
    }
}

/// FHIR R4 §3.1.1.4.5, on spans whose end is outside.
fn date_matches(prefix: Prefix, wanted: (i64, i64), found: (i64, i64)) -> bool {
    let ((low, high), (found_low, found_high)) = (wanted, found);
    let is_inside = low <= found_low && found_high <= high;
    match prefix {
        Prefix::Eq => is_inside,
        Prefix::Ne => !is_inside,
        Prefix::Gt => found_high > high,
        Prefix::Lt => found_low < low,
        Prefix::Ge => found_high > high || is_inside,
        Prefix::Le => found_low < low || is_inside,
        Prefix::Sa => found_low >= high,
        Prefix::Eb => found_high <= low,
        Prefix::Ap => found_low < high && found_high > low,
    }
}

/// FHIR R4 §3.1.1.4.6: precision counts for equality only.
fn number_matches(prefix: Prefix, wanted: (f64, f64, f64), found: (f64, f64)) -> bool {
    let ((value, low, high), (found_low, found_high)) = (wanted, found);
    let is_inside = low <= found_low && found_high < high;
    match prefix {
        Prefix::Eq => is_inside,
        Prefix::Ne => !is_inside,
        Prefix::Gt => found_high > value,
        Prefix::Lt => found_low < value,
        Prefix::Ge => found_high >= value,
        Prefix::Le => found_low <= value,
        Prefix::Sa => found_low > value,
        Prefix::Eb => found_high < value,
        Prefix::Ap => found_low <= high && found_high >= low,
    }
}

fn quantity_matches(wanted: &FilterValue, found: &IndexValue<'_>) -> bool {
    let FilterValue::Quantity { prefix, value, low, high, system, code } = wanted else {
        return false;
    };
    let IndexValue::Quantity {
        low: found_low,
        high: found_high,
        system: found_system,
        code: found_code,
        unit,
    } = found
    else {
        return false;
    };
    let unit_matches = match (system, code) {
        (Some(system), _) if found_system.as_deref() != Some(system.as_str()) => false,
        (Some(_), Some(code)) => found_code.as_deref() == Some(code.as_str()),
        (None, Some(code)) => {
            found_code.as_deref() == Some(code.as_str()) || unit.as_deref() == Some(code.as_str())
        }
        (_, None) => true,
    };
    unit_matches && number_matches(*prefix, (*value, *low, *high), (*found_low, *found_high))
}

/// Whether a URI is the other or in its folder: `http://a/b` is below `http://a` and `http://a/`.
fn is_below(uri: &str, other: &str) -> bool {
    match uri.strip_prefix(other) {
        Some("") => true,
        Some(rest) => other.ends_with('/') || rest.starts_with('/'),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Read};

    use flate2::read::GzDecoder;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        ResourceType,
        search::{Query, escape, index_entries, parameter_entries},
    };

    fn finds(name: &str, value: &str, record: &Value) -> bool {
        let resource_type = ResourceType::from_name(record["resourceType"].as_str().unwrap()).unwrap();
        let query = Query::new(resource_type).with(name, value).unwrap();
        let id = Id::new(record["id"].as_str().unwrap_or("1")).unwrap();
        query.filters[0].matches(&id, LAST_UPDATED, &index_entries(resource_type, record))
    }

    /// 2026-11-21T08:00:00Z.
    const LAST_UPDATED: i64 = 1_795_248_000_000_000;

    /// Checks pairs of a condition and whether it finds the record.
    fn check(record: &Value, conditions: &[(&str, &str, bool)]) {
        for (name, value, is_found) in conditions {
            assert_eq!(finds(name, value, record), *is_found, "{name}={value}");
        }
    }

    fn observed(effective: &str) -> Value {
        json!({"resourceType": "Observation", "effectiveDateTime": effective})
    }

    #[test]
    fn dates_follow_the_examples_of_r4() {
        let onwards = |start: &str| json!({"resourceType": "Encounter", "period": {"start": start}});
        check(
            &observed("2013-01-14T00:00:00Z"),
            &[("date", "2013-01-14", true), ("date", "ne2013-01-14", false)],
        );
        check(
            &observed("2013-01-14T10:00:00Z"),
            &[("date", "eq2013-01-14", true), ("date", "ne2013-01-14", false)],
        );
        check(
            &observed("2013-01-15T00:00:00Z"),
            &[("date", "eq2013-01-14", false), ("date", "ne2013-01-14", true)],
        );
        check(
            &observed("2013-01-14"),
            &[
                ("date", "lt2013-01-14T10:00", true),
                ("date", "gt2013-01-14T10:00", true),
                ("date", "eq2013-01-14T10:00", false),
                ("date", "sa2013-01-14T10:00", false),
                ("date", "eq2013-01", true),
                ("date", "eq2013", true),
            ],
        );
        check(
            &onwards("2013-01-21"),
            &[
                ("date", "ge2013-03-14", true),
                ("date", "le2013-03-14", true),
                ("date", "sa2013-03-14", false),
                ("date", "eb2013-03-14", false),
            ],
        );
        check(&onwards("2013-03-15"), &[("date", "sa2013-03-14", true), ("date", "le2013-03-14", false)]);
        check(&observed("2013-03-14"), &[("date", "ap2013-03-14", true), ("date", "eb2013-03-15", true)]);
        check(&observed("2013-01-21"), &[("date", "ap2013-03-14", false), ("date", "ap2013-01-22", true)]);
    }

    #[test]
    fn numbers_follow_the_examples_of_r4() {
        let risk = |probability: f64| json!({"resourceType": "RiskAssessment", "prediction": [{"probabilityDecimal": probability}]});
        for (value, found, missed) in [
            ("100", [99.5, 100.0, 100.4], [99.4, 100.5]),
            ("100.00", [99.995, 100.0, 100.004], [99.99, 100.005]),
            ("lt100", [99.0, 99.999, -1.0], [100.0, 101.0]),
            ("le100", [99.0, 100.0, -1.0], [100.001, 101.0]),
            ("gt100", [100.001, 101.0, 1e9], [100.0, 99.0]),
            ("ge100", [100.0, 101.0, 1e9], [99.999, 99.0]),
            ("ne100", [99.4, 100.5, 0.0], [100.0, 99.5]),
            ("ap100", [90.0, 100.0, 110.0], [89.0, 111.0]),
            ("sa100", [100.1, 101.0, 1e9], [100.0, 99.0]),
            ("eb100", [99.9, 1.0, 0.0], [100.0, 101.0]),
        ] {
            for number in found {
                assert!(finds("probability", value, &risk(number)), "{value} {number}");
            }
            for number in missed {
                assert!(!finds("probability", value, &risk(number)), "{value} {number}");
            }
        }
    }

    #[test]
    fn a_range_is_inside_above_or_below() {
        let risk = json!({"resourceType": "RiskAssessment", "prediction": [
            {"probabilityRange": {"low": {"value": 10}, "high": {"value": 20}}}]});
        check(
            &risk,
            &[
                ("probability", "15", false),
                ("probability", "1e1", false),
                ("probability", "gt15", true),
                ("probability", "lt15", true),
                ("probability", "sa15", false),
                ("probability", "sa9", true),
                ("probability", "eb21", true),
                ("probability", "ap15", true),
            ],
        );
    }

    #[test]
    fn quantities_compare_units_by_code_or_words() {
        let system = "http://unitsofmeasure.org";
        let observation = json!({"resourceType": "Observation",
            "valueQuantity": {"value": 5.4, "unit": "milligram", "code": "mg", "system": system}});
        check(
            &observation,
            &[
                ("value-quantity", "5.4", true),
                ("value-quantity", "5.40e0|http://unitsofmeasure.org|mg", true),
                ("value-quantity", "5.4||mg", true),
                ("value-quantity", "5.4||milligram", true),
                ("value-quantity", "5.4|http://unitsofmeasure.org|milligram", false),
                ("value-quantity", "5.4|http://other|mg", false),
                ("value-quantity", "5.4||g", false),
                ("value-quantity", "le5.4||mg", true),
                ("value-quantity", "ap5||mg", true),
            ],
        );
        let below = json!({"resourceType": "Observation", "valueQuantity": {"value": 5, "comparator": "<"}});
        check(&below, &[("value-quantity", "lt5", true), ("value-quantity", "5", false)]);
    }

    #[test]
    fn strings_begin_with_the_value_contain_it_or_are_it() {
        let patient =
            json!({"resourceType": "Patient", "name": [{"family": "Carré-O'Brien", "given": ["Eve"]}]});
        check(
            &patient,
            &[
                ("given", "eve", true),
                ("given", "EV", true),
                ("given", "ve", false),
                ("given:contains", "VE", true),
                ("given:exact", "Eve", true),
                ("given:exact", "eve", false),
                ("given:exact", "Ev", false),
                ("family", "carre", true),
                ("family", "Carré O'Brien", true),
                ("family", "carreo brien", true),
                ("family:contains", "obrien", true),
                ("name", "eve,adam", true),
                ("name", "adam", false),
                ("phonetic", "Karre-", true),
                ("phonetic", "Karres", false),
                ("phonetic", "Oprien", true),
                ("phonetic", "E", false),
                ("phonetic", "Eve", true),
                ("medcor-name-word", "brien", true),
                ("medcor-full-name", "eve carre obrien", true),
            ],
        );
    }

    #[test]
    fn an_apostrophe_may_be_left_out_or_be_a_space() {
        let patient = json!({"resourceType": "Patient", "name": [{"family": "O\u{2019}Brien"}]});
        check(
            &patient,
            &[("family", "obrien", true), ("family", "o'brien", true), ("family", "o brien", true)],
        );
    }

    #[test]
    fn tokens_follow_system_code_and_case() {
        let patient = json!({"resourceType": "Patient", "gender": "male", "identifier": [
            {"system": "http://acme.org/patient", "value": "Ab45", "type": {"text": "Chart number",
                "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]}},
            {"value": "77"}]});
        check(
            &patient,
            &[
                ("identifier", "http://acme.org/patient|Ab45", true),
                ("identifier", "http://acme.org/patient|ab45", false),
                ("identifier", "http://acme.org/other|Ab45", false),
                ("identifier", "http://acme.org/patient|", true),
                ("identifier", "Ab45", true),
                ("identifier", "|Ab45", false),
                ("identifier", "|77", true),
                ("identifier:text", "chart", true),
                ("identifier:text", "number", false),
                ("identifier:of-type", "http://terminology.hl7.org/CodeSystem/v2-0203|MR|Ab45", true),
                ("identifier:of-type", "http://terminology.hl7.org/CodeSystem/v2-0203|MR|77", false),
                ("gender", "MALE", true),
                ("gender", "male,female", true),
                ("gender", "|male", true),
                ("gender", "http://hl7.org/fhir/administrative-gender|male", true),
                ("gender:not", "male", false),
                ("gender:not", "female,other", true),
                ("gender:not", "female,male", false),
                ("language:not", "en", true),
                ("gender:missing", "true", false),
                ("gender:missing", "false", true),
                ("language:missing", "true", true),
                ("_id", "2,1", true),
                ("_id", "2", false),
                ("_lastUpdated", "2026-11-21", true),
                ("_lastUpdated", "2026-11-21T08:00:00.000Z", true),
                ("_lastUpdated", "gt2026-11-21T08:00:00Z", false),
            ],
        );
    }

    #[test]
    fn references_match_by_id_type_url_and_identifier() {
        let observation = json!({"resourceType": "Observation", "subject": {"reference": "Patient/23/_history/4"},
            "performer": [{"reference": "http://a.b/fhir/Practitioner/9"},
                {"identifier": {"system": "urn:npi", "value": "12"}}]});
        check(
            &observation,
            &[
                ("subject", "23", true),
                ("subject", "Patient/23", true),
                ("subject", "Patient/23/_history/1", true),
                ("subject", "Group/23", false),
                ("subject:Patient", "23", true),
                ("subject:Group", "23", false),
                ("patient", "23", true),
                ("performer", "http://a.b/fhir/Practitioner/9", true),
                ("performer", "Practitioner/9", false),
                ("performer:identifier", "urn:npi|12", true),
                ("performer:identifier", "12", true),
                ("performer:identifier", "|12", false),
                ("device:missing", "true", true),
            ],
        );
        let library = json!({"resourceType": "Library", "relatedArtifact": [
            {"type": "depends-on", "resource": "http://a.b/Library/1|2.0"}]});
        check(
            &library,
            &[
                ("depends-on", "http://a.b/Library/1", true),
                ("depends-on", "http://a.b/Library/1|2.0", true),
                ("depends-on", "http://a.b/Library/1|2", false),
                ("depends-on", "http://a.b/Library/", false),
            ],
        );
    }

    #[test]
    fn uris_match_whole_above_or_below() {
        let value_set = json!({"resourceType": "ValueSet", "url": "http://acme.org/fhir/ValueSet/123"});
        check(
            &value_set,
            &[
                ("url", "http://acme.org/fhir/ValueSet/123", true),
                ("url", "http://acme.org/fhir/ValueSet", false),
                ("url", "http://acme.org/fhir/valueset/123", false),
                ("url:below", "http://acme.org/fhir/", true),
                ("url:below", "http://acme.org/fhir", true),
                ("url:below", "http://acme.org/fh", false),
                ("url:above", "http://acme.org/fhir/ValueSet/123/_history/5", true),
                ("url:above", "http://acme.org/fhir/ValueSet/1234", false),
            ],
        );
    }

    #[test]
    fn composites_hold_within_one_element() {
        let component = |code: &str, value: u32| json!({"code": {"coding": [{"system": "http://loinc.org", "code": code}]}, "valueQuantity": {"value": value}});
        let observation = json!({"resourceType": "Observation",
            "component": [component("8480-6", 120), component("8462-4", 80)]});
        check(
            &observation,
            &[
                ("component-code-value-quantity", "http://loinc.org|8480-6$gt100", true),
                ("component-code-value-quantity", "http://loinc.org|8462-4$gt100", false),
                ("component-code-value-quantity", "8462-4$80,9$9", true),
                ("code-value-quantity", "8480-6$120", false),
            ],
        );
    }

    /// A condition that this value of its own must satisfy; `None` where a value has no such form.
    fn condition_of(value: &IndexValue<'_>) -> Option<(&'static str, String)> {
        let of_token = |system: &Option<std::borrow::Cow<'_, str>>, code: &str| {
            let system = system.as_deref().map(escape).unwrap_or_default();
            format!("{system}|{}", escape(code))
        };
        Some(match value {
            IndexValue::String { exact, .. } if exact.is_empty() => return None,
            IndexValue::String { exact, .. } => (":exact", escape(exact)),
            IndexValue::Token { system: None, code, .. } if code.is_empty() => return None,
            IndexValue::Token { system, code, .. } => ("", of_token(system, code)),
            IndexValue::OfType { system, code, value } => {
                (":of-type", format!("{}|{}|{}", escape(system), escape(code), escape(value)))
            }
            IndexValue::Reference { target: Some((_, id)), .. } => ("", id.to_string()),
            IndexValue::Reference { url: Some(url), .. } if url.contains(':') => ("", escape(url)),
            IndexValue::Reference { identifier: Some((system, value)), .. } => {
                (":identifier", of_token(system, value))
            }
            IndexValue::Date { low, .. } if *low > i64::MIN => {
                ("", format!("ge{}", crate::primitive::format_instant(*low)))
            }
            IndexValue::Number { low, .. } => ("", format!("ge{low}")),
            IndexValue::Quantity { low, system: Some(system), code: Some(code), .. } if low.is_finite() => {
                ("", format!("ge{low}|{}|{}", escape(system), escape(code)))
            }
            IndexValue::Uri(uri) => ("", escape(uri)),
            // No form says exactly this.
            _ => (":missing", "false".to_owned()),
        })
    }

    fn is_found_by_its_own_values(record: &Value) -> usize {
        let resource_type = ResourceType::from_name(record["resourceType"].as_str().unwrap()).unwrap();
        let entries = index_entries(resource_type, record);
        let mut checked = 0;
        for entry in &entries {
            let parameter = crate::search::parameter::parameter_by_id(entry.parameter).unwrap();
            let Some((modifier, value)) = condition_of(&entry.value) else { continue };
            if value.len() > crate::search::query::VALUE_BYTES_MAX {
                continue;
            }
            let name = format!("{}{modifier}", parameter.code);
            let query = Query::new(resource_type).with(&name, &value);
            let query = query.unwrap_or_else(|problem| panic!("{problem} {value}"));
            let id = Id::new("1").unwrap();
            assert!(query.filters[0].matches(&id, LAST_UPDATED, &entries), "{resource_type} {name}={value}");
            let alone = parameter_entries(parameter, record);
            assert!(
                query.filters[0].matches(&id, LAST_UPDATED, &alone),
                "{resource_type} {name}={value} alone"
            );
            checked += 1;
        }
        checked
    }

    #[test]
    fn every_official_example_is_found_by_its_own_values() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/fhir-r4/examples-4.0.1.tgz");
        let Ok(file) = File::open(path) else {
            eprintln!("skipped: ../shared/data is absent");
            return;
        };
        let mut checked = 0;
        for entry in tar::Archive::new(GzDecoder::new(file)).entries().unwrap() {
            let mut text = String::new();
            let mut entry = entry.unwrap();
            if entry.path().unwrap().to_string_lossy().ends_with(".json") {
                entry.read_to_string(&mut text).unwrap();
                checked += is_found_by_its_own_values(&serde_json::from_str(&text).unwrap());
            }
        }
        assert!(checked > 7500, "{checked}");
    }

    proptest! {
        #[test]
        fn a_patient_is_found_by_its_own_values(
            family in "\\PC{1,20}", given in "\\PC{1,20}", text in "\\PC{0,20}",
            system in "[a-z:|,$\\\\]{1,12}", value in "\\PC{1,20}", birth in "(19|20)[0-9]{2}-(0[1-9]|1[0-2])-[0-2][1-8]",
        ) {
            let patient = json!({"resourceType": "Patient", "birthDate": birth,
                "name": [{"family": family, "given": [given], "text": text}],
                "identifier": [{"system": system, "value": value, "type": {"coding": [{"system": "s", "code": "c"}]}}],
                "telecom": [{"system": "phone", "value": value}]});
            is_found_by_its_own_values(&patient);
        }

        #[test]
        fn a_prefix_and_its_opposite_never_agree(low in 0..1000_i64, length in 1..500_i64, from in 0..1000_i64, span in 1..500_i64) {
            let (wanted, found) = ((low, low + length), (from, from + span));
            let holds = |prefix| date_matches(prefix, wanted, found);
            prop_assert_ne!(holds(Prefix::Eq), holds(Prefix::Ne));
            prop_assert!(!(holds(Prefix::Sa) && holds(Prefix::Eb)));
            prop_assert!(!holds(Prefix::Sa) || (holds(Prefix::Gt) && holds(Prefix::Ge) && !holds(Prefix::Le)));
            prop_assert!(!holds(Prefix::Eb) || (holds(Prefix::Lt) && holds(Prefix::Le) && !holds(Prefix::Ge)));
            prop_assert_eq!(holds(Prefix::Ap), !(holds(Prefix::Sa) || holds(Prefix::Eb)));
        }
    }
}
