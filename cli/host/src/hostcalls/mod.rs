//! The functions that a gateway provides (module `env`): one file a section of the ABI specification, one table of all.

mod buffers;
mod clocks;
mod contexts;
mod emscripten;
mod foreign;
mod grpc_calls;
mod headers;
mod http_calls;
mod logging;
mod metrics;
mod properties;
mod shared_data;
mod shared_queues;
mod streams;

use wasmtime::{Caller, Linker};

use crate::{
    abi::{AbiVersion, Status},
    guest::{Guest, HostResult, Stop},
    state::VmState,
};

/// The module that the functions are imported from.
const MODULE: &str = "env";

/// Declares the import table: the functions by their section.
macro_rules! import_table {
    (
        $($section:ident { $($name:ident ($($arg:ident: $ty:ty),*);)+ })+
    ) => {
        /// Every function of the table, with its prefix.
        const NAMES: &[&str] = &[
            $($(concat!("proxy_", stringify!($name)),)+)+
        ];

        /// Puts the whole table into a linker.
        pub(crate) fn define(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
            emscripten::define(linker)?;
            $($(
                linker.func_wrap(MODULE, concat!("proxy_", stringify!($name)), |mut caller: Caller<'_, VmState>, $($arg: $ty),*| {
                    let mut guest = Guest::enter(&mut caller);
                    let name = concat!("proxy_", stringify!($name));
                    let number = guest.called(MODULE, name, &($($arg,)*));
                    guest.check_start(MODULE, name, name == "proxy_log")?;
                    let result = match guest.state().injected.refusal(name) {
                        Some(status) => Err(status.into()),
                        None => $section::$name(&mut guest, $($arg),*),
                    };
                    leave(&mut guest, number, name, result)
                })?;
            )+)+
            Ok(())
        }
    };
}

import_table! {
    contexts {
        done();
        set_effective_context(context: u32);
    }
    logging {
        log(level: u32, message: u32, size: u32);
        get_log_level(level_out: u32);
    }
    clocks {
        get_current_time_nanoseconds(time_out: u32);
        set_tick_period_milliseconds(period: u32);
    }
    buffers {
        get_buffer_bytes(buffer: u32, start: u32, max: u32, data_out: u32, size_out: u32);
        set_buffer_bytes(buffer: u32, start: u32, size: u32, data: u32, data_size: u32);
        get_buffer_status(buffer: u32, length_out: u32, flags_out: u32);
        get_configuration(data_out: u32, size_out: u32);
    }
    headers {
        get_header_map_size(map: u32, size_out: u32);
        get_header_map_pairs(map: u32, data_out: u32, size_out: u32);
        set_header_map_pairs(map: u32, data: u32, size: u32);
        get_header_map_value(map: u32, key: u32, key_size: u32, data_out: u32, size_out: u32);
        add_header_map_value(map: u32, key: u32, key_size: u32, value: u32, value_size: u32);
        replace_header_map_value(map: u32, key: u32, key_size: u32, value: u32, value_size: u32);
        remove_header_map_value(map: u32, key: u32, key_size: u32);
    }
    streams {
        continue_stream(stream: u32);
        close_stream(stream: u32);
        continue_request();
        continue_response();
        clear_route_cache();
        send_local_response(
            status: u32, details: u32, details_size: u32, body: u32, body_size: u32, headers: u32, headers_size: u32, grpc_status: u32
        );
    }
    http_calls {
        http_call(
            upstream: u32, upstream_size: u32, headers: u32, headers_size: u32, body: u32, body_size: u32, trailers: u32,
            trailers_size: u32, timeout: u32, token_out: u32
        );
    }
    grpc_calls {
        grpc_call(
            service: u32, service_size: u32, service_name: u32, service_name_size: u32, method: u32, method_size: u32, metadata: u32,
            metadata_size: u32, message: u32, message_size: u32, timeout: u32, token_out: u32
        );
        grpc_stream(
            service: u32, service_size: u32, service_name: u32, service_name_size: u32, method: u32, method_size: u32, metadata: u32,
            metadata_size: u32, token_out: u32
        );
        grpc_send(token: u32, message: u32, message_size: u32, end_of_stream: u32);
        grpc_cancel(token: u32);
        grpc_close(token: u32);
        get_status(code_out: u32, data_out: u32, size_out: u32);
    }
    shared_data {
        get_shared_data(key: u32, key_size: u32, data_out: u32, size_out: u32, cas_out: u32);
        set_shared_data(key: u32, key_size: u32, value: u32, value_size: u32, cas: u32);
    }
    shared_queues {
        register_shared_queue(name: u32, name_size: u32, id_out: u32);
        resolve_shared_queue(vm_id: u32, vm_id_size: u32, name: u32, name_size: u32, id_out: u32);
        enqueue_shared_queue(id: u32, data: u32, size: u32);
        dequeue_shared_queue(id: u32, data_out: u32, size_out: u32);
    }
    metrics {
        define_metric(kind: u32, name: u32, name_size: u32, id_out: u32);
        record_metric(id: u32, value: u64);
        increment_metric(id: u32, offset: u64);
        get_metric(id: u32, value_out: u32);
    }
    properties {
        get_property(path: u32, path_size: u32, data_out: u32, size_out: u32);
        set_property(path: u32, path_size: u32, value: u32, value_size: u32);
    }
    foreign {
        call_foreign_function(name: u32, name_size: u32, arguments: u32, arguments_size: u32, data_out: u32, size_out: u32);
    }
}

/// Functions that not every version of the ABI has. Envoy refuses a module that imports one of another version than it
/// marks.
const VERSIONED: [(&str, &[AbiVersion]); 7] = [
    ("proxy_get_configuration", &[AbiVersion::V0_1_0]),
    ("proxy_continue_request", &[AbiVersion::V0_1_0]),
    ("proxy_continue_response", &[AbiVersion::V0_1_0]),
    ("proxy_clear_route_cache", &[AbiVersion::V0_1_0]),
    ("proxy_continue_stream", &[AbiVersion::V0_2_0, AbiVersion::V0_2_1]),
    ("proxy_close_stream", &[AbiVersion::V0_2_0, AbiVersion::V0_2_1]),
    ("proxy_get_log_level", &[AbiVersion::V0_2_1]),
];

/// The versions of the ABI that have a function; none of them where there is no such function.
pub(crate) fn versions(name: &str) -> &'static [AbiVersion] {
    if let Some((_, versions)) = VERSIONED.iter().find(|(versioned, _)| *versioned == name) {
        return versions;
    }
    let known = NAMES.contains(&name) || emscripten::NAMES.contains(&name);
    if known { &AbiVersion::ALL } else { &[] }
}

/// Whether a gateway provides a function of this name.
pub(crate) fn is_known(name: &str) -> bool {
    NAMES.contains(&name)
}

fn leave(guest: &mut Guest<'_, '_>, number: u64, name: &str, result: HostResult) -> wasmtime::Result<u32> {
    let status = match result {
        Ok(()) => Status::Ok as u32,
        Err(Stop::Status(status)) => status as u32,
        Err(Stop::Trap(trap)) => return Err(trap),
    };
    guest.returned(number, MODULE, name, status);
    Ok(status)
}

#[cfg(test)]
mod tests {
    /// The functions of ABI v0.2.1, by the headings of its specification, and those that 0.1.0 had besides.
    #[test]
    fn the_table_is_the_whole_abi() {
        assert_eq!(super::NAMES.len(), 39 + 4);
        let unique: std::collections::BTreeSet<_> = super::NAMES.iter().collect();
        assert_eq!(unique.len(), super::NAMES.len());
    }
}
