//! One VM: an instance of a module, and the callbacks that it exports.

mod connections;
mod grpc;

use std::time::{Duration, Instant};

use wasmtime::{Instance, Store, TypedFunc, WasmParams, WasmResults};

use crate::{
    abi::{AbiVersion, Action},
    compiler::{EPOCH, Metering, Module},
    fault::Fault,
    gateway::Cost,
    module::ModuleError,
    state::VmState,
    trace::{Sample, Values},
};

/// An instance and its callbacks; a callback that is not exported does nothing and continues.
pub(crate) struct Vm {
    store: Store<VmState>,
    burns_fuel: bool,
    callbacks: Callbacks,
    /// Time spent in the guest.
    guest_time: Duration,
    calls: u64,
}

type Callback<P, R> = Option<TypedFunc<P, R>>;

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
#[derive(Clone)]
enum Headers {
    WithEnd(TypedFunc<(u32, u32, u32), u32>),
    WithoutEnd(TypedFunc<(u32, u32), u32>),
    Absent,
}

impl Vm {
    /// Instantiates the module and runs its start function.
    pub(crate) fn start(module: &Module, state: VmState) -> Result<Self, ModuleError> {
        let mut store = Store::new(module.instance.module().engine(), state);
        store.limiter(|state| &mut state.limits);
        let burns_fuel = module.metering() == Metering::Fuel;
        arm(&mut store, burns_fuel);
        let instance = module
            .instance
            .instantiate(&mut store)
            .map_err(|trap| ModuleError::TrapAtStart(Box::new(fault("instantiation", &trap, store.data()))))?;
        let memory = instance
            .get_memory(&mut store, "memory")
            .ok_or(ModuleError::MissingExport { what: "a memory exported as `memory`" })?;
        store.data_mut().memory = Some(memory);
        let mut allocate = None;
        let mut names = ["proxy_on_memory_allocate", "malloc"];
        if store.data().follows_spec() {
            names.reverse();
        }
        // The last one that there is counts.
        for name in names {
            allocate = optional(&instance, &mut store, name)?.map(|function| (name, function)).or(allocate);
        }
        store.data_mut().allocate = allocate;
        let callbacks = Callbacks::find(&instance, &mut store, module.abi())?;
        let mut vm = Self { store, burns_fuel, callbacks, guest_time: Duration::ZERO, calls: 0 };
        vm.initialize(&instance)?;
        Ok(vm)
    }

    /// `_initialize` and then `main` or `__main_void`, or else `_start`, as Envoy does.
    fn initialize(&mut self, instance: &Instance) -> Result<(), ModuleError> {
        let trapped = |fault: Fault| ModuleError::TrapAtStart(Box::new(fault));
        self.state().starting = true;
        if let Some(initialize) = optional::<(), ()>(instance, &mut self.store, "_initialize")? {
            self.call("_initialize", Some(&initialize), ()).map_err(trapped)?;
            if let Some(main) = optional::<(u32, u32), u32>(instance, &mut self.store, "main")? {
                self.call("main", Some(&main), (0, 0)).map_err(trapped)?;
            } else if let Some(main) = optional::<(), u32>(instance, &mut self.store, "__main_void")? {
                self.call("__main_void", Some(&main), ()).map_err(trapped)?;
            }
        } else if let Some(start) = optional::<(), ()>(instance, &mut self.store, "_start")? {
            self.call("_start", Some(&start), ()).map_err(trapped)?;
        }
        self.state().starting = false;
        Ok(())
    }

    pub(crate) fn state(&mut self) -> &mut VmState {
        self.store.data_mut()
    }

    /// What the VM has cost so far.
    pub(crate) fn cost(&self) -> Cost {
        Cost { guest_time: self.guest_time, callbacks: self.calls, host_calls: self.store.data().host_calls }
    }

