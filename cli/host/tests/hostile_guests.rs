//! Guests that are broken, hostile or unlucky: the host answers, and lives on.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::time::Duration;

use gwauthz_host::{
    CallOutcome, Compiler, Ending, Gateway, GatewayConfig, HttpCall, HttpRequest, HttpResponse, LogLevel, ModuleError,
    Outcome, Plugin, StartError, World,
};

/// Answers every callout with 200 after a second.
struct Services;

impl World for Services {
    fn call(&mut self, _call: &HttpCall) -> CallOutcome {
        CallOutcome::Reply { response: HttpResponse::new(200), delay: Duration::from_secs(1) }
    }
}

/// A module that is complete but for its functions, which may use 64 KiB of memory, an allocator that always gives
/// offset 4096, and the imports that tests need.
fn guest(functions: &str) -> Vec<u8> {
    guest_with("(func (export \"proxy_on_memory_allocate\") (param i32) (result i32) i32.const 4096)", functions)
}

fn guest_with(allocator: &str, functions: &str) -> Vec<u8> {
    let module = format!(
        r#"(module
            (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
            (import "env" "proxy_get_header_map_pairs" (func $get_pairs (param i32 i32 i32) (result i32)))
            (import "env" "proxy_set_header_map_pairs" (func $set_pairs (param i32 i32 i32) (result i32)))
            (import "env" "proxy_get_header_map_value" (func $get_value (param i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_get_buffer_bytes" (func $get_buffer (param i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_send_local_response" (func $respond (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_http_call" (func $http_call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
            (import "env" "proxy_close_stream" (func $close (param i32) (result i32)))
            (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
            (import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
            (import "env" "proxy_call_foreign_function" (func $call_foreign (param i32 i32 i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (func (export "proxy_abi_version_0_2_1"))
            {allocator}
            ;; Answers the request with its argument as the status.
            (func $answer (param i32)
                (drop (call $respond (local.get 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1))))
            {functions})"#
    );
    wat::parse_str(module).unwrap()
}

fn start(module: &[u8]) -> Result<Gateway<Services>, StartError> {
    let module = Compiler::new(None).unwrap().compile(module)?;
    Gateway::start([Plugin::new(&module, b"{}")], GatewayConfig::default(), Services)
}

fn request(module: &[u8]) -> Outcome {
    start(module).unwrap_or_else(|error| panic!("{error}")).request(&HttpRequest::new("GET", "h", b"/"))
}

/// What a host call in `on_request_headers` answers.
fn status_of(call: &str) -> u16 {
    let outcome = request(&guest(&format!(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (call $answer (i32.add (i32.const 200) {call})) (i32.const 1))"#
    )));
    outcome.response.status() - 200
}

fn refused(module: &[u8]) -> ModuleError {
    match Compiler::new(None).unwrap().check(module) {
        Ok(_) => panic!("the module was accepted"),
        Err(error) => error,
    }
}

#[test]
fn what_is_not_a_plugin_is_refused_by_name() {
    assert!(matches!(refused(b""), ModuleError::NotWasm { .. }));
    assert!(matches!(refused(b"#!/bin/sh"), ModuleError::NotWasm { .. }));
    assert!(matches!(refused(b"(module)"), ModuleError::NotWasm { .. }));
    assert!(matches!(refused(b"\0asm\x0d\0\x01\0"), ModuleError::Component));
    assert!(matches!(refused(b"\0asm\x01\0\0\0\xff\xff\xff"), ModuleError::Invalid(_)));
    let plain = wat::parse_str(
        r#"(module (memory (export "memory") 1) (func (export "malloc") (param i32) (result i32) i32.const 0))"#,
    )
    .unwrap();
    assert!(matches!(refused(&plain), ModuleError::NoAbiVersion { .. }));
    let newer = wat::parse_str(
        r#"(module (memory (export "memory") 1) (func (export "malloc") (param i32) (result i32) i32.const 0) (func (export "proxy_abi_version_0_2_100")))"#,
    )
    .unwrap();
    assert!(refused(&newer).to_string().contains("proxy_abi_version_0_2_100"));
    let no_memory = wat::parse_str(r#"(module (func (export "proxy_abi_version_0_2_1")))"#).unwrap();
    assert!(matches!(refused(&no_memory), ModuleError::MissingExport { .. }));
}

#[test]
fn unknown_imports_are_all_named() {
    let module = wat::parse_str(
        r#"(module (import "env" "proxy_teleport" (func)) (import "wasi_snapshot_preview1" "path_link" (func)) (import "env" "proxy_log" (func (param i32 i32 i32) (result i32)))
            (memory (export "memory") 1) (func (export "malloc") (param i32) (result i32) i32.const 0) (func (export "proxy_abi_version_0_2_1")))"#,
    )
    .unwrap();
    let error = refused(&module).to_string();
    assert!(
        error.contains("env.proxy_teleport")
            && error.contains("wasi_snapshot_preview1.path_link")
            && !error.contains("proxy_log"),
        "{error}"
    );
}

/// Seen in Envoy, as everything about versions here is.
#[test]
fn each_version_of_the_abi_has_functions_of_its_own() {
    let module = |markers: &[&str], import: &str| {
        let markers: String =
            markers.iter().map(|marker| format!("(func (export \"proxy_abi_version_{marker}\"))")).collect();
        wat::parse_str(format!(
            r#"(module (import "env" "{import}" (func (param i32) (result i32))) (memory (export "memory") 1)
                (func (export "malloc") (param i32) (result i32) i32.const 0) {markers})"#
        ))
        .unwrap()
    };
    let check = |markers: &[&str], import| Compiler::new(None).unwrap().check(&module(markers, import));
    for (version, import, has) in [
        ("0_1_0", "proxy_continue_stream", false),
        ("0_1_0", "proxy_close_stream", false),
        ("0_1_0", "proxy_get_log_level", false),
        ("0_2_0", "proxy_continue_stream", true),
        ("0_2_0", "proxy_get_log_level", false),
        ("0_2_1", "proxy_get_log_level", true),
    ] {
        assert_eq!(check(&[version], import).is_ok(), has, "{import} in {version}");
    }
    let old = refused(&module(&["0_2_1"], "proxy_continue_request")).to_string();
    assert!(old.ends_with("`env.proxy_continue_request` (of ABI 0.1.0, and the module marks 0.2.1)"), "{old}");
    let new = refused(&module(&["0_1_0"], "proxy_close_stream")).to_string();
    assert!(new.ends_with("`env.proxy_close_stream` (of ABI 0.2.0 and 0.2.1, and the module marks 0.1.0)"), "{new}");
    // The first of several markers counts.
    assert!(check(&["0_2_0", "0_1_0"], "proxy_close_stream").is_ok());
    assert!(check(&["0_1_0", "0_2_1"], "proxy_close_stream").is_err());
}

#[test]
fn what_starts_a_module_may_call_little() {
    let start = |functions: &str| {
        let module = format!(
            r#"(module
                (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
                (import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
                (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
                (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
                (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
                (memory (export "memory") 1)
                (func (export "malloc") (param i32) (result i32) i32.const 0)
                (func (export "proxy_abi_version_0_2_1"))
                {functions})"#
        );
        Compiler::new(None).unwrap().check(&wat::parse_str(module).unwrap())
    };
    let reason = |functions: &str| match start(functions) {
        Err(ModuleError::TrapAtStart(fault)) => fault.to_string(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("{functions} was accepted"),
    };
    assert!(
        start(
            r#"(func (export "_initialize")
                (drop (call $log (i32.const 2) (i32.const 0) (i32.const 0)))
                (drop (call $poll (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))))
            (func (export "_start") (unreachable))"#
        )
        .is_ok()
    );
    for (name, call) in [
        ("env.proxy_set_tick_period_milliseconds", "(drop (call $tick (i32.const 1)))"),
        ("wasi_snapshot_preview1.sched_yield", "(drop (call $yield))"),
        ("wasi_snapshot_preview1.proc_exit", "(call $exit (i32.const 0))"),
    ] {
        let told = reason(&format!(r#"(func (export "_start") {call})"#));
        assert!(told.contains(name) && told.contains("`_start`"), "{told}");
        let body =
            format!(r#"(func (export "_initialize")) (func (export "__main_void") (result i32) {call} (i32.const 0))"#);
        assert!(reason(&body).contains("`__main_void`"));
        let body = format!(
            r#"(func (export "_initialize")) (func (export "main") (param i32 i32) (result i32) {call} (i32.const 0))"#
        );
        assert!(reason(&body).contains("`main`"));
    }
    let odd = start(r#"(func (export "_initialize")) (func (export "main") (result i32) (i32.const 0))"#);
    assert!(matches!(odd, Err(ModuleError::Invalid(_))));
}

#[test]
fn an_import_of_another_type_is_refused() {
    let module = wat::parse_str(
        r#"(module (import "env" "proxy_log" (func (param i64))) (memory (export "memory") 1) (func (export "malloc") (param i32) (result i32) i32.const 0) (func (export "proxy_abi_version_0_2_1")))"#,
    )
    .unwrap();
    assert!(matches!(refused(&module), ModuleError::Invalid(_)));
}

#[test]
fn a_trap_at_start_is_an_error() {
    for start in ["unreachable", "(loop br 0)"] {
        let module = guest(&format!("(func (export \"_initialize\") {start})"));
        let ModuleError::TrapAtStart(fault) = refused(&module) else { panic!("no trap") };
        assert_eq!(fault.callback, "_initialize");
    }
}

#[test]
fn pointers_out_of_memory_are_refused() {
    for call in [
        // A message that ends behind the memory, begins behind it, or wraps round.
        "(call $log (i32.const 2) (i32.const 65535) (i32.const 2))",
        "(call $log (i32.const 2) (i32.const -1) (i32.const 1))",
        "(call $log (i32.const 2) (i32.const -1) (i32.const -1))",
        // Out pointers behind the memory.
        "(call $get_pairs (i32.const 0) (i32.const 65533) (i32.const 0))",
        "(call $get_pairs (i32.const 0) (i32.const 0) (i32.const -4))",
        "(call $http_call (i32.const -1) (i32.const 9) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))",
    ] {
        assert_eq!(status_of(call), 6, "{call}");
    }
}

#[test]
fn values_out_of_range_are_bad_arguments() {
    for call in [
        "(call $log (i32.const 6) (i32.const 0) (i32.const 0))",
        "(call $get_pairs (i32.const 8) (i32.const 0) (i32.const 4))",
        "(call $get_buffer (i32.const 9) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 4))",
        "(call $continue (i32.const 4))",
        "(call $effective (i32.const 99))",
        // A callout without pseudo-headers.
        "(call $http_call (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))",
    ] {
        assert_eq!(status_of(call), 2, "{call}");
    }
    // Only while a callout is replied to there is a buffer for its body, and only in on_configure one for the configuration.
    for call in [
        "(call $get_buffer (i32.const 4) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 4))",
        "(call $get_buffer (i32.const 7) (i32.const -1) (i32.const 1) (i32.const 0) (i32.const 4))",
    ] {
        assert_eq!(status_of(call), 1, "{call}");
    }
    // What is not there is empty, and so are headers whose sizes do not fit.
    for call in [
        "(call $get_buffer (i32.const 5) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 4))",
        "(call $get_pairs (i32.const 6) (i32.const 0) (i32.const 4))",
        "(block (result i32) (i32.store (i32.const 0) (i32.const 100)) (call $set_pairs (i32.const 0) (i32.const 0) (i32.const 8)))",
    ] {
        assert_eq!(status_of(call), 0, "{call}");
    }
    assert_eq!(status_of("(call $get_value (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 0) (i32.const 4))"), 1);
}

#[test]
fn a_function_that_is_not_there_yet_says_so_by_name() {
    let module = guest(
        r#"(data (i32.const 64) "sign")
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (call $answer (i32.add (i32.const 200)
                (call $call_foreign (i32.const 64) (i32.const 4) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))))
            (i32.const 1))"#,
    );
    let outcome = request(&module);
    assert_eq!(outcome.response.status(), 201);
    assert_eq!(outcome.unimplemented, ["sign"]);
}

#[test]
fn an_allocator_that_fails_or_traps_harms_only_the_guest() {
    let null = guest_with(
        "(func (export \"malloc\") (param i32) (result i32) i32.const 0)",
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (call $answer (i32.add (i32.const 200) (call $get_pairs (i32.const 0) (i32.const 0) (i32.const 4)))) (i32.const 1))"#,
    );
    assert_eq!(request(&null).response.status(), 206);
    let trap = guest_with(
        "(func (export \"malloc\") (param i32) (result i32) unreachable)",
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (call $get_pairs (i32.const 0) (i32.const 0) (i32.const 4)))"#,
    );
    let outcome = request(&trap);
    assert!(matches!(outcome.ending, Ending::Trapped(_)));
    assert_eq!(outcome.response.status(), 503);
}

#[test]
fn a_trap_closes_the_gateway() {
    let module = guest(
        r#"(func $deep unreachable) (func $headers (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (call $deep) (i32.const 0))"#,
    );
    let mut gateway = start(&module).unwrap_or_else(|error| panic!("{error}"));
    for _ in 0..2 {
        let outcome = gateway.request(&HttpRequest::new("GET", "h", b"/"));
        let Ending::Trapped(fault) = &outcome.ending else { panic!("{outcome:?}") };
        assert_eq!(fault.backtrace, ["deep", "headers"]);
        assert_eq!((outcome.response.status(), outcome.is_allowed()), (503, false));
    }
}

#[test]
fn a_guest_that_loops_is_stopped() {
    let outcome = request(&guest(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (loop br 0) (i32.const 0))"#,
    ));
    let Ending::Trapped(fault) = outcome.ending else { panic!("not stopped") };
    assert!(fault.reason.contains("ran for more than"), "{fault}");
}

#[test]
fn memory_and_logs_have_bounds() {
    let outcome = request(&guest(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (local $i i32)
            ;; 4 GiB cannot be had, and asking for them is no trap.
            (if (i32.ne (memory.grow (i32.const 65535)) (i32.const -1)) (then unreachable))
            (loop
                (drop (call $log (i32.const 2) (i32.const 0) (i32.const 65536)))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if 0 (i32.lt_u (local.get $i) (i32.const 1000))))
            (i32.const 0))"#,
    ));
    assert_eq!(outcome.ending, Ending::Served);
    let logged: usize = outcome.logs.iter().map(|line| line.message.len()).sum();
    assert!(logged < 5 * 1024 * 1024, "{logged}");
    let last = outcome.logs.last().unwrap();
    assert!(last.level == LogLevel::Warn && last.message.contains("dropped"), "{last:?}");
}

#[test]
fn a_request_that_is_held_for_ever_is_named() {
    let outcome =
        request(&guest(r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 1))"#));
    assert_eq!(outcome.ending, Ending::Hung);
    assert!(!outcome.is_allowed());
}

#[test]
fn an_answer_overrides_the_action() {
    let outcome = request(&guest(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (call $answer (i32.const 401)) (i32.const 0))"#,
    ));
    assert_eq!((outcome.response.status(), outcome.is_allowed()), (401, false));
}

#[test]
fn a_second_answer_hangs_the_client() {
    let outcome = request(&guest(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (call $answer (i32.const 401)) (i32.const 0))
           (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) (call $answer (i32.const 200)) (i32.const 0))"#,
    ));
    assert_eq!((outcome.ending.clone(), outcome.is_allowed()), (Ending::Hung, false));
}

#[test]
fn a_tick_can_release_a_request() {
    let outcome = request(&guest(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (drop (call $tick (i32.const 50))) (i32.const 1))
           (func (export "proxy_on_tick") (param i32) (drop (call $effective (i32.const 2))) (drop (call $continue (i32.const 0))))"#,
    ));
    assert_eq!(outcome.ending, Ending::Served);
}

#[test]
fn a_closed_stream_is_not_allowed() {
    let outcome = request(&guest(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (drop (call $close (i32.const 0))) (i32.const 0))"#,
    ));
    assert_eq!((outcome.ending, outcome.forwarded), (Ending::Closed, None));
}

#[test]
fn a_refused_configuration_keeps_the_gateway_from_starting() {
    let module = guest(r#"(func (export "proxy_on_configure") (param i32 i32) (result i32) (i32.const 0))"#);
    assert!(matches!(start(&module), Err(StartError::Refused(refusal)) if refusal.callback == "proxy_on_configure"));
    let module = guest(r#"(func (export "proxy_on_configure") (param i32 i32) (result i32) unreachable)"#);
    assert!(matches!(start(&module), Err(StartError::Trapped(..))));
}

#[test]
fn a_callback_of_another_type_is_refused() {
    let module = guest(r#"(func (export "proxy_on_request_headers") (param i32) (result i32) (i32.const 0))"#);
    assert!(matches!(start(&module), Err(StartError::Module(ModuleError::Invalid(_)))));
}

/// VMs take over each other's memory.
#[test]
fn a_vm_finds_nothing_of_those_before_it() {
    let module = wat::parse_str(
        r#"(module
            (memory (export "memory") 3)
            (table $functions 4 funcref)
            (elem declare func $clean)
            (data (i32.const 70000) "as the module has it")
            (func (export "proxy_abi_version_0_2_1"))
            (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 4096)
            ;; Whether all from here to there is zero.
            (func $clean (param $at i32) (param $end i32) (result i32)
                (loop $next
                    (if (i32.load8_u (local.get $at)) (then (return (i32.const 0))))
                    (local.set $at (i32.add (local.get $at) (i32.const 1)))
                    (br_if $next (i32.lt_u (local.get $at) (local.get $end))))
                i32.const 1)
            (func (export "proxy_on_configure") (param i32 i32) (result i32)
                (local $accepted i32)
                (drop (memory.grow (i32.const 10)))
                (local.set $accepted
                    (i32.and (call $clean (i32.const 8192) (i32.const 70000))
                    (i32.and (i64.eq (i64.load (i32.const 70000)) (i64.const 0x6d20656874207361))
                    (i32.and (call $clean (i32.const 70020) (i32.const 851968))
                             (ref.is_null (table.get $functions (i32.const 3)))))))
                (memory.fill (i32.const 0) (i32.const 255) (i32.const 851968))
                (table.set $functions (i32.const 3) (ref.func $clean))
                local.get $accepted))"#,
    )
    .unwrap();
    let module = Compiler::new(None).unwrap().compile(&module).unwrap();
    for _ in 0..5 {
        let started = Gateway::start([Plugin::new(&module, b"{}")], GatewayConfig::default(), Services);
        assert!(started.is_ok(), "{:?}", started.err());
    }
}
