//! Runs a scenario on the embedded gateway: on a virtual clock, the same to the byte each time.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    clock::VirtualClock,
    compiler::Module,
    gateway::{Ending, Gateway, GatewayConfig, Part, StartError, StreamId},
    logs::LogLine,
    module::ModuleError,
    plugin::{self, Plugin},
    world::{HttpRequest, HttpResponse},
};

use super::{
    format::{FailStrategy, Request, Scenario, Step},
    observed::{Exchange, Observed, ObservedCallout, State},
    request::ClientRequest,
    services::{Asked, Journal, Services},
    token::{KeyError, TokenKey},
};

/// A scenario could not be run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No gateway would load the module.
    #[error(transparent)]
    Module(ModuleError),
    /// The plugin ticks, calls out, logs or sends messages without end.
    #[error(
        "expected at most {MAX_MOMENTS} moments of the gateway's clock, {MAX_CALLOUTS} callouts and {MAX_LOG_BYTES} bytes \
         of log; shorten the scenario"
    )]
    Endless,
    /// The key that signs tokens could not be made.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// How often the clock may move: a plugin can tick every millisecond of a day.
const MAX_MOMENTS: u32 = 1_000_000;
const MAX_CALLOUTS: usize = 100_000;
const MAX_LOG_BYTES: usize = 16 * 1024 * 1024;
/// Envoy's default of `reload_config.backoff.base_interval`.
const RELOAD_BACKOFF: Duration = Duration::from_secs(1);
/// How long Envoy keeps a stream on which nothing happens (`stream_idle_timeout`).
const STREAM_IDLE_TIMEOUT: Duration = Duration::from_secs(300);

/// Runs `scenario` with this configuration of the plugin: JSON, as `pluginConfig` becomes in Envoy.
///
/// # Errors
/// Fails where the module cannot be run at all. What the plugin does wrong is seen, not an error.
pub fn run(scenario: &Scenario, plugin_configuration: &[u8], module: &Module) -> Result<Observed, RunError> {
    let mut run = Run::start(scenario, plugin_configuration, module)?;
    for step in &scenario.steps {
        run.step(step)?;
    }
    run.finish()
}

/// A scenario under way.
struct Run<'a> {
    /// `None`: the plugin refused its configuration.
    gateway: Option<Gateway<Services<'a>>>,
    journal: Journal,
    key: TokenKey,
    start: Duration,
    /// The clock where there is no gateway to have one.
    now: Duration,
    moments: u32,
    clients: Vec<Client>,
    /// What became of the requests of each step, by number: those in the background end in another order.
    exchanges: Vec<BTreeMap<usize, Exchange>>,
    log_bytes: usize,
    observed: Observed,
}

/// A client that has sent a request and may still be sending.
struct Client {
    /// Which request: its step among those with requests, and its number within.
    slot: (usize, usize),
    stream: StreamId,
    request: HttpRequest,
    at: Duration,
    /// What is still to be sent, and when; the next one last.
    sends: Vec<(Duration, Send)>,
    leaves_at: Option<Duration>,
    /// When something last happened from its side.
    active: Duration,
    /// How many lines had been logged and callouts made before it came.
    logs_before: usize,
    callouts_before: usize,
}

/// A piece of a request.
struct Send {
    part: Part,
    end: bool,
}

impl<'a> Run<'a> {
    fn start(scenario: &'a Scenario, plugin_configuration: &[u8], module: &Module) -> Result<Self, RunError> {
        let journal = Journal::default();
        let clock = VirtualClock::starting_at(scenario.gateway.clock_start().into());
        let config = GatewayConfig { clock, workers: scenario.gateway.workers.unwrap_or(1).into(), trace: false };
        let plugin =
            Plugin { fail_strategy: scenario.plugin.fail_strategy.into(), ..Plugin::new(module, plugin_configuration) };
        let mut observed = Observed::default();
        let (gateway, logs) = match Gateway::start([plugin], config, Services::new(scenario, journal.clone())) {
            Ok(gateway) => {
                observed.started = true;
                let clusters = scenario.services.iter().map(|service| service.cluster.clone());
                (Some(gateway.with_clusters(clusters)), Vec::new())
            }
            Err(StartError::Refused(refusal)) => (None, refusal.logs),
            Err(StartError::Trapped(_, logs)) => (None, logs),
            Err(StartError::Module(ModuleError::TrapAtStart(_))) => (None, Vec::new()),
            Err(StartError::Module(error)) => return Err(RunError::Module(error)),
        };
        let mut run = Self {
            gateway,
            journal,
            key: TokenKey::published()?,
            start: clock.now(),
            now: clock.now(),
            moments: 0,
            clients: Vec::new(),
            exchanges: Vec::new(),
            log_bytes: 0,
            observed,
        };
        run.log(logs);
        run.take_logs();
        Ok(run)
    }

