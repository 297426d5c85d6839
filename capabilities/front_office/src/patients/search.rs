//! Finding patients by whatever the caller knows of them.

use std::cmp::Reverse;

use medcor_fhir::{
    ResourceType,
    search::{
        Query, escape,
        name::{self, fold, phone_digits, phone_digits_short},
    },
    view::BirthDate,
};
use medcor_tools::{
    Alias, Effect, Listing, Need, Page, ROWS_DEFAULT, Synonym, Tool, ToolContext, ToolError, alias, synonym,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Map;

use super::answer::PatientRow;

/// Most words of a search that are considered.
const WORDS_MAX: usize = 6;

/// Finds patients by parts of the name in any order, date of birth, MRN, telephone number or e-mail address.
///
/// Use it when you do not know the patient's id yet, such as `Love Ada`, `Lovelace 1985-03-15`, `MRN001` or
/// `+1 555 123 4567`. All parts must fit; a part of a name fits from its beginning. When nobody fits, names
/// that sound alike are offered, and the answer says so. An empty list is not an error.
#[derive(Deserialize, JsonSchema)]
pub(super) struct SearchPatients {
    /// Name or parts of it, date of birth (YYYY-MM-DD), MRN, telephone number, e-mail address.
    #[schemars(length(min = 1, max = 200))]
    query: String,
    /// Whether to leave out patients whose record is not in use.
    #[serde(default = "yes")]
    active_only: bool,
    /// Rows.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// `next_cursor` of the answer before.
    cursor: Option<String>,
}

fn yes() -> bool {
    true
}

impl Tool for SearchPatients {
    const NAME: &'static str = "search_patients";
    const TITLE: &'static str = "Find patients";
    const ALIASES: &'static [Alias] = &[alias("find_patient")];
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = &[Need::search(ResourceType::PATIENT)];
    const SYNONYMS: &'static [Synonym] = &[synonym("name", "query"), synonym("mrn", "query")];
    const KEYWORDS: &'static [&'static str] = &["look up", "who is"];
    type Output = Listing<PatientRow>;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Listing<PatientRow>, ToolError> {
        let attempts = attempts(&self.query);
        if attempts.is_empty() {
            let problem = "nothing to search for: give a name, date of birth, MRN, number or e-mail address";
            return Err(ToolError::invalid("/query", problem));
        }
        let found = self.first_found(&attempts, cx).await?;
        let mut applied = Map::new();
        applied.insert("query".to_owned(), self.query.as_str().into());
        applied.insert("active_only".to_owned(), self.active_only.into());
        applied.insert("matched_by".to_owned(), found.by.into());
        let today = cx.today();
        let rows = Listing::of_page(&found.page, applied, |record| PatientRow::of(record, today))?;
        Ok(found.complete(rows))
    }
}

impl SearchPatients {
    /// The page of the first attempt that finds anybody; of the one that a cursor continues.
    async fn first_found(&self, attempts: &[Attempt], cx: &mut ToolContext<'_>) -> Result<Found, ToolError> {
        let (first, cursor) = self.continued(attempts.len())?;
        let mut index = first;
        loop {
            let is_last = cursor.is_some() || index + 1 == attempts.len();
            let Some(attempt) = attempts.get(index) else { return Err(bad_cursor()) };
            let mut query = attempt.query()?;
            if self.active_only {
                query = query.with("active:not", "false")?;
            }
            query.count = self.limit.unwrap_or(ROWS_DEFAULT);
            query.cursor = cursor.map(str::to_owned);
            let page = cx.records().search(&query).await.map_err(ToolError::of_own_search)?;
            if is_last || !page.records.is_empty() {
                return Ok(Found { index, by: attempt.by, page });
            }
            index += 1;
        }
    }

    /// Which attempt to begin with, and where: a cursor carries the number of its attempt in front.
    fn continued(&self, attempts: usize) -> Result<(usize, Option<&str>), ToolError> {
        let Some(cursor) = &self.cursor else { return Ok((0, None)) };
        let (index, cursor) = cursor.split_once('.').ok_or_else(bad_cursor)?;
        let index = index.parse().ok().filter(|index| *index < attempts).ok_or_else(bad_cursor)?;
        Ok((index, Some(cursor)))
    }
}

