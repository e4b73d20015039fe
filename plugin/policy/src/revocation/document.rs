//! The documents that a service serves.

use std::fmt;

use super::{MAX_BYTES, Snapshot, SnapshotError, VERSION, filter::Filter, reading, snapshot::Entries};

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
    pub fn parse(mut body: Vec<u8>, confirmable: bool) -> Result<Self, SnapshotError> {
        Self::read(&mut body, confirmable)
    }

    /// The same; leaves the JSON text, without a filter.
    pub(super) fn read(body: &mut Vec<u8>, confirmable: bool) -> Result<Self, SnapshotError> {
        if body.len() > MAX_BYTES {
            return Err(SnapshotError::TooLong);
        }
        let filter = Filter::split_off(body)?;
        if !(confirmable || filter.is_empty()) {
            return Err(SnapshotError::UnconfirmableFilter);
        }
        let members = reading::read(body)?;
        match members.version {
            Some(VERSION) => {}
            Some(other) => return Err(SnapshotError::Version(other)),
            None => return Err(SnapshotError::Missing("version")),
        }
        let sequence = members.sequence.ok_or(SnapshotError::Missing("sequence"))?;
        let issued_at = members.issued_at.ok_or(SnapshotError::Missing("issuedAt"))?;
        let entries = Entries::new(members.entries, members.has_subjects);
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
