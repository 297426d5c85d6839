//! Numbers with the range that their precision implies.

/// A decimal as written in a search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Decimal {
    pub(super) value: f64,
    /// Half a unit of the last digit below.
    pub(super) low: f64,
    /// Half a unit of the last digit above.
    pub(super) high: f64,
}

/// Most digits: more have no meaning in an `f64` and need none in a search.
const DIGITS_MAX: usize = 18;
const EXPONENT_MAX: i32 = 300;

impl Decimal {
    /// Reads a FHIR `decimal`. `100` stands for 99.5 to 100.5, `100.00` for 99.995 to 100.005 and `1e2` for
    /// 50 to 150 (FHIR R4 §3.1.1.4.6; R4 gives 95 to 105 for the last, which R5 corrected).
    pub(super) fn parse(text: &str) -> Option<Self> {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return None,
            None => (mantissa, ""),
        };
        let digits = format!("{whole}{fraction}");
        let is_decimal = !whole.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_decimal || digits.len() > DIGITS_MAX {
            return None;
        }
        let units: i128 = digits.parse().ok()?;
        let units = if text.starts_with('-') { -units } else { units };
        let exponent = exponent - i32::try_from(fraction.len()).ok()?;
        // Whole numbers and the parser of `f64` round once; subtracting halves as `f64` would round again.
        let number = |units: i128, exponent: i32| format!("{units}e{exponent}").parse::<f64>().ok();
        Some(Self {
            value: number(units, exponent)?,
            low: number(units * 10 - 5, exponent - 1)?,
            high: number(units * 10 + 5, exponent - 1)?,
        })
    }

    /// The range of everything that is about this number: a tenth to both sides (FHIR R4 §3.1.1.4.5, `ap`).
    pub(super) fn approximately(self) -> Self {
        let tenth = self.value.abs() / 10.0;
        Self { low: self.low.min(self.value - tenth), high: self.high.max(self.value + tenth), ..self }
    }
}

fn parse_exponent(text: &str) -> Option<i32> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_number = !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit());
    let exponent: i32 = text.parse().ok().filter(|_| is_number)?;
    (exponent.abs() <= EXPONENT_MAX).then_some(exponent)
}

#[cfg(test)]
mod tests {
    use super::Decimal;

    #[test]
    fn precision_is_half_a_unit_of_the_last_digit() {
        for (text, value, low, high) in [
            ("100", 100.0, 99.5, 100.5),
            ("100.00", 100.0, 99.995, 100.005),
            ("1e2", 100.0, 50.0, 150.0),
            ("1.0e2", 100.0, 95.0, 105.0),
            ("5.4", 5.4, 5.35, 5.45),
            ("5.40e-3", 0.0054, 0.005_395, 0.005_405),
            ("-7", -7.0, -7.5, -6.5),
            ("0", 0.0, -0.5, 0.5),
        ] {
            assert_eq!(Decimal::parse(text), Some(Decimal { value, low, high }), "{text}");
        }
    }

    #[test]
    fn what_is_no_decimal_is_refused() {
        for text in [
            "",
            "-",
            ".5",
            "5.",
            "1,5",
            "1e",
            "1e+",
            "1e999",
            "NaN",
            "inf",
            "0x1",
            "+1",
            " 1",
            "1234567890123456789",
        ] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }
}
