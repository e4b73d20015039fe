//! What the VMs of a gateway share: the clock, the clusters, data, queues and metrics.

use std::{
    cell::{RefCell, RefMut},
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    time::Duration,
};

use crate::{
    attributes::Surroundings,
    clock::VirtualClock,
    foreign::{ForeignCalls, ForeignReply},
    logs::Logs,
    metrics::Metrics,
    profile::Profile,
    shared_data::SharedData,
    shared_queues::SharedQueues,
};

/// A handle to what is shared; every VM of a gateway has one.
#[derive(Clone)]
pub(crate) struct Shared(Rc<RefCell<SharedState>>);

/// What is shared.
pub(crate) struct SharedState {
    pub(crate) clock: VirtualClock,
    /// The clusters that there are; `None`: all.
    pub(crate) clusters: Option<BTreeSet<String>>,
    pub(crate) profile: Profile,
    pub(crate) surroundings: Surroundings,
    /// What scenarios provide, by name.
    pub(crate) foreign_functions: BTreeMap<String, ForeignReply>,
    pub(crate) foreign_calls: ForeignCalls,
    /// How many gRPC streams were opened.
    grpc_streams: u64,
    pub(crate) data: SharedData,
    pub(crate) queues: SharedQueues,
    pub(crate) metrics: Metrics,
    pub(crate) logs: Logs,
}

impl Shared {
    pub(crate) fn new(clock: VirtualClock, data: SharedData) -> Self {
        Self(Rc::new(RefCell::new(SharedState {
            clock,
            clusters: None,
            profile: Profile::default(),
            surroundings: Surroundings::default(),
            foreign_functions: BTreeMap::new(),
            foreign_calls: ForeignCalls::default(),
            grpc_streams: 0,
            data,
            queues: SharedQueues::default(),
            metrics: Metrics::default(),
            logs: Logs::default(),
        })))
    }

    /// Borrows it for one step: no host function keeps it while the guest runs.
    pub(crate) fn get(&self) -> RefMut<'_, SharedState> {
        self.0.borrow_mut()
    }
}

impl SharedState {
    /// When a gRPC stream is opened, now, and its number.
    pub(crate) fn open_grpc_stream(&mut self) -> (Duration, u64) {
        let number = self.grpc_streams;
        self.grpc_streams += 1;
        (self.clock.now(), number)
    }
}
