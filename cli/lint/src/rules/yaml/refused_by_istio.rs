//! GW906 refused-by-istio.

use crate::{
    context::Context,
    cvss::vectors,
    diagnostic::{Finding, first_of},
    resource::{Violation, WasmPlugin},
    rules::{Code, Confidence, Persona, Rule, fixture},
};

pub(in crate::rules) static RULE: Rule = Rule {
    code: Code(906),
    name: "refused-by-istio",
    summary: "Istio refuses the object, or drops a field of it",
    why: "The API server validates a plugin against Istio's definition. What it refuses is never applied, and what was applied before stays in force; a field that it does not know is dropped, or refused with strict validation.",
    gain: "A change that has no effect, while everyone believes that it has.",
    source: "istio/istio, manifests/charts/base/files/crd-all.gen.yaml",
    vector: vectors::OUTAGE,
    persona: Persona::Regular,
    confidence: Confidence::High,
    bad: fixture!("GW906-refused-by-istio", "bad"),
    good: fixture!("GW906-refused-by-istio", "good"),
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let of_plugin = |plugin: &WasmPlugin<'_>| -> Vec<Finding> {
        let finding = |violation: &Violation| {
            let Violation { span, message, help } = violation;
            Finding::new(plugin.head.at(*span), message, "refused by Istio", help)
        };
        first_of(plugin.violations.iter().map(finding))
    };
    context.resources.plugins.iter().flat_map(of_plugin).collect()
}
