//! JSON as it stands in the text: members in order, duplicates kept, so that nothing can hide behind a second key.

use std::{collections::BinaryHeap, fmt};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use thiserror::Error;

/// A JSON value (RFC 8259) that keeps the order of members and their duplicates.
///
/// Nesting is bounded by the parser (128 levels).
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// Any number.
    Number(serde_json::Number),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Json>),
    /// An object: its members in the order of the text, duplicates included.
    Object(Vec<(String, Json)>),
}

/// As many names are compared each with each more quickly than they are sorted.
const FEW: usize = 16;

impl Json {
    /// Parses a whole JSON text.
    ///
    /// # Errors
    /// Whatever is not exactly one JSON value, with its line and column.
    pub fn parse(text: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(text)
    }

    /// What kind of value this is, with its article, for error messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    /// How much memory it takes beyond its own size, in bytes.
    #[must_use]
    pub fn heap_size(&self) -> usize {
        match self {
            Self::Null | Self::Bool(_) | Self::Number(_) => 0,
            Self::String(text) => text.capacity(),
            Self::Array(items) => {
                items.capacity() * size_of::<Self>() + items.iter().map(Self::heap_size).sum::<usize>()
            }
            Self::Object(members) => size_of_members(members),
        }
    }

    /// The object that this is, if its members are unique.
    ///
    /// # Errors
    /// Any other value; an object in which a name stands twice.
    pub fn into_object(self) -> Result<Object, NotAnObject> {
        let Self::Object(members) = self else { return Err(NotAnObject::OtherKind(self.kind())) };
        let is_unique = if members.len() <= FEW {
            let behind = |place| members.iter().skip(place + 1);
            members.iter().enumerate().all(|(place, (name, _))| behind(place).all(|(other, _)| other != name))
        } else {
            // A heap sorts in less code than a sort does.
            let names = members.iter().map(|(name, _)| name).collect::<BinaryHeap<_>>().into_sorted_vec();
            names.windows(2).all(|pair| pair.first() != pair.last())
        };
        if is_unique { Ok(Object(members)) } else { Err(NotAnObject::DuplicateMember) }
    }
}

/// A JSON object whose members are unique, as those of headers, claims and keys have to be (RFC 7515, section 4; RFC
/// 7517, section 4; RFC 7519, section 4).
#[derive(Clone, Debug, PartialEq)]
pub struct Object(Vec<(String, Json)>);

impl Object {
    /// The value of the member `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// As [`Json::heap_size`].
    #[must_use]
    pub fn heap_size(&self) -> usize {
        size_of_members(&self.0)
    }
}

fn size_of_members(members: &Vec<(String, Json)>) -> usize {
    let content = members.iter().map(|(name, value)| name.capacity() + value.heap_size());
    members.capacity() * size_of::<(String, Json)>() + content.sum::<usize>()
}

/// Why a value is no [`Object`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotAnObject {
    /// Another kind of value.
    #[error("expected an object, found {0}")]
    OtherKind(&'static str),
    /// A name stands twice.
    #[error("a member stands twice")]
    DuplicateMember,
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(serde_json::Number::from_f64(value).map_or(Json::Null, Json::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element()? {
            array.push(item);
        }
        Ok(Json::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut object = Vec::new();
        while let Some(member) = members.next_entry()? {
            object.push(member);
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::{FEW, Json, NotAnObject};

    #[test]
    fn duplicates_and_order_survive() {
        let json = Json::parse(br#"{"b":1,"a":null,"b":"x"}"#).unwrap();
        let Json::Object(members) = json else { panic!("not an object") };
        assert_eq!(members.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["b", "a", "b"]);
    }

    #[test]
    fn an_object_has_unique_members() {
        let object = |text: &[u8]| Json::parse(text).unwrap().into_object();
        assert_eq!(object(br#"{"a":1,"A":2}"#).unwrap().get("A"), Some(&Json::Number(2.into())));
        assert_eq!(object(br#"{"a":1,"b":2,"\u0061":3}"#), Err(NotAnObject::DuplicateMember));
        assert_eq!(object(b"[]"), Err(NotAnObject::OtherKind("a list")));
        for count in [FEW, FEW + 1, 10 * FEW] {
            let with = |last: usize| {
                let names = (1..count).chain([last]).map(|name| format!("\"{name}\":0")).collect::<Vec<_>>();
                object(format!("{{{}}}", names.join(",")).as_bytes()).map(|_| ())
            };
            assert_eq!(with(0), Ok(()));
            for twice in [1, count / 2, count - 1] {
                assert_eq!(with(twice), Err(NotAnObject::DuplicateMember), "{count} {twice}");
            }
        }
    }

    #[test]
    fn the_memory_of_a_value_is_told() {
        let size = |text: &str| Json::parse(text.as_bytes()).unwrap().heap_size();
        assert_eq!(["null", "true", "1e3"].map(size), [0; 3]);
        assert!((4..=64).contains(&size(r#""abcd""#)));
        let one = size_of::<Json>();
        for (text, least) in [("[0,0]", 2 * one), (r#"{"ab":[[]]}"#, 2 + 2 * one)] {
            assert!((least..=8 * least).contains(&size(text)), "{text}: {}", size(text));
        }
    }

    #[test]
    fn a_depth_bomb_is_an_error() {
        assert!(Json::parse("[".repeat(100_000).as_bytes()).is_err());
    }
}
