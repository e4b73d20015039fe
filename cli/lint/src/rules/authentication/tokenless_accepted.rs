//! GW402 tokenless-accepted.

use crate::{
    context::{Context, Plugin},
    cvss::vectors,
    diagnostic::Finding,
    rules::{Code, Confidence, Persona, Rule, fixture},
};

pub(in crate::rules) static RULE: Rule = Rule {
    code: Code(402),
    name: "tokenless-accepted",
    summary: "a request without a token passes Istio's checks",
    why: "RequestAuthentication refuses a wrong token and accepts none at all. Only an AuthorizationPolicy with `requestPrincipals` refuses a request without one; none of the given files has it. The plugin is then the only check, and a path that it bypasses has none.",
    gain: "Every path that the plugin does not check, without a token.",
    source: "Istio, RequestAuthentication reference: requests without a token are accepted",
    vector: vectors::OPEN_GATEWAY,
    persona: Persona::Regular,
    confidence: Confidence::Medium,
    bad: fixture!("GW402-tokenless-accepted", "bad"),
    good: fixture!("GW402-tokenless-accepted", "good"),
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let finding = |plugin: &Plugin<'_>| {
        let placement = &plugin.wasm.placement;
        let number = context.authentication.overlapping(placement)?;
        let authentication = context.resources.request_authentications.get(number)?;
        context.token_required.overlapping(placement).is_none().then(|| {
            let head = &authentication.head;
            Finding::new(
                head.at(head.label()),
                "a request without a token passes: no AuthorizationPolicy requires one",
                "accepts requests without a token",
                "add an AuthorizationPolicy for the same gateway: `action: DENY` with `notRequestPrincipals: [\"*\"]`",
            )
            .because(plugin.location(), "this plugin is the only check")
        })
    };
    context.trusting().filter_map(finding).collect()
}
