//! A budget of failed verifications for each source address: one costs a client nothing and the gateway up to 2.8 ms.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    time::SystemTime,
};

/// Who has failed how often in this minute. Addresses share a fixed number of places, at which nobody outside can aim: many
/// addresses take no more memory, and now and then somebody else's place.
#[derive(Debug)]
pub(crate) struct Failures {
    /// Failures a minute.
    allowed: u32,
    hasher: RandomState,
    /// By place; the minute since the epoch, and the failures in it.
    counts: HashMap<u64, (u64, u32)>,
}

const PLACES: u64 = 1024;

impl Failures {
    pub(crate) fn new(allowed: u32) -> Self {
        Self { allowed, hasher: RandomState::new(), counts: HashMap::new() }
    }

    /// Whether one from `source` may fail once more.
    pub(crate) fn has_left(&self, source: &[u8], now: SystemTime) -> bool {
        let (minute, failures) = self.counts.get(&self.place(source)).copied().unwrap_or_default();
        minute != Self::minute(now) || failures < self.allowed
    }

    /// One from `source` has failed.
    pub(crate) fn count(&mut self, source: &[u8], now: SystemTime) {
        let (place, minute) = (self.place(source), Self::minute(now));
        let count = self.counts.entry(place).or_default();
        *count = if count.0 == minute { (minute, count.1.saturating_add(1)) } else { (minute, 1) };
    }

    fn place(&self, source: &[u8]) -> u64 {
        self.hasher.hash_one(source) % PLACES
    }

    fn minute(now: SystemTime) -> u64 {
        now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs() / 60
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::{Failures, PLACES};

    #[test]
    fn the_budget_is_per_source_and_minute() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(600);
        let mut failures = Failures::new(2);
        for left in [true, true, false] {
            assert_eq!(failures.has_left(b"192.0.2.1", now), left);
            failures.count(b"192.0.2.1", now);
        }
        let another = (0..=255_u8).find(|last| failures.place(&[*last]) != failures.place(b"192.0.2.1")).unwrap();
        assert!(failures.has_left(&[another], now));
        assert!(!failures.has_left(b"192.0.2.1", now + Duration::from_secs(59)));
        assert!(failures.has_left(b"192.0.2.1", now + Duration::from_secs(60)));
    }

    #[test]
    fn many_sources_take_bounded_room() {
        let mut failures = Failures::new(1);
        for number in 0..100_000_u32 {
            failures.count(&number.to_be_bytes(), SystemTime::UNIX_EPOCH);
        }
        assert!(failures.counts.len() <= PLACES as usize);
    }
}
