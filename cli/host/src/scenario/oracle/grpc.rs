//! The gRPC services of a scenario as real ones on loopback, and a record of what they were sent.

use std::{
    collections::BTreeSet,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    envoy::{GrpcReceived, GrpcResponder, GrpcServer, NOBODY},
    headers::HeaderMap,
    scenario::{GrpcAnswerSetup, GrpcMessages, GrpcService, ObservedGrpcCallout, services::GrpcServices},
    world::{GrpcAnswer, GrpcSent},
};

use super::services::CLOSE;

/// The running services.
pub(super) struct Listening {
    /// End with this value.
    _servers: Vec<GrpcServer>,
    /// Their clusters, each with its endpoint.
    pub(super) clusters: Vec<(String, SocketAddr)>,
    record: Arc<Mutex<Record>>,
}

/// A callout that a service got.
#[derive(Clone)]
pub(super) struct Arrival {
    pub(super) callout: ObservedGrpcCallout,
    pub(super) at: Instant,
    /// How long the plugin waits for the reply to a call; `None`: for ever.
    timeout: Option<Duration>,
}

struct Record {
    services: GrpcServices,
    arrivals: Vec<Arrival>,
    unfaithful: Option<String>,
}

/// In a call, how long the plugin waits for the reply; a stream is without.
const TIMEOUT: &[u8] = b"grpc-timeout";

impl Listening {
    /// Starts what the scenario has; a cluster of which nothing listens leads to a closed port.
    pub(super) fn start(services: &[GrpcService]) -> io::Result<Self> {
        let record = Record { services: GrpcServices::new(services), arrivals: Vec::new(), unfaithful: None };
        let record = Arc::new(Mutex::new(record));
        let names: BTreeSet<_> = services.iter().map(|service| &service.cluster).collect();
        let listens = |name: &String| {
            let refuses = |service: &GrpcService| matches!(service.answer, GrpcAnswerSetup::Refused);
            services.iter().any(|service| service.cluster == *name && !refuses(service))
        };
        let (mut servers, mut clusters) = (Vec::new(), Vec::new());
        for name in names {
            let mut address = NOBODY;
            if listens(name) {
                let (record, cluster) = (Arc::clone(&record), name.clone());
                let server = GrpcServer::start(move |received| accept(&record, &cluster, received))?;
                address = server.address();
                servers.push(server);
            }
            clusters.push((name.clone(), address));
        }
        Ok(Self { _servers: servers, clusters, record })
    }

    /// Everything that has arrived up to now.
    pub(super) fn arrivals(&self) -> Vec<Arrival> {
        lock(&self.record).arrivals.clone()
    }

    /// What could not be done as the scenario has it, if there was anything.
    pub(super) fn unfaithful(&self) -> Option<String> {
        lock(&self.record).unfaithful.clone()
    }
}

fn accept(record: &Arc<Mutex<Record>>, cluster: &str, received: GrpcReceived) -> GrpcResponder {
    let number = lock(record).arrive(cluster, received);
    let record = Arc::clone(record);
    Box::new(move |sent| lock(&record).answer(number, sent))
}

impl Record {
    /// A callout arrives; gives its number.
    fn arrive(&mut self, cluster: &str, received: GrpcReceived) -> usize {
        let GrpcReceived { service, method, metadata } = received;
        let timeout = metadata.first(TIMEOUT);
        let sent = timeout.map_or(GrpcMessages::Stream(Vec::new()), |_| GrpcMessages::Call(Vec::new()));
        let timeout = timeout.and_then(duration).filter(|time| !time.is_zero());
        let cluster = cluster.to_owned();
        let callout = ObservedGrpcCallout { cluster, service, method, metadata: plugins_own(&metadata), sent };
        self.arrivals.push(Arrival { callout, at: Instant::now(), timeout });
        self.arrivals.len() - 1
    }

    /// The plugin does something with a callout.
    fn answer(&mut self, number: usize, did: GrpcSent<'_>) -> Vec<(Duration, GrpcAnswer)> {
        let Some(Arrival { callout, timeout, .. }) = self.arrivals.get_mut(number) else { return Vec::new() };
        let ObservedGrpcCallout { cluster, service, method, sent, .. } = callout;
        let answers = match (sent, did) {
            (GrpcMessages::Call(sent), GrpcSent::Message { number: 0, message }) => {
                *sent = message.to_vec();
                self.services.on_call(cluster, service, method)
            }
            (GrpcMessages::Call(_), _) => Vec::new(),
            (GrpcMessages::Stream(sent), did) => {
                if let GrpcSent::Message { message, .. } = did {
                    sent.push(message.to_vec());
                }
                self.services.on_stream(cluster, service, method, did)
            }
        };
        let reply = answers.first().map(|(delay, _)| delay);
        if reply.zip(*timeout).is_some_and(|(delay, timeout)| delay.abs_diff(timeout) < CLOSE) {
            self.unfaithful = Some(format!("{cluster} replies within {CLOSE:?} of the plugin's time-out"));
        }
        // Where a whole cluster refuses, nothing listens.
        if answers.iter().any(|(_, answer)| *answer == GrpcAnswer::Refused) {
            self.unfaithful = Some(format!("no entry of its gRPC services fits {service}/{method} on {cluster}"));
        }
        answers
    }
}

/// Initial metadata without what Envoy adds.
fn plugins_own(metadata: &HeaderMap) -> HeaderMap {
    let added = |(name, value): &(&[u8], &[u8])| match *name {
        b"te" => *value == b"trailers",
        b"content-type" => *value == b"application/grpc",
        TIMEOUT => true,
        name => name.starts_with(b"x-envoy-"),
    };
    metadata.iter().filter(|pair| !added(pair)).collect()
}

/// A time as gRPC writes it: up to eight digits and a unit.
fn duration(text: &[u8]) -> Option<Duration> {
    let (unit, digits) = text.split_last()?;
    let number: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(match unit {
        b'H' => Duration::from_secs(number.checked_mul(3600)?),
        b'M' => Duration::from_secs(number.checked_mul(60)?),
        b'S' => Duration::from_secs(number),
        b'm' => Duration::from_millis(number),
        b'u' => Duration::from_micros(number),
        b'n' => Duration::from_nanos(number),
        _ => return None,
    })
}

fn lock(record: &Mutex<Record>) -> MutexGuard<'_, Record> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}
