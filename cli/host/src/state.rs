//! What a VM's host functions read and write.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    rc::Rc,
    time::Duration,
};

use wasmtime::{Memory, StoreLimits, StoreLimitsBuilder, TypedFunc};

use crate::{
    abi::{LogLevel, StreamType},
    attributes::StreamInfo,
    faults::{Faults, Injected},
    grpc::GrpcCallouts,
    headers::HeaderMap,
    last_calls::LastCalls,
    logs::LogLine,
    metrics::MetricIds,
    plugin::Plugin,
    profile::Profile,
    shared::Shared,
    thread::{RootId, Thread, VmId},
    trace::{Recorder, Trace},
    world::{HttpCall, HttpResponse},
};

/// A response that the plugin sends in the upstream's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalResponse {
    /// The HTTP status code.
    pub status: u32,
    /// Response code details; empty where the plugin gave none.
    pub details: String,
    /// Headers that the plugin adds.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// The status that a client of gRPC gets; `None`: what the HTTP status means there.
    pub grpc_status: Option<i32>,
}

/// The store's data: one VM.
pub(crate) struct VmState {
    pub(crate) memory: Option<Memory>,
    /// The guest's allocator, with its name. Cloning a typed function itself would cost as much as calling it.
    pub(crate) allocate: Option<(&'static str, Rc<TypedFunc<u32, u32>>)>,
    pub(crate) limits: StoreLimits,
    pub(crate) shared: Shared,
    pub(crate) id: VmId,
    pub(crate) thread: Thread,
    /// The plugin that the VM was made for: what it says of the VM holds for all in it.
    pub(crate) maker: Rc<Plugin>,
    /// The plugins in this VM, by their root contexts.
    pub(crate) roots: BTreeMap<u32, Rc<Plugin>>,
    /// Root contexts that nobody needs any more, and with which the guest is not done yet.
    pub(crate) leaving: BTreeSet<u32>,
    next_context: u32,
    /// Whether the module's start function runs, which may call little.
    pub(crate) starting: bool,
    /// Whether `on_vm_start` runs.
    pub(crate) starting_vm: bool,
    /// The root context that is being configured: its configuration is there only then.
    pub(crate) configuring: Option<u32>,
    /// The context whose callback runs.
    pub(crate) current_context: u32,
    /// The context on whose behalf host calls work; 0: the current one.
    pub(crate) effective_context: u32,
    pub(crate) streams: BTreeMap<u32, Stream>,
    pub(crate) connections: BTreeMap<u32, Connection>,
    /// What the guest has asked for, by context; it happens once the running callback has returned.
    pub(crate) effects: VecDeque<(u32, Effect)>,
    /// The reply that `on_http_call_response` is about, while it runs.
    pub(crate) call_reply: Option<HttpResponse>,
    /// Properties that contexts have declared, and whether they are read-only.
    pub(crate) declared: BTreeMap<(u32, Vec<u8>), bool>,
    /// The arguments that `on_foreign_function` is about, while it runs.
    pub(crate) call_data: Vec<u8>,
    /// Callouts that the gateway has not picked up yet.
    pub(crate) dispatched: Vec<Dispatched>,
    pub(crate) next_call_token: u32,
    pub(crate) grpc: GrpcCallouts,
    /// Tick periods that root contexts have set and the gateway has not picked up yet; `None`: no ticks.
    pub(crate) ticks: BTreeMap<u32, Option<Duration>>,
    pub(crate) metric_ids: MetricIds,
    pub(crate) injected: Injected,
    pub(crate) last_calls: LastCalls,
    pub(crate) trace: Trace,
    pub(crate) random: u64,
    pub(crate) host_calls: u64,
    /// Host functions that were called although this host does not have them.
    pub(crate) unimplemented: BTreeSet<&'static str>,
}

/// A callout on its way to the gateway.
pub(crate) struct Dispatched {
    pub(crate) token: u32,
    /// The root context that is called back.
    pub(crate) root: u32,
    /// The number of the stream or connection on whose behalf it was made, if it was one.
    pub(crate) stream: Option<u32>,
    pub(crate) call: HttpCall,
}

/// What a guest asks for that happens to a stream, or to a root context.
#[derive(Debug)]
pub(crate) enum Effect {
    /// The guest is done with a root context.
    Delete,
    Continue(StreamType),
    Close,
    Answer(LocalResponse),
    /// What has come behind a new connection that was held is seen.
    Unheld,
    /// The gRPC callout of this token is closed, which found no cluster.
    GrpcUnavailable(Behalf, u32),
}

/// On whose behalf a callout is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Behalf {
    /// The root context that is called back.
    pub(crate) root: u32,
    /// The number of the stream or connection, if it is one.
    pub(crate) stream: Option<u32>,
}

