//! Seeded damage: one edit of a valid record each, and the one problem it must be refused with.

use medcor_fhir::{Problem, ProblemKind, validate::PROBLEMS_MAX};
use serde_json::{Value, json};

use crate::support::{listed, problems};

/// An edit of a valid record.
enum Edit {
    /// Sets the member at this JSON pointer's parent, or the item at its index.
    Set(&'static str, Value),
    Remove(&'static str),
}

use Edit::{Remove, Set};
use ProblemKind::{CodeInvalid, Invariant, Reference, Required, Structure, TooCostly, Value as Format};

fn patient() -> Value {
    json!({
        "resourceType": "Patient",
        "id": "ada",
        "meta": {"profile": ["http://example.org/fhir/StructureDefinition/p"]},
        "language": "en-GB",
        "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">Ada</div>"},
        "contained": [{"resourceType": "Organization", "id": "clinic", "name": "Clinic"}],
        "extension": [{"url": "http://example.org/a", "valueString": "x"}],
        "identifier": [{"system": "urn:oid:1.2.3", "value": "1", "period": {"start": "2020", "end": "2021-05"}}],
        "active": true,
        "name": [{"family": "Lovelace", "given": ["Ada", null], "_given": [null, {"extension": [
            {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
        ]}]}],
        "gender": "female",
        "birthDate": "1815-12-10",
        "_birthDate": {"extension": [{"url": "http://example.org/t", "valueDateTime": "1815-12-10T01:00:00Z"}]},
        "multipleBirthInteger": 2,
        "photo": [{"contentType": "image/png", "data": "QUJD", "size": 3, "url": "http://example.org/p.png"}],
        "contact": [{"name": {"text": "Byron"}, "gender": "male"}],
        "communication": [{"language": {"text": "English"}, "preferred": true}],
        "managingOrganization": {"reference": "#clinic", "type": "Organization"},
        "link": [{"other": {"reference": "Patient/other"}, "type": "seealso"}]
    })
}

fn observation() -> Value {
    json!({
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}]},
        "subject": {"reference": "http://example.org/fhir/Patient/ada/_history/1"},
        "effectiveDateTime": "2026-01-01T10:00:00+01:00",
        "issued": "2026-01-01T10:00:00.5Z",
        "valueQuantity": {"value": 72.50, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"},
        "referenceRange": [{"low": {"value": 60}, "high": {"value": 80}}],
        "component": [{"code": {"text": "x"}, "valueString": "y"}]
    })
}

fn condition() -> Value {
    json!({
        "resourceType": "Condition",
        "clinicalStatus": {"coding": [
            {"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}
        ]},
        "subject": {"reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"},
        "recorder": {"reference": "Practitioner?identifier=http://example.org|1"},
        "onsetString": "May"
    })
}

fn bundle() -> Value {
    json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        {"fullUrl": "urn:uuid:1", "resource": patient(), "request": {"method": "PUT", "url": "Patient/ada"}},
        {"fullUrl": "urn:uuid:2", "resource": observation(), "request": {"method": "POST", "url": "Observation"}}
    ]})
}

fn parameters() -> Value {
    json!({"resourceType": "Parameters", "parameter": [
        {"name": "a", "valueDecimal": 1.0},
        {"name": "b", "part": [{"name": "c", "resource": observation()}]}
    ]})
}

