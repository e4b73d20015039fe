//! Runs a scenario on the embedded gateway: on a virtual clock, the same to the byte each time.

mod client;
mod connection;
mod setup;

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use crate::{
    compiler::Module,
    crossings::Crossing,
    foreign::ForeignCall,
    gateway::{Gateway, StreamId},
    logs::LogLine,
    metrics::{MetricReading, MetricValue},
    module::ModuleError,
    profile::Profile,
    world::HttpRequest,
};

use super::{
    format::{Scenario, Step},
    observed::{Exchange, Observed, ObservedCallout, ObservedConnection, State},
    services::{Asked, Journal, Mark, Services},
    timeline::{News, Recorder, Timeline},
    token::{KeyError, TokenKey},
};
use client::{Before, Client};
use connection::Conversation;
use setup::{config, plugin, refusal};

/// A scenario could not be run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No gateway would load the module.
    #[error(transparent)]
    Module(ModuleError),
    /// The plugin ticks, calls out, calls foreign functions, logs or sends messages without end.
    #[error(
        "expected at most {MAX_MOMENTS} moments of the gateway's clock, {MAX_CALLOUTS} callouts and {MAX_KEPT_BYTES} bytes \
         of log, of foreign calls, over gRPC and on connections; shorten the scenario"
    )]
    Endless,
    /// The key that signs tokens could not be made.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// How often the clock may move: a plugin can tick every millisecond of a day.
const MAX_MOMENTS: u32 = 1_000_000;
const MAX_CALLOUTS: usize = 100_000;
const MAX_KEPT_BYTES: usize = 16 * 1024 * 1024;

/// Runs `scenario` with this configuration of the plugin: JSON, as `pluginConfig` becomes in Envoy. Who is followed where the
/// specification and Envoy differ is not the scenario's to say: it is the same on every host.
///
/// # Errors
/// Fails where the module cannot be run at all. What the plugin does wrong is seen, not an error.
pub fn run(
    scenario: &Scenario,
    plugin_configuration: &[u8],
    module: &Module,
    follows: Profile,
) -> Result<Observed, RunError> {
    let run = Run::start(scenario, plugin_configuration, module, follows, Recorded::Nothing)?;
    run.play(scenario).map(|(observed, ..)| observed)
}

/// Runs `scenario` as [`run`] does, which takes longer, and tells all that happened.
///
/// # Errors
/// As [`run`].
pub fn record(
    scenario: &Scenario,
    plugin_configuration: &[u8],
    module: &Module,
    follows: Profile,
) -> Result<(Observed, Timeline), RunError> {
    let run = Run::start(scenario, plugin_configuration, module, follows, Recorded::Timeline)?;
    run.play(scenario).map(|(observed, timeline, _)| (observed, timeline))
}

/// Runs `scenario` as [`run`] does, and gives what crosses between the plugin's VMs and the gateway; nothing where the
/// first configuration is refused.
///
/// # Errors
/// As [`run`].
pub fn crossings(
    scenario: &Scenario,
    plugin_configuration: &[u8],
    module: &Module,
    follows: Profile,
) -> Result<(Observed, Vec<Crossing>), RunError> {
    let run = Run::start(scenario, plugin_configuration, module, follows, Recorded::Crossings)?;
    run.play(scenario).map(|(observed, _, crossings)| (observed, crossings))
}

/// What a run keeps beside what is observed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Recorded {
    Nothing,
    Timeline,
    Crossings,
}

/// A scenario under way.
struct Run<'a> {
    scenario: &'a Scenario,
    module: &'a Module,
    gateway: Gateway<Services<'a>>,
    journal: Journal,
    recorder: Option<Recorder>,
    /// How many callouts the recorder has been told of.
    told: Mark,
    key: TokenKey,
    start: Duration,
    moments: u32,
    clients: Vec<Client>,
    conversations: Vec<Conversation>,
    /// What became of the requests of each step, by number: those in the background end in another order.
    exchanges: Vec<BTreeMap<usize, Exchange>>,
    /// The same of TCP connections.
    connections: Vec<BTreeMap<usize, ObservedConnection>>,
    /// How much has been logged, given to foreign functions and sent on connections, in bytes.
    kept_bytes: usize,
    observed: Observed,
}