/// One HTTP stream as the plugin sees it.
#[derive(Debug)]
pub(crate) struct Stream {
    /// The root context of its plugin.
    pub(crate) root: u32,
    /// The stream's number in the gateway, and the place of the plugin in its chain.
    pub(crate) number: u32,
    pub(crate) stage: usize,
    pub(crate) request: Message,
    pub(crate) response: Message,
    /// While the stream is logged, what there was of headers can be read, and no longer be changed.
    pub(crate) logging: bool,
    pub(crate) info: StreamInfo,
}

/// What of a message has been shown to the plugin, and what of it the plugin may see and change at this moment: Envoy
/// takes each piece away once it has gone on.
#[derive(Debug, Default)]
pub(crate) struct Message {
    pub(crate) headers: Option<HeaderMap>,
    pub(crate) headers_open: bool,
    pub(crate) body: Vec<u8>,
    pub(crate) body_open: bool,
    /// The plugin has held the body: it sees it even where it lets go of everything else.
    pub(crate) body_kept: bool,
    pub(crate) trailers: Option<HeaderMap>,
    pub(crate) trailers_open: bool,
}

/// One TCP connection as the plugin sees it.
#[derive(Debug)]
pub(crate) struct Connection {
    /// The root context of its plugin.
    pub(crate) root: u32,
    /// The connection's number in the gateway.
    pub(crate) number: u32,
    /// What the client has sent.
    pub(crate) downstream: Buffer,
    /// What the upstream has sent.
    pub(crate) upstream: Buffer,
}

/// Bytes that the plugin sees and may change while they are open; others stay out of its sight.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    pub(crate) bytes: Vec<u8>,
    pub(crate) open: bool,
}

/// The gateway's bound on the memory of one VM.
pub(crate) const MEMORY_BYTES: usize = 1024 * 1024 * 1024;

impl VmState {
    /// A VM without a root context as yet.
    pub(crate) fn new(shared: Shared, recorder: &Recorder, id: VmId, thread: Thread, maker: Rc<Plugin>) -> Self {
        Self {
            memory: None,
            allocate: None,
            limits: limits(MEMORY_BYTES),
            shared,
            id,
            thread,
            maker,
            roots: BTreeMap::new(),
            leaving: BTreeSet::new(),
            next_context: 1,
            starting: false,
            starting_vm: false,
            configuring: None,
            current_context: 0,
            effective_context: 0,
            streams: BTreeMap::new(),
            connections: BTreeMap::new(),
            effects: VecDeque::new(),
            call_reply: None,
            declared: BTreeMap::new(),
            call_data: Vec::new(),
            dispatched: Vec::new(),
            next_call_token: 0,
            grpc: GrpcCallouts::default(),
            ticks: BTreeMap::new(),
            metric_ids: MetricIds::default(),
            injected: Injected::default(),
            last_calls: LastCalls::default(),
            trace: recorder.trace(thread),
            random: 0,
            host_calls: 0,
            unimplemented: BTreeSet::new(),
        }
    }

    /// The same with these faults.
    pub(crate) fn with_faults(self, faults: Faults) -> Self {
        let memory_bytes = faults.memory_bytes.map_or(MEMORY_BYTES, |bytes| bytes.min(MEMORY_BYTES));
        Self { limits: limits(memory_bytes), injected: Injected::new(faults), ..self }
    }

    /// The number of a further context.
    pub(crate) fn allocate_context(&mut self) -> u32 {
        let context = self.next_context;
        self.next_context = context.wrapping_add(1);
        context
    }

    /// Whether there is such a context: a root context, a stream's or a connection's.
    pub(crate) fn has_context(&self, context: u32) -> bool {
        self.roots.contains_key(&context)
            || self.streams.contains_key(&context)
            || self.connections.contains_key(&context)
    }

    /// The context on whose behalf the guest calls; where that one is gone, the one whose callback runs.
    pub(crate) fn context(&self) -> u32 {
        if self.has_context(self.effective_context) { self.effective_context } else { self.current_context }
    }

