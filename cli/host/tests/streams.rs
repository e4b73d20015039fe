//! Streams that come in pieces, several at once, and over several workers.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::time::Duration;

use gwauthz_host::{
    CallOutcome, Compiler, Ending, Gateway, GatewayConfig, HeaderMap, HttpCall, HttpRequest, HttpResponse, Part,
    Plugin, World,
};

/// The service replies after as many milliseconds as the callout's `x-delay` says.
struct Services;

impl World for Services {
    fn call(&mut self, call: &HttpCall) -> CallOutcome {
        let delay = call.headers.first(b"x-delay").and_then(|value| std::str::from_utf8(value).ok()?.parse().ok());
        CallOutcome::Reply { response: HttpResponse::new(200), delay: Duration::from_millis(delay.unwrap_or_default()) }
    }
}

/// A gateway of so many workers that runs a guest with these functions.
fn gateway(workers: usize, functions: &str) -> Gateway<Services> {
    let module = format!(
        r#"(module
            (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
            (import "env" "proxy_http_call" (func $http_call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
            (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
            (import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
            (import "env" "proxy_set_shared_data" (func $set_shared (param i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_get_shared_data" (func $get_shared (param i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_register_shared_queue" (func $register (param i32 i32 i32) (result i32)))
            (import "env" "proxy_enqueue_shared_queue" (func $enqueue (param i32 i32 i32) (result i32)))
            (import "env" "proxy_dequeue_shared_queue" (func $dequeue (param i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (func (export "proxy_abi_version_0_2_1"))
            (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 16384)
            ;; Logs one byte: 0 is written as "0", and so on.
            (func $say (param i32)
                (i32.store8 (i32.const 8) (i32.add (i32.const 48) (local.get 0)))
                (drop (call $log (i32.const 2) (i32.const 8) (i32.const 1))))
            {functions})"#
    );
    let module = Compiler::new(None).unwrap().compile(&wat::parse_str(module).unwrap()).unwrap();
    let config = GatewayConfig { workers, ..GatewayConfig::default() };
    Gateway::start([Plugin::new(&module, "")], config, Services).unwrap_or_else(|error| panic!("{error}"))
}

fn headers() -> HeaderMap {
    HttpRequest::new("POST", "h", b"/").headers
}

fn data(text: &str) -> Part {
    Part::Data(text.as_bytes().to_vec())
}

/// What was logged, in one line.
fn said(gateway: &mut Gateway<Services>) -> String {
    gateway.take_logs().into_iter().map(|line| line.message).collect()
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_body_that_is_held_grows_and_goes_on_whole() {
    let mut gateway = gateway(
        1,
        r#"(func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
            (call $say (local.get 1)) (i32.eqz (local.get 2)))"#,
    );
    let stream = gateway.open(0, headers(), false);
    for (chunk, end) in [("abc", false), ("de", false), ("f", true)] {
        gateway.receive(stream, data(chunk), end);
    }
    assert_eq!(said(&mut gateway), "356");
    gateway.run_until(SECOND);
    let outcome = gateway.close(stream);
    assert_eq!((outcome.ending, outcome.forwarded.unwrap().body), (Ending::Served, b"abcdef".to_vec()));
}

#[test]
fn behind_held_headers_nothing_is_shown_and_then_all_at_once() {
    let mut gateway = gateway(
        1,
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (drop (call $tick (i32.const 100))) (i32.const 1))
           (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) (call $say (local.get 1)) (i32.const 0))
           (func (export "proxy_on_request_trailers") (param i32 i32) (result i32) (call $say (i32.const 9)) (i32.const 0))
           (func (export "proxy_on_tick") (param i32) (drop (call $effective (i32.const 2))) (drop (call $continue (i32.const 0))))"#,
    );
    let stream = gateway.open(0, headers(), false);
    gateway.receive(stream, data("abc"), false);
    gateway.receive(stream, data("de"), false);
    gateway.receive(stream, Part::Trailers([("x-end", "1")].into_iter().collect()), true);
    assert_eq!(said(&mut gateway), "");
    gateway.run_until(SECOND);
    assert_eq!(said(&mut gateway), "59");
    let outcome = gateway.close(stream);
    assert_eq!((outcome.ending, outcome.forwarded.unwrap().body), (Ending::Served, b"abcde".to_vec()));
}

#[test]
fn a_response_can_be_held_too() {
    let mut gateway = gateway(
        1,
        r#"(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) (drop (call $tick (i32.const 100))) (i32.const 1))
           (func (export "proxy_on_tick") (param i32) (drop (call $effective (i32.const 2))) (drop (call $continue (i32.const 1))))"#,
    );
    let stream = gateway.open(0, headers(), true);
    gateway.run_until(SECOND / 20);
    assert!(!gateway.has_ended(stream));
    gateway.run_until(SECOND);
    assert_eq!(gateway.close(stream).ending, Ending::Served);
}

/// A guest that asks about every request with a delay of 900 ms for the first stream and 200 ms for the others, notes
/// which stream each token belongs to, and releases that one.
const ASKS: &str = r#"
    (data (i32.const 64) "authz")
    (data (i32.const 128) "\04\00\00\00\07\00\00\00\04\00\00\00\05\00\00\00\01\00\00\00\0a\00\00\00\01\00\00\00\07\00\00\00\03\00\00\00:method\00POST\00:path\00/\00:authority\00h\00x-delay\00200\00")
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (i32.store8 (i32.const 206) (select (i32.const 57) (i32.const 50) (i32.eq (local.get 0) (i32.const 2))))
        (if (call $http_call (i32.const 64) (i32.const 5) (i32.const 128) (i32.const 82) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 5000) (i32.const 512)) (then unreachable))
        (i32.store (i32.add (i32.const 1024) (i32.load (i32.const 512))) (local.get 0))
        (i32.const 1))
    (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
        (local $stream i32)
        (local.set $stream (i32.load (i32.add (i32.const 1024) (local.get 1))))
        (call $say (local.get $stream))
        (if (i32.eqz (call $effective (local.get $stream))) (then (drop (call $continue (i32.const 0))))))"#;

#[test]
fn replies_reach_the_stream_that_asked_in_the_order_of_their_times() {
    let mut gateway = gateway(1, ASKS);
    let streams = [0, 1, 2].map(|_| gateway.open(0, headers(), true));
    gateway.run_until(SECOND / 2);
    assert_eq!(streams.map(|stream| gateway.has_ended(stream)), [false, true, true]);
    gateway.run_until(SECOND);
    assert_eq!(said(&mut gateway), "342");
    for (stream, took) in streams.into_iter().zip([900, 200, 200]) {
        let outcome = gateway.close(stream);
        assert_eq!(outcome.ending, Ending::Served);
        let [callout] = outcome.callouts.as_slice() else { panic!("{:?}", outcome.callouts) };
        assert_eq!(callout.took, Duration::from_millis(took));
    }
}

#[test]
fn a_reply_to_a_client_that_has_left_harms_nobody() {
    let mut gateway = gateway(1, ASKS);
    let stream = gateway.open(0, headers(), true);
    gateway.leave(stream);
    assert!(gateway.has_ended(stream));
    gateway.run_until(SECOND);
    assert_eq!(said(&mut gateway), "2", "the plugin hears of the reply");
    let outcome = gateway.close(stream);
    assert_eq!((outcome.ending, outcome.forwarded), (Ending::ClientLeft, None));
}

#[test]
fn what_a_lost_vm_held_stays_held() {
    let mut gateway = gateway(
        2,
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 1))
           (func (export "proxy_on_log") (param i32) (if (i32.eq (local.get 0) (i32.const 4)) (then unreachable)))"#,
    );
    let held = gateway.open(0, headers(), true);
    let arriving = gateway.open(0, headers(), false);
    let elsewhere = gateway.open(1, headers(), true);
    let trapping = gateway.open(0, headers(), true);
    gateway.leave(trapping);
    assert_eq!([held, arriving, elsewhere].map(|stream| gateway.has_ended(stream)), [false; 3]);
    let statuses = [held, arriving].map(|stream| {
        let outcome = gateway.close(stream);
        assert!(matches!(outcome.ending, Ending::Trapped(_)), "{outcome:?}");
        outcome.response.status()
    });
    // Nothing ever answers them, as in Envoy: the client waits for its idle time-out, which tells who was waited for.
    assert_eq!(statuses, [504, 408]);
    let later = gateway.open(0, headers(), true);
    let outcome = gateway.close(later);
    assert!(matches!(outcome.ending, Ending::Trapped(_)) && outcome.response.status() == 503, "{outcome:?}");
    assert_eq!(gateway.close(elsewhere).ending, Ending::Hung);
}

#[test]
fn a_stream_whose_vm_is_lost_fails_with_its_next_piece() {
    let mut gateway = gateway(
        1,
        r#"(func (export "proxy_on_log") (param i32) (if (i32.eq (local.get 0) (i32.const 3)) (then unreachable)))"#,
    );
    let arriving = gateway.open(0, headers(), false);
    let trapping = gateway.open(0, headers(), false);
    gateway.leave(trapping);
    assert!(!gateway.has_ended(arriving));
    gateway.receive(arriving, data("abc"), true);
    let outcome = gateway.close(arriving);
    assert!(matches!(outcome.ending, Ending::Trapped(_)), "{outcome:?}");
    assert_eq!((outcome.response.status(), outcome.is_allowed()), (503, false));
}

#[test]
fn workers_share_data_and_the_one_that_registered_last_hears_of_a_message() {
    let mut gateway = gateway(
        2,
        r#"(data (i32.const 64) "queue")
           (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
               (drop (call $register (i32.const 64) (i32.const 5) (i32.const 512))) (i32.const 1))
           (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
               ;; The first to come finds nothing (1) and leaves a value; the next finds it (0).
               (call $say (call $get_shared (i32.const 64) (i32.const 5) (i32.const 512) (i32.const 516) (i32.const 520)))
               (drop (call $set_shared (i32.const 64) (i32.const 5) (i32.const 64) (i32.const 5) (i32.const 0)))
               (drop (call $enqueue (i32.const 1) (i32.const 64) (i32.const 3)))
               (i32.const 0))
           (func (export "proxy_on_queue_ready") (param i32 i32)
               (drop (call $dequeue (local.get 1) (i32.const 512) (i32.const 516)))
               (call $say (i32.load (i32.const 516))))"#,
    );
    for worker in [0, 1] {
        let stream = gateway.open(worker, headers(), true);
        let now = gateway.now();
        assert_eq!(said(&mut gateway), ["1", "0"].get(worker).copied().unwrap_or_default());
        gateway.run_until(now);
        assert_eq!(said(&mut gateway), "3");
        assert_eq!(gateway.close(stream).ending, Ending::Served);
    }
}

/// As in Envoy: the callback lets the request go, and only then holds it.
#[test]
fn a_request_that_is_let_go_before_it_is_held_is_held() {
    let mut gateway = gateway(
        1,
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (drop (call $continue (i32.const 0))) (i32.const 1))"#,
    );
    let (with_body, without) = (gateway.open(0, headers(), false), gateway.open(0, headers(), true));
    gateway.receive(with_body, data("abc"), true);
    gateway.run_until(gateway.now() + SECOND);
    assert!(!gateway.has_ended(with_body));
    assert_eq!(gateway.close(without).ending, Ending::Served);
}
