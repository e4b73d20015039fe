//! What a VM keeps: the last good snapshot, when it asks for the next, and what that means for a token.

mod common;

use std::{
    rc::Rc,
    time::{Duration, SystemTime},
};

use crate::{Callout, FetchReply, Object, SharedData, endpoint::Endpoint, span::Span};

use super::{Document, Revoked, Snapshot, SnapshotError};
use common::Common;

/// Where snapshots come from, and how they count.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The Envoy cluster that is asked.
    pub cluster: String,
    /// `:authority` of the request.
    pub authority: String,
    /// `:path` of the request, with a query if need be.
    pub path: String,
    /// How often; a request may take as long.
    pub every: Duration,
    /// How old the last snapshot may be.
    pub max_stale: Duration,
    /// What becomes of tokens when it is older.
    pub on_stale: OnStale,
    /// The claims whose ids are looked up.
    pub claims: Vec<String>,
    /// Whether an authorization service can be asked about the hits of a filter.
    pub confirmable: bool,
}

/// What becomes of tokens while there is no snapshot that is fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnStale {
    /// They are denied.
    Deny,
    /// The authorization service is asked.
    Callout,
}

/// A snapshot that is kept up to date.
///
/// The caller sends what [`Self::due`] answers, hands the reply to [`Self::received`], and asks [`Self::verdict`] about
/// each token.
#[derive(Debug)]
pub struct SnapshotState {
    settings: Settings,
    kept: Option<Kept>,
    asked: Option<SystemTime>,
    is_pending: bool,
    /// Whether the last document was of no use: then a whole snapshot is asked for.
    is_lost: bool,
    /// Since the last reply that was.
    failures: u32,
    /// Absent where each worker fetches for itself.
    common: Option<Common>,
}

#[derive(Debug)]
struct Kept {
    snapshot: Snapshot,
    etag: Option<String>,
    /// When it was issued, by the service's clock; at the latest when it came.
    as_of: SystemTime,
}

/// A document that was taken.
struct Taken {
    is_whole: bool,
    /// Its JSON.
    text: Vec<u8>,
}

/// A reply that was not taken: the last good snapshot stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Why.
    pub error: SnapshotError,
    /// Whether it is the first in a row: those that follow are counted, and not logged.
    pub is_first: bool,
}

/// What the snapshot says of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is not revoked.
    Clear,
    /// It is revoked.
    Revoked,
    /// The authorization service has to say; where there is none, the token is denied.
    Ask,
    /// There is no fresh snapshot, and the token is to be denied.
    Stale,
}

/// The longest `etag` that is kept.
const MAX_ETAG: usize = 256;

