//! The JWK Set of an issuer that is fetched from a cluster: when, and for how long it counts.

use std::{
    rc::Rc,
    time::{Duration, SystemTime},
};

use crate::{Callout, endpoint::Endpoint, fetch::FetchReply, jwk::JwkSet, span::Span};

/// Where a JWK Set is, and how old it may get: `issuers[].jwks` of the configuration.
#[derive(Clone, Debug)]
pub(crate) struct JwksSource {
    pub(crate) origin: Rc<Endpoint>,
    /// How often it is fetched.
    pub(crate) refresh: Duration,
    /// How long behind its time for a refresh it still counts.
    pub(crate) stale_for: Duration,
    /// How long a fetch may take.
    pub(crate) timeout: Duration,
}

/// What is known of such a set.
#[derive(Debug)]
pub(crate) struct RemoteKeys {
    source: JwksSource,
    /// The last good one, and when it came.
    set: Option<(JwkSet, SystemTime)>,
    /// For how long it is not fetched again.
    pause: Option<Span>,
    /// How long the fetch that is under way may take: the host ends each within its time, and one that it forgot is not
    /// waited for.
    fetching: Option<Span>,
    /// How many fetches have failed in a row.
    failures: u32,
}

/// The least time between two fetches because of tokens with keys that are not in the set: a new key is known this long
/// after its first token, and tokens with invented keys cost no more than a fetch in this time.
const UNKNOWN_KEY_PAUSE: Duration = Duration::from_secs(5);
/// The time from the first failure to the next try; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

impl RemoteKeys {
    pub(crate) fn new(source: JwksSource) -> Self {
        Self { source, set: None, pause: None, fetching: None, failures: 0 }
    }

    /// The set, while it counts.
    pub(crate) fn set(&self, now: SystemTime) -> Option<&JwkSet> {
        let (set, since) = self.set.as_ref()?;
        // A clock that has stepped back makes nothing older.
        let age = now.duration_since(*since).unwrap_or_default();
        (age <= self.source.refresh + self.source.stale_for).then_some(set)
    }

    /// When the last good one came.
    pub(crate) fn since(&self) -> Option<SystemTime> {
        self.set.as_ref().map(|(_, since)| *since)
    }

    /// Whether a newer set may be there soon: it is being fetched, or will be, where the last fetch is not too fresh.
    pub(crate) fn ask_again(&mut self, now: SystemTime) -> bool {
        if self.is_fetching(now) || self.due_in(now).is_zero() {
            return true;
        }
        let is_old = |(_, since): &(_, _)| Span::new(*since, UNKNOWN_KEY_PAUSE).is_over(now);
        let is_settled = self.failures == 0 && self.set.as_ref().is_some_and(is_old);
        if is_settled {
            self.pause = None;
        }
        is_settled
    }

    /// How long it is until it is to be fetched next.
    pub(crate) fn due_in(&self, now: SystemTime) -> Duration {
        self.pause.map_or(Duration::ZERO, |pause| pause.left(now))
    }

    /// The request for it, if it is to be fetched now. One at a time is under way.
    pub(crate) fn fetch(&mut self, now: SystemTime) -> Option<Callout> {
        if self.is_fetching(now) || !self.due_in(now).is_zero() {
            return None;
        }
        self.fetching = Some(Span::new(now, 2 * self.source.timeout));
        self.pause = Some(Span::new(now, self.source.refresh));
        Some(Rc::clone(&self.source.origin).get("application/json", None, self.source.timeout))
    }

    /// Takes what came back. The last good set stays where it is of no use; then why it is, the first time in a row.
    pub(crate) fn handle_reply(
        &mut self,
        reply: Option<FetchReply<'_>>,
        now: SystemTime,
    ) -> Result<(), Option<String>> {
        self.fetching = None;
        let set = match reply {
            None => Err("no reply".to_owned()),
            Some(FetchReply { status: b"200", body, .. }) => JwkSet::parse(&body).map_err(|error| error.to_string()),
            Some(FetchReply { status, .. }) => Err(format!("status {}", status.escape_ascii())),
        };
        match set {
            Ok(set) => {
                self.set = Some((set, now));
                self.failures = 0;
                self.pause = Some(Span::new(now, self.source.refresh));
                Ok(())
            }
            Err(reason) => {
                let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(6)).min(LONGEST_PAUSE);
                self.failures = self.failures.saturating_add(1);
                self.pause = Some(Span::new(now, pause));
                Err((self.failures == 1).then_some(reason))
            }
        }
    }

    /// Whether a fetch is under way.
    fn is_fetching(&self, now: SystemTime) -> bool {
        self.fetching.is_some_and(|span| !span.is_over(now))
    }
}
