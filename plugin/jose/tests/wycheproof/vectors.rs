//! The vectors, set by set: each panics where one of them does not come out as Project Wycheproof says.
//!
//! The native tests run them, and the guest in fixtures/guests/wycheproof, which is built as the plugin is.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use gwauthz_jose::{
    jwk::JwkSet,
    jws::{Algorithm, VerifyError, VerifyingKey},
};
use wycheproof::TestResult;

/// What a set is called, and what runs it.
type Set = (&'static str, fn() -> Tally);

pub(crate) const SETS: [Set; 7] = [
    ("RSASSA-PKCS1-v1_5", rsassa_pkcs1_v1_5),
    ("RSASSA-PSS", rsassa_pss),
    ("RSASSA-PSS with another salt or hash", rsassa_pss_with_another_salt_or_hash),
    ("ECDSA as r and s", ecdsa_as_r_and_s),
    ("ECDSA in DER instead of raw", ecdsa_in_der_instead_of_raw),
    ("Ed25519", ed25519),
    ("HMAC-SHA256", hmac_sha256),
];

fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// The key as the engine gets it; `None` where it is refused.
fn key(jwk: &str) -> Option<VerifyingKey> {
    JwkSet::parse(format!(r#"{{"keys":[{jwk}]}}"#).as_bytes()).ok().map(|set| set.keys()[0].key().clone())
}

fn rsa_key(modulus: &[u8], exponent: &[u8]) -> Option<VerifyingKey> {
    let unpadded = |bytes: &[u8]| encode(&bytes[bytes.iter().take_while(|byte| **byte == 0).count()..]);
    key(&format!(r#"{{"kty":"RSA","n":"{}","e":"{}"}}"#, unpadded(modulus), unpadded(exponent)))
}

/// What came of the vectors of one set.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Tally {
    accepted: usize,
    refused: usize,
    keys_refused: usize,
}

impl Tally {
    fn of(sets: impl IntoIterator<Item = Self>) -> Self {
        let add = |one: Self, other: Self| Self {
            accepted: one.accepted + other.accepted,
            refused: one.refused + other.refused,
            keys_refused: one.keys_refused + other.keys_refused,
        };
        sets.into_iter().reduce(add).unwrap_or_default()
    }

    fn vector(&mut self, id: usize, expected: bool, outcome: Result<(), VerifyError>) {
        assert_eq!(outcome.is_ok(), expected, "vector {id}: {outcome:?}");
        assert_ne!(outcome, Err(VerifyError::Algorithm), "vector {id}");
        if outcome.is_ok() { self.accepted += 1 } else { self.refused += 1 }
    }
}

fn rsa_pkcs1(name: wycheproof::rsa_pkcs1_verify::TestName, algorithm: Algorithm) -> Tally {
    let mut tally = Tally::default();
    for group in wycheproof::rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
        let Some(key) = rsa_key(&group.key.n, &group.key.e) else {
            assert_ne!(group.key.e.as_slice(), [1, 0, 1]);
            tally.keys_refused += 1;
            continue;
        };
        for test in group.tests {
            // What is "acceptable" there is an encoding without its NULL: RFC 8017 has no such thing.
            tally.vector(test.tc_id, test.result == TestResult::Valid, key.verify(algorithm, &test.msg, &test.sig));
        }
    }
    tally
}

fn rsassa_pkcs1_v1_5() -> Tally {
    use wycheproof::rsa_pkcs1_verify::TestName as T;
    let sets = [
        (T::Rsa2048Sha256, Algorithm::Rs256),
        (T::Rsa2048Sha384, Algorithm::Rs384),
        (T::Rsa2048Sha512, Algorithm::Rs512),
        (T::Rsa3072Sha256, Algorithm::Rs256),
        (T::Rsa3072Sha384, Algorithm::Rs384),
        (T::Rsa3072Sha512, Algorithm::Rs512),
        (T::Rsa4096Sha256, Algorithm::Rs256),
        (T::Rsa4096Sha384, Algorithm::Rs384),
        (T::Rsa4096Sha512, Algorithm::Rs512),
    ];
    Tally::of(sets.map(|(name, algorithm)| {
        let tally = rsa_pkcs1(name, algorithm);
        assert!(tally.accepted >= 7 && tally.refused >= 200, "{name:?}: {tally:?}");
        tally
    }))
}

fn rsassa_pss() -> Tally {
    use wycheproof::rsa_pss_verify::TestName as T;
    let sets = [T::RsaPss2048Sha256Mgf1SaltLen32, T::RsaPss3072Sha256Mgf1SaltLen32, T::RsaPss4096Sha256Mgf1SaltLen32];
    Tally::of(sets.map(|name| {
        let mut tally = Tally::default();
        for group in wycheproof::rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            let key = rsa_key(&group.key.n, &group.key.e).unwrap();
            for test in group.tests {
                let outcome = key.verify(Algorithm::Ps256, &test.msg, &test.sig);
                tally.vector(test.tc_id, test.result == TestResult::Valid, outcome);
            }
        }
        assert!(tally.accepted >= 60 && tally.refused >= 40, "{name:?}: {tally:?}");
        tally
    }))
}

/// Valid by other parameters than PS256 has.
fn rsassa_pss_with_another_salt_or_hash() -> Tally {
    use wycheproof::rsa_pss_verify::TestName as T;
    let sets = [
        T::RsaPss2048Sha1Mgf1SaltLen20,
        T::RsaPss2048Sha256Mgf1SaltLen0,
        T::RsaPss2048Sha256Mgf1Sha1_20,
        T::RsaPss2048Sha384Mgf1SaltLen48,
        T::RsaPss4096Sha512Mgf1SaltLen32,
    ];
    Tally::of(sets.map(|name| {
        let mut tally = Tally::default();
        for group in wycheproof::rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            let key = rsa_key(&group.key.n, &group.key.e).unwrap();
            for test in group.tests.iter().filter(|test| test.result == TestResult::Valid) {
                tally.vector(test.tc_id, false, key.verify(Algorithm::Ps256, &test.msg, &test.sig));
            }
        }
        assert!(tally.refused > 5, "{name:?}: {tally:?}");
        tally
    }))
}

fn ecdsa(name: wycheproof::ecdsa::TestName, curve: &str, algorithm: Algorithm, raw: bool) -> Tally {
    let mut tally = Tally::default();
    for group in wycheproof::ecdsa::TestSet::load(name).unwrap().test_groups {
        let point = &group.key.key[1..];
        let (x, y) = point.split_at(point.len() / 2);
        let jwk = format!(r#"{{"kty":"EC","crv":"{curve}","x":"{}","y":"{}"}}"#, encode(x), encode(y));
        let key = key(&jwk).unwrap();
        for test in group.tests {
            let expected = raw && test.result == TestResult::Valid;
            tally.vector(test.tc_id, expected, key.verify(algorithm, &test.msg, &test.sig));
        }
    }
    tally
}

fn ecdsa_as_r_and_s() -> Tally {
    use wycheproof::ecdsa::TestName as T;
    let sets = [
        (T::EcdsaSecp256r1Sha256P1363, "P-256", Algorithm::Es256),
        (T::EcdsaSecp384r1Sha384P1363, "P-384", Algorithm::Es384),
    ];
    Tally::of(sets.map(|(name, curve, algorithm)| {
        let tally = ecdsa(name, curve, algorithm, true);
        assert!(tally.accepted >= 150 && tally.refused >= 80, "{name:?}: {tally:?}");
        tally
    }))
}

fn ecdsa_in_der_instead_of_raw() -> Tally {
    use wycheproof::ecdsa::TestName as T;
    let sets =
        [(T::EcdsaSecp256r1Sha256, "P-256", Algorithm::Es256), (T::EcdsaSecp384r1Sha384, "P-384", Algorithm::Es384)];
    Tally::of(sets.map(|(name, curve, algorithm)| {
        let tally = ecdsa(name, curve, algorithm, false);
        assert!(tally.accepted == 0 && tally.refused >= 400, "{name:?}: {tally:?}");
        tally
    }))
}

fn ed25519() -> Tally {
    let mut tally = Tally::default();
    let set = wycheproof::eddsa::TestSet::load(wycheproof::eddsa::TestName::Ed25519).unwrap();
    for group in set.test_groups {
        let key = key(&format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#, encode(&group.key.pk))).unwrap();
        for test in group.tests {
            let outcome = key.verify(Algorithm::EdDsa, &test.msg, &test.sig);
            tally.vector(test.tc_id, test.result == TestResult::Valid, outcome);
        }
    }
    assert!(tally.accepted >= 80 && tally.refused >= 60, "{tally:?}");
    tally
}

/// Truncated tags and short secrets are valid there, and not in JWS.
fn hmac_sha256() -> Tally {
    let mut tally = Tally::default();
    let set = wycheproof::mac::TestSet::load(wycheproof::mac::TestName::HmacSha256).unwrap();
    for group in set.test_groups {
        for test in group.tests {
            let Ok(key) = VerifyingKey::secret(&test.key) else {
                assert!(test.key.len() < 32);
                tally.keys_refused += 1;
                continue;
            };
            let expected = test.result == TestResult::Valid && test.tag.len() == 32;
            tally.vector(test.tc_id, expected, key.verify(Algorithm::Hs256, &test.msg, &test.tag));
        }
    }
    assert!(tally.accepted >= 20 && tally.refused >= 80 && tally.keys_refused >= 5, "{tally:?}");
    tally
}
