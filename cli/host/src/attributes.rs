//! Envoy's attributes: what a plugin can learn of its stream and of the gateway around it, with the types that Envoy
//! gives them and in the bytes that it serializes them to.

mod protobuf;
mod stream;
mod surroundings;
mod table;

use std::collections::BTreeMap;

use crate::{abi::Status, headers};

pub use surroundings::{Certificate, Connection, Direction, Listener, Node, Route, Surroundings, Tls, Upstream};

pub(crate) use stream::{ResponseFacts, StreamInfo};
pub(crate) use table::View;

use protobuf::Message;

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum AttributeValue {
    /// Text or bytes, which travel as they are.
    Bytes(Vec<u8>),
    /// A number, or a time or a duration in nanoseconds: 8 bytes, little-endian.
    Integer(i64),
    /// A number of metadata: 8 bytes, little-endian (IEEE 754).
    Double(f64),
    /// One byte, 0 or 1.
    Boolean(bool),
    /// Pairs of a serialized element and nothing, in the form of header maps.
    List(Vec<Self>),
    /// Pairs of a key and a serialized value, in the form of header maps. Envoy's order is that of a hash table; here the
    /// keys are sorted.
    Map(BTreeMap<Vec<u8>, Self>),
}

/// Metadata: a map of values for each name of a filter.
pub type Metadata = BTreeMap<Vec<u8>, AttributeValue>;

/// What a path, or the beginning of one, leads to.
#[derive(Debug)]
pub(crate) enum Attribute {
    Value(AttributeValue),
    Message(Message),
    /// A map whose keys have no case.
    Headers(Metadata),
    /// It has members and no bytes of its own.
    Group(Group),
    /// A message that is not there, though its name is.
    Absent,
}

/// The attributes whose name begins with one word.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Group {
    Request,
    Response,
    Connection,
    Source,
    Destination,
    Upstream,
    FilterState,
    UpstreamFilterState,
    Xds,
}

impl View<'_> {
    /// The serialized value at a path, whose segments are separated by NUL.
    pub(crate) fn property(&self, path: &[u8]) -> Result<Vec<u8>, Status> {
        // Some SDKs end every segment with a NUL.
        let whole = path.strip_suffix(b"\0").unwrap_or(path);
        if let Some(value) = self.surroundings.properties.get(whole) {
            return Ok(value.serialize());
        }
        let mut segments = whole.split(|byte| *byte == 0);
        // Envoy finds no value at no path at all, and fails to serialize that.
        let first = segments.next().filter(|_| !path.is_empty()).ok_or(Status::SerializationFailure)?;
        let mut attribute = self.root(first).ok_or(Status::NotFound)?;
        for segment in segments {
            attribute = self.member(attribute, segment).ok_or(Status::NotFound)?;
        }
        match attribute {
            Attribute::Value(value) => Ok(value.serialize()),
            Attribute::Headers(map) => Ok(AttributeValue::Map(map).serialize()),
            Attribute::Message(message) => Ok(message.encode()),
            Attribute::Group(_) | Attribute::Absent => Err(Status::SerializationFailure),
        }
    }

    fn member(&self, of: Attribute, name: &[u8]) -> Option<Attribute> {
        match of {
            Attribute::Group(group) => self.member_of_group(group, name),
            Attribute::Message(message) => message.member(name),
            Attribute::Headers(mut map) => map.remove(name.to_ascii_lowercase().as_slice()).map(Attribute::Value),
            Attribute::Value(AttributeValue::Map(mut map)) => map.remove(name).map(Attribute::Value),
            Attribute::Value(AttributeValue::List(list)) => {
                let index: usize = std::str::from_utf8(name).ok()?.parse().ok()?;
                list.into_iter().nth(index).map(Attribute::Value)
            }
            Attribute::Value(_) | Attribute::Absent => None,
        }
    }
}

impl AttributeValue {
    /// The bytes that a plugin gets.
    fn serialize(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            Self::Integer(number) => number.to_le_bytes().to_vec(),
            Self::Double(number) => number.to_le_bytes().to_vec(),
            Self::Boolean(truth) => vec![u8::from(*truth)],
            Self::List(list) => {
                let pairs: Vec<_> = list.iter().map(|value| (value.serialize(), Vec::new())).collect();
                headers::encode(&pairs)
            }
            Self::Map(map) => {
                let pairs: Vec<_> = map.iter().map(|(key, value)| (key.clone(), value.serialize())).collect();
                headers::encode(&pairs)
            }
        }
    }
}

impl From<&str> for AttributeValue {
    fn from(text: &str) -> Self {
        Self::Bytes(text.as_bytes().to_vec())
    }
}

impl From<&[u8]> for AttributeValue {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<i64> for AttributeValue {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<f64> for AttributeValue {
    fn from(number: f64) -> Self {
        Self::Double(number)
    }
}

impl From<bool> for AttributeValue {
    fn from(truth: bool) -> Self {
        Self::Boolean(truth)
    }
}

impl<K: AsRef<[u8]>> FromIterator<(K, Self)> for AttributeValue {
    fn from_iter<I: IntoIterator<Item = (K, Self)>>(pairs: I) -> Self {
        Self::Map(pairs.into_iter().map(|(key, value)| (key.as_ref().to_vec(), value)).collect())
    }
}
