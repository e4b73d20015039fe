//! The order of decisions: one step a stage.

mod service;

use std::{
    mem,
    time::{Duration, SystemTime},
};

use crate::{
    Answer, CalloutReply, Config, Denial, HeaderMutation, Permit, PermitReason, Request,
    audit::{Decision, Record},
    decisions::Keepable,
    denial::Obstacle,
    revocation::{SnapshotState, Verdict},
    rule::{OnError, Ruling, Target},
    source::{self, TokenSource},
    span::Span,
    token::Token,
};

use super::{Engine, Step, asking::Asking};

/// How far clocks may be apart where no issuer says so (RFC 7519, section 4.1.4: "usually no more than a few minutes").
const CLOCK_SKEW: Duration = Duration::from_secs(30);

/// One request from its headers to its decision.
///
/// What few requests have is boxed: a gateway takes the memory for all of this with each.
#[derive(Debug)]
pub struct Exchange {
    stream: u32,
    state: State,
    /// When the callout was asked for.
    asked: Option<SystemTime>,
    /// For what it may wait how long, once it does.
    waits: Option<Box<Waits>>,
    /// What is to be changed of the request once it is allowed.
    mutations: Vec<HeaderMutation>,
    /// What the upstream is told of the token, once somebody has vouched for it.
    identity: Vec<HeaderMutation>,
    /// The answer once the service has allowed a token that does not meet what the rules require.
    unmet: Option<Box<Answer>>,
    /// What the audit is to tell of it.
    record: Option<Box<Record>>,
    /// Whether the client speaks gRPC; known once the request is not simply allowed.
    to_grpc: bool,
    /// The question to the service, once it has been put.
    asking: Option<Asking>,
    /// What its answer is known as, where it may be of use to others.
    asked_as: Option<Keepable>,
    /// What counts where nobody can be asked.
    on_error: OnError,
}

/// For what a request may wait how long, once it does.
#[derive(Debug, Default)]
struct Waits {
    /// What may take an obstacle away.
    obstacle: Option<Span>,
    /// What others hear who have asked the same.
    others: Option<Span>,
    /// That its question is put again.
    again: Option<Span>,
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

impl Exchange {
    /// A request; `stream` is the caller's number of it, which no other has as long as it lasts.
    #[must_use]
    pub fn new(stream: u32) -> Self {
        Self {
            stream,
            state: State::New,
            asked: None,
            waits: None,
            mutations: Vec::new(),
            identity: Vec::new(),
            unmet: None,
            record: None,
            to_grpc: false,
            asking: None,
            asked_as: None,
            on_error: OnError::Deny,
        }
    }

    /// The request's headers have arrived, or it has waited for long enough.
    ///
    /// `None` once the request has been handled: it is answered once.
    pub fn handle_request(&mut self, engine: &mut Engine, request: Request<'_>, now: SystemTime) -> Option<Step> {
        if !engine.config.is_shadow {
            return self.go_on(engine, request, now);
        }
        let step = self.pass()?;
        engine.shadow(request, now);
        Some(step)
    }

    /// The gateway gives nothing to decide by: no headers, or no time.
    ///
    /// `None` once the request has been handled.
    pub fn handle_unread(&mut self, engine: &mut Engine) -> Option<Step> {
        if engine.config.is_shadow {
            let step = self.pass()?;
            engine.shadow_unread();
            return Some(step);
        }
        if !matches!(self.state, State::New | State::Waiting) {
            return None;
        }
        self.handle_end(engine);
        self.state = State::Denied;
        Some(Step::Deny(Answer::new(Denial::GatewayFailure, &[], engine.config.errors, self.to_grpc)))
    }

    /// Lets the request pass as it is, whatever is decided about it.
    fn pass(&mut self) -> Option<Step> {
        if self.state != State::New {
            return None;
        }
        self.state = State::Allowed;
        Some(Step::Continue(Permit::new(PermitReason::Shadow, Vec::new())))
    }

    /// The caller's number of the request.
    pub(super) fn stream(&self) -> u32 {
        self.stream
    }

