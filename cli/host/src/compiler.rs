//! From bytes to a module that is ready to run: checked, compiled, and kept for the next time.

use std::{
    io,
    rc::Rc,
    thread,
    time::{Duration, Instant},
};

use sha2::{Digest as _, Sha256};
use wasmtime::{Config, Enabled, Engine, EngineWeak, InstancePre, Linker, PoolingAllocationConfig};

use crate::{
    abi::AbiVersion,
    cache::ModuleCache,
    clock::VirtualClock,
    hostcalls,
    module::{self, ModuleError},
    plugin::Plugin,
    shared::Shared,
    shared_data::SharedData,
    state::{MEMORY_BYTES, VmState},
    thread::{Thread, VmId},
    trace::Recorder,
    vm::Vm,
    wasi,
};

/// Compiles modules for one set of settings.
pub struct Compiler {
    engine: Engine,
    cache: Option<ModuleCache>,
    metering: Metering,
}

/// A proxy-wasm module that is compiled and linked.
#[derive(Clone)]
pub struct Module {
    pub(crate) instance: InstancePre<VmState>,
    abi: AbiVersion,
    metering: Metering,
    sha256: String,
    bytes: usize,
    from_cache: bool,
}

/// What is kept account of while a guest runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Metering {
    /// A callback that runs for more than 5 s traps.
    #[default]
    Deadline,
    /// Likewise, and the fuel that it burns is counted ([`crate::Sample::fuel`]), which makes it slower.
    Fuel,
    /// Nothing, for figures that are a gateway's: a callback may run for ever.
    None,
}

/// How often the deadline of a running callback is looked at.
pub(crate) const EPOCH: Duration = Duration::from_millis(10);
/// How many VMs there may be at once, and what each may have besides its memory: far above what toolchains emit.
const MAX_VMS: u32 = 1000;
const MAX_TABLES: u32 = 4;
const MAX_TABLE_ELEMENTS: usize = 1_000_000;
const MAX_INSTANCE_BYTES: usize = 16 * 1024 * 1024;
/// How much of a VM's memory, and of its tables, the next one may take over.
const KEPT_BYTES: usize = 256 * 1024;
/// The largest module that is read: what Istio's fetcher takes at the most.
pub const MAX_MODULE_BYTES: usize = 256 * 1024 * 1024;

impl Compiler {
    /// A compiler that keeps what it has compiled in `cache`.
    ///
    /// # Errors
    /// [`ModuleError::Engine`] where this machine cannot run compiled WebAssembly.
    pub fn new(cache: Option<ModuleCache>) -> Result<Self, ModuleError> {
        Self::metered(cache, Metering::Deadline)
    }

    /// A compiler whose modules are metered otherwise.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn metered(cache: Option<ModuleCache>, metering: Metering) -> Result<Self, ModuleError> {
        let mut config = Config::new();
        config.epoch_interruption(metering != Metering::None).consume_fuel(metering == Metering::Fuel);
        let engine = engine(config).map_err(|error| ModuleError::Engine(error.to_string()))?;
        // Without it a guest that loops would not be stopped.
        start_ticker(engine.weak()).map_err(|error| ModuleError::Engine(error.to_string()))?;
        Ok(Self { engine, cache, metering })
    }

    /// Compiles a module, or takes it from the cache.
    ///
    /// # Errors
    /// Whatever keeps a gateway from loading it: not WebAssembly, not proxy-wasm, an import that nobody provides.
    pub fn compile(&self, bytes: &[u8]) -> Result<Module, ModuleError> {
        if bytes.len() > MAX_MODULE_BYTES {
            return Err(ModuleError::TooLarge { bytes: bytes.len() });
        }
        let sha256: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let cached = self.cache.as_ref().and_then(|cache| cache.load(&self.engine, &sha256));
        let from_cache = cached.is_some();
        let module = match cached {
            Some(module) => module,
            None => {
                module::check_preamble(bytes)?;
                wasmtime::Module::from_binary(&self.engine, bytes)
                    .map_err(|error| ModuleError::Invalid(format!("{error:#}")))?
            }
        };
        let abi = module::check(&module)?;
        if let (Some(cache), false) = (&self.cache, from_cache) {
            cache.store(&self.engine, &sha256, &module);
        }
        let mut linker = Linker::new(&self.engine);
        hostcalls::define(&mut linker)
            .and_then(|()| wasi::define(&mut linker))
            .map_err(|error| ModuleError::Engine(error.to_string()))?;
        let instance = linker.instantiate_pre(&module).map_err(|error| ModuleError::Invalid(format!("{error:#}")))?;
        Ok(Module { instance, abi, metering: self.metering, sha256, bytes: bytes.len(), from_cache })
    }

    /// Compiles a module and runs its start function.
    ///
    /// # Errors
    /// As [`Self::compile`], and a trap at start.
    pub fn check(&self, bytes: &[u8]) -> Result<Module, ModuleError> {
        let module = self.compile(bytes)?;
        let shared = Shared::new(VirtualClock::default(), SharedData::default());
        let id = VmId { worker: 0, number: 0 };
        let plugin = Rc::new(Plugin::new(&module, Vec::new()));
        Vm::start(&module, VmState::new(shared, &Recorder::default(), id, Thread::Base, plugin))?;
        Ok(module)
    }
}

/// An engine that uses the memories and tables of VMs that have ended again: with fresh ones, most of a VM's start is the
/// kernel's work. Where so much address space cannot be had (`ulimit -v`), each VM gets fresh ones.
fn engine(mut config: Config) -> wasmtime::Result<Engine> {
    let on_demand = config.clone();
    let mut pool = PoolingAllocationConfig::new();
    pool.total_memories(MAX_VMS).total_core_instances(MAX_VMS).max_memory_size(MEMORY_BYTES);
    pool.max_tables_per_module(MAX_TABLES).table_elements(MAX_TABLE_ELEMENTS);
    pool.total_tables(MAX_TABLES * MAX_VMS).max_core_instance_size(MAX_INSTANCE_BYTES);
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        // Only the pages that a VM has written are put back, which then need no page faults in the next one.
        pool.pagemap_scan(Enabled::Yes).linear_memory_keep_resident(KEPT_BYTES).table_keep_resident(KEPT_BYTES);
    }
    config.allocation_strategy(pool);
    Engine::new(&config).or_else(|_| Engine::new(&on_demand))
}

/// Moves the engine's epoch, on which deadlines rest, for as long as the engine lives.
fn start_ticker(engine: EngineWeak) -> io::Result<()> {
    let tick = move || {
        let mut next = Instant::now() + EPOCH;
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(next.saturating_duration_since(Instant::now()));
            next += EPOCH;
        }
    };
    thread::Builder::new().spawn(tick).map(drop)
}

impl Module {
    /// The ABI version that its marker states.
    #[must_use]
    pub fn abi(&self) -> AbiVersion {
        self.abi
    }

    pub(crate) fn metering(&self) -> Metering {
        self.metering
    }

    /// SHA-256 of the module, in lower-case hex.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The module's size in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes
    }

    /// Whether the compiled form was kept from an earlier run.
    #[must_use]
    pub fn from_cache(&self) -> bool {
        self.from_cache
    }
}
