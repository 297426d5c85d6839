//! Changing members of a JSON object and keeping the text of all others: a round trip through a value
//! would lose decimals' zeros.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeMap};
use serde_json::value::{RawValue, to_raw_value};

/// A JSON object whose members keep their text and order.
#[derive(Debug, Default)]
pub struct RawObject {
    members: Vec<(String, Box<RawValue>)>,
}

impl RawObject {
    /// Reads an object.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The text of a member.
    pub fn get(&self, name: &str) -> Option<&RawValue> {
        self.members.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// The items of a member that is a list; none where it is absent.
    pub fn items(&self, name: &str) -> Result<Vec<Box<RawValue>>, serde_json::Error> {
        self.get(name).map_or_else(|| Ok(Vec::new()), |list| serde_json::from_str(list.get()))
    }

    /// Sets a member: in its place where it is there, else at the end.
    pub fn set(&mut self, name: &str, value: &impl Serialize) -> Result<(), serde_json::Error> {
        let value = to_raw_value(value)?;
        match self.members.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = value,
            None => self.members.push((name.to_owned(), value)),
        }
        Ok(())
    }

    /// Takes a member out.
    pub fn remove(&mut self, name: &str) {
        self.members.retain(|(known, _)| known != name);
    }

    /// The object as JSON text.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

impl Serialize for RawObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.members.len()))?;
        for (name, value) in &self.members {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for RawObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RawObjectVisitor)
    }
}

struct RawObjectVisitor;

impl<'de> de::Visitor<'de> for RawObjectVisitor {
    type Value = RawObject;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<RawObject, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(RawObject { members })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_changed_keeps_its_text() {
        let text = r#"{"a":{"n":1.00},"b":[1.50,{"x": 2}],"c":"\u00e9"}"#;
        let mut object = RawObject::parse(text).unwrap();
        object.set("a", &true).unwrap();
        object.set("d", &object.items("b").unwrap()).unwrap();
        object.remove("c");
        assert_eq!(object.to_text().unwrap(), r#"{"a":true,"b":[1.50,{"x": 2}],"d":[1.50,{"x": 2}]}"#);
        assert!(object.items("absent").unwrap().is_empty());
        assert!(RawObject::parse("[]").is_err());
    }
}
