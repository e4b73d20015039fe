//! One request: holds it until the policy has decided, and answers it once.

use std::rc::Rc;

use gwauthz_policy::{Answer, Callout, CalloutReply, Engine, Exchange, HeaderMutation, Permit, Request, Step};
use proxy_wasm::{
    hostcalls,
    traits::{Context, HttpContext},
    types::{Action, MapType},
};

pub(crate) struct Http {
    engine: Option<Rc<Engine>>,
    exchange: Exchange,
}

impl Http {
    pub(crate) fn new(engine: Option<Rc<Engine>>) -> Self {
        Self { engine, exchange: Exchange::default() }
    }

    /// Nothing of a request that is not allowed may pass: under `allow_on_headers_stop_iteration` a body or trailers
    /// that continue would release the headers too.
    fn action(&self) -> Action {
        if self.exchange.is_allowed() { Action::Continue } else { Action::Pause }
    }

    fn call_out(&mut self, engine: &Engine, callout: &Callout) {
        let headers = callout.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        if hostcalls::dispatch_http_call(&callout.cluster, headers, None, Vec::new(), callout.timeout).is_err()
            && let Some(Step::Deny(answer)) = self.exchange.handle_callout_reply(engine, CalloutReply::NotSent)
        {
            send(&answer);
        }
    }
}

impl Context for Http {
    fn on_http_call_response(&mut self, _token: u32, headers: usize, _body: usize, _trailers: usize) {
        let Some(engine) = self.engine.clone() else { return };
        // Zero headers: the stream was reset. Maps of a reset callout are not to be read.
        let status = if headers == 0 {
            None
        } else {
            hostcalls::get_map_value_bytes(MapType::HttpCallResponseHeaders, ":status").ok().flatten()
        };
        let reply = status.as_deref().map_or(CalloutReply::Reset, CalloutReply::Status);
        match self.exchange.handle_callout_reply(&engine, reply) {
            Some(Step::Continue(permit)) => {
                change(&permit);
                // The client may have left meanwhile; then there is nothing to resume.
                let _ = hostcalls::resume_http_request();
            }
            Some(Step::Deny(answer)) => send(&answer),
            Some(Step::Callout(callout)) => self.call_out(&engine, &callout),
            None => {}
        }
    }
}

impl HttpContext for Http {
    fn on_http_request_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        let (Some(engine), Ok(headers), Ok(now)) =
            (self.engine.clone(), hostcalls::get_map_bytes(MapType::HttpRequestHeaders), hostcalls::get_current_time())
        else {
            // No gateway gets here: it starts no stream without a configuration, and has headers and a clock.
            let _ = hostcalls::send_http_response(500, Vec::new(), None);
            return Action::Pause;
        };
        match self.exchange.handle_request(&engine, Request::new(&headers), now) {
            Some(Step::Continue(permit)) => change(&permit),
            Some(Step::Deny(answer)) => send(&answer),
            Some(Step::Callout(callout)) => self.call_out(&engine, &callout),
            None => {}
        }
        self.action()
    }

    fn on_http_request_body(&mut self, _size: usize, _end_of_stream: bool) -> Action {
        self.action()
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        self.action()
    }
}

/// Changes the request as its permit says. It is held until then: its headers can be written.
fn change(permit: &Permit) {
    for mutation in permit.mutations() {
        let (name, value) = match mutation {
            HeaderMutation::Set { name, value } => (name, Some(value.as_slice())),
            HeaderMutation::Remove { name } => (name, None),
        };
        let _ = hostcalls::set_map_value_bytes(MapType::HttpRequestHeaders, name, value);
    }
}

/// Answers the request in the upstream's place. The host drops what arrives after the client has left.
fn send(answer: &Answer) {
    let _ = hostcalls::send_http_response(
        answer.status,
        answer.headers.iter().map(|(name, value)| (*name, value.as_ref())).collect(),
        Some(answer.body.as_bytes()),
    );
}
