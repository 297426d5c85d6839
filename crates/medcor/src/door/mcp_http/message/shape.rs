//! Whether a JSON text has a shape that nobody should read: two members of one name in an object, which serde passes
//! over in silence, or so many values that a tree of them costs far more than their bytes. Nothing of the text is kept.

use std::{borrow::Cow, cell::Cell, collections::HashSet, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Up to so many names are compared one by one, which is faster than hashing them.
const NAMES_COMPARED: usize = 16;
/// Most values of a text. A record of a whole megabyte has fewer, unless it is made of nothing but short ones.
const VALUES_MAX: usize = 50_000;
/// Most members of one object. FHIR's largest have some dozens.
const MEMBERS_MAX: usize = 1000;

/// What is wrong with a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::door) enum Flaw {
    /// An object has two members of one name: of those one reader takes the first and another the last.
    Twins,
    /// There are more than [`VALUES_MAX`] values, or an object has more than [`MEMBERS_MAX`] members.
    TooMany,
}

impl Flaw {
    /// The words that say so.
    pub(in crate::door) fn words(self) -> &'static str {
        match self {
            Self::Twins => "an object has two members of one name",
            Self::TooMany => "a message has at most 50,000 values, and 1,000 members in one object",
        }
    }
}

/// The first that is found. What is no JSON has none: that is for others to say.
pub(in crate::door) fn flaw_of(json: &str) -> Option<Flaw> {
    let walked = Walked::default();
    let mut deserializer = serde_json::Deserializer::from_str(json);
    // Finding one ends the walk early, so its own result says nothing more.
    drop(Walk(&walked).deserialize(&mut deserializer));
    walked.found.get()
}

#[derive(Default)]
struct Walked {
    values: Cell<usize>,
    found: Cell<Option<Flaw>>,
}

impl Walked {
    fn found<E: Error>(&self, flaw: Flaw) -> E {
        self.found.set(Some(flaw));
        E::custom(flaw.words())
    }
}

#[derive(Clone, Copy)]
struct Walk<'w>(&'w Walked);

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.0.values.set(self.0.values.get() + 1);
        if self.0.values.get() > VALUES_MAX {
            return Err(self.0.found(Flaw::TooMany));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        while access.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        let mut names = Names::default();
        while let Some(name) = access.next_key_seed(Name)? {
            if !names.insert(name) {
                return Err(self.0.found(Flaw::Twins));
            }
            if names.count() > MEMBERS_MAX {
                return Err(self.0.found(Flaw::TooMany));
            }
            access.next_value_seed(self)?;
        }
        Ok(())
    }
}

/// The names of one object.
#[derive(Default)]
struct Names<'de> {
    few: Vec<Cow<'de, str>>,
    many: HashSet<Cow<'de, str>>,
}

impl<'de> Names<'de> {
    /// Whether the name is new.
    fn insert(&mut self, name: Cow<'de, str>) -> bool {
        if self.few.len() < NAMES_COMPARED {
            let is_new = !self.few.contains(&name);
            self.few.push(name);
            return is_new;
        }
        !self.few.contains(&name) && self.many.insert(name)
    }

    fn count(&self) -> usize {
        self.few.len() + self.many.len()
    }
}

/// A name, borrowed from the text where nothing in it is escaped.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has_twins(json: &str) -> bool {
        flaw_of(json) == Some(Flaw::Twins)
    }

    #[test]
    fn a_text_has_only_so_many_values_and_an_object_only_so_many_members() {
        let list = |count: usize| format!("[{}]", vec!["[]"; count].join(","));
        assert_eq!(flaw_of(&list(VALUES_MAX - 1)), None);
        assert_eq!(flaw_of(&list(VALUES_MAX)), Some(Flaw::TooMany));
        let object = |count: usize| {
            let members: Vec<String> = (0..count).map(|number| format!(r#""k{number}":1"#)).collect();
            format!("{{{}}}", members.join(","))
        };
        assert_eq!(flaw_of(&object(MEMBERS_MAX)), None);
        assert_eq!(flaw_of(&object(MEMBERS_MAX + 1)), Some(Flaw::TooMany));
    }

    #[test]
    fn twins_are_found_at_any_depth_and_in_any_spelling() {
        for json in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":[{"b":{}},{"b":1,"c":2,"b":3}]}"#,
            r#"{"patient":1,"p\u0061tient":2}"#,
        ] {
            assert!(has_twins(json), "{json}");
        }
        let mut wide: Vec<String> = (0..100).map(|number| format!(r#""k{number}":1"#)).collect();
        assert!(!has_twins(&format!("{{{}}}", wide.join(","))));
        wide.push(r#""k90":1"#.to_owned());
        assert!(has_twins(&format!("{{{}}}", wide.join(","))));
    }

    #[test]
    fn one_name_in_two_objects_is_no_twin() {
        for json in [r#"{"a":{"a":1},"b":[{"a":1},{"a":1}]}"#, "[]", "1", "{", r#"{"a":"a"}"#] {
            assert!(!has_twins(json), "{json}");
        }
    }
}