fn damages() -> Vec<(Value, Edit, &'static str, ProblemKind)> {
    let observation_damages = vec![
        (Set("/status", json!("finished")), "Observation.status", CodeInvalid),
        (Remove("/status"), "Observation.status", Required),
        (Remove("/code"), "Observation.code", Required),
        (Set("/code/coding", json!({"code": "x"})), "Observation.code.coding", Structure),
        (Set("/subject/reference", json!("Practitioner/1")), "Observation.subject.reference", Reference),
        (
            Set("/subject/reference", json!("http://x.org/Practitioner/1")),
            "Observation.subject.reference",
            Reference,
        ),
        (Set("/subject/reference", json!("Patiens/1")), "Observation.subject.reference", Reference),
        (Set("/subject/reference", json!("Patient/a_b")), "Observation.subject.reference", Reference),
        (Set("/subject/type", json!("Group")), "Observation.subject.type", Reference),
        (Set("/valueString", json!("72")), "Observation.value", Structure),
        (Set("/valueAddress", json!({"text": "x"})), "Observation.valueAddress", Structure),
        (Set("/value", json!(72)), "Observation.value", Structure),
        (Set("/valueQuantity/value", json!("72.5")), "Observation.value.value", Structure),
        (Set("/valueQuantity/comparator", json!("~")), "Observation.value.comparator", CodeInvalid),
        (Remove("/valueQuantity/system"), "Observation.value", Invariant),
        (Set("/dataAbsentReason", json!({"text": "x"})), "Observation", Invariant),
        (
            Set("/component/0/code", json!({"coding": [{"system": "http://loinc.org", "code": "85354-9"}]})),
            "Observation",
            Invariant,
        ),
        (
            Set("/referenceRange/0/age", json!({"low": {"value": 80}, "high": {"value": 50}})),
            "Observation.referenceRange[0].age",
            Invariant,
        ),
        (
            Set("/referenceRange/0", json!({"type": {"text": "x"}})),
            "Observation.referenceRange[0]",
            Invariant,
        ),
        (Set("/effectiveDateTime", json!("2026-02-30")), "Observation.effective", Format),
        (Set("/effectiveDateTime", json!("2026-01-01T10:00:00")), "Observation.effective", Format),
        (Set("/issued", json!("2026-01-01")), "Observation.issued", Format),
    ];
    let patient_damages = vec![
        (Set("/id", json!("a_b")), "Patient.id", Format),
        (Set("/birthdate", json!("1815")), "Patient.birthdate", Structure),
        (Set("/meta/versionid", json!("1")), "Patient.meta.versionid", Structure),
        (Set("/language", json!("en_GB")), "Patient.language", CodeInvalid),
        (Set("/text/status", json!("made")), "Patient.text.status", CodeInvalid),
        (Set("/text/div", json!("<div><script>1</script></div>")), "Patient.text.div", Format),
        (Remove("/text/div"), "Patient.text.div", Required),
        (Set("/extension/0/url", json!(7)), "Patient.extension[0].url", Structure),
        (Remove("/extension/0/url"), "Patient.extension[0].url", Required),
        (Remove("/extension/0/valueString"), "Patient.extension[0]", Invariant),
        (
            Set("/extension/0/extension", json!([{"url": "x", "valueCode": "y"}])),
            "Patient.extension[0]",
            Invariant,
        ),
        (Set("/identifier/0/value", json!("")), "Patient.identifier[0].value", Format),
        (Set("/identifier/0/system", json!("a b")), "Patient.identifier[0].system", Format),
        (Set("/identifier/0/period/end", json!("2019")), "Patient.identifier[0].period", Invariant),
        (Set("/identifier", json!([])), "Patient.identifier", Structure),
        (Set("/identifier/0", json!({})), "Patient.identifier[0]", Invariant),
        (Set("/active", json!("true")), "Patient.active", Structure),
        (Set("/active", json!(null)), "Patient.active", Structure),
        (Set("/name/0/family", json!(["Lovelace"])), "Patient.name[0].family", Structure),
        (Set("/name/0/given", json!("Ada")), "Patient.name[0].given", Structure),
        (Set("/name/0/given/2", json!("King")), "Patient.name[0].given", Structure),
        (Set("/name/0/_given/1", json!(null)), "Patient.name[0].given[1]", Structure),
        (Set("/gender", json!("f")), "Patient.gender", CodeInvalid),
        (Set("/_gender", json!({"id": 1})), "Patient.gender.id", Structure),
        (Set("/_name", json!({"id": "1"})), "Patient._name", Structure),
        (Set("/_deceasedBoolean", json!({"id": "1"})), "Patient.deceased", Invariant),
        (Set("/birthDate", json!("1815-12-10T00:00:00Z")), "Patient.birthDate", Format),
        (
            Set("/_birthDate/extension/0/valueDateTime", json!("1815-12-10T25:00:00Z")),
            "Patient.birthDate.extension[0].value",
            Format,
        ),
        (Set("/multipleBirthInteger", json!(2.5)), "Patient.multipleBirth", Format),
        (Set("/photo/0/data", json!("A")), "Patient.photo[0].data", Format),
        (Set("/photo/0/size", json!(-1)), "Patient.photo[0].size", Format),
        (Set("/photo/0/contentType", json!("png")), "Patient.photo[0].contentType", CodeInvalid),
        (Remove("/photo/0/contentType"), "Patient.photo[0]", Invariant),
        (Set("/contact/0", json!({"gender": "male"})), "Patient.contact[0]", Invariant),
        (Set("/contact/0/gender", json!("man")), "Patient.contact[0].gender", CodeInvalid),
        (Set("/contact/0/name", json!("Byron")), "Patient.contact[0].name", Structure),
        (Remove("/communication/0/language"), "Patient.communication[0].language", Required),
        (Set("/link/0/other/reference", json!("#none")), "Patient.link[0].other.reference", Reference),
        (
            Set("/managingOrganization/type", json!("Organisation")),
            "Patient.managingOrganization.type",
            Reference,
        ),
        (Set("/link/0/other/reference", json!("#clinic")), "Patient.link[0].other.reference", Reference),
        (
            Set("/contained/0/resourceType", json!("Organisation")),
            "Patient.contained[0].resourceType",
            Structure,
        ),
        (Set("/contained/0/address", json!([{"use": "home"}])), "Patient.contained[0]", Invariant),
        (Set("/contained/0/meta", json!({"versionId": "1"})), "Patient.contained[0]", Invariant),
        (
            Set(
                "/contained/0/contained",
                json!([{"resourceType": "Basic", "id": "b", "code": {"text": "#b"}}]),
            ),
            "Patient.contained[0]",
            Invariant,
        ),
        (
            Set("/contained/1", json!({"resourceType": "Organization", "id": "unused", "name": "x"})),
            "Patient.contained[1]",
            Invariant,
        ),
        (Set("/resourceType", json!("Pateint")), "Resource.resourceType", Structure),
        (Remove("/resourceType"), "Resource.resourceType", Required),
    ];
    let condition_damages = vec![
        (Set("/clinicalStatus/coding/0/code", json!("gone")), "Condition.clinicalStatus", CodeInvalid),
        (Remove("/clinicalStatus/coding/0/system"), "Condition.clinicalStatus", CodeInvalid),
        (Set("/abatementString", json!("June")), "Condition", Invariant),
        (Set("/recorder/reference", json!("Medication?code=1")), "Condition.recorder.reference", Reference),
        (
            Set("/onsetAge", json!({"value": 3, "system": "http://unitsofmeasure.org", "code": "a"})),
            "Condition.onset",
            Structure,
        ),
        (Set("/stage", json!([{"type": {"text": "x"}}])), "Condition.stage[0]", Invariant),
    ];
    let bundle_damages = vec![
        (Set("/entry/0/resource/gender", json!("f")), "Bundle.entry[0].resource.gender", CodeInvalid),
        (Remove("/entry/0/request"), "Bundle.entry[0]", Invariant),
        (Set("/entry/1/fullUrl", json!("urn:uuid:1")), "Bundle.entry[1]", Invariant),
        (Set("/entry/1/search", json!({"mode": "match"})), "Bundle.entry[1]", Invariant),
        (Set("/total", json!(2)), "Bundle", Invariant),
        (
            Set("/entry/1/resource/subject/reference", json!("#clinic")),
            "Bundle.entry[1].resource.subject.reference",
            Reference,
        ),
    ];
    let parameters_damages = vec![
        (Set("/parameter/0/valueString", json!("x")), "Parameters.parameter[0].value", Structure),
        (Set("/parameter/1/valueString", json!("x")), "Parameters.parameter[1]", Invariant),
        (
            Remove("/parameter/1/part/0/resource/status"),
            "Parameters.parameter[1].part[0].resource.status",
            Required,
        ),
    ];
    let of = |base: fn() -> Value, damages: Vec<(Edit, &'static str, ProblemKind)>| {
        damages.into_iter().map(move |(edit, path, kind)| (base(), edit, path, kind))
    };
    of(observation, observation_damages)
        .chain(of(patient, patient_damages))
        .chain(of(condition, condition_damages))
        .chain(of(bundle, bundle_damages))
        .chain(of(parameters, parameters_damages))
        .collect()
}

