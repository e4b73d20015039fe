//! Scenarios: what a plugin is configured with, how the world around it answers, what clients send, and what must hold.
//!
//! ```text
//! text -> Scenario (format) -> a host runs its steps -> Observed -> check -> Failure
//! ```
//!
//! A scenario does not know on which host it runs: the embedded gateway and a real Envoy give the same [`Observed`].

mod agreement;
mod callback;
mod check;
mod content;
mod conversation;
mod embedded;
mod fields;
mod format;
mod moment;
mod observed;
mod oracle;
mod place;
mod property;
mod read;
mod reply;
mod request;
mod schema;
mod secrets;
mod services;
mod surroundings;
mod timeline;
mod token;

pub use agreement::{ENVOYS_OWN, differences};
pub use callback::Callback;
pub use check::Failure;
pub use embedded::{RunError, crossings, record, run};
pub use fields::HeaderFields;
pub use format::{
    Answer, CalloutExpectation, Chunk, ConfigExpectation, ConnectionEnding, ConnectionExpectation, Decision,
    EndingName, FailStrategy, FaultSetup, ForeignCallExpectation, ForeignFunction, ForeignStatus, GatewaySetup,
    GrpcAnswerSetup, GrpcCalloutExpectation, GrpcClose, GrpcFailure, GrpcMessageExpectation, GrpcReply, GrpcService,
    GrpcStreamAnswer, GrpcStreamMessage, Manifest, PluginSetup, ReceivedExpectation, RefusalSetup, Reply, Request,
    RequestExpectation, Scenario, Service, SharedDataRace, StartupSetup, StateExpectation, Step, TcpAct, TcpConnection,
    Token, TrapSetup, Update, UpstreamExpectation,
};
pub use observed::{
    Exchange, GrpcMessages, Observed, ObservedBytes, ObservedCallout, ObservedConnection, ObservedGrpcCallout, State,
};
pub use oracle::{Oracle, OracleError, OracleRun, virtual_only};
pub use place::Place;
pub use read::{MAX_SCENARIO_BYTES, ScenarioError};
pub use request::ClientRequest;
pub use schema::schema;
pub use timeline::{Event, Party, Timeline};
pub use token::{KeyError, TokenKey};
