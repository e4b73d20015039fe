//! A gateway: workers that run the plugin, the streams that walk through them, and the clock that they wait on.

mod agenda;
mod callouts;
mod connection;
mod ending;
mod exchange;
mod grpc;
mod half;
mod inspection;
mod lifecycle;
mod outcome;
mod start;
mod tunnel;
mod vms;
mod walk;
mod worker;

use std::{collections::BTreeMap, time::Duration};

use crate::{
    attributes,
    clock::VirtualClock,
    crossings::Crossing,
    faults::Faults,
    foreign::{ForeignCall, ForeignReply},
    headers::HeaderMap,
    logs::LogLine,
    profile::Profile,
    shared::Shared,
    shared_data::{SharedDataRace, SharedEntry},
    state::Dispatched,
    thread::{RootId, VmId},
    trace::{Recorder, Sample, TraceLine},
    world::{HttpRequest, HttpResponse, World},
};

pub use connection::{Connection, ConnectionId, Disconnection, Received, Side};
pub use half::Part;
pub use lifecycle::Startup;
pub use outcome::{Callout, Cost, Ending, Outcome};
pub use start::{Refusal, StartError};

use agenda::{Agenda, Event, Reply};
use vms::Surroundings;
use worker::Worker;

/// A running gateway.
pub struct Gateway<W> {
    shared: Shared,
    recorder: Recorder,
    around: Surroundings,
    startup: Startup,
    /// Whether a chain is in force.
    configured: bool,
    /// The workers, and behind them the main thread, if it has VMs.
    workers: Vec<Worker>,
    /// How many of them serve streams.
    serving: usize,
    world: W,
    agenda: Agenda,
    /// Callouts that were replied to, by the stream that made them.
    callouts: BTreeMap<StreamId, Vec<Callout>>,
}

/// How a gateway is configured.
#[derive(Clone, Debug, Default)]
pub struct GatewayConfig {
    /// When the gateway starts.
    pub clock: VirtualClock,
    /// Whom it follows where the specification and Envoy differ.
    pub follows: Profile,
    /// What the plugins are told of where they run.
    pub surroundings: attributes::Surroundings,
    /// Foreign functions that the plugins can call, by name, beside Envoy's own or in their place.
    pub foreign_functions: BTreeMap<String, ForeignReply>,
    /// How many workers it has, each with VMs of its own; at least one is started.
    pub workers: usize,
    /// Which VMs it makes beside theirs.
    pub startup: Startup,
    /// What other plugins have left in the shared data before this gateway starts.
    pub shared_data: Vec<SharedEntry>,
    /// Where they get ahead of a plugin's write.
    pub races: Vec<SharedDataRace>,
    /// The faults that its plugins meet.
    pub faults: Faults,
    /// Whether every call between host and guest is recorded, for [`Gateway::take_trace`].
    pub trace: bool,
    /// Whether what each callback costs is recorded, for [`Gateway::take_profile`].
    pub profile: bool,
    /// Whether what crosses between VMs and gateway is recorded with its bytes, for [`Gateway::take_crossings`].
    pub crossings: bool,
}

/// A stream of a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId {
    pub(crate) worker: usize,
    pub(crate) number: u32,
}

/// How many events may follow each other without any time passing. A plugin that answers every reply that takes none with
/// a further callout would go on without end: it hears nothing more.
const MAX_AT_ONCE: u32 = 10_000;

/// How long Envoy keeps a stream on which nothing happens (`stream_idle_timeout`).
const STREAM_IDLE_TIMEOUT: Duration = Duration::from_secs(300);

impl<W: World> Gateway<W> {
    /// Says which clusters there are; a callout to any other cannot be sent. Without this, every cluster is there.
    #[must_use]
    pub fn with_clusters(self, names: impl IntoIterator<Item = String>) -> Self {
        self.shared.get().clusters = Some(names.into_iter().collect());
        self
    }

