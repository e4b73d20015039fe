//! How gateways start, how their configuration changes under live streams, and what they do with plugins that have trapped.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::time::Duration;

use gwauthz_host::{
    Compiler, Ending, FailStrategy, Gateway, GatewayConfig, HeaderMap, HttpRequest, HttpResponse, Module, Part, Plugin,
    StartError, Startup, StreamId, Thread, World,
};

struct Services;

impl World for Services {}

/// Its upstream answers with a body and trailers.
struct WithTrailers;

impl World for WithTrailers {
    fn serve(&mut self, _request: &HttpRequest) -> HttpResponse {
        let trailers = [("x-end", "1")].into_iter().collect();
        HttpResponse { body: b"body".to_vec(), trailers, ..HttpResponse::new(200) }
    }
}

/// A guest with these functions. `$configuration` gives the first byte of the plugin's configuration, 48 less; `$again`
/// counts how often it has been called in all VMs.
fn module(functions: &str) -> Module {
    let module = format!(
        r#"(module
            (import "env" "proxy_get_buffer_bytes" (func $get_buffer (param i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
            (import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_increment_metric" (func $increment (param i32 i64) (result i32)))
            (import "env" "proxy_get_metric" (func $get_metric (param i32 i32) (result i32)))
            (import "env" "proxy_done" (func $done (result i32)))
            (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (func (export "proxy_abi_version_0_2_1"))
            (func (export "_initialize"))
            (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 16384)
            (func (export "proxy_on_context_create") (param i32 i32))
            (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (i32.const 1))
            (func (export "proxy_on_delete") (param i32))
            (func $configuration (result i32)
                (drop (call $get_buffer (i32.const 7) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 4)))
                (i32.sub (i32.load8_u (i32.load (i32.const 0))) (i32.const 48)))
            (func $again (result i32)
                (drop (call $define (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 8)))
                (drop (call $increment (i32.load (i32.const 8)) (i64.const 1)))
                (drop (call $get_metric (i32.load (i32.const 8)) (i32.const 16)))
                (i32.load (i32.const 16)))
            {functions})"#
    );
    Compiler::new(None).unwrap().compile(&wat::parse_str(module).unwrap()).unwrap()
}

/// A plugin is refused by configuration 0.
const REFUSES_0: &str = r#"
    (func (export "proxy_on_configure") (param i32 i32) (result i32) (call $configuration))
    (func (export "proxy_on_done") (param i32) (result i32) (i32.const 1))"#;

/// The request headers of configuration 1 trap.
const TRAPS: &str = r#"
    (global $traps (mut i32) (i32.const 0))
    (func (export "proxy_on_configure") (param i32 i32) (result i32) (global.set $traps (call $configuration)) (i32.const 1))
    (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
        (if (global.get $traps) (then unreachable)) (i32.const 0))"#;

fn config() -> GatewayConfig {
    GatewayConfig { trace: true, ..GatewayConfig::default() }
}

fn start(chain: impl IntoIterator<Item = Plugin>, config: GatewayConfig) -> Gateway<Services> {
    Gateway::start(chain, config, Services).unwrap_or_else(|error| panic!("{error}"))
}

fn headers() -> HeaderMap {
    HttpRequest::new("POST", "h", b"/").headers
}

/// The callbacks since the last time, each with its thread: `worker 0 configure(1, 1)`.
fn callbacks(gateway: &mut Gateway<Services>) -> Vec<String> {
    let calls = gateway.take_trace().into_iter().filter_map(|line| {
        let call = line.call.strip_prefix("[host->vm] ").filter(|call| !call.contains("memory_allocate"))?;
        Some(format!("{} {}", line.thread, call.strip_prefix("proxy_on_").unwrap_or(call)))
    });
    calls.collect()
}

/// Sends a request without a body.
fn get(gateway: &mut Gateway<Services>) -> u16 {
    gateway.request(&HttpRequest::new("GET", "h", b"/")).response.status()
}

/// Opens a stream whose body is still to come.
fn open(gateway: &mut Gateway<Services>) -> StreamId {
    gateway.open(0, headers(), false)
}

/// Brings the rest of a stream; gives the status of the response.
fn complete(gateway: &mut Gateway<Services>, stream: StreamId) -> u16 {
    gateway.receive(stream, Part::Data(b"body".to_vec()), true);
    gateway.run_until(gateway.now());
    gateway.close(stream).response.status()
}

#[test]
fn a_gateway_starts_as_envoy_does() {
    let module = module(
        r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
               (drop (call $tick (i32.mul (local.get 0) (i32.const 100)))) (i32.const 1))
           (func (export "proxy_on_tick") (param i32))"#,
    );
    let chain = ["1", "2"].map(|configuration| Plugin::new(&module, configuration));
    let mut gateway = start(chain, GatewayConfig { startup: Startup::AsEnvoy, workers: 2, ..config() });
    let first = ["context_create(1, 0)", "vm_start(1, 0)", "configure(1, 1)"];
    let second = ["context_create(2, 0)", "vm_start(2, 0)", "configure(2, 1)"];
    let with = |thread: Thread, calls: &[&str]| calls.iter().map(|call| format!("{thread} {call}")).collect::<Vec<_>>();
    let expected = [
        with(Thread::Base, &["_initialize()"]),
        with(Thread::Canary, &["_initialize()"]),
        with(Thread::Canary, &first),
        with(Thread::Main, &["_initialize()"]),
        with(Thread::Main, &first),
        with(Thread::Canary, &["_initialize()"]),
        with(Thread::Canary, &first),
        with(Thread::Main, &second),
        with(Thread::Worker(0), &["_initialize()"]),
        with(Thread::Worker(0), &first),
        with(Thread::Worker(0), &second),
        with(Thread::Worker(1), &["_initialize()"]),
        with(Thread::Worker(1), &first),
        with(Thread::Worker(1), &second),
    ];
    assert_eq!(callbacks(&mut gateway), expected.concat());

    // The main thread is ticked like the workers; each root context has a period of its own.
    gateway.run_until(Duration::from_millis(200));
    let mut ticks = callbacks(&mut gateway);
    ticks.sort();
    let mut expected: Vec<_> = [Thread::Main, Thread::Worker(0), Thread::Worker(1)]
        .iter()
        .flat_map(|thread| with(*thread, &["tick(1)", "tick(1)", "tick(2)"]))
        .collect();
    expected.sort();
    assert_eq!(ticks, expected);

    // It serves no streams.
    let streams = [0, 1, 2].map(|worker| gateway.open(worker, headers(), true));
    let opened = callbacks(&mut gateway);
    assert!(opened.iter().all(|call| call.starts_with("worker")), "{opened:?}");
    gateway.run_until(gateway.now());
    assert!(streams.iter().all(|stream| gateway.has_ended(*stream)));
}

#[test]
fn plugins_that_are_the_same_have_one_root_context() {
    let module = module(REFUSES_0);
    let same = Plugin::new(&module, "1");
    let other = Plugin { name: "other".into(), ..same.clone() };
    let mut gateway = start([same.clone(), same, other], config());
    let roots: Vec<_> = callbacks(&mut gateway).into_iter().filter(|call| call.contains("configure")).collect();
    assert_eq!(roots, ["worker 0 configure(1, 1)", "worker 0 configure(2, 1)"]);
    assert_eq!(get(&mut gateway), 200);
    let parents: Vec<_> = callbacks(&mut gateway).into_iter().filter(|call| call.contains("create")).collect();
    assert_eq!(
        parents,
        ["worker 0 context_create(3, 1)", "worker 0 context_create(4, 1)", "worker 0 context_create(5, 2)"]
    );
}

#[test]
fn a_canary_that_refuses_keeps_the_gateway_from_starting() {
    let module = module(REFUSES_0);
    let config = GatewayConfig { startup: Startup::AsEnvoy, ..config() };
    let refused = Gateway::start([Plugin::new(&module, "0")], config, Services);
    assert!(matches!(refused, Err(StartError::Refused(refusal)) if refusal.callback == "proxy_on_configure"));
}

/// Seen with Envoy 1.40: a plugin that fails closed lets everything pass where only the workers' VMs refuse.
#[test]
fn a_plugin_that_only_workers_refuse_is_left_out() {
    for third in ["(i32.const 0)", "unreachable"] {
        let module = module(&format!(
            r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
                   (if (result i32) (i32.eq (call $again) (i32.const 3)) (then {third}) (else (i32.const 1))))
               (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) unreachable)
               (func (export "proxy_on_done") (param i32) (result i32) (i32.const 1))"#
        ));
        let config = GatewayConfig { startup: Startup::AsEnvoy, ..config() };
        let mut gateway = start([Plugin::new(&module, "1")], config);
        let calls = callbacks(&mut gateway);
        let farewells: Vec<_> = calls.iter().filter(|call| call.contains("done") || call.contains("delete")).collect();
        if third == "unreachable" {
            assert!(farewells.is_empty(), "{farewells:?}");
        } else {
            assert_eq!(farewells, ["worker 0 done(1)", "worker 0 delete(1)"]);
        }
        assert_eq!(get(&mut gateway), 200);
        assert!(callbacks(&mut gateway).is_empty());
    }
}

