//! What is said of measurements.

use std::{collections::BTreeMap, fmt::Write as _};

use anstyle::Style;
use gwauthz_host::HttpRequest;
use indicatif::HumanBytes;
use serde::{Deserialize, Serialize};

use super::{baseline::Baseline, measure::Measured, statistics::Distribution};

/// The layout of [`Machine`].
pub(super) const SCHEMA: &str = "gwauthz.bench/v1";

/// A result as programs read it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Machine {
    pub(super) schema: String,
    /// Method and path.
    pub(super) request: String,
    pub(super) requests: u32,
    pub(super) modules: Vec<Module>,
}

/// What was measured of a module.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Module {
    pub(super) module: String,
    pub(super) bytes: usize,
    /// The status that the client got.
    pub(super) status: u16,
    /// Fuel of a request.
    pub(super) fuel: u64,
    pub(super) request_ns: Distribution,
    /// Starting a VM and configuring the plugin.
    pub(super) start_ns: Distribution,
    pub(super) callbacks: BTreeMap<String, Callback>,
    /// How often a request calls each host function.
    pub(super) host_calls: BTreeMap<String, u64>,
    /// The guest's memory after the first requests.
    pub(super) memory_bytes: usize,
    /// By how much a request has let it grow, on average.
    pub(super) growth_bytes: f64,
}

/// What was measured of a callback.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Callback {
    pub(super) calls_per_request: f64,
    pub(super) ns: Distribution,
    pub(super) fuel: u64,
}

/// A result.
pub(super) struct Report {
    machine: Machine,
    /// Times of requests of each module, sorted, in nanoseconds.
    times: Vec<Vec<u64>>,
}

/// The width of a name.
const NAME: usize = 34;
/// The width of a column.
const COLUMN: usize = 12;

impl Report {
    pub(super) fn new(request: &HttpRequest, requests: u32, measured: Vec<Measured>) -> Self {
        let pseudo =
            |name: &[u8]| String::from_utf8_lossy(request.headers.first(name).unwrap_or_default()).into_owned();
        let (modules, times) = measured.into_iter().map(|measured| module(measured, requests)).unzip();
        let request = format!("{} {}", pseudo(b":method"), pseudo(b":path"));
        Self { machine: Machine { schema: SCHEMA.to_owned(), request, requests, modules }, times }
    }

    /// `gwauthz.bench/v1`
    pub(super) fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Each module with the sorted times of its requests in nanoseconds.
    pub(super) fn distributions(&self) -> impl Iterator<Item = (&Module, &[u64])> {
        self.machine.modules.iter().zip(self.times.iter().map(Vec::as_slice))
    }

    /// Fuel of a request, of the first module.
    pub(super) fn fuel(&self) -> f64 {
        self.machine.modules.first().map_or(0.0, |module| module.fuel as f64)
    }

    pub(super) fn human(&self, baseline: Option<&Baseline>) -> String {
        let bold = Style::new().bold();
        let mut text = String::new();
        // Writing to a String cannot fail.
        for module in &self.machine.modules {
            let status = if module.status == 0 { "no answer".to_owned() } else { module.status.to_string() };
            let name = module.module.escape_debug();
            let _ = writeln!(text, "{bold}{name}{bold:#}  {} → {status}", self.machine.request.escape_debug());
            let heads = ["a request", "median", "95 %", "p99", "fuel"];
            let _ = writeln!(text, "\n  {:NAME$}{}", "", columns(&heads.map(str::to_owned)));
            for (name, callback) in &module.callbacks {
                let calls = format!("{:.1} ×", callback.calls_per_request);
                let _ = writeln!(text, "  {name:NAME$}{}", row(&calls, &callback.ns, Some(callback.fuel)));
            }
            let _ = writeln!(text, "  {:NAME$}{}", "the whole request", row("", &module.request_ns, Some(module.fuel)));
            let _ = writeln!(text, "  {:NAME$}{}", "a VM, started and configured", row("", &module.start_ns, None));
            let calls: Vec<_> = module.host_calls.iter().map(|(name, count)| format!("{name} {count}")).collect();
            let _ = writeln!(text, "\n  host calls  {}", calls.join(", "));
            let memory = HumanBytes(module.memory_bytes as u64);
            let growth = format!("{:.1} B more with each request", module.growth_bytes);
            let growth = if module.growth_bytes > 0.0 { growth } else { "which no request lets grow".to_owned() };
            let _ = writeln!(text, "  memory      {memory}, {growth}\n");
        }
        if let [first, second] = self.machine.modules.as_slice() {
            let _ =
                writeln!(text, "{bold}The second{bold:#} takes {}", compared(second, first.fuel, &first.request_ns));
        }
        if let (Some(baseline), Some(first)) = (baseline, self.machine.modules.first()) {
            let _ = writeln!(
                text,
                "{bold}Since the baseline{bold:#} fuel {}, time {}",
                change(first.fuel, baseline.fuel()),
                change(first.request_ns.median, baseline.time())
            );
        }
        text
    }
}

