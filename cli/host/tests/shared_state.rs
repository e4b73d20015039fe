//! What plugins share, and what tests see and set of it.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::time::Duration;

use gwauthz_host::{
    Compiler, Gateway, GatewayConfig, HttpRequest, LogLevel, LogLine, MetricReading, MetricValue, Plugin,
    SharedDataRace, SharedEntry, Thread, World,
};

struct Services;

impl World for Services {}

/// Adds one to the digit of `count` in the shared data, and answers with the status of the write, above 200; logs what it
/// has read, and counts, gauges and records it.
const COUNTS: &str = r#"(module
    (import "env" "proxy_get_shared_data" (func $get (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_set_shared_data" (func $set (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
    (import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_record_metric" (func $record (param i32 i64) (result i32)))
    (import "env" "proxy_send_local_response" (func $respond (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 64) "count")
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 16384)
    (func $measure (param $kind i32) (param $value i64)
        (drop (call $define (local.get $kind) (i32.const 64) (i32.const 5) (i32.const 12)))
        (drop (call $record (i32.load (i32.const 12)) (local.get $value))))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (drop (call $get (i32.const 64) (i32.const 5) (i32.const 0) (i32.const 4) (i32.const 8)))
        (drop (call $log (i32.const 2) (i32.load (i32.const 0)) (i32.const 1)))
        (call $measure (i32.const 0) (i64.const 1))
        (call $measure (i32.const 1) (i64.load8_u (i32.load (i32.const 0))))
        (call $measure (i32.const 2) (i64.load8_u (i32.load (i32.const 0))))
        (i32.store8 (i32.const 32) (i32.add (i32.load8_u (i32.load (i32.const 0))) (i32.const 1)))
        (drop (call $respond
            (i32.add (i32.const 200) (call $set (i32.const 64) (i32.const 5) (i32.const 32) (i32.const 1) (i32.load (i32.const 8))))
            (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1)))
        (i32.const 1)))"#;

fn count(vm_id: &str, value: &str) -> SharedEntry {
    SharedEntry { vm_id: vm_id.into(), key: b"count".to_vec(), value: value.into() }
}

fn gateway(config: GatewayConfig) -> Gateway<Services> {
    let module = Compiler::new(None).unwrap().compile(&wat::parse_str(COUNTS).unwrap()).unwrap();
    let plugin = Plugin { vm_id: "vm".into(), ..Plugin::new(&module, "") };
    Gateway::start([plugin], config, Services).unwrap_or_else(|error| panic!("{error}"))
}

fn statuses<const N: usize>(gateway: &mut Gateway<Services>) -> [u16; N] {
    [(); N].map(|()| gateway.request(&HttpRequest::new("GET", "h", b"/")).response.status())
}

const OK: u16 = 200;
const CAS_MISMATCH: u16 = 208;

#[test]
fn a_plugin_loses_a_race_that_a_test_sets_up() {
    let race = SharedDataRace { entry: count("vm", "7"), before_write: 2 };
    let elsewhere = SharedDataRace { entry: count("other", "9"), before_write: 1 };
    let shared_data = vec![count("vm", "1"), count("other", "0")];
    let mut gateway = gateway(GatewayConfig { shared_data, races: vec![race, elsewhere], ..GatewayConfig::default() });
    assert_eq!(statuses(&mut gateway), [OK, CAS_MISMATCH, OK]);
    assert_eq!(gateway.shared_data(), [count("other", "0"), count("vm", "8")]);
    gateway.write_shared_data(count("vm", "3"));
    assert_eq!(statuses(&mut gateway), [OK]);
    assert_eq!(gateway.shared_data(), [count("other", "0"), count("vm", "4")]);
}

#[test]
fn metrics_of_all_workers_can_be_read() {
    let shared_data = vec![count("vm", "1")];
    let mut gateway = gateway(GatewayConfig { shared_data, workers: 2, ..GatewayConfig::default() });
    for worker in [0, 1] {
        let stream = gateway.open(worker, HttpRequest::new("GET", "h", b"/").headers, true);
        assert_eq!(gateway.close(stream).response.status(), OK);
    }
    let reading = |value| MetricReading { name: "count".into(), value };
    assert_eq!(
        gateway.metrics(),
        [
            reading(MetricValue::Counter(2)),
            reading(MetricValue::Gauge(50)),
            reading(MetricValue::Histogram { values: vec![49, 50], dropped: 0 })
        ]
    );
}

#[test]
fn lines_of_the_log_have_their_time_and_their_worker() {
    let shared_data = vec![count("vm", "1")];
    let mut gateway = gateway(GatewayConfig { shared_data, workers: 2, ..GatewayConfig::default() });
    let streams = [1, 0, 1].map(|worker| {
        gateway.run_until(gateway.now() + Duration::from_secs(1));
        gateway.open(worker, HttpRequest::new("GET", "h", b"/").headers, true)
    });
    let line = |seconds, worker, message: &str| LogLine {
        level: LogLevel::Info,
        message: message.into(),
        at: Duration::from_secs(seconds),
        thread: Thread::Worker(worker),
    };
    // A stream's outcome has the lines of its worker; the others stay.
    let [first, ..] = streams;
    assert_eq!(gateway.close(first).logs, [line(1, 1, "1"), line(3, 1, "3")]);
    assert_eq!(gateway.take_logs(), [line(2, 0, "2")]);
}
