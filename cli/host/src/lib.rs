//! The embedded gateway: runs proxy-wasm modules as Envoy does, without a cluster and on a virtual clock.
//!
//! ```text
//! bytes -> Compiler -> Module -> Gateway::start (VM, configuration) -> Gateway::request -> Outcome
//! ```
//!
//! Where Envoy and the proxy-wasm ABI specification v0.2.1 differ, this follows Envoy, unless its [`Profile`] says otherwise.

mod abi;
mod attributes;
mod cache;
mod clock;
mod compiler;
mod crossings;
mod downstream;
pub mod envoy;
mod fault;
mod faults;
mod foreign;
mod gateway;
mod grpc;
mod grpc_reply;
mod guest;
mod headers;
mod hostcalls;
mod inline_headers;
mod last_calls;
mod logs;
mod metrics;
mod module;
mod plugin;
mod profile;
pub mod scenario;
mod shared;
mod shared_data;
mod shared_queues;
mod state;
mod thread;
mod trace;
mod vm;
mod wasi;
mod world;

pub use abi::{AbiVersion, Action, BufferType, CloseType, LogLevel, MapType, MetricType, Status, StreamType};
pub use attributes::{
    AttributeValue, Certificate, Connection as ConnectionInfo, Direction, Listener, Metadata, Node, Route,
    Surroundings, Tls, Upstream,
};
pub use cache::ModuleCache;
pub use clock::VirtualClock;
pub use compiler::{Compiler, MAX_MODULE_BYTES, Metering, Module};
pub use crossings::{Crossed, Crossing};
pub use fault::Fault;
pub use faults::{Faults, RefusalAt, TrapAt};
pub use foreign::{ForeignCall, ForeignReply};
pub use gateway::{
    Callout, Connection, ConnectionId, Cost, Disconnection, Ending, Gateway, GatewayConfig, Outcome, Part, Received,
    Refusal, Side, StartError, Startup, StreamId,
};
pub use headers::HeaderMap;
pub use logs::LogLine;
pub use metrics::{MetricReading, MetricValue};
pub use module::ModuleError;
pub use plugin::{FailStrategy, Plugin};
pub use profile::Profile;
pub use shared_data::{SharedDataRace, SharedEntry};
pub use state::LocalResponse;
pub use thread::Thread;
pub use trace::{Sample, TraceLine};
pub use world::{
    CallOutcome, GrpcAnswer, GrpcCall, GrpcCallout, GrpcOutcome, GrpcSent, GrpcStatus, GrpcStream, HttpCall,
    HttpRequest, HttpResponse, World,
};
