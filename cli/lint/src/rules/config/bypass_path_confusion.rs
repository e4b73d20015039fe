//! GW310 bypass-path-confusion.

use super::bypass_everything::{is_bypass_path, is_everything};
use crate::{
    context::Context,
    cvss::vectors,
    diagnostic::Finding,
    rules::{Code, Confidence, Persona, Rule, fixture},
    spelling,
};

pub(in crate::rules) static RULE: Rule = Rule {
    code: Code(310),
    name: "bypass-path-confusion",
    summary: "a bypass path does not mean one path",
    why: "Escapes, dot segments, doubled slashes, `;` and `\\` are read differently by the gateway, the plugin and the application behind it. A bypass must be a path that all of them read alike.",
    gain: "A request that the plugin takes for the bypassed path and the application takes for another.",
    source: "RFC 3986, section 6; the plugin's own parser (plugin/policy), which refuses such a path",
    vector: vectors::OPEN_GATEWAY_SOMETIMES,
    persona: Persona::Regular,
    confidence: Confidence::High,
    bad: fixture!("GW310-bypass-path-confusion", "bad"),
    good: fixture!("GW310-bypass-path-confusion", "good"),
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for plugin in context.ours() {
        for issue in plugin.issues().iter().filter(|issue| is_bypass_path(issue)) {
            let (location, path) = plugin.place(issue);
            if !is_everything(path) {
                let message = format!("`{}` can be read in more than one way", spelling::shown(path));
                let help = "start with `/`, and use plain segments: no `//`, `.`, `..`, `%`, `;`, `\\`, `?` or `#`";
                findings.push(Finding::new(location, message, "ambiguous", help));
            }
        }
    }
    findings
}
