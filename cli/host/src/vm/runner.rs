//! Runs what an instance exports: under the deadline, with an account of what it costs.

use std::time::{Duration, Instant};

use wasmtime::{Instance, Store, TypedFunc, WasmParams, WasmResults};

use crate::{
    compiler::{EPOCH, Metering, Module},
    fault::Fault,
    gateway::Cost,
    module::ModuleError,
    state::VmState,
    trace::{Sample, Values},
};

/// An export that may be absent.
pub(super) struct Callback<P, R> {
    name: &'static str,
    pub(super) function: Option<TypedFunc<P, R>>,
}

impl<P: WasmParams, R: WasmResults> Callback<P, R> {
    /// One that is not there.
    pub(super) fn absent(name: &'static str) -> Self {
        Self { name, function: None }
    }

    /// # Errors
    /// Fails where it is there with another type.
    pub(super) fn find(
        instance: &Instance,
        store: &mut Store<VmState>,
        name: &'static str,
    ) -> Result<Self, ModuleError> {
        let function = instance.get_func(&mut *store, name).map(|function| function.typed(&*store)).transpose();
        let function =
            function.map_err(|error| ModuleError::Invalid(format!("the export `{name}` has another type: {error}")))?;
        Ok(Self { name, function })
    }
}

/// What runs the exports of one instance.
pub(super) struct Runner {
    pub(super) store: Store<VmState>,
    burns_fuel: bool,
    /// Time spent in the guest.
    guest_time: Duration,
    calls: u64,
}

impl Runner {
    /// Instantiates the module, which runs the function that its start section names.
    pub(super) fn instantiate(module: &Module, state: VmState) -> Result<(Self, Instance), ModuleError> {
        let mut store = Store::new(module.instance.module().engine(), state);
        store.limiter(|state| &mut state.limits);
        let burns_fuel = module.metering() == Metering::Fuel;
        let mut runner = Self { store, burns_fuel, guest_time: Duration::ZERO, calls: 0 };
        runner.arm();
        let instance = module.instance.instantiate(&mut runner.store);
        let instance =
            instance.map_err(|trap| ModuleError::TrapAtStart(Box::new(runner.fault("instantiation", &trap))))?;
        Ok((runner, instance))
    }

    /// What the instance has cost so far.
    pub(super) fn cost(&self) -> Cost {
        Cost { guest_time: self.guest_time, callbacks: self.calls, host_calls: self.store.data().host_calls }
    }

    /// Runs a callback for a context; `None` where there is no such callback.
    pub(super) fn call<P: WasmParams + Values, R: WasmResults + Values>(
        &mut self,
        callback: &Callback<P, R>,
        context: u32,
        arguments: P,
    ) -> Result<Option<R>, Fault> {
        let name = callback.name;
        let state = self.store.data_mut();
        state.current_context = context;
        state.effective_context = 0;
        let Some(function) = &callback.function else { return Ok(None) };
        if state.injected.is_to_trap(name) {
            return Err(Fault::injected(name, state.last_calls.shown()));
        }
        state.trace.guest_called(name, &arguments);
        self.arm();
        self.calls += 1;
        // A look at the clock takes as long as the smallest callbacks.
        let begin = self.store.data().trace.takes_samples().then(Instant::now);
        let result = function.call(&mut self.store, arguments);
        let time = begin.map(|begin| begin.elapsed()).unwrap_or_default();
        self.guest_time += time;
        let fuel = if self.burns_fuel { self.store.get_fuel().map_or(0, |left| FUEL - left) } else { 0 };
        let result = result.map_err(|trap| self.fault(name, &trap));
        let trace = &mut self.store.data_mut().trace;
        trace.sample(Sample { callback: name, time, fuel });
        let result = result?;
        trace.guest_returned(name, &result);
        Ok(Some(result))
    }

    /// Sets the deadline of the next call.
    fn arm(&mut self) {
        if self.burns_fuel {
            // Only an engine without fuel refuses it.
            let _ = self.store.set_fuel(FUEL);
        }
        let steps = self.store.data().injected.deadline().as_millis().div_ceil(EPOCH.as_millis());
        self.store.set_epoch_deadline(u64::try_from(steps).unwrap_or(u64::MAX).max(1));
    }

    fn fault(&self, callback: &'static str, trap: &wasmtime::Error) -> Fault {
        let state = self.store.data();
        Fault::new(callback, trap, state.injected.deadline(), state.last_calls.shown())
    }
}

/// What a call may burn: it never ends a call, the deadline does.
const FUEL: u64 = u64::MAX;
