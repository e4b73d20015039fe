//! Foreign functions: those that a scenario provides, and Envoy's own.

mod arguments;
mod envoy;

use crate::{abi::Status, gateway::StreamId, state::VmState};

/// A foreign function in the gateway's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignReply {
    /// What it answers.
    pub status: Status,
    /// What it gives back, whatever its status. Memory is allocated for results even where they are empty.
    pub results: Option<Vec<u8>>,
}

/// A foreign function that a plugin has called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignCall {
    /// The stream or the connection on whose behalf it was called; `None`: the plugin's own.
    pub stream: Option<StreamId>,
    /// The function's name.
    pub name: String,
    /// What it was given.
    pub arguments: Vec<u8>,
}

/// The bound on the calls that are remembered.
const MAX_CALLS: usize = 4096;
/// The bound on their names and arguments, in bytes.
const MAX_BYTES: usize = 1024 * 1024;

/// The calls that the plugins of a gateway have made, in their order, as far as they are remembered.
#[derive(Debug, Default)]
pub(crate) struct ForeignCalls {
    calls: Vec<ForeignCall>,
    bytes: usize,
}

impl ForeignCalls {
    pub(crate) fn take(&mut self) -> Vec<ForeignCall> {
        self.bytes = 0;
        std::mem::take(&mut self.calls)
    }

    fn remember(&mut self, stream: Option<StreamId>, name: &str, arguments: &[u8]) {
        let bytes = self.bytes + name.len() + arguments.len();
        if self.calls.len() < MAX_CALLS && bytes <= MAX_BYTES {
            self.bytes = bytes;
            self.calls.push(ForeignCall { stream, name: name.to_owned(), arguments: arguments.to_vec() });
        }
    }
}

/// Calls a foreign function: the scenario's, or else Envoy's; `None` where there is none of this name.
pub(crate) fn call(state: &mut VmState, name: &str, arguments: &[u8]) -> Option<ForeignReply> {
    let stream = state.behalf().stream.map(|number| StreamId { worker: state.id.worker, number });
    state.shared.get().foreign_calls.remember(stream, name, arguments);
    let provided = state.shared.get().foreign_functions.get(name).cloned();
    provided.or_else(|| match envoy::call(state, name, arguments)? {
        Ok(results) => Some(ForeignReply { status: Status::Ok, results }),
        Err(status) => Some(ForeignReply { status, results: None }),
    })
}
