//! The grammar of a dose: a number or a range, a unit, and for what, such as `500 mg`, `1-2 tablets`,
//! `10 mg/kg`, `5 to 10 ml` or `1/2 tablet`.

use std::fmt;

/// Longer texts are no doses.
const TEXT_MAX: usize = 80;
/// Most digits of a number.
const DIGITS_MAX: usize = 12;

/// How much is taken at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Dosage {
    /// How much, or at least how much.
    pub low: Decimal,
    /// At most how much, where it is a range.
    pub high: Option<Decimal>,
    /// Of what.
    pub unit: Unit,
    /// For what, such as each kilogram.
    pub per: Option<Per>,
}

/// A number above zero, with the digits that it was written with.
#[derive(Debug, Clone, PartialEq)]
pub struct Decimal {
    text: String,
    value: f64,
}

/// For what a dose is: `kg`, `hour`, `3 ml`.
#[derive(Debug, Clone, PartialEq)]
pub struct Per {
    /// How many of them, where it is not one.
    pub amount: Option<Decimal>,
    /// Of what: a unit, or `kg`, `day`, `hour`, `minute`, `dose`, `m2`.
    pub unit: String,
}

/// Why a text is no dose. What it says is for the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DosageProblem {
    /// Nothing is there, or too much.
    #[error("is a number or range and a unit, such as 500 mg or 1-2 tablets")]
    NoDose,
    /// No number at its beginning.
    #[error("begins with a number or a range, such as 500 mg or 5-10 ml")]
    NoNumber,
    /// The number is zero.
    #[error("is more than nothing")]
    Zero,
    /// The range goes down.
    #[error("is a range from the lower to the higher number")]
    Falling,
    /// A number without a unit.
    #[error("has a unit, such as mg, ml, units, tablets, puffs or %")]
    NoUnit,
    /// The unit is not known.
    #[error(
        "`{0}` is no unit of doses; there are mcg, mg, g, ml, units, IU, puffs, tablets, capsules, drops, patches, %, mmol, mEq and others"
    )]
    UnknownUnit(String),
    /// What it is for is not known.
    #[error(
        "`{0}` is not what a dose is for; there are kg, m2, ml, l, dose, minute, hour, day, week and others"
    )]
    UnknownPer(String),
}

impl Dosage {
    /// Reads a dose.
    ///
    /// # Errors
    ///
    /// What is wrong with it and what is expected.
    pub fn parse(text: &str) -> Result<Self, DosageProblem> {
        let text = text.trim();
        if text.is_empty() || text.len() > TEXT_MAX {
            return Err(DosageProblem::NoDose);
        }
        let (low, rest) = number(text).ok_or(DosageProblem::NoNumber)?;
        let (high, rest) = match after_dash(rest) {
            Some(after) => {
                let (high, rest) = number(after).ok_or(DosageProblem::NoNumber)?;
                (Some(high), rest)
            }
            None => (None, rest),
        };
        if high.as_ref().is_some_and(|high| high.value < low.value) {
            return Err(DosageProblem::Falling);
        }
        if low.value <= 0.0 {
            return Err(DosageProblem::Zero);
        }
        let rest = rest.trim();
        let (unit, per) = match split_per(rest) {
            Some((unit, per)) => (unit.trim(), Some(Per::parse(per.trim())?)),
            None => (rest, None),
        };
        if unit.is_empty() {
            return Err(DosageProblem::NoUnit);
        }
        let unit = Unit::parse(unit).ok_or_else(|| DosageProblem::UnknownUnit(unit.to_owned()))?;
        Ok(Self { low, high, unit, per })
    }

    /// Whether it is the same amount, in whatever unit: 1 g is 1000 mg. A tablet is no number of milligrams.
    pub fn is_as_much_as(&self, other: &Self) -> bool {
        let Some(factor) = self.unit.factor(other.unit) else { return false };
        let most = |dosage: &Self| dosage.high.as_ref().unwrap_or(&dosage.low).value;
        self.per == other.per
            && is_near(self.low.value * factor, other.low.value)
            && is_near(most(self) * factor, most(other))
    }
}

