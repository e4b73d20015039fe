//! gRPC services of scenarios: what a plugin gets of them, what is found wrong with its callouts, and how it is told.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test ends where something is wrong")]

use gwauthz_host::{
    Compiler, Module, Profile,
    scenario::{Observed, Scenario, record, run},
};

/// A guest that does `request` with each request, and lets it go on when a message arrives that begins with `y`; it logs
/// each gRPC callback by a letter and its number.
fn guest(request: &str) -> Module {
    let module = format!(
        r#"(module
            (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
            (import "env" "proxy_grpc_call" (func $grpc_call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_grpc_stream" (func $grpc_stream (param i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_grpc_send" (func $grpc_send (param i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_get_buffer_bytes" (func $bytes (param i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
            (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
            (memory (export "memory") 1)
            (data (i32.const 100) "authz") (data (i32.const 120) "pkg.Service") (data (i32.const 140) "Check")
            (data (i32.const 160) "\01\00\00\00\03\00\00\00\01\00\00\00x-a\001\00")
            (global $stream (mut i32) (i32.const 0))
            (func (export "proxy_abi_version_0_2_1"))
            (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 16384)
            (func $say (param $letter i32) (param $number i32)
                (i32.store8 (i32.const 8) (local.get $letter))
                (i32.store8 (i32.const 9) (i32.add (i32.const 48) (local.get $number)))
                (drop (call $log (i32.const 2) (i32.const 8) (i32.const 2))))
            (func $call (drop (call $grpc_call (i32.const 100) (i32.const 5) (i32.const 120) (i32.const 11) (i32.const 140)
                (i32.const 5) (i32.const 160) (i32.const 18) (i32.const 100) (i32.const 2) (i32.const 100) (i32.const 0))))
            (func $open (drop (call $grpc_stream (i32.const 100) (i32.const 5) (i32.const 120) (i32.const 11) (i32.const 140)
                (i32.const 5) (i32.const 0) (i32.const 0) (i32.const 0))))
            (func $send (param $end i32)
                (drop (call $grpc_send (i32.load (i32.const 0)) (i32.const 100) (i32.const 2) (local.get $end))))
            (func (export "proxy_on_grpc_receive_initial_metadata") (param i32 i32 i32) (call $say (i32.const 105) (local.get 2)))
            (func (export "proxy_on_grpc_receive") (param i32 i32 i32)
                (call $say (i32.const 109) (local.get 2))
                (drop (call $bytes (i32.const 5) (i32.const 0) (i32.const 9) (i32.const 16) (i32.const 20)))
                (drop (call $effective (global.get $stream)))
                (if (i32.eq (i32.load8_u (i32.load (i32.const 16))) (i32.const 121)) (then (drop (call $continue (i32.const 0))))))
            (func (export "proxy_on_grpc_receive_trailing_metadata") (param i32 i32 i32) (call $say (i32.const 116) (local.get 2)))
            (func (export "proxy_on_grpc_close") (param i32 i32 i32) (call $say (i32.const 99) (local.get 2)))
            (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
                (global.set $stream (local.get 0)) {request} (i32.const 1)))"#
    );
    Compiler::new(None).unwrap().compile(&wat::parse_str(module).unwrap()).unwrap()
}

fn scenario(services: &str, expect: &str) -> Scenario {
    let text = format!(
        "name: a\nplugin: {{}}\ngrpcServices: [{services}]\nsteps: [{{request: {{leavesAfter: 1s, expect: {{{expect}}}}}}}]\n"
    );
    Scenario::read(&text).unwrap_or_else(|error| panic!("{error}: {}", &text[error.range.clone()]))
}

fn observe(services: &str, request: &str) -> Observed {
    run(&scenario(services, ""), b"{}", &guest(request), Profile::Envoy).unwrap()
}

/// What was logged, with the milliseconds that had passed.
fn said(services: &str, request: &str) -> String {
    let observed = observe(services, request);
    observed.logs.iter().map(|line| line.message.as_str()).collect()
}

const YES: &str = "{cluster: authz, answer: {reply: {message: yes, delay: 20ms}}}";
const CALL: &str = "(call $call)";
const STREAM: &str = "(call $open) (call $send (i32.const 0)) (call $send (i32.const 1))";

#[test]
fn a_call_is_answered_as_the_scenario_says() {
    for (answer, expected) in [
        ("{reply: {message: yes}}", "m3"),
        ("{reply: {base64: eQ==}}", "m1"),
        ("{reply: {}}", "m0"),
        ("{reply: {message: yes, delay: 100ms}}", "c>"),
        ("{fail: {code: 7, message: no, delay: 10ms}}", "c7"),
        ("timeout", "c>"),
        ("refused", "c>"),
        ("reset", "c>"),
    ] {
        assert_eq!(said(&format!("{{cluster: authz, answer: {answer}}}"), CALL), expected, "{answer}");
    }
    let request = &observe(YES, CALL).requests[0][0];
    assert_eq!((request.took.as_millis(), request.forwarded.is_some()), (20, true));
}

#[test]
fn the_first_entry_that_fits_answers() {
    let fail = |more: &str, code: u32| format!("{{cluster: authz, {more}, answer: {{fail: {{code: {code}}}}}}}");
    let entries = [
        "{cluster: other, answer: timeout}".to_owned(),
        fail("service: pkg.Other", 1),
        fail("method: Other", 2),
        fail("service: pkg.Service, method: Check, times: 1", 3),
        fail("times: 2", 4),
    ];
    let calls = [CALL; 4].concat();
    assert_eq!(said(&entries.join(", "), &calls), "c3c4c4c>", "and the last of them nobody answers");
    // No entry names its cluster: there is none.
    assert_eq!(said("{cluster: other, answer: timeout}", CALL), "");
}

#[test]
fn a_stream_is_answered_as_the_scenario_says() {
    for (answer, expected) in [
        ("{reply: {message: yes}}", "i3m3m3t1c0"),
        ("{reply: {message: yes, metadata: {x-i: a}, trailingMetadata: {x-t: [a, b]}}}", "i4m3m3t3c0"),
        ("{fail: {code: 7, message: no, trailingMetadata: {x-t: a}}}", "i0t6c7"),
        ("refused", "i0t4c>"),
        ("reset", "i0t4c>"),
        ("timeout", ""),
    ] {
        assert_eq!(said(&format!("{{cluster: authz, answer: {answer}}}"), STREAM), expected, "{answer}");
    }
}

#[test]
fn a_stream_is_answered_message_by_message() {
    let stream = |script: &str| said(&format!("{{cluster: authz, answer: {{stream: {{{script}}}}}}}"), STREAM);
    for (script, expected) in [
        ("", "i0t4c0"),
        ("messages: [{message: a}, {message: bc}]", "i3m1m2t1c0"),
        ("messages: [{base64: YQ==}, {}, {message: bc}]", "i3m1m0t1c0"),
        ("messages: [{message: a, unasked: true}, {message: bc}, {message: def, unasked: true}]", "i3m1m2m3t1c0"),
        ("metadata: {x-i: a}, messages: [{message: a}]", "i4m1t1c0"),
        // The stream is closed behind the last message, not upon the plugin's second one.
        ("messages: [{message: a}], close: {code: 7, trailingMetadata: {x-t: a}}", "i3m1t2c7"),
        ("messages: [{message: a, unasked: true}], close: {}", "i3m1t1c0"),
        // The plugin is done before a third message of it asks for the last one.
        ("messages: [{message: a}, {message: bc}, {message: def}], close: {code: 2}", "i3m1m2t1c2"),
        ("close: {code: 5}", "i0t4c5"),
    ] {
        assert_eq!(stream(script), expected, "{script}");
    }
}

#[test]
fn what_is_sent_on_a_stream_takes_its_time() {
    let services =
        "{cluster: authz, answer: {stream: {messages: [{message: a, unasked: true, delay: 10ms}, {message: a,
        delay: 20ms}, {message: abc, unasked: true, delay: 30ms}], close: {delay: 5ms}}}}";
    let observed = observe(services, STREAM);
    let start = observed.logs[0].at;
    let times: Vec<_> =
        observed.logs.iter().map(|line| (line.message.as_str(), (line.at - start).as_millis())).collect();
    // The plugin has closed its side at once: the service closes the stream once it has sent everything, and no second time.
    assert_eq!(times, [("i3", 0), ("m1", 0), ("m1", 10), ("m3", 40), ("t1", 45), ("c0", 45)]);
}

