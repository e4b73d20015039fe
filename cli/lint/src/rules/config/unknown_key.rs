//! GW308 unknown-key.

use gwauthz_policy::{IssueKind, Segment};

use crate::{
    context::Context,
    cvss::vectors,
    diagnostic::{Finding, Safety},
    rules::{Code, Confidence, Persona, Rule, fixture},
    spelling,
};

pub(in crate::rules) static RULE: Rule = Rule {
    code: Code(308),
    name: "unknown-key",
    summary: "`pluginConfig` has a key that the plugin does not have",
    why: "A misspelled key leaves the setting at its default. The plugin refuses unknown keys; with `compat: seed` it starts and warns.",
    gain: "A restriction that was meant to hold does not.",
    source: "The plugin's own parser (plugin/policy), which is what runs here",
    vector: vectors::OUTAGE,
    persona: Persona::Regular,
    confidence: Confidence::High,
    bad: fixture!("GW308-unknown-key", "bad"),
    good: fixture!("GW308-unknown-key", "good"),
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for plugin in context.ours() {
        for issue in plugin.issues() {
            let (IssueKind::UnknownKey { nearest }, Some(Segment::Key(key))) = (&issue.kind, issue.path.last()) else {
                continue;
            };
            let help = match nearest {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => "remove it, or look the key up in plugin/CONFIG.md".to_owned(),
            };
            let message = format!("`{}` is not a key of the plugin", spelling::shown(key));
            let finding = Finding::new(plugin.place(issue).0, message, "has no effect", help);
            findings.push(match nearest {
                Some(nearest) => finding.replaced(Safety::Safe, *nearest),
                None => finding,
            });
        }
    }
    findings
}
