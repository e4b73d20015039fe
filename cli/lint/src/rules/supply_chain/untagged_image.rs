//! GW104 untagged-image.

use crate::{
    context::{Context, Plugin},
    cvss::vectors,
    diagnostic::Finding,
    resource::ModuleUrl,
    rules::{Code, Confidence, Persona, Rule, fixture},
};

pub(in crate::rules) static RULE: Rule = Rule {
    code: Code(104),
    name: "untagged-image",
    summary: "the image of a plugin has neither a tag nor a digest",
    why: "The registry is asked for `latest`, but Istio does not treat the reference as `latest`: with the default `imagePullPolicy` a gateway keeps the module that it has, so that gateways run different code.",
    gain: "A fix that was pushed does not arrive at gateways that run already; the old hole stays open.",
    source: "istio/istio, pkg/wasm/cache.go, `shouldIgnoreResourceVersion` and the tag `latest`",
    vector: vectors::NEIGHBOUR,
    persona: Persona::Regular,
    confidence: Confidence::High,
    bad: fixture!("GW104-untagged-image", "bad"),
    good: fixture!("GW104-untagged-image", "good"),
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let finding = |plugin: &Plugin<'_>| {
        let module = plugin.module?;
        let ModuleUrl::Oci(image) = module.value else { return None };
        (image.tag.is_none() && !plugin.is_pinned()).then(|| {
            Finding::new(
                plugin.at(module.span),
                "the image has neither a tag nor a digest",
                "no version",
                "name a version and its digest",
            )
        })
    };
    context.plugins.iter().filter_map(finding).collect()
}