/// Rounding of units makes no difference.
fn is_near(one: f64, other: f64) -> bool {
    (one - other).abs() <= other * 1e-6
}

impl fmt::Display for Dosage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.low.text)?;
        if let Some(high) = &self.high {
            write!(formatter, "-{}", high.text)?;
        }
        write!(formatter, " {}", self.unit.name())?;
        match &self.per {
            Some(Per { amount: Some(amount), unit }) => write!(formatter, "/{} {unit}", amount.text),
            Some(Per { amount: None, unit }) => write!(formatter, "/{unit}"),
            None => Ok(()),
        }
    }
}

impl Decimal {
    /// Its value.
    pub fn value(&self) -> f64 {
        self.value
    }

    /// As a JSON number, with the digits that it was written with: `0.50` stays `0.50`.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl Per {
    /// Whether it is for each kilogram of body weight.
    pub fn is_kilogram(&self) -> bool {
        self.unit == "kg" && self.amount.is_none()
    }

    fn parse(text: &str) -> Result<Self, DosageProblem> {
        let unknown = || DosageProblem::UnknownPer(text.to_owned());
        let (amount, rest) = match number(text) {
            Some((amount, rest)) if amount.value > 0.0 => (Some(amount), rest.trim()),
            Some(_) => return Err(unknown()),
            None => (None, text),
        };
        let folded = rest.to_lowercase();
        let unit =
            PER_UNITS.iter().find(|(_, words)| words.contains(&folded.as_str())).map(|(name, _)| *name);
        let unit = unit.or_else(|| Unit::parse(rest).map(Unit::name)).ok_or_else(unknown)?;
        Ok(Self { amount, unit: unit.to_owned() })
    }
}

/// What a dose can be for beside units: each with the words for it.
const PER_UNITS: &[(&str, &[&str])] = &[
    ("kg", &["kg", "kilogram", "kilo"]),
    ("m2", &["m2", "m²", "square meter", "square metre"]),
    ("l", &["l", "liter", "litre"]),
    ("dose", &["dose"]),
    ("minute", &["min", "minute"]),
    ("hour", &["h", "hr", "hour"]),
    ("day", &["d", "day", "24h", "24 h"]),
    ("week", &["wk", "week"]),
    ("month", &["month"]),
    ("actuation", &["actuation", "actuat"]),
];

/// A unit of doses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names of units say what they are")]
pub enum Unit {
    Nanogram,
    Microgram,
    Milligram,
    Gram,
    Milliliter,
    Liter,
    Unit,
    InternationalUnit,
    Puff,
    Tablet,
    Capsule,
    Drop,
    Patch,
    Percent,
    Millimole,
    Milliequivalent,
    Spray,
    Suppository,
    Lozenge,
    Application,
    Sachet,
    Ampule,
    Vial,
    Teaspoon,
    Tablespoon,
    Film,
    Gum,
    Inhalation,
    Injection,
    Ring,
    Dose,
    Inch,
    Milligray,
    Megabecquerel,
}

