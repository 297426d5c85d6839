//! Invariants of data types.

use serde_json::Value;

use super::{Invariant, has, has_any, has_choice, is_in_order, is_one_of, number, text};
use crate::validate::Object;

const UCUM: &str = "http://unitsofmeasure.org";

pub(super) const INVARIANTS: &[Invariant] = &[
    Invariant {
        on: &["Extension"],
        key: "ext-1",
        rule: "an extension has either a value or extensions, not both",
        holds: |extension| has(extension, "extension") != has_choice(extension, "value"),
    },
    Invariant {
        on: &["Period"],
        key: "per-1",
        rule: "the start of a period is not after its end",
        holds: |period| is_in_order(period, "start", "end"),
    },
    Invariant {
        on: &["Quantity", "Age", "Count", "Distance", "Duration"],
        key: "qty-3",
        rule: "a unit's code has a system",
        holds: |quantity| !has(quantity, "code") || has(quantity, "system"),
    },
    Invariant {
        on: &["Age"],
        key: "age-1",
        rule: "an age has a UCUM code and is more than 0",
        holds: |age| is_ucum(age) && number(age, "value").is_none_or(|value| value > 0.0),
    },
    Invariant { on: &["Distance"], key: "dis-1", rule: "a distance has a UCUM code", holds: is_ucum },
    Invariant {
        on: &["Count"],
        key: "cnt-3",
        rule: "a count is a whole number with the UCUM code 1",
        holds: |count| {
            let is_whole = number(count, "value").is_none_or(|value| value.fract() == 0.0);
            is_ucum(count) && is_whole && (!has(count, "code") || is_one_of(count, "code", &["1"]))
        },
    },
    Invariant {
        on: &["Duration"],
        key: "drt-1",
        rule: "the code of a duration is from UCUM and has a value",
        holds: |duration| {
            !has(duration, "code") || (text(duration, "system") == Some(UCUM) && has(duration, "value"))
        },
    },
    Invariant {
        on: &["Range"],
        key: "rng-2",
        rule: "the low of a range is not above its high",
        holds: is_range,
    },
    Invariant {
        on: &["Ratio"],
        key: "rat-1",
        rule: "a ratio has a numerator and a denominator, or neither and an extension",
        holds: |ratio| {
            let has_numerator = has(ratio, "numerator");
            has_numerator == has(ratio, "denominator") && (has_numerator || has(ratio, "extension"))
        },
    },
    Invariant {
        on: &["Attachment"],
        key: "att-1",
        rule: "an attachment with data has a contentType",
        holds: |attachment| !has(attachment, "data") || has(attachment, "contentType"),
    },
    Invariant {
        on: &["ContactPoint"],
        key: "cpt-2",
        rule: "a contact point with a value has a system",
        holds: |contact_point| !has(contact_point, "value") || has(contact_point, "system"),
    },
    Invariant {
        on: &["Expression"],
        key: "exp-1",
        rule: "an expression has an expression or a reference",
        holds: |expression| has_any(expression, &["expression", "reference"]),
    },
    Invariant {
        on: &["DataRequirement.codeFilter"],
        key: "drq-1",
        rule: "a code filter has either a path or a searchParam",
        holds: |filter| has(filter, "path") != has(filter, "searchParam"),
    },
    Invariant {
        on: &["DataRequirement.dateFilter"],
        key: "drq-2",
        rule: "a date filter has either a path or a searchParam",
        holds: |filter| has(filter, "path") != has(filter, "searchParam"),
    },
    Invariant {
        on: &["TriggerDefinition"],
        key: "trd-1",
        rule: "a trigger has either a timing or data, not both",
        holds: |trigger| !has(trigger, "data") || !has_choice(trigger, "timing"),
    },
    Invariant {
        on: &["TriggerDefinition"],
        key: "trd-2",
        rule: "a trigger has a condition only with data",
        holds: |trigger| !has(trigger, "condition") || has(trigger, "data"),
    },
    Invariant {
        on: &["Timing.repeat"],
        key: "tim-1",
        rule: "a duration has a durationUnit",
        holds: |repeat| !has(repeat, "duration") || has(repeat, "durationUnit"),
    },
    Invariant {
        on: &["Timing.repeat"],
        key: "tim-2",
        rule: "a period has a periodUnit",
        holds: |repeat| !has(repeat, "period") || has(repeat, "periodUnit"),
    },
    Invariant {
        on: &["Timing.repeat"],
        key: "tim-4",
        rule: "a duration is not negative",
        holds: |repeat| number(repeat, "duration").is_none_or(|duration| duration >= 0.0),
    },
    Invariant {
        on: &["Timing.repeat"],
        key: "tim-5",
        rule: "a period is not negative",
        holds: |repeat| number(repeat, "period").is_none_or(|period| period >= 0.0),
    },
    Invariant {
        on: &["Timing.repeat"],
        key: "tim-6",
        rule: "periodMax stands beside a period",
        holds: |repeat| !has(repeat, "periodMax") || has(repeat, "period"),
    },
    Invariant {
        on: &["Timing.repeat"],
        key: "tim-7",
        rule: "durationMax stands beside a duration",
        holds: |repeat| !has(repeat, "durationMax") || has(repeat, "duration"),
    },
    Invariant {
        on: &["Timing.repeat"],
        key: "tim-8",
        rule: "countMax stands beside a count",
        holds: |repeat| !has(repeat, "countMax") || has(repeat, "count"),
    },
    Invariant {
        on: &["Timing.repeat"],
        key: "tim-9",
        rule: "an offset stands beside a `when` that is not C, CM, CD or CV",
        holds: |repeat| {
            let is_meal =
                |when: &Value| when.as_str().is_some_and(|when| ["C", "CM", "CD", "CV"].contains(&when));
            !has(repeat, "offset")
                || (has(repeat, "when") && !super::items(repeat, "when").iter().any(is_meal))
        },
    },
    Invariant {
        on: &["Timing.repeat"],
        key: "tim-10",
        rule: "either timeOfDay or `when` is given, not both",
        holds: |repeat| !has(repeat, "timeOfDay") || !has(repeat, "when"),
    },
];

/// A value has a code, and a system is UCUM's.
fn is_ucum(quantity: &Object) -> bool {
    let has_code = has(quantity, "code") || !has(quantity, "value");
    has_code && text(quantity, "system").is_none_or(|system| system == UCUM)
}

/// Compares only what has the same unit.
fn is_range(range: &Object) -> bool {
    let (Some(low), Some(high)) = (quantity(range, "low"), quantity(range, "high")) else { return true };
    let has_same_unit = ["unit", "system", "code"].iter().all(|name| low.get(*name) == high.get(*name));
    match (number(low, "value"), number(high, "value")) {
        (Some(low), Some(high)) if has_same_unit => low <= high,
        _ => true,
    }
}

fn quantity<'a>(object: &'a Object, name: &str) -> Option<&'a Object> {
    object.get(name).and_then(Value::as_object)
}
