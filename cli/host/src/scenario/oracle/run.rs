//! A scenario's steps, in real time.

use std::{
    io,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, Scope, ScopedJoinHandle},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use jiff::SignedDuration;

use crate::{
    envoy::{Answered, Bootstrap, Ended, Entry, Envoy, FailurePolicy, Folder, Listener, Plugin, Program, Protocol},
    gateway::Ending,
    scenario::{
        ClientRequest, Exchange, FailStrategy, Observed, Request, Scenario, State, Step, TokenKey,
        surroundings::surroundings,
    },
};

use super::{
    OracleError, io_error,
    journal::Journal,
    observe::{self, World},
    services::Services,
    wire,
};

/// A scenario under way.
pub(super) struct Run<'a> {
    scenario: &'a Scenario,
    // Before the services: they are there as long as it runs.
    envoy: Envoy,
    services: Services,
    plugin: Plugin,
    journal: Journal,
    key: TokenKey,
    start: Instant,
    start_time: SystemTime,
    patience: Duration,
    /// Requests that are under way.
    under_way: AtomicUsize,
    sent: Mutex<Vec<Sent>>,
    seen: Seen,
}

/// A request that was sent, and what its client saw.
pub(super) struct Sent {
    /// Its step among those with requests, and its number within.
    pub(super) slot: (usize, usize),
    pub(super) request: ClientRequest,
    pub(super) left_early: bool,
    pub(super) answered: Answered,
    /// What Envoy says of it; `None`: it does not say.
    pub(super) ended: Option<Ended>,
    /// From when to when Envoy and the plugin had to do with it.
    pub(super) from: SystemTime,
    pub(super) until: SystemTime,
}

/// What was seen beside the requests.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) started: bool,
    pub(super) updates: Vec<bool>,
    /// The gateway at each look at it, and when that was; how many lines were logged is not counted yet.
    pub(super) states: Vec<(SystemTime, State)>,
    /// While a configuration was refused, the main thread speaks for all.
    pub(super) refusals: Vec<(SystemTime, SystemTime)>,
}

const LISTENER: &str = "scenario";
const PLUGIN: &str = "plugin";
/// What Envoy puts before the names of plugins' metrics.
const METRICS: &str = "wasmcustom.";
/// How much longer than the embedded gateway a real one may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much longer than on the embedded gateway a stream may be held before it counts as held for ever.
const HELD: Duration = Duration::from_millis(1500);

impl<'a> Run<'a> {
    pub(super) fn start(
        program: &Program,
        scenario: &'a Scenario,
        configuration: &str,
        module: &Path,
        embedded: &Observed,
    ) -> Result<Self, OracleError> {
        let services = Services::start(scenario).map_err(io_error("start the services"))?;
        let (longest, hangs) = expected_times(embedded);
        let plugin = Plugin {
            name: PLUGIN.to_owned(),
            module: std::path::absolute(module).map_err(io_error("find the module"))?,
            vm_id: String::new(),
            configuration: configuration.to_owned(),
            failure_policy: match scenario.plugin.fail_strategy.unwrap_or_default() {
                FailStrategy::Close => FailurePolicy::Closed,
                FailStrategy::Open => FailurePolicy::Open,
                FailStrategy::Reload => FailurePolicy::Reload,
            },
            updatable: true,
        };
        let listener = Listener {
            name: LISTENER.to_owned(),
            protocol: Protocol::Http,
            chain: vec![plugin.clone()],
            normalize_path: false,
            upstream: services.upstream().to_owned(),
            // Nobody waits for 5 minutes to see that a request is held for ever.
            idle_timeout: hangs.then_some(longest + HELD),
        };
        let bootstrap = Bootstrap {
            workers: scenario.gateway.workers.unwrap_or(1),
            listeners: vec![listener],
            clusters: services.clusters().to_vec(),
            surroundings: surroundings(&scenario.gateway.properties).0,
        };
        let from = SystemTime::now();
        let envoy = Envoy::start(program, &bootstrap)?;
        let started = envoy.has_accepted(PLUGIN)?;
        let refusals = if started { Vec::new() } else { vec![(from, SystemTime::now())] };
        Ok(Self {
            scenario,
            journal: Journal::open(envoy.folder()).map_err(io_error("read envoy's log"))?,
            envoy,
            services,
            plugin,
            key: TokenKey::published()?,
            start: Instant::now(),
            start_time: SystemTime::now(),
            patience: longest + PATIENCE,
            under_way: AtomicUsize::new(0),
            sent: Mutex::new(Vec::new()),
            seen: Seen { started, refusals, ..Seen::default() },
        })
    }

