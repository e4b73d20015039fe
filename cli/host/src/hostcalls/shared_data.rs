//! Section "Shared key-value store".

use crate::{
    abi::Status,
    guest::{Guest, HostResult},
};

pub(super) fn get_shared_data(
    guest: &mut Guest<'_, '_>,
    key: u32,
    key_size: u32,
    data_out: u32,
    size_out: u32,
    cas_out: u32,
) -> HostResult {
    let key = guest.read(key, key_size)?;
    let state = guest.state();
    let found = state.shared.get().data.value(&state.maker.vm_id, &key).map(|(value, cas)| (value.to_vec(), cas));
    let (value, cas) = found.ok_or(Status::NotFound)?;
    guest.give(&value, data_out, size_out)?;
    guest.write_u32(cas_out, cas)
}

pub(super) fn set_shared_data(
    guest: &mut Guest<'_, '_>,
    key: u32,
    key_size: u32,
    value: u32,
    value_size: u32,
    cas: u32,
) -> HostResult {
    let (key, value) = (guest.read(key, key_size)?, guest.read(value, value_size)?);
    let state = guest.state();
    Ok(state.shared.get().data.set(&state.maker.vm_id, key, value, cas)?)
}
