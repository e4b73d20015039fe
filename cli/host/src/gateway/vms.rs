//! The VMs of one worker, and the plugins in them.

use std::{rc::Rc, time::Duration};

use crate::{
    fault::Fault,
    faults::Faults,
    module::ModuleError,
    plugin::{FailStrategy, Plugin},
    profile::Profile,
    shared::Shared,
    state::{Effect, VmState},
    thread::{RootId, Thread, VmId},
    trace::Recorder,
    vm::Vm,
};

use super::start::{Refused, StartError, configure};

/// What VMs are made with.
#[derive(Clone)]
pub(super) struct Surroundings {
    pub(super) shared: Shared,
    pub(super) recorder: Recorder,
    pub(super) faults: Faults,
}

/// The VMs of one worker.
pub(super) struct Vms {
    worker: usize,
    thread: Thread,
    around: Surroundings,
    list: Vec<Hosted>,
    next_number: u32,
}

/// A VM, until nobody needs it any more.
pub(super) struct Hosted {
    pub(super) number: u32,
    maker: Rc<Plugin>,
    /// Gone once the guest has trapped.
    pub(super) vm: Result<Box<Vm>, Fault>,
    roots: Vec<Root>,
}

/// A root context, and who needs it.
struct Root {
    context: u32,
    plugin: Rc<Plugin>,
    /// How often it stands in the chain in force.
    filters: usize,
    streams: usize,
}

/// A plugin in force.
pub(super) struct Filter {
    pub(super) plugin: Rc<Plugin>,
    /// Where it lives. Nowhere: this thread's VM did not take the configuration that another one had taken, and then Envoy
    /// lets requests pass without the plugin, whatever its fail strategy.
    pub(super) seat: Option<Seat>,
    started: Duration,
}

/// A place of a plugin: the number of its VM, and its root context there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seat {
    pub(super) vm: u32,
    pub(super) root: u32,
}

/// The VMs of no worker: what they ask for reaches nobody.
pub(super) const NOBODYS: VmId = VmId { worker: usize::MAX, number: 0 };

impl Surroundings {
    /// A VM for `plugin`, with nothing configured yet.
    pub(super) fn start_vm(&self, plugin: &Rc<Plugin>, id: VmId, thread: Thread) -> Result<Vm, ModuleError> {
        let state = VmState::new(self.shared.clone(), &self.recorder, id, thread, Rc::clone(plugin));
        Vm::start(&plugin.module, state.with_faults(self.faults.clone()))
    }

    /// Tries a plugin in a VM of its own, which is dropped after it.
    pub(super) fn try_out(&self, plugin: &Rc<Plugin>) -> Result<(), StartError> {
        let mut vm = self.start_vm(plugin, NOBODYS, Thread::Canary)?;
        let root = vm.state().allocate_context();
        configure(&mut vm, root, plugin).map_err(|refused| self.start_error(refused))
    }

    fn start_error(&self, refused: Refused) -> StartError {
        let mut shared = self.shared.get();
        let now = shared.clock.now();
        refused.with_logs(shared.logs.take(now))
    }
}

impl Hosted {
    /// Gives a plugin a root context: the one that it has already, or a new one, which it may refuse.
    fn seat(&mut self, plugin: &Rc<Plugin>) -> (Seat, Result<(), Refused>) {
        let Self { number, vm, roots, .. } = self;
        if let Some(root) = roots.iter_mut().find(|root| root.filters > 0 && root.plugin.is_same_as(plugin)) {
            root.filters += 1;
            return (Seat { vm: *number, root: root.context }, Ok(()));
        }
        let (root, configured) = match vm {
            Ok(vm) => {
                let root = vm.state().allocate_context();
                (root, configure(vm, root, plugin))
            }
            Err(fault) => (0, Err(Refused::Trapped(fault.clone()))),
        };
        if let Err(Refused::Trapped(fault)) = &configured {
            *vm = Err(fault.clone());
        }
        roots.push(Root { context: root, plugin: Rc::clone(plugin), filters: 1, streams: 0 });
        (Seat { vm: *number, root }, configured)
    }
}

