//! What a scenario says of the gateway around a plugin reaches it: faults, which VMs it makes.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test ends where something is wrong")]

use gwauthz_host::{
    Compiler, Ending, Module,
    scenario::{Observed, Scenario, run},
};

/// A guest with these functions; `$say` logs a byte: 0 is written as `0`, and so on.
fn guest(functions: &str) -> Module {
    let module = format!(
        r#"(module
            (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
            (import "env" "proxy_get_header_map_value" (func $header (param i32 i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (data (i32.const 100) ":path")
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
    run(&scenario, b"{}", &guest(functions)).unwrap()
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
    assert_eq!(said("workers: 2", CONFIGURES), "11");
    assert_eq!(said("workers: 2, startup: workers", CONFIGURES), "11");
    assert_eq!(said("workers: 2, startup: envoy", CONFIGURES), "1111", "the one that tries it, and the main thread's");
}

#[test]
fn a_deadline_ends_a_callback() {
    let endless =
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (loop br 0) unreachable)"#;
    let observed = observe("faults: {deadline: 50ms}", endless);
    let Some(Ending::Trapped(fault)) = &observed.requests[0][0].ending else { panic!("{observed:?}") };
    assert_eq!(fault.reason, "ran for more than 50 ms");
}
