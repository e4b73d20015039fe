//! What became of a request.

use std::{
    ops::{AddAssign, Sub},
    time::Duration,
};

use crate::{
    fault::Fault,
    headers::HeaderMap,
    logs::LogLine,
    state::LocalResponse,
    world::{HttpCall, HttpRequest, HttpResponse},
};

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// What the client got; `date` and `server`, which Envoy adds last, are left out.
    pub response: HttpResponse,
    /// What reached the upstream. A request that did was allowed.
    pub forwarded: Option<HttpRequest>,
    /// The trailers that reached the upstream.
    pub forwarded_trailers: HeaderMap,
    /// The callouts that it caused, in the order of their replies.
    pub callouts: Vec<Callout>,
    /// What the plugins of its worker have logged since they were last asked.
    pub logs: Vec<LogLine>,
    /// Host functions that the plugin called and this host does not have.
    pub unimplemented: Vec<&'static str>,
    /// What it cost.
    pub cost: Cost,
    /// The memory of its worker's VMs afterwards, in bytes.
    pub memory_bytes: usize,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The upstream answered.
    Served,
    /// The plugin answered.
    Answered(LocalResponse),
    /// The plugin held the request and nothing is left that could release it.
    Hung,
    /// The plugin closed the stream.
    Closed,
    /// The client went away.
    ClientLeft,
    /// The gateway answered before the plugin saw the request; why.
    Refused(&'static str),
    /// A plugin trapped, now or before. The client gets 503, or what it had got already; where nothing ever came to the plugin
    /// again, Envoy's idle time-out.
    Trapped(Fault),
}

/// A callout that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callout {
    /// What was asked.
    pub call: HttpCall,
    /// The reply's status as the plugin sees it; none after a reset.
    pub status: Option<u16>,
    /// How long the reply took, on the gateway's clock.
    pub took: Duration,
}

/// What a request cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Time in the guest, host functions included; zero unless the gateway was started with [`GatewayConfig::profile`].
    ///
    /// [`GatewayConfig::profile`]: super::GatewayConfig::profile
    pub guest_time: Duration,
    /// Callbacks that ran.
    pub callbacks: u64,
    /// Host functions that were called.
    pub host_calls: u64,
}

impl Sub for Cost {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            guest_time: self.guest_time.saturating_sub(before.guest_time),
            callbacks: self.callbacks - before.callbacks,
            host_calls: self.host_calls - before.host_calls,
        }
    }
}

impl AddAssign for Cost {
    fn add_assign(&mut self, more: Self) {
        self.guest_time += more.guest_time;
        self.callbacks += more.callbacks;
        self.host_calls += more.host_calls;
    }
}

impl Default for Outcome {
    /// Of a stream that never was.
    fn default() -> Self {
        Self {
            ending: Ending::Hung,
            response: HttpResponse::default(),
            forwarded: None,
            forwarded_trailers: HeaderMap::new(),
            callouts: Vec::new(),
            logs: Vec::new(),
            unimplemented: Vec::new(),
            cost: Cost::default(),
            memory_bytes: 0,
        }
    }
}

impl Outcome {
    /// Whether the request reached the upstream.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.forwarded.is_some()
    }
}
