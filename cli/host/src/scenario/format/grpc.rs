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
    /// As many calls, then the next entry that fits. Default: all. A stream is answered by the first entry that fits it, to its
    /// end.
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
    /// The service answers a stream message by message; a call is answered by the next entry that fits.
    Stream(GrpcStreamAnswer),
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

/// What a gRPC service does on a stream. Its messages are a list rather than several entries with `times`: a stream stays with
/// one service, and what is sent unasked answers no message that it could be counted by.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GrpcStreamAnswer {
    /// Initial metadata, by name.
    #[serde(default)]
    pub metadata: HeaderFields,
    /// What it sends, in this order: each upon one message of the plugin, or unasked. Further messages are not answered.
    #[serde(default)]
    pub messages: Vec<GrpcStreamMessage>,
    /// How it closes the stream, once it has sent the last of `messages`, or the plugin closes its side. Default: with OK, and
    /// only once the plugin does.
    pub close: Option<GrpcClose>,
}

/// A message that a gRPC service sends on a stream.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GrpcStreamMessage {
    /// The message as text.
    pub message: Option<String>,
    /// The message in base64 (RFC 4648, section 4). Without this and `message` it is empty.
    pub base64: Option<String>,
    /// It waits for no message of the plugin: it follows the one before it, or is sent as the stream is opened.
    #[serde(default)]
    pub unasked: bool,
    /// After how much time, such as `20ms`. Default: at once.
    pub delay: Option<SignedDuration>,
}

/// How a gRPC service closes a stream.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GrpcClose {
    /// The status code, 0 to 16. Default: 0, which is OK.
    #[serde(default)]
    pub code: u32,
    /// What it says, for people.
    #[serde(default)]
    pub message: String,
    /// Trailing metadata, by name.
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
    /// Exactly the messages that the plugin sends on a stream, to the end of the scenario; an empty list: none.
    pub messages: Option<Vec<GrpcMessageExpectation>>,
}

/// A message that the plugin sends on a gRPC stream.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GrpcMessageExpectation {
    /// The message as text.
    pub message: Option<String>,
    /// The message in base64 (RFC 4648, section 4).
    pub base64: Option<String>,
}
