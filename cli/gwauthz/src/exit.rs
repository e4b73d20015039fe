//! Exit codes, once for all commands, and the failures that carry them.

use std::{fmt, path::Path, process::ExitCode};

use miette::{Diagnostic, MietteDiagnostic, Report};

/// What a finished or failed command tells the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The answer is yes: allowed, clean, verified, done.
    Yes,
    /// The answer is no: denied, findings, not verified, a scenario failed, a gate refused, a digest differs.
    No,
    /// Wrong use or bad content: arguments, configuration, manifest, module.
    Wrong,
    /// A file, a tool or a registry could not be read or written.
    Io,
    /// A defect of gwauthz itself.
    Bug,
    /// Transient: the same command may succeed in a while.
    Transient,
    /// The other side refused our credentials.
    AuthenticationRefused,
}

impl Exit {
    /// The process exit code; 70, 75 and 77 are those of BSD `sysexits.h`.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Yes => 0,
            Self::No => 1,
            Self::Wrong => 2,
            Self::Io => 4,
            Self::Bug => 70,
            Self::Transient => 75,
            Self::AuthenticationRefused => 77,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command gave no answer: a diagnostic for people and the exit code for the shell.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    report: Report,
}

impl Failure {
    /// A failure of the class `exit` that `report` explains.
    pub(crate) fn new(exit: Exit, report: impl Into<Report>) -> Self {
        Self { exit, report: report.into() }
    }

    /// Wrong use or bad content: what is wrong, and what to do next.
    pub(crate) fn wrong(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(Exit::Wrong, MietteDiagnostic::new(message).with_help(help))
    }

    /// A file that could not be read or written: `doing` is a verb phrase such as "read the manifest".
    pub(crate) fn io(doing: &str, path: &Path, error: &std::io::Error) -> Self {
        Self::new(Exit::Io, MietteDiagnostic::new(format!("cannot {doing} {}: {error}", path.display())))
    }

    /// A state that only a defect of gwauthz can lead to.
    pub(crate) fn bug(error: impl fmt::Display) -> Self {
        Self::new(
            Exit::Bug,
            MietteDiagnostic::new(format!("internal error: {error}"))
                .with_help("this is a defect of gwauthz; please report it with the command that led here"),
        )
    }

    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    pub(crate) fn diagnostic(&self) -> &(dyn Diagnostic + 'static) {
        self.report.as_ref()
    }
}
