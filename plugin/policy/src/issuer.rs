//! Who may have issued a token, and what must hold of one of theirs.

mod failures;
mod remote;
mod verified;

use std::time::{Duration, SystemTime};

use crate::{
    Callout, Denial, Metric, Request,
    config::Secret,
    denial::Obstacle,
    engine::seconds,
    fetch::FetchReply,
    jwk::JwkSet,
    jws::{Algorithm, Header},
    report::Reports,
    requirement::{Condition, all_hold},
    token::Token,
};

use failures::Failures;
pub(crate) use remote::{JwksSource, RemoteKeys};
use verified::VerifiedTokens;

/// An issuer that is trusted: `issuers` of the configuration.
#[derive(Clone, Debug)]
pub(crate) struct Issuer {
    /// Its name, as `iss` has it to the letter.
    pub(crate) name: String,
    /// One of these must be among the `aud` of a token.
    pub(crate) audiences: Vec<String>,
    /// What its tokens may be signed with.
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) keys: KeySource,
    /// How far its clock and the gateway's may be apart.
    pub(crate) clock_skew: Duration,
    /// Claims that a token must have.
    pub(crate) require: Vec<String>,
    /// What must hold of its tokens' claims, by name.
    pub(crate) claims: Vec<(String, Condition)>,
    /// The longest that a token may be valid, from `iat` to `exp`.
    pub(crate) max_lifetime: Option<Duration>,
}

/// Where an issuer's keys come from.
#[derive(Clone, Debug)]
pub(crate) enum KeySource {
    /// The configuration has them.
    Inline(JwkSet),
    /// They are fetched.
    Remote(JwksSource),
    /// The issuer signs with a secret that it shares with the gateway.
    Secret(Secret),
}

/// The trusted issuers, what is known of their keys, and the tokens that these have verified.
#[derive(Debug)]
pub(crate) struct Verifier {
    issuers: Vec<(Issuer, Keys)>,
    verified: VerifiedTokens,
    failures: Failures,
}

#[derive(Debug)]
enum Keys {
    /// Absent where a secret is: nobody is let in.
    Fixed(Option<JwkSet>),
    Remote(RemoteKeys),
}

impl Verifier {
    /// `failures`: how many verifications may fail in a minute for one source address.
    pub(crate) fn new(issuers: Vec<Issuer>, failures: u32) -> Self {
        let with_keys = |issuer: Issuer| {
            let keys = match &issuer.keys {
                KeySource::Inline(set) => Keys::Fixed(Some(set.clone())),
                KeySource::Secret(secret) => {
                    Keys::Fixed(secret.value().and_then(|secret| JwkSet::of_secret(secret).ok()))
                }
                KeySource::Remote(source) => Keys::Remote(RemoteKeys::new(source.clone())),
            };
            (issuer, keys)
        };
        Self {
            issuers: issuers.into_iter().map(with_keys).collect(),
            verified: VerifiedTokens::default(),
            failures: Failures::new(failures),
        }
    }

    /// Whether no issuer is trusted: then nothing is verified here.
    pub(crate) fn is_empty(&self) -> bool {
        self.issuers.is_empty()
    }

