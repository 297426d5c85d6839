//! Money, exactly: ten-thousandths, since no currency has more than four digits behind the point. Never a float.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer, ser::Error};
use serde_json::{Number, value::RawValue};

/// Digits behind the point that are kept.
const DECIMALS: usize = 4;
const ONE: i128 = 10_000;
/// Longest number of a record that is read: more is no price.
const LENGTH_MAX: usize = 24;

/// The highest price.
const PRICE_MAX: i128 = u32::MAX as i128 * ONE;
const PRICE_PROBLEM: &str = "is not an amount of at most four digits behind the point";

/// An amount of money of some currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Amount(i128);

impl Amount {
    /// The amount of a JSON number. More digits than any currency has are none.
    pub(crate) fn parse(number: &str) -> Option<Self> {
        if number.len() > LENGTH_MAX {
            return None;
        }
        let (digits, is_negative) = number.strip_prefix('-').map_or((number, false), |digits| (digits, true));
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let part = part.trim_end_matches('0');
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || part.len() > DECIMALS || !is_plain(whole) || !is_plain(part) {
            return None;
        }
        let amount =
            whole.parse::<i128>().ok()? * ONE + format!("{part:0<DECIMALS$}").parse::<i128>().ok()?;
        Some(Self(if is_negative { -amount } else { amount }))
    }

    /// That of a price as a caller writes it.
    pub(crate) fn of_price(price: &Number) -> Result<Self, &'static str> {
        let amount = Self::parse(&price.to_string());
        amount.filter(|amount| (0..=PRICE_MAX).contains(&amount.0)).ok_or(PRICE_PROBLEM)
    }

    pub(crate) const fn of_ten_thousandths(count: i64) -> Self {
        Self(count as i128)
    }

    /// None where there are more than fit.
    pub(crate) fn ten_thousandths(self) -> Option<i64> {
        self.0.try_into().ok()
    }

    /// The part of each of so many, to the hundredth.
    pub(crate) fn each_of(self, count: u64) -> Option<Self> {
        const HUNDREDTH: i128 = ONE / 100;
        let parts = i128::from(count).checked_mul(HUNDREDTH).filter(|parts| *parts > 0)?;
        // Half a hundredth is rounded away from nothing.
        let half = parts / 2 * self.0.signum();
        Some(Self((self.0 + half) / parts * HUNDREDTH))
    }

    /// With two digits behind the point, or as many as it needs.
    fn text(self) -> String {
        let (whole, part) =
            (self.0.unsigned_abs() / ONE.unsigned_abs(), self.0.unsigned_abs() % ONE.unsigned_abs());
        let sign = if self.0 < 0 { "-" } else { "" };
        let mut text = format!("{sign}{whole}.{part:0DECIMALS$}");
        for _ in 2..DECIMALS {
            if text.ends_with('0') {
                text.pop();
            }
        }
        text
    }
}

impl std::ops::AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.text()).map_err(S::Error::custom)?.serialize(serializer)
    }
}

impl JsonSchema for Amount {
    fn schema_name() -> Cow<'static, str> {
        "Amount".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(text: &str) -> Amount {
        Amount::parse(text).unwrap()
    }

    #[test]
    fn amounts_are_read_and_written_exactly() {
        for (number, text) in [
            ("150", "150.00"),
            ("0.1", "0.10"),
            ("-12.345", "-12.345"),
            ("7.10000", "7.10"),
            ("0.0125", "0.0125"),
        ] {
            assert_eq!(amount(number).text(), text);
        }
        let mut tenths = amount("0.1");
        tenths += amount("0.2");
        assert_eq!(tenths, amount("0.3"));
        for number in ["1e3", "0.00001", "", ".5", "1234567890123456789012345"] {
            assert_eq!(Amount::parse(number), None, "{number}");
        }
    }

    #[test]
    fn an_average_is_rounded_to_the_hundredth() {
        assert_eq!(amount("100").each_of(3), Some(amount("33.33")));
        assert_eq!(amount("200").each_of(3), Some(amount("66.67")));
        assert_eq!(amount("0.05").each_of(2), Some(amount("0.03")));
        assert_eq!(amount("100").each_of(0), None);
    }

    #[test]
    fn a_price_is_what_was_written_to_the_last_digit() {
        for (given, count, text) in [
            ("99.99", 999_900, "99.99"),
            ("0.1", 1_000, "0.10"),
            ("150", 1_500_000, "150.00"),
            ("29.0", 290_000, "29.00"),
            ("0.0125", 125, "0.0125"),
            ("0.125", 1_250, "0.125"),
            ("1000000000", 10_000_000_000_000, "1000000000.00"),
            ("0", 0, "0.00"),
        ] {
            let price = Amount::of_price(&serde_json::from_str(given).unwrap()).unwrap();
            assert_eq!(price.ten_thousandths(), Some(count), "{given}");
            assert_eq!(Amount::of_ten_thousandths(count).text(), text, "{given}");
        }
        for given in ["0.00001", "-1", "1e300", "0.30000000000000004", "4294967296"] {
            assert!(Amount::of_price(&serde_json::from_str(given).unwrap()).is_err(), "{given}");
        }
    }
}
