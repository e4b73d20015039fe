//! The gRPC callouts of one VM: which are under way, and what the running callback may see of one.

mod service;
mod shown;

use std::{collections::BTreeMap, rc::Rc, time::Duration};

use crate::{
    abi::Status,
    headers::HeaderMap,
    state::Behalf,
    world::{GrpcCall, GrpcStatus, GrpcStream},
};

pub(crate) use service::cluster_of;
pub(crate) use shown::Shown;

/// The gRPC callouts of one VM.
#[derive(Debug)]
pub(crate) struct GrpcCallouts {
    next_call: u32,
    next_stream: u32,
    open: BTreeMap<u32, Callout>,
    /// What the plugin has sent and the gateway has not picked up yet.
    sent: Vec<Sent>,
    sent_bytes: usize,
    /// How many callouts have found no cluster since the gateway last picked up what was sent.
    unavailable: usize,
    pub(crate) initial_metadata: Option<HeaderMap>,
    pub(crate) message: Option<Vec<u8>>,
    pub(crate) trailing_metadata: Option<HeaderMap>,
    /// How the last callout of each root context that was closed ended. Its code stays behind the callback, its message
    /// does not, as in Envoy.
    statuses: BTreeMap<u32, GrpcStatus>,
}

/// A callout that is under way.
#[derive(Debug)]
pub(crate) enum Callout {
    /// One message each way.
    Call,
    /// A stream of messages each way.
    Stream(Exchange),
}

/// How far a stream has come.
#[derive(Debug)]
pub(crate) struct Exchange {
    stream: Rc<GrpcStream>,
    opened: Duration,
    /// Nothing of the service arrives before this, so that its order is kept.
    pub(crate) not_before: Duration,
    /// How many messages the plugin has sent.
    messages: usize,
    /// The plugin has sent its last message.
    pub(crate) ended: bool,
    /// The plugin has closed the stream.
    local_closed: bool,
    /// The service has.
    remote_closed: bool,
    /// The service's initial metadata have been shown.
    pub(crate) answered: bool,
}

/// Something on its way to the gateway.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) token: u32,
    pub(crate) behalf: Behalf,
    pub(crate) what: What,
}

/// What is on its way.
#[derive(Debug)]
pub(crate) enum What {
    Call(GrpcCall),
    Open(Rc<GrpcStream>),
    /// With how many the plugin has sent before it.
    Message(Rc<GrpcStream>, usize, Vec<u8>),
    End(Rc<GrpcStream>),
}

/// The low bits of a token tell the kinds of callouts apart.
const KIND: u32 = 3;
const CALL: u32 = 1;
const STREAM: u32 = 2;
const TOKEN_STEP: u32 = 4;
/// The bounds on callouts that are under way, and on what one callback may send: pieces, bytes.
const MAX_OPEN: usize = 4096;
const MAX_SENT: usize = 4096;
const MAX_SENT_BYTES: usize = 64 * 1024 * 1024;

impl Default for GrpcCallouts {
    fn default() -> Self {
        Self {
            next_call: CALL,
            next_stream: STREAM,
            open: BTreeMap::new(),
            sent: Vec::new(),
            sent_bytes: 0,
            unavailable: 0,
            initial_metadata: None,
            message: None,
            trailing_metadata: None,
            statuses: BTreeMap::new(),
        }
    }
}

impl GrpcCallouts {
    /// The token of a call that is made, whatever becomes of it.
    pub(crate) fn next_call_token(&mut self) -> u32 {
        self.next_call = self.next_call.wrapping_add(TOKEN_STEP);
        self.next_call
    }

    /// The token of a stream that is opened, whatever becomes of it.
    pub(crate) fn next_stream_token(&mut self) -> u32 {
        self.next_stream = self.next_stream.wrapping_add(TOKEN_STEP);
        self.next_stream
    }

    /// Whether the plugin is called back about one more callout that has found no cluster: where that has it try again,
    /// it could go on without end.
    pub(crate) fn tells_unavailable(&mut self) -> bool {
        self.unavailable += 1;
        self.unavailable <= MAX_SENT
    }

    /// Makes a call.
    pub(crate) fn call(&mut self, token: u32, behalf: Behalf, call: GrpcCall) -> Result<(), Status> {
        self.begin(token, Callout::Call)?;
        let bytes = call.message.len();
        self.send(bytes, Sent { token, behalf, what: What::Call(call) })
    }

    /// Opens a stream, `now` on the gateway's clock.
    pub(crate) fn open(&mut self, token: u32, behalf: Behalf, stream: GrpcStream, now: Duration) -> Result<(), Status> {
        let stream = Rc::new(stream);
        let exchange = Exchange {
            stream: Rc::clone(&stream),
            opened: now,
            not_before: now,
            messages: 0,
            ended: false,
            local_closed: false,
            remote_closed: false,
            answered: false,
        };
        self.begin(token, Callout::Stream(exchange))?;
        self.send(0, Sent { token, behalf, what: What::Open(stream) })
    }

