//! Scenarios on a real Envoy and on the embedded gateway: both hold what is expected, and make the same of it.

use std::{fs, path::Path, process::Command};

use gwauthz_host::{
    Compiler, Module, Profile,
    scenario::{Exchange, Failure, Observed, Oracle, OracleRun, Scenario, differences, run, virtual_only},
};
use serde_json::Value;
use tempfile::TempDir;

use crate::{plugin::PLUGIN, real::program, traces::guests};

/// What the suite of the plugin leaves to say: how services fail, who comes and goes, what configurations do.
const SCENARIOS: [&str; 8] = [
    "
name: A valid token is let through, whatever it comes with
plugin: {config: {cluster: authz}}
services: [{cluster: authz, answer: {reply: {status: 200}}}]
upstream: {status: 201, headers: {x-a: [one, two]}, body: hello}
steps:
  - request: {path: '/orders?page=2', token: {}, headers: {x-b: c}, expect: {status: 201, headers: {x-a: [one, two]}}}
  - request: {token: {}, body: some, expect: {upstream: {body: some}}}
  - request:
      token: {}
      chunks: [{text: a}, {text: b, after: 50ms}]
      trailers: {x-t: u}
      expect: {body: hello, upstream: {body: ab, trailers: {x-t: u}}}
  - request: {expect: {decision: deny, status: 401, callouts: []}}
  - expect: {callouts: {authz: 3}, logsContain: [configured]}
",
    "
name: Services fail in every way
plugin: {config: {cluster: authz, timeout: 300}}
services:
  - {cluster: authz, times: 1, answer: {reply: {status: 403, json: {a: 1}}}}
  - {cluster: authz, times: 1, answer: timeout}
  - {cluster: authz, times: 1, answer: reset}
  - {cluster: authz, times: 1, answer: resetMidway}
  - {cluster: authz, times: 1, answer: {reply: {status: 200, delay: 100ms}}}
  - {cluster: authz, answer: {reply: {status: 200, delay: 600ms}}}
steps:
  - request: {token: {}, expect: {status: 403}}
  - request: {token: {}, times: 3, expect: {status: 503, ending: answered}}
  - request: {token: {}, expect: {status: 200, ending: served}}
  - request: {token: {}, expect: {status: 503, callouts: [{cluster: authz, path: /authorize}]}}
",
    "
name: Nothing listens
plugin: {config: {cluster: authz}}
services: [{cluster: authz, answer: refused}]
steps:
  - request: {token: {}, expect: {status: 503}}
  - request: {expect: {status: 401, callouts: []}}
  - expect: {callouts: {authz: 1}}
",
    "
name: Clients leave, and come in crowds
plugin: {config: {cluster: authz}}
services: [{cluster: authz, answer: {reply: {status: 200, delay: 400ms}}}]
steps:
  - request: {token: {}, leavesAfter: 100ms, expect: {ending: clientLeft, decision: deny}}
  - wait: 500ms
  - request: {token: {}, background: true, times: 3, expect: {status: 200}}
  - request: {token: {}, expect: {status: 200}}
",
    "
name: A first configuration is refused
plugin: {config: {clutser: authz}, expect: refused}
steps:
  - request: {token: {}, expect: {status: 500, ending: refused}}
  - expect: {logsContain: ['did you mean `cluster`?']}
",
    "
name: Configurations change
plugin: {config: {cluster: authz}}
services: [{cluster: authz, answer: {reply: {status: 200}}}]
steps:
  - request: {path: /public/a, expect: {status: 401}}
  - update: {config: {clutser: authz}, expect: refused}
  - request: {path: /public/a, expect: {status: 401}}
  - update: {config: {cluster: authz, bypassPaths: [/public/]}}
  - request: {path: /public/a, expect: {status: 200}}
",
    "
name: Several workers, and a request without a body in its answer
plugin: {config: {cluster: authz}}
gateway: {workers: 2}
services: [{cluster: authz, answer: {reply: {status: 200}}}]
upstream: {status: 200, json: {a: b}, trailers: {x-t: u}}
steps:
  - request: {token: {}, times: 20, background: true, expect: {status: 200, json: {a: b}, trailers: {x-t: u}}}
  - request: {token: {}, method: HEAD, expect: {body: ''}}
",
    "
name: Odd paths
plugin: {config: {cluster: authz}}
services: [{cluster: authz, answer: {reply: {status: 200}}}]
upstream: {status: 204}
steps:
  - request: {path: '/a#b', expect: {status: 400, ending: refused}}
  - request: {path: /.well-known/acme-challenge/x, expect: {status: 204}}
  - request: {path: /.well-known/acme-challenge/../x, expect: {status: 400, ending: answered}}
",
];

/// Guests that hold requests for ever, answer with details, log at every level, close streams.
const GUESTS: [&str; 4] = ["http_call", "local_response", "logging_clocks", "close"];
const FOR_GUESTS: &str = "
name: What a guest does
plugin: {}
services: [{cluster: authz, answer: {reply: {status: 200}}}]
steps:
  - request: {}
  - request: {body: some}
  - expect: {}