fn bad_cursor() -> ToolError {
    ToolError::invalid("/cursor", "not a cursor of this search; call again without it")
}

/// What one attempt found.
struct Found {
    index: usize,
    by: &'static str,
    page: Page,
}

impl Found {
    /// The list with its own cursor and what to do next.
    fn complete(&self, rows: Listing<PatientRow>) -> Listing<PatientRow> {
        if rows.is_empty() {
            return rows.with_hint(
                "Nobody fits. Try fewer letters of the family name, the date of birth as YYYY-MM-DD, or the MRN.",
            );
        }
        let is_truncated = self.page.has_more || rows.len() < self.page.records.len();
        let rows = if is_truncated {
            let cursor = self.page.cursor_after(rows.len() - 1);
            rows.with_more(cursor.map(|cursor| format!("{}.{cursor}", self.index)))
        } else {
            rows
        };
        if self.by == SOUND {
            return rows.with_hint("Nobody fits exactly; these names sound alike. Ask which one is meant.");
        }
        rows
    }
}

const DETAILS: &str = "name and details";
const IDENTIFIER: &str = "identifier";
const PHONE: &str = "telephone number";
const SOUND: &str = "similar sound";

/// One reading of what the caller wrote.
#[derive(Debug, PartialEq, Eq)]
struct Attempt {
    by: &'static str,
    /// Parameter and value in URL form; all must hold.
    conditions: Vec<(&'static str, String)>,
}

impl Attempt {
    fn query(&self) -> Result<Query, ToolError> {
        let mut query = Query::new(ResourceType::PATIENT);
        for (parameter, value) in &self.conditions {
            query = query.with(parameter, value)?;
        }
        Ok(query)
    }
}

/// The readings of a text, the likeliest first; none where there is nothing to search for.
fn attempts(text: &str) -> Vec<Attempt> {
    let text = text.trim();
    let one = |by, parameter, value| Attempt { by, conditions: vec![(parameter, value)] };
    let identifier = || one(IDENTIFIER, "identifier", escape(text));
    if let Some(digits) = telephone(text) {
        let digits = phone_digits_short(&digits).to_owned();
        return vec![identifier(), one(PHONE, name::PHONE_DIGITS, digits)];
    }
    let (others, words) = details(text);
    let with_words = |parameter: &'static str, spelled: fn(&str) -> String| {
        let words = words.iter().map(|word| (parameter, escape(&spelled(word))));
        others.iter().cloned().chain(words).collect::<Vec<_>>()
    };
    let details = with_words(name::NAME_WORD, str::to_owned);
    let mut attempts = Vec::new();
    if let Some(conditions) = with_pair(&others, &words) {
        attempts.push(Attempt { by: DETAILS, conditions });
    }
    if !details.is_empty() {
        attempts.push(Attempt { by: DETAILS, conditions: details });
    }
    let is_one_word = !words.is_empty() && !text.contains(char::is_whitespace);
    if is_one_word {
        let is_number = text.contains(|letter: char| letter.is_ascii_digit());
        attempts.insert(if is_number { 0 } else { attempts.len() }, identifier());
    }
    if !words.is_empty() {
        attempts.push(Attempt { by: SOUND, conditions: with_words(name::NAME_SOUND, name::sound) });
    }
    attempts
}

