//! GW3xx: `pluginConfig` of this project's plugin.

pub(super) mod bypass_everything;
pub(super) mod bypass_path_confusion;
pub(super) mod cluster_grammar;
pub(super) mod hardcoded_authorize_url;
pub(super) mod required_config;
pub(super) mod shadow_mode;
pub(super) mod timeout_out_of_range;
pub(super) mod unknown_key;
pub(super) mod wildcard_cluster;
