//! Every call between gateway and guest on TCP connections, as Envoy logs them and as the embedded gateway records them.

use std::{
    fs, io,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, SystemTime},
};

use gwauthz_host::{
    Compiler, ConnectionId, Gateway, GatewayConfig, Plugin, Side, VirtualClock, World,
    envoy::{Listener, Peer, Protocol, Service},
};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    real::{RealEnvoy, listener},
    request::PATIENCE,
    traces::{calls_of, guests, logged, parting},
};

/// What a client does, each thing a moment behind the one before.
#[derive(Clone, Copy)]
enum Step {
    Sends(&'static str),
    Ends,
    Resets,
}

/// Long enough for everything that one step causes, ticks included.
const MOMENT: Duration = Duration::from_millis(300);
/// Long enough for the gateway to have read some bytes before the end behind them.
const APART: Duration = Duration::from_millis(50);

const CONNECTIONS: [&[Step]; 5] = [
    &[Step::Sends("one"), Step::Sends("two"), Step::Ends],
    &[Step::Sends("bye"), Step::Ends],
    &[Step::Sends("one"), Step::Resets],
    // Where a plugin changes what is sent, the upstream does not reset the connection.
    &[Step::Sends("one"), Step::Sends("reset"), Step::Ends],
    &[Step::Ends],
];

/// What the upstream does with what it gets.
enum Reaction {
    Sends(String),
    SendsLast(String),
    Resets,
}

fn reaction(got: &[u8]) -> Reaction {
    let got = String::from_utf8_lossy(got);
    if got.contains("reset") {
        Reaction::Resets
    } else if got.contains("bye") {
        Reaction::SendsLast(format!("re:{got}"))
    } else {
        Reaction::Sends(format!("re:{got}"))
    }
}

#[test]
#[ignore = "needs Envoy: run `cargo xtask test`"]
fn envoy_and_the_embedded_gateway_make_the_same_calls_on_connections() {
    let folder = TempDir::new().expect("a temporary folder");
    let surprises: Vec<_> = guests("tcp")
        .into_iter()
        .filter_map(|(name, text)| {
            let module = wat::parse_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            let file = folder.path().join(&name);
            fs::write(&file, module).expect("write the guest");
            parting(&real(&file), &embedded(&file)).map(|difference| format!("{name}: {difference}"))
        })
        .collect();
    assert!(surprises.is_empty(), "{}", surprises.join("\n\n"));
}

/// The calls of Envoy's only worker and what was logged there, then what each side of each connection got.
pub(crate) fn real(module: &Path) -> Vec<String> {
    let got_by_upstream = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::clone(&got_by_upstream);
    let upstream = Service::start_tcp(move |peer| serve(peer, &shared)).expect("an upstream");
    let listener = Listener { protocol: Protocol::Tcp, ..listener("tcp", module, &json!({}), false) };
    let envoy = RealEnvoy::start(vec![listener], &[("upstream", upstream.address())]);
    let mut got = Vec::new();
    for steps in CONNECTIONS {
        let to_client = client(envoy.listener("tcp"), steps).expect("a connection");
        got.push(received(&to_client, &std::mem::take(&mut *got_by_upstream.lock().expect("no panic"))));
    }
    calls_of(&envoy, CONNECTIONS.len()).into_iter().chain(got).collect()
}

/// A line for what both sides of a connection got. What a client gets that has reset its connection, nobody knows.
fn received(to_client: &[u8], to_upstream: &[u8]) -> String {
    format!("[gateway->client] {} [gateway->upstream] {}", to_client.escape_ascii(), to_upstream.escape_ascii())
}

/// Takes the steps of a client; what it got.
fn client(gateway: SocketAddr, steps: &[Step]) -> io::Result<Vec<u8>> {
    let mut peer = Peer::connect(gateway)?;
    for step in steps {
        match step {
            Step::Sends(text) => peer.send(text.as_bytes()),
            Step::Ends => peer.end(),
            Step::Resets => {
                peer.reset();
                thread::sleep(MOMENT);
                return Ok(Vec::new());
            }
        }
        thread::sleep(MOMENT);
    }
    // It ends with the connection, or by waiting.
    peer.wait(MOMENT, |received| received.ended);
    Ok(peer.received().bytes.clone())
}

/// The upstream on loopback.
fn serve(mut peer: Peer, got: &Mutex<Vec<u8>>) {
    let mut seen = 0;
    loop {
        peer.wait(PATIENCE, |received| received.bytes.len() > seen || received.ended);
        let new = peer.received().bytes[seen..].to_vec();
        seen += new.len();
        got.lock().expect("no panic").extend(&new);
        if new.is_empty() {
            thread::sleep(APART);
            return;
        }
        match reaction(&new) {
            Reaction::Sends(text) => peer.send(text.as_bytes()),
            Reaction::SendsLast(text) => {
                peer.send(text.as_bytes());
                thread::sleep(APART);
                return;
            }
            Reaction::Resets => return peer.reset(),
        }
    }
}

/// The same of the embedded gateway.
pub(crate) fn embedded(module: &Path) -> Vec<String> {
    let compiler = Compiler::new(None).expect("a compiler");
    let module = compiler.compile(&fs::read(module).expect("read the module")).expect("a module");
    let config =
        GatewayConfig { clock: VirtualClock::starting_at(SystemTime::now()), trace: true, ..GatewayConfig::default() };
    let mut gateway = Gateway::start([Plugin::new(&module, "{}")], config, Nobody).expect("a gateway");
    let (mut lines, mut got) = (Vec::new(), Vec::new());
    for steps in CONNECTIONS {
        let connection = gateway.connect(0);
        let mut seen = 0;
        let mut resets = false;
        for step in steps {
            match step {
                Step::Sends(text) => gateway.transfer(connection, Side::Client, text.as_bytes(), false),
                Step::Ends => gateway.transfer(connection, Side::Client, b"", true),
                Step::Resets => {
                    resets = true;
                    gateway.reset(connection, Side::Client);
                }
            }
            let until = gateway.now() + MOMENT;
            while let Some(time) = gateway.next_time().filter(|time| *time < until) {
                react(&mut gateway, connection, &mut seen);
                gateway.run_until(time);
            }
            react(&mut gateway, connection, &mut seen);
            gateway.run_until(until);
        }
        let connection = gateway.disconnect(connection);
        lines.extend(connection.logs);
        let to_client = if resets { Vec::new() } else { connection.to_client.bytes };
        got.push(received(&to_client, &connection.to_upstream.bytes));
    }
    gateway.take_trace().into_iter().map(|line| line.call).chain(logged(&lines)).chain(got).collect()
}

/// The upstream does what it does with what it has not `seen` yet.
fn react(gateway: &mut Gateway<Nobody>, connection: ConnectionId, seen: &mut usize) {
    loop {
        let to_upstream = &gateway.connection(connection).expect("a connection").to_upstream;
        let (new, ended) = (to_upstream.bytes[*seen..].to_vec(), to_upstream.ended);
        *seen += new.len();
        if new.is_empty() {
            if ended {
                gateway.transfer(connection, Side::Upstream, b"", true);
            }
            return;
        }
        match reaction(&new) {
            Reaction::Sends(text) => gateway.transfer(connection, Side::Upstream, text.as_bytes(), false),
            Reaction::SendsLast(text) => {
                gateway.transfer(connection, Side::Upstream, text.as_bytes(), false);
                gateway.transfer(connection, Side::Upstream, b"", true);
            }
            Reaction::Resets => gateway.reset(connection, Side::Upstream),
        }
    }
}

struct Nobody;

impl World for Nobody {}
