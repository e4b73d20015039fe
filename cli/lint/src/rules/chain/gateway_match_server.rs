//! GW207 gateway-match-server.

use crate::{
    context::{Context, Plugin},
    cvss::vectors,
    diagnostic::{Finding, Safety},
    resource::Mode,
    rules::{Code, Confidence, Persona, Rule, fixture},
};

pub(in crate::rules) static RULE: Rule = Rule {
    code: Code(207),
    name: "gateway-match-server",
    summary: "a plugin of a gateway is restricted to traffic that a gateway does not have",
    why: "Istio counts the traffic of a gateway as CLIENT. With `match` of mode SERVER only, the plugin is installed and never runs.",
    gain: "Every request passes without the check that everyone believes to be there.",
    source: "Istio, WasmPlugin reference, `TrafficSelector`; istio/istio, pilot/pkg/networking/core/extension",
    vector: vectors::OPEN_GATEWAY,
    persona: Persona::Regular,
    confidence: Confidence::High,
    bad: fixture!("GW207-gateway-match-server", "bad"),
    good: fixture!("GW207-gateway-match-server", "good"),
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let finding = |plugin: &Plugin<'_>| {
        let modes = &plugin.wasm.modes;
        let first = modes.first().filter(|_| modes.iter().all(|mode| mode.value == Mode::Server))?;
        plugin.wasm.placement.is_gateway().then(|| {
            let finding = Finding::new(
                plugin.at(first.span),
                "the plugin never runs: a gateway's traffic is CLIENT",
                "no traffic of a gateway matches",
                "use `mode: CLIENT`, or remove `match`",
            );
            finding.replaced(Safety::Safe, "CLIENT")
        })
    };
    context.plugins.iter().filter_map(finding).collect()
}
