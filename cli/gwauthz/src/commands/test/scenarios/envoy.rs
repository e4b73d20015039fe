//! Scenarios on a real Envoy, behind the embedded gateway: both must hold them, and make the same of them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::ValueEnum;
use gwauthz_host::scenario::{Failure as Finding, Observed, Oracle, OracleError, differences, virtual_only};
use tempfile::TempDir;

use super::files::Ready;
use crate::{
    exit::{Exit, Failure},
    terminal::Terminal,
};

/// Where scenarios are run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Host {
    /// On the embedded gateway
    #[default]
    Embedded,
    /// On the embedded gateway and on a real Envoy, which must agree
    Envoy,
}

/// A real Envoy, and the module where it can read it.
pub(super) struct RealHost {
    oracle: Oracle,
    module: PathBuf,
    /// Holds the module.
    _folder: TempDir,
}

/// What came of a scenario on Envoy.
pub(super) enum OnEnvoy {
    /// What was expected, and the same as on the embedded gateway.
    Agreed,
    /// Something else.
    Parted(Parting),
    /// It cannot be run there; why.
    VirtualOnly(String),
    /// Envoy could not be run.
    Failed(Failure),
}

/// Where Envoy and a scenario, or the embedded gateway, part.
pub(in super::super) struct Parting {
    /// Expectations that do not hold on Envoy.
    pub(in super::super) findings: Vec<Finding>,
    /// What it makes otherwise than the embedded gateway.
    pub(in super::super) differences: Vec<String>,
    /// The folder of Envoy's log and configuration.
    pub(in super::super) logs: PathBuf,
}

impl RealHost {
    /// The Envoy at `path`, or the one on PATH; other versions than the one that the embedded gateway follows are warned of.
    pub(super) fn find(path: Option<&Path>, module: &[u8], terminal: &Terminal) -> Result<Self, Failure> {
        let oracle = Oracle::find(path).map_err(|error| {
            Failure::wrong(error.to_string(), "`--envoy FILE` names it; --host embedded needs none")
        })?;
        let program = oracle.program();
        terminal.note(&format!("envoy {} at {}", program.version(), program.path().display()));
        if !program.is_tested() {
            terminal.note("warning: the embedded gateway follows Envoy 1.40; another version may differ from it");
        }
        let temporary = |error| Failure::io("write the module into", &std::env::temp_dir(), &error);
        let folder = TempDir::new().map_err(temporary)?;
        let file = folder.path().join("plugin.wasm");
        fs::write(&file, module).map_err(temporary)?;
        Ok(Self { oracle, module: file, _folder: folder })
    }

    /// Runs a scenario of which the embedded gateway has made `embedded`.
    pub(super) fn run(&self, Ready { scenario, configuration }: &Ready, embedded: &Observed) -> OnEnvoy {
        if let Some(reason) = virtual_only(scenario, embedded) {
            return OnEnvoy::VirtualOnly(reason);
        }
        let run = match self.oracle.run(scenario, configuration.as_bytes(), &self.module, embedded) {
            Ok(run) => run,
            Err(OracleError::VirtualOnly(reason)) => return OnEnvoy::VirtualOnly(reason),
            Err(error) => return OnEnvoy::Failed(failure(&error)),
        };
        let (findings, differences) = (scenario.check(&run.observed), differences(embedded, &run.observed));
        if findings.is_empty() && differences.is_empty() {
            return OnEnvoy::Agreed;
        }
        OnEnvoy::Parted(Parting { findings, differences, logs: run.keep_logs() })
    }
}

fn failure(error: &OracleError) -> Failure {
    Failure::new(Exit::Io, miette::MietteDiagnostic::new(error.to_string()))
}
