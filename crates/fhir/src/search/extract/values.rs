//! From a value of one data type to what it is compared as (the tables of FHIR R4 §3.1.1.4).

use std::borrow::Cow;

use serde_json::Value;

use super::{
    super::{
        SearchKind,
        name::{fold, fold_other_way, sound_text, words},
        parameter::Reading,
        program::DataType,
    },
    IndexValue, members, named, reference, texts,
};
use crate::primitive::TimeSpan;

/// The longest string that is found by its second reading too (see [`fold_other_way`]): names are shorter.
const NAME_LENGTH_MAX: usize = 100;

/// Calls `add` with every index value of one value.
pub(super) fn read<'a>(
    kind: SearchKind,
    reading: Reading,
    data_type: DataType,
    value: &'a Value,
    add: &mut dyn FnMut(IndexValue<'a>),
) {
    match kind {
        SearchKind::Token => read_token(data_type, value, &mut |found| add(with_reading(found, reading))),
        SearchKind::String => read_string(data_type, value, &mut |text| add_string(text, reading, add)),
        SearchKind::Reference => read_reference(data_type, value).into_iter().for_each(add),
        SearchKind::Date => {
            if let Some(TimeSpan { low, high }) = read_date(data_type, value) {
                add(IndexValue::Date { low, high });
            }
        }
        SearchKind::Number => {
            if let Some((low, high)) = read_number(data_type, value) {
                add(IndexValue::Number { low, high });
            }
        }
        SearchKind::Quantity => read_quantity(data_type, value).into_iter().for_each(add),
        SearchKind::Uri => value.as_str().into_iter().for_each(|uri| add(IndexValue::Uri(uri.into()))),
        SearchKind::Composite | SearchKind::Special => {}
    }
}

fn plain_token(code: &str) -> IndexValue<'_> {
    IndexValue::Token { system: None, code: code.into(), text: None }
}

fn read_token<'a>(data_type: DataType, value: &'a Value, add: &mut dyn FnMut(IndexValue<'a>)) {
    match data_type {
        DataType::CodeableConcept => read_concept(value, add),
        DataType::Coding => {
            let [system, code, display] = texts(value, ["system", "code", "display"]);
            read_coding(system, code, display).into_iter().for_each(add);
        }
        DataType::Identifier => read_identifier(value, add),
        DataType::ContactPoint => {
            let [system, code] = texts(value, ["system", "value"]);
            if let Some(code) = code {
                add(IndexValue::Token { system: system.map(Into::into), code: code.into(), text: None });
            }
        }
        DataType::Boolean => {
            if let Some(is_so) = value.as_bool() {
                add(plain_token(if is_so { "true" } else { "false" }));
            }
        }
        DataType::Deceased => {
            let is_deceased = match value.get("deceasedBoolean") {
                Some(boolean) => boolean.as_bool() == Some(true),
                None => value.get("deceasedDateTime").is_some(),
            };
            add(plain_token(if is_deceased { "true" } else { "false" }));
        }
        _ => value.as_str().into_iter().for_each(|code| add(plain_token(code))),
    }
}

fn read_concept<'a>(concept: &'a Value, add: &mut dyn FnMut(IndexValue<'a>)) {
    let [mut unread_text] = texts(concept, ["text"]);
    for coding in members(concept, "coding") {
        let [system, code, display] = texts(coding, ["system", "code", "display"]);
        if display.is_some() && display == unread_text {
            unread_text = None;
        }
        let text = display.or_else(|| unread_text.take());
        read_coding(system, code, text).into_iter().for_each(&mut *add);
    }
    if let Some(text) = unread_text {
        add(IndexValue::Token { system: None, code: Cow::Borrowed(""), text: Some(text.into()) });
    }
}

fn read_coding<'a>(
    system: Option<&'a str>,
    code: Option<&'a str>,
    text: Option<&'a str>,
) -> Option<IndexValue<'a>> {
    let has_content = system.is_some() || code.is_some() || text.is_some();
    has_content.then(|| IndexValue::Token {
        system: system.map(Into::into),
        code: code.unwrap_or_default().into(),
        text: text.map(Into::into),
    })
}

fn read_identifier<'a>(identifier: &'a Value, add: &mut dyn FnMut(IndexValue<'a>)) {
    let [identifier_type, system, value] = named(identifier, ["type", "system", "value"]);
    let (system, value) = (system.and_then(Value::as_str), value.and_then(Value::as_str));
    let type_text = identifier_type.and_then(|concept| concept.get("text")).and_then(Value::as_str);
    let codings = identifier_type.into_iter().flat_map(|concept| members(concept, "coding"));
    for coding in codings {
        let [type_system, type_code] = texts(coding, ["system", "code"]);
        if let (Some(system), Some(code), Some(value)) = (type_system, type_code, value) {
            add(IndexValue::OfType { system: system.into(), code: code.into(), value: value.into() });
        }
    }
    if system.is_some() || value.is_some() {
        add(IndexValue::Token {
            system: system.map(Into::into),
            code: value.unwrap_or_default().into(),
            text: type_text.map(Into::into),
        });
    }
}

