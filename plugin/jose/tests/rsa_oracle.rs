//! Our RSA against the crate `rsa`: what it signs holds, and nothing else does.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use std::sync::LazyLock;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use gwauthz_jose::{
    jwk::JwkSet,
    jws::{Algorithm, VerifyError, VerifyingKey},
};
use proptest::prelude::*;
use rsa::{
    BigUint, Pkcs1v15Sign, Pss, RsaPrivateKey,
    rand_core::OsRng,
    sha2::{Digest as _, Sha256, Sha384, Sha512},
    traits::PublicKeyParts as _,
};

const ALGORITHMS: [Algorithm; 4] = [Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512, Algorithm::Ps256];

/// Keys of 2048, 2056, 3072 and 4096 bits: each width of our arithmetic, one of them not filled.
static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let primes: Vec<serde_json::Value> = serde_json::from_str(include_str!("rsa_primes.json")).unwrap();
    let prime = |value: &serde_json::Value| BigUint::parse_bytes(value.as_str().unwrap().as_bytes(), 16).unwrap();
    let keys = primes.iter().map(|key| (key["bits"].as_u64().unwrap(), prime(&key["p"]), prime(&key["q"])));
    keys.map(|(bits, p, q)| Key::new(bits, p, q)).collect()
});

struct Key {
    signing: RsaPrivateKey,
    verifying: VerifyingKey,
}

impl Key {
    fn new(bits: u64, p: BigUint, q: BigUint) -> Self {
        let signing = RsaPrivateKey::from_p_q(p, q, BigUint::from(65537u32)).unwrap();
        assert_eq!(signing.n().bits() as u64, bits);
        let modulus = Base64UrlUnpadded::encode_string(&signing.n().to_bytes_be());
        let jwks = format!(r#"{{"keys":[{{"kty":"RSA","e":"AQAB","n":"{modulus}"}}]}}"#);
        let verifying = JwkSet::parse(jwks.as_bytes()).unwrap().keys()[0].key().clone();
        Self { signing, verifying }
    }

    fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
        let digest = match algorithm {
            Algorithm::Rs384 => Sha384::digest(message).to_vec(),
            Algorithm::Rs512 => Sha512::digest(message).to_vec(),
            _ => Sha256::digest(message).to_vec(),
        };
        match algorithm {
            Algorithm::Ps256 => self.signing.sign_with_rng(&mut OsRng, Pss::new_with_salt::<Sha256>(32), &digest),
            Algorithm::Rs384 => self.signing.sign(Pkcs1v15Sign::new::<Sha384>(), &digest),
            Algorithm::Rs512 => self.signing.sign(Pkcs1v15Sign::new::<Sha512>(), &digest),
            _ => self.signing.sign(Pkcs1v15Sign::new::<Sha256>(), &digest),
        }
        .unwrap()
    }
}

fn signed() -> impl Strategy<Value = (usize, Algorithm, Vec<u8>)> {
    // Longer keys are slow to sign with.
    let key = prop_oneof![8 => Just(0), 4 => Just(1), 3 => Just(2), 2 => Just(3usize)];
    (key, proptest::sample::select(&ALGORITHMS[..]), proptest::collection::vec(any::<u8>(), 0..300))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_the_oracle_signs_holds_and_nothing_near_it(
        (key, algorithm, message) in signed(),
        bit in any::<proptest::sample::Index>(),
    ) {
        let key = &KEYS[key];
        let signature = key.sign(algorithm, &message);
        prop_assert_eq!(key.verifying.verify(algorithm, &message, &signature), Ok(()));
        for other in ALGORITHMS.into_iter().filter(|other| *other != algorithm) {
            prop_assert_eq!(key.verifying.verify(other, &message, &signature), Err(VerifyError::Mismatch));
        }
        let mut flipped = signature.clone();
        let bit = bit.index(signature.len() * 8);
        flipped[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(key.verifying.verify(algorithm, &message, &flipped).is_err());
        let mut longer = message.clone();
        longer.push(0);
        prop_assert_eq!(key.verifying.verify(algorithm, &longer, &signature), Err(VerifyError::Mismatch));
        for another in KEYS.iter().filter(|another| !std::ptr::eq(*another, key)) {
            prop_assert!(another.verifying.verify(algorithm, &message, &signature).is_err());
        }
    }
}

/// A verifier that reduces the signature first takes it for its smaller sibling.
#[test]
fn rsa_signature_plus_the_modulus() {
    for key in &KEYS[..4] {
        let (message, sum) = (0u32..)
            .map(|number| number.to_be_bytes())
            .map(|message| (message, BigUint::from_bytes_be(&key.sign(Algorithm::Rs256, &message)) + key.signing.n()))
            .find(|(_, sum)| sum.bits() == key.signing.n().bits())
            .unwrap();
        let verdict = key.verifying.verify(Algorithm::Rs256, &message, &sum.to_bytes_be());
        assert_eq!(verdict, Err(VerifyError::Malformed));
    }
}

/// PS256 has a salt of 32 bytes and nothing else (RFC 7518, section 3.5).
#[test]
fn pss_salts_of_another_length() {
    for salt in [0, 20, 31, 33, 64] {
        let digest = Sha256::digest(b"message");
        let signature = KEYS[0].signing.sign_with_rng(&mut OsRng, Pss::new_with_salt::<Sha256>(salt), &digest).unwrap();
        let verdict = KEYS[0].verifying.verify(Algorithm::Ps256, b"message", &signature);
        assert_eq!(verdict, Err(VerifyError::Mismatch), "{salt}");
    }
}