#[test]
fn calls_pass_by_what_answers_streams() {
    let services = format!("{{cluster: authz, answer: {{stream: {{}}}}}}, {YES}");
    assert_eq!(said(&services, CALL), "m3");
    assert_eq!(said("{cluster: authz, answer: {stream: {}}}", CALL), "c>");
}

/// Each expectation on a request's callouts that fails: what was expected, and what was found.
fn failures(request: &str, expect: &str) -> Vec<(String, String)> {
    let scenario = scenario(YES, expect);
    let observed = run(&scenario, b"{}", &guest(request), Profile::Envoy).unwrap();
    scenario.check(&observed).into_iter().map(|failure| (failure.expected, failure.found)).collect()
}

#[test]
fn callouts_are_compared() {
    let holds = "callouts: [], grpcCallouts: [{cluster: authz, service: pkg.Service, method: Check, message: au,
        metadata: {x-a: 1}, metadataAbsent: [x-b]}]";
    assert_eq!(failures(CALL, holds), []);
    assert_eq!(failures(CALL, "grpcCallouts: [{base64: YXU=}]"), []);
    assert_eq!(failures(STREAM, "grpcCallouts: [{method: Check}]"), []);
    assert_eq!(failures(STREAM, "grpcCallouts: [{messages: [{message: au}, {base64: YXU=}]}]"), []);
    assert_eq!(failures(STREAM, "grpcCallouts: [{messages: [{}, {}]}]"), []);
    assert_eq!(failures("(call $open)", "grpcCallouts: [{messages: []}]"), []);
    for (request, callouts, expected, found) in [
        (CALL, "[]", "none", "gRPC pkg.Service/Check with 2 bytes on authz"),
        ("", "[{}]", "1", "none"),
        (CALL, "[{service: Service}]", "Service", "pkg.Service"),
        (CALL, "[{method: Ask}]", "Ask", "Check"),
        (CALL, "[{message: ä}]", "\\xc3\\xa4", "au"),
        (STREAM, "[{message: au}]", "au", "absent"),
        (STREAM, "[{messages: []}]", "none", "au\nau"),
        (STREAM, "[{messages: [{message: au}, {message: ua}]}]", "ua", "au"),
        (CALL, "[{messages: [{message: au}]}]", "a stream", "a call"),
        (CALL, "[{metadata: {x-a: 2}}]", "2", "1"),
        (CALL, "[{metadataAbsent: [x-a]}]", "absent", "1"),
    ] {
        let found_wrong = failures(request, &format!("grpcCallouts: {callouts}"));
        assert_eq!(found_wrong, [(expected.to_owned(), found.to_owned())], "{callouts}");
    }
}

