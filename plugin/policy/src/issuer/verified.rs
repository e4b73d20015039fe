//! Tokens whose signature has been verified, so that it is once.

use crate::{fingerprint::Fingerprint, jwk::Thumbprint, recent::Recent};

/// Which key of which issuer, by its place, has verified which token. Time, claims and all else are looked at for each
/// request.
#[derive(Debug, Default)]
pub(crate) struct VerifiedTokens {
    by: Recent<(usize, Thumbprint)>,
}

impl VerifiedTokens {
    /// Whether a key that the issuer still has, has verified the token.
    pub(crate) fn contains(&mut self, token: Fingerprint, issuer: usize) -> bool {
        self.by.get(token).is_some_and(|(by, _)| by == issuer)
    }

    pub(crate) fn insert(&mut self, token: Fingerprint, issuer: usize, key: Thumbprint) {
        self.by.insert(token, (issuer, key));
    }

    /// Forgets what keys have verified that the issuer does not have any more.
    pub(crate) fn keep(&mut self, issuer: usize, is_kept: impl Fn(&Thumbprint) -> bool) {
        self.by.keep(|(by, key)| *by != issuer || is_kept(key));
    }
}

#[cfg(test)]
mod tests {
    use super::VerifiedTokens;

    #[test]
    fn a_token_counts_for_the_issuer_and_the_key_that_verified_it() {
        let mut tokens = VerifiedTokens::default();
        let (first, second) = (1, 2);
        tokens.insert(first, 0, [1; 32]);
        tokens.insert(second, 1, [1; 32]);
        assert!(tokens.contains(first, 0));
        assert!(!tokens.contains(first, 1));
        tokens.keep(0, |key| *key == [2; 32]);
        assert!(!tokens.contains(first, 0));
        assert!(tokens.contains(second, 1));
    }
}
