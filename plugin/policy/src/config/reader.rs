//! Reads an object of the configuration key by key, so that each error knows its place and every error is found.

use std::time::Duration;

use crate::{Json, config::Compat};

use super::{
    issue::{Issue, IssueKind, Segment},
    keys::{Key, LONGEST_LIST, Value},
    values::{Refusal, duration, string, whole_in},
};

/// One object of the configuration while it is read.
pub(super) struct Reader<'a> {
    members: &'a [(String, Json)],
    keys: &'static [Key],
    path: Vec<Segment>,
    compat: Compat,
}

/// Where the issues of one reading go: errors refuse the configuration, warnings do not.
#[derive(Default)]
pub(super) struct Issues {
    pub(super) errors: Vec<Issue>,
    pub(super) warnings: Vec<Issue>,
}

impl<'a> Reader<'a> {
    /// Starts on `json`, which must be an object with these keys.
    pub(super) fn new(
        json: &'a Json,
        keys: &'static [Key],
        path: Vec<Segment>,
        compat: Compat,
        issues: &mut Issues,
    ) -> Self {
        let members = match json {
            Json::Object(members) => members.as_slice(),
            other => {
                let kind = IssueKind::WrongType { expected: "an object", found: other.kind() };
                issues.errors.push(Issue { path: path.clone(), kind });
                &[]
            }
        };
        Self { members, keys, path, compat }
    }

