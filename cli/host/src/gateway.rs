//! A gateway with one worker: starts the plugin, walks requests through it, and lets time pass while it waits.

mod events;

use std::time::Duration;

use crate::{
    abi::Action,
    clock::VirtualClock,
    compiler::Module,
    downstream,
    headers::HeaderMap,
    module::ModuleError,
    state::{LocalResponse, LogLine, Stream, VmState},
    vm::{Fault, ROOT_CONTEXT, Vm},
    world::{HttpCall, HttpRequest, HttpResponse, World},
};

use events::Events;

/// A running gateway.
pub struct Gateway<W> {
    /// Gone once the plugin has trapped: the gateway fails closed.
    vm: Result<Box<Vm>, Fault>,
    world: W,
    events: Events,
    next_context: u32,
}

/// How a gateway is configured.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// The plugin's configuration: JSON, as `pluginConfig` becomes in Envoy.
    pub plugin_configuration: Vec<u8>,
    /// The VM's configuration.
    pub vm_configuration: Vec<u8>,
    /// When the gateway starts.
    pub clock: VirtualClock,
}

/// Why a gateway did not start. Envoy then answers every request with 500.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The module does not run.
    #[error(transparent)]
    Module(#[from] ModuleError),
    /// The plugin said no.
    #[error("the plugin refused its configuration")]
    Refused(Refusal),
    /// The plugin trapped.
    #[error("the plugin trapped while it was configured")]
    Trapped(#[source] Fault, Vec<LogLine>),
}

/// A plugin's no to its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The callback that answered false.
    pub callback: &'static str,
    /// What the plugin logged.
    pub logs: Vec<LogLine>,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// What the client got; `date` and `server`, which Envoy adds last, are left out.
    pub response: HttpResponse,
    /// What reached the upstream. A request that did was allowed.
    pub forwarded: Option<HttpRequest>,
    /// The callouts, in their order.
    pub callouts: Vec<Callout>,
    /// What the plugin logged.
    pub logs: Vec<LogLine>,
    /// Host functions that the plugin called and this host does not have.
    pub unimplemented: Vec<&'static str>,
    /// What it cost.
    pub cost: Cost,
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
    /// The gateway answered before the plugin saw the request; why.
    Refused(&'static str),
    /// The plugin trapped, now or before.
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
    /// Time in the guest, host functions included.
    pub guest_time: Duration,
    /// Callbacks that ran.
    pub callbacks: u64,
    /// Host functions that were called.
    pub host_calls: u64,
    /// The guest's memory afterwards, in bytes.
    pub memory_bytes: usize,
}

/// How long Envoy keeps a stream on which nothing happens (`stream_idle_timeout`).
const STREAM_IDLE_TIMEOUT: Duration = Duration::from_secs(300);

/// Why a walk through the plugin ends early.
enum Stopped {
    Answered(LocalResponse),
    Hung,
    Closed,
    Trapped(Fault),
}

impl From<Fault> for Stopped {
    fn from(fault: Fault) -> Self {
        Self::Trapped(fault)
    }
}

impl<W: World> Gateway<W> {
    /// Starts the plugin: the module, then the VM's and the plugin's configuration.
    ///
    /// # Errors
    /// Whatever keeps Envoy from starting it.
    pub fn start(module: &Module, config: GatewayConfig, world: W) -> Result<Self, StartError> {
        let mut vm =
            Vm::start(module, VmState::new(config.clock, config.vm_configuration, config.plugin_configuration))?;
        let configured = vm.on_context_create(ROOT_CONTEXT, 0).and_then(|()| vm.on_vm_start()).and_then(|accepted| {
            if accepted {
                Ok(vm.on_configure()?.then_some(()).ok_or("proxy_on_configure"))
            } else {
                Ok(Err("proxy_on_vm_start"))
            }
        });
        match configured {
            Ok(Ok(())) => {
                Ok(Self { vm: Ok(Box::new(vm)), world, events: Events::default(), next_context: ROOT_CONTEXT + 1 })
            }
            Ok(Err(callback)) => Err(StartError::Refused(Refusal { callback, logs: vm.state().logs.take() })),
            Err(fault) => Err(StartError::Trapped(fault, vm.state().logs.take())),
        }
    }

    /// Says which clusters there are; a callout to any other cannot be sent. Without this, every cluster is there.
    #[must_use]
    pub fn with_clusters(mut self, names: impl IntoIterator<Item = String>) -> Self {
        if let Ok(vm) = &mut self.vm {
            vm.state().clusters = Some(names.into_iter().collect());
        }
        self
    }

    /// What the plugin has logged since the last request.
    pub fn take_logs(&mut self) -> Vec<LogLine> {
        self.vm.as_mut().map(|vm| vm.state().logs.take()).unwrap_or_default()
    }

    /// Sends a request through the plugin to its end.
    pub fn request(&mut self, request: &HttpRequest) -> Outcome {
        let vm = match &mut self.vm {
            Ok(vm) => vm,
            Err(fault) => return Outcome::failed_closed(fault.clone()),
        };
        if let Some(refusal) = downstream::refusal(&request.headers) {
            return Outcome::refused(refusal);
        }
        let context = self.next_context;
        self.next_context += 1;
        let before = (vm.guest_time, vm.calls, vm.state().host_calls);
        vm.state().streams.insert(
            context,
            Stream {
                request_headers: downstream::received(&request.headers),
                request_body: request.body.clone(),
                ..Stream::default()
            },
        );
        let mut walk = Walk { vm, world: &mut self.world, events: &mut self.events, context, forwarded: None };
        let (ending, response) = walk.run();
        let forwarded = walk.forwarded.take();
        let callouts = self.events.take_callouts();
        let state = vm.state();
        state.streams.remove(&context);
        let outcome = Outcome {
            response,
            forwarded,
            callouts,
            logs: state.logs.take(),
            unimplemented: std::mem::take(&mut state.unimplemented).into_iter().collect(),
            cost: Cost {
                host_calls: state.host_calls - before.2,
                guest_time: vm.guest_time.saturating_sub(before.0),
                callbacks: vm.calls - before.1,
                memory_bytes: vm.memory_bytes(),
            },
            ending,
        };
        if let Ending::Trapped(fault) = &outcome.ending {
            self.vm = Err(fault.clone());
        }
        outcome
    }
}

impl Outcome {
    /// Whether the request reached the upstream.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.forwarded.is_some()
    }

    fn failed_closed(fault: Fault) -> Self {
        Self::without_plugin(Ending::Trapped(fault), HttpResponse::new(503))
    }

    fn refused((status, body, why): (u16, &'static str, &'static str)) -> Self {
        let mut response = HttpResponse::new(status);
        response.headers.add("content-length", body.len().to_string());
        if !body.is_empty() {
            response.headers.add("content-type", "text/plain");
        }
        response.body = body.into();
        Self::without_plugin(Ending::Refused(why), response)
    }

    fn without_plugin(ending: Ending, response: HttpResponse) -> Self {
        Self {
            ending,
            response,
            forwarded: None,
            callouts: Vec::new(),
            logs: Vec::new(),
            unimplemented: Vec::new(),
            cost: Cost::default(),
        }
    }
}