    fn step(&mut self, step: &Step) -> Result<(), RunError> {
        match step {
            Step::Request(request) => self.request(request),
            Step::Wait(time) => {
                let until = self.now() + time.unsigned_abs();
                self.pass_until(until)
            }
            Step::Update(_) => {
                self.observed.updates.push(false);
                Ok(())
            }
            Step::Expect(_) => {
                let state = self.state();
                self.observed.states.push(state);
                Ok(())
            }
        }
    }

    /// Ends what is still under way, and looks at the gateway for the last time.
    fn finish(mut self) -> Result<Observed, RunError> {
        while !self.clients.is_empty() {
            self.pass_one_moment()?;
        }
        let state = self.state();
        self.observed.states.push(state);
        self.observed.requests = self.exchanges.into_iter().map(|ended| ended.into_values().collect()).collect();
        Ok(self.observed)
    }

    fn request(&mut self, request: &Request) -> Result<(), RunError> {
        let slot = self.exchanges.len();
        self.exchanges.push(BTreeMap::new());
        for number in 0..request.times.unwrap_or(1) as usize {
            self.open(request, (slot, number));
            while !request.background && self.clients.iter().any(|client| client.slot == (slot, number)) {
                self.pass_one_moment()?;
            }
        }
        Ok(())
    }

    fn open(&mut self, request: &Request, slot: (usize, usize)) {
        let now = self.now();
        let sent = request.client_request(now, &self.key);
        self.observed.tokens.extend(sent.token.clone());
        let (logs_before, callouts_before) = (self.observed.logs.len(), self.journal.len());
        let Some(gateway) = &mut self.gateway else {
            let exchange = refused_start(sent.whole(), now.saturating_sub(self.start));
            self.put(slot, exchange);
            return;
        };
        let worker = request.worker.unwrap_or_default().into();
        let stream = gateway.open(worker, sent.headers.clone(), sent.ends_with_headers());
        let whole = sent.whole();
        let client = Client {
            slot,
            stream,
            request: whole,
            at: now,
            sends: sends(sent, now),
            leaves_at: request.leaves_after.map(|time| now + time.unsigned_abs()),
            active: now,
            logs_before,
            callouts_before,
        };
        self.clients.push(client);
        self.take_logs();
        self.close_ended();
    }

    fn now(&self) -> Duration {
        self.gateway.as_ref().map_or(self.now, Gateway::now)
    }

    /// Lets everything happen until `time`.
    fn pass_until(&mut self, time: Duration) -> Result<(), RunError> {
        while let Some(next) = self.next_moment().filter(|next| *next <= time) {
            self.happen_until(next)?;
        }
        self.happen_until(time)
    }

    /// Lets happen what happens next, which is at least that a client has waited too long.
    fn pass_one_moment(&mut self) -> Result<(), RunError> {
        match self.next_moment() {
            Some(next) => self.happen_until(next),
            None => Ok(()),
        }
    }

    /// When something happens next.
    fn next_moment(&self) -> Option<Duration> {
        let by_itself = self.gateway.as_ref().and_then(Gateway::next_time);
        self.clients.iter().map(Client::next_time).chain(by_itself).min()
    }

    /// The gateway first, then the clients in the order in which they came.
    fn happen_until(&mut self, time: Duration) -> Result<(), RunError> {
        self.moments += 1;
        if self.moments > MAX_MOMENTS || self.log_bytes > MAX_LOG_BYTES || self.journal.len() > MAX_CALLOUTS {
            return Err(RunError::Endless);
        }
        let Some(gateway) = &mut self.gateway else {
            self.now = self.now.max(time);
            return Ok(());
        };
        gateway.run_until(time);
        for client in &mut self.clients {
            client.act(gateway, time);
        }
        self.take_logs();
        self.close_ended();
        Ok(())
    }

    /// Takes note of what became of the requests that have ended.
    fn close_ended(&mut self) {
        let now = self.now();
        let Some(gateway) = &mut self.gateway else { return };
        let ended = |client: &mut Client| gateway.has_ended(client.stream) || client.has_waited_too_long(now);
        let ended: Vec<_> = self.clients.extract_if(.., ended).collect();
        for client in ended {
            self.close(client);
        }
    }

