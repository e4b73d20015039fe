//! What crosses between VMs and their gateway, with the bytes that pointers mean: enough to run a guest's code again
//! elsewhere, and to see whether it does the same.

/// Something that crosses between a VM and its gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crossing {
    /// The VM: they are numbered in the order in which they are made.
    pub vm: u32,
    /// What crosses.
    pub what: Crossed,
}

/// What crosses between a VM and its gateway. Allocations are left out: what is put there follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Crossed {
    /// The gateway calls an export, with these arguments.
    Callback(&'static str, Vec<u64>),
    /// The export returns, with a value if it has one. One that traps never does.
    Returned(Option<u64>),
    /// The guest calls a function of the gateway, with these arguments, pointers among them.
    Call(&'static str, Vec<u64>),
    /// The gateway reads this where one of them points.
    Read(Vec<u8>),
    /// It hands this over, in memory of the guest.
    Given(Vec<u8>),
    /// It writes a number where this one of them points.
    Number(u32, u64),
    /// The function returns this status.
    Answered(u32),
}
