//! What the embedded gateway says of times, so that waiting is bounded.

use std::time::Duration;

use crate::{
    gateway::Ending,
    scenario::{Exchange, Observed, ObservedConnection, conversation::IDLE_TIMEOUT},
};

/// How long things take on the embedded gateway.
pub(super) struct Expected {
    /// The longest of them, without waiting for what never comes.
    pub(super) longest: Duration,
    pub(super) a_request_hangs: bool,
    pub(super) a_connection_is_held: bool,
}

impl Expected {
    pub(super) fn of(embedded: &Observed) -> Self {
        let hangs = |exchange: &&Exchange| matches!(exchange.ending, Some(Ending::Hung));
        let exchanges = || embedded.requests.iter().flatten();
        let connections = || embedded.connections.iter().flatten();
        let took = exchanges().filter(|exchange| !hangs(exchange)).map(|exchange| exchange.took);
        Self {
            longest: took.chain(connections().map(active_time)).max().unwrap_or_default(),
            a_request_hangs: exchanges().any(|exchange| hangs(&exchange)),
            a_connection_is_held: connections().any(|connection| connection.ending.is_none()),
        }
    }
}

/// How long something happened on a connection of the embedded gateway.
pub(super) fn active_time(connection: &ObservedConnection) -> Duration {
    match connection.ending {
        Some(_) => connection.took,
        None => connection.took.saturating_sub(IDLE_TIMEOUT),
    }
}
