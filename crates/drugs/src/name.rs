//! Names as they are compared: folded, without strength, form and salt; and how far two spellings are apart.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// A name without case, accents and punctuation: `St. John's Wort` is `st johns wort`.
pub(crate) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    if text.is_ascii() {
        text.bytes().for_each(|byte| push_folded(&mut folded, char::from(byte.to_ascii_lowercase())));
    } else {
        text.nfkd().flat_map(char::to_lowercase).for_each(|letter| push_folded(&mut folded, letter));
    }
    folded.truncate(folded.trim_end().len());
    folded
}

/// Adds a lower-case letter as it is compared.
fn push_folded(folded: &mut String, letter: char) {
    match letter {
        'α' => folded.push_str("alpha"),
        'β' => folded.push_str("beta"),
        letter if letter.is_alphanumeric() => folded.push(letter),
        letter if is_combining_mark(letter) || matches!(letter, '\'' | '’' | '‘' | '.' | ',') => {}
        _ if folded.ends_with(' ') || folded.is_empty() => {}
        _ => folded.push(' '),
    }
}

/// The parts of a product's name, each without strength and form: `Acetaminophen 325 MG / Oxycodone 5 MG Oral
/// Tablet [Percocet]` is `acetaminophen` and `oxycodone`.
pub(crate) fn parts(text: &str) -> Vec<String> {
    let outside = without_brackets(text);
    let mut parts = vec![Vec::new()];
    for token in outside.split_whitespace() {
        if matches!(token, "/" | "+" | "&") || is_joint(token) {
            parts.push(Vec::new());
            continue;
        }
        if is_strength(token) {
            continue;
        }
        for (position, piece) in token.split(['/', '+']).enumerate() {
            if position > 0 {
                parts.push(Vec::new());
            }
            let word = fold(piece);
            let is_kept = !word.is_empty() && !FORMS.contains(&word.as_str()) && !is_strength(&word);
            if let (true, Some(part)) = (is_kept, parts.last_mut()) {
                part.push(word);
            }
        }
    }
    parts.iter().map(|words| words.join(" ")).filter(|part| !part.is_empty()).collect()
}

/// A folded name without the words that only name its salt; `None` where none of its words does.
pub(crate) fn without_salt(folded: &str) -> Option<String> {
    let words: Vec<&str> = folded.split(' ').filter(|word| !SALTS.contains(word)).collect();
    let is_shorter = words.len() < folded.split(' ').count();
    (is_shorter && !words.is_empty()).then(|| words.join(" "))
}

/// How many letters have to change to make one folded name of the other, swaps of neighbours counting once;
/// `None` beyond `most`.
pub(crate) fn distance(left: &str, right: &str, most: usize) -> Option<usize> {
    // Most of the names that one is compared with are of another length.
    if left.chars().count().abs_diff(right.chars().count()) > most {
        return None;
    }
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let mut before = vec![0; right.len() + 1];
    let mut previous: Vec<usize> = (0..=right.len()).collect();
    for (row, &letter) in left.iter().enumerate() {
        let mut current = Vec::with_capacity(right.len() + 1);
        current.push(row + 1);
        for (column, &other) in right.iter().enumerate() {
            let replaced = previous[column] + usize::from(letter != other);
            let mut least = replaced.min(previous[column + 1] + 1).min(current[column] + 1);
            let is_swapped = row > 0
                && column > 0
                && left.get(row - 1) == Some(&other)
                && right.get(column - 1) == Some(&letter);
            if is_swapped {
                least = least.min(before[column - 1] + 1);
            }
            current.push(least);
        }
        before = std::mem::replace(&mut previous, current);
    }
    previous.last().copied().filter(|&distance| distance <= most)
}

/// What stands outside of square brackets and parentheses, where anything does.
fn without_brackets(text: &str) -> String {
    let mut depth = 0_usize;
    let mut outside = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '[' | '(' => depth += 1,
            ']' | ')' => depth = depth.saturating_sub(1),
            letter if depth == 0 => outside.push(letter),
            _ => {}
        }
    }
    if outside.trim().is_empty() { text.replace(['[', ']', '(', ')'], " ") } else { outside }
}

fn is_joint(token: &str) -> bool {
    ["and", "with"].iter().any(|joint| token.eq_ignore_ascii_case(joint))
}

/// Whether a token says how much: `325`, `5mg`, `MG/ML`, `0.05%`.
fn is_strength(token: &str) -> bool {
    let starts_with_digit = token.starts_with(|letter: char| letter.is_ascii_digit());
    let has_digit_unit = starts_with_digit
        && token.trim_start_matches(|letter: char| letter.is_ascii_digit() || ".,-/%".contains(letter)).len()
            < 7
        && !token.contains("-a");
    let is_unit = token.split('/').all(|unit| UNITS.contains(&fold(unit).as_str()) || unit == "%");
    has_digit_unit || is_unit
}

const UNITS: &[&str] = &[
    "mg", "mcg", "ug", "μg", "µg", "g", "gm", "kg", "ml", "l", "unt", "unit", "units", "iu", "meq", "mmol",
    "hr", "hour", "hours", "actuat", "day", "dose", "percent", "bau", "mci", "cells",
];