fn apply(value: &mut Value, edit: Edit) -> String {
    let (pointer, new) = match edit {
        Set(pointer, new) => (pointer, Some(new)),
        Remove(pointer) => (pointer, None),
    };
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer begins with /");
    match (value.pointer_mut(parent).expect("the parent is there"), new) {
        (Value::Object(members), Some(new)) => {
            members.insert(name.to_owned(), new);
        }
        (Value::Object(members), None) => assert!(members.shift_remove(name).is_some(), "{pointer}"),
        (Value::Array(items), Some(new)) => {
            let index: usize = name.parse().expect("an index");
            items.truncate(index);
            items.push(new);
        }
        _ => panic!("{pointer} is neither a member nor an item"),
    }
    pointer.to_owned()
}

#[test]
fn the_records_are_valid_before_they_are_damaged() {
    for record in [patient(), observation(), condition(), bundle(), parameters()] {
        let problems = problems(&record.to_string());
        assert!(problems.is_empty(), "{}\n{}", record["resourceType"], listed(&problems));
    }
}

#[test]
fn every_damage_is_refused_with_its_path_and_kind_and_nothing_else() {
    let damages = damages();
    assert!(damages.len() >= 30);
    let mut surprises = Vec::new();
    for (mut record, edit, path, kind) in damages {
        let edit = apply(&mut record, edit);
        let problems = problems(&record.to_string());
        let is_expected = matches!(&problems[..], [problem] if problem.path == path && problem.kind == kind);
        if !is_expected {
            surprises.push(format!("{edit}, expected {path} {kind:?}:\n{}", listed(&problems)));
        }
    }
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
}

