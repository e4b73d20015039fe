//! The services of a scenario as real ones on loopback, and a record of what they were sent.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::{
    envoy::{Cluster, Message, NOBODY, Reaction, Received, Service as Listening},
    scenario::{Answer, Reply, Scenario, surroundings::surroundings},
};

use super::{grpc, wire};

/// The running services, and the clusters that lead to them.
pub(super) struct Services {
    /// End with this value.
    _listening: Vec<Listening>,
    grpc: grpc::Listening,
    clusters: Vec<Cluster>,
    upstream: String,
    record: Arc<Mutex<Record>>,
}

/// A request that a service got.
#[derive(Clone)]
pub(super) struct Arrival {
    /// The cluster; `None`: the upstream.
    pub(super) cluster: Option<String>,
    pub(super) request: Message,
    pub(super) peer: SocketAddr,
    pub(super) at: Instant,
    /// How long the reply takes; `None`: there is none.
    pub(super) took: Option<Duration>,
    /// The status of the reply as the plugin sees it; `None`: a reset.
    pub(super) status: Option<u16>,
}

struct Record {
    /// When the services were started, since the Unix epoch.
    start: Duration,
    entries: Vec<Entry>,
    arrivals: Vec<Arrival>,
    unfaithful: Option<String>,
}

/// An entry of the scenario's services.
struct Entry {
    cluster: String,
    path: Option<String>,
    method: Option<String>,
    left: u32,
    answer: Answer,
}

/// In a callout, how long the plugin waits for the reply, in milliseconds.
const TIMEOUT_HEADER: &[u8] = b"x-envoy-expected-rq-timeout-ms";

/// Which of two things is first is chance, where they are closer than this.
pub(super) const CLOSE: Duration = Duration::from_millis(100);

impl Services {
    /// Starts what the scenario has; a cluster of which nothing listens leads to a closed port.
    pub(super) fn start(scenario: &Scenario) -> io::Result<Self> {
        let entry = |service: &crate::scenario::Service| Entry {
            cluster: service.cluster.clone(),
            path: service.path.clone(),
            method: service.method.clone(),
            left: service.times.unwrap_or(u32::MAX),
            answer: service.answer.clone(),
        };
        let entries: Vec<_> = scenario.services.iter().map(entry).collect();
        let names: BTreeSet<_> = entries.iter().map(|entry| entry.cluster.clone()).collect();
        let listens: BTreeSet<_> = entries
            .iter()
            .filter(|entry| !matches!(entry.answer, Answer::Refused))
            .map(|entry| entry.cluster.clone())
            .collect();
        let start = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let record = Arc::new(Mutex::new(Record { start, entries, arrivals: Vec::new(), unfaithful: None }));

        let (mut listening, mut clusters) = (Vec::new(), Vec::new());
        for (number, name) in names.iter().enumerate() {
            let mut address = NOBODY;
            if listens.contains(name) {
                let (record, cluster) = (Arc::clone(&record), name.clone());
                let service = Listening::start(move |received| lock(&record).call(&cluster, received))?;
                address = service.address();
                listening.push(service);
            }
            clusters.push(Cluster {
                name: name.clone(),
                stat_name: stat_name(number),
                address,
                http2: false,
                names_client: false,
            });
        }
        let grpc = grpc::Listening::start(&scenario.grpc_services)?;
        for (number, (name, address)) in grpc.clusters.iter().cloned().enumerate() {
            let stat_name = stat_name(names.len() + number);
            clusters.push(Cluster { name, stat_name, address, http2: true, names_client: false });
        }
        // As plugins are told.
        let mut upstream = surroundings(&scenario.gateway.properties).0.route.cluster;
        while clusters.iter().any(|cluster| cluster.name == upstream) {
            upstream.push('_');
        }
        let reply = scenario.upstream.clone().unwrap_or_default();
        let service = Listening::start({
            let record = Arc::clone(&record);
            move |received| lock(&record).serve(&reply, received)
        })?;
        let (name, stat_name, address) = (upstream.clone(), "upstream".to_owned(), service.address());
        clusters.push(Cluster { name, stat_name, address, http2: false, names_client: false });
        listening.push(service);
        Ok(Self { _listening: listening, grpc, clusters, upstream, record })
    }

    /// The clusters; Envoy has no other.
    pub(super) fn clusters(&self) -> &[Cluster] {
        &self.clusters
    }

    /// The upstream's cluster.
    pub(super) fn upstream(&self) -> &str {
        &self.upstream
    }

