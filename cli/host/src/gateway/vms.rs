//! The VMs of one worker, and the plugins in them.

use std::{rc::Rc, time::Duration};

use crate::{
    plugin::{FailStrategy, Plugin},
    shared::Shared,
    state::{Effect, VmState},
    thread::{RootId, Thread, VmId},
    trace::Recorder,
    vm::{Fault, Vm},
};

use super::start::{StartError, configure};

/// What VMs are made with.
#[derive(Clone)]
pub(super) struct Surroundings {
    pub(super) shared: Shared,
    pub(super) recorder: Recorder,
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
}

/// A plugin in force: where it lives.
pub(super) struct Filter {
    pub(super) plugin: Rc<Plugin>,
    /// The number of its VM, and its root context there.
    pub(super) vm: u32,
    pub(super) root: u32,
    started: Duration,
}

impl Surroundings {
    /// A VM for `plugin`, with nothing configured yet.
    pub(super) fn start_vm(&self, plugin: &Rc<Plugin>, id: VmId, thread: Thread) -> Result<Vm, StartError> {
        let state = VmState::new(self.shared.clone(), &self.recorder, id, thread, Rc::clone(plugin));
        Ok(Vm::start(&plugin.module, state)?)
    }

    /// What goes wrong where a plugin is configured, with what it has logged.
    pub(super) fn configure(&self, vm: &mut Vm, plugin: &Rc<Plugin>) -> Result<u32, StartError> {
        configure(vm, plugin).map_err(|refused| {
            let mut shared = self.shared.get();
            let now = shared.clock.now();
            refused.with_logs(shared.logs.take(now))
        })
    }
}

impl Vms {
    pub(super) fn new(worker: usize, thread: Thread, around: Surroundings) -> Self {
        Self { worker, thread, around, list: Vec::new(), next_number: 0 }
    }

    pub(super) fn thread(&self) -> Thread {
        self.thread
    }

    /// Puts a plugin into the VM that is its own, which is made where there is none; plugins before it may share it.
    pub(super) fn place(&mut self, plugin: &Rc<Plugin>) -> Result<Filter, StartError> {
        let started = self.around.shared.get().clock.now();
        let known = self.list.iter_mut().find(|hosted| hosted.vm.is_ok() && hosted.maker.shares_vm_with(plugin));
        if let Some(Hosted { number, vm: Ok(vm), .. }) = known {
            let root = self.around.configure(vm, plugin)?;
            return Ok(Filter { plugin: Rc::clone(plugin), vm: *number, root, started });
        }
        let number = self.next_number;
        self.next_number += 1;
        let mut vm = self.around.start_vm(plugin, VmId { worker: self.worker, number }, self.thread)?;
        let root = self.around.configure(&mut vm, plugin)?;
        self.list.push(Hosted { number, maker: Rc::clone(plugin), vm: Ok(Box::new(vm)) });
        Ok(Filter { plugin: Rc::clone(plugin), vm: number, root, started })
    }

    /// Starts the VM of a plugin that has trapped anew, where its strategy and the time allow it.
    pub(super) fn reload(&mut self, filter: &mut Filter) {
        let FailStrategy::Reload { backoff } = filter.plugin.fail_strategy else { return };
        if self.vm(filter.vm).is_ok() || self.around.shared.get().clock.now() < filter.started + backoff {
            return;
        }
        match self.place(&filter.plugin) {
            Ok(reloaded) => *filter = reloaded,
            Err(_) => filter.started = self.around.shared.get().clock.now(),
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
