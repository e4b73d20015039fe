//! Verifying the signature of a JWS (RFC 7515) with a public key, or with a secret that the configuration names.
//!
//! The key decides: it knows which algorithms it can verify, and a token's `alg` only picks among them. A secret never
//! comes from a JWK Set, so that nobody can pass a public key off as one.

mod ecdsa;
mod eddsa;
mod header;
mod hmac;
mod rsa;

use thiserror::Error;

pub use header::{Header, HeaderError, MAX_KID_BYTES};

/// A signature algorithm (RFC 7518, section 3.1; RFC 8037, section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of 32 bytes.
    Ps256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// Ed25519. Ed448, of the same name, is not supported.
    EdDsa,
    /// HMAC with SHA-256.
    Hs256,
}

impl Algorithm {
    /// Every algorithm, for tables and tests.
    pub const ALL: [Self; 8] =
        [Self::Rs256, Self::Rs384, Self::Rs512, Self::Ps256, Self::Es256, Self::Es384, Self::EdDsa, Self::Hs256];

    /// The value of `alg`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
            Self::Hs256 => "HS256",
        }
    }

    /// The algorithm of that name; names have case (RFC 7515, section 4.1.1).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }
}

/// A key that signatures are verified with, ready for the arithmetic.
#[derive(Clone, Debug)]
pub struct VerifyingKey {
    kind: Kind,
    /// The one algorithm that the key is for; any of its kind where none is stated.
    only: Option<Algorithm>,
}

#[derive(Clone, Debug)]
enum Kind {
    Rsa(rsa::PublicKey),
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    Ed25519(ed25519_dalek::VerifyingKey),
    Secret(hmac::Secret),
}

impl VerifyingKey {
    /// The public key of a modulus and an exponent, both big-endian without leading zeros.
    ///
    /// # Errors
    /// A modulus that is even or not of 2048 to 4096 bits, a number of them that 8 divides; an exponent other than 65537.
    pub(crate) fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, KeyError> {
        rsa::PublicKey::new(modulus, exponent).map(Kind::Rsa).map(Self::of_kind)
    }

    /// The point of P-256 with these coordinates, 32 bytes each.
    ///
    /// # Errors
    /// Coordinates of another length; a point that is not on the curve.
    pub(crate) fn p256(x: &[u8], y: &[u8]) -> Result<Self, KeyError> {
        ecdsa::p256(x, y).map(Kind::P256).map(Self::of_kind)
    }

    /// The point of P-384 with these coordinates, 48 bytes each.
    ///
    /// # Errors
    /// Coordinates of another length; a point that is not on the curve.
    pub(crate) fn p384(x: &[u8], y: &[u8]) -> Result<Self, KeyError> {
        ecdsa::p384(x, y).map(Kind::P384).map(Self::of_kind)
    }

    /// The Ed25519 key of these 32 bytes (RFC 8032, section 5.1.5).
    ///
    /// # Errors
    /// Another length; not the canonical encoding of a point; a point of small order.
    pub(crate) fn ed25519(key: &[u8]) -> Result<Self, KeyError> {
        eddsa::key(key).map(Kind::Ed25519).map(Self::of_kind)
    }

    /// A secret shared with the issuer, for HS256 alone.
    ///
    /// # Errors
    /// A secret of less than 32 bytes (RFC 7518, section 3.2).
    pub fn secret(secret: &[u8]) -> Result<Self, KeyError> {
        hmac::Secret::new(secret).map(Kind::Secret).map(Self::of_kind)
    }

    fn of_kind(kind: Kind) -> Self {
        Self { kind, only: None }
    }

    /// The same key for one algorithm only; `None` if it cannot verify that one.
    pub(crate) fn only(self, algorithm: Algorithm) -> Option<Self> {
        self.verifies(algorithm).then_some(Self { only: Some(algorithm), ..self })
    }

    /// Whether signatures of `algorithm` can be verified with this key.
    #[must_use]
    pub fn verifies(&self, algorithm: Algorithm) -> bool {
        let of_kind = match self.kind {
            Kind::Rsa(_) => {
                matches!(algorithm, Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 | Algorithm::Ps256)
            }
            Kind::P256(_) => algorithm == Algorithm::Es256,
            Kind::P384(_) => algorithm == Algorithm::Es384,
            Kind::Ed25519(_) => algorithm == Algorithm::EdDsa,
            Kind::Secret(_) => algorithm == Algorithm::Hs256,
        };
        of_kind && self.only.is_none_or(|only| only == algorithm)
    }

    /// Verifies the signature over the signing input: the encoded header, a dot and the encoded payload (RFC 7515,
    /// section 5.2).
    ///
    /// # Errors
    /// An algorithm that is not the key's; a signature that is not of the algorithm's form; one that does not hold.
    pub fn verify(&self, algorithm: Algorithm, signing_input: &[u8], signature: &[u8]) -> Result<(), VerifyError> {
        if !self.verifies(algorithm) {
            return Err(VerifyError::Algorithm);
        }
        match (&self.kind, algorithm) {
            (Kind::Rsa(key), Algorithm::Rs256) => key.verify_pkcs1(&rsa::SHA256, signing_input, signature),
            (Kind::Rsa(key), Algorithm::Rs384) => key.verify_pkcs1(&rsa::SHA384, signing_input, signature),
            (Kind::Rsa(key), Algorithm::Rs512) => key.verify_pkcs1(&rsa::SHA512, signing_input, signature),
            (Kind::Rsa(key), Algorithm::Ps256) => key.verify_pss(signing_input, signature),
            (Kind::P256(key), Algorithm::Es256) => ecdsa::verify_es256(key, signing_input, signature),
            (Kind::P384(key), Algorithm::Es384) => ecdsa::verify_es384(key, signing_input, signature),
            (Kind::Ed25519(key), Algorithm::EdDsa) => eddsa::verify(key, signing_input, signature),
            (Kind::Secret(secret), Algorithm::Hs256) => secret.verify(signing_input, signature),
            _ => Err(VerifyError::Algorithm),
        }
    }
}

/// Why a signature is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum VerifyError {
    /// The algorithm is not one of the key's.
    #[error("the key is not for this algorithm")]
    Algorithm,
    /// The signature has a length or a range that no signature of the algorithm and key has.
    #[error("the signature is not of the algorithm's form")]
    Malformed,
    /// Somebody else's signature, or one over something else.
    #[error("the signature does not hold")]
    Mismatch,
}

/// Why a key is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// The RSA modulus is too short to be safe, too long to be affordable, or written with leading zeros.
    #[error("the RSA modulus is not of 2048 to 4096 bits, in whole bytes without leading zeros")]
    ModulusLength,
    /// The RSA modulus is divided by 2.
    #[error("the RSA modulus is even")]
    EvenModulus,
    /// The RSA exponent is not the one that everybody uses.
    #[error("the RSA exponent is not 65537 (`AQAB`)")]
    Exponent,
    /// The coordinates are not those of a point of the curve.
    #[error("the coordinates are not a point of the curve, each in its full length")]
    Point,
    /// The Ed25519 key is not a point in its canonical form, or one that verifies what nobody signed.
    #[error("not an Ed25519 key: 32 bytes, canonical, not of small order")]
    Ed25519,
    /// The secret can be guessed.
    #[error("the secret for HS256 is shorter than 32 bytes")]
    ShortSecret,
}

#[cfg(test)]
mod tests;
