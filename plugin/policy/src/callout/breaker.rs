//! A circuit breaker: leaves a service alone that does not answer, and probes it after a while.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::{
    shared_data::{nanoseconds, time},
    span::Span,
};

/// When a breaker opens, and how it closes again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BreakerLimits {
    /// How many callouts fail one behind the other before it opens.
    pub(crate) failures: u32,
    /// How long it then lets none through.
    pub(crate) open_for: Duration,
    /// How many it then lets through to see whether the service is back.
    pub(crate) half_open: u32,
}

/// The breaker of one endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Breaker {
    state: State,
    /// Counts the changes of state: what was let through before one says nothing about the state behind it.
    generation: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Lets everything through; so many callouts have failed since one was answered.
    Closed { failures: u32 },
    /// Lets nothing through.
    Open { since: SystemTime },
    /// Has let so many probes through.
    HalfOpen { since: SystemTime, probes: u32 },
}

/// What a breaker has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It lets nothing through but probes.
    Opened,
    /// It lets everything through.
    Closed,
}

/// The right to ask, to be handed back with what became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pass(u32);

impl Default for Breaker {
    fn default() -> Self {
        Self { state: State::Closed { failures: 0 }, generation: 0 }
    }
}

impl Breaker {
    /// Lets a callout through, or not.
    pub(crate) fn admit(&mut self, limits: &BreakerLimits, now: SystemTime) -> Option<Pass> {
        let is_over = |since| Span::new(since, limits.open_for).is_over(now);
        match &mut self.state {
            State::Closed { .. } => {}
            State::HalfOpen { since, probes } if *probes < limits.half_open && !is_over(*since) => *probes += 1,
            // Of a probe whose client has left nothing is heard: after the same time there are new ones.
            State::Open { since } | State::HalfOpen { since, .. } if is_over(*since) => {
                self.enter(State::HalfOpen { since: now, probes: 1 });
            }
            State::Open { .. } | State::HalfOpen { .. } => return None,
        }
        Some(Pass(self.generation))
    }

    /// Learns whether what was let through has been answered; says what that has changed.
    pub(crate) fn record(
        &mut self,
        pass: Pass,
        is_answered: bool,
        limits: &BreakerLimits,
        now: SystemTime,
    ) -> Option<Change> {
        if pass.0 != self.generation {
            return None;
        }
        match &mut self.state {
            State::Closed { failures } if is_answered => *failures = 0,
            State::Closed { failures } => {
                *failures += 1;
                if *failures >= limits.failures {
                    self.enter(State::Open { since: now });
                    return Some(Change::Opened);
                }
            }
            State::HalfOpen { .. } if is_answered => {
                self.enter(State::Closed { failures: 0 });
                return Some(Change::Closed);
            }
            State::HalfOpen { .. } => self.enter(State::Open { since: now }),
            // What is let through belongs to one of the other states.
            State::Open { .. } => {}
        }
        None
    }

    /// Whether it lets nothing through but probes.
    pub(crate) fn is_open(&self) -> bool {
        !matches!(self.state, State::Closed { .. })
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.generation = self.generation.wrapping_add(1);
    }

    /// For [`Self::from_numbers`].
    pub(super) fn to_numbers(self) -> [u64; 4] {
        let (state, count, since) = match self.state {
            State::Closed { failures } => (CLOSED, failures, UNIX_EPOCH),
            State::Open { since } => (OPEN, 0, since),
            State::HalfOpen { since, probes } => (HALF_OPEN, probes, since),
        };
        [state, self.generation.into(), count.into(), nanoseconds(since)]
    }

    pub(super) fn from_numbers([state, generation, count, since]: [u64; 4]) -> Option<Self> {
        let count = u32::try_from(count).ok()?;
        let since = time(since)?;
        let state = match state {
            CLOSED => State::Closed { failures: count },
            OPEN => State::Open { since },
            HALF_OPEN => State::HalfOpen { since, probes: count },
            _ => return None,
        };
        Some(Self { state, generation: u32::try_from(generation).ok()? })
    }
}

