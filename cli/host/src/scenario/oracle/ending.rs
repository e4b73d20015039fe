//! How a request ended, as Envoy's response code details tell it.

use crate::{fault::Fault, gateway::Ending, state::LocalResponse, world::HttpResponse};

use super::run::Sent;

/// Response code details of requests that Envoy answers before any plugin sees them begin with one of these.
const REFUSALS: [&str; 7] = [
    "absolute_path_rejected",
    "http1.",
    "invalid_",
    "low_version",
    "missing_",
    "path_normalization_failed",
    "request_headers_",
];

/// How a request ended; `None`: it cannot be told.
pub(super) fn ending(sent: &Sent, response: Option<&HttpResponse>) -> Option<Ending> {
    if sent.answered.gave_up {
        return Some(Ending::Hung);
    }
    if sent.left_early {
        return Some(Ending::ClientLeft);
    }
    let ended = sent.ended.as_ref()?;
    let details = ended.details.as_deref().unwrap_or_default();
    Some(match (response, details) {
        (_, "stream_idle_timeout") => Ending::Hung,
        (_, "wasm_fail_stream") => Ending::Trapped(Fault {
            callback: "",
            reason: "the plugin has trapped, now or before".to_owned(),
            backtrace: Vec::new(),
            last_calls: Vec::new(),
        }),
        (_, _) if ended.flags == "NFCF" => Ending::Refused("the plugin refused its configuration"),
        (Some(_), "via_upstream") => Ending::Served,
        (Some(_), _) if REFUSALS.iter().any(|start| details.starts_with(start)) => {
            Ending::Refused("the gateway refused the request before the plugin saw it")
        }
        // Envoy always says why it answers itself; a plugin need not.
        (Some(response), _) => Ending::Answered(LocalResponse {
            status: response.status().into(),
            details: details.to_owned(),
            headers: response.headers.clone(),
            body: response.body.clone(),
            grpc_status: None,
        }),
        (None, _) => Ending::Closed,
    })
}
