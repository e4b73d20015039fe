//! Chains of several plugins, their fail strategies and updates, in Envoy and in the embedded gateway.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use gwauthz_host::{
    FailStrategy, Gateway, HeaderMap, HttpRequest, Module, Part, Plugin, Startup, Thread,
    envoy::{Entry, FailurePolicy, Listener, Plugin as Filter},
};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    embedded::received,
    real::{RealEnvoy, listener},
    request::{PATIENCE, Request},
    rust_guests::GUESTS,
    traces::{LISTENER, Services, Surroundings, calls, compiled, gateway, guests, observed, parting, sent},
};

/// A plugin of a chain, for Envoy.
fn filter(name: &str, vm_id: &str, module: &Path) -> Filter {
    Filter {
        environment: BTreeMap::new(),
        name: name.to_owned(),
        module: module.to_owned(),
        vm_id: vm_id.to_owned(),
        configuration: "{}".to_owned(),
        failure_policy: FailurePolicy::Closed,
        updatable: false,
    }
}

/// The same for the embedded gateway.
fn plugin(filter: &Filter, module: &Module) -> Plugin {
    let fail_strategy = match filter.failure_policy {
        FailurePolicy::Closed => FailStrategy::Close,
        FailurePolicy::Open => FailStrategy::Open,
        FailurePolicy::Reload => FailStrategy::RELOAD,
    };
    let (name, vm_id) = (filter.name.clone(), filter.vm_id.clone());
    Plugin { name, vm_id, fail_strategy, ..Plugin::new(module, filter.configuration.clone()) }
}

/// Envoy with this chain.
fn envoy(chain: &[Filter], around: &Surroundings) -> RealEnvoy {
    let listener = Listener { chain: chain.to_vec(), ..listener(LISTENER, Path::new("none"), &json!({}), false) };
    RealEnvoy::start(vec![listener], &around.clusters())
}

/// The module of a guest of fixtures/guests.
fn guest(folder: &Path, name: &str) -> PathBuf {
    let (_, text) = guests("").into_iter().find(|(guest, _)| guest == name).expect("a guest of this name");
    let file = folder.join(name);
    fs::write(&file, wat::parse_str(text).expect("a guest")).expect("write the guest");
    file
}

/// Guests that are not for two plugins: ticked at the same time, which comes first is chance; or refused by the second
/// canary; or letting go of what is not held, where the filters of Envoy have one buffer for all.
const ALONE: [&str; 5] = ["continue_first", "held_twice", "logging_clocks", "refused_by_worker", "resume"];

#[test]
#[ignore = "needs Envoy: run `cargo xtask test`"]
fn envoy_and_the_embedded_gateway_make_the_same_calls_with_two_plugins() {
    let requests = [
        Request::get("/first?a=b").header("x-twice", "one").header("x-twice", "two"),
        Request::get("/second").posting_in_pieces("01234", "56789"),
    ];
    let folder = TempDir::new().expect("a temporary folder");
    let mut surprises = Vec::new();
    // Answered by the gateway; the plugins log it. Of the response they see more in Envoy, so one that does not look.
    let refused = [Request::get("/refused#fragment"), Request::get("/")];
    for (name, _) in guests("").into_iter().filter(|(name, _)| !ALONE.contains(&name.as_str())) {
        let requests = if name == "update" { &refused } else { &requests };
        let file = guest(folder.path(), &name);
        for vm_ids in [["v", "v"], ["v", "w"]] {
            let chain = [filter("a", vm_ids[0], &file), filter("b", vm_ids[1], &file)];
            let around = Surroundings::start();
            let envoy = envoy(&chain, &around);
            let real = observed(&envoy, chain.len(), requests);
            let module = compiled(&file);
            let mut embedded = gateway(chain.iter().map(|filter| plugin(filter, &module)), Startup::AsEnvoy);
            let answers = sent(&mut embedded, requests);
            let (worker, main): (Vec<_>, Vec<_>) =
                embedded.take_trace().into_iter().partition(|line| line.thread == Thread::Worker(0));
            let worker: Vec<_> = worker.into_iter().map(|line| line.call).chain(answers).collect();
            let main = start(main.into_iter().map(|line| line.call));
            for difference in
                [parting(&real, &worker), parting(&main_thread(&envoy.log()), &main)].into_iter().flatten()
            {
                surprises.push(format!("{name} in {vm_ids:?}: {difference}"));
            }
        }
    }
    assert!(surprises.is_empty(), "{}", surprises.join("\n\n"));
}

/// The calls of Envoy's main thread until it is ready.
fn main_thread(log: &[Entry]) -> Vec<String> {
    start(calls(log, |is_main| is_main).into_iter())
}

