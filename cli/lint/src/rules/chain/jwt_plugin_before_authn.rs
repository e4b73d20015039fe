//! GW203 jwt-plugin-before-authn.

use crate::{
    context::{Context, Plugin},
    cvss::vectors,
    diagnostic::{Finding, Safety},
    resource::Phase,
    rules::{Code, Confidence, Persona, Rule, fixture},
};

pub(in crate::rules) static RULE: Rule = Rule {
    code: Code(203),
    name: "jwt-plugin-before-authn",
    summary: "a plugin that trusts Istio's JWT verification runs before it",
    why: "At an Istio gateway the order is CUSTOM authorization, Wasm AUTHN, JWT authentication, Wasm AUTHZ, RBAC, Wasm STATS. A plugin in phase AUTHN therefore sees tokens that nobody has verified yet. One that verifies signatures itself, with `issuers`, may run there.",
    gain: "A token with a forged signature reaches the plugin and the authorization service; whatever they conclude from its claims, the attacker wrote.",
    source: "Istio, WasmPlugin reference, `PluginPhase`; istio/istio, pilot/pkg/networking/core/listener_builder.go",
    vector: vectors::OPEN_GATEWAY_SOMETIMES,
    persona: Persona::Regular,
    confidence: Confidence::Medium,
    bad: fixture!("GW203-jwt-plugin-before-authn", "bad"),
    good: fixture!("GW203-jwt-plugin-before-authn", "good"),
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let finding = |plugin: &Plugin<'_>| {
        let phase = plugin.wasm.phase.filter(|phase| phase.value == Phase::Authn)?;
        Some(
            Finding::new(
                plugin.at(phase.span),
                "the plugin runs before Istio verifies the token",
                "before JWT authentication",
                "use `phase: AUTHZ`",
            )
            .replaced(Safety::Unsafe, "AUTHZ"),
        )
    };
    context.trusting().filter_map(finding).collect()
}
