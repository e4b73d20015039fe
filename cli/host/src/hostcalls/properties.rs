//! Section "Properties".

use crate::{
    abi::Status,
    attributes::View,
    guest::{Guest, HostResult},
};

pub(super) fn get_property(
    guest: &mut Guest<'_, '_>,
    path: u32,
    path_size: u32,
    data_out: u32,
    size_out: u32,
) -> HostResult {
    let path = guest.read(path, path_size)?;
    let value = {
        let state = guest.state();
        let shared = state.shared.get();
        let context = state.context();
        let stream = state.streams.get(&context).map(|stream| (stream, stream.info.get()));
        let stream = stream.as_ref().map(|(stream, facts)| (*stream, &**facts));
        let (plugin, now) = (state.plugin(), shared.clock.now());
        View { surroundings: &shared.surroundings, plugin, stream, context, now }.property(&path)?
    };
    guest.give(&value, data_out, size_out)
}

/// Keeps a value with the stream, where every filter finds it; an attribute of the gateway's own is not replaced by it.
pub(super) fn set_property(
    guest: &mut Guest<'_, '_>,
    path: u32,
    path_size: u32,
    value: u32,
    value_size: u32,
) -> HostResult {
    let (path, value) = (guest.read(path, path_size)?, guest.read(value, value_size)?);
    let state = guest.state();
    let name = [b"wasm.", path.as_slice()].concat();
    let declared = (state.root().context, path);
    let read_only = state.declared.get(&declared).is_some_and(|read_only| *read_only);
    let stream = state.stream().ok_or(Status::NotFound)?;
    Ok(stream.info.get().filter_state.set(name, value, read_only)?)
}
