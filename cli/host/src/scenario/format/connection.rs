//! TCP connections of a scenario.

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    CalloutExpectation, ForeignCallExpectation, GrpcCalloutExpectation,
    expectation::{Effects, ReceivedExpectation},
};

/// A TCP connection of a client through the plugin to the upstream. The next step begins once it has ended, unless it is in
/// the background.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TcpConnection {
    /// What the client does, in this order; behind it, it ends its side.
    #[serde(default)]
    pub client: Vec<TcpAct>,
    /// What the upstream does once the plugin lets the client reach it; behind it, it ends its side. Default: `[awaitEnd]`.
    pub upstream: Option<Vec<TcpAct>>,
    /// The worker that takes it, counted from 0. Default: the first. A real Envoy chooses by itself.
    pub worker: Option<u16>,
    /// The next step begins at once; the connection is waited for at the end of the scenario.
    #[serde(default)]
    pub background: bool,
    /// Opened as often, one behind the other, or at once in the background. Default: 1. What is expected holds for each.
    pub times: Option<u32>,
    /// What must become of it.
    pub expect: Option<ConnectionExpectation>,
}

/// Something that one side of a connection does. It does nothing more once the connection is closed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum TcpAct {
    /// It sends a text.
    Send(String),
    /// It sends bytes, written in base64 (RFC 4648, section 4).
    SendBase64(String),
    /// It waits until what has arrived since it last waited so holds this text.
    Receive(String),
    /// It waits for bytes likewise, written in base64.
    ReceiveBase64(String),
    /// It waits until the other side has ended.
    AwaitEnd,
    /// It lets time pass, such as `20ms`.
    Wait(SignedDuration),
    /// It ends its side; it may still receive.
    End,
    /// It resets the connection.
    Reset,
}

/// What must become of a connection. What is left out may be anything.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConnectionExpectation {
    /// How it ends.
    pub ending: Option<ConnectionEnding>,
    /// What the client gets.
    pub client: Option<ReceivedExpectation>,
    /// What reaches the upstream.
    pub upstream: Option<ReceivedExpectation>,
    /// Exactly the HTTP callouts that it causes, in the order in which they are made; an empty list: none.
    pub callouts: Option<Vec<CalloutExpectation>>,
    /// Exactly the gRPC callouts, the streams that it opens among them.
    pub grpc_callouts: Option<Vec<GrpcCalloutExpectation>>,
    /// Exactly the foreign functions that the plugin calls on its behalf, in the order of the calls; an empty list: none.
    pub foreign_calls: Option<Vec<ForeignCallExpectation>>,
    /// Texts that lines hold which the plugin logs meanwhile.
    #[serde(default)]
    pub logs_contain: Vec<String>,
    /// Texts that no line holds.
    #[serde(default)]
    pub logs_lack: Vec<String>,
    /// The longest it takes on the gateway's clock.
    pub within: Option<SignedDuration>,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ConnectionEnding {
    /// Both sides have ended.
    Ended,
    /// The plugin closes it, or the gateway does where its plugin has refused its configuration.
    Closed,
    /// One side resets it.
    Reset,
    /// It is still open after an hour in which neither side does anything.
    Held,
    /// The plugin traps.
    Trapped,
}

impl ConnectionExpectation {
    /// What it causes.
    pub(in crate::scenario) fn effects(&self) -> Effects<'_> {
        Effects {
            callouts: self.callouts.as_deref(),
            grpc_callouts: self.grpc_callouts.as_deref(),
            foreign_calls: self.foreign_calls.as_deref(),
            logs_contain: &self.logs_contain,
            logs_lack: &self.logs_lack,
            within: self.within,
        }
    }
}
