//! The order of decisions: one step a stage.

mod waiting;

use std::{
    mem,
    time::{Duration, SystemTime},
};

use crate::{
    Answer, Callout, CalloutReply, Config, Denial, HeaderMutation, Permit, PermitReason, Request,
    denial::Obstacle,
    fetch::{Fetch, FetchId, FetchReply},
    issuer::Verifier,
    rule::{Ruling, Target},
    source::{self, TokenSource},
    token::Token,
};

use waiting::Waiting;

/// The engine of one configuration in one VM: what the requests that arrive under it share.
#[derive(Debug)]
pub struct Engine {
    config: Config,
    verifier: Verifier,
    waiting: Waiting,
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
    /// Hold it until [`Engine::take_woken`] names it, and hand its headers to [`Exchange::handle_request`] again.
    Wait,
}

/// One request from its headers to its decision.
#[derive(Debug)]
pub struct Exchange {
    stream: u32,
    state: State,
    /// Until when it may wait, once it does.
    deadline: Option<SystemTime>,
    /// What is to be changed of the request once it is allowed.
    mutations: Vec<HeaderMutation>,
    /// What the upstream is told of the token, once somebody has vouched for it.
    identity: Vec<HeaderMutation>,
    /// The answer once the service has allowed a token that does not meet what the rules require.
    unmet: Option<Answer>,
    /// Whether the client speaks gRPC; known once the request is not simply allowed.
    to_grpc: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    New,
    Waiting,
    AwaitingReply,
    Allowed,
    Denied,
}

impl Engine {
    /// An engine that decides by `config`.
    #[must_use]
    pub fn new(mut config: Config) -> Self {
        let verifier = Verifier::new(mem::take(&mut config.issuers), config.tokens.max_failures);
        Self { config, verifier, waiting: Waiting::default() }
    }

    /// When [`Self::handle_tick`] is to be called next; `None`: whenever something has been waited for, or never.
    ///
    /// Changes with each [`Step::Wait`], tick and reply.
    #[must_use]
    pub fn next_tick(&self, now: SystemTime) -> Option<Duration> {
        let next = [self.verifier.next_fetch(), self.waiting.next_deadline()].into_iter().flatten().min()?;
        Some(next.duration_since(now).unwrap_or_default())
    }

    /// Time has passed; gives what is to be fetched.
    pub fn handle_tick(&mut self, now: SystemTime) -> Vec<Fetch> {
        self.waiting.wake_late(now);
        self.verifier.fetches(now).map(|(place, callout)| Fetch { id: FetchId::Keys(place), callout }).collect()
    }

    /// Something that was to be fetched has come, or has not; gives what the log should say of it, once for all failures in
    /// a row.
    pub fn handle_fetch_reply(&mut self, id: FetchId, reply: FetchReply<'_>, now: SystemTime) -> Option<String> {
        let FetchId::Keys(place) = id;
        let said = self.verifier.handle_reply(place, reply, now);
        self.waiting.wake_all();
        said
    }

    /// The requests that do not have to wait any longer, by their [`Exchange::new`] number.
    pub fn take_woken(&mut self) -> Vec<u32> {
        self.waiting.take_woken()
    }
}

impl Exchange {
    /// A request; `stream` is the caller's number of it, which no other has as long as it lasts.
    #[must_use]
    pub fn new(stream: u32) -> Self {
        Self {
            stream,
            state: State::New,
            deadline: None,
            mutations: Vec::new(),
            identity: Vec::new(),
            unmet: None,
            to_grpc: false,
        }
    }

    /// The request's headers have arrived, or it has waited for long enough.
    ///
    /// `None` once the request has been handled: it is answered once.
    pub fn handle_request(&mut self, engine: &mut Engine, request: Request<'_>, now: SystemTime) -> Option<Step> {
        if !matches!(self.state, State::New | State::Waiting) {
            return None;
        }
        let decision = self.decide(engine, request, now).or_else(|obstacle| match obstacle {
            Obstacle::Lasting(denial) => Err(denial),
            Obstacle::Passing(denial) => {
                let deadline = *self.deadline.get_or_insert(now + engine.config.timeout);
                if now >= deadline {
                    return Err(denial);
                }
                engine.waiting.add(self.stream, deadline);
                Ok(Step::Wait)
            }
        });
        if !matches!(decision, Ok(Step::Continue(_))) {
            self.to_grpc = request.is_grpc();
        }
        Some(self.settle(engine, decision))
    }

