//! Every call between gateway and guest on messages with trailers, both ways: HTTP/1.1's chunked coding.

use std::{fs, path::Path, time::Duration};

use gwauthz_host::{
    Gateway, GatewayConfig, HeaderMap, HttpRequest, HttpResponse, Outcome, Part, Plugin, Startup, Thread, World,
    envoy::{Reaction, Service},
};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    embedded::received,
    real::{RealEnvoy, listener},
    request::Request,
    traces::{LISTENER, calls_of, compiled, guests, logged, parting},
};

const RESPONSE: &[u8] = b"HTTP/1.1 200 Told\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-u: 1\r\n\r\n";

fn request() -> Request {
    let chunked = Request::get("/trailers").method("POST").header("transfer-encoding", "chunked");
    Request { body: "3\r\nabc\r\n", rest: "2\r\nde\r\n0\r\nx-c: 1\r\n\r\n", ..chunked }
}

#[test]
#[ignore = "needs Envoy: run `cargo xtask test`"]
fn envoy_and_the_embedded_gateway_make_the_same_calls_with_trailers() {
    let folder = TempDir::new().expect("a temporary folder");
    let surprises: Vec<_> = guests("trailers")
        .into_iter()
        .filter_map(|(name, text)| {
            let file = folder.path().join(&name);
            let module = wat::parse_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            fs::write(&file, module).expect("write the guest");
            parting(&real(&file), &embedded(&file)).map(|difference| format!("{name}: {difference}"))
        })
        .collect();
    assert!(surprises.is_empty(), "{}", surprises.join("\n\n"));
}

/// The calls of Envoy's only worker and what was logged there, then what its client got.
pub(crate) fn real(module: &Path) -> Vec<String> {
    let upstream = Service::start(|_| Reaction::Reply(Duration::ZERO, RESPONSE.to_vec())).expect("an upstream");
    let listener = listener(LISTENER, module, &json!({}), false);
    let envoy = RealEnvoy::start(vec![listener], &[("upstream", upstream.address())]);
    let answer = request().send(envoy.listener(LISTENER)).expect("an answer");
    let answer = received_by_client(answer.status(), &answer.body, &answer.trailers);
    calls_of(&envoy, 1).into_iter().chain([answer]).collect()
}

/// The same of the embedded gateway.
pub(crate) fn embedded(module: &Path) -> Vec<String> {
    let mut gateway = gateway(Plugin::new(&compiled(module), "{}"));
    let Outcome { response, logs, .. } = send(&mut gateway);
    let answer = received_by_client(response.status(), &response.body, &response.trailers);
    let calls = gateway.take_trace().into_iter().filter(|line| line.thread == Thread::Worker(0));
    calls.map(|line| line.call).chain(logged(&logs)).chain([answer]).collect()
}

/// A further line of a trace.
fn received_by_client(status: u16, body: &[u8], trailers: &HeaderMap) -> String {
    format!("[gateway->client] {status} {} {trailers:?}", body.escape_ascii())
}

fn gateway(plugin: Plugin) -> Gateway<Upstream> {
    let config = GatewayConfig { startup: Startup::AsEnvoy, trace: true, ..GatewayConfig::default() };
    Gateway::start([plugin], config, Upstream).expect("a gateway")
}

fn send(gateway: &mut Gateway<Upstream>) -> Outcome {
    let mut headers = received(&request()).headers;
    // Of the connection, not of the message.
    headers.remove(b"transfer-encoding");
    let stream = gateway.open(0, headers, false);
    gateway.receive(stream, Part::Data(b"abc".to_vec()), false);
    gateway.run_until(gateway.now() + Request::MOMENT);
    gateway.receive(stream, Part::Data(b"de".to_vec()), false);
    gateway.receive(stream, Part::Trailers([("x-c", "1")].into_iter().collect()), true);
    while !gateway.has_ended(stream)
        && let Some(time) = gateway.next_time()
    {
        gateway.run_until(time);
    }
    gateway.close(stream)
}

/// What answers with [`RESPONSE`].
struct Upstream;

impl World for Upstream {
    fn serve(&mut self, _request: &HttpRequest) -> HttpResponse {
        let mut response = HttpResponse { body: b"hello".to_vec(), ..HttpResponse::new(200) };
        response.headers.add("transfer-encoding", "chunked");
        response.trailers.add("x-u", "1");
        response
    }
}