";

/// A guest that counts and logs requests, and traps where one has a seventh header.
const TRAPPING: &str = r#"(module
    (import "env" "proxy_define_metric" (func $define_metric (param i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_increment_metric" (func $increment_metric (param i32 i64) (result i32)))
    (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
    (memory (export "memory") 2)
    (data (i32.const 1024) "requests.total")
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 65536))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (drop (call $define_metric (i32.const 0) (i32.const 1024) (i32.const 14) (i32.const 0)))
      (drop (call $increment_metric (i32.load (i32.const 0)) (i64.const 2)))
      (drop (call $log (i32.const 3) (i32.const 1024) (i32.const 14)))
      (if (i32.eq (local.get 1) (i32.const 7)) (then (unreachable)))
      (i32.const 0)))"#;

/// The same steps for each strategy: what becomes of the third request, and of the last.
const STRATEGIES: [(&str, u16, u16); 3] = [("close", 503, 503), ("open", 200, 200), ("reload", 503, 200)];

#[test]
#[ignore = "needs Envoy: run `cargo xtask test`"]
fn envoy_and_the_embedded_gateway_agree_on_the_plugins_scenarios() {
    let bench = Bench::new(&PLUGIN);
    let mut surprises = Vec::new();
    let (mut count, mut only_virtual, mut callouts) = (0, 0, 0);
    for text in SCENARIOS {
        count += 1;
        match bench.run(text) {
            Ran::VirtualOnly => only_virtual += 1,
            Ran::OnBoth(found, real) => {
                surprises.extend(found);
                let told = real.requests.iter().flatten().filter_map(|exchange| exchange.callouts.as_ref());
                callouts += told.map(Vec::len).sum::<usize>();
            }
        }
    }
    assert!(surprises.is_empty(), "{}", surprises.join("\n\n"));
    // Of every request that was alone under way, and whose service got them.
    assert!(callouts >= 10, "Envoy tells {callouts} callouts");
    assert!(only_virtual * 3 < count, "{only_virtual} of {count} scenarios are virtual-only");
}

#[test]
#[ignore = "needs Envoy: run `cargo xtask test`"]
fn envoy_and_the_embedded_gateway_agree_on_guests_scenarios() {
    let folder = TempDir::new().expect("a temporary folder");
    let mut surprises = Vec::new();
    let mut try_out = |name: &str, guest: &str, scenario: &str| {
        let file = folder.path().join(name);
        fs::write(&file, wat::parse_str(guest).expect("a guest")).expect("write the guest");
        match Bench::new(&file).run(scenario) {
            Ran::VirtualOnly => panic!("{name} is virtual-only"),
            Ran::OnBoth(found, _) => surprises.extend(found.into_iter().map(|found| format!("{name}: {found}"))),
        }
    };
    for (name, text) in guests("").iter().filter(|(name, _)| GUESTS.contains(&name.as_str())) {
        try_out(name, text, FOR_GUESTS);
    }
    for (strategy, at_once, later) in STRATEGIES {
        let scenario = format!(
            "
name: A guest that traps
plugin: {{failStrategy: {strategy}}}
steps:
  - request: {{expect: {{status: 200, logsContain: [requests.total]}}}}
  - expect: {{metrics: {{requests.total: 2}}}}
  - request: {{headers: {{x-a: b}}, expect: {{status: 503, ending: trapped}}}}
  - request: {{expect: {{status: {at_once}}}}}
  - wait: 1700ms
  - request: {{times: 2, expect: {{status: {later}}}}}
"
        );
        try_out(strategy, TRAPPING, &scenario);
    }
    assert!(surprises.is_empty(), "{}", surprises.join("\n\n"));
}

/// The suite of the plugin, by the command.
#[test]
#[ignore = "needs Envoy: run `cargo xtask test`"]
fn envoy_holds_the_suite_of_the_plugin_as_the_embedded_gateway_does() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let mut command = Command::new(env!("CARGO_BIN_EXE_gwauthz"));
    command.args(["test", "fixtures/scenarios", "--format", "json", "--host", "envoy", "--envoy"]);
    let output = command.arg(program().path()).arg("--module").arg(&*PLUGIN).current_dir(root).output();
    let output = output.expect("run gwauthz");
    let result: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let results = result["results"].as_array().expect("results");
    let surprises: Vec<_> = results.iter().filter(|result| !["held", "virtual-only"].contains(&word(result))).collect();
    assert!(output.status.success() && surprises.is_empty(), "{surprises:#?}");
    // Envoy brings no faults upon its plugins.
    let faultless = || results.iter().filter(|result| !result["file"].as_str().expect("a file").contains("/faults/"));
    let only_virtual: Vec<_> = faultless().filter(|result| word(result) == "virtual-only").collect();
    assert!(only_virtual.len() * 5 < faultless().count(), "too many are virtual-only: {only_virtual:#?}");
}

fn word(result: &Value) -> &str {
    result["result"].as_str().expect("a result")
}

