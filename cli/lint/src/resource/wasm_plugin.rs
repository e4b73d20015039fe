//! WasmPlugin and the `wasm` part of TrafficExtension, `extensions.istio.io/v1alpha1`.
//!
//! What is refused here is what Istio's custom resource definition refuses
//! (istio/istio, `manifests/charts/base/files/crd-all.gen.yaml`).

use std::collections::{BTreeMap, HashMap};

use super::{Head, ModuleUrl, Placement, UrlError, Violation, fields::Fields, module_url::is_sha256, scope};
use crate::{
    source::{Span, Spanned},
    spelling,
    tree::{Entry, Value},
};

/// A Wasm plugin of a gateway.
#[derive(Debug)]
pub(crate) struct WasmPlugin<'a> {
    pub(crate) head: Head<'a>,
    pub(crate) placement: Placement<'a>,
    pub(crate) url: Option<Spanned<&'a str>>,
    pub(crate) sha256: Option<Spanned<&'a str>>,
    pub(crate) phase: Option<Spanned<Phase>>,
    pub(crate) fail_strategy: Option<Spanned<FailStrategy>>,
    /// `match[].mode`; one that is absent counts as both directions.
    pub(crate) modes: Vec<Spanned<Mode>>,
    pub(crate) config: Option<&'a Entry<'a>>,
    /// The variables of `vmConfig.env` that it gives a value.
    pub(crate) environment: BTreeMap<&'a str, &'a str>,
    /// What Istio refuses.
    pub(crate) violations: Vec<Violation>,
}

/// Where in the filter chain a plugin runs; at an Istio gateway the chain is
/// CUSTOM authorization, `AUTHN`, JWT authentication, `AUTHZ`, RBAC, `STATS`, unspecified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Unspecified,
    Authn,
    Authz,
    Stats,
}

/// What Envoy does when the module cannot be fetched, started or crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
/// X
pub(crate) enum FailStrategy {
    Close,
    Open,
    Reload,
}

/// Which direction of traffic a plugin sees; a gateway's is `CLIENT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Client,
    Server,
    ClientAndServer,
}

const PHASES: &[(&str, Phase)] = &[
    ("AUTHN", Phase::Authn),
    ("AUTHZ", Phase::Authz),
    ("STATS", Phase::Stats),
    ("UNSPECIFIED_PHASE", Phase::Unspecified),
];
const FAIL_STRATEGIES: &[(&str, FailStrategy)] =
    &[("FAIL_CLOSE", FailStrategy::Close), ("FAIL_OPEN", FailStrategy::Open), ("FAIL_RELOAD", FailStrategy::Reload)];
const MODES: &[(&str, Mode)] = &[
    ("CLIENT", Mode::Client),
    ("SERVER", Mode::Server),
    ("CLIENT_AND_SERVER", Mode::ClientAndServer),
    ("UNDEFINED", Mode::ClientAndServer),
];
const PULL_POLICIES: &[(&str, ())] = &[("IfNotPresent", ()), ("Always", ()), ("UNSPECIFIED_POLICY", ())];
const TYPES: &[(&str, ())] = &[("HTTP", ()), ("NETWORK", ()), ("UNSPECIFIED_PLUGIN_TYPE", ())];

impl<'a> WasmPlugin<'a> {
    pub(super) fn new(head: Head<'a>) -> Self {
        let mut plugin = Self::empty(head);
        if let Some(mut spec) = plugin.spec() {
            plugin.read_placement(&mut spec);
            plugin.read_module(&mut spec, head.label());
            spec.finish(&mut plugin.violations);
        }
        plugin
    }

    /// The module of a TrafficExtension; `None` where it extends traffic by other means than Wasm.
    pub(super) fn of_traffic_extension(head: Head<'a>) -> Option<Self> {
        let mut plugin = Self::empty(head);
        let mut spec = plugin.spec()?;
        let mut wasm = spec.object("wasm", &mut plugin.violations)?;
        plugin.read_placement(&mut spec);
        plugin.read_module(&mut wasm, head.label());
        wasm.finish(&mut plugin.violations);
        Some(plugin)
    }

    fn empty(head: Head<'a>) -> Self {
        Self {
            head,
            placement: Placement::new(&head),
            url: None,
            sha256: None,
            phase: None,
            fail_strategy: None,
            modes: Vec::new(),
            config: None,
            environment: BTreeMap::new(),
            violations: Vec::new(),
        }
    }

