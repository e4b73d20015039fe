//! The threads of a gateway, and the VMs that run on them.

use std::fmt;

/// For whom a VM runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thread {
    /// The VM that Envoy makes first, to copy the others from; it is only initialised.
    Base,
    /// The VM in which a configuration is tried, and which is dropped after it.
    Canary,
    /// The main thread: its VM is ticked and serves no streams.
    Main,
    /// A worker; they are numbered from 0.
    Worker(usize),
}

/// A VM of a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct VmId {
    /// The position of the worker that runs it.
    pub(crate) worker: usize,
    /// Its number there; none is given twice.
    pub(crate) number: u32,
}

/// A root context: what ticks, messages and replies are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RootId {
    pub(crate) vm: VmId,
    pub(crate) context: u32,
}

impl fmt::Display for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Base => f.write_str("base"),
            Self::Canary => f.write_str("canary"),
            Self::Main => f.write_str("main"),
            Self::Worker(number) => write!(f, "worker {number}"),
        }
    }
}
