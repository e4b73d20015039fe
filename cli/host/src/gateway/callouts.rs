//! What becomes of callouts.

use std::time::Duration;

use crate::world::{CallOutcome, HttpCall, HttpResponse, World};

/// What Envoy puts into the body where nothing listens.
const CONNECTION_REFUSED: &str =
    "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure";

/// What Envoy puts into the body where the service hangs up before its reply.
const CONNECTION_RESET: &str =
    "upstream connect error or disconnect/reset before headers. reset reason: connection termination";

/// What the plugin gets back from a callout, and when; no response: the stream was reset.
pub(super) fn outcome_of(call: &HttpCall, world: &mut impl World) -> (Option<HttpResponse>, Duration) {
    match world.call(call) {
        CallOutcome::Reply { mut response, delay } if delay < call.timeout => {
            response.headers.add("x-envoy-upstream-service-time", delay.as_millis().to_string());
            (Some(response), delay)
        }
        CallOutcome::Reply { .. } | CallOutcome::Timeout => {
            (Some(HttpResponse::made_up(504, "upstream request timeout")), call.timeout)
        }
        CallOutcome::Refused => (Some(HttpResponse::made_up(503, CONNECTION_REFUSED)), Duration::ZERO),
        CallOutcome::Reset => (Some(HttpResponse::made_up(503, CONNECTION_RESET)), Duration::ZERO),
        CallOutcome::ResetMidway => (None, Duration::ZERO),
    }
}