fn module(mut measured: Measured, requests: u32) -> (Module, Vec<u64>) {
    let callbacks = measured.callbacks.into_iter().map(|(name, mut callback)| {
        let ns = Distribution::of(&mut callback.times);
        let calls_per_request = ns.count as f64 / f64::from(requests);
        (name.to_owned(), Callback { calls_per_request, ns, fuel: callback.fuel })
    });
    let (before, after) = measured.memory;
    let module = Module {
        module: measured.name,
        bytes: measured.bytes,
        status: measured.status,
        fuel: measured.fuel,
        callbacks: callbacks.collect(),
        request_ns: Distribution::of(&mut measured.requests),
        start_ns: Distribution::of(&mut measured.starts),
        host_calls: measured.host_calls,
        memory_bytes: before,
        growth_bytes: after.saturating_sub(before) as f64 / f64::from(requests),
    };
    (module, measured.requests)
}

fn row(calls: &str, ns: &Distribution, fuel: Option<u64>) -> String {
    let spread = format!("±{}", shown(ns.high.saturating_sub(ns.low) / 2));
    let fuel = fuel.map(|fuel| fuel.to_string()).unwrap_or_default();
    columns(&[calls.to_owned(), shown(ns.median), spread, shown(ns.p99), fuel])
}

fn columns(values: &[String]) -> String {
    values.iter().map(|value| format!("{value:>COLUMN$}")).collect()
}

/// A time of so many nanoseconds.
fn shown(ns: u64) -> String {
    match ns {
        0..10_000 => format!("{ns} ns"),
        10_000..10_000_000 => format!("{:.1} µs", ns as f64 / 1e3),
        _ => format!("{:.1} ms", ns as f64 / 1e6),
    }
}

fn compared(module: &Module, fuel: u64, times: &Distribution) -> String {
    format!(
        "{} of the first's fuel and {} of its time",
        ratio(module.fuel, fuel),
        ratio(module.request_ns.median, times.median)
    )
}

fn ratio(value: u64, of: u64) -> String {
    if of == 0 { "(nothing to compare with)".to_owned() } else { format!("{:.2} ×", value as f64 / of as f64) }
}

fn change(value: u64, since: u64) -> String {
    if since == 0 {
        return "(nothing to compare with)".to_owned();
    }
    format!("{:+.1} %", (value as f64 / since as f64 - 1.0) * 100.0)
}

#[cfg(test)]
mod tests {
    use super::{change, ratio, shown};

    #[test]
    fn figures_are_told_in_their_units() {
        assert_eq!([999, 15_300, 12_345_678].map(shown), ["999 ns", "15.3 µs", "12.3 ms"]);
        assert_eq!(
            [change(105, 100), change(98, 100), change(1, 0)],
            ["+5.0 %", "-2.0 %", "(nothing to compare with)"]
        );
        assert_eq!(ratio(50, 100), "0.50 ×");
    }
}
