//! gRPC callouts: when services answer, in which order, and what a hostile guest gets.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::time::Duration;

use gwauthz_host::{
    Compiler, Ending, Gateway, GatewayConfig, GrpcAnswer, GrpcCall, GrpcOutcome, GrpcSent, GrpcStatus, GrpcStream,
    HttpRequest, Plugin, World,
};

/// What becomes of calls; what a service does when a stream is opened, and when a message arrives.
struct Services {
    outcome: GrpcOutcome,
    on_open: Vec<(Duration, GrpcAnswer)>,
    on_message: Vec<(Duration, GrpcAnswer)>,
    received: Vec<String>,
}

impl World for &mut Services {
    fn grpc_call(&mut self, call: &GrpcCall) -> GrpcOutcome {
        self.received.push(format!("{} {}/{} {:?}", call.upstream, call.service, call.method, call.message));
        self.outcome.clone()
    }

    fn grpc_stream(&mut self, _stream: &GrpcStream, sent: GrpcSent<'_>) -> Vec<(Duration, GrpcAnswer)> {
        self.received.push(format!("{sent:?}"));
        match sent {
            GrpcSent::Open => self.on_open.clone(),
            GrpcSent::Message { .. } => self.on_message.clone(),
            GrpcSent::End => Vec::new(),
        }
    }
}

fn services() -> Services {
    Services { outcome: GrpcOutcome::Timeout, on_open: Vec::new(), on_message: Vec::new(), received: Vec::new() }
}

