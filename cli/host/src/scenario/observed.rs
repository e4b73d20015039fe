//! What was seen of a scenario, on whichever host it ran.

use std::{collections::BTreeMap, fmt, ops::Range, time::Duration};

use crate::{
    foreign::ForeignCall,
    gateway::{Disconnection, Ending, Received},
    headers::HeaderMap,
    logs::LogLine,
    world::{HttpRequest, HttpResponse},
};

/// What was seen of a scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Whether the plugin accepted its first configuration.
    pub started: bool,
    /// Requests in the order of their steps; those of one step in the order in which they were sent.
    pub requests: Vec<Vec<Exchange>>,
    /// TCP connections, likewise.
    pub connections: Vec<Vec<ObservedConnection>>,
    /// Whether each update was accepted, in the order of their steps.
    pub updates: Vec<bool>,
    /// The gateway at each `expect` step, and then at the end.
    pub states: Vec<State>,
    /// Everything that was logged, in its order.
    pub logs: Vec<LogLine>,
    /// Every gRPC callout, in the order in which they were made.
    pub grpc_callouts: Vec<ObservedGrpcCallout>,
    /// Every foreign function that was called, in the order of the calls.
    pub foreign_calls: Vec<ForeignCall>,
    /// How much longer than on the gateway's own clock things may take: real time is never exact.
    pub slack: Duration,
    /// Tokens that were sent ([`super::ClientRequest::credentials`]): no line of a log may hold one.
    pub tokens: Vec<String>,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// When it was sent, since the start.
    pub at: Duration,
    /// How long it took.
    pub took: Duration,
    /// What the client sent.
    pub request: HttpRequest,
    /// What the client got; `None`: nothing.
    pub response: Option<HttpResponse>,
    /// What reached the upstream, with its trailers.
    pub forwarded: Option<(HttpRequest, HeaderMap)>,
    /// The callouts that it caused, in the order in which they were made; `None` where the host cannot tell them from
    /// those of other requests that were under way.
    pub callouts: Option<Vec<ObservedCallout>>,
    /// Which of [`Observed::grpc_callouts`] it caused; `None` where the host cannot tell.
    pub grpc_callouts: Option<Vec<usize>>,
    /// Which of [`Observed::foreign_calls`] were made on its behalf; `None` where the host cannot tell.
    pub foreign_calls: Option<Vec<usize>>,
    /// How it ended; `None` where the host cannot tell.
    pub ending: Option<Ending>,
    /// Response code details that the plugin gave; empty where it gave none.
    pub details: String,
    /// Which lines of [`Observed::logs`] were logged meanwhile; `None` where the host cannot tell.
    pub logs: Option<Range<usize>>,
}

/// What became of a TCP connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedConnection {
    /// When it was opened, since the start.
    pub at: Duration,
    /// How long it took until it was closed, or given up.
    pub took: Duration,
    /// What the client got.
    pub to_client: ObservedBytes,
    /// What reached the upstream.
    pub to_upstream: ObservedBytes,
    /// How it was closed; `None`: it was held.
    pub ending: Option<Disconnection>,
    /// The callouts that it caused, in the order in which they were made; `None` where the host cannot tell.
    pub callouts: Option<Vec<ObservedCallout>>,
    /// Which of [`Observed::grpc_callouts`] it caused; `None` where the host cannot tell.
    pub grpc_callouts: Option<Vec<usize>>,
    /// Which of [`Observed::foreign_calls`] were made on its behalf; `None` where the host cannot tell.
    pub foreign_calls: Option<Vec<usize>>,
    /// Which lines of [`Observed::logs`] were logged meanwhile; `None` where the host cannot tell.
    pub logs: Option<Range<usize>>,
}

/// What one side of a TCP connection got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObservedBytes {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Whether the other side's end has reached it too; `None` where the host cannot tell.
    pub ended: Option<bool>,
}

impl From<Received> for ObservedBytes {
    fn from(Received { bytes, ended }: Received) -> Self {
        Self { bytes, ended: Some(ended) }
    }
}

/// A callout that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedCallout {
    /// The cluster.
    pub cluster: String,
    /// What was asked.
    pub request: HttpRequest,
    /// When, since the start.
    pub at: Duration,
    /// How long it took; `None`: it has not ended.
    pub took: Option<Duration>,
    /// The status of the reply as the plugin saw it; `None`: a reset, or not known.
    pub status: Option<u16>,
}

/// A gRPC callout that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedGrpcCallout {
    /// The cluster.
    pub cluster: String,
    /// The service's full name.
    pub service: String,
    /// The method.
    pub method: String,
    /// Initial metadata.
    pub metadata: HeaderMap,
    /// What the plugin sent.
    pub sent: GrpcMessages,
}

/// What the plugin sent with a gRPC callout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrpcMessages {
    /// The message of a call.
    Call(Vec<u8>),
    /// The messages on a stream, to the end of the scenario.
    Stream(Vec<Vec<u8>>),
}

impl fmt::Display for ObservedGrpcCallout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cluster, service, method, sent, .. } = self;
        match sent {
            GrpcMessages::Call(message) => {
                write!(f, "gRPC {service}/{method} with {} bytes on {cluster}", message.len())
            }
            GrpcMessages::Stream(_) => write!(f, "gRPC stream {service}/{method} on {cluster}"),
        }
    }
}

/// A gateway at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Counters and gauges by name; `None` where the host cannot tell.
    pub metrics: Option<BTreeMap<String, u64>>,
    /// Shared data by key; `None` where the host cannot tell.
    pub shared_data: Option<BTreeMap<Vec<u8>, Vec<u8>>>,
    /// How many callouts were made so far, by cluster.
    pub callouts: BTreeMap<String, u64>,
    /// How many of [`Observed::foreign_calls`] had been made; `None` where the host cannot tell.
    pub foreign_calls: Option<usize>,
    /// How many lines of [`Observed::logs`] had been logged.
    pub logs: usize,
}