    /// Runs every step; gives what was seen, and what Envoy leaves.
    pub(super) fn finish(mut self) -> Result<(Observed, Folder), OracleError> {
        let mut seen = std::mem::take(&mut self.seen);
        let this = &self;
        thread::scope(|scope| {
            let (mut requests, mut background) = (0, Vec::new());
            for step in &this.scenario.steps {
                match step {
                    Step::Request(request) => {
                        background.extend(this.request(scope, request, requests)?);
                        requests += 1;
                    }
                    // Such a scenario is virtual-only.
                    Step::Connection(_) => {}
                    Step::Wait(time) => thread::sleep(time.unsigned_abs()),
                    Step::Update(update) => this.update(&update.config.to_string(), &mut seen)?,
                    Step::Expect(_) => seen.states.push(this.state()?),
                }
            }
            let ended = background.into_iter().map(|request| request.join().unwrap_or_else(|_| Err(lost_thread())));
            ended.collect::<Result<(), _>>()
        })?;
        seen.states.push(self.state()?);
        if let Some(reason) = self.services.unfaithful() {
            return Err(OracleError::VirtualOnly(reason));
        }
        let log = self.journal.entries().map_err(io_error("read envoy's log"))?;
        let sent = self.sent.into_inner().unwrap_or_else(PoisonError::into_inner);
        let world = World {
            start: self.start,
            start_time: self.start_time,
            main_thread: self.envoy.main_thread(),
            arrivals: self.services.arrivals(),
            grpc_arrivals: self.services.grpc_arrivals(),
        };
        let observed = observe::observed(sent, seen, &log, &world);
        Ok((observed, self.envoy.stop()))
    }

    /// Sends a request as often as it is to be sent; gives the threads of those that are in the background.
    fn request<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        request: &'scope Request,
        step: usize,
    ) -> Result<Vec<ScopedJoinHandle<'scope, Result<(), OracleError>>>, OracleError> {
        let slots = (0..request.times.unwrap_or(1) as usize).map(|number| (step, number));
        if request.background {
            return Ok(slots.map(|slot| scope.spawn(move || self.exchange(request, slot))).collect());
        }
        for slot in slots {
            self.exchange(request, slot)?;
        }
        Ok(Vec::new())
    }

    /// Sends a request, and waits until client, Envoy and plugin are done with it.
    fn exchange(&self, request: &Request, slot: (usize, usize)) -> Result<(), OracleError> {
        let gateway = self.envoy.listener(LISTENER).ok_or(OracleError::NoListener)?;
        let from = SystemTime::now();
        let sent = request.client_request(from.duration_since(UNIX_EPOCH).unwrap_or_default(), &self.key);
        let leaves_after = request.leaves_after.map(SignedDuration::unsigned_abs);
        self.under_way.fetch_add(1, Ordering::SeqCst);
        let answered = wire::sending(&sent, leaves_after).send(gateway, self.patience);
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        let answered = answered.map_err(io_error("send a request"))?;
        let ended = self.journal.settle(answered.client, || self.under_way.load(Ordering::SeqCst));
        let ended = ended.map_err(io_error("read envoy's access log"))?;
        let left_early = leaves_after.is_some() && answered.response.is_none() && !answered.gave_up;
        let sent = Sent { slot, request: sent, left_early, answered, ended, from, until: SystemTime::now() };
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).push(sent);
        Ok(())
    }

    /// Gives the plugin another configuration, and waits until every worker has it.
    fn update(&self, configuration: &str, seen: &mut Seen) -> Result<(), OracleError> {
        let plugin = Plugin { configuration: configuration.to_owned(), ..self.plugin.clone() };
        let main_thread = self.envoy.main_thread();
        let configured = |entry: &Entry| {
            let call = "[host<-vm] proxy_on_configure return: ";
            entry.thread != main_thread && entry.call().is_some_and(|line| line.starts_with(call))
        };
        let workers = usize::from(self.scenario.gateway.workers.unwrap_or(1));
        let log = io_error("read envoy's log");
        let (before, from) = (self.journal.count(configured).map_err(&log)?, SystemTime::now());
        let accepted = self.envoy.update(&plugin)?;
        seen.updates.push(accepted);
        if accepted {
            self.journal.wait_for_lines(before + workers, configured).map_err(log)?;
        } else {
            seen.refusals.push((from, SystemTime::now()));
        }
        Ok(())
    }

    fn state(&self) -> Result<(SystemTime, State), OracleError> {
        let statistics = |prefix| self.envoy.admin().stats(prefix).map_err(io_error("ask envoy for its statistics"));
        let state = State {
            metrics: Some(statistics(METRICS)?),
            shared_data: None,
            callouts: self.services.callouts(&statistics("cluster.")?),
            foreign_calls: None,
            logs: 0,
        };
        Ok((SystemTime::now(), state))
    }
}

/// The longest that a request takes on the embedded gateway, and whether one is held there for ever.
fn expected_times(embedded: &Observed) -> (Duration, bool) {
    let hangs = |exchange: &&Exchange| matches!(exchange.ending, Some(Ending::Hung));
    let exchanges = || embedded.requests.iter().flatten();
    let longest = exchanges().filter(|exchange| !hangs(exchange)).map(|exchange| exchange.took).max();
    (longest.unwrap_or_default(), exchanges().any(|exchange| hangs(&exchange)))
}

fn lost_thread() -> OracleError {
    io_error("wait for a request in the background")(io::Error::other("its thread has ended early"))
}
