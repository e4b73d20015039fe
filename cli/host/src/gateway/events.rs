//! What is still to happen on the gateway's clock: replies to callouts, and ticks.

use std::time::Duration;

use super::Callout;
use crate::{
    headers::HeaderMap,
    state::VmState,
    vm::{Fault, ROOT_CONTEXT, Vm},
    world::{CallOutcome, HttpCall, HttpResponse, World},
};

/// Events that have not happened yet, and the callouts that have.
#[derive(Default)]
pub(super) struct Events {
    replies: Vec<Reply>,
    callouts: Vec<Callout>,
    next_tick: Option<Duration>,
}

struct Reply {
    at: Duration,
    token: u32,
    /// None: the stream was reset.
    response: Option<HttpResponse>,
    sent: Duration,
    call: HttpCall,
}

impl Events {
    /// Sends the callouts that the plugin has dispatched.
    pub(super) fn send(&mut self, state: &mut VmState, world: &mut impl World) {
        let sent = state.clock.now();
        for (token, call) in std::mem::take(&mut state.dispatched) {
            let (response, delay) = match world.call(&call) {
                CallOutcome::Reply { response, delay } if delay < call.timeout => (Some(response), delay),
                CallOutcome::Reply { .. } | CallOutcome::Timeout => {
                    (Some(local_reply(504, "upstream request timeout")), call.timeout)
                }
                CallOutcome::Refused => (Some(local_reply(503, CONNECTION_REFUSED)), Duration::ZERO),
                CallOutcome::Reset => (Some(local_reply(503, CONNECTION_RESET)), Duration::ZERO),
                CallOutcome::ResetMidway => (None, Duration::ZERO),
            };
            self.replies.push(Reply { at: sent + delay, token, response, sent, call });
        }
    }

    /// Lets time pass to the next event and hands it to the plugin; false where nothing happens until `give_up`.
    pub(super) fn deliver_next(&mut self, vm: &mut Vm, give_up: Duration) -> Result<bool, Fault> {
        let period = vm.state().tick_periods.get(&ROOT_CONTEXT).copied();
        let now = vm.state().clock.now();
        let tick = period.map(|period| *self.next_tick.get_or_insert(now + period));
        let reply = self
            .replies
            .iter()
            .enumerate()
            .min_by_key(|(position, reply)| (reply.at, *position))
            .map(|(position, reply)| (position, reply.at));
        match (reply, tick, period) {
            (Some((position, at)), tick, _) if tick.is_none_or(|tick| at <= tick) => {
                if at > give_up {
                    return Ok(false);
                }
                let reply = self.replies.remove(position);
                vm.state().clock.advance_to(at);
                self.reply(vm, reply)?;
                Ok(true)
            }
            (_, Some(tick), Some(period)) if tick <= give_up => {
                vm.state().clock.advance_to(tick);
                self.next_tick = Some(tick + period);
                vm.on_tick(ROOT_CONTEXT)?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// The callouts that were replied to since the last call, in the order of their replies.
    pub(super) fn take_callouts(&mut self) -> Vec<Callout> {
        std::mem::take(&mut self.callouts)
    }

    fn reply(&mut self, vm: &mut Vm, reply: Reply) -> Result<(), Fault> {
        let (headers, body, trailers) = reply
            .response
            .as_ref()
            .map_or((0, 0, 0), |response| (response.headers.len(), response.body.len(), response.trailers.len()));
        self.callouts.push(Callout {
            call: reply.call,
            status: reply.response.as_ref().map(HttpResponse::status),
            took: reply.at - reply.sent,
        });
        vm.state().call_reply = reply.response;
        let result = vm.on_http_call_response(reply.token, headers, body, trailers);
        vm.state().call_reply = None;
        result
    }
}

/// What Envoy puts into the body where nothing listens.
const CONNECTION_REFUSED: &str =
    "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure";

/// What Envoy puts into the body where the service hangs up before its reply.
const CONNECTION_RESET: &str =
    "upstream connect error or disconnect/reset before headers. reset reason: connection termination";

/// A reply that Envoy makes up for a service that gave none.
fn local_reply(status: u16, body: &str) -> HttpResponse {
    let headers = [
        (":status", status.to_string()),
        ("content-length", body.len().to_string()),
        ("content-type", "text/plain".to_owned()),
    ];
    HttpResponse { headers: headers.into_iter().collect(), body: body.as_bytes().to_vec(), trailers: HeaderMap::new() }
}
