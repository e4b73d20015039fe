//! Runs scenarios on a real Envoy: the oracle that the embedded gateway is held against.
//!
//! Services and clients are real ones on loopback, time is real time. What Envoy does not tell is left open in what is
//! observed, never guessed.

mod calls;
mod connection;
mod converse;
mod ending;
mod expected;
mod grpc;
mod journal;
mod observe;
mod run;
mod services;
mod upstream;
mod virtual_only;
mod wire;

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::envoy::{EnvoyError, Folder, Program, ProgramError};

use super::{format::Scenario, observed::Observed, token::KeyError};

pub use virtual_only::virtual_only;

/// A real Envoy that scenarios can be run on.
#[derive(Clone, Debug)]
pub struct Oracle {
    program: Program,
}

/// What was seen on a real Envoy, and what it leaves: its log goes with this value, unless it is kept.
#[derive(Debug)]
pub struct OracleRun {
    /// What was seen.
    pub observed: Observed,
    folder: Folder,
}

/// Why a scenario could not be run on a real Envoy.
#[derive(Debug, thiserror::Error)]
pub enum OracleError {
    /// There is none.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// It does not run.
    #[error(transparent)]
    Envoy(#[from] EnvoyError),
    /// The services, the clients or Envoy's logs could not be reached.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What could not be done.
        doing: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The plugin's configuration is no text, as Envoy takes it.
    #[error("expected a plugin configuration in UTF-8")]
    Configuration,
    /// Envoy does not say where it listens.
    #[error("envoy does not listen")]
    NoListener,
    /// The key that signs tokens could not be made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// It turned out that it needs what Envoy cannot be made to have.
    #[error("virtual-only: {0}")]
    VirtualOnly(String),
}

impl Oracle {
    /// The Envoy at `path`, or the one on PATH.
    ///
    /// # Errors
    /// Where there is none.
    pub fn find(path: Option<&Path>) -> Result<Self, OracleError> {
        Ok(Self { program: Program::find(path)? })
    }

    /// Its program, which knows its version.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Runs `scenario` with this configuration of the plugin, in an Envoy of its own. `embedded` is what the embedded
    /// gateway made of it: it says how long things take, so that waiting is bounded, and nothing else is taken from it.
    ///
    /// A scenario that [`virtual_only`] names should not be run: it would take too long, or not be the same.
    ///
    /// # Errors
    /// Where Envoy cannot be started or reached, or [`OracleError::VirtualOnly`].
    pub fn run(
        &self,
        scenario: &Scenario,
        plugin_configuration: &[u8],
        module: &Path,
        embedded: &Observed,
    ) -> Result<OracleRun, OracleError> {
        let configuration = str::from_utf8(plugin_configuration).map_err(|_| OracleError::Configuration)?;
        let (observed, folder) = run::Run::start(&self.program, scenario, configuration, module, embedded)?.finish()?;
        Ok(OracleRun { observed, folder })
    }
}

impl OracleRun {
    /// Leaves Envoy's log, access log and configuration where they are, for somebody to look at; gives their folder.
    #[must_use]
    pub fn keep_logs(mut self) -> PathBuf {
        self.folder.keep()
    }
}

fn io_error(doing: &'static str) -> impl Fn(io::Error) -> OracleError {
    move |source| OracleError::Io { doing, source }
}
