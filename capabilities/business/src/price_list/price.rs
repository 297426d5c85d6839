//! Prices and lengths as callers give them, and the extensions that hold them: R4's services have elements for
//! neither.

use medcor_fhir::{
    RawObject,
    naming::{SERVICE_LENGTH, SERVICE_PRICE},
};
use medcor_tools::{ToolError, detail::Problems};
use serde_json::{Value, json, value::to_raw_value};

/// Most digits behind the point: no currency has more than four.
const DECIMALS_MAX: usize = 4;

/// Checks an amount of money; the limits are in the schema.
pub(super) fn check_cost(cost: f64, problems: &mut Problems) {
    let text = cost.to_string();
    let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    if decimals > DECIMALS_MAX {
        problems.add("cost", "has more than four digits behind the point");
    }
}

/// ISO 4217: three letters.
pub(crate) fn currency(text: &str) -> Result<String, &'static str> {
    let is_code = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    if is_code { Ok(text.to_ascii_uppercase()) } else { Err("is not a code of ISO 4217, such as USD") }
}

/// The extension that says what one costs.
pub(super) fn price(cost: f64, currency: Option<&str>) -> Value {
    let mut money = json!({ "value": cost });
    if let Some(currency) = currency {
        money["currency"] = currency.into();
    }
    json!({ "url": SERVICE_PRICE, "valueMoney": money })
}

/// The extension that says how long an appointment for it takes.
pub(super) fn length(minutes: u32) -> Value {
    json!({ "url": SERVICE_LENGTH, "valueUnsignedInt": minutes })
}

/// Puts an extension in the place of the one with its URL and keeps all others to the byte.
pub(super) fn set_extension(service: &mut RawObject, extension: &Value) -> Result<(), ToolError> {
    let mut extensions = service.items("extension")?;
    let url_of = |text: &str| RawObject::parse(text).ok()?.get("url").map(|url| url.get().to_owned());
    let url = extension["url"].to_string();
    extensions.retain(|known| url_of(known.get()).as_ref() != Some(&url));
    extensions.push(to_raw_value(extension)?);
    Ok(service.set("extension", &extensions)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_price_keeps_other_extensions_as_they_were_written() {
        let text = r#"{"extension":[{"url":"urn:other","valueDecimal":1.50},{"url":"urn:medcor:service-price","valueMoney":{"value":10.00}}]}"#;
        let mut service = RawObject::parse(text).unwrap();
        set_extension(&mut service, &price(12.5, Some("USD"))).unwrap();
        let changed = service.to_text().unwrap();
        assert!(changed.contains(r#""valueDecimal":1.50"#), "{changed}");
        assert!(changed.contains(r#""valueMoney":{"value":12.5,"currency":"USD"}"#), "{changed}");
        assert!(!changed.contains("10.00"), "{changed}");
    }

    #[test]
    fn money_has_at_most_four_digits_behind_the_point() {
        for (cost, is_sound) in [(150.0, true), (0.0125, true), (0.1 + 0.2, false)] {
            let mut problems = Problems::default();
            check_cost(cost, &mut problems);
            assert_eq!(problems.refuse().is_ok(), is_sound, "{cost}");
        }
    }
}
