//! Tokens of several algorithms, by keys that this run has made.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::Signer as _;
use p256::{
    ecdsa::{Signature, SigningKey},
    elliptic_curve::Generate as _,
};
use rsa::{
    Pkcs1v15Sign, RsaPrivateKey,
    rand_core::{OsRng, RngCore as _},
    sha2::{Digest as _, Sha256},
    traits::PublicKeyParts as _,
};
use serde_json::{Value, json};

/// A key and its algorithm (RFC 7518, RFC 8037).
pub(crate) enum Signer {
    Rs256(Box<RsaPrivateKey>),
    Es256(SigningKey),
    EdDsa(ed25519_dalek::SigningKey),
}

/// Who signs tokens.
pub(crate) struct Issuer(Signer);

const ISSUER: &str = "https://issuer.gwauthz.example";
const AUDIENCE: &str = "gateway";
const KEY: &str = "2026-01";
/// Longer than any run.
const LIFETIME: u64 = 24 * 60 * 60;

impl Signer {
    pub(crate) fn rs256() -> Self {
        Self::Rs256(Box::new(RsaPrivateKey::new(&mut OsRng, 2048).expect("a key")))
    }

    pub(crate) fn es256() -> Self {
        Self::Es256(SigningKey::generate())
    }

    pub(crate) fn eddsa() -> Self {
        let mut secret = [0; 32];
        OsRng.fill_bytes(&mut secret);
        Self::EdDsa(ed25519_dalek::SigningKey::from_bytes(&secret))
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Rs256(_) => "RS256",
            Self::Es256(_) => "ES256",
            Self::EdDsa(_) => "EdDSA",
        }
    }

    fn sign(&self, signed: &[u8]) -> Vec<u8> {
        match self {
            Self::Rs256(key) => key.sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(signed)).expect("a signature"),
            Self::Es256(key) => {
                let signature: Signature = key.sign(signed);
                signature.to_bytes().to_vec()
            }
            Self::EdDsa(key) => key.sign(signed).to_bytes().to_vec(),
        }
    }

    /// The public half as a JWK (RFC 7517).
    fn jwk(&self) -> Value {
        match self {
            Self::Rs256(key) => {
                json!({"kty": "RSA", "n": encode(key.n().to_bytes_be()), "e": encode(key.e().to_bytes_be())})
            }
            Self::Es256(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                let coordinate = |half: Option<_>| encode(half.expect("a point"));
                json!({"kty": "EC", "crv": "P-256", "x": coordinate(point.x()), "y": coordinate(point.y())})
            }
            Self::EdDsa(key) => json!({"kty": "OKP", "crv": "Ed25519", "x": encode(key.verifying_key().as_bytes())}),
        }
    }
}

impl Issuer {
    pub(crate) fn new(signer: Signer) -> Self {
        Self(signer)
    }

    /// Its entry in `issuers` of the plugin's configuration.
    pub(crate) fn configuration(&self) -> Value {
        let mut key = self.0.jwk();
        if let Some(members) = key.as_object_mut() {
            members.insert("kid".to_owned(), KEY.into());
        }
        json!({"issuer": ISSUER, "audiences": [AUDIENCE], "jwks": {"inline": {"keys": [key]}}})
    }

    /// As many tokens, each with an id of its own.
    pub(crate) fn tokens(&self, count: usize) -> Vec<String> {
        (0..count).map(|number| self.token(number)).collect()
    }

    fn token(&self, number: usize) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let header = json!({"alg": self.0.algorithm(), "typ": "JWT", "kid": KEY});
        let claims = json!({
            "iss": ISSUER, "sub": "user-1", "aud": [AUDIENCE], "iat": now, "exp": now + LIFETIME,
            "jti": format!("00000000-0000-4000-8000-{number:012}"), "token_type": "child", "scope": "read write",
        });
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let signature = encode(self.0.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