/// Every unit: its name, its code in UCUM, the words for it (the first is the name in answers).
const UNITS: &[(Unit, &str, &[&str])] = &[
    (Unit::Nanogram, "ng", &["ng", "nanogram", "nanograms"]),
    (Unit::Microgram, "ug", &["mcg", "µg", "μg", "ug", "microgram", "micrograms", "mcgs"]),
    (Unit::Milligram, "mg", &["mg", "mgs", "milligram", "milligrams", "mg."]),
    (Unit::Gram, "g", &["g", "gm", "gms", "gram", "grams"]),
    (Unit::Milliliter, "mL", &["ml", "mls", "milliliter", "milliliters", "millilitre", "millilitres", "cc"]),
    (Unit::Liter, "L", &["l", "liter", "liters", "litre", "litres"]),
    (Unit::Unit, "[arb'U]", &["units", "unit", "u"]),
    (Unit::InternationalUnit, "[iU]", &["IU", "iu", "international unit", "international units"]),
    (Unit::Puff, "{puff}", &["puffs", "puff", "actuation", "actuations"]),
    (Unit::Tablet, "{tbl}", &["tablets", "tablet", "tab", "tabs", "pill", "pills", "caplet", "caplets"]),
    (Unit::Capsule, "{capsule}", &["capsules", "capsule", "cap", "caps", "softgel", "softgels"]),
    (Unit::Drop, "[drp]", &["drops", "drop", "gtt", "gtts"]),
    (Unit::Patch, "{patch}", &["patches", "patch"]),
    (Unit::Percent, "%", &["%", "percent"]),
    (Unit::Millimole, "mmol", &["mmol", "millimole", "millimoles"]),
    (Unit::Milliequivalent, "meq", &["mEq", "meq", "milliequivalent", "milliequivalents"]),
    (Unit::Spray, "{spray}", &["sprays", "spray"]),
    (Unit::Suppository, "{suppository}", &["suppositories", "suppository"]),
    (Unit::Lozenge, "{lozenge}", &["lozenges", "lozenge"]),
    (Unit::Application, "{application}", &["applications", "application", "applicatorful", "applicatorfuls"]),
    (Unit::Sachet, "{sachet}", &["sachets", "sachet", "packet", "packets"]),
    (Unit::Ampule, "{ampule}", &["ampules", "ampule", "ampoule", "ampoules"]),
    (Unit::Vial, "{vial}", &["vials", "vial"]),
    (Unit::Teaspoon, "[tsp_us]", &["teaspoons", "teaspoon", "tsp"]),
    (Unit::Tablespoon, "[tbs_us]", &["tablespoons", "tablespoon", "tbsp"]),
    (Unit::Film, "{film}", &["films", "film", "strip", "strips"]),
    (Unit::Gum, "{gum}", &["pieces of gum", "piece", "pieces", "gum"]),
    (Unit::Inhalation, "{inhalation}", &["inhalations", "inhalation"]),
    (Unit::Injection, "{injection}", &["injections", "injection"]),
    (Unit::Ring, "{ring}", &["rings", "ring"]),
    (Unit::Dose, "{dose}", &["doses", "dose"]),
    (Unit::Inch, "[in_i]", &["inches", "inch"]),
    (Unit::Milligray, "mGy", &["mGy", "mgy"]),
    (Unit::Megabecquerel, "MBq", &["MBq", "mbq"]),
];

impl Unit {
    /// Reads a unit, in any of the words for it.
    pub fn parse(text: &str) -> Option<Self> {
        let folded = text.trim().to_lowercase();
        UNITS.iter().find(|(_, _, words)| words.contains(&folded.as_str())).map(|(unit, _, _)| *unit)
    }

    /// Its name in answers.
    pub fn name(self) -> &'static str {
        self.row().map_or("", |(_, _, words)| words.first().copied().unwrap_or_default())
    }

    /// Its code in UCUM, the system of units that FHIR names.
    pub fn ucum(self) -> &'static str {
        self.row().map_or("", |(_, code, _)| code)
    }

    /// By what an amount in this unit is multiplied to be one in the other; `None` where they measure
    /// different things.
    pub(crate) fn factor(self, other: Self) -> Option<f64> {
        if self == other {
            return Some(1.0);
        }
        let grams = |unit| match unit {
            Self::Nanogram => Some(1e-9),
            Self::Microgram => Some(1e-6),
            Self::Milligram => Some(1e-3),
            Self::Gram => Some(1.0),
            _ => None,
        };
        Some(grams(self)? / grams(other)?)
    }

    fn row(self) -> Option<&'static (Self, &'static str, &'static [&'static str])> {
        UNITS.iter().find(|(unit, _, _)| *unit == self)
    }
}

/// A number at the beginning and what follows: `1,000`, `0.5`, `.5`, `1/2`, `½`, `1 1/2`.
fn number(text: &str) -> Option<(Decimal, &str)> {
    let text = text.trim_start();
    for (sign, value) in [("½", "0.5"), ("¼", "0.25"), ("¾", "0.75")] {
        if let Some(rest) = text.strip_prefix(sign) {
            return Some((decimal(value)?, rest));
        }
    }
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.' && letter != ',');
    let (digits, rest) = text.split_at(end.unwrap_or(text.len()));
    let whole = decimal(&ungrouped(digits)?)?;
    if let Some((fraction, rest)) = fraction(&whole, rest) {
        return Some((fraction, rest));
    }
    Some((whole, rest))
}