/// The calls before the first that comes with time.
fn start(calls: impl Iterator<Item = String>) -> Vec<String> {
    let with_time = ["[host->vm] proxy_on_tick", "[host->vm] proxy_on_queue_ready"];
    calls.take_while(|call| !with_time.iter().any(|name| call.starts_with(name))).collect()
}

/// A request whose body arrives in two pieces, something happening in between.
struct Live(TcpStream);

impl Live {
    fn open(to: SocketAddr, request: &Request) -> Self {
        let mut stream = TcpStream::connect_timeout(&to, PATIENCE).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let length = request.body.len() + request.rest.len();
        write!(stream, "POST {} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", request.path, Request::AUTHORITY)
            .and_then(|()| write!(stream, "content-length: {length}\r\n\r\n{}", request.body))
            .expect("send a request");
        thread::sleep(Request::MOMENT);
        Self(stream)
    }

    /// Sends the rest; the status of the answer.
    fn complete(mut self, request: &Request) -> u16 {
        self.0.write_all(request.rest.as_bytes()).expect("send the rest");
        let mut answer = String::new();
        self.0.read_to_string(&mut answer).expect("an answer");
        answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
    }
}

/// What a client does with a gateway, real or embedded.
trait Client {
    type Stream;
    fn get(&mut self, path: &str) -> u16;
    fn open(&mut self, request: &Request) -> Self::Stream;
    fn complete(&mut self, stream: Self::Stream, request: &Request) -> u16;
    fn wait(&mut self, time: Duration);
}

impl Client for SocketAddr {
    type Stream = Live;

    fn get(&mut self, path: &str) -> u16 {
        Request::get(path).send(*self).expect("an answer").status()
    }

    fn open(&mut self, request: &Request) -> Live {
        Live::open(*self, request)
    }

    fn complete(&mut self, stream: Live, request: &Request) -> u16 {
        stream.complete(request)
    }

    fn wait(&mut self, time: Duration) {
        thread::sleep(time);
    }
}

impl Client for Gateway<Services> {
    type Stream = gwauthz_host::StreamId;

    fn get(&mut self, path: &str) -> u16 {
        self.request(&received(&Request::get(path))).response.status()
    }

    fn open(&mut self, request: &Request) -> Self::Stream {
        let HttpRequest { headers, body } = received(request);
        let stream = Self::open(self, 0, headers, false);
        self.receive(stream, Part::Data(body), false);
        stream
    }

    fn complete(&mut self, stream: Self::Stream, request: &Request) -> u16 {
        self.receive(stream, Part::Data(request.rest.into()), false);
        self.receive(stream, Part::Data(Vec::new()), true);
        self.run_until(self.now());
        self.close(stream).response.status()
    }

    fn wait(&mut self, time: Duration) {
        self.run_until(self.now() + time);
    }
}

/// Loses the VM while a stream lives, and goes on; the statuses that the client gets.
fn lose_a_vm(client: &mut impl Client) -> Vec<u16> {
    let live = Request::get("/first").posting_in_pieces("01234", "56789");
    let mut statuses = vec![client.get("/first")];
    let stream = client.open(&live);
    statuses.push(client.get("/trap"));
    statuses.push(client.get("/first"));
    statuses.push(client.complete(stream, &live));
    // Envoy waits up to half as long again before it reloads a VM.
    client.wait(Duration::from_millis(1600));
    statuses.push(client.get("/first"));
    statuses
}

#[test]
#[ignore = "needs Envoy: run `cargo xtask test`"]
fn envoy_and_the_embedded_gateway_treat_a_lost_vm_alike() {
    let folder = TempDir::new().expect("a temporary folder");
    let file = guest(folder.path(), "trap");
    let module = compiled(&file);
    for (failure_policy, later, at_last) in
        [(FailurePolicy::Closed, 503, 503), (FailurePolicy::Open, 200, 200), (FailurePolicy::Reload, 503, 200)]
    {
        let configuration = "trap".to_owned();
        let traps = Filter { failure_policy, configuration, ..filter("traps", "v", &file) };
        let chain = [filter("before", "w", &file), traps];
        let around = Surroundings::start();
        let envoy = envoy(&chain, &around);
        let real = lose_a_vm(&mut envoy.listener(LISTENER));
        let mut embedded = gateway(chain.iter().map(|filter| plugin(filter, &module)), Startup::WorkersOnly);
        assert_eq!(real, lose_a_vm(&mut embedded), "{failure_policy:?}: Envoy, embedded");
        assert_eq!(real, [200, 503, later, 503, at_last], "{failure_policy:?}");
    }
}

