//! One VM: an instance of a module, and the callbacks that it exports.

mod connections;
mod grpc;
mod runner;

use std::rc::Rc;

use wasmtime::{Instance, Store, WasmParams, WasmResults};

use crate::{
    abi::{AbiVersion, Action},
    compiler::Module,
    fault::Fault,
    gateway::Cost,
    module::ModuleError,
    state::VmState,
    trace::Values,
};
use runner::{Callback, Runner};

/// An instance and its callbacks; a callback that is not exported does nothing and continues.
pub(crate) struct Vm {
    runner: Runner,
    callbacks: Callbacks,
}

struct Callbacks {
    on_context_create: Callback<(u32, u32), ()>,
    on_vm_start: Callback<(u32, u32), u32>,
    on_configure: Callback<(u32, u32), u32>,
    on_tick: Callback<u32, ()>,
    on_request_headers: Headers,
    on_request_body: Callback<(u32, u32, u32), u32>,
    on_request_trailers: Callback<(u32, u32), u32>,
    on_response_headers: Headers,
    on_response_body: Callback<(u32, u32, u32), u32>,
    on_response_trailers: Callback<(u32, u32), u32>,
    on_http_call_response: Callback<(u32, u32, u32, u32, u32), ()>,
    on_queue_ready: Callback<(u32, u32), ()>,
    connections: connections::Callbacks,
    grpc: grpc::Callbacks,
    on_foreign_function: Callback<(u32, u32, u32), ()>,
    on_log: Callback<u32, ()>,
    on_done: Callback<u32, u32>,
    on_delete: Callback<u32, ()>,
}

/// Header callbacks learned the end of the stream in ABI 0.2.0.
enum Headers {
    WithEnd(Callback<(u32, u32, u32), u32>),
    WithoutEnd(Callback<(u32, u32), u32>),
}

impl Vm {
    /// Instantiates the module and runs its start function.
    pub(crate) fn start(module: &Module, state: VmState) -> Result<Self, ModuleError> {
        let (mut runner, instance) = Runner::instantiate(module, state)?;
        let store = &mut runner.store;
        let memory = instance
            .get_memory(&mut *store, "memory")
            .ok_or(ModuleError::MissingExport { what: "a memory exported as `memory`" })?;
        store.data_mut().memory = Some(memory);
        let mut names = ["proxy_on_memory_allocate", "malloc"];
        if store.data().follows_spec() {
            names.reverse();
        }
        // The last one that there is counts.
        for name in names {
            let found = Callback::find(&instance, store, name)?.function;
            let state = store.data_mut();
            state.allocate = found.map(|function| (name, Rc::new(function))).or(state.allocate.take());
        }
        let callbacks = Callbacks::find(&instance, store, module.abi())?;
        initialize(&mut runner, &instance)?;
        Ok(Self { runner, callbacks })
    }

    pub(crate) fn state(&mut self) -> &mut VmState {
        self.runner.store.data_mut()
    }

    /// What the VM has cost so far.
    pub(crate) fn cost(&self) -> Cost {
        self.runner.cost()
    }

