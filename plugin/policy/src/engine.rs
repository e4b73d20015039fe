//! The engine: what decides about requests, and what they share.

mod asking;
mod exchange;
mod shadow;
mod waiting;

use std::{
    mem,
    time::{Duration, SystemTime},
};

use crate::{
    Answer, Callout, Config, Permit,
    audit::Sampler,
    callout::Health,
    decisions::Decisions,
    fetch::{Fetch, FetchId, FetchReply},
    issuer::Verifier,
    report::{Report, Reports},
    revocation::SnapshotState,
};

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
    /// An engine that decides by `config`.
    #[must_use]
    pub fn new(mut config: Config) -> Self {
        let verifier = Verifier::new(mem::take(&mut config.issuers), config.tokens.max_failures);
        let revocations = config.revocation.snapshot.take().map(SnapshotState::new);
        let health = Health::new(config.upstream.as_ref().map_or(0, |upstream| upstream.endpoints.len()));
        let decisions = Decisions::new(config.cache);
        Self {
            config,
            verifier,
            revocations,
            decisions,
            waiting: Waiting::default(),
            health,
            sampler: Sampler::default(),
            shadows: Shadows::default(),
            reports: Reports::default(),
        }
    }

    /// When [`Self::handle_tick`] is to be called next; `None`: whenever something has been waited for, or never.
    ///
    /// Changes with each [`Step::Wait`], tick and reply, and with each request in shadow mode.
    #[must_use]
    pub fn next_tick(&self, now: SystemTime) -> Option<Duration> {
        if self.shadows.has_callouts() {
            return Some(Duration::ZERO);
        }
        let next = [self.verifier.next_fetch(), self.waiting.next_deadline()].into_iter().flatten();
        let next = next.map(|next| next.duration_since(now).unwrap_or_default());
        next.chain(self.revocations.as_ref().map(|revocations| revocations.due_in(now))).min()
    }

    /// Time has passed; gives what is to be fetched.
    pub fn handle_tick(&mut self, now: SystemTime) -> Vec<Fetch> {
        self.waiting.wake_late(now);
        self.wake_shadows(now);
        let keys = self.verifier.fetches(now).map(|(place, callout)| Fetch { id: FetchId::Keys(place), callout });
        let revocations = self.revocations.as_mut().and_then(|revocations| revocations.due(now));
        keys.chain(revocations.map(|callout| Fetch { id: FetchId::Revocations, callout })).collect()
    }

    /// The reply to a fetch has come; `None` for one that could not be sent, or was reset. Gives what the log should say of
    /// it, once for all failures in a row.
    pub fn handle_fetch_reply(
        &mut self,
        id: FetchId,
        reply: Option<FetchReply<'_>>,
        now: SystemTime,
    ) -> Option<String> {
        let said = match id {
            FetchId::Keys(place) => self.verifier.handle_reply(place, reply, now),
            FetchId::Revocations => self.revocations.as_mut().and_then(|revocations| {
                let failure = revocations.received(reply, now).err().filter(|failure| failure.is_first)?;
                Some(format!("the snapshot of revoked tokens was not taken: {}", failure.error))
            }),
        };
        self.waiting.wake_all();
        self.wake_shadows(now);
        said
    }

    /// The requests that do not have to wait any longer, by their [`Exchange::new`] number.
    pub fn take_woken(&mut self) -> Vec<u32> {
        self.waiting.take_woken()
    }

    /// What operators are to be told since this was called last: to be asked for behind every other call.
    pub fn take_reports(&mut self) -> Vec<Report> {
        self.reports.take()
    }
}

#[cfg(test)]
mod tests;
