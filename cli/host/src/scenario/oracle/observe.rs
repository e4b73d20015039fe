//! Brings together what clients, services and Envoy's logs say of a scenario.

use std::{
    collections::BTreeSet,
    ops::RangeInclusive,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::{
    envoy::Entry,
    gateway::Ending,
    logs::LogLine,
    scenario::{Exchange, GrpcMessages, Observed, ObservedCallout, ObservedConnection, ObservedGrpcCallout, State},
    thread::Thread,
};

use super::{
    OracleError,
    calls::made,
    connection::{self, Played, Surroundings},
    ending::ending,
    grpc,
    run::{Seen, Sent},
    services::Arrival,
    wire::{request_of, response_of},
};

/// How much longer a busy machine may make a request take.
const SLACK: Duration = Duration::from_millis(500);

/// What lies around the requests.
pub(super) struct World {
    pub(super) start: Instant,
    pub(super) start_time: SystemTime,
    /// The thread of Envoy that serves nobody.
    pub(super) main_thread: u32,
    /// What services and upstream have got.
    pub(super) arrivals: Vec<Arrival>,
    /// The gRPC callouts that services have got.
    pub(super) grpc_arrivals: Vec<grpc::Arrival>,
}

/// What was seen of a scenario.
///
/// # Errors
/// Where Envoy does not tell how something ended.
pub(super) fn observed(
    mut sent: Vec<Sent>,
    mut played: Vec<Played>,
    seen: Seen,
    log: &[Entry],
    world: &World,
) -> Result<Observed, OracleError> {
    let lines = world.lines(log, &seen.refusals);
    let mut observed = Observed { started: seen.started, updates: seen.updates, slack: SLACK, ..Observed::default() };
    for (at, state) in seen.states {
        observed.states.push(State { logs: logged_until(&lines, at), ..state });
    }
    sent.sort_by_key(|sent| sent.slot);
    played.sort_by_key(|played| played.slot);
    let times: Vec<_> =
        sent.iter().map(Sent::meanwhile).chain(played.iter().map(|played| played.meanwhile.clone())).collect();
    for one in &sent {
        let exchange = exchange(one, &times, log, &lines, world);
        push_at(&mut observed.requests, one.slot.0, exchange);
        observed.tokens.extend(one.request.credentials());
    }
    for one in &played {
        let connection = connection(one, &times, log, &lines, world)?;
        push_at(&mut observed.connections, one.slot.0, connection);
    }
    observed.logs = lines;
    observed.grpc_callouts = world.grpc_arrivals.iter().map(|arrival| arrival.callout.clone()).collect();
    Ok(observed)
}

/// Adds what was seen of a step, which is the last one so far, or a later one.
fn push_at<T>(steps: &mut Vec<Vec<T>>, step: usize, seen: T) {
    if steps.len() <= step {
        steps.resize_with(step + 1, Vec::new);
    }
    if let Some(step) = steps.last_mut() {
        step.push(seen);
    }
}

fn connection(
    played: &Played,
    times: &[RangeInclusive<SystemTime>],
    log: &[Entry],
    lines: &[LogLine],
    world: &World,
) -> Result<ObservedConnection, OracleError> {
    let alone = is_alone(&played.meanwhile, times);
    let (from, until) = (*played.meanwhile.start(), *played.meanwhile.end());
    let of_workers = world.of_workers(log).filter(|entry| entry.at <= until);
    let around = Surroundings {
        start: world.start,
        alone,
        log: &of_workers.collect::<Vec<_>>(),
        callouts: alone.then(|| callouts(&played.meanwhile, log, world)).flatten(),
        grpc_callouts: alone.then(|| grpc_callouts(&played.meanwhile, log, world)).flatten(),
        logs: logged_until(lines, from)..logged_until(lines, until),
    };
    connection::observed(played, around)
}

/// Whether nothing else was under way; `times` are those of everything.
fn is_alone(meanwhile: &RangeInclusive<SystemTime>, times: &[RangeInclusive<SystemTime>]) -> bool {
    let overlaps =
        |other: &&RangeInclusive<SystemTime>| other.start() < meanwhile.end() && meanwhile.start() < other.end();
    times.iter().filter(overlaps).count() == 1
}

fn exchange(
    sent: &Sent,
    times: &[RangeInclusive<SystemTime>],
    log: &[Entry],
    lines: &[LogLine],
    world: &World,
) -> Exchange {
    let alone = is_alone(&sent.meanwhile(), times);
    let forwarded = sent.ended.as_ref().and_then(|ended| ended.upstream).and_then(|connection| {
        world.arrivals.iter().find(|arrival| arrival.cluster.is_none() && arrival.peer == connection)
    });
    let meanwhile = sent.meanwhile();
    let response = sent.answered.response.as_ref().map(response_of);
    let ending = ending(sent, response.as_ref());
    Exchange {
        at: sent.answered.sent.saturating_duration_since(world.start),
        took: sent.answered.took,
        request: sent.request.whole(),
        forwarded: forwarded.map(|arrival| (request_of(&arrival.request), arrival.request.trailers.clone())),
        callouts: alone.then(|| callouts(&meanwhile, log, world)).flatten(),
        grpc_callouts: alone.then(|| grpc_callouts(&meanwhile, log, world)).flatten(),
        foreign_calls: None,
        details: match &ending {
            Some(Ending::Answered(local)) => local.details.clone(),
            _ => String::new(),
        },
        response,
        ending,
        logs: Some(logged_until(lines, sent.from)..logged_until(lines, sent.until)),
    }
}

/// How many lines had been logged by then.
fn logged_until(lines: &[LogLine], time: SystemTime) -> usize {
    lines.iter().take_while(|line| line.at <= since_epoch(time)).count()
}

fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The callouts of a request or a connection that was alone under way, in the order in which they were made; `None`: the plugin has made
/// others too, or one of them has reached nobody.
fn callouts(meanwhile: &RangeInclusive<SystemTime>, log: &[Entry], world: &World) -> Option<Vec<ObservedCallout>> {
    let arrived = world.arrivals.iter().filter(|arrival| meanwhile.contains(&world.time_of(arrival.at)));
    let arrived: Vec<_> = arrived.filter_map(|arrival| world.callout(arrival)).collect();
    let sizes = |callout: &ObservedCallout| vec![callout.cluster.len(), callout.request.body.len()];
    // Behind each pointer stands a size: of the cluster's name, the headers, the body.
    made(world.of_workers(log), meanwhile, &[("http_call", &[1, 5])])?.in_order(arrived, sizes)
}

/// The numbers of the gRPC callouts, likewise.
fn grpc_callouts(meanwhile: &RangeInclusive<SystemTime>, log: &[Entry], world: &World) -> Option<Vec<usize>> {
    let arrivals = world.grpc_arrivals.iter().enumerate();
    let arrived = arrivals.filter(|(_, arrival)| meanwhile.contains(&world.time_of(arrival.at))).collect();
    let sizes = |(_, arrival): &(usize, &grpc::Arrival)| {
        let ObservedGrpcCallout { service, method, sent, .. } = &arrival.callout;
        let names = [service.len(), method.len()].into_iter();
        match sent {
            GrpcMessages::Call(message) => names.chain([message.len()]).collect(),
            GrpcMessages::Stream(_) => names.collect(),
        }
    };
    // So here: of the cluster's name, the service's, the method's, the metadata, the message.
    let made = made(world.of_workers(log), meanwhile, &[("grpc_call", &[3, 5, 9]), ("grpc_stream", &[3, 5])])?;
    Some(made.in_order(arrived, sizes)?.into_iter().map(|(number, _)| number).collect())
}

impl World {
    /// What the plugin has logged on the workers; on the main thread, where every configuration is tried first, only while
    /// one was refused.
    fn lines(&self, log: &[Entry], refusals: &[(SystemTime, SystemTime)]) -> Vec<LogLine> {
        let workers: BTreeSet<_> = log.iter().map(|entry| entry.thread).filter(|id| *id != self.main_thread).collect();
        let thread = |entry: &Entry| match workers.iter().position(|id| *id == entry.thread) {
            Some(number) => Some(Thread::Worker(number)),
            None => refusals.iter().any(|(from, until)| (from..=until).contains(&&entry.at)).then_some(Thread::Canary),
        };
        let line = |entry: &Entry| {
            let message = entry.plugin_message()?.to_owned();
            Some(LogLine { level: entry.level, message, at: since_epoch(entry.at), thread: thread(entry)? })
        };
        log.iter().filter_map(line).collect()
    }

    /// What the workers have logged.
    fn of_workers<'a>(&self, log: &'a [Entry]) -> impl Iterator<Item = &'a Entry> {
        log.iter().filter(|entry| entry.thread != self.main_thread)
    }

    fn time_of(&self, instant: Instant) -> SystemTime {
        self.start_time + instant.saturating_duration_since(self.start)
    }

    fn callout(&self, arrival: &Arrival) -> Option<ObservedCallout> {
        Some(ObservedCallout {
            cluster: arrival.cluster.clone()?,
            request: request_of(&arrival.request),
            at: arrival.at.saturating_duration_since(self.start),
            took: arrival.took,
            status: arrival.status,
        })
    }
}