#[test]
fn an_update_leaves_live_streams_with_the_plugin_that_they_began_with() {
    let module = module(&format!(
        r#"{REFUSES_0}
        (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) (i32.const 0))"#
    ));
    for vm_configuration in ["", "changed"] {
        let mut gateway = start([Plugin::new(&module, "1")], config());
        let old = open(&mut gateway);
        callbacks(&mut gateway);
        let new = Plugin { vm_configuration: vm_configuration.into(), ..Plugin::new(&module, "22") };
        gateway.update([new]).unwrap();
        let mut updated = callbacks(&mut gateway);
        updated.retain(|call| call.starts_with("worker"));
        assert_eq!(get(&mut gateway), 200);
        let mut served = callbacks(&mut gateway);
        served.retain(|call| call.contains("create"));
        if vm_configuration.is_empty() {
            // The same VM; the old root context is still needed.
            assert_eq!(
                updated,
                ["worker 0 context_create(3, 0)", "worker 0 vm_start(3, 0)", "worker 0 configure(3, 2)"]
            );
            assert_eq!(served, ["worker 0 context_create(4, 3)"]);
        } else {
            assert_eq!(
                updated,
                [
                    "worker 0 _initialize()",
                    "worker 0 context_create(1, 0)",
                    "worker 0 vm_start(1, 7)",
                    "worker 0 configure(1, 2)"
                ]
            );
            assert_eq!(served, ["worker 0 context_create(2, 1)"]);
        }
        assert_eq!(complete(&mut gateway, old), 200);
        assert_eq!(
            callbacks(&mut gateway),
            [
                "worker 0 request_body(2, 4, 1)",
                "worker 0 done(2)",
                "worker 0 delete(2)",
                "worker 0 done(1)",
                "worker 0 delete(1)"
            ]
        );
        // Without live streams, what was in force goes at once.
        gateway.update([]).unwrap();
        let root = if vm_configuration.is_empty() { 3 } else { 1 };
        assert_eq!(callbacks(&mut gateway), [format!("worker 0 done({root})"), format!("worker 0 delete({root})")]);
        assert_eq!(get(&mut gateway), 200);
    }
}

