//! A budget of failed verifications for each source address: one costs a client nothing and the gateway up to 2.8 ms.

use std::{iter, time::SystemTime};

use crate::{
    fingerprint::{Fingerprint, Fingerprints},
    recent::Recent,
};

/// Who has failed how often in this minute. Addresses have room for a fixed number of them: who has more to send from
/// has as many budgets in any case.
#[derive(Debug)]
pub(crate) struct Failures {
    /// Failures a minute.
    allowed: u32,
    fingerprints: Fingerprints,
    /// By address; the minute since the epoch, and the failures in it.
    counts: Recent<(u64, u32)>,
}

impl Failures {
    pub(crate) fn new(allowed: u32) -> Self {
        Self { allowed, fingerprints: Fingerprints::default(), counts: Recent::default() }
    }

    /// Whether one from `source` may fail once more.
    pub(crate) fn has_left(&mut self, source: &[u8], now: SystemTime) -> bool {
        self.in_minute(self.fingerprints.of(&mut iter::once(source)), minute(now)) < self.allowed
    }

    /// One from `source` has failed.
    pub(crate) fn count(&mut self, source: &[u8], now: SystemTime) {
        let (source, minute) = (self.fingerprints.of(&mut iter::once(source)), minute(now));
        let failures = self.in_minute(source, minute).saturating_add(1);
        self.counts.insert(source, (minute, failures));
    }

    fn in_minute(&mut self, source: Fingerprint, minute: u64) -> u32 {
        self.counts.get(source).filter(|(counted, _)| *counted == minute).map_or(0, |(_, failures)| failures)
    }
}

fn minute(now: SystemTime) -> u64 {
    now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs() / 60
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::Failures;

    #[test]
    fn the_budget_is_per_source_and_minute() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(600);
        let mut failures = Failures::new(2);
        for left in [true, true, false] {
            assert_eq!(failures.has_left(b"192.0.2.1", now), left);
            failures.count(b"192.0.2.1", now);
        }
        assert!(failures.has_left(b"192.0.2.2", now));
        assert!(!failures.has_left(b"192.0.2.1", now + Duration::from_secs(59)));
        assert!(failures.has_left(b"192.0.2.1", now + Duration::from_secs(60)));
    }
}
