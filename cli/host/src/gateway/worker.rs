//! One worker: a VM, and the streams that walk through it.

use std::collections::BTreeMap;

use crate::{
    abi::{Action, StreamType},
    downstream,
    headers::HeaderMap,
    state::{Effect, LocalResponse, LogLine, Stream},
    vm::{Fault, ROOT_CONTEXT, Vm},
    world::{HttpRequest, HttpResponse},
};

use super::{
    half::{Half, Held, Part, Passed},
    outcome::{Callout, Cost, Ending, Outcome},
};

/// A worker thread of the gateway.
pub(super) struct Worker {
    /// Gone once the plugin has trapped: the gateway fails closed.
    pub(super) vm: Result<Box<Vm>, Fault>,
    streams: BTreeMap<u32, Exchange>,
    next_context: u32,
    /// What a VM that is gone had logged and called.
    last_logs: Vec<LogLine>,
    last_trace: Vec<String>,
}

/// One stream on its way through the plugin.
#[derive(Debug, Default)]
struct Exchange {
    request: Half,
    response: Half,
    /// The plugin's own answer, if it gave one.
    answer: Option<LocalResponse>,
    /// The gateway's answer, given before the plugin saw the request.
    refusal: Option<HttpResponse>,
    /// The request has been handed to the upstream.
    forwarded: bool,
    ending: Option<Ending>,
    cost: Cost,
}

/// The direction of a message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Request,
    Response,
}

impl Worker {
    pub(super) fn new(vm: Vm) -> Self {
        Self {
            vm: Ok(Box::new(vm)),
            streams: BTreeMap::new(),
            next_context: ROOT_CONTEXT + 1,
            last_logs: Vec::new(),
            last_trace: Vec::new(),
        }
    }

    /// A client opens a stream with its headers; gives the stream's context.
    pub(super) fn open(&mut self, headers: HeaderMap, end: bool) -> u32 {
        let context = self.next_context;
        self.next_context += 1;
        let mut exchange = Exchange::default();
        if let Err(fault) = &self.vm {
            exchange.ending = Some(Ending::Trapped(fault.clone()));
        } else if let Some(refusal) = downstream::refusal(&headers) {
            exchange.ending = Some(Ending::Refused(refusal.why));
            exchange.refusal = Some(refusal.response());
        }
        self.streams.insert(context, exchange);
        if self.live(context).is_some() {
            self.call(context, |vm| {
                vm.state().streams.insert(context, Stream::default());
                vm.on_context_create(context, ROOT_CONTEXT)
            });
            self.receive(context, Way::Request, Part::Headers(downstream::received(&headers, context)), end);
        }
        context
    }

    /// A further piece of the request arrives from the client.
    pub(super) fn receive_request(&mut self, context: u32, part: Part, end: bool) {
        self.receive(context, Way::Request, part, end);
    }

    /// The response arrives from the upstream, as HTTP/1.1 brings it: Envoy sees the end of a body behind it.
    pub(super) fn receive_response(&mut self, context: u32, response: HttpResponse) {
        let (bodiless, trailerless) = (response.body.is_empty(), response.trailers.is_empty());
        self.receive(context, Way::Response, Part::Headers(response.headers), bodiless && trailerless);
        if !bodiless {
            self.receive(context, Way::Response, Part::Data(response.body), false);
        }
        if !trailerless {
            self.receive(context, Way::Response, Part::Trailers(response.trailers), true);
        } else if !bodiless {
            self.receive(context, Way::Response, Part::Data(Vec::new()), true);
        }
    }

    /// Ends a stream from outside: the client goes away, or nothing will ever release it.
    pub(super) fn end(&mut self, context: u32, ending: Ending) {
        self.finish(context, ending);
        self.carry_out_effects();
    }

    pub(super) fn tick(&mut self) {
        self.call(ROOT_CONTEXT, |vm| vm.on_tick(ROOT_CONTEXT));
        self.carry_out_effects();
    }

