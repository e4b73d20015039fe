//! Every call between gateway and guest, both ways: what Envoy logs at `wasm:trace`, against what the embedded gateway
//! records. The guests of fixtures/guests leave out what cli/host/ENVOY.md lists.

use std::{
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant, SystemTime},
};

use gwauthz_host::{
    CallOutcome, Compiler, Gateway, GatewayConfig, GrpcAnswer, GrpcCall, GrpcOutcome, GrpcSent, GrpcStream, HttpCall,
    HttpRequest, HttpResponse, LogLevel, LogLine, Module, Part, Plugin, Startup, Thread, VirtualClock, World,
    envoy::{Entry, GrpcServer, NOBODY},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    embedded::{received, text_response},
    grpc::{self, GRPC_CLUSTER},
    plugin::PLUGIN,
    real::{RealEnvoy, listener, tool},
    request::Request,
    services::{RecordingService, Reply},
    surroundings::configured,
    table::{AUTHORIZATION_CLUSTER, REFUSING_CLUSTER, Setup, TOKEN},
};

/// How long Envoy may take to have logged the end of a stream that the client has seen end.
const LOGGED: Duration = Duration::from_secs(5);
const UPSTREAM_BODY: &str = "from the upstream";
const SERVICE_BODY: &str = "from the service";

#[test]
#[ignore = "needs Envoy: run `cargo xtask test`"]
fn envoy_and_the_embedded_gateway_make_the_same_calls_with_guests() {
    let requests = [
        Request::get("/first?a=b").header("x-twice", "one").header("x-twice", "two"),
        Request::get("/second").posting_in_pieces("01234", "56789"),
    ];
    let folder = TempDir::new().expect("a temporary folder");
    let surprises: Vec<_> = guests("")
        .into_iter()
        .filter_map(|(name, text)| {
            let module = wat::parse_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            let file = folder.path().join(&name);
            fs::write(&file, module).expect("write the guest");
            difference(&file, &json!({}), &requests).map(|difference| format!("{name}: {difference}"))
        })
        .collect();
    assert!(surprises.is_empty(), "{}", surprises.join("\n\n"));
}

#[test]
#[ignore = "needs Envoy: run `cargo xtask test`"]
fn envoy_and_the_embedded_gateway_make_the_same_calls_with_the_plugin() {
    let with_token = Request::get("/orders").header("authorization", format!("Bearer {TOKEN}"));
    let requests = [Request::get("/orders"), Request::get("/public/logo.svg"), with_token];
    let difference = difference(&PLUGIN, &Setup::Refused.plugin_config(), &requests);
    assert_eq!(difference, None);
}

/// The module that the AssemblyScript fixture is compiled to: a command that allocates with `malloc` and is of ABI 0.2.0.
#[test]
#[ignore = "needs Envoy and AssemblyScript: run `cargo xtask test`"]
fn envoy_and_the_embedded_gateway_make_the_same_calls_with_assemblyscript() {
    let folder = TempDir::new().expect("a temporary folder");
    let module = folder.path().join("module.wasm");
    let compiler = tool("assemblyscript").canonicalize().expect("the compiler");
    let packages = compiler.ancestors().find(|folder| folder.ends_with("node_modules")).expect("its packages");
    let compiled = Command::new(&compiler)
        .args(["index.ts", "--explicitStart", "--use", "abort=abort_proc_exit", "--baseDir"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/assemblyscript"))
        .arg("--path")
        .arg(packages)
        .arg("--binaryFile")
        .arg(&module)
        .output()
        .expect("run the compiler");
    assert!(module.exists(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let pieces = Request::get("/second").posting_in_pieces("01", "23");
    let requests = [Request::get("/first?a=b"), Request::get("/forbidden"), pieces];
    assert_eq!(difference(&module, &json!({}), &requests), None);
}

/// Guests by name: each file of a folder in fixtures/guests, behind the prelude but for those that are whole modules, as
/// far as they are [`chosen`].
pub(crate) fn guests(kind: &str) -> Vec<(String, String)> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/guests"));
    let prelude = fs::read_to_string(folder.join("prelude.wat")).expect("the prelude");
    let folder = folder.join(kind);
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).expect("the guests").map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "wat") && !file.ends_with("prelude.wat"));
    files.retain(|file| file.file_stem().is_some_and(|name| chosen(&name.to_string_lossy())));
    files.sort();
    files
        .into_iter()
        .map(|file| {
            let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
            let body = fs::read_to_string(&file).expect("a guest");
            let whole = body.lines().any(|line| line.starts_with("(module"));
            (name, if whole { body } else { format!("(module\n{prelude}\n{body})") })
        })
        .collect()
}