/// The gateway's own answers: to what it refuses itself, to a trap, and once the VM is lost.
#[test]
#[ignore = "needs Envoy: run `cargo xtask test`"]
fn envoy_and_the_embedded_gateway_answer_clients_of_grpc_alike() {
    let folder = TempDir::new().expect("a temporary folder");
    let file = guest(folder.path(), "trap");
    let chain = [Filter { configuration: "trap".to_owned(), ..filter("traps", "v", &file) }];
    let around = Surroundings::start();
    let envoy = envoy(&chain, &around);
    let module = compiled(&file);
    let mut embedded = gateway(chain.iter().map(|filter| plugin(filter, &module)), Startup::WorkersOnly);
    let told = |status: u16, headers: &HeaderMap, body: &[u8]| {
        let status_of_grpc = headers.first(b"grpc-status").map(|status| status.escape_ascii().to_string());
        (status, status_of_grpc, body.escape_ascii().to_string())
    };
    for (path, expected) in
        [("/refused#fragment", Some("13")), ("/first", None), ("/trap", Some("14")), ("/x", Some("14"))]
    {
        let request = Request::get(path).header("content-type", "application/grpc");
        let real = request.send(envoy.listener(LISTENER)).expect("an answer");
        let real = told(real.status(), &real.headers, &real.body);
        let answer = embedded.request(&received(&request)).response;
        assert_eq!(real.1.as_deref(), expected, "{path}");
        assert_eq!(real, told(answer.status(), &answer.headers, &answer.body), "{path}: Envoy, embedded");
    }
}

#[test]
#[ignore = "needs Envoy: run `cargo xtask test`"]
fn envoy_and_the_embedded_gateway_update_a_plugin_alike() {
    let folder = TempDir::new().expect("a temporary folder");
    update_alike(&guest(folder.path(), "update"));
}

/// It is not done at once with a root context that an update leaves behind.
#[test]
#[ignore = "needs Envoy: run `cargo xtask test`"]
fn envoy_and_the_embedded_gateway_update_a_plugin_that_takes_its_time_alike() {
    update_alike(&GUESTS["lifecycle"]);
}

/// Updates a plugin that refuses an empty configuration, also while a stream lives.
fn update_alike(file: &Path) {
    let module = compiled(file);
    let of = |configuration: &str, vm_id| Filter {
        configuration: configuration.to_owned(),
        updatable: true,
        ..filter("discovered", vm_id, file)
    };
    // The last is refused.
    for updates in [[of("one", "v"), of("three", "v"), of("", "v")], [of("one", "v"), of("three", "w"), of("", "w")]] {
        let live = Request::get("/live").posting_in_pieces("01234", "56789");
        let around = Surroundings::start();
        let [first, second, refused] = updates;

        let envoy = envoy(std::slice::from_ref(&refused), &around);
        let mut client = envoy.listener(LISTENER);
        let mut real = vec![client.get("/first")];
        let update = |filter: &Filter| {
            let accepted = envoy.update(filter);
            // The workers have it a moment later.
            thread::sleep(Request::MOMENT);
            accepted
        };
        assert!(update(&first));
        let stream = client.open(&live);
        assert!(update(&second));
        real.push(client.get("/second"));
        real.push(client.complete(stream, &live));
        assert!(!update(&refused));
        real.push(client.get("/third"));

        let config = gwauthz_host::GatewayConfig { trace: true, ..Default::default() };
        let mut client = Gateway::unconfigured(config, Services);
        let update = |client: &mut Gateway<Services>, filter| {
            let updated = client.update([plugin(filter, &module)]);
            client.wait(Request::MOMENT);
            updated.is_ok()
        };
        assert!(!update(&mut client, &refused));
        let mut embedded = vec![Client::get(&mut client, "/first")];
        assert!(update(&mut client, &first));
        let stream = Client::open(&mut client, &live);
        assert!(update(&mut client, &second));
        embedded.push(Client::get(&mut client, "/second"));
        embedded.push(client.complete(stream, &live));
        assert!(!update(&mut client, &refused));
        embedded.push(Client::get(&mut client, "/third"));
        assert_eq!(real, embedded, "Envoy, embedded");
        assert_eq!(real, [500, 200, 200, 200]);

        let traced = client.take_trace().into_iter().filter(|line| line.thread == Thread::Worker(0));
        let traced: Vec<_> = traced.map(|line| line.call).collect();
        let real = || calls(&envoy.log(), |is_main| !is_main);
        until(|| real().len() >= traced.len());
        assert_eq!(parting(&real(), &traced), None);
    }
}

fn until(mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
    }
}
