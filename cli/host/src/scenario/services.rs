//! The services of a scenario around the embedded gateway, and a journal of what they were asked.

mod grpc;

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    rc::Rc,
    time::Duration,
};

use crate::{
    gateway::StreamId,
    headers::HeaderMap,
    world::{
        CallOutcome, GrpcAnswer, GrpcCall, GrpcCallout, GrpcOutcome, GrpcSent, GrpcStream, HttpCall, HttpRequest,
        HttpResponse, World,
    },
};

use super::{
    format::{Answer, Reply, Scenario, Service},
    observed::{GrpcMessages, ObservedGrpcCallout},
};
pub(super) use grpc::GrpcServices;

/// What the plugin and the gateway have asked for so far.
#[derive(Clone, Default)]
pub(super) struct Journal(Rc<RefCell<Entries>>);

#[derive(Default)]
struct Entries {
    asked: Vec<Asked>,
    grpc: Vec<GrpcAsked>,
    /// Where the gRPC streams stand among these, by their numbers.
    grpc_streams: BTreeMap<u64, usize>,
    /// How much the plugin has sent over gRPC, in bytes.
    grpc_bytes: usize,
    /// What has reached the upstream since this was last asked.
    served: VecDeque<HeaderMap>,
}

/// A callout.
#[derive(Clone)]
pub(super) struct Asked {
    /// The stream on whose behalf it was made; `None`: the plugin's own.
    pub(super) stream: Option<StreamId>,
    /// When, since the Unix epoch.
    pub(super) at: Duration,
    pub(super) call: HttpCall,
    /// How long the plugin waits for the reply.
    pub(super) took: Duration,
    /// The reply's status as the plugin sees it; `None`: a reset.
    pub(super) status: Option<u16>,
}

/// A gRPC callout.
#[derive(Clone)]
pub(super) struct GrpcAsked {
    /// The stream on whose behalf it was made; `None`: the plugin's own.
    pub(super) stream: Option<StreamId>,
    pub(super) callout: ObservedGrpcCallout,
}

/// How many callouts there were of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    http: usize,
    grpc: usize,
}

/// The services and the upstream.
pub(super) struct Services<'a> {
    entries: Vec<Entry<'a>>,
    grpc: GrpcServices,
    upstream: HttpResponse,
    upstream_delay: Duration,
    journal: Journal,
    /// Whether somebody will ask what has reached the upstream.
    told: bool,
}

/// An entry of the scenario's services.
struct Entry<'a> {
    service: &'a Service,
    outcome: CallOutcome,
    /// How many calls it may still answer.
    left: u32,
}

impl Journal {
    /// The callouts of a stream, of those since then; those of gRPC by their numbers.
    pub(super) fn of(&self, stream: StreamId, since: Mark) -> (Vec<Asked>, Vec<usize>) {
        let entries = self.0.borrow();
        let asked = entries.asked.iter().skip(since.http).filter(|asked| asked.stream == Some(stream));
        let grpc = entries.grpc.iter().enumerate().skip(since.grpc);
        let grpc = grpc.filter(|(_, asked)| asked.stream == Some(stream)).map(|(number, _)| number);
        (asked.cloned().collect(), grpc.collect())
    }

    /// Every gRPC callout.
    pub(super) fn grpc_callouts(&self) -> Vec<ObservedGrpcCallout> {
        self.0.borrow().grpc.iter().map(|asked| asked.callout.clone()).collect()
    }

    /// How much the plugin has sent over gRPC, in bytes.
    pub(super) fn grpc_bytes(&self) -> usize {
        self.0.borrow().grpc_bytes
    }

    /// The callouts since then.
    pub(super) fn since(&self, mark: Mark) -> (VecDeque<Asked>, VecDeque<GrpcAsked>) {
        let entries = self.0.borrow();
        let http = entries.asked.get(mark.http..).unwrap_or_default();
        let grpc = entries.grpc.get(mark.grpc..).unwrap_or_default();
        (http.to_vec().into(), grpc.to_vec().into())
    }

    /// What has reached the upstream since this was last asked.
    pub(super) fn take_served(&self) -> VecDeque<HeaderMap> {
        std::mem::take(&mut self.0.borrow_mut().served)
    }

    /// How many callouts there were, by cluster.
    pub(super) fn counts(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        let entries = self.0.borrow();
        let http = entries.asked.iter().map(|asked| &asked.call.upstream);
        for cluster in http.chain(entries.grpc.iter().map(|asked| &asked.callout.cluster)) {
            *counts.entry(cluster.clone()).or_default() += 1;
        }
        counts
    }

    /// How many callouts there were.
    pub(super) fn len(&self) -> usize {
        let Mark { http, grpc } = self.mark();
        http.saturating_add(grpc)
    }

