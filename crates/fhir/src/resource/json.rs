//! JSON text to a value in one pass, with duplicate keys and nesting watched: serde alone keeps the last of
//! two equal keys in silence, and two readers of one record must never see two different values.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value, map::Entry};

use super::RESOURCE_DEPTH_MAX;
use crate::{
    Problem, ProblemKind, ResourceType,
    validate::{PROBLEMS_MAX, place::Place},
};

pub(super) fn parse(text: &str) -> Result<Value, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let seed = ValueSeed { place: &Place::Root(""), depth: 0, problems: &mut problems };
    let parsed = seed.deserialize(&mut deserializer).and_then(|value| deserializer.end().map(|()| value));
    match parsed {
        Ok(value) if problems.is_empty() => Ok(value),
        Ok(value) => Err(rooted(problems, &value)),
        Err(error) => {
            let message = format!("not JSON: {error}");
            Err(vec![Problem::new("Resource", ProblemKind::Structure, message)])
        }
    }
}

pub(super) fn too_deep(path: String) -> Problem {
    let message = format!("objects and arrays nest at most {RESOURCE_DEPTH_MAX} levels deep");
    Problem::new(path, ProblemKind::TooCostly, message)
}

/// Puts the type of the resource, which is known only now, before the paths.
fn rooted(mut problems: Vec<Problem>, value: &Value) -> Vec<Problem> {
    let name = value.get("resourceType").and_then(Value::as_str);
    let root = name.and_then(ResourceType::from_name).map_or("Resource", ResourceType::name);
    for problem in &mut problems {
        problem.path.insert_str(0, root);
    }
    problems
}

struct ValueSeed<'a> {
    place: &'a Place<'a>,
    /// Objects and arrays around this value.
    depth: usize,
    problems: &'a mut Vec<Problem>,
}

impl ValueSeed<'_> {
    fn report(&mut self, problem: Problem) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        }
    }

    fn is_too_deep(&mut self) -> bool {
        let is_too_deep = self.depth >= RESOURCE_DEPTH_MAX;
        if is_too_deep {
            self.report(too_deep(self.place.to_string()));
        }
        is_too_deep
    }
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut access: A) -> Result<Value, A::Error> {
        if self.is_too_deep() {
            while access.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Value::Null);
        }
        let mut items = Vec::new();
        loop {
            let place = Place::Item(self.place, items.len());
            let seed = ValueSeed { place: &place, depth: self.depth + 1, problems: self.problems };
            match access.next_element_seed(seed)? {
                Some(item) => items.push(item),
                None => return Ok(Value::Array(items)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut access: A) -> Result<Value, A::Error> {
        if self.is_too_deep() {
            while access.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(Value::Null);
        }
        let mut members = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            let place = Place::Member(self.place, &name);
            let seed = ValueSeed { place: &place, depth: self.depth + 1, problems: self.problems };
            let value = access.next_value_seed(seed)?;
            match members.entry(name) {
                Entry::Vacant(entry) => {
                    entry.insert(value);
                }
                Entry::Occupied(entry) => {
                    let path = Place::Member(self.place, entry.key()).to_string();
                    self.report(Problem::new(path, ProblemKind::Structure, "the key appears twice"));
                }
            }
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::{RESOURCE_DEPTH_MAX, parse};
    use crate::{Problem, ProblemKind};

    fn refused(text: &str) -> Vec<(String, ProblemKind)> {
        let problems = parse(text).expect_err("the text is refused");
        problems.into_iter().map(|Problem { path, kind, .. }| (path, kind)).collect()
    }

    #[test]
    fn every_duplicate_key_is_reported_with_its_path() {
        let text = r#"{"resourceType":"Patient","name":[{"family":"A"},{"family":"B","family":"C"}],
            "contact":[{"name":{"text":"x","text":"y"}}],"id":"1","\u0069d":"2"}"#;
        assert_eq!(
            refused(text),
            [
                ("Patient.name[1].family".to_owned(), ProblemKind::Structure),
                ("Patient.contact[0].name.text".to_owned(), ProblemKind::Structure),
                ("Patient.id".to_owned(), ProblemKind::Structure),
            ]
        );
    }

    #[test]
    fn text_that_is_not_json_is_one_problem_with_line_and_column() {
        let problems = parse("{\"resourceType\":\n \"Patient\",}").expect_err("refused");
        assert_eq!(problems.len(), 1);
        assert!(problems[0].message.contains("line 2 column 12"), "{}", problems[0].message);
        for text in ["", "{", "nul", "{} {}", "[1,]", "\"\u{1}\"", "{\"a\":1e999}", "{'a':1}", "NaN"] {
            assert_eq!(refused(text), [("Resource".to_owned(), ProblemKind::Structure)], "{text}");
        }
    }

    #[test]
    fn nesting_is_allowed_to_the_limit_and_refused_beyond() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(&nested(RESOURCE_DEPTH_MAX)).is_ok());
        assert_eq!(refused(&nested(RESOURCE_DEPTH_MAX + 1)).len(), 1);
        let far_beyond = nested(100_000);
        let problems = refused(&far_beyond);
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].1, ProblemKind::TooCostly);
    }
}