#[test]
fn a_refused_update_changes_nothing() {
    let module = module(REFUSES_0);
    let mut gateway = start([Plugin::new(&module, "1")], config());
    callbacks(&mut gateway);
    let refused = gateway.update([Plugin::new(&module, "2"), Plugin::new(&module, "0")]);
    assert!(matches!(refused, Err(StartError::Refused(_))));
    let calls = callbacks(&mut gateway);
    assert!(calls.iter().all(|call| call.starts_with("canary")), "{calls:?}");
    assert_eq!(get(&mut gateway), 200);
    assert!(callbacks(&mut gateway).contains(&"worker 0 context_create(2, 1)".to_owned()));
}

#[test]
fn without_a_first_configuration_every_request_is_answered_with_500() {
    let module = module(REFUSES_0);
    let mut gateway = Gateway::unconfigured(config(), Services);
    let outcome = gateway.request(&HttpRequest::new("GET", "h", b"/"));
    assert!(matches!(outcome.ending, Ending::Refused(_)));
    assert_eq!((outcome.response.status(), outcome.is_allowed()), (500, false));
    assert!(gateway.update([Plugin::new(&module, "0")]).is_err());
    assert_eq!(get(&mut gateway), 500);
    gateway.update([Plugin::new(&module, "1")]).unwrap();
    assert_eq!(get(&mut gateway), 200);
}