    /// Now.
    pub(super) fn mark(&self) -> Mark {
        let entries = self.0.borrow();
        Mark { http: entries.asked.len(), grpc: entries.grpc.len() }
    }
}

impl Entries {
    fn grpc_callout(&mut self, stream: Option<StreamId>, callout: GrpcCallout<'_>) {
        match callout {
            GrpcCallout::Call(call) => self.grpc_bytes += call.message.len(),
            GrpcCallout::Stream(opened) => drop(self.grpc_streams.insert(opened.number, self.grpc.len())),
        }
        self.grpc.push(GrpcAsked { stream, callout: grpc::observed(callout) });
    }

    fn grpc_message(&mut self, stream: u64, message: &[u8]) {
        let opened = self.grpc_streams.get(&stream).and_then(|place| self.grpc.get_mut(*place));
        if let Some(GrpcMessages::Stream(messages)) = opened.map(|asked| &mut asked.callout.sent) {
            messages.push(message.to_vec());
            self.grpc_bytes += size_of::<Vec<u8>>() + message.len();
        }
    }
}

impl<'a> Services<'a> {
    /// `start` is when the scenario begins, since the Unix epoch.
    pub(super) fn new(scenario: &'a Scenario, start: Duration, journal: Journal, told: bool) -> Self {
        let entry = |service: &'a Service| Entry {
            service,
            outcome: outcome(&service.answer, start),
            left: service.times.unwrap_or(u32::MAX),
        };
        let upstream = scenario.upstream.as_ref();
        Self {
            entries: scenario.services.iter().map(entry).collect(),
            grpc: GrpcServices::new(&scenario.grpc_services),
            upstream: upstream.unwrap_or(&Reply::default()).response(start),
            upstream_delay: upstream.and_then(|reply| reply.delay).unwrap_or_default().unsigned_abs(),
            journal,
            told,
        }
    }
}

impl World for Services<'_> {
    fn call(&mut self, call: &HttpCall) -> CallOutcome {
        let entry = self.entries.iter_mut().find(|entry| entry.left > 0 && fits(entry.service, call));
        entry.map_or(CallOutcome::Refused, |entry| {
            entry.left = entry.left.saturating_sub(1);
            entry.outcome.clone()
        })
    }

    fn called(&mut self, stream: Option<StreamId>, at: Duration, call: &HttpCall, status: Option<u16>, took: Duration) {
        self.journal.0.borrow_mut().asked.push(Asked { stream, at, call: call.clone(), took, status });
    }

    fn grpc_call(&mut self, call: &GrpcCall) -> GrpcOutcome {
        self.grpc.call(call)
    }

    fn grpc_stream(&mut self, stream: &GrpcStream, sent: GrpcSent<'_>) -> Vec<(Duration, GrpcAnswer)> {
        if let GrpcSent::Message { message, .. } = sent {
            self.journal.0.borrow_mut().grpc_message(stream.number, message);
        }
        self.grpc.on_stream(&stream.upstream, &stream.service, &stream.method, sent)
    }

    fn grpc_called(&mut self, stream: Option<StreamId>, _at: Duration, callout: GrpcCallout<'_>) {
        self.journal.0.borrow_mut().grpc_callout(stream, callout);
    }

    fn serve(&mut self, request: &HttpRequest) -> HttpResponse {
        if self.told {
            self.journal.0.borrow_mut().served.push_back(request.headers.clone());
        }
        let mut response = self.upstream.clone();
        // Headers alone (RFC 9110, section 9.3.2).
        if request.headers.first(b":method") == Some(b"HEAD") {
            (response.body, response.trailers) = (Vec::new(), HeaderMap::new());
        }
        response
    }

    fn serving_time(&self) -> Duration {
        self.upstream_delay
    }
}

fn outcome(answer: &Answer, start: Duration) -> CallOutcome {
    match answer {
        Answer::Reply(reply) => CallOutcome::Reply {
            response: reply.response(start),
            delay: reply.delay.unwrap_or_default().unsigned_abs(),
        },
        Answer::Timeout => CallOutcome::Timeout,
        Answer::Refused => CallOutcome::Refused,
        Answer::Reset => CallOutcome::Reset,
        Answer::ResetMidway => CallOutcome::ResetMidway,
    }
}

fn fits(service: &Service, call: &HttpCall) -> bool {
    let header = |name: &[u8]| call.headers.first(name).unwrap_or_default();
    let path = header(b":path").split(|byte| *byte == b'?').next().unwrap_or_default();
    service.cluster == call.upstream
        && service.path.as_ref().is_none_or(|wanted| wanted.as_bytes() == path)
        && service.method.as_ref().is_none_or(|wanted| wanted.as_bytes() == header(b":method"))
}
