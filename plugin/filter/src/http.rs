//! One request: holds it until the policy has decided, and answers it once.

use std::{cell::RefCell, rc::Rc, time::SystemTime};

use gwauthz_policy::{Answer, Callout, CalloutReply, Exchange, Metric, Permit, PermitReason, Request, Step};
use proxy_wasm::{
    hostcalls,
    traits::{Context, HttpContext},
    types::{Action, LogLevel, MapType},
};

use crate::{
    host,
    metrics::{self, Together},
    root::log,
    shared::Shared,
};

pub(crate) struct Http {
    id: u32,
    /// Absent where there is no configuration.
    shared: Option<Rc<Shared>>,
    exchange: Rc<RefCell<Exchange>>,
    /// While a reply to the request's own callout is awaited, which comes within its time.
    awaits: Option<Together>,
}

impl Http {
    pub(crate) fn new(id: u32, shared: Option<Rc<Shared>>) -> Self {
        Self { id, shared, exchange: Rc::new(RefCell::new(Exchange::new(id))), awaits: None }
    }

    /// Nothing of a request that is not allowed may pass: under `allow_on_headers_stop_iteration` a body or trailers
    /// that continue would release the headers too.
    fn action(&self) -> Action {
        if self.exchange.borrow().is_allowed() { Action::Continue } else { Action::Pause }
    }

    /// To be called where the request may have sent a callout, or got its reply.
    fn note_callout(&mut self) {
        let awaits = self.exchange.borrow().awaits_reply();
        if awaits != self.awaits.is_some() {
            self.awaits = awaits.then(Together::new);
        }
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        let Some(shared) = &self.shared else { return };
        let was_undecided = self.exchange.borrow_mut().handle_end(&mut shared.engine());
        if was_undecided {
            shared.forget(self.id);
            shared.schedule_wake();
        }
    }
}

impl Context for Http {
    fn on_http_call_response(&mut self, _token: u32, headers: usize, _body: usize, _trailers: usize) {
        if let Some(shared) = &self.shared {
            take_reply(shared, self.id, &self.exchange, headers);
        }
        self.note_callout();
    }
}

impl HttpContext for Http {
    fn on_http_request_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        let step = self.shared.as_ref().and_then(|shared| ask(shared, &self.exchange));
        match (&self.shared, step) {
            (Some(shared), Some(step)) => carry_out(shared, self.id, &self.exchange, step),
            // No gateway gets here: it starts no stream without a configuration.
            _ => send(&Answer::gateway_failure()),
        }
        self.note_callout();
        self.action()
    }

    fn on_http_request_body(&mut self, _size: usize, _end_of_stream: bool) -> Action {
        self.action()
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        self.action()
    }
}

/// What the policy says to the request of the effective context.
fn ask(shared: &Shared, exchange: &RefCell<Exchange>) -> Option<Step> {
    let (headers, now) = (host::request_headers(), hostcalls::get_current_time());
    let step = match (headers, now) {
        (Some(headers), Ok(now)) => {
            let request = Request::new(&headers).with_source(&source);
            exchange.borrow_mut().handle_request(&mut shared.engine(), request, now)
        }
        _ => exchange.borrow_mut().handle_unread(&mut shared.engine()),
    };
    shared.tell();
    step
}

/// The client's address, without its port.
fn source() -> Vec<u8> {
    let mut address = hostcalls::get_property(vec!["source", "address"]).ok().flatten().unwrap_or_default();
    if let Some(colon) = address.iter().rposition(|byte| *byte == b':') {
        address.truncate(colon);
    }
    address
}

/// Goes on with a held request, whose context is the effective one: what it has waited for may have come.
pub(crate) fn wake(shared: &Rc<Shared>, id: u32, exchange: &Rc<RefCell<Exchange>>) {
    if let Some(step) = ask(shared, exchange) {
        carry_out(shared, id, exchange, step);
        resume(exchange);
    }
}

/// Hands a callout's reply to the request that asked, whose context is the effective one.
pub(crate) fn take_reply(shared: &Rc<Shared>, id: u32, exchange: &Rc<RefCell<Exchange>>, headers: usize) {
    let status = status(headers);
    if let Some(step) = hear(shared, exchange, reply(&status)) {
        carry_out(shared, id, exchange, step);
        resume(exchange);
    }
}