/// With two of the words as a pair, of which one is written out: nearly all searches for a name are of that
/// kind, and few patients share a pair. `None` where there are no two words.
fn with_pair(others: &[(&'static str, String)], words: &[String]) -> Option<Vec<(&'static str, String)>> {
    let mut positions: Vec<usize> = (0..words.len()).collect();
    positions.sort_by_key(|position| Reverse(words.get(*position).map(String::len)));
    let [one, other, ..] = positions.as_slice() else { return None };
    let (one, other) = (words.get(*one)?, words.get(*other)?);
    let pair = format!("{},{}", escape(&format!("{one} {other}")), escape(&format!("{other} {one}")));
    let rest = words.iter().filter(|word| *word != one && *word != other);
    let rest = rest.map(|word| (name::NAME_WORD, escape(word)));
    Some(others.iter().cloned().chain([(name::NAME_PAIR, pair)]).chain(rest).collect())
}

/// Conditions on date of birth and e-mail address; and the words of the name.
fn details(text: &str) -> (Vec<(&'static str, String)>, Vec<String>) {
    let mut conditions = Vec::new();
    let mut rest = String::new();
    for part in text.split_whitespace() {
        let is_date = part.contains('-') && BirthDate::parse(part).is_some();
        if is_date {
            conditions.push(("birthdate", part.to_owned()));
        } else if part.contains('@') {
            conditions.push(("email", either_case(part)));
        } else {
            rest.push_str(part);
            rest.push(' ');
        }
    }
    let folded = fold(&rest);
    let words = name::words(&folded).into_iter().take(WORDS_MAX);
    let words: Vec<String> = words.map(str::to_owned).collect();
    (conditions, words)
}

/// An address as it was written or in lower case, which is how most are stored.
pub(super) fn either_case(address: &str) -> String {
    let lower = address.to_lowercase();
    if lower == address { escape(address) } else { format!("{},{}", escape(address), escape(&lower)) }
}

/// The digits, where the text is nothing but a telephone number.
fn telephone(text: &str) -> Option<String> {
    let is_telephone = text.chars().all(|letter| letter.is_ascii_digit() || "+-(). /".contains(letter));
    let is_date = BirthDate::parse(text).is_some();
    if is_telephone && !is_date { phone_digits(text) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readings(text: &str) -> Vec<(&'static str, Vec<(&'static str, String)>)> {
        attempts(text).into_iter().map(|attempt| (attempt.by, attempt.conditions)).collect()
    }

    fn conditions(pairs: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
        pairs.iter().map(|(parameter, value)| (*parameter, (*value).to_owned())).collect()
    }

    #[test]
    fn names_dates_and_addresses_are_told_apart() {
        let found = readings("Love, Ada 1985-03-15 Ada@x.org");
        let expected = [
            ("birthdate", "1985-03-15"),
            ("email", "Ada@x.org,ada@x.org"),
            (name::NAME_PAIR, "love ada,ada love"),
        ];
        assert_eq!(found[0], (DETAILS, conditions(&expected)));
        let expected = [
            ("birthdate", "1985-03-15"),
            ("email", "Ada@x.org,ada@x.org"),
            (name::NAME_WORD, "love"),
            (name::NAME_WORD, "ada"),
        ];
        assert_eq!(found[1], (DETAILS, conditions(&expected)));
        assert_eq!(found[2].0, SOUND);
    }

    #[test]
    fn a_word_with_digits_is_an_identifier_before_it_is_a_name() {
        let by: Vec<_> = readings("MRN001").into_iter().map(|(by, _)| by).collect();
        assert_eq!(by, [IDENTIFIER, DETAILS, SOUND]);
        let by: Vec<_> = readings("Lovelace").into_iter().map(|(by, _)| by).collect();
        assert_eq!(by, [DETAILS, IDENTIFIER, SOUND]);
    }

    #[test]
    fn a_telephone_number_is_compared_without_its_country_code() {
        let found = readings("+1 (555) 123-4567");
        assert_eq!(found[1], (PHONE, conditions(&[(name::PHONE_DIGITS, "551234567")])));
        assert_eq!(readings("1985-03-15")[0].1[0].0, "birthdate");
    }

    #[test]
    fn a_text_without_letters_or_digits_searches_for_nobody() {
        assert!(readings("  ").is_empty());
        assert!(readings(", .").is_empty());
    }

    #[test]
    fn separators_of_searches_have_no_meaning_in_what_callers_write() {
        let found = readings("a|b,c");
        assert_eq!(found[2], (IDENTIFIER, conditions(&[("identifier", "a\\|b\\,c")])));
    }
}