/// Words of forms and routes, which do not tell what a drug is.
const FORMS: &[&str] = &[
    "oral",
    "tablet",
    "tablets",
    "tab",
    "tabs",
    "capsule",
    "capsules",
    "cap",
    "caps",
    "solution",
    "suspension",
    "injection",
    "injectable",
    "cream",
    "ointment",
    "gel",
    "lotion",
    "shampoo",
    "patch",
    "patches",
    "spray",
    "inhaler",
    "inhalant",
    "inhalation",
    "drops",
    "ophthalmic",
    "otic",
    "nasal",
    "topical",
    "transdermal",
    "system",
    "extended",
    "delayed",
    "release",
    "er",
    "xr",
    "xl",
    "sr",
    "cr",
    "dr",
    "la",
    "ir",
    "ec",
    "mr",
    "disintegrating",
    "chewable",
    "effervescent",
    "sublingual",
    "buccal",
    "rectal",
    "vaginal",
    "suppository",
    "syrup",
    "elixir",
    "liquid",
    "powder",
    "kit",
    "pack",
    "prefilled",
    "syringe",
    "pen",
    "auto",
    "injector",
    "auto injector",
    "cartridge",
    "vial",
    "metered",
    "dry",
    "film",
    "lozenge",
    "mucosal",
    "coated",
    "intravenous",
    "iv",
    "im",
    "po",
    "subcutaneous",
    "implant",
    "ring",
    "device",
    "product",
    "dose",
    "strength",
    "abuse",
    "deterrent",
];

/// Words of salts and esters, which do not change what a drug does.
const SALTS: &[&str] = &[
    "hydrochloride",
    "hcl",
    "sodium",
    "potassium",
    "calcium",
    "magnesium",
    "sulfate",
    "sulphate",
    "tartrate",
    "succinate",
    "maleate",
    "mesylate",
    "mesilate",
    "besylate",
    "besilate",
    "fumarate",
    "citrate",
    "acetate",
    "phosphate",
    "hydrobromide",
    "bromide",
    "bitartrate",
    "acetonide",
    "propionate",
    "furoate",
    "dipropionate",
    "valerate",
    "axetil",
    "proxetil",
    "medoxomil",
    "cilexetil",
    "etexilate",
    "monohydrate",
    "dihydrate",
    "trihydrate",
    "anhydrous",
    "hemihydrate",
    "xinafoate",
    "pamoate",
    "nitrate",
    "oxalate",
    "tosylate",
    "malate",
    "lactate",
    "gluconate",
    "carbonate",
    "bicarbonate",
    "tromethamine",
    "trometamol",
    "disodium",
    "dihydrochloride",
    "decanoate",
    "cypionate",
    "enanthate",
    "undecanoate",
    "hyclate",
    "estolate",
    "ethylsuccinate",
    "stearate",
    "erbumine",
    "arginine",
    "mononitrate",
    "dinitrate",
    "bisulfate",
    "saccharate",
    "aspartate",
    "benzoate",
    "salicylate",
    "dimesylate",
    "hydroxide",
    "oxide",
    "chloride",
    "trifenatate",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn plain_letters_are_folded_as_among_others(text in "[ -~]{0,40}") {
            let (plain, among_others) = (fold(&text), fold(&format!("é {text}")));
            let others_left = among_others.strip_prefix('e').map(str::trim_start);
            prop_assert_eq!(others_left, Some(plain.as_str()));
        }
    }

    #[test]
    fn case_accents_and_punctuation_do_not_matter() {
        assert_eq!(fold("  St. John’s   Wort "), "st johns wort");
        assert_eq!(fold("Toprol-XL"), "toprol xl");
        assert_eq!(fold("β-blockers"), "beta blockers");
        assert_eq!(fold("Ácido"), "acido");
    }

    #[test]
    fn the_name_of_a_product_is_taken_apart() {
        let name = "Acetaminophen 325 MG / Oxycodone Hydrochloride 5 MG Oral Tablet [Percocet]";
        assert_eq!(parts(name), ["acetaminophen", "oxycodone hydrochloride"]);
        assert_eq!(parts("1 ML Epinephrine 1 MG/ML Auto-Injector"), ["epinephrine"]);
        assert_eq!(parts("lisinopril/hydrochlorothiazide 20-12.5mg"), ["lisinopril", "hydrochlorothiazide"]);
        assert_eq!(parts("Metoprolol succinate ER 50 mg"), ["metoprolol succinate"]);
        assert_eq!(parts("[Advil]"), ["advil"]);
        assert_eq!(parts("500 mg"), Vec::<String>::new());
    }

    #[test]
    fn spellings_are_apart_by_their_letters() {
        assert_eq!(distance("metoprolol", "metoprolol", 2), Some(0));
        assert_eq!(distance("metropolol", "metoprolol", 2), Some(2));
        assert_eq!(distance("lisinopirl", "lisinopril", 2), Some(1));
        assert_eq!(distance("warfarin", "aspirin", 2), None);
    }
}
