//! The order of decisions: one step a stage.

use std::{
    mem,
    time::{Duration, SystemTime},
};

use crate::{
    Answer, Callout, CalloutReply, Config, Denial, HeaderMutation, Permit, PermitReason, Request, issuer,
    rule::{Ruling, Target},
    source::{self, TokenSource},
    token::Token,
};

/// The engine of one configuration; shared by the requests that arrive under it.
#[derive(Debug)]
pub struct Engine {
    config: Config,
}

/// How far clocks may be apart where no issuer says so (RFC 7519, section 4.1.4: "usually no more than a few minutes").
const CLOCK_SKEW: Duration = Duration::from_secs(30);

/// What the caller is to do next with a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Let it pass.
    Continue(Permit),
    /// Answer it.
    Deny(Answer),
    /// Hold it, send this, and hand the reply to [`Exchange::handle_callout_reply`].
    Callout(Callout),
}

/// One request from its headers to its decision.
#[derive(Debug, Default)]
pub struct Exchange {
    state: State,
    /// What is to be changed of the request once it is allowed.
    mutations: Vec<HeaderMutation>,
    /// The answer once the service has allowed a token that does not meet what the rules require.
    unmet: Option<Answer>,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    New,
    AwaitingReply,
    Allowed,
    Denied,
}

impl Engine {
    /// An engine that decides by `config`.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self { config }
    }
}

impl Exchange {
    /// The request's headers have arrived.
    ///
    /// `None` once the request has been handled: it is answered once.
    pub fn handle_request(&mut self, engine: &Engine, request: Request<'_>, now: SystemTime) -> Option<Step> {
        match self.state {
            State::New => {
                let decision = self.decide(engine, request, now);
                Some(self.settle(engine, decision))
            }
            State::AwaitingReply | State::Allowed | State::Denied => None,
        }
    }

    /// The callout that was asked for has been replied to.
    ///
    /// `None` where none is awaited: a decision stands.
    pub fn handle_callout_reply(&mut self, engine: &Engine, reply: CalloutReply<'_>) -> Option<Step> {
        match self.state {
            State::AwaitingReply => {
                // Until the service has allowed the token, nobody has verified its claims.
                let decision = reply.verdict().map(|reason| match self.unmet.take() {
                    Some(answer) => Step::Deny(answer),
                    None => Step::Continue(Permit::new(reason, mem::take(&mut self.mutations))),
                });
                Some(self.settle(engine, decision))
            }
            State::New | State::Allowed | State::Denied => None,
        }
    }

    /// Whether the request has been allowed: until then nothing of it may pass.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.state == State::Allowed
    }

    /// From the headers to a permit, a denial or a question.
    fn decide(&mut self, engine: &Engine, request: Request<'_>, now: SystemTime) -> Result<Step, Denial> {
        let config = &engine.config;
        let target = Target::read(request);
        let ruling = config.rules.ruling(&target, config.ambiguous_paths)?;
        if config.allow_preflight && target.is_preflight(request) {
            return Ok(Step::Continue(Permit::new(PermitReason::Preflight, Vec::new())));
        }
        let requirements = match ruling {
            Ruling::Open => return Ok(Step::Continue(Permit::new(PermitReason::Bypass, Vec::new()))),
            Ruling::Protected(requirements) => requirements,
        };
        let found = source::find(request, &config.tokens.sources)?;
        let token = Token::read(found.text, config.tokens.max_bytes)?;
        if config.issuers.is_empty() {
            token.check_time(now, CLOCK_SKEW)?;
        } else {
            issuer::verify(&config.issuers, &token, now)?;
        }
        let unmet = requirements.iter().find_map(|requirement| {
            let denial = requirement.check(token.claims(), &config.tokens.roles_claim).err()?;
            Some(Answer::new(denial, &requirement.scopes, config.compat))
        });
        match unmet {
            // What a trusted issuer has signed needs nobody's word.
            Some(answer) if !config.issuers.is_empty() => return Ok(Step::Deny(answer)),
            unmet => self.unmet = unmet,
        }
        // Paths are logged everywhere.
        if config.strip_token || matches!(found.source, TokenSource::Query(_)) {
            self.mutations.push(found.source.removal(request));
        }
        let Some(upstream) = &config.upstream else {
            return Ok(Step::Continue(Permit::new(PermitReason::Verified, mem::take(&mut self.mutations))));
        };
        token.check_identifier()?;
        let path = self.mutations.iter().find_map(HeaderMutation::path).or(request.path());
        upstream.ask(&token, request, path.unwrap_or_default()).map(Step::Callout)
    }

    fn settle(&mut self, engine: &Engine, decision: Result<Step, Denial>) -> Step {
        let step = decision.unwrap_or_else(|denial| Step::Deny(Answer::new(denial, &[], engine.config.compat)));
        self.state = match step {
            Step::Continue(_) => State::Allowed,
            Step::Deny(_) => State::Denied,
            Step::Callout(_) => State::AwaitingReply,
        };
        step
    }
}

#[cfg(test)]
mod tests;
