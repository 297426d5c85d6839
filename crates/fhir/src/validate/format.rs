//! Formats of primitives (FHIR R4 §2.24.0.1), checked by hand: each is a handful of comparisons.

use serde_json::Value;

use super::{ProblemKind, narrative, walk::json_kind};
use crate::{Id, definitions::Primitive, primitive::TimeSpan};

/// Longest string, in bytes (FHIR R4 §2.24.0.1).
const STRING_BYTES_MAX: usize = 1024 * 1024;

/// What is wrong with the value of a primitive, if anything is.
pub(super) fn problem(primitive: Primitive, value: &Value) -> Option<(ProblemKind, String)> {
    let is_json_kind = match primitive {
        Primitive::Boolean => value.is_boolean(),
        Primitive::Decimal | Primitive::Integer | Primitive::PositiveInt | Primitive::UnsignedInt => {
            value.is_number()
        }
        _ => value.is_string(),
    };
    if !is_json_kind {
        let message = format!("expected {}, not {}", expected(primitive), json_kind(value));
        return Some((ProblemKind::Structure, message));
    }
    match value {
        Value::Number(_) => {
            let is_valid = is_number(primitive, value);
            (!is_valid).then(|| (ProblemKind::Value, format!("expected {}", expected(primitive))))
        }
        Value::String(text) => text_problem(primitive, text),
        _ => None,
    }
}

fn text_problem(primitive: Primitive, text: &str) -> Option<(ProblemKind, String)> {
    if text.is_empty() {
        return Some((
            ProblemKind::Value,
            "a string has at least one character; leave the element out".into(),
        ));
    }
    let is_binary = matches!(primitive, Primitive::Base64Binary | Primitive::Xhtml);
    if text.len() > STRING_BYTES_MAX && !is_binary {
        return Some((ProblemKind::TooCostly, format!("a string has at most {STRING_BYTES_MAX} bytes")));
    }
    if primitive == Primitive::Xhtml {
        return narrative::problem(text).map(|message| (ProblemKind::Value, message.to_owned()));
    }
    (!is_text(primitive, text)).then(|| (ProblemKind::Value, format!("expected {}", expected(primitive))))
}

fn is_number(primitive: Primitive, value: &Value) -> bool {
    let lowest = match primitive {
        Primitive::Decimal => return true,
        Primitive::PositiveInt => 1,
        Primitive::UnsignedInt => 0,
        _ => i64::from(i32::MIN),
    };
    value.as_i64().is_some_and(|number| (lowest..=i64::from(i32::MAX)).contains(&number))
}

fn is_text(primitive: Primitive, text: &str) -> bool {
    match primitive {
        Primitive::String | Primitive::Markdown => is_string(text),
        Primitive::Code => is_code(text),
        Primitive::Id => Id::new(text).is_some(),
        Primitive::Uri | Primitive::Url | Primitive::Canonical => is_uri(text),
        Primitive::Oid => is_oid(text),
        Primitive::Uuid => is_uuid(text),
        Primitive::Date => text.len() <= 10 && TimeSpan::parse(text).is_some(),
        Primitive::DateTime => is_date_time(text),
        Primitive::Instant => text.len() > 10 && is_date_time(text),
        Primitive::Time => is_time(text),
        Primitive::Base64Binary => is_base64(text),
        _ => true,
    }
}

/// No control characters but tab, line feed and carriage return.
fn is_string(text: &str) -> bool {
    text.bytes().all(|byte| byte >= b' ' || matches!(byte, b'\t' | b'\n' | b'\r'))
}

/// No white space at either end, and single spaces inside.
fn is_code(text: &str) -> bool {
    is_string(text) && text.split(char::is_whitespace).all(|word| !word.is_empty())
}

fn is_uri(text: &str) -> bool {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    is_plain || !text.chars().any(|letter| letter.is_whitespace() || letter.is_control())
}