impl Root {
    fn is_needed(&self) -> bool {
        self.filters > 0 || self.streams > 0
    }
}

impl Vms {
    pub(super) fn new(worker: usize, thread: Thread, around: Surroundings) -> Self {
        Self { worker, thread, around, list: Vec::new(), next_number: 0 }
    }

    pub(super) fn thread(&self) -> Thread {
        self.thread
    }

    /// Puts a plugin into force, in a VM that it shares or that is made for it.
    pub(super) fn place(&mut self, plugin: &Rc<Plugin>) -> Result<Filter, StartError> {
        let seat = Some(self.seat(plugin).map_err(|refused| self.around.start_error(refused))?);
        Ok(Filter { plugin: Rc::clone(plugin), seat, started: self.now() })
    }

    /// As [`Self::place`], where another VM has taken the configuration already.
    pub(super) fn place_or_leave_out(&mut self, plugin: &Rc<Plugin>) -> Filter {
        let seat = self.seat(plugin).ok();
        Filter { plugin: Rc::clone(plugin), seat, started: self.now() }
    }

    /// Takes a plugin out of force; streams may still need it.
    pub(super) fn remove(&mut self, filter: &Filter) {
        if let Some(seat) = filter.seat {
            self.unneed(seat);
        }
    }

    fn unneed(&mut self, Seat { vm, root }: Seat) {
        if let Some(needed) = self.root(vm, root) {
            needed.filters = needed.filters.saturating_sub(1);
            self.leave(vm, root);
        }
    }

    /// A stream enters a plugin; gives its context there, unless the VM is gone.
    pub(super) fn enter(&mut self, seat: Seat) -> Option<u32> {
        let context = self.vm(seat.vm).ok()?.state().allocate_context();
        self.root(seat.vm, seat.root)?.streams += 1;
        Some(context)
    }

    /// A stream has left a plugin.
    pub(super) fn exit(&mut self, vm: u32, root: u32) {
        if let Some(needed) = self.root(vm, root) {
            needed.streams = needed.streams.saturating_sub(1);
            self.leave(vm, root);
        }
    }

    fn seat(&mut self, plugin: &Rc<Plugin>) -> Result<Seat, Refused> {
        let sharing = self.list.iter_mut().find(|hosted| hosted.vm.is_ok() && hosted.maker.shares_vm_with(plugin));
        let (seat, configured) = if let Some(hosted) = sharing {
            hosted.seat(plugin)
        } else {
            let mut hosted = self.new_vm(plugin)?;
            let seated = hosted.seat(plugin);
            self.list.push(hosted);
            seated
        };
        if configured.is_err() {
            // With what a plugin refuses it is done at once.
            self.unneed(seat);
        }
        configured.map(|()| seat)
    }

    fn new_vm(&mut self, plugin: &Rc<Plugin>) -> Result<Hosted, ModuleError> {
        let number = self.next_number;
        self.next_number += 1;
        let vm = self.around.start_vm(plugin, VmId { worker: self.worker, number }, self.thread)?;
        Ok(Hosted { number, maker: Rc::clone(plugin), vm: Ok(Box::new(vm)), roots: Vec::new() })
    }

    /// Bids farewell to a root context that nobody needs any more; without any, the VM goes too.
    fn leave(&mut self, number: u32, root: u32) {
        let Some(hosted) = self.list.iter_mut().find(|hosted| hosted.number == number) else { return };
        let Some(position) = hosted.roots.iter().position(|known| known.context == root && !known.is_needed()) else {
            return;
        };
        hosted.roots.remove(position);
        let bidden = hosted.vm.as_mut().map_or(Ok(()), |vm| vm.bid_farewell(root));
        let unneeded = hosted.roots.is_empty();
        if let Err(fault) = bidden {
            self.lose(number, fault);
        }
        if unneeded {
            // Even where the guest is not done yet: Envoy asks, and does not wait.
            self.list.retain(|hosted| hosted.number != number);
        }
    }

