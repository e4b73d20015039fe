//! A real Envoy on loopback: its configuration, its process, its log, and the clients and services around it.
//!
//! ```text
//! Program::find -> Bootstrap -> Envoy::start -> client::Sending -> (Envoy: listener, plugin, cluster) -> Service
//! ```
//!
//! Everything is on loopback and on ports that the system picks; the administration interface is a socket in a folder
//! that nobody else may enter. Whatever waits does so for a bounded time.

mod access;
mod admin;
mod bootstrap;
mod client;
mod folder;
mod grpc;
mod log;
mod message;
mod peer;
mod process;
mod program;
mod service;
mod surroundings;
mod tail;

pub use access::{AccessLog, Ended};
pub use admin::Admin;
pub use bootstrap::{Bootstrap, Cluster, FailurePolicy, Listener, NOBODY, Plugin, Protocol};
pub use client::{Answered, Sending};
pub use folder::Folder;
pub use grpc::{GrpcReceived, GrpcResponder, GrpcServer};
pub use log::{Entry, LogReader};
pub use message::{Message, Role};
pub use peer::Peer;
pub use process::{Envoy, EnvoyError};
pub use program::{Program, ProgramError, TESTED_VERSION};
pub use service::{Reaction, Received, Service};
