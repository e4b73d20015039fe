//! `gwauthz test`: what a gateway would do with one request.

mod probe;
mod report;

use clap::{Args, ValueEnum};

use crate::{
    exit::{Exit, Failure},
    output::{Format, json},
    request::{RequestArgs, detail_logs},
    terminal::Terminal,
};

use report::Verdict;

/// Send a request through the plugin, without a cluster, and say what a gateway would do with it
///
/// Runs the very module that a gateway runs, in an embedded gateway that behaves as Envoy does. Exit code 0: allowed;
/// 1: denied; `--expect deny` turns it round.
#[derive(Debug, Args)]
pub(crate) struct TestArgs {
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
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Expectation {
    Allow,
    Deny,
}

impl TestArgs {
    pub(crate) fn execute(self, terminal: &Terminal) -> Result<Exit, Failure> {
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
            Format::Human => verdict.human(),
            Format::Json => json(&verdict.machine())?,
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
            Format::Human => probe::human(&findings),
            Format::Json => json(&probe::machine(&findings))?,
        })?;
        Ok(if findings.is_empty() { Exit::Yes } else { Exit::No })
    }
}
