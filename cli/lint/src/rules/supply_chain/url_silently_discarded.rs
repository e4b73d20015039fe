//! GW115 url-silently-discarded.

use crate::{
    context::{Context, Plugin},
    cvss::vectors,
    diagnostic::{Finding, Safety},
    resource::{ModuleUrl, UrlError},
    rules::{Code, Confidence, Persona, Rule, fixture},
    spelling,
};

pub(in crate::rules) static RULE: Rule = Rule {
    code: Code(115),
    name: "url-silently-discarded",
    summary: "the `url` passes Istio's validation and is then not what it says",
    why: "The API server validates `url` as if it had a scheme; istiod parses it as it stands. A host with a port fails there, and istiod drops the plugin with a line in its log. A path from the root is taken for an image without a host. Either way the plugin does not run.",
    gain: "The gateway runs without the check that everyone believes to be there.",
    source: "istio/istio, pilot/pkg/model/extensions.go, `convertToWasmPluginWrapper`",
    vector: vectors::OPEN_GATEWAY,
    persona: Persona::Regular,
    confidence: Confidence::High,
    bad: fixture!("GW115-url-silently-discarded", "bad"),
    good: fixture!("GW115-url-silently-discarded", "good"),
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let finding = |plugin: &Plugin<'_>| {
        let url = plugin.wasm.url?;
        let (message, label, scheme) = match ModuleUrl::parse(url.value) {
            Err(UrlError::HostWithPort) => {
                ("istiod cannot parse this `url` and drops the plugin", "no scheme before the port", "oci://")
            }
            Err(UrlError::AbsolutePath) => {
                ("istiod takes this path for an image without a registry", "fetched as an image", "file://")
            }
            _ => return None,
        };
        let help = format!("write {scheme}{}", spelling::shown(url.value));
        let finding = Finding::new(plugin.at(url.span), message, label, help);
        Some(if plugin.is_plain(url) {
            finding.replaced(Safety::Safe, format!("{scheme}{}", url.value))
        } else {
            finding
        })
    };
    context.plugins.iter().filter_map(finding).collect()
}
