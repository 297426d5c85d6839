//! Details of people as callers give them: names, numbers, addresses and dates, checked so that every
//! problem is told at once.

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
};
use medcor_fhir::{search::name::phone_digits, view::BirthDate};

use crate::{ArgumentProblem, ToolError};

/// Longest name, number or line of an address, in characters.
const LENGTH_MAX: usize = 200;
/// Longest e-mail address (RFC 5321 §4.5.3.1.3).
const EMAIL_LENGTH_MAX: usize = 254;
/// Nobody is older.
const AGE_MAX_YEARS: u16 = 130;
/// Marks of an attempt to break out of a query. Bound parameters make it harmless; a name or code that has
/// one is a mistake or an attack, and is refused.
const BREAKOUTS: [&str; 4] = [";", "--", "/*", "xp_"];

/// Everything that is wrong with the arguments.
#[derive(Default)]
pub struct Problems(Vec<ArgumentProblem>);

impl Problems {
    /// Remembers a problem with a parameter.
    pub fn add(&mut self, parameter: &str, problem: impl Into<String>) {
        self.0.push(ArgumentProblem { path: format!("/{parameter}"), problem: problem.into() });
    }

    /// The checked value; else its problem is remembered.
    pub fn checked<T>(
        &mut self,
        parameter: &str,
        text: Option<&str>,
        check: impl FnOnce(&str) -> Result<T, &'static str>,
    ) -> Option<T> {
        match check(text?.trim()) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.add(parameter, problem);
                None
            }
        }
    }

    /// Refuses if there is any.
    pub fn refuse(self) -> Result<(), ToolError> {
        if self.0.is_empty() { Ok(()) } else { Err(ToolError::Validation(self.0)) }
    }

    /// The parameters that have one, for tests of whoever checks.
    pub fn paths(&self) -> Vec<String> {
        self.0.iter().map(|problem| problem.path.clone()).collect()
    }
}

/// Given names and family name, given in parts or whole: `Ada Lovelace` or `Lovelace, Ada`.
pub fn names_of(
    (first, last): (Option<&str>, Option<&str>),
    whole: Option<&str>,
    problems: &mut Problems,
) -> (Option<Vec<String>>, Option<String>) {
    let is_in_parts = first.is_some() || last.is_some();
    if is_in_parts && whole.is_some() {
        problems.add("name", "give either name or first_name and last_name");
    }
    let words = |text: String| text.split(' ').map(str::to_owned).collect();
    if is_in_parts {
        let given = problems.checked("first_name", first, name).map(words);
        return (given, problems.checked("last_name", last, name));
    }
    let Some(whole) = problems.checked("name", whole, name) else { return (None, None) };
    let parts = whole.split_once(',').map(|(family, given)| (given.trim(), family.trim()));
    match parts.or_else(|| whole.rsplit_once(' ')) {
        Some((given, family)) if !given.is_empty() && !family.is_empty() => {
            (Some(words(given.to_owned())), Some(family.to_owned()))
        }
        _ => {
            problems.add("name", "has one word only; give first_name and last_name");
            (None, None)
        }
    }
}

/// A day that exists, `2026-12-02`, or that of a whole date-time, as it is written: some clients send one.
pub fn day(text: &str) -> Result<Date, &'static str> {
    const PROBLEM: &str = "is not a date that exists, as YYYY-MM-DD";
    let (day, time) = text.split_at_checked(10).ok_or(PROBLEM)?;
    let is_digits = day.bytes().enumerate().all(|(place, byte)| match place {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    let is_whole = || text.parse::<Timestamp>().is_ok() || text.parse::<DateTime>().is_ok();
    if !is_digits || !(time.is_empty() || is_whole()) {
        return Err(PROBLEM);
    }
    day.parse().map_err(|_not_a_date| PROBLEM)
}

/// A name: letters of any script; spaces collapsed.
pub fn name(text: &str) -> Result<String, &'static str> {
    let name = plain(text)?;
    if !name.contains(char::is_alphabetic) {
        return Err("has no letter");
    }
    if is_breakout(&name) || name.contains(['<', '>', '{', '}', '[', ']', '|', '\\', '"', '=', '@']) {
        return Err("has characters that no name has");
    }
    Ok(name)
}