    fn spec(&mut self) -> Option<Fields<'a>> {
        let Some(entry) = self.head.root.entry("spec") else {
            self.violations.push(Violation {
                span: self.head.label(),
                message: "`spec` is missing, and it is required".into(),
                help: "add `spec`, with at least the `url` of the module".into(),
            });
            return None;
        };
        Some(Fields::new(&entry.value, entry.label(), "spec".into(), &mut self.violations))
    }

    /// The fields that say which traffic runs through the plugin, and when.
    fn read_placement(&mut self, spec: &mut Fields<'a>) {
        let violations = &mut self.violations;
        scope::check(spec, violations);
        self.phase = spec.word("phase", PHASES, violations);
        if spec.any("priority").is_some_and(|priority| priority.value.value != Value::Null) {
            spec.whole("priority", i32::MIN.into(), i32::MAX.into(), violations);
        }
        for (span, mut traffic) in spec.objects("match", usize::MAX, violations) {
            let mode = traffic.word("mode", MODES, violations);
            self.modes.push(mode.unwrap_or(Spanned { value: Mode::ClientAndServer, span }));
            for (span, mut port) in traffic.objects("ports", usize::MAX, violations) {
                port.require("number", span, violations);
                port.whole("number", 1, 65535, violations);
                port.finish(violations);
            }
            traffic.finish(violations);
        }
    }

    /// The fields that say which module runs, and how.
    fn read_module(&mut self, module: &mut Fields<'a>, span: Span) {
        let violations = &mut self.violations;
        module.require("url", span, violations);
        self.url = module.text("url", 1, usize::MAX, violations);
        if let Some(url) = self.url {
            match ModuleUrl::parse(url.value) {
                Err(UrlError::Scheme(scheme)) => violations.push(Violation {
                    span: url.span,
                    message: format!(
                        "`{}` is read as the scheme of `url`, which must be oci, file, http or https",
                        spelling::shown(scheme)
                    ),
                    help: "put `oci://` before the name of an image".into(),
                }),
                Err(UrlError::NotUrl) => violations.push(Violation {
                    span: url.span,
                    message: "`url` is not a URL".into(),
                    help: "write oci://REGISTRY/REPOSITORY@sha256:DIGEST".into(),
                }),
                Ok(_) | Err(UrlError::HostWithPort | UrlError::AbsolutePath) => {}
            }
        }
        self.sha256 = module.text("sha256", 0, usize::MAX, violations).filter(|sha256| !sha256.value.is_empty());
        if let Some(sha256) = self.sha256.take_if(|sha256| !is_sha256(sha256.value)) {
            violations.push(Violation {
                span: sha256.span,
                message: "`sha256` is not a SHA-256 digest".into(),
                help: "use 64 lowercase hexadecimal digits, without `sha256:`".into(),
            });
        }
        module.word("imagePullPolicy", PULL_POLICIES, violations);
        module.text("imagePullSecret", 1, 253, violations);
        module.text("verificationKey", 0, usize::MAX, violations);
        module.text("pluginName", 1, 256, violations);
        module.word("type", TYPES, violations);
        self.fail_strategy = module.word("failStrategy", FAIL_STRATEGIES, violations);
        if let Some(config) = module.any("pluginConfig") {
            Fields::new(&config.value, config.label(), module.path("pluginConfig"), violations);
            self.config = Some(config);
        }
        if let Some(mut vm) = module.object("vmConfig", violations) {
            self.environment = read_environment(&mut vm, violations);
            vm.finish(violations);
        }
    }
}

/// The variables that have a value here; the others come from the gateway's own environment.
fn read_environment<'a>(vm: &mut Fields<'a>, violations: &mut Vec<Violation>) -> BTreeMap<&'a str, &'a str> {
    let mut names = HashMap::new();
    let mut environment = BTreeMap::new();
    for (span, mut variable) in vm.objects("env", 256, violations) {
        variable.require("name", span, violations);
        let name = variable.text("name", 1, 256, violations);
        let from_host = variable.word("valueFrom", &[("INLINE", false), ("HOST", true)], violations);
        let value = variable.any("value");
        let text = variable.text("value", 0, 2048, violations);
        if let (Some(Spanned { value: true, .. }), Some(value)) = (from_host, value) {
            violations.push(Violation {
                span: value.label(),
                message: "`value` is set, but `valueFrom: HOST` takes it from the gateway's environment".into(),
                help: "remove `value`, or use `valueFrom: INLINE`".into(),
            });
        }
        if let Some(name) = name
            && names.insert(name.value, ()).is_some()
        {
            violations.push(Violation {
                span: name.span,
                message: format!("the variable `{}` is set twice", spelling::shown(name.value)),
                help: "keep one of them".into(),
            });
        }
        if let Some(name) = name
            && from_host.is_none_or(|from_host| !from_host.value)
        {
            environment.insert(name.value, text.map_or("", |text| text.value));
        }
        variable.finish(violations);
    }
    environment
}
