//! Faults that a gateway brings upon its plugins, and what is told of a trap.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::time::{Duration, Instant};

use gwauthz_host::{
    Compiler, Ending, Fault, Faults, Gateway, GatewayConfig, HttpRequest, Outcome, Plugin, RefusalAt, StartError,
    Status, TrapAt, World,
};

struct Nobody;

impl World for Nobody {}

fn start(functions: &str, faults: Faults) -> Result<Gateway<Nobody>, StartError> {
    let module = format!(
        r#"(module
            (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
            (import "env" "proxy_get_header_map_value" (func $get_value (param i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_record_metric" (func $record_metric (param i32 i64) (result i32)))
            (memory (export "memory") 1)
            (func (export "proxy_abi_version_0_2_1"))
            (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 4096)
            (data (i32.const 100) ":path")
            ;; Logs one byte: 0 is written as "0", and so on.
            (func $say (param i32)
                (i32.store8 (i32.const 8) (i32.add (i32.const 48) (local.get 0)))
                (drop (call $log (i32.const 2) (i32.const 8) (i32.const 1))))
            {functions})"#
    );
    let module = Compiler::new(None).unwrap().compile(&wat::parse_str(module).unwrap()).unwrap();
    Gateway::start([Plugin::new(&module, "{}")], GatewayConfig { faults, ..GatewayConfig::default() }, Nobody)
}

fn gateway(functions: &str, faults: Faults) -> Gateway<Nobody> {
    start(functions, faults).unwrap_or_else(|error| panic!("{error}"))
}

fn request(gateway: &mut Gateway<Nobody>) -> Outcome {
    gateway.request(&HttpRequest::new("GET", "h", b"/"))
}

fn said(outcome: &Outcome) -> String {
    outcome.logs.iter().map(|line| line.message.as_str()).collect()
}

fn fault(outcome: Outcome) -> Fault {
    match outcome.ending {
        Ending::Trapped(fault) => fault,
        ending => panic!("{ending:?}"),
    }
}

/// Asks twice for the request's path.
const ASKS: &str = r#"(func $ask
        (call $say (call $get_value (i32.const 0) (i32.const 100) (i32.const 5) (i32.const 0) (i32.const 4))))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (call $ask) (call $ask) (i32.const 0))"#;

#[test]
fn an_allocator_runs_out() {
    for (allocations, expected) in [(None, "00"), (Some(2), "00"), (Some(1), "06"), (Some(0), "66")] {
        let mut gateway = gateway(ASKS, Faults { allocations, ..Faults::default() });
        assert_eq!(said(&request(&mut gateway)), expected, "{allocations:?}");
    }
}

#[test]
fn one_call_of_a_function_is_refused() {
    for (call, expected) in [(1, ":0"), (2, "0:"), (3, "00")] {
        let status = Status::InternalFailure;
        let refusal = RefusalAt { function: "proxy_get_header_map_value".to_owned(), call, status };
        let mut gateway = gateway(ASKS, Faults { refusal: Some(refusal), ..Faults::default() });
        assert_eq!(said(&request(&mut gateway)), expected, "{call}");
    }
}

#[test]
fn memory_is_bounded() {
    const GROWS: &str = r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (call $say (memory.grow (i32.const 1))) (call $say (memory.grow (i32.const 1))) (i32.const 0))"#;
    let pages = |count: usize| Faults { memory_bytes: Some(count * 65536), ..Faults::default() };
    // The pages that there were before; one less than 0 where no more are to be had.
    for (faults, expected) in [(Faults::default(), "12"), (pages(3), "12"), (pages(2), "1/"), (pages(1), "//")] {
        assert_eq!(said(&request(&mut gateway(GROWS, faults.clone()))), expected, "{faults:?}");
    }
    assert!(matches!(start(GROWS, pages(0)), Err(StartError::Module(_))));
}

#[test]
fn a_deadline_ends_a_callback() {
    let endless =
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (loop br 0) unreachable)"#;
    let faults = Faults { deadline: Some(Duration::from_millis(50)), ..Faults::default() };
    let begin = Instant::now();
    let fault = fault(request(&mut gateway(endless, faults)));
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    assert_eq!((fault.callback, fault.reason.as_str()), ("proxy_on_request_headers", "ran for more than 50 ms"));
}

#[test]
fn a_callback_traps_when_it_is_told_to() {
    let trap = TrapAt { callback: "proxy_on_request_headers".to_owned(), call: 2 };
    let mut gateway = gateway(ASKS, Faults { trap: Some(trap), ..Faults::default() });
    assert_eq!(request(&mut gateway).ending, Ending::Served);
    let outcome = request(&mut gateway);
    assert_eq!(outcome.response.status(), 503);
    let fault = fault(outcome);
    assert_eq!(fault.callback, "proxy_on_request_headers");
    assert_eq!(fault.last_calls.len(), 4, "those of the first request: {fault}");
    let trap = TrapAt { callback: "proxy_on_configure".to_owned(), call: 1 };
    let configured = r#"(func (export "proxy_on_configure") (param i32 i32) (result i32) (i32.const 1))"#;
    assert!(matches!(
        start(configured, Faults { trap: Some(trap), ..Faults::default() }),
        Err(StartError::Trapped(..))
    ));
}

#[test]
fn a_trap_tells_the_host_calls_before_it() {
    let calls = r#"(func (export "proxy_on_request_headers") (param $context i32) (param i32 i32) (result i32)
        (drop (call $log (i32.const 2) (i32.const 100) (i32.const -1)))
        (drop (call $record_metric (i32.const 7) (i64.const -1)))
        unreachable)"#;
    let fault = fault(request(&mut gateway(calls, Faults::default())));
    assert_eq!(
        fault.last_calls,
        ["proxy_log(2, 100, 4294967295) = 6", "proxy_record_metric(7, 18446744073709551615) = 1"]
    );
    assert!(fault.to_string().ends_with(
        "\n  behind these host calls:\n    proxy_log(2, 100, 4294967295) = 6\n    proxy_record_metric(7, 18446744073709551615) = 1"
    ));
    // One that traps in the allocator has not returned.
    let allocator = r#"(func (export "malloc") (param i32) (result i32) unreachable)"#;
    let fault = self::fault(request(&mut gateway(&format!("{ASKS}{allocator}"), Faults::default())));
    assert_eq!(fault.last_calls, ["proxy_get_header_map_value(0, 100, 5, 0, 4)"]);
}
