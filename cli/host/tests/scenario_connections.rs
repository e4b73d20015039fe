//! TCP connections of scenarios: what both sides say and get, what is found wrong, and how it is told.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::{sync::LazyLock, time::Duration};

use gwauthz_host::{
    Compiler, Disconnection, Module, Profile, Side,
    scenario::{Failure, Observed, ObservedBytes, ObservedConnection, RunError, Scenario, record, run},
};

/// A guest that asks `authz` about each new connection, and holds it until the reply, or for ever where that has a body. It
/// logs what a client sends, calls `seen` about it, closes a connection on which the client sends `x`, holds what begins with
/// `h`, and traps on `t`.
static GUEST: LazyLock<Module> = LazyLock::new(|| {
    let module = r#"(module
        (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
        (import "env" "proxy_get_buffer_bytes" (func $bytes (param i32 i32 i32 i32 i32) (result i32)))
        (import "env" "proxy_http_call" (func $http_call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
        (import "env" "proxy_call_foreign_function" (func $foreign (param i32 i32 i32 i32 i32 i32) (result i32)))
        (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
        (import "env" "proxy_close_stream" (func $close (param i32) (result i32)))
        (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "proxy_abi_version_0_2_1"))
        (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 16384)
        (data (i32.const 100) "authz" "seen")
        (data (i32.const 200)
            "\03\00\00\00" "\05\00\00\00" "\01\00\00\00" "\07\00\00\00" "\03\00\00\00" "\0a\00\00\00" "\01\00\00\00"
            ":path\00" "/\00" ":method\00" "GET\00" ":authority\00" "h\00")
        ;; The connection that each callout is about, by the callout's token.
        (func (export "proxy_on_new_connection") (param $connection i32) (result i32)
            (if (call $http_call (i32.const 100) (i32.const 5) (i32.const 200) (i32.const 61) (i32.const 0) (i32.const 0)
                    (i32.const 0) (i32.const 0) (i32.const 1000) (i32.const 16))
                (then (return (i32.const 0))))
            (i32.store (i32.add (i32.const 1024) (i32.mul (i32.load (i32.const 16)) (i32.const 4))) (local.get $connection))
            (i32.const 1))
        (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
            (if (local.get 3) (then (return)))
            (drop (call $effective (i32.load (i32.add (i32.const 1024) (i32.mul (local.get 1) (i32.const 4))))))
            (drop (call $continue (i32.const 2))))
        (func (export "proxy_on_downstream_data") (param $connection i32) (param $size i32) (param $end i32) (result i32)
            (local $first i32)
            (if (i32.eqz (local.get $size)) (then (return (i32.const 0))))
            (drop (call $bytes (i32.const 2) (i32.const 0) (local.get $size) (i32.const 16) (i32.const 20)))
            (drop (call $log (i32.const 2) (i32.load (i32.const 16)) (i32.load (i32.const 20))))
            (drop (call $foreign (i32.const 105) (i32.const 4) (i32.load (i32.const 16)) (i32.load (i32.const 20))
                (i32.const 0) (i32.const 0)))
            (local.set $first (i32.load8_u (i32.load (i32.const 16))))
            (if (i32.eq (local.get $first) (i32.const 116)) (then unreachable))
            (if (i32.eq (local.get $first) (i32.const 120)) (then (drop (call $close (i32.const 2)))))
            (i32.eq (local.get $first) (i32.const 104))))"#;
    Compiler::new(None).unwrap().compile(&wat::parse_str(module).unwrap()).unwrap()
});

fn scenario(steps: &str) -> Scenario {
    let text = format!(
        "name: a
plugin: {{}}
gateway: {{workers: 2}}
services:
  - {{cluster: authz, times: 1, answer: {{reply: {{status: 200, delay: 20ms}}}}}}
  - {{cluster: authz, answer: {{reply: {{status: 200}}}}}}
{steps}"
    );
    Scenario::read(&text).unwrap_or_else(|error| panic!("{error}: {}", &text[error.range.clone()]))
}

fn observe(steps: &str) -> Observed {
    run(&scenario(steps), b"{}", &GUEST, Profile::Envoy).unwrap()
}

fn one(connection: &str) -> ObservedConnection {
    let observed = observe(&format!("steps: [{{connection: {{{connection}}}}}]\n"));
    observed.connections.into_iter().flatten().next().unwrap()
}

/// What reached client and upstream; `.` is the end.
fn got(connection: &ObservedConnection) -> (String, String) {
    let side = |received: &ObservedBytes| {
        let text = received.bytes.escape_ascii().to_string();
        if received.ended == Some(true) { text + "." } else { text }
    };
    (side(&connection.to_client), side(&connection.to_upstream))
}

fn gets(client: &str, upstream: &str) -> (String, String) {
    (client.to_owned(), upstream.to_owned())
}

const MS: Duration = Duration::from_millis(1);

#[test]
fn both_sides_wait_for_each_other() {
    let connection = one(
        "client: [send: 'one ', receive: two, wait: 1s, sendBase64: /w==, awaitEnd], upstream: [send: hello, receive: one,
         wait: 5ms, send: ' two', receiveBase64: /w==, end, awaitEnd]",
    );
    assert_eq!(got(&connection), gets("hello two.", "one \\xff."));
    assert_eq!((connection.ending, connection.took), (Some(Disconnection::Ended), 1025 * MS));
    let callout = &connection.callouts.unwrap()[0];
    assert_eq!((callout.cluster.as_str(), callout.status, callout.took), ("authz", Some(200), Some(20 * MS)));
}

#[test]
fn a_client_alone_ends_and_so_does_the_upstream() {
    let connection = one("client: [send: bye]");
    assert_eq!((got(&connection), connection.ending), (gets(".", "bye."), Some(Disconnection::Ended)));
}

#[test]
fn connections_end_in_every_way() {
    for (connection, ending, took) in [
        ("client: [send: x]", Some(Disconnection::Closed), 20),
        ("client: [wait: 5ms, reset]", Some(Disconnection::Reset(Side::Client)), 20),
        ("client: [send: a, awaitEnd], upstream: [receive: a, reset]", Some(Disconnection::Reset(Side::Upstream)), 20),
        // What the plugin holds reaches nobody, who would end then.
        ("client: [send: h]", None, 3_600_000),
        ("client: [awaitEnd]", None, 3_600_000),
        ("client: [wait: 1s, send: a, receive: b]", None, 3_601_000),
    ] {
        let found = one(connection);
        assert_eq!((&found.ending, found.took), (&ending, took * MS), "{connection}");
    }
    let trapped = one("client: [send: t]");
    assert!(matches!(trapped.ending, Some(Disconnection::Trapped(_))), "{trapped:?}");
    assert_eq!(got(&trapped), gets("", ""));
}

#[test]
fn connections_in_the_background_overlap() {
    let observed = observe(
        "steps:
  - connection: {client: [send: a, wait: 50ms], background: true, times: 2}
  - connection: {worker: 1, client: [send: b]}
  - request: {}
",
    );
    let took: Vec<Vec<_>> =
        observed.connections.iter().map(|step| step.iter().map(|connection| connection.took).collect()).collect();
    // The first asks a slow service; a client begins to speak before it is let on.
    assert_eq!(took, [vec![50 * MS, 50 * MS], vec![Duration::ZERO]]);
    assert_eq!(observed.logs.len(), 3);
    assert_eq!(observed.requests[0].len(), 1);
}

#[test]
fn a_gateway_whose_plugin_refuses_closes_connections() {
    let refusing = r#"(module (memory (export "memory") 1)
        (func (export "proxy_abi_version_0_2_1"))
        (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 0)
        (func (export "proxy_on_configure") (param i32 i32) (result i32) (i32.const 0)))"#;
    let module = Compiler::new(None).unwrap().compile(&wat::parse_str(refusing).unwrap()).unwrap();
    let observed =
        run(&scenario("steps: [{connection: {client: [send: a]}}]\n"), b"{}", &module, Profile::Envoy).unwrap();
    let connection = &observed.connections[0][0];
    assert_eq!((got(connection), &connection.ending), (gets("", ""), &Some(Disconnection::Closed)));
}