    /// From the request to what is to be done next.
    pub(super) fn go_on(&mut self, engine: &mut Engine, request: Request<'_>, now: SystemTime) -> Option<Step> {
        if !matches!(self.state, State::New | State::Waiting) {
            return None;
        }
        let decision = match self.waits.as_ref().and_then(|waits| waits.again) {
            Some(pause) => self.ask_again(engine, pause, now),
            None => self.decide(engine, request, now).or_else(|obstacle| self.wait(engine, obstacle, now)),
        };
        if !matches!(decision, Ok(Step::Continue(_))) {
            self.to_grpc = request.is_grpc();
        }
        Some(self.settle(engine, decision, now))
    }

    /// The callout that was asked for has been replied to.
    ///
    /// `None` where none is awaited: a decision stands.
    pub fn handle_callout_reply(
        &mut self,
        engine: &mut Engine,
        reply: CalloutReply<'_>,
        now: SystemTime,
    ) -> Option<Step> {
        if self.state != State::AwaitingReply {
            return None;
        }
        let decision = self.hear_reply(engine, reply, now);
        Some(self.settle(engine, decision, now))
    }

    /// How long the callout has taken, once, in milliseconds: since it was asked for.
    pub fn take_callout_time(&mut self, now: SystemTime) -> Option<u64> {
        let took = now.duration_since(self.asked.take()?).ok()?;
        let seconds = u32::try_from(took.as_secs()).unwrap_or(u32::MAX);
        Some(u64::from(seconds) * 1000 + u64::from(took.subsec_millis()))
    }

    /// What the audit tells of a request that was let through, once.
    pub fn audit_permit(&mut self, engine: &mut Engine, permit: &Permit) -> Option<String> {
        self.audit(engine, &Decision::Allowed(permit))
    }

    /// What the audit tells of a request that was answered, once.
    pub fn audit_answer(&mut self, engine: &mut Engine, answer: &Answer) -> Option<String> {
        self.audit(engine, &Decision::Denied(answer))
    }

    fn audit(&mut self, engine: &mut Engine, decision: &Decision<'_>) -> Option<String> {
        let record = self.record.take()?;
        engine.config.audit.line(&record, decision, engine.config.number, &mut engine.sampler)
    }

