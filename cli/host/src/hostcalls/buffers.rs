//! Section "Buffers".

use crate::{
    abi::{BufferType, Status},
    guest::{Guest, HostResult},
    state::{Buffer, Message, VmState},
};

pub(super) fn get_buffer_bytes(
    guest: &mut Guest<'_, '_>,
    buffer: u32,
    start: u32,
    max: u32,
    data_out: u32,
    size_out: u32,
) -> HostResult {
    let buffer = BufferType::try_from(buffer)?;
    if guest.state().follows_spec() && start.checked_add(max).is_none() {
        return Err(Status::BadArgument.into());
    }
    let bytes = buffer_of(guest.state(), buffer)?;
    let range = |at: u32| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
    // An end behind 2^32 is one behind the end.
    let data = bytes.get(range(start)..range(start.saturating_add(max))).unwrap_or_default().to_vec();
    guest.give(&data, data_out, size_out)
}

/// Replaces `size` bytes from `start`. In the middle Envoy refuses.
pub(super) fn set_buffer_bytes(
    guest: &mut Guest<'_, '_>,
    buffer: u32,
    start: u32,
    size: u32,
    data: u32,
    data_size: u32,
) -> HostResult {
    let buffer = BufferType::try_from(buffer)?;
    buffer_of(guest.state(), buffer)?;
    let data = guest.read(data, data_size)?;
    let anywhere = guest.state().follows_spec();
    let target = writable(guest.state(), buffer).ok_or(Status::BadArgument)?;
    let (start, size) = (usize::try_from(start).unwrap_or(usize::MAX), usize::try_from(size).unwrap_or(usize::MAX));
    if start == 0 {
        target.splice(..size.min(target.len()), data);
    } else if start >= target.len() {
        target.extend(data);
    } else if anywhere {
        target.splice(start..start.saturating_add(size).min(target.len()), data);
    } else {
        return Err(Status::BadArgument.into());
    }
    Ok(())
}

pub(super) fn get_buffer_status(guest: &mut Guest<'_, '_>, buffer: u32, length_out: u32, flags_out: u32) -> HostResult {
    let buffer = BufferType::try_from(buffer)?;
    let length = u32::try_from(buffer_of(guest.state(), buffer)?.len()).map_err(|_| Status::InternalFailure)?;
    guest.write_u32(length_out, length)?;
    guest.write_u32(flags_out, 0)
}

/// ABI 0.1.0: the plugin's configuration while it is configured, the VM's otherwise.
pub(super) fn get_configuration(guest: &mut Guest<'_, '_>, data_out: u32, size_out: u32) -> HostResult {
    let state = guest.state();
    let configured = state.plugin().filter(|_| state.configuring == Some(state.context()));
    let data = configured.map_or(&state.maker.vm_configuration, |plugin| &plugin.configuration).clone();
    guest.give(&data, data_out, size_out)
}

/// The bytes of a buffer. Those of a body that is not there at this moment are none in Envoy, and not found by the
/// specification.
fn buffer_of(state: &mut VmState, buffer: BufferType) -> Result<&[u8], Status> {
    let absent = if state.follows_spec() { Err(Status::NotFound) } else { Ok([].as_slice()) };
    match buffer {
        BufferType::HttpRequestBody => body_of(state.stream().map(|stream| &stream.request)).map_or(absent, Ok),
        BufferType::HttpResponseBody => body_of(state.stream().map(|stream| &stream.response)).map_or(absent, Ok),
        BufferType::HttpCallResponseBody => {
            state.call_reply.as_ref().map(|reply| reply.body.as_slice()).ok_or(Status::NotFound)
        }
        BufferType::VmConfiguration if state.starting_vm => Ok(&state.maker.vm_configuration),
        BufferType::VmConfiguration => absent.map(|_| state.maker.vm_configuration.as_slice()),
        BufferType::PluginConfiguration => state
            .plugin()
            .filter(|_| state.configuring == Some(state.context()))
            .map(|plugin| plugin.configuration.as_slice())
            .ok_or(Status::NotFound),
        BufferType::DownstreamData => {
            open_bytes(state.connection().map(|connection| &connection.downstream)).map_or(absent, Ok)
        }
        BufferType::UpstreamData => {
            open_bytes(state.connection().map(|connection| &connection.upstream)).map_or(absent, Ok)
        }
        BufferType::CallData => Ok(&state.call_data),
        BufferType::GrpcReceiveBuffer => state.grpc.message.as_deref().map_or(absent, Ok),
    }
}

/// The buffer to change, if it is there at this moment and can be changed.
fn writable(state: &mut VmState, buffer: BufferType) -> Option<&mut Vec<u8>> {
    let message = match buffer {
        BufferType::DownstreamData => return state.connection()?.downstream.writable(),
        BufferType::UpstreamData => return state.connection()?.upstream.writable(),
        BufferType::HttpRequestBody => &mut state.stream()?.request,
        BufferType::HttpResponseBody => &mut state.stream()?.response,
        BufferType::GrpcReceiveBuffer => return state.grpc.message.as_mut(),
        _ => return None,
    };
    message.body_open.then_some(&mut message.body)
}

fn body_of(message: Option<&Message>) -> Option<&[u8]> {
    message.filter(|message| message.body_open).map(|message| message.body.as_slice())
}

fn open_bytes(buffer: Option<&Buffer>) -> Option<&[u8]> {
    buffer.filter(|buffer| buffer.open).map(|buffer| buffer.bytes.as_slice())
}
