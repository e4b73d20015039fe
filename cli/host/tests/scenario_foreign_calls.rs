//! Foreign functions that a plugin calls in a scenario: what is found wrong with the calls, and how they are told.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::sync::LazyLock;

use gwauthz_host::{
    Compiler, Module, Profile,
    scenario::{Failure, Scenario, record, run},
};

/// A guest that calls `warm` when it is configured, `sign` with two bytes for each request, and `lost` before it traps on a
/// body.
static GUEST: LazyLock<Module> = LazyLock::new(|| {
    let module = r#"(module
        (import "env" "proxy_call_foreign_function" (func $foreign (param i32 i32 i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 100) "warm") (data (i32.const 110) "sign") (data (i32.const 120) "lost") (data (i32.const 130) "a\ff")
        (func (export "proxy_abi_version_0_2_1"))
        (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 4096)
        (func $call (param $name i32) (param $size i32)
            (drop (call $foreign (local.get $name) (i32.const 4) (i32.const 130) (local.get $size) (i32.const 0) (i32.const 0))))
        (func (export "proxy_on_configure") (param i32 i32) (result i32)
            (call $call (i32.const 100) (i32.const 0)) (i32.const 1))
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            ;; What cannot be read is not called.
            (drop (call $foreign (i32.const -1) (i32.const 4) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
            (call $call (i32.const 110) (i32.const 2)) (i32.const 0))
        (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
            (call $call (i32.const 120) (i32.const 1)) unreachable))"#;
    Compiler::new(None).unwrap().compile(&wat::parse_str(module).unwrap()).unwrap()
});

fn scenario(first: &str, so_far: &str) -> Scenario {
    let text = format!(
        "name: a
plugin: {{}}
gateway: {{workers: 2, startup: workers, foreignFunctions: {{sign: {{results: signed}}}}}}
steps:
  - request: {{expect: {{foreignCalls: {first}}}}}
  - expect: {{foreignCalls: {so_far}}}
  - request: {{worker: 1, body: a, expect: {{foreignCalls: [{{name: sign}}, {{name: lost, arguments: a}}]}}}}
expect: {{foreignCalls: [{{name: warm}}, {{name: warm}}, {{name: sign}}, {{name: sign}}, {{name: lost}}]}}
"
    );
    Scenario::read(&text).unwrap_or_else(|error| panic!("{error}: {}", &text[error.range.clone()]))
}

const FIRST: &str = "[{name: sign, base64: Yf8=}]";
const SO_FAR: &str = "[{name: warm, arguments: ''}, {}, {name: sign}]";

#[test]
fn calls_are_compared_request_by_request_and_in_all() {
    let failures = |first, so_far| -> Vec<_> {
        let scenario = scenario(first, so_far);
        let observed = run(&scenario, b"{}", &GUEST, Profile::Envoy).unwrap();
        let shown = |Failure { expected, found, place, .. }: Failure| (expected, found, place.to_string());
        scenario.check(&observed).into_iter().map(shown).collect()
    };
    assert_eq!(failures(FIRST, SO_FAR), []);
    let of_request = "steps[0].request.expect.foreignCalls";
    let of_state = "steps[1].expect.foreignCalls";
    for (first, so_far, expected, found, place) in [
        ("[]", SO_FAR, "none", "sign(a\\xff)", of_request.to_owned()),
        ("[{name: verify}]", SO_FAR, "verify", "sign", format!("{of_request}[0].name")),
        ("[{arguments: a}]", SO_FAR, "a", "a\\xff", format!("{of_request}[0].arguments")),
        ("[{base64: YQ==}]", SO_FAR, "a", "a\\xff", format!("{of_request}[0].base64")),
        (FIRST, "[{name: sign}]", "1", "warm()\nwarm()\nsign(a\\xff)", of_state.to_owned()),
        (FIRST, "[{}, {}, {name: warm}]", "warm", "sign", format!("{of_state}[2].name")),
    ] {
        assert_eq!(failures(first, so_far), [(expected.to_owned(), found.to_owned(), place)], "{first} {so_far}");
    }
}

#[test]
fn a_timeline_tells_calls_with_what_they_are_given() {
    let (_, timeline) = record(&scenario(FIRST, SO_FAR), b"{}", &GUEST, Profile::Envoy).unwrap();
    let told: Vec<_> =
        timeline.events.iter().map(|event| event.text.as_str()).filter(|text| text.contains("foreign")).collect();
    assert_eq!(
        told,
        [
            "call_foreign_function warm() → not found",
            "call_foreign_function warm() → not found",
            "call_foreign_function(4294967295, 4, 0, 0, 0, 0) → invalid memory access",
            "call_foreign_function sign(a\\xff) → ok",
            "call_foreign_function(4294967295, 4, 0, 0, 0, 0) → invalid memory access",
            "call_foreign_function sign(a\\xff) → ok",
            "call_foreign_function lost(a) → not found",
        ]
    );
}
