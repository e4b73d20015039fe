//! Section "Context lifecycle".

use crate::{
    abi::Status,
    guest::{Guest, HostResult},
};

/// The plugin has finished what kept it from being deleted. Only a VM that is shut down waits for that, and this host
/// shuts none down: there is nothing to release.
pub(super) fn done(_guest: &mut Guest<'_, '_>) -> HostResult {
    Err(Status::NotFound.into())
}

/// Makes the following calls work on behalf of another context: a root context or a live stream; 0 is
/// the one whose callback runs.
pub(super) fn set_effective_context(guest: &mut Guest<'_, '_>, context: u32) -> HostResult {
    let state = guest.state();
    if context != 0 && !state.has_context(context) {
        return Err(Status::BadArgument.into());
    }
    state.effective_context = context;
    Ok(())
}
