//! A gateway: workers that run the plugin, the streams that walk through them, and the clock that they wait on.

mod agenda;
mod half;
mod outcome;
mod worker;

use std::{collections::BTreeMap, time::Duration};

use crate::{
    clock::VirtualClock,
    compiler::Module,
    headers::HeaderMap,
    module::ModuleError,
    shared::Shared,
    state::{Dispatched, LogLine, VmState},
    vm::{Fault, ROOT_CONTEXT, Vm},
    world::{CallOutcome, HttpRequest, HttpResponse, World},
};

pub use half::Part;
pub use outcome::{Callout, Cost, Ending, Outcome};

use agenda::{Agenda, Event, Reply};
use worker::Worker;

/// A running gateway.
pub struct Gateway<W> {
    shared: Shared,
    workers: Vec<Worker>,
    world: W,
    agenda: Agenda,
    /// Callouts that were replied to, by the stream that made them.
    callouts: BTreeMap<StreamId, Vec<Callout>>,
}

/// How a gateway is configured.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// The plugin's configuration: JSON, as `pluginConfig` becomes in Envoy.
    pub plugin_configuration: Vec<u8>,
    /// The VM's configuration.
    pub vm_configuration: Vec<u8>,
    /// When the gateway starts.
    pub clock: VirtualClock,
    /// How many workers it has, each with a VM of its own; at least one is started.
    pub workers: usize,
    /// Whether every call between host and guest is recorded, for [`Gateway::take_trace`].
    pub trace: bool,
}

/// A stream of a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId {
    worker: usize,
    context: u32,
}

/// Why a gateway did not start. Envoy then answers every request with 500.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The module does not run.
    #[error(transparent)]
    Module(#[from] ModuleError),
    /// The plugin said no.
    #[error("the plugin refused its configuration")]
    Refused(Refusal),
    /// The plugin trapped.
    #[error("the plugin trapped while it was configured")]
    Trapped(#[source] Fault, Vec<LogLine>),
}

/// A plugin's no to its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The callback that answered false.
    pub callback: &'static str,
    /// What the plugin logged.
    pub logs: Vec<LogLine>,
}

/// How long Envoy keeps a stream on which nothing happens (`stream_idle_timeout`).
const STREAM_IDLE_TIMEOUT: Duration = Duration::from_secs(300);

impl<W: World> Gateway<W> {
    /// Starts the plugin in every worker: the module, then the VM's and the plugin's configuration.
    ///
    /// # Errors
    /// Whatever keeps Envoy from starting it.
    pub fn start(module: &Module, config: GatewayConfig, world: W) -> Result<Self, StartError> {
        let shared = Shared::new(config.clock);
        let start = |worker| start_vm(module, &config, shared.clone(), worker).map(Worker::new);
        let workers = (0..config.workers.max(1)).map(start).collect::<Result<Vec<_>, _>>()?;
        let mut gateway = Self { shared, workers, world, agenda: Agenda::default(), callouts: BTreeMap::new() };
        gateway.collect();
        Ok(gateway)
    }

    /// Says which clusters there are; a callout to any other cannot be sent. Without this, every cluster is there.
    #[must_use]
    pub fn with_clusters(self, names: impl IntoIterator<Item = String>) -> Self {
        self.shared.get().clusters = Some(names.into_iter().collect());
        self
    }

    /// What the plugin has logged since this was last asked, or since the last outcome.
    pub fn take_logs(&mut self) -> Vec<LogLine> {
        self.workers.iter_mut().flat_map(Worker::take_logs).collect()
    }

    /// Every call between host and guest since this was last asked, worker by worker, in the words of Envoy's log at
    /// `wasm:trace`; at most a million lines a worker.
    pub fn take_trace(&mut self) -> Vec<String> {
        self.workers.iter_mut().flat_map(Worker::take_trace).collect()
    }