/// Each is told of what was sent on its own stream, also once its request has ended.
#[test]
fn messages_belong_to_the_stream_that_they_are_sent_on() {
    let scenario = Scenario::read(
        "
name: a
plugin: {}
grpcServices: [{cluster: authz, answer: timeout}]
steps:
  - request: {leavesAfter: 1s, expect: {grpcCallouts: [{messages: []}]}}
  - request: {leavesAfter: 1s, expect: {grpcCallouts: [{messages: [{message: au}]}]}}
",
    )
    .unwrap();
    // The token of the second stream is 10.
    let request =
        "(call $open) (if (i32.eq (i32.load (i32.const 0)) (i32.const 10)) (then (call $send (i32.const 0))))";
    let observed = run(&scenario, b"{}", &guest(request), Profile::Envoy).unwrap();
    assert_eq!(scenario.check(&observed), []);
    // The first stream gets one more.
    let request = "(call $open) (drop (call $grpc_send (i32.const 6) (i32.const 100) (i32.const 2) (i32.const 0)))";
    let observed = run(&scenario, b"{}", &guest(request), Profile::Envoy).unwrap();
    let found: Vec<_> = scenario.check(&observed).into_iter().map(|failure| failure.found).collect();
    assert_eq!(found, ["au\nau", "none"]);
}

#[test]
fn callouts_are_counted_by_cluster() {
    let observed = observe(YES, &[CALL, STREAM].concat());
    assert_eq!(observed.states[0].callouts["authz"], 2);
}

#[test]
fn a_timeline_tells_grpc_callouts() {
    let services = "{cluster: authz, times: 1, answer: {reply: {message: no, delay: 5ms}}}, {cluster: authz, answer: {fail: {code: 7, delay: 20ms}}}";
    let (_, timeline) =
        record(&scenario(services, ""), b"{}", &guest(&[CALL, CALL, "(call $open)"].concat()), Profile::Envoy).unwrap();
    insta::assert_snapshot!(timeline.to_string());
}
