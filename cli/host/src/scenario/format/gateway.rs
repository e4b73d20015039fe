//! The gateway of a scenario.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::scenario::callback::Callback;

/// The gateway that the plugin runs in.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GatewaySetup {
    /// How many workers it has. Default: 1.
    pub workers: Option<u16>,
    /// Which VMs it makes. Default: `envoy`.
    #[serde(default)]
    pub startup: StartupSetup,
    /// What its clock shows at the start (RFC 3339). Default: `2026-01-01T00:00:00Z`. A real Envoy has the time of day.
    pub starts_at: Option<Timestamp>,
    /// Data that other plugins have shared before the start, by key.
    #[serde(default)]
    pub shared_data: BTreeMap<String, String>,
    /// Writes to shared data that the plugin loses to another one.
    #[serde(default)]
    pub shared_data_races: Vec<SharedDataRace>,
    /// Properties beside the gateway's own, or in their place, by their path: `xds.node.id`, or, where a segment has dots of
    /// its own, `metadata.filter_metadata['envoy.filters.http.jwt_authn']`. A text is given as it is, a number in 8 bytes,
    /// true or false in one, a list or a map as pairs. The gateway is configured with those of `xds.node`, names and metadata
    /// below `xds`, and `metadata` and texts of `filter_state` that filters before the plugin leave: these are there when Envoy
    /// has them, numbers of metadata as doubles. All others are there at all times, and on the embedded gateway alone.
    #[serde(default)]
    pub properties: BTreeMap<String, Value>,
    /// Foreign functions beside Envoy's own, or in their place, by their name; a real Envoy has none of them.
    #[serde(default)]
    pub foreign_functions: BTreeMap<String, ForeignFunction>,
    /// The faults that it brings upon the plugin. Default: none.
    #[serde(default)]
    pub faults: FaultSetup,
}

/// What a foreign function answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ForeignFunction {
    /// The status. Default: `ok`.
    #[serde(default)]
    pub status: ForeignStatus,
    /// What it gives back, as text.
    pub results: Option<String>,
    /// What it gives back, in base64 (RFC 4648, section 4). Without this and `results` it is nothing.
    pub base64: Option<String>,
}

/// A status of a host call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ForeignStatus {
    /// It was done.
    #[default]
    Ok,
    /// There is nothing of this name.
    NotFound,
    /// An argument is wrong.
    BadArgument,
    /// The results could not be serialized.
    SerializationFailure,
    /// The arguments could not be parsed.
    ParseFailure,
    /// The gateway failed.
    InternalFailure,
    /// The gateway does not have it.
    Unimplemented,
}

/// Which VMs a gateway makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum StartupSetup {
    /// Those that Envoy makes: beside the workers', one in which it tries the configuration, and one of the main thread,
    /// which is ticked and serves no requests. What all of them log is seen.
    #[default]
    Envoy,
    /// One a worker: the least that serves requests.
    Workers,
}

/// Another plugin writes an entry of the shared data just before this one does, whose compare-and-swap then fails.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SharedDataRace {
    /// The entry.
    pub key: String,
    /// What the other plugin writes.
    pub value: String,
    /// Which write of the plugin to the entry it gets ahead of. Default: 1, the first.
    pub before_write: Option<u32>,
}

/// Faults that a gateway brings upon the plugin. Each counts in every VM for itself, from its start: a worker has one, and
/// an update is tried in one of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FaultSetup {
    /// How many bytes of memory a VM may have, at most 1 GiB: what asks for more is refused, and a module that begins with
    /// more is not started. Default: 1 GiB.
    pub memory_bytes: Option<u32>,
    /// How many allocations the plugin's allocator grants the gateway; behind them it answers null. Default: all.
    pub allocations: Option<u64>,
    /// How long one callback may run, `10ms` to `5s`, in real time: what the gateway's clock shows does not count. Default:
    /// `5s`.
    pub deadline: Option<SignedDuration>,
    /// A callback that traps.
    pub trap: Option<TrapSetup>,
    /// A call of the plugin that the gateway does not do.
    pub refusal: Option<RefusalSetup>,
}

/// Which call of the plugin is not done.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RefusalSetup {
    /// Of which function of the ABI, such as `replace_header_map_value`.
    pub function: String,
    /// The how many-th call of it. Default: 1, the first.
    pub call: Option<u64>,
    /// What the plugin gets instead. Default: `internalFailure`.
    pub status: Option<ForeignStatus>,
}

/// Where the plugin traps.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrapSetup {
    /// In which callback.
    pub callback: Callback,
    /// In the how many-th call of it. Default: 1, the first.
    pub call: Option<u64>,
}

impl GatewaySetup {
    /// What the clock shows at the start.
    #[must_use]
    pub fn clock_start(&self) -> Timestamp {
        // 2026-01-01T00:00:00Z
        self.starts_at.unwrap_or(Timestamp::constant(1_767_225_600, 0))
    }
}
