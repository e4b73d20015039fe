//! gRPC services of a scenario.

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::Deserialize;

use super::HeaderFields;

/// How a service answers gRPC callouts.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GrpcService {
    /// The cluster that the plugin calls.
    pub cluster: String,
    /// Callouts to this service alone, by its full name: `package.Service`. Default: any.
    pub service: Option<String>,
    /// Callouts of this method alone. Default: any.
    pub method: Option<String>,
    /// As many calls, then the next entry that fits. Default: all. A stream is answered by the first entry that fits it.
    pub times: Option<u32>,
    /// What becomes of a call or of a stream.
    pub answer: GrpcAnswerSetup,
}

/// What becomes of a gRPC callout.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum GrpcAnswerSetup {
    /// The service replies: to a call, or to each message of a stream, which it closes with OK when the plugin does.
    Reply(GrpcReply),
    /// The service fails the callout, or the stream as it is opened.
    Fail(GrpcFailure),
    /// The service never replies.
    Timeout,
    /// Nothing listens there.
    Refused,
    /// The service resets the callout before its reply.
    Reset,
}

/// A reply of a gRPC service.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GrpcReply {
    /// The message as text.
    pub message: Option<String>,
    /// The message in base64 (RFC 4648, section 4). Without this and `message` it is empty.
    pub base64: Option<String>,
    /// Initial metadata of a stream, by name; a plugin is not shown those of a call.
    #[serde(default)]
    pub metadata: HeaderFields,
    /// Trailing metadata of a stream, by name; a plugin is not shown those of a call.
    #[serde(default)]
    pub trailing_metadata: HeaderFields,
    /// After how much time, such as `20ms`. Default: at once.
    pub delay: Option<SignedDuration>,
}

/// What a gRPC service fails a callout with.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GrpcFailure {
    /// The status code, 1 to 16, such as 7 for `PERMISSION_DENIED`.
    pub code: u32,
    /// What it says, for people.
    #[serde(default)]
    pub message: String,
    /// Trailing metadata of a stream, by name; a plugin is not shown those of a call.
    #[serde(default)]
    pub trailing_metadata: HeaderFields,
    /// After how much time, such as `20ms`. Default: at once.
    pub delay: Option<SignedDuration>,
}

/// A gRPC callout.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GrpcCalloutExpectation {
    /// The cluster.
    pub cluster: Option<String>,
    /// The service's full name.
    pub service: Option<String>,
    /// The method.
    pub method: Option<String>,
    /// Initial metadata, by name, each with exactly these values.
    #[serde(default)]
    pub metadata: HeaderFields,
    /// Initial metadata that it does not carry.
    #[serde(default)]
    pub metadata_absent: Vec<String>,
    /// The message of a call as text.
    pub message: Option<String>,
    /// The message of a call in base64.
    pub base64: Option<String>,
}
