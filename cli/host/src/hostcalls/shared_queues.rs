//! Section "Shared queues".

use crate::{
    abi::Status,
    guest::{Guest, HostResult},
};

pub(super) fn register_shared_queue(guest: &mut Guest<'_, '_>, name: u32, name_size: u32, id_out: u32) -> HostResult {
    let name = guest.read_text(name, name_size)?;
    let state = guest.state();
    let id = state.shared.get().queues.register(name, state.root())?;
    guest.write_u32(id_out, id)
}

/// All VMs of this gateway have the same, empty vm_id, as Istio leaves it.
pub(super) fn resolve_shared_queue(
    guest: &mut Guest<'_, '_>,
    vm_id: u32,
    vm_id_size: u32,
    name: u32,
    name_size: u32,
    id_out: u32,
) -> HostResult {
    let (vm_id, name) = (guest.read(vm_id, vm_id_size)?, guest.read_text(name, name_size)?);
    if !vm_id.is_empty() {
        return Err(Status::NotFound.into());
    }
    let id = guest.state().shared.get().queues.resolve(&name)?;
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
