//! Section "Metrics".

use crate::{
    abi::MetricType,
    guest::{Guest, HostResult},
};

pub(super) fn define_metric(
    guest: &mut Guest<'_, '_>,
    kind: u32,
    name: u32,
    name_size: u32,
    id_out: u32,
) -> HostResult {
    let kind = MetricType::try_from(kind)?;
    let name = guest.read_text(name, name_size)?;
    let id = guest.state().shared.get().metrics.define(kind, name)?;
    guest.write_u32(id_out, id)
}

pub(super) fn record_metric(guest: &mut Guest<'_, '_>, id: u32, value: u64) -> HostResult {
    Ok(guest.state().shared.get().metrics.record(id, value)?)
}

pub(super) fn increment_metric(guest: &mut Guest<'_, '_>, id: u32, offset: i64) -> HostResult {
    Ok(guest.state().shared.get().metrics.increment(id, offset)?)
}

pub(super) fn get_metric(guest: &mut Guest<'_, '_>, id: u32, value_out: u32) -> HostResult {
    let value = guest.state().shared.get().metrics.value(id)?;
    guest.write_u64(value_out, value)
}
