//! A scenario's steps, in real time.

use std::{
    io,
    ops::RangeInclusive,
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
    scenario::{
        ClientRequest, FailStrategy, Observed, Request, Scenario, State, Step, TcpConnection, TokenKey,
        surroundings::surroundings,
    },
};

use super::{
    OracleError,
    connection::Played,
    converse::converse,
    expected::Expected,
    io_error,
    journal::Journal,
    observe::{self, World},
    services::Services,
    upstream::Upstream,
    wire,
};

/// A scenario under way.
pub(super) struct Run<'a> {
    scenario: &'a Scenario,
    // Before the services: they are there as long as it runs.
    envoy: Envoy,
    services: Services,
    /// That of TCP connections, where there are any.
    upstream: Option<Upstream>,
    plugin: Plugin,
    journal: Journal,
    key: TokenKey,
    start: Instant,
    start_time: SystemTime,
    patience: Duration,
    /// A connection on which nothing happens for so long counts as held for ever.
    silence: Duration,
    /// Requests and connections that are under way.
    under_way: AtomicUsize,
    sent: Mutex<Vec<Sent>>,
    played: Mutex<Vec<Played>>,
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

impl Sent {
    /// When Envoy and the plugin had to do with it.
    pub(super) fn meanwhile(&self) -> RangeInclusive<SystemTime> {
        self.from..=self.until
    }
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
const TCP_LISTENER: &str = "scenario_tcp";
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
        let connects = scenario.steps.iter().any(|step| matches!(step, Step::Connection(_)));
        let upstream = connects.then(|| Upstream::start(tcp_cluster(&services))).transpose();
        let upstream = upstream.map_err(io_error("start the upstream"))?;
        let expected = Expected::of(embedded);
        let plugin = Plugin {
            name: PLUGIN.to_owned(),
            module: std::path::absolute(module).map_err(io_error("find the module"))?,
            vm_id: String::new(),
            configuration: configuration.to_owned(),
            environment: scenario.plugin.environment.clone(),
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
            idle_timeout: expected.a_request_hangs.then_some(expected.longest + HELD),
        };
        // Both run the plugin in the same VM.
        let tcp_listener = upstream.as_ref().map(|upstream| Listener {
            name: TCP_LISTENER.to_owned(),
            protocol: Protocol::Tcp,
            upstream: upstream.cluster().name.clone(),
            ..listener.clone()
        });
        let tcp_cluster = upstream.as_ref().map(Upstream::cluster);
        let bootstrap = Bootstrap {
            workers: scenario.gateway.workers.unwrap_or(1),
            listeners: [Some(listener), tcp_listener].into_iter().flatten().collect(),
            clusters: services.clusters().iter().chain(tcp_cluster).cloned().collect(),
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
            upstream,
            plugin,
            key: TokenKey::published()?,
            start: Instant::now(),
            start_time: SystemTime::now(),
            patience: expected.longest + PATIENCE,
            silence: expected.longest + if expected.a_connection_is_held { HELD } else { PATIENCE },
            under_way: AtomicUsize::new(0),
            sent: Mutex::new(Vec::new()),
            played: Mutex::new(Vec::new()),
            seen: Seen { started, refusals, ..Seen::default() },
        })
    }

    /// Runs every step; gives what was seen, and what Envoy leaves.
    pub(super) fn finish(mut self) -> Result<(Observed, Folder), OracleError> {
        let mut seen = std::mem::take(&mut self.seen);
        let this = &self;
        thread::scope(|scope| {
            let (mut requests, mut connections, mut background) = (0, 0, Vec::new());
            for step in &this.scenario.steps {
                match step {
                    Step::Request(request) => {
                        let exchange = move |slot| this.exchange(request, slot);
                        let slots = slots(requests, request.times);
                        background.extend(spread(scope, slots, request.background, exchange)?);
                        requests += 1;
                    }
                    Step::Connection(connection) => {
                        let converse = move |slot| this.converse(connection, slot);
                        let slots = slots(connections, connection.times);
                        background.extend(spread(scope, slots, connection.background, converse)?);
                        connections += 1;
                    }
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
        let played = self.played.into_inner().unwrap_or_else(PoisonError::into_inner);
        let world = World {
            start: self.start,
            start_time: self.start_time,
            main_thread: self.envoy.main_thread(),
            arrivals: self.services.arrivals(),
            grpc_arrivals: self.services.grpc_arrivals(),
        };
        let observed = observe::observed(sent, played, seen, &log, &world)?;
        Ok((observed, self.envoy.stop()))
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

    /// Plays a TCP connection, and waits until Envoy and plugin are done with it.
    fn converse(&self, connection: &TcpConnection, slot: (usize, usize)) -> Result<(), OracleError> {
        let gateway = self.envoy.listener(TCP_LISTENER).ok_or(OracleError::NoListener)?;
        let upstream = self.upstream.as_ref().ok_or(OracleError::NoListener)?;
        let from = SystemTime::now();
        self.under_way.fetch_add(1, Ordering::SeqCst);
        let conversed = converse(gateway, connection, (upstream, &self.journal), self.silence);
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        let (conversed, others) = (conversed?, || self.under_way.load(Ordering::SeqCst));
        let settled = match conversed.ended {
            Some(_) => self.journal.wait_until_left(others),
            // Its client has reset it by now.
            None => self.journal.settle(conversed.address, others).map(drop),
        };
        settled.map_err(io_error("read envoy's access log"))?;
        let played = Played { slot, conversed, meanwhile: from..=SystemTime::now() };
        self.played.lock().unwrap_or_else(PoisonError::into_inner).push(played);
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

/// The numbers of a step that is done so many times.
fn slots(step: usize, times: Option<u32>) -> impl Iterator<Item = (usize, usize)> {
    (0..times.unwrap_or(1) as usize).map(move |number| (step, number))
}

/// Does something for each slot, one behind the other, or at once in the background; gives the threads of the latter.
fn spread<'scope>(
    scope: &'scope Scope<'scope, '_>,
    slots: impl Iterator<Item = (usize, usize)>,
    background: bool,
    act: impl Fn((usize, usize)) -> Result<(), OracleError> + Send + Copy + 'scope,
) -> Result<Vec<ScopedJoinHandle<'scope, Result<(), OracleError>>>, OracleError> {
    if background {
        return Ok(slots.map(|slot| scope.spawn(move || act(slot))).collect());
    }
    for slot in slots {
        act(slot)?;
    }
    Ok(Vec::new())
}

/// The name of the cluster that TCP connections lead to: that of no service.
fn tcp_cluster(services: &Services) -> String {
    let mut name = format!("{}_tcp", services.upstream());
    while services.clusters().iter().any(|cluster| cluster.name == name) {
        name.push('_');
    }
    name
}

fn lost_thread() -> OracleError {
    io_error("wait for a request in the background")(io::Error::other("its thread has ended early"))
}