#[test]
fn damage_to_the_text_is_refused_too() {
    let nested = |depth: usize| {
        let (open, close) = (r#"{"url":"x","extension":["#.repeat(depth), "]}".repeat(depth));
        format!(r#"{{"resourceType":"Patient","extension":[{open}{{"url":"x","valueCode":"y"}}{close}]}}"#)
    };
    for (text, path, kind) in [
        (
            r#"{"resourceType":"Patient","gender":"male","gender":"female"}"#.to_owned(),
            "Patient.gender",
            Structure,
        ),
        (
            r#"{"resourceType":"Patient","name":[{"family":"a","family":"a"}]}"#.to_owned(),
            "Patient.name[0].family",
            Structure,
        ),
        (r#"{"resourceType":"Patient""#.to_owned(), "Resource", Structure),
        (r#"[{"resourceType":"Patient"}]"#.to_owned(), "Resource", Structure),
        (nested(31), &format!("Patient{}", ".extension[0]".repeat(32)), TooCostly),
        (format!("{{\"resourceType\":\"Patient\"{}}}", " ".repeat(4 * 1024 * 1024)), "Resource", TooCostly),
    ] {
        let problems = problems(&text);
        let places: Vec<_> = problems.iter().map(|problem| (&*problem.path, problem.kind)).collect();
        assert_eq!(places.last(), Some(&(path, kind)), "{}", listed(&problems));
    }
    assert_eq!(problems(&nested(30)), []);
}

#[test]
fn all_problems_are_reported_at_once() {
    let mut record = patient();
    for edit in [
        Set("/gender", json!("f")),
        Set("/birthDate", json!("yesterday")),
        Set("/contact/0/name", json!([])),
        Set("/nmae", json!([])),
        Remove("/communication/0/language"),
    ] {
        apply(&mut record, edit);
    }
    let paths: Vec<String> = problems(&record.to_string()).into_iter().map(|problem| problem.path).collect();
    let expected = [
        "Patient.gender",
        "Patient.birthDate",
        "Patient.contact[0].name",
        "Patient.communication[0].language",
        "Patient.nmae",
    ];
    assert_eq!(paths, expected);
}

#[test]
fn of_too_many_problems_the_first_are_listed() {
    let record = json!({"resourceType": "Patient", "name": vec![json!({"famly": "x"}); 1000]});
    let problems = problems(&record.to_string());
    assert_eq!(problems.len(), PROBLEMS_MAX);
    assert_eq!(problems[0].path, "Patient.name[0].famly");
    assert_eq!(problems[PROBLEMS_MAX - 1].kind, TooCostly);
}

#[test]
fn messages_say_what_was_expected() {
    for (edit, expected) in [
        (
            Set("/gender", json!("femal")),
            "`femal` is not a code of administrative-gender, which has female, male, other, unknown; did you mean `female`?",
        ),
        (
            Set("/birthdate", json!("1815")),
            "`birthdate` is not an element of Patient; did you mean `birthDate`?",
        ),
        (Set("/birthDate", json!("10.12.1815")), "expected a date as YYYY, YYYY-MM or YYYY-MM-DD"),
        (Set("/name", json!({"text": "Ada"})), "expected an array, not an object"),
        (
            Set("/deceasedFoo", json!(1)),
            "`deceasedFoo` is not an element of Patient; it may have one of deceasedBoolean, deceasedDateTime",
        ),
        (
            Set("/managingOrganization", json!({"reference": "Practitioner/1"})),
            "Practitioner is not allowed here, only Organization",
        ),
    ] {
        let mut record = patient();
        apply(&mut record, edit);
        let problems = problems(&record.to_string());
        assert!(
            problems.iter().any(|problem| problem.message == expected),
            "{expected}\n{}",
            listed(&problems)
        );
    }
}

#[test]
fn no_message_repeats_what_a_record_says_in_free_text() {
    let secret = "Ada Lovelace <ada@example.org> 1815-12-10 ".repeat(3);
    let mut record = patient();
    for pointer in [
        "/id",
        "/gender",
        "/birthDate",
        "/identifier/0/system",
        "/text/div",
        "/managingOrganization/reference",
    ] {
        apply(&mut record, Set(pointer, json!(secret)));
    }
    let members = record.as_object_mut().expect("a resource is an object");
    members.insert(secret.clone(), json!(secret));
    let problems = problems(&record.to_string());
    assert!(problems.len() >= 7, "{}", listed(&problems));
    for Problem { path, message, .. } in &problems {
        for text in [path, message] {
            assert!(
                !text.contains("ada@") && !text.contains("Ada Love") && !text.contains('<')
                    || text.contains("<div>"),
                "{text}"
            );
        }
    }
}
