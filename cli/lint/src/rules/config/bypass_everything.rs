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
    summary: "a bypass path or a rule opens every path",
    why: "`bypassPaths` are prefixes: an empty one, or `/`, is a prefix of every path. The plugin refuses to start with it; the plugin that it replaces does start, and lets everything through. A rule with `auth: none` and without a `match` says the same, and is refused likewise.",
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
        for issue in plugin.issues().iter().filter(|issue| is_open_rule(issue)) {
            let help = "add a `match` that names what needs no token";
            findings.push(Finding::new(
                plugin.place(issue).0,
                "this rule opens every path",
                "matches everything",
                help,
            ));
        }
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

/// Whether the plugin refuses a rule since it would open everything.
pub(super) fn is_open_rule(issue: &Issue) -> bool {
    matches!(issue.path.as_slice(), [Segment::Key(rules), Segment::Index(_), Segment::Key(part)]
        if rules.eq_ignore_ascii_case("rules") && part == "match")
        && matches!(issue.kind, IssueKind::Missing { .. })
}

/// Whether a prefix is one of every path.
pub(super) fn is_everything(path: &str) -> bool {
    path.bytes().all(|byte| byte == b'/')
}
