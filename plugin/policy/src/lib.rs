//! The authorization engine of the gwauthz plugin.
//!
//! Sans-IO: no clock, no network, no host. The caller hands in the request, the time and the replies of callouts, and
//! carries out the [`Step`] that comes back. The same code runs natively under tests, in the embedded host and in Envoy.
//!
//! ```text
//! Request -> rules -> token source -> token -> Step::Callout -> CalloutReply -> Step::Continue | Step::Deny
//! ```
//!
//! An allowed request is a [`Permit`], which only the engine can make; every other path ends in a [`Denial`].
//!
//! What is called from one place alone is `inline(never)` where it is large: a gateway's V8 takes memory for each function
//! that it compiles, and more than in proportion for long ones.
#![forbid(unsafe_code)]

mod answer;
mod audit;
mod callout;
pub mod config;
mod decisions;
mod denial;
mod endpoint;
mod engine;
mod fetch;
mod fingerprint;
mod header_map;
mod host;
mod identity;
mod issuer;
mod json;
mod metric;
mod path;
mod permit;
mod recent;
mod report;
mod request;
mod requirement;
pub mod revocation;
mod rule;
mod seal;
mod shared_data;
mod source;
mod span;
mod token;

pub use answer::Answer;
pub use callout::{Callout, CalloutReply, CalloutResult};
pub use config::{Config, ConfigErrors, Effective, Issue, IssueKind, Parsed, Segment};
pub use denial::Denial;
pub use engine::{Engine, Exchange, Step};
pub use fetch::{Fetch, FetchId, FetchReply};
pub use gwauthz_jose::{Json, NotAnObject, Object, jwk, jws};
pub use header_map::HeaderMap;
pub use metric::{Metric, MetricKind};
pub use permit::{HeaderMutation, Permit, PermitReason};
pub use report::Report;
pub use request::Request;
pub use shared_data::SharedData;
