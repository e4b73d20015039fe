//! GW904 syntax.

use crate::{
    context::{Context, File},
    cvss::vectors,
    diagnostic::{Finding, first_of},
    rules::{Code, Confidence, Persona, Rule, fixture},
    source::Location,
    tree::SyntaxErrorKind,
};

pub(in crate::rules) static RULE: Rule = Rule {
    code: Code(904),
    name: "syntax",
    summary: "a document is not YAML",
    why: "What cannot be read cannot be checked: the document is left out, and the next one is still read. A chart's templates have to be rendered first.",
    gain: "Whatever stands in the document goes unchecked.",
    source: "YAML 1.2.2",
    vector: vectors::OUTAGE,
    persona: Persona::Regular,
    confidence: Confidence::High,
    bad: fixture!("GW904-syntax", "bad"),
    good: fixture!("GW904-syntax", "good"),
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let of_file = |file: &File<'_>| {
        first_of(file.parsed.errors.iter().map(|error| {
            let help = match error.kind {
                SyntaxErrorKind::Template => "render it first: helm template CHART | gwauthz lint -",
                SyntaxErrorKind::NotUtf8 => "save the file as UTF-8",
                SyntaxErrorKind::AliasBomb => "write out what the aliases stand for",
                _ => "correct the document; it is not checked until it can be read",
            };
            let location = Location { source: file.id, span: error.span };
            Finding::new(location, error.kind.to_string(), "not read from here on", help)
        }))
    };
    context.files.iter().flat_map(of_file).collect()
}
