//! The JSON of a document, read entry by entry: memory goes to entries alone, whatever the text is.
//!
//! One visitor reads it all and makes no errors of its own, since serde's carry the machinery of their messages into the
//! module: a value that does not belong where it stands ends the reading, and is remembered.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{MAX_ENTRIES, MAX_WHOLE, SnapshotError, snapshot::Entry};

/// The members of a document.
#[derive(Default)]
pub(super) struct Members {
    pub(super) version: Option<u64>,
    pub(super) sequence: Option<u64>,
    pub(super) issued_at: Option<u64>,
    pub(super) base: Option<u64>,
    pub(super) entries: Vec<Entry>,
    pub(super) has_subjects: bool,
}

/// Reads a document, whatever its version and whatever is missing.
pub(super) fn read(text: &[u8]) -> Result<Members, SnapshotError> {
    let mut reading = Reading::default();
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let read = Value { of: Place::Document, reading: &mut reading }.deserialize(&mut deserializer);
    let read = read.and_then(|_| deserializer.end());
    match (reading.error, read) {
        (Some(error), _) => Err(error),
        (None, Err(error)) => Err(SnapshotError::Syntax { line: error.line(), column: error.column() }),
        (None, Ok(())) => Ok(reading.members),
    }
}

/// What a value is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Document,
    Version,
    Sequence,
    IssuedAt,
    Base,
    Ids,
    Subjects,
    /// An element of `ids`.
    IdEntry,
    /// An element of `subjects`.
    SubjectEntry,
    Id,
    Issuer,
    Subject,
    IssuedBefore,
    Expires,
}

impl Place {
    /// What the member `name` is. An unknown one may say what this version would have to know: it is refused.
    fn member(self, name: &str) -> Option<Self> {
        Some(match (self, name) {
            (Self::Document, "version") => Self::Version,
            (Self::Document, "sequence") => Self::Sequence,
            (Self::Document, "issuedAt") => Self::IssuedAt,
            (Self::Document, "base") => Self::Base,
            (Self::Document, "ids") => Self::Ids,
            (Self::Document, "subjects") => Self::Subjects,
            (Self::IdEntry, "id") => Self::Id,
            (Self::SubjectEntry, "iss") => Self::Issuer,
            (Self::SubjectEntry, "sub") => Self::Subject,
            (Self::SubjectEntry, "issuedBefore") => Self::IssuedBefore,
            (Self::IdEntry | Self::SubjectEntry, "exp") => Self::Expires,
            _ => return None,
        })
    }
}

/// What has been read.
#[derive(Default)]
struct Reading {
    members: Members,
    has_ids: Option<()>,
    has_subjects: Option<()>,
    entry: Parts,
    error: Option<SnapshotError>,
}

/// The members of one entry.
#[derive(Default)]
struct Parts {
    /// Of an id, or the subject.
    id: Option<String>,
    issuer: Option<String>,
    issued_before: Option<u64>,
    expires: Option<u64>,
}

/// A value as far as it is not in [`Reading`].
enum Read {
    Number(u64),
    Text(String),
    /// A whole list or object.
    Whole,
    /// Something that stands nowhere.
    Nothing,
}

impl Reading {
    /// Takes the value of a member; `None` where it is not what it has to be, or stands there already.
    fn take(&mut self, place: Place, value: Read) -> Option<()> {
        let number = match place {
            Place::Version => &mut self.members.version,
            Place::Sequence => &mut self.members.sequence,
            Place::IssuedAt => &mut self.members.issued_at,
            Place::Base => &mut self.members.base,
            Place::IssuedBefore => &mut self.entry.issued_before,
            Place::Expires => &mut self.entry.expires,
            Place::Id | Place::Subject | Place::Issuer => {
                let text = if place == Place::Issuer { &mut self.entry.issuer } else { &mut self.entry.id };
                return match value {
                    Read::Text(value) if !value.is_empty() => once(text, value),
                    _ => None,
                };
            }
            Place::Ids | Place::Subjects => {
                let list = if place == Place::Ids { &mut self.has_ids } else { &mut self.has_subjects };
                return if matches!(value, Read::Whole) { once(list, ()) } else { None };
            }
            Place::Document | Place::IdEntry | Place::SubjectEntry => return None,
        };
        match value {
            Read::Number(value) if value <= MAX_WHOLE => once(number, value),
            _ => None,
        }
    }