/// A fraction such as `1/2`, whose numerator has been read; or the one after a whole number, `1 1/2`, `1½`.
fn fraction<'t>(numerator: &Decimal, rest: &'t str) -> Option<(Decimal, &'t str)> {
    for (sign, value) in [("½", 0.5), ("¼", 0.25), ("¾", 0.75)] {
        if let Some(rest) = rest.trim_start().strip_prefix(sign) {
            return Some((decimal(&(numerator.value + value).to_string())?, rest));
        }
    }
    if let Some((denominator, rest)) = rest.strip_prefix('/').and_then(small_denominator) {
        return Some((decimal(&(numerator.value / denominator).to_string())?, rest));
    }
    let (second, rest) = rest.strip_prefix(' ')?.split_once('/')?;
    let second: f64 = second.parse().ok().filter(|second| (1.0..=3.0).contains(second))?;
    let (denominator, rest) = small_denominator(rest)?;
    let total = numerator.value + second / denominator;
    Some((decimal(&total.to_string())?, rest))
}

/// Halves and quarters are what tablets are broken into.
fn small_denominator(text: &str) -> Option<(f64, &str)> {
    let (digit, rest) = text.split_at_checked(1)?;
    let is_number_over = !rest.starts_with(|letter: char| letter.is_ascii_digit() || letter == '.');
    match digit {
        "2" if is_number_over => Some((2.0, rest)),
        "4" if is_number_over => Some((4.0, rest)),
        _ => None,
    }
}

/// Digits without the commas between thousands; `None` where commas stand elsewhere: `1,5` may mean 1.5 or 15.
fn ungrouped(digits: &str) -> Option<String> {
    let (whole, decimals) =
        digits.split_once('.').map_or((digits, None), |(whole, rest)| (whole, Some(rest)));
    let mut groups = whole.split(',');
    let first = groups.next()?;
    let mut plain = first.to_owned();
    for group in groups {
        if group.len() != 3 || first.is_empty() || first.len() > 3 {
            return None;
        }
        plain.push_str(group);
    }
    match decimals {
        Some(decimals) if decimals.contains([',', '.']) || decimals.is_empty() => None,
        Some(decimals) => Some(format!("{}.{decimals}", if plain.is_empty() { "0" } else { &plain })),
        None => Some(plain),
    }
}

fn decimal(text: &str) -> Option<Decimal> {
    let is_short = text.len() <= DIGITS_MAX && text.starts_with(|letter: char| letter.is_ascii_digit());
    let value: f64 = text.parse().ok().filter(|_| is_short)?;
    // JSON knows no zeros in front.
    let bare = text.trim_start_matches('0');
    let text = if bare.is_empty() || bare.starts_with('.') { format!("0{bare}") } else { bare.to_owned() };
    Some(Decimal { text, value })
}

/// What follows the dash or word of a range.
fn after_dash(rest: &str) -> Option<&str> {
    let rest = rest.trim_start();
    let after = rest.strip_prefix(['-', '–', '—']);
    after.or_else(|| rest.strip_prefix("to ")).or_else(|| rest.strip_prefix("or "))
}

