//! Telling apart what clients send: tokens, questions, addresses.

use std::{fmt, hash::Hasher as _, process};

use siphasher::sip128::{Hasher128 as _, SipHasher24};

/// The 128 bits of SipHash-2-4 (Aumasson and Bernstein, 2012): without the key nobody can make two things with the same. A
/// tenth of the time of SHA-256, which a request is too short for.
pub(crate) type Fingerprint = u128;

/// Takes fingerprints, under a random key that nobody else knows.
#[derive(Clone)]
pub(crate) struct Fingerprints(SipHasher24);

impl Default for Fingerprints {
    fn default() -> Self {
        let mut key = [0; 16];
        // A plugin does not start in a gateway without random numbers.
        getrandom::fill(&mut key).unwrap_or_else(|_| process::abort());
        Self(SipHasher24::new_with_key(&key))
    }
}

impl Fingerprints {
    /// Of these parts, in this order, each for itself.
    #[inline(never)]
    pub(crate) fn of(&self, parts: &mut dyn Iterator<Item = &[u8]>) -> Fingerprint {
        let mut hasher = self.0;
        for part in parts {
            hasher.write_usize(part.len());
            hasher.write(part);
        }
        hasher.finish128().as_u128()
    }
}

impl fmt::Debug for Fingerprints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fingerprints").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Fingerprints;

    #[test]
    fn parts_are_told_apart_and_so_are_keys() {
        let (one, other) = (Fingerprints::default(), Fingerprints::default());
        let of = |fingerprints: &Fingerprints, parts: &[&str]| {
            fingerprints.of(&mut parts.iter().map(|part| part.as_bytes()))
        };
        assert_eq!(of(&one, &["a", "b"]), of(&one, &["a", "b"]));
        for parts in [&["ab"][..], &["b", "a"], &["a", "b", ""], &["", "ab"], &["a"]] {
            assert_ne!(of(&one, &["a", "b"]), of(&one, parts), "{parts:?}");
        }
        assert_ne!(of(&one, &["a", "b"]), of(&other, &["a", "b"]));
    }
}
