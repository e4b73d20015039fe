//! GW103 latest-tag.

use crate::{
    context::{Context, Plugin},
    cvss::vectors,
    diagnostic::Finding,
    resource::ModuleUrl,
    rules::{Code, Confidence, Persona, Rule, fixture},
};

pub(in crate::rules) static RULE: Rule = Rule {
    code: Code(103),
    name: "latest-tag",
    summary: "the image of a plugin is whatever `latest` names",
    why: "`latest` says nothing about what runs, makes Istio pull on every start (`imagePullPolicy` defaults to Always), and leaves no version to roll back to.",
    gain: "A push to `latest` reaches every gateway at its next start, without review.",
    source: "Istio, WasmPlugin reference, `imagePullPolicy`",
    vector: vectors::CODE_BY_REGISTRY,
    persona: Persona::Regular,
    confidence: Confidence::High,
    bad: fixture!("GW103-latest-tag", "bad"),
    good: fixture!("GW103-latest-tag", "good"),
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let finding = |plugin: &Plugin<'_>| {
        let ModuleUrl::Oci(image) = plugin.module?.value else { return None };
        let tag = image.tag.filter(|tag| *tag == "latest" && !plugin.is_pinned())?;
        Some(Finding::new(
            plugin.within(plugin.wasm.url?, tag),
            "the image is tagged `latest`",
            "moves with every push",
            "name a version and its digest",
        ))
    };
    context.plugins.iter().filter_map(finding).collect()
}
