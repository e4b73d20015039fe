//! HMAC with SHA-256 (RFC 7518, section 3.2).

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::{KeyError, VerifyError};

/// The tag's length; a secret has to be as long at least.
const TAG_BYTES: usize = 32;

/// A secret as HMAC starts from it. Its `Debug` tells nothing of it.
#[derive(Clone, Debug)]
pub(super) struct Secret(Hmac<Sha256>);

impl Secret {
    pub(super) fn new(secret: &[u8]) -> Result<Self, KeyError> {
        if secret.len() < TAG_BYTES {
            return Err(KeyError::ShortSecret);
        }
        Hmac::new_from_slice(secret).map(Self).map_err(|_| KeyError::ShortSecret)
    }

    /// In time that does not depend on where the tags differ.
    pub(super) fn verify(&self, message: &[u8], tag: &[u8]) -> Result<(), VerifyError> {
        if tag.len() != TAG_BYTES {
            return Err(VerifyError::Malformed);
        }
        self.0.clone().chain_update(message).verify_slice(tag).map_err(|_| VerifyError::Mismatch)
    }
}
