//! The services of a scenario around the embedded gateway, and a journal of what they were asked.

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    rc::Rc,
    time::Duration,
};

use crate::{
    gateway::StreamId,
    headers::HeaderMap,
    world::{CallOutcome, HttpCall, HttpRequest, HttpResponse, World},
};

use super::format::{Answer, Reply, Scenario, Service};

/// What the plugin and the gateway have asked for so far.
#[derive(Clone, Default)]
pub(super) struct Journal(Rc<RefCell<Entries>>);

#[derive(Default)]
struct Entries {
    asked: Vec<Asked>,
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

/// The services and the upstream.
pub(super) struct Services<'a> {
    entries: Vec<Entry<'a>>,
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
    /// The callouts of a stream, of those from this number on.
    pub(super) fn of(&self, stream: StreamId, since: usize) -> Vec<Asked> {
        let entries = self.0.borrow();
        let later = entries.asked.get(since..).unwrap_or_default();
        later.iter().filter(|asked| asked.stream == Some(stream)).cloned().collect()
    }

    /// The callouts from this number on.
    pub(super) fn since(&self, number: usize) -> VecDeque<Asked> {
        self.0.borrow().asked.get(number..).unwrap_or_default().to_vec().into()
    }

    /// What has reached the upstream since this was last asked.
    pub(super) fn take_served(&self) -> VecDeque<HeaderMap> {
        std::mem::take(&mut self.0.borrow_mut().served)
    }

    /// How many callouts there were, by cluster.
    pub(super) fn counts(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for asked in &self.0.borrow().asked {
            *counts.entry(asked.call.upstream.clone()).or_default() += 1;
        }
        counts
    }

    /// How many callouts there were.
    pub(super) fn len(&self) -> usize {
        self.0.borrow().asked.len()
    }
}

impl<'a> Services<'a> {
    pub(super) fn new(scenario: &'a Scenario, journal: Journal, told: bool) -> Self {
        let entry = |service: &'a Service| Entry {
            service,
            outcome: outcome(&service.answer),
            left: service.times.unwrap_or(u32::MAX),
        };
        let upstream = scenario.upstream.as_ref();
        Self {
            entries: scenario.services.iter().map(entry).collect(),
            upstream: upstream.map_or_else(|| Reply::default().response(), Reply::response),
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

fn outcome(answer: &Answer) -> CallOutcome {
    match answer {
        Answer::Reply(reply) => {
            CallOutcome::Reply { response: reply.response(), delay: reply.delay.unwrap_or_default().unsigned_abs() }
        }
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
