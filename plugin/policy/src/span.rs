//! A span of time by a clock that may step back.

use std::time::{Duration, SystemTime};

/// So long from a moment on.
///
/// Where the clock has stepped back behind that moment, nobody knows how long ago it was: the span is over, so that nothing
/// is held up until the clock has caught up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    since: SystemTime,
    length: Duration,
}

impl Span {
    pub(crate) fn new(since: SystemTime, length: Duration) -> Self {
        Self { since, length }
    }

    /// How much of it is left.
    pub(crate) fn left(self, now: SystemTime) -> Duration {
        now.duration_since(self.since).map_or(Duration::ZERO, |elapsed| self.length.saturating_sub(elapsed))
    }

    pub(crate) fn is_over(self, now: SystemTime) -> bool {
        self.left(now).is_zero()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::Span;

    #[test]
    fn what_is_left_shrinks_and_is_nothing_before_and_behind() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let span = Span::new(at(100), Duration::from_secs(10));
        for (now, left) in [(0, 0), (99, 0), (100, 10), (109, 1), (110, 0), (5000, 0)] {
            assert_eq!(span.left(at(now)), Duration::from_secs(left), "{now}");
            assert_eq!(span.is_over(at(now)), left == 0, "{now}");
        }
    }
}
