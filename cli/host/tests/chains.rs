//! Chains of several plugins, in one VM or in several.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test ends where something is wrong")]

use gwauthz_host::{
    Compiler, Ending, Gateway, GatewayConfig, HeaderMap, HttpRequest, HttpResponse, Part, Plugin, World,
};

struct Services;

impl World for Services {
    fn serve(&mut self, _request: &HttpRequest) -> HttpResponse {
        HttpResponse { body: b"from the upstream".to_vec(), ..HttpResponse::new(200) }
    }
}

/// A guest with these functions; `$answer` answers with its argument as the status.
fn guest(functions: &str) -> Vec<u8> {
    let module = format!(
        r#"(module
            (import "env" "proxy_send_local_response" (func $respond (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_get_buffer_bytes" (func $get_buffer (param i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
            (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
            (memory (export "memory") 1)
            (func (export "proxy_abi_version_0_2_1"))
            (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 16384)
            (func $answer (param i32)
                (drop (call $respond (local.get 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1))))
            {functions})"#
    );
    wat::parse_str(module).unwrap()
}

/// A gateway of one worker, with one plugin a configuration, all of this module, in these VMs.
fn gateway<const N: usize>(functions: &str, plugins: [(&str, &str); N]) -> Gateway<Services> {
    let module = Compiler::new(None).unwrap().compile(&guest(functions)).unwrap();
    let chain =
        plugins.map(|(vm_id, configuration)| Plugin { vm_id: vm_id.into(), ..Plugin::new(&module, configuration) });
    let config = GatewayConfig { trace: true, ..GatewayConfig::default() };
    Gateway::start(chain, config, Services).unwrap_or_else(|error| panic!("{error}"))
}

fn headers() -> HeaderMap {
    HttpRequest::new("POST", "h", b"/").headers
}

/// The callbacks since the last time: `on_request_headers(3, 7, 1)`, and so on.
fn callbacks(gateway: &mut Gateway<Services>) -> Vec<String> {
    let calls = gateway.take_trace().into_iter().filter_map(|line| {
        line.call.strip_prefix("[host->vm] proxy_on_").filter(|call| !call.starts_with("memory")).map(str::to_owned)
    });
    calls.collect()
}

const EVERY_CALLBACK: &str = r#"
    (func (export "proxy_on_context_create") (param i32 i32))
    (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (i32.const 1))
    (func (export "proxy_on_configure") (param i32 i32) (result i32) (i32.const 1))
    (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) (i32.const 0))
    (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) (i32.const 0))
    (func (export "proxy_on_response_body") (param i32 i32 i32) (result i32) (i32.const 0))
    (func (export "proxy_on_log") (param i32))
    (func (export "proxy_on_done") (param i32) (result i32) (i32.const 1))
    (func (export "proxy_on_delete") (param i32))"#;

#[test]
fn plugins_of_one_vm_have_root_contexts_of_their_own() {
    let functions = format!(
        r#"{EVERY_CALLBACK}
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0))"#
    );
    let mut gateway = gateway(&functions, [("v", "a"), ("v", "bc")]);
    assert_eq!(
        callbacks(&mut gateway),
        [
            "context_create(1, 0)",
            "vm_start(1, 0)",
            "configure(1, 1)",
            "context_create(2, 0)",
            "vm_start(2, 0)",
            "configure(2, 2)"
        ]
    );
    let outcome = gateway.request(&HttpRequest { body: b"1234".to_vec(), ..HttpRequest::new("POST", "h", b"/") });
    assert_eq!(outcome.ending, Ending::Served);
    assert_eq!(outcome.forwarded.unwrap().body, b"1234");
    assert_eq!(outcome.response.body, b"from the upstream");
    assert_eq!(
        callbacks(&mut gateway),
        [
            "context_create(3, 1)",
            "request_headers(3, 6, 0)",
            "context_create(4, 2)",
            "request_headers(4, 6, 0)",
            "request_body(3, 4, 0)",
            "request_body(4, 4, 0)",
            "request_body(3, 0, 1)",
            "request_body(4, 0, 1)",
            "response_headers(4, 1, 0)",
            "response_headers(3, 1, 0)",
            "response_body(4, 17, 0)",
            "response_body(3, 17, 0)",
            "response_body(4, 0, 1)",
            "response_body(3, 0, 1)",
            "log(3)",
            "log(4)",
            "done(3)",
            "delete(3)",
            "done(4)",
            "delete(4)",
        ]
    );
}

#[test]
fn an_answer_passes_by_the_plugins_that_have_not_heard_of_the_request() {
    let functions = format!(
        r#"{EVERY_CALLBACK}
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (call $answer (i32.const 403)) (i32.const 0))"#
    );
    let mut gateway = gateway(&functions, [("v", ""), ("v", "b")]);
    callbacks(&mut gateway);
    let outcome = gateway.request(&HttpRequest::new("GET", "h", b"/"));
    assert_eq!((outcome.response.status(), outcome.is_allowed()), (403, false));
    assert_eq!(
        callbacks(&mut gateway),
        [
            "context_create(3, 1)",
            "request_headers(3, 6, 1)",
            "response_headers(3, 1, 1)",
            "log(3)",
            "context_create(4, 2)",
            "log(4)",
            "done(3)",
            "delete(3)",
            "done(4)",
            "delete(4)",
        ]
    );
}

