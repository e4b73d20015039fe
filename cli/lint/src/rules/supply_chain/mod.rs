//! GW1xx: where a module comes from.

pub(super) mod http_module_url;
pub(super) mod latest_tag;
pub(super) mod prerelease_tag;
pub(super) mod remote_without_sha256;
pub(super) mod unpinned_image;
pub(super) mod untagged_image;
pub(super) mod url_silently_discarded;