    /// The size of the guest's memory in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.runner.store.data().memory.map_or(0, |memory| memory.data_size(&self.runner.store))
    }

    pub(crate) fn on_context_create(&mut self, context: u32, parent: u32) -> Result<(), Fault> {
        self.runner.call(&self.callbacks.on_context_create, context, (context, parent)).map(drop)
    }

    /// Whether the module accepts the VM's configuration.
    pub(crate) fn on_vm_start(&mut self, root: u32) -> Result<bool, Fault> {
        let size = wire_size(self.state().maker.vm_configuration.len());
        self.state().starting_vm = true;
        let accepted = self.runner.call(&self.callbacks.on_vm_start, root, (root, size))? != Some(0);
        self.state().starting_vm = false;
        Ok(accepted)
    }

    /// Whether the plugin accepts its configuration.
    pub(crate) fn on_configure(&mut self, root: u32) -> Result<bool, Fault> {
        let size = wire_size(self.state().plugin().map_or(0, |plugin| plugin.configuration.len()));
        self.state().configuring = Some(root);
        let accepted = self.runner.call(&self.callbacks.on_configure, root, (root, size))? != Some(0);
        self.state().configuring = None;
        Ok(accepted)
    }

    pub(crate) fn on_tick(&mut self, context: u32) -> Result<(), Fault> {
        self.runner.call(&self.callbacks.on_tick, context, context).map(drop)
    }

    pub(crate) fn on_request_headers(&mut self, context: u32, count: usize, end: bool) -> Result<Action, Fault> {
        self.callbacks.on_request_headers.call(&mut self.runner, context, count, end)
    }

    pub(crate) fn on_response_headers(&mut self, context: u32, count: usize, end: bool) -> Result<Action, Fault> {
        self.callbacks.on_response_headers.call(&mut self.runner, context, count, end)
    }

    pub(crate) fn on_request_body(&mut self, context: u32, size: usize, end: bool) -> Result<Action, Fault> {
        Ok(action(self.runner.call(
            &self.callbacks.on_request_body,
            context,
            (context, wire_size(size), end.into()),
        )?))
    }

    pub(crate) fn on_request_trailers(&mut self, context: u32, count: usize) -> Result<Action, Fault> {
        Ok(action(self.runner.call(&self.callbacks.on_request_trailers, context, (context, wire_size(count)))?))
    }

    pub(crate) fn on_response_body(&mut self, context: u32, size: usize, end: bool) -> Result<Action, Fault> {
        Ok(action(self.runner.call(
            &self.callbacks.on_response_body,
            context,
            (context, wire_size(size), end.into()),
        )?))
    }

    pub(crate) fn on_response_trailers(&mut self, context: u32, count: usize) -> Result<Action, Fault> {
        Ok(action(self.runner.call(&self.callbacks.on_response_trailers, context, (context, wire_size(count)))?))
    }

    /// Runs on the root context; the SDK then switches to the stream's.
    pub(crate) fn on_http_call_response(
        &mut self,
        root: u32,
        token: u32,
        headers: usize,
        body: usize,
        trailers: usize,
    ) -> Result<(), Fault> {
        let arguments = (root, token, wire_size(headers), wire_size(body), wire_size(trailers));
        self.runner.call(&self.callbacks.on_http_call_response, root, arguments).map(drop)
    }

    pub(crate) fn on_foreign_function(&mut self, root: u32, function: u32, arguments: usize) -> Result<(), Fault> {
        let arguments = (root, function, wire_size(arguments));
        self.runner.call(&self.callbacks.on_foreign_function, root, arguments).map(drop)
    }

    pub(crate) fn on_queue_ready(&mut self, root: u32, queue: u32) -> Result<(), Fault> {
        self.runner.call(&self.callbacks.on_queue_ready, root, (root, queue)).map(drop)
    }

    /// The stream has ended; what there was of it can be read once more.
    pub(crate) fn on_log(&mut self, context: u32) -> Result<(), Fault> {
        self.set_logging(context, true);
        self.runner.call(&self.callbacks.on_log, context, context)?;
        self.set_logging(context, false);
        Ok(())
    }

    /// Whether the guest is done with a context.
    pub(crate) fn on_done(&mut self, context: u32) -> Result<bool, Fault> {
        Ok(self.runner.call(&self.callbacks.on_done, context, context)? != Some(0))
    }

    /// Nobody needs a root context any more. A guest that is not done yet says so later, and is called back then.
    pub(crate) fn bid_farewell(&mut self, root: u32) -> Result<(), Fault> {
        if self.on_done(root)? {
            return self.delete_root(root);
        }
        self.state().leaving.insert(root);
        Ok(())
    }

    /// The guest is done with a root context.
    pub(crate) fn delete_root(&mut self, root: u32) -> Result<(), Fault> {
        self.on_delete(root)?;
        self.state().roots.remove(&root);
        Ok(())
    }

    pub(crate) fn on_delete(&mut self, context: u32) -> Result<(), Fault> {
        self.runner.call(&self.callbacks.on_delete, context, context).map(drop)
    }

    fn set_logging(&mut self, context: u32, logging: bool) {
        if let Some(stream) = self.state().streams.get_mut(&context) {
            stream.logging = logging;
        }
    }
}