#[test]
#[ignore = "needs Envoy: run `cargo xtask test`"]
fn envoy_fails_a_scenario_that_expects_something_else_and_leaves_its_log() {
    let text = SCENARIOS[0].replace("expect: {status: 201", "expect: {status: 202").replace("authz: 3", "authz: 4");
    let bench = Bench::new(&PLUGIN);
    let scenario = Scenario::read(&text).expect("a scenario");
    let embedded = bench.embedded(&scenario);
    let run = bench.real(&scenario, &embedded);
    let what = |failures: Vec<Failure>| failures.into_iter().map(|failure| failure.what).collect::<Vec<_>>();
    let failures = what(scenario.check(&run.observed));
    assert_eq!(failures, what(scenario.check(&embedded)));
    assert_eq!(failures.len(), 2, "{failures:?}");
    let folder = run.keep_logs();
    let log = fs::read_to_string(folder.join("log")).expect("the log that was kept");
    fs::remove_dir_all(folder).expect("remove what was kept");
    assert!(log.contains("proxy_on_request_headers"), "{log}");
}

/// Runs a scenario with a guest on both hosts. Expectations that do not hold, and where the hosts part, be it in what the guest
/// logs with each request; and what was seen on Envoy.
pub(crate) fn run_guest(guest: &str, text: &str) -> (Vec<String>, Observed) {
    let folder = TempDir::new().expect("a temporary folder");
    let module = folder.path().join("guest.wasm");
    fs::write(&module, wat::parse_str(guest).expect("a guest")).expect("write the guest");
    let bench = Bench::new(&module);
    let Ran::OnBoth(mut found, real) = bench.run(text) else { panic!("virtual-only: {text}") };
    let embedded = bench.embedded(&Scenario::read(text).expect("a scenario"));
    for (step, (ours, theirs)) in embedded.requests.iter().zip(&real.requests).enumerate() {
        for (ours, theirs) in ours.iter().zip(theirs) {
            let (ours, theirs) = (logged(&embedded, ours), logged(&real, theirs));
            if ours != theirs {
                found.push(format!("request {}: embedded {ours:?}, Envoy {theirs:?}", step + 1));
            }
        }
    }
    (found, *real)
}

fn logged<'a>(observed: &'a Observed, exchange: &Exchange) -> Vec<&'a str> {
    let lines = exchange.logs.clone().and_then(|lines| observed.logs.get(lines)).unwrap_or_default();
    lines.iter().map(|line| line.message.as_str()).collect()
}

/// A module on both hosts.
pub(crate) struct Bench<'a> {
    oracle: Oracle,
    file: &'a Path,
    module: Module,
}

pub(crate) enum Ran {
    VirtualOnly,
    /// Expectations that do not hold, and differences; and what was seen on Envoy.
    OnBoth(Vec<String>, Box<Observed>),
}

impl<'a> Bench<'a> {
    pub(crate) fn new(file: &'a Path) -> Self {
        let oracle = Oracle::find(Some(program().path())).expect("envoy");
        let bytes = fs::read(file).expect("read the module");
        let module = Compiler::new(None).expect("a compiler").compile(&bytes).expect("a module");
        Self { oracle, file, module }
    }

    pub(crate) fn run(&self, text: &str) -> Ran {
        let scenario = Scenario::read(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let embedded = self.embedded(&scenario);
        let mut found = failures(&scenario, "the embedded gateway", &embedded);
        if let Some(reason) = virtual_only(&scenario, &embedded) {
            assert!(found.is_empty(), "{found:?}");
            eprintln!("virtual-only: {}: {reason}", scenario.name);
            return Ran::VirtualOnly;
        }
        let real = self.real(&scenario, &embedded);
        found.extend(failures(&scenario, "Envoy", &real.observed));
        let parting = differences(&embedded, &real.observed);
        found.extend(parting.into_iter().map(|difference| format!("{}: {difference}", scenario.name)));
        let observed = real.observed.clone();
        if !found.is_empty() {
            found.push(format!("envoy's log is in {}", real.keep_logs().display()));
        }
        Ran::OnBoth(found, Box::new(observed))
    }

    fn embedded(&self, scenario: &Scenario) -> Observed {
        run(scenario, &configuration(scenario), &self.module, Profile::Envoy).expect("a run")
    }

    fn real(&self, scenario: &Scenario, embedded: &Observed) -> OracleRun {
        let run = self.oracle.run(scenario, &configuration(scenario), self.file, embedded);
        run.unwrap_or_else(|error| panic!("{}: {error}", scenario.name))
    }
}

pub(crate) fn configuration(scenario: &Scenario) -> Vec<u8> {
    assert!(scenario.plugin.manifest.is_none(), "{}: manifests are for the command to read", scenario.name);
    scenario.plugin.config.as_ref().map_or_else(|| b"{}".to_vec(), |config| config.to_string().into_bytes())
}

fn failures(scenario: &Scenario, host: &str, observed: &Observed) -> Vec<String> {
    let failure = |Failure { what, expected, found, .. }| {
        format!("{} on {host}: {what}: expected {expected}, found {found}", scenario.name)
    };
    scenario.check(observed).into_iter().map(failure).collect()
}
