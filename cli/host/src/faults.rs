//! Faults that a gateway brings upon its plugins, to show what becomes of requests then.

use std::time::Duration;

use crate::abi::Status;

/// Faults that a gateway brings upon its plugins; none by default. Each counts in every VM for itself, from its start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// How many allocations the guest's allocator grants the gateway. Behind them it is no longer asked, and counts as
    /// having answered null.
    pub allocations: Option<u64>,
    /// How many bytes of memory a VM may have: what asks for more is refused, and so is a module that begins with more. At
    /// most 1 GiB, as without a fault.
    pub memory_bytes: Option<usize>,
    /// How long one callback may run, in steps of 10 ms; 5 s without a fault.
    pub deadline: Option<Duration>,
    /// A callback that traps.
    pub trap: Option<TrapAt>,
    /// A host call that is not done.
    pub refusal: Option<RefusalAt>,
}

/// Where a plugin is made to trap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrapAt {
    /// The callback's name, as the module exports it: `proxy_on_request_headers`.
    pub callback: String,
    /// The how many-th call of it traps; the first is 1.
    pub call: u64,
}

/// Which call of a plugin a gateway does not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusalAt {
    /// The function's name, as the module imports it: `proxy_replace_header_map_value`.
    pub function: String,
    /// The how many-th call of it is not done; the first is 1.
    pub call: u64,
    /// What the plugin gets instead.
    pub status: Status,
}

/// The faults of one VM, and how far they are.
#[derive(Debug, Default)]
pub(crate) struct Injected {
    faults: Faults,
    allocations: u64,
    /// Of the callback that is to trap.
    calls: u64,
    /// Of the function that is to be refused.
    host_calls: u64,
}

impl Injected {
    pub(crate) fn new(faults: Faults) -> Self {
        Self { faults, ..Self::default() }
    }

    /// Whether the guest's allocator may be asked once more.
    pub(crate) fn may_allocate(&mut self) -> bool {
        let Some(granted) = self.faults.allocations else { return true };
        self.allocations = self.allocations.saturating_add(1);
        self.allocations <= granted
    }

    /// Whether the callback that is about to be called is to trap.
    pub(crate) fn is_to_trap(&mut self, callback: &str) -> bool {
        let Some(trap) = self.faults.trap.as_ref().filter(|trap| trap.callback == callback) else { return false };
        self.calls = self.calls.saturating_add(1);
        self.calls == trap.call
    }

    /// What the call of a function that has begun is to be refused with.
    pub(crate) fn refusal(&mut self, function: &str) -> Option<Status> {
        let refusal = self.faults.refusal.as_ref().filter(|refusal| refusal.function == function)?;
        self.host_calls = self.host_calls.saturating_add(1);
        (self.host_calls == refusal.call).then_some(refusal.status)
    }

    /// How long one callback may run.
    pub(crate) fn deadline(&self) -> Duration {
        self.faults.deadline.unwrap_or(CALLBACK_DEADLINE)
    }
}

/// How long one callback may run before it counts as endless.
const CALLBACK_DEADLINE: Duration = Duration::from_secs(5);
