//! Demographics as callers give them, checked: every problem at once.

use jiff::civil::Date;
use medcor_fhir::{search::name::phone_digits, view::BirthDate};
use medcor_tools::{ArgumentProblem, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;

use super::insurance::GivenInsurance;

/// HL7's code of an emergency contact (v2 table 0131).
pub(super) const EMERGENCY_CONTACT: (&str, &str) = ("http://terminology.hl7.org/CodeSystem/v2-0131", "C");

/// Longest name, number or line of an address, in characters.
const LENGTH_MAX: usize = 200;
/// Longest e-mail address (RFC 5321 §4.5.3.1.3).
const EMAIL_LENGTH_MAX: usize = 254;
/// Nobody is older.
const AGE_MAX_YEARS: u16 = 130;
/// Marks of an attempt to break out of a query. Bound parameters make it harmless; a name or code that has
/// one is a mistake or an attack, and is refused.
const BREAKOUTS: [&str; 4] = [";", "--", "/*", "xp_"];

/// What a caller says of a patient.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct GivenDetails {
    /// Given names.
    first_name: Option<String>,
    /// Family name.
    last_name: Option<String>,
    /// The whole name, instead of `first_name` and `last_name`: `Ada Lovelace` or `Lovelace, Ada`.
    name: Option<String>,
    /// Date of birth, YYYY-MM-DD; a year or a month where the day is not known.
    dob: Option<String>,
    /// male, female, other or unknown.
    gender: Option<String>,
    /// Telephone number, best with the country code.
    phone: Option<String>,
    /// E-mail address.
    email: Option<String>,
    /// The whole address in one line; the street where `city` is given too.
    address: Option<String>,
    /// Town.
    city: Option<String>,
    /// State or province.
    state: Option<String>,
    /// Postal code.
    postal_code: Option<String>,
    /// Country.
    country: Option<String>,
    /// Name of the person to call in an emergency.
    emergency_contact: Option<String>,
    /// That person's telephone number.
    emergency_phone: Option<String>,
    /// Name of the insurer.
    insurance_provider: Option<String>,
    /// Number of the policy.
    insurance_policy_number: Option<String>,
}

/// What is known to be sound.
#[derive(Default)]
pub(super) struct Details {
    pub(super) given: Option<Vec<String>>,
    pub(super) family: Option<String>,
    pub(super) dob: Option<String>,
    pub(super) gender: Option<&'static str>,
    pub(super) phone: Option<String>,
    pub(super) email: Option<String>,
    pub(super) address: Option<GivenAddress>,
    pub(super) emergency_contact: Option<String>,
    pub(super) emergency_phone: Option<String>,
    pub(super) insurance: GivenInsurance,
}

/// An address by its parts, or in one line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct GivenAddress {
    pub(super) line: Option<String>,
    pub(super) city: Option<String>,
    pub(super) state: Option<String>,
    pub(super) postal_code: Option<String>,
    pub(super) country: Option<String>,
}

/// Everything that is wrong with the arguments.
#[derive(Default)]
pub(super) struct Problems(Vec<ArgumentProblem>);

impl Problems {
    pub(super) fn add(&mut self, parameter: &str, problem: impl Into<String>) {
        self.0.push(ArgumentProblem { path: format!("/{parameter}"), problem: problem.into() });
    }

    /// The checked value; else its problem is remembered.
    fn checked<T>(
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
    pub(super) fn refuse(self) -> Result<(), ToolError> {
        if self.0.is_empty() { Ok(()) } else { Err(ToolError::Validation(self.0)) }
    }
}

impl GivenDetails {
    /// Checks everything; problems are added to the list.
    pub(super) fn checked(&self, today: Date, problems: &mut Problems) -> Details {
        let (given, family) = self.names(problems);
        Details {
            given,
            family,
            dob: problems.checked("dob", self.dob.as_deref(), |text| birth_date(text, today)),
            gender: problems.checked("gender", self.gender.as_deref(), gender),
            phone: problems.checked("phone", self.phone.as_deref(), telephone),
            email: problems.checked("email", self.email.as_deref(), email),
            address: self.address(problems),
            emergency_contact: problems.checked("emergency_contact", self.emergency_contact.as_deref(), name),
            emergency_phone: problems.checked("emergency_phone", self.emergency_phone.as_deref(), telephone),
            insurance: GivenInsurance {
                provider: problems.checked("insurance_provider", self.insurance_provider.as_deref(), plain),
                policy_number: problems.checked(
                    "insurance_policy_number",
                    self.insurance_policy_number.as_deref(),
                    identifier,
                ),
            },
        }
    }

    fn names(&self, problems: &mut Problems) -> (Option<Vec<String>>, Option<String>) {
        let is_in_parts = self.first_name.is_some() || self.last_name.is_some();
        if is_in_parts && self.name.is_some() {
            problems.add("name", "give either name or first_name and last_name");
        }
        let words = |text: String| text.split(' ').map(str::to_owned).collect();
        if is_in_parts {
            let given = problems.checked("first_name", self.first_name.as_deref(), name).map(words);
            return (given, problems.checked("last_name", self.last_name.as_deref(), name));
        }
        let Some(whole) = problems.checked("name", self.name.as_deref(), name) else { return (None, None) };
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

    fn address(&self, problems: &mut Problems) -> Option<GivenAddress> {
        let mut part =
            |parameter: &str, text: &Option<String>| problems.checked(parameter, text.as_deref(), plain);
        let address = GivenAddress {
            line: part("address", &self.address),
            city: part("city", &self.city),
            state: part("state", &self.state),
            postal_code: part("postal_code", &self.postal_code),
            country: part("country", &self.country),
        };
        (!address.is_empty()).then_some(address)
    }
}

impl GivenAddress {
    fn is_empty(&self) -> bool {
        self.line.is_none() && !self.has_parts()
    }