    /// The value of `key` through `read`; `None` where it is absent, null or wrong (then `issues` says so).
    ///
    /// `read` answers with the issue and the steps below the key that lead to it.
    pub(super) fn optional<T>(
        &self,
        key: &'static str,
        issues: &mut Issues,
        read: impl FnOnce(&'a Json) -> Result<T, Refusal>,
    ) -> Option<T> {
        let (written, value) = self.find(key, issues)?;
        match read(value) {
            Ok(value) => Some(value),
            Err(refusal) => {
                self.refuse(written, refusal, issues);
                None
            }
        }
    }

    /// Likewise, of a key that there has to be.
    pub(super) fn required<T>(
        &self,
        key: &'static str,
        expected: &'static str,
        issues: &mut Issues,
        read: impl FnOnce(&'a Json) -> Result<T, Refusal>,
    ) -> Option<T> {
        let errors = issues.errors.len();
        let value = self.optional(key, issues, read);
        if value.is_none() && issues.errors.len() == errors {
            self.missing(&[key], expected, issues);
        }
        value
    }

    /// The object under `key`, to be read on.
    pub(super) fn object(&self, key: &'static str, issues: &mut Issues) -> Option<Reader<'a>> {
        let (written, value) = self.find(key, issues)?;
        let Some(Value::Object(keys)) = self.allowed(key) else { return None };
        Some(Reader::new(value, keys, self.child(written), self.compat, issues))
    }

    /// The objects of the list under `key`, to be read on.
    pub(super) fn objects(&self, key: &'static str, issues: &mut Issues) -> Option<Vec<Reader<'a>>> {
        let (written, value) = self.find(key, issues)?;
        let Some(Value::List(Value::Object(keys))) = self.allowed(key) else { return None };
        let Json::Array(items) = value else {
            self.refuse(key, Refusal::wrong_type("a list of objects", value), issues);
            return None;
        };
        let path = |index| self.child(written).into_iter().chain([Segment::Index(index)]).collect();
        let objects = items.iter().enumerate();
        Some(objects.map(|(index, item)| Reader::new(item, keys, path(index), self.compat, issues)).collect())
    }

    /// The objects of the map under `key`, by their names, to be read on.
    pub(super) fn named(&self, key: &'static str, issues: &mut Issues) -> Option<Vec<(&'a str, Reader<'a>)>> {
        let Some(Value::Map(keys)) = self.allowed(key) else { return None };
        let members = self.map(key, issues)?;
        Some(
            members
                .into_iter()
                .map(|(name, path, value)| (name, Reader::new(value, keys, path, self.compat, issues)))
                .collect(),
        )
    }

    /// The texts of the map under `key` through `read`, which gets the name and the value.
    pub(super) fn texts<T>(
        &self,
        key: &'static str,
        issues: &mut Issues,
        read: impl Fn(&'a str, &'a Json) -> Result<T, Refusal>,
    ) -> Vec<T> {
        let mut texts = Vec::new();
        for (name, mut path, value) in self.map(key, issues).into_iter().flatten() {
            match read(name, value) {
                Ok(text) => texts.push(text),
                Err(refusal) => {
                    path.extend(refusal.below);
                    issues.errors.push(Issue { path, kind: refusal.kind });
                }
            }
        }
        texts
    }

    /// The members of the map under `key`, each once, with their places.
    fn map(&self, key: &'static str, issues: &mut Issues) -> Option<Vec<(&'a str, Vec<Segment>, &'a Json)>> {
        let (written, value) = self.find(key, issues)?;
        let Json::Object(members) = value else {
            self.refuse(written, Refusal::wrong_type("an object", value), issues);
            return None;
        };
        if !(1..=LONGEST_LIST).contains(&members.len()) {
            self.refuse(written, Refusal::length(members.len()), issues);
            return None;
        }
        let mut named: Vec<(&str, Vec<Segment>, &Json)> = Vec::new();
        for (name, value) in members {
            let path = self.child(written).into_iter().chain([Segment::Key(name.clone())]).collect();
            if named.iter().any(|(other, ..)| other == name) {
                issues.errors.push(Issue { path, kind: IssueKind::DuplicateKey });
            } else {
                named.push((name, path, value));
            }
        }
        Some(named)
    }

    /// The same object, in which mistakes are errors whatever `compat` says.
    pub(super) fn strict(self) -> Self {
        Self { compat: Compat::Strict, ..self }
    }

    /// Whether what is under `key` is to be.
    pub(super) fn flag(&self, key: &'static str, issues: &mut Issues) -> Option<bool> {
        self.optional(key, issues, |json| match json {
            Json::Bool(flag) => Ok(*flag),
            other => Err(Refusal::wrong_type("true or false", other)),
        })
    }

    /// The span of time under `key`.
    pub(super) fn duration(&self, key: &'static str, issues: &mut Issues) -> Option<Duration> {
        let Some(Value::Duration(range)) = self.allowed(key) else { return None };
        self.optional(key, issues, |json| duration(json, range))
    }

    /// The whole number under `key`.
    pub(super) fn whole(&self, key: &'static str, issues: &mut Issues) -> Option<u64> {
        let Some(Value::Whole(range)) = self.allowed(key) else { return None };
        self.optional(key, issues, |json| whole_in(json, range))
    }

    /// The same, where it is a small one.
    pub(super) fn small(&self, key: &'static str, issues: &mut Issues) -> Option<u32> {
        self.whole(key, issues).and_then(|number| u32::try_from(number).ok())
    }

    /// The part of one under `key`.
    pub(super) fn fraction(&self, key: &'static str, issues: &mut Issues) -> Option<f64> {
        self.optional(key, issues, |json| {
            let Json::Number(number) = json else { return Err(Refusal::wrong_type("a number", json)) };
            let part = number.as_f64().filter(|part| (0.0..=1.0).contains(part));
            part.ok_or_else(|| Refusal::not_allowed(number, "a number from 0 to 1"))
        })
    }

    /// What the word under `key` stands for.
    pub(super) fn word<T: Copy>(
        &self,
        key: &'static str,
        words: &[(&'static str, T)],
        issues: &mut Issues,
    ) -> Option<T> {
        let mut meant = None;
        self.meant(key, issues, &mut |text| {
            meant = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
            meant.is_some()
        });
        meant
    }

    /// Has `understand` look at the word under `key`. Apart from [`Self::word`], whose copies it keeps small.
    fn meant(&self, key: &'static str, issues: &mut Issues, understand: &mut dyn FnMut(&str) -> bool) {
        let Some(Value::Word(words)) = self.allowed(key) else { return };
        self.optional(key, issues, |json| {
            let text = string(json)?;
            if understand(text) {
                return Ok(());
            }
            let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
            Err(Refusal::not_allowed(text, words.join(" or ")))
        });
    }

    /// Reports what is wrong with the value of `key`.
    pub(super) fn refuse(&self, key: &str, refusal: Refusal, issues: &mut Issues) {
        let path = self.child(key).into_iter().chain(refusal.below).collect();
        issues.errors.push(Issue { path, kind: refusal.kind });
    }

    /// Reports what is wrong with the object as a whole.
    pub(super) fn refuse_whole(&self, refusal: Refusal, issues: &mut Issues) {
        issues.errors.push(Issue { path: self.path.clone(), kind: refusal.kind });
    }

    /// Reports the value that `keys` lead to as missing.
    pub(super) fn missing(&self, keys: &[&'static str], expected: &'static str, issues: &mut Issues) {
        issues.errors.push(Issue { path: self.below(keys), kind: IssueKind::Missing { expected } });
    }

    /// Warns of the value that `keys` lead to.
    pub(super) fn warn(&self, keys: &[&'static str], kind: IssueKind, issues: &mut Issues) {
        issues.warnings.push(Issue { path: self.below(keys), kind });
    }

    pub(super) fn below(&self, keys: &[&'static str]) -> Vec<Segment> {
        let keys = keys.iter().map(|key| Segment::Key((*key).to_owned()));
        self.path.iter().cloned().chain(keys).collect()
    }

    /// Reports the keys that there are not: errors, or warnings where the original ignored them.
    pub(super) fn finish(&self, issues: &mut Issues) {
        for (key, _) in self.members {
            if self.keys.iter().any(|known| self.matches(key, known.name)) {
                continue;
            }
            let issue =
                Issue { path: self.child(key), kind: IssueKind::UnknownKey { nearest: nearest(key, self.keys) } };
            match self.compat {
                Compat::Strict => issues.errors.push(issue),
                Compat::Seed => issues.warnings.push(issue),
            }
        }
    }

    /// The last member called `key`, as the original reads it; in strict mode a second one is an error.
    fn find(&self, key: &'static str, issues: &mut Issues) -> Option<(&'a str, &'a Json)> {
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

    /// What the value of `key` may be.
    fn allowed(&self, key: &str) -> Option<&'static Value> {
        self.keys.iter().find(|known| known.name == key).map(|known| &known.value)
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

/// The known key that `key` most likely means: equal but for case, or at most two edits away.
fn nearest(key: &str, known: &[Key]) -> Option<&'static str> {
    // Longer keys are no near miss of ours; the distance takes quadratic time.
    if key.len() > 64 {
        return None;
    }
    let key = key.to_ascii_lowercase();
    known
        .iter()
        .map(|known| (strsim::osa_distance(&key, &known.name.to_ascii_lowercase()), known.name))
        .filter(|(distance, known)| *distance <= 2 && *distance < known.len() / 2)
        .min()
        .map(|(_, known)| known)
}
