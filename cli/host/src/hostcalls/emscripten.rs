//! What Emscripten's libraries import, outside of the specification.

use wasmtime::{Caller, Linker};

use crate::{guest::Guest, state::VmState};

use super::MODULE;

/// Every function of this kind.
pub(super) const NAMES: [&str; 2] = ["pthread_equal", "emscripten_notify_memory_growth"];

/// Puts them into a linker.
pub(super) fn define(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(MODULE, "pthread_equal", |mut caller: Caller<'_, VmState>, left: u32, right: u32| {
        let mut guest = Guest::enter(&mut caller);
        let equal = u32::from(left == right);
        guest.state().trace.host_called(MODULE, "pthread_equal", &(left, right));
        guest.state().trace.host_returned(MODULE, "pthread_equal", &equal);
        equal
    })?;
    linker.func_wrap(MODULE, "emscripten_notify_memory_growth", |mut caller: Caller<'_, VmState>, memory: u32| {
        let mut guest = Guest::enter(&mut caller);
        guest.state().trace.host_called(MODULE, "emscripten_notify_memory_growth", &memory);
        guest.state().trace.host_returned(MODULE, "emscripten_notify_memory_growth", &());
    })?;
    Ok(())
}
