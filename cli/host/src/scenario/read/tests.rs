use std::fmt::Write as _;

use proptest::prelude::*;

use super::{MAX_SCENARIO_BYTES, Scenario};

/// The message, the help, and the text that is pointed at.
fn wrong(text: &str) -> (String, String, String) {
    let error = Scenario::read(text).expect_err(text);
    (error.message, error.help, text.get(error.range).unwrap().to_owned())
}

/// A scenario with these lines, as the only step's request.
fn request(lines: &str) -> String {
    format!(
        "name: a\nplugin: {{}}\nservices: [{{cluster: authz, answer: timeout}}]\nsteps:\n  - request: {{{lines}}}\n"
    )
}

/// A scenario with these lines, as the only step's connection.
fn connection(lines: &str) -> String {
    format!("name: a\nplugin: {{}}\nsteps:\n  - connection: {{{lines}}}\n")
}

/// A scenario with a gRPC service.
fn grpc(service: &str) -> String {
    format!("name: a\nplugin: {{}}\ngrpcServices: [{{cluster: a, {service}}}]\nsteps: []\n")
}

#[test]
fn what_no_scenario_has_is_pointed_at() {
    let cases = [
        ("name: a\nplugin: {confg: 1}\nsteps: []\n", "no key `confg`", "did you mean `config`?", "confg"),
        ("name: a\nplugin: {}\n", "`steps` is missing", "add `steps: …`", "plugin"),
        ("name: a\nname: b\nplugin: {}\nsteps: []\n", "`name` stands here twice", "keep one", "name"),
        ("name: [a]\nplugin: {}\nsteps: []\n", "expected a text", "", "["),
        ("name: a\nplugin: {}\nsteps: 5\n", "expected a list", "", "5"),
        ("name: a\nplugin: {}\nsteps: [{wait: soon}]\n", "no span of time", "`5s`", "soon"),
        (
            "name: a\nplugin: {}\nsteps: [{pause: 5s}]\n",
            "`pause` is none of",
            "expected one of request, connection",
            "pause",
        ),
        (&connection("client: [recieve: a]"), "`recieve` is none of", "did you mean `receive`?", "recieve"),
        (&connection("expect: {ending: close}"), "`close` is none of", "did you mean `closed`?", "close"),
        ("name: a\nplugin: {}\nsteps: [{wait: 5s, expect: {}}]\n", "a second key", "begin a new item", "expect"),
        (
            "name: a\nplugin: {}\ngateway: {faults: {trap: {callback: on_request_header}}}\nsteps: []\n",
            "`on_request_header` is none of",
            "did you mean `on_request_headers`?",
            "callback",
        ),
        ("name: a\nplugin: {}\nsteps: []\n---\nname: b\n", "a second document", "a file of its own", ""),
        (
            "name: a\nplugin: {}\nservices: [{cluster: a, answer: {reply: {status: 200, json: {at: {$unixTime: 5}}}}}]\n\
             steps: []\n",
            "this is no time",
            "`{$unixTime: -5s}`",
            "5",
        ),
        (
            "name: a\nplugin: {}\nupstream: {status: 200, json: [{$unixTime: 0s}]}\nsteps: []\n",
            "the upstream does not tell the time",
            "write the number",
            "0s",
        ),
        ("name: a: b\nplugin: {}\nsteps: []\n", "mapping values are not allowed", "", ": b"),
        ("name: 'a\n", "", "", ""),
        ("", "", "", ""),
    ];
    for (text, message, help, at) in cases {
        let found = wrong(text);
        assert!(found.0.contains(message), "{text:?}: {found:?}");
        assert!(found.1.contains(help), "{text:?}: {found:?}");
        assert!(found.2.starts_with(at) || (!found.2.is_empty() && at.starts_with(&found.2)), "{text:?}: {found:?}");
    }
}

#[test]
fn header_values_are_text() {
    let found = wrong(&request("headers: {a: true}"));
    assert_eq!(found.1, "put the value into quotes where it is meant as text");
    assert_eq!(found.2, "a", "the key whose value it is");
    Scenario::read(&request("headers: {a: yes, b: off, c: 3, d: [e, f]}")).unwrap();
}

