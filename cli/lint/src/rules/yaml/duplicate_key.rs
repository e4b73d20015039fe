//! GW902 duplicate-key.

use crate::{
    context::{Context, File},
    cvss::vectors,
    diagnostic::{Finding, first_of},
    rules::{Code, Confidence, Persona, Rule, fixture},
    source::Location,
    spelling,
};

pub(in crate::rules) static RULE: Rule = Rule {
    code: Code(902),
    name: "duplicate-key",
    summary: "a key stands twice in one mapping",
    why: "YAML forbids it, and parsers disagree on which one counts: most take the last, a reader takes the first. kubectl refuses it, Helm and many controllers do not.",
    gain: "A reviewed value that is not the one in force.",
    source: "YAML 1.2.2, section 3.2.1.3; sigs.k8s.io/yaml, strict decoding",
    vector: vectors::MISLEADS_REVIEW,
    persona: Persona::Regular,
    confidence: Confidence::High,
    bad: fixture!("GW902-duplicate-key", "bad"),
    good: fixture!("GW902-duplicate-key", "good"),
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let of_file = |file: &File<'_>| {
        let at = |span| Location { source: file.id, span };
        let duplicates = file.parsed.documents.iter().flat_map(|document| &document.duplicates);
        first_of(duplicates.map(|(first, key)| {
            let message = format!("the key `{}` stands twice", spelling::shown(&key.value));
            let finding = Finding::new(at(key.span), message, "the one in force, mostly", "keep one of them");
            finding.because(at(*first), "the one that is read first")
        }))
    };
    context.files.iter().flat_map(of_file).collect()
}
