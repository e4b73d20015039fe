//! What the authorization service has said of late, for who asks the same.

mod slots;

use std::{
    rc::Rc,
    time::{Duration, SystemTime},
};

use crate::{Denial, PermitReason, fingerprint::Fingerprint, recent::Recent, seal::Digest, shared_data::SealedData};

use slots::Slots;

/// For how long its word is kept: `cache` of the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CacheLimits {
    /// An allow, though never past the token's `exp`.
    pub(crate) allow: Option<Duration>,
    /// That a token is invalid or revoked.
    pub(crate) deny: Option<Duration>,
    /// How long beyond that an allow counts where nobody can be asked, never past the token's `exp` either.
    pub(crate) stale: Option<Duration>,
}

/// The service's word on questions, which hold all that it gets to know of a request.
#[derive(Debug)]
pub(crate) struct Decisions {
    limits: CacheLimits,
    kept: Recent<Kept>,
    /// What other workers have heard too.
    slots: Option<Slots>,
}

#[derive(Clone, Copy, Debug)]
struct Kept {
    verdict: Result<PermitReason, Denial>,
    from: SystemTime,
    until: SystemTime,
}

/// A question whose answer may be kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keepable {
    pub(crate) question: Fingerprint,
    /// The question for other workers, once they have been looked at.
    pub(crate) elsewhere: Option<Digest>,
    /// When the token expires.
    pub(crate) expires: Option<SystemTime>,
}

impl CacheLimits {
    /// Until when a verdict counts that was heard then; `None` where it is not kept. That there is none never is.
    fn until(
        &self,
        verdict: Result<PermitReason, Denial>,
        from: SystemTime,
        expires: Option<SystemTime>,
    ) -> Option<SystemTime> {
        let (time, latest) = match verdict {
            Ok(_) => (self.allow, expires),
            // It ends an allow, be it kept for no time.
            Err(Denial::RejectedByService | Denial::RevokedToken) => {
                (self.deny.or(self.stale.map(|_| Duration::ZERO)), None)
            }
            Err(_) => return None,
        };
        let until = from.checked_add(time?)?;
        Some(latest.map_or(until, |latest| until.min(latest)))
    }
}

impl Decisions {
    /// `None` where nothing is to be kept.
    pub(crate) fn new(limits: CacheLimits) -> Option<Self> {
        (limits != CacheLimits::default()).then(|| Self { limits, kept: Recent::default(), slots: None })
    }

    /// The same, shared with other workers in so many slots.
    pub(crate) fn shared(self, data: Rc<SealedData>, slots: u32) -> Self {
        Self { slots: Slots::new(data, slots), ..self }
    }

    /// What the service has said, if that still counts; `digest` is asked for the question's where others may know.
    pub(crate) fn get(
        &mut self,
        asked: &mut Keepable,
        digest: impl FnOnce() -> Digest,
        now: SystemTime,
    ) -> Option<Result<PermitReason, Denial>> {
        let known = self.kept.get(asked.question).filter(|kept| kept.counts(now));
        let kept = match known {
            Some(kept) => kept,
            None => {
                asked.elsewhere = self.slots.as_ref().map(|_| digest());
                let kept = self.heard_elsewhere(asked).filter(|kept| kept.counts(now))?;
                self.kept.insert(asked.question, kept);
                kept
            }
        };
        Some(kept.verdict)
    }

    /// The service's last word. That it gave none is not kept.
    pub(crate) fn keep(&mut self, asked: Keepable, verdict: Result<PermitReason, Denial>, now: SystemTime) {
        let Some(until) = self.limits.until(verdict, now, asked.expires) else { return };
        let kept = Kept { verdict, from: now, until };
        self.kept.insert(asked.question, kept);
        if let (Some(slots), Some(question)) = (&self.slots, &asked.elsewhere) {
            slots.put(question, kept);
        }
    }

    /// Whether the last word was an allow, and so lately that it counts where nobody can be asked.
    pub(crate) fn has_allowed(&mut self, asked: &Keepable, now: SystemTime) -> bool {
        let Some(stale) = self.limits.stale else { return false };
        let (own, other) = (self.kept.get(asked.question), self.heard_elsewhere(asked));
        let last = match (own, other) {
            (Some(own), Some(other)) if own.from < other.from => other,
            (Some(last), _) | (None, Some(last)) => last,
            (None, None) => return false,
        };
        let is_over = asked.expires.is_some_and(|expires| expires <= now);
        let stale = Kept { until: last.until.checked_add(stale).unwrap_or(last.until), ..last };
        last.verdict.is_ok() && !is_over && stale.counts(now)
    }

    /// What another worker has heard, for no longer than this one would let it count.
    fn heard_elsewhere(&self, asked: &Keepable) -> Option<Kept> {
        let kept = self.slots.as_ref()?.get(asked.elsewhere.as_ref()?)?;
        let until = self.limits.until(kept.verdict, kept.from, asked.expires)?;
        Some(Kept { until: kept.until.min(until), ..kept })
    }
}

