//! What a scenario says of the gateway around a plugin reaches it: faults, which VMs it makes, properties, foreign functions.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test ends where something is wrong")]

use gwauthz_host::{
    Compiler, Ending, Module, Profile,
    scenario::{Observed, Scenario, run},
};

/// A guest with these functions; `$say` logs a byte: 0 is written as `0`, and so on.
fn guest(functions: &str) -> Module {
    let module = format!(
        r#"(module
            (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
            (import "env" "proxy_get_header_map_value" (func $header (param i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_get_property" (func $property (param i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_call_foreign_function" (func $foreign (param i32 i32 i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (data (i32.const 100) ":path") (data (i32.const 120) "xds\00node\00id") (data (i32.const 140) "a\00b.c")
            (data (i32.const 160) "sign") (data (i32.const 170) "verify")
            (func (export "proxy_abi_version_0_2_1"))
            (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 4096)
            (func $say (param i32)
                (i32.store8 (i32.const 8) (i32.add (i32.const 48) (local.get 0)))
                (drop (call $log (i32.const 2) (i32.const 8) (i32.const 1))))
            {functions})"#
    );
    Compiler::new(None).unwrap().compile(&wat::parse_str(module).unwrap()).unwrap()
}

/// What was seen of two requests, one behind the other, with this `gateway`.
fn observe(gateway: &str, functions: &str) -> Observed {
    let text = format!("name: a\nplugin: {{}}\ngateway: {{{gateway}}}\nsteps: [{{request: {{times: 2}}}}]\n");
    let scenario = Scenario::read(&text).unwrap_or_else(|error| panic!("{error}: {}", error.help));
    run(&scenario, b"{}", &guest(functions), Profile::Envoy).unwrap()
}

/// What was logged, in one line.
fn said(gateway: &str, functions: &str) -> String {
    observe(gateway, functions).logs.iter().map(|line| line.message.as_str()).collect()
}

/// Asks for the request's path, and for more memory.
const ASKS: &str = r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (call $say (call $header (i32.const 0) (i32.const 100) (i32.const 5) (i32.const 0) (i32.const 4)))
    (call $say (memory.grow (i32.const 1)))
    (i32.const 0))"#;

#[test]
fn memory_and_allocations_run_out() {
    for (faults, expected) in [
        ("", "0102"),
        ("allocations: 1", "0162"),
        ("memoryBytes: 131072", "010/"),
        ("memoryBytes: 131072, allocations: 0", "616/"),
    ] {
        assert_eq!(said(&format!("faults: {{{faults}}}"), ASKS), expected, "{faults}");
    }
    assert!(!observe("faults: {memoryBytes: 65535}", ASKS).started, "the module begins with more");
}

#[test]
fn a_callback_traps_when_a_scenario_says_so() {
    let endings = |trap: &str| -> Vec<bool> {
        let observed = observe(&format!("faults: {{trap: {trap}}}"), ASKS);
        let requests = observed.requests[0].iter();
        requests.map(|exchange| matches!(exchange.ending, Some(Ending::Trapped(_)))).collect()
    };
    assert_eq!(endings("{callback: on_request_headers, call: 2}"), [false, true]);
    assert!(endings("{callback: proxy_on_request_headers}")[0]);
    assert_eq!(endings("{callback: on_request_body}"), [false, false], "it is not exported");
}

#[test]
fn a_gateway_makes_the_vms_that_a_scenario_says() {
    const CONFIGURES: &str = r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
        (call $say (i32.const 1)) (i32.const 1))"#;
    assert_eq!(said("workers: 2", CONFIGURES), "1111", "the one that tries it, and the main thread's");
    assert_eq!(said("workers: 2, startup: envoy", CONFIGURES), "1111");
    assert_eq!(said("workers: 2, startup: workers", CONFIGURES), "11");
}

/// Shows what it gets of a property's type and bytes, and of two foreign functions.
const LOOKS: &str = r#"
    (func $show (drop (call $log (i32.const 2) (i32.load (i32.const 16)) (i32.load (i32.const 20)))))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (i64.store (i32.const 16) (i64.const 0))
        (call $say (call $property (i32.const 120) (i32.const 11) (i32.const 16) (i32.const 20))) (call $show)
        (i64.store (i32.const 16) (i64.const 0))
        (call $say (call $property (i32.const 140) (i32.const 5) (i32.const 16) (i32.const 20))) (call $show)
        (i64.store (i32.const 16) (i64.const 0))
        (call $say (call $foreign (i32.const 160) (i32.const 4) (i32.const 0) (i32.const 0) (i32.const 16) (i32.const 20)))
        (call $show)
        (i64.store (i32.const 16) (i64.const 0))
        (call $say (call $foreign (i32.const 170) (i32.const 6) (i32.const 0) (i32.const 0) (i32.const 16) (i32.const 20)))
        (call $show)
        (i32.const 0))"#;

/// What the guest gets with the first of the two requests.
fn looked(gateway: &str) -> String {
    let observed = observe(gateway, LOOKS);
    observed.logs.iter().take(8).map(|line| line.message.as_str()).collect()
}

#[test]
fn properties_have_the_values_of_the_scenario() {
    let properties = |properties: &str| looked(&format!("properties: {{{properties}}}"));
    assert!(properties("").starts_with("0router~"), "the gateway's own: {}", properties(""));
    assert_eq!(properties("xds.node.id: mine, \"a['b.c']\": text"), "0mine0text11");
    assert_eq!(properties("xds.node.id: mine, \"a['b.c']\": 65"), "0mine0A\0\0\0\0\0\0\u{0}11");
    assert_eq!(properties("xds.node.id: true"), "0\u{1}111");
    let map = "0\u{1}\0\0\0\u{1}\0\0\0\u{1}\0\0\0k\0v\u{0}111";
    assert_eq!(properties("xds.node.id: {k: v}"), map);
    assert!(properties("xds.node.id: 1.0").as_bytes().starts_with(b"0\0\0\0\0\0\0"));
}

#[test]
fn foreign_functions_answer_as_the_scenario_says() {
    let functions =
        |functions: &str| looked(&format!("properties: {{xds.node.id: a}}, foreignFunctions: {{{functions}}}"));
    assert_eq!(functions(""), "0a111");
    assert_eq!(functions("sign: {results: signed}"), "0a10signed1");
    assert_eq!(functions("sign: {}, verify: {status: badArgument, base64: bm8=}"), "0a102no");
}

#[test]
fn who_is_followed_is_said_beside_the_scenario() {
    let ends = guest(
        r#"(func (export "proxy_on_log") (param i32) (call $say (i32.const 1)))
           (func (export "proxy_on_done") (param i32) (result i32) (call $say (i32.const 2)) (i32.const 1))"#,
    );
    let scenario = Scenario::read("name: a\nplugin: {}\nsteps: [{request: {}}]\n").unwrap();
    let said = |follows| -> String {
        let observed = run(&scenario, b"{}", &ends, follows).unwrap();
        observed.logs.iter().map(|line| line.message.as_str()).collect()
    };
    assert_eq!((said(Profile::Envoy).as_str(), said(Profile::Spec).as_str()), ("12", "21"));
}

#[test]
fn a_deadline_ends_a_callback() {
    let endless =
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (loop br 0) unreachable)"#;
    let observed = observe("faults: {deadline: 50ms}", endless);
    let Some(Ending::Trapped(fault)) = &observed.requests[0][0].ending else { panic!("{observed:?}") };
    assert_eq!(fault.reason, "ran for more than 50 ms");
}