/// Codes in lower case where case plays no part.
fn with_reading(value: IndexValue<'_>, reading: Reading) -> IndexValue<'_> {
    match value {
        IndexValue::Token { system, code, text } if reading == Reading::CodeWithoutCase => {
            IndexValue::Token { system, code: without_case(code), text }
        }
        value => value,
    }
}

/// A code in lower case.
fn without_case(code: Cow<'_, str>) -> Cow<'_, str> {
    let is_lower_case = !code.bytes().any(|byte| byte.is_ascii_uppercase());
    if is_lower_case { code } else { code.to_ascii_lowercase().into() }
}

fn read_string<'a>(data_type: DataType, value: &'a Value, add: &mut dyn FnMut(&'a str)) {
    let parts: &[&str] = match data_type {
        DataType::HumanName => &["text", "family", "given", "prefix", "suffix"],
        DataType::Address => &["text", "line", "city", "district", "state", "postalCode", "country"],
        _ => return value.as_str().into_iter().for_each(add),
    };
    for part in parts {
        members(value, part).filter_map(Value::as_str).for_each(&mut *add);
    }
}

fn add_string<'a>(text: &'a str, reading: Reading, add: &mut dyn FnMut(IndexValue<'a>)) {
    let folded = fold(text);
    if reading == Reading::Sound {
        for word in words(&folded) {
            let (folded, exact) = (sound_text(word).into(), word.to_owned().into());
            add(IndexValue::String { folded, exact });
        }
        return;
    }
    if text.len() <= NAME_LENGTH_MAX
        && let Some(folded) = fold_other_way(text)
    {
        add(IndexValue::String { folded: folded.into(), exact: text.into() });
    }
    let folded = if folded == text { Cow::Borrowed(text) } else { Cow::Owned(folded) };
    add(IndexValue::String { folded, exact: text.into() });
}

fn read_reference(data_type: DataType, value: &Value) -> Option<IndexValue<'_>> {
    match data_type {
        DataType::Reference => reference::read(value),
        DataType::Resource => reference::read_resource(value),
        _ => {
            let url = Some(value.as_str()?.into());
            Some(IndexValue::Reference { target: None, url, identifier: None })
        }
    }
}

fn read_date(data_type: DataType, value: &Value) -> Option<TimeSpan> {
    match data_type {
        DataType::Period => read_period(value),
        DataType::Timing => read_timing(value),
        _ => value.as_str().and_then(TimeSpan::parse),
    }
}

fn read_period(period: &Value) -> Option<TimeSpan> {
    let [start, end] = texts(period, ["start", "end"]).map(|text| text.and_then(TimeSpan::parse));
    let low = start.map_or(i64::MIN, |start| start.low);
    let high = end.map_or(i64::MAX, |end| end.high);
    (start.is_some() || end.is_some()).then_some(TimeSpan { low, high })
}

/// FHIR R4 §3.1.1.4.7: of a `Timing` the outer limits count, whatever happens between.
fn read_timing(timing: &Value) -> Option<TimeSpan> {
    let events = members(timing, "event").filter_map(Value::as_str).filter_map(TimeSpan::parse);
    let bounds = timing.get("repeat").and_then(|repeat| repeat.get("boundsPeriod")).and_then(read_period);
    events
        .chain(bounds)
        .reduce(|one, other| TimeSpan { low: one.low.min(other.low), high: one.high.max(other.high) })
}

/// Smallest and largest.
fn read_number(data_type: DataType, value: &Value) -> Option<(f64, f64)> {
    if data_type == DataType::Range {
        return read_range(value);
    }
    value.as_f64().map(|number| (number, number))
}

fn read_range(range: &Value) -> Option<(f64, f64)> {
    let end = |member| range.get(member).and_then(|end| end.get("value")).and_then(Value::as_f64);
    let (low, high) = (end("low"), end("high"));
    let is_known = low.is_some() || high.is_some();
    is_known.then(|| (low.unwrap_or(f64::NEG_INFINITY), high.unwrap_or(f64::INFINITY)))
}

fn read_quantity(data_type: DataType, value: &Value) -> Option<IndexValue<'_>> {
    match data_type {
        DataType::Range => {
            let range = read_range(value)?;
            let end = value.get("low").or_else(|| value.get("high"))?;
            Some(quantity(range, texts(end, ["system", "code", "unit"])))
        }
        DataType::Money => {
            let [amount, currency] = named(value, ["value", "currency"]);
            let (amount, code) = (amount?.as_f64()?, currency.and_then(Value::as_str));
            let system = code.map(|_| "urn:iso:std:iso:4217");
            Some(quantity((amount, amount), [system, code, None]))
        }
        _ => {
            let [amount, comparator] = named(value, ["value", "comparator"]);
            let amount = amount?.as_f64()?;
            let range = match comparator.and_then(Value::as_str) {
                Some("<" | "<=") => (f64::NEG_INFINITY, amount),
                Some(">" | ">=") => (amount, f64::INFINITY),
                _ => (amount, amount),
            };
            Some(quantity(range, texts(value, ["system", "code", "unit"])))
        }
    }
}

fn quantity((low, high): (f64, f64), unit: [Option<&str>; 3]) -> IndexValue<'_> {
    let [system, code, unit] = unit.map(|text| text.map(Cow::Borrowed));
    IndexValue::Quantity { low, high, system, code, unit }
}
