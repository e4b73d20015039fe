//! The plugin's metrics, each defined when it is first needed, since a VM starts quicker so: that they do not work is no
//! reason to decide otherwise.

use std::cell::Cell;

use gwauthz_policy::{Metric, MetricKind};
use proxy_wasm::types::MetricType;

use crate::host;

thread_local! {
    /// The host's numbers of them, by [`Metric::index`].
    static NUMBERS: [Cell<Option<u32>>; Metric::COUNT] = const { [const { Cell::new(None) }; Metric::COUNT] };
}

/// Counts one.
pub(crate) fn count(metric: Metric) {
    change(metric, 1);
}

/// Adds to a counter, or to a gauge.
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
