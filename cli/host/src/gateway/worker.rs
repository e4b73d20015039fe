//! One worker: its VMs, and the streams that walk through the plugins in them.

use std::{collections::BTreeMap, rc::Rc};

use crate::{
    abi::StreamType,
    attributes::{ResponseFacts, StreamInfo},
    downstream,
    fault::Fault,
    grpc_reply,
    headers::HeaderMap,
    plugin::{FailStrategy, Plugin},
    state::Effect,
    thread::{RootId, Thread},
    vm::Vm,
    world::{GrpcStatus, HttpResponse},
};

use super::{
    exchange::{Exchange, Spot, Stage, Way},
    half::Part,
    outcome::{Callout, Ending, Outcome},
    start::StartError,
    tunnel::Tunnel,
    vms::{Filter, Surroundings, Vms},
};

/// A thread of the gateway that runs plugins.
pub(super) struct Worker {
    pub(super) vms: Vms,
    /// The chain in force.
    filters: Vec<Filter>,
    pub(super) streams: BTreeMap<u32, Exchange>,
    /// Numbered as the streams are: no number is given twice.
    pub(super) tunnels: BTreeMap<u32, Tunnel>,
    pub(super) next_stream: u32,
    /// Streams whose request has passed the chain whole, and which the gateway has not picked up yet.
    pub(super) forwarded: Vec<u32>,
}

/// The code that `get_status` tells of a callout that was reset: a status of Envoy's own, outside of the specification.
const BROKEN_CONNECTION: u32 = 11;
/// What Envoy calls a response that its upstream gave.
const VIA_UPSTREAM: &str = "via_upstream";

impl Worker {
    /// A worker without plugins.
    pub(super) fn new(number: usize, thread: Thread, around: Surroundings) -> Self {
        Self {
            vms: Vms::new(number, thread, around),
            filters: Vec::new(),
            streams: BTreeMap::new(),
            tunnels: BTreeMap::new(),
            next_stream: 1,
            forwarded: Vec::new(),
        }
    }

    /// Puts a plugin at the end of the chain.
    ///
    /// # Errors
    /// Where it does not start.
    pub(super) fn add(&mut self, plugin: &Rc<Plugin>) -> Result<(), StartError> {
        self.filters.push(self.vms.place(plugin)?);
        Ok(())
    }

    /// As [`Self::add`], for a plugin that has started elsewhere: where it does not start here, it is left out.
    pub(super) fn add_or_leave_out(&mut self, plugin: &Rc<Plugin>) {
        self.filters.push(self.vms.place_or_leave_out(plugin));
    }

    /// Takes the first plugins of the chain out of force.
    pub(super) fn remove_first(&mut self, count: usize) {
        for filter in self.filters.drain(..count.min(self.filters.len())) {
            self.vms.remove(&filter);
        }
        self.carry_out_effects();
    }

    /// How many plugins the chain has.
    pub(super) fn chain_len(&self) -> usize {
        self.filters.len()
    }

    /// A client opens a stream with its headers; gives the stream's number.
    pub(super) fn open(&mut self, headers: HeaderMap, end: bool) -> u32 {
        let number = self.next_stream;
        self.next_stream += 1;
        let stages = self.stages();
        let (head, grpc) = (headers.first(b":method") == Some(b"HEAD"), grpc_reply::is_asked_for(&headers));
        let info = StreamInfo::begun(self.vms.now());
        self.streams.insert(number, Exchange { stages, head, grpc, info, ..Exchange::default() });
        if let Some(refusal) = downstream::refusal(&headers) {
            if let Some(exchange) = self.streams.get_mut(&number) {
                exchange.refused = downstream::logged(&headers, &refusal);
                exchange.refusal = Some(exchange.reply(refusal.response()));
            }
            self.finish(number, Ending::Refused(refusal.why));
            self.carry_out_effects();
        } else {
            self.receive_request(number, Part::Headers(downstream::received(&headers, number)), end);
        }
        number
    }

    /// As [`Self::open`], where the gateway itself answers.
    pub(super) fn refuse(&mut self, headers: &HeaderMap, response: HttpResponse, why: &'static str) -> u32 {
        let number = self.next_stream;
        self.next_stream += 1;
        let mut exchange = Exchange { grpc: grpc_reply::is_asked_for(headers), ..Exchange::default() };
        exchange.refusal = Some(exchange.reply(response));
        exchange.ending = Some(Ending::Refused(why));
        self.streams.insert(number, exchange);
        number
    }

