//! Where the specification and Envoy differ, the gateway follows the one or the other: one test a row of the table in
//! `ENVOY.md`.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test ends where something is wrong")]

use gwauthz_host::{
    CallOutcome, Compiler, Gateway, GatewayConfig, HeaderMap, HttpCall, HttpResponse, Part, Plugin, Profile, World,
};

/// Answers every callout with 201 and the body `abc`.
struct Services;

impl World for Services {
    fn call(&mut self, _call: &HttpCall) -> CallOutcome {
        let mut response = HttpResponse::new(201);
        response.body = b"abc".to_vec();
        CallOutcome::Reply { response, delay: std::time::Duration::ZERO }
    }
}

/// What a plugin logs, number by number, while a request with a body and a trailer walks through it.
fn said(profile: Profile, functions: &str) -> String {
    let module = format!(
        r#"(module
            (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
            (import "env" "proxy_get_buffer_bytes" (func $get_buffer (param i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_set_buffer_bytes" (func $set_buffer (param i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_get_header_map_size" (func $map_size (param i32 i32) (result i32)))
            (import "env" "proxy_get_header_map_pairs" (func $map (param i32 i32 i32) (result i32)))
            (import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_record_metric" (func $record (param i32 i64) (result i32)))
            (import "env" "proxy_increment_metric" (func $increment (param i32 i64) (result i32)))
            (import "env" "proxy_get_metric" (func $metric (param i32 i32) (result i32)))
            (import "env" "proxy_get_status" (func $status (param i32 i32 i32) (result i32)))
            (import "env" "proxy_http_call" (func $http_call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
            (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
            (memory (export "memory") 1)
            (func (export "proxy_abi_version_0_2_1"))
            (data (i32.const 64) "fetch" "\03\00\00\00" "\05\00\00\00\01\00\00\00" "\07\00\00\00\03\00\00\00" "\0a\00\00\00\01\00\00\00"
                ":path\00/\00" ":method\00GET\00" ":authority\00a\00")
            ;; A number in decimal digits, at most five of them.
            (func $say (param $number i32)
                (local $at i32)
                (local.set $at (i32.const 37))
                (loop $digits
                    (local.set $at (i32.sub (local.get $at) (i32.const 1)))
                    (i32.store8 (local.get $at) (i32.add (i32.const 48) (i32.rem_u (local.get $number) (i32.const 10))))
                    (local.set $number (i32.div_u (local.get $number) (i32.const 10)))
                    (br_if $digits (local.get $number)))
                (drop (call $log (i32.const 2) (local.get $at) (i32.sub (i32.const 37) (local.get $at)))))
            {functions})"#
    );
    let module = Compiler::new(None).unwrap().compile(&wat::parse_str(module).unwrap()).unwrap();
    let config = GatewayConfig { follows: profile, ..GatewayConfig::default() };
    let mut gateway =
        Gateway::start([Plugin::new(&module, "")], config, Services).unwrap_or_else(|error| panic!("{error}"));
    let mut logs = gateway.take_logs();
    let headers: HeaderMap = [(":method", "POST"), (":path", "/"), (":authority", "a")].into_iter().collect();
    let stream = gateway.open(0, headers, false);
    gateway.receive(stream, Part::Data(b"0123456789".to_vec()), false);
    gateway.receive(stream, Part::Trailers([("t", "1")].into_iter().collect()), true);
    while let Some(time) = gateway.next_time() {
        gateway.run_until(time);
    }
    logs.extend(gateway.close(stream).logs);
    let said: Vec<_> = logs.into_iter().map(|line| line.message).collect();
    said.join(" ")
}

const MALLOC: &str = r#"(func (export "malloc") (param i32) (result i32) (i32.const 4096))"#;

/// What a plugin says in Envoy, and what it says by the specification.
fn differs(functions: &str, envoy: &str, spec: &str) {
    let functions = format!("{MALLOC}{functions}");
    assert_eq!(said(Profile::Envoy, &functions), envoy);
    assert_eq!(said(Profile::Spec, &functions), spec);
}

#[test]
fn a_stream_is_logged_before_or_after_it_is_done() {
    let functions = r#"
        (func (export "proxy_on_log") (param i32) (call $say (i32.const 1)))
        (func (export "proxy_on_done") (param i32) (result i32) (call $say (i32.const 2)) (i32.const 1))
        (func (export "proxy_on_delete") (param i32) (call $say (i32.const 3)))"#;
    differs(functions, "1 2 3", "2 1 3");
}

#[test]
fn the_size_of_a_map_is_that_of_its_text_or_of_its_wire_form() {
    // `t: 1` is 2 bytes of text; on the wire, 4 of a count, 8 of sizes and 4 of text with its ends.
    let functions = r#"
        (func (export "proxy_on_request_trailers") (param i32 i32) (result i32)
            (call $say (call $map_size (i32.const 1) (i32.const 0)))
            (call $say (i32.load (i32.const 0)))
            (call $say (call $map_size (i32.const 3) (i32.const 0)))
            (i32.const 0))"#;
    differs(functions, "0 2 2", "0 16 2");
}

#[test]
fn request_trailers_can_be_read_when_the_stream_is_logged() {
    let functions = r#"
        (func (export "proxy_on_log") (param i32)
            (drop (call $map (i32.const 1) (i32.const 0) (i32.const 4)))
            (call $say (i32.load (i32.const 4))))"#;
    differs(functions, "0", "16");
}

#[test]
fn a_body_can_be_changed_in_its_middle() {
    let functions = r#"
        (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
            (call $say (call $set_buffer (i32.const 0) (i32.const 2) (i32.const 3) (i32.const 64) (i32.const 5)))
            (drop (call $get_buffer (i32.const 0) (i32.const 0) (i32.const 99) (i32.const 0) (i32.const 4)))
            (drop (call $log (i32.const 2) (i32.load (i32.const 0)) (i32.load (i32.const 4))))
            (call $say (call $set_buffer (i32.const 0) (i32.const 1) (i32.const -1) (i32.const 64) (i32.const 0)))
            (drop (call $get_buffer (i32.const 0) (i32.const 0) (i32.const 99) (i32.const 0) (i32.const 4)))
            (call $say (i32.load (i32.const 4)))
            (i32.const 0))"#;
    differs(functions, "2 0123456789 2 10", "0 01fetch56789 0 1");
}

#[test]
fn buffers_are_empty_or_not_found_outside_of_their_callbacks() {
    let functions = r#"
        (func $every
            (local $buffer i32)
            (loop $buffers
                (call $say (call $get_buffer (local.get $buffer) (i32.const 0) (i32.const 99) (i32.const 0) (i32.const 4)))
                (local.set $buffer (i32.add (local.get $buffer) (i32.const 1)))
                (br_if $buffers (i32.lt_u (local.get $buffer) (i32.const 4))))
            (call $say (call $get_buffer (i32.const 6) (i32.const 0) (i32.const 99) (i32.const 0) (i32.const 4))))
        (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (call $every) (i32.const 1))
        (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) (call $every) (i32.const 0))"#;
    differs(functions, "0 0 0 0 0 0 0 0 0 0", "1 1 1 1 0 0 1 1 1 1");
}

#[test]
fn a_range_that_overflows_is_cut_or_refused() {
    let functions = r#"
        (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
            (call $say (call $get_buffer (i32.const 0) (i32.const 1) (i32.const -1) (i32.const 0) (i32.const 4)))
            (call $say (call $get_buffer (i32.const 0) (i32.const 0) (i32.const -1) (i32.const 0) (i32.const 4)))
            (i32.const 0))"#;
    differs(functions, "0 0", "2 0");
}

#[test]
fn a_body_is_shown_while_the_headers_are_held() {
    let functions = r#"
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (call $say (i32.const 1)) (i32.const 1))
        (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) (call $say (i32.const 2)) (i32.const 1))
        (func (export "proxy_on_request_trailers") (param i32 i32) (result i32) (call $say (i32.const 3)) (i32.const 1))"#;
    differs(functions, "1", "1 2 3");
}

#[test]
fn metrics_are_recorded_and_moved_by_nothing() {
    let functions = r#"
        (func (export "proxy_on_configure") (param i32 i32) (result i32)
            (drop (call $define (i32.const 0) (i32.const 64) (i32.const 5) (i32.const 0)))
            (call $say (call $record (i32.load (i32.const 0)) (i64.const 5)))
            (call $say (call $record (i32.load (i32.const 0)) (i64.const 5)))
            (drop (call $metric (i32.load (i32.const 0)) (i32.const 8)))
            (call $say (i32.load (i32.const 8)))
            (call $say (call $increment (i32.load (i32.const 0)) (i64.const 0)))
            (call $say (call $increment (i32.load (i32.const 0)) (i64.const -1)))
            ;; No number has these low bits.
            (call $say (call $increment (i32.const 3) (i64.const 1)))
            (call $say (call $metric (i32.const 3) (i32.const 8)))
            (i32.const 1))"#;
    differs(functions, "0 0 10 2 2 2 2", "0 0 5 0 2 1 1");
}

#[test]
fn the_status_of_a_callout_is_that_of_its_reply() {
    let functions = r#"
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (drop (call $http_call (i32.const 64) (i32.const 5) (i32.const 69) (i32.const 61) (i32.const 0) (i32.const 0)
                (i32.const 0) (i32.const 0) (i32.const 1000) (i32.const 0)))
            (i32.const 0))
        (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
            (call $say (call $status (i32.const 8) (i32.const 0) (i32.const 4)))
            (call $say (i32.load (i32.const 8))))"#;
    differs(functions, "0 0", "0 201");
}

#[test]
fn one_of_two_allocators_is_called() {
    let functions = r#"
        (func (export "malloc") (param i32) (result i32) (call $say (i32.const 1)) (i32.const 4096))
        (func (export "proxy_on_memory_allocate") (param i32) (result i32) (call $say (i32.const 2)) (i32.const 4096))
        (func (export "proxy_on_request_trailers") (param i32 i32) (result i32)
            (drop (call $map (i32.const 1) (i32.const 0) (i32.const 4)))
            (i32.const 0))"#;
    assert_eq!(said(Profile::Envoy, functions), "1");
    assert_eq!(said(Profile::Spec, functions), "2");
}
