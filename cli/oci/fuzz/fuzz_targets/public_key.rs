//! Any text as a public key file: what is read is written and read again, what is refused is told in one line.
#![no_main]

use gwauthz_oci::PublicKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match PublicKey::from_pem(text) {
        Ok(key) => {
            let pem = key.to_pem().expect("a key that exists can be written");
            assert_eq!(PublicKey::from_pem(&pem).ok(), Some(key));
        }
        Err(error) => assert!(!error.to_string().contains(char::is_control), "{error}"),
    }
});
