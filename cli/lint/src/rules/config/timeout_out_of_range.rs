//! GW304 timeout-out-of-range.

use std::{ops::RangeInclusive, time::Duration};

use gwauthz_policy::{Issue, IssueKind, Segment};

use crate::{
    context::{Context, Plugin},
    cvss::vectors,
    diagnostic::{Finding, Safety},
    rules::{Code, Confidence, Persona, Rule, fixture},
};

pub(in crate::rules) static RULE: Rule = Rule {
    code: Code(304),
    name: "timeout-out-of-range",
    summary: "the callout waits too long, or not long enough",
    why: "Below 2 seconds a pause of the authorization service refuses requests; above 5 seconds waiting requests pile up in the gateway. 0 would mean no limit at all, and is refused.",
    gain: "Whoever slows the authorization service down fills the gateway with waiting requests.",
    source: "The plugin's security policy: 2 to 5 seconds",
    vector: vectors::OUTAGE,
    persona: Persona::Regular,
    confidence: Confidence::High,
    bad: fixture!("GW304-timeout-out-of-range", "bad"),
    good: fixture!("GW304-timeout-out-of-range", "good"),
    check,
};

const RECOMMENDED: RangeInclusive<Duration> = Duration::from_secs(2)..=Duration::from_secs(5);

fn check(context: &Context<'_>) -> Vec<Finding> {
    let refused = |plugin: &Plugin<'_>| {
        let issue = plugin.issues().iter().find(|issue| is_timeout(issue))?;
        Some((plugin.place(issue).0, issue.kind.to_string()))
    };
    let unwise = |plugin: &Plugin<'_>| {
        let timeout = plugin.config.as_ref()?.as_ref().ok()?.config.timeout()?;
        let entry = plugin.wasm.config?.value.entry("timeout")?;
        (!RECOMMENDED.contains(&timeout)).then(|| {
            (plugin.at(entry.label()), format!("a timeout of {} ms is outside of 2 to 5 seconds", timeout.as_millis()))
        })
    };
    let finding = |plugin: &Plugin<'_>| {
        let (location, message) = refused(plugin).or_else(|| unwise(plugin))?;
        let finding =
            Finding::new(location, message, "recommended: 2000 to 5000", "use `timeout: 2000`, in milliseconds");
        Some(finding.replaced(Safety::Safe, "2000"))
    };
    context.ours().filter_map(finding).collect()
}

/// Whether the plugin refuses a configuration for its `timeout`.
pub(super) fn is_timeout(issue: &Issue) -> bool {
    matches!(issue.path.as_slice(), [Segment::Key(key)] if key.eq_ignore_ascii_case("timeout"))
        && matches!(issue.kind, IssueKind::NotAllowed { .. })
}