    /// The size of the guest's memory in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.store.data().memory.map_or(0, |memory| memory.data_size(&self.store))
    }

    pub(crate) fn on_context_create(&mut self, context: u32, parent: u32) -> Result<(), Fault> {
        self.enter(context);
        let callback = self.callbacks.on_context_create.clone();
        self.call("proxy_on_context_create", callback.as_ref(), (context, parent)).map(drop)
    }

    /// Whether the module accepts the VM's configuration.
    pub(crate) fn on_vm_start(&mut self, root: u32) -> Result<bool, Fault> {
        let size = wire_size(self.state().maker.vm_configuration.len());
        self.enter(root);
        self.state().starting_vm = true;
        let callback = self.callbacks.on_vm_start.clone();
        let accepted = self.call("proxy_on_vm_start", callback.as_ref(), (root, size))? != Some(0);
        self.state().starting_vm = false;
        Ok(accepted)
    }

    /// Whether the plugin accepts its configuration.
    pub(crate) fn on_configure(&mut self, root: u32) -> Result<bool, Fault> {
        self.enter(root);
        let size = wire_size(self.state().plugin().map_or(0, |plugin| plugin.configuration.len()));
        self.state().configuring = Some(root);
        let callback = self.callbacks.on_configure.clone();
        let accepted = self.call("proxy_on_configure", callback.as_ref(), (root, size))? != Some(0);
        self.state().configuring = None;
        Ok(accepted)
    }

    pub(crate) fn on_tick(&mut self, context: u32) -> Result<(), Fault> {
        self.enter(context);
        let callback = self.callbacks.on_tick.clone();
        self.call("proxy_on_tick", callback.as_ref(), context).map(drop)
    }

    pub(crate) fn on_request_headers(&mut self, context: u32, count: usize, end: bool) -> Result<Action, Fault> {
        self.enter(context);
        let callback = self.callbacks.on_request_headers.clone();
        self.call_headers("proxy_on_request_headers", &callback, context, count, end)
    }

    pub(crate) fn on_response_headers(&mut self, context: u32, count: usize, end: bool) -> Result<Action, Fault> {
        self.enter(context);
        let callback = self.callbacks.on_response_headers.clone();
        self.call_headers("proxy_on_response_headers", &callback, context, count, end)
    }

    pub(crate) fn on_request_body(&mut self, context: u32, size: usize, end: bool) -> Result<Action, Fault> {
        self.enter(context);
        let callback = self.callbacks.on_request_body.clone();
        Ok(action(self.call("proxy_on_request_body", callback.as_ref(), (context, wire_size(size), end.into()))?))
    }

    pub(crate) fn on_request_trailers(&mut self, context: u32, count: usize) -> Result<Action, Fault> {
        self.enter(context);
        let callback = self.callbacks.on_request_trailers.clone();
        Ok(action(self.call("proxy_on_request_trailers", callback.as_ref(), (context, wire_size(count)))?))
    }

    pub(crate) fn on_response_body(&mut self, context: u32, size: usize, end: bool) -> Result<Action, Fault> {
        self.enter(context);
        let callback = self.callbacks.on_response_body.clone();
        Ok(action(self.call("proxy_on_response_body", callback.as_ref(), (context, wire_size(size), end.into()))?))
    }

    pub(crate) fn on_response_trailers(&mut self, context: u32, count: usize) -> Result<Action, Fault> {
        self.enter(context);
        let callback = self.callbacks.on_response_trailers.clone();
        Ok(action(self.call("proxy_on_response_trailers", callback.as_ref(), (context, wire_size(count)))?))
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
        self.enter(root);
        let callback = self.callbacks.on_http_call_response.clone();
        let arguments = (root, token, wire_size(headers), wire_size(body), wire_size(trailers));
        self.call("proxy_on_http_call_response", callback.as_ref(), arguments).map(drop)
    }

    pub(crate) fn on_foreign_function(&mut self, root: u32, function: u32, arguments: usize) -> Result<(), Fault> {
        self.enter(root);
        let callback = self.callbacks.on_foreign_function.clone();
        let arguments = (root, function, wire_size(arguments));
        self.call("proxy_on_foreign_function", callback.as_ref(), arguments).map(drop)
    }

    pub(crate) fn on_queue_ready(&mut self, root: u32, queue: u32) -> Result<(), Fault> {
        self.enter(root);
        let callback = self.callbacks.on_queue_ready.clone();
        self.call("proxy_on_queue_ready", callback.as_ref(), (root, queue)).map(drop)
    }

    /// The stream has ended; what there was of it can be read once more.
    pub(crate) fn on_log(&mut self, context: u32) -> Result<(), Fault> {
        self.enter(context);
        self.set_logging(context, true);
        let callback = self.callbacks.on_log.clone();
        self.call("proxy_on_log", callback.as_ref(), context)?;
        self.set_logging(context, false);
        Ok(())
    }

    /// Whether the guest is done with a context.
    pub(crate) fn on_done(&mut self, context: u32) -> Result<bool, Fault> {
        self.enter(context);
        let callback = self.callbacks.on_done.clone();
        Ok(self.call("proxy_on_done", callback.as_ref(), context)? != Some(0))
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
        self.enter(context);
        let callback = self.callbacks.on_delete.clone();
        self.call("proxy_on_delete", callback.as_ref(), context).map(drop)
    }

    fn set_logging(&mut self, context: u32, logging: bool) {
        if let Some(stream) = self.state().streams.get_mut(&context) {
            stream.logging = logging;
        }
    }

    fn enter(&mut self, context: u32) {
        self.state().current_context = context;
        self.state().effective_context = 0;
    }

    fn call_headers(
        &mut self,
        name: &'static str,
        callback: &Headers,
        context: u32,
        count: usize,
        end: bool,
    ) -> Result<Action, Fault> {
        let count = wire_size(count);
        Ok(action(match callback {
            Headers::WithEnd(callback) => self.call(name, Some(callback), (context, count, end.into()))?,
            Headers::WithoutEnd(callback) => self.call(name, Some(callback), (context, count))?,
            Headers::Absent => None,
        }))
    }

    /// Runs a callback under the deadline; `None` where there is none.
    fn call<P: WasmParams + Values, R: WasmResults + Values>(
        &mut self,
        name: &'static str,
        callback: Option<&TypedFunc<P, R>>,
        arguments: P,
    ) -> Result<Option<R>, Fault> {
        let Some(callback) = callback else { return Ok(None) };
        if self.state().injected.is_to_trap(name) {
            return Err(Fault::injected(name, self.state().last_calls.shown()));
        }
        arm(&mut self.store, self.burns_fuel);
        self.calls += 1;
        self.state().trace.guest_called(name, &arguments);
        let begin = Instant::now();
        let result = callback.call(&mut self.store, arguments);
        let time = begin.elapsed();
        self.guest_time += time;
        let fuel = if self.burns_fuel { self.store.get_fuel().map_or(0, |left| FUEL - left) } else { 0 };
        self.state().trace.sample(Sample { callback: name, time, fuel });
        let result = result.map_err(|trap| fault(name, &trap, self.store.data()))?;
        self.state().trace.guest_returned(name, &result);
        Ok(Some(result))
    }
}