#[test]
fn an_answer_in_the_place_of_a_response_passes_all_plugins_by() {
    // The second plugin of the chain answers.
    let functions = format!(
        r#"{}
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0))
        (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
            (if (i32.eq (local.get 0) (i32.const 4)) (then (call $answer (i32.const 404)))) (i32.const 0))"#,
        EVERY_CALLBACK.replace(
            r#"(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) (i32.const 0))"#,
            ""
        )
    );
    let mut gateway = gateway(&functions, [("v", ""), ("v", "b")]);
    let outcome = gateway.request(&HttpRequest::new("GET", "h", b"/"));
    assert_eq!((outcome.response.status(), outcome.is_allowed()), (404, true));
    let seen: Vec<_> = callbacks(&mut gateway).into_iter().filter(|call| call.starts_with("response")).collect();
    assert_eq!(seen, ["response_headers(4, 1, 0)"]);
}

#[test]
fn a_second_answer_takes_the_place_of_one_that_a_tick_gave() {
    let mut gateway = gateway(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
               (drop (call $tick (i32.const 100))) (i32.const 1))
           (func (export "proxy_on_tick") (param i32)
               (drop (call $effective (i32.const 2))) (call $answer (i32.const 403)))
           (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) (call $answer (i32.const 502)) (i32.const 0))"#,
        [("v", "")],
    );
    assert_eq!(gateway.request(&HttpRequest::new("GET", "h", b"/")).response.status(), 502);
}

#[test]
fn a_request_that_the_gateway_refuses_is_logged_by_every_plugin() {
    let functions = format!(
        r#"{EVERY_CALLBACK}
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0))"#
    );
    let mut gateway = gateway(&functions, [("v", "a"), ("v", "b")]);
    callbacks(&mut gateway);
    assert_eq!(gateway.request(&HttpRequest::new("GET", "h", b"/#")).response.status(), 400);
    assert_eq!(
        callbacks(&mut gateway),
        [
            "context_create(3, 1)",
            "log(3)",
            "context_create(4, 2)",
            "log(4)",
            "done(3)",
            "delete(3)",
            "done(4)",
            "delete(4)"
        ]
    );
}

#[test]
fn trailers_that_a_plugin_makes_are_shown_to_the_next() {
    // At the end of the body, the first plugin adds a trailer.
    let mut gateway = gateway(
        r#"(func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
               (if (i32.and (local.get 0) (local.get 2)) (then
                   (drop (call $add (i32.const 1) (i32.const 64) (i32.const 1) (i32.const 64) (i32.const 1)))))
               (i32.const 0))
           (func (export "proxy_on_request_trailers") (param i32 i32) (result i32) (i32.const 0))
           (data (i32.const 64) "x")"#,
        [("v", "a"), ("v", "b")],
    );
    callbacks(&mut gateway);
    let stream = gateway.open(0, headers(), false);
    gateway.receive(stream, Part::Data(b"abc".to_vec()), true);
    assert_eq!(callbacks(&mut gateway), ["request_body(3, 3, 1)", "request_body(4, 3, 0)", "request_trailers(4, 1)"]);
}

#[test]
fn what_one_plugin_holds_the_next_does_not_see_yet() {
    // The first of the chain holds a body until its end.
    let mut gateway = gateway(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0))
           (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
               (i32.and (local.get 0) (i32.eqz (local.get 2))))"#,
        [("v", "a"), ("v", "b")],
    );
    callbacks(&mut gateway);
    let stream = gateway.open(0, headers(), false);
    gateway.receive(stream, Part::Data(b"abc".to_vec()), false);
    gateway.receive(stream, Part::Data(b"de".to_vec()), true);
    gateway.run_until(gateway.now());
    assert_eq!(
        callbacks(&mut gateway),
        [
            "request_headers(3, 6, 0)",
            "request_headers(4, 6, 0)",
            "request_body(3, 3, 0)",
            "request_body(3, 5, 1)",
            "request_body(4, 5, 1)"
        ]
    );
    assert_eq!(gateway.close(stream).forwarded.unwrap().body, b"abcde");
}

#[test]
fn a_trap_spares_the_other_vms_of_the_chain() {
    // The plugin whose configuration has two bytes traps.
    let functions = format!(
        r#"{EVERY_CALLBACK}
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (drop (call $get_buffer (i32.const 6) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 4)))
            (if (i32.load (i32.const 4)) (then unreachable))
            (i32.const 0))"#
    );
    let module = Compiler::new(None).unwrap().compile(&guest(&functions)).unwrap();
    let traps = Plugin { vm_configuration: b"x".to_vec(), ..Plugin::new(&module, "") };
    let config = GatewayConfig { trace: true, ..GatewayConfig::default() };
    let mut gateway = Gateway::start([Plugin::new(&module, ""), traps], config, Services).unwrap();
    callbacks(&mut gateway);
    for context in [2, 3] {
        let outcome = gateway.request(&HttpRequest::new("GET", "h", b"/"));
        assert!(matches!(outcome.ending, Ending::Trapped(_)));
        assert_eq!((outcome.response.status(), outcome.is_allowed()), (503, false));
        let mut seen = callbacks(&mut gateway);
        // In the VM of the second, the first request got as far as this.
        seen.retain(|call| context == 3 || *call != "context_create(2, 1)" && *call != "request_headers(2, 6, 1)");
        let expected = ["context_create(3, 1)", "request_headers(3, 6, 1)"].into_iter().filter(|_| context == 3);
        let expected: Vec<_> = expected
            .map(str::to_owned)
            .chain(
                ["response_headers(#, 1, 1)", "log(#)", "done(#)", "delete(#)"]
                    .map(|call| call.replace('#', &context.to_string())),
            )
            .collect();
        assert_eq!(seen, expected);
    }
}
