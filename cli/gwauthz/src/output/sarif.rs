//! Findings as SARIF 2.1.0 (OASIS), for code scanning.

use std::{collections::HashMap, fmt::Write as _};

use gwauthz_lint::{Diagnostic, Label, RULES, Report, Rule, Severity, SourceId, Sources, Span};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::exit::Failure;

/// One log of one run.
pub(crate) fn render(sources: &Sources, report: &Report) -> Result<String, Failure> {
    let mut seen = HashMap::new();
    let results: Vec<Value> = report.diagnostics.iter().map(|found| result(sources, found, &mut seen)).collect();
    super::json(&json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "gwauthz",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": RULES.iter().map(|rule| descriptor(rule)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    }))
}

fn descriptor(rule: &Rule) -> Value {
    json!({
        "id": rule.code.to_string(),
        "name": rule.name,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.why},
        "help": {"text": format!("An attacker gains: {}\nSource: {}\nMore: gwauthz explain {}", rule.gain, rule.source, rule.code)},
        "defaultConfiguration": {"level": level(rule.vector.severity())},
        "properties": {
            "security-severity": format!("{:.1}", rule.vector.score()),
            "cvss": rule.vector.to_string(),
            "precision": if rule.confidence == gwauthz_lint::Confidence::High { "high" } else { "medium" },
            "tags": ["security"],
        },
    })
}

fn result(sources: &Sources, diagnostic: &Diagnostic, seen: &mut HashMap<String, usize>) -> Value {
    let Diagnostic { rule, severity, message, primary, secondary, help, fix } = diagnostic;
    let mut result = json!({
        "ruleId": rule.code.to_string(),
        "ruleIndex": RULES.iter().position(|known| known.code == rule.code),
        "level": level(*severity),
        "message": {"text": format!("{message}; {help}")},
        "locations": [location(sources, primary)],
        "relatedLocations": secondary.iter().map(|label| location(sources, label)).collect::<Vec<_>>(),
        "partialFingerprints": {"gwauthz/v1": fingerprint(sources, diagnostic, seen)},
    });
    if let (Some(fix), Some(object)) = (fix, result.as_object_mut()) {
        let replacement = json!({
            "deletedRegion": region(sources, primary.location.source, fix.span),
            "insertedContent": {"text": fix.replacement},
        });
        let change = json!({"artifactLocation": artifact(sources, primary), "replacements": [replacement]});
        object.insert("fixes".into(), json!([{"description": {"text": help}, "artifactChanges": [change]}]));
    }
    result
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
    }
}

fn location(sources: &Sources, label: &Label) -> Value {
    json!({
        "physicalLocation": {
            "artifactLocation": artifact(sources, label),
            "region": region(sources, label.location.source, label.location.span),
        },
        "message": {"text": label.text},
    })
}

fn region(sources: &Sources, source: SourceId, span: Span) -> Value {
    let position = |offset| sources.get(source).map(|source| source.position(offset));
    let (start, end) = (position(span.start), position(span.end));
    json!({
        "startLine": start.map(|start| start.line),
        "startColumn": start.map(|start| start.column),
        "endLine": end.map(|end| end.line),
        "endColumn": end.map(|end| end.column),
    })
}

/// The file as a relative URI reference (RFC 3986, section 4.2).
fn artifact(sources: &Sources, label: &Label) -> Value {
    let name = sources.get(label.location.source).map_or("", |source| source.name());
    let name = if name == "-" { "stdin" } else { name.strip_prefix("./").unwrap_or(name) };
    let mut uri = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    json!({"uri": uri})
}

/// What stays the same when lines move: the rule, the file, the text of the line, and which one of its kind it is.
fn fingerprint(sources: &Sources, diagnostic: &Diagnostic, seen: &mut HashMap<String, usize>) -> String {
    let Diagnostic { rule, primary, .. } = diagnostic;
    let source = sources.get(primary.location.source);
    let text = source.map_or("", |source| source.slice(primary.location.span));
    let name = source.map_or("", |source| source.name());
    let text: String = text.chars().take(200).collect();
    let key = format!("{}\0{name}\0{text}", rule.code);
    let count = seen.entry(key.clone()).or_default();
    *count += 1;
    let digest = Sha256::digest(format!("{key}\0{count}"));
    digest.iter().take(16).fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}
