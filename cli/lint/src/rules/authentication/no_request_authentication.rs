//! GW401 no-request-authentication.

use crate::{
    context::{Context, Plugin},
    cvss::vectors,
    diagnostic::Finding,
    rules::{Code, Confidence, Persona, Rule, fixture},
};

pub(in crate::rules) static RULE: Rule = Rule {
    code: Code(401),
    name: "no-request-authentication",
    summary: "nobody verifies the tokens that a plugin relies on",
    why: "The plugin looks at a token's claims and asks the authorization service; it does not verify the signature. A RequestAuthentication for the same gateway does, with the issuer's keys. None of the given files has one.",
    gain: "A token that the attacker wrote and signed with any key, or not at all.",
    source: "Istio, RequestAuthentication reference; the plugin's security policy: use RequestAuthentication to validate signatures first",
    vector: vectors::OPEN_GATEWAY,
    persona: Persona::Regular,
    confidence: Confidence::Medium,
    bad: fixture!("GW401-no-request-authentication", "bad"),
    good: fixture!("GW401-no-request-authentication", "good"),
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let unverified = |plugin: &&Plugin<'_>| context.authentication.overlapping(&plugin.wasm.placement).is_none();
    let finding = |plugin: &Plugin<'_>| {
        Finding::new(
            plugin.location(),
            "no RequestAuthentication verifies the tokens that this plugin relies on",
            "tokens arrive unverified",
            "add a RequestAuthentication for the same gateway, or lint it together with this file",
        )
    };
    context.trusting().filter(unverified).map(finding).collect()
}