/// One line of text, white space collapsed.
pub fn plain(text: &str) -> Result<String, &'static str> {
    if text.is_empty() {
        return Err("is empty; leave it out to keep what is known");
    }
    if text.chars().count() > LENGTH_MAX {
        return Err("is longer than 200 characters");
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    if line.chars().any(char::is_control) { Err("has control characters") } else { Ok(line) }
}

/// A number that somebody gave: letters, digits and a few marks.
pub fn identifier(text: &str) -> Result<String, &'static str> {
    let is_mark = |letter: char| "-_./ ".contains(letter);
    let is_plain = text.chars().all(|letter| letter.is_ascii_alphanumeric() || is_mark(letter));
    if text.is_empty() || text.len() > 64 || !is_plain || is_breakout(text) {
        return Err("is not 1 to 64 letters, digits, - _ . or /");
    }
    Ok(text.to_owned())
}

fn is_breakout(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    BREAKOUTS.iter().any(|mark| text.contains(mark))
}

/// A telephone number as it was written, with 7 to 15 digits.
pub fn telephone(text: &str) -> Result<String, &'static str> {
    let is_plain = text
        .chars()
        .all(|letter| letter.is_ascii_digit() || "+-(). /#".contains(letter) || "extEXT".contains(letter));
    match phone_digits(text) {
        Some(digits) if is_plain && digits.len() <= 15 => Ok(text.to_owned()),
        _ => Err("is not a telephone number of 7 to 15 digits, such as +1 555 123 4567"),
    }
}

/// A local part, one `@`, and a domain with a dot; in lower case, which is how addresses are compared.
pub fn email(text: &str) -> Result<String, &'static str> {
    const PROBLEM: &str = "is not an e-mail address, such as ada@example.org";
    let (local, domain) = text.split_once('@').ok_or(PROBLEM)?;
    let is_mark = |letter: char| "!#$%&'*+-/=?^_`{|}~.".contains(letter);
    let is_local = !local.is_empty()
        && local.len() <= 64
        && local.chars().all(|letter| letter.is_alphanumeric() || is_mark(letter));
    let is_label = |label: &str| {
        let is_plain = label.chars().all(|letter| letter.is_alphanumeric() || letter == '-');
        !label.is_empty() && is_plain && !label.starts_with('-') && !label.ends_with('-')
    };
    let is_domain = domain.contains('.') && domain.split('.').all(is_label);
    let is_sound = is_local && is_domain && text.len() <= EMAIL_LENGTH_MAX && !is_breakout(text);
    if is_sound { Ok(text.to_lowercase()) } else { Err(PROBLEM) }
}

/// FHIR `date`. A time of day is cut off: some clients send one.
pub fn birth_date(text: &str, today: Date) -> Result<String, &'static str> {
    let date = text.split('T').next().unwrap_or(text);
    let birth = BirthDate::parse(date).ok_or("is not a date that exists, as YYYY-MM-DD")?;
    let age = birth.age_on(today).ok_or("is in the future")?;
    if age.years > AGE_MAX_YEARS { Err("is more than 130 years ago") } else { Ok(date.to_owned()) }
}

/// FHIR `administrative-gender`.
pub fn gender(text: &str) -> Result<&'static str, &'static str> {
    Ok(match text.to_lowercase().replace(['-', '_', ' '], "").as_str() {
        "male" | "m" | "man" => "male",
        "female" | "f" | "w" | "woman" => "female",
        "other" | "o" | "x" | "nonbinary" | "diverse" => "other",
        "unknown" | "u" | "unspecified" | "notstated" => "unknown",
        _ => return Err("is not one of male, female, other, unknown"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_a_date_or_that_of_a_whole_date_time() {
        for text in [
            "2026-02-30",
            "2026-2-3",
            "2026-12-02x",
            "2026-W49-3",
            "2026-12-02T",
            "2026-12-02Tnoon",
            "2026-12-02T25:00:00Z",
            "2026-12-02 and later",
        ] {
            assert!(day(text).is_err(), "{text}");
        }
        for text in ["2026-12-02", "2026-12-02T09:00:00Z", "2026-12-02T23:30:00-05:00", "2026-12-02T09:00:00"]
        {
            assert_eq!(day(text), Ok(jiff::civil::date(2026, 12, 2)), "{text}");
        }
    }
}
