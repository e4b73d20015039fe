//! ECDSA over P-256 and P-384 (RFC 7518, section 3.4): a signature is r and s, each as long as the curve's order.
//!
//! Either of the two values of s is accepted: JWS has no rule about it.

use p256::{ecdsa::signature::Verifier as _, elliptic_curve::point::AffineCoordinates};

use super::{KeyError, VerifyError};

#[inline(never)]
pub(super) fn p256(x: &[u8], y: &[u8]) -> Result<p256::ecdsa::VerifyingKey, KeyError> {
    p256::ecdsa::VerifyingKey::from_affine(point(x, y)?).map_err(|_| KeyError::Point)
}

#[inline(never)]
pub(super) fn p384(x: &[u8], y: &[u8]) -> Result<p384::ecdsa::VerifyingKey, KeyError> {
    p384::ecdsa::VerifyingKey::from_affine(point(x, y)?).map_err(|_| KeyError::Point)
}

/// A point of the curve, from coordinates in their full length (RFC 7518, section 6.2.1).
fn point<P: AffineCoordinates>(x: &[u8], y: &[u8]) -> Result<P, KeyError>
where
    P::FieldRepr: for<'a> TryFrom<&'a [u8]>,
{
    let (Ok(x), Ok(y)) = (x.try_into(), y.try_into()) else { return Err(KeyError::Point) };
    P::from_coordinates(&x, &y).into_option().ok_or(KeyError::Point)
}

#[inline(never)]
pub(super) fn verify_es256(
    key: &p256::ecdsa::VerifyingKey,
    message: &[u8],
    signature: &[u8],
) -> Result<(), VerifyError> {
    // Refuses another length, and an r or s that is 0 or not less than the order.
    let signature = p256::ecdsa::Signature::from_slice(signature).map_err(|_| VerifyError::Malformed)?;
    key.verify(message, &signature).map_err(|_| VerifyError::Mismatch)
}

#[inline(never)]
pub(super) fn verify_es384(
    key: &p384::ecdsa::VerifyingKey,
    message: &[u8],
    signature: &[u8],
) -> Result<(), VerifyError> {
    let signature = p384::ecdsa::Signature::from_slice(signature).map_err(|_| VerifyError::Malformed)?;
    key.verify(message, &signature).map_err(|_| VerifyError::Mismatch)
}
