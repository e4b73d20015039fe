//! Ed25519 (RFC 8032, section 5.1; RFC 8037), strictly: one encoding a point and a scalar, no points of small order.

use ed25519_dalek::{Signature, VerifyingKey};

use super::{KeyError, VerifyError};

#[inline(never)]
pub(super) fn key(key: &[u8]) -> Result<VerifyingKey, KeyError> {
    let key = VerifyingKey::try_from(key).map_err(|_| KeyError::Ed25519)?;
    // A y of p or more decodes too.
    let is_canonical = key.to_edwards().compress().as_bytes() == key.as_bytes();
    if is_canonical && !key.is_weak() { Ok(key) } else { Err(KeyError::Ed25519) }
}

#[inline(never)]
pub(super) fn verify(key: &VerifyingKey, message: &[u8], signature: &[u8]) -> Result<(), VerifyError> {
    let signature = Signature::from_slice(signature).map_err(|_| VerifyError::Malformed)?;
    key.verify_strict(message, &signature).map_err(|_| VerifyError::Mismatch)
}
