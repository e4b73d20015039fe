//! Scenarios with gRPC services on a real Envoy and on the embedded gateway: the plugin is shown the same in both.

use std::fmt::Write as _;

use gwauthz_host::scenario::Exchange;

use crate::scenarios::run_guest;

/// A guest that makes a callout with each request, whose method is the path. `/c…` is a call with a time-out of 400 ms, `/d…`
/// two at once. With `/s…` two messages are sent on a stream, which is then ended; with `/t…` one, and then what comes back,
/// up to a message that begins with `e`. With a `!` at the end it is of a cluster where nobody listens. It tells what it is
/// shown, and lets the request go on with the end of the callout.
const GUEST: &str = r#"(module
    (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
    (import "env" "proxy_grpc_call" (func $grpc_call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_grpc_stream" (func $grpc_stream (param i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_grpc_send" (func $grpc_send (param i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_get_status" (func $get_status (param i32 i32 i32) (result i32)))
    (import "env" "proxy_get_buffer_bytes" (func $get_bytes (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_get_header_map_value" (func $get_value (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
    (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
    (memory (export "memory") 2)
    (data (i32.const 1024) "authz") (data (i32.const 1030) "nobody") (data (i32.const 1040) "pkg.Service")
    (data (i32.const 1060) ":path") (data (i32.const 1070) "au") (data (i32.const 1080) "x-t") (data (i32.const 1090) "x-i")
    (data (i32.const 1100) "grpc-message")
    (data (i32.const 1120) "\01\00\00\00\03\00\00\00\01\00\00\00x-a\001\00")
    (global $stream (mut i32) (i32.const 0))
    (global $talks (mut i32) (i32.const 0))
    (global $left (mut i32) (i32.const 0))
    ;; Where the next allocation is: what was given stays for a callback.
    (global $heap (mut i32) (i32.const 65536))
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
      (global.get $heap)
      (global.set $heap (i32.add (global.get $heap) (local.get $size))))
    ;; Says a letter, a digit and a text.
    (func $say (param $letter i32) (param $number i32) (param $text i32) (param $size i32)
      (i32.store8 (i32.const 32768) (local.get $letter))
      (i32.store8 (i32.const 32769) (i32.add (i32.const 48) (local.get $number)))
      (memory.copy (i32.const 32770) (local.get $text) (local.get $size))
      (drop (call $log (i32.const 2) (i32.const 32768) (i32.add (i32.const 2) (local.get $size)))))
    (func $say_value (param $map i32) (param $name i32) (param $size i32)
      (if (i32.eqz (call $get_value (local.get $map) (local.get $name) (local.get $size) (i32.const 0) (i32.const 4)))
        (then (call $say (i32.const 118) (local.get $map) (i32.load (i32.const 0)) (i32.load (i32.const 4))))))
    ;; Once as many callouts have ended as were made.
    (func $go_on
      (global.set $left (i32.sub (global.get $left) (i32.const 1)))
      (if (global.get $left) (then (return)))
      (drop (call $effective (global.get $stream)))
      (drop (call $continue (i32.const 0))))
    (func $call (param $cluster i32) (param $cluster_size i32) (param $method i32) (param $method_size i32) (param $size i32)
      (drop (call $grpc_call (local.get $cluster) (local.get $cluster_size) (i32.const 1040) (i32.const 11)
        (local.get $method) (local.get $method_size) (i32.const 1120) (i32.const 18) (i32.const 1070) (local.get $size)
        (i32.const 400) (i32.const 16))))
    (func $send (param $text i32) (param $size i32) (param $end i32)
      (drop (call $grpc_send (i32.load (i32.const 16)) (local.get $text) (local.get $size) (local.get $end))))

    (func (export "proxy_on_request_headers") (param $context i32) (param i32 i32) (result i32)
      (local $path i32) (local $size i32) (local $kind i32) (local $cluster i32) (local $cluster_size i32)
      (global.set $heap (i32.const 65536))
      (global.set $stream (local.get $context))
      (drop (call $get_value (i32.const 0) (i32.const 1060) (i32.const 5) (i32.const 0) (i32.const 4)))
      (local.set $path (i32.add (i32.load (i32.const 0)) (i32.const 1)))
      (local.set $size (i32.sub (i32.load (i32.const 4)) (i32.const 1)))
      (local.set $kind (i32.load8_u (local.get $path)))
      (local.set $cluster (i32.const 1024)) (local.set $cluster_size (i32.const 5))
      (if (i32.eq (i32.load8_u (i32.sub (i32.add (local.get $path) (local.get $size)) (i32.const 1))) (i32.const 33))
        (then (local.set $cluster (i32.const 1030)) (local.set $cluster_size (i32.const 6))))
      (global.set $left (i32.const 1))
      (if (i32.or (i32.eq (local.get $kind) (i32.const 99)) (i32.eq (local.get $kind) (i32.const 100)))
        (then
          (call $call (local.get $cluster) (local.get $cluster_size) (local.get $path) (local.get $size) (i32.const 2))
          (if (i32.eq (local.get $kind) (i32.const 100))
            (then
              (global.set $left (i32.const 2))
              (call $call (local.get $cluster) (local.get $cluster_size) (local.get $path) (local.get $size)
                (i32.const 1))))
          (return (i32.const 1))))
      (drop (call $grpc_stream (local.get $cluster) (local.get $cluster_size) (i32.const 1040) (i32.const 11)
        (local.get $path) (local.get $size) (i32.const 1120) (i32.const 18) (i32.const 16)))
      (call $send (i32.const 1070) (i32.const 2) (i32.const 0))
      (if (i32.eq (local.get $kind) (i32.const 115)) (then (call $send (i32.const 1070) (i32.const 1) (i32.const 1))))
      (global.set $talks (i32.eq (local.get $kind) (i32.const 116)))
      (i32.const 1))

    ;; A call of the method `Service`, which the connection does not wait for.
    (func (export "proxy_on_new_connection") (param $context i32) (result i32)
      (global.set $heap (i32.const 65536))
      (global.set $left (i32.const 0))
      (call $call (i32.const 1024) (i32.const 5) (i32.const 1044) (i32.const 7) (i32.const 2))
      (i32.const 0))

    (func (export "proxy_on_grpc_receive_initial_metadata") (param i32 i32 i32)
      (call $say (i32.const 105) (local.get 2) (i32.const 0) (i32.const 0))
      (call $say_value (i32.const 4) (i32.const 1090) (i32.const 3)))
    (func (export "proxy_on_grpc_receive") (param i32 i32 i32)
      (drop (call $get_bytes (i32.const 5) (i32.const 0) (local.get 2) (i32.const 0) (i32.const 4)))
      (call $say (i32.const 109) (local.get 2) (i32.load (i32.const 0)) (local.get 2))
      ;; The low bits of a token tell calls from streams.
      (if (i32.eq (i32.and (local.get 1) (i32.const 3)) (i32.const 1)) (then (call $go_on) (return)))
      (if (global.get $talks)
        (then (call $send (i32.load (i32.const 0)) (local.get 2)
          (i32.eq (i32.load8_u (i32.load (i32.const 0))) (i32.const 101))))))
    (func (export "proxy_on_grpc_receive_trailing_metadata") (param i32 i32 i32)
      (call $say (i32.const 116) (local.get 2) (i32.const 0) (i32.const 0))
      (call $say_value (i32.const 5) (i32.const 1080) (i32.const 3))
      (call $say_value (i32.const 5) (i32.const 1100) (i32.const 12)))
    (func (export "proxy_on_grpc_close") (param i32 i32 i32)
      (i32.store (i32.const 4) (i32.const 0))
      (drop (call $get_status (i32.const 8) (i32.const 0) (i32.const 4)))
      (call $say (i32.const 99) (local.get 2) (i32.load (i32.const 0)) (i32.load (i32.const 4)))
      (call $go_on)))"#;

/// Answers by the methods that they are for.
const ANSWERS: [(&str, &str); 27] = [
    ("c-reply", "reply: {message: yes, metadata: {x-i: a}, trailingMetadata: {x-t: a}, delay: 50ms}"),
    ("c-empty", "reply: {}"),
    ("c-bytes", "reply: {base64: AP8K}"),
    ("c-fail", "fail: {code: 7, message: no, trailingMetadata: {x-t: a}, delay: 50ms}"),
    ("c-fail-without-words", "fail: {code: 5}"),
    ("c-fail-in-odd-words", "fail: {code: 16, message: 'größer als 5 %~'}"),
    ("c-late", "reply: {message: yes, delay: 700ms}"),
    ("c-timeout", "timeout"),
    ("c-reset", "reset"),
    ("s-reply", "reply: {message: yes}"),
    (
        "s-reply-with-metadata",
        "reply: {message: yes, metadata: {x-i: a}, trailingMetadata: {x-t: [a, b]}, delay: 30ms}",
    ),
    ("s-fail", "fail: {code: 7, message: no, trailingMetadata: {x-t: a}}"),
    ("s-fail-in-odd-words", "fail: {code: 7, message: 'größer als 5 %~'}"),
    ("s-fail-later", "fail: {code: 7, delay: 100ms}"),
    ("s-reset", "reset"),
    ("s-silent", "stream: {}"),
    ("s-messages", "stream: {messages: [{message: a}, {message: bc}]}"),
    ("s-unasked", "stream: {messages: [{message: a, unasked: true}, {message: bc}, {message: def, unasked: true}]}"),
    ("s-closes", "stream: {messages: [{message: a}], close: {code: 7, message: no, trailingMetadata: {x-t: a}}}"),
    ("s-closes-at-once", "stream: {close: {code: 5}}"),
    (
        "s-takes-its-time",
        "stream: {metadata: {x-i: a}, messages: [{message: a, delay: 60ms}, {message: bc, delay: 20ms}]}",
    ),
    ("s-never-asked", "stream: {messages: [{message: a}, {message: bc}, {message: def}], close: {code: 2}}"),
    ("t-talks", "stream: {messages: [{message: a}, {message: bc}, {message: end}]}"),
    ("t-closes", "stream: {messages: [{message: a}, {message: end}], close: {code: 3, message: no, delay: 30ms}}"),
    (
        "t-unasked",
        "stream: {messages: [{message: a, unasked: true, delay: 40ms}, {message: bc, unasked: true, delay: 40ms}, {message: end}]}",
    ),
    ("c-refused!", "refused"),
    ("s-refused!", "refused"),
];

/// What the guest sends with each: a message, or those on a stream.
fn sends(method: &str) -> &'static str {
    match method {
        "t-talks" => "messages: [{message: au}, {message: a}, {message: bc}, {message: end}]",
        "t-closes" => "messages: [{message: au}, {message: a}, {message: end}]",
        "t-unasked" => "messages: [{message: au}, {message: a}, {message: bc}, {message: end}]",
        _ if method.starts_with('c') => "message: au",
        _ => "messages: [{message: au}, {message: a}]",
    }
}

#[test]
#[ignore = "needs Envoy: run `cargo xtask test`"]
fn envoy_and_the_embedded_gateway_agree_on_grpc_services() {
    let mut text = "name: gRPC services\nplugin: {}\ngrpcServices:\n".to_owned();
    for (method, answer) in ANSWERS {
        let cluster = if method.ends_with('!') { "nobody" } else { "authz" };
        writeln!(text, "  - {{cluster: {cluster}, method: '{method}', answer: {}}}", braced(answer)).expect("a text");
    }
    text += "steps:\n";
    for (method, _) in ANSWERS {
        let callout = format!("service: pkg.Service, method: '{method}', metadata: {{x-a: 1}}, metadataAbsent: [te]");
        let expect = format!("status: 200, callouts: [], grpcCallouts: [{{{callout}, {}}}]", sends(method));
        writeln!(text, "  - request: {{path: '/{method}', expect: {{{expect}}}}}").expect("a text");
    }
    text += "  - expect: {callouts: {authz: 25, nobody: 2}}\n";
    let found = differences(&text);
    assert!(found.is_empty(), "{}", found.join("\n\n"));
}

/// The first entry that fits answers; a stream that is silent holds its request, and outlives it.
#[test]
#[ignore = "needs Envoy: run `cargo xtask test`"]
fn envoy_and_the_embedded_gateway_agree_on_grpc_services_in_turn() {
    let text = "
name: gRPC services in turn
plugin: {}
services: [{cluster: other, answer: {reply: {status: 200}}}]
grpcServices:
  - {cluster: authz, method: s-silence, answer: timeout}
  - {cluster: authz, times: 1, answer: {fail: {code: 7}}}
  - {cluster: authz, service: pkg.Other, answer: {fail: {code: 1}}}
  - {cluster: authz, times: 1, answer: reset}
  - {cluster: authz, answer: {stream: {}}}
  - {cluster: authz, answer: {reply: {message: yes}}}
steps:
  - request: {path: /c-a, times: 3, expect: {grpcCallouts: [{method: c-a}]}}
  - request: {path: /s-silence, leavesAfter: 300ms, expect: {ending: clientLeft, grpcCallouts: [{messages: [{}, {}]}]}}
  - expect: {callouts: {authz: 4}}
  - request: {path: /c-b, times: 2, expect: {ending: served}}
  - request: {path: /d, times: 3, expect: {ending: served, grpcCallouts: [{message: au}, {message: a}]}}
";
    let found = differences(text);
    assert!(found.is_empty(), "{}", found.join("\n\n"));
}

#[test]
#[ignore = "needs Envoy: run `cargo xtask test`"]
fn envoy_and_the_embedded_gateway_agree_on_grpc_callouts_of_connections() {
    let text = "
name: gRPC callouts of connections
plugin: {}
gateway: {properties: {xds.node.id: mine}}
grpcServices: [{cluster: authz, method: Service, answer: {reply: {message: yes, delay: 20ms}}}]
steps:
  - connection:
      client: [send: a, wait: 150ms]
      times: 2
      expect: {upstream: {text: a}, callouts: [], grpcCallouts: [{method: Service, message: au}], logsContain: [m3yes]}
  - expect: {callouts: {authz: 2}}
";
    let (mut found, real) = run_guest(GUEST, text);
    let untold = real.connections.iter().flatten().filter(|connection| connection.grpc_callouts.is_none());
    found.extend(untold.map(|connection| format!("Envoy does not tell the gRPC callouts of {connection:?}")));
    assert!(found.is_empty(), "{}", found.join("\n\n"));
}

fn braced(answer: &str) -> String {
    if answer.contains(':') { format!("{{{answer}}}") } else { answer.to_owned() }
}

/// Expectations that do not hold, and where the hosts part: in what becomes of requests, or in what the guest was shown.
fn differences(text: &str) -> Vec<String> {
    let (mut found, real) = run_guest(GUEST, text);
    // Where a service has got them, they are told; nobody has got those that were refused.
    let untold = |exchange: &&Exchange| exchange.grpc_callouts.is_none();
    let untold = real.requests.iter().flatten().filter(untold);
    let untold =
        untold.filter(|exchange| !exchange.request.headers.first(b":path").is_some_and(|path| path.ends_with(b"!")));
    found.extend(untold.map(|exchange| format!("Envoy does not tell the gRPC callouts of {:?}", exchange.request)));
    found
}
