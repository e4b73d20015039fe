//! GW9xx: the document itself.

pub(super) mod duplicate_key;
pub(super) mod refused_by_istio;
pub(super) mod syntax;
pub(super) mod unused_suppression;
