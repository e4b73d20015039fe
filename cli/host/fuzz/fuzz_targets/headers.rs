//! The wire form of header maps: what is read writes back to what was read, or is refused.
#![no_main]

use gwauthz_host::HeaderMap;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|wire: &[u8]| {
    let Ok(map) = HeaderMap::decode(wire) else { return };
    let written = map.encode();
    assert_eq!(written.len(), map.encoded_len());
    assert!(written.len() <= wire.len().max(4), "more was read than stands there");
    assert_eq!(HeaderMap::decode(&written), Ok(map));
});
