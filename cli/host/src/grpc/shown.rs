//! What the plugin is shown of what a service does: which callbacks, with what.

use std::time::Duration;

use crate::{
    grpc_reply::percent_encoded,
    headers::HeaderMap,
    world::{GrpcAnswer, GrpcOutcome, GrpcStatus},
};

use super::Exchange;

/// What one callback shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    InitialMetadata(HeaderMap),
    Message(Vec<u8>),
    TrailingMetadata(HeaderMap),
    Close(GrpcStatus),
}

/// Status codes of gRPC.
const OK: u32 = 0;
const INTERNAL: u32 = 13;
const UNAVAILABLE: u32 = 14;

/// What Envoy says in a service's place, and behind it, in braces, why.
const REFUSED: (&str, &str) = (
    "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure",
    "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}",
);
const RESET: (&str, &str) = (
    "upstream connect error or disconnect/reset before headers. reset reason: remote reset",
    "upstream_reset_before_response_started{remote_reset}",
);
const TIMEOUT: (&str, &str) = ("upstream request timeout", "response_timeout");
const RESET_MIDWAY: (&str, &str) = ("", "upstream_reset_after_response_started{remote_reset}");

impl Shown {
    /// What a call shows in the end, and when; nothing where the plugin waits for ever.
    pub(crate) fn of_call(outcome: GrpcOutcome, timeout: Option<Duration>) -> Option<(Duration, Self)> {
        let in_time = |delay: &Duration| timeout.is_none_or(|timeout| *delay < timeout);
        let unavailable = |why| Self::Close(said(UNAVAILABLE, why));
        match outcome {
            GrpcOutcome::Reply { message, delay } if in_time(&delay) => Some((delay, Self::Message(message))),
            // Envoy misses the message.
            GrpcOutcome::Fail { status: GrpcStatus { code: OK, .. }, delay } if in_time(&delay) => {
                Some((delay, Self::Close(GrpcStatus { code: INTERNAL, message: String::new() })))
            }
            GrpcOutcome::Fail { status, delay } if in_time(&delay) => {
                Some((delay, Self::Close(from_service(carried(status)))))
            }
            GrpcOutcome::Refused => Some((Duration::ZERO, unavailable(REFUSED))),
            GrpcOutcome::Reset => Some((Duration::ZERO, unavailable(RESET))),
            GrpcOutcome::Reply { .. } | GrpcOutcome::Fail { .. } | GrpcOutcome::Timeout => {
                timeout.map(|timeout| (timeout, unavailable(TIMEOUT)))
            }
        }
    }

    /// What the plugin is shown of an answer on a stream, one callback each.
    pub(crate) fn of_answer(answer: GrpcAnswer, exchange: &mut Exchange, now: Duration) -> Vec<Self> {
        let first = !std::mem::replace(&mut exchange.answered, true);
        let head = || head(exchange, now);
        match answer {
            GrpcAnswer::Metadata(metadata) if first => vec![Self::InitialMetadata(joined(head(), &metadata))],
            // There is one place for them.
            GrpcAnswer::Metadata(_) => Vec::new(),
            GrpcAnswer::Message(message) if first => vec![Self::InitialMetadata(head()), Self::Message(message)],
            GrpcAnswer::Message(message) => vec![Self::Message(message)],
            GrpcAnswer::Close { status, metadata } => {
                let status = carried(status);
                let trailers = joined(tail(&status), &metadata);
                let trailers = if first { joined(head(), &trailers) } else { trailers };
                end(first, trailers, from_service(status))
            }
            GrpcAnswer::Reset if !first => end(false, HeaderMap::new(), said(INTERNAL, RESET_MIDWAY)),
            GrpcAnswer::Reset => made_up(RESET),
            GrpcAnswer::Refused => made_up(REFUSED),
        }
    }

    /// What a callout to a cluster shows that there is not.
    pub(crate) fn no_cluster() -> Self {
        Self::Close(GrpcStatus { code: UNAVAILABLE, message: "Cluster not available".to_owned() })
    }
}

/// The end of a stream; its initial metadata are shown empty where there were none.
fn end(first: bool, trailers: HeaderMap, status: GrpcStatus) -> Vec<Shown> {
    let initial = first.then(|| Shown::InitialMetadata(HeaderMap::new()));
    initial.into_iter().chain([Shown::TrailingMetadata(trailers), Shown::Close(status)]).collect()
}

/// The end of a stream that Envoy answers in the service's place.
fn made_up(why: (&str, &str)) -> Vec<Shown> {
    let status = GrpcStatus { code: UNAVAILABLE, message: why.0.to_owned() };
    let trailers = joined(response(), &tail(&status));
    end(true, trailers, said(UNAVAILABLE, why))
}

/// The headers of a response; once the plugin has ended its side, Envoy tells how long the service took.
fn head(exchange: &Exchange, now: Duration) -> HeaderMap {
    let mut headers = response();
    if exchange.ended {
        headers.add("x-envoy-upstream-service-time", exchange.took(now).as_millis().to_string());
    }
    headers
}

fn response() -> HeaderMap {
    [(":status", "200"), ("content-type", "application/grpc")].into_iter().collect()
}

fn tail(status: &GrpcStatus) -> HeaderMap {
    let mut trailers: HeaderMap = [("grpc-status", status.code.to_string())].into_iter().collect();
    if !status.message.is_empty() {
        trailers.add("grpc-message", &status.message);
    }
    trailers
}

fn joined(mut first: HeaderMap, then: &HeaderMap) -> HeaderMap {
    then.iter().for_each(|(name, value)| first.add(name, value));
    first
}

/// A service's status as it arrives: Envoy does not decode its message.
fn carried(status: GrpcStatus) -> GrpcStatus {
    GrpcStatus { message: percent_encoded(status.message.as_bytes()), ..status }
}

/// A service's status, behind which Envoy says where it comes from.
fn from_service(status: GrpcStatus) -> GrpcStatus {
    said(status.code, (&status.message, "via_upstream"))
}

fn said(code: u32, (message, details): (&str, &str)) -> GrpcStatus {
    let message = if message.is_empty() { details.to_owned() } else { format!("{message}{{{details}}}") };
    GrpcStatus { code, message }
}
