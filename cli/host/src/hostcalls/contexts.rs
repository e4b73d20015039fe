//! Section "Context lifecycle".

use crate::{
    abi::Status,
    guest::{Guest, HostResult},
    vm::ROOT_CONTEXT,
};

/// The plugin has finished what kept it from being deleted. It is never held up by this host, so that there is nothing
/// to release.
pub(super) fn done(_guest: &mut Guest<'_, '_>) -> HostResult {
    Ok(())
}

/// Makes the following calls work on behalf of another context: a root context (its number is 1) or a live stream.
pub(super) fn set_effective_context(guest: &mut Guest<'_, '_>, context: u32) -> HostResult {
    let state = guest.state();
    if context != ROOT_CONTEXT && !state.streams.contains_key(&context) {
        return Err(Status::BadArgument.into());
    }
    state.effective_context = context;
    Ok(())
}
