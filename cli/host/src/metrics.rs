//! Metrics that the VMs of a gateway share.

use crate::abi::{MetricType, Status};

/// The metrics that plugins have defined.
#[derive(Debug, Default)]
pub(crate) struct Metrics(Vec<Metric>);

#[derive(Debug)]
struct Metric {
    kind: MetricType,
    name: String,
    value: u64,
}

impl Metrics {
    /// The number of the metric; the same one for the same name.
    pub(crate) fn define(&mut self, kind: MetricType, name: String) -> Result<u32, Status> {
        let index = match self.0.iter().position(|metric| metric.kind == kind && metric.name == name) {
            Some(index) => index,
            None => {
                self.0.push(Metric { kind, name, value: 0 });
                self.0.len() - 1
            }
        };
        u32::try_from(index).map_err(|_| Status::InternalFailure)
    }

    /// Sets a gauge, or adds a value to a histogram; a counter takes increments only.
    pub(crate) fn record(&mut self, id: u32, value: u64) -> Result<(), Status> {
        let metric = self.metric(id)?;
        match metric.kind {
            MetricType::Gauge => metric.value = value,
            MetricType::Histogram => {}
            MetricType::Counter => metric.value = metric.value.wrapping_add(value),
        }
        Ok(())
    }

    /// Moves a gauge, or a counter upwards.
    pub(crate) fn increment(&mut self, id: u32, offset: i64) -> Result<(), Status> {
        let metric = self.metric(id)?;
        match metric.kind {
            MetricType::Counter if offset <= 0 => return Err(Status::BadArgument),
            MetricType::Counter | MetricType::Gauge => metric.value = metric.value.saturating_add_signed(offset),
            MetricType::Histogram => return Err(Status::BadArgument),
        }
        Ok(())
    }

    /// The value of a counter or a gauge.
    pub(crate) fn value(&mut self, id: u32) -> Result<u64, Status> {
        match self.metric(id)? {
            Metric { kind: MetricType::Histogram, .. } => Err(Status::BadArgument),
            metric => Ok(metric.value),
        }
    }

    fn metric(&mut self, id: u32) -> Result<&mut Metric, Status> {
        usize::try_from(id).ok().and_then(|index| self.0.get_mut(index)).ok_or(Status::BadArgument)
    }
}

#[cfg(test)]
mod tests {
    use super::Metrics;
    use crate::abi::{MetricType, Status};

    #[test]
    fn a_counter_only_grows_and_a_histogram_has_no_value() {
        let mut metrics = Metrics::default();
        let counter = metrics.define(MetricType::Counter, "c".into()).unwrap();
        assert_eq!(metrics.define(MetricType::Counter, "c".into()), Ok(counter));
        assert_eq!(metrics.increment(counter, 2), Ok(()));
        assert_eq!(metrics.increment(counter, 0), Err(Status::BadArgument));
        assert_eq!(metrics.value(counter), Ok(2));
        let histogram = metrics.define(MetricType::Histogram, "h".into()).unwrap();
        assert_eq!(metrics.record(histogram, 5), Ok(()));
        assert_eq!(metrics.value(histogram), Err(Status::BadArgument));
        assert_eq!(metrics.value(99), Err(Status::BadArgument));
    }
}
