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

/// One edit and the problem that it must be refused with.
struct Damage {
    pointer: &'static str,
    /// What is set there, as JSON; nothing where the member is removed.
    json: Option<&'static str>,
    path: &'static str,
    kind: ProblemKind,
}

const fn set(pointer: &'static str, json: &'static str, path: &'static str, kind: ProblemKind) -> Damage {
    Damage { pointer, json: Some(json), path, kind }
}

const fn removed(pointer: &'static str, path: &'static str, kind: ProblemKind) -> Damage {
    Damage { pointer, json: None, path, kind }
}

#[rustfmt::skip]
static OBSERVATION: &[Damage] = &[
    set("/status", r#""finished""#, "Observation.status", CodeInvalid),
    removed("/status", "Observation.status", Required),
    removed("/code", "Observation.code", Required),
    set("/code/coding", r#"{"code": "x"}"#, "Observation.code.coding", Structure),
    set("/subject/reference", r#""Practitioner/1""#, "Observation.subject.reference", Reference),
    set("/subject/reference", r#""http://x.org/Practitioner/1""#, "Observation.subject.reference", Reference),
    set("/subject/reference", r#""Patiens/1""#, "Observation.subject.reference", Reference),
    set("/subject/reference", r#""Patient/a_b""#, "Observation.subject.reference", Reference),
    set("/subject/type", r#""Group""#, "Observation.subject.type", Reference),
    set("/valueString", r#""72""#, "Observation.value", Structure),
    set("/valueAddress", r#"{"text": "x"}"#, "Observation.valueAddress", Structure),
    set("/value", "72", "Observation.value", Structure),
    set("/valueQuantity/value", r#""72.5""#, "Observation.value.value", Structure),
    set("/valueQuantity/comparator", r#""~""#, "Observation.value.comparator", CodeInvalid),
    removed("/valueQuantity/system", "Observation.value", Invariant),
    set("/dataAbsentReason", r#"{"text": "x"}"#, "Observation", Invariant),
    set("/component/0/code", r#"{"coding": [{"system": "http://loinc.org", "code": "85354-9"}]}"#, "Observation", Invariant),
    set("/referenceRange/0/age", r#"{"low": {"value": 80}, "high": {"value": 50}}"#, "Observation.referenceRange[0].age", Invariant),
    set("/referenceRange/0", r#"{"type": {"text": "x"}}"#, "Observation.referenceRange[0]", Invariant),
    set("/effectiveDateTime", r#""2026-02-30""#, "Observation.effective", Format),
    set("/effectiveDateTime", r#""2026-01-01T10:00:00""#, "Observation.effective", Format),
    set("/issued", r#""2026-01-01""#, "Observation.issued", Format),
];

#[rustfmt::skip]
static PATIENT: &[Damage] = &[
    set("/id", r#""a_b""#, "Patient.id", Format),
    set("/birthdate", r#""1815""#, "Patient.birthdate", Structure),
    set("/meta/versionid", r#""1""#, "Patient.meta.versionid", Structure),
    set("/language", r#""en_GB""#, "Patient.language", CodeInvalid),
    set("/text/status", r#""made""#, "Patient.text.status", CodeInvalid),
    set("/text/div", r#""<div><script>1</script></div>""#, "Patient.text.div", Format),
    removed("/text/div", "Patient.text.div", Required),
    set("/extension/0/url", "7", "Patient.extension[0].url", Structure),
    removed("/extension/0/url", "Patient.extension[0].url", Required),
    removed("/extension/0/valueString", "Patient.extension[0]", Invariant),
    set("/extension/0/extension", r#"[{"url": "x", "valueCode": "y"}]"#, "Patient.extension[0]", Invariant),
    set("/identifier/0/value", r#""""#, "Patient.identifier[0].value", Format),
    set("/identifier/0/system", r#""a b""#, "Patient.identifier[0].system", Format),
    set("/identifier/0/period/end", r#""2019""#, "Patient.identifier[0].period", Invariant),
    set("/identifier", "[]", "Patient.identifier", Structure),
    set("/identifier/0", "{}", "Patient.identifier[0]", Invariant),
    set("/active", r#""true""#, "Patient.active", Structure),
    set("/active", "null", "Patient.active", Structure),
    set("/name/0/family", r#"["Lovelace"]"#, "Patient.name[0].family", Structure),
    set("/name/0/given", r#""Ada""#, "Patient.name[0].given", Structure),
    set("/name/0/given/2", r#""King""#, "Patient.name[0].given", Structure),
    set("/name/0/_given/1", "null", "Patient.name[0].given[1]", Structure),
    set("/gender", r#""f""#, "Patient.gender", CodeInvalid),
    set("/_gender", r#"{"id": 1}"#, "Patient.gender.id", Structure),
    set("/_name", r#"{"id": "1"}"#, "Patient._name", Structure),
    set("/_deceasedBoolean", r#"{"id": "1"}"#, "Patient.deceased", Invariant),
    set("/birthDate", r#""1815-12-10T00:00:00Z""#, "Patient.birthDate", Format),
    set("/_birthDate/extension/0/valueDateTime", r#""1815-12-10T25:00:00Z""#, "Patient.birthDate.extension[0].value", Format),
    set("/multipleBirthInteger", "2.5", "Patient.multipleBirth", Format),
    set("/photo/0/data", r#""A""#, "Patient.photo[0].data", Format),
    set("/photo/0/size", "-1", "Patient.photo[0].size", Format),
    set("/photo/0/contentType", r#""png""#, "Patient.photo[0].contentType", CodeInvalid),
    removed("/photo/0/contentType", "Patient.photo[0]", Invariant),
    set("/contact/0", r#"{"gender": "male"}"#, "Patient.contact[0]", Invariant),
    set("/contact/0/gender", r#""man""#, "Patient.contact[0].gender", CodeInvalid),
    set("/contact/0/name", r#""Byron""#, "Patient.contact[0].name", Structure),
    removed("/communication/0/language", "Patient.communication[0].language", Required),
    set("/link/0/other/reference", r##""#none""##, "Patient.link[0].other.reference", Reference),
    set("/managingOrganization/type", r#""Organisation""#, "Patient.managingOrganization.type", Reference),
    set("/link/0/other/reference", r##""#clinic""##, "Patient.link[0].other.reference", Reference),
    set("/contained/0/resourceType", r#""Organisation""#, "Patient.contained[0].resourceType", Structure),
    set("/contained/0/address", r#"[{"use": "home"}]"#, "Patient.contained[0]", Invariant),
    set("/contained/0/meta", r#"{"versionId": "1"}"#, "Patient.contained[0]", Invariant),
    set("/contained/0/contained", r##"[{"resourceType": "Basic", "id": "b", "code": {"text": "#b"}}]"##, "Patient.contained[0]", Invariant),
    set("/contained/1", r#"{"resourceType": "Organization", "id": "unused", "name": "x"}"#, "Patient.contained[1]", Invariant),
    set("/resourceType", r#""Pateint""#, "Resource.resourceType", Structure),
    removed("/resourceType", "Resource.resourceType", Required),
];

#[rustfmt::skip]
static CONDITION: &[Damage] = &[
    set("/clinicalStatus/coding/0/code", r#""gone""#, "Condition.clinicalStatus", CodeInvalid),
    removed("/clinicalStatus/coding/0/system", "Condition.clinicalStatus", CodeInvalid),
    set("/abatementString", r#""June""#, "Condition", Invariant),
    set("/recorder/reference", r#""Medication?code=1""#, "Condition.recorder.reference", Reference),
    set("/onsetAge", r#"{"value": 3, "system": "http://unitsofmeasure.org", "code": "a"}"#, "Condition.onset", Structure),
    set("/stage", r#"[{"type": {"text": "x"}}]"#, "Condition.stage[0]", Invariant),
];

#[rustfmt::skip]
static BUNDLE: &[Damage] = &[
    set("/entry/0/resource/gender", r#""f""#, "Bundle.entry[0].resource.gender", CodeInvalid),
    removed("/entry/0/request", "Bundle.entry[0]", Invariant),
    set("/entry/1/fullUrl", r#""urn:uuid:1""#, "Bundle.entry[1]", Invariant),
    set("/entry/1/search", r#"{"mode": "match"}"#, "Bundle.entry[1]", Invariant),
    set("/total", "2", "Bundle", Invariant),
    set("/entry/1/resource/subject/reference", r##""#clinic""##, "Bundle.entry[1].resource.subject.reference", Reference),
];

#[rustfmt::skip]
static PARAMETERS: &[Damage] = &[
    set("/parameter/0/valueString", r#""x""#, "Parameters.parameter[0].value", Structure),
    set("/parameter/1/valueString", r#""x""#, "Parameters.parameter[1]", Invariant),
    removed("/parameter/1/part/0/resource/status", "Parameters.parameter[1].part[0].resource.status", Required),
];

fn damages() -> impl Iterator<Item = (Value, &'static Damage)> {
    let of =
        |base: fn() -> Value, damages: &'static [Damage]| damages.iter().map(move |damage| (base(), damage));
    of(observation, OBSERVATION)
        .chain(of(patient, PATIENT))
        .chain(of(condition, CONDITION))
        .chain(of(bundle, BUNDLE))
        .chain(of(parameters, PARAMETERS))
}

fn apply(value: &mut Value, edit: Edit) {
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
    let mut surprises = Vec::new();
    let mut count = 0;
    for (mut record, damage) in damages() {
        count += 1;
        match damage.json {
            Some(text) => {
                let value = serde_json::from_str(text).expect("the table has JSON");
                apply(&mut record, Set(damage.pointer, value));
            }
            None => apply(&mut record, Remove(damage.pointer)),
        }
        let problems = problems(&record.to_string());
        let is_expected =
            matches!(&problems[..], [problem] if problem.path == damage.path && problem.kind == damage.kind);
        if !is_expected {
            let Damage { pointer, path, kind, .. } = damage;
            surprises.push(format!("{pointer}, expected {path} {kind:?}:\n{}", listed(&problems)));
        }
    }
    assert!(count >= 30);
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
