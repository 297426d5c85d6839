//! Whether an object somewhere in a JSON text has two members of one name, which serde passes over in
//! silence. Nothing of the text is kept.

use std::{borrow::Cow, cell::Cell, collections::HashSet, fmt};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// Up to so many names are compared one by one, which is faster than hashing them.
const NAMES_COMPARED: usize = 16;

/// Whether there are. What is no JSON has none: that is for others to say.
pub(in crate::door) fn has_twins(json: &str) -> bool {
    let is_found = Cell::new(false);
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let walked = Walk { is_found: &is_found }.deserialize(&mut deserializer);
    // Finding some ends the walk early, so its own result says nothing more.
    drop(walked);
    is_found.get()
}

#[derive(Clone, Copy)]
struct Walk<'w> {
    is_found: &'w Cell<bool>,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
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
                self.is_found.set(true);
                return Err(serde::de::Error::custom("two members of one name"));
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
    use super::has_twins;

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