    /// Puts the gateway into other surroundings; what is underway sees them too.
    pub fn set_surroundings(&mut self, surroundings: attributes::Surroundings) {
        self.shared.get().surroundings = surroundings;
    }

    /// The foreign functions that the plugins have called since this was last asked, in the order of the calls; at most the
    /// first 4096 of them, and 1 MiB.
    pub fn take_foreign_calls(&mut self) -> Vec<ForeignCall> {
        self.shared.get().foreign_calls.take()
    }

    /// Calls `on_foreign_function` of every plugin in a worker; they read the arguments from buffer 8. Nothing in Envoy does
    /// that by itself. Workers are numbered as in [`Self::open`].
    pub fn call_foreign_function(&mut self, worker: usize, function: u32, arguments: &[u8]) {
        let number = worker.checked_rem(self.serving).unwrap_or_default();
        self.on(number, |worker| worker.foreign_function(function, arguments));
    }

    /// What the plugins have logged since this was last asked, or since the last outcome of a stream of the same worker.
    pub fn take_logs(&mut self) -> Vec<LogLine> {
        let now = self.now();
        self.shared.get().logs.take(now)
    }

    /// Every call between host and guest since this was last asked, in the words of Envoy's log at `wasm:trace`; at most a
    /// million lines.
    pub fn take_trace(&mut self) -> Vec<TraceLine> {
        self.recorder.take_lines()
    }

    /// What has crossed between VMs and gateway since this was last asked; at most a million of them.
    pub fn take_crossings(&mut self) -> Vec<Crossing> {
        self.recorder.take_crossings()
    }

    /// What each callback cost since this was last asked, in their order; at most a million.
    pub fn take_profile(&mut self) -> Vec<Sample> {
        self.recorder.take_samples()
    }

