//! Hostile bytes, and a hostile gateway, against the plugin as gateways run it: compiled, in the embedded gateway. A trap is
//! a failure, and so is a request that passes here and not by the policy alone, compiled for this machine.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail by panicking"
)]

#[path = "../../../../plugin/policy/fuzz/configs.rs"]
mod configs;
mod corpus;
mod gateway;
mod host;
mod inputs;
#[path = "../envoy/plugin.rs"]
mod plugin;
