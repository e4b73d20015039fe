//! Section "HTTP calls".

use std::time::Duration;

use crate::{
    abi::{MapType, Status},
    guest::{Guest, HostResult},
    headers::HeaderMap,
    inline_headers::gathered,
    state::{Behalf, Dispatched},
    world::HttpCall,
};

/// Envoy's tokens grow by this much; the low bits tell HTTP from gRPC calls apart.
const TOKEN_STEP: u32 = 4;
/// The bound on callouts that one callback may send.
const MAX_CALLS: usize = 1024;

#[expect(clippy::too_many_arguments, reason = "the ABI's signature")]
pub(super) fn http_call(
    guest: &mut Guest<'_, '_>,
    upstream: u32,
    upstream_size: u32,
    headers: u32,
    headers_size: u32,
    body: u32,
    body_size: u32,
    trailers: u32,
    trailers_size: u32,
    timeout: u32,
    token_out: u32,
) -> HostResult {
    let upstream = guest.read_text(upstream, upstream_size)?;
    // What is malformed counts as nothing, as in Envoy.
    let headers = HeaderMap::decode(&guest.read(headers, headers_size)?).unwrap_or_default();
    let headers = gathered(MapType::HttpRequestHeaders, &headers);
    let body = guest.read(body, body_size)?;
    let trailers = HeaderMap::decode(&guest.read(trailers, trailers_size)?).unwrap_or_default();
    // Envoy tries the pointer before anything else.
    guest.write_u32(token_out, 0)?;
    if !guest.state().has_cluster(&upstream)
        || [":path", ":method", ":authority"].iter().any(|name| headers.first(name.as_bytes()).is_none())
    {
        return Err(Status::BadArgument.into());
    }
    let call = HttpCall { upstream, headers, body, trailers, timeout: Duration::from_millis(timeout.into()) };
    let state = guest.state();
    if state.dispatched.len() >= MAX_CALLS {
        return Err(Status::InternalFailure.into());
    }
    state.next_call_token = state.next_call_token.wrapping_add(TOKEN_STEP);
    let token = state.next_call_token;
    guest.write_u32(token_out, token)?;
    let state = guest.state();
    let Behalf { root, stream } = state.behalf();
    state.dispatched.push(Dispatched { token, root, stream, call });
    Ok(())
}
