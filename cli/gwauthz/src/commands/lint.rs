//! `gwauthz lint`: what istiod will do with a manifest, and what an attacker could.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gwauthz_lint::{Persona, Report, Settings, Severity, Sources};

use crate::{
    exit::{Exit, Failure},
    manifests,
    output::{github, human, json, sarif},
    terminal::Terminal,
};

/// Find security and correctness defects in manifests around gateway plugins
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 clean, 1 findings at or above --fail-on, 2 a document that is not YAML or wrong use,
4 a file that cannot be read. Findings in the other documents are reported all the same.")]
pub(crate) struct LintArgs {
    /// Files, folders, or `-` for standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// How to print the findings
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Who reads them: each persona sees what the ones before see, and more
    #[arg(long, value_enum, default_value_t = PersonaArg::Regular)]
    persona: PersonaArg,
    /// The least severity that fails
    #[arg(long, value_name = "SEVERITY", value_enum, default_value_t = SeverityArg::Medium)]
    fail_on: SeverityArg,
    /// The configuration; the nearest gwauthz.toml from here upwards by default
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// With the manifest's lines, for people
    Human,
    /// For programs; the schema is gwauthz.lint/v1
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Annotations of GitHub Actions
    Github,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PersonaArg {
    Regular,
    Pedantic,
    Auditor,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SeverityArg {
    Low,
    Medium,
    High,
    Critical,
}

impl LintArgs {
    pub(crate) fn execute(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let settings = self.settings(terminal)?;
        let sources = manifests::read(&self.paths)?;
        let report = gwauthz_lint::lint(&sources, &settings, self.persona.into());
        terminal.print(&self.render(&sources, &report, terminal)?)?;
        Ok(self.exit(&report))
    }

    fn settings(&self, terminal: &Terminal) -> Result<Settings, Failure> {
        let Some((path, text)) = manifests::settings_file(self.config.as_deref())? else {
            return Ok(Settings::default());
        };
        terminal.detail(&format!("configuration: {}", path.display()));
        Settings::from_toml(&text).map_err(|error| {
            manifests::wrong_at(path.to_string_lossy(), text, error.span.clone(), error.to_string(), error.help)
        })
    }

    fn render(&self, sources: &Sources, report: &Report, terminal: &Terminal) -> Result<String, Failure> {
        match self.format {
            Format::Human => Ok(human::render(sources, report, &terminal.report_handler(terminal.stdout_color()))),
            Format::Json => json::render(sources, report),
            Format::Sarif => sarif::render(sources, report),
            Format::Github => Ok(github::render(sources, report)),
        }
    }

    /// What could not be read may hide anything, so that it outweighs the findings.
    fn exit(&self, report: &Report) -> Exit {
        if report.has_syntax_errors() {
            Exit::Wrong
        } else if report.worst().is_some_and(|worst| worst >= self.fail_on.into()) {
            Exit::No
        } else {
            Exit::Yes
        }
    }
}

impl From<PersonaArg> for Persona {
    fn from(persona: PersonaArg) -> Self {
        match persona {
            PersonaArg::Regular => Self::Regular,
            PersonaArg::Pedantic => Self::Pedantic,
            PersonaArg::Auditor => Self::Auditor,
        }
    }
}

impl From<SeverityArg> for Severity {
    fn from(severity: SeverityArg) -> Self {
        match severity {
            SeverityArg::Low => Self::Low,
            SeverityArg::Medium => Self::Medium,
            SeverityArg::High => Self::High,
            SeverityArg::Critical => Self::Critical,
        }
    }
}