/// The unit and what it is for: at a slash, or at ` per `.
fn split_per(rest: &str) -> Option<(&str, &str)> {
    rest.split_once('/').or_else(|| rest.split_once(" per ")).or_else(|| rest.split_once(" a "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> String {
        Dosage::parse(text).unwrap().to_string()
    }

    #[test]
    fn documented_doses_are_read() {
        for (text, read_as) in [
            ("500mg", "500 mg"),
            ("10 mg", "10 mg"),
            ("1,000 mg", "1000 mg"),
            ("0.5 ML", "0.5 ml"),
            (".5 mg", "0.5 mg"),
            ("2.50 mg", "2.50 mg"),
            ("007 mg", "7 mg"),
            ("5-10 mg", "5-10 mg"),
            ("5 to 10 ml", "5-10 ml"),
            ("1 – 2 tablets", "1-2 tablets"),
            ("1/2 tablet", "0.5 tablets"),
            ("1 1/2 tablets", "1.5 tablets"),
            ("½ tablet", "0.5 tablets"),
            ("1½ tabs", "1.5 tablets"),
            ("10 mg/kg", "10 mg/kg"),
            ("100 units per hour", "100 units/hour"),
            ("2.5 mg/3 mL", "2.5 mg/3 ml"),
            ("0.05%", "0.05 %"),
            ("75 µg", "75 mcg"),
            ("20 mEq", "20 mEq"),
            ("1000 IU", "1000 IU"),
            ("2 puffs", "2 puffs"),
        ] {
            assert_eq!(read(text), read_as, "{text}");
        }
    }

    #[test]
    fn what_is_no_dose_is_refused_with_what_is_expected() {
        for (text, problem) in [
            ("", DosageProblem::NoDose),
            ("some", DosageProblem::NoNumber),
            ("mg", DosageProblem::NoNumber),
            ("0 mg", DosageProblem::Zero),
            ("10-5 mg", DosageProblem::Falling),
            ("10", DosageProblem::NoUnit),
            ("10 bananas", DosageProblem::UnknownUnit("bananas".to_owned())),
            ("10 mg/elephant", DosageProblem::UnknownPer("elephant".to_owned())),
            ("10 mg/0 ml", DosageProblem::UnknownPer("0 ml".to_owned())),
            ("1,5 mg", DosageProblem::NoNumber),
            ("-5 mg", DosageProblem::NoNumber),
            ("1e3 mg", DosageProblem::UnknownUnit("e3 mg".to_owned())),
            ("10 mg; drop table", DosageProblem::UnknownUnit("mg; drop table".to_owned())),
        ] {
            assert_eq!(Dosage::parse(text), Err(problem), "{text}");
        }
    }

    #[test]
    fn every_unit_has_a_name_that_is_read_as_itself() {
        for (unit, code, words) in UNITS {
            for word in *words {
                assert_eq!(Unit::parse(word), Some(*unit), "{word}");
            }
            assert_eq!(Unit::parse(unit.name()), Some(*unit));
            assert!(!code.is_empty());
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,90}") {
            let _ignored = Dosage::parse(&text).is_ok();
        }

        #[test]
        fn what_is_written_is_read_again(
            low in 1_u32..100_000,
            more in 0_u32..1000,
            decimals in proptest::option::of(0_u32..999),
            unit in 0..UNITS.len(),
            has_range: bool,
            per in 0..=PER_UNITS.len(),
        ) {
            let decimals = decimals.map_or(String::new(), |decimals| format!(".{decimals:03}"));
            let range = if has_range { format!("-{}", low + more + 1) } else { String::new() };
            let per = PER_UNITS.get(per).map_or(String::new(), |(name, _)| format!("/{name}"));
            let text = format!("{low}{decimals}{range} {}{per}", UNITS[unit].2[0]);
            let dosage = Dosage::parse(&text).unwrap();
            prop_assert_eq!(dosage.to_string(), text);
            prop_assert_eq!(Dosage::parse(&dosage.to_string()).unwrap(), dosage);
        }
    }

    #[test]
    fn the_same_amount_is_the_same_in_another_unit() {
        let is_same = |one: &str, other: &str| {
            Dosage::parse(one).unwrap().is_as_much_as(&Dosage::parse(other).unwrap())
        };
        for (one, other) in [("1 g", "1000 mg"), ("0.50 mg", "500 mcg"), ("1-2 tablets", "1 - 2 tab")] {
            assert!(is_same(one, other), "{one} is {other}");
        }
        for (one, other) in
            [("500 mg", "1 g"), ("1 tablet", "500 mg"), ("1-2 tablets", "1 tablet"), ("5 mg/kg", "5 mg")]
        {
            assert!(!is_same(one, other), "{one} is not {other}");
        }
    }
}
