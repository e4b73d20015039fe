//! Envoy's program: where it is, and which version.

use std::{
    env, io,
    path::{Path, PathBuf},
    process::Command,
};

/// The version whose behaviour the embedded gateway follows.
pub const TESTED_VERSION: &str = "1.40";

/// An Envoy that can be started.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    version: String,
}

/// Why there is no Envoy to start.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It is not on PATH.
    #[error("no envoy on PATH: install it, or name its program with --envoy")]
    Missing,
    /// It does not run.
    #[error("cannot run {}: {source}", path.display())]
    Run {
        /// The program.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It runs, but is no Envoy.
    #[error("{} is no Envoy: expected `--version` to say one, got `{said}`", path.display())]
    NoEnvoy {
        /// The program.
        path: PathBuf,
        /// What it said, shortened.
        said: String,
    },
}

impl Program {
    /// The program at `path`, or `envoy` on PATH; asks it for its version.
    ///
    /// # Errors
    /// Where there is none, or where it is no Envoy.
    pub fn find(path: Option<&Path>) -> Result<Self, ProgramError> {
        let path = path.map_or_else(on_path, |path| Ok(path.to_owned()))?;
        let asked = Command::new(&path).arg("--version").output();
        let output = asked.map_err(|source| ProgramError::Run { path: path.clone(), source })?;
        let said = String::from_utf8_lossy(&output.stdout);
        match version(&said) {
            Some(version) => Ok(Self { version: version.to_owned(), path }),
            None => Err(ProgramError::NoEnvoy { said: said.trim().chars().take(80).collect(), path }),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its version, such as `1.40.0`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Whether it is of the version that the embedded gateway was held against; another may differ from it.
    #[must_use]
    pub fn is_tested(&self) -> bool {
        self.version.strip_prefix(TESTED_VERSION).is_some_and(|patch| patch.starts_with('.'))
    }
}

fn on_path() -> Result<PathBuf, ProgramError> {
    let folders = env::var_os("PATH").unwrap_or_default();
    let mut programs = env::split_paths(&folders).map(|folder| folder.join("envoy"));
    programs.find(|program| program.is_file()).ok_or(ProgramError::Missing)
}

/// The version in a line such as `envoy  version: 9e55…/1.40.0/Clean/RELEASE/BoringSSL`.
fn version(said: &str) -> Option<&str> {
    let (_, version) = said.split_once("version: ")?;
    version.split('/').nth(1).filter(|version| version.starts_with(|first: char| first.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Program, ProgramError, version};

    #[test]
    fn a_version_is_read() {
        let said = "\nenvoy  version: 9e5580933739775e8bce696a57a2e1bc99368f23/1.40.0/Clean/RELEASE/BoringSSL\n\n";
        assert_eq!(version(said), Some("1.40.0"));
        assert_eq!(version("git version 2.39.5"), None);
    }

    #[test]
    fn what_is_no_envoy_is_told() {
        let find = |path| Program::find(Some(Path::new(path))).unwrap_err();
        assert!(matches!(find("/bin/echo"), ProgramError::NoEnvoy { .. }));
        assert!(matches!(find("/nowhere/envoy"), ProgramError::Run { .. }));
    }
}
