//! The documents that a service serves, read without a copy of their ids.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::{
    MAX_BYTES, MAX_ENTRIES, MAX_WHOLE, Snapshot, SnapshotError, VERSION,
    filter::Filter,
    snapshot::{Entries, Entry},
};

/// What a service serves.
#[derive(Clone, Debug)]
pub enum Document {
    /// All that is revoked.
    Full(Snapshot),
    /// What has been revoked since.
    Delta(Delta),
}

/// What has been revoked since a snapshot.
#[derive(Clone)]
pub struct Delta {
    pub(super) base: u64,
    pub(super) sequence: u64,
    pub(super) issued_at: u64,
    pub(super) entries: Entries,
}

impl Document {
    /// Reads a reply's body, which is kept where it is a filter.
    ///
    /// `confirmable`: whether a service can be asked about the hits of a filter.
    ///
    /// # Errors
    /// See [`SnapshotError`].
    pub fn parse(body: Vec<u8>, confirmable: bool) -> Result<Self, SnapshotError> {
        if body.len() > MAX_BYTES {
            return Err(SnapshotError::TooLong);
        }
        let (filter, text) = Filter::split(body)?;
        if !(confirmable || filter.is_empty()) {
            return Err(SnapshotError::UnconfirmableFilter);
        }
        let members: Members = serde_json::from_slice(&text)
            .map_err(|error| SnapshotError::Format { line: error.line(), column: error.column() })?;
        match members.version {
            Some(VERSION) => {}
            Some(other) => return Err(SnapshotError::Version(other)),
            None => return Err(SnapshotError::Missing("version")),
        }
        let sequence = members.sequence.ok_or(SnapshotError::Missing("sequence"))?;
        let issued_at = members.issued_at.ok_or(SnapshotError::Missing("issuedAt"))?;
        let entries = Entries::new(members.entries, members.subjects == Some(true));
        match members.base {
            None => Ok(Self::Full(Snapshot { sequence, issued_at, entries, filter })),
            Some(_) if !filter.is_empty() => Err(SnapshotError::Filter),
            Some(base) if base > sequence => Err(SnapshotError::Backwards),
            Some(base) => Ok(Self::Delta(Delta { base, sequence, issued_at, entries })),
        }
    }
}

/// How large it is; nothing of what it lists.
impl fmt::Debug for Delta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delta")
            .field("base", &self.base)
            .field("sequence", &self.sequence)
            .field("issued_at", &self.issued_at)
            .field("len", &self.entries.len())
            .finish()
    }
}

/// The members of a document. An unknown one may say what this version would have to know, so that it is refused.
#[derive(Default)]
struct Members {
    version: Option<u64>,
    sequence: Option<u64>,
    issued_at: Option<u64>,
    base: Option<u64>,
    entries: Vec<Entry>,
    /// Whether there are ids or subjects, if their lists are there.
    ids: Option<bool>,
    subjects: Option<bool>,
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a document")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Members, A::Error> {
        let mut read = Members::default();
        while let Some(name) = members.next_key::<String>()? {
            match name.as_str() {
                "version" => whole(&mut read.version, &mut members)?,
                "sequence" => whole(&mut read.sequence, &mut members)?,
                "issuedAt" => whole(&mut read.issued_at, &mut members)?,
                "base" => whole(&mut read.base, &mut members)?,
                "ids" => {
                    let some = members.next_value_seed(List { of: Kind::Id, into: &mut read.entries })?;
                    once(&mut read.ids, some)?;
                }
                "subjects" => {
                    let some = members.next_value_seed(List { of: Kind::Subject, into: &mut read.entries })?;
                    once(&mut read.subjects, some)?;
                }
                _ => return Err(A::Error::custom("unknown member")),
            }
        }
        Ok(read)
    }
}

/// What an entry is about.
#[derive(Clone, Copy)]
enum Kind {
    Id,
    Subject,
}

/// A list of entries; its value is whether there are any.
struct List<'a> {
    of: Kind,
    into: &'a mut Vec<Entry>,
}

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<bool, A::Error> {
        let mut some = false;
        while let Some(entry) = items.next_element_seed(self.of)? {
            if self.into.len() == MAX_ENTRIES {
                return Err(A::Error::custom("too many entries"));
            }
            self.into.push(entry);
            some = true;
        }
        Ok(some)
    }
}

impl<'de> DeserializeSeed<'de> for Kind {
    type Value = Entry;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Entry, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Kind {
    type Value = Entry;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an entry")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Entry, A::Error> {
        let (mut id, mut issuer, mut subject) = (None, None, None);
        let (mut issued_before, mut expires) = (None, None);
        while let Some(name) = members.next_key::<String>()? {
            match (self, name.as_str()) {
                (Self::Id, "id") => text(&mut id, &mut members)?,
                (Self::Subject, "iss") => text(&mut issuer, &mut members)?,
                (Self::Subject, "sub") => text(&mut subject, &mut members)?,
                (Self::Subject, "issuedBefore") => whole(&mut issued_before, &mut members)?,
                (_, "exp") => whole(&mut expires, &mut members)?,
                _ => return Err(A::Error::custom("unknown member")),
            }
        }
        let entry = match self {
            Self::Id => id.map(|id| Entry::id(&id, expires)),
            Self::Subject => match (issuer, subject, issued_before) {
                (Some(issuer), Some(subject), Some(before)) => Some(Entry::subject(&issuer, &subject, before, expires)),
                _ => None,
            },
        };
        entry.ok_or_else(|| A::Error::custom("missing member"))
    }
}

/// Reads a whole number up to [`MAX_WHOLE`].
fn whole<'de, A: MapAccess<'de>>(slot: &mut Option<u64>, members: &mut A) -> Result<(), A::Error> {
    match members.next_value()? {
        number if number <= MAX_WHOLE => once(slot, number),
        _ => Err(A::Error::custom("too large a number")),
    }
}

/// Reads a text that is not empty.
fn text<'de, A: MapAccess<'de>>(slot: &mut Option<String>, members: &mut A) -> Result<(), A::Error> {
    let text: String = members.next_value()?;
    if text.is_empty() { Err(A::Error::custom("an empty text")) } else { once(slot, text) }
}

/// A member that stands twice means two things.
fn once<T, E: serde::de::Error>(slot: &mut Option<T>, value: T) -> Result<(), E> {
    if slot.replace(value).is_some() { Err(E::custom("a member stands twice")) } else { Ok(()) }
}
