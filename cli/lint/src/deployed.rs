//! The plugins that a manifest deploys, for whoever wants to run them instead of judging them.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::{
    resource::{FailStrategy, Phase, Resources, WasmPlugin},
    source::{Source, SourceId, Span},
    tree::{Node, Value, parse},
};

/// A WasmPlugin, or the `wasm` part of a TrafficExtension, as istiod hands it to a gateway.
#[derive(Clone, Debug, PartialEq)]
pub struct DeployedPlugin {
    /// `metadata.name`.
    pub name: Option<String>,
    /// `metadata.namespace`.
    pub namespace: Option<String>,
    /// The place that stands for the plugin: its name, or its kind.
    pub span: Span,
    /// `url`, as written.
    pub url: Option<String>,
    /// `phase`, as Istio spells it.
    pub phase: Option<&'static str>,
    /// `failStrategy`; Istio's default where it is absent.
    pub fail_strategy: &'static str,
    /// `pluginConfig` as the JSON text that the plugin is configured with; `None` where there is none.
    pub config: Option<String>,
    /// `vmConfig.env`, by name: those that have a value here. Those of the gateway's own environment (`valueFrom: HOST`) are
    /// not among them.
    pub environment: BTreeMap<String, String>,
}

/// A document that could not be read as YAML.
#[derive(Debug, Error)]
#[error("{message}")]
pub struct Unreadable {
    message: String,
    /// Where.
    pub span: Span,
}

/// Finds the plugins that a manifest deploys, in its order.
///
/// # Errors
/// The first document that is not YAML.
pub fn deployed_plugins(source: &Source) -> Result<Vec<DeployedPlugin>, Unreadable> {
    let parsed = parse(source);
    if let Some(error) = parsed.errors.first() {
        return Err(Unreadable { message: error.kind.to_string(), span: error.span });
    }
    let mut resources = Resources::default();
    for document in &parsed.documents {
        resources.add(SourceId::default(), document);
    }
    Ok(resources.plugins.iter().map(DeployedPlugin::new).collect())
}

impl DeployedPlugin {
    fn new(wasm: &WasmPlugin<'_>) -> Self {
        Self {
            name: wasm.head.name.map(|name| name.value.to_owned()),
            namespace: wasm.head.namespace.map(|namespace| namespace.value.to_owned()),
            span: wasm.head.label(),
            url: wasm.url.map(|url| url.value.to_owned()),
            phase: wasm.phase.and_then(|phase| match phase.value {
                Phase::Authn => Some("AUTHN"),
                Phase::Authz => Some("AUTHZ"),
                Phase::Stats => Some("STATS"),
                Phase::Unspecified => None,
            }),
            fail_strategy: match wasm.fail_strategy.map(|strategy| strategy.value) {
                None | Some(FailStrategy::Close) => "FAIL_CLOSE",
                Some(FailStrategy::Open) => "FAIL_OPEN",
                Some(FailStrategy::Reload) => "FAIL_RELOAD",
            },
            config: wasm
                .config
                .filter(|config| config.value.is_mapping())
                .map(|config| json(&config.value).to_string()),
            environment: owned(&wasm.environment),
        }
    }
}

fn owned(environment: &BTreeMap<&str, &str>) -> BTreeMap<String, String> {
    environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// As istiod makes it of a protobuf Struct: keys sorted, the last of two equal ones kept.
fn json(node: &Node<'_>) -> serde_json::Value {
    match &node.value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Number(number) => number.clone().into(),
        Value::String(text) => text.as_ref().into(),
        Value::Sequence(items) => items.iter().map(json).collect(),
        Value::Mapping(entries) => {
            entries.iter().map(|entry| (entry.key.value.to_string(), json(&entry.value))).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::deployed_plugins;
    use crate::source::Source;

    #[test]
    fn the_configuration_is_the_json_that_the_plugin_gets() {
        let text = "kind: Service\n---\napiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\n\
                    metadata: {name: a, namespace: b}\nspec:\n  url: oci://x/y:v1\n  phase: AUTHZ\n  pluginConfig:\n    \
                    timeout: 2000\n    cluster: c\n    cluster: d\n";
        let source = Source::new("deploy.yaml", text.into()).unwrap();
        let plugins = deployed_plugins(&source).unwrap();
        let [plugin] = plugins.as_slice() else { panic!("{plugins:?}") };
        assert_eq!(plugin.config.as_deref(), Some(r#"{"cluster":"d","timeout":2000}"#));
        assert_eq!((plugin.name.as_deref(), plugin.namespace.as_deref()), (Some("a"), Some("b")));
        assert_eq!((plugin.url.as_deref(), plugin.phase), (Some("oci://x/y:v1"), Some("AUTHZ")));
        assert_eq!(source.slice(plugin.span), "a");
    }

    #[test]
    fn the_environment_is_what_has_a_value_in_the_manifest() {
        let text = "apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nmetadata: {name: a}\nspec:\n  url: oci://x/y:v1\n  \
                    vmConfig: {env: [{name: A, value: a}, {name: B, valueFrom: INLINE, value: b}, {name: C}, \
                    {name: D, valueFrom: HOST}]}\n";
        let source = Source::new("deploy.yaml", text.into()).unwrap();
        let plugins = deployed_plugins(&source).unwrap();
        let [plugin] = plugins.as_slice() else { panic!("{plugins:?}") };
        let environment: Vec<_> =
            plugin.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(environment, [("A", "a"), ("B", "b"), ("C", "")]);
    }

    #[test]
    fn a_broken_document_is_an_error() {
        let source = Source::new("deploy.yaml", b"a: [".to_vec()).unwrap();
        assert!(deployed_plugins(&source).is_err());
    }
}
