//! `gwauthz test`: what a gateway would do with one request, or whether it does what scenarios say.

mod probe;
mod report;
mod scenarios;

use clap::{Args, ValueEnum};

use crate::{
    exit::{Exit, Failure},
    output::json,
    request::{RequestArgs, detail_logs},
    terminal::Terminal,
};

use report::Verdict;
use scenarios::{ScenarioArgs, Settings};

/// Send a request through the plugin, without a cluster, and say what a gateway would do with it
///
/// Runs the very module that a gateway runs, in an embedded gateway that behaves as Envoy does. Exit code 0: allowed;
/// 1: denied; `--expect deny` turns it round.
///
/// With scenario files or folders of them, runs those instead: exit code 0: all held; 1: one did not; 2: a file is wrong.
#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    #[command(flatten)]
    scenarios: ScenarioArgs,
    #[command(flatten)]
    request: RequestArgs,
    /// Which decision is the right one
    #[arg(long, value_name = "DECISION", default_value = "allow")]
    expect: Expectation,
    /// Try what an authorization plugin must not do, instead of one request: exit code 1 where it does
    #[arg(long, conflicts_with_all = ["token", "claims", "method", "path", "headers", "authz", "expect"])]
    probe: bool,
    /// How to print the result
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: TestFormat,
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TestFormat {
    /// For people
    Human,
    /// For programs; the `schema` key names the layout
    Json,
    /// JUnit XML, of scenarios alone
    Junit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Expectation {
    Allow,
    Deny,
}

impl TestArgs {
    pub(crate) fn execute(self, terminal: &Terminal) -> Result<Exit, Failure> {
        if !self.scenarios.scenarios.is_empty() {
            let (module, use_cache) = self.request.named_module();
            let settings = Settings { module, use_cache, profile: self.request.profile(), format: self.format };
            return self.scenarios.execute(&settings, terminal);
        }
        if self.format == TestFormat::Junit {
            return Err(Failure::wrong("--format junit is for scenarios", "name some, or print another format"));
        }
        if self.probe {
            return self.execute_probes(terminal);
        }
        let (mut gateway, request) = self.request.prepare(false, terminal)?;
        let outcome = gateway.request(&request);
        detail_logs(&outcome.logs, terminal);
        for function in &outcome.unimplemented {
            terminal.note(&format!(
                "warning: the module called {function}, which this host does not have yet: a gateway may decide otherwise"
            ));
        }
        let verdict = Verdict::new(&request, &outcome);
        terminal.print(&match self.format {
            TestFormat::Json => json(&verdict.machine())?,
            TestFormat::Human | TestFormat::Junit => verdict.human(),
        })?;
        let expected = verdict.is_allowed() == (self.expect == Expectation::Allow);
        Ok(if expected { Exit::Yes } else { Exit::No })
    }

    fn execute_probes(&self, terminal: &Terminal) -> Result<Exit, Failure> {
        let bench = self.request.bench(terminal)?;
        let progress = terminal.progress("probing", None);
        let findings = probe::probe(&bench);
        progress.finish_and_clear();
        let findings = findings?;
        terminal.print(&match self.format {
            TestFormat::Json => json(&probe::machine(&findings))?,
            TestFormat::Human | TestFormat::Junit => probe::human(&findings),
        })?;
        Ok(if findings.is_empty() { Exit::Yes } else { Exit::No })
    }
}
