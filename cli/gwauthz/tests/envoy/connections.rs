//! Scenarios with TCP connections on a real Envoy and on the embedded gateway.

use std::{fs, path::Path};

use tempfile::TempDir;

use crate::{
    scenarios::{Bench, Ran},
    traces::guests,
};

const GUEST: &str = include_str!("connections.wat");

const SCENARIOS: [&str; 9] = [
    "
name: Both sides speak, and end in either order
plugin: {}
steps:
  - connection:
      client: [send: 'one ', receive: two, wait: 100ms, sendBase64: /w==, awaitEnd]
      upstream: [send: ciao, receive: one, wait: 5ms, send: ' two', receiveBase64: /w==, end, awaitEnd]
      expect:
        ending: ended
        client: {text: ciao two, ended: true}
        upstream: {base64: b25lIP8=, ended: true}
        logsContain: [new connection, ciao]
        callouts: []
        within: 200ms
  - connection: {client: [send: bye], expect: {ending: ended, client: {text: '', ended: true}, upstream: {text: bye}}}
  - connection:
      client: [send: a, send: b, end, receive: cd, awaitEnd]
      upstream: [awaitEnd, send: c, send: d]
      expect: {client: {text: cd, ended: true}, upstream: {text: ab, ended: true}}
  - connection: {upstream: [end, awaitEnd], client: [awaitEnd, send: late], expect: {upstream: {text: late}}}
  - connection: {upstream: [end], client: [end], expect: {ending: ended}}
  - connection: {client: [send: a, receive: b], upstream: [receive: a, send: b, awaitEnd], times: 3}
  - connection: {client: [send: a, receive: b], upstream: [receive: a, wait: 100ms, send: b], background: true, times: 3}
  - connection: {client: [send: c, receive: d], upstream: [receive: c, send: d], expect: {client: {text: d}}}
  - expect: {metrics: {connections: 12}, callouts: {}, logsContain: [configured with 2]}
",
    "
name: One side resets
plugin: {}
steps:
  - connection: {client: [send: a, receive: b, reset], upstream: [receive: a, send: b, awaitEnd], expect: {ending: reset}}
  - connection:
      client: [send: a, awaitEnd]
      upstream: [receive: a, send: b, reset]
      expect: {ending: reset, client: {text: b, ended: false}}
  - connection: {client: [end, awaitEnd], upstream: [awaitEnd, reset], expect: {ending: reset, upstream: {ended: true}}}
  - connection: {client: [awaitEnd, reset], upstream: [end, awaitEnd], expect: {ending: reset, client: {ended: true}}}
  - connection: {client: [wait: 50ms, reset], expect: {ending: reset}}
  - connection: {client: [awaitEnd], upstream: [reset], expect: {ending: reset, client: {text: '', ended: false}}}
",
    "
name: The plugin closes the connection
plugin: {}
steps:
  - connection: {client: [send: x, awaitEnd], expect: {ending: closed, client: {text: '', ended: false}, upstream: {text: ''}}}
  - connection: {client: [send: y, awaitEnd], expect: {ending: closed, upstream: {text: '', ended: false}}}
  - connection: {client: [awaitEnd], upstream: [send: x, awaitEnd], expect: {ending: closed, client: {text: ''}}}
  - connection: {client: [awaitEnd], upstream: [send: y, awaitEnd], expect: {ending: closed, client: {text: ''}}}
  - connection: {client: [send: a, end, awaitEnd], upstream: [awaitEnd, send: x], expect: {ending: closed}}
  - connection: {client: [awaitEnd, send: x], upstream: [end, awaitEnd], expect: {ending: closed}}
",
    "
name: What is held reaches nobody
plugin: {}
steps:
  - connection: {client: [send: h, awaitEnd], upstream: [awaitEnd], expect: {ending: held, upstream: {text: '', ended: false}}}
  - connection: {client: [awaitEnd], upstream: [send: h, end, awaitEnd], expect: {ending: held, client: {text: ''}}}
  - connection: {client: [send: ha, end, awaitEnd], upstream: [wait: 200ms], expect: {upstream: {text: ''}}}
  - connection: {client: [send: ha, send: b, end], upstream: [wait: 300ms, send: c, awaitEnd]}
  - connection: {client: [wait: 300ms, send: c, end], upstream: [send: ha, send: b, end, awaitEnd]}
  - connection: {client: [awaitEnd], expect: {ending: held}}
  - connection: {client: [send: ha, reset], upstream: [awaitEnd], expect: {ending: reset, upstream: {text: ''}}}
",
    "
name: The plugin asks before it lets on
plugin: {}
services: [{cluster: authz, answer: {reply: {status: 200, delay: 200ms}}}]
steps:
  - connection:
      client: [send: a, receive: b]
      upstream: [receive: a, send: b]
      expect: {ending: ended, callouts: [{cluster: authz, path: /, host: h}], client: {text: b}}
  - connection:
      client: [send: a, send: b, end, awaitEnd]
      upstream: [send: ciao, awaitEnd]
      expect: {client: {text: ciao}, upstream: {text: ab}}
  - connection:
      client: [send: a, receive: d, send: q, send: c]
      upstream: [receive: a, send: d, receive: qc, awaitEnd]
      expect: {ending: ended, upstream: {text: aqc}, callouts: [{}, {}, {}, {}]}
  - connection: {client: [wait: 60ms, reset], expect: {ending: reset}}
  - connection: {client: [send: a, reset], expect: {ending: reset, upstream: {text: ''}, logsContain: [a]}}
  - expect: {callouts: {authz: 8}}
",
    "
name: Who is asked does not let on
plugin: {}
services:
  - {cluster: authz, times: 1, answer: {reply: {status: 403, body: no}}}
  - {cluster: authz, times: 1, answer: timeout}
  - {cluster: authz, times: 1, answer: resetMidway}
  - {cluster: authz, answer: {reply: {status: 200}}}
steps:
  - connection: {client: [send: a, awaitEnd], expect: {ending: held, client: {text: '', ended: false}, upstream: {text: ''}}}
  - connection: {client: [send: a, awaitEnd], expect: {ending: held, callouts: [{cluster: authz}]}}
  - connection: {client: [send: a, awaitEnd], expect: {ending: closed, upstream: {text: '', ended: false}}}
  - connection: {client: [send: a], expect: {ending: ended}}
",
    "
name: Nobody is there to be asked
plugin: {}
services: [{cluster: authz, answer: refused}]
steps:
  - connection: {client: [send: a, awaitEnd], expect: {ending: held, upstream: {text: ''}}}
  - expect: {callouts: {authz: 1}}
",
    "
name: A first configuration is refused, and then there is one
plugin: {config: too long to take, expect: refused}
steps:
  - connection: {client: [send: a, awaitEnd], expect: {ending: closed, client: {text: ''}, upstream: {text: ''}}}
  - request: {expect: {status: 500}}
  - update: {config: {}}
  - connection: {client: [send: a], expect: {ending: ended, upstream: {text: a}}}
  - request: {expect: {status: 200}}
",
    "
name: Connections outlive the configuration that they began with
plugin: {config: {}}
gateway: {workers: 2}
steps:
  - connection: {client: [send: a, wait: 800ms, send: b], background: true, expect: {ending: ended, upstream: {text: ab}}}
  - wait: 200ms
  - update: {config: one}
  - expect: {logsContain: [configured with 5]}
  - update: {config: too long to take, expect: refused}
  - connection: {client: [send: c], expect: {upstream: {text: c}}}
  - request: {body: some, expect: {status: 200}}
",
];

