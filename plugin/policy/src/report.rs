//! What the engine has to tell operators of, beside what becomes of the request that it is asked about.

use crate::Metric;

/// Something to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// One more of these.
    Count(Metric),
    /// A gauge has this value now, or a histogram one more.
    Record(Metric, u64),
    /// A gauge has gone up, or down.
    Change(Metric, i64),
    /// A line for the audit.
    Audit(String),
    /// A line for the log.
    Log(String),
}

/// What is to be told, in its order.
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

    pub(crate) fn change(&mut self, metric: Metric, by: i64) {
        self.0.push(Report::Change(metric, by));
    }

    pub(crate) fn log(&mut self, line: String) {
        self.0.push(Report::Log(line));
    }

    /// The next one. The room stays for those to come: most requests have one or two.
    pub(crate) fn next(&mut self) -> Option<Report> {
        (!self.0.is_empty()).then(|| self.0.remove(0))
    }
}
