//! Names in messages: what a misspelt one may have meant, and how a name from outside is shown.

/// Most characters of a name from outside that a message repeats.
const SHOWN_MAX: usize = 40;

/// A name or code from outside, made safe for a message: free text must not leak into logs by way of an
/// error, so only the first characters appear, and of these only what names and codes are made of.
pub(crate) fn shown(name: &str) -> String {
    let is_safe = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '-');
    name.chars().take(SHOWN_MAX).map(|letter| if is_safe(letter) { letter } else { '?' }).collect()
}

/// The end of a message about an unknown name: which known one may have been meant.
pub(crate) fn suggestion<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, known).map_or_else(String::new, |known| format!("; did you mean `{known}`?"))
}

/// The known name that is nearest to `name`, if one is near enough to be meant.
fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > SHOWN_MAX {
        return None;
    }
    let distance_max = 1 + name.len() / 4;
    known
        .into_iter()
        .map(|candidate| (distance(name.as_bytes(), candidate.as_bytes()), candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= distance_max)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions and replacements that turn one name into the other, upper and lower case alike.
fn distance(left: &[u8], right: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, byte) in left.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, other) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(!byte.eq_ignore_ascii_case(other));
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::{nearest, shown};

    #[test]
    fn a_misspelt_name_finds_the_one_that_was_meant() {
        let known = ["gender", "birthDate", "deceasedBoolean"];
        assert_eq!(nearest("birthdate", known), Some("birthDate"));
        assert_eq!(nearest("gendre", known), Some("gender"));
        assert_eq!(nearest("maritalStatus", known), None);
        assert_eq!(nearest(&"g".repeat(10_000), known), None);
    }

    #[test]
    fn a_name_from_outside_is_shown_short_and_without_strange_letters() {
        assert_eq!(shown("birth_Date-1.x"), "birth_Date-1.x");
        assert_eq!(shown("<b>Ada\n"), "?b?Ada?");
        assert_eq!(shown(&"x".repeat(100)).len(), 40);
    }
}
