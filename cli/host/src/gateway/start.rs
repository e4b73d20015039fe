//! How a gateway starts its plugins, and why it does not.

use std::rc::Rc;

use crate::{
    logs::LogLine,
    module::ModuleError,
    plugin::Plugin,
    vm::{Fault, Vm},
};

/// Why a gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The module does not run.
    #[error(transparent)]
    Module(#[from] ModuleError),
    /// The plugin said no.
    #[error("the plugin refused its configuration")]
    Refused(Refusal),
    /// The plugin trapped.
    #[error("the plugin trapped while it was configured")]
    Trapped(#[source] Fault, Vec<LogLine>),
}

/// A plugin's no to its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The callback that answered false.
    pub callback: &'static str,
    /// What the plugin logged.
    pub logs: Vec<LogLine>,
}

/// Why a plugin is not configured.
pub(super) enum Refused {
    By(&'static str),
    Trapped(Fault),
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self::Trapped(fault)
    }
}

/// Gives a plugin this root context in a VM, and its configuration.
pub(super) fn configure(vm: &mut Vm, root: u32, plugin: &Rc<Plugin>) -> Result<(), Refused> {
    vm.state().roots.insert(root, Rc::clone(plugin));
    vm.on_context_create(root, 0)?;
    if !vm.on_vm_start(root)? {
        return Err(Refused::By("proxy_on_vm_start"));
    }
    if !vm.on_configure(root)? {
        return Err(Refused::By("proxy_on_configure"));
    }
    Ok(())
}
