//! GW101 unpinned-image.

use crate::{
    context::{Context, Plugin},
    cvss::vectors,
    diagnostic::Finding,
    resource::ModuleUrl,
    rules::{Code, Confidence, Persona, Rule, fixture},
    spelling,
};

pub(in crate::rules) static RULE: Rule = Rule {
    code: Code(101),
    name: "unpinned-image",
    summary: "the image of a plugin is named by something that can be moved",
    why: "A tag names whatever was pushed to it last. Istio's agent fetches the module anew on every gateway that starts, so what runs can change without any change to the manifest. A digest, in the `url` or as `sha256`, names content.",
    gain: "Whoever may push to the registry replaces the code that sees every request and every token of the gateway.",
    source: "Istio, WasmPlugin reference, `url` and `sha256`; for OCI `sha256` is the digest of the image manifest (istio/istio, pkg/wasm/cache.go)",
    vector: vectors::CODE_BY_REGISTRY,
    persona: Persona::Regular,
    confidence: Confidence::High,
    bad: fixture!("GW101-unpinned-image", "bad"),
    good: fixture!("GW101-unpinned-image", "good"),
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let finding = |plugin: &Plugin<'_>| {
        let module = plugin.module?;
        let ModuleUrl::Oci(image) = module.value else { return None };
        (!plugin.is_pinned()).then(|| {
            Finding::new(
                plugin.at(module.span),
                "the image is not pinned to a digest",
                "what this names can be moved",
                format!(
                    "append the digest that `gwauthz push` prints: oci://{}@sha256:…, or set `sha256`",
                    spelling::shown(image.repository)
                ),
            )
        })
    };
    context.plugins.iter().filter_map(finding).collect()
}
