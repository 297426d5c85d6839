//! Search: SQL finds what `Filter::matches` means, in the order that the values of the records give, and
//! nothing that the permit does not show.

use std::cmp::Ordering;

use medcor_fhir::{
    Id, ResourceType,
    search::{
        IndexEntry, IndexValue, Query, SearchParameter, Sort, SortKey, Total, index_entries,
        name::{NAME_WORD, name_parameter},
        parameter::parameters,
        query::escape,
    },
};
use medcor_policy::{Need, Permit};
use medcor_store::{Lookup, LookupBy, Matched, Page, Record, StoreError};
use serde_json::{Value, json};

use crate::{
    random::Random,
    records_of_r4,
    support::{Hospital, entry, import, looks_at, patient, patient_permit, resource},
};

/// Random searches of one run.
const SEARCHES: u32 = 1200;
/// Rows of a page: few, so that most searches have several pages.
const PAGE: u32 = 4;

pub(crate) async fn sql_finds_what_matches_means(hospital: Hospital) {
    records_of_r4::fill(&hospital).await;
    let permit = hospital.permit();
    compare_random_searches(&hospital, &permit, 1).await;
}

pub(crate) async fn a_compartment_hides_the_rest_from_every_search(hospital: Hospital) {
    records_of_r4::fill(&hospital).await;
    let own = Id::new("example").expect("an id");
    let needs: Vec<Need> = ResourceType::all().map(Need::search_if_allowed).collect();
    let permit = patient_permit(hospital.tenant, &own, &needs);
    compare_random_searches(&hospital, &permit, 2).await;
}

pub(crate) async fn a_cursor_goes_on_where_it_was_while_rows_are_added(hospital: Hospital) {
    let sorts = ["family", "-family", "birthdate", "-_lastUpdated", "_id", "gender,-family"];
    for number in 0..20 {
        hospital.put(&format!("m{number:02}"), patient(&format!("M{number:02}"))).await;
    }
    for (turn, sort) in sorts.into_iter().enumerate() {
        let query = Query::new(ResourceType::PATIENT).with("_sort", sort).expect("a sort");
        let mut query = query.with("_count", "3").expect("a count").with("family", "m").expect("a name");
        let permit = hospital.permit();
        let mut seen = Vec::new();
        for number in 0.. {
            let page = hospital.store.session(&permit).search(&query).await.expect("a page");
            seen.extend(page.records.iter().map(|record| record.id.clone()));
            // One in front of every place, one behind every place, both not among those looked for.
            hospital.put(&format!("a{turn}-{number}"), patient("Aa")).await;
            hospital.put(&format!("z{turn}-{number}"), patient("Zz")).await;
            match cursor(&page) {
                Some(cursor) => query.cursor = Some(cursor),
                None => break,
            }
        }
        let mut distinct = seen.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!((seen.len(), distinct.len()), (20, 20), "_sort={sort}");
    }
}

/// A code that few have is what a search starts from, one that many have is not; both answer alike.
pub(crate) async fn a_rare_code_and_a_common_one_are_found_alike(hospital: Hospital) {
    const COUNT: usize = 260;
    let is_rare = |number: usize| number % 50 == 7;
    hospital
        .commit(|session| {
            for number in 0..COUNT {
                let status = if is_rare(number) { "waitlist" } else { "cancelled" };
                let appointment = json!({ "resourceType": "Appointment", "status": status,
                    "participant": [{ "actor": { "reference": "Practitioner/grace" }, "status": "accepted" }] });
                session.put(Id::new(&format!("a{number:03}")).expect("an id"), resource(appointment))?;
            }
            Ok(())
        })
        .await
        .expect("they are stored");
    let permit = hospital.permit();
    for (status, is_wanted) in [
        ("waitlist", &is_rare as &(dyn Fn(usize) -> bool + Sync)),
        ("cancelled", &|number| !is_rare(number)),
        ("waitlist,cancelled", &|_| true),
        ("noshow", &|_| false),
    ] {
        for sort in ["_id", "-_id", "_lastUpdated", "date"] {
            let query = Query::new(ResourceType::APPOINTMENT).with("status", status).expect("a status");
            let mut query = query.with("_sort", sort).expect("a sort");
            (query.count, query.total) = (100, Total::Accurate);
            let wanted: Vec<String> = (0..COUNT)
                .filter(|number| is_wanted(*number))
                .map(|number| format!("a{number:03}"))
                .collect();
            let mut found = Vec::new();
            loop {
                let page = hospital.store.session(&permit).search(&query).await.expect("a page");
                assert_eq!(page.total, Some(wanted.len() as u64), "{status} {sort}");
                found.extend(page.records.iter().map(|record| record.id.to_string()));
                query.cursor = cursor(&page);
                if query.cursor.is_none() {
                    break;
                }
            }
            match sort {
                "_id" => {}
                "-_id" => found.reverse(),
                _ => found.sort(),
            }
            assert_eq!(found, wanted, "{status} {sort}");
        }
    }
}