    pub(super) fn queue_ready(&mut self, queue: u32) {
        self.call(ROOT_CONTEXT, |vm| vm.on_queue_ready(queue));
        self.carry_out_effects();
    }

    /// A callout that `context` made is replied to; `None`: it was reset.
    pub(super) fn reply(&mut self, token: u32, context: u32, response: Option<HttpResponse>) {
        let sizes = response
            .as_ref()
            .map_or((0, 0, 0), |response| (response.headers.len(), response.body.len(), response.trailers.len()));
        self.call(context, |vm| {
            vm.state().call_reply = response;
            let result = vm.on_http_call_response(token, sizes.0, sizes.1, sizes.2);
            vm.state().call_reply = None;
            result
        });
        self.carry_out_effects();
    }

    /// Requests that have passed the plugin whole and are to go to the upstream; each is given once.
    pub(super) fn take_forwarded(&mut self) -> Vec<(u32, HttpRequest)> {
        let passed =
            self.streams.iter_mut().filter(|(_, exchange)| exchange.request.passed.ended && !exchange.forwarded);
        passed
            .map(|(context, exchange)| {
                exchange.forwarded = true;
                (*context, exchange.request.passed.request())
            })
            .collect()
    }

    pub(super) fn has_ended(&self, context: u32) -> bool {
        self.streams.get(&context).is_none_or(|exchange| exchange.ending.is_some())
    }

    pub(super) fn take_logs(&mut self) -> Vec<LogLine> {
        let mut logs = std::mem::take(&mut self.last_logs);
        logs.extend(self.vm.as_mut().map(|vm| vm.state().logs.take()).unwrap_or_default());
        logs
    }

    pub(super) fn take_trace(&mut self) -> Vec<String> {
        let mut trace = std::mem::take(&mut self.last_trace);
        trace.extend(self.vm.as_mut().map(|vm| vm.state().trace.take()).unwrap_or_default());
        trace
    }

    /// What became of a stream, which is forgotten.
    pub(super) fn outcome(&mut self, context: u32, callouts: Vec<Callout>) -> Outcome {
        let exchange = self.streams.remove(&context).unwrap_or_default();
        let ending = exchange.ending.unwrap_or(Ending::Hung);
        let passed = exchange.response.passed;
        let response = match (&ending, exchange.refusal) {
            (_, Some(refusal)) => refusal,
            (Ending::Served | Ending::Answered(_), None) => {
                let headers = passed.headers.unwrap_or_default();
                HttpResponse { headers, body: passed.body, trailers: passed.trailers }
            }
            // The client of a stream without an answer sees Envoy's own idle time-out; that of a closed one, nothing.
            (Ending::Hung, None) => HttpResponse::new(408),
            (Ending::Trapped(_), None) => HttpResponse::new(503),
            (Ending::Closed | Ending::ClientLeft | Ending::Refused(_), None) => HttpResponse::default(),
        };
        Outcome {
            ending,
            response,
            forwarded: exchange.forwarded.then(|| exchange.request.passed.request()),
            callouts,
            logs: self.take_logs(),
            unimplemented: self
                .vm
                .as_mut()
                .map(|vm| std::mem::take(&mut vm.state().unimplemented))
                .unwrap_or_default()
                .into_iter()
                .collect(),
            cost: exchange.cost,
            memory_bytes: self.vm.as_ref().map(|vm| vm.memory_bytes()).unwrap_or_default(),
        }
    }

    fn receive(&mut self, context: u32, way: Way, part: Part, end: bool) {
        if let Some(half) = self.half(context, way) {
            half.arrive(part, end);
            self.pump(context, way);
        }
        self.carry_out_effects();
    }

