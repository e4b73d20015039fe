//! GW202 implicit-fail-strategy.

use crate::{
    context::{Context, Plugin, Role},
    cvss::vectors,
    diagnostic::Finding,
    rules::{Code, Confidence, Persona, Rule, fixture},
};

pub(in crate::rules) static RULE: Rule = Rule {
    code: Code(202),
    name: "implicit-fail-strategy",
    summary: "a plugin that decides who may pass does not say what happens when it fails",
    why: "The default is FAIL_CLOSE, and a reader has to know that. Saying so keeps it from being changed by accident, and shows that it was meant.",
    gain: "Nothing by itself; it is easier to slip a FAIL_OPEN past a reviewer.",
    source: "Istio, WasmPlugin reference, `failStrategy`",
    vector: vectors::HYGIENE,
    persona: Persona::Pedantic,
    confidence: Confidence::High,
    bad: fixture!("GW202-implicit-fail-strategy", "bad"),
    good: fixture!("GW202-implicit-fail-strategy", "good"),
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let silent =
        context.plugins.iter().filter(|plugin| plugin.role != Role::Other && plugin.wasm.fail_strategy.is_none());
    let finding = |plugin: &Plugin<'_>| {
        Finding::new(
            plugin.location(),
            "`failStrategy` is not set",
            "closes on failure, by default only",
            "add `failStrategy: FAIL_CLOSE`",
        )
    };
    silent.map(finding).collect()
}
