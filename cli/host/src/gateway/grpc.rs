//! The way of gRPC callouts from the plugin to the services, and back through the agenda.

use std::time::Duration;

use crate::{
    fault::Fault,
    grpc::{GrpcCallouts, Sent, Shown, What},
    state::Behalf,
    thread::VmId,
    vm::Vm,
    world::{GrpcAnswer, GrpcCallout, GrpcSent, World},
};

use super::{
    StreamId,
    agenda::{Agenda, Event},
    worker::Worker,
};

/// Hands on what the plugins of a VM have sent, and enters what the services do.
pub(super) fn collect(
    vm: VmId,
    callouts: &mut GrpcCallouts,
    now: Duration,
    world: &mut impl World,
    agenda: &mut Agenda,
) {
    for Sent { token, behalf, what } in callouts.take_sent() {
        // One that the plugin has given up in the same breath never goes out.
        if callouts.get_mut(token).is_none() {
            continue;
        }
        let stream = behalf.stream.map(|number| StreamId { worker: vm.worker, number });
        match &what {
            What::Call(call) => world.grpc_called(stream, now, GrpcCallout::Call(call)),
            What::Open(opened) => world.grpc_called(stream, now, GrpcCallout::Stream(opened)),
            What::Message(..) | What::End(_) => {}
        }
        let answers = match &what {
            What::Call(call) => {
                if let Some((delay, shown)) = Shown::of_call(world.grpc_call(call), call.timeout) {
                    agenda.enter(now + delay, Event::GrpcOutcome { vm, behalf, token, shown });
                }
                continue;
            }
            What::Open(stream) => world.grpc_stream(stream, GrpcSent::Open),
            What::Message(stream, number, message) => {
                world.grpc_stream(stream, GrpcSent::Message { number: *number, message })
            }
            What::End(stream) => world.grpc_stream(stream, GrpcSent::End),
        };
        let Some(exchange) = callouts.exchange(token) else { continue };
        for (delay, answer) in answers {
            exchange.not_before = exchange.not_before.max(now + delay);
            agenda.enter(exchange.not_before, Event::GrpcAnswer { vm, behalf, token, answer });
        }
    }
}

impl Worker {
    /// A gRPC call has come to its end.
    pub(super) fn grpc_outcome(&mut self, vm: u32, behalf: Behalf, token: u32, shown: Shown) {
        let Ok(state) = self.vms.vm(vm).map(Vm::state) else { return };
        // The plugin may have given it up.
        if state.grpc.get_mut(token).is_some() {
            self.show_grpc(vm, behalf, token, shown);
        }
    }

    /// A service does something on a gRPC stream.
    pub(super) fn grpc_answer(&mut self, vm: u32, behalf: Behalf, token: u32, answer: GrpcAnswer) {
        let Ok(state) = self.vms.vm(vm).map(Vm::state) else { return };
        let now = state.shared.get().clock.now();
        let Some(exchange) = state.grpc.exchange(token) else { return };
        for shown in Shown::of_answer(answer, exchange, now) {
            // Each callback may give the stream up, or trap.
            if self.vms.vm(vm).is_ok_and(|vm| vm.state().grpc.exchange(token).is_some()) {
                self.show_grpc(vm, behalf, token, shown);
            }
        }
    }

    /// There is no cluster for a callout that the plugin has tried. What it asks for then is carried out with the rest.
    pub(super) fn grpc_unavailable(&mut self, vm: u32, behalf: Behalf, token: u32) {
        self.call(behalf.stream, vm, |vm| show(vm, behalf.root, token, Shown::no_cluster()));
    }

    fn show_grpc(&mut self, vm: u32, behalf: Behalf, token: u32, shown: Shown) {
        self.call(behalf.stream, vm, |vm| show(vm, behalf.root, token, shown));
        self.carry_out_effects();
    }
}

/// Shows one thing to the plugin; it sees it in this callback alone.
fn show(vm: &mut Vm, root: u32, token: u32, shown: Shown) -> Result<(), Fault> {
    match shown {
        Shown::InitialMetadata(metadata) => {
            let count = metadata.len();
            vm.state().grpc.initial_metadata = Some(metadata);
            let result = vm.on_grpc_receive_initial_metadata(root, token, count);
            vm.state().grpc.initial_metadata = None;
            result
        }
        Shown::Message(message) => {
            let size = message.len();
            vm.state().grpc.message = Some(message);
            let result = vm.on_grpc_receive(root, token, size);
            vm.state().grpc.received(token);
            result
        }
        Shown::TrailingMetadata(metadata) => {
            let count = metadata.len();
            vm.state().grpc.trailing_metadata = Some(metadata);
            let result = vm.on_grpc_receive_trailing_metadata(root, token, count);
            vm.state().grpc.trailing_metadata = None;
            result
        }
        Shown::Close(status) => {
            let code = status.code;
            vm.state().grpc.closing(root, token, status);
            let result = vm.on_grpc_close(root, token, code);
            vm.state().grpc.closed(root, token);
            result
        }
    }
}
