//! GW305 required-config.

use gwauthz_policy::{Issue, IssueKind};

use super::{bypass_everything, cluster_grammar, hardcoded_authorize_url, timeout_out_of_range};
use crate::{
    context::{Context, Plugin},
    cvss::vectors,
    diagnostic::Finding,
    rules::{Code, Confidence, Persona, Rule, fixture},
};

pub(in crate::rules) static RULE: Rule = Rule {
    code: Code(305),
    name: "required-config",
    summary: "the plugin refuses its configuration",
    why: "A plugin with a configuration that it refuses does not start. On first load the gateway answers every request with an error; on an update Envoy rejects the new configuration and the old one stays in force.",
    gain: "An urgent tightening that has no effect, while everyone believes that it has.",
    source: "The plugin's own parser (plugin/policy), which is what runs here",
    vector: vectors::OUTAGE,
    persona: Persona::Regular,
    confidence: Confidence::High,
    bad: fixture!("GW305-required-config", "bad"),
    good: fixture!("GW305-required-config", "good"),
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for plugin in context.ours() {
        if plugin.wasm.config.is_none() {
            findings.push(Finding::new(
                plugin.location(),
                "the plugin has no `pluginConfig`",
                "does not start",
                "add `pluginConfig` with at least `cluster`",
            ));
        }
        let refused = plugin.issues().iter().filter(|issue| !has_its_own_rule(plugin, issue));
        findings.extend(refused.map(|issue| {
            let help = match issue.kind {
                IssueKind::Missing { .. } => "add the key",
                _ => "change the value: a plugin that refuses its configuration does not start",
            };
            Finding::new(plugin.place(issue).0, issue.to_string(), "refused by the plugin", help)
        }));
    }
    findings
}

/// Whether another rule says it better.
fn has_its_own_rule(plugin: &Plugin<'_>, issue: &Issue) -> bool {
    matches!(issue.kind, IssueKind::UnknownKey { .. } | IssueKind::DuplicateKey)
        || timeout_out_of_range::is_timeout(issue)
        || bypass_everything::is_bypass_path(issue)
        || bypass_everything::is_open_rule(issue)
        || hardcoded_authorize_url::is_absolute_url(plugin, issue)
        || (matches!(issue.kind, IssueKind::Missing { .. }) && is_of_cluster(plugin))
}

/// Whether what is missing follows from a `cluster` that is wrong, or that `issuers` make needless.
fn is_of_cluster(plugin: &Plugin<'_>) -> bool {
    let cluster = plugin.config_text("cluster").map(|cluster| cluster.value);
    plugin.has_key("issuers")
        || cluster.is_some_and(|name| name.contains('*') || cluster_grammar::mistake(name).is_some())
}
