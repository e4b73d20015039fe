//! Host calls of which any status may come back.
//!
//! The SDK (0.2.5) panics in these on a status that it does not expect, takes a status that it does not know for one of
//! its own, and can give neither response code details nor an answer's headers together with its gRPC status.
#![expect(unsafe_code, reason = "calls of the host; each reads what is lent to it, and keeps nothing")]

use std::ptr;

use gwauthz_policy::{Answer, HeaderMap, HeaderMutation, SharedData};
use proxy_wasm::types::{MapType, MetricType};

/// The host did not do what it was asked for; it has logged why.
#[derive(Debug)]
pub(crate) struct Refused;

/// What the ABI says for "done".
const OK: u32 = 0;

mod imports {
    #[link(wasm_import_module = "env")]
    unsafe extern "C" {
        pub(super) fn proxy_get_header_map_pairs(map: u32, pairs: *mut *mut u8, size: *mut usize) -> u32;
        pub(super) fn proxy_send_local_response(
            status: u32,
            details: *const u8,
            details_size: usize,
            body: *const u8,
            body_size: usize,
            headers: *const u8,
            headers_size: usize,
            grpc_status: i32,
        ) -> u32;
        pub(super) fn proxy_replace_header_map_value(
            map: u32,
            name: *const u8,
            name_size: usize,
            value: *const u8,
            value_size: usize,
        ) -> u32;
        pub(super) fn proxy_remove_header_map_value(map: u32, name: *const u8, name_size: usize) -> u32;
        pub(super) fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, number: *mut u32) -> u32;
        pub(super) fn proxy_increment_metric(number: u32, offset: i64) -> u32;
        pub(super) fn proxy_record_metric(number: u32, value: u64) -> u32;
        pub(super) fn proxy_get_shared_data(
            key: *const u8,
            key_size: usize,
            value: *mut *mut u8,
            value_size: *mut usize,
            cas: *mut u32,
        ) -> u32;
        pub(super) fn proxy_set_shared_data(
            key: *const u8,
            key_size: usize,
            value: *const u8,
            value_size: usize,
            cas: u32,
        ) -> u32;
    }
}

/// The headers of the request; `None` too where the host gives no whole map.
pub(crate) fn request_headers() -> Option<HeaderMap> {
    let (mut map, mut size) = (ptr::null_mut(), 0);
    // SAFETY: the host writes to variables that are ours.
    let status =
        unsafe { imports::proxy_get_header_map_pairs(MapType::HttpRequestHeaders as u32, &raw mut map, &raw mut size) };
    HeaderMap::from_bytes(given(status, map, size)?)
}

/// Answers the request in the upstream's place.
pub(crate) fn send_local_response(answer: &Answer) -> Result<(), Refused> {
    let (details, body) = (answer.denial.response_code_details(), answer.body.as_bytes());
    let headers: Vec<_> = answer.headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let map = HeaderMap::new(&headers);
    let headers = map.as_bytes();
    // SAFETY: each pointer comes with the length of what it points to, which outlives the call.
    done(unsafe {
        imports::proxy_send_local_response(
            answer.status,
            details.as_ptr(),
            details.len(),
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            i32::from(answer.grpc_status),
        )
    })
}

/// Changes the headers of the request.
pub(crate) fn change(mutation: &HeaderMutation) -> Result<(), Refused> {
    const MAP: u32 = MapType::HttpRequestHeaders as u32;
    // SAFETY: each pointer comes with the length of what it points to, which outlives the call.
    done(unsafe {
        match mutation {
            HeaderMutation::Set { name, value } => {
                imports::proxy_replace_header_map_value(MAP, name.as_ptr(), name.len(), value.as_ptr(), value.len())
            }
            HeaderMutation::Remove { name } => imports::proxy_remove_header_map_value(MAP, name.as_ptr(), name.len()),
        }
    })
}

/// Makes a metric known; gives the host's number for it.
pub(crate) fn define_metric(kind: MetricType, name: &str) -> Option<u32> {
    let mut number = 0;
    // SAFETY: the name comes with its length, and the host writes to a number that is ours.
    let status = unsafe { imports::proxy_define_metric(kind as u32, name.as_ptr(), name.len(), &raw mut number) };
    (status == OK).then_some(number)
}

/// Adds to a counter, or to a gauge, which may be less than nothing. One that the host does not know any longer is not
/// counted.
pub(crate) fn increment_metric(number: u32, by: i64) {
    // SAFETY: two numbers.
    let _ = unsafe { imports::proxy_increment_metric(number, by) };
}

/// Sets a gauge, or adds a value to a histogram; likewise.
pub(crate) fn record_metric(number: u32, value: u64) {
    // SAFETY: two numbers.
    let _ = unsafe { imports::proxy_record_metric(number, value) };
}

/// The host's shared data, of all plugins whose VMs have this one's `vm_id`.
#[derive(Debug)]
pub(crate) struct HostData;

impl SharedData for HostData {
    fn get(&self, key: &str) -> Option<(Vec<u8>, u32)> {
        let (mut value, mut size, mut cas) = (ptr::null_mut(), 0, 0);
        // SAFETY: the key comes with its length, and the host writes to variables that are ours.
        let status = unsafe {
            imports::proxy_get_shared_data(key.as_ptr(), key.len(), &raw mut value, &raw mut size, &raw mut cas)
        };
        Some((given(status, value, size)?, cas))
    }

    fn set(&self, key: &str, value: &[u8], cas: u32) -> bool {
        // SAFETY: each pointer comes with the length of what it points to, which outlives the call.
        let status =
            unsafe { imports::proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), cas) };
        done(status).is_ok()
    }
}

/// What the host has given with a status.
fn given(status: u32, bytes: *mut u8, size: usize) -> Option<Vec<u8>> {
    if status != OK || bytes.is_null() {
        return None;
    }
    // SAFETY: the host has had the SDK allocate as many bytes as a boxed slice, has written all, and keeps nothing.
    Some(unsafe { Vec::from_raw_parts(bytes, size, size) })
}

fn done(status: u32) -> Result<(), Refused> {
    if status == OK { Ok(()) } else { Err(Refused) }
}
