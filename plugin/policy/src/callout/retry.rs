//! Retries: how many one request and all together may cause, and when.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// When a service is asked again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Retry {
    /// How often one endpoint is asked at most on behalf of one request, the first time included.
    pub(crate) attempts: u32,
    /// The statuses upon which it is asked again; a reset always is one.
    pub(crate) statuses: Vec<u16>,
    /// How many retries there may be, in percent of the requests.
    pub(crate) budget_percent: u32,
    /// About how long to wait before the first retry; twice as long before each further one.
    pub(crate) backoff: Duration,
}

/// How many times the backoff its longest is, as Envoy's.
const LONGEST_BACKOFF: u32 = 10;

impl Retry {
    /// How long to wait behind this many attempts: between half of the backoff and all of it, so that requests that have
    /// failed together do not come back together.
    pub(crate) fn delay(&self, attempts: u32, jitter: &mut Jitter) -> Duration {
        let doubled = 1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(LONGEST_BACKOFF);
        let longest = self.backoff.saturating_mul(doubled.min(LONGEST_BACKOFF));
        jitter.between(longest / 2, longest)
    }
}

/// What is left for retries: each request pays in, each retry takes out. It needs no clock, since in an outage every
/// retry needs requests.
#[derive(Debug)]
pub(crate) struct Budget {
    /// In hundredths of a retry.
    balance: u32,
}

const RETRY: u32 = 100;
/// The most that can be saved up: ten retries, which also is what a gateway begins with.
const FULL: u32 = 10 * RETRY;

impl Default for Budget {
    fn default() -> Self {
        Self { balance: FULL }
    }
}

impl Budget {
    /// A request has come.
    pub(crate) fn deposit(&mut self, percent: u32) {
        self.balance = self.balance.saturating_add(percent).min(FULL);
    }

    /// Whether there may be one more retry.
    pub(crate) fn withdraw(&mut self) -> bool {
        let rest = self.balance.checked_sub(RETRY);
        self.balance = rest.unwrap_or(self.balance);
        rest.is_some()
    }
}

/// Numbers that look random: SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014). They
/// spread load, and keep no secret.
#[derive(Debug, Default)]
pub(crate) struct Jitter(u64);

impl Jitter {
    /// Goes other ways from here at another time: every VM begins alike.
    pub(crate) fn stir(&mut self, now: SystemTime) {
        let nanoseconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        self.0 ^= u64::try_from(nanoseconds).unwrap_or_default();
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A span of time of these bounds, in microseconds.
    fn between(&mut self, least: Duration, most: Duration) -> Duration {
        let width = u64::try_from(most.saturating_sub(least).as_micros()).unwrap_or(u64::MAX);
        let part = self.next().checked_rem(width.saturating_add(1)).unwrap_or_default();
        least.saturating_add(Duration::from_micros(part))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use proptest::prelude::*;

    use super::{Budget, Jitter, Retry};

    #[test]
    fn the_published_numbers_come_out() {
        // The reference implementation's first ones for the seed 1234567.
        let mut jitter = Jitter(1_234_567);
        assert_eq!(
            [jitter.next(), jitter.next(), jitter.next()],
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn delays_double_up_to_a_bound() {
        let retry = Retry { attempts: 5, statuses: Vec::new(), budget_percent: 10, backoff: Duration::from_millis(40) };
        let mut jitter = Jitter(7);
        for (attempts, least, most) in [(1, 20, 40), (2, 40, 80), (3, 80, 160), (5, 200, 400), (99, 200, 400)] {
            for _ in 0..100 {
                let delay = retry.delay(attempts, &mut jitter);
                assert!(
                    (Duration::from_millis(least)..=Duration::from_millis(most)).contains(&delay),
                    "{attempts}: {delay:?}"
                );
            }
        }
        let delays: std::collections::BTreeSet<_> = (0..20).map(|_| retry.delay(1, &mut jitter)).collect();
        assert!(delays.len() > 10, "spread: {delays:?}");
    }

    #[test]
    fn vms_do_not_wait_alike() {
        let [mut one, mut other] = [Jitter::default(), Jitter::default()];
        one.stir(UNIX_EPOCH + Duration::from_nanos(1_700_000_000_000_000_000));
        other.stir(UNIX_EPOCH + Duration::from_nanos(1_700_000_000_000_000_001));
        assert_ne!(one.next(), other.next());
    }

    proptest! {
        /// However requests and retries follow each other: never more retries than ten and the share of the requests.
        #[test]
        fn the_budget_is_kept(percent in 1..=100_u32, requests in prop::collection::vec(0..6_usize, 0..300)) {
            let (mut budget, mut retries) = (Budget::default(), 0);
            for (count, wanted) in requests.into_iter().enumerate() {
                budget.deposit(percent);
                retries += (0..wanted).filter(|_| budget.withdraw()).count();
                let share = (count + 1) * usize::try_from(percent).unwrap() / 100;
                prop_assert!(retries <= 10 + share, "{retries} of {}", count + 1);
            }
        }
    }
}
