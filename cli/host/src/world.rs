//! What lies around the plugin: the clusters that it calls, and the upstream behind it.

mod grpc;

use std::time::Duration;

use crate::{gateway::StreamId, headers::HeaderMap};

pub use grpc::{GrpcAnswer, GrpcCall, GrpcCallout, GrpcOutcome, GrpcSent, GrpcStatus, GrpcStream};

/// An HTTP request: what the client sends, or what reaches the upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpRequest {
    /// Headers, pseudo-headers included.
    pub headers: HeaderMap,
    /// The body; absent where the headers end the stream.
    pub body: Vec<u8>,
}

impl HttpRequest {
    /// A request without a body, as a gateway shows it to its filters: pseudo-headers first, then what the client sent.
    #[must_use]
    pub fn new(method: &str, authority: &str, path: &[u8]) -> Self {
        let mut headers = HeaderMap::new();
        headers.add(":authority", authority);
        headers.add(":path", path);
        headers.add(":method", method);
        headers.add(":scheme", "http");
        Self { headers, body: Vec::new() }
    }
}

/// An HTTP response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpResponse {
    /// Headers, `:status` included.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// Trailers.
    pub trailers: HeaderMap,
}

impl HttpResponse {
    /// A response of this status without a body.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self { headers: [(":status", status.to_string())].into_iter().collect(), ..Self::default() }
    }

    /// A response that Envoy makes up in somebody's place.
    pub(crate) fn made_up(status: u16, body: &str) -> Self {
        let mut response = Self::new(status);
        response.headers.add("content-length", body.len().to_string());
        response.headers.add("content-type", "text/plain");
        response.body = body.into();
        response
    }

    /// The status code; 0 where there is none.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.headers
            .first(b":status")
            .and_then(|value| std::str::from_utf8(value).ok()?.parse().ok())
            .unwrap_or_default()
    }
}

/// An HTTP callout as the plugin asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCall {
    /// The cluster to send it to.
    pub upstream: String,
    /// Headers, pseudo-headers included.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// Trailers.
    pub trailers: HeaderMap,
    /// How long the plugin waits.
    pub timeout: Duration,
}

/// What becomes of a callout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    /// The service replies after `delay`; a delay of the call's time-out or more is a time-out.
    Reply {
        /// What it says.
        response: HttpResponse,
        /// After how much of the gateway's clock.
        delay: Duration,
    },
    /// The service never replies.
    Timeout,
    /// Nothing listens there.
    Refused,
    /// The connection is reset before the reply's headers: Envoy answers 503 in the service's place.
    Reset,
    /// The connection is reset behind the reply's headers: the plugin is called back without any.
    ResetMidway,
}

/// The services around a gateway. What is not implemented: nothing listens, and the upstream answers 200.
pub trait World {
    /// What becomes of `call`.
    fn call(&mut self, _call: &HttpCall) -> CallOutcome {
        CallOutcome::Refused
    }

    /// A callout was made at `at`, the time since the Unix epoch, on behalf of `stream` or by a plugin itself. The plugin
    /// will see a reply of this status, or a reset, after `took`.
    fn called(&mut self, stream: Option<StreamId>, at: Duration, call: &HttpCall, status: Option<u16>, took: Duration) {
        let _ = (stream, at, call, status, took);
    }

    /// What the upstream answers to a request that was let through.
    fn serve(&mut self, _request: &HttpRequest) -> HttpResponse {
        HttpResponse::new(200)
    }

    /// How long the upstream takes to answer.
    fn serving_time(&self) -> Duration {
        Duration::ZERO
    }

    /// What becomes of a gRPC call of one message.
    fn grpc_call(&mut self, _call: &GrpcCall) -> GrpcOutcome {
        GrpcOutcome::Refused
    }

    /// A gRPC callout was made at `at`, the time since the Unix epoch, on behalf of `stream` or by a plugin itself.
    fn grpc_called(&mut self, _stream: Option<StreamId>, _at: Duration, _callout: GrpcCallout<'_>) {}

    /// What the service does when the plugin does something on a gRPC stream, each thing so much time later; a stream
    /// keeps the order of what is answered on it.
    fn grpc_stream(&mut self, _stream: &GrpcStream, sent: GrpcSent<'_>) -> Vec<(Duration, GrpcAnswer)> {
        if sent == GrpcSent::Open { vec![(Duration::ZERO, GrpcAnswer::Refused)] } else { Vec::new() }
    }
}
