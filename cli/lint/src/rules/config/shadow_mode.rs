//! GW311 shadow-mode.

use crate::{
    context::{Context, Plugin},
    cvss::vectors,
    diagnostic::{Finding, Safety},
    rules::{Code, Confidence, Persona, Rule, fixture},
};

pub(in crate::rules) static RULE: Rule = Rule {
    code: Code(311),
    name: "shadow-mode",
    summary: "the plugin decides nothing",
    why: "With `mode: shadow` every request passes, without a token too, and keeps the headers by which an upstream would know its client. It tries a configuration out behind another filter that decides.",
    gain: "Every path, without a token, under any name.",
    source: "plugin/CONFIG.md, `mode`",
    vector: vectors::OPEN_GATEWAY,
    persona: Persona::Regular,
    confidence: Confidence::High,
    bad: fixture!("GW311-shadow-mode", "bad"),
    good: fixture!("GW311-shadow-mode", "good"),
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let finding = |plugin: &Plugin<'_>| {
        let mode = plugin.config_text("mode").filter(|mode| mode.value == "shadow")?;
        let help = "use `mode: enforce`, the default, once the metrics below `gwauthz.shadow` show what is expected";
        let finding = Finding::new(plugin.at(mode.span), "every request passes", "decides nothing", help);
        Some(finding.replaced(Safety::Unsafe, "enforce"))
    };
    context.ours().filter_map(finding).collect()
}
