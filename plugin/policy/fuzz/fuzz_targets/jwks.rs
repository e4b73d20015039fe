//! Any bytes as a JWK Set: refused with a reason that a line of a log can carry, or read, and then each key stands for
//! itself: alone in a set it is the same key, and what was left out is left out again.
#![no_main]

use gwauthz_policy::{
    Json,
    jwk::{Jwk, JwkError, JwkSet, JwkSetError, MAX_CANDIDATES},
    jws::Algorithm,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let (keys, left_out) = match JwkSet::parse(text) {
        Ok(set) => {
            assert!(!set.keys().is_empty(), "a set without keys");
            set.keys().iter().for_each(|key| assert_is_found(&set, key));
            (set.keys().to_vec(), set.left_out().to_vec())
        }
        Err(error) => {
            assert!(!error.to_string().contains(char::is_control), "{error}");
            let JwkSetError::NoUsableKey(left_out) = error else { return };
            (Vec::new(), left_out)
        }
    };
    let mut keys = keys.iter();
    for (index, json) in elements(text).into_iter().enumerate() {
        let alone = JwkSet::from_json(Json::Object(vec![("keys".to_owned(), Json::Array(vec![json]))]));
        match (left_out.iter().find(|left_out| left_out.index == index), alone) {
            // Whether a name is taken depends on the keys before.
            (Some(left_out), Ok(_)) => assert_eq!(left_out.reason, JwkError::DuplicateKeyId),
            (Some(left_out), Err(JwkSetError::NoUsableKey(again))) => assert_eq!(again[0].reason, left_out.reason),
            (None, Ok(set)) => assert_is_same(&set.keys()[0], keys.next().expect("a key is missing")),
            (left_out, alone) => panic!("key {index}: {left_out:?} in the set, {alone:?} alone"),
        }
    }
    assert!(keys.next().is_none(), "a key from nowhere");
});

/// The elements of `keys` in a text that has been read as a set.
fn elements(text: &[u8]) -> Vec<Json> {
    let set = Json::parse(text).expect("it was JSON").into_object().expect("it was an object");
    let Some(Json::Array(elements)) = set.get("keys") else { panic!("it had a list") };
    elements.clone()
}

/// A token that names the key and an algorithm of it is tried with this key and no other of that name.
fn assert_is_found(set: &JwkSet, key: &Jwk) {
    for algorithm in Algorithm::ALL {
        let candidates: Vec<_> = set.candidates(algorithm, key.kid()).collect();
        assert!(candidates.len() <= MAX_CANDIDATES);
        assert!(candidates.iter().all(|candidate| candidate.key().verifies(algorithm)));
        if key.kid().is_some() && key.key().verifies(algorithm) {
            let named: Vec<_> = candidates.iter().filter(|candidate| candidate.kid() == key.kid()).collect();
            assert_eq!(named.len(), 1, "{:?}", key.kid());
            assert_is_same(named[0], key);
        }
        // What nobody signed does not hold.
        assert!(key.key().verify(algorithm, b"", &[0; 64]).is_err());
    }
    assert!(!key.key().verifies(Algorithm::Hs256), "a public key as a secret");
}

fn assert_is_same(one: &Jwk, other: &Jwk) {
    assert_eq!((one.kid(), one.thumbprint()), (other.kid(), other.thumbprint()));
    for algorithm in Algorithm::ALL {
        assert_eq!(one.key().verifies(algorithm), other.key().verifies(algorithm), "{algorithm:?}");
    }
}
