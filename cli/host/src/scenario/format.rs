//! The form of a scenario file. Its reference page and its JSON Schema are generated from these types and their comments.

mod connection;
mod expectation;
mod gateway;
mod grpc;

use std::collections::BTreeMap;

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{fields::HeaderFields, place::Places};

pub use connection::{ConnectionEnding, ConnectionExpectation, TcpAct, TcpConnection};
pub(super) use expectation::Effects;
pub use expectation::{
    CalloutExpectation, Decision, EndingName, ForeignCallExpectation, ReceivedExpectation, RequestExpectation,
    StateExpectation, UpstreamExpectation,
};
pub use gateway::{
    FaultSetup, ForeignFunction, ForeignStatus, GatewaySetup, RefusalSetup, SharedDataRace, StartupSetup, TrapSetup,
};
pub use grpc::{
    GrpcAnswerSetup, GrpcCalloutExpectation, GrpcClose, GrpcFailure, GrpcMessageExpectation, GrpcReply, GrpcService,
    GrpcStreamAnswer, GrpcStreamMessage,
};

/// A scenario: a plugin among services, what clients send, and what must hold.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scenario {
    /// What holds, in a sentence.
    pub name: String,
    /// Why it must hold, for who reads it later.
    pub description: Option<String>,
    /// The plugin and its configuration.
    pub plugin: PluginSetup,
    /// The gateway that it runs in.
    #[serde(default)]
    pub gateway: GatewaySetup,
    /// How callouts are answered: each by the first entry that fits it. A cluster that no entry names does not exist, and
    /// a call to one that none fits is refused.
    #[serde(default)]
    pub services: Vec<Service>,
    /// How gRPC callouts are answered, likewise.
    #[serde(default)]
    pub grpc_services: Vec<GrpcService>,
    /// What the upstream answers to requests that are let through. Default: 200 without a body.
    pub upstream: Option<Reply>,
    /// What happens, in this order.
    pub steps: Vec<Step>,
    /// What must hold at the end, once every request has ended.
    pub expect: Option<StateExpectation>,
    /// Where all this stands in the file.
    #[serde(skip)]
    pub(super) places: Places,
}

/// The plugin and its configuration: `config`, or `manifest`, or neither for an empty configuration.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PluginSetup {
    /// The plugin's configuration, as `pluginConfig` of a WasmPlugin has it.
    pub config: Option<Value>,
    /// The environment of its VM, which secrets come from, by name: beside what the manifest gives a value (`vmConfig.env`),
    /// or in its place.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// A manifest to take it from.
    pub manifest: Option<Manifest>,
    /// What must become of it. A gateway whose plugin refuses its first configuration answers every request with 500.
    /// Default: `accepted`.
    #[serde(default)]
    pub expect: ConfigExpectation,
    /// What becomes of requests once the plugin has trapped. Default: what the manifest says, or `close`.
    pub fail_strategy: Option<FailStrategy>,
}

/// A manifest that deploys the plugin.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// The file, beside the scenario's.
    pub file: String,
    /// Which WasmPlugin in it, where there are several.
    pub plugin: Option<String>,
}

/// What becomes of requests once the plugin has trapped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FailStrategy {
    /// Each is answered 503.
    #[default]
    Close,
    /// Each goes on without the plugin.
    Open,
    /// The plugin is started again.
    Reload,
}

/// How a service answers callouts.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Service {
    /// The cluster that the plugin calls.
    pub cluster: String,
    /// Calls to this path alone, without its query. Default: any.
    pub path: Option<String>,
    /// Calls with this method alone. Default: any.
    pub method: Option<String>,
    /// As many calls, then the next entry that fits. Default: all.
    pub times: Option<u32>,
    /// What becomes of a call.
    pub answer: Answer,
}

/// What becomes of a callout.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    /// The service replies.
    Reply(Reply),
    /// The service never replies.
    Timeout,
    /// Nothing listens there.
    Refused,
    /// The connection is reset before the reply.
    Reset,
    /// The connection is reset behind the reply's headers.
    ResetMidway,
}

/// A reply of a service or of the upstream.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reply {
    /// The status code, 200 to 599.
    pub status: u16,
    /// Headers, by name; several values of one name as a list.
    #[serde(default)]
    pub headers: HeaderFields,
    /// The body as text.
    pub body: Option<String>,
    /// The body as JSON; its `content-type` is set where `headers` has none. In that of a service, `{$unixTime: -5s}` is the
    /// time at the start of the scenario, less 5 s, in seconds since 1970: a real Envoy has the time of day.
    pub json: Option<Value>,
    /// Trailers, by name.
    #[serde(default)]
    pub trailers: HeaderFields,
    /// After how much time, such as `20ms`. Default: at once.
    pub delay: Option<SignedDuration>,
}

