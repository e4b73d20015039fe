//! Metrics: their values, which the VMs of a gateway share, and the numbers by which each VM knows them.

use crate::{
    abi::{MetricType, Status},
    profile::Profile,
};

/// A metric and what it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricReading {
    /// Its name.
    pub name: String,
    /// What it shows.
    pub value: MetricValue,
}

/// What a metric shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetricValue {
    /// What was counted.
    Counter(u64),
    /// The value that was set last, moved since then; one below zero has gone around the end of the numbers.
    Gauge(u64),
    /// What was recorded.
    Histogram {
        /// In their order; at most 65,536 in all histograms of a gateway.
        values: Vec<u64>,
        /// How many have found no room.
        dropped: u64,
    },
}

/// The metrics that plugins have defined.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    list: Vec<Metric>,
    /// How many values all histograms hold.
    recorded: usize,
}

/// A metric of [`Metrics`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MetricIndex(usize);

/// The numbers of metrics in one VM: those of each kind grow by 4, and the low bits are the kind, as in Envoy. Who defines
/// a metric again gets a further number of it.
#[derive(Debug, Default)]
pub(crate) struct MetricIds {
    counters: Vec<MetricIndex>,
    gauges: Vec<MetricIndex>,
    histograms: Vec<MetricIndex>,
}

#[derive(Debug)]
struct Metric {
    kind: MetricType,
    name: String,
    value: u64,
    /// Of a histogram; `value` counts those that have found no room.
    recorded: Vec<u64>,
}

/// The bound on the metrics of a gateway, and on the numbers of each kind in a VM.
const MAX_METRICS: usize = 16_384;
/// The bound on the values that histograms hold.
const MAX_RECORDED: usize = 65_536;

impl Metrics {
    /// The metric of this kind and name; the same one for the same name.
    pub(crate) fn define(&mut self, kind: MetricType, name: String) -> Result<MetricIndex, Status> {
        let known = self.list.iter().position(|metric| metric.kind == kind && metric.name == name);
        if known.is_none() && self.list.len() >= MAX_METRICS {
            return Err(Status::InternalFailure);
        }
        Ok(MetricIndex(known.unwrap_or_else(|| {
            self.list.push(Metric { kind, name, value: 0, recorded: Vec::new() });
            self.list.len() - 1
        })))
    }

    /// Sets a gauge, or adds a value to a histogram and, in Envoy, to a counter, which the specification sets.
    pub(crate) fn record(&mut self, metric: MetricIndex, value: u64, profile: Profile) {
        let Some(metric) = self.list.get_mut(metric.0) else { return };
        match metric.kind {
            MetricType::Gauge => metric.value = value,
            MetricType::Histogram if self.recorded < MAX_RECORDED => {
                metric.recorded.push(value);
                self.recorded += 1;
            }
            MetricType::Histogram => metric.value += 1,
            MetricType::Counter if profile == Profile::Spec => metric.value = value,
            MetricType::Counter => metric.value = metric.value.wrapping_add(value),
        }
    }

    /// Moves a gauge, below zero around the end of the numbers, or a counter upwards, which Envoy does not move by nothing.
    pub(crate) fn increment(&mut self, metric: MetricIndex, offset: i64, profile: Profile) -> Result<(), Status> {
        let metric = self.list.get_mut(metric.0).ok_or(Status::NotFound)?;
        match metric.kind {
            MetricType::Counter if offset < 0 || (offset == 0 && profile == Profile::Envoy) => {
                return Err(Status::BadArgument);
            }
            MetricType::Counter | MetricType::Gauge => metric.value = metric.value.wrapping_add_signed(offset),
            MetricType::Histogram => return Err(Status::BadArgument),
        }
        Ok(())
    }

    /// The value of a counter or a gauge.
    pub(crate) fn value(&self, metric: MetricIndex) -> Result<u64, Status> {
        match self.list.get(metric.0).ok_or(Status::NotFound)? {
            Metric { kind: MetricType::Histogram, .. } => Err(Status::BadArgument),
            metric => Ok(metric.value),
        }
    }
}

impl Metrics {
    /// Every metric, in the order of their names.
    pub(crate) fn readings(&self) -> Vec<MetricReading> {
        let mut readings: Vec<_> = self.list.iter().map(Metric::reading).collect();
        readings.sort_by(|a, b| a.name.cmp(&b.name));
        readings
    }
}

