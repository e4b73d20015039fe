//! TCP connections through a worker. What they do is what Envoy 1.40 was seen to do around a plugin.

use crate::{
    abi::{Action, CloseType},
    fault::Fault,
    state::{self, Effect},
    vm::Vm,
};

use super::{
    connection::{Connection, Disconnection, Received, Side},
    outcome::Cost,
    worker::Worker,
};

/// A connection on its way through the plugin.
#[derive(Debug, Default)]
pub(super) struct Tunnel {
    connection: Connection,
    /// The number of the plugin's VM, and the connection's context there; `None` where no plugin is in its way.
    seat: Option<(u32, u32)>,
    /// The VM and the root context that are kept for it.
    kept: Option<(u32, u32)>,
    /// What happens behind a new connection that the plugin holds: it is seen once the plugin lets go.
    unseen: Option<Vec<Arrival>>,
    downstream: Progress,
    upstream: Progress,
}

/// Something that happens on a connection.
#[derive(Debug)]
enum Arrival {
    Data { from: Side, bytes: Vec<u8>, end: bool },
    Reset(Side),
}

/// How far one direction has come.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// The plugin holds what it has been shown.
    held: bool,
    /// It has been shown the end.
    end_shown: bool,
}

impl Worker {
    /// A client opens a connection; gives its number.
    pub(super) fn connect(&mut self) -> u32 {
        let number = self.next_stream;
        self.next_stream += 1;
        self.tunnels.insert(number, Tunnel::default());
        let mut stages = self.stages().into_iter();
        let first = stages.next();
        for further in stages.filter(|stage| stage.context.is_some()) {
            self.vms.exit(further.vm, further.root);
        }
        let Some(stage) = first else {
            self.reach(number);
            return number;
        };
        let (vm, root) = (stage.vm, stage.root);
        if let Some(tunnel) = self.tunnel(number) {
            tunnel.seat = Some((vm, stage.context.unwrap_or_default()));
            tunnel.kept = stage.context.map(|_| (vm, root));
        }
        let Some(context) = stage.context else {
            self.trap(number);
            return number;
        };
        let action = self.call(Some(number), vm, |vm| {
            vm.state().connections.insert(context, state::Connection::new(root, number));
            vm.on_context_create(context, root)?;
            vm.on_new_connection(context)
        });
        match (action, self.tunnel(number)) {
            (Some(Action::Pause), Some(tunnel)) => tunnel.unseen = Some(Vec::new()),
            (None, _) => self.trap(number),
            _ => self.reach(number),
        }
        self.carry_out_effects();
        number
    }

    /// As [`Self::connect`], where the gateway itself closes the connection.
    pub(super) fn turn_away(&mut self) -> u32 {
        let number = self.next_stream;
        self.next_stream += 1;
        let connection = Connection { ending: Some(Disconnection::Closed), ..Connection::default() };
        self.tunnels.insert(number, Tunnel { connection, ..Tunnel::default() });
        number
    }

    /// The client may reach the upstream.
    fn reach(&mut self, number: u32) {
        if let Some(tunnel) = self.tunnel(number) {
            tunnel.connection.reached = true;
        }
    }

    /// One side sends bytes.
    pub(super) fn transfer(&mut self, number: u32, from: Side, bytes: &[u8], end: bool) {
        self.arrive(number, Arrival::Data { from, bytes: bytes.to_vec(), end });
    }

    /// One side resets the connection.
    pub(super) fn reset(&mut self, number: u32, by: Side) {
        self.arrive(number, Arrival::Reset(by));
    }

    pub(super) fn connection(&self, number: u32) -> Option<&Connection> {
        self.tunnels.get(&number).map(|tunnel| &tunnel.connection)
    }

    /// What became of a connection, which is forgotten.
    pub(super) fn disconnect(&mut self, number: u32) -> Connection {
        self.hang_up(number, CloseType::Remote, Disconnection::Reset(Side::Client));
        self.carry_out_effects();
        self.tunnels.remove(&number).unwrap_or_default().connection
    }

    /// The connection that a context is of.
    pub(super) fn connection_of(&mut self, vm: u32, context: u32) -> Option<u32> {
        Some(self.vms.vm(vm).ok()?.state().connections.get(&context)?.number)
    }

