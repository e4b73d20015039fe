//! JOSE for the gwauthz plugin: signatures of JWS (RFC 7515) verified with keys of a JWK Set (RFC 7517), and the JSON in
//! which both stand.
//!
//! No clock, no network, and no secrets but the configured ones of HS256; nothing here knows of requests. Each algorithm is
//! `inline(never)`, since a gateway's V8 takes more memory for long functions.
#![forbid(unsafe_code)]

pub mod base64url;
mod json;
pub mod jwk;
pub mod jws;

pub use json::{Json, NotAnObject, Object};
