//! A gRPC service, once on loopback and once for the embedded gateway: what it does goes by the method.

use std::time::Duration;

use gwauthz_host::{
    GrpcAnswer, GrpcCall, GrpcOutcome, GrpcSent, GrpcStatus,
    envoy::{GrpcReceived, GrpcServer},
};

/// The cluster of the service, which speaks HTTP/2.
pub(crate) const GRPC_CLUSTER: &str = "grpc";

/// What becomes of a call: what the service does on it, told as a whole.
pub(crate) fn outcome(call: &GrpcCall) -> GrpcOutcome {
    let delay = Duration::ZERO;
    let mut reply = None;
    for answer in answers(&call.method, GrpcSent::Message { number: 0, message: &call.message }) {
        match answer {
            GrpcAnswer::Message(message) => reply = Some(message),
            GrpcAnswer::Close { status: GrpcStatus { code: 0, .. }, .. } if reply.is_some() => {
                return GrpcOutcome::Reply { message: reply.unwrap_or_default(), delay };
            }
            GrpcAnswer::Close { status, .. } => return GrpcOutcome::Fail { status, delay },
            GrpcAnswer::Reset => return GrpcOutcome::Reset,
            GrpcAnswer::Metadata(_) | GrpcAnswer::Refused => {}
        }
    }
    GrpcOutcome::Timeout
}

/// What the service does when a client does something.
pub(crate) fn answers(method: &str, sent: GrpcSent<'_>) -> Vec<GrpcAnswer> {
    let metadata = |name: &str| GrpcAnswer::Metadata([(name, "1")].into_iter().collect());
    let close = |code, message: &str| GrpcAnswer::Close {
        status: GrpcStatus { code, message: message.to_owned() },
        metadata: [("x-t", "2")].into_iter().collect(),
    };
    match (method, sent) {
        ("reply", GrpcSent::Message { message, .. }) => {
            vec![metadata("x-i"), GrpcAnswer::Message([b"re:", message].concat()), close(0, "")]
        }
        ("empty", GrpcSent::Message { .. }) => vec![GrpcAnswer::Message(Vec::new()), close(0, "")],
        ("no-message", GrpcSent::Message { .. }) => vec![close(0, "")],
        ("fail", GrpcSent::Message { .. }) => vec![close(7, "denied")],
        ("reset", GrpcSent::Message { .. }) => vec![GrpcAnswer::Reset],
        ("reset-midway", GrpcSent::Message { .. }) => vec![metadata("x-i"), GrpcAnswer::Reset],
        ("echo", GrpcSent::Message { message, .. }) => vec![GrpcAnswer::Message(message.to_vec())],
        ("echo", GrpcSent::End) => vec![close(3, "")],
        ("close", GrpcSent::End) => vec![metadata("x-i"), close(0, "gone")],
        ("early", GrpcSent::Open) => vec![metadata("x-i"), close(0, "")],
        _ => Vec::new(),
    }
}

/// The service on loopback.
pub(crate) fn start() -> GrpcServer {
    let service = GrpcServer::start(|GrpcReceived { method, .. }| {
        Box::new(move |sent| answers(&method, sent).into_iter().map(|answer| (Duration::ZERO, answer)).collect())
    });
    service.expect("a port to listen on")
}