/// `urn:oid:2.16.840`: arcs without leading zeros, the first of them 0, 1 or 2.
fn is_oid(text: &str) -> bool {
    let Some(arcs) = text.strip_prefix("urn:oid:") else { return false };
    let is_arc = |arc: &str| {
        let is_digits = !arc.is_empty() && arc.bytes().all(|byte| byte.is_ascii_digit());
        is_digits && (arc == "0" || !arc.starts_with('0'))
    };
    matches!(arcs.split('.').next(), Some("0" | "1" | "2"))
        && arcs.contains('.')
        && arcs.split('.').all(is_arc)
}

/// `urn:uuid:` and lower-case hexadecimal digits in groups of 8, 4, 4, 4 and 12.
fn is_uuid(text: &str) -> bool {
    let Some(uuid) = text.strip_prefix("urn:uuid:") else { return false };
    let is_at_its_place = |(position, byte): (usize, u8)| match position {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
    };
    uuid.len() == 36 && uuid.bytes().enumerate().all(is_at_its_place)
}

/// A date, or a date and time with seconds and a time zone. (Searches are laxer, and so is [`TimeSpan`].)
fn is_date_time(text: &str) -> bool {
    let Some((_, time)) = text.split_once('T') else {
        return text.len() <= 10 && TimeSpan::parse(text).is_some();
    };
    let time = time.strip_suffix('Z').or_else(|| {
        let zone_start = time.len().checked_sub(6)?;
        time.get(..zone_start).filter(|_| time[zone_start..].starts_with(['+', '-']))
    });
    time.is_some_and(is_time) && is_zoned_time(text)
}

/// A leap second has no place in the scale of [`TimeSpan`] and is allowed all the same.
fn is_zoned_time(text: &str) -> bool {
    TimeSpan::parse(text).is_some() || TimeSpan::parse(&text.replacen(":60", ":59", 1)).is_some()
}

/// `hh:mm:ss`, with any number of digits of a second.
fn is_time(text: &str) -> bool {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let [h1, h2, b':', m1, m2, b':', s1, s2] = clock.as_bytes() else { return false };
    let pair = |tens: &u8, ones: &u8, limit: u8| {
        tens.is_ascii_digit() && ones.is_ascii_digit() && (tens - b'0') * 10 + (ones - b'0') <= limit
    };
    let is_fraction = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    pair(h1, h2, 23) && pair(m1, m2, 59) && pair(s1, s2, 60) && is_fraction
}

/// Groups of four, white space allowed, padding only at the end.
fn is_base64(text: &str) -> bool {
    let mut digits = 0_usize;
    let mut padding = 0_usize;
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => digits += 1,
            b'=' => padding += 1,
            b' ' | b'\t' | b'\n' | b'\r' => {}
            _ => return false,
        }
    }
    padding <= 2 && (digits + padding).is_multiple_of(4)
}