#[test]
fn a_root_context_that_is_not_done_is_deleted_when_it_says_so() {
    let module = module(
        r#"(global $ticks (mut i32) (i32.const 0))
           (func (export "proxy_on_configure") (param i32 i32) (result i32)
               (drop (call $tick (i32.const 100))) (i32.const 1))
           (func (export "proxy_on_done") (param i32) (result i32)
               ;; Too early: not found.
               (if (i32.ne (call $done) (i32.const 1)) (then unreachable))
               (i32.const 0))
           (func (export "proxy_on_tick") (param i32)
               (global.set $ticks (i32.add (global.get $ticks) (i32.const 1)))
               ;; The third tick is the old root's again: OK, and not found the second time.
               (if (i32.eq (global.get $ticks) (i32.const 3)) (then
                   (if (call $done) (then unreachable))
                   (if (i32.ne (call $done) (i32.const 1)) (then unreachable)))))"#,
    );
    let mut gateway = start([Plugin::new(&module, "1")], config());
    gateway.update([Plugin::new(&module, "2")]).unwrap();
    let calls = callbacks(&mut gateway);
    assert_eq!(calls.last().unwrap(), "worker 0 done(1)");
    gateway.run_until(Duration::from_millis(350));
    assert_eq!(
        callbacks(&mut gateway),
        [
            "worker 0 tick(1)",
            "worker 0 tick(2)",
            "worker 0 tick(1)",
            "worker 0 delete(1)",
            "worker 0 tick(2)",
            "worker 0 tick(2)"
        ]
    );
}

#[test]
fn one_that_fails_closed_answers_503_from_then_on() {
    let mut gateway = start([Plugin::new(&module(TRAPS), "1")], config());
    let live = open(&mut gateway);
    let trapping = open(&mut gateway);
    assert_eq!(complete(&mut gateway, trapping), 503);
    assert_eq!(get(&mut gateway), 503);
    gateway.run_until(Duration::from_secs(60));
    assert_eq!(get(&mut gateway), 503);
    assert_eq!(complete(&mut gateway, live), 503);
}

#[test]
fn one_that_fails_open_lets_later_requests_pass_but_not_those_that_it_has_begun() {
    let plugin = Plugin { fail_strategy: FailStrategy::Open, ..Plugin::new(&module(TRAPS), "1") };
    let mut gateway = start([plugin], config());
    let live = open(&mut gateway);
    let trapping = open(&mut gateway);
    assert_eq!(complete(&mut gateway, trapping), 503);
    callbacks(&mut gateway);
    assert_eq!(get(&mut gateway), 200);
    assert_eq!(complete(&mut gateway, live), 503);
    assert!(callbacks(&mut gateway).is_empty());
}

