//! The last stage: the service's word, be it kept, somebody else's to ask for, or asked for now.

use std::time::SystemTime;

use crate::{
    CalloutReply, Denial, Metric, PermitReason,
    callout::Question,
    decisions::{Decisions, Keepable},
    engine::{
        Engine, Step,
        asking::{Asked, Asking},
        coalescing::Word,
    },
    rule::OnError,
    span::Span,
};

use super::Exchange;

impl Exchange {
    /// Decides by the service's word on a question.
    #[inline(never)]
    pub(super) fn ask(&mut self, engine: &mut Engine, question: Question, now: SystemTime) -> Result<Step, Denial> {
        let Engine { config, decisions, coalescing, waiting, health, reports, fingerprints, .. } = engine;
        let Some(upstream) = &config.upstream else { return Err(Denial::ServiceUnavailable) };
        if decisions.is_some() || coalescing.is_some() {
            // Who has waited asks the same as before.
            let mut asked = self.asked_as.unwrap_or_else(|| {
                let expires = question.expires();
                Keepable { question: question.fingerprint(fingerprints), elsewhere: None, expires }
            });
            self.asked_as = Some(asked);
            if let Some(word) = coalescing.as_mut().and_then(|others| others.hear(asked.question, self.stream)) {
                return self.decide_by(decisions.as_mut(), word, now);
            }
            if let Some(decisions) = decisions {
                let verdict = decisions.get(&mut asked, || question.digest(), now);
                self.asked_as = Some(asked);
                reports.count(if verdict.is_some() { Metric::DecisionHit } else { Metric::DecisionMiss });
                if let Some(verdict) = verdict {
                    return self.decide_by(None, Word::Said(verdict), now);
                }
            }
            if let Some(others) = coalescing {
                // Not as if the service were unavailable: whoever has others leave could make that so.
                if self.waits.as_ref().and_then(|waits| waits.others).is_some_and(|span| span.is_over(now)) {
                    return Err(Denial::ServiceUnavailable);
                }
                if !others.is_to_ask(asked.question, self.stream) {
                    let waits = self.waits.get_or_insert_default();
                    let span = *waits.others.get_or_insert_with(|| Span::new(now, upstream.longest()));
                    waiting.add_for(asked.question, self.stream, span);
                    return Ok(Step::Wait);
                }
            }
        }
        let (asking, asked) = Asking::begin(question, upstream, health, now);
        self.asking = Some(asking);
        self.pursue(engine, asked, now)
    }

    /// The service has replied.
    pub(super) fn hear_reply(
        &mut self,
        engine: &mut Engine,
        reply: CalloutReply<'_>,
        now: SystemTime,
    ) -> Result<Step, Denial> {
        let asked = match (&mut self.asking, &engine.config.upstream) {
            (Some(asking), Some(upstream)) => asking.handle_reply(reply, upstream, &mut engine.health, now),
            _ => None,
        };
        if let Some(asked) = asked {
            return self.pursue(engine, asked, now);
        }
        let verdict = reply.verdict();
        if let (Some(decisions), Some(asked)) = (&mut engine.decisions, self.asked_as) {
            decisions.keep(asked, verdict, now);
        }
        self.hear(engine, Word::Said(verdict), now)
    }

    /// Puts the question again, if it is time for that.
    pub(super) fn ask_again(&mut self, engine: &mut Engine, pause: Span, now: SystemTime) -> Result<Step, Denial> {
        let asked = match (&mut self.asking, &engine.config.upstream) {
            // Whoever waits is woken by whatever comes for anybody.
            _ if !pause.is_over(now) => Asked::Later(pause),
            (Some(asking), Some(upstream)) => asking.handle_time(upstream, &mut engine.health, now),
            _ => Asked::Unavailable(Denial::ServiceUnavailable),
        };
        self.pursue(engine, asked, now)
    }

    /// Nothing more comes of the request: who waits for what it has asked needs somebody else to ask.
    pub(super) fn leave_question(&self, engine: &mut Engine) {
        if let (Some(others), Some(asked)) = (&mut engine.coalescing, self.asked_as) {
            others.leave(asked.question, self.stream, &mut engine.waiting);
        }
    }

    fn pursue(&mut self, engine: &mut Engine, asked: Asked, now: SystemTime) -> Result<Step, Denial> {
        if let Some(waits) = &mut self.waits {
            waits.again = None;
        }
        match asked {
            Asked::Callout(callout) => Ok(Step::Callout(callout)),
            Asked::Later(pause) => {
                engine.waiting.add(self.stream, pause);
                self.waits.get_or_insert_default().again = Some(pause);
                Ok(Step::Wait)
            }
            Asked::Unavailable(denial) => self.hear(engine, Word::Unavailable(denial), now),
        }
    }

    /// What came of the question that the request has put.
    fn hear(&mut self, engine: &mut Engine, word: Word, now: SystemTime) -> Result<Step, Denial> {
        if let (Some(others), Some(asked)) = (&mut engine.coalescing, self.asked_as) {
            others.tell(asked.question, self.stream, word, &mut engine.waiting);
        }
        self.decide_by(engine.decisions.as_mut(), word, now)
    }

    fn decide_by(&mut self, decisions: Option<&mut Decisions>, word: Word, now: SystemTime) -> Result<Step, Denial> {
        let verdict = match (word, self.on_error) {
            (Word::Said(verdict), _) => verdict,
            (Word::Unavailable(denial), OnError::Deny) => Err(denial),
            (Word::Unavailable(denial), OnError::StaleThenDeny) => {
                let known = decisions.zip(self.asked_as);
                let has_allowed = known.is_some_and(|(decisions, asked)| decisions.has_allowed(&asked, now));
                if has_allowed { Ok(PermitReason::Stale) } else { Err(denial) }
            }
            (Word::Unavailable(_), OnError::Allow) => Ok(PermitReason::FailOpen),
        };
        verdict.map(|reason| self.allow(reason))
    }
}
