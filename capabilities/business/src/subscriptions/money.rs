//! Prices: whole ten-thousandths of a currency's unit, written and read as decimals. No arithmetic is done on
//! binary fractions.

use medcor_tools::ToolError;
use serde_json::{Number, value::RawValue};

/// No currency has more digits behind the point.
const DECIMALS: usize = 4;
/// Ten-thousandths of a unit.
const SCALE: i64 = 10_000;

/// A price as a caller writes it, in ten-thousandths.
pub(super) fn parsed(price: &Number) -> Result<i64, &'static str> {
    const PROBLEM: &str = "is not an amount of at most four digits behind the point";
    let text = price.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > DECIMALS {
        return Err(PROBLEM);
    }
    let digits = |text: &str| if text.is_empty() { Some(0) } else { text.parse::<u32>().ok() };
    let padded = format!("{fraction:0<DECIMALS$}");
    let (Some(whole), Some(fraction)) = (digits(whole), digits(&padded)) else { return Err(PROBLEM) };
    Ok(i64::from(whole) * SCALE + i64::from(fraction))
}

/// A price as a JSON number, with two digits behind the point or as many as it has.
pub(super) fn written(price: i64) -> Result<Box<RawValue>, ToolError> {
    let text = format!("{}.{:04}", price.div_euclid(SCALE), price.rem_euclid(SCALE));
    let short = text.strip_suffix("00").unwrap_or_else(|| text.strip_suffix('0').unwrap_or(&text));
    Ok(RawValue::from_string(short.to_owned())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_what_was_written_to_the_last_digit() {
        for (given, units, shown) in [
            ("99.99", 999_900, "99.99"),
            ("0.1", 1_000, "0.10"),
            ("150", 1_500_000, "150.00"),
            ("29.0", 290_000, "29.00"),
            ("0.0125", 125, "0.0125"),
            ("0.125", 1_250, "0.125"),
            ("1000000000", 10_000_000_000_000, "1000000000.00"),
            ("0", 0, "0.00"),
        ] {
            let number: Number = serde_json::from_str(given).unwrap();
            assert_eq!(parsed(&number), Ok(units), "{given}");
            assert_eq!(written(units).unwrap().get(), shown, "{given}");
        }
        for given in ["0.00001", "-1", "1e300", "0.30000000000000004"] {
            let number: Number = serde_json::from_str(given).unwrap();
            assert!(parsed(&number).is_err(), "{given}");
        }
    }
}
