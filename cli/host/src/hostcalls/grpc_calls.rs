//! Section "gRPC calls".

use std::time::Duration;

use crate::{
    abi::Status,
    grpc::cluster_of,
    guest::{Guest, HostResult},
    headers::HeaderMap,
    state::Effect,
    world::{GrpcCall, GrpcStream},
};

use super::streams::push;

#[expect(clippy::too_many_arguments, reason = "the ABI's signature")]
pub(super) fn grpc_call(
    guest: &mut Guest<'_, '_>,
    service: u32,
    service_size: u32,
    service_name: u32,
    service_name_size: u32,
    method: u32,
    method_size: u32,
    metadata: u32,
    metadata_size: u32,
    message: u32,
    message_size: u32,
    timeout: u32,
    token_out: u32,
) -> HostResult {
    let upstream = guest.read(service, service_size)?;
    let service = guest.read_text(service_name, service_name_size)?;
    let method = guest.read_text(method, method_size)?;
    // What is malformed counts as nothing, as in Envoy.
    let metadata = HeaderMap::decode(&guest.read(metadata, metadata_size)?).unwrap_or_default();
    let message = guest.read(message, message_size)?;
    let timeout = (timeout > 0).then(|| Duration::from_millis(timeout.into()));

    let state = guest.state();
    let upstream = cluster_of(&upstream, |name| state.has_cluster(name))?;
    let token = state.grpc.next_call_token();
    if !state.has_cluster(&upstream) {
        return unavailable(guest, token);
    }
    let behalf = state.behalf();
    state.grpc.call(token, behalf, GrpcCall { upstream, service, method, metadata, message, timeout })?;
    // Where the pointer leads nowhere, the call is under way all the same.
    guest.write_u32(token_out, token)
}

#[expect(clippy::too_many_arguments, reason = "the ABI's signature")]
pub(super) fn grpc_stream(
    guest: &mut Guest<'_, '_>,
    service: u32,
    service_size: u32,
    service_name: u32,
    service_name_size: u32,
    method: u32,
    method_size: u32,
    metadata: u32,
    metadata_size: u32,
    token_out: u32,
) -> HostResult {
    let upstream = guest.read(service, service_size)?;
    let service = guest.read_text(service_name, service_name_size)?;
    let method = guest.read_text(method, method_size)?;
    let metadata = HeaderMap::decode(&guest.read(metadata, metadata_size)?).unwrap_or_default();

    let state = guest.state();
    let upstream = cluster_of(&upstream, |name| state.has_cluster(name))?;
    let token = state.grpc.next_stream_token();
    if !state.has_cluster(&upstream) {
        return unavailable(guest, token);
    }
    let (now, number) = state.shared.get().open_grpc_stream();
    let behalf = state.behalf();
    state.grpc.open(token, behalf, GrpcStream { number, upstream, service, method, metadata }, now)?;
    guest.write_u32(token_out, token)
}

pub(super) fn grpc_send(
    guest: &mut Guest<'_, '_>,
    token: u32,
    message: u32,
    message_size: u32,
    end_of_stream: u32,
) -> HostResult {
    let message = guest.read(message, message_size)?;
    let state = guest.state();
    let behalf = state.behalf();
    Ok(state.grpc.send_message(token, behalf, message, end_of_stream != 0)?)
}

pub(super) fn grpc_cancel(guest: &mut Guest<'_, '_>, token: u32) -> HostResult {
    Ok(guest.state().grpc.cancel(token)?)
}

pub(super) fn grpc_close(guest: &mut Guest<'_, '_>, token: u32) -> HostResult {
    let state = guest.state();
    let behalf = state.behalf();
    Ok(state.grpc.close(token, behalf)?)
}

/// How the last gRPC callout of the root context that was closed, or the last HTTP callout that was reset, ended; the message
/// is there in the callback about it alone. By the specification, the status of the reply that the plugin is told of.
pub(super) fn get_status(guest: &mut Guest<'_, '_>, code_out: u32, data_out: u32, size_out: u32) -> HostResult {
    let state = guest.state();
    let mut status = state.grpc.status(state.root().context);
    if let Some(reply) = state.call_reply.as_ref().filter(|_| state.follows_spec()) {
        status.code = reply.status().into();
    }
    guest.write_u32(code_out, status.code)?;
    guest.give(status.message.as_bytes(), data_out, size_out)
}

/// There is no such cluster: the plugin is told at once, and then called back about a token that it was not given.
fn unavailable(guest: &mut Guest<'_, '_>, token: u32) -> HostResult {
    let state = guest.state();
    let behalf = state.behalf();
    if state.grpc.tells_unavailable() {
        push(guest, Effect::GrpcUnavailable(behalf, token))?;
    }
    Err(Status::InternalFailure.into())
}