pub(crate) async fn a_cursor_is_refused_for_another_caller_or_search(hospital: Hospital) {
    for number in 0..5 {
        hospital.put(&format!("p{number}"), patient("Lovelace")).await;
    }
    let search = |text: &str| {
        let query = Query::new(ResourceType::PATIENT).with("_count", "2").expect("a count");
        query.with("family", text).expect("a name")
    };
    let permit = hospital.permit();
    let page = hospital.store.session(&permit).search(&search("love")).await.expect("a page");
    let cursor = cursor(&page).expect("three rows follow");
    let with_cursor = |query: Query, cursor: &str| Query { cursor: Some(cursor.to_owned()), ..query };

    let next = hospital.store.session(&permit).search(&with_cursor(search("love"), &cursor)).await;
    assert_eq!(next.expect("the next page").records.len(), 2);
    let other_tenant = import(hospital.other_tenant);
    let other_subject = medcor_policy::system::permit_export(hospital.tenant);
    let mut tampered = cursor.clone();
    tampered.replace_range(20..21, if &cursor[20..21] == "A" { "B" } else { "A" });
    let other_order = search("love").with("_sort", "birthdate").expect("a sort");
    for (permit, query) in [
        (&other_tenant, with_cursor(search("love"), &cursor)),
        (&other_subject, with_cursor(search("love"), &cursor)),
        (&permit, with_cursor(search("lov"), &cursor)),
        (&permit, with_cursor(other_order, &cursor)),
        (&permit, with_cursor(search("love"), &tampered)),
        (&permit, with_cursor(search("love"), "made up")),
    ] {
        let refused = hospital.store.session(permit).search(&query).await;
        assert!(matches!(refused, Err(StoreError::BadCursor)), "{refused:?}");
    }
}

pub(crate) async fn a_name_that_is_exact_decides_and_near_ones_are_offered(hospital: Hospital) {
    let ada = json!({
        "resourceType": "Patient",
        "identifier": [{ "system": "http://hospital.example/mrn", "value": "MRN1" }],
        "name": [{ "family": "O'Brien-Smith", "given": ["Ada", "Maria"] }],
        "telecom": [
            { "system": "phone", "value": "+44 20 7946 0958" },
            { "system": "email", "value": "Ada@Example.org" },
        ],
    });
    hospital.put("ada", ada.clone()).await;
    hospital.put("grace1", patient("Hopper")).await;
    hospital.put("grace2", patient("Hopper")).await;
    let other = import(hospital.other_tenant);
    let mut session = hospital.store.session(&other);
    session.put(Id::new("stranger").expect("an id"), resource(ada)).expect("valid");
    session.commit(entry("put")).await.expect("no conflict");

    let found = async |text: &str| {
        let permit = hospital.permit();
        let lookup = Lookup { resource_type: ResourceType::PATIENT, text, by: LookupBy::Anything };
        let matched = hospital.store.session(&permit).lookup(&lookup).await.expect("a look-up");
        let ids: Vec<String> = matched.records().iter().map(|record| record.id.to_string()).collect();
        let kind = match matched {
            Matched::One(_) => "one",
            Matched::Several(_) => "several",
            Matched::Near(_) => "near",
        };
        format!("{kind}: {}", ids.join(" "))
    };
    for exact in [
        "ada",
        "Patient/ada",
        "MRN1",
        "http://hospital.example/mrn|MRN1",
        "+44 20 7946 0958",
        "ada@example.ORG",
        "Ada Maria O'Brien-Smith",
        "dr. ada obrien smith",
        "O'BRIEN-SMITH, Ada",
    ] {
        assert_eq!(found(exact).await, "one: ada", "{exact}");
    }
    // A number without its country is compared by its end, but not for what writes.
    assert_eq!(found("020 7946 0958").await, "one: ada");
    let permit = hospital.permit();
    for (by, text, is_found) in [
        (LookupBy::Phone, "020 7946 0958", true),
        (LookupBy::PhoneInFull, "020 7946 0958", false),
        (LookupBy::AnythingInFull, "020 7946 0958", false),
        (LookupBy::AnythingInFull, "+44 20 7946 0958", true),
    ] {
        let lookup = Lookup { resource_type: ResourceType::PATIENT, text, by };
        let matched = hospital.store.session(&permit).lookup(&lookup).await.expect("a look-up");
        assert_eq!(matches!(matched, Matched::One(_)), is_found, "{by:?} {text}");
    }
    assert_eq!(found("Hopper").await, "several: grace2 grace1");
    assert_eq!(found("Ada O'Bryan").await, "near: ada");
    assert_eq!(found("ada obr").await, "near: ada");
    assert_eq!(found("Hoper").await, "near: grace2 grace1");
    assert_eq!(found("Nobody").await, "near: ");
    assert_eq!(found("mrn2").await, "near: ");
}

