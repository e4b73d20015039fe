//! Tokens whose signature has been verified, so that it is once.

use std::{collections::HashMap, mem};

use sha2::{Digest as _, Sha256};

use crate::jwk::Thumbprint;

/// The whole token's SHA-256; nobody can make another token with the same.
pub(crate) type TokenDigest = [u8; 32];

/// Which key has verified which token. Time, claims and all else are looked at for each request.
#[derive(Debug, Default)]
pub(crate) struct VerifiedTokens {
    /// Tokens that came of late, by the issuer's place and the key.
    recent: HashMap<TokenDigest, (usize, Thumbprint)>,
    /// Those before; used again, they are recent.
    older: HashMap<TokenDigest, (usize, Thumbprint)>,
}

/// How many tokens are recent, and how many older: about 80 bytes each.
const GENERATION: usize = 4096;

impl VerifiedTokens {
    pub(crate) fn digest(token: &str) -> TokenDigest {
        Sha256::digest(token).into()
    }

    /// Whether a key that the issuer still has, has verified the token.
    pub(crate) fn contains(&mut self, digest: &TokenDigest, issuer: usize) -> bool {
        if let Some((by, _)) = self.recent.get(digest) {
            return *by == issuer;
        }
        let Some((by, key)) = self.older.remove(digest) else { return false };
        self.insert(*digest, by, key);
        by == issuer
    }

    pub(crate) fn insert(&mut self, digest: TokenDigest, issuer: usize, key: Thumbprint) {
        if self.recent.len() >= GENERATION {
            self.older = mem::take(&mut self.recent);
        }
        self.recent.insert(digest, (issuer, key));
    }

    /// Forgets what keys have verified that the issuer does not have any more.
    pub(crate) fn keep(&mut self, issuer: usize, is_kept: impl Fn(&Thumbprint) -> bool) {
        for tokens in [&mut self.recent, &mut self.older] {
            tokens.retain(|_, (by, key)| *by != issuer || is_kept(key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{GENERATION, VerifiedTokens};

    fn digest(number: usize) -> [u8; 32] {
        VerifiedTokens::digest(&number.to_string())
    }

    #[test]
    fn many_tokens_take_bounded_room_and_the_used_ones_stay() {
        let mut tokens = VerifiedTokens::default();
        for number in 0..4 * GENERATION {
            tokens.insert(digest(number), 0, [0; 32]);
            assert!(tokens.contains(&digest(0), 0), "{number}");
            assert!(tokens.recent.len() + tokens.older.len() <= 2 * GENERATION);
        }
        assert!(!tokens.contains(&digest(1), 0));
    }

    #[test]
    fn a_token_counts_for_the_issuer_and_the_key_that_verified_it() {
        let mut tokens = VerifiedTokens::default();
        tokens.insert(digest(0), 0, [1; 32]);
        tokens.insert(digest(1), 1, [1; 32]);
        assert!(tokens.contains(&digest(0), 0));
        assert!(!tokens.contains(&digest(0), 1));
        tokens.keep(0, |key| *key == [2; 32]);
        assert!(!tokens.contains(&digest(0), 0));
        assert!(tokens.contains(&digest(1), 1));
    }
}
