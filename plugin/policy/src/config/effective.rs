//! The configuration as it is in force: every key of the schema that is set or has a default, in the schema's order.

use std::collections::BinaryHeap;

use sha2::{Digest as _, Sha256};

use crate::Json;

use super::{
    Compat,
    keys::{Key, ROOT, Value},
};

/// The configuration in force, for the log and for what compares gateways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// As JSON. What could hold a secret, such as keys that were pasted into a JWK Set, is left blank.
    pub text: String,
    /// The SHA-256 of what is not the default, secrets included: the same whatever the order of keys, and whether defaults
    /// are written out.
    pub digest: [u8; 32],
}

/// What stands in the place of what is not told.
const BLANK: &str = "\"…\"";

impl Effective {
    #[inline(never)]
    pub(super) fn new(json: &Json, compat: Compat) -> Self {
        let write = |is_for_log| {
            let mut writer = Writer { text: String::with_capacity(512), compat, is_for_log };
            writer.object(json, ROOT);
            writer.text
        };
        Self { text: write(true), digest: Sha256::digest(write(false)).into() }
    }

    /// The first 48 bits of the digest.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.digest.iter().take(6).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

struct Writer {
    text: String,
    compat: Compat,
    /// With defaults, and without what could be secret.
    is_for_log: bool,
}

impl Writer {
    fn value(&mut self, json: &Json, value: &Value) {
        match (value, json) {
            (Value::Object(keys), _) => self.object(json, keys),
            (Value::List(of) | Value::NonEmpty(of), Json::Array(items)) => {
                self.list(items, &|writer, item| writer.value(item, of));
            }
            (Value::Map(keys), Json::Object(members)) => {
                self.members(members, &|writer, member| writer.object(member, keys));
            }
            (Value::Any, _) if self.is_for_log => self.text += BLANK,
            _ => self.json(json),
        }
    }

    fn object(&mut self, json: &Json, keys: &[Key]) {
        let members = if let Json::Object(members) = json { members.as_slice() } else { &[] };
        self.text.push('{');
        let start = self.text.len();
        for key in keys {
            let before = self.text.len();
            if before > start {
                self.text.push(',');
            }
            self.text += "\"";
            self.text += key.name;
            self.text += "\":";
            let told = self.text.len();
            match (find(members, key.name, self.compat), key.default, &key.value) {
                (Some(json), default, _) => {
                    self.value(json, &key.value);
                    if !self.is_for_log && default.is_some_and(|default| self.is_written(told, default, &key.value)) {
                        self.text.truncate(before);
                    }
                }
                // No default has a space in a text.
                (None, Some(default), _) if self.is_for_log => self.text.extend(default.split(' ')),
                (None, None, Value::Object(keys)) => self.object(&Json::Null, keys),
                (None, ..) => self.text.truncate(before),
            }
            if matches!(key.value, Value::Object(_)) && self.text.get(told..) == Some("{}") {
                self.text.truncate(before);
            }
        }
        self.text.push('}');
    }

    /// Whether what is written from `start` is this default of a key.
    fn is_written(&self, start: usize, default: &str, value: &Value) -> bool {
        let mut writer = Self { text: String::new(), ..*self };
        if let Ok(json) = Json::parse(default.as_bytes()) {
            writer.value(&json, value);
        }
        self.text.get(start..) == Some(writer.text.as_str())
    }

    fn json(&mut self, json: &Json) {
        match json {
            Json::Null => self.text += "null",
            Json::Bool(flag) => self.text += if *flag { "true" } else { "false" },
            Json::Number(number) => self.text += &number.to_string(),
            Json::String(text) => self.string(text),
            Json::Array(items) => self.list(items, &Self::json),
            Json::Object(members) => self.members(members, &Self::json),
        }
    }

    /// Members whose names are the user's, in the order of the names.
    fn members(&mut self, members: &[(String, Json)], write: &dyn Fn(&mut Self, &Json)) {
        let names = members.iter().map(|(name, _)| name).collect::<BinaryHeap<_>>().into_sorted_vec();
        self.text.push('{');
        for (position, name) in names.iter().enumerate() {
            if position > 0 {
                self.text.push(',');
            }
            self.string(name);
            self.text.push(':');
            let last = members.iter().rfind(|(written, _)| written == *name);
            write(self, last.map_or(&Json::Null, |(_, json)| json));
        }
        self.text.push('}');
    }

    fn list(&mut self, items: &[Json], write: &dyn Fn(&mut Self, &Json)) {
        self.text.push('[');
        for (position, item) in items.iter().enumerate() {
            if position > 0 {
                self.text.push(',');
            }
            write(self, item);
        }
        self.text.push(']');
    }

    fn string(&mut self, text: &str) {
        self.text.push('"');
        crate::json::escape_into(text, &mut self.text);
        self.text.push('"');
    }
}

/// What is read of `members` for a key.
fn find<'a>(members: &'a [(String, Json)], name: &str, compat: Compat) -> Option<&'a Json> {
    let is_called = |written: &str| match compat {
        Compat::Strict => written == name,
        Compat::Seed => written.eq_ignore_ascii_case(name),
    };
    members.iter().rfind(|(written, value)| is_called(written) && *value != Json::Null).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::Effective;
    use crate::{Config, Json};

    fn effective(text: &str) -> Effective {
        Config::from_slice(text.as_bytes()).unwrap().effective
    }

    #[test]
    fn defaults_are_told_and_keys_are_not() {
        let keys = r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#;
        let text = format!(
            r#"{{"rules":[{{"match":{{"methods":["GET"]}},"auth":"none"}}],"issuers":[{{"issuer":"a\nb","audiences":["é"],"jwks":{{"inline":{keys}}}}}]}}"#
        );
        let told = Json::parse(text.as_bytes()).map(|json| Effective::new(&json, super::Compat::Strict).text).unwrap();
        assert!(Json::parse(told.as_bytes()).is_ok(), "{told}");
        for part in [
            r#""timeout":2000"#,
            r#""tokens":{"sources":[{"header":"authorization","scheme":"Bearer"}],"maxBytes":8192,"#,
            r#""issuers":[{"issuer":"a\u000ab","audiences":["é"],"jwks":{"inline":"…""#,
            r#""rules":[{"match":{"methods":["GET"]},"auth":"none"}]"#,
        ] {
            assert!(told.contains(part), "{part} {told}");
        }
        assert!(!told.contains("c2VjcmV0") && !told.contains('\n') && !told.contains("\"cluster\""), "{told}");
    }

    #[test]
    fn the_digest_is_that_of_what_is_in_force() {
        let digest = |text| effective(text).digest;
        let one = digest(r#"{"cluster":"c","bypassPaths":["/a"]}"#);
        assert_eq!(
            one,
            digest(
                r#" {"bypassPaths": ["/a"], "timeout": 2000, "cluster": "c", "callout": {}, "tokens": {"maxBytes": 8192, "sources": [{"scheme":"Bearer","header":"authorization"}]}} "#
            )
        );
        assert_ne!(one, digest(r#"{"cluster":"c","bypassPaths":["/a/b"]}"#));
        let seed = r#"{"compat":"seed","Cluster":"c"}"#;
        assert_eq!(digest(seed), digest(r#"{"compat":"seed","cluster":"c","x":1}"#));
        assert!(effective(seed).number() < 1 << 48 && effective(seed).number() > 0);
    }
}