impl<'a> Run<'a> {
    fn start(
        scenario: &'a Scenario,
        plugin_configuration: &[u8],
        module: &'a Module,
        follows: Profile,
        recorded: Recorded,
    ) -> Result<Self, RunError> {
        let recorder = (recorded == Recorded::Timeline).then(Recorder::new);
        let journal = Journal::default();
        let mut config = config(scenario, follows, recorder.is_some());
        config.crossings = recorded == Recorded::Crossings;
        let start = config.clock.now();
        let services = || Services::new(scenario, start, journal.clone(), recorder.is_some());
        let plugin = plugin(scenario, plugin_configuration, module);
        let (gateway, logs) = match Gateway::start([plugin], config.clone(), services()) {
            Ok(gateway) => (gateway, None),
            Err(error) => (Gateway::unconfigured(config, services()), Some(refusal(error)?)),
        };
        let grpc = scenario.grpc_services.iter().map(|service| service.cluster.clone());
        let clusters = scenario.services.iter().map(|service| service.cluster.clone()).chain(grpc);
        let observed = Observed { started: logs.is_none(), ..Observed::default() };
        let mut run = Self {
            scenario,
            module,
            gateway: gateway.with_clusters(clusters),
            journal,
            recorder,
            told: Mark::default(),
            key: TokenKey::published()?,
            start,
            moments: 0,
            clients: Vec::new(),
            conversations: Vec::new(),
            exchanges: Vec::new(),
            connections: Vec::new(),
            kept_bytes: 0,
            observed,
        };
        run.take_news(logs.unwrap_or_default());
        Ok(run)
    }

    fn play(mut self, scenario: &Scenario) -> Result<(Observed, Timeline, Vec<Crossing>), RunError> {
        for step in &scenario.steps {
            self.step(step)?;
        }
        self.finish()
    }

    fn step(&mut self, step: &Step) -> Result<(), RunError> {
        match step {
            Step::Request(request) => self.request(request),
            Step::Connection(connection) => self.connection(connection),
            Step::Wait(time) => {
                let until = self.now() + time.unsigned_abs();
                self.pass_until(until)
            }
            Step::Update(update) => self.update(&update.config),
            Step::Expect(_) => {
                let state = self.state();
                self.observed.states.push(state);
                Ok(())
            }
        }
    }

    fn update(&mut self, configuration: &Value) -> Result<(), RunError> {
        let plugin = plugin(self.scenario, configuration.to_string().as_bytes(), self.module);
        let refused = self.gateway.update([plugin]).err();
        self.observed.updates.push(refused.is_none());
        let logs = refused.map(refusal).transpose()?;
        self.take_news(logs.unwrap_or_default());
        self.settle();
        Ok(())
    }

    /// Ends what is still under way, and looks at the gateway for the last time.
    fn finish(mut self) -> Result<(Observed, Timeline, Vec<Crossing>), RunError> {
        while !(self.clients.is_empty() && self.conversations.is_empty()) {
            self.pass_one_moment()?;
        }
        let state = self.state();
        self.observed.states.push(state);
        self.observed.requests = self.exchanges.into_iter().map(|ended| ended.into_values().collect()).collect();
        self.observed.connections = self.connections.into_iter().map(|ended| ended.into_values().collect()).collect();
        self.observed.grpc_callouts = self.journal.grpc_callouts();
        let timeline = self.recorder.map(|recorder| recorder.finish(&self.observed)).unwrap_or_default();
        Ok((self.observed, timeline, self.gateway.take_crossings()))
    }