impl Callbacks {
    fn find(instance: &Instance, store: &mut Store<VmState>, abi: AbiVersion) -> Result<Self, ModuleError> {
        Ok(Self {
            on_context_create: optional(instance, store, "proxy_on_context_create")?,
            on_vm_start: optional(instance, store, "proxy_on_vm_start")?,
            on_configure: optional(instance, store, "proxy_on_configure")?,
            on_tick: optional(instance, store, "proxy_on_tick")?,
            on_request_headers: Headers::find(instance, store, "proxy_on_request_headers", abi)?,
            on_request_body: optional(instance, store, "proxy_on_request_body")?,
            on_request_trailers: optional(instance, store, "proxy_on_request_trailers")?,
            on_response_headers: Headers::find(instance, store, "proxy_on_response_headers", abi)?,
            on_response_body: optional(instance, store, "proxy_on_response_body")?,
            on_response_trailers: optional(instance, store, "proxy_on_response_trailers")?,
            on_http_call_response: optional(instance, store, "proxy_on_http_call_response")?,
            on_queue_ready: optional(instance, store, "proxy_on_queue_ready")?,
            connections: connections::Callbacks::find(instance, store)?,
            grpc: grpc::Callbacks::find(instance, store)?,
            on_foreign_function: match abi {
                AbiVersion::V0_1_0 => None,
                AbiVersion::V0_2_0 | AbiVersion::V0_2_1 => optional(instance, store, "proxy_on_foreign_function")?,
            },
            on_log: optional(instance, store, "proxy_on_log")?,
            on_done: optional(instance, store, "proxy_on_done")?,
            on_delete: optional(instance, store, "proxy_on_delete")?,
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
        if abi == AbiVersion::V0_1_0 {
            Ok(optional(instance, store, name)?.map_or(Self::Absent, Self::WithoutEnd))
        } else {
            Ok(optional(instance, store, name)?.map_or(Self::Absent, Self::WithEnd))
        }
    }
}

/// An export that may be absent, but not of another type.
fn optional<P: WasmParams, R: WasmResults>(
    instance: &Instance,
    store: &mut Store<VmState>,
    name: &str,
) -> Result<Callback<P, R>, ModuleError> {
    let Some(function) = instance.get_func(&mut *store, name) else { return Ok(None) };
    function
        .typed(&*store)
        .map(Some)
        .map_err(|error| ModuleError::Invalid(format!("the export `{name}` has another type: {error}")))
}

/// What a call may burn: it never ends a call, the deadline does.
const FUEL: u64 = u64::MAX;

/// Sets the deadline of the next call.
fn arm(store: &mut Store<VmState>, burns_fuel: bool) {
    if burns_fuel {
        // Only an engine without fuel refuses it.
        let _ = store.set_fuel(FUEL);
    }
    let steps = store.data().injected.deadline().as_millis().div_ceil(EPOCH.as_millis());
    store.set_epoch_deadline(u64::try_from(steps).unwrap_or(u64::MAX).max(1));
}

fn action(returned: Option<u32>) -> Action {
    // Envoy takes every value but 0 for a pause.
    if returned.unwrap_or_default() == 0 { Action::Continue } else { Action::Pause }
}

/// Sizes on the wire are u32; what a gateway holds is far below.
fn wire_size(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

fn fault(callback: &'static str, trap: &wasmtime::Error, state: &VmState) -> Fault {
    Fault::new(callback, trap, state.injected.deadline(), state.last_calls.shown())
}
