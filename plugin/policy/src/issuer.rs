//! Who may have issued a token, and what must hold of one of theirs.

use std::time::{Duration, SystemTime};

use crate::{
    Denial,
    jwk::JwkSet,
    jws::{Algorithm, Header},
    requirement::{Condition, all_hold},
    token::Token,
};

/// An issuer that is trusted: `issuers` of the configuration.
#[derive(Clone, Debug)]
pub(crate) struct Issuer {
    /// Its name, as `iss` has it to the letter.
    pub(crate) name: String,
    /// One of these must be among the `aud` of a token.
    pub(crate) audiences: Vec<String>,
    /// What its tokens may be signed with.
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) keys: JwkSet,
    /// How far its clock and the gateway's may be apart.
    pub(crate) clock_skew: Duration,
    /// Claims that a token must have.
    pub(crate) require: Vec<String>,
    /// What must hold of its tokens' claims, by name.
    pub(crate) claims: Vec<(String, Condition)>,
    /// The longest that a token may be valid, from `iat` to `exp`.
    pub(crate) max_lifetime: Option<Duration>,
}

/// Verifies a token: that a trusted issuer has signed it, for one of the audiences, and that it is in its time.
pub(crate) fn verify(issuers: &[Issuer], token: &Token<'_>, now: SystemTime) -> Result<(), Denial> {
    let name = token.text_claim("iss").ok_or(Denial::UnknownIssuer)?;
    let issuer = issuers.iter().find(|issuer| issuer.name == name).ok_or(Denial::UnknownIssuer)?;
    issuer.verify_signature(token)?;
    issuer.check_claims(token, now)
}

impl Issuer {
    /// The key decides with what: `alg` of the token only picks among its keys.
    fn verify_signature(&self, token: &Token<'_>) -> Result<(), Denial> {
        let Header { algorithm, kid } = Header::read(token.header()).map_err(|_| Denial::UnsupportedAlgorithm)?;
        if !self.algorithms.contains(&algorithm) {
            return Err(Denial::UnsupportedAlgorithm);
        }
        let (signed, signature) = token.signed();
        let mut outcome = Err(Denial::UnknownKey);
        for candidate in self.keys.candidates(algorithm, kid) {
            outcome = candidate.key().verify(algorithm, signed, signature).map_err(|_| Denial::InvalidSignature);
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }

    /// What the issuer's tokens must state (RFC 7519, section 4.1). These claims are as trusted as the issuer.
    fn check_claims(&self, token: &Token<'_>, now: SystemTime) -> Result<(), Denial> {
        token.check_time(now, self.clock_skew)?;
        token.check_issued(now, self.clock_skew)?;
        if !token.audiences().any(|audience| self.audiences.iter().any(|known| known == audience)) {
            return Err(Denial::WrongAudience);
        }
        if !self.require.iter().all(|claim| token.has_claim(claim)) {
            return Err(Denial::MissingClaim);
        }
        if !all_hold(&self.claims, token.claims()) {
            return Err(Denial::WrongClaim);
        }
        match self.max_lifetime {
            Some(longest) if token.lifetime()?.is_none_or(|lifetime| lifetime > longest.as_secs_f64()) => {
                Err(Denial::LongLivedToken)
            }
            _ => Ok(()),
        }
    }
}