impl Metric {
    fn reading(&self) -> MetricReading {
        let value = match self.kind {
            MetricType::Counter => MetricValue::Counter(self.value),
            MetricType::Gauge => MetricValue::Gauge(self.value),
            MetricType::Histogram => MetricValue::Histogram { values: self.recorded.clone(), dropped: self.value },
        };
        MetricReading { name: self.name.clone(), value }
    }
}

impl MetricIds {
    /// A further number, for this metric.
    pub(crate) fn add(&mut self, kind: MetricType, metric: MetricIndex) -> Result<u32, Status> {
        let metrics = match kind {
            MetricType::Counter => &mut self.counters,
            MetricType::Gauge => &mut self.gauges,
            MetricType::Histogram => &mut self.histograms,
        };
        if metrics.len() >= MAX_METRICS {
            return Err(Status::InternalFailure);
        }
        metrics.push(metric);
        let count = u32::try_from(metrics.len()).map_err(|_| Status::InternalFailure)?;
        Ok(count << 2 | kind as u32)
    }

    /// The metric of this number: not found among counters and gauges, a bad argument otherwise in Envoy.
    pub(crate) fn metric(&self, id: u32, profile: Profile) -> Result<MetricIndex, Status> {
        let unknown = if profile == Profile::Spec { Status::NotFound } else { Status::BadArgument };
        let (metrics, unknown) = match MetricType::try_from(id & 3).map_err(|_| unknown)? {
            MetricType::Counter => (&self.counters, Status::NotFound),
            MetricType::Gauge => (&self.gauges, Status::NotFound),
            MetricType::Histogram => (&self.histograms, unknown),
        };
        let position = usize::try_from(id >> 2).ok().and_then(|count| count.checked_sub(1));
        position.and_then(|position| metrics.get(position)).copied().ok_or(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_RECORDED, MetricIds, MetricReading, MetricValue, Metrics};
    use crate::{
        abi::{MetricType, Status},
        profile::Profile::Envoy,
    };

    #[test]
    fn a_counter_only_grows_and_a_histogram_has_no_value() {
        let mut metrics = Metrics::default();
        let counter = metrics.define(MetricType::Counter, "c".into()).unwrap();
        assert_eq!(metrics.define(MetricType::Counter, "c".into()), Ok(counter));
        assert_eq!(metrics.increment(counter, 2, Envoy), Ok(()));
        assert_eq!(metrics.increment(counter, 0, Envoy), Err(Status::BadArgument));
        assert_eq!(metrics.value(counter), Ok(2));
        let histogram = metrics.define(MetricType::Histogram, "h".into()).unwrap();
        metrics.record(histogram, 5, Envoy);
        assert_eq!(metrics.value(histogram), Err(Status::BadArgument));
    }

    #[test]
    fn what_metrics_show_can_be_read() {
        let mut metrics = Metrics::default();
        let histogram = metrics.define(MetricType::Histogram, "h".into()).unwrap();
        let gauge = metrics.define(MetricType::Gauge, "g".into()).unwrap();
        metrics.record(gauge, 7, Envoy);
        let values: Vec<_> = (0..).take(MAX_RECORDED).collect();
        values.iter().chain(&[1, 2]).for_each(|value| metrics.record(histogram, *value, Envoy));
        let reading = |name: &str, value| MetricReading { name: name.into(), value };
        let histogram = MetricValue::Histogram { values, dropped: 2 };
        assert_eq!(metrics.readings(), [reading("g", MetricValue::Gauge(7)), reading("h", histogram)]);
    }

    #[test]
    fn numbers_tell_the_kind_and_are_never_given_twice() {
        let (mut metrics, mut ids) = (Metrics::default(), MetricIds::default());
        let counter = metrics.define(MetricType::Counter, "m".into()).unwrap();
        let gauge = metrics.define(MetricType::Gauge, "m".into()).unwrap();
        assert_eq!(ids.add(MetricType::Counter, counter), Ok(4));
        assert_eq!(ids.add(MetricType::Gauge, gauge), Ok(5));
        assert_eq!(ids.add(MetricType::Counter, counter), Ok(8));
        assert_eq!(
            (ids.metric(4, Envoy), ids.metric(8, Envoy), ids.metric(5, Envoy)),
            (Ok(counter), Ok(counter), Ok(gauge))
        );
        assert_eq!([0, 1, 12, 2, 3].map(|id| ids.metric(id, Envoy).unwrap_err()), {
            use Status::{BadArgument, NotFound};
            [NotFound, NotFound, NotFound, BadArgument, BadArgument]
        });
    }
}
