//! GW2xx: when a plugin runs, for what, and what happens when it fails.

pub(super) mod fail_open;
pub(super) mod gateway_match_server;
pub(super) mod implicit_fail_strategy;
pub(super) mod jwt_plugin_before_authn;
pub(super) mod phase_unset_or_stats;
