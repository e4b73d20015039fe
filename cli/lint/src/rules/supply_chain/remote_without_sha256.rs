//! GW111 remote-without-sha256.

use crate::{
    context::{Context, Plugin},
    cvss::vectors,
    diagnostic::Finding,
    resource::ModuleUrl,
    rules::{Code, Confidence, Persona, Rule, fixture},
};

pub(in crate::rules) static RULE: Rule = Rule {
    code: Code(111),
    name: "remote-without-sha256",
    summary: "a module from a web server has no `sha256`",
    why: "Whatever the server answers is run. With `sha256` the gateway refuses a module that is not the one that was reviewed.",
    gain: "Whoever controls the server, its name or its storage runs code in the gateway.",
    source: "Istio, WasmPlugin reference, `sha256`",
    vector: vectors::CODE_BY_REGISTRY,
    persona: Persona::Regular,
    confidence: Confidence::High,
    bad: fixture!("GW111-remote-without-sha256", "bad"),
    good: fixture!("GW111-remote-without-sha256", "good"),
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let finding = |plugin: &Plugin<'_>| {
        let module = plugin.module.filter(|module| matches!(module.value, ModuleUrl::Http | ModuleUrl::Https))?;
        plugin.wasm.sha256.is_none().then(|| {
            Finding::new(
                plugin.at(module.span),
                "nothing says which module the server must answer with",
                "any answer is run",
                "add `sha256`, the SHA-256 of the module file in lowercase hexadecimal",
            )
        })
    };
    context.plugins.iter().filter_map(finding).collect()
}
