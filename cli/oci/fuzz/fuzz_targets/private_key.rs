//! Any text as an encrypted key file: nothing opens it but its passphrase, and what is refused is told in one line.
//!
//! An input is a key file, or the JSON inside one. The seeds ask for a key derivation that is refused, so that few
//! inputs get as far as scrypt with its 64 MiB.
#![no_main]

use base64::{Engine as _, engine::general_purpose::STANDARD};
use gwauthz_oci::PrivateKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let pem = if text.starts_with("-----") { text.to_owned() } else { sealed(text) };
    match PrivateKey::from_encrypted_pem(&pem, b"wrong") {
        Ok(key) => panic!("opened without the passphrase: {key:?}"),
        Err(error) => assert!(!error.to_string().contains(char::is_control), "{error:?}"),
    }
});

/// A PEM document (RFC 7468) that holds `json`.
fn sealed(json: &str) -> String {
    let mut pem = "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n".to_owned();
    for line in STANDARD.encode(json).as_bytes().chunks(64) {
        pem.extend(line.iter().copied().map(char::from));
        pem.push('\n');
    }
    pem + "-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n"
}
