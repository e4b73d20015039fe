//! Distributions of measured times.

use serde::{Deserialize, Serialize};

/// A distribution of times in nanoseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Distribution {
    /// How many were measured.
    pub(super) count: usize,
    pub(super) mean: f64,
    pub(super) median: u64,
    /// Between these the median lies with 95 % confidence (order statistics, so whatever the distribution looks like).
    pub(super) low: u64,
    pub(super) high: u64,
    pub(super) p90: u64,
    pub(super) p99: u64,
    pub(super) max: u64,
}

/// Half the width of a confidence interval of 95 %, in standard deviations of the normal distribution.
const CONFIDENCE: f64 = 1.96;

impl Distribution {
    /// The distribution of these times, in nanoseconds; all zero where there are none. Sorts them.
    pub(super) fn of(times: &mut [u64]) -> Self {
        times.sort_unstable();
        let count = times.len();
        // Counts and times stay far below 2^52.
        let rank = |part: f64| (part * (count as f64 - 1.0)).round().max(0.0) as usize;
        let at = |rank: usize| times.get(rank.min(count.saturating_sub(1))).copied().unwrap_or_default();
        let half = if count > 1 { CONFIDENCE / 2.0 / (count as f64).sqrt() } else { 0.5 };
        Self {
            count,
            mean: times.iter().map(|time| *time as f64).sum::<f64>() / (count.max(1) as f64),
            median: at(rank(0.5)),
            low: at(rank((0.5 - half).max(0.0))),
            high: at(rank((0.5 + half).min(1.0))),
            p90: at(rank(0.9)),
            p99: at(rank(0.99)),
            max: at(count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Distribution;

    #[test]
    fn ranks_are_those_of_the_sorted_times() {
        let mut times: Vec<u64> = (0..=1000).rev().collect();
        let distribution = Distribution::of(&mut times);
        assert_eq!(
            (distribution.count, distribution.median, distribution.p90, distribution.p99),
            (1001, 500, 900, 990)
        );
        assert_eq!((distribution.max, distribution.mean), (1000, 500.0));
        // 1.96 standard deviations of the median's rank: 1.96 · √1001 / 2 = 31.
        assert_eq!((distribution.low, distribution.high), (469, 531));
    }

    #[test]
    fn little_is_no_reason_to_fall() {
        assert_eq!(Distribution::of(&mut []).max, 0);
        let one = Distribution::of(&mut [7]);
        assert_eq!((one.low, one.median, one.high, one.max), (7, 7, 7, 7));
    }
}
