//! What a first-seen token costs: `cargo bench -p gwauthz-jose`.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a bench may fail by panicking")]

use std::hint::black_box;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use criterion::{Criterion, criterion_group, criterion_main};
use ed25519_dalek::Signer as _;
use gwauthz_jose::{
    jwk::JwkSet,
    jws::{Algorithm, VerifyingKey},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use rsa::{
    BigUint, Pkcs1v15Sign, Pss, RsaPrivateKey,
    rand_core::OsRng,
    sha2::{Digest as _, Sha256},
    traits::PublicKeyParts as _,
};

/// A usual token without its signature.
const SIGNING_INPUT: &[u8] = &[b'a'; 600];

fn verify(c: &mut Criterion) {
    let mut group = c.benchmark_group("verify");
    for (name, algorithm, key, signature) in tokens() {
        assert_eq!(key.verify(algorithm, SIGNING_INPUT, &signature), Ok(()), "{name}");
        group.bench_function(name, |bencher| {
            bencher.iter(|| key.verify(algorithm, black_box(SIGNING_INPUT), black_box(&signature)));
        });
    }
    group.finish();
}

/// Each algorithm's name, key and signature over the signing input.
fn tokens() -> Vec<(&'static str, Algorithm, VerifyingKey, Vec<u8>)> {
    let digest = Sha256::digest(SIGNING_INPUT);
    let (rsa_2048, rsa_4096) = (rsa_key(2048), rsa_key(4096));
    let rs256 = |key: &RsaPrivateKey| key.sign(Pkcs1v15Sign::new::<Sha256>(), &digest).unwrap();
    let ps256 = rsa_2048.sign_with_rng(&mut OsRng, Pss::new_with_salt::<Sha256>(32), &digest).unwrap();
    let p256 = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
    let es256: p256::ecdsa::Signature = p256.sign(SIGNING_INPUT);
    let p384 = p384::ecdsa::SigningKey::from_slice(&[7; 48]).unwrap();
    let es384: p384::ecdsa::Signature = p384.sign(SIGNING_INPUT);
    let ed25519 = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let hs256 = Hmac::<sha2::Sha256>::new_from_slice(&[7; 32]).unwrap().chain_update(SIGNING_INPUT);
    vec![
        ("RS256 2048", Algorithm::Rs256, rsa(&rsa_2048), rs256(&rsa_2048)),
        ("RS256 4096", Algorithm::Rs256, rsa(&rsa_4096), rs256(&rsa_4096)),
        ("PS256 2048", Algorithm::Ps256, rsa(&rsa_2048), ps256),
        ("ES256", Algorithm::Es256, ec("P-256", p256.verifying_key().to_sec1_point(false).as_bytes()), es256.to_vec()),
        ("ES384", Algorithm::Es384, ec("P-384", p384.verifying_key().to_sec1_point(false).as_bytes()), es384.to_vec()),
        (
            "EdDSA",
            Algorithm::EdDsa,
            okp(ed25519.verifying_key().as_bytes()),
            ed25519.sign(SIGNING_INPUT).to_bytes().to_vec(),
        ),
        ("HS256", Algorithm::Hs256, VerifyingKey::secret(&[7; 32]).unwrap(), hs256.finalize().into_bytes().to_vec()),
    ]
}

fn rsa_key(bits: u64) -> RsaPrivateKey {
    let primes: Vec<serde_json::Value> = serde_json::from_str(include_str!("../tests/rsa_primes.json")).unwrap();
    let key = primes.iter().find(|key| key["bits"] == bits).unwrap();
    let prime = |name: &str| BigUint::parse_bytes(key[name].as_str().unwrap().as_bytes(), 16).unwrap();
    RsaPrivateKey::from_p_q(prime("p"), prime("q"), BigUint::from(65537u32)).unwrap()
}

fn rsa(key: &RsaPrivateKey) -> VerifyingKey {
    jwk(&format!(r#""kty":"RSA","e":"AQAB","n":"{}""#, encode(&key.n().to_bytes_be())))
}

/// The key of an uncompressed point.
fn ec(curve: &str, point: &[u8]) -> VerifyingKey {
    let (x, y) = point[1..].split_at(point.len() / 2);
    jwk(&format!(r#""kty":"EC","crv":"{curve}","x":"{}","y":"{}""#, encode(x), encode(y)))
}

fn okp(key: &[u8]) -> VerifyingKey {
    jwk(&format!(r#""kty":"OKP","crv":"Ed25519","x":"{}""#, encode(key)))
}

fn jwk(members: &str) -> VerifyingKey {
    JwkSet::parse(format!(r#"{{"keys":[{{{members}}}]}}"#).as_bytes()).unwrap().keys()[0].key().clone()
}

fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

criterion_group!(benches, verify);
criterion_main!(benches);
