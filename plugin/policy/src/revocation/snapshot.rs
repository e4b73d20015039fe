//! What is revoked, as of one moment.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use sha2::{Digest as _, Sha256};

use crate::{Json, Object};

use super::{Delta, MAX_ENTRIES, SnapshotError, filter::Filter};

/// The revoked tokens that a service has listed.
///
/// Lookups take logarithmic time and allocate nothing.
#[derive(Clone)]
pub struct Snapshot {
    pub(super) sequence: u64,
    /// Seconds since the epoch.
    pub(super) issued_at: u64,
    pub(super) entries: Entries,
    pub(super) filter: Filter,
}

/// Whether a token is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// It is not.
    No,
    /// It is listed.
    Yes,
    /// Only the service knows: the filter hits, or the token does not say what it would have to be looked up by.
    Perhaps,
}

/// Entries in the order of their keys, each key once.
#[derive(Clone, Default)]
pub(super) struct Entries {
    sorted: Vec<Entry>,
    /// Whether there is one of a subject; if not, subjects need not be hashed.
    subjects: bool,
}

/// A revoked id, or a subject whose tokens are.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    /// Half a SHA-256: nobody finds a second id for a key.
    key: u128,
    /// Only tokens that were issued before are revoked, in seconds since the epoch; `u64::MAX` for all.
    issued_before: u64,
    /// After this no such token is accepted anyway, in seconds since the epoch; `u64::MAX` where nobody says.
    expires: u64,
}

/// Tokens are accepted after their `exp` for as long as `issuers.clockSkew` may be at most, and entries stay that long.
const EXPIRY_MARGIN: Duration = Duration::from_secs(5 * 60);

impl Snapshot {
    /// Adds what a delta lists, and drops what has expired.
    ///
    /// # Errors
    /// A delta against another snapshot, or with which there would be too many entries; then nothing has changed.
    pub fn apply(&mut self, delta: Delta, now: SystemTime) -> Result<(), SnapshotError> {
        if delta.base != self.sequence {
            return Err(SnapshotError::OtherBase);
        }
        let now = now.checked_sub(EXPIRY_MARGIN).and_then(|now| now.duration_since(UNIX_EPOCH).ok());
        let entries = self.entries.with(delta.entries, now.unwrap_or_default().as_secs());
        if entries.sorted.len() > MAX_ENTRIES {
            return Err(SnapshotError::TooManyEntries);
        }
        self.entries = entries;
        self.sequence = delta.sequence;
        self.issued_at = delta.issued_at;
        Ok(())
    }

    /// Looks up the ids in the claims called `ids`, and the subject.
    ///
    /// A claim that is null counts as absent. Where one is no text, or all are absent, there is nothing to look up.
    #[must_use]
    pub fn check(&self, claims: &Object, ids: &[String]) -> Revoked {
        let mut looked_up = false;
        let mut doubtful = false;
        for name in ids {
            match claims.get(name) {
                Some(Json::String(id)) if !id.is_empty() => {
                    looked_up = true;
                    let hash: [u8; 32] = Sha256::digest(id).into();
                    if self.entries.get(key(&hash)).is_some() {
                        return Revoked::Yes;
                    }
                    doubtful |= self.filter.may_hold(&hash);
                }
                None | Some(Json::Null) => {}
                Some(_) => doubtful = true,
            }
        }
        match self.check_subject(claims) {
            Revoked::No if doubtful || !looked_up => Revoked::Perhaps,
            revoked => revoked,
        }
    }

    fn check_subject(&self, claims: &Object) -> Revoked {
        let (true, Some(Json::String(issuer)), Some(Json::String(subject))) =
            (self.entries.subjects, claims.get("iss"), claims.get("sub"))
        else {
            return Revoked::No;
        };
        let Some(entry) = self.entries.get(subject_key(issuer, subject)) else { return Revoked::No };
        let issued_at = match claims.get("iat") {
            Some(Json::Number(seconds)) => seconds.as_f64(),
            _ => None,
        };
        match issued_at {
            // Exact: the format has whole numbers below 2^53 only.
            Some(issued_at) if issued_at >= entry.issued_before as f64 => Revoked::No,
            Some(_) => Revoked::Yes,
            None => Revoked::Perhaps,
        }
    }

    /// Grows with every snapshot; a delta is against one of them.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// When the service issued it.
    #[must_use]
    pub fn issued_at(&self) -> SystemTime {
        UNIX_EPOCH.checked_add(Duration::from_secs(self.issued_at)).unwrap_or(UNIX_EPOCH)
    }

    /// How many entries there are, without those of the filter.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.sorted.len()
    }

    /// Whether nothing is revoked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.sorted.is_empty() && self.filter.is_empty()
    }

    /// How much memory it takes.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.entries.sorted.capacity() * size_of::<Entry>() + self.filter.held_bytes()
    }
}

/// How large it is; nothing of what it lists.
impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("sequence", &self.sequence)
            .field("issued_at", &self.issued_at)
            .field("len", &self.len())
            .field("held_bytes", &self.held_bytes())
            .finish_non_exhaustive()
    }
}

impl Entries {
    pub(super) fn new(mut entries: Vec<Entry>, subjects: bool) -> Self {
        // Stable, since that takes the time of merging where one sorted list follows another, as behind a delta.
        entries.sort_by_key(|entry| entry.key);
        entries.dedup_by(|next, kept| {
            let same = next.key == kept.key;
            if same {
                kept.issued_before = kept.issued_before.max(next.issued_before);
                kept.expires = kept.expires.max(next.expires);
            }
            same
        });
        entries.shrink_to_fit();
        Self { sorted: entries, subjects }
    }

    /// These and `added`, but for what has expired before `now`.
    fn with(&self, added: Self, now: u64) -> Self {
        let mut entries = Vec::with_capacity(self.sorted.len() + added.sorted.len());
        entries.extend(self.sorted.iter().chain(&added.sorted).filter(|entry| entry.expires >= now));
        Self::new(entries, self.subjects || added.subjects)
    }

    pub(super) fn len(&self) -> usize {
        self.sorted.len()
    }

    fn get(&self, key: u128) -> Option<&Entry> {
        let index = self.sorted.binary_search_by_key(&key, |entry| entry.key).ok()?;
        self.sorted.get(index)
    }
}

impl Entry {
    pub(super) fn id(id: &str, expires: Option<u64>) -> Self {
        let hash = Sha256::digest(id).into();
        Self { key: key(&hash), issued_before: u64::MAX, expires: expires.unwrap_or(u64::MAX) }
    }

    pub(super) fn subject(issuer: &str, subject: &str, issued_before: u64, expires: Option<u64>) -> Self {
        Self { key: subject_key(issuer, subject), issued_before, expires: expires.unwrap_or(u64::MAX) }
    }
}

/// Half of a hash.
fn key(hash: &[u8; 32]) -> u128 {
    hash.first_chunk().map_or(0, |half| u128::from_be_bytes(*half))
}

/// 0xFF stands in no UTF-8: no other issuer and subject give the same bytes, and no id does.
fn subject_key(issuer: &str, subject: &str) -> u128 {
    key(&Sha256::new().chain_update(issuer).chain_update([0xFF]).chain_update(subject).finalize().into())
}

#[cfg(test)]
mod tests;
