//! What the plugin asks of gRPC services, and what they say.

use std::time::Duration;

use crate::headers::HeaderMap;

/// A gRPC call of one message, as the plugin asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrpcCall {
    /// The cluster to send it to.
    pub upstream: String,
    /// The service's full name: `package.Service`.
    pub service: String,
    /// The method's name.
    pub method: String,
    /// Initial metadata; what the gateway adds is left out.
    pub metadata: HeaderMap,
    /// The message, without gRPC's prefix.
    pub message: Vec<u8>,
    /// How long the plugin waits; `None`: for ever.
    pub timeout: Option<Duration>,
}

/// What becomes of a gRPC call of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrpcOutcome {
    /// The service replies after `delay`; a delay of the call's time-out or more is a time-out.
    Reply {
        /// The message that it replies with.
        message: Vec<u8>,
        /// After how much of the gateway's clock.
        delay: Duration,
    },
    /// The service fails the call after `delay`.
    Fail {
        /// What with.
        status: GrpcStatus,
        /// After how much of the gateway's clock.
        delay: Duration,
    },
    /// The service never replies.
    Timeout,
    /// Nothing listens there.
    Refused,
    /// The service resets the call before its reply.
    Reset,
}

/// A gRPC callout that a plugin makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrpcCallout<'a> {
    /// A call of one message.
    Call(&'a GrpcCall),
    /// A stream is opened.
    Stream(&'a GrpcStream),
}

/// How a gRPC call ended: <https://grpc.io/docs/guides/status-codes/>.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrpcStatus {
    /// 0 is OK.
    pub code: u32,
    /// For people; may be empty.
    pub message: String,
}

/// A gRPC stream, as the plugin opened it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrpcStream {
    /// Its number among those of the gateway, from 0.
    pub number: u64,
    /// The cluster to send it to.
    pub upstream: String,
    /// The service's full name: `package.Service`.
    pub service: String,
    /// The method's name.
    pub method: String,
    /// Initial metadata; what the gateway adds is left out.
    pub metadata: HeaderMap,
}

/// What the plugin does on a gRPC stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrpcSent<'a> {
    /// It opens the stream.
    Open,
    /// It sends a message.
    Message {
        /// The how many-th of the stream, from 0.
        number: usize,
        /// Without gRPC's prefix.
        message: &'a [u8],
    },
    /// It closes its side.
    End,
}

/// What a service does on a gRPC stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrpcAnswer {
    /// It sends its initial metadata. Without this, they go before its first message, empty.
    Metadata(HeaderMap),
    /// It sends a message.
    Message(Vec<u8>),
    /// It closes the stream.
    Close {
        /// What with.
        status: GrpcStatus,
        /// Its trailing metadata.
        metadata: HeaderMap,
    },
    /// It resets the stream.
    Reset,
    /// Nothing listens there.
    Refused,
}