pub(crate) async fn a_look_up_sees_the_own_compartment_only(hospital: Hospital) {
    let ada = hospital.create(patient("Lovelace")).await;
    hospital.create(patient("Lovelace")).await;
    let permit = patient_permit(hospital.tenant, &ada.id, &[looks_at(ResourceType::PATIENT)]);
    let lookup = Lookup { resource_type: ResourceType::PATIENT, text: "Lovelace", by: LookupBy::Name };
    let matched = hospital.store.session(&permit).lookup(&lookup).await.expect("a look-up");
    assert!(matches!(matched, Matched::One(record) if record.id == ada.id));
    let lookup = Lookup { resource_type: ResourceType::OBSERVATION, text: "x", by: LookupBy::Id };
    let refused = hospital.store.session(&permit).lookup(&lookup).await;
    assert!(matches!(refused, Err(StoreError::OutsidePermit { .. })));
}

/// All current records of a type that the permit shows, in the order of their rows.
struct Stored {
    records: Vec<(Record, Value)>,
}

impl Stored {
    async fn of(hospital: &Hospital, permit: &Permit, resource_type: ResourceType) -> Self {
        let all = hospital.permit();
        let page = hospital.store.session(&all).export(resource_type, 0, 10_000).await.expect("an export");
        let shown = |record: &Record| {
            permit.allows(medcor_policy::Action::Search, resource_type, record.patient.as_ref())
        };
        let records = page.records.into_iter().filter(shown);
        let parsed = |record: Record| {
            let value = serde_json::from_str(&record.body).expect("a stored body is JSON");
            (record, value)
        };
        Self { records: records.map(parsed).collect() }
    }

    /// What the search should find, by the definition of search alone.
    fn expected(&self, query: &Query) -> Vec<Id> {
        let mut found: Vec<(Vec<Option<Key>>, usize, &Record)> = Vec::new();
        for (row, (record, value)) in self.records.iter().enumerate() {
            let entries = index_entries(query.resource_type, value);
            let matches = |filter: &medcor_fhir::search::Filter| {
                filter.matches(&record.id, record.last_updated, &entries)
            };
            if query.filters.iter().all(matches) {
                let keys = query.sort.iter().map(|sort| key_of(sort, record, &entries)).collect();
                found.push((keys, row, record));
            }
        }
        let rows_descend = query.sort[0].is_descending;
        found.sort_by(|(left, left_row, _), (right, right_row, _)| {
            let by_keys = query.sort.iter().zip(left.iter().zip(right));
            let ordering = by_keys.map(|(sort, (left, right))| compared(sort, left.as_ref(), right.as_ref()));
            let by_row = left_row.cmp(right_row);
            let by_row = if rows_descend { by_row.reverse() } else { by_row };
            ordering.fold(Ordering::Equal, Ordering::then).then(by_row)
        });
        found.into_iter().map(|(_, _, record)| record.id.clone()).collect()
    }
}

#[derive(Debug, Clone, PartialEq, PartialOrd)]
enum Key {
    Integer(i64),
    Real(f64),
    Text(String),
}

