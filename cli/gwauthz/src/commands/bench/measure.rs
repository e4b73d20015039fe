//! Measuring: warm requests in rounds, module by module in turns, so that what disturbs the machine disturbs all alike.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant, SystemTime},
};

use gwauthz_host::{CallOutcome, Gateway, GatewayConfig, HttpCall, HttpRequest, Metering, Sample, VirtualClock, World};

use crate::{exit::Failure, module::ChosenModule, request::Bench};

/// A module to measure.
pub(super) struct Subject {
    name: String,
    bytes: usize,
    outcome: CallOutcome,
    /// As a gateway runs it.
    plain: Bench,
    /// With its fuel counted.
    fuelled: Bench,
}

/// What was measured of a module.
pub(super) struct Measured {
    pub(super) name: String,
    pub(super) bytes: usize,
    /// The status that the client got.
    pub(super) status: u16,
    /// Starting a VM and configuring the plugin, in nanoseconds.
    pub(super) starts: Vec<u64>,
    /// The time of all callbacks of a request, in nanoseconds.
    pub(super) requests: Vec<u64>,
    pub(super) callbacks: BTreeMap<&'static str, Callback>,
    /// Fuel of a request: the median.
    pub(super) fuel: u64,
    /// Host functions and how often a request calls each.
    pub(super) host_calls: BTreeMap<String, u64>,
    /// The guest's memory in bytes: after the first requests, and after all.
    pub(super) memory: (usize, usize),
}

/// What was measured of a callback.
#[derive(Default)]
pub(super) struct Callback {
    /// How long each call took, in nanoseconds.
    pub(super) times: Vec<u64>,
    /// Fuel of a call: the median.
    pub(super) fuel: u64,
}

/// Turns that the modules take.
const ROUNDS: u32 = 20;
/// Requests before anything is measured: caches and allocators settle.
const WARM_UP: u32 = 200;
/// VMs that are started.
const STARTS: u32 = 50;
/// Requests whose fuel is counted.
const FUELLED: usize = 101;

impl Subject {
    /// The module, compiled for time and for fuel; callouts end like `outcome`.
    pub(super) fn new(
        module: &ChosenModule,
        outcome: CallOutcome,
        bench: impl Fn(Metering) -> Result<Bench, Failure>,
    ) -> Result<Self, Failure> {
        Ok(Self {
            name: module.origin.clone(),
            bytes: module.bytes.len(),
            outcome,
            plain: bench(Metering::None)?,
            fuelled: bench(Metering::Fuel)?,
        })
    }

    fn start(&self, bench: &Bench, config: GatewayConfig) -> Result<Gateway<Service>, Failure> {
        bench.start_with(Service(self.outcome.clone()), config)
    }
}

/// A service that treats every callout alike.
struct Service(CallOutcome);

impl World for Service {
    fn call(&mut self, _call: &HttpCall) -> CallOutcome {
        self.0.clone()
    }
}

/// Measures every subject with `count` requests, in gateways whose clocks show `time` at the start.
pub(super) fn measure(
    subjects: &[Subject],
    request: &HttpRequest,
    time: SystemTime,
    count: u32,
) -> Result<Vec<Measured>, Failure> {
    let config = GatewayConfig { clock: VirtualClock::starting_at(time), ..GatewayConfig::default() };
    let profile = GatewayConfig { profile: true, ..config.clone() };
    let mut running = Vec::new();
    for subject in subjects {
        // Fuel first: there the guest has a deadline, so that one that loops is found out.
        let mut measured = count_fuel(subject, request, profile.clone())?;
        let trace = GatewayConfig { trace: true, ..config.clone() };
        count_host_calls(subject, request, trace, &mut measured)?;
        let mut gateway = subject.start(&subject.plain, profile.clone())?;
        for _ in 0..WARM_UP {
            measured.memory.0 = gateway.request(request).memory_bytes;
        }
        gateway.take_profile();
        running.push((subject, gateway, measured));
    }
    for round in 0..ROUNDS {
        for (subject, gateway, measured) in &mut running {
            for _ in 0..share(STARTS, round) {
                let begin = Instant::now();
                subject.start(&subject.plain, config.clone())?;
                measured.starts.push(nanoseconds(begin.elapsed()));
            }
            for _ in 0..share(count, round) {
                let outcome = gateway.request(request);
                measured.memory.1 = outcome.memory_bytes;
                measured.requests.push(nanoseconds(outcome.cost.guest_time));
            }
            for Sample { callback, time, .. } in gateway.take_profile() {
                measured.callbacks.entry(callback).or_default().times.push(nanoseconds(time));
            }
        }
    }
    Ok(running.into_iter().map(|(_, _, measured)| measured).collect())
}

/// How many of `count` fall into a round.
fn share(count: u32, round: u32) -> u32 {
    count / ROUNDS + u32::from(round < count % ROUNDS)
}

/// Fuel of warm requests: the same in every run, unless the module does something else each time.
fn count_fuel(subject: &Subject, request: &HttpRequest, profile: GatewayConfig) -> Result<Measured, Failure> {
    let mut gateway = subject.start(&subject.fuelled, profile)?;
    let mut status = 0;
    for _ in 0..WARM_UP {
        status = gateway.request(request).response.status();
    }
    gateway.take_profile();
    let mut requests = Vec::with_capacity(FUELLED);
    let mut callbacks: BTreeMap<_, Vec<u64>> = BTreeMap::new();
    for _ in 0..FUELLED {
        gateway.request(request);
        let samples = gateway.take_profile();
        requests.push(samples.iter().map(|sample| sample.fuel).sum());
        samples.iter().for_each(|sample| callbacks.entry(sample.callback).or_default().push(sample.fuel));
    }
    let of = |fuel| Callback { times: Vec::new(), fuel };
    Ok(Measured {
        name: subject.name.clone(),
        bytes: subject.bytes,
        status,
        starts: Vec::new(),
        requests: Vec::new(),
        callbacks: callbacks.into_iter().map(|(name, fuel)| (name, of(median(fuel)))).collect(),
        fuel: median(requests),
        host_calls: BTreeMap::new(),
        memory: (0, 0),
    })
}

/// Host functions that a warm request calls.
fn count_host_calls(
    subject: &Subject,
    request: &HttpRequest,
    trace: GatewayConfig,
    measured: &mut Measured,
) -> Result<(), Failure> {
    let mut gateway = subject.start(&subject.fuelled, trace)?;
    gateway.request(request);
    gateway.take_trace();
    gateway.request(request);
    for line in gateway.take_trace() {
        let called = line.call.strip_prefix("[vm->host] env.proxy_").and_then(|call| call.split('(').next());
        if let Some(function) = called {
            *measured.host_calls.entry(function.to_owned()).or_default() += 1;
        }
    }
    Ok(())
}

fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