    /// The gateway's clock: the time since the Unix epoch.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.shared.get().clock.now()
    }

    /// A client opens a stream with its headers. Workers are numbered from 0; beyond the last one they begin again.
    pub fn open(&mut self, worker: usize, headers: HeaderMap, end: bool) -> StreamId {
        let worker = worker.checked_rem(self.serving).unwrap_or_default();
        let configured = self.configured;
        let number = self.workers.get_mut(worker).map_or(0, |worker| match configured {
            true => worker.open(headers, end),
            false => {
                worker.refuse(&headers, HttpResponse::new(500), "no configuration of its plugins has been accepted")
            }
        });
        self.collect();
        StreamId { worker, number }
    }

    /// A further piece of a request arrives from the client.
    pub fn receive(&mut self, stream: StreamId, part: Part, end: bool) {
        self.on(stream.worker, |worker| worker.receive_request(stream.number, part, end));
    }

    /// The client goes away.
    pub fn leave(&mut self, stream: StreamId) {
        self.on(stream.worker, |worker| worker.end(stream.number, Ending::ClientLeft));
    }

    /// Whether a stream has come to its end.
    #[must_use]
    pub fn has_ended(&self, stream: StreamId) -> bool {
        self.workers.get(stream.worker).is_none_or(|worker| worker.has_ended(stream.number))
    }

    /// When something happens next by itself, on the gateway's clock.
    #[must_use]
    pub fn next_time(&self) -> Option<Duration> {
        self.agenda.next_time()
    }

    /// Lets time pass until `time`, and everything happen that happens until then.
    pub fn run_until(&mut self, time: Duration) {
        let (mut last, mut at_once) = (None, 0);
        while let Some((at, event)) = self.agenda.take_until(time) {
            self.shared.get().clock.advance_to(at);
            self.happen(event);
            at_once = if last == Some(at) { at_once + 1 } else { 1 };
            last = Some(at);
            if at_once > MAX_AT_ONCE {
                self.agenda.forget_until(at);
            }
        }
        self.shared.get().clock.advance_to(time);
    }

    /// What became of a stream. One that has not ended by now is held for ever.
    pub fn close(&mut self, stream: StreamId) -> Outcome {
        let callouts = self.callouts.remove(&stream).unwrap_or_default();
        let Some(worker) = self.workers.get_mut(stream.worker) else { return Outcome::default() };
        let outcome = worker.close(stream.number, callouts);
        let thread = worker.vms.thread();
        self.collect();
        let now = self.now();
        Outcome { logs: self.shared.get().logs.take_of(thread, now), ..outcome }
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
            Event::Reply(Reply { root: RootId { vm, context }, token, stream, call, response, took }) => {
                if let Some(stream) = stream {
                    let status = response.as_ref().map(HttpResponse::status);
                    self.callouts.entry(stream).or_default().push(Callout { call, status, took });
                }
                let stream = stream.map(|stream| stream.number);
                self.on(vm.worker, |worker| worker.reply(vm.number, context, token, stream, response));
            }
            Event::Response { stream, response } => {
                self.on(stream.worker, |worker| worker.receive_response(stream.number, response));
            }
            Event::GrpcOutcome { vm, behalf, token, shown } => {
                self.on(vm.worker, |worker| worker.grpc_outcome(vm.number, behalf, token, shown));
            }
            Event::GrpcAnswer { vm, behalf, token, answer } => {
                self.on(vm.worker, |worker| worker.grpc_answer(vm.number, behalf, token, answer));
            }
            Event::QueueReady { root: RootId { vm, context }, queue } => {
                self.on(vm.worker, |worker| worker.queue_ready(vm.number, context, queue));
            }
            Event::Tick { root, period } => {
                let lives = self.workers.get_mut(root.vm.worker).is_some_and(|worker| worker.vms.has(root));
                if lives {
                    self.agenda.enter_tick(self.now() + period, root, period);
                    self.on(root.vm.worker, |worker| worker.tick(root.vm.number, root.context));
                }
            }
        }
    }

    fn on(&mut self, worker: usize, happens: impl FnOnce(&mut Worker)) {
        if let Some(worker) = self.workers.get_mut(worker) {
            happens(worker);
            self.collect();
        }
    }

    /// Picks up what the plugins have set going: callouts, requests for the upstream, messages, ticks.
    fn collect(&mut self) {
        let now = self.now();
        for (worker_number, worker) in self.workers.iter_mut().enumerate() {
            for number in worker.take_forwarded() {
                let Some(exchange) = worker.stream(number) else { continue };
                let response = self.world.serve(&exchange.request.request());
                let stream = StreamId { worker: worker_number, number };
                self.agenda.enter(now + self.world.serving_time(), Event::Response { stream, response });
            }
            for hosted in worker.vms.hosted() {
                let id = VmId { worker: worker_number, number: hosted.number };
                let Ok(vm) = &mut hosted.vm else { continue };
                for dispatched in std::mem::take(&mut vm.state().dispatched) {
                    let (response, took) = callouts::outcome_of(&dispatched.call, &mut self.world);
                    let Dispatched { token, root, stream, call } = dispatched;
                    let stream = stream.map(|number| StreamId { worker: worker_number, number });
                    let root = RootId { vm: id, context: root };
                    let status = response.as_ref().map(HttpResponse::status);
                    self.world.called(stream, now, &call, status, took);
                    self.agenda.enter(now + took, Event::Reply(Reply { root, token, stream, call, response, took }));
                }
                grpc::collect(id, &mut vm.state().grpc, now, &mut self.world, &mut self.agenda);
                for (context, period) in std::mem::take(&mut vm.state().ticks) {
                    let root = RootId { vm: id, context };
                    match period {
                        Some(period) => self.agenda.enter_tick(now + period, root, period),
                        None => self.agenda.forget_ticks(root),
                    }
                }
            }
        }
        while let Some((root, queue)) = self.shared.get().queues.take_ready() {
            self.agenda.enter(now, Event::QueueReady { root, queue });
        }
    }
}