    fn close(&mut self, client: Client) {
        let now = self.now();
        let Some(gateway) = &mut self.gateway else { return };
        let outcome = gateway.close(client.stream);
        let answered = !matches!(outcome.ending, Ending::Closed | Ending::ClientLeft);
        self.log(outcome.logs);
        let callouts = self.journal.of(client.stream, client.callouts_before);
        let exchange = Exchange {
            at: client.at.saturating_sub(self.start),
            took: now.saturating_sub(client.at),
            request: client.request,
            response: answered.then_some(outcome.response),
            forwarded: outcome.forwarded.map(|request| (request, outcome.forwarded_trailers)),
            callouts: Some(callouts.into_iter().map(|asked| self.observed_callout(asked)).collect()),
            details: match &outcome.ending {
                Ending::Answered(local) => local.details.clone(),
                _ => String::new(),
            },
            ending: Some(outcome.ending),
            logs: Some(client.logs_before..self.observed.logs.len()),
        };
        self.put(client.slot, exchange);
    }

    fn put(&mut self, (step, number): (usize, usize), exchange: Exchange) {
        if let Some(ended) = self.exchanges.get_mut(step) {
            ended.insert(number, exchange);
        }
    }

    fn take_logs(&mut self) {
        let lines = self.gateway.as_mut().map(Gateway::take_logs).unwrap_or_default();
        self.log(lines);
    }

    fn log(&mut self, lines: Vec<LogLine>) {
        self.log_bytes += lines.iter().map(|line| line.message.len()).sum::<usize>();
        self.observed.logs.extend(lines);
    }

    fn observed_callout(&self, Asked { at, call, took, status, .. }: Asked) -> ObservedCallout {
        let replied = at + took <= self.now();
        ObservedCallout {
            cluster: call.upstream,
            request: HttpRequest { headers: call.headers, body: call.body },
            at: at.saturating_sub(self.start),
            took: replied.then_some(took),
            status: status.filter(|_| replied),
        }
    }

    fn state(&self) -> State {
        State {
            metrics: BTreeMap::new(),
            shared_data: None,
            callouts: self.journal.counts(),
            logs: self.observed.logs.len(),
        }
    }
}

impl Client {
    /// When it does something next, be it that it gives up.
    fn next_time(&self) -> Duration {
        let sends = self.sends.last().map(|(at, _)| *at);
        sends.into_iter().chain(self.leaves_at).fold(self.active + STREAM_IDLE_TIMEOUT, Duration::min)
    }

    /// Sends what is due, and leaves when it is time. Who has got an answer sends nothing more.
    fn act(&mut self, gateway: &mut Gateway<Services<'_>>, now: Duration) {
        while let Some((at, send)) = self.sends.pop_if(|(at, _)| *at <= now) {
            gateway.receive(self.stream, send.part, send.end);
            self.active = at;
        }
        if self.leaves_at.is_some_and(|at| at <= now) {
            gateway.leave(self.stream);
        }
    }

    fn has_waited_too_long(&self, now: Duration) -> bool {
        now >= self.active + STREAM_IDLE_TIMEOUT
    }
}

/// The pieces behind the headers, the next one last. As HTTP/1.1 brings it: Envoy sees the end of a body behind it.
fn sends(sent: ClientRequest, now: Duration) -> Vec<(Duration, Send)> {
    if sent.ends_with_headers() {
        return Vec::new();
    }
    let last = sent.chunks.last().map_or(now, |(at, _)| now + *at);
    let end = if sent.trailers.is_empty() { Part::Data(Vec::new()) } else { Part::Trailers(sent.trailers) };
    let chunks = sent.chunks.into_iter().map(|(at, chunk)| (now + at, Send { part: Part::Data(chunk), end: false }));
    let mut sends: Vec<_> = chunks.chain([(last, Send { part: end, end: true })]).collect();
    sends.reverse();
    sends
}

impl From<FailStrategy> for plugin::FailStrategy {
    fn from(strategy: FailStrategy) -> Self {
        match strategy {
            FailStrategy::Close => Self::Close,
            FailStrategy::Open => Self::Open,
            FailStrategy::Reload => Self::Reload { backoff: RELOAD_BACKOFF },
        }
    }
}

/// What Envoy answers while a plugin has never been configured.
fn refused_start(request: HttpRequest, at: Duration) -> Exchange {
    Exchange {
        at,
        took: Duration::ZERO,
        request,
        response: Some(HttpResponse::new(500)),
        forwarded: None,
        callouts: Some(Vec::new()),
        ending: Some(Ending::Refused("the plugin refused its configuration")),
        details: String::new(),
        logs: Some(0..0),
    }
}
