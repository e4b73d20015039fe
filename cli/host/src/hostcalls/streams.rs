//! Sections "HTTP streams" and "Common stream operations". What they ask for happens once the running callback has
//! returned: the guest is never entered again from here.

use crate::{
    abi::{Status, StreamType},
    guest::{Guest, HostResult},
    headers::HeaderMap,
    state::{Effect, LocalResponse},
};

/// The bound on what one callback may ask for.
const MAX_EFFECTS: usize = 4096;

/// Where there is nothing to go on with, Envoy says OK all the same.
pub(super) fn continue_stream(guest: &mut Guest<'_, '_>, stream: u32) -> HostResult {
    match StreamType::try_from(stream)? {
        http @ (StreamType::HttpRequest | StreamType::HttpResponse) => resume(guest, http),
        StreamType::Downstream => Ok(()),
        // What Envoy answers: it cannot do that.
        StreamType::Upstream => Err(Status::Unimplemented.into()),
    }
}

pub(super) fn close_stream(guest: &mut Guest<'_, '_>, stream: u32) -> HostResult {
    match StreamType::try_from(stream)? {
        StreamType::HttpRequest | StreamType::HttpResponse => push(guest, Effect::Close),
        StreamType::Downstream | StreamType::Upstream => Ok(()),
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

/// The status of the last gRPC callout, or of the last HTTP callout that was reset; by the specification, that of the reply
/// that the plugin is told of.
pub(super) fn get_status(guest: &mut Guest<'_, '_>, code_out: u32, data_out: u32, size_out: u32) -> HostResult {
    let state = guest.state();
    let (mut code, message) = state.call_status.get(&state.root().context).copied().unwrap_or_default();
    if let Some(reply) = state.call_reply.as_ref().filter(|_| state.follows_spec()) {
        code = reply.status().into();
    }
    guest.write_u32(code_out, code)?;
    guest.give(message.as_bytes(), data_out, size_out)
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
    _grpc_status: u32,
) -> HostResult {
    let details = guest.read_text(details, details_size)?;
    let body = guest.read(body, body_size)?;
    // What is malformed counts as nothing, as in Envoy.
    let headers = HeaderMap::decode(&guest.read(headers, headers_size)?).unwrap_or_default();
    push(guest, Effect::Answer(LocalResponse { status, details, headers, body }))
}

/// The plugin goes on with a direction, and lets go of the request, whichever direction it is.
fn resume(guest: &mut Guest<'_, '_>, way: StreamType) -> HostResult {
    push(guest, Effect::Continue(way))?;
    if let Some(stream) = guest.state().stream() {
        stream.request.close();
    }
    Ok(())
}

/// Notes what is to happen to the stream on whose behalf the guest calls; the root context has none.
fn push(guest: &mut Guest<'_, '_>, effect: Effect) -> HostResult {
    let state = guest.state();
    if state.stream().is_none() {
        return Ok(());
    }
    if state.effects.len() >= MAX_EFFECTS {
        return Err(Status::InternalFailure.into());
    }
    state.effects.push_back((state.context(), effect));
    Ok(())
}