    pub(super) fn has_parts(&self) -> bool {
        [&self.city, &self.state, &self.postal_code, &self.country].into_iter().any(Option::is_some)
    }
}

/// Letters of any script; spaces collapsed.
fn name(text: &str) -> Result<String, &'static str> {
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
fn plain(text: &str) -> Result<String, &'static str> {
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
pub(super) fn identifier(text: &str) -> Result<String, &'static str> {
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

fn telephone(text: &str) -> Result<String, &'static str> {
    let is_plain = text
        .chars()
        .all(|letter| letter.is_ascii_digit() || "+-(). /#".contains(letter) || "extEXT".contains(letter));
    match phone_digits(text) {
        Some(digits) if is_plain && digits.len() <= 15 => Ok(text.to_owned()),
        _ => Err("is not a telephone number of 7 to 15 digits, such as +1 555 123 4567"),
    }
}

/// A local part, one `@`, and a domain with a dot; in lower case, which is how addresses are compared.
fn email(text: &str) -> Result<String, &'static str> {
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
fn birth_date(text: &str, today: Date) -> Result<String, &'static str> {
    let date = text.split('T').next().unwrap_or(text);
    let birth = BirthDate::parse(date).ok_or("is not a date that exists, as YYYY-MM-DD")?;
    let age = birth.age_on(today).ok_or("is in the future")?;
    if age.years > AGE_MAX_YEARS { Err("is more than 130 years ago") } else { Ok(date.to_owned()) }
}

fn gender(text: &str) -> Result<&'static str, &'static str> {
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

    const TODAY: Date = Date::constant(2026, 12, 2);

    fn given(fields: &[(&str, &str)]) -> GivenDetails {
        let object = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        serde_json::from_value(serde_json::Value::Object(object)).unwrap()
    }

    fn problems_of(fields: &[(&str, &str)]) -> Vec<String> {
        let mut problems = Problems::default();
        given(fields).checked(TODAY, &mut problems);
        problems.0.into_iter().map(|problem| problem.path).collect()
    }

    #[test]
    fn names_of_any_script_are_taken_whole_or_in_parts() {
        for (name, first, last) in [
            ("Ada Lovelace", "Ada", "Lovelace"),
            ("Lovelace, Ada King", "Ada King", "Lovelace"),
            ("Nguyễn Thị Ánh", "Nguyễn Thị", "Ánh"),
            ("محمد علي", "محمد", "علي"),
            ("王 小明", "王", "小明"),
            ("Sinéad  O'Brien-Smith", "Sinéad", "O'Brien-Smith"),
        ] {
            let mut problems = Problems::default();
            let details = given(&[("name", name)]).checked(TODAY, &mut problems);
            assert!(problems.refuse().is_ok(), "{name}");
            assert_eq!(details.given.unwrap().join(" "), first);
            assert_eq!(details.family.as_deref(), Some(last));
        }
    }

    #[test]
    fn marks_of_injection_are_refused_in_names_and_numbers() {
        for name in
            ["Robert'); DROP TABLE patients;--", "Ada -- x", "Ada /* x", "xp_cmdshell Ada", "<b>Ada</b> B"]
        {
            assert_eq!(problems_of(&[("name", name)]), ["/name"], "{name}");
        }
        assert_eq!(problems_of(&[("insurance_policy_number", "1;2")]), ["/insurance_policy_number"]);
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        let problems = problems_of(&[
            ("first_name", "1"),
            ("dob", "2026-02-30"),
            ("gender", "yes"),
            ("phone", "12"),
            ("email", "ada@localhost"),
        ]);
        assert_eq!(problems, ["/first_name", "/dob", "/gender", "/phone", "/email"]);
    }

    #[test]
    fn impossible_dates_of_birth_are_refused_and_partial_ones_taken() {
        for (dob, is_taken) in [
            ("1985-03-15", true),
            ("1985", true),
            ("1985-03-15T00:00:00Z", true),
            ("2026-12-02", true),
            ("2026-12-03", false),
            ("1890-01-01", false),
            ("15/03/1985", false),
        ] {
            assert_eq!(problems_of(&[("dob", dob)]).is_empty(), is_taken, "{dob}");
        }
    }

    #[test]
    fn addresses_and_numbers_are_taken_in_their_usual_spellings() {
        for phone in ["+971501234567", "(555) 123-4567", "555.123.4567 x12", "0049 30 901820"] {
            assert!(problems_of(&[("phone", phone)]).is_empty(), "{phone}");
        }
        for email in ["Ada.Lovelace+x@Example.org", "zoë@münchen.example"] {
            assert!(problems_of(&[("email", email)]).is_empty(), "{email}");
        }
        for email in ["ada", "a@b@c.org", "ada@-x.org", "a b@c.org", "a;b@c.org", "@c.org"] {
            assert_eq!(problems_of(&[("email", email)]), ["/email"], "{email}");
        }
    }
}
