//! The gateway's clock: it moves when the gateway waits, never by itself, so that runs repeat.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A virtual clock, in nanoseconds since the Unix epoch; by default it shows the epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct VirtualClock(Duration);

impl VirtualClock {
    /// A clock that shows `start`; times before the epoch are the epoch.
    #[must_use]
    pub fn starting_at(start: SystemTime) -> Self {
        Self(start.duration_since(UNIX_EPOCH).unwrap_or_default())
    }

    /// The time since the Unix epoch.
    #[must_use]
    pub fn now(self) -> Duration {
        self.0
    }

    /// Moves to `time`; never back.
    pub(crate) fn advance_to(&mut self, time: Duration) {
        self.0 = self.0.max(time);
    }
}