    /// The request is over, decided or not. Whether it was not: then others may have been woken in its place.
    pub fn handle_end(&mut self, engine: &mut Engine) -> bool {
        match self.state {
            State::New | State::Allowed | State::Denied => return false,
            State::Waiting => engine.waiting.remove(self.stream),
            State::AwaitingReply => {}
        }
        self.leave_question(engine);
        true
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

    /// Whether a callout that was asked for has not been replied to yet.
    #[must_use]
    pub fn awaits_reply(&self) -> bool {
        self.state == State::AwaitingReply
    }

    /// From the headers to a permit, a denial or a question.
    #[inline(never)]
    fn decide(&mut self, engine: &mut Engine, request: Request<'_>, now: SystemTime) -> Result<Step, Obstacle> {
        let Engine { config, tokens, verifier, revocations, reports, .. } = engine;
        self.record = config.audit.record(request).map(Box::new);
        // What clients may not say.
        self.mutations.clear();
        config.identity.remove(request, &mut self.mutations);
        // Rules.
        let (requirements, on_error) = match ruling(config, request)? {
            Ruling::Open(reason) => return Ok(Step::Continue(self.permit(reason))),
            Ruling::Protected(requirements, on_error) => (requirements, on_error),
        };
        // The token and its form.
        let found = source::find(request, &config.tokens.sources)?;
        let token = tokens.read(&found, config.tokens.max_bytes)?;
        // Signature, time and claims.
        let is_verified = !verifier.is_empty();
        if is_verified {
            verifier.verify(&token, request, now, reports)?;
        } else {
            token.check_time(now, CLOCK_SKEW)?;
        }
        if let Some(record) = &mut self.record {
            record.add_claims(token.claims());
        }
        // Revocation.
        let verdict = revocations.as_ref().map(|revocations| self.verdict(revocations, &token, now)).transpose()?;
        // What the rules require.
        let unmet = requirements.iter().find_map(|requirement| {
            let denial = requirement.check(token.claims(), &config.tokens.roles_claim).err()?;
            Some(Answer::new(denial, &requirement.scopes, config.errors, request.is_grpc()))
        });
        // What the upstream is to be told.
        self.identity.clear();
        let unmet = unmet.or_else(|| {
            let denial = config.identity.set(token.claims(), &mut self.identity).err()?;
            Some(Answer::new(denial, &[], config.errors, request.is_grpc()))
        });
        match unmet {
            // What a trusted issuer has signed needs nobody's word.
            Some(answer) if is_verified => return Ok(Step::Deny(answer)),
            unmet => self.unmet = unmet.map(Box::new),
        }
        // Paths are logged everywhere.
        if config.strip_token || matches!(found.source, TokenSource::Query(_)) {
            self.mutations.push(found.source.removal(request));
        }
        // The service's word.
        let upstream = match (&config.upstream, verdict) {
            (Some(upstream), None | Some(Verdict::Ask)) => upstream,
            // What cannot be looked up, and nobody can be asked about.
            (None, Some(Verdict::Ask)) => return Err(Denial::MissingClaim.into()),
            (None, None) | (_, Some(_)) => return Ok(self.allow(PermitReason::Verified)),
        };
        token.check_identifier()?;
        let path = self.mutations.iter().find_map(HeaderMutation::path);
        let question = upstream.question(token, request, path)?;
        // What may be revoked does not pass because nobody can tell.
        self.on_error = if verdict.is_some() { OnError::Deny } else { on_error };
        Ok(self.ask(engine, question, now)?)
    }

    /// Waits for what may take an obstacle away, unless the request has waited for long enough.
    fn wait(&mut self, engine: &mut Engine, obstacle: Obstacle, now: SystemTime) -> Result<Step, Denial> {
        let denial = match obstacle {
            Obstacle::Lasting(denial) => return Err(denial),
            Obstacle::Passing(denial) => denial,
        };
        let span = *self.waits.get_or_insert_default().obstacle.get_or_insert(Span::new(now, engine.config.timeout));
        if span.is_over(now) {
            return Err(denial);
        }
        engine.waiting.add(self.stream, span);
        Ok(Step::Wait)
    }

    /// Lets the request pass, unless its token lacks what the rules require: without issuers nobody has verified that before.
    fn allow(&mut self, reason: PermitReason) -> Step {
        match self.unmet.take() {
            Some(answer) => Step::Deny(*answer),
            None => Step::Continue(self.permit(reason)),
        }
    }

    /// What is known of the token's revocation: that it is clear, or that the service is to be asked.
    fn verdict(&self, revocations: &SnapshotState, token: &Token, now: SystemTime) -> Result<Verdict, Obstacle> {
        let has_waited = self.waits.as_ref().and_then(|waits| waits.obstacle).is_some_and(|span| span.is_over(now));
        if revocations.snapshot().is_none() && !has_waited {
            return Err(Obstacle::Passing(Denial::RevocationsUnavailable));
        }
        match revocations.verdict(token.claims(), now) {
            Verdict::Revoked => Err(Denial::RevokedToken.into()),
            Verdict::Stale => Err(Denial::RevocationsUnavailable.into()),
            verdict @ (Verdict::Clear | Verdict::Ask) => Ok(verdict),
        }
    }

    fn permit(&mut self, reason: PermitReason) -> Permit {
        let mut mutations = mem::take(&mut self.mutations);
        if reason.vouches_for_claims() {
            mutations.append(&mut self.identity);
        }
        Permit::new(reason, mutations)
    }

    fn settle(&mut self, engine: &mut Engine, decision: Result<Step, Denial>, now: SystemTime) -> Step {
        let answer = |denial| Answer::new(denial, &[], engine.config.errors, self.to_grpc);
        let step = decision.unwrap_or_else(|denial| Step::Deny(answer(denial)));
        self.state = match step {
            Step::Continue(_) => State::Allowed,
            Step::Deny(_) => State::Denied,
            Step::Callout(_) => State::AwaitingReply,
            Step::Wait => State::Waiting,
        };
        match self.state {
            State::AwaitingReply => self.asked = Some(now),
            State::Allowed | State::Denied => self.leave_question(engine),
            State::New | State::Waiting => {}
        }
        step
    }
}

/// What the rules say.
#[inline(never)]
fn ruling<'a>(config: &'a Config, request: Request<'_>) -> Result<Ruling<'a>, Denial> {
    let target = Target::new(request);
    let ruling = config.rules.ruling(&target, config.ambiguous_paths)?;
    let is_preflight = config.allow_preflight && target.is_preflight();
    Ok(if is_preflight { Ruling::Open(PermitReason::Preflight) } else { ruling })
}