    /// Shows the plugin what it may see of a message, piece by piece.
    fn pump(&mut self, context: u32, way: Way) {
        while let Some((part, end)) = self.half(context, way).and_then(Half::next) {
            let at = part.held();
            let waiting = self.vm.as_mut().map_or(0, |vm| vm.state().effects.len());
            let Some(action) = self.call(context, |vm| show(vm, context, way, part, end)) else { return };
            let goes_on = action == Action::Continue && !self.is_overridden(context, waiting);
            let Some(half) = self.half(context, way) else { return };
            half.end_shown |= end;
            half.held = (!goes_on).then_some(at);
            if goes_on {
                self.let_go(context, way, at);
                self.pass(context, way, at);
            }
            self.carry_out_effects();
        }
    }

    /// Whether the callback has answered or closed the stream: then what it returned does not count. Before it, effects
    /// of an earlier callback may have been `waiting`.
    fn is_overridden(&mut self, context: u32, waiting: usize) -> bool {
        let ends = |(of, effect): &(u32, Effect)| *of == context && matches!(effect, Effect::Answer(_) | Effect::Close);
        self.vm.as_mut().is_ok_and(|vm| vm.state().effects.iter().skip(waiting).any(ends))
    }

    /// Takes a piece that goes on away from the plugin. One that is resumed stays open, as in Envoy.
    fn let_go(&mut self, context: u32, way: Way, at: Held) {
        let stream = self.vm.as_mut().ok().and_then(|vm| vm.state().streams.get_mut(&context));
        let Some(Stream { request, response, .. }) = stream else { return };
        let message = if way == Way::Request { request } else { response };
        match at {
            Held::Headers => message.headers_open = false,
            Held::Body => message.body_open = false,
            Held::Trailers => message.trailers_open = false,
        }
    }

    /// Lets go on what the plugin has seen of a message, up to the piece that it saw last.
    fn pass(&mut self, context: u32, way: Way, at: Held) {
        let Ok(vm) = &mut self.vm else { return };
        let Some(stream) = vm.state().streams.get_mut(&context) else { return };
        let Some(exchange) = self.streams.get_mut(&context).filter(|exchange| exchange.ending.is_none()) else {
            return;
        };
        let (half, message) = match way {
            Way::Request => (&mut exchange.request, &mut stream.request),
            Way::Response => (&mut exchange.response, &mut stream.response),
        };
        half.passed.take(message, at, half.end_shown);
        if way == Way::Response && half.passed.ended {
            let ending = exchange.answer.take().map_or(Ending::Served, Ending::Answered);
            self.finish(context, ending);
        }
    }

    /// Runs a callback on behalf of a stream, and puts what it costs on the stream's account. A trap ends every stream.
    fn call<R>(&mut self, context: u32, callback: impl FnOnce(&mut Vm) -> Result<R, Fault>) -> Option<R> {
        let vm = self.vm.as_mut().ok()?;
        let before = vm.cost();
        let result = callback(vm);
        let spent = vm.cost() - before;
        if let Some(exchange) = self.streams.get_mut(&context) {
            exchange.cost += spent;
        }
        result.map_err(|fault| self.fail(&fault)).ok()
    }

    /// What callbacks asked for happens once they have returned, in the order in which they asked.
    fn carry_out_effects(&mut self) {
        while let Some((context, effect)) = self.vm.as_mut().ok().and_then(|vm| vm.state().effects.pop_front()) {
            match effect {
                Effect::Continue(StreamType::HttpResponse) => self.resume(context, Way::Response),
                Effect::Continue(_) => self.resume(context, Way::Request),
                Effect::Close => self.finish(context, Ending::Closed),
                Effect::Answer(local) => self.answer(context, local),
            }
        }
    }

    fn resume(&mut self, context: u32, way: Way) {
        if let Some(half) = self.half(context, way)
            && let Some(at) = half.held.take()
        {
            half.merge_data();
            self.pass(context, way, at);
            self.pump(context, way);
        }
    }