#[test]
fn what_cannot_be_is_pointed_at() {
    let of_request = [
        ("body: a, chunks: [{text: b}]", "chunks"),
        ("chunks: [{text: b, after: -1s}]", "-1s"),
        ("method: 'G T'", "'G T'"),
        ("path: '/a b'", "'/a b'"),
        ("headers: {'a b': c}", "c"),
        ("headers: {Host: c}", "c"),
        ("headers: {a: [b, \"c\\nd\"]}", "\"c\\nd\""),
        ("worker: 1", "1"),
        ("times: 0", "0"),
        ("times: 100000", "100000"),
        ("expect: {decision: deny, upstream: {path: /}}", "upstream"),
        ("expect: {decision: deny, ending: served}", "served"),
        ("expect: {status: 99}", "99"),
        ("expect: {body: a, json: {}}", "{"),
        ("expect: {body: a, bodyContains: [b]}", "b"),
        ("expect: {headers: {a: b}, headersAbsent: [A]}", "A"),
        ("expect: {logsContain: [abc], logsLack: [b]}", "b"),
        ("expect: {callouts: [{cluster: other}]}", "other"),
        ("expect: {grpcCallouts: [{cluster: authz}]}", "authz"),
        ("expect: {grpcCallouts: [{base64: YQ}]}", "YQ"),
        ("expect: {grpcCallouts: [{message: a, messages: [{}]}]}", "messages"),
        ("expect: {grpcCallouts: [{messages: [{}, {base64: YQ}]}]}", "YQ"),
        ("expect: {grpcCallouts: [{metadata: {a: b}, metadataAbsent: [A]}]}", "A"),
        ("expect: {foreignCalls: [{name: a}, {arguments: a, base64: YQ==}]}", "YQ=="),
        ("expect: {within: -1s}", "-1s"),
    ];
    for (lines, at) in of_request {
        assert_eq!(wrong(&request(lines)).2, at, "{lines}");
    }
    let of_connection = [
        ("client: [reset, send: a]", "a"),
        ("client: [end, receive: a, sendBase64: YQ==]", "YQ=="),
        ("upstream: [end, end]", "end"),
        ("client: [receive: '']", "''"),
        ("client: [receiveBase64: a]", "a"),
        ("upstream: [wait: -1s]", "-1s"),
        ("worker: 1", "1"),
        ("times: 0", "0"),
        ("expect: {ending: reset}", "reset"),
        ("expect: {client: {text: a, base64: YQ==}}", "YQ=="),
        ("expect: {upstream: {text: ab, contains: [a, c]}}", "c"),
        ("expect: {callouts: [{cluster: other}]}", "other"),
        ("expect: {logsContain: [abc], logsLack: [b]}", "b"),
        ("expect: {within: -1s}", "-1s"),
    ];
    for (lines, at) in of_connection {
        assert_eq!(wrong(&connection(lines)).2, at, "{lines}");
    }
    let of_scenario = [
        ("name: ' '\nplugin: {}\nsteps: []\n", "' '"),
        ("name: a\nplugin: {config: {}, manifest: {file: a}}\nsteps: []\n", "manifest"),
        ("name: a\nplugin: {}\ngateway: {workers: 0}\nsteps: []\n", "0"),
        ("name: a\nplugin: {}\ngateway: {startsAt: '1969-12-31T00:00:00Z'}\nsteps: []\n", "'1969-12-31T00:00:00Z'"),
        ("name: a\nplugin: {}\ngateway: {properties: {a..b: c}}\nsteps: []\n", "c"),
        ("name: a\nplugin: {}\ngateway: {properties: {a: null}}\nsteps: []\n", "null"),
        ("name: a\nplugin: {}\ngateway: {properties: {a: 9223372036854775808}}\nsteps: []\n", "9223372036854775808"),
        ("name: a\nplugin: {}\ngateway: {foreignFunctions: {a: {base64: '#'}}}\nsteps: []\n", "'#'"),
        ("name: a\nplugin: {}\ngateway: {foreignFunctions: {a: {results: b, base64: YQ==}}}\nsteps: []\n", "YQ=="),
        ("name: a\nplugin: {}\ngateway: {faults: {memoryBytes: 0}}\nsteps: []\n", "0"),
        ("name: a\nplugin: {}\ngateway: {faults: {deadline: 9ms}}\nsteps: []\n", "9ms"),
        ("name: a\nplugin: {}\ngateway: {faults: {trap: {callback: on_tick, call: 0}}}\nsteps: []\n", "0"),
        ("name: a\nplugin: {}\ngateway: {faults: {refusal: {function: log, call: 0}}}\nsteps: []\n", "0"),
        ("name: a\nplugin: {}\ngateway: {faults: {refusal: {function: proxy_log}}}\nsteps: []\n", "proxy_log"),
        ("name: a\nplugin: {}\nservices: [{cluster: '', answer: timeout}]\nsteps: []\n", "''"),
        ("name: a\nplugin: {}\nservices: [{cluster: a, path: 'b', answer: timeout}]\nsteps: []\n", "'b'"),
        (&grpc("service: a/b, answer: timeout"), "a/b"),
        (&grpc("answer: {reply: {base64: '#'}}"), "'#'"),
        (&grpc("answer: {reply: {base64: YQ==, message: a}}"), "YQ=="),
        (&grpc("answer: {reply: {metadata: {grpc-status: b}}}"), "b"),
        (&grpc("answer: {fail: {code: 0}}"), "0"),
        (&grpc("answer: {fail: {code: 17}}"), "17"),
        (&grpc("answer: {fail: {code: 1, delay: -1s}}"), "-1s"),
        (&grpc("times: 2, answer: {stream: {}}"), "2"),
        (&grpc("answer: {stream: {metadata: {grpc-status: b}}}"), "b"),
        (&grpc("answer: {stream: {messages: [{}, {base64: '#'}]}}"), "'#'"),
        (&grpc("answer: {stream: {messages: [{delay: -1s}]}}"), "-1s"),
        (&grpc("answer: {stream: {close: {code: 17}}}"), "17"),
        ("name: a\nplugin: {}\nupstream: {status: 100}\nsteps: []\n", "100"),
        ("name: a\nplugin: {}\nupstream: {status: 204, body: a}\nsteps: []\n", "a"),
        ("name: a\nplugin: {}\nupstream: {status: 200, body: a, json: b}\nsteps: []\n", "b"),
        ("name: a\nplugin: {}\nupstream: {status: 200, delay: -5ms}\nsteps: []\n", "-5ms"),
        ("name: a\nplugin: {}\nsteps: [{wait: -1s}]\n", "-1s"),
        ("name: a\nplugin: {}\nsteps: [{expect: {foreignCalls: [{base64: '#'}]}}]\n", "'#'"),
    ];
    for (text, at) in of_scenario {
        assert_eq!(wrong(text).2, at, "{text}");
    }
}

