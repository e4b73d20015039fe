//! How a gateway starts its plugins, and why it does not.

use std::rc::Rc;

use crate::{fault::Fault, logs::LogLine, module::ModuleError, plugin::Plugin, vm::Vm};

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

/// Why a plugin does not start in a VM.
pub(super) enum Refused {
    /// This callback answered false.
    By(&'static str),
    /// It trapped.
    Trapped(Fault),
    /// The module does not run.
    Module(ModuleError),
}

impl Refused {
    /// With what the plugins have logged.
    pub(super) fn with_logs(self, logs: Vec<LogLine>) -> StartError {
        match self {
            Self::By(callback) => StartError::Refused(Refusal { callback, logs }),
            Self::Trapped(fault) => StartError::Trapped(fault, logs),
            Self::Module(error) => StartError::Module(error),
        }
    }
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self::Trapped(fault)
    }
}

impl From<ModuleError> for Refused {
    fn from(error: ModuleError) -> Self {
        Self::Module(error)
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