/// Whether a guest is the one that `GWAUTHZ_GUEST` names, if it names one.
pub(crate) fn chosen(name: &str) -> bool {
    env::var("GWAUTHZ_GUEST").map_or(true, |only| only == name)
}

/// How many lines are shown before and behind the first one that differs.
const CONTEXT: usize = 8;

/// Where the two traces part, if they do.
fn difference(module: &Path, plugin_config: &Value, requests: &[Request]) -> Option<String> {
    parting(&real(module, plugin_config, requests), &embedded(module, plugin_config, requests))
}

/// Where two traces part, if they do.
pub(crate) fn parting(real: &[String], embedded: &[String]) -> Option<String> {
    if real == embedded {
        return None;
    }
    let parting = real.iter().zip(embedded).take_while(|(real, embedded)| real == embedded).count();
    let around = |trace: &[String]| {
        let shown: Vec<_> = trace.iter().skip(parting.saturating_sub(CONTEXT)).take(2 * CONTEXT).cloned().collect();
        shown.join("\n  ")
    };
    Some(format!("they part at call {parting}; Envoy:\n  {}\nembedded:\n  {}", around(real), around(embedded)))
}

/// The calls of Envoy's only worker and what was logged there, then what its clients got.
pub(crate) fn real(module: &Path, plugin_config: &Value, requests: &[Request]) -> Vec<String> {
    let around = Surroundings::start();
    let mut listener = listener(LISTENER, module, plugin_config, false);
    // As in the embedded gateway: it is one of the properties.
    listener.chain.iter_mut().for_each(|plugin| plugin.vm_id.clear());
    observed(&RealEnvoy::start(vec![listener], &around.clusters()), 1, requests)
}

/// The services of a real Envoy.
pub(crate) struct Surroundings {
    authorization: RecordingService,
    upstream: RecordingService,
    grpc: GrpcServer,
}

pub(crate) const LISTENER: &str = "guest";

impl Surroundings {
    pub(crate) fn start() -> Self {
        Self {
            authorization: RecordingService::start(Reply::Text(SERVICE_BODY)),
            upstream: RecordingService::start(Reply::Text(UPSTREAM_BODY)),
            grpc: grpc::start(),
        }
    }

    pub(crate) fn clusters(&self) -> [(&str, SocketAddr); 4] {
        [
            (AUTHORIZATION_CLUSTER, self.authorization.address()),
            ("upstream", self.upstream.address()),
            (REFUSING_CLUSTER, NOBODY),
            (GRPC_CLUSTER, self.grpc.address()),
        ]
    }
}

/// Sends requests through Envoy's only worker, whose chain has so many plugins; its calls and what was logged there, then
/// what the clients got.
pub(crate) fn observed(envoy: &RealEnvoy, plugins: usize, requests: &[Request]) -> Vec<String> {
    let answers: Vec<_> = requests
        .iter()
        // A guest may close the stream without an answer.
        .map(|request| match request.send(envoy.listener(LISTENER)) {
            Some(answer) => answered(answer.status(), &answer.body),
            None => answered(0, b""),
        })
        .collect();
    calls_of(envoy, plugins * requests.len()).into_iter().chain(answers).collect()
}