#[test]
fn a_response_that_comes_to_a_lost_vm_fails_and_passes_the_others_by() {
    let module = module(&format!(
        r#"{TRAPS}
        (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) (i32.const 0))"#
    ));
    let traps = Plugin { vm_id: "traps".into(), ..Plugin::new(&module, "1") };
    let mut gateway = start([Plugin::new(&module, "0"), traps], config());
    // The upstream has the request, and has not answered yet.
    let waiting = gateway.open(0, headers(), true);
    let trapping = open(&mut gateway);
    gateway.receive(trapping, Part::Data(b"body".to_vec()), true);
    assert_eq!(gateway.close(trapping).response.status(), 503);
    callbacks(&mut gateway);
    gateway.run_until(gateway.now());
    let outcome = gateway.close(waiting);
    assert!(matches!(outcome.ending, Ending::Trapped(_)), "{outcome:?}");
    assert_eq!((outcome.response.status(), outcome.is_allowed()), (503, true));
    assert_eq!(callbacks(&mut gateway), ["worker 0 delete(2)"]);
}

#[test]
fn a_trap_in_a_response_that_has_begun_cuts_it_off() {
    let module = module(
        r#"(func (export "proxy_on_response_trailers") (param i32 i32) (result i32) unreachable)
           (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) (i32.const 0))"#,
    );
    let mut gateway = Gateway::start([Plugin::new(&module, "1")], config(), WithTrailers).unwrap();
    let outcome = gateway.request(&HttpRequest::new("GET", "h", b"/"));
    assert!(matches!(outcome.ending, Ending::Trapped(_)), "{outcome:?}");
    assert_eq!((outcome.response.status(), outcome.response.body.as_slice()), (200, b"body".as_slice()));
}

#[test]
fn what_a_refused_worker_logs_is_kept() {
    let module = module(
        r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
               (drop (call $log (i32.const 4) (i32.const 0) (i32.const 0)))
               (i32.lt_u (call $again) (i32.const 2)))"#,
    );
    let mut gateway = start([Plugin::new(&module, "1")], GatewayConfig { workers: 2, ..config() });
    let threads: Vec<_> = gateway.take_logs().into_iter().map(|line| line.thread).collect();
    assert_eq!(threads, [Thread::Worker(0), Thread::Worker(1)]);
}

#[test]
fn one_that_reloads_serves_again_after_its_backoff() {
    let plugin = Plugin { fail_strategy: FailStrategy::RELOAD, ..Plugin::new(&module(TRAPS), "1") };
    // Two plugins, one VM: a request reloads it for the first, which the second then shares.
    let other = Plugin { name: "other".into(), ..plugin.clone() };
    let mut gateway = start([plugin, other], config());
    let trapping = open(&mut gateway);
    assert_eq!(complete(&mut gateway, trapping), 503);
    gateway.run_until(Duration::from_millis(999));
    assert_eq!(get(&mut gateway), 503);
    gateway.run_until(Duration::from_millis(1000));
    callbacks(&mut gateway);
    assert_eq!(get(&mut gateway), 200);
    let mut calls = callbacks(&mut gateway);
    calls.retain(|call| !call.contains("done") && !call.contains("delete"));
    // A stream gets its context in one plugin before the next plugin is reloaded.
    assert_eq!(
        calls,
        [
            "worker 0 _initialize()",
            "worker 0 context_create(1, 0)",
            "worker 0 vm_start(1, 0)",
            "worker 0 configure(1, 1)",
            "worker 0 context_create(3, 0)",
            "worker 0 vm_start(3, 0)",
            "worker 0 configure(3, 1)",
            "worker 0 context_create(2, 1)",
            "worker 0 context_create(4, 3)"
        ]
    );
    // The backoff begins anew.
    let trapping = open(&mut gateway);
    assert_eq!(complete(&mut gateway, trapping), 503);
    gateway.run_until(Duration::from_millis(1500));
    assert_eq!(get(&mut gateway), 503);
    gateway.run_until(Duration::from_millis(2000));
    assert_eq!(get(&mut gateway), 200);
}
