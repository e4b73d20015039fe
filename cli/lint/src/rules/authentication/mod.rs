//! GW4xx: the authentication and authorization around a plugin.

pub(super) mod no_request_authentication;
pub(super) mod tokenless_accepted;
