//! What goes wrong in filters that authorize requests: a test for each pitfall, named after it, that drives the engine as
//! a gateway does. [`elsewhere`] says where those are that need more than the engine.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test may fail by panicking")]

mod anything;
mod elsewhere;
mod gateway;
mod host;
mod request;
mod service;
mod token;
