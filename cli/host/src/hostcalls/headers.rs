//! Section "HTTP fields".

use crate::{
    abi::{MapType, Status},
    guest::{Guest, HostResult, Stop},
    headers::HeaderMap,
    inline_headers::{self, kept_as},
    state::{Stream, VmState},
};

static EMPTY: HeaderMap = HeaderMap::new();

/// The bytes of all names and values, as Envoy counts; the specification counts those of the wire form. Of maps that
/// cannot be changed Envoy has no size.
pub(super) fn get_header_map_size(guest: &mut Guest<'_, '_>, map: u32, size_out: u32) -> HostResult {
    let state = guest.state();
    let size = if state.follows_spec() {
        readable(state, map)?.ok_or(Status::BadArgument)?.encoded_len()
    } else {
        writable(state, map)?.byte_size()
    };
    guest.write_u32(size_out, u32::try_from(size).map_err(|_| Status::InternalFailure)?)
}

/// The whole map; nothing where it is empty or not there.
pub(super) fn get_header_map_pairs(guest: &mut Guest<'_, '_>, map: u32, data_out: u32, size_out: u32) -> HostResult {
    let pairs = readable(guest.state(), map)?.filter(|map| !map.is_empty());
    let wire = pairs.map(HeaderMap::encode).unwrap_or_default();
    guest.give(&wire, data_out, size_out)
}

/// The whole map; what is malformed counts as nothing, as in Envoy.
pub(super) fn set_header_map_pairs(guest: &mut Guest<'_, '_>, map: u32, data: u32, size: u32) -> HostResult {
    let wire = guest.read(data, size)?;
    let pairs = HeaderMap::decode(&wire).unwrap_or_default();
    *writable(guest.state(), map)? = inline_headers::gathered(MapType::try_from(map)?, &pairs);
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
    let key = read_name(guest, map, key, key_size)?;
    let map = readable(guest.state(), map)?.ok_or(Status::BadArgument)?;
    let value = map.first(&key).ok_or(Status::NotFound)?.to_vec();
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
    inline_headers::add(writable(guest.state(), map)?, MapType::try_from(map)?, &key, &value);
    Ok(())
}

/// The new value goes to the end, as in Envoy; that of a pseudo-header behind the other pseudo-headers.
pub(super) fn replace_header_map_value(
    guest: &mut Guest<'_, '_>,
    map: u32,
    key: u32,
    key_size: u32,
    value: u32,
    value_size: u32,
) -> HostResult {
    let (key, value) = (read_name(guest, map, key, key_size)?, guest.read(value, value_size)?);
    let map = writable(guest.state(), map)?;
    map.remove(&key);
    map.add(key, value);
    Ok(())
}

pub(super) fn remove_header_map_value(guest: &mut Guest<'_, '_>, map: u32, key: u32, key_size: u32) -> HostResult {
    let key = read_name(guest, map, key, key_size)?;
    writable(guest.state(), map)?.remove(&key);
    Ok(())
}

/// The name of a header, as the map has it.
fn read_name(guest: &mut Guest<'_, '_>, map: u32, key: u32, key_size: u32) -> Result<Vec<u8>, Stop> {
    let name = guest.read(key, key_size)?;
    Ok(kept_as(MapType::try_from(map)?, name))
}

/// The map to read; `None` where it is not there at this moment.
fn readable(state: &mut VmState, map: u32) -> Result<Option<&HeaderMap>, Status> {
    let map = MapType::try_from(map)?;
    match map {
        MapType::HttpCallResponseHeaders | MapType::HttpCallResponseTrailers if state.call_reply.is_some() => {
            let reply = state.call_reply.as_ref();
            Ok(match map {
                MapType::HttpCallResponseHeaders => reply.map(|reply| &reply.headers),
                _ => reply.map(|reply| &reply.trailers).filter(|trailers| !trailers.is_empty()),
            })
        }
        MapType::GrpcReceiveInitialMetadata if state.grpc.initial_metadata.is_some() => {
            Ok(state.grpc.initial_metadata.as_ref())
        }
        MapType::GrpcReceiveTrailingMetadata if state.grpc.trailing_metadata.is_some() => {
            Ok(state.grpc.trailing_metadata.as_ref())
        }
        _ if state.stream().is_some_and(|stream| stream.logging) => {
            let with_trailers = state.follows_spec();
            Ok(Some(state.stream().and_then(|stream| logged(stream, map, with_trailers)).unwrap_or(&EMPTY)))
        }
        _ => Ok(state.stream().and_then(|stream| open(stream, map)).map(|map| &*map)),
    }
}

/// The map to change; [`Status::BadArgument`] where it is not there at this moment. Trailers come into being where they
/// can: who has a mind to change them gives the message some, if only empty ones.
fn writable(state: &mut VmState, map: u32) -> Result<&mut HeaderMap, Status> {
    let map = MapType::try_from(map)?;
    let stream = state.stream().ok_or(Status::BadArgument)?;
    match map {
        MapType::HttpRequestTrailers => stream.request.fill_trailers(),
        MapType::HttpResponseTrailers => stream.response.fill_trailers(),
        _ => {}
    }
    open(stream, map).ok_or(Status::BadArgument)
}

/// What of a stream can be changed.
fn open(stream: &mut Stream, map: MapType) -> Option<&mut HeaderMap> {
    let Stream { request, response, .. } = stream;
    match map {
        MapType::HttpRequestHeaders => request.headers.as_mut().filter(|_| request.headers_open),
        MapType::HttpRequestTrailers => request.trailers.as_mut().filter(|_| request.trailers_open),
        MapType::HttpResponseHeaders => response.headers.as_mut().filter(|_| response.headers_open),
        MapType::HttpResponseTrailers => response.trailers.as_mut().filter(|_| response.trailers_open),
        _ => None,
    }
}

/// What of a stream is logged: Envoy leaves the request's trailers out, the specification does not.
fn logged(stream: &Stream, map: MapType, with_trailers: bool) -> Option<&HeaderMap> {
    match map {
        MapType::HttpRequestTrailers if with_trailers => stream.request.trailers.as_ref(),
        MapType::HttpRequestHeaders => stream.request.headers.as_ref(),
        MapType::HttpResponseHeaders => stream.response.headers.as_ref(),
        MapType::HttpResponseTrailers => stream.response.trailers.as_ref(),
        _ => None,
    }
}
