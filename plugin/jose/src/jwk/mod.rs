//! A JWK Set (RFC 7517): the public keys of an issuer.
//!
//! Keys that are of no use for verifying are left out, each with a reason, so that a new kind of key does not cost an
//! issuer the keys that work.

mod key;

use thiserror::Error;

use crate::{
    Json, NotAnObject,
    jws::{Algorithm, KeyError, VerifyingKey},
};

pub use key::JwkError;

/// The longest text of a set in bytes.
pub const MAX_SET_BYTES: usize = 256 * 1024;
/// The most keys of a set, the unusable ones included.
pub const MAX_KEYS: usize = 64;
/// The most keys that one token is tried with: each costs an attacker nothing and the gateway a verification.
pub const MAX_CANDIDATES: usize = 4;

/// The usable keys of a JWK Set.
#[derive(Clone, Debug)]
pub struct JwkSet {
    keys: Vec<Jwk>,
    left_out: Vec<LeftOut>,
}

/// The SHA-256 thumbprint of a key (RFC 7638).
pub type Thumbprint = [u8; 32];

/// A public key and what its issuer calls it.
#[derive(Clone, Debug)]
pub struct Jwk {
    kid: Option<String>,
    thumbprint: Thumbprint,
    key: VerifyingKey,
}

/// A key of the set that is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its place in `keys`, from 0.
    pub index: usize,
    /// Why.
    pub reason: JwkError,
}

impl JwkSet {
    /// Reads the JSON text of a set, up to [`MAX_SET_BYTES`] long and 128 levels deep.
    ///
    /// # Errors
    /// See [`JwkSetError`].
    pub fn parse(text: &[u8]) -> Result<Self, JwkSetError> {
        if text.len() > MAX_SET_BYTES {
            return Err(JwkSetError::TooLong);
        }
        Self::from_json(Json::parse(text).map_err(|error| JwkSetError::Syntax(error.to_string()))?)
    }

    /// Reads a set that is JSON already. Members of it other than `keys` mean nothing (RFC 7517, section 5).
    ///
    /// # Errors
    /// See [`JwkSetError`].
    pub fn from_json(json: Json) -> Result<Self, JwkSetError> {
        let object = json.into_object()?;
        let Some(Json::Array(keys)) = object.get("keys") else { return Err(JwkSetError::NoKeys) };
        if keys.len() > MAX_KEYS {
            return Err(JwkSetError::TooManyKeys);
        }
        let mut set = Self { keys: Vec::new(), left_out: Vec::new() };
        for (index, json) in keys.iter().enumerate() {
            match key::read(json.clone()).and_then(|key| set.add(key)) {
                Ok(()) => {}
                Err(reason) => set.left_out.push(LeftOut { index, reason }),
            }
        }
        if set.keys.is_empty() { Err(JwkSetError::NoUsableKey(set.left_out)) } else { Ok(set) }
    }

    /// A set of one secret, for HS256 alone; it fits any `kid`. No JSON text makes one.
    ///
    /// # Errors
    /// A secret of less than 32 bytes (RFC 7518, section 3.2).
    pub fn of_secret(secret: &[u8]) -> Result<Self, KeyError> {
        let key = VerifyingKey::secret(secret)?;
        // Nobody compares a secret by its thumbprint.
        Ok(Self { keys: vec![Jwk { kid: None, thumbprint: [0; 32], key }], left_out: Vec::new() })
    }

    /// Keeps what a token relies on: a `kid` and an algorithm name one key at most, the first of the set.
    fn add(&mut self, new: Jwk) -> Result<(), JwkError> {
        let is_ambiguous = self.keys.iter().any(|key| {
            key.kid.is_some()
                && key.kid == new.kid
                && Algorithm::ALL
                    .into_iter()
                    .any(|algorithm| key.key.verifies(algorithm) && new.key.verifies(algorithm))
        });
        if is_ambiguous {
            return Err(JwkError::DuplicateKeyId);
        }
        self.keys.push(new);
        Ok(())
    }

    /// The keys in the order of the set; never empty.
    #[must_use]
    pub fn keys(&self) -> &[Jwk] {
        &self.keys
    }

    /// The keys that are not used.
    #[must_use]
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// The keys that may have signed a token with this `alg` and `kid`, likeliest first, [`MAX_CANDIDATES`] at most:
    /// the one of that name, then those without a name. A token without a `kid` may be of any key.
    pub fn candidates(&self, algorithm: Algorithm, kid: Option<&str>) -> impl Iterator<Item = &Jwk> {
        let fitting = move || self.keys.iter().filter(move |key| key.key.verifies(algorithm));
        let named = fitting().filter(move |key| kid.is_some() && key.kid() == kid);
        let others = fitting().filter(move |key| kid.is_none() || key.kid.is_none());
        named.chain(others).take(MAX_CANDIDATES)
    }
}

impl Jwk {
    /// `kid`: any text.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The SHA-256 thumbprint (RFC 7638): the same for the same key, whatever it is called.
    #[must_use]
    pub fn thumbprint(&self) -> &Thumbprint {
        &self.thumbprint
    }

    /// The key, held to its `alg` where it has one.
    #[must_use]
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }
}

/// Why a JWK Set is refused as a whole. No text of the set is quoted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JwkSetError {
    /// Longer than [`MAX_SET_BYTES`].
    #[error("the JWK Set is longer than {MAX_SET_BYTES} bytes")]
    TooLong,
    /// Not JSON, with the parser's words.
    #[error("the JWK Set is not JSON: {0}")]
    Syntax(String),
    /// Not an object with unique members.
    #[error("the JWK Set is not an object: {0}")]
    NotAnObject(#[from] NotAnObject),
    /// No `keys`, or not a list.
    #[error("the JWK Set has no list `keys`")]
    NoKeys,
    /// More than [`MAX_KEYS`].
    #[error("the JWK Set has more than {MAX_KEYS} keys")]
    TooManyKeys,
    /// No keys, or none that can be used.
    #[error("the JWK Set has no usable key{}", reasons(.0))]
    NoUsableKey(Vec<LeftOut>),
}

/// The first of the reasons; the others are likely the same.
fn reasons(left_out: &[LeftOut]) -> String {
    left_out.first().map(|LeftOut { index, reason }| format!(": keys[{index}]: {reason}")).unwrap_or_default()
}

#[cfg(test)]
mod tests;
