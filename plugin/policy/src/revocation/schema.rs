//! The JSON Schema of the documents, for who serves them.

use serde_json::{Value, json};

use super::{MAX_ENTRIES, MAX_WHOLE, VERSION};

/// The JSON Schema (draft 2020-12) of a document: a snapshot, or a delta.
///
/// The plugin takes what fits it, up to its bounds: numbers are written without fraction and exponent, members stand
/// once, `base` is at most `sequence`, and ids and subjects together are no more than either list may hold.
#[must_use]
pub fn schema() -> Value {
    let text = |about: &str| json!({"type": "string", "minLength": 1, "description": about});
    let whole = |about: &str| json!({"type": "integer", "minimum": 0, "maximum": MAX_WHOLE, "description": about});
    let seconds = |about: &str| whole(&format!("{about}, in seconds since 1970-01-01T00:00:00Z."));
    let expires =
        || seconds("When the last token that this revokes expires: after that it may be forgotten. Default: never");
    let list = |about: &str, required: &[&str], properties: Value| {
        json!({
            "type": "array",
            "maxItems": MAX_ENTRIES,
            "description": about,
            "items": {"type": "object", "required": required, "properties": properties, "additionalProperties": false},
        })
    };
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "gwauthz revocation snapshot",
        "type": "object",
        "required": ["version", "sequence", "issuedAt"],
        "properties": {
            "version": {"const": VERSION, "description": "The version of the format."},
            "sequence": whole("The number of this state: higher than those before it, also after a restart of the service."),
            "issuedAt": seconds("When the service made the document, by its clock. Its age counts from then"),
            "base": whole("Of a delta: the sequence of the snapshot that it adds to. Absent in a whole snapshot."),
            "ids": list(
                "Ids of tokens that are revoked, and of parents whose tokens are.",
                &["id"],
                json!({"id": text("What stands in the claim, such as `jti`."), "exp": expires()}),
            ),
            "subjects": list(
                "Subjects whose tokens are revoked up to a moment.",
                &["iss", "sub", "issuedBefore"],
                json!({
                    "iss": text("The issuer of the tokens."),
                    "sub": text("Their subject."),
                    "issuedBefore": seconds("Tokens whose `iat` is earlier are revoked"),
                    "exp": expires(),
                }),
            ),
        },
        "additionalProperties": false,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::schema;
    use crate::revocation::{Document, SnapshotError};

    /// A document with every member of the schema in it.
    fn full() -> Value {
        json!({
            "version": 1, "sequence": 9, "issuedAt": 1, "base": 7,
            "ids": [{"id": "a", "exp": 1}],
            "subjects": [{"iss": "a", "sub": "b", "issuedBefore": 1, "exp": 1}],
        })
    }

    fn read(document: &Value) -> Result<Document, SnapshotError> {
        Document::parse(document.to_string().into_bytes(), false)
    }

    /// Tries what `schema` says of the part of [`full`] that `pointer` leads to.
    fn hold(schema: &Value, pointer: &str) -> usize {
        let with = |value: Value| {
            let mut document = full();
            *document.pointer_mut(pointer).unwrap() = value;
            read(&document)
        };
        let has = |value: Value| assert!(with(value.clone()).is_ok(), "{pointer}: {value}");
        let lacks = |value: Value| assert!(with(value.clone()).is_err(), "{pointer}: {value}");
        lacks(Value::Null);
        let mut tried = 1;
        match schema["type"].as_str() {
            Some("object") => {
                let object = full().pointer(pointer).unwrap().as_object().unwrap().clone();
                let properties = schema["properties"].as_object().unwrap();
                assert!(object.keys().eq(properties.keys()), "{pointer}");
                assert_eq!(schema["additionalProperties"], false);
                lacks(json!([]));
                let mut other = object.clone();
                other.insert("other".to_owned(), json!(1));
                lacks(other.into());
                for (name, property) in properties {
                    let mut without = object.clone();
                    without.remove(name);
                    let required = schema["required"].as_array().unwrap().contains(&json!(name));
                    if required {
                        lacks(without.into())
                    } else {
                        has(without.into())
                    }
                    tried += hold(property, &format!("{pointer}/{name}"));
                }
            }
            Some("array") => {
                has(json!([]));
                lacks(json!({}));
                tried += hold(&schema["items"], &format!("{pointer}/0"));
            }
            Some("integer") => {
                assert_eq!(schema["minimum"], 0);
                [json!(-1), json!(0.5), json!("1"), json!(true)].into_iter().for_each(lacks);
                let most = schema["maximum"].as_u64().unwrap();
                lacks(json!(most + 1));
                // 0 and 2^53 - 1 on the side of `base <= sequence` that holds.
                has(json!(if pointer == "/base" { 0 } else { most }));
            }
            Some("string") => {
                lacks(json!(""));
                lacks(json!(1));
                has(json!("é"));
            }
            _ => {
                assert_eq!(schema["const"], 1, "{pointer}");
                assert_eq!(with(json!(2)).unwrap_err(), SnapshotError::Version(2));
            }
        }
        tried
    }

    #[test]
    fn the_schema_is_what_is_read() {
        assert!(matches!(read(&full()), Ok(Document::Delta(_))));
        assert_eq!(hold(&schema(), ""), 1 + 4 + 2 * 2 + 2 + 4);
    }
}