    fn now(&self) -> Duration {
        self.gateway.now()
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
        let by_itself = self.gateway.next_time();
        let conversations = self.conversations.iter().map(|one| one.next_time(self.now()));
        self.clients.iter().map(Client::next_time).chain(conversations).chain(by_itself).min()
    }

    /// The gateway first, then the clients in the order in which they came.
    fn happen_until(&mut self, time: Duration) -> Result<(), RunError> {
        self.moments += 1;
        self.check_bounds()?;
        self.gateway.run_until(time);
        self.take_news(Vec::new());
        self.clients_act(time);
        self.settle();
        Ok(())
    }

    fn check_bounds(&self) -> Result<(), RunError> {
        let kept_bytes = self.kept_bytes.saturating_add(self.journal.grpc_bytes());
        if self.moments > MAX_MOMENTS || kept_bytes > MAX_KEPT_BYTES || self.journal.len() > MAX_CALLOUTS {
            return Err(RunError::Endless);
        }
        Ok(())
    }

    /// Lets connections go on, and takes note of what has ended, which may let others go on.
    fn settle(&mut self) {
        loop {
            self.converse();
            let ended = [self.close_ended(), self.close_ended_connections()];
            if !ended.contains(&true) || self.conversations.is_empty() {
                return;
            }
        }
    }

    /// Takes over what has been logged, and tells the recorder what has happened.
    fn take_news(&mut self, mut lines: Vec<LogLine>) {
        lines.extend(self.gateway.take_logs());
        let foreign_calls = self.gateway.take_foreign_calls();
        let at = self.now().saturating_sub(self.start);
        if let Some(recorder) = &mut self.recorder {
            let (asked, grpc_asked) = self.journal.since(self.told);
            let news = News {
                trace: self.gateway.take_trace(),
                logs: lines.clone().into(),
                foreign_calls: foreign_calls.clone().into(),
                asked,
                grpc_asked: grpc_asked.into_iter().map(|asked| asked.callout).collect(),
                served: self.journal.take_served(),
            };
            self.told = self.journal.mark();
            recorder.tell(at, news);
        }
        self.kept_bytes += lines.iter().map(|line| line.message.len()).sum::<usize>();
        self.observed.logs.extend(lines);
        self.kept_bytes += foreign_calls.iter().map(kept_bytes).sum::<usize>();
        self.observed.foreign_calls.extend(foreign_calls);
    }

    /// How much there is of everything by now.
    fn mark(&self) -> Before {
        Before {
            logs: self.observed.logs.len(),
            callouts: self.journal.mark(),
            foreign_calls: self.observed.foreign_calls.len(),
        }
    }

    /// The numbers of the foreign calls of a stream, of those since `first`.
    fn foreign_calls_of(&self, stream: StreamId, first: usize) -> Vec<usize> {
        let calls = self.observed.foreign_calls.iter().enumerate().skip(first);
        calls.filter(|(_, call)| call.stream == Some(stream)).map(|(number, _)| number).collect()
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
        let metric = |metric: MetricReading| match metric.value {
            MetricValue::Counter(value) | MetricValue::Gauge(value) => Some((metric.name, value)),
            MetricValue::Histogram { .. } => None,
        };
        State {
            metrics: Some(self.gateway.metrics().into_iter().filter_map(metric).collect()),
            shared_data: Some(self.gateway.shared_data().into_iter().map(|entry| (entry.key, entry.value)).collect()),
            callouts: self.journal.counts(),
            foreign_calls: Some(self.observed.foreign_calls.len()),
            logs: self.observed.logs.len(),
        }
    }
}

/// What is kept of a call, in bytes: many without a name and arguments are too many too.
fn kept_bytes(call: &ForeignCall) -> usize {
    size_of::<ForeignCall>() + call.name.len() + call.arguments.len()
}

/// How a timeline calls a request or a connection; numbers begin with 1.
fn name(kind: &str, (step, number): (usize, usize)) -> String {
    if number == 0 { format!("{kind} {}", step + 1) } else { format!("{kind} {}, time {}", step + 1, number + 1) }
}
