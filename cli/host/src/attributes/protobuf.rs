//! As much of the protobuf wire format as attributes need: messages that are metadata or a node are written.

use super::{Attribute, AttributeValue, Metadata};

/// A message by its fields, those without a value included.
#[derive(Clone, Debug)]
pub(crate) struct Message(pub(super) Vec<(u32, &'static str, Field)>);

/// What a field of a message holds.
#[derive(Clone, Debug)]
pub(crate) enum Field {
    Text(String),
    /// A `google.protobuf.Struct`.
    Struct(Metadata),
    /// A map from names to Structs.
    Structs(Metadata),
    Message(Message),
}

impl Message {
    /// `envoy.config.core.v3.Metadata`.
    pub(super) fn metadata(metadata: &Metadata) -> Self {
        Self(vec![(1, "filter_metadata", Field::Structs(metadata.clone()))])
    }

    /// The wire format; fields with their default are left out.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut wire = Vec::new();
        for (number, _, field) in &self.0 {
            let bytes = match field {
                Field::Text(text) => text.as_bytes().to_vec(),
                Field::Struct(map) => encode_struct(map),
                Field::Structs(map) => {
                    for (name, value) in map {
                        put(&mut wire, *number, &entry(name, &as_struct(value)));
                    }
                    continue;
                }
                Field::Message(message) => message.encode(),
            };
            if !bytes.is_empty() {
                put(&mut wire, *number, &bytes);
            }
        }
        wire
    }

    /// A field by its name.
    pub(super) fn member(self, name: &[u8]) -> Option<Attribute> {
        let (_, _, field) = self.0.into_iter().find(|(_, of, _)| of.as_bytes() == name)?;
        Some(match field {
            Field::Text(text) => Attribute::Value(AttributeValue::Bytes(text.into_bytes())),
            Field::Struct(map) | Field::Structs(map) => Attribute::Value(AttributeValue::Map(map)),
            Field::Message(message) => Attribute::Message(message),
        })
    }
}

/// The fields of a Struct are one map, from names to values.
fn encode_struct(map: &Metadata) -> Vec<u8> {
    let mut wire = Vec::new();
    for (key, value) in map {
        put(&mut wire, 1, &entry(key, &encode_value(value)));
    }
    wire
}

/// A value of a Struct; one that is no map counts as an empty Struct.
fn as_struct(value: &AttributeValue) -> Vec<u8> {
    match value {
        AttributeValue::Map(map) => encode_struct(map),
        _ => Vec::new(),
    }
}

/// `google.protobuf.Value`.
fn encode_value(value: &AttributeValue) -> Vec<u8> {
    let mut wire = Vec::new();
    match value {
        #[expect(clippy::cast_precision_loss, reason = "all numbers of a Struct are doubles")]
        AttributeValue::Integer(number) => put_double(&mut wire, *number as f64),
        AttributeValue::Double(number) => put_double(&mut wire, *number),
        AttributeValue::Bytes(text) => put(&mut wire, 3, text),
        AttributeValue::Boolean(truth) => wire.extend([4 << 3, u8::from(*truth)]),
        AttributeValue::Map(map) => put(&mut wire, 5, &encode_struct(map)),
        AttributeValue::List(list) => {
            let mut values = Vec::new();
            list.iter().for_each(|value| put(&mut values, 1, &encode_value(value)));
            put(&mut wire, 6, &values);
        }
    }
    wire
}

fn entry(key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    put(&mut wire, 1, key);
    put(&mut wire, 2, value);
    wire
}

fn put_double(wire: &mut Vec<u8>, number: f64) {
    wire.push(2 << 3 | 1);
    wire.extend(number.to_le_bytes());
}

/// A field of bytes.
fn put(wire: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    put_number(wire, u64::from(number) << 3 | 2);
    put_number(wire, bytes.len() as u64);
    wire.extend(bytes);
}

fn put_number(wire: &mut Vec<u8>, mut number: u64) {
    while let Ok(byte @ 0x80..) = u8::try_from(number & 0x7f | u64::from(number > 0x7f) << 7) {
        wire.push(byte);
        number >>= 7;
    }
    wire.push(u8::try_from(number).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::Message;
    use crate::AttributeValue;

    #[test]
    fn metadata_is_written_as_protobuf_writes_it() {
        let host: AttributeValue = [("name", "n".into()), ("host", "h".into())].into_iter().collect();
        let istio: AttributeValue = [("services", AttributeValue::List(vec![host]))].into_iter().collect();
        let message = Message::metadata(&[(b"istio".to_vec(), istio)].into());
        let expected = b"\x0a\x37\x0a\x05istio\x12\x2e\x0a\x2c\x0a\x08services\x12\x20\x32\x1e\x0a\x1c\x2a\x1a\
            \x0a\x0b\x0a\x04host\x12\x03\x1a\x01h\x0a\x0b\x0a\x04name\x12\x03\x1a\x01n";
        assert_eq!(message.encode(), expected);
    }
}