    /// A further piece of the request arrives from the client.
    pub(super) fn receive_request(&mut self, stream: u32, part: Part, end: bool) {
        if let Some(exchange) = self.streams.get_mut(&stream) {
            exchange.request_complete |= end;
        }
        if let (Some(exchange), Part::Data(chunk)) = (self.live(stream), &part) {
            exchange.info.get().received += chunk.len();
        }
        self.deliver(Some(Spot { stream, stage: 0, way: Way::Request }), stream, part, end);
        self.carry_out_effects();
    }

    /// The response arrives from the upstream, as HTTP/1.1 brings it: Envoy sees the end of a body behind it.
    pub(super) fn receive_response(&mut self, stream: u32, response: HttpResponse) {
        let (bodiless, trailerless) = (response.body.is_empty(), response.trailers.is_empty());
        if let Some(exchange) = self.live(stream) {
            let (code, details) = (response.status().into(), VIA_UPSTREAM.to_owned());
            exchange.info.get().response = Some(ResponseFacts { code, details });
        }
        self.respond(stream, Part::Headers(response.headers), bodiless && trailerless);
        if !bodiless {
            self.respond(stream, Part::Data(response.body), false);
        }
        if !trailerless {
            self.respond(stream, Part::Trailers(response.trailers), true);
        } else if !bodiless {
            self.respond(stream, Part::Data(Vec::new()), true);
        }
    }

    /// Ends a stream from outside: the client goes away, or nothing will ever release it.
    pub(super) fn end(&mut self, stream: u32, ending: Ending) {
        self.finish(stream, ending);
        self.carry_out_effects();
    }

    pub(super) fn tick(&mut self, vm: u32, root: u32) {
        self.call(None, vm, |vm| vm.on_tick(root));
        self.carry_out_effects();
    }

    pub(super) fn queue_ready(&mut self, vm: u32, root: u32, queue: u32) {
        self.call(None, vm, |vm| vm.on_queue_ready(root, queue));
        self.carry_out_effects();
    }

    /// Foreign functions that plugins have registered for are called.
    pub(super) fn foreign_function(&mut self, function: u32, arguments: &[u8]) {
        for RootId { vm, context } in self.vms.roots() {
            self.call(None, vm.number, |vm| {
                vm.state().call_data = arguments.to_vec();
                let result = vm.on_foreign_function(context, function, arguments.len());
                vm.state().call_data = Vec::new();
                result
            });
        }
        self.carry_out_effects();
    }

    /// A callout that was made on behalf of `stream` is replied to; `None`: it was reset.
    pub(super) fn reply(
        &mut self,
        vm: u32,
        root: u32,
        token: u32,
        stream: Option<u32>,
        response: Option<HttpResponse>,
    ) {
        let sizes = response
            .as_ref()
            .map_or((0, 0, 0), |response| (response.headers.len(), response.body.len(), response.trailers.len()));
        self.call(stream, vm, |vm| {
            let state = vm.state();
            if response.is_none() {
                let status = GrpcStatus { code: BROKEN_CONNECTION, message: "reset".to_owned() };
                state.grpc.set_status(root, status);
            }
            state.call_reply = response;
            let result = vm.on_http_call_response(root, token, sizes.0, sizes.1, sizes.2);
            let state = vm.state();
            state.call_reply = None;
            state.grpc.clear_message(root);
            result
        });
        self.carry_out_effects();
    }

