//! Words that nobody else writes, so that finding one in an answer says whose record it came from.

/// Makes words that all begin with the same mark, such as `Kanarienorthadaqxb`.
pub(crate) struct Canary {
    mark: String,
    words: usize,
}

impl Canary {
    /// Canaries for somebody's records. `whose` consists of letters, so that a word stays one word
    /// wherever names are taken apart.
    pub(crate) fn new(whose: &str) -> Self {
        Self { mark: mark(whose), words: 0 }
    }

    /// A new word.
    pub(crate) fn word(&mut self) -> String {
        let letter = |number: usize| char::from(b'a' + u8::try_from(number % 26).expect("below 26"));
        self.words += 1;
        format!("{}q{}{}", self.mark, letter(self.words / 26), letter(self.words))
    }
}

/// What all words of somebody begin with.
pub(crate) fn mark(whose: &str) -> String {
    format!("Kanarie{whose}")
}

/// What must not be in an answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Secrets(Vec<String>);

impl Secrets {
    pub(crate) fn new(secrets: impl IntoIterator<Item = String>) -> Self {
        Self(secrets.into_iter().map(|secret| secret.to_lowercase()).collect())
    }

    pub(crate) fn extend(&mut self, others: &Self) {
        self.0.extend(others.0.iter().cloned());
    }

    /// The first secret in this text that isn't part of what the caller wrote itself.
    pub(crate) fn found_in(&self, text: &str, written: &str) -> Option<String> {
        let mut text = text.to_lowercase();
        let written = written.to_lowercase();
        if written.is_empty() {
            return self.first_in(&text);
        }
        text = text.replace(written.trim(), "");
        let words = written.split(|letter: char| !(letter.is_alphanumeric() || letter == '-'));
        for word in words.filter(|word| word.len() > 5) {
            text = text.replace(word, "");
        }
        self.first_in(&text)
    }

    fn first_in(&self, text: &str) -> Option<String> {
        self.0.iter().find(|secret| text.contains(secret.as_str())).cloned()
    }
}