#[test]
fn a_message_is_a_line_whatever_it_names() {
    let (message, ..) = wrong("name: a\nplugin: {}\ngateway: {properties: {\"[\\na\": b}}\nsteps: []\n");
    assert!(message.contains("is no path of a property") && !message.contains('\n'), "{message:?}");
}

#[test]
fn bombs_are_refused() {
    let mut bomb = "name: a\nplugin: {config: {a0: &a0 [x, x, x, x, x, x, x, x, x, x]".to_owned();
    for level in 1..9 {
        let item = format!("*a{}", level - 1);
        write!(bomb, ", a{level}: &a{level} [{}]", vec![item; 10].join(", ")).unwrap();
    }
    bomb += "}}\nsteps: []\n";
    assert!(wrong(&bomb).0.contains("too deep, or its aliases"), "{:?}", wrong(&bomb));
    let deep = format!("name: a\nplugin: {{config: {}{}}}\nsteps: []\n", "[".repeat(500), "]".repeat(500));
    assert!(wrong(&deep).0.contains("too deep"), "{:?}", wrong(&deep));
    assert!(wrong(&" ".repeat(MAX_SCENARIO_BYTES + 1)).1.contains("at most 1048576 bytes"));
}

/// Every key that there is.
const EVERYTHING: &str = include_str!("../../../fuzz/corpus/scenario/all.yaml");

#[test]
fn every_key_is_read() {
    Scenario::read(EVERYTHING).unwrap();
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_at_a_place_within(start in 0..EVERYTHING.len(), length in 0..40usize, put in "[ a-z0-9:{}&*\\[\\]'\"\n-]{0,12}") {
        let start = EVERYTHING.floor_char_boundary(start);
        let end = EVERYTHING.floor_char_boundary(start + length);
        let text = [EVERYTHING.get(..start).unwrap(), &put, EVERYTHING.get(end.max(start)..).unwrap()].concat();
        if let Err(error) = Scenario::read(&text) {
            prop_assert!(text.get(error.range.clone()).is_some(), "{error:?}");
            prop_assert!(!error.message.is_empty() && !error.message.contains('\n'), "{error:?}");
        }
    }
}
