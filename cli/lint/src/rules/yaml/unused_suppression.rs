//! GW905 unused-suppression.

use crate::{
    context::Context,
    cvss::vectors,
    diagnostic::Finding,
    rules::{Code, Confidence, Persona, Rule, fixture},
    source::Location,
    suppression::InvalidSuppression,
};

pub(in crate::rules) static RULE: Rule = Rule {
    code: Code(905),
    name: "unused-suppression",
    summary: "a comment suppresses a finding that does not exist",
    why: "`# gwauthz: ignore[GW203] reason` accepts a finding. One that accepts nothing any more hides the next finding of its kind at the same place; one without a reason accepts nothing.",
    gain: "Nothing by itself; the next defect there goes unreported.",
    source: "This linter",
    vector: vectors::HYGIENE,
    persona: Persona::Regular,
    confidence: Confidence::High,
    bad: fixture!("GW905-unused-suppression", "bad"),
    good: fixture!("GW905-unused-suppression", "good"),
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in context.files {
        let at = |span| Location { source: file.id, span };
        findings.extend(file.suppressions.invalid.iter().map(|(span, why)| {
            let message = match why {
                InvalidSuppression::NoCode => "no rule is named".to_owned(),
                InvalidSuppression::NoReason => "a reason is required".to_owned(),
                InvalidSuppression::Unknown(unknown) => unknown.to_string(),
                InvalidSuppression::TooMany => "this one and those above it are too many for one file".to_owned(),
            };
            Finding::new(at(*span), message, "suppresses nothing", "write `# gwauthz: ignore[CODE] reason`")
        }));
        findings.extend(file.suppressions.unused(context.runs).into_iter().map(|(span, code)| {
            Finding::new(
                at(span),
                format!("there is no finding of {code} here"),
                "suppresses nothing",
                "remove the comment",
            )
        }));
    }
    findings
}
