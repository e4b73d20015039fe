//! A plugin of a gateway's chain: a module, what it is configured with, and the VM that it wants.

use std::{collections::BTreeMap, time::Duration};

use crate::compiler::Module;

/// A plugin of a gateway's chain.
#[derive(Clone)]
pub struct Plugin {
    /// Its name: Istio's `namespace.name` of the `WasmPlugin`.
    pub name: String,
    /// Tells plugins of one VM apart.
    pub root_id: String,
    /// Plugins of one identifier, module and VM configuration share a VM; those of one identifier share data and queues.
    pub vm_id: String,
    /// What it runs.
    pub module: Module,
    /// Its configuration: JSON, as `pluginConfig` becomes in Envoy.
    pub configuration: Vec<u8>,
    /// The configuration of its VM.
    pub vm_configuration: Vec<u8>,
    /// The environment of its VM, by name.
    pub environment: BTreeMap<String, String>,
    /// What becomes of requests once it has trapped.
    pub fail_strategy: FailStrategy,
}

/// What a gateway does with a plugin whose VM is lost (Envoy's `failure_policy`). The request that lost it is answered
/// with 503 under each of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailStrategy {
    /// Every later request is answered with 503.
    #[default]
    Close,
    /// Later requests pass as if the plugin were not there.
    Open,
    /// A later request starts the VM anew, but not before `backoff` has passed since the last start; until then it is
    /// answered with 503. Envoy's default is one second, and it waits up to half as long again.
    Reload {
        /// The shortest time between two starts.
        backoff: Duration,
    },
}

impl Plugin {
    /// A plugin that fails closed, in a VM without an identifier and a configuration, as Istio has it.
    #[must_use]
    pub fn new(module: &Module, configuration: impl Into<Vec<u8>>) -> Self {
        Self {
            name: "plugin".to_owned(),
            root_id: String::new(),
            vm_id: String::new(),
            module: module.clone(),
            configuration: configuration.into(),
            vm_configuration: Vec::new(),
            environment: BTreeMap::new(),
            fail_strategy: FailStrategy::default(),
        }
    }

    /// Whether both are one plugin to Envoy, which gives it one root context: in the same VM, with the same name, identifier
    /// and configuration.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        self.name == other.name && self.root_id == other.root_id && self.configuration == other.configuration
    }

    /// Whether both run in one VM.
    pub(crate) fn shares_vm_with(&self, other: &Self) -> bool {
        self.vm_id == other.vm_id
            && self.vm_configuration == other.vm_configuration
            && self.module.sha256() == other.module.sha256()
    }
}

impl FailStrategy {
    /// [`Self::Reload`] after Envoy's default of one second.
    pub const RELOAD: Self = Self::Reload { backoff: Duration::from_secs(1) };
}
