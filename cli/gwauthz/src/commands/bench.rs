//! `gwauthz bench`: what a module costs a gateway.

mod baseline;
mod measure;
mod plot;
mod report;
mod statistics;

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use clap::Args;

use crate::{
    exit::{Exit, Failure},
    input,
    module::{self, ChosenModule},
    output::{Format, json},
    request::{Configuration, Minting, RequestArgs},
    terminal::Terminal,
};

use baseline::Baseline;
use measure::{Subject, measure};
use report::Report;

/// Measure what a request costs the gateway: time and fuel a callback, host calls, growth of memory
///
/// Time is measured as a gateway runs the module, without deadlines. Fuel counts what the module executes: it does not
/// depend on the machine and its noise, and so is what `--fail-above` looks at.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    #[command(flatten)]
    request: RequestArgs,
    /// How many requests are measured
    #[arg(long, value_name = "COUNT", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    requests: u32,
    /// Measure this module too, in turns with the first
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Compare with a result that `--format json` printed earlier
    #[arg(long, value_name = "JSON")]
    baseline: Option<PathBuf>,
    /// Exit with 1 where a request takes this much more fuel than in the baseline
    #[arg(long, value_name = "PERCENT", requires = "baseline", value_parser = percent)]
    fail_above: Option<f64>,
    /// Draw the distributions into a self-contained file: .svg or .html
    #[arg(long, value_name = "FILE", value_parser = plot::file)]
    plot: Option<plot::File>,
    /// How to print the result
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

/// When minted tokens are issued, and what the gateway's clock shows then: 2026-01-01, since the Unix epoch.
const MINTED: Duration = Duration::from_secs(1_767_225_600);
/// The bound on a baseline.
const MAX_BASELINE_BYTES: u64 = 1 << 20;

impl BenchArgs {
    pub(crate) fn execute(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let baseline = self.baseline.as_deref().map(read_baseline).transpose()?;
        // Where nothing depends on the time of day, fuel repeats to the unit.
        let time = if self.request.gives_token() { SystemTime::now() } else { UNIX_EPOCH + MINTED };
        let request = self.request.request(Minting::Repeatable(time), terminal)?;
        let config = self.request.plugin_config()?;
        let mut subjects = vec![self.subject(&self.request.module(terminal)?, &config, terminal)?];
        if let Some(against) = &self.against {
            subjects.push(self.subject(&module::choose(Some(against), terminal)?, &config, terminal)?);
        }
        let progress = terminal.progress("measuring", None);
        let measured = measure(&subjects, &request, time, self.requests);
        progress.finish_and_clear();
        let report = Report::new(&request, self.requests, measured?);
        if let Some(plot) = &self.plot {
            fs::write(plot.path(), plot.draw(&report)?)
                .map_err(|error| Failure::io("write the plot to", plot.path(), &error))?;
        }
        terminal.print(&match self.format {
            Format::Human => report.human(baseline.as_ref()),
            Format::Json => json(&report.machine())?,
        })?;
        Ok(match (baseline, self.fail_above) {
            (Some(baseline), Some(percent)) if report.fuel() > baseline.fuel_above(percent) => Exit::No,
            _ => Exit::Yes,
        })
    }

    fn subject(&self, module: &ChosenModule, config: &Configuration, terminal: &Terminal) -> Result<Subject, Failure> {
        let outcome = self.request.authz().scripted().ok_or_else(|| {
            Failure::wrong(
                "a real authorization service would be measured with the module",
                "say how it answers: --authz 200",
            )
        })?;
        let bench = |metering| self.request.bench_of(module, config, metering, terminal);
        Subject::new(module, outcome, bench)
    }
}

fn read_baseline(path: &Path) -> Result<Baseline, Failure> {
    Baseline::parse(&input::read_text("a baseline", path, MAX_BASELINE_BYTES)?).map_err(|error| {
        Failure::wrong(
            format!("{} is no baseline: {error}", path.display()),
            "keep what `gwauthz bench --format json` prints",
        )
    })
}

fn percent(text: &str) -> Result<f64, String> {
    let number: f64 = text.strip_suffix('%').unwrap_or(text).parse().map_err(|_| "expected a number".to_owned())?;
    if (0.0..=10_000.0).contains(&number) { Ok(number) } else { Err("expected 0 to 10000".to_owned()) }
}
