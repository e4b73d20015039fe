//! GW307 hardcoded-authorize-url.

use gwauthz_policy::{Issue, Segment};

use crate::{
    context::{Context, Plugin},
    cvss::vectors,
    diagnostic::Finding,
    rules::{Code, Confidence, Persona, Rule, fixture},
};

pub(in crate::rules) static RULE: Rule = Rule {
    code: Code(307),
    name: "hardcoded-authorize-url",
    summary: "`authorizeUrl` is a whole URL instead of a path",
    why: "Where the callout goes is decided by `cluster`, which the mesh resolves and secures. `authorizeUrl` is the path there; a host in it has no effect, and hides where tokens really go.",
    gain: "A reader believes that tokens go to the host in the URL.",
    source: "The plugin's security policy: never hard-code authorization URLs",
    vector: vectors::LEAK,
    persona: Persona::Regular,
    confidence: Confidence::High,
    bad: fixture!("GW307-hardcoded-authorize-url", "bad"),
    good: fixture!("GW307-hardcoded-authorize-url", "good"),
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let finding = |plugin: &Plugin<'_>| {
        let issue = plugin.issues().iter().find(|issue| is_absolute_url(plugin, issue))?;
        let help = "use the path alone, such as `/authorize`, and name the service in `cluster`";
        Some(Finding::new(plugin.place(issue).0, "`authorizeUrl` names a host", "only a path belongs here", help))
    };
    context.ours().filter_map(finding).collect()
}

/// Whether the plugin refuses `authorizeUrl` for the host in it.
pub(super) fn is_absolute_url(plugin: &Plugin<'_>, issue: &Issue) -> bool {
    let authorize_url =
        matches!(issue.path.as_slice(), [Segment::Key(key)] if key.eq_ignore_ascii_case("authorizeUrl"));
    authorize_url && plugin.place(issue).1.contains("://")
}
