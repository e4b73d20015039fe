//! The filter: the start of each id's hash, in order.
//!
//! ```text
//! GWREVOK1 | number of records: 4 bytes, big-endian | records of 5 bytes, ascending | the document as JSON
//! ```

use std::mem;

use super::{MAX_FILTER_IDS, SnapshotError};

/// What a reply with a filter starts with; no JSON text does.
pub(super) const MAGIC: [u8; 8] = *b"GWREVOK1";
const HEADER: usize = MAGIC.len() + 4;
/// Of 1 M records of 40 bits, an id that is not revoked hits one once in a million.
const RECORD: usize = 5;

/// The records as they came, so that a filter is in memory once and not also as its own copy; empty where there is none.
#[derive(Clone, Default)]
pub(super) struct Filter {
    /// The header and the records.
    bytes: Vec<u8>,
}

impl Filter {
    /// Takes the filter that `reply` starts with; leaves the JSON text behind it.
    pub(super) fn split_off(reply: &mut Vec<u8>) -> Result<Self, SnapshotError> {
        let Some(header) = reply.strip_prefix(&MAGIC) else { return Ok(Self::default()) };
        let count = header.first_chunk().map(|count| u32::from_be_bytes(*count)).ok_or(SnapshotError::Filter)?;
        let count =
            usize::try_from(count).ok().filter(|count| *count <= MAX_FILTER_IDS).ok_or(SnapshotError::Filter)?;
        let end = HEADER + count * RECORD;
        if reply.len() < end {
            return Err(SnapshotError::Filter);
        }
        let document = reply.split_off(end);
        let mut bytes = mem::replace(reply, document);
        bytes.shrink_to_fit();
        let filter = Self { bytes };
        // In order for the search; strictly, so that the number of records is that of hashes.
        if filter.records().is_sorted_by(|one, next| number(one) < number(next)) {
            Ok(filter)
        } else {
            Err(SnapshotError::Filter)
        }
    }

    /// Whether an id with this hash may be among those that the filter was made of; if it is, the answer is yes.
    pub(super) fn may_hold(&self, hash: &[u8; 32]) -> bool {
        let Some(start) = hash.first_chunk().map(number) else { return true };
        self.records().binary_search_by_key(&start, number).is_ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records().is_empty()
    }

    /// As it came.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    fn records(&self) -> &[[u8; RECORD]] {
        self.bytes.get(HEADER..).unwrap_or_default().as_chunks().0
    }
}

/// The record in the order of its bytes; numbers are compared faster than bytes.
fn number(record: &[u8; RECORD]) -> u64 {
    let [a, b, c, d, e] = *record;
    u64::from_be_bytes([0, 0, 0, a, b, c, d, e])
}
