//! Findings for programs: schema `gwauthz.lint/v1`.

use gwauthz_lint::{Diagnostic, Label, Report, Sources};
use serde::Serialize;

use crate::exit::Failure;

/// One object, on one line.
pub(crate) fn render(sources: &Sources, report: &Report) -> Result<String, Failure> {
    let findings = report.diagnostics.iter().map(|diagnostic| Finding::new(sources, diagnostic)).collect();
    super::json(&Document { schema: "gwauthz.lint/v1", documents: report.documents, findings })
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    documents: usize,
    findings: Vec<Finding<'a>>,
}

#[derive(Serialize)]
struct Finding<'a> {
    code: String,
    name: &'static str,
    severity: String,
    score: f64,
    vector: String,
    confidence: String,
    message: &'a str,
    help: &'a str,
    gain: &'static str,
    location: Place<'a>,
    related: Vec<Place<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<Fix<'a>>,
}

/// Lines and columns from 1, columns in code points, `end` behind the last character; offsets in bytes from 0.
#[derive(Serialize)]
struct Place<'a> {
    file: &'a str,
    label: &'a str,
    start: Position,
    end: Position,
}

#[derive(Serialize)]
struct Position {
    line: usize,
    column: usize,
    offset: u32,
}

#[derive(Serialize)]
struct Fix<'a> {
    safety: String,
    start: u32,
    end: u32,
    replacement: &'a str,
}

impl<'a> Finding<'a> {
    fn new(sources: &'a Sources, diagnostic: &'a Diagnostic) -> Self {
        let Diagnostic { rule, severity, message, primary, secondary, help, fix } = diagnostic;
        Self {
            code: rule.code.to_string(),
            name: rule.name,
            severity: severity.to_string(),
            score: rule.vector.score(),
            vector: rule.vector.to_string(),
            confidence: rule.confidence.to_string(),
            message,
            help,
            gain: rule.gain,
            location: Place::new(sources, primary),
            related: secondary.iter().map(|label| Place::new(sources, label)).collect(),
            fix: fix.as_ref().map(|fix| Fix {
                safety: fix.safety.to_string(),
                start: fix.span.start,
                end: fix.span.end,
                replacement: &fix.replacement,
            }),
        }
    }
}

impl<'a> Place<'a> {
    fn new(sources: &'a Sources, label: &'a Label) -> Self {
        let source = sources.get(label.location.source);
        let position = |offset: u32| {
            let (line, column) = source.map_or((0, 0), |source| {
                let position = source.position(offset);
                (position.line, position.column)
            });
            Position { line, column, offset }
        };
        let span = label.location.span;
        Self {
            file: source.map_or("", |source| source.name()),
            label: &label.text,
            start: position(span.start),
            end: position(span.end),
        }
    }
}
