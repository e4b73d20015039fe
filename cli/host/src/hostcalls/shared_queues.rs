//! Section "Shared queues".

use crate::guest::{Guest, HostResult};

pub(super) fn register_shared_queue(guest: &mut Guest<'_, '_>, name: u32, name_size: u32, id_out: u32) -> HostResult {
    let name = guest.read_text(name, name_size)?;
    let state = guest.state();
    let id = state.shared.get().queues.register(&state.maker.vm_id, name, state.root())?;
    guest.write_u32(id_out, id)
}

/// An empty `vm_id` is the caller's own.
pub(super) fn resolve_shared_queue(
    guest: &mut Guest<'_, '_>,
    vm_id: u32,
    vm_id_size: u32,
    name: u32,
    name_size: u32,
    id_out: u32,
) -> HostResult {
    let (vm_id, name) = (guest.read_text(vm_id, vm_id_size)?, guest.read_text(name, name_size)?);
    let state = guest.state();
    let vm_id = if vm_id.is_empty() { &state.maker.vm_id } else { &vm_id };
    let id = state.shared.get().queues.resolve(vm_id, &name)?;
    guest.write_u32(id_out, id)
}

pub(super) fn enqueue_shared_queue(guest: &mut Guest<'_, '_>, id: u32, data: u32, size: u32) -> HostResult {
    let message = guest.read(data, size)?;
    Ok(guest.state().shared.get().queues.enqueue(id, message)?)
}

pub(super) fn dequeue_shared_queue(guest: &mut Guest<'_, '_>, id: u32, data_out: u32, size_out: u32) -> HostResult {
    let message = guest.state().shared.get().queues.dequeue(id)?;
    guest.give(&message, data_out, size_out)
}