    /// The callout that was asked for has been replied to.
    ///
    /// `None` where none is awaited: a decision stands.
    pub fn handle_callout_reply(&mut self, engine: &mut Engine, reply: CalloutReply<'_>) -> Option<Step> {
        match self.state {
            State::AwaitingReply => {
                // Until the service has allowed the token, nobody has verified its claims.
                let decision = reply.verdict().map(|reason| match self.unmet.take() {
                    Some(answer) => Step::Deny(answer),
                    None => Step::Continue(self.permit(reason)),
                });
                Some(self.settle(engine, decision))
            }
            State::New | State::Waiting | State::Allowed | State::Denied => None,
        }
    }

    /// The request is over, decided or not.
    pub fn handle_end(&mut self, engine: &mut Engine) {
        if self.state == State::Waiting {
            engine.waiting.remove(self.stream);
        }
    }

    /// The gateway did not change the request as its permit says: the permit is void.
    ///
    /// `None` where there was none.
    pub fn handle_refused_change(&mut self, engine: &Engine) -> Option<Answer> {
        match self.state {
            State::Allowed => {
                self.state = State::Denied;
                Some(Answer::new(Denial::GatewayFailure, &[], engine.config.errors, self.to_grpc))
            }
            State::New | State::Waiting | State::AwaitingReply | State::Denied => None,
        }
    }

    /// Whether the request has been allowed: until then nothing of it may pass.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.state == State::Allowed
    }

    /// From the headers to a permit, a denial or a question.
    fn decide(&mut self, engine: &mut Engine, request: Request<'_>, now: SystemTime) -> Result<Step, Obstacle> {
        let Engine { config, verifier, .. } = engine;
        // What clients may not say.
        self.mutations = config.identity.removals(request);
        // Rules.
        let requirements = match ruling(config, request)? {
            Ruling::Open(reason) => return Ok(Step::Continue(self.permit(reason))),
            Ruling::Protected(requirements) => requirements,
        };
        // The token and its form.
        let found = source::find(request, &config.tokens.sources)?;
        let token = Token::read(found.text, config.tokens.max_bytes)?;
        // Signature, time and claims.
        let is_verified = !verifier.is_empty();
        if is_verified {
            verifier.verify(&token, request, now)?;
        } else {
            token.check_time(now, CLOCK_SKEW)?;
        }
        // What the rules require.
        let unmet = requirements.iter().find_map(|requirement| {
            let denial = requirement.check(token.claims(), &config.tokens.roles_claim).err()?;
            Some(Answer::new(denial, &requirement.scopes, config.errors, request.is_grpc()))
        });
        // What the upstream is to be told.
        let unmet = unmet.or_else(|| match config.identity.headers(token.claims()) {
            Ok(headers) => {
                self.identity = headers;
                None
            }
            Err(denial) => Some(Answer::new(denial, &[], config.errors, request.is_grpc())),
        });
        match unmet {
            // What a trusted issuer has signed needs nobody's word.
            Some(answer) if is_verified => return Ok(Step::Deny(answer)),
            unmet => self.unmet = unmet,
        }
        // Paths are logged everywhere.
        if config.strip_token || matches!(found.source, TokenSource::Query(_)) {
            self.mutations.push(found.source.removal(request));
        }
        // The service's word.
        let Some(upstream) = &config.upstream else {
            return Ok(Step::Continue(self.permit(PermitReason::Verified)));
        };
        token.check_identifier()?;
        let path = self.mutations.iter().find_map(HeaderMutation::path).or(request.path());
        Ok(upstream.ask(&token, request, path.unwrap_or_default()).map(Step::Callout)?)
    }

    fn permit(&mut self, reason: PermitReason) -> Permit {
        let mut mutations = mem::take(&mut self.mutations);
        if reason.vouches_for_claims() {
            mutations.append(&mut self.identity);
        }
        Permit::new(reason, mutations)
    }

    fn settle(&mut self, engine: &Engine, decision: Result<Step, Denial>) -> Step {
        let answer = |denial| Answer::new(denial, &[], engine.config.errors, self.to_grpc);
        let step = decision.unwrap_or_else(|denial| Step::Deny(answer(denial)));
        self.state = match step {
            Step::Continue(_) => State::Allowed,
            Step::Deny(_) => State::Denied,
            Step::Callout(_) => State::AwaitingReply,
            Step::Wait => State::Waiting,
        };
        step
    }
}

/// What the rules say.
fn ruling<'a>(config: &'a Config, request: Request<'_>) -> Result<Ruling<'a>, Denial> {
    let target = Target::read(request);
    let ruling = config.rules.ruling(&target, config.ambiguous_paths)?;
    let is_preflight = config.allow_preflight && target.is_preflight();
    Ok(if is_preflight { Ruling::Open(PermitReason::Preflight) } else { ruling })
}

#[cfg(test)]
mod tests;