impl Callbacks {
    fn find(instance: &Instance, store: &mut Store<VmState>, abi: AbiVersion) -> Result<Self, ModuleError> {
        Ok(Self {
            on_context_create: Callback::find(instance, store, "proxy_on_context_create")?,
            on_vm_start: Callback::find(instance, store, "proxy_on_vm_start")?,
            on_configure: Callback::find(instance, store, "proxy_on_configure")?,
            on_tick: Callback::find(instance, store, "proxy_on_tick")?,
            on_request_headers: Headers::find(instance, store, "proxy_on_request_headers", abi)?,
            on_request_body: Callback::find(instance, store, "proxy_on_request_body")?,
            on_request_trailers: Callback::find(instance, store, "proxy_on_request_trailers")?,
            on_response_headers: Headers::find(instance, store, "proxy_on_response_headers", abi)?,
            on_response_body: Callback::find(instance, store, "proxy_on_response_body")?,
            on_response_trailers: Callback::find(instance, store, "proxy_on_response_trailers")?,
            on_http_call_response: Callback::find(instance, store, "proxy_on_http_call_response")?,
            on_queue_ready: Callback::find(instance, store, "proxy_on_queue_ready")?,
            connections: connections::Callbacks::find(instance, store)?,
            grpc: grpc::Callbacks::find(instance, store)?,
            on_foreign_function: match abi {
                AbiVersion::V0_1_0 => Callback::absent("proxy_on_foreign_function"),
                AbiVersion::V0_2_0 | AbiVersion::V0_2_1 => {
                    Callback::find(instance, store, "proxy_on_foreign_function")?
                }
            },
            on_log: Callback::find(instance, store, "proxy_on_log")?,
            on_done: Callback::find(instance, store, "proxy_on_done")?,
            on_delete: Callback::find(instance, store, "proxy_on_delete")?,
        })
    }
}

impl Headers {
    fn find(
        instance: &Instance,
        store: &mut Store<VmState>,
        name: &'static str,
        abi: AbiVersion,
    ) -> Result<Self, ModuleError> {
        Ok(match abi {
            AbiVersion::V0_1_0 => Self::WithoutEnd(Callback::find(instance, store, name)?),
            AbiVersion::V0_2_0 | AbiVersion::V0_2_1 => Self::WithEnd(Callback::find(instance, store, name)?),
        })
    }

    fn call(&self, runner: &mut Runner, context: u32, count: usize, end: bool) -> Result<Action, Fault> {
        let count = wire_size(count);
        Ok(action(match self {
            Self::WithEnd(callback) => runner.call(callback, context, (context, count, end.into()))?,
            Self::WithoutEnd(callback) => runner.call(callback, context, (context, count))?,
        }))
    }
}

/// `_initialize` and then `main` or `__main_void`, or else `_start`, as Envoy does.
fn initialize(runner: &mut Runner, instance: &Instance) -> Result<(), ModuleError> {
    runner.store.data_mut().starting = true;
    if run::<(), ()>(runner, instance, "_initialize", ())?.is_none() {
        run::<(), ()>(runner, instance, "_start", ())?;
    } else if run::<(u32, u32), u32>(runner, instance, "main", (0, 0))?.is_none() {
        run::<(), u32>(runner, instance, "__main_void", ())?;
    }
    runner.store.data_mut().starting = false;
    Ok(())
}

/// Runs an export on behalf of no context; `None` where there is none.
fn run<P: WasmParams + Values, R: WasmResults + Values>(
    runner: &mut Runner,
    instance: &Instance,
    name: &'static str,
    arguments: P,
) -> Result<Option<R>, ModuleError> {
    let function = Callback::find(instance, &mut runner.store, name)?;
    runner.call(&function, 0, arguments).map_err(|fault| ModuleError::TrapAtStart(Box::new(fault)))
}

fn action(returned: Option<u32>) -> Action {
    // Envoy takes every value but 0 for a pause.
    if returned.unwrap_or_default() == 0 { Action::Continue } else { Action::Pause }
}

/// Sizes on the wire are u32; what a gateway holds is far below.
fn wire_size(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}
