//! TCP connections through the first plugin of the chain, as with Envoy's network filter in front of its TCP proxy.

use crate::{fault::Fault, logs::LogLine, world::World};

use super::{Callout, Cost, Gateway, StreamId};

/// A connection of a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnectionId {
    worker: usize,
    number: u32,
}

/// One of the two that a connection joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Who opened it.
    Client,
    /// Who it leads to.
    Upstream,
}

/// What has become of a connection so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// What has reached the upstream.
    pub to_upstream: Received,
    /// What has reached the client.
    pub to_client: Received,
    /// Whether the plugin has let the client reach the upstream.
    pub reached: bool,
    /// How it was closed; `None`: it is open.
    pub ending: Option<Disconnection>,
    /// The callouts that it caused, in the order of their replies, once it is forgotten.
    pub callouts: Vec<Callout>,
    /// What the plugins of its worker logged since the last outcome there, once it is forgotten.
    pub logs: Vec<LogLine>,
    /// What it cost.
    pub cost: Cost,
}

/// What one side has received through the plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Whether the end has passed too.
    pub ended: bool,
}

/// How a connection was closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disconnection {
    /// Both sides had ended.
    Ended,
    /// One of them reset it. An upstream that refuses the connection does so too.
    Reset(Side),
    /// The plugin closed it, or the gateway, where its plugins have refused their configuration.
    Closed,
    /// The plugin trapped, now or before.
    Trapped(Fault),
}

impl ConnectionId {
    /// What callouts and foreign calls on its behalf name.
    #[must_use]
    pub fn stream(self) -> StreamId {
        StreamId { worker: self.worker, number: self.number }
    }
}

impl<W: World> Gateway<W> {
    /// A client opens a connection. Workers are numbered as in [`Gateway::open`].
    pub fn connect(&mut self, worker: usize) -> ConnectionId {
        let worker = worker.checked_rem(self.serving).unwrap_or_default();
        let (mut number, configured) = (0, self.configured);
        self.on(worker, |worker| number = if configured { worker.connect() } else { worker.turn_away() });
        ConnectionId { worker, number }
    }

    /// One side sends bytes, and says whether they are its last. Nothing follows the last, nor comes from an upstream
    /// that the plugin has not let the client reach.
    pub fn transfer(&mut self, connection: ConnectionId, from: Side, bytes: &[u8], end: bool) {
        self.on(connection.worker, |worker| worker.transfer(connection.number, from, bytes, end));
    }

    /// One side resets the connection.
    pub fn reset(&mut self, connection: ConnectionId, by: Side) {
        self.on(connection.worker, |worker| worker.reset(connection.number, by));
    }

    /// What has become of a connection so far; `None` once [`Gateway::disconnect`] has given it.
    #[must_use]
    pub fn connection(&self, connection: ConnectionId) -> Option<&Connection> {
        self.workers.get(connection.worker)?.connection(connection.number)
    }

    /// What became of a connection, which is forgotten. The client resets it if it is open.
    pub fn disconnect(&mut self, connection: ConnectionId) -> Connection {
        let ConnectionId { worker, number } = connection;
        self.reset(connection, Side::Client);
        let callouts = self.callouts.remove(&connection.stream()).unwrap_or_default();
        let Some(on) = self.workers.get_mut(worker) else { return Connection::default() };
        let disconnected = on.disconnect(number);
        let thread = on.vms.thread();
        self.collect();
        let now = self.now();
        Connection { callouts, logs: self.shared.get().logs.take_of(thread, now), ..disconnected }
    }
}
