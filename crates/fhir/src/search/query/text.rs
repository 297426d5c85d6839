//! Separators and escapes of search values (FHIR R4 §3.1.1.4.1).

use super::refusal::Refusal;

/// A text as one search value: `,`, `|`, `$` and `\` lose their meaning.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, ',' | '|' | '$' | '\\') {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

/// Splits at the separators that are not escaped. The parts keep their escapes.
pub(super) fn split(text: &str, separator: char) -> Vec<&str> {
    let mut is_escaped = false;
    text.split(|letter: char| {
        let is_separator = letter == separator && !is_escaped;
        is_escaped = letter == '\\' && !is_escaped;
        is_separator
    })
    .collect()
}

/// The text without its escapes; an error for a backslash that escapes nothing.
pub(super) fn unescape(text: &str) -> Result<String, Refusal> {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            plain.push(letter);
            continue;
        }
        match letters.next() {
            Some(escaped @ (',' | '|' | '$' | '\\')) => plain.push(escaped),
            _ => return Err(Refusal::Escape),
        }
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_escaped_separator_separates_nothing() {
        assert_eq!(split(r"a\,b,c\\,d", ','), [r"a\,b", r"c\\", "d"]);
        assert_eq!(unescape(r"a\,b").as_deref(), Ok("a,b"));
        assert_eq!(unescape(r"c\\").as_deref(), Ok(r"c\"));
        assert!(unescape(r"c\").is_err());
        assert!(unescape(r"\n").is_err());
    }

    proptest! {
        #[test]
        fn an_escaped_text_is_one_value(text in "\\PC*") {
            let escaped = escape(&text);
            for separator in [',', '|', '$'] {
                prop_assert_eq!(split(&escaped, separator).len(), 1);
            }
            prop_assert_eq!(unescape(&escaped), Ok(text));
        }
    }
}