    /// Sends a message on a stream, and the end of the plugin's side with it. What follows that end goes nowhere.
    pub(crate) fn send_message(
        &mut self,
        token: u32,
        behalf: Behalf,
        message: Vec<u8>,
        end: bool,
    ) -> Result<(), Status> {
        if token & KIND != STREAM {
            return Err(Status::BadArgument);
        }
        let Some(Callout::Stream(exchange)) = self.open.get_mut(&token) else { return Err(Status::NotFound) };
        if exchange.ended || exchange.remote_closed {
            return Ok(());
        }
        exchange.ended = end;
        let (stream, number) = (Rc::clone(&exchange.stream), exchange.messages);
        exchange.messages += 1;
        self.send(message.len(), Sent { token, behalf, what: What::Message(Rc::clone(&stream), number, message) })?;
        if end { self.send(0, Sent { token, behalf, what: What::End(stream) }) } else { Ok(()) }
    }

    /// Gives a callout up: the plugin hears nothing more of it.
    pub(crate) fn cancel(&mut self, token: u32) -> Result<(), Status> {
        check_kind(token)?;
        self.open.remove(&token).map(drop).ok_or(Status::NotFound)
    }

    /// Closes the plugin's side of a stream, or gives a call up.
    pub(crate) fn close(&mut self, token: u32, behalf: Behalf) -> Result<(), Status> {
        check_kind(token)?;
        let ended = match self.open.get_mut(&token).ok_or(Status::NotFound)? {
            Callout::Stream(exchange) if !exchange.remote_closed => {
                exchange.local_closed = true;
                (!std::mem::replace(&mut exchange.ended, true)).then(|| Rc::clone(&exchange.stream))
            }
            Callout::Call | Callout::Stream(_) => return self.cancel(token),
        };
        ended.map_or(Ok(()), |stream| self.send(0, Sent { token, behalf, what: What::End(stream) }))
    }

    /// A callout that is under way.
    pub(crate) fn get_mut(&mut self, token: u32) -> Option<&mut Callout> {
        self.open.get_mut(&token)
    }

    /// A stream that the service has not closed.
    pub(crate) fn exchange(&mut self, token: u32) -> Option<&mut Exchange> {
        match self.open.get_mut(&token) {
            Some(Callout::Stream(exchange)) if !exchange.remote_closed => Some(exchange),
            _ => None,
        }
    }

    /// How the last callout of a root context ended; OK where there was none.
    pub(crate) fn status(&self, root: u32) -> GrpcStatus {
        self.statuses.get(&root).cloned().unwrap_or_default()
    }

    /// What is told of the callout that the root context is called back about, whatever its protocol.
    pub(crate) fn set_status(&mut self, root: u32, status: GrpcStatus) {
        self.statuses.insert(root, status);
    }

    /// The callback has returned: the code of a status stays, its message goes.
    pub(crate) fn clear_message(&mut self, root: u32) {
        if let Some(status) = self.statuses.get_mut(&root) {
            status.message.clear();
        }
    }

    /// The service has closed the callout, which the plugin is about to hear.
    pub(crate) fn closing(&mut self, root: u32, token: u32, status: GrpcStatus) {
        self.set_status(root, status);
        if let Some(exchange) = self.exchange(token) {
            exchange.remote_closed = true;
        }
    }

    /// The plugin has heard of a callout's end, which is forgotten; a stream whose side of the plugin is open stays.
    pub(crate) fn closed(&mut self, root: u32, token: u32) {
        self.clear_message(root);
        if !matches!(self.open.get(&token), Some(Callout::Stream(exchange)) if !exchange.local_closed) {
            self.open.remove(&token);
        }
    }

    /// The plugin has seen a message; a call is over with it.
    pub(crate) fn received(&mut self, token: u32) {
        self.message = None;
        if matches!(self.open.get(&token), Some(Callout::Call)) {
            self.open.remove(&token);
        }
    }

    /// What the plugin has sent since this was last asked.
    pub(crate) fn take_sent(&mut self) -> Vec<Sent> {
        (self.sent_bytes, self.unavailable) = (0, 0);
        std::mem::take(&mut self.sent)
    }

    fn begin(&mut self, token: u32, callout: Callout) -> Result<(), Status> {
        if self.open.len() >= MAX_OPEN {
            return Err(Status::InternalFailure);
        }
        self.open.insert(token, callout);
        Ok(())
    }

    fn send(&mut self, bytes: usize, sent: Sent) -> Result<(), Status> {
        let bytes = self.sent_bytes + bytes;
        if self.sent.len() >= MAX_SENT || bytes > MAX_SENT_BYTES {
            return Err(Status::InternalFailure);
        }
        self.sent_bytes = bytes;
        self.sent.push(sent);
        Ok(())
    }
}

impl Exchange {
    /// How long the service took until `now`.
    pub(crate) fn took(&self, now: Duration) -> Duration {
        now.saturating_sub(self.opened)
    }
}

fn check_kind(token: u32) -> Result<(), Status> {
    if matches!(token & KIND, CALL | STREAM) { Ok(()) } else { Err(Status::BadArgument) }
}
