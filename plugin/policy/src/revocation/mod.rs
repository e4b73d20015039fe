//! Which tokens are revoked: snapshots that a service serves, in memory. `plugin/REVOCATION.md` says what goes over the
//! wire.
//!
//! ```text
//! reply -> Document -> Snapshot (alone, or with a delta applied) -> SnapshotState -> Verdict
//! ```
//!
//! Ids are kept as hashes only. What a snapshot lists is revoked; what its filter hits may be, and is asked about.

mod document;
mod filter;
mod reading;
mod schema;
mod snapshot;
mod state;

use thiserror::Error;

pub use document::{Delta, Document};
pub use schema::schema;
pub use snapshot::{Revoked, Snapshot};
pub use state::{Failure, OnStale, Settings, SnapshotState, Verdict};

/// The longest reply in bytes. A filter of [`MAX_FILTER_IDS`] takes 5 MB, [`MAX_ENTRIES`] UUIDs with their `exp` 6 MB.
pub const MAX_BYTES: usize = 8 * 1024 * 1024;
/// The most entries of a snapshot, those of its deltas included.
pub const MAX_ENTRIES: usize = 100_000;
/// The most ids of a filter.
pub const MAX_FILTER_IDS: usize = 1_000_000;

/// The version of the format.
const VERSION: u64 = 1;
/// The largest whole number that every reader of JSON takes for the same (RFC 8259, section 6): 2^53 - 1.
const MAX_WHOLE: u64 = 9_007_199_254_740_991;

/// Why a reply is not taken. Nothing of what it says is repeated: ids are credentials to some services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SnapshotError {
    /// Nothing came back.
    #[error("no reply")]
    NoReply,
    /// The status is neither 200 nor an expected 304; 0 where it is no number.
    #[error("status {0}, expected 200")]
    Status(u16),
    /// More than [`MAX_BYTES`].
    #[error("longer than {MAX_BYTES} bytes")]
    TooLong,
    /// Not JSON (RFC 8259).
    #[error("line {line}, column {column}: not JSON")]
    Syntax {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// A member of the document is not what the format has.
    #[error("a member that is unknown, stands twice, or is of another type; or no document at all")]
    Member,
    /// An entry is not what the format has.
    #[error("entry {0}: a member that is unknown, missing, stands twice, or is of another type")]
    Entry(
        /// From 0, of ids and subjects in the order of the text.
        usize,
    ),
    /// A member of the document is missing.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// Another version of the format.
    #[error("version {0}, expected version 1")]
    Version(u64),
    /// The records of the filter are not what its header says, or not in ascending order.
    #[error("the filter is cut short, not in ascending order, longer than {MAX_FILTER_IDS} ids, or part of a delta")]
    Filter,
    /// A filter, where nobody can be asked about its hits.
    #[error("a filter, whose hits nobody can confirm without `cluster`")]
    UnconfirmableFilter,
    /// A delta against another snapshot than the one that there is.
    #[error("a delta against another snapshot than the last")]
    OtherBase,
    /// An older snapshot than the one that there is.
    #[error("the sequence goes back")]
    Backwards,
    /// More than [`MAX_ENTRIES`], with those of the snapshot that a delta adds to.
    #[error("more than {MAX_ENTRIES} entries")]
    TooManyEntries,
    /// The snapshot was issued longer ago than `maxStale`.
    #[error("issued longer ago than `maxStale`")]
    Stale,
}