fn key_of(sort: &Sort, record: &Record, entries: &[IndexEntry<'_>]) -> Option<Key> {
    let parameter = match sort.key {
        SortKey::Id => return Some(Key::Text(record.id.to_string())),
        SortKey::LastUpdated => return Some(Key::Integer(record.last_updated)),
        SortKey::Parameter(parameter) => parameter,
    };
    let own = entries.iter().filter(|entry| entry.parameter == parameter.id);
    let keys = own.filter_map(|entry| match &entry.value {
        IndexValue::String { folded: text, .. }
        | IndexValue::Token { code: text, .. }
        | IndexValue::Reference { target: Some((_, text)), .. }
        | IndexValue::Reference { url: Some(text), .. }
        | IndexValue::Uri(text) => Some(Key::Text(text[..text.floor_char_boundary(512)].to_owned())),
        IndexValue::Date { low: i64::MIN, .. } => None,
        IndexValue::Date { low, .. } => Some(Key::Integer(*low)),
        IndexValue::Number { low, .. } | IndexValue::Quantity { low, .. } => Some(Key::Real(*low)),
        _ => None,
    });
    let compare = |left: &Key, right: &Key| left.partial_cmp(right).expect("keys of one parameter compare");
    if sort.is_descending { keys.max_by(compare) } else { keys.min_by(compare) }
}

fn compared(sort: &Sort, left: Option<&Key>, right: Option<&Key>) -> Ordering {
    match (left, right) {
        (Some(left), Some(right)) => {
            let ordering = left.partial_cmp(right).expect("keys of one parameter compare");
            if sort.is_descending { ordering.reverse() } else { ordering }
        }
        (left, right) => right.is_some().cmp(&left.is_some()),
    }
}

async fn compare_random_searches(hospital: &Hospital, permit: &Permit, seed: u64) {
    let mut random = Random::new(seed);
    let mut stored = Vec::new();
    for resource_type in ResourceType::all() {
        let visible = permit.visibility(medcor_policy::Action::Search, resource_type);
        if visible == medcor_policy::Visibility::Nothing {
            continue;
        }
        let of_type = Stored::of(hospital, permit, resource_type).await;
        if !of_type.records.is_empty() {
            stored.push((resource_type, of_type));
        }
    }
    assert!(stored.len() > 3, "the permit shows several types");
    let mut found_something = 0;
    for _ in 0..SEARCHES {
        let (resource_type, of_type) = random.pick(&stored);
        let (query, text) = random_query(&mut random, *resource_type, of_type);
        let expected = of_type.expected(&query);
        let (found, total) = all_pages(hospital, permit, query).await;
        assert_eq!(found, expected, "{resource_type}?{text}");
        assert_eq!(total, Some(expected.len() as u64), "the total of {resource_type}?{text}");
        found_something += u32::from(!expected.is_empty());
    }
    assert!(found_something > SEARCHES / 4, "{found_something} searches found something");
}

/// Page after page; the total is that of the first and has to be that of every other.
async fn all_pages(hospital: &Hospital, permit: &Permit, mut query: Query) -> (Vec<Id>, Option<u64>) {
    let mut found = Vec::new();
    let mut first_total = None;
    loop {
        let page = hospital.store.session(permit).search(&query).await.expect("a search succeeds");
        found.extend(page.records.iter().map(|record| record.id.clone()));
        if query.cursor.is_none() {
            first_total = page.total;
        }
        assert_eq!(page.total, first_total);
        assert_eq!(page.has_more, cursor(&page).is_some());
        match cursor(&page) {
            Some(cursor) => query.cursor = Some(cursor),
            None => return (found, first_total),
        }
    }
}

fn cursor(page: &Page) -> Option<String> {
    page.cursor_after(page.records.len().checked_sub(1)?)
}

/// A search for values that the records have, or have nearly.
fn random_query(random: &mut Random, resource_type: ResourceType, stored: &Stored) -> (Query, String) {
    let parameters = parameters(resource_type);
    let mut query = Query::new(resource_type);
    let mut text = Vec::new();
    for _ in 0..=random.below(3) {
        let (record, value) = random.pick(&stored.records);
        let entries = index_entries(resource_type, value);
        let condition = match random.below(12) {
            0 => Some(("_id".to_owned(), record.id.to_string())),
            1 => Some((
                "_lastUpdated".to_owned(),
                random.pick(&["ge2020", "lt2020", "2026-12-02"]).to_string(),
            )),
            2 => Some(missing(random, parameters)),
            _ if entries.is_empty() => None,
            _ => {
                let entry = random.pick(&entries);
                condition(random, parameters, entry)
            }
        };
        let Some((name, value)) = condition else { continue };
        // What can't be asked, such as text without letters, is the parser's business.
        if let Ok(with) = query.clone().with(&name, &value) {
            query = with;
            text.push(format!("{name}={value}"));
        }
    }
    if random.below(3) == 0 {
        for word in words_of_a_name(random, &stored.records) {
            if let Ok(with) = query.clone().with(NAME_WORD, &word) {
                query = with;
                text.push(format!("{NAME_WORD}={word}"));
            }
        }
    }
    if random.below(4) > 0 {
        let sort = random_sort(random, parameters);
        if let Ok(with) = query.clone().with("_sort", &sort) {
            query = with;
            text.push(format!("_sort={sort}"));
        }
    }
    query.count = PAGE + random.below(3) * 20;
    query.total = Total::Accurate;
    (query, text.join("&"))
}

/// The beginnings of all words of somebody's name, as a search for a person asks for them.
fn words_of_a_name(random: &mut Random, records: &[(Record, Value)]) -> Vec<String> {
    let (record, value) = random.pick(records);
    let Some(parameter) = name_parameter(record.resource_type, NAME_WORD) else { return Vec::new() };
    let entries = index_entries(record.resource_type, value);
    let words = entries.iter().filter(|entry| entry.parameter == parameter);
    let mut beginnings = Vec::new();
    for word in words {
        let IndexValue::String { folded, .. } = &word.value else { continue };
        beginnings.push(folded.chars().take(random.below(6) as usize + 1).collect());
    }
    beginnings
}

fn missing(random: &mut Random, parameters: &[SearchParameter]) -> (String, String) {
    let parameter = random.pick(parameters);
    (format!("{}:missing", parameter.code), (random.below(2) == 0).to_string())
}

fn random_sort(random: &mut Random, parameters: &[SearchParameter]) -> String {
    let mut keys = Vec::new();
    for _ in 0..=random.below(2) {
        let code = match random.below(8) {
            0 => "_id",
            1 => "_lastUpdated",
            _ => random.pick(parameters).code,
        };
        let sign = if random.below(2) == 0 { "-" } else { "" };
        keys.push(format!("{sign}{code}"));
    }
    keys.join(",")
}

/// A condition on the entry's parameter that the entry itself or a neighbour of it may satisfy.
fn condition(
    random: &mut Random,
    parameters: &[SearchParameter],
    entry: &IndexEntry<'_>,
) -> Option<(String, String)> {
    let parameter = parameters.iter().find(|parameter| parameter.id == entry.parameter)?;
    let code = parameter.code;
    let prefixes = ["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"];
    Some(match &entry.value {
        IndexValue::String { folded, exact } => match random.below(3) {
            0 => (format!("{code}:exact"), escape(exact)),
            1 => {
                let middle = folded.get(folded.len() / 3..).unwrap_or(folded);
                (format!("{code}:contains"), escape(middle))
            }
            _ => {
                let length = random.below(6) as usize + 1;
                (code.to_owned(), escape(&folded.chars().take(length).collect::<String>()))
            }
        },
        IndexValue::Token { system, code: value, text } => match (random.below(6), text) {
            (0, _) => (format!("{code}:not"), escape(value)),
            (1, Some(text)) => (format!("{code}:text"), escape(&text.chars().take(5).collect::<String>())),
            (2, _) => (code.to_owned(), format!("|{}", escape(value))),
            (3, _) => (code.to_owned(), format!("{}|", escape(system.as_deref()?))),
            (4, _) => {
                (code.to_owned(), format!("{}|{}", escape(system.as_deref().unwrap_or("")), escape(value)))
            }
            _ => (code.to_owned(), format!("{},nothing", escape(value))),
        },
        IndexValue::OfType { system, code: of, value } => {
            (format!("{code}:of-type"), [system, of, value].map(|part| escape(part)).join("|"))
        }
        IndexValue::Reference { target: Some((of, id)), .. } => match random.below(4) {
            0 => (code.to_owned(), id.to_string()),
            1 => (format!("{code}:{of}"), id.to_string()),
            2 => (code.to_owned(), format!("{of}/{id},{of}/none")),
            _ => (code.to_owned(), format!("{of}/{id}")),
        },
        IndexValue::Reference { url: Some(url), .. } => (code.to_owned(), escape(url)),
        IndexValue::Reference { identifier: Some((system, value)), .. } => {
            let system = system.as_deref().unwrap_or_default();
            (format!("{code}:identifier"), format!("{}|{}", escape(system), escape(value)))
        }
        IndexValue::Date { low, .. } => {
            let instant = medcor_fhir::primitive::format_instant((*low).clamp(0, 4_000_000_000_000_000));
            let length = *random.pick(&[4, 7, 10]);
            (code.to_owned(), format!("{}{}", random.pick(&prefixes), &instant[..length]))
        }
        IndexValue::Number { low, .. } => (code.to_owned(), format!("{}{low}", random.pick(&prefixes))),
        IndexValue::Quantity { low, system, code: unit, .. } => {
            let system = system.as_deref().unwrap_or_default();
            let unit = unit.as_deref().unwrap_or_default();
            let written = match random.below(3) {
                0 => format!("{low}"),
                1 => format!("{low}||{}", escape(unit)),
                _ => format!("{low}|{}|{}", escape(system), escape(unit)),
            };
            (code.to_owned(), format!("{}{written}", random.pick(&prefixes)))
        }
        IndexValue::Uri(uri) => {
            let modifier = random.pick(&["", ":below", ":above"]);
            (format!("{code}{modifier}"), escape(uri))
        }
        _ => return None,
    })
}