    /// Streams whose requests are to go to the upstream; each is given once.
    pub(super) fn take_forwarded(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.forwarded)
    }

    pub(super) fn stream(&self, stream: u32) -> Option<&Exchange> {
        self.streams.get(&stream)
    }

    pub(super) fn has_ended(&self, stream: u32) -> bool {
        self.streams.get(&stream).is_none_or(|exchange| exchange.ending.is_some())
    }

    /// What became of a stream, which is forgotten. One that has not ended is held for ever.
    pub(super) fn close(&mut self, stream: u32, callouts: Vec<Callout>) -> Outcome {
        if !self.has_ended(stream) {
            let ending = self.fault_of(stream).map_or(Ending::Hung, Ending::Trapped);
            self.end(stream, ending);
        }
        let (unimplemented, memory_bytes) = self.vms.hosted().filter_map(|hosted| hosted.vm.as_mut().ok()).fold(
            (Vec::new(), 0),
            |(mut names, bytes), vm| {
                names.extend(std::mem::take(&mut vm.state().unimplemented));
                (names, bytes + vm.memory_bytes())
            },
        );
        let outcome = self.streams.remove(&stream).unwrap_or_default().outcome();
        Outcome { callouts, unimplemented, memory_bytes, ..outcome }
    }

    /// The plugins that a new stream walks through, with a context in each.
    pub(super) fn stages(&mut self) -> Vec<Stage> {
        let mut stages = Vec::with_capacity(self.filters.len());
        for filter in &mut self.filters {
            self.vms.reload(filter);
            let Some(seat) = filter.seat else { continue };
            let context = self.vms.enter(seat);
            if context.is_some() || filter.plugin.fail_strategy != FailStrategy::Open {
                stages.push(Stage::new(seat, context));
            }
        }
        stages
    }

    /// The fault that a stream waits behind: its plugin can never release it.
    fn fault_of(&mut self, stream: u32) -> Option<Fault> {
        let stages = &self.streams.get(&stream)?.stages;
        stages.iter().find_map(|stage| self.vms.vm(stage.vm).err().flatten().cloned())
    }

    pub(super) fn respond(&mut self, stream: u32, part: Part, end: bool) {
        let now = self.vms.now();
        let Some(exchange) = self.live(stream) else { return };
        if end {
            exchange.info.get().answered = Some(now);
        }
        exchange.responding = true;
        let last = exchange.stages.len().checked_sub(1);
        self.deliver(last.map(|stage| Spot { stream, stage, way: Way::Response }), stream, part, end);
        self.carry_out_effects();
    }

    /// Runs a callback, and puts what it costs on a stream's account. A trap loses the VM.
    pub(super) fn call<R>(
        &mut self,
        stream: Option<u32>,
        number: u32,
        callback: impl FnOnce(&mut Vm) -> Result<R, Fault>,
    ) -> Option<R> {
        let vm = self.vms.vm(number).ok()?;
        let before = vm.cost();
        let result = callback(vm);
        let spent = vm.cost() - before;
        if let Some(exchange) = stream.and_then(|stream| self.streams.get_mut(&stream)) {
            exchange.cost += spent;
        } else if let Some(tunnel) = stream.and_then(|connection| self.tunnels.get_mut(&connection)) {
            *tunnel.cost() += spent;
        }
        result.map_err(|fault| self.vms.lose(number, fault)).ok()
    }

    /// What callbacks asked for happens once they have returned, in the order in which they asked.
    pub(super) fn carry_out_effects(&mut self) {
        while let Some((vm, context, effect)) = self.vms.next_effect() {
            if let Effect::Delete = effect {
                self.call(None, vm, |vm| vm.delete_root(context));
                continue;
            }
            if let Effect::GrpcUnavailable(behalf, token) = effect {
                self.grpc_unavailable(vm, behalf, token);
                continue;
            }
            if let Some(connection) = self.connection_of(vm, context) {
                self.carry_out_on_connection(connection, effect);
                continue;
            }
            let Some(stream) = self.vms.vm(vm).ok().and_then(|vm| vm.state().streams.get(&context)) else { continue };
            let (stream, stage) = (stream.number, stream.stage);
            match effect {
                Effect::Continue(StreamType::HttpResponse) => self.resume(Spot { stream, stage, way: Way::Response }),
                Effect::Continue(_) => self.resume(Spot { stream, stage, way: Way::Request }),
                Effect::Close => self.finish(stream, Ending::Closed),
                Effect::Answer(local) => self.answer_locally(stream, local),
                Effect::Delete | Effect::GrpcUnavailable(..) | Effect::Unheld => {}
            }
        }
    }

    /// A stream that has not ended.
    pub(super) fn live(&mut self, stream: u32) -> Option<&mut Exchange> {
        self.streams.get_mut(&stream).filter(|exchange| exchange.ending.is_none())
    }
}
