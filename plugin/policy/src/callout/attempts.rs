//! The attempts to have one request decided: which endpoint is asked when, and for how long.

use std::{
    mem,
    rc::Rc,
    time::{Duration, SystemTime},
};

use crate::{shared_data::SealedData, span::Span};

use super::{
    CalloutReply,
    breaker::{BreakerLimits, Change, Pass},
    common::CommonBreaker,
    retry::{Budget, Jitter, Retry},
};

/// How long and how often a service is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Persistence {
    /// The longest that one callout takes.
    pub(crate) timeout: Duration,
    /// The longest that all callouts of one request take together.
    pub(crate) deadline: Option<Duration>,
    pub(crate) retry: Option<Retry>,
    pub(crate) breaker: Option<BreakerLimits>,
}

/// What a VM knows of its service's endpoints.
#[derive(Debug)]
pub(crate) struct Health {
    /// One an endpoint, in their order.
    breakers: Vec<CommonBreaker>,
    /// How many of them were open when somebody has asked.
    told_open: i64,
    budget: Budget,
    jitter: Jitter,
    /// Absent where no breaker had anything to do.
    news: Option<News>,
}

/// What the breakers have done since somebody has asked.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// By endpoint; what other workers have brought about is not among it.
    pub(crate) changes: Vec<(usize, Change)>,
    /// How many callouts they have withheld.
    pub(crate) withheld: u32,
    /// By how many there are more now that are open, as this worker knows.
    pub(crate) open_by: i64,
}

/// The attempts of one request.
#[derive(Debug)]
pub(crate) struct Attempts {
    began: SystemTime,
    endpoint: usize,
    /// How often that has been asked.
    count: u32,
    pass: Pass,
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Ask this endpoint, and wait this long for its reply.
    Ask { endpoint: usize, timeout: Duration },
    /// Wait.
    Wait(Span),
    /// There is nobody left to ask, or no time.
    GiveUp,
}

/// The finest that a gateway measures the time of a callout in; of zero Envoy makes no limit at all.
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(1);

impl Persistence {
    /// Whether a request may cause more than one callout to this many endpoints.
    pub(crate) fn may_ask_again(&self, endpoints: usize) -> bool {
        endpoints > 1 || self.retry.is_some()
    }

    /// How long the next callout may take; `None` once time is up.
    fn timeout(&self, began: SystemTime, now: SystemTime) -> Option<Duration> {
        let Some(deadline) = self.deadline else { return Some(self.timeout) };
        // Where the clock has stepped back, the count of attempts still ends them.
        let left = deadline.saturating_sub(now.duration_since(began).unwrap_or_default());
        (left >= SHORTEST_TIMEOUT).then(|| left.min(self.timeout))
    }
}

impl Health {
    /// Nothing is known yet of this many endpoints.
    pub(crate) fn new(endpoints: usize) -> Self {
        let breakers = (0..endpoints).map(|_| CommonBreaker::default()).collect();
        Self { breakers, told_open: 0, budget: Budget::default(), jitter: Jitter::default(), news: None }
    }

    /// The breakers are those of all workers.
    pub(crate) fn share(&mut self, data: &Rc<SealedData>) {
        for (endpoint, breaker) in self.breakers.iter_mut().enumerate() {
            breaker.share(data, endpoint);
        }
    }

    pub(crate) fn take_news(&mut self) -> Option<News> {
        let news = self.news.take()?;
        let open = self.breakers.iter().map(|breaker| i64::from(breaker.is_open())).sum();
        let open_by = open - mem::replace(&mut self.told_open, open);
        Some(News { open_by, ..news })
    }

    /// How many breakers were open when [`Self::take_news`] told.
    pub(crate) fn told_open(&self) -> i64 {
        self.told_open
    }
}

impl Attempts {
    /// A request has come.
    pub(crate) fn begin(persistence: &Persistence, health: &mut Health, now: SystemTime) -> (Self, Next) {
        if let Some(retry) = &persistence.retry {
            health.budget.deposit(retry.budget_percent);
        }
        let mut attempts = Self { began: now, endpoint: 0, count: 0, pass: Pass::default() };
        let next = attempts.ask_from(0, persistence, health, now);
        (attempts, next)
    }

    /// The callout has been replied to; `None` where that is the last word.
    pub(crate) fn handle_reply(
        &mut self,
        reply: CalloutReply<'_>,
        persistence: &Persistence,
        health: &mut Health,
        now: SystemTime,
    ) -> Option<Next> {
        let is_unavailable = reply.is_unavailable();
        if let (Some(limits), Some(breaker)) = (&persistence.breaker, health.breakers.get_mut(self.endpoint)) {
            let change = breaker.record(self.pass, !is_unavailable, limits, now);
            health.news.get_or_insert_default().changes.extend(change.map(|change| (self.endpoint, change)));
        }
        if !is_unavailable {
            return None;
        }
        let retry = persistence.retry.as_ref().filter(|retry| {
            self.count < retry.attempts && reply.is_one_of(&retry.statuses) && health.budget.withdraw()
        });
        health.jitter.stir(now);
        let pause = retry.map(|retry| retry.delay(self.count, &mut health.jitter));
        Some(match pause {
            Some(Duration::ZERO) => self.ask_from(self.endpoint, persistence, health, now),
            Some(pause) if persistence.timeout(self.began, now + pause).is_some() => Next::Wait(Span::new(now, pause)),
            // Who has no time to wait may have time to ask somebody else.
            _ => self.ask_from(self.endpoint.saturating_add(1), persistence, health, now),
        })
    }

    /// The time that was to be waited for has come.
    pub(crate) fn handle_time(&mut self, persistence: &Persistence, health: &mut Health, now: SystemTime) -> Next {
        self.ask_from(self.endpoint, persistence, health, now)
    }

    /// Asks the first endpoint from this one on that may be asked.
    fn ask_from(&mut self, first: usize, persistence: &Persistence, health: &mut Health, now: SystemTime) -> Next {
        let Some(timeout) = persistence.timeout(self.began, now) else { return Next::GiveUp };
        let mut endpoint = first;
        while let Some(breaker) = health.breakers.get_mut(endpoint) {
            let Some(limits) = &persistence.breaker else { return self.ask(endpoint, Pass::default(), timeout) };
            let news = health.news.get_or_insert_default();
            match breaker.admit(limits, now) {
                Some(pass) => return self.ask(endpoint, pass, timeout),
                None => news.withheld += 1,
            }
            endpoint += 1;
        }
        Next::GiveUp
    }

    fn ask(&mut self, endpoint: usize, pass: Pass, timeout: Duration) -> Next {
        let count = if endpoint == self.endpoint { self.count.saturating_add(1) } else { 1 };
        *self = Self { endpoint, count, pass, ..*self };
        Next::Ask { endpoint, timeout }
    }
}

#[cfg(test)]
mod tests;