    /// What the plugin has asked for on a connection.
    pub(super) fn carry_out_on_connection(&mut self, number: u32, effect: Effect) {
        match effect {
            Effect::Close => self.hang_up(number, CloseType::Local, Disconnection::Closed),
            Effect::Continue(_) => self.let_on(number),
            Effect::Unheld => self.show_unseen(number),
            Effect::Answer(_) | Effect::Delete | Effect::GrpcUnavailable(..) => {}
        }
    }

    fn arrive(&mut self, number: u32, arrival: Arrival) {
        let Some(tunnel) = self.tunnel(number) else { return };
        match (&mut tunnel.unseen, arrival) {
            (Some(unseen), arrival) => unseen.push(arrival),
            (None, Arrival::Data { from, bytes, end }) => self.show_data(number, from, bytes, end),
            (None, Arrival::Reset(by)) => {
                let close = if by == Side::Client { CloseType::Remote } else { CloseType::Local };
                self.hang_up(number, close, Disconnection::Reset(by));
            }
        }
        self.carry_out_effects();
    }

    /// Shows the plugin everything that it holds of one direction, with what has come behind it.
    fn show_data(&mut self, number: u32, from: Side, bytes: Vec<u8>, end: bool) {
        let Some(tunnel) = self.tunnel(number) else { return };
        let progress = tunnel.progress(from);
        if progress.end_shown {
            return;
        }
        progress.end_shown = end;
        let Some((vm, context)) = tunnel.seat else {
            tunnel.received(from).take(bytes, end);
            self.hang_up_if_over(number, from);
            return;
        };
        let waiting = self.vms.vm(vm).map_or(0, |vm| vm.state().effects.len());
        let Some(action) = self.call(Some(number), vm, |vm| show(vm, context, from, bytes, end)) else {
            self.trap(number);
            return;
        };
        let goes_on = action == Action::Continue && !self.is_overridden(vm, context, waiting);
        if let Some(tunnel) = self.tunnel(number) {
            tunnel.progress(from).held = !goes_on;
        }
        if goes_on {
            self.pass_on(number, from);
            if let Some(buffer) = self.buffer(number, from) {
                buffer.open = false;
            }
        }
        if end && from == Side::Upstream {
            let closed = self.call(Some(number), vm, |vm| vm.on_upstream_connection_close(context, CloseType::Unknown));
            if closed.is_none() {
                self.trap(number);
            }
        }
        self.carry_out_effects();
        self.hang_up_if_over(number, from);
    }

    /// Hands on what the plugin has seen of one direction.
    fn pass_on(&mut self, number: u32, from: Side) {
        let bytes = self.buffer(number, from).map(|buffer| std::mem::take(&mut buffer.bytes)).unwrap_or_default();
        if let Some(tunnel) = self.tunnel(number) {
            let ended = tunnel.progress(from).end_shown;
            tunnel.received(from).take(bytes, ended);
        }
    }

    /// `continue_stream`: lets a new connection on, or what the client has sent. What the upstream sends cannot be let on.
    fn let_on(&mut self, number: u32) {
        let Some(tunnel) = self.tunnel(number) else { return };
        if tunnel.unseen.is_some() {
            // The gateway reads on once it is done with what the plugin asked for.
            let Some((vm, context)) = tunnel.seat else { return };
            if let Ok(vm) = self.vms.vm(vm) {
                vm.state().effects.push_back((context, Effect::Unheld));
            }
        } else if std::mem::take(&mut tunnel.downstream.held) {
            self.pass_on(number, Side::Client);
            self.hang_up_if_over(number, Side::Client);
        }
    }

    fn show_unseen(&mut self, number: u32) {
        self.reach(number);
        let unseen = self.tunnel(number).and_then(|tunnel| tunnel.unseen.take());
        for arrival in merged(unseen.unwrap_or_default()) {
            self.arrive(number, arrival);
        }
        // The gateway finds the reset as it reads what was sent before, which has not gone on by then.
        if let Some(Tunnel { connection, .. }) = self.tunnels.get_mut(&number)
            && connection.ending == Some(Disconnection::Reset(Side::Client))
        {
            connection.to_upstream = Received::default();
        }
    }