/// One stream on its way through the plugin.
struct Walk<'a, W> {
    vm: &'a mut Vm,
    world: &'a mut W,
    events: &'a mut Events,
    context: u32,
    forwarded: Option<HttpRequest>,
}

/// Which half of the stream a paused callback holds.
#[derive(Clone, Copy)]
enum Half {
    Request,
    Response,
}

impl<W: World> Walk<'_, W> {
    fn run(&mut self) -> (Ending, HttpResponse) {
        let mut walked = self.walk();
        let mut ending = match &mut walked {
            Ok(_) => Ending::Served,
            Err(stopped) => match std::mem::replace(stopped, Stopped::Hung) {
                Stopped::Answered(local) => Ending::Answered(local),
                Stopped::Hung => Ending::Hung,
                Stopped::Closed => Ending::Closed,
                Stopped::Trapped(fault) => Ending::Trapped(fault),
            },
        };
        let response = match (walked, &ending) {
            (Ok(response), _) => response,
            (_, Ending::Answered(local)) => match self.send_local(&local.clone()) {
                Ok(response) => response,
                Err(fault) => {
                    ending = Ending::Trapped(fault);
                    HttpResponse::new(503)
                }
            },
            // The client of a stream without an answer sees Envoy's own idle time-out; that of a closed one, nothing.
            (_, Ending::Hung) => HttpResponse::new(408),
            (_, Ending::Closed) => HttpResponse::default(),
            _ => HttpResponse::new(503),
        };
        if !matches!(ending, Ending::Trapped(_)) {
            self.stream().request_visible = true;
            if let Err(fault) = self.vm.end_stream(self.context) {
                ending = Ending::Trapped(fault);
            }
        }
        (ending, response)
    }

    fn walk(&mut self) -> Result<HttpResponse, Stopped> {
        self.vm.on_context_create(self.context, ROOT_CONTEXT)?;
        self.stream().request_visible = true;
        let (count, size) = (self.stream().request_headers.len(), self.stream().request_body.len());
        let action = self.vm.on_request_headers(self.context, count, size == 0)?;
        self.settle(Half::Request, action)?;
        if size > 0 {
            let action = self.vm.on_request_body(self.context, size, true)?;
            self.settle(Half::Request, action)?;
        }
        let stream = self.stream();
        stream.request_visible = false;
        let forwarded = HttpRequest { headers: stream.request_headers.clone(), body: stream.request_body.clone() };
        let response = self.world.serve(&forwarded);
        self.forwarded = Some(forwarded);
        self.respond(response)
    }

    /// Walks a response through the plugin's response callbacks.
    fn respond(&mut self, response: HttpResponse) -> Result<HttpResponse, Stopped> {
        let (count, size, trailers) = (response.headers.len(), response.body.len(), response.trailers.len());
        let stream = self.stream();
        stream.response_headers = Some(response.headers);
        stream.response_body = response.body;
        stream.response_trailers = response.trailers;
        let action = self.vm.on_response_headers(self.context, count, size == 0 && trailers == 0)?;
        self.settle(Half::Response, action)?;
        if size > 0 {
            let action = self.vm.on_response_body(self.context, size, trailers == 0)?;
            self.settle(Half::Response, action)?;
        }
        if trailers > 0 {
            let action = self.vm.on_response_trailers(self.context, trailers)?;
            self.settle(Half::Response, action)?;
        }
        let stream = self.stream();
        Ok(HttpResponse {
            headers: stream.response_headers.take().unwrap_or_default(),
            body: std::mem::take(&mut stream.response_body),
            trailers: std::mem::take(&mut stream.response_trailers),
        })
    }

    /// The plugin's own answer also walks through its response callbacks, which cannot hold it.
    fn send_local(&mut self, local: &LocalResponse) -> Result<HttpResponse, Fault> {
        let response = local.response(self.stream().request_headers.first(b":method") == Some(b"HEAD"));
        match self.respond(response.clone()) {
            Ok(response) => Ok(response),
            Err(Stopped::Trapped(fault)) => Err(fault),
            Err(_) => Ok(response),
        }
    }

    /// Carries out what a callback asked for, and waits while it holds the stream.
    fn settle(&mut self, half: Half, action: Action) -> Result<(), Stopped> {
        let give_up = self.vm.state().clock.now() + STREAM_IDLE_TIMEOUT;
        let mut held = action == Action::Pause;
        loop {
            // While its own answer goes out, a plugin has none to give any more.
            let may_answer = matches!(half, Half::Request) || self.forwarded.is_some();
            let stream = self.stream();
            if may_answer {
                if let Some(local) = stream.local_response.take() {
                    return Err(Stopped::Answered(local));
                }
                if std::mem::take(&mut stream.closed) {
                    return Err(Stopped::Closed);
                }
            }
            let resumed = match half {
                Half::Request => std::mem::take(&mut stream.request_resumed),
                Half::Response => std::mem::take(&mut stream.response_resumed),
            };
            held &= !resumed;
            self.events.send(self.vm.state(), self.world);
            if !held {
                return Ok(());
            }
            if !self.events.deliver_next(self.vm, give_up)? {
                return Err(Stopped::Hung);
            }
        }
    }

    fn stream(&mut self) -> &mut Stream {
        self.vm.state().streams.entry(self.context).or_default()
    }
}

impl LocalResponse {
    /// What Envoy makes of it: a length, and plain text where the plugin named no type.
    fn response(&self, head: bool) -> HttpResponse {
        let mut headers: HeaderMap = [(":status", self.status.to_string())].into_iter().collect();
        self.headers.iter().for_each(|(name, value)| headers.add(name, value));
        if !self.body.is_empty() {
            headers.replace(b"content-length", self.body.len().to_string().as_bytes());
            if headers.first(b"content-type").is_none() {
                headers.add("content-type", "text/plain");
            }
        }
        HttpResponse { headers, body: if head { Vec::new() } else { self.body.clone() }, trailers: HeaderMap::new() }
    }
}
