//! The plugin's metrics, each defined when it is first needed, since a VM starts quicker so: that they do not work is no
//! reason to decide otherwise.
//!
//! A call of the host costs a thousand instructions, where the module takes ten thousand for a request with a callout. While
//! callouts are under way, each of which ends, what is counted is told together.

use std::cell::Cell;

use gwauthz_policy::{Metric, MetricKind};
use proxy_wasm::types::MetricType;

use crate::host;

thread_local! {
    /// The host's numbers of them, by [`Metric::index`].
    static NUMBERS: [Cell<Option<u32>>; Metric::COUNT] = const { [const { Cell::new(None) }; Metric::COUNT] };
    static UNTOLD: Untold =
        const { Untold { holders: Cell::new(0), counts: [const { Cell::new((0, 0)) }; METRICS] } };
}

/// Counts one.
pub(crate) fn count(metric: Metric) {
    if let Some(number) = number(metric) {
        UNTOLD.with(|untold| untold.count(number));
    }
}

/// Adds to a gauge.
pub(crate) fn change(metric: Metric, by: i64) {
    if let Some(number) = number(metric) {
        host::increment_metric(number, by);
    }
}

/// Sets a gauge, or adds a value to a histogram.
pub(crate) fn record(metric: Metric, value: u64) {
    if let Some(number) = number(metric) {
        host::record_metric(number, value);
    }
}

/// As long as there is one, what is counted is told together: to be held while something is waited for that ends.
pub(crate) struct Together(());

impl Together {
    pub(crate) fn new() -> Self {
        UNTOLD.with(|untold| untold.holders.set(untold.holders.get() + 1));
        Self(())
    }
}

impl Drop for Together {
    fn drop(&mut self) {
        UNTOLD.with(|untold| {
            let others = untold.holders.get() - 1;
            untold.holders.set(others);
            if others == 0 {
                untold.tell();
            }
        });
    }
}

/// What has been counted, and the host has not been told yet.
struct Untold {
    /// How many [`Together`]s there are.
    holders: Cell<u32>,
    /// The host's numbers, and how often; the first that are not zero times are in use.
    counts: [Cell<(u32, u32)>; METRICS],
}

/// How many metrics are told together: a request is counted in two or three.
const METRICS: usize = 8;
/// With as many of one, the host is told nevertheless.
const MOST: u32 = 256;

impl Untold {
    fn count(&self, number: u32) {
        let place = self.counts.iter().find(|place| place.get().1 == 0 || place.get().0 == number);
        let Some(place) = place.filter(|_| self.holders.get() > 0) else {
            self.tell();
            return host::increment_metric(number, 1);
        };
        let count = place.get().1 + 1;
        place.set((number, count));
        if count == MOST {
            self.tell();
        }
    }

    fn tell(&self) {
        for place in &self.counts {
            let (number, count) = place.take();
            if count > 0 {
                host::increment_metric(number, i64::from(count));
            }
        }
    }
}

fn number(metric: Metric) -> Option<u32> {
    NUMBERS.with(|numbers| {
        let number = numbers.get(metric.index())?;
        if number.get().is_none() {
            number.set(define(metric));
        }
        number.get()
    })
}

fn define(metric: Metric) -> Option<u32> {
    let kind = match metric.kind() {
        MetricKind::Counter => MetricType::Counter,
        MetricKind::Gauge => MetricType::Gauge,
        MetricKind::Histogram => MetricType::Histogram,
    };
    host::define_metric(kind, &metric.name())
}
