//! The table: medians over the rounds, how far these were apart, and ratios, which are of one round each: what else the
//! machine does changes from one to the next.

use std::fmt::Write as _;

use crate::{
    callgrind::Count,
    process::CpuTime,
    setup::{EXT_AUTHZ, FIRST_SEEN, NO_FILTER, VERIFIED},
    wrk::Sent,
};

/// What was measured of a setup.
pub(crate) struct Row {
    name: &'static str,
    /// CPU time of each round, in their order, in microseconds a request.
    costs: Vec<f64>,
    /// What of these was spent in the kernel.
    kernel: Vec<f64>,
    rates: Vec<f64>,
    /// In KiB.
    pub(crate) peak_memory: u32,
}

impl Row {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, costs: Vec::new(), kernel: Vec::new(), rates: Vec::new(), peak_memory: 0 }
    }

    pub(crate) fn add(&mut self, cpu_time: CpuTime, sent: &Sent) {
        let (cost, kernel) = cpu_time.each(sent.requests);
        self.costs.push(cost);
        self.kernel.push(kernel);
        self.rates.push(sent.rate);
    }

    fn cost(&self) -> f64 {
        median(self.costs.iter().copied())
    }

    /// How many times as much as the other.
    fn ratio_to(&self, other: &Self) -> f64 {
        median(self.costs.iter().zip(&other.costs).map(|(cost, other)| cost / other))
    }

    /// Half the distance of the outermost rounds, in percent of the median.
    fn spread(&self) -> f64 {
        let most = self.costs.iter().copied().fold(0.0, f64::max);
        let least = self.costs.iter().copied().fold(most, f64::min);
        (most - least) / 2.0 / self.cost() * 100.0
    }
}

/// A line a setup; what a first-seen token costs more than a known one stands below.
pub(crate) fn times(rows: &[Row]) -> String {
    let row = |name| rows.iter().find(|row| row.name == name);
    let (plain, native) = (row(NO_FILTER).expect("measured"), row(EXT_AUTHZ).expect("measured"));
    let memory = |row: &Row| f64::from(row.peak_memory) / 1024.0;
    let mut table = String::from(
        "| setup | CPU us a request | spread | in the kernel | x no filter | x ext_authz | requests/s | peak MiB \
         | x no filter |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    let mut first_seen = String::new();
    for row in rows {
        let _ = writeln!(
            table,
            "| {} | {:.1} | ±{:.0} % | {:.1} | {:.2} | {:.2} | {:.0} | {:.1} | {:.2} |",
            row.name,
            row.cost(),
            row.spread(),
            median(row.kernel.iter().copied()),
            row.ratio_to(plain),
            row.ratio_to(native),
            median(row.rates.iter().copied()),
            memory(row),
            memory(row) / memory(plain),
        );
    }
    if let Some(known) = row(VERIFIED) {
        for row in rows {
            if let Some(algorithm) = row.name.strip_prefix(FIRST_SEEN) {
                let _ = writeln!(first_seen, "verifying {algorithm}: {:.0} us", row.cost() - known.cost());
            }
        }
    }
    format!("{table}\n{first_seen}")
}

/// A line a setup, in thousands of instructions.
pub(crate) fn counts(counts: &[(&str, Count)]) -> String {
    let all = |name| counts.iter().find(|(other, _)| *other == name).expect("counted").1.all();
    let mut table = String::from(
        "| setup | 1000 instructions a request | of these the module's | x no filter | x ext_authz |\n\
         |---|---|---|---|---|\n",
    );
    for (name, count) in counts {
        let _ = writeln!(
            table,
            "| {name} | {:.1} | {:.1} | {:.3} | {:.3} |",
            count.all() / 1000.0,
            count.module / 1000.0,
            count.all() / all(NO_FILTER),
            count.all() / all(EXT_AUTHZ),
        );
    }
    table
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<_> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let at = |index: usize| sorted.get(index).copied().unwrap_or_default();
    if sorted.len() % 2 == 1 { at(middle) } else { f64::midpoint(at(middle.saturating_sub(1)), at(middle)) }
}
