//! Secrets: named in the configuration, and given by the environment of the VM (`vmConfig.env` of a WasmPlugin), so that
//! none stands in a manifest or in Envoy's configuration dump.

use std::fmt;

use crate::Json;

use super::{
    issue::{ConfigErrors, Issue, IssueKind, Segment},
    keys::{Key, Value, about},
    reader::{Issues, Reader},
    values::Refusal,
};

/// The keys of `secrets`.
pub(super) const KEYS: &[Key] = &[Key {
    name: "cache",
    value: Value::Secret,
    default: None,
    about: about(
        "What workers seal with that they share (`cache.shared`; `callout.breaker` and `revocation.snapshot` wherever there is \
            this key): 32 bytes or more, which other plugins must not have.",
    ),
}];

/// A secret. Its `Debug` tells its name alone.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret {
    variable: String,
    path: Vec<Segment>,
    /// Absent until the environment has been looked at.
    value: Option<Vec<u8>>,
}

/// What a key of HMAC with SHA-256 has at least (RFC 7518, section 3.2).
const SHORTEST: usize = 32;

impl Secret {
    /// The secret under `key`: `{env: NAME}`.
    pub(super) fn read(of: &Reader<'_>, key: &'static str, issues: &mut Issues) -> Option<Self> {
        let variable = of.optional(key, issues, |json| match json {
            Json::Object(members) => match members.as_slice() {
                [(name, Json::String(variable))] if name == "env" && is_name(variable) => Ok(variable.clone()),
                _ => Err(Refusal::not_allowed("the object", "`env` alone, with a name of letters, digits and `_`")),
            },
            other => Err(Refusal::wrong_type("`{env: NAME}`", other)),
        })?;
        Some(Self { variable, path: of.below(&[key, "env"]), value: None })
    }

    /// Takes it from the environment.
    pub(super) fn fill(&mut self, environment: impl Fn(&str) -> Option<String>) -> Result<(), ConfigErrors> {
        let found = environment(&self.variable).map(String::into_bytes);
        let allowed = match &found {
            Some(value) if value.len() >= SHORTEST => {
                self.value = found;
                return Ok(());
            }
            Some(_) => "a variable with 32 bytes or more",
            None => "a variable that the VM's environment has (`vmConfig.env`)",
        };
        let kind = IssueKind::NotAllowed { value: self.variable.clone(), allowed: allowed.to_owned() };
        Err(ConfigErrors::new(vec![Issue { path: self.path.clone(), kind }]))
    }

    /// The secret itself.
    pub(crate) fn value(&self) -> Option<&[u8]> {
        self.value.as_deref()
    }

    #[cfg(test)]
    pub(crate) fn of(value: &[u8]) -> Self {
        Self { variable: "A".to_owned(), path: Vec::new(), value: Some(value.to_vec()) }
    }
}

/// A name of an environment variable (POSIX, section 8.1), in either case.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("variable", &self.variable).finish_non_exhaustive()
    }
}
