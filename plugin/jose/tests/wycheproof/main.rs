//! Project Wycheproof: signatures that broken implementations take for good ones, and the other way round.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod vectors;

/// Runs the set of this name.
fn run(name: &str) {
    let (_, run) = vectors::SETS.iter().find(|(set, _)| *set == name).unwrap();
    run();
}

#[test]
fn rsassa_pkcs1_v1_5() {
    run("RSASSA-PKCS1-v1_5");
}

#[test]
fn rsassa_pss() {
    run("RSASSA-PSS");
}

#[test]
fn rsassa_pss_with_another_salt_or_hash() {
    run("RSASSA-PSS with another salt or hash");
}

#[test]
fn ecdsa_as_r_and_s() {
    run("ECDSA as r and s");
}

#[test]
fn ecdsa_in_der_instead_of_raw() {
    run("ECDSA in DER instead of raw");
}

#[test]
fn ed25519() {
    run("Ed25519");
}

#[test]
fn hmac_sha256() {
    run("HMAC-SHA256");
}
