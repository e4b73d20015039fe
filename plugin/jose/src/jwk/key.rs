//! One key of a JWK Set (RFC 7517, section 4; RFC 7518, section 6; RFC 8037, section 2).

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::Jwk;
use crate::{
    Json, NotAnObject, Object, base64url,
    jws::{Algorithm, KeyError, MAX_KID_BYTES, VerifyingKey},
};

/// Members that hold private keys or secrets (RFC 7518, sections 6.2.2, 6.3.2 and 6.4.1).
const PRIVATE_MEMBERS: &[&str] = &["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Why a key is left out of its set. No text of the key is quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum JwkError {
    /// Not an object with unique members.
    #[error(transparent)]
    NotAnObject(#[from] NotAnObject),
    /// A private key or a secret: published, it is nobody's.
    #[error("holds a private key or a secret (`{0}`), publish public keys only")]
    Private(&'static str),
    /// A member is missing or not a string.
    #[error("`{0}` is not a string")]
    NotAString(&'static str),
    /// A member is not base64url without padding, in its one form.
    #[error("`{0}` is not base64url without padding")]
    Encoding(&'static str),
    /// `kid` is too long.
    #[error("`kid` is longer than {MAX_KID_BYTES} bytes")]
    LongKeyId,
    /// An earlier key has the same `kid` and an algorithm in common.
    #[error("an earlier key has the same `kid` and verifies the same algorithm")]
    DuplicateKeyId,
    /// `use` is for something else.
    #[error("`use` is not `sig`")]
    Use,
    /// `key_ops` is for something else.
    #[error("`key_ops` is not a list of unique names with `verify` among them")]
    Operations,
    /// `alg` is not supported, or not one of this kind of key.
    #[error("`alg` is not a supported algorithm of this kind of key")]
    Algorithm,
    /// `kty` is not supported.
    #[error("`kty` is none of `RSA`, `EC` and `OKP`")]
    KeyType,
    /// `crv` is not supported.
    #[error("`crv` is none of `P-256` and `P-384` (for `EC`) and `Ed25519` (for `OKP`)")]
    Curve,
    /// The key itself is refused.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Reads a key. Members that are not known mean nothing (RFC 7517, section 4); certificates are not looked at.
pub(super) fn read(json: Json) -> Result<Jwk, JwkError> {
    let jwk = json.into_object()?;
    if let Some(member) = PRIVATE_MEMBERS.iter().find(|member| jwk.get(member).is_some()) {
        return Err(JwkError::Private(member));
    }
    check_purpose(&jwk)?;
    let (key, thumbprint) = match string(&jwk, "kty")? {
        "RSA" => rsa(&jwk)?,
        "EC" => ec(&jwk)?,
        "OKP" => okp(&jwk)?,
        _ => return Err(JwkError::KeyType),
    };
    let key = match jwk.get("alg") {
        None => key,
        Some(Json::String(name)) => {
            Algorithm::from_name(name).and_then(|algorithm| key.only(algorithm)).ok_or(JwkError::Algorithm)?
        }
        Some(_) => return Err(JwkError::NotAString("alg")),
    };
    let kid = match jwk.get("kid") {
        None => None,
        Some(Json::String(kid)) if kid.len() <= MAX_KID_BYTES => Some(kid.clone()),
        Some(Json::String(_)) => return Err(JwkError::LongKeyId),
        Some(_) => return Err(JwkError::NotAString("kid")),
    };
    Ok(Jwk { kid, thumbprint: Sha256::digest(thumbprint).into(), key })
}

/// What the key is for, by `use` and by `key_ops` (RFC 7517, sections 4.2 and 4.3).
fn check_purpose(jwk: &Object) -> Result<(), JwkError> {
    if jwk.get("use").is_some() && string(jwk, "use")? != "sig" {
        return Err(JwkError::Use);
    }
    match jwk.get("key_ops") {
        None => Ok(()),
        Some(Json::Array(operations)) => {
            let is_unique =
                operations.iter().enumerate().all(|(at, name)| !operations.iter().take(at).any(|n| n == name));
            let are_names = operations.iter().all(|name| matches!(name, Json::String(_)));
            let verifies = operations.iter().any(|name| matches!(name, Json::String(name) if name == "verify"));
            if is_unique && are_names && verifies { Ok(()) } else { Err(JwkError::Operations) }
        }
        Some(_) => Err(JwkError::Operations),
    }
}

/// A key of the kind, and what its thumbprint is made of: its required members in order (RFC 7638, section 3.2).
fn rsa(jwk: &Object) -> Result<(VerifyingKey, String), JwkError> {
    let (modulus, exponent) = (bytes(jwk, "n")?, bytes(jwk, "e")?);
    let key = VerifyingKey::rsa(&modulus, &exponent)?;
    Ok((key, format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, string(jwk, "e")?, string(jwk, "n")?)))
}

fn ec(jwk: &Object) -> Result<(VerifyingKey, String), JwkError> {
    let curve = string(jwk, "crv")?;
    let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
    let key = match curve {
        "P-256" => VerifyingKey::p256(&x, &y)?,
        "P-384" => VerifyingKey::p384(&x, &y)?,
        _ => return Err(JwkError::Curve),
    };
    let (x, y) = (string(jwk, "x")?, string(jwk, "y")?);
    Ok((key, format!(r#"{{"crv":"{curve}","kty":"EC","x":"{x}","y":"{y}"}}"#)))
}

fn okp(jwk: &Object) -> Result<(VerifyingKey, String), JwkError> {
    if string(jwk, "crv")? != "Ed25519" {
        return Err(JwkError::Curve);
    }
    let key = VerifyingKey::ed25519(&bytes(jwk, "x")?)?;
    Ok((key, format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, string(jwk, "x")?)))
}

fn string<'a>(jwk: &'a Object, name: &'static str) -> Result<&'a str, JwkError> {
    match jwk.get(name) {
        Some(Json::String(value)) => Ok(value),
        _ => Err(JwkError::NotAString(name)),
    }
}

/// Bytes have one encoding only, so that the text of a usable key is as good as its bytes.
fn bytes(jwk: &Object, name: &'static str) -> Result<Vec<u8>, JwkError> {
    base64url::decode(string(jwk, name)?).ok_or(JwkError::Encoding(name))
}
