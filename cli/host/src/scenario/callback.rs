//! Callbacks of a plugin in a scenario file, by their names in the ABI.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error as _};

/// A callback of the plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Callback(&'static str);

/// The names, without `proxy_`.
const NAMES: &[&str] = &[
    "on_vm_start",
    "on_configure",
    "on_tick",
    "on_context_create",
    "on_request_headers",
    "on_request_body",
    "on_request_trailers",
    "on_response_headers",
    "on_response_body",
    "on_response_trailers",
    "on_new_connection",
    "on_downstream_data",
    "on_downstream_connection_close",
    "on_upstream_data",
    "on_upstream_connection_close",
    "on_http_call_response",
    "on_grpc_receive_initial_metadata",
    "on_grpc_receive",
    "on_grpc_receive_trailing_metadata",
    "on_grpc_close",
    "on_queue_ready",
    "on_done",
    "on_log",
    "on_delete",
];

impl Callback {
    /// Its name, as a module exports it: `proxy_on_request_headers`.
    #[must_use]
    pub fn export(self) -> String {
        format!("proxy_{}", self.0)
    }
}

impl<'de> Deserialize<'de> for Callback {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = Cow::<str>::deserialize(deserializer)?;
        let known = NAMES.iter().find(|name| **name == word.strip_prefix("proxy_").unwrap_or(&word));
        known.map(|name| Self(name)).ok_or_else(|| D::Error::unknown_variant(&word, NAMES))
    }
}

impl JsonSchema for Callback {
    fn schema_name() -> Cow<'static, str> {
        "Callback".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<_> = NAMES.iter().map(|name| format!("`{name}`")).collect();
        json_schema!({
            "description": format!("A callback of the plugin, by its name in the ABI: {}.", names.join(", ")),
            "type": "string",
            "enum": NAMES,
        })
    }
}
