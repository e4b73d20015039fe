//! How a stream comes to its end: answers in the upstream's place, failures, the last callbacks.

use crate::{
    attributes::ResponseFacts, headers::HeaderMap, profile::Profile, state::LocalResponse, world::HttpResponse,
};

use super::{
    exchange::{Exchange, Spot, Way},
    half::{Half, Part},
    outcome::Ending,
    worker::Worker,
};

/// What Envoy calls an answer in the place of a plugin that has trapped.
const FAILED: &str = "wasm_fail_stream";

impl Worker {
    /// Sends a plugin's own answer. A second one hangs the client where the first was given in a callback of the request;
    /// otherwise it takes its place, as long as nothing has reached the client.
    pub(super) fn answer_locally(&mut self, stream: u32, local: LocalResponse) {
        let Some(exchange) = self.live(stream) else { return };
        let second = exchange.answer.is_some() && exchange.answered_in_callback;
        if second || exchange.response.headers.is_some() {
            exchange.stages.iter_mut().for_each(|stage| stage.response.stop());
            return;
        }
        exchange.answered_in_callback = exchange.decoding;
        let response = exchange.reply_of_plugin(&local);
        self.answer(stream, response, Ending::Answered(local));
    }

    /// A plugin of the stream has trapped, now or before. The client gets 503, or no more than it has got already.
    pub(super) fn fail(&mut self, spot: Spot) {
        let stream = spot.stream;
        let Some(vm) = self.stage(spot).map(|stage| stage.vm) else { return };
        let Some(fault) = self.vms.vm(vm).err().flatten().cloned() else { return };
        let Some(exchange) = self.live(stream) else { return };
        if exchange.response.headers.is_some() {
            self.finish(stream, Ending::Trapped(fault));
        } else {
            let response = exchange.reply(HttpResponse::new(503));
            self.answer(stream, response, Ending::Trapped(fault));
        }
    }

    /// Sends an answer in the upstream's place. It walks back through the plugins that know of the request, unless a
    /// response is on its way already: one that takes its place passes all of them by.
    fn answer(&mut self, stream: u32, response: HttpResponse, ending: Ending) {
        let Some(exchange) = self.live(stream) else { return };
        for stage in &mut exchange.stages {
            stage.request.stop();
            stage.response = Half::default();
        }
        let details = match &ending {
            // Envoy lets no space into its access log's fields.
            Ending::Answered(local) => local.details.replace(' ', "_"),
            _ => FAILED.to_owned(),
        };
        exchange.info.get().response = Some(ResponseFacts { code: response.status().into(), details });
        let bodiless = response.body.is_empty();
        if exchange.responding {
            exchange.response.take(Part::Headers(response.headers), bodiless);
            exchange.response.take(Part::Data(response.body), true);
            self.finish(stream, ending);
            return;
        }
        exchange.answer = Some(ending);
        self.respond(stream, Part::Headers(response.headers), bodiless);
        if !bodiless {
            self.respond(stream, Part::Data(response.body), true);
        }
    }

    /// Ends a stream, in Envoy's order: every plugin logs it, then each is done with it and deletes it. By the specification,
    /// each is done with it before it logs it.
    pub(super) fn finish(&mut self, stream: u32, ending: Ending) {
        let now = self.vms.now();
        let Some(exchange) = self.live(stream) else { return };
        exchange.info.get().ended = Some(now);
        exchange.ending = Some(ending);
        let stages: Vec<_> =
            (0..exchange.stages.len()).map(|stage| Spot { stream, stage, way: Way::Request }).collect();
        let done_first = self.vms.profile() == Profile::Spec;
        for spot in &stages {
            if done_first {
                self.be_done(*spot);
            }
            self.log(*spot);
        }
        for spot in stages {
            if !done_first {
                self.be_done(spot);
            }
            self.delete(spot);
        }
    }

    /// A plugin logs a stream that has ended, even one that it has not heard of before.
    fn log(&mut self, spot: Spot) {
        let Some((vm, context)) = self.seat(spot) else { return };
        let headers = self.last_headers(spot.stream);
        self.begin(spot);
        self.call(Some(spot.stream), vm, |vm| {
            if let (Some(headers), Some(stream)) = (headers, vm.state().streams.get_mut(&context)) {
                (stream.request.headers, stream.response.headers) = headers;
            }
            vm.on_log(context)
        });
    }

    /// The headers of request and response as the plugins have left them: each logs what all have done. One that is alone
    /// has them already.
    fn last_headers(&mut self, stream: u32) -> Option<(Option<HeaderMap>, Option<HeaderMap>)> {
        let Exchange { stages, refused, refusal, .. } = self.streams.get(&stream)?;
        if stages.len() < 2 && stages.iter().all(|stage| stage.begun) {
            return None;
        }
        let (mut request, mut response) = (refused.clone(), refusal.as_ref().map(|refusal| refusal.headers.clone()));
        let seats: Vec<_> = stages.iter().filter_map(|stage| Some((stage.vm, stage.context?))).collect();
        for (vm, context) in seats {
            let Some(stream) = self.vms.vm(vm).ok().and_then(|vm| vm.state().streams.get(&context)) else { continue };
            request = stream.request.headers.clone().or(request);
            response = response.or_else(|| stream.response.headers.clone());
        }
        Some((request, response))
    }

    fn be_done(&mut self, spot: Spot) {
        if let Some((vm, context)) = self.seat(spot) {
            self.begin(spot);
            self.call(Some(spot.stream), vm, |vm| vm.on_done(context));
        }
    }

    fn delete(&mut self, spot: Spot) {
        if let Some((vm, context)) = self.seat(spot) {
            self.call(Some(spot.stream), vm, |vm| {
                vm.on_delete(context)?;
                vm.state().forget_stream(context);
                Ok(())
            });
        }
        let stage = self.streams.get(&spot.stream).and_then(|exchange| exchange.stages.get(spot.stage));
        if let Some((vm, root)) = stage.filter(|stage| stage.context.is_some()).map(|stage| (stage.vm, stage.root)) {
            self.vms.exit(vm, root);
        }
    }
}
