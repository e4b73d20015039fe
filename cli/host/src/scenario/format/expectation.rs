//! What a scenario expects.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{GrpcCalloutExpectation, HeaderFields};

/// What must become of a request. What is left out may be anything.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestExpectation {
    /// Whether it reaches the upstream.
    pub decision: Option<Decision>,
    /// The status that the client gets.
    pub status: Option<u16>,
    /// Headers that the client gets, by name, each with exactly these values.
    #[serde(default)]
    pub headers: HeaderFields,
    /// Text that values of headers hold, by name.
    #[serde(default)]
    pub headers_contain: BTreeMap<String, String>,
    /// Headers that the client does not get.
    #[serde(default)]
    pub headers_absent: Vec<String>,
    /// The whole body that the client gets.
    pub body: Option<String>,
    /// Texts that the body holds.
    #[serde(default)]
    pub body_contains: Vec<String>,
    /// Members that the body, a JSON object, has; objects within are compared alike.
    pub json: Option<Value>,
    /// Trailers that the client gets.
    #[serde(default)]
    pub trailers: HeaderFields,
    /// How it ends.
    pub ending: Option<EndingName>,
    /// Response code details that the plugin gives.
    pub details: Option<String>,
    /// The request as it reaches the upstream.
    pub upstream: Option<UpstreamExpectation>,
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

/// Whether a request reaches the upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Decision {
    /// It does.
    Allow,
    /// It does not.
    Deny,
}

/// How a request ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum EndingName {
    /// The upstream answers.
    Served,
    /// The plugin answers.
    Answered,
    /// Nobody answers.
    Hung,
    /// The plugin closes the stream.
    Closed,
    /// The client goes away.
    ClientLeft,
    /// The gateway answers before the plugin sees the request.
    Refused,
    /// The plugin traps.
    Trapped,
}

/// A request as it reaches the upstream.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpstreamExpectation {
    /// The path with its query.
    pub path: Option<String>,
    /// Headers, by name, each with exactly these values.
    #[serde(default)]
    pub headers: HeaderFields,
    /// Headers that do not reach it.
    #[serde(default)]
    pub headers_absent: Vec<String>,
    /// The whole body.
    pub body: Option<String>,
    /// Trailers.
    #[serde(default)]
    pub trailers: HeaderFields,
}

/// A callout.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CalloutExpectation {
    /// The cluster.
    pub cluster: Option<String>,
    /// The method.
    pub method: Option<String>,
    /// The authority.
    pub host: Option<String>,
    /// The path with its query.
    pub path: Option<String>,
    /// Headers, by name, each with exactly these values.
    #[serde(default)]
    pub headers: HeaderFields,
    /// Headers that it does not carry.
    #[serde(default)]
    pub headers_absent: Vec<String>,
    /// The whole body.
    pub body: Option<String>,
}

/// A call of a foreign function.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ForeignCallExpectation {
    /// The function.
    pub name: Option<String>,
    /// What it is given, as text.
    pub arguments: Option<String>,
    /// What it is given, in base64 (RFC 4648, section 4).
    pub base64: Option<String>,
}

/// What must have reached one side of a connection.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReceivedExpectation {
    /// All of it, as text.
    pub text: Option<String>,
    /// All of it, in base64 (RFC 4648, section 4).
    pub base64: Option<String>,
    /// Texts that it holds.
    #[serde(default)]
    pub contains: Vec<String>,
    /// Whether the other side's end has reached it. A real Envoy does not tell where it has closed the connection itself.
    pub ended: Option<bool>,
}

/// What must hold of a gateway. That no line of its log holds a token of the scenario is always checked.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StateExpectation {
    /// Values of counters and gauges, by name.
    #[serde(default)]
    pub metrics: BTreeMap<String, u64>,
    /// Shared data, by key; null: there is none.
    #[serde(default)]
    pub shared_data: BTreeMap<String, Option<String>>,
    /// How many callouts were made so far, those of gRPC among them, by cluster.
    #[serde(default)]
    pub callouts: BTreeMap<String, u64>,
    /// Exactly the foreign functions that the plugin called so far, in the order of the calls; those of a first configuration
    /// that it refused are not among them.
    pub foreign_calls: Option<Vec<ForeignCallExpectation>>,
    /// Texts that lines hold which were logged so far.
    #[serde(default)]
    pub logs_contain: Vec<String>,
    /// Texts that no line holds.
    #[serde(default)]
    pub logs_lack: Vec<String>,
}

/// What a request or a connection is expected to cause beside what its two sides get.
#[derive(Clone, Copy)]
pub(in crate::scenario) struct Effects<'a> {
    pub(in crate::scenario) callouts: Option<&'a [CalloutExpectation]>,
    pub(in crate::scenario) grpc_callouts: Option<&'a [GrpcCalloutExpectation]>,
    pub(in crate::scenario) foreign_calls: Option<&'a [ForeignCallExpectation]>,
    pub(in crate::scenario) logs_contain: &'a [String],
    pub(in crate::scenario) logs_lack: &'a [String],
    pub(in crate::scenario) within: Option<SignedDuration>,
}

impl RequestExpectation {
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