const FOR_GUESTS: &str = "
name: What a guest does
plugin: {}
steps:
  - connection: {client: [send: one, wait: 300ms, send: two, wait: 300ms], upstream: [receive: o, send: three, awaitEnd]}
  - connection: {client: [send: one, wait: 300ms], upstream: [send: two, wait: 300ms, send: three]}
  - connection: {client: [awaitEnd], upstream: [send: four, wait: 300ms, send: five]}
  - connection: {client: [send: one, wait: 300ms, reset], upstream: [awaitEnd]}
  - connection: {client: [send: one, wait: 300ms], upstream: [wait: 200ms, reset]}
  - connection: {client: [end, awaitEnd]}
";

/// The same steps for each strategy: what becomes of connections at once behind a trap, and of later ones.
const STRATEGIES: [(&str, &str, &str); 3] =
    [("close", "trapped", "trapped"), ("open", "ended", "ended"), ("reload", "trapped", "closed")];

#[test]
#[ignore = "needs Envoy: run `cargo xtask test`"]
fn envoy_and_the_embedded_gateway_agree_on_connections() {
    let traps = STRATEGIES.map(|(strategy, at_once, later)| {
        format!(
            "
name: The plugin traps, and is to fail {strategy}
plugin: {{failStrategy: {strategy}}}
steps:
  - connection: {{client: [send: a], expect: {{ending: ended}}}}
  - connection: {{client: [send: a, wait: 900ms, send: b], background: true}}
  - wait: 200ms
  - connection: {{client: [send: t, awaitEnd], expect: {{ending: trapped, upstream: {{text: '', ended: false}}}}}}
  - connection: {{client: [send: a], expect: {{ending: {at_once}}}}}
  - wait: 1700ms
  - connection: {{client: [send: x], times: 2, expect: {{ending: {later}}}}}
"
        )
    });
    let scenarios: Vec<_> = SCENARIOS.into_iter().chain(traps.iter().map(String::as_str)).collect();
    let folder = TempDir::new().expect("a temporary folder");
    let surprises = surprises(&folder.path().join("connections.wasm"), GUEST, &scenarios);
    assert!(surprises.is_empty(), "{}", surprises.join("\n\n"));
}

/// Guests that change, hold and close, each from callbacks of every kind.
#[test]
#[ignore = "needs Envoy: run `cargo xtask test`"]
fn envoy_and_the_embedded_gateway_agree_on_guests_connections() {
    let folder = TempDir::new().expect("a temporary folder");
    let guests = guests("tcp").into_iter();
    let surprises: Vec<_> = guests
        .flat_map(|(name, guest)| {
            let found = surprises(&folder.path().join(&name), &guest, &[FOR_GUESTS]).into_iter();
            found.map(move |surprise| format!("{name}: {surprise}"))
        })
        .collect();
    assert!(surprises.is_empty(), "{}", surprises.join("\n\n"));
}

/// What a guest does otherwise than expected, or otherwise on Envoy than on the embedded gateway.
fn surprises(file: &Path, guest: &str, scenarios: &[&str]) -> Vec<String> {
    fs::write(file, wat::parse_str(guest).expect("a guest")).expect("write the guest");
    let bench = Bench::new(file);
    let found = |text: &&str| match bench.run(text) {
        Ran::VirtualOnly => vec![format!("virtual-only: {text}")],
        Ran::OnBoth(found, _) => found,
    };
    scenarios.iter().flat_map(found).collect()
}
