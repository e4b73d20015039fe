//! Section "HTTP fields".

use crate::{
    abi::{MapType, Status},
    guest::{Guest, HostResult},
    headers::HeaderMap,
    state::VmState,
};

pub(super) fn get_header_map_size(guest: &mut Guest<'_, '_>, map: u32, size_out: u32) -> HostResult {
    let size = u32::try_from(map_of(guest.state(), map)?.encoded_len()).map_err(|_| Status::InternalFailure)?;
    guest.write_u32(size_out, size)
}

pub(super) fn get_header_map_pairs(guest: &mut Guest<'_, '_>, map: u32, data_out: u32, size_out: u32) -> HostResult {
    let wire = map_of(guest.state(), map)?.encode();
    guest.give(&wire, data_out, size_out)
}

pub(super) fn set_header_map_pairs(guest: &mut Guest<'_, '_>, map: u32, data: u32, size: u32) -> HostResult {
    let wire = guest.read(data, size)?;
    *writable(guest.state(), map)? = HeaderMap::decode(&wire)?;
    Ok(())
}

/// The **first** of several values, as Envoy answers.
pub(super) fn get_header_map_value(
    guest: &mut Guest<'_, '_>,
    map: u32,
    key: u32,
    key_size: u32,
    data_out: u32,
    size_out: u32,
) -> HostResult {
    let key = guest.read(key, key_size)?;
    let value = map_of(guest.state(), map)?.first(&key).ok_or(Status::NotFound)?.to_vec();
    guest.give(&value, data_out, size_out)
}

pub(super) fn add_header_map_value(
    guest: &mut Guest<'_, '_>,
    map: u32,
    key: u32,
    key_size: u32,
    value: u32,
    value_size: u32,
) -> HostResult {
    let (key, value) = (guest.read(key, key_size)?, guest.read(value, value_size)?);
    writable(guest.state(), map)?.add(key, value);
    Ok(())
}

pub(super) fn replace_header_map_value(
    guest: &mut Guest<'_, '_>,
    map: u32,
    key: u32,
    key_size: u32,
    value: u32,
    value_size: u32,
) -> HostResult {
    let (key, value) = (guest.read(key, key_size)?, guest.read(value, value_size)?);
    writable(guest.state(), map)?.replace(&key, &value);
    Ok(())
}

pub(super) fn remove_header_map_value(guest: &mut Guest<'_, '_>, map: u32, key: u32, key_size: u32) -> HostResult {
    let key = guest.read(key, key_size)?;
    writable(guest.state(), map)?.remove(&key);
    Ok(())
}

/// The map to read; [`Status::BadArgument`] where it is not there at this moment.
fn map_of(state: &mut VmState, map: u32) -> Result<&HeaderMap, Status> {
    match MapType::try_from(map)? {
        MapType::HttpCallResponseHeaders => {
            state.call_reply.as_ref().map(|reply| &reply.headers).ok_or(Status::BadArgument)
        }
        MapType::HttpCallResponseTrailers => {
            state.call_reply.as_ref().map(|reply| &reply.trailers).ok_or(Status::BadArgument)
        }
        _ => writable(state, map).map(|map| &*map),
    }
}

fn writable(state: &mut VmState, map: u32) -> Result<&mut HeaderMap, Status> {
    let map = MapType::try_from(map)?;
    let stream = state.stream()?;
    let map = match map {
        MapType::HttpRequestHeaders => stream.request.headers.as_mut().filter(|_| !stream.request_gone),
        MapType::HttpRequestTrailers => stream.request.trailers.as_mut().filter(|_| !stream.request_gone),
        MapType::HttpResponseHeaders => stream.response.headers.as_mut(),
        MapType::HttpResponseTrailers => stream.response.trailers.as_mut(),
        _ => None,
    };
    map.ok_or(Status::BadArgument)
}