    /// Sends the plugin's own answer, which walks through its response callbacks. A second one hangs the client.
    fn answer(&mut self, context: u32, local: LocalResponse) {
        let Ok(vm) = &mut self.vm else { return };
        let request = vm.state().streams.get(&context).and_then(|stream| stream.request.headers.as_ref());
        let head = request.and_then(|headers| headers.first(b":method")) == Some(b"HEAD");
        let shown = vm.state().streams.get(&context).is_some_and(|stream| stream.response.headers.is_some());
        let Some(exchange) = self.live(context) else { return };
        if exchange.answer.is_some() || exchange.response.passed.headers.is_some() {
            exchange.response.stop();
            return;
        }
        let response = local.response(head);
        exchange.request.stop();
        exchange.response = Half::default();
        if shown {
            // The plugin has seen the headers of a response: those that take their place pass it by.
            exchange.response.passed =
                Passed { headers: Some(response.headers), body: response.body, ..Passed::default() };
            self.finish(context, Ending::Answered(local));
            return;
        }
        exchange.answer = Some(local);
        let bodiless = response.body.is_empty();
        self.receive(context, Way::Response, Part::Headers(response.headers), bodiless);
        if !bodiless {
            self.receive(context, Way::Response, Part::Data(response.body), true);
        }
    }

    /// Ends a stream, in Envoy's order: log, done, delete.
    fn finish(&mut self, context: u32, ending: Ending) {
        let Some(exchange) = self.live(context) else { return };
        exchange.ending = Some(ending);
        self.call(context, |vm| vm.end_stream(context));
        if let Ok(vm) = &mut self.vm {
            vm.state().streams.remove(&context);
        }
    }

    /// The plugin has trapped: the VM is lost, and every stream in it with it.
    fn fail(&mut self, fault: &Fault) {
        for exchange in self.streams.values_mut() {
            exchange.ending.get_or_insert_with(|| Ending::Trapped(fault.clone()));
        }
        self.last_logs = self.take_logs();
        self.last_trace = self.take_trace();
        self.vm = Err(fault.clone());
    }

    fn half(&mut self, context: u32, way: Way) -> Option<&mut Half> {
        let exchange = self.live(context)?;
        Some(match way {
            Way::Request => &mut exchange.request,
            Way::Response => &mut exchange.response,
        })
    }

    /// A stream that has not ended.
    fn live(&mut self, context: u32) -> Option<&mut Exchange> {
        self.streams.get_mut(&context).filter(|exchange| exchange.ending.is_none())
    }
}

/// Shows one piece of a message to the plugin.
fn show(vm: &mut Vm, context: u32, way: Way, part: Part, end: bool) -> Result<Action, Fault> {
    let stream = vm.state().streams.entry(context).or_default();
    let message = match way {
        Way::Request => &mut stream.request,
        Way::Response => &mut stream.response,
    };
    match (way, part.put(message, end)) {
        (Way::Request, (Held::Headers, count)) => vm.on_request_headers(context, count, end),
        (Way::Request, (Held::Body, size)) => vm.on_request_body(context, size, end),
        (Way::Request, (Held::Trailers, count)) => vm.on_request_trailers(context, count),
        (Way::Response, (Held::Headers, count)) => vm.on_response_headers(context, count, end),
        (Way::Response, (Held::Body, size)) => vm.on_response_body(context, size, end),
        (Way::Response, (Held::Trailers, count)) => vm.on_response_trailers(context, count),
    }
}

impl LocalResponse {
    /// What Envoy makes of it: a length, and plain text where the plugin named no type.
    fn response(&self, head: bool) -> HttpResponse {
        let mut headers: HeaderMap = [(":status", self.status.to_string())].into_iter().collect();
        self.headers.iter().for_each(|(name, value)| headers.add(name, value));
        if !self.body.is_empty() {
            headers.replace(b"content-length", self.body.len().to_string().as_bytes());
            if headers.first(b"content-type").is_none() {
                headers.add("content-type", "text/plain");
            }
        }
        HttpResponse { headers, body: if head { Vec::new() } else { self.body.clone() }, trailers: HeaderMap::new() }
    }
}