fn expected(primitive: Primitive) -> &'static str {
    match primitive {
        Primitive::Base64Binary => "base64 text",
        Primitive::Boolean => "true or false",
        Primitive::Canonical => "a canonical URL without white space",
        Primitive::Code => "a code: a string without white space but single spaces inside",
        Primitive::Date => "a date as YYYY, YYYY-MM or YYYY-MM-DD",
        Primitive::DateTime => {
            "a date as YYYY, YYYY-MM or YYYY-MM-DD, or YYYY-MM-DDThh:mm:ss with a time zone"
        }
        Primitive::Decimal => "a number",
        Primitive::Id => "an id: 1 to 64 letters, digits, '-' or '.'",
        Primitive::Instant => "an instant as YYYY-MM-DDThh:mm:ss.sss with a time zone",
        Primitive::Integer => "a whole number from -2147483648 to 2147483647",
        Primitive::Markdown => "markdown: a string without control characters",
        Primitive::Oid => "an OID such as urn:oid:2.16.840.1",
        Primitive::PositiveInt => "a whole number from 1 to 2147483647",
        Primitive::String => "a string without control characters",
        Primitive::Time => "a time as hh:mm:ss",
        Primitive::UnsignedInt => "a whole number from 0 to 2147483647",
        Primitive::Uri => "a URI without white space",
        Primitive::Url => "a URL without white space",
        Primitive::Uuid => "a UUID as urn:uuid: and lower-case hexadecimal digits",
        Primitive::Xhtml => "XHTML within one <div>",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::problem;
    use crate::definitions::Primitive;

    fn check(primitive: Primitive, good: &[Value], bad: &[Value]) {
        for value in good {
            assert_eq!(problem(primitive, value), None, "{primitive:?} {value}");
        }
        for value in bad {
            assert!(problem(primitive, value).is_some(), "{primitive:?} {value}");
        }
    }

    #[test]
    fn numbers_have_their_ranges_and_are_never_strings() {
        check(Primitive::Boolean, &[json!(true)], &[json!("true"), json!(1), json!(null)]);
        check(
            Primitive::Decimal,
            &[json!(1), json!(-0.1), json!(1e20)],
            &[json!("1"), json!(true), json!([])],
        );
        check(
            Primitive::Integer,
            &[json!(0), json!(-2_147_483_648_i64)],
            &[json!(1.5), json!(2_147_483_648_i64)],
        );
        check(Primitive::PositiveInt, &[json!(1)], &[json!(0), json!(-1)]);
        check(Primitive::UnsignedInt, &[json!(0)], &[json!(-1), json!(0.5)]);
    }

    #[test]
    fn strings_and_codes_have_no_stray_white_space_or_control_characters() {
        check(Primitive::String, &[json!("a\tb\r\nc"), json!(" ")], &[json!(""), json!("a\u{0}b"), json!(1)]);
        check(Primitive::Markdown, &[json!("# a\n\n* b")], &[json!(""), json!("\u{1b}[0m")]);
        check(
            Primitive::Code,
            &[json!("a b"), json!(">=")],
            &[json!(" a"), json!("a "), json!("a  b"), json!("")],
        );
        check(Primitive::Id, &[json!("a-1.B")], &[json!("a_b"), json!("é"), json!("x".repeat(65))]);
        check(Primitive::Uri, &[json!("urn:x"), json!("a|b")], &[json!("http://a b"), json!("")]);
    }

    #[test]
    fn dates_and_times_exist() {
        let dates = [json!("2024"), json!("2024-02"), json!("2024-02-29")];
        let no_dates =
            [json!("2023-02-29"), json!("2024-13"), json!("24-01-01"), json!("0000"), json!("2024-1-1")];
        check(Primitive::Date, &dates, &no_dates);
        check(Primitive::Date, &[], &[json!("2024-02-29T10:00:00Z"), json!("2024-")]);
        check(Primitive::DateTime, &dates, &no_dates);
        let instants = [
            json!("2024-02-29T23:59:60Z"),
            json!("2024-02-29T00:00:00.123456789+14:00"),
            json!("2024-02-29T10:00:00-05:30"),
        ];
        let no_instants = [
            json!("2024-02-29T10:00Z"),
            json!("2024-02-29T10:00:00"),
            json!("2024-02-29T24:00:00Z"),
            json!("2024-02-29T10:00:61Z"),
            json!("2024-02-29T10:00:00+15:00"),
            json!("2024-02-29T10:00:00.Z"),
            json!("2024-02T10:00:00Z"),
            json!("2024-02-29T10:00:00é+01:0"),
        ];
        check(Primitive::DateTime, &instants, &no_instants);
        check(Primitive::Instant, &instants, &no_instants);
        check(Primitive::Instant, &[], &dates);
        check(
            Primitive::Time,
            &[json!("10:00:00"), json!("23:59:59.5")],
            &[json!("10:00"), json!("24:00:00")],
        );
    }

    #[test]
    fn identifiers_and_binary_have_their_form() {
        let uuid = "urn:uuid:c757873d-ec9a-4326-a141-556f43239520";
        check(
            Primitive::Uuid,
            &[json!(uuid)],
            &[json!(uuid.to_uppercase()), json!(&uuid[9..]), json!(&uuid[..44])],
        );
        check(
            Primitive::Oid,
            &[json!("urn:oid:1.2.0.3")],
            &[json!("1.2.3"), json!("urn:oid:3.1"), json!("urn:oid:1.02")],
        );
        check(
            Primitive::Base64Binary,
            &[json!("QUJD\nQQ==")],
            &[json!("QUJ"), json!("QQ==QQ=="), json!("a-b_")],
        );
    }
}