const CLOSED: u64 = 0;
const OPEN: u64 = 1;
const HALF_OPEN: u64 = 2;

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use proptest::prelude::*;

    use super::{Breaker, BreakerLimits, Pass};

    const LIMITS: BreakerLimits = BreakerLimits { failures: 3, open_for: Duration::from_secs(5), half_open: 2 };

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1000 + seconds)
    }

    fn fail(breaker: &mut Breaker, times: u32, now: SystemTime) {
        for _ in 0..times {
            let pass = breaker.admit(&LIMITS, now).unwrap();
            breaker.record(pass, false, &LIMITS, now);
        }
    }

    #[test]
    fn failures_behind_each_other_open_it() {
        let mut breaker = Breaker::default();
        fail(&mut breaker, 2, at(0));
        let pass = breaker.admit(&LIMITS, at(0)).unwrap();
        breaker.record(pass, true, &LIMITS, at(0));
        fail(&mut breaker, 3, at(0));
        assert_eq!(breaker.admit(&LIMITS, at(0)), None);
        assert_eq!(breaker.admit(&LIMITS, at(4)), None);
    }

    #[test]
    fn probes_close_it_or_open_it_again() {
        let mut breaker = Breaker::default();
        fail(&mut breaker, 3, at(0));
        let probe = breaker.admit(&LIMITS, at(5)).unwrap();
        assert!(breaker.admit(&LIMITS, at(5)).is_some());
        assert_eq!(breaker.admit(&LIMITS, at(5)), None, "two probes at most");
        breaker.record(probe, false, &LIMITS, at(6));
        assert_eq!(breaker.admit(&LIMITS, at(10)), None);
        let probe = breaker.admit(&LIMITS, at(11)).unwrap();
        breaker.record(probe, true, &LIMITS, at(11));
        fail(&mut breaker, 2, at(11));
        assert!(breaker.admit(&LIMITS, at(11)).is_some(), "closed, and its count begins anew");
    }

    #[test]
    fn probes_that_are_never_heard_of_do_not_keep_it_open() {
        let mut breaker = Breaker::default();
        fail(&mut breaker, 3, at(0));
        assert!(breaker.admit(&LIMITS, at(5)).is_some() && breaker.admit(&LIMITS, at(5)).is_some());
        assert_eq!(breaker.admit(&LIMITS, at(9)), None);
        assert!(breaker.admit(&LIMITS, at(10)).is_some());
    }

    #[test]
    fn late_answers_change_nothing() {
        let mut breaker = Breaker::default();
        let late = breaker.admit(&LIMITS, at(0)).unwrap();
        fail(&mut breaker, 3, at(0));
        breaker.record(late, true, &LIMITS, at(1));
        assert_eq!(breaker.admit(&LIMITS, at(1)), None);
        let probe = breaker.admit(&LIMITS, at(5)).unwrap();
        breaker.record(late, false, &LIMITS, at(5));
        breaker.record(probe, true, &LIMITS, at(5));
        assert!(breaker.admit(&LIMITS, at(5)).is_some());
    }

    #[test]
    fn a_clock_that_steps_back_does_not_keep_it_open() {
        let mut breaker = Breaker::default();
        fail(&mut breaker, 3, at(500));
        assert!(breaker.admit(&LIMITS, at(0)).is_some());
    }

    proptest! {
        /// However callouts end, and whichever are never heard of: within one time more it lets one through.
        #[test]
        fn it_never_stays_open(events in prop::collection::vec((0..3_u64, 0..4_u8), 0..60)) {
            let (mut breaker, mut seconds, mut passes) = (Breaker::default(), 0, Vec::<Pass>::new());
            for (wait, event) in events {
                seconds += wait;
                match event {
                    0 | 1 => if let Some(pass) = passes.pop() {
                        breaker.record(pass, event == 0, &LIMITS, at(seconds));
                    },
                    2 => passes.extend(breaker.admit(&LIMITS, at(seconds))),
                    _ => if !passes.is_empty() { passes.remove(0); },
                }
            }
            prop_assert!(breaker.admit(&LIMITS, at(seconds + 5)).is_some());
        }
    }
}
