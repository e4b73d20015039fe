//! What the engine has to tell operators of, beside what becomes of the request that it is asked about.

use std::mem;

use crate::Metric;

/// Something to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// One more of these.
    Count(Metric),
    /// A gauge has this value now, or a histogram one more.
    Record(Metric, u64),
    /// A line for the audit.
    Audit(String),
}

/// What is to be told, in its order. It takes no room while nothing is.
#[derive(Debug, Default)]
pub(crate) struct Reports(Vec<Report>);

impl Reports {
    pub(crate) fn count(&mut self, metric: Metric) {
        self.0.push(Report::Count(metric));
    }

    pub(crate) fn record(&mut self, metric: Metric, value: u64) {
        self.0.push(Report::Record(metric, value));
    }

    pub(crate) fn audit(&mut self, line: Option<String>) {
        self.0.extend(line.map(Report::Audit));
    }

    pub(crate) fn take(&mut self) -> Vec<Report> {
        mem::take(&mut self.0)
    }
}
