//! GW301 wildcard-cluster.

use crate::{
    context::{Context, Plugin},
    cvss::vectors,
    diagnostic::Finding,
    rules::{Code, Confidence, Persona, Rule, fixture},
    source::Spanned,
};

pub(in crate::rules) static RULE: Rule = Rule {
    code: Code(301),
    name: "wildcard-cluster",
    summary: "the authorization service is not one named service",
    why: "`cluster` must name the one service that decides. A `*` matches no cluster of Istio's, and PassthroughCluster sends the callout, with the token, wherever the request was addressed to.",
    gain: "The token goes to a host that the attacker chose, and that host answers 200.",
    source: "Istio, cluster names of istiod (istio/istio, pilot/pkg/model/service.go, `BuildSubsetKey`)",
    vector: vectors::OPEN_GATEWAY_SOMETIMES,
    persona: Persona::Regular,
    confidence: Confidence::High,
    bad: fixture!("GW301-wildcard-cluster", "bad"),
    good: fixture!("GW301-wildcard-cluster", "good"),
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let finding = |plugin: &Plugin<'_>, cluster: Spanned<&str>| {
        let (location, message) = match cluster.value {
            name if name.contains('*') => (plugin.within(cluster, "*"), "the cluster is a wildcard"),
            "PassthroughCluster" | "InboundPassthroughCluster" => {
                (plugin.at(cluster.span), "the cluster sends the callout wherever the request was addressed to")
            }
            _ => return None,
        };
        let help = "name the service: outbound|PORT||SERVICE.NAMESPACE.svc.cluster.local";
        Some(Finding::new(location, message, "not one service", help))
    };
    let findings = |plugin: &Plugin<'_>| -> Vec<_> {
        plugin.clusters().into_iter().filter_map(|cluster| finding(plugin, cluster)).collect()
    };
    context.ours().flat_map(findings).collect()
}
