//! The JOSE header (RFC 7515, section 4): which algorithm, which key.

use thiserror::Error;

use super::Algorithm;
use crate::{Json, Object};

/// The longest `kid` in bytes, of a token and of a key.
pub const MAX_KID_BYTES: usize = 1024;

/// What a token's header says about its signature.
///
/// Nothing else in it counts: keys that a token brings along or points at (`jwk`, `jku`, `x5c`, `x5u`) are neither read
/// nor fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// `alg`: what the token claims; the key has the last word.
    pub algorithm: Algorithm,
    /// `kid`: any text.
    pub kid: Option<&'a str>,
}

impl<'a> Header<'a> {
    /// Reads a decoded header.
    ///
    /// # Errors
    /// See [`HeaderError`].
    pub fn read(header: &'a Object) -> Result<Self, HeaderError> {
        // No extension is understood here, so that every critical one is refused, and an empty or malformed list too.
        if header.get("crit").is_some() {
            return Err(HeaderError::Critical);
        }
        // RFC 7797 has it listed as critical; a token without that list is not to be read as if it meant nothing.
        if header.get("b64").is_some() {
            return Err(HeaderError::UnencodedPayload);
        }
        let algorithm = match header.get("alg") {
            Some(Json::String(name)) => Algorithm::from_name(name),
            _ => None,
        };
        let kid = match header.get("kid") {
            None => None,
            Some(Json::String(kid)) if kid.len() <= MAX_KID_BYTES => Some(kid.as_str()),
            Some(_) => return Err(HeaderError::KeyId),
        };
        Ok(Self { algorithm: algorithm.ok_or(HeaderError::Algorithm)?, kid })
    }
}

/// Why a header is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HeaderError {
    /// No `alg`, or one that is not supported, `none` among them.
    #[error("`alg` is none of the supported algorithms")]
    Algorithm,
    /// `crit`: extensions that have to be understood (RFC 7515, section 4.1.11).
    #[error("`crit` asks for extensions that are not supported")]
    Critical,
    /// `b64`: a payload that is not encoded (RFC 7797).
    #[error("`b64` is not supported")]
    UnencodedPayload,
    /// `kid` is no string, or too long.
    #[error("`kid` is not a string of at most {MAX_KID_BYTES} bytes")]
    KeyId,
}
