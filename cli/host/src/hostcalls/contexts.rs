//! Section "Context lifecycle".

use crate::{
    abi::Status,
    guest::{Guest, HostResult},
    state::Effect,
};

/// The plugin has finished what kept its root context from being deleted, which then happens. Only one that answered
/// `on_done` with false is waited for.
pub(super) fn done(guest: &mut Guest<'_, '_>) -> HostResult {
    let state = guest.state();
    let root = state.root().context;
    if !state.leaving.remove(&root) {
        return Err(Status::NotFound.into());
    }
    state.effects.push_back((root, Effect::Delete));
    Ok(())
}

/// Makes the following calls work on behalf of another context: a root context, a live stream or
/// connection; 0 is the one whose callback runs.
pub(super) fn set_effective_context(guest: &mut Guest<'_, '_>, context: u32) -> HostResult {
    let state = guest.state();
    if context != 0 && !state.has_context(context) {
        return Err(Status::BadArgument.into());
    }
    state.effective_context = context;
    Ok(())
}
