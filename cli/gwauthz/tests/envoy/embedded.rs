//! The table's world around the embedded host.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use gwauthz_host::{
    CallOutcome, Compiler, Gateway, GatewayConfig, HeaderMap, HttpCall, HttpRequest, HttpResponse, Module, Plugin,
    StartError, VirtualClock, World,
};

use serde_json::Value;

use crate::{
    outcome::{Headers, Outcome, compared},
    request::Request,
    services::Reply,
    table::{AUTHORIZATION_CLUSTER, REFUSING_CLUSTER, Row},
};

/// The plugin, ready to be started under any setup.
pub(crate) struct EmbeddedGateway {
    module: Module,
}

impl EmbeddedGateway {
    pub(crate) fn load(plugin: &Path) -> Self {
        let bytes = std::fs::read(plugin).expect("read the plugin");
        let compiler = Compiler::new(None).expect("a compiler");
        Self { module: compiler.compile(&bytes).expect("the plugin compiles") }
    }

    /// What the plugin logs when it refuses this configuration.
    pub(crate) fn refusal(&self, plugin_config: &Value) -> String {
        let plugin = Plugin::new(&self.module, plugin_config.to_string());
        match Gateway::start([plugin], config(), TableWorld { authorization: Reply::Never }) {
            Err(StartError::Refused(refusal)) => refusal.logs.into_iter().map(|line| line.message).collect(),
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("the plugin takes {plugin_config}"),
        }
    }

    /// Sends the row's request through a gateway of its setup.
    pub(crate) fn answer(&self, row: &Row) -> Outcome {
        let plugin = Plugin::new(&self.module, row.setup.plugin_config().to_string());
        let world = TableWorld { authorization: row.authorization };
        let gateway = Gateway::start([plugin], config(), world).unwrap_or_else(|error| panic!("{}: {error}", row.name));
        let mut gateway = gateway.with_clusters([AUTHORIZATION_CLUSTER, REFUSING_CLUSTER].map(str::to_owned));
        let outcome = gateway.request(&received(&row.request));
        Outcome {
            status: outcome.response.status(),
            headers: compared(text(&outcome.response.headers).filter(|(name, _)| name != ":status")),
            body: outcome.response.body.escape_ascii().to_string(),
            forwarded: outcome
                .forwarded
                .map(|request| (sent(&request.headers), request.body.escape_ascii().to_string())),
            callouts: outcome
                .callouts
                .iter()
                .filter(|callout| callout.call.upstream == AUTHORIZATION_CLUSTER)
                .map(|callout| sent(&callout.call.headers))
                .collect(),
        }
    }
}

fn config() -> GatewayConfig {
    GatewayConfig { clock: VirtualClock::starting_at(SystemTime::now()), ..GatewayConfig::default() }
}

struct TableWorld {
    authorization: Reply,
}

impl World for TableWorld {
    fn call(&mut self, call: &HttpCall) -> CallOutcome {
        match (call.upstream.as_str(), self.authorization) {
            (REFUSING_CLUSTER, _) => CallOutcome::Refused,
            (_, Reply::Status(status)) => {
                CallOutcome::Reply { response: HttpResponse::new(status), delay: Duration::ZERO }
            }
            (_, Reply::Text(body)) => CallOutcome::Reply { response: text_response(body), delay: Duration::ZERO },
            (_, Reply::Never | Reply::Spelled) => CallOutcome::Timeout,
            (_, Reply::HangUp) => CallOutcome::Reset,
            (_, Reply::HangUpMidway) => CallOutcome::ResetMidway,
        }
    }

    fn serve(&mut self, _request: &HttpRequest) -> HttpResponse {
        let mut response = HttpResponse::new(200);
        response.headers.add("content-length", "0");
        response
    }
}

/// What a service says that is told [`Reply::Text`].
pub(crate) fn text_response(body: &str) -> HttpResponse {
    let mut response = HttpResponse::new(200);
    response.headers.add("x-twice", "one");
    response.headers.add("x-twice", "two");
    response.headers.add("content-length", body.len().to_string());
    response.body = body.into();
    response
}

/// The request as the client sends it.
pub(crate) fn received(request: &Request) -> HttpRequest {
    let mut received = HttpRequest::new(request.method, Request::AUTHORITY, request.path.as_bytes());
    request.headers.iter().for_each(|(name, value)| received.headers.add(name, value));
    received.body = request.body.as_bytes().to_vec();
    received
}

/// The headers of a request as the next hop sees them: over HTTP/1.1 there is no scheme.
fn sent(headers: &HeaderMap) -> Headers {
    compared(text(headers).filter(|(name, _)| name != ":scheme"))
}

pub(crate) fn text(headers: &HeaderMap) -> impl Iterator<Item = (String, String)> {
    headers.iter().map(|(name, value)| (name.escape_ascii().to_string(), value.escape_ascii().to_string()))
}
