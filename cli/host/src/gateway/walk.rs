//! How a message walks through the plugins of a chain: each holds it or lets it go on.

use crate::{
    abi::{Action, StreamType},
    fault::Fault,
    state::{Effect, Stream},
    vm::Vm,
};

use super::{
    exchange::{Spot, Stage, Way},
    half::{Half, Held, Part},
    outcome::Ending,
    worker::Worker,
};

impl Worker {
    /// Brings a piece to a stage, or behind the last one to the upstream or the client.
    pub(super) fn deliver(&mut self, spot: Option<Spot>, stream: u32, part: Part, end: bool) {
        let now = self.vms.now();
        let Some(exchange) = self.live(stream) else { return };
        match spot {
            Some(spot) if exchange.stages.len() > spot.stage => {
                let Some(stage) = exchange.stages.get_mut(spot.stage) else { return };
                if spot.way == Way::Response && !stage.begun {
                    // An answer from before it: the plugin never heard of the request.
                    self.deliver(spot.next(), stream, part, end);
                    return;
                }
                stage.half(spot.way).arrive(part, end);
                self.pump(spot);
            }
            Some(Spot { way: Way::Request, .. }) => {
                exchange.info.get().forwarded.get_or_insert(now);
                exchange.request.take(part, end);
                if exchange.request.ended {
                    self.forwarded.push(stream);
                }
            }
            _ => {
                exchange.response.take(part, end);
                exchange.info.get().sent = exchange.response.body.len();
                if exchange.response.ended {
                    let ending = exchange.answer.take().unwrap_or(Ending::Served);
                    self.finish(stream, ending);
                }
            }
        }
    }

    /// Shows a plugin what it may see of a message.
    fn pump(&mut self, spot: Spot) {
        let Some(exchange) = self.live(spot.stream) else { return };
        let outer = exchange.decoding;
        exchange.decoding |= spot.way == Way::Request;
        self.show_pieces(spot);
        if let Some(exchange) = self.live(spot.stream) {
            exchange.decoding = outer;
        }
    }

    fn show_pieces(&mut self, spot: Spot) {
        let profile = self.vms.profile();
        while let Some((part, end)) = self.half(spot).and_then(|half| half.next(profile)) {
            let at = part.held();
            let Some((vm, context)) = self.seat(spot) else {
                self.pass_by_or_fail(spot, part, end);
                continue;
            };
            self.begin(spot);
            let waiting = self.vms.vm(vm).map_or(0, |vm| vm.state().effects.len());
            let Some(action) = self.call(Some(spot.stream), vm, |vm| show(vm, context, spot.way, part, end)) else {
                self.fail(spot);
                return;
            };
            let goes_on = action == Action::Continue && !self.is_overridden(vm, context, waiting);
            let Some(half) = self.half(spot) else { return };
            half.end_shown |= end;
            let was_held = half.held.is_some();
            half.held = (!goes_on).then_some(at);
            if !goes_on && !was_held && !end && spot.way == Way::Request {
                self.forget_continue(vm, context, waiting);
            }
            if goes_on {
                self.let_go(vm, context, spot.way, at);
                self.pass(spot, at);
            } else if at == Held::Body {
                self.keep_body(vm, context, spot.way);
            }
            self.carry_out_effects();
        }
    }

    /// Makes the guest know of a stream before its first callback.
    pub(super) fn begin(&mut self, spot: Spot) {
        let Some(exchange) = self.streams.get_mut(&spot.stream) else { return };
        let Some(stage) = exchange.stages.get_mut(spot.stage) else { return };
        let (Some(context), vm, root, false) = (stage.context, stage.vm, stage.root, stage.begun) else { return };
        stage.begun = true;
        let info = exchange.info.clone();
        self.call(Some(spot.stream), vm, |vm| {
            vm.state().streams.insert(context, Stream::new(root, spot.stream, spot.stage, info));
            vm.on_context_create(context, root)
        });
    }

    /// A message comes to a plugin whose VM is gone: an answer in the upstream's place goes on, everything else fails.
    fn pass_by_or_fail(&mut self, spot: Spot, part: Part, end: bool) {
        let answered = self.live(spot.stream).is_some_and(|exchange| exchange.answer.is_some());
        if spot.way == Way::Response && answered {
            self.deliver(spot.next(), spot.stream, part, end);
        } else {
            self.fail(spot);
        }
    }

