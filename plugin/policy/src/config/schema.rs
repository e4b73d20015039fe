//! The JSON Schema of the configuration, for editors and the reference page.

use std::time::Duration;

use serde_json::{Map, Value as JsonValue, json};

use super::keys::{Key, LONGEST_LIST, ROOT, Value};

/// The JSON Schema (draft 2020-12) of the configuration in its strict reading.
///
/// Whatever the plugin accepts with `compat: strict` fits it, but for keys that are null: those count as absent. The
/// plugin refuses more than it says, such as paths that are no plain prefixes.
#[must_use]
pub fn schema() -> JsonValue {
    let mut schema = object(ROOT);
    schema.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
    schema.insert("title".to_owned(), "gwauthz plugin configuration".into());
    JsonValue::Object(schema)
}

fn object(keys: &[Key]) -> Map<String, JsonValue> {
    let properties: Map<_, _> = keys.iter().map(|key| (key.name.to_owned(), property(key).into())).collect();
    members([("type", "object".into()), ("properties", properties.into()), ("additionalProperties", false.into())])
}

fn property(key: &Key) -> Map<String, JsonValue> {
    let mut schema = value(&key.value);
    schema.insert("description".to_owned(), key.about.into());
    if let Some(default) = key.default.and_then(|text| serde_json::from_str(text).ok()) {
        schema.insert("default".to_owned(), default);
    }
    schema
}

fn value(value: &Value) -> Map<String, JsonValue> {
    match value {
        Value::Text { pattern } => members([("type", "string".into()), ("pattern", (*pattern).into())]),
        Value::Word(words) => members([("enum", json!(words))]),
        Value::Duration(range) => {
            let number = members([
                ("type", "integer".into()),
                ("minimum", milliseconds(*range.start()).into()),
                ("maximum", milliseconds(*range.end()).into()),
            ]);
            let text = members([("type", "string".into()), ("pattern", "^[0-9]+(ms|s|m|h)$".into())]);
            members([("anyOf", json!([number, text]))])
        }
        Value::Whole(range) => members([
            ("type", "integer".into()),
            ("minimum", (*range.start()).into()),
            ("maximum", (*range.end()).into()),
        ]),
        Value::Fraction => members([("type", "number".into()), ("minimum", 0.into()), ("maximum", 1.into())]),
        Value::Secret => members([
            ("type", "object".into()),
            ("properties", json!({"env": {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}})),
            ("required", json!(["env"])),
            ("additionalProperties", false.into()),
        ]),
        Value::Flag => members([("type", "boolean".into())]),
        Value::Any => members([("type", "object".into())]),
        Value::Scalar => members([("type", json!(["string", "number", "boolean"]))]),
        Value::NonEmpty(of) => {
            let mut list = self::value(&Value::List(of));
            list.extend(members([("minItems", 1.into()), ("maxItems", LONGEST_LIST.into())]));
            list
        }
        Value::List(of) => members([("type", "array".into()), ("items", self::value(of).into())]),
        Value::Object(keys) => object(keys),
        Value::Texts { names, pattern } => members([
            ("type", "object".into()),
            ("propertyNames", json!({"pattern": names})),
            ("additionalProperties", self::value(&Value::Text { pattern }).into()),
            ("minProperties", 1.into()),
            ("maxProperties", LONGEST_LIST.into()),
        ]),
        Value::Map(keys) => members([
            ("type", "object".into()),
            ("additionalProperties", object(keys).into()),
            ("minProperties", 1.into()),
            ("maxProperties", LONGEST_LIST.into()),
        ]),
    }
}