    /// Whether there is a cluster of this name.
    pub(crate) fn has_cluster(&self, name: &str) -> bool {
        !name.is_empty() && self.shared.get().clusters.as_ref().is_none_or(|clusters| clusters.contains(name))
    }

    /// On whose behalf the guest calls.
    pub(crate) fn behalf(&mut self) -> Behalf {
        let stream = self.stream().map(|stream| stream.number);
        let number = stream.or_else(|| self.connection().map(|connection| connection.number));
        Behalf { root: self.root().context, stream: number }
    }

    /// The connection on whose behalf the guest calls.
    pub(crate) fn connection(&mut self) -> Option<&mut Connection> {
        let context = self.context();
        self.connections.get_mut(&context)
    }

    /// The stream on whose behalf the guest calls.
    pub(crate) fn stream(&mut self) -> Option<&mut Stream> {
        let context = self.context();
        self.streams.get_mut(&context)
    }

    /// Whether the gateway follows the specification where Envoy differs.
    pub(crate) fn follows_spec(&self) -> bool {
        self.shared.get().profile == Profile::Spec
    }

    /// A stream has been deleted, and with it what the plugin has declared on its behalf.
    pub(crate) fn forget_stream(&mut self, context: u32) {
        self.streams.remove(&context);
        self.declared.retain(|(of, _), _| *of != context);
    }

    /// The root context of the context on whose behalf the guest calls.
    pub(crate) fn root(&self) -> RootId {
        let context = self.context();
        let stream = self.streams.get(&context).map(|stream| stream.root);
        let root = stream.or_else(|| self.connections.get(&context).map(|connection| connection.root));
        RootId { vm: self.id, context: root.unwrap_or(context) }
    }

    /// The plugin on whose behalf the guest calls.
    pub(crate) fn plugin(&self) -> Option<&Plugin> {
        self.roots.get(&self.root().context).map(Rc::as_ref)
    }

    /// The guest logs a line.
    pub(crate) fn log(&self, level: LogLevel, message: String) {
        let mut shared = self.shared.get();
        let at = shared.clock.now();
        shared.logs.push(LogLine { level, message, at, thread: self.thread });
    }
}

fn limits(memory_bytes: usize) -> StoreLimits {
    StoreLimitsBuilder::new().memory_size(memory_bytes).table_elements(1 << 20).instances(1).memories(1).build()
}

impl Stream {
    /// Nothing of it has been shown yet.
    pub(crate) fn new(root: u32, number: u32, stage: usize, info: StreamInfo) -> Self {
        let (request, response) = (Message::default(), Message::default());
        Self { root, number, stage, request, response, logging: false, info }
    }

    /// The request's headers, where the plugin may see them at this moment.
    pub(crate) fn request_headers(&self) -> Option<&HeaderMap> {
        self.request.headers.as_ref().filter(|_| self.logging || self.request.headers_open)
    }

    /// The response's headers, where the plugin may see them at this moment.
    pub(crate) fn response_headers(&self) -> Option<&HeaderMap> {
        self.response.headers.as_ref().filter(|_| self.logging || self.response.headers_open)
    }

    /// The response's trailers, where the plugin may see them at this moment.
    pub(crate) fn response_trailers(&self) -> Option<&HeaderMap> {
        self.response.trailers.as_ref().filter(|_| self.logging || self.response.trailers_open)
    }
}

impl Connection {
    /// Nothing has been sent on it yet.
    pub(crate) fn new(root: u32, number: u32) -> Self {
        Self { root, number, downstream: Buffer::default(), upstream: Buffer::default() }
    }

    /// What one side has sent.
    pub(crate) fn buffer(&mut self, downstream: bool) -> &mut Buffer {
        if downstream { &mut self.downstream } else { &mut self.upstream }
    }
}

impl Buffer {
    /// The bytes, if the plugin may change them.
    pub(crate) fn writable(&mut self) -> Option<&mut Vec<u8>> {
        self.open.then_some(&mut self.bytes)
    }
}

impl Message {
    /// Makes trailers where there are none and may be some.
    pub(crate) fn fill_trailers(&mut self) {
        if self.trailers_open {
            self.trailers.get_or_insert_default();
        }
    }

    /// The plugin lets go of everything but a body that it has held.
    pub(crate) fn close(&mut self) {
        (self.headers_open, self.trailers_open) = (false, false);
        self.body_open &= self.body_kept;
    }
}