    /// Whether the callback has answered or closed the stream: then what it returned does not count. Before it, effects
    /// of an earlier callback may have been `waiting`.
    pub(super) fn is_overridden(&mut self, vm: u32, context: u32, waiting: usize) -> bool {
        let ends = |(of, effect): &(u32, Effect)| *of == context && matches!(effect, Effect::Answer(_) | Effect::Close);
        self.vms.vm(vm).is_ok_and(|vm| vm.state().effects.iter().skip(waiting).any(ends))
    }

    /// A request is let go before it is held: what the callback asked for in vain, as in Envoy, is forgotten.
    fn forget_continue(&mut self, vm: u32, context: u32, waiting: usize) {
        let Ok(vm) = self.vms.vm(vm) else { return };
        let effects = &mut vm.state().effects;
        let asked = effects.split_off(waiting.min(effects.len()));
        let in_vain = |(of, effect): &(u32, Effect)| {
            *of == context && matches!(effect, Effect::Continue(StreamType::HttpRequest))
        };
        effects.extend(asked.into_iter().filter(|asked| !in_vain(asked)));
    }

    /// Takes a piece that goes on away from the plugin. One that is resumed stays open, as in Envoy.
    fn let_go(&mut self, vm: u32, context: u32, way: Way, at: Held) {
        let Some(stream) = self.vms.vm(vm).ok().and_then(|vm| vm.state().streams.get_mut(&context)) else { return };
        let message = way.of(stream);
        match at {
            Held::Headers => message.headers_open = false,
            Held::Body => (message.body_open, message.body_kept) = (false, false),
            Held::Trailers => message.trailers_open = false,
        }
    }

    fn keep_body(&mut self, vm: u32, context: u32, way: Way) {
        if let Some(stream) = self.vms.vm(vm).ok().and_then(|vm| vm.state().streams.get_mut(&context)) {
            way.of(stream).body_kept = true;
        }
    }

    /// Lets go on what the plugin has seen of a message, up to the piece that it saw last.
    fn pass(&mut self, spot: Spot, at: Held) {
        let Some(exchange) = self.streams.get_mut(&spot.stream).filter(|exchange| exchange.ending.is_none()) else {
            return;
        };
        let Some(stage) = exchange.stages.get_mut(spot.stage) else { return };
        let Ok(vm) = self.vms.vm(stage.vm) else { return };
        let Some(stream) = stage.context.and_then(|context| vm.state().streams.get_mut(&context)) else { return };
        for (part, end) in stage.half(spot.way).let_on(spot.way.of(stream), at) {
            self.deliver(spot.next(), spot.stream, part, end);
        }
    }

    pub(super) fn resume(&mut self, spot: Spot) {
        if let Some(half) = self.half(spot)
            && let Some(at) = half.held.take()
        {
            half.merge_data();
            self.pass(spot, at);
            self.pump(spot);
        }
    }

    /// The VM and the context of a stage, as long as the VM is there.
    pub(super) fn seat(&mut self, spot: Spot) -> Option<(u32, u32)> {
        let stage = self.streams.get(&spot.stream)?.stages.get(spot.stage)?;
        let seat = (stage.vm, stage.context?);
        self.vms.vm(stage.vm).is_ok().then_some(seat)
    }

    fn half(&mut self, spot: Spot) -> Option<&mut Half> {
        Some(self.stage(spot)?.half(spot.way))
    }

    /// A stage of a stream that has not ended.
    pub(super) fn stage(&mut self, spot: Spot) -> Option<&mut Stage> {
        self.live(spot.stream)?.stages.get_mut(spot.stage)
    }
}

/// Shows one piece of a message to the plugin.
fn show(vm: &mut Vm, context: u32, way: Way, part: Part, end: bool) -> Result<Action, Fault> {
    let Some(stream) = vm.state().streams.get_mut(&context) else { return Ok(Action::Pause) };
    match (way, part.put(way.of(stream), end)) {
        (Way::Request, (Held::Headers, count)) => vm.on_request_headers(context, count, end),
        (Way::Request, (Held::Body, size)) => vm.on_request_body(context, size, end),
        (Way::Request, (Held::Trailers, count)) => vm.on_request_trailers(context, count),
        (Way::Response, (Held::Headers, count)) => vm.on_response_headers(context, count, end),
        (Way::Response, (Held::Body, size)) => vm.on_response_body(context, size, end),
        (Way::Response, (Held::Trailers, count)) => vm.on_response_trailers(context, count),
    }
}
