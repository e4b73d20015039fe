//! Envoy's own foreign functions, as far as they are plain computations or show in what a plugin reads later.

use zlib_rs::{DeflateConfig, InflateConfig, ReturnCode, compress_bound, compress_slice, decompress_slice};

use crate::{abi::Status, state::VmState};

use super::arguments::{Read, read};

/// What Envoy has and this host has not: cryptography and expressions of CEL.
const MISSING: [&str; 5] = ["verify_signature", "sign", "expr_create", "expr_evaluate", "expr_delete"];
/// The filter states that Envoy makes of any text, as observed.
const TEXT_STATES: [&str; 7] = [
    "envoy.hashable_string",
    "envoy.network.network_namespace",
    "envoy.network.upstream_server_name",
    "envoy.network.upstream_subject_alt_names",
    "envoy.string",
    "envoy.tcp_proxy.cluster",
    "envoy.upstream.dynamic_host",
];
/// Those that it makes of text of some form, and this host not at all.
const OTHER_STATES: [&str; 10] = [
    "envoy.bool",
    "envoy.filters.listener.original_dst.local_ip",
    "envoy.filters.listener.original_dst.remote_ip",
    "envoy.network.application_protocols",
    "envoy.network.ip",
    "envoy.network.transport_socket.original_dst_address",
    "envoy.ratelimit.hits_addend",
    "envoy.tcp_proxy.disable_tunneling",
    "envoy.tcp_proxy.per_connection_idle_timeout_ms",
    "envoy.upstream.dynamic_port",
];
/// The bound on what `uncompress` gives.
const MAX_UNCOMPRESSED: usize = 16 * 1024 * 1024;
/// The bound on the properties that the contexts of a VM declare.
const MAX_DECLARED: usize = 1024;

/// Calls one of them.
pub(super) fn call(state: &mut VmState, name: &str, arguments: &[u8]) -> Option<Result<Option<Vec<u8>>, Status>> {
    Some(match name {
        "clear_route_cache" => Ok(None),
        "compress" => compress(arguments).map(Some),
        "uncompress" => uncompress(arguments).map(Some),
        "declare_property" => declare_property(state, arguments).map(|()| None),
        "set_envoy_filter_state" => set_envoy_filter_state(state, arguments).map(|()| None),
        _ => {
            state.unimplemented.extend(MISSING.into_iter().find(|missing| *missing == name));
            return None;
        }
    })
}

/// The zlib format (RFC 1950). Envoy has zlib-ng, whose bytes those of zlib-rs are.
fn compress(plain: &[u8]) -> Result<Vec<u8>, Status> {
    let mut buffer = vec![0; compress_bound(plain.len())];
    match compress_slice(&mut buffer, plain, DeflateConfig::default()) {
        (compressed, ReturnCode::Ok) => Ok(compressed.to_vec()),
        _ => Err(Status::SerializationFailure),
    }
}

fn uncompress(compressed: &[u8]) -> Result<Vec<u8>, Status> {
    let mut size = compressed.len().saturating_mul(2) + 2;
    while size <= MAX_UNCOMPRESSED {
        let mut buffer = vec![0; size];
        match decompress_slice(&mut buffer, compressed, InflateConfig::default()) {
            (plain, ReturnCode::Ok) => return Ok(plain.to_vec()),
            (_, ReturnCode::BufError) => size *= 2,
            _ => break,
        }
    }
    Err(Status::SerializationFailure)
}

/// Says of a property before it is set whether it can be set again. Only what the root context declares has an effect;
/// the type and the schema have none on what a plugin reads.
fn declare_property(state: &mut VmState, arguments: &[u8]) -> Result<(), Status> {
    let fields = read(arguments).ok_or(Status::BadArgument)?;
    let name = text(fields.get(&1).copied())?.as_bytes().to_vec();
    let read_only = matches!(fields.get(&2), Some(Read::Number(1..)));
    // The context whose callback runs, and not the effective one.
    let declared = (state.current_context, name);
    if state.declared.contains_key(&declared) {
        return Err(Status::BadArgument);
    }
    if state.declared.len() >= MAX_DECLARED {
        return Err(Status::InternalFailure);
    }
    state.declared.insert(declared, read_only);
    Ok(())
}

fn set_envoy_filter_state(state: &mut VmState, arguments: &[u8]) -> Result<(), Status> {
    let fields = read(arguments).ok_or(Status::BadArgument)?;
    let (name, value) = (text(fields.get(&1).copied())?, text(fields.get(&2).copied())?);
    let stream = state.stream().ok_or(Status::NotFound)?;
    if !TEXT_STATES.contains(&name) {
        state.unimplemented.extend(OTHER_STATES.into_iter().find(|other| *other == name));
        return Err(Status::NotFound);
    }
    stream.info.get().filter_state.set(name.into(), value.into(), false)
}

/// A field of text; absent, it is empty.
fn text(field: Option<Read<'_>>) -> Result<&str, Status> {
    match field {
        None => Ok(""),
        Some(Read::Bytes(text)) => std::str::from_utf8(text).map_err(|_| Status::BadArgument),
        Some(Read::Number(_)) => Err(Status::BadArgument),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{MAX_UNCOMPRESSED, Status, compress, uncompress};

    #[test]
    fn what_grows_without_bound_is_refused() {
        let bomb = compress(&vec![0; MAX_UNCOMPRESSED]).unwrap();
        assert_eq!(uncompress(&bomb), Err(Status::SerializationFailure));
        assert_eq!(uncompress(&bomb[..bomb.len() - 9]), Err(Status::SerializationFailure));
    }

    proptest! {
        #[test]
        fn what_is_compressed_is_uncompressed(plain in prop::collection::vec(any::<u8>(), 0..999)) {
            prop_assert_eq!(uncompress(&compress(&plain).unwrap()), Ok(plain));
        }

        #[test]
        fn any_bytes_are_uncompressed_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..99)) {
            let _ = uncompress(&bytes);
        }
    }
}