impl Kept {
    /// Where the clock has stepped back, nobody knows how long ago it was.
    fn counts(&self, now: SystemTime) -> bool {
        self.from <= now && now < self.until
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::{CacheLimits, Decisions, Keepable};
    use crate::{Denial, PermitReason};

    const ALLOWED: Result<PermitReason, Denial> = Ok(PermitReason::AuthorizedByService);

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
    }

    fn asked(question: u8) -> Keepable {
        Keepable { question: question.into(), elsewhere: None, expires: None }
    }

    fn decisions() -> Decisions {
        let limits =
            CacheLimits { allow: Some(Duration::from_secs(5)), deny: Some(Duration::from_secs(1)), stale: None };
        Decisions::new(limits).unwrap()
    }

    fn get(decisions: &mut Decisions, mut asked: Keepable, now: SystemTime) -> Option<Result<PermitReason, Denial>> {
        decisions.get(&mut asked, || unreachable!("there are no others"), now)
    }

    #[test]
    fn a_word_counts_for_its_time_and_its_question() {
        for (verdict, seconds) in [(ALLOWED, 5), (Err(Denial::RevokedToken), 1), (Err(Denial::RejectedByService), 1)] {
            let mut decisions = decisions();
            decisions.keep(asked(1), verdict, at(10));
            assert_eq!(get(&mut decisions, asked(1), at(10)), Some(verdict));
            assert_eq!(get(&mut decisions, asked(1), at(10 + seconds)), None);
            assert_eq!(get(&mut decisions, asked(1), at(9)), None, "the clock has stepped back");
            assert_eq!(get(&mut decisions, asked(2), at(10)), None);
        }
    }

    #[test]
    fn an_allow_ends_with_the_token() {
        let mut decisions = decisions();
        decisions.keep(Keepable { expires: Some(at(2)), ..asked(1) }, ALLOWED, at(0));
        assert_eq!(get(&mut decisions, asked(1), at(1)), Some(ALLOWED));
        assert_eq!(get(&mut decisions, asked(1), at(2)), None);
    }

    #[test]
    fn no_error_is_kept() {
        for denial in Denial::ALL {
            if matches!(denial, Denial::RejectedByService | Denial::RevokedToken) {
                continue;
            }
            let mut decisions = decisions();
            decisions.keep(asked(1), Err(denial), at(0));
            assert_eq!(get(&mut decisions, asked(1), at(0)), None, "{denial:?}");
        }
    }

    #[test]
    fn without_a_time_nothing_is_kept() {
        assert!(Decisions::new(CacheLimits::default()).is_none());
        let limits = CacheLimits { deny: Some(Duration::from_secs(1)), ..CacheLimits::default() };
        let mut decisions = Decisions::new(limits).unwrap();
        decisions.keep(asked(1), ALLOWED, at(0));
        assert_eq!(get(&mut decisions, asked(1), at(0)), None);
    }

    #[test]
    fn an_allow_counts_longer_where_nobody_can_be_asked() {
        let limits =
            CacheLimits { allow: Some(Duration::from_secs(5)), stale: Some(Duration::from_secs(10)), deny: None };
        let expiring = Keepable { expires: Some(at(7)), ..asked(2) };
        let mut decisions = Decisions::new(limits).unwrap();
        decisions.keep(asked(1), ALLOWED, at(0));
        decisions.keep(expiring, ALLOWED, at(0));
        for (question, seconds, is_kept, has_allowed) in [
            (asked(1), 4, true, true),
            (asked(1), 5, false, true),
            (asked(1), 14, false, true),
            (asked(1), 15, false, false),
            (expiring, 6, false, true),
            (expiring, 7, false, false),
            (asked(3), 0, false, false),
        ] {
            assert_eq!(get(&mut decisions, question, at(seconds)).is_some(), is_kept, "{question:?} {seconds}");
            assert_eq!(decisions.has_allowed(&question, at(seconds)), has_allowed, "{question:?} {seconds}");
        }
        decisions.keep(asked(1), ALLOWED, at(20));
        assert!(!decisions.has_allowed(&asked(1), at(19)), "the clock has stepped back");
        // That the service gives no verdict takes no allow away, and that it denies does.
        decisions.keep(asked(1), Err(Denial::ServiceUnavailable), at(21));
        assert!(decisions.has_allowed(&asked(1), at(26)));
        decisions.keep(asked(1), Err(Denial::RevokedToken), at(26));
        assert!(!decisions.has_allowed(&asked(1), at(26)));
        assert_eq!(get(&mut decisions, asked(1), at(26)), None, "nor is it kept where it is not to be");
    }

    #[test]
    fn no_allow_counts_longer_unless_it_is_said() {
        let mut decisions = decisions();
        decisions.keep(asked(1), ALLOWED, at(0));
        assert!(!decisions.has_allowed(&asked(1), at(0)));
    }
}
