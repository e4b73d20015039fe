//! GW110 http-module-url.

use crate::{
    context::{Context, Plugin},
    cvss::vectors,
    diagnostic::{Finding, Safety},
    resource::ModuleUrl,
    rules::{Code, Confidence, Persona, Rule, fixture},
};

pub(in crate::rules) static RULE: Rule = Rule {
    code: Code(110),
    name: "http-module-url",
    summary: "the module of a plugin is fetched over plain http",
    why: "Nothing protects the module on its way. A `sha256` would, but it does not keep others from seeing or withholding what is deployed.",
    gain: "Whoever is on the way between gateway and server replaces the code that sees every request.",
    source: "Istio, WasmPlugin reference, `url`",
    vector: vectors::CODE_IN_TRANSIT,
    persona: Persona::Regular,
    confidence: Confidence::High,
    bad: fixture!("GW110-http-module-url", "bad"),
    good: fixture!("GW110-http-module-url", "good"),
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let finding = |plugin: &Plugin<'_>| {
        plugin.module.filter(|module| module.value == ModuleUrl::Http)?;
        let url = plugin.wasm.url?;
        let finding = Finding::new(
            plugin.at(url.span),
            "the module is fetched over plain http",
            "not protected on its way",
            "serve it over https, or push it to a registry with `gwauthz push` and use oci://",
        );
        let https = format!("https{}", url.value.get("http".len()..)?);
        Some(if plugin.is_plain(url) { finding.replaced(Safety::Unsafe, https) } else { finding })
    };
    context.plugins.iter().filter_map(finding).collect()
}
