//! ECDSA over P-256 and P-384 (RFC 7518, section 3.4): a signature is r and s, each as long as the curve's order.
//!
//! Either of the two values of s is accepted: JWS has no rule about it.

use p256::ecdsa::signature::Verifier as _;

use super::{KeyError, VerifyError};

/// The SEC 1 tag of a point with both coordinates.
const UNCOMPRESSED: &[u8] = &[4];
const P256_BYTES: usize = 32;
const P384_BYTES: usize = 48;

pub(super) fn p256(x: &[u8], y: &[u8]) -> Result<p256::ecdsa::VerifyingKey, KeyError> {
    point(x, y, P256_BYTES)
        .and_then(|point| p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).ok())
        .ok_or(KeyError::Point)
}

pub(super) fn p384(x: &[u8], y: &[u8]) -> Result<p384::ecdsa::VerifyingKey, KeyError> {
    point(x, y, P384_BYTES)
        .and_then(|point| p384::ecdsa::VerifyingKey::from_sec1_bytes(&point).ok())
        .ok_or(KeyError::Point)
}

fn point(x: &[u8], y: &[u8], bytes: usize) -> Option<Vec<u8>> {
    (x.len() == bytes && y.len() == bytes).then(|| [UNCOMPRESSED, x, y].concat())
}

pub(super) fn verify_es256(
    key: &p256::ecdsa::VerifyingKey,
    message: &[u8],
    signature: &[u8],
) -> Result<(), VerifyError> {
    // Refuses another length, and an r or s that is 0 or not less than the order.
    let signature = p256::ecdsa::Signature::from_slice(signature).map_err(|_| VerifyError::Malformed)?;
    key.verify(message, &signature).map_err(|_| VerifyError::Mismatch)
}

pub(super) fn verify_es384(
    key: &p384::ecdsa::VerifyingKey,
    message: &[u8],
    signature: &[u8],
) -> Result<(), VerifyError> {
    let signature = p384::ecdsa::Signature::from_slice(signature).map_err(|_| VerifyError::Malformed)?;
    key.verify(message, &signature).map_err(|_| VerifyError::Mismatch)
}
