//! Foreign functions that a scenario provides, and what callouts leave for `get_status`.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test ends where something is wrong")]

use gwauthz_host::{
    CallOutcome, Compiler, ForeignCall, ForeignReply, Gateway, GatewayConfig, HttpCall, HttpRequest, Plugin, Status,
    World,
};

/// Resets every callout midway.
struct Resets;

impl World for Resets {
    fn call(&mut self, _call: &HttpCall) -> CallOutcome {
        CallOutcome::ResetMidway
    }
}

/// A gateway whose plugin logs one byte with `$say`: a digit.
fn gateway(abi: &str, functions: &str, foreign: &[(&str, ForeignReply)]) -> Gateway<Resets> {
    let module = format!(
        r#"(module
            (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
            (import "env" "proxy_call_foreign_function" (func $foreign (param i32 i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_get_buffer_bytes" (func $get_buffer (param i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_http_call" (func $http_call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_get_status" (func $get_status (param i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (func (export "{abi}"))
            (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 4096)
            (data (i32.const 64) "fetch" "arguments")
            (func $say (param i32)
                (i32.store8 (i32.const 8) (i32.add (i32.const 48) (local.get 0)))
                (drop (call $log (i32.const 2) (i32.const 8) (i32.const 1))))
            (func $tell
                (drop (call $log (i32.const 2) (i32.load (i32.const 16)) (i32.load (i32.const 20)))))
            {functions})"#
    );
    let module = Compiler::new(None).unwrap().compile(&wat::parse_str(module).unwrap()).unwrap();
    let foreign_functions = foreign.iter().map(|(name, reply)| ((*name).to_owned(), reply.clone())).collect();
    let config = GatewayConfig { foreign_functions, ..GatewayConfig::default() };
    Gateway::start([Plugin::new(&module, "")], config, Resets).unwrap_or_else(|error| panic!("{error}"))
}

fn said(gateway: &mut Gateway<Resets>) -> Vec<String> {
    gateway.take_logs().into_iter().map(|line| line.message).collect()
}

const FETCH: &str = r#"
    (func (export "proxy_on_configure") (param i32 i32) (result i32)
        (call $say (call $foreign (i32.const 64) (i32.const 5) (i32.const 69) (i32.const 9) (i32.const 16) (i32.const 20)))
        (call $tell)
        (i32.const 1))"#;

#[test]
fn a_scenario_provides_functions_and_sees_their_calls() {
    let reply = |status, results: Option<&str>| ForeignReply { status, results: results.map(Into::into) };
    let call = ForeignCall { stream: None, name: "fetch".to_owned(), arguments: b"arguments".to_vec() };
    for (reply, expected) in [
        (reply(Status::Ok, Some("results")), ["0", "results"]),
        (reply(Status::Ok, None), ["0", ""]),
        // Results count whatever the status is.
        (reply(Status::Empty, Some("results")), ["7", "results"]),
    ] {
        let mut gateway = gateway("proxy_abi_version_0_2_1", FETCH, &[("fetch", reply)]);
        assert_eq!(said(&mut gateway), expected);
        assert_eq!(gateway.take_foreign_calls(), std::slice::from_ref(&call));
        assert!(gateway.take_foreign_calls().is_empty());
    }
    let mut without = gateway("proxy_abi_version_0_2_1", FETCH, &[]);
    assert_eq!(said(&mut without), ["1", ""]);
    assert_eq!(without.take_foreign_calls(), [call]);
}

#[test]
fn a_foreign_function_calls_back_with_its_arguments() {
    let functions = r#"
        (func (export "proxy_on_foreign_function") (param $context i32) (param $function i32) (param $size i32)
            (call $say (local.get $context))
            (call $say (local.get $function))
            (call $say (local.get $size))
            (drop (call $get_buffer (i32.const 8) (i32.const 0) (i32.const 9) (i32.const 16) (i32.const 20)))
            (call $tell))"#;
    let mut newer = gateway("proxy_abi_version_0_2_0", functions, &[]);
    newer.call_foreign_function(0, 7, b"abc");
    assert_eq!(said(&mut newer), ["1", "7", "3", "abc"]);
    // ABI 0.1.0 has no such callback.
    let mut older = gateway("proxy_abi_version_0_1_0", functions, &[]);
    older.call_foreign_function(0, 7, b"abc");
    assert!(said(&mut older).is_empty());
}

/// Seen in Envoy: the code is one of its own, and stays when the message goes.
#[test]
fn a_reset_callout_leaves_its_code() {
    let functions = r#"
        (data (i32.const 128) "\03\00\00\00" "\05\00\00\00\01\00\00\00" "\07\00\00\00\03\00\00\00" "\0a\00\00\00\01\00\00\00"
            ":path\00/\00" ":method\00GET\00" ":authority\00a\00")
        (func $status
            (drop (call $get_status (i32.const 24) (i32.const 16) (i32.const 20)))
            (call $say (i32.load (i32.const 24)))
            (call $tell))
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (call $status)
            (call $say (call $http_call (i32.const 64) (i32.const 5) (i32.const 128) (i32.const 61) (i32.const 0) (i32.const 0)
                (i32.const 0) (i32.const 0) (i32.const 1000) (i32.const 24)))
            (i32.const 1))
        (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32) (call $status))
        (func (export "proxy_on_log") (param i32) (call $status))"#;
    let mut gateway = gateway("proxy_abi_version_0_2_1", functions, &[]);
    let outcome = gateway.request(&HttpRequest::new("GET", "h", b"/"));
    let said: Vec<_> = outcome.logs.into_iter().map(|line| line.message).collect();
    assert_eq!(said, ["0", "", "0", ";", "reset", ";", ""]);
}
