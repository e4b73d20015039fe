//! GW302 cluster-grammar.

use crate::{
    context::{Context, Plugin},
    cvss::vectors,
    diagnostic::Finding,
    rules::{Code, Confidence, Persona, Rule, fixture},
    spelling,
};

pub(in crate::rules) static RULE: Rule = Rule {
    code: Code(302),
    name: "cluster-grammar",
    summary: "a `cluster` is not the name of a cluster that istiod makes",
    why: "istiod names the clusters of a gateway `outbound|PORT|SUBSET|HOST`. Envoy finds a cluster by its whole name: one letter off, and every callout fails, or no keys and no revocations are fetched.",
    gain: "None; every request is refused.",
    source: "Istio, cluster names of istiod (istio/istio, pilot/pkg/model/service.go, `BuildSubsetKey`)",
    vector: vectors::OUTAGE,
    persona: Persona::Regular,
    confidence: Confidence::High,
    bad: fixture!("GW302-cluster-grammar", "bad"),
    good: fixture!("GW302-cluster-grammar", "good"),
    check,
};

const HELP: &str = "name the service: outbound|PORT||SERVICE.NAMESPACE.svc.cluster.local";

fn check(context: &Context<'_>) -> Vec<Finding> {
    let findings = |plugin: &Plugin<'_>| {
        let mut findings = Vec::new();
        for cluster in plugin.clusters().into_iter().filter(|cluster| !cluster.value.contains('*')) {
            if let Some((part, message)) = mistake(cluster.value) {
                findings.push(Finding::new(plugin.within(cluster, part), message, "no such cluster", HELP));
            }
        }
        findings
    };
    context.ours().flat_map(findings).collect()
}

/// The part of a cluster's name that is wrong, and why.
pub(super) fn mistake(name: &str) -> Option<(&str, String)> {
    let parts: Vec<&str> = name.split('|').collect();
    match parts.as_slice() {
        // Envoy's own clusters may have any name, but nobody names them like a host.
        [plain] => (plain.contains(['.', ':', '/'])).then(|| (*plain, "this is a host, not a cluster".to_owned())),
        [direction, port, _, host] => {
            if *direction != "outbound" {
                return Some((
                    name,
                    format!("`{}` is not `outbound`: a gateway calls out", spelling::shown(direction)),
                ));
            }
            if !port.parse::<u16>().is_ok_and(|port| port > 0) {
                return Some((name, format!("`{}` is not a port from 1 to 65535", spelling::shown(port))));
            }
            (!is_host(host)).then(|| (name, format!("`{}` is not a host name", spelling::shown(host))))
        }
        _ => Some((name, format!("a cluster's name has 4 parts between `|`, this one {}", parts.len()))),
    }
}

/// A DNS name (RFC 1123, section 2.1) of at least one label.
fn is_host(host: &str) -> bool {
    host.len() <= 253
        && host.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

#[cfg(test)]
mod tests {
    use super::mistake;

    #[test]
    fn only_names_that_istiod_makes_pass() {
        for name in ["outbound|8080||authz.default.svc.cluster.local", "outbound|443|v1|authz.example.com", "authz"] {
            assert_eq!(mistake(name), None, "{name}");
        }
        for name in [
            "authz.default.svc.cluster.local",
            "outbound|8080|authz.default.svc.cluster.local",
            "outbound|0||authz.default",
            "outbound|http||authz.default",
            "inbound|8080||authz.default",
            "outbound|8080||",
            "outbound|8080||a b",
            "outbound|8080||a..b",
        ] {
            assert!(mistake(name).is_some(), "{name}");
        }
    }
}