/// The status of a callout's reply with so many headers.
pub(crate) fn status(headers: usize) -> Option<Vec<u8>> {
    // Zero headers: the stream was reset. Maps of a reset callout are not to be read.
    if headers == 0 {
        return None;
    }
    hostcalls::get_map_value_bytes(MapType::HttpCallResponseHeaders, ":status").ok().flatten()
}

/// A callout's reply with this status.
pub(crate) fn reply(status: &Option<Vec<u8>>) -> CalloutReply<'_> {
    status.as_deref().map_or(CalloutReply::Reset, CalloutReply::Status)
}

/// What the policy says to a callout's reply, which is counted.
fn hear(shared: &Shared, exchange: &RefCell<Exchange>, reply: CalloutReply<'_>) -> Option<Step> {
    // A host without a clock gets no request; to the policy this one has stepped back.
    let now = hostcalls::get_current_time().unwrap_or(SystemTime::UNIX_EPOCH);
    metrics::count(Metric::Callout(reply.result()));
    let mut exchange = exchange.borrow_mut();
    if let Some(took) = exchange.take_callout_time(now) {
        metrics::record(Metric::CalloutTime, took);
    }
    let step = exchange.handle_callout_reply(&mut shared.engine(), reply, now);
    shared.tell();
    step
}

/// Does what the policy says to a request; one that it allows is still to be let go on.
fn carry_out(shared: &Rc<Shared>, id: u32, exchange: &Rc<RefCell<Exchange>>, step: Step) {
    match step {
        Step::Continue(permit) => change(shared, exchange, &permit),
        Step::Deny(answer) => deny(shared, exchange, &answer),
        Step::Callout(callout) => match dispatch(&callout) {
            Some(token) => shared.called(token, id, exchange),
            // There may be another service to ask.
            None => {
                if let Some(next) = hear(shared, exchange, CalloutReply::NotSent) {
                    return carry_out(shared, id, exchange, next);
                }
            }
        },
        Step::Wait => shared.hold(id, exchange),
    }
    shared.schedule_wake();
}

/// Lets a request that was held go on once it is allowed.
fn resume(exchange: &RefCell<Exchange>) {
    if exchange.borrow().is_allowed() {
        // The client may have left meanwhile; then there is nothing to resume.
        let _ = hostcalls::resume_http_request();
    }
}

/// Sends a callout; gives the host's number for it.
pub(crate) fn dispatch(callout: &Callout) -> Option<u32> {
    hostcalls::dispatch_http_call(callout.cluster(), callout.headers(), None, Vec::new(), callout.timeout).ok()
}

/// Changes the request, which is held until then, as its permit says. One that is half changed is not allowed any more.
fn change(shared: &Shared, exchange: &RefCell<Exchange>, permit: &Permit) {
    if permit.mutations().iter().all(|mutation| host::change(mutation).is_ok()) {
        metrics::count(Metric::Allowed(permit.reason()));
        audit(exchange.borrow_mut().audit_permit(&mut shared.engine(), permit));
        if permit.reason() == PermitReason::Shadow {
            shared.schedule();
        }
    } else {
        let answer = exchange.borrow_mut().handle_refused_change(&shared.engine());
        if let Some(answer) = answer {
            deny(shared, exchange, &answer);
        }
    }
}

/// Answers the request, and tells the audit.
fn deny(shared: &Shared, exchange: &RefCell<Exchange>, answer: &Answer) {
    audit(exchange.borrow_mut().audit_answer(&mut shared.engine(), answer));
    send(answer);
}

/// At a level that gateways log by default.
pub(crate) fn audit(line: Option<String>) {
    if let Some(line) = line {
        log(LogLevel::Warn, &["gwauthz audit: ", &line].concat());
    }
}

/// Answers the request in the upstream's place. Where the gateway cannot, the request stays held.
fn send(answer: &Answer) {
    metrics::count(Metric::Denied(answer.denial));
    if host::send_local_response(answer).is_err() {
        log(LogLevel::Error, "gwauthz: a request could not be answered: it is held");
    }
}
