//! GW309 bypass-everything.

use gwauthz_policy::{Issue, IssueKind, Segment};

use crate::{
    context::Context,
    cvss::vectors,
    diagnostic::Finding,
    rules::{Code, Confidence, Persona, Rule, fixture},
};

pub(in crate::rules) static RULE: Rule = Rule {
    code: Code(309),
    name: "bypass-everything",
    summary: "a bypass path opens every path",
    why: "`bypassPaths` are prefixes: an empty one, or `/`, is a prefix of every path. The plugin refuses to start with it; the plugin that it replaces does start, and lets everything through.",
    gain: "Every path, without a token.",
    source: "The plugin's own parser (plugin/policy); the original plugin matches raw prefixes",
    vector: vectors::OPEN_GATEWAY,
    persona: Persona::Regular,
    confidence: Confidence::High,
    bad: fixture!("GW309-bypass-everything", "bad"),
    good: fixture!("GW309-bypass-everything", "good"),
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for plugin in context.ours() {
        for issue in plugin.issues().iter().filter(|issue| is_bypass_path(issue)) {
            let (location, path) = plugin.place(issue);
            if is_everything(path) {
                let help = "remove it, or name the path that needs no token";
                findings.push(Finding::new(
                    location,
                    "this bypass path opens every path",
                    "prefix of every path",
                    help,
                ));
            }
        }
    }
    findings
}

/// Whether the plugin refuses a text in `bypassPaths`.
pub(super) fn is_bypass_path(issue: &Issue) -> bool {
    matches!(issue.path.as_slice(), [Segment::Key(key), Segment::Index(_)] if key.eq_ignore_ascii_case("bypassPaths"))
        && matches!(issue.kind, IssueKind::NotAllowed { .. })
}

/// Whether a prefix is one of every path.
pub(super) fn is_everything(path: &str) -> bool {
    path.bytes().all(|byte| byte == b'/')
}
