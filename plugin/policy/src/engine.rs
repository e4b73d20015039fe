//! The engine: what decides about requests, and what they share.

mod asking;
mod coalescing;
mod exchange;
mod shadow;
mod waiting;

use std::{
    mem,
    rc::Rc,
    time::{Duration, SystemTime},
};

use crate::{
    Answer, Callout, Config, Metric, Permit, SharedData,
    audit::Sampler,
    callout::{Change, Health, News},
    config::Secret,
    decisions::Decisions,
    fetch::{Fetch, FetchId, FetchReply},
    fingerprint::Fingerprints,
    issuer::Verifier,
    report::{Report, Reports},
    revocation::SnapshotState,
    seal::Seal,
    shared_data::SealedData,
    token::TokenReader,
};

use coalescing::Coalescing;
pub use exchange::Exchange;
use shadow::Shadows;
use waiting::Waiting;

/// The engine of one configuration in one VM: what the requests that arrive under it share.
#[derive(Debug)]
pub struct Engine {
    config: Config,
    verifier: Verifier,
    /// Absent where revocations are not learnt of in advance.
    revocations: Option<SnapshotState>,
    /// Absent where the service's word is not kept.
    decisions: Option<Decisions>,
    /// Absent where each request asks for itself.
    coalescing: Option<Coalescing>,
    fingerprints: Fingerprints,
    tokens: TokenReader,
    waiting: Waiting,
    health: Health,
    sampler: Sampler,
    /// Requests that have passed undecided.
    shadows: Shadows,
    reports: Reports,
}

/// What the caller is to do next with a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Let it pass.
    Continue(Permit),
    /// Answer it.
    Deny(Answer),
    /// Hold it, send this, and hand the reply to [`Exchange::handle_callout_reply`].
    Callout(Callout),
    /// Hold it until [`Engine::take_woken`] names it, and hand its headers to [`Exchange::handle_request`] again.
    Wait,
}

impl Engine {
    /// An engine that decides by `config`, and shares nothing with others.
    #[must_use]
    #[inline(never)]
    pub fn new(mut config: Config) -> Self {
        let verifier = Verifier::new(mem::take(&mut config.issuers), config.tokens.max_failures);
        let revocations = config.revocation.snapshot.take().map(SnapshotState::new);
        let health = Health::new(config.upstream.as_ref().map_or(0, |upstream| upstream.endpoints.len()));
        let decisions = Decisions::new(config.cache.limits);
        let coalescing = config.cache.coalesce.then(Coalescing::default);
        Self {
            config,
            verifier,
            revocations,
            decisions,
            coalescing,
            fingerprints: Fingerprints::default(),
            tokens: TokenReader::default(),
            waiting: Waiting::default(),
            health,
            sampler: Sampler::default(),
            shadows: Shadows::default(),
            reports: Reports::default(),
        }
    }

    /// An engine that shares what `config` says with those in other VMs.
    #[must_use]
    #[inline(never)]
    pub fn with_shared_data(mut config: Config, data: Rc<dyn SharedData>) -> Self {
        let key = config.shared_data_key.take();
        let secret = key.as_ref().and_then(Secret::value);
        let seal = secret.and_then(|secret| Seal::new(secret, &config.digest));
        let slots = config.cache.shared_slots;
        let mut engine = Self::new(config);
        if let Some((secret, seal)) = secret.zip(seal) {
            if let Some(revocations) = &mut engine.revocations {
                revocations.share(&data, secret);
            }
            let data = Rc::new(SealedData::new(data, seal));
            engine.health.share(&data);
            engine.decisions = engine.decisions.map(|decisions| decisions.shared(data, slots));
        }
        engine
    }

    /// When [`Self::handle_tick`] is to be called next; `None`: whenever something has been waited for, or never.
    ///
    /// Changes with each [`Step::Wait`], tick and reply, where requests end, and with each request in shadow mode.
    #[must_use]
    pub fn next_tick(&self, now: SystemTime) -> Option<Duration> {
        if self.shadows.has_callouts() {
            return Some(Duration::ZERO);
        }
        let revocations = self.revocations.as_ref().map(|revocations| revocations.due_in(now));
        [self.verifier.due_in(now), self.waiting.due_in(now), revocations].into_iter().flatten().min()
    }