/// A guest that holds each request behind `request`, and logs each gRPC callback: its letter, the size or status, and the
/// message of a status.
fn guest(request: &str) -> String {
    format!(
        r#"(module
            (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
            (import "env" "proxy_grpc_call" (func $grpc_call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_grpc_stream" (func $grpc_stream (param i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_grpc_send" (func $grpc_send (param i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_grpc_cancel" (func $grpc_cancel (param i32) (result i32)))
            (import "env" "proxy_get_status" (func $get_status (param i32 i32 i32) (result i32)))
            (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
            (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
            (memory (export "memory") 2)
            (func (export "proxy_abi_version_0_2_1"))
            (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 65536)
            (data (i32.const 100) "authz")
            (data (i32.const 120) "pkg.Service")
            (data (i32.const 140) "Check")
            (func $say (param $letter i32) (param $number i32)
                (i32.store8 (i32.const 8) (local.get $letter))
                (i32.store8 (i32.const 9) (i32.add (i32.const 48) (local.get $number)))
                (drop (call $log (i32.const 2) (i32.const 8) (i32.const 2))))
            (func $call (param $timeout i32) (result i32)
                (call $grpc_call (i32.const 100) (i32.const 5) (i32.const 120) (i32.const 11) (i32.const 140) (i32.const 5)
                    (i32.const 0) (i32.const 0) (i32.const 100) (i32.const 2) (local.get $timeout) (i32.const 0)))
            (func $open (result i32)
                (call $grpc_stream (i32.const 100) (i32.const 5) (i32.const 120) (i32.const 11) (i32.const 140) (i32.const 5)
                    (i32.const 0) (i32.const 0) (i32.const 0)))
            (func (export "proxy_on_grpc_receive_initial_metadata") (param i32 i32 i32) (call $say (i32.const 105) (local.get 2)))
            (func (export "proxy_on_grpc_receive") (param i32 i32 i32) (call $say (i32.const 109) (local.get 2)))
            (func (export "proxy_on_grpc_receive_trailing_metadata") (param i32 i32 i32) (call $say (i32.const 116) (local.get 2)))
            (func (export "proxy_on_grpc_close") (param i32 i32 i32)
                (call $say (i32.const 99) (local.get 2))
                (drop (call $get_status (i32.const 0) (i32.const 4) (i32.const 12)))
                (drop (call $log (i32.const 2) (i32.load (i32.const 4)) (i32.load (i32.const 12)))))
            (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) {request} (i32.const 1)))"#
    )
}

fn start<'a>(module: &str, services: &'a mut Services) -> Gateway<&'a mut Services> {
    let module = Compiler::new(None).unwrap().compile(&wat::parse_str(module).unwrap()).unwrap();
    Gateway::start([Plugin::new(&module, "")], GatewayConfig::default(), services)
        .unwrap_or_else(|error| panic!("{error}"))
}

/// What the guest logs, each line with the milliseconds that had passed; at most a second is waited.
fn said(request: &str, services: &mut Services) -> Vec<String> {
    let mut gateway = start(&guest(request), services);
    let begin = gateway.now();
    gateway.open(0, HttpRequest::new("GET", "h", b"/").headers, true);
    let mut lines = Vec::new();
    loop {
        let at = (gateway.now() - begin).as_millis();
        lines.extend(gateway.take_logs().into_iter().map(|line| format!("{at} {}", line.message)));
        match gateway.next_time().filter(|time| *time < begin + Duration::from_secs(1)) {
            Some(time) => gateway.run_until(time),
            None => return lines,
        }
    }
}

/// The status that a host call answers, as a digit.
fn status_of(call: &str) -> String {
    said(&format!("(call $say (i32.const 115) {call})"), &mut services()).concat()
}

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn close(code: u32, message: &str) -> GrpcAnswer {
    let status = GrpcStatus { code, message: message.to_owned() };
    GrpcAnswer::Close { status, metadata: [("x-t", "1")].into_iter().collect() }
}

#[test]
fn a_call_ends_when_the_service_says_so() {
    let fail = GrpcStatus { code: 7, message: "no".to_owned() };
    let cases = [
        (GrpcOutcome::Reply { message: b"yes".to_vec(), delay: ms(30) }, vec!["30 m3"]),
        (GrpcOutcome::Fail { status: fail.clone(), delay: ms(40) }, vec!["40 c7", "40 no{via_upstream}"]),
        // It is missing its message.
        (GrpcOutcome::Fail { status: GrpcStatus::default(), delay: ms(40) }, vec!["40 c=", "40 "]),
        (
            GrpcOutcome::Reply { message: Vec::new(), delay: ms(100) },
            vec!["100 c>", "100 upstream request timeout{response_timeout}"],
        ),
        (
            GrpcOutcome::Fail { status: fail, delay: ms(200) },
            vec!["100 c>", "100 upstream request timeout{response_timeout}"],
        ),
        (GrpcOutcome::Timeout, vec!["100 c>", "100 upstream request timeout{response_timeout}"]),
    ];
    for (outcome, expected) in cases {
        let mut services = Services { outcome: outcome.clone(), ..services() };
        assert_eq!(said("(drop (call $call (i32.const 100)))", &mut services), expected, "{outcome:?}");
        assert_eq!(services.received, ["authz pkg.Service/Check [97, 117]"]);
    }
}

#[test]
fn a_call_without_a_time_out_waits() {
    let reply = GrpcOutcome::Reply { message: b"yes".to_vec(), delay: ms(900) };
    let mut patient = Services { outcome: reply, ..services() };
    assert_eq!(said("(drop (call $call (i32.const 0)))", &mut patient), ["900 m3"]);
    assert!(said("(drop (call $call (i32.const 0)))", &mut services()).is_empty());
}

#[test]
fn nobody_listens_where_the_world_knows_no_grpc() {
    struct Nobody;
    impl World for Nobody {}
    for (request, expected) in [("(drop (call $call (i32.const 0)))", "c>"), ("(drop (call $open))", "i0t4c>")] {
        let module = Compiler::new(None).unwrap().compile(&wat::parse_str(guest(request)).unwrap()).unwrap();
        let chain = [Plugin::new(&module, "")];
        let mut gateway =
            Gateway::start(chain, GatewayConfig::default(), Nobody).unwrap_or_else(|error| panic!("{error}"));
        gateway.open(0, HttpRequest::new("GET", "h", b"/").headers, true);
        gateway.run_until(gateway.now());
        let said: String = gateway.take_logs().into_iter().map(|line| line.message).collect();
        assert!(said.starts_with(expected), "{said}");
        assert!(said.contains("reset reason: remote connection failure{"), "{said}");
    }
}

#[test]
fn a_stream_keeps_the_order_of_its_answers() {
    let mut services = Services {
        on_open: vec![(ms(50), GrpcAnswer::Metadata([("x-i", "1")].into_iter().collect()))],
        on_message: vec![(ms(0), GrpcAnswer::Message(b"ab".to_vec())), (ms(60), close(3, "bad"))],
        ..services()
    };
    let request = "(drop (call $open)) (drop (call $grpc_send (i32.load (i32.const 0)) (i32.const 100) (i32.const 3) (i32.const 1)))";
    // Envoy tells how long the service took, once the plugin has ended its side.
    assert_eq!(said(request, &mut services), ["50 i4", "50 m2", "60 t3", "60 c3", "60 bad{via_upstream}"]);
    assert_eq!(services.received, ["Open", "Message { number: 0, message: [97, 117, 116] }", "End"]);
}

#[test]
fn what_comes_behind_the_end_of_a_stream_is_not_shown() {
    let message = || (ms(1), GrpcAnswer::Message(b"a".to_vec()));
    let mut services = Services { on_open: vec![(ms(0), close(0, "")), message()], ..services() };
    assert_eq!(said("(drop (call $open))", &mut services), ["0 i0", "0 t4", "0 c0", "0 via_upstream"]);
    let mut given_up = Services { on_open: vec![message()], ..self::services() };
    let request = "(drop (call $open)) (drop (call $grpc_cancel (i32.load (i32.const 0))))";
    assert!(said(request, &mut given_up).is_empty());
    assert!(given_up.received.is_empty());
}

#[test]
fn a_callout_outlives_the_stream_that_made_it() {
    let mut services =
        Services { outcome: GrpcOutcome::Reply { message: b"yes".to_vec(), delay: ms(10) }, ..services() };
    let mut gateway = start(&guest("(drop (call $call (i32.const 0)))"), &mut services);
    let stream = gateway.open(0, HttpRequest::new("GET", "h", b"/").headers, true);
    gateway.leave(stream);
    assert_eq!(gateway.close(stream).ending, Ending::ClientLeft);
    gateway.run_until(gateway.now() + ms(10));
    assert_eq!(gateway.take_logs().iter().map(|line| line.message.as_str()).collect::<Vec<_>>(), ["m3"]);
}

#[test]
fn pointers_that_lead_nowhere_send_nothing() {
    // The arguments of a call, of which a stream has the first eight; one of them is out of range.
    let arguments = |count: usize, at: usize| -> String {
        let values =
            ["100", "5", "120", "11", "140", "5", "0", "0", "100", "2", "0"].into_iter().take(count).enumerate();
        values.map(|(number, value)| format!(" (i32.const {})", if number == at { "-1" } else { value })).collect()
    };
    for pointer in 0..10 {
        let call = format!("(call $grpc_call {} (i32.const 0))", arguments(11, pointer));
        assert_eq!(status_of(&call), "0 s6", "argument {pointer}");
    }
    for pointer in 0..8 {
        let open = format!("(call $grpc_stream {} (i32.const 0))", arguments(8, pointer));
        assert_eq!(status_of(&open), "0 s6", "argument {pointer}");
    }
    assert_eq!(status_of("(call $grpc_send (i32.const 6) (i32.const 131071) (i32.const 2) (i32.const 0))"), "0 s6");
    assert_eq!(status_of("(call $get_status (i32.const -1) (i32.const 0) (i32.const 0))"), "0 s6");
}

#[test]
fn a_guest_that_calls_without_end_is_stopped_calling() {
    let endless = r"(local $calls i32)
        (loop (local.set $calls (i32.add (local.get $calls) (i32.const 1)))
            (br_if 0 (i32.and (i32.eqz (call $call (i32.const 0))) (i32.lt_u (local.get $calls) (i32.const 100000)))))
        (call $say (i32.const 115) (call $call (i32.const 0)))
        (call $say (i32.const 115) (i32.gt_u (local.get $calls) (i32.const 5000)))";
    assert_eq!(said(endless, &mut services()), ["0 s:", "0 s0"]);
}

/// Each callback makes the next callout, which fails at once.
#[test]
fn a_guest_that_tries_again_without_end_is_left_unheard() {
    let again = r#"(func (export "proxy_on_grpc_close") (param i32 i32 i32) (drop (call $call (i32.const 0))))"#;
    for clusters in [vec!["other".to_owned()], vec!["authz".to_owned()]] {
        let module = guest("(drop (call $call (i32.const 0)))")
            .replace(r#"(func (export "proxy_on_grpc_close")"#, &format!("{again} (func $unused"));
        let mut services = Services { outcome: GrpcOutcome::Refused, ..services() };
        let mut gateway = start(&module, &mut services).with_clusters(clusters);
        assert_eq!(gateway.request(&HttpRequest::new("GET", "h", b"/")).ending, Ending::Hung);
    }
}

#[test]
fn a_trap_in_a_grpc_callback_is_one_of_the_plugin() {
    let mut services = Services { outcome: GrpcOutcome::Reply { message: Vec::new(), delay: ms(1) }, ..services() };
    let module = guest("(drop (call $call (i32.const 0)))").replace(
        r#""proxy_on_grpc_receive") (param i32 i32 i32)"#,
        r#""proxy_on_grpc_receive") (param i32 i32 i32) unreachable"#,
    );
    let outcome = start(&module, &mut services).request(&HttpRequest::new("GET", "h", b"/"));
    assert!(matches!(outcome.ending, Ending::Trapped(fault) if fault.callback == "proxy_on_grpc_receive"));
}
