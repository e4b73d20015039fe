//! Scenarios on the embedded gateway, with a small guest: what is seen, what is found wrong, and how it is told.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::{sync::LazyLock, time::Duration};

use gwauthz_host::{
    Compiler, Ending, HeaderMap, Module, Profile,
    scenario::{Observed, Scenario, record, run},
};

/// A guest that logs each callback by a letter, and asks `authz` before a request goes on where its method is GET: `h` is
/// for headers, `b` for a body, `t` for trailers, `r` for a reply. A refusal of its configuration is `no`.
static GUEST: LazyLock<Module> = LazyLock::new(|| {
    let call: HeaderMap =
        [(":method", "POST"), (":path", "/authorize?a=b"), (":authority", "authz.local")].into_iter().collect();
    let wire: String = call.encode().iter().map(|byte| format!("\\{byte:02x}")).collect();
    let module = format!(
        r#"(module
            (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
            (import "env" "proxy_http_call" (func $http_call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
            (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
            (import "env" "proxy_get_header_map_value" (func $header (param i32 i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (data (i32.const 64) "authz") (data (i32.const 80) "hbtr") (data (i32.const 96) "authorization")
            (data (i32.const 128) "{wire}")
            (global $stream (mut i32) (i32.const 0))
            (func (export "proxy_abi_version_0_2_1"))
            (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 16384)
            (func $say (param i32) (drop (call $log (i32.const 2) (i32.add (i32.const 80) (local.get 0)) (i32.const 1))))
            (func (export "proxy_on_configure") (param i32 i32) (result i32) (i32.ne (local.get 1) (i32.const 2)))
            (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
                (call $say (i32.const 0))
                ;; With an `authorization`, its value goes to the log: this guest is careless.
                (if (i32.eqz (call $header (i32.const 0) (i32.const 96) (i32.const 13) (i32.const 32) (i32.const 36)))
                    (then (drop (call $log (i32.const 1) (i32.load (i32.const 32)) (i32.load (i32.const 36))))))
                (if (i32.eqz (local.get 2)) (then (return (i32.const 0))))
                (global.set $stream (local.get 0))
                (drop (call $http_call (i32.const 64) (i32.const 5) (i32.const 128) (i32.const {size}) (i32.const 0)
                    (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1000) (i32.const 32)))
                (i32.const 1))
            (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) (call $say (i32.const 1)) (i32.const 0))
            (func (export "proxy_on_request_trailers") (param i32 i32) (result i32) (call $say (i32.const 2)) (i32.const 0))
            (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
                (call $say (i32.const 3))
                (drop (call $effective (global.get $stream)))
                ;; A reply with a body is a no: the request stays where it is.
                (if (i32.eqz (local.get 3)) (then (drop (call $continue (i32.const 0)))))))"#,
        size = call.encoded_len(),
    );
    Compiler::new(None).unwrap().compile(&wat::parse_str(module).unwrap()).unwrap()
});

fn read(text: &str) -> Scenario {
    Scenario::read(text).unwrap_or_else(|error| panic!("{error}: {}", &text[error.range.clone()]))
}

fn observe(text: &str) -> Observed {
    run(&read(text), b"{\"a\":1}", &GUEST, Profile::Envoy).unwrap()
}

/// What was logged, in one line.
fn said(observed: &Observed) -> String {
    observed.logs.iter().map(|line| line.message.as_str()).collect()
}

const MS: Duration = Duration::from_millis(1);

#[test]
fn a_request_waits_for_its_callout() {
    let observed = observe(
        "name: a
plugin: {}
services:
  - {cluster: authz, times: 1, answer: {reply: {status: 200, delay: 20ms}}}
  - {cluster: authz, answer: timeout}
steps:
  - request: {path: /a}
  - request: {path: /b}
  - expect: {callouts: {authz: 2}}
",
    );
    let [first, second] = [&observed.requests[0][0], &observed.requests[1][0]];
    assert!(observed.started);
    assert_eq!((&first.ending, first.took), (&Some(Ending::Served), 20 * MS));
    let callout = &first.callouts.as_ref().unwrap()[0];
    assert_eq!((callout.took, callout.status, callout.at), (Some(20 * MS), Some(200), Duration::ZERO));
    // A reply that Envoy makes up has a body, and this guest takes it for a no.
    assert_eq!((second.at, &second.ending), (20 * MS, &Some(Ending::Hung)));
    assert_eq!(second.callouts.as_ref().unwrap()[0].status, Some(504));
}

#[test]
fn a_body_comes_in_its_time_and_in_pieces() {
    let observed = observe(
        "name: a
plugin: {}
steps:
  - request:
      chunks: [{text: ab}, {text: c, after: 2s}]
      trailers: {x-a: b}
",
    );
    let exchange = &observed.requests[0][0];
    assert_eq!((exchange.took, said(&observed).as_str()), (2000 * MS, "hbbt"));
    let (request, trailers) = exchange.forwarded.as_ref().unwrap();
    assert_eq!((request.body.as_slice(), trailers.first(b"x-a")), (b"abc".as_slice(), Some(b"b".as_slice())));
    assert_eq!(exchange.logs, Some(0..4));
}

#[test]
fn requests_in_the_background_overlap() {
    let observed = observe(
        "name: a
plugin: {}
gateway: {workers: 2}
services:
  - {cluster: authz, times: 1, answer: {reply: {status: 200, delay: 500ms}}}
  - {cluster: authz, answer: {reply: {status: 200, delay: 100ms}}}
steps:
  - request: {path: /slow, background: true}
  - request: {path: /fast, background: true, worker: 1, times: 2}
  - wait: 150ms
  - expect: {}
",
    );
    let took: Vec<Vec<_>> =
        observed.requests.iter().map(|step| step.iter().map(|exchange| exchange.took).collect()).collect();
    // The guest has one place to remember a stream in: of two in one VM, the second is let go twice, and the first never.
    assert_eq!(took[0], [500 * MS]);
    assert_eq!(took[1][1], 100 * MS);
    assert_eq!(observed.states.len(), 2);
    assert_eq!(observed.states[0].logs, 5, "hhh, rr");
}

#[test]
fn clients_leave_and_wait_no_longer_than_gateways_let_them() {
    let observed = observe(
        "name: a
plugin: {}
services: [{cluster: authz, answer: {reply: {status: 200, body: no}}}]
steps:
  - request: {leavesAfter: 3s}
  - request: {}
",
    );
    let [left, hung] = [&observed.requests[0][0], &observed.requests[1][0]];
    assert_eq!((&left.ending, left.took, left.response.is_none()), (&Some(Ending::ClientLeft), 3000 * MS, true));
    assert_eq!((&hung.ending, hung.took.as_secs()), (&Some(Ending::Hung), 300));
}

#[test]
fn a_refused_configuration_answers_500() {
    let scenario =
        read("name: a\nplugin: {expect: refused}\nsteps: [{request: {expect: {decision: deny, status: 500}}}]\n");
    let observed = run(&scenario, b"{}", &GUEST, Profile::Envoy).unwrap();
    assert!(!observed.started);
    assert_eq!(scenario.check(&observed), []);
    let failures = read("name: a\nplugin: {}\nsteps: []\n").check(&observed);
    assert_eq!((failures[0].expected.as_str(), failures[0].found.as_str()), ("accepted", "refused"));
}

/// Each expectation that fails, with the place that it points at.
fn failures(expect: &str) -> Vec<(String, String, String, String)> {
    let text = format!(
        "name: a
plugin: {{}}
services: [{{cluster: authz, answer: {{reply: {{status: 200}}}}}}]
upstream: {{status: 201, headers: {{x-a: [b, c]}}, json: {{a: {{b: [1]}}, c: d}}, trailers: {{x-t: u}}}}
steps:
  - request: {{path: /x, headers: {{x-q: r}}, expect: {{{expect}}}}}
"
    );
    let scenario = read(&text);
    let observed = run(&scenario, b"{\"a\":1}", &GUEST, Profile::Envoy).unwrap();
    let shown = |failure: gwauthz_host::scenario::Failure| {
        (failure.what, failure.expected, failure.found, text[failure.range].to_owned())
    };
    scenario.check(&observed).into_iter().map(shown).collect()
}

#[test]
fn what_holds_is_not_found() {
    let holds = "decision: allow, status: 201, headers: {x-a: [b, c]}, headersContain: {x-a: c}, headersAbsent: [x-b],
        bodyContains: ['{'], json: {a: {b: [1]}}, trailers: {x-t: u}, ending: served, details: '',
        upstream: {path: /x, headers: {x-q: r}, headersAbsent: [x-b], body: ''},
        callouts: [{cluster: authz, method: POST, host: authz.local, path: '/authorize?a=b', headersAbsent: [x-q], body: ''}],
        logsContain: [h, r], logsLack: [b], within: 0s";
    assert_eq!(failures(holds), []);
}

#[test]
fn what_does_not_hold_is_found_at_its_place() {
    for (expect, expected, found, at) in [
        ("decision: deny", "deny", "allow with 201", "deny"),
        ("status: 200", "200", "201", "200"),
        ("headers: {x-a: b}", "b", "b | c", "b"),
        ("headersContain: {x-a: d}", "a value with d", "b | c", "d"),
        ("headersAbsent: [X-A]", "absent", "b | c", "X-A"),
        ("body: x", "x", "{\"a\":{\"b\":[1]},\"c\":\"d\"}", "x"),
        ("json: {a: {b: [2]}}", "[2]", "[1]", "b"),
        ("json: {e: f}", "\"f\"", "absent", "f"),
        ("trailers: {x-t: v}", "v", "u", "v"),
        ("ending: hung", "hung", "served", "hung"),
        ("details: d", "d", "", "d"),
        ("upstream: {path: /y}", "/y", "/x", "/y"),
        ("upstream: {headersAbsent: [x-q]}", "absent", "r", "x-q"),
        ("callouts: []", "none", "POST authz.local/authorize?a=b on authz", "["),
        ("callouts: [{path: /other}]", "/other", "/authorize?a=b", "/other"),
        ("logsContain: [b]", "a line with b", "h\u{2423}r", "b"),
        ("logsLack: [r]", "no line with r", "r", "r"),
    ] {
        let all = failures(expect);
        let [(_, wanted, seen, place)] = all.as_slice() else { panic!("{expect}: {all:?}") };
        let seen = seen.replace('\n', "\u{2423}");
        assert_eq!((wanted.as_str(), seen.as_str(), place.as_str()), (expected, found, at), "{expect}");
    }
}

#[test]
fn a_token_in_the_log_is_always_found_and_never_shown() {
    let text = "name: leaks
plugin: {}
services: [{cluster: authz, answer: {reply: {status: 200}}}]
steps:
  - request: {token: {}}
";
    let (observed, timeline) = record(&read(text), b"{\"a\":1}", &GUEST, Profile::Envoy).unwrap();
    let failures = read(text).check(&observed);
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert_eq!(failures[0].what, "token 1 in the log");
    let token = &observed.tokens[0];
    let all = format!("{failures:?}{timeline}");
    let (_, signature) = token.rsplit_once('.').unwrap();
    assert!(!all.contains(signature), "{all}");
}

#[test]
fn a_timeline_tells_all_in_its_order() {
    let text = "name: a
plugin: {}
services: [{cluster: authz, answer: {reply: {status: 200, delay: 20ms}}}]
upstream: {status: 200, delay: 5ms}
steps:
  - request: {path: /a, headers: {authorization: Basic dXNlcjpwYXNz}}
  - wait: 1s
  - request: {body: abc}
";
    let (observed, timeline) = record(&read(text), b"{\"a\":1}", &GUEST, Profile::Envoy).unwrap();
    assert_eq!(observed.requests, run(&read(text), b"{\"a\":1}", &GUEST, Profile::Envoy).unwrap().requests);
    insta::assert_snapshot!(timeline.to_string());
}

/// A guest that counts requests, sets the key `seen` with the number that it has read, traps on a body, and lets pass.
static COUNTER: LazyLock<Module> = LazyLock::new(|| {
    let module = r#"(module
        (import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
        (import "env" "proxy_increment_metric" (func $increment (param i32 i64) (result i32)))
        (import "env" "proxy_get_shared_data" (func $get (param i32 i32 i32 i32 i32) (result i32)))
        (import "env" "proxy_set_shared_data" (func $set (param i32 i32 i32 i32 i32) (result i32)))
        (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 64) "requests") (data (i32.const 80) "seen") (data (i32.const 96) "ours") (data (i32.const 112) "lost")
        (func (export "proxy_abi_version_0_2_1"))
        (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 16384)
        (func (export "proxy_on_configure") (param i32 i32) (result i32)
            (drop (call $define (i32.const 0) (i32.const 64) (i32.const 8) (i32.const 32)))
            (i32.ne (local.get 1) (i32.const 2)))
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (drop (call $increment (i32.load (i32.const 32)) (i64.const 1)))
            (drop (call $get (i32.const 80) (i32.const 4) (i32.const 36) (i32.const 40) (i32.const 44)))
            (if (call $set (i32.const 80) (i32.const 4) (i32.const 96) (i32.const 4) (i32.load (i32.const 44)))
                (then (drop (call $log (i32.const 2) (i32.const 112) (i32.const 4)))))
            (i32.const 0))
        (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) unreachable))"#;
    Compiler::new(None).unwrap().compile(&wat::parse_str(module).unwrap()).unwrap()
});

/// What does not hold of a scenario with the counter.
fn counted(text: &str) -> Vec<(String, String, String)> {
    let scenario = read(text);
    let observed = run(&scenario, b"{\"a\":1}", &COUNTER, Profile::Envoy).unwrap();
    let failures = scenario.check(&observed);
    failures.into_iter().map(|failure| (failure.what, failure.expected, failure.found)).collect()
}

#[test]
fn metrics_and_shared_data_are_seen_at_each_moment() {
    let text = "name: a
plugin: {}
gateway: {workers: 2, sharedData: {seen: theirs, other: kept}}
steps:
  - expect: {metrics: {requests: 0}, sharedData: {seen: theirs, none: null}}
  - request: {}
  - request: {worker: 1, times: 2}
expect: {metrics: {requests: 3}, sharedData: {seen: ours, other: kept}, logsLack: [lost]}
";
    assert_eq!(counted(text), []);
    let wrong = "name: a
plugin: {}
steps: [{request: {}}]
expect: {metrics: {requests: 2, none: 0}, sharedData: {seen: null, none: a}}
";
    let failure = |what: &str, expected: &str, found: &str| (what.to_owned(), expected.to_owned(), found.to_owned());
    assert_eq!(
        counted(wrong),
        [
            failure("metric none", "0", "no such metric"),
            failure("metric requests", "2", "1"),
            failure("shared data none", "a", "absent"),
            failure("shared data seen", "absent", "ours"),
        ]
    );
}

#[test]
fn a_race_for_shared_data_can_be_lost() {
    let text = "name: a
plugin: {}
gateway: {sharedData: {seen: theirs}, sharedDataRaces: [{key: seen, value: faster, beforeWrite: 2}]}
steps:
  - request: {expect: {logsLack: [lost]}}
  - expect: {sharedData: {seen: ours}}
  - request: {expect: {logsContain: [lost]}}
expect: {sharedData: {seen: faster}}
";
    assert_eq!(counted(text), []);
}

#[test]
fn an_update_is_accepted_or_refused() {
    let text = "name: a
plugin: {}
steps:
  - update: {config: {}, expect: refused}
  - request: {expect: {decision: allow}}
  - update: {config: {b: 2}}
  - request: {expect: {decision: allow}}
expect: {metrics: {requests: 2}}
";
    assert_eq!(counted(text), []);
    let failures = counted("name: a\nplugin: {}\nsteps: [{update: {config: {}}}]\n");
    assert_eq!(failures, [("the update".to_owned(), "accepted".to_owned(), "refused".to_owned())]);
}

#[test]
fn a_plugin_that_traps_fails_as_the_scenario_says() {
    let with = |strategy: &str, status: u16| {
        format!(
            "name: a
plugin: {{failStrategy: {strategy}}}
steps:
  - request: {{body: a, expect: {{status: 503, ending: trapped}}}}
  - request: {{expect: {{status: {status}}}}}
  - wait: 10s
  - request: {{expect: {{status: {}}}}}
",
            if strategy == "close" { 503 } else { 200 }
        )
    };
    assert_eq!(counted(&with("close", 503)), []);
    assert_eq!(counted(&with("open", 200)), []);
    assert_eq!(counted(&with("reload", 503)), []);
}
