//! Sections "HTTP streams" and "Common stream operations". What they ask for happens once the running callback has
//! returned: the guest is never entered again from here.

use crate::{
    abi::{MapType, Status, StreamType},
    guest::{Guest, HostResult},
    headers::HeaderMap,
    inline_headers::gathered,
    state::{Effect, LocalResponse},
};

/// The bound on what one callback may ask for.
const MAX_EFFECTS: usize = 4096;
/// What stands for none in the ABI.
const NO_GRPC_STATUS: i32 = -1;

/// Where there is nothing to go on with, Envoy says OK all the same.
pub(super) fn continue_stream(guest: &mut Guest<'_, '_>, stream: u32) -> HostResult {
    match StreamType::try_from(stream)? {
        http @ (StreamType::HttpRequest | StreamType::HttpResponse) => resume(guest, http),
        StreamType::Downstream => on_connection(guest, Effect::Continue(StreamType::Downstream)),
        // What Envoy answers: it cannot do that.
        StreamType::Upstream => Err(Status::Unimplemented.into()),
    }
}

pub(super) fn close_stream(guest: &mut Guest<'_, '_>, stream: u32) -> HostResult {
    match StreamType::try_from(stream)? {
        StreamType::HttpRequest | StreamType::HttpResponse => on_stream(guest, Effect::Close),
        StreamType::Downstream | StreamType::Upstream => on_connection(guest, Effect::Close),
    }
}

/// ABI 0.1.0.
pub(super) fn continue_request(guest: &mut Guest<'_, '_>) -> HostResult {
    resume(guest, StreamType::HttpRequest)
}

/// ABI 0.1.0.
pub(super) fn continue_response(guest: &mut Guest<'_, '_>) -> HostResult {
    resume(guest, StreamType::HttpResponse)
}

/// ABI 0.1.0. This gateway has one route for all, and so no cache of routes.
pub(super) fn clear_route_cache(_guest: &mut Guest<'_, '_>) -> HostResult {
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "the ABI's signature")]
pub(super) fn send_local_response(
    guest: &mut Guest<'_, '_>,
    status: u32,
    details: u32,
    details_size: u32,
    body: u32,
    body_size: u32,
    headers: u32,
    headers_size: u32,
    grpc_status: u32,
) -> HostResult {
    // Envoy keeps them in one word, as its access log shows them.
    let details = guest.read_text(details, details_size)?.replace([' ', '\t', '\n', '\r', '\x0b', '\x0c'], "_");
    let body = guest.read(body, body_size)?;
    // What is malformed counts as nothing, as in Envoy.
    let headers = HeaderMap::decode(&guest.read(headers, headers_size)?).unwrap_or_default();
    let headers = gathered(MapType::HttpResponseHeaders, &headers);
    let grpc_status = Some(grpc_status.cast_signed()).filter(|status| *status != NO_GRPC_STATUS);
    on_stream(guest, Effect::Answer(LocalResponse { status, details, headers, body, grpc_status }))
}

/// The plugin goes on with a direction, and lets go of the request, whichever direction it is.
fn resume(guest: &mut Guest<'_, '_>, way: StreamType) -> HostResult {
    on_stream(guest, Effect::Continue(way))?;
    if let Some(stream) = guest.state().stream() {
        stream.request.close();
    }
    Ok(())
}

/// Notes what is to happen to the stream on whose behalf the guest calls; the root context has none.
fn on_stream(guest: &mut Guest<'_, '_>, effect: Effect) -> HostResult {
    if guest.state().stream().is_none() { Ok(()) } else { push(guest, effect) }
}

/// Notes what is to happen to the connection on whose behalf the guest calls, if there is one.
fn on_connection(guest: &mut Guest<'_, '_>, effect: Effect) -> HostResult {
    if guest.state().connection().is_none() { Ok(()) } else { push(guest, effect) }
}

/// Notes what is to happen once the running callback has returned.
pub(super) fn push(guest: &mut Guest<'_, '_>, effect: Effect) -> HostResult {
    let state = guest.state();
    if state.effects.len() >= MAX_EFFECTS {
        return Err(Status::InternalFailure.into());
    }
    state.effects.push_back((state.context(), effect));
    Ok(())
}