    /// Adds the entry whose members have been read.
    fn add(&mut self, place: Place) -> Option<()> {
        let Parts { id, issuer, issued_before, expires } = std::mem::take(&mut self.entry);
        let entry = match place {
            Place::IdEntry => Entry::id(&id?, expires),
            _ => Entry::subject(&issuer?, &id?, issued_before?, expires),
        };
        self.members.has_subjects |= place == Place::SubjectEntry;
        self.members.entries.push(entry);
        Some(())
    }

    fn refuse(&mut self, place: Place) {
        let index = self.members.entries.len();
        self.error.get_or_insert(match place {
            Place::IdEntry | Place::SubjectEntry if index == MAX_ENTRIES => SnapshotError::TooManyEntries,
            Place::IdEntry | Place::SubjectEntry => SnapshotError::Entry(index),
            Place::Id | Place::Issuer | Place::Subject | Place::IssuedBefore | Place::Expires => {
                SnapshotError::Entry(index)
            }
            _ => SnapshotError::Member,
        });
    }
}

/// A member that stands twice means two things.
fn once<T>(slot: &mut Option<T>, value: T) -> Option<()> {
    slot.replace(value).is_none().then_some(())
}

/// A value that is being read.
struct Value<'a> {
    of: Place,
    reading: &'a mut Reading,
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = Read;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Read, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = Read;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Read, E> {
        self.nothing()
    }

    fn visit_bool<E>(self, _: bool) -> Result<Read, E> {
        self.nothing()
    }

    fn visit_i64<E>(self, _: i64) -> Result<Read, E> {
        self.nothing()
    }

    fn visit_f64<E>(self, _: f64) -> Result<Read, E> {
        self.nothing()
    }

    fn visit_u64<E>(self, value: u64) -> Result<Read, E> {
        match self.of {
            Place::Document | Place::IdEntry | Place::SubjectEntry => self.nothing(),
            _ => Ok(Read::Number(value)),
        }
    }

    fn visit_str<E>(self, value: &str) -> Result<Read, E> {
        match self.of {
            Place::Id | Place::Issuer | Place::Subject => Ok(Read::Text(value.to_owned())),
            _ => self.nothing(),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Read, A::Error> {
        let of = match self.of {
            Place::Ids => Place::IdEntry,
            Place::Subjects => Place::SubjectEntry,
            _ => return self.nothing(),
        };
        while let Some(read) = items.next_element_seed(Value { of, reading: &mut *self.reading })? {
            if !matches!(read, Read::Whole) {
                return Ok(read);
            }
        }
        Ok(Read::Whole)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Read, A::Error> {
        let is_entry = match self.of {
            Place::Document => false,
            // Not even read, where there are too many.
            Place::IdEntry | Place::SubjectEntry if self.reading.members.entries.len() < MAX_ENTRIES => true,
            _ => return self.nothing(),
        };
        while let Some(name) = members.next_key::<String>()? {
            let Some(of) = self.of.member(&name) else { return self.nothing() };
            let value = members.next_value_seed(Value { of, reading: &mut *self.reading })?;
            if self.reading.take(of, value).is_none() {
                return self.nothing();
            }
        }
        if is_entry && self.reading.add(self.of).is_none() { self.nothing() } else { Ok(Read::Whole) }
    }
}

impl Value<'_> {
    /// Ends the reading; what is left unread makes the parser stop too.
    fn nothing<E>(self) -> Result<Read, E> {
        self.reading.refuse(self.of);
        Ok(Read::Nothing)
    }
}
