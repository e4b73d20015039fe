//! Section "Metrics".

use crate::{
    abi::{MetricType, Status},
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
    let state = guest.state();
    let metric = state.shared.get().metrics.define(kind, name)?;
    let id = state.metric_ids.add(kind, metric)?;
    guest.write_u32(id_out, id)
}

pub(super) fn record_metric(guest: &mut Guest<'_, '_>, id: u32, value: u64) -> HostResult {
    let state = guest.state();
    // Unlike the others, this one knows no kind that cannot be recorded.
    let mut shared = state.shared.get();
    let metric = state.metric_ids.metric(id, shared.profile).map_err(|_| Status::NotFound)?;
    let profile = shared.profile;
    shared.metrics.record(metric, value, profile);
    Ok(())
}

pub(super) fn increment_metric(guest: &mut Guest<'_, '_>, id: u32, offset: u64) -> HostResult {
    let state = guest.state();
    let mut shared = state.shared.get();
    let profile = shared.profile;
    let metric = state.metric_ids.metric(id, profile)?;
    Ok(shared.metrics.increment(metric, offset.cast_signed(), profile)?)
}

pub(super) fn get_metric(guest: &mut Guest<'_, '_>, id: u32, value_out: u32) -> HostResult {
    let state = guest.state();
    let value = {
        let shared = state.shared.get();
        shared.metrics.value(state.metric_ids.metric(id, shared.profile)?)?
    };
    guest.write_u64(value_out, value)
}