    /// Everything that has arrived up to now.
    pub(super) fn arrivals(&self) -> Vec<Arrival> {
        lock(&self.record).arrivals.clone()
    }

    /// The gRPC callouts among it.
    pub(super) fn grpc_arrivals(&self) -> Vec<grpc::Arrival> {
        self.grpc.arrivals()
    }

    /// What could not be done as the scenario has it, if there was anything.
    pub(super) fn unfaithful(&self) -> Option<String> {
        let unfaithful = lock(&self.record).unfaithful.clone();
        unfaithful.or_else(|| self.grpc.unfaithful())
    }

    /// How many callouts were made, by cluster; `statistics` are those of Envoy's clusters.
    pub(super) fn callouts(&self, statistics: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        let http = self.arrivals().into_iter().filter_map(|arrival| arrival.cluster);
        for cluster in http.chain(self.grpc_arrivals().into_iter().map(|arrival| arrival.callout.cluster)) {
            *counts.entry(cluster).or_default() += 1;
        }
        // Calls to a closed port reach nobody; Envoy has counted that it could not connect.
        for cluster in self.clusters.iter().filter(|cluster| cluster.address == NOBODY) {
            let failed = statistics.get(&format!("{}.upstream_cx_connect_fail", cluster.stat_name)).copied();
            counts.extend(failed.filter(|count| *count > 0).map(|count| (cluster.name.clone(), count)));
        }
        counts
    }
}

impl Record {
    /// A callout arrives.
    fn call(&mut self, cluster: &str, received: Received) -> Reaction {
        let timeout = timeout(&received.request);
        let to_head = received.request.method() == "HEAD";
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.fits(cluster, &received.request)) else {
            self.unfaithful = Some(format!("no entry of its services fits {} on {cluster}", received.request.start));
            self.arrive(Some(cluster), received, None, None);
            return Reaction::HangUp(Vec::new());
        };
        entry.left = entry.left.saturating_sub(1);
        let (reaction, took, status) = match &entry.answer {
            Answer::Reply(reply) => {
                let delay = reply.delay.unwrap_or_default().unsigned_abs();
                if delay.abs_diff(timeout) < CLOSE {
                    self.unfaithful = Some(format!("{cluster} replies within {CLOSE:?} of the plugin's time-out"));
                }
                let status = if delay < timeout { reply.status } else { 504 };
                (
                    Reaction::Reply(delay, wire::reply(reply, self.start, to_head)),
                    Some(delay.min(timeout)),
                    Some(status),
                )
            }
            Answer::Timeout => (Reaction::Silence, Some(timeout), Some(504)),
            // Its cluster has other entries too: such a scenario is not run here.
            Answer::Refused | Answer::Reset => (Reaction::HangUp(Vec::new()), Some(Duration::ZERO), Some(503)),
            Answer::ResetMidway => (Reaction::HangUp(wire::BROKEN_REPLY.to_vec()), Some(Duration::ZERO), None),
        };
        self.arrive(Some(cluster), received, took, status);
        reaction
    }

    /// A request arrives at the upstream.
    fn serve(&mut self, reply: &Reply, received: Received) -> Reaction {
        let bytes = wire::reply(reply, self.start, received.request.method() == "HEAD");
        self.arrive(None, received, None, None);
        Reaction::Reply(reply.delay.unwrap_or_default().unsigned_abs(), bytes)
    }

    fn arrive(&mut self, cluster: Option<&str>, received: Received, took: Option<Duration>, status: Option<u16>) {
        let Received { request, peer, at } = received;
        let cluster = cluster.map(str::to_owned);
        self.arrivals.push(Arrival { cluster, request, peer, at, took, status });
    }
}

impl Entry {
    fn fits(&self, cluster: &str, request: &Message) -> bool {
        let path = request.target().split('?').next().unwrap_or_default();
        self.left > 0
            && self.cluster == cluster
            && self.path.as_ref().is_none_or(|wanted| wanted == path)
            && self.method.as_ref().is_none_or(|wanted| wanted == request.method())
    }
}

/// The name of a cluster in statistics, where its own could be mistaken for several parts.
fn stat_name(number: usize) -> String {
    format!("service_{number}")
}

fn timeout(request: &Message) -> Duration {
    let millis = request.headers.first(TIMEOUT_HEADER).and_then(|value| std::str::from_utf8(value).ok()?.parse().ok());
    millis.map_or(Duration::MAX, Duration::from_millis)
}

fn lock(record: &Mutex<Record>) -> MutexGuard<'_, Record> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}