impl Default for Reply {
    /// 200 without a body.
    fn default() -> Self {
        Self {
            status: 200,
            headers: HeaderFields::default(),
            body: None,
            json: None,
            trailers: HeaderFields::default(),
            delay: None,
        }
    }
}

/// Something that happens.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    /// A client sends a request.
    Request(Box<Request>),
    /// A client opens a TCP connection.
    Connection(Box<TcpConnection>),
    /// Time passes, such as `5s`.
    Wait(SignedDuration),
    /// The plugin gets another configuration.
    Update(Update),
    /// Something must hold now.
    Expect(StateExpectation),
}

/// A request of a client. The next step begins once it has ended, unless it is in the background.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// The method. Default: `GET`, or `POST` with a body.
    pub method: Option<String>,
    /// The path with its query. Default: `/`.
    pub path: Option<String>,
    /// The host. Default: `gateway.local`.
    pub host: Option<String>,
    /// Headers, by name; several values of one name as a list, which sends as many fields.
    #[serde(default)]
    pub headers: HeaderFields,
    /// A token that is minted and sent as `authorization: Bearer …`.
    pub token: Option<Token>,
    /// The body as text.
    pub body: Option<String>,
    /// The body in pieces, each when its time has come.
    pub chunks: Option<Vec<Chunk>>,
    /// Trailers, by name.
    #[serde(default)]
    pub trailers: HeaderFields,
    /// The client goes away after this time.
    pub leaves_after: Option<SignedDuration>,
    /// The worker that takes it, counted from 0. Default: the first. A real Envoy chooses by itself.
    pub worker: Option<u16>,
    /// The next step begins at once; the request is waited for at the end of the scenario.
    #[serde(default)]
    pub background: bool,
    /// Sent as often, one behind the other, or at once in the background. Default: 1. What is expected holds for each.
    pub times: Option<u32>,
    /// What must become of it.
    pub expect: Option<RequestExpectation>,
}

/// A piece of a body.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Chunk {
    /// Its text.
    pub text: String,
    /// How long after what was sent before it. Default: at once.
    pub after: Option<SignedDuration>,
}

/// A JWT (RFC 7519), signed with ES256 and the key that RFC 7515 publishes in its appendix A.3.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Token {
    /// Claims laid over the usual ones (`iss`, `sub`, `aud`, `iat`, `exp`, `jti`); null takes one away.
    #[serde(default)]
    pub claims: BTreeMap<String, Value>,
    /// When it expires, counted from the gateway's clock; may be in the past, such as `-1s`. Default: `5m`.
    pub expires_in: Option<SignedDuration>,
    /// When it becomes valid, counted likewise. Default: it has no `nbf`.
    pub not_before_in: Option<SignedDuration>,
    /// When it was issued, counted likewise. Default: `0s`.
    pub issued_in: Option<SignedDuration>,
    /// Parameters laid over those of its header (`alg`, `typ`); null takes one away.
    #[serde(default)]
    pub header: BTreeMap<String, Value>,
    /// Its signature does not fit.
    #[serde(default)]
    pub forged: bool,
}

/// A change of the plugin's configuration; streams that are under way keep the old one.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Update {
    /// The new configuration.
    pub config: Value,
    /// What must become of it. Default: `accepted`.
    #[serde(default)]
    pub expect: ConfigExpectation,
}

/// What becomes of a configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ConfigExpectation {
    /// New streams run with it.
    #[default]
    Accepted,
    /// The plugin says no, or traps; the old one, if there is one, stays in force.
    Refused,
}

#[cfg(test)]
mod tests {
    use super::Scenario;

    #[test]
    fn a_scenario_is_read() {
        let text = "
name: A token is asked for
plugin: {config: {cluster: authz}}
services:
  - {cluster: authz, answer: timeout}
  - cluster: other
    answer: {reply: {status: 200, headers: {x-a: [one, two], x-b: 3}, delay: 20ms}}
steps:
  - request:
      headers: {x-a: one}
      token: {claims: {sub: alice, aud: null}, expiresIn: -1s}
      expect: {decision: deny, status: 401, callouts: []}
  - wait: 5s
  - expect: {metrics: {a: 1}, sharedData: {key: null}}
";
        assert_eq!(Scenario::read(text).unwrap().steps.len(), 3);
    }
}