    /// Verifies a token: that a trusted issuer has signed it, for one of the audiences, and that it is in its time.
    #[inline(never)]
    pub(crate) fn verify(
        &mut self,
        token: &Token,
        request: Request<'_>,
        now: SystemTime,
        reports: &mut Reports,
    ) -> Result<(), Obstacle> {
        let name = token.text_claim("iss").ok_or(Denial::UnknownIssuer)?;
        let issuers = self.issuers.iter_mut().enumerate();
        let (place, (issuer, keys)) =
            issuers.into_iter().find(|(_, (issuer, _))| issuer.name == name).ok_or(Denial::UnknownIssuer)?;
        // The keys of an issuer may have become too old since.
        let set = keys.set(now).ok_or(Obstacle::Passing(Denial::KeysUnavailable))?;
        let is_known = self.verified.contains(token.fingerprint(), place);
        reports.count(if is_known { Metric::SignatureHit } else { Metric::SignatureMiss });
        if !is_known {
            let Header { algorithm, kid } = Header::read(token.header()).map_err(|_| Denial::UnsupportedAlgorithm)?;
            if !issuer.algorithms.contains(&algorithm) {
                return Err(Denial::UnsupportedAlgorithm.into());
            }
            if set.candidates(algorithm, kid).next().is_none() {
                return Err(keys.unknown_key(now));
            }
            let source = request.source();
            if !self.failures.has_left(&source, now) {
                return Err(Denial::TooManyFailures.into());
            }
            let (signed, signature) = token.signed();
            let Some(key) =
                set.candidates(algorithm, kid).find(|key| key.key().verify(algorithm, signed, &signature).is_ok())
            else {
                self.failures.count(&source, now);
                return Err(Denial::InvalidSignature.into());
            };
            self.verified.insert(token.fingerprint(), place, *key.thumbprint());
        }
        Ok(issuer.check_claims(token, now)?)
    }

    /// How long it is until a JWK Set is to be fetched next, if any is ever.
    pub(crate) fn due_in(&self, now: SystemTime) -> Option<Duration> {
        let remote = self.issuers.iter().filter_map(|(_, keys)| match keys {
            Keys::Remote(keys) => Some(keys.due_in(now)),
            Keys::Fixed(_) => None,
        });
        remote.min()
    }

    /// The JWK Sets that are to be fetched now, by the issuer's place.
    pub(crate) fn fetches(&mut self, now: SystemTime) -> impl Iterator<Item = (usize, Callout)> {
        self.issuers.iter_mut().enumerate().filter_map(move |(place, (_, keys))| match keys {
            Keys::Remote(keys) => Some((place, keys.fetch(now)?)),
            Keys::Fixed(_) => None,
        })
    }

    /// Takes an issuer's JWK Set.
    #[inline(never)]
    pub(crate) fn handle_reply(
        &mut self,
        place: usize,
        reply: Option<FetchReply<'_>>,
        now: SystemTime,
        reports: &mut Reports,
    ) {
        let Some((issuer, Keys::Remote(keys))) = self.issuers.get_mut(place) else { return };
        match keys.handle_reply(reply, now) {
            Ok(()) => {
                if let Some(set) = keys.set(now) {
                    self.verified.keep(place, |kept| set.keys().iter().any(|key| key.thumbprint() == kept));
                }
                reports.record(Metric::KeysTime, self.oldest().map_or(0, seconds));
            }
            Err(reason) => {
                reports.count(Metric::KeysFailure);
                if let Some(reason) = reason {
                    reports.log(format!("the JWK Set of issuer {:?} was not taken: {reason}", issuer.name));
                }
            }
        }
    }

    /// When the oldest of the fetched JWK Sets came; `None` while one is still to come.
    fn oldest(&self) -> Option<SystemTime> {
        let remote = self.issuers.iter().filter_map(|(_, keys)| match keys {
            Keys::Remote(keys) => Some(keys.since()),
            Keys::Fixed(_) => None,
        });
        remote.min().flatten()
    }
}

impl Keys {
    fn set(&self, now: SystemTime) -> Option<&JwkSet> {
        match self {
            Self::Fixed(set) => set.as_ref(),
            Self::Remote(keys) => keys.set(now),
        }
    }

    /// What a token gets that none of the keys can have signed: the issuer may have a new one.
    fn unknown_key(&mut self, now: SystemTime) -> Obstacle {
        let may_come = match self {
            Self::Remote(keys) => keys.ask_again(now),
            Self::Fixed(_) => false,
        };
        if may_come { Obstacle::Passing(Denial::UnknownKey) } else { Obstacle::Lasting(Denial::UnknownKey) }
    }
}

impl Issuer {
    /// What the issuer's tokens must state (RFC 7519, section 4.1). These claims are as trusted as the issuer.
    fn check_claims(&self, token: &Token, now: SystemTime) -> Result<(), Denial> {
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

#[cfg(test)]
mod tests;
