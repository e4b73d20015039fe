//! GW204 phase-unset-or-stats.

use crate::{
    context::{Context, Plugin, Role},
    cvss::vectors,
    diagnostic::{Finding, Safety},
    resource::Phase,
    rules::{Code, Confidence, Persona, Rule, fixture},
};

pub(in crate::rules) static RULE: Rule = Rule {
    code: Code(204),
    name: "phase-unset-or-stats",
    summary: "a plugin that decides who may pass runs at the end of the filter chain",
    why: "Without a `phase`, or in STATS, the plugin runs behind Istio's authorization and telemetry, right before the router. Filters before it have already acted on a request that it would have refused.",
    gain: "Filters that answer, cache or call out on behalf of a request do so for requests that nobody has allowed.",
    source: "Istio, WasmPlugin reference, `PluginPhase`",
    vector: vectors::NEIGHBOUR,
    persona: Persona::Regular,
    confidence: Confidence::High,
    bad: fixture!("GW204-phase-unset-or-stats", "bad"),
    good: fixture!("GW204-phase-unset-or-stats", "good"),
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let deciding = context.plugins.iter().filter(|plugin| plugin.role != Role::Other);
    let finding = |plugin: &Plugin<'_>| {
        let help = "use `phase: AUTHZ`: behind JWT authentication, before everything else";
        match plugin.wasm.phase {
            None => Some(Finding::new(plugin.location(), "`phase` is not set", "runs last, before the router", help)),
            Some(phase) if matches!(phase.value, Phase::Stats | Phase::Unspecified) => Some(
                Finding::new(
                    plugin.at(phase.span),
                    "the plugin runs at the end of the chain",
                    "behind authorization",
                    help,
                )
                .replaced(Safety::Unsafe, "AUTHZ"),
            ),
            Some(_) => None,
        }
    };
    deciding.filter_map(finding).collect()
}
