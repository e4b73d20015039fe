//! Reads an object of the configuration key by key, so that each error knows its place and every error is found.

use crate::{Json, config::Compat};

use super::issue::{Issue, IssueKind, Segment};

/// One object of the configuration while it is read.
pub(super) struct Reader<'a> {
    members: &'a [(String, Json)],
    path: Vec<Segment>,
    compat: Compat,
    known: Vec<&'static str>,
}

/// Where the issues of one reading go: errors refuse the configuration, warnings do not.
#[derive(Default)]
pub(super) struct Issues {
    pub(super) errors: Vec<Issue>,
    pub(super) warnings: Vec<Issue>,
}

/// The longest part of a refused value that an error repeats, in characters.
const SHOWN: usize = 80;

impl<'a> Reader<'a> {
    /// Starts on `json`, which must be an object.
    pub(super) fn new(json: &'a Json, path: Vec<Segment>, compat: Compat, issues: &mut Issues) -> Self {
        let members = match json {
            Json::Object(members) => members.as_slice(),
            other => {
                let kind = IssueKind::WrongType { expected: "an object", found: other.kind() };
                issues.errors.push(Issue { path: path.clone(), kind });
                &[]
            }
        };
        Self { members, path, compat, known: Vec::new() }
    }

    /// The value of `key` through `read`; `None` where it is absent, null or wrong (then `issues` says so).
    ///
    /// `read` answers with the issue and the steps below the key that lead to it.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        issues: &mut Issues,
        read: impl FnOnce(&'a Json) -> Result<T, Refusal>,
    ) -> Option<T> {
        let (written, value) = self.find(key, issues)?;
        match read(value) {
            Ok(value) => Some(value),
            Err(refusal) => {
                let mut path = self.child(written);
                path.extend(refusal.below);
                issues.errors.push(Issue { path, kind: refusal.kind });
                None
            }
        }
    }

    /// The object under `key`, to be read on.
    pub(super) fn object(&mut self, key: &'static str, issues: &mut Issues) -> Option<Reader<'a>> {
        let (written, value) = self.find(key, issues)?;
        Some(Reader::new(value, self.child(written), self.compat, issues))
    }

    /// Reports the value that `keys` lead to as missing.
    pub(super) fn missing(&self, keys: &[&'static str], expected: &'static str, issues: &mut Issues) {
        let keys = keys.iter().map(|key| Segment::Key((*key).to_owned()));
        let path = self.path.iter().cloned().chain(keys).collect();
        issues.errors.push(Issue { path, kind: IssueKind::Missing { expected } });
    }

    /// Reports the keys that nobody asked for: errors, or warnings where the original ignored them.
    pub(super) fn finish(self, issues: &mut Issues) {
        for (key, _) in self.members {
            if self.known.iter().any(|known| self.matches(key, known)) {
                continue;
            }
            let issue =
                Issue { path: self.child(key), kind: IssueKind::UnknownKey { nearest: nearest(key, &self.known) } };
            match self.compat {
                Compat::Strict => issues.errors.push(issue),
                Compat::Seed => issues.warnings.push(issue),
            }
        }
    }

    /// The last member called `key`, as the original reads it; in strict mode a second one is an error.
    fn find(&mut self, key: &'static str, issues: &mut Issues) -> Option<(&'a str, &'a Json)> {
        self.known.push(key);
        let mut found: Option<(&'a str, &'a Json)> = None;
        for (written, value) in self.members {
            if !self.matches(written, key) {
                continue;
            }
            if found.is_some() && self.compat == Compat::Strict {
                issues.errors.push(Issue { path: self.child(key), kind: IssueKind::DuplicateKey });
            }
            // `null` leaves a Go field as it was, so an earlier value stays.
            if *value != Json::Null {
                found = Some((written, value));
            }
        }
        found
    }

    fn matches(&self, written: &str, key: &str) -> bool {
        match self.compat {
            Compat::Strict => written == key,
            Compat::Seed => written.eq_ignore_ascii_case(key),
        }
    }

    fn child(&self, key: &str) -> Vec<Segment> {
        let mut path = self.path.clone();
        path.push(Segment::Key(key.to_owned()));
        path
    }
}

/// Why a value is refused, and where below its key.
pub(super) struct Refusal {
    below: Vec<Segment>,
    kind: IssueKind,
}

impl Refusal {
    pub(super) fn wrong_type(expected: &'static str, found: &Json) -> Self {
        Self { below: Vec::new(), kind: IssueKind::WrongType { expected, found: found.kind() } }
    }

    pub(super) fn not_allowed(value: impl ToString, allowed: impl Into<String>) -> Self {
        let value = value.to_string();
        let mut shown: String = value.chars().take(SHOWN).flat_map(char::escape_debug).collect();
        if value.chars().nth(SHOWN).is_some() {
            shown.push('…');
        }
        Self { below: Vec::new(), kind: IssueKind::NotAllowed { value: shown, allowed: allowed.into() } }
    }

    /// The same refusal, of element `index` of a list.
    pub(super) fn at(mut self, index: usize) -> Self {
        self.below.insert(0, Segment::Index(index));
        self
    }
}

/// A string.
pub(super) fn string(json: &Json) -> Result<&str, Refusal> {
    match json {
        Json::String(text) => Ok(text),
        other => Err(Refusal::wrong_type("a string", other)),
    }
}

/// A whole number from 0; `2000.0` is one too, since a protobuf `Struct` carries every number as a double.
pub(super) fn whole(json: &Json, expected: &'static str) -> Result<u64, Refusal> {
    let Json::Number(number) = json else { return Err(Refusal::wrong_type(expected, json)) };
    let integral =
        |value: f64| (value.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&value)).then_some(value);
    number
        .as_u64()
        // The bounds above make the conversion exact.
        .or_else(|| number.as_f64().and_then(integral).map(|value| value as u64))
        .ok_or_else(|| Refusal::not_allowed(number, expected))
}

/// One of the named values.
pub(super) fn one_of<T: Copy>(json: &Json, values: &[(&'static str, T)]) -> Result<T, Refusal> {
    let text = string(json)?;
    values.iter().find(|(name, _)| *name == text).map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<_> = values.iter().map(|(name, _)| format!("`{name}`")).collect();
        Refusal::not_allowed(text, names.join(" or "))
    })
}

/// The known key that `key` most likely means: equal but for case, or at most two edits away.
fn nearest(key: &str, known: &[&'static str]) -> Option<&'static str> {
    // Longer keys are no near miss of ours; the distance takes quadratic time.
    if key.len() > 64 {
        return None;
    }
    let key = key.to_ascii_lowercase();
    known
        .iter()
        .map(|known| (strsim::osa_distance(&key, &known.to_ascii_lowercase()), *known))
        .filter(|(distance, known)| *distance <= 2 && *distance < known.len() / 2)
        .min()
        .map(|(_, known)| known)
}