    fn root(&mut self, vm: u32, root: u32) -> Option<&mut Root> {
        let hosted = self.list.iter_mut().find(|hosted| hosted.number == vm)?;
        hosted.roots.iter_mut().find(|known| known.context == root)
    }

    /// Whom the gateway follows.
    pub(super) fn profile(&self) -> Profile {
        self.around.shared.get().profile
    }

    pub(super) fn now(&self) -> Duration {
        self.around.shared.get().clock.now()
    }

    /// Starts the VM of a plugin that has trapped anew, where its strategy and the time allow it.
    pub(super) fn reload(&mut self, filter: &mut Filter) {
        let (FailStrategy::Reload { backoff }, Some(seat)) = (filter.plugin.fail_strategy, filter.seat) else { return };
        if self.vm(seat.vm).is_ok() || self.now() < filter.started + backoff {
            return;
        }
        match self.place(&filter.plugin) {
            Ok(reloaded) => {
                self.remove(filter);
                *filter = reloaded;
            }
            Err(_) => filter.started = self.now(),
        }
    }

    pub(super) fn hosted(&mut self) -> impl Iterator<Item = &mut Hosted> {
        self.list.iter_mut()
    }

    /// The VM of this number, or why it is gone; [`None`] in the place of a fault: it was shut down.
    pub(super) fn vm(&mut self, number: u32) -> Result<&mut Vm, Option<&Fault>> {
        match self.list.iter_mut().find(|hosted| hosted.number == number) {
            Some(Hosted { vm, .. }) => vm.as_deref_mut().map_err(|fault| Some(&*fault)),
            None => Err(None),
        }
    }

    /// Whether there is a VM that a plugin could share.
    pub(super) fn has_vm_for(&self, plugin: &Plugin) -> bool {
        self.list.iter().any(|hosted| hosted.vm.is_ok() && hosted.maker.shares_vm_with(plugin))
    }

    /// Whether a plugin is in force.
    pub(super) fn has_plugin(&self, plugin: &Plugin) -> bool {
        let sharing = self.list.iter().filter(|hosted| hosted.vm.is_ok() && hosted.maker.shares_vm_with(plugin));
        sharing.flat_map(|hosted| &hosted.roots).any(|root| root.filters > 0 && root.plugin.is_same_as(plugin))
    }

    /// Every root context of a plugin.
    pub(super) fn roots(&mut self) -> Vec<RootId> {
        let worker = self.worker;
        let vms = self.list.iter_mut().filter_map(|hosted| Some((hosted.number, hosted.vm.as_mut().ok()?)));
        let roots = vms.flat_map(|(number, vm)| {
            let id = VmId { worker, number };
            vm.state().roots.keys().map(move |context| RootId { vm: id, context: *context }).collect::<Vec<_>>()
        });
        roots.collect()
    }

    /// Whether a root context lives.
    pub(super) fn has(&mut self, root: RootId) -> bool {
        self.vm(root.vm.number).is_ok_and(|vm| vm.state().roots.contains_key(&root.context))
    }

    /// The guest has trapped: its VM is lost.
    pub(super) fn lose(&mut self, number: u32, fault: Fault) {
        if let Some(hosted) = self.list.iter_mut().find(|hosted| hosted.number == number) {
            hosted.vm = Err(fault);
        }
    }

    /// The next thing that a callback has asked for, with the VM and the context of the stream that it is about.
    pub(super) fn next_effect(&mut self) -> Option<(u32, u32, Effect)> {
        self.list.iter_mut().find_map(|hosted| {
            let (context, effect) = hosted.vm.as_mut().ok()?.state().effects.pop_front()?;
            Some((hosted.number, context, effect))
        })
    }
}