#[test]
fn what_connections_carry_is_bounded() {
    let steps = format!("steps: [{{connection: {{times: 10000, client: [send: {}]}}}}]\n", "a".repeat(2048));
    let error = run(&scenario(&steps), b"{}", &GUEST, Profile::Envoy).unwrap_err();
    assert!(matches!(error, RunError::Endless), "{error}");
}

const SPEAKS: &str = "client: [send: ab, awaitEnd], upstream: [receive: ab, sendBase64: Y/8=]";

/// Each expectation that fails: what was expected, what was found, and where it stands.
fn failures(expect: &str) -> Vec<(String, String, String)> {
    let scenario = scenario(&format!("steps: [{{connection: {{{SPEAKS}, expect: {{{expect}}}}}}}]\n"));
    let observed = run(&scenario, b"{}", &GUEST, Profile::Envoy).unwrap();
    let shown = |Failure { expected, found, place, .. }: Failure| {
        (expected, found, place.to_string().replace("steps[0].connection.expect.", ""))
    };
    scenario.check(&observed).into_iter().map(shown).collect()
}

#[test]
fn what_holds_is_not_found() {
    let holds = "ending: ended, client: {base64: Y/8=, contains: [c], ended: true}, upstream: {text: ab, contains: [b], ended: true},
        callouts: [{cluster: authz, path: /}], grpcCallouts: [], foreignCalls: [{name: seen, arguments: ab}], logsContain: [ab],
        logsLack: [x], within: 20ms";
    assert_eq!(failures(holds), []);
}

#[test]
fn what_does_not_hold_is_found_at_its_place() {
    for (expect, expected, found, place) in [
        ("ending: closed", "closed", "ended", "ending"),
        ("client: {text: c}", "c", "c\\xff", "client.text"),
        ("client: {base64: YQ==}", "a", "c\\xff", "client.base64"),
        ("upstream: {contains: [b, c]}", "a text with c", "ab", "upstream.contains[1]"),
        ("upstream: {ended: false}", "no end has arrived", "the end has arrived", "upstream.ended"),
        ("callouts: []", "none", "GET h/ on authz", "callouts"),
        ("grpcCallouts: [{}]", "1", "none", "grpcCallouts"),
        ("foreignCalls: [{name: other}]", "other", "seen", "foreignCalls[0].name"),
        ("logsContain: [x]", "a line with x", "ab", "logsContain[0]"),
        ("logsLack: [b]", "no line with b", "ab", "logsLack[0]"),
        ("within: 19ms", "at most 19ms", "20ms", "within"),
    ] {
        assert_eq!(failures(expect), [(expected.to_owned(), found.to_owned(), place.to_owned())], "{expect}");
    }
}

#[test]
fn a_timeline_tells_connections() {
    let steps = format!("steps: [{{connection: {{{SPEAKS}}}}}, {{connection: {{client: [send: x]}}}}]\n");
    let (_, timeline) = record(&scenario(&steps), b"{}", &GUEST, Profile::Envoy).unwrap();
    insta::assert_snapshot!(timeline.to_string());
}
