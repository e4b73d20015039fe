//! How a gateway starts, and how its configuration changes while it runs.

use std::{collections::BTreeMap, rc::Rc};

use crate::{plugin::Plugin, shared::Shared, shared_data::SharedData, thread::Thread, trace::Recorder, world::World};

use super::{
    Gateway, GatewayConfig,
    agenda::Agenda,
    start::StartError,
    vms::{NOBODYS, Surroundings},
    worker::Worker,
};

/// Which VMs a gateway makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Startup {
    /// One a worker: the least that serves requests. What the first worker's VM refuses, the gateway refuses.
    #[default]
    WorkersOnly,
    /// Those that Envoy makes: one to copy the others from, one to try the configuration in, one for the main thread, which
    /// is ticked and serves no streams, and one a worker. What the second refuses, the gateway refuses.
    AsEnvoy,
}

impl<W: World> Gateway<W> {
    /// Starts a chain of plugins in every worker: their modules, then the configurations of VMs and plugins. Requests walk
    /// through the chain in its order, responses in the opposite one.
    ///
    /// # Errors
    /// Whatever keeps Envoy from starting with such a configuration.
    pub fn start(chain: impl IntoIterator<Item = Plugin>, config: GatewayConfig, world: W) -> Result<Self, StartError> {
        let mut gateway = Self::unconfigured(config, world);
        let chain: Vec<_> = chain.into_iter().map(Rc::new).collect();
        for plugin in &chain {
            match gateway.startup {
                Startup::AsEnvoy => gateway.try_out(plugin)?,
                Startup::WorkersOnly => gateway.first_worker().map_or(Ok(()), |worker| worker.add(plugin))?,
            }
            if let Some(main) = gateway.main() {
                main.add_or_leave_out(plugin);
            }
        }
        gateway.add_to_workers(&chain, usize::from(gateway.startup == Startup::WorkersOnly));
        gateway.configured = true;
        gateway.collect();
        Ok(gateway)
    }

    /// A gateway that no configuration has reached which its plugins accept: it answers every request with 500, until
    /// [`Self::update`] brings one. That is what a refused first configuration comes to where plugins are configured
    /// apart from the listener (Envoy's extension discovery service, which Istio uses).
    pub fn unconfigured(config: GatewayConfig, world: W) -> Self {
        let shared = Shared::new(config.clock, SharedData::new(config.shared_data, config.races));
        shared.get().profile = config.follows;
        shared.get().surroundings = config.surroundings;
        shared.get().foreign_functions = config.foreign_functions;
        let recorder = Recorder::new(config.trace, config.profile, config.crossings);
        let around = Surroundings { shared: shared.clone(), recorder: recorder.clone(), faults: config.faults };
        let serving = config.workers.max(1);
        let mut workers: Vec<_> =
            (0..serving).map(|number| Worker::new(number, Thread::Worker(number), around.clone())).collect();
        if config.startup == Startup::AsEnvoy {
            workers.push(Worker::new(serving, Thread::Main, around.clone()));
        }
        Self {
            shared,
            recorder,
            around,
            startup: config.startup,
            configured: false,
            workers,
            serving,
            world,
            agenda: Agenda::default(),
            callouts: BTreeMap::new(),
        }
    }

    /// Puts another chain into force, for the streams to come; those that live stay with the plugins that they began with,
    /// which are shut down behind the last of them.
    ///
    /// A plugin with the module, `vm_id` and VM configuration of an earlier one lives in the same VM, as in Envoy: only its
    /// root context is new.
    ///
    /// # Errors
    /// Whatever keeps Envoy from accepting it. The chain that was in force stays so.
    pub fn update(&mut self, chain: impl IntoIterator<Item = Plugin>) -> Result<(), StartError> {
        let chain: Vec<_> = chain.into_iter().map(Rc::new).collect();
        for plugin in &chain {
            self.try_out(plugin)?;
        }
        let old = self.first_worker().map_or(0, |worker| worker.chain_len());
        if let Some(main) = self.main() {
            chain.iter().for_each(|plugin| main.add_or_leave_out(plugin));
        }
        self.add_to_workers(&chain, 0);
        for worker in &mut self.workers {
            worker.remove_first(old);
        }
        self.configured = true;
        self.collect();
        Ok(())
    }

    /// Tries a plugin as Envoy does. One that is in force already has been tried.
    fn try_out(&mut self, plugin: &Rc<Plugin>) -> Result<(), StartError> {
        let as_envoy = self.startup == Startup::AsEnvoy;
        let vms = self.workers.last().map(|worker| &worker.vms);
        if vms.is_some_and(|vms| vms.has_plugin(plugin)) {
            return Ok(());
        }
        if as_envoy && !vms.is_some_and(|vms| vms.has_vm_for(plugin)) {
            self.around.start_vm(plugin, NOBODYS, Thread::Base)?;
        }
        self.around.try_out(plugin)
    }

    fn add_to_workers(&mut self, chain: &[Rc<Plugin>], but_the_first: usize) {
        for worker in self.workers.iter_mut().take(self.serving).skip(but_the_first) {
            chain.iter().for_each(|plugin| worker.add_or_leave_out(plugin));
        }
    }

    fn first_worker(&mut self) -> Option<&mut Worker> {
        self.workers.first_mut()
    }

    /// The main thread, where it has VMs.
    fn main(&mut self) -> Option<&mut Worker> {
        self.workers.get_mut(self.serving)
    }
}