    /// Closes a connection that both sides have ended; the gateway closes it unless the client's end came last, and found
    /// its own direction closed.
    fn hang_up_if_over(&mut self, number: u32, last: Side) {
        let Some(tunnel) = self.tunnel(number) else { return };
        if !(tunnel.downstream.end_shown && tunnel.upstream.end_shown) {
            return;
        }
        let (up, down) = (&tunnel.connection.to_upstream, &tunnel.connection.to_client);
        if last == Side::Client && down.ended {
            self.hang_up(number, CloseType::Remote, Disconnection::Ended);
        } else if up.ended || down.ended {
            self.hang_up(number, CloseType::Local, Disconnection::Ended);
        }
    }

    /// Closes a connection. What the plugin holds of it is lost.
    fn hang_up(&mut self, number: u32, close: CloseType, ending: Disconnection) {
        let Some(tunnel) = self.tunnel(number) else { return };
        tunnel.connection.ending = Some(ending);
        let Some((vm, context)) = tunnel.seat else { return };
        self.call(Some(number), vm, |vm| {
            vm.end_connection(context, close)?;
            vm.state().connections.remove(&context);
            Ok(())
        });
        self.leave_plugin(number);
    }

    /// The plugin is done with a connection.
    fn leave_plugin(&mut self, number: u32) {
        if let Some((vm, root)) = self.tunnels.get_mut(&number).and_then(|tunnel| tunnel.kept.take()) {
            self.vms.exit(vm, root);
        }
    }

    /// The plugin's VM is lost: the connection is closed.
    fn trap(&mut self, number: u32) {
        let Some((vm, _)) = self.tunnel(number).and_then(|tunnel| tunnel.seat) else { return };
        let fault = self.vms.vm(vm).err().flatten().cloned();
        if let (Some(tunnel), Some(fault)) = (self.tunnel(number), fault) {
            tunnel.connection.ending = Some(Disconnection::Trapped(fault));
        }
        self.leave_plugin(number);
    }

    /// A connection that is open.
    fn tunnel(&mut self, number: u32) -> Option<&mut Tunnel> {
        self.tunnels.get_mut(&number).filter(|tunnel| tunnel.connection.ending.is_none())
    }

    fn buffer(&mut self, number: u32, from: Side) -> Option<&mut state::Buffer> {
        let (vm, context) = self.tunnels.get(&number)?.seat?;
        let connection = self.vms.vm(vm).ok()?.state().connections.get_mut(&context)?;
        Some(connection.buffer(from == Side::Client))
    }
}

impl Tunnel {
    /// What it has cost so far.
    pub(super) fn cost(&mut self) -> &mut Cost {
        &mut self.connection.cost
    }

    fn progress(&mut self, from: Side) -> &mut Progress {
        match from {
            Side::Client => &mut self.downstream,
            Side::Upstream => &mut self.upstream,
        }
    }

    fn received(&mut self, from: Side) -> &mut Received {
        match from {
            Side::Client => &mut self.connection.to_upstream,
            Side::Upstream => &mut self.connection.to_client,
        }
    }
}

impl Received {
    fn take(&mut self, bytes: Vec<u8>, ended: bool) {
        self.bytes.extend(bytes);
        self.ended = ended;
    }
}

/// Shows bytes to the plugin, behind those that it holds.
fn show(vm: &mut Vm, context: u32, from: Side, bytes: Vec<u8>, end: bool) -> Result<Action, Fault> {
    let Some(connection) = vm.state().connections.get_mut(&context) else { return Ok(Action::Pause) };
    let buffer = connection.buffer(from == Side::Client);
    buffer.open = true;
    buffer.bytes.extend(bytes);
    let size = buffer.bytes.len();
    match from {
        Side::Client => vm.on_downstream_data(context, size, end),
        Side::Upstream => vm.on_upstream_data(context, size, end),
    }
}

/// What the client has sent while its connection was held is read in one piece.
fn merged(unseen: Vec<Arrival>) -> Vec<Arrival> {
    let mut merged: Vec<Arrival> = Vec::new();
    for arrival in unseen {
        match (merged.last_mut(), arrival) {
            (
                Some(Arrival::Data { from: Side::Client, bytes, end }),
                Arrival::Data { from: Side::Client, bytes: more, end: last },
            ) => {
                bytes.extend(more);
                *end |= last;
            }
            (_, arrival) => merged.push(arrival),
        }
    }
    merged
}
