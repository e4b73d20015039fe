//! What a VM's host functions read and write.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use wasmtime::{Memory, StoreLimits, StoreLimitsBuilder, TypedFunc};

use crate::{
    abi::{LogLevel, StreamType},
    headers::HeaderMap,
    metrics::MetricIds,
    shared::Shared,
    trace::Trace,
    vm::ROOT_CONTEXT,
    world::{HttpCall, HttpResponse},
};

/// A line that the guest logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Its importance.
    pub level: LogLevel,
    /// Its text; what was not UTF-8 is replaced.
    pub message: String,
}

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
}

/// The store's data: one VM.
pub(crate) struct VmState {
    pub(crate) memory: Option<Memory>,
    /// The guest's allocator, with its name.
    pub(crate) allocate: Option<(&'static str, TypedFunc<u32, u32>)>,
    pub(crate) limits: StoreLimits,
    pub(crate) shared: Shared,
    /// The number of the worker that this VM belongs to.
    pub(crate) worker: usize,
    pub(crate) vm_configuration: Vec<u8>,
    pub(crate) plugin_configuration: Vec<u8>,
    /// Whether the plugin is being configured: its configuration is there only then.
    pub(crate) configuring: bool,
    /// The context whose callback runs.
    pub(crate) current_context: u32,
    /// The context on whose behalf host calls work; 0: the current one.
    pub(crate) effective_context: u32,
    pub(crate) streams: BTreeMap<u32, Stream>,
    /// What the guest has asked for, by stream; it happens once the running callback has returned.
    pub(crate) effects: VecDeque<(u32, Effect)>,
    /// The reply that `on_http_call_response` is about, while it runs.
    pub(crate) call_reply: Option<HttpResponse>,
    /// Callouts that the gateway has not picked up yet.
    pub(crate) dispatched: Vec<Dispatched>,
    pub(crate) next_call_token: u32,
    /// The tick period that the guest has set and the gateway has not picked up yet; `None` in it: no ticks.
    pub(crate) tick: Option<Option<Duration>>,
    pub(crate) metric_ids: MetricIds,
    pub(crate) logs: Logs,
    pub(crate) trace: Trace,
    pub(crate) random: u64,
    pub(crate) host_calls: u64,
    /// Host functions that were called although this host does not have them.
    pub(crate) unimplemented: BTreeSet<&'static str>,
}

/// A callout on its way to the gateway.
pub(crate) struct Dispatched {
    pub(crate) token: u32,
    /// The context on whose behalf it was made.
    pub(crate) context: u32,
    pub(crate) call: HttpCall,
}

/// What a guest asks for that happens to a stream.
#[derive(Debug)]
pub(crate) enum Effect {
    Continue(StreamType),
    Close,
    Answer(LocalResponse),
}

/// One HTTP stream as the plugin sees it.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    pub(crate) request: Message,
    pub(crate) response: Message,
    /// While the stream is logged, what there was of headers can be read, and no longer be changed.
    pub(crate) logging: bool,
}

/// What of a message has been shown to the plugin, and what of it the plugin may see and change at this moment: Envoy
/// takes each piece away once it has gone on.
#[derive(Debug, Default)]
pub(crate) struct Message {
    pub(crate) headers: Option<HeaderMap>,
    pub(crate) headers_open: bool,
    pub(crate) body: Vec<u8>,
    pub(crate) body_open: bool,
    pub(crate) trailers: Option<HeaderMap>,
    pub(crate) trailers_open: bool,
}

/// What the guest logged, bounded.
#[derive(Debug, Default)]
pub(crate) struct Logs {
    lines: Vec<LogLine>,
    bytes: usize,
    /// Lines that were dropped since the bound was reached.
    dropped: u64,
}

/// The gateway's bound on the memory of one VM.
pub(crate) const MEMORY_BYTES: usize = 1024 * 1024 * 1024;
/// The bound on what one VM may log.
const LOG_BYTES: usize = 4 * 1024 * 1024;

impl VmState {
    pub(crate) fn new(shared: Shared, worker: usize, vm_configuration: Vec<u8>, plugin_configuration: Vec<u8>) -> Self {
        let limits =
            StoreLimitsBuilder::new().memory_size(MEMORY_BYTES).table_elements(1 << 20).instances(1).memories(1);
        Self {
            memory: None,
            allocate: None,
            limits: limits.build(),
            shared,
            worker,
            vm_configuration,
            plugin_configuration,
            configuring: false,
            current_context: 0,
            effective_context: 0,
            streams: BTreeMap::new(),
            effects: VecDeque::new(),
            call_reply: None,
            dispatched: Vec::new(),
            next_call_token: 0,
            tick: None,
            metric_ids: MetricIds::default(),
            logs: Logs::default(),
            trace: Trace::default(),
            random: 0,
            host_calls: 0,
            unimplemented: BTreeSet::new(),
        }
    }

    /// The context on whose behalf the guest calls; where that one is gone, the one whose callback runs.
    pub(crate) fn context(&self) -> u32 {
        let effective = self.effective_context;
        let lives = effective == ROOT_CONTEXT || self.streams.contains_key(&effective);
        if lives { effective } else { self.current_context }
    }

    /// The stream on whose behalf the guest calls.
    pub(crate) fn stream(&mut self) -> Option<&mut Stream> {
        let context = self.context();
        self.streams.get_mut(&context)
    }
}

impl Message {
    /// The plugin lets go of everything.
    pub(crate) fn close(&mut self) {
        (self.headers_open, self.body_open, self.trailers_open) = (false, false, false);
    }
}

impl Logs {
    pub(crate) fn push(&mut self, level: LogLevel, message: String) {
        if self.bytes + message.len() > LOG_BYTES {
            self.dropped += 1;
            return;
        }
        self.bytes += message.len();
        self.lines.push(LogLine { level, message });
    }

    /// The lines since the last call, with a note where some were dropped.
    pub(crate) fn take(&mut self) -> Vec<LogLine> {
        let mut lines = std::mem::take(&mut self.lines);
        self.bytes = 0;
        let dropped = std::mem::take(&mut self.dropped);
        if dropped > 0 {
            let message = format!("{dropped} further lines were dropped: one VM may log {LOG_BYTES} bytes");
            lines.push(LogLine { level: LogLevel::Warn, message });
        }
        lines
    }
}