/// The calls of Envoy's only worker and what was logged there, once so many contexts have come to their end.
pub(crate) fn calls_of(envoy: &RealEnvoy, contexts: usize) -> Vec<String> {
    let deadline = Instant::now() + LOGGED;
    loop {
        let trace = worker(&envoy.log());
        let ended = trace.iter().filter(|line| line.starts_with("[host<-vm] proxy_on_delete return")).count();
        if ended >= contexts || Instant::now() > deadline {
            return trace;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// The calls of the only thread besides the main one, then what was logged there.
fn worker(log: &[Entry]) -> Vec<String> {
    let main = main_thread(log);
    let lines = log.iter().filter(|entry| Some(entry.thread) != main);
    let lines = lines.filter_map(|entry| Some(line(entry.level, entry.plugin_message()?)));
    calls(log, |is_main| !is_main).into_iter().chain(lines).collect()
}

/// The calls of the main thread or of the others.
pub(crate) fn calls(log: &[Entry], of: impl Fn(bool) -> bool) -> Vec<String> {
    let main = main_thread(log);
    let entries = log.iter().filter(|entry| of(Some(entry.thread) == main));
    entries.filter_map(|entry| entry.call().map(str::to_owned)).collect()
}

/// The thread that makes the first call.
fn main_thread(log: &[Entry]) -> Option<u32> {
    log.iter().find(|entry| entry.call().is_some()).map(|entry| entry.thread)
}

/// The calls of the embedded gateway's only worker and what was logged there, then what its clients got.
pub(crate) fn embedded(module: &Path, plugin_config: &Value, requests: &[Request]) -> Vec<String> {
    let plugin = Plugin::new(&compiled(module), plugin_config.to_string());
    let plugin = Plugin { name: "gwauthz".to_owned(), ..plugin };
    let mut gateway = gateway([plugin], Startup::AsEnvoy);
    let answers = sent(&mut gateway, requests);
    let worker = gateway.take_trace().into_iter().filter(|line| line.thread == Thread::Worker(0));
    worker.map(|line| line.call).chain(answers).collect()
}

pub(crate) fn compiled(module: &Path) -> Module {
    let compiler = Compiler::new(None).expect("a compiler");
    compiler.compile(&fs::read(module).expect("read the module")).expect("a module")
}

/// An embedded gateway that is traced.
pub(crate) fn gateway(chain: impl IntoIterator<Item = Plugin>, startup: Startup) -> Gateway<Services> {
    let config = GatewayConfig {
        clock: VirtualClock::starting_at(SystemTime::now()),
        startup,
        surroundings: configured(),
        trace: true,
        ..GatewayConfig::default()
    };
    let gateway = Gateway::start(chain, config, Services).expect("a gateway");
    gateway.with_clusters([AUTHORIZATION_CLUSTER, REFUSING_CLUSTER, GRPC_CLUSTER].map(str::to_owned))
}

/// Sends requests through an embedded gateway; what was logged on its only worker, then what the clients got.
pub(crate) fn sent(gateway: &mut Gateway<Services>, requests: &[Request]) -> Vec<String> {
    let (mut lines, mut answers) = (Vec::new(), Vec::new());
    for request in requests {
        let HttpRequest { headers, body } = received(request);
        let stream = gateway.open(0, headers, body.is_empty());
        if !body.is_empty() {
            gateway.receive(stream, Part::Data(body), false);
            gateway.run_until(gateway.now() + Request::MOMENT);
            gateway.receive(stream, Part::Data(request.rest.into()), false);
            // HTTP/1.1 brings the end of a body behind it.
            gateway.receive(stream, Part::Data(Vec::new()), true);
        }
        while !gateway.has_ended(stream)
            && let Some(time) = gateway.next_time()
        {
            gateway.run_until(time);
        }
        let outcome = gateway.close(stream);
        lines.extend(outcome.logs);
        answers.push(answered(outcome.response.status(), &outcome.response.body));
    }
    lines.extend(gateway.take_logs());
    logged(&lines).chain(answers).collect()
}

/// Further lines of a trace: what was logged on the only worker.
pub(crate) fn logged(lines: &[LogLine]) -> impl Iterator<Item = String> {
    let worker = lines.iter().filter(|line| line.thread == Thread::Worker(0));
    worker.map(|logged| line(logged.level, &logged.message))
}

fn line(level: LogLevel, text: &str) -> String {
    format!("[log] {level:?}: {text}")
}

/// A further line of a trace: what the client got, 0 for no answer.
fn answered(status: u16, body: &[u8]) -> String {
    format!("[gateway->client] {status} {}", body.escape_ascii())
}

/// The services of [`real`], for the embedded gateway.
pub(crate) struct Services;

impl World for Services {
    fn call(&mut self, call: &HttpCall) -> CallOutcome {
        if call.upstream == REFUSING_CLUSTER {
            return CallOutcome::Refused;
        }
        CallOutcome::Reply { response: text_response(SERVICE_BODY), delay: Duration::ZERO }
    }

    fn serve(&mut self, _request: &HttpRequest) -> HttpResponse {
        text_response(UPSTREAM_BODY)
    }

    fn grpc_call(&mut self, call: &GrpcCall) -> GrpcOutcome {
        if call.upstream == REFUSING_CLUSTER { GrpcOutcome::Refused } else { grpc::outcome(call) }
    }

    fn grpc_stream(&mut self, stream: &GrpcStream, sent: GrpcSent<'_>) -> Vec<(Duration, GrpcAnswer)> {
        if stream.upstream == REFUSING_CLUSTER {
            return if sent == GrpcSent::Open { vec![(Duration::ZERO, GrpcAnswer::Refused)] } else { Vec::new() };
        }
        grpc::answers(&stream.method, sent).into_iter().map(|answer| (Duration::ZERO, answer)).collect()
    }
}
