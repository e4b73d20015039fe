//! GW201 fail-open.

use crate::{
    context::{Context, Plugin},
    cvss::vectors,
    diagnostic::{Finding, Safety},
    resource::{FailStrategy, Phase},
    rules::{Code, Confidence, Persona, Rule, fixture},
};

pub(in crate::rules) static RULE: Rule = Rule {
    code: Code(201),
    name: "fail-open",
    summary: "requests pass when the plugin fails",
    why: "With `failStrategy: FAIL_OPEN` a gateway that cannot fetch or start the module installs a filter that allows everything, and a crash in the middle of a request lets that request through. Plugins of the STATS phase decide nothing and are left alone.",
    gain: "Whoever can make the plugin crash, or its registry unreachable when a gateway starts, passes without a check.",
    source: "Istio, WasmPlugin reference, `FailStrategy`; istio/istio, pkg/wasm/convert.go, the allow-all filter",
    vector: vectors::OPEN_GATEWAY_SOMETIMES,
    persona: Persona::Regular,
    confidence: Confidence::High,
    bad: fixture!("GW201-fail-open", "bad"),
    good: fixture!("GW201-fail-open", "good"),
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let finding = |plugin: &Plugin<'_>| {
        let strategy = plugin.wasm.fail_strategy.filter(|strategy| strategy.value == FailStrategy::Open)?;
        let decides = plugin.wasm.phase.is_none_or(|phase| phase.value != Phase::Stats);
        decides.then(|| {
            Finding::new(
                plugin.at(strategy.span),
                "a plugin that fails lets requests through",
                "every request passes while the plugin is down",
                "use `failStrategy: FAIL_CLOSE`",
            )
            .replaced(Safety::Safe, "FAIL_CLOSE")
        })
    };
    context.plugins.iter().filter_map(finding).collect()
}