    /// Time has passed; gives what is to be fetched.
    #[inline(never)]
    pub fn handle_tick(&mut self, now: SystemTime) -> Vec<Fetch> {
        self.waiting.wake_late(now);
        self.wake_shadows(now);
        let keys = self.verifier.fetches(now).map(|(place, callout)| Fetch { id: FetchId::Keys(place), callout });
        let mut fetches: Vec<_> = keys.collect();
        if let Some(revocations) = &mut self.revocations {
            let had = revocations.as_of();
            fetches.extend(revocations.due(now).map(|callout| Fetch { id: FetchId::Revocations, callout }));
            // What another worker has fetched.
            if revocations.as_of() != had {
                self.tell_snapshot();
                self.waiting.wake_all();
                self.wake_shadows(now);
            }
        }
        fetches
    }

    /// The reply to a fetch has come; `None` for one that could not be sent, or was reset. The log tells of failures once
    /// for all in a row.
    #[inline(never)]
    pub fn handle_fetch_reply(&mut self, id: FetchId, reply: Option<FetchReply<'_>>, now: SystemTime) {
        match id {
            FetchId::Keys(place) => self.verifier.handle_reply(place, reply, now, &mut self.reports),
            FetchId::Revocations => self.take_snapshot(reply, now),
        }
        self.waiting.wake_all();
        self.wake_shadows(now);
    }

    fn take_snapshot(&mut self, reply: Option<FetchReply<'_>>, now: SystemTime) {
        let Some(revocations) = &mut self.revocations else { return };
        if let Err(failure) = revocations.received(reply, now) {
            self.reports.count(Metric::RevocationsFailure);
            if failure.is_first {
                self.reports.log(format!("the snapshot of revoked tokens was not taken: {}", failure.error));
            }
        }
        self.tell_snapshot();
    }

    fn tell_snapshot(&mut self) {
        if let Some(as_of) = self.revocations.as_ref().and_then(SnapshotState::as_of) {
            self.reports.record(Metric::RevocationsTime, seconds(as_of));
        }
    }

    /// This engine is not to be used any more.
    pub fn handle_end(&mut self) {
        let open = self.health.told_open();
        if open != 0 {
            self.reports.change(Metric::BreakersOpen, -open);
        }
    }

    /// Whether there are requests that do not have to wait any longer: [`Self::next_tick`] is then at once.
    #[must_use]
    pub fn has_woken(&self) -> bool {
        self.waiting.has_woken()
    }

    /// The requests that do not have to wait any longer, by their [`Exchange::new`] number.
    pub fn take_woken(&mut self) -> Vec<u32> {
        self.waiting.take_woken()
    }

    /// What operators are to be told next: to be asked for behind every other call, until there is nothing left.
    pub fn next_report(&mut self) -> Option<Report> {
        if let Some(news) = self.health.take_news() {
            self.report_breakers(news);
        }
        self.reports.next()
    }

    fn report_breakers(&mut self, news: News) {
        let News { changes, withheld, open_by } = news;
        for _ in 0..withheld {
            self.reports.count(Metric::BreakerWithheld);
        }
        for (endpoint, change) in changes {
            let endpoints = self.config.upstream.as_ref().map(|upstream| upstream.endpoints.as_slice());
            let cluster =
                endpoints.and_then(|list| list.get(endpoint)).map_or("", |endpoint| endpoint.cluster.as_str());
            let what = match change {
                Change::Opened => {
                    self.reports.count(Metric::BreakerOpened);
                    "is unavailable, and not asked for now"
                }
                Change::Closed => "is available again",
            };
            self.reports.log(["the authorization service ", cluster, " ", what].concat());
        }
        if open_by != 0 {
            self.reports.change(Metric::BreakersOpen, open_by);
        }
    }
}

/// As metrics tell a time.
pub(crate) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests;
