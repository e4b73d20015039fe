//! What the authorization service has said of late, for who asks the same.

use std::time::{Duration, SystemTime};

use crate::{
    Denial, PermitReason,
    recent::{Digest, Recent},
};

/// For how long its word is kept: `cache` of the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CacheLimits {
    /// An allow, though never past the token's `exp`.
    pub(crate) allow: Option<Duration>,
    /// That a token is invalid or revoked.
    pub(crate) deny: Option<Duration>,
}

/// The service's word on questions, which hold all that it gets to know of a request.
#[derive(Debug)]
pub(crate) struct Decisions {
    limits: CacheLimits,
    kept: Recent<Kept>,
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
    pub(crate) question: Digest,
    /// When the token expires.
    pub(crate) expires: Option<SystemTime>,
}

impl Decisions {
    /// `None` where nothing is to be kept.
    pub(crate) fn new(limits: CacheLimits) -> Option<Self> {
        (limits != CacheLimits::default()).then(|| Self { limits, kept: Recent::default() })
    }

    /// What the service has said, if that still counts.
    pub(crate) fn get(&mut self, question: &Digest, now: SystemTime) -> Option<Result<PermitReason, Denial>> {
        let kept = self.kept.get(question)?;
        // Where the clock has stepped back, nobody knows how long ago it was.
        (kept.from <= now && now < kept.until).then_some(kept.verdict)
    }

    /// The service's last word. That it gave none is not kept.
    pub(crate) fn keep(&mut self, asked: Keepable, verdict: Result<PermitReason, Denial>, now: SystemTime) {
        let (time, latest) = match verdict {
            Ok(_) => (self.limits.allow, asked.expires),
            Err(Denial::RejectedByService | Denial::RevokedToken) => (self.limits.deny, None),
            Err(_) => return,
        };
        let Some(until) = time.and_then(|time| now.checked_add(time)) else { return };
        let until = latest.map_or(until, |latest| until.min(latest));
        self.kept.insert(asked.question, Kept { verdict, from: now, until });
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

    fn decisions() -> Decisions {
        let limits = CacheLimits { allow: Some(Duration::from_secs(5)), deny: Some(Duration::from_secs(1)) };
        Decisions::new(limits).unwrap()
    }

    #[test]
    fn a_word_counts_for_its_time_and_its_question() {
        for (verdict, seconds) in [(ALLOWED, 5), (Err(Denial::RevokedToken), 1), (Err(Denial::RejectedByService), 1)] {
            let mut decisions = decisions();
            decisions.keep(Keepable { question: [1; 32], expires: None }, verdict, at(10));
            assert_eq!(decisions.get(&[1; 32], at(10)), Some(verdict));
            assert_eq!(decisions.get(&[1; 32], at(10 + seconds)), None);
            assert_eq!(decisions.get(&[1; 32], at(9)), None, "the clock has stepped back");
            assert_eq!(decisions.get(&[2; 32], at(10)), None);
        }
    }

    #[test]
    fn an_allow_ends_with_the_token() {
        let mut decisions = decisions();
        decisions.keep(Keepable { question: [1; 32], expires: Some(at(2)) }, ALLOWED, at(0));
        assert_eq!(decisions.get(&[1; 32], at(1)), Some(ALLOWED));
        assert_eq!(decisions.get(&[1; 32], at(2)), None);
    }

    #[test]
    fn no_error_is_kept() {
        for denial in Denial::ALL {
            if matches!(denial, Denial::RejectedByService | Denial::RevokedToken) {
                continue;
            }
            let mut decisions = decisions();
            decisions.keep(Keepable { question: [1; 32], expires: None }, Err(denial), at(0));
            assert_eq!(decisions.get(&[1; 32], at(0)), None, "{denial:?}");
        }
    }

    #[test]
    fn without_a_time_nothing_is_kept() {
        assert!(Decisions::new(CacheLimits::default()).is_none());
        let limits = CacheLimits { allow: None, deny: Some(Duration::from_secs(1)) };
        let mut decisions = Decisions::new(limits).unwrap();
        decisions.keep(Keepable { question: [1; 32], expires: None }, ALLOWED, at(0));
        assert_eq!(decisions.get(&[1; 32], at(0)), None);
    }
}
