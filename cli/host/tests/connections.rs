//! TCP connections through a plugin.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::time::Duration;

use gwauthz_host::{
    CallOutcome, Compiler, Connection, ConnectionId, Disconnection, Gateway, GatewayConfig, HttpCall, HttpResponse,
    Module, Plugin, Received, Side, World,
};

struct Services;

impl World for Services {
    fn call(&mut self, _call: &HttpCall) -> CallOutcome {
        CallOutcome::Reply { response: HttpResponse::new(200), delay: Duration::from_millis(50) }
    }
}

/// A gateway that runs a guest with these functions.
fn gateway(functions: &str) -> Gateway<Services> {
    Gateway::start([Plugin::new(&module(functions), "")], GatewayConfig::default(), Services)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn module(functions: &str) -> Module {
    let module = format!(
        r#"(module
            (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
            (import "env" "proxy_get_buffer_bytes" (func $get_buffer (param i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_set_buffer_bytes" (func $set_buffer (param i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_http_call" (func $http_call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
            (import "env" "proxy_close_stream" (func $close (param i32) (result i32)))
            (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
            (memory (export "memory") 1)
            (func (export "proxy_abi_version_0_2_1"))
            (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 16384)
            (data (i32.const 100) "authz")
            (data (i32.const 200)
                "\03\00\00\00" "\05\00\00\00" "\01\00\00\00" "\07\00\00\00" "\03\00\00\00" "\0a\00\00\00" "\01\00\00\00"
                ":path\00" "/\00" ":method\00" "GET\00" ":authority\00" "h\00")
            ;; Logs one byte: 0 is written as "0", and so on.
            (func $say (param i32)
                (i32.store8 (i32.const 8) (i32.add (i32.const 48) (local.get 0)))
                (drop (call $log (i32.const 2) (i32.const 8) (i32.const 1))))
            (func $ask (result i32)
                (call $http_call (i32.const 100) (i32.const 5) (i32.const 200) (i32.const 61) (i32.const 0) (i32.const 0)
                    (i32.const 0) (i32.const 0) (i32.const 1000) (i32.const 16)))
            {functions})"#
    );
    Compiler::new(None).unwrap().compile(&wat::parse_str(module).unwrap()).unwrap()
}

fn got(bytes: &[u8], ended: bool) -> Received {
    Received { bytes: bytes.to_vec(), ended }
}

fn said(connection: &Connection) -> String {
    connection.logs.iter().map(|line| line.message.as_str()).collect()
}

/// Both sides speak and end.
fn converse(gateway: &mut Gateway<Services>) -> ConnectionId {
    let connection = gateway.connect(0);
    gateway.transfer(connection, Side::Client, b"one", false);
    gateway.transfer(connection, Side::Upstream, b"two", false);
    gateway.transfer(connection, Side::Client, b"", true);
    gateway.transfer(connection, Side::Upstream, b"", true);
    connection
}

#[test]
fn without_a_callback_everything_passes() {
    let mut gateway = gateway("");
    let connection = converse(&mut gateway);
    // Nothing follows the end.
    gateway.transfer(connection, Side::Client, b"more", false);
    let passed = gateway.disconnect(connection);
    assert_eq!(passed.ending, Some(Disconnection::Ended));
    assert_eq!((passed.to_upstream, passed.to_client), (got(b"one", true), got(b"two", true)));
    assert!(gateway.connection(connection).is_none());
}

#[test]
fn a_new_connection_waits_for_a_callout() {
    let mut gateway = gateway(
        r#"(func (export "proxy_on_new_connection") (param i32) (result i32) (i32.eqz (call $ask)))
           (func (export "proxy_on_downstream_data") (param i32 i32 i32) (result i32) (call $say (local.get 1)) (i32.const 0))
           (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
                (drop (call $effective (i32.const 2))) (drop (call $continue (i32.const 2))))"#,
    );
    let connection = gateway.connect(0);
    gateway.transfer(connection, Side::Client, b"one", false);
    gateway.transfer(connection, Side::Client, b"two", false);
    assert_eq!(gateway.connection(connection).unwrap().to_upstream, got(b"", false));
    gateway.run_until(gateway.now() + Duration::from_millis(50));
    let passed = gateway.disconnect(connection);
    assert_eq!((passed.to_upstream.clone(), said(&passed).as_str()), (got(b"onetwo", false), "6"));
    let callouts: Vec<_> = passed.callouts.iter().map(|callout| (callout.status, callout.took.as_millis())).collect();
    assert_eq!(callouts, [(Some(200), 50)]);
    assert!(passed.cost.callbacks > 0);
}

#[test]
fn a_plugin_changes_what_passes_and_loses_what_it_holds_to_the_end() {
    let mut gateway = gateway(
        r#"(func (export "proxy_on_downstream_data") (param i32 i32 i32) (result i32)
                (drop (call $set_buffer (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 100) (i32.const 5))) (i32.const 0))
           (func (export "proxy_on_upstream_data") (param i32 i32 i32) (result i32) (i32.const 1))"#,
    );
    let connection = converse(&mut gateway);
    let passed = gateway.disconnect(connection);
    assert_eq!(passed.ending, Some(Disconnection::Ended));
    assert_eq!((passed.to_upstream, passed.to_client), (got(b"authzneauthz", true), got(b"", false)));
}

#[test]
fn a_connection_that_the_plugin_closes_hands_nothing_on() {
    let mut gateway = gateway(
        r#"(func (export "proxy_on_downstream_data") (param i32 i32 i32) (result i32) (drop (call $close (i32.const 2))) (i32.const 0))
           (func (export "proxy_on_downstream_connection_close") (param i32 i32) (call $say (local.get 1)))"#,
    );
    let connection = converse(&mut gateway);
    let passed = gateway.disconnect(connection);
    assert_eq!((passed.ending.clone(), said(&passed).as_str()), (Some(Disconnection::Closed), "1"));
    assert_eq!(passed.to_upstream, got(b"", false));
}

#[test]
fn either_side_may_reset_a_connection() {
    for (side, close) in [(Side::Client, "2"), (Side::Upstream, "1")] {
        let mut gateway = gateway(
            r#"(func (export "proxy_on_downstream_connection_close") (param i32 i32) (call $say (local.get 1)))"#,
        );
        let connection = gateway.connect(0);
        gateway.reset(connection, side);
        let passed = gateway.disconnect(connection);
        assert_eq!((passed.ending.clone(), said(&passed).as_str()), (Some(Disconnection::Reset(side)), close));
    }
}

#[test]
fn what_was_sent_while_a_new_connection_was_held_is_lost_with_a_reset() {
    let held = r#"(func (export "proxy_on_new_connection") (param i32) (result i32) (drop (call $ask)) (i32.const 1))
        (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
            (drop (call $effective (i32.const 2)))
            (drop (call $continue (i32.const 2))))
        (func (export "proxy_on_downstream_data") (param i32 i32 i32) (result i32) (call $say (i32.const 7)) (i32.const 0))"#;
    for (resets, reached) in [(false, "one"), (true, "")] {
        let mut gateway = gateway(held);
        let connection = gateway.connect(0);
        gateway.transfer(connection, Side::Client, b"one", false);
        if resets {
            gateway.reset(connection, Side::Client);
        }
        gateway.run_until(gateway.now() + Duration::from_millis(50));
        let passed = gateway.connection(connection).unwrap().clone();
        assert_eq!(passed.ending, resets.then_some(Disconnection::Reset(Side::Client)));
        assert_eq!(passed.to_upstream, got(reached.as_bytes(), false));
        assert_eq!(said(&gateway.disconnect(connection)), "7");
    }
}

#[test]
fn a_trap_closes_every_connection_and_those_to_come() {
    let mut gateway =
        gateway(r#"(func (export "proxy_on_upstream_data") (param i32 i32 i32) (result i32) unreachable)"#);
    let (first, second) = (gateway.connect(0), gateway.connect(0));
    gateway.transfer(first, Side::Upstream, b"two", false);
    let third = gateway.connect(0);
    for connection in [first, second, third] {
        gateway.transfer(connection, Side::Client, b"one", true);
        let passed = gateway.disconnect(connection);
        assert!(matches!(passed.ending, Some(Disconnection::Trapped(_))), "{:?}", passed.ending);
        assert_eq!((passed.to_upstream, passed.to_client), (got(b"", false), got(b"", false)));
    }
}

#[test]
fn a_connection_keeps_its_plugin_over_an_update_and_no_longer() {
    const GUEST: &str = r#"
        (func (export "proxy_on_downstream_data") (param i32 i32 i32) (result i32) (call $say (local.get 1)) (i32.const 0))
        (func (export "proxy_on_done") (param $context i32) (result i32)
            ;; Of the root context.
            (if (i32.eq (local.get 0) (i32.const 1)) (then (call $say (i32.const 9)))) (i32.const 1))"#;
    let mut gateway = gateway(GUEST);
    let connection = gateway.connect(0);
    gateway.update([Plugin::new(&module(GUEST), "new")]).unwrap();
    gateway.transfer(connection, Side::Client, b"one", false);
    assert!(gateway.connection(connection).unwrap().ending.is_none());
    assert_eq!(said(&gateway.disconnect(connection)), "39");
}

#[test]
fn pointers_that_lead_nowhere_change_nothing() {
    for (call, status) in [
        ("(call $set_buffer (i32.const 2) (i32.const 0) (i32.const 0) (i32.const -1) (i32.const 5))", "6"),
        ("(call $set_buffer (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 100) (i32.const -1))", "6"),
        ("(call $set_buffer (i32.const 2) (i32.const 1) (i32.const -1) (i32.const 100) (i32.const 5))", "2"),
        ("(call $get_buffer (i32.const 2) (i32.const 0) (i32.const -1) (i32.const -1) (i32.const 0))", "6"),
        ("(call $get_buffer (i32.const 2) (i32.const -1) (i32.const -1) (i32.const 0) (i32.const 4))", "0"),
    ] {
        let mut gateway = gateway(&format!(
            r#"(func (export "proxy_on_downstream_data") (param i32 i32 i32) (result i32) (call $say {call}) (i32.const 0))"#
        ));
        let connection = gateway.connect(0);
        gateway.transfer(connection, Side::Client, b"one", false);
        let passed = gateway.disconnect(connection);
        assert_eq!((said(&passed).as_str(), passed.to_upstream), (status, got(b"one", false)), "{call}");
    }
}