impl SnapshotState {
    /// Nothing is known yet, and every token is as with a stale snapshot.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings, kept: None, asked: None, is_pending: false, is_lost: false, failures: 0, common: None }
    }

    /// One worker of those that have the same key and ask the same service fetches, and the others get it from that one.
    pub(crate) fn share(&mut self, data: &Rc<dyn SharedData>, key: &[u8]) {
        self.common = Common::new(data, key, &self.settings);
    }

    /// How long it is until the next request is due, or the next look at what another worker has fetched.
    #[must_use]
    pub fn due_in(&self, now: SystemTime) -> Duration {
        match &self.common {
            Some(common) => common.look_in(self, now),
            None => self.fetch_in(now),
        }
    }

    fn fetch_in(&self, now: SystemTime) -> Duration {
        // Replies come in time, be it from Envoy. One that does not come at all must not be the last.
        let pause = if self.is_pending { self.settings.every * 2 } else { self.settings.every };
        self.asked.map_or(Duration::ZERO, |asked| Span::new(asked, pause).left(now))
    }

    /// The request that is to be sent now, if one is. Each wants its [`Self::received`].
    pub fn due(&mut self, now: SystemTime) -> Option<Callout> {
        if !self.due_in(now).is_zero() || !self.is_to_fetch(now) {
            return None;
        }
        self.asked = Some(now);
        self.is_pending = true;
        Some(self.request())
    }

    /// The reply has come; `None` for a request that could not be sent, or was reset.
    ///
    /// # Errors
    /// A reply of no use, or a snapshot that is too old when it comes. Counted in [`Self::failures`].
    #[inline(never)]
    pub fn received(&mut self, reply: Option<FetchReply<'_>>, now: SystemTime) -> Result<(), Failure> {
        self.is_pending = false;
        let taken = self.take(reply, now).and_then(|()| self.fresh(now).map(drop).ok_or(SnapshotError::Stale));
        match taken {
            Ok(()) => {
                self.failures = 0;
                Ok(())
            }
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                Err(Failure { error, is_first: self.failures == 1 })
            }
        }
    }

    /// What becomes of a token with these claims, which have been verified.
    #[must_use]
    pub fn verdict(&self, claims: &Object, now: SystemTime) -> Verdict {
        let revoked = self.kept.as_ref().map(|kept| kept.snapshot.check(claims, &self.settings.claims));
        match (revoked, self.fresh(now), self.settings.on_stale) {
            // However old: what was revoked stays so.
            (Some(Revoked::Yes), _, _) => Verdict::Revoked,
            (Some(Revoked::No), Some(_), _) => Verdict::Clear,
            (Some(Revoked::Perhaps), Some(_), _) | (_, None, OnStale::Callout) => Verdict::Ask,
            (_, _, OnStale::Deny) | (None, _, _) => Verdict::Stale,
        }
    }

    /// The last good snapshot; before the first has come, requests can wait for it.
    #[must_use]
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.kept.as_ref().map(|kept| &kept.snapshot)
    }

    /// When the last good snapshot was issued, by the service's clock; at the latest when it came.
    #[must_use]
    pub fn as_of(&self) -> Option<SystemTime> {
        self.kept.as_ref().map(|kept| kept.as_of)
    }

    /// How many replies in a row were of no use.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    fn request(&self) -> Callout {
        let Settings { cluster, authority, path, every, confirmable, .. } = &self.settings;
        let accept = if *confirmable { "application/json, application/octet-stream" } else { "application/json" };
        let mut path = path.clone();
        let mut etag = None;
        if let Some(kept) = self.kept.as_ref().filter(|_| !self.is_lost) {
            path.push(if path.contains('?') { '&' } else { '?' });
            path.push_str("since=");
            path.push_str(&kept.snapshot.sequence().to_string());
            etag = kept.etag.clone();
        }
        let endpoint = Rc::new(Endpoint { cluster: cluster.clone(), authority: authority.clone(), path });
        endpoint.get(accept, etag, *every)
    }

    #[inline(never)]
    fn take(&mut self, reply: Option<FetchReply<'_>>, now: SystemTime) -> Result<(), SnapshotError> {
        let FetchReply { status, etag, body } = reply.ok_or(SnapshotError::NoReply)?;
        match status {
            b"200" => {
                let taken = self.take_document(body, now);
                self.is_lost = taken.is_err();
                let taken = taken?;
                self.publish(taken, now);
            }
            // The document is as it was, and as old.
            b"304" if self.kept.as_ref().is_some_and(|kept| kept.etag.is_some()) => return Ok(()),
            _ => {
                let status = str::from_utf8(status).ok().and_then(|status| status.parse().ok());
                return Err(SnapshotError::Status(status.unwrap_or(0)));
            }
        }
        if let Some(kept) = &mut self.kept {
            kept.etag = etag.and_then(etag_text).map(str::to_owned);
        }
        Ok(())
    }

    fn take_document(&mut self, mut body: Vec<u8>, now: SystemTime) -> Result<Taken, SnapshotError> {
        match Document::read(&mut body, self.settings.confirmable)? {
            Document::Full(snapshot) => {
                let as_of = snapshot.issued_at().min(now);
                let next = Kept { snapshot, etag: None, as_of };
                if !self.is_of_use(&next, self.kept.as_ref(), now) {
                    return Err(SnapshotError::Backwards);
                }
                self.kept = Some(next);
                Ok(Taken { is_whole: true, text: body })
            }
            Document::Delta(delta) => {
                let kept = self.kept.as_mut().ok_or(SnapshotError::OtherBase)?;
                kept.snapshot.apply(delta, now)?;
                kept.as_of = kept.snapshot.issued_at().min(now);
                Ok(Taken { is_whole: false, text: body })
            }
        }
    }

    /// Whether a whole snapshot may take the place of this worker's own.
    ///
    /// An earlier one is of a replica that lags behind, or somebody has put it back. It is of use only where the service
    /// has lost its place: it is fresh then, and this worker's is not.
    fn is_of_use(&self, next: &Kept, own: Option<&Kept>, now: SystemTime) -> bool {
        let is_fresh = |kept| self.is_fresh(kept, now);
        own.is_none_or(|own| next.snapshot.sequence() >= own.snapshot.sequence() || (is_fresh(next) && !is_fresh(own)))
    }

    /// The snapshot, if it is not too old.
    fn fresh(&self, now: SystemTime) -> Option<&Snapshot> {
        self.kept.as_ref().filter(|kept| self.is_fresh(kept, now)).map(|kept| &kept.snapshot)
    }

    /// Whether it is not too old; nor from the future, where the clock has been set back.
    fn is_fresh(&self, kept: &Kept, now: SystemTime) -> bool {
        let age = now.duration_since(kept.as_of).unwrap_or_else(|ahead| ahead.duration());
        age <= self.settings.max_stale
    }
}

/// An entity tag that can be sent back: visible ASCII characters.
fn etag_text(etag: &[u8]) -> Option<&str> {
    let text = str::from_utf8(etag).ok()?;
    (text.len() <= MAX_ETAG && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())).then_some(text)
}

#[cfg(test)]
mod tests;