fn members<const N: usize>(members: [(&str, JsonValue); N]) -> Map<String, JsonValue> {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;
    use serde_json::{Value as JsonValue, json};

    use super::{Key, LONGEST_LIST, ROOT, Value, milliseconds};
    use crate::Config;

    /// Values at the edges of what is allowed, and beyond, as JSON.
    fn edges(value: &Value) -> (Vec<String>, Vec<String>) {
        match value {
            // What texts are allowed the reader knows better than their pattern.
            Value::Text { .. } => (Vec::new(), vec!["7".to_owned(), "\"\"".to_owned()]),
            Value::Word(words) => {
                let quoted = words.iter().map(|word| format!("\"{word}\""));
                (quoted.collect(), vec!["\"other\"".to_owned(), "7".to_owned()])
            }
            Value::Duration(range) => {
                let (least, most) = (milliseconds(*range.start()), milliseconds(*range.end()));
                let allowed = vec![least.to_string(), most.to_string(), format!("\"{most}ms\"")];
                (allowed, vec![(most + 1).to_string(), format!("\"-{least}ms\""), "\"1 s\"".to_owned()])
            }
            Value::Whole(range) => {
                let allowed = vec![range.start().to_string(), range.end().to_string()];
                (allowed, vec![(range.start() - 1).to_string(), (range.end() + 1).to_string(), "\"7\"".to_owned()])
            }
            Value::Fraction => {
                (["0", "0.01", "1"].map(str::to_owned).into(), ["-0.01", "1.01", "\"0.5\""].map(str::to_owned).into())
            }
            Value::Secret => (
                vec![r#"{"env": "A"}"#.to_owned()],
                ["{}", r#"{"env": "A", "value": "b"}"#, r#"{"env": "1"}"#, r#"{"env": 7}"#, "\"A\""]
                    .map(str::to_owned)
                    .into(),
            ),
            Value::Any => (Vec::new(), vec!["7".to_owned()]),
            Value::Flag => (vec!["true".to_owned(), "false".to_owned()], vec!["\"true\"".to_owned()]),
            Value::Scalar => {
                (vec!["\"a\"".to_owned(), "0.5".to_owned(), "true".to_owned()], vec!["[]".to_owned(), "{}".to_owned()])
            }
            // Which keys go together the reader knows.
            Value::List(of @ Value::Object(_)) => {
                (Vec::new(), edges(of).1.into_iter().map(|item| format!("[{item}]")).collect())
            }
            Value::NonEmpty(of) => {
                let (allowed, mut refused) = edges(&Value::List(of));
                let (empty, mut allowed): (Vec<_>, Vec<_>) = allowed.into_iter().partition(|list| list == "[]");
                if let Some(item) = edges(of).0.first() {
                    let list = |length| format!("[{}]", vec![item.as_str(); length].join(","));
                    allowed.push(list(LONGEST_LIST));
                    refused.push(list(LONGEST_LIST + 1));
                }
                refused.extend(empty);
                (allowed, refused)
            }
            Value::List(of) => {
                let (allowed, refused) = edges(of);
                let list = |items: Vec<String>| items.into_iter().map(|item| format!("[{item}]"));
                (list(allowed).chain(["[]".to_owned()]).collect(), list(refused).chain(["7".to_owned()]).collect())
            }
            Value::Texts { .. } => {
                let refused = ["[]", "{}", r#"{"a name": "a"}"#, r#"{"a": 7}"#, r#"{"a": ""}"#];
                (vec![r#"{"a": "b"}"#.to_owned()], refused.map(str::to_owned).into())
            }
            Value::Map(keys) => {
                let named = |object| format!("{{\"a name\": {object}}}");
                (
                    Vec::new(),
                    edges(&Value::Object(keys))
                        .1
                        .into_iter()
                        .map(named)
                        .chain(["[]".to_owned(), "{}".to_owned()])
                        .collect(),
                )
            }
            Value::Object(keys) => {
                let (allowed, refused): (Vec<_>, Vec<_>) = keys.iter().map(with).unzip();
                let allowed = allowed.into_iter().flatten().chain(["{}".to_owned()]);
                let refused = refused.into_iter().flatten();
                (allowed.collect(), refused.chain(["[]".to_owned(), r#"{"no such key": 1}"#.to_owned()]).collect())
            }
        }
    }

    /// Objects with one key.
    fn with(key: &Key) -> (Vec<String>, Vec<String>) {
        let (allowed, refused) = edges(&key.value);
        let object = |values: Vec<String>| values.into_iter().map(|value| format!("{{\"{}\": {value}}}", key.name));
        (object(allowed).collect(), object(refused).collect())
    }

    /// Whether a configuration is accepted, which is given what it needs beside.
    fn is_accepted(text: &str) -> bool {
        let mut json: JsonValue = serde_json::from_str(text).unwrap();
        if let Some(members) = json.as_object_mut() {
            members.entry("cluster").or_insert("c".into());
            if let Some(observability) = members.get_mut("observability").and_then(JsonValue::as_object_mut)
                && observability.get("identifiers").is_some_and(|told| told == "hmac")
            {
                observability.insert("hmacKey".to_owned(), json!({"env": "A"}));
            }
            if members.get("cache").is_some_and(|cache| cache.get("shared").is_some() || cache.get("entries").is_some())
            {
                members.insert("secrets".to_owned(), json!({"cache": {"env": "A"}}));
                let cache = members.get_mut("cache").and_then(JsonValue::as_object_mut).unwrap();
                cache.insert("denyTtl".to_owned(), 1.into());
                cache.entry("shared").or_insert(true.into());
            }
            if members.get("cache").is_some_and(|cache| cache.get("staleFor").is_some()) {
                members.entry("onError").or_insert("staleThenDeny".into());
            }
            if members.get("onError").is_some_and(|word| word == "staleThenDeny") {
                let cache = members.entry("cache").or_insert(json!({})).as_object_mut().unwrap();
                cache.entry("allowTtl").or_insert(1.into());
                cache.entry("staleFor").or_insert(1.into());
            }
            if let Some(snapshot) = members.get_mut("revocation").and_then(|revocation| revocation.get_mut("snapshot"))
            {
                revocations(snapshot);
            }
            if members.contains_key("revocation") || members.contains_key("onError") {
                members
                    .entry("issuers")
                    .or_insert(json!([{"issuer": "i", "audiences": ["a"], "jwks": {"cluster": "c"}}]));
            }
        }
        Config::from_slice(json.to_string().as_bytes()).is_ok()
    }

    /// A snapshot with a cluster, and with the one of two times that goes with the other.
    fn revocations(snapshot: &mut JsonValue) {
        let Some(members) = snapshot.as_object_mut() else { return };
        members.entry("cluster").or_insert("c".into());
        if members.contains_key("every") {
            members.entry("maxStale").or_insert("24h".into());
        } else {
            members.entry("every").or_insert("1s".into());
        }
    }

    #[test]
    fn the_schema_has_the_bounds_of_the_reader() {
        let (allowed, refused) = edges(&Value::Object(ROOT));
        assert!(allowed.len() > 10 && refused.len() > 10);
        for object in allowed {
            assert!(is_accepted(&object), "{object}");
        }
        for object in refused {
            assert!(!is_accepted(&object), "{object}");
        }
    }

    /// The keys of texts, those of lists of texts among them, with their patterns.
    fn texts() -> Vec<(&'static str, &'static str, bool)> {
        let text = |key: &'static Key| match &key.value {
            Value::Text { pattern } => Some((key.name, *pattern, false)),
            Value::List(Value::Text { pattern }) => Some((key.name, *pattern, true)),
            _ => None,
        };
        ROOT.iter().filter_map(text).collect()
    }

    proptest! {
        #[test]
        fn a_text_that_is_accepted_fits_its_pattern(text in r"[/a.]{0,5}[%;:?#\\ \x00-\x7f]{0,2}[/a]{0,3}") {
            for (name, pattern, is_list) in texts() {
                let value = if is_list { json!([text]) } else { json!(text) };
                if is_accepted(&json!({name: value, "callout": {"authority": "a"}}).to_string()) {
                    prop_assert!(Regex::new(pattern).unwrap().is_match(&text), "{} {:?}", name, text);
                }
            }
        }
    }
}
