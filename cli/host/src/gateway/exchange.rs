//! One stream on its way through the chain.

use crate::{
    attributes::StreamInfo,
    grpc_reply::grpc_reply,
    headers::HeaderMap,
    state::{LocalResponse, Message, Stream},
    world::HttpResponse,
};

use super::{
    half::{Half, Passed},
    outcome::{Cost, Ending, Outcome},
    vms::Seat,
};

/// One stream.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    /// The plugins that it walks through, in the order of the chain.
    pub(super) stages: Vec<Stage>,
    /// What has reached the upstream.
    pub(super) request: Passed,
    /// What has reached the client.
    pub(super) response: Passed,
    /// Whether a response has come, from the upstream or in its place.
    pub(super) responding: bool,
    /// Whether a callback of the request runs, and whether the answer under way was given in one.
    pub(super) decoding: bool,
    pub(super) answered_in_callback: bool,
    /// How the stream ends once an answer that was given in the upstream's place has reached the client.
    pub(super) answer: Option<Ending>,
    /// The gateway's answer, given before any plugin saw the request, and what of the request is logged then.
    pub(super) refusal: Option<HttpResponse>,
    pub(super) refused: Option<HeaderMap>,
    /// Whether the client has sent all of its request.
    pub(super) request_complete: bool,
    /// Whether the client asked for headers alone.
    pub(super) head: bool,
    /// Whether the client speaks gRPC.
    pub(super) grpc: bool,
    pub(super) ending: Option<Ending>,
    pub(super) info: StreamInfo,
    pub(super) cost: Cost,
}

/// One plugin's part of a stream.
#[derive(Debug)]
pub(super) struct Stage {
    /// The number of the VM, and the plugin's root context in it.
    pub(super) vm: u32,
    pub(super) root: u32,
    /// The stream's context in it: none where the VM was lost before.
    pub(super) context: Option<u32>,
    /// Whether the guest knows of it: Envoy creates contexts with their first callback.
    pub(super) begun: bool,
    pub(super) request: Half,
    pub(super) response: Half,
}

/// The direction of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Request,
    Response,
}

/// One stage of one stream, in one direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    pub(super) stream: u32,
    pub(super) stage: usize,
    pub(super) way: Way,
}

impl Exchange {
    /// The plugin's own answer, as the client gets it.
    pub(super) fn reply_of_plugin(&self, local: &LocalResponse) -> HttpResponse {
        let reply = local.response(self.head);
        if self.grpc { grpc_reply(reply, local.grpc_status) } else { reply }
    }

    /// The gateway's own answer, as the client gets it.
    pub(super) fn reply(&self, reply: HttpResponse) -> HttpResponse {
        if self.grpc { grpc_reply(reply, None) } else { reply }
    }

    /// What became of it.
    pub(super) fn outcome(self) -> Outcome {
        // The client of a stream without an answer sees Envoy's own idle time-out, which tells whose fault it was.
        let timed_out =
            self.reply(HttpResponse::made_up(if self.request_complete { 504 } else { 408 }, "stream timeout"));
        let ending = self.ending.unwrap_or(Ending::Hung);
        let Self { request, response: passed, refusal, cost, .. } = self;
        let response = match (&ending, refusal, passed.headers) {
            (_, Some(refusal), _) => refusal,
            (Ending::Served | Ending::Answered(_) | Ending::Trapped(_), None, Some(headers)) => {
                HttpResponse { headers, body: passed.body, trailers: passed.trailers }
            }
            (Ending::Hung | Ending::Trapped(_), None, _) => timed_out,
            _ => HttpResponse::default(),
        };
        let forwarded = request.ended.then(|| request.request());
        let forwarded_trailers = if request.ended { request.trailers } else { HeaderMap::new() };
        Outcome { ending, response, forwarded, forwarded_trailers, cost, ..Outcome::default() }
    }
}

impl Way {
    /// The message that goes this way.
    pub(super) fn of(self, stream: &mut Stream) -> &mut Message {
        match self {
            Self::Request => &mut stream.request,
            Self::Response => &mut stream.response,
        }
    }
}

impl Stage {
    pub(super) fn new(Seat { vm, root }: Seat, context: Option<u32>) -> Self {
        Self { vm, root, context, begun: false, request: Half::default(), response: Half::default() }
    }

    pub(super) fn half(&mut self, way: Way) -> &mut Half {
        match way {
            Way::Request => &mut self.request,
            Way::Response => &mut self.response,
        }
    }
}

impl Spot {
    /// The stage that a message comes to next; none behind the last.
    pub(super) fn next(self) -> Option<Self> {
        let stage = match self.way {
            Way::Request => self.stage.checked_add(1),
            Way::Response => self.stage.checked_sub(1),
        };
        stage.map(|stage| Self { stage, ..self })
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
