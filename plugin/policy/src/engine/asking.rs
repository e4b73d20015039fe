//! Asking the authorization service: from the question to its verdict, or to there being none.

use std::time::SystemTime;

use crate::{
    Callout, CalloutReply, Denial,
    callout::{Attempts, Health, Next, Question, Upstream},
    span::Span,
};

/// A request's question under way.
#[derive(Debug)]
pub(super) struct Asking {
    attempts: Attempts,
    /// `None` where it will not be put again.
    question: Option<Question>,
}

/// What becomes of a question.
#[derive(Debug)]
pub(super) enum Asked {
    /// This is to be sent.
    Callout(Callout),
    /// It is put again behind that.
    Later(Span),
    /// Nobody can be asked; who cannot do without is denied for this.
    Unavailable(Denial),
}

impl Asking {
    /// Puts a question.
    pub(super) fn begin(
        question: Question,
        upstream: &Upstream,
        health: &mut Health,
        now: SystemTime,
    ) -> (Self, Asked) {
        let (attempts, next) = Attempts::begin(&upstream.persistence, health, now);
        let mut asking = Self { attempts, question: Some(question) };
        let asked = asking.go_on(next, Denial::ServiceUnavailable, upstream);
        (asking, asked)
    }

    /// The service has replied; `None` where that is its last word.
    pub(super) fn handle_reply(
        &mut self,
        reply: CalloutReply<'_>,
        upstream: &Upstream,
        health: &mut Health,
        now: SystemTime,
    ) -> Option<Asked> {
        let next = self.attempts.handle_reply(reply, &upstream.persistence, health, now)?;
        let denial = reply.verdict().err().unwrap_or(Denial::ServiceUnavailable);
        Some(self.go_on(next, denial, upstream))
    }

    /// The time of [`Asked::Later`] is over.
    pub(super) fn handle_time(&mut self, upstream: &Upstream, health: &mut Health, now: SystemTime) -> Asked {
        let next = self.attempts.handle_time(&upstream.persistence, health, now);
        self.go_on(next, Denial::ServiceUnavailable, upstream)
    }

    fn go_on(&mut self, next: Next, denial: Denial, upstream: &Upstream) -> Asked {
        match next {
            Next::Ask { endpoint, timeout } => {
                let again = upstream.persistence.may_ask_again(upstream.endpoints.len());
                let question = if again { self.question.clone() } else { self.question.take() };
                let callout = question.and_then(|question| upstream.ask(question, endpoint, timeout));
                callout.map_or(Asked::Unavailable(Denial::ServiceUnavailable), Asked::Callout)
            }
            Next::Wait(pause) => Asked::Later(pause),
            Next::GiveUp => Asked::Unavailable(denial),
        }
    }
}

#[cfg(test)]
mod tests;
