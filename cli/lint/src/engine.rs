//! Sources in, diagnostics out.

use crate::{
    context::{Context, File},
    cvss::Severity,
    diagnostic::{Diagnostic, Finding},
    resource::Resources,
    rules::{Persona, RULES, Rule, SYNTAX, UNUSED_SUPPRESSION},
    settings::Settings,
    source::Sources,
    suppression::Suppressions,
    tree::parse,
};

/// What linting has found.
#[derive(Debug)]
pub struct Report {
    /// The findings, by source and place.
    pub diagnostics: Vec<Diagnostic>,
    /// How many documents were read.
    pub documents: usize,
}

impl Report {
    /// The most severe finding's severity.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.diagnostics.iter().map(|diagnostic| diagnostic.severity).max()
    }

    /// Whether a document could not be read as YAML: the report then says nothing of what it holds.
    #[must_use]
    pub fn has_syntax_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.rule.code == SYNTAX.code)
    }
}

/// Runs every rule that `persona` and `settings` ask for over the sources as one set, so that one file can answer for
/// another. Takes time and memory in proportion to the text.
#[must_use]
pub fn lint(sources: &Sources, settings: &Settings, persona: Persona) -> Report {
    let files: Vec<File<'_>> = sources
        .iter()
        .map(|(id, source)| {
            let parsed = parse(source);
            let suppressions = Suppressions::new(source, &parsed);
            File { id, source, parsed, suppressions }
        })
        .collect();
    let mut resources = Resources::default();
    for file in &files {
        for document in &file.parsed.documents {
            resources.add(file.id, document);
        }
    }
    let runs = |rule: &Rule| {
        let severity = settings.severity(rule)?;
        (rule.persona <= persona || settings.asks_for(rule)).then_some(severity)
    };
    let code_runs = |code| RULES.iter().any(|rule| rule.code == code && runs(rule).is_some());
    let context = Context::new(&files, &resources, settings, &code_runs);

    let mut diagnostics = Vec::new();
    // What is unused is known when all others have run.
    let (last, first): (Vec<&Rule>, Vec<&Rule>) = RULES.iter().partition(|rule| rule.code == UNUSED_SUPPRESSION.code);
    for rule in first.into_iter().chain(last) {
        let Some(severity) = runs(rule) else { continue };
        let loud = (rule.check)(&context).into_iter().filter(|finding| !is_silenced(&files, rule, finding));
        diagnostics.extend(loud.map(|finding| diagnostic(rule, severity, finding)));
    }
    diagnostics.sort_by_key(|diagnostic| (diagnostic.primary.location, diagnostic.rule.code));
    Report { diagnostics, documents: files.iter().map(|file| file.parsed.documents.len()).sum() }
}

fn is_silenced(files: &[File<'_>], rule: &Rule, finding: &Finding) -> bool {
    let location = finding.primary.location;
    files
        .get(location.source.index())
        .is_some_and(|file| file.suppressions.silence(rule, file.source, &file.parsed.documents, location.span.start))
}

fn diagnostic(rule: &'static Rule, severity: Severity, finding: Finding) -> Diagnostic {
    let Finding { message, primary, secondary, help, fix } = finding;
    Diagnostic { rule, severity, message, primary, secondary, help, fix }
}