    /// The gateway's clock: the time since the Unix epoch.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.shared.get().clock.now()
    }

    /// A client opens a stream with its headers. Workers are numbered from 0; beyond the last one they begin again.
    pub fn open(&mut self, worker: usize, headers: HeaderMap, end: bool) -> StreamId {
        let number = worker.checked_rem(self.workers.len()).unwrap_or_default();
        let context = self.workers.get_mut(number).map_or(ROOT_CONTEXT, |worker| worker.open(headers, end));
        self.collect();
        StreamId { worker: number, context }
    }

    /// A further piece of a request arrives from the client.
    pub fn receive(&mut self, stream: StreamId, part: Part, end: bool) {
        self.on(stream.worker, |worker| worker.receive_request(stream.context, part, end));
    }

    /// The client goes away.
    pub fn leave(&mut self, stream: StreamId) {
        self.on(stream.worker, |worker| worker.end(stream.context, Ending::ClientLeft));
    }

    /// Whether a stream has come to its end.
    #[must_use]
    pub fn has_ended(&self, stream: StreamId) -> bool {
        self.workers.get(stream.worker).is_none_or(|worker| worker.has_ended(stream.context))
    }

    /// When something happens next by itself, on the gateway's clock.
    #[must_use]
    pub fn next_time(&self) -> Option<Duration> {
        self.agenda.next_time()
    }

    /// Lets time pass until `time`, and everything happen that happens until then.
    pub fn run_until(&mut self, time: Duration) {
        while let Some((at, event)) = self.agenda.take_until(time) {
            self.shared.get().clock.advance_to(at);
            self.happen(event);
        }
        self.shared.get().clock.advance_to(time);
    }

    /// What became of a stream. One that has not ended by now is held for ever.
    pub fn close(&mut self, stream: StreamId) -> Outcome {
        self.on(stream.worker, |worker| worker.end(stream.context, Ending::Hung));
        let callouts = self.callouts.remove(&stream).unwrap_or_default();
        self.workers.get_mut(stream.worker).map(|worker| worker.outcome(stream.context, callouts)).unwrap_or_default()
    }

    /// Sends a request through the first worker to its end.
    pub fn request(&mut self, request: &HttpRequest) -> Outcome {
        let give_up = self.now() + STREAM_IDLE_TIMEOUT;
        let bodiless = request.body.is_empty();
        let stream = self.open(0, request.headers.clone(), bodiless);
        if !bodiless {
            // As HTTP/1.1 brings it: Envoy sees the end of a body behind it.
            self.receive(stream, Part::Data(request.body.clone()), false);
            self.receive(stream, Part::Data(Vec::new()), true);
        }
        while !self.has_ended(stream)
            && let Some(time) = self.next_time().filter(|time| *time <= give_up)
        {
            self.run_until(time);
        }
        self.close(stream)
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Reply(reply) => {
                let stream = StreamId { worker: reply.worker, context: reply.context };
                let status = reply.response.as_ref().map(HttpResponse::status);
                self.callouts.entry(stream).or_default().push(Callout { call: reply.call, status, took: reply.took });
                self.on(stream.worker, |worker| worker.reply(reply.token, reply.context, reply.response));
            }
            Event::Response { worker, context, response } => {
                self.on(worker, |worker| worker.receive_response(context, response));
            }
            Event::QueueReady { worker, queue } => self.on(worker, |worker| worker.queue_ready(queue)),
            Event::Tick { worker, period } => {
                let next = self.now() + period;
                self.agenda.enter_tick(next, worker, period);
                self.on(worker, Worker::tick);
            }
        }
    }

    fn on(&mut self, worker: usize, happens: impl FnOnce(&mut Worker)) {
        if let Some(worker) = self.workers.get_mut(worker) {
            happens(worker);
            self.collect();
        }
    }

    /// Picks up what the plugin has set going: callouts, requests for the upstream, messages, ticks.
    fn collect(&mut self) {
        let now = self.now();
        for (number, worker) in self.workers.iter_mut().enumerate() {
            for (context, request) in worker.take_forwarded() {
                let response = self.world.serve(&request);
                self.agenda.enter(now, Event::Response { worker: number, context, response });
            }
            let Ok(vm) = &mut worker.vm else { continue };
            for dispatched in std::mem::take(&mut vm.state().dispatched) {
                let (response, took) = outcome_of(&dispatched, &mut self.world);
                let Dispatched { token, context, call } = dispatched;
                self.agenda
                    .enter(now + took, Event::Reply(Reply { worker: number, token, context, call, response, took }));
            }
            match vm.state().tick.take() {
                Some(Some(period)) => self.agenda.enter_tick(now + period, number, period),
                Some(None) => self.agenda.forget_ticks(number),
                None => {}
            }
        }
        while let Some((worker, queue)) = self.shared.get().queues.take_ready() {
            self.agenda.enter(now, Event::QueueReady { worker, queue });
        }
    }
}

/// What the plugin gets back from a callout, and when; no response: the stream was reset.
fn outcome_of(dispatched: &Dispatched, world: &mut impl World) -> (Option<HttpResponse>, Duration) {
    let call = &dispatched.call;
    match world.call(call) {
        CallOutcome::Reply { mut response, delay } if delay < call.timeout => {
            response.headers.add("x-envoy-upstream-service-time", delay.as_millis().to_string());
            (Some(response), delay)
        }
        CallOutcome::Reply { .. } | CallOutcome::Timeout => {
            (Some(HttpResponse::made_up(504, "upstream request timeout")), call.timeout)
        }
        CallOutcome::Refused => (Some(HttpResponse::made_up(503, CONNECTION_REFUSED)), Duration::ZERO),
        CallOutcome::Reset => (Some(HttpResponse::made_up(503, CONNECTION_RESET)), Duration::ZERO),
        CallOutcome::ResetMidway => (None, Duration::ZERO),
    }
}

/// What Envoy puts into the body where nothing listens.
const CONNECTION_REFUSED: &str =
    "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure";

/// What Envoy puts into the body where the service hangs up before its reply.
const CONNECTION_RESET: &str =
    "upstream connect error or disconnect/reset before headers. reset reason: connection termination";

fn start_vm(module: &Module, config: &GatewayConfig, shared: Shared, worker: usize) -> Result<Vm, StartError> {
    let mut state = VmState::new(shared, worker, config.vm_configuration.clone(), config.plugin_configuration.clone());
    if config.trace {
        state.trace.start();
    }
    let mut vm = Vm::start(module, state)?;
    let refused_by = configure(&mut vm).map_err(|fault| StartError::Trapped(fault, vm.state().logs.take()))?;
    match refused_by {
        None => Ok(vm),
        Some(callback) => Err(StartError::Refused(Refusal { callback, logs: vm.state().logs.take() })),
    }
}

/// The callback that refused, if one did.
fn configure(vm: &mut Vm) -> Result<Option<&'static str>, Fault> {
    vm.on_context_create(ROOT_CONTEXT, 0)?;
    if !vm.on_vm_start()? {
        return Ok(Some("proxy_on_vm_start"));
    }
    Ok((!vm.on_configure()?).then_some("proxy_on_configure"))
}
