//! Scenarios with properties that a gateway can be configured with, on a real Envoy and on the embedded gateway.

use std::fmt::Write as _;

use crate::scenarios::run_guest;

/// A guest that logs the property whose path stands in `x-path`, with `|` between segments: its status, and the bytes in hex.
const ASKING: &str = r#"(module
    (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
    (import "env" "proxy_get_property" (func $get_property (param i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_get_header_map_value" (func $get_value (param i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 4)
    (data (i32.const 1024) "x-path") (data (i32.const 1040) "0123456789abcdef")
    (global $heap (mut i32) (i32.const 131072))
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
      (global.get $heap)
      (global.set $heap (i32.add (global.get $heap) (local.get $size))))
    (func $put (param $place i32) (param $digit i32)
      (i32.store8 (local.get $place) (i32.load8_u (i32.add (i32.const 1040) (i32.and (local.get $digit) (i32.const 15))))))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (local $at i32) (local $end i32) (local $place i32)
      (global.set $heap (i32.const 131072))
      (drop (call $get_value (i32.const 0) (i32.const 1024) (i32.const 6) (i32.const 0) (i32.const 4)))
      (local.set $at (i32.load (i32.const 0)))
      (local.set $end (i32.add (local.get $at) (i32.load (i32.const 4))))
      (block $done
        (loop $next
          (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
          (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 124)) (then (i32.store8 (local.get $at) (i32.const 0))))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $next)))
      (i64.store (i32.const 8) (i64.const 0))
      (call $put (i32.const 2048)
        (call $get_property (i32.load (i32.const 0)) (i32.load (i32.const 4)) (i32.const 8) (i32.const 12)))
      (local.set $at (i32.load (i32.const 8)))
      (local.set $end (i32.add (local.get $at) (i32.load (i32.const 12))))
      (local.set $place (i32.const 2049))
      (block $done
        (loop $next
          (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
          (call $put (local.get $place) (i32.shr_u (i32.load8_u (local.get $at)) (i32.const 4)))
          (call $put (i32.add (local.get $place) (i32.const 1)) (i32.load8_u (local.get $at)))
          (local.set $place (i32.add (local.get $place) (i32.const 2)))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $next)))
      (drop (call $log (i32.const 2) (i32.const 2048) (i32.sub (local.get $place) (i32.const 2048))))
      (i32.const 0)))"#;

/// What a gateway can be configured with, and what it then tells: some of it, and what there is without.
const PROPERTIES: [(&str, &str); 27] = [
    ("xds.node.id: mine", "xds|node|id"),
    ("xds.node.cluster: mine", "xds|node|cluster"),
    ("xds.node.locality.region: mine", "xds|node|locality|region"),
    ("xds.node.locality.zone: mine", "xds|node|locality|zone"),
    ("xds.node.metadata.LABELS.app: mine", "xds|node|metadata|LABELS|app"),
    ("xds.node.metadata.NUMBER: 5", "xds|node|metadata|NUMBER"),
    ("xds.node.metadata.LIST: [a, 1, true, {b: c}]", "xds|node|metadata|LIST"),
    ("", "xds|node|metadata|NAMESPACE"),
    ("", "xds|node|metadata|LABELS|istio"),
    ("xds.route_name: mine", "xds|route_name"),
    ("xds.virtual_host_name: mine", "xds|virtual_host_name"),
    ("xds.cluster_name: mine", "xds|cluster_name"),
    ("xds.filter_chain_name: mine", "xds|filter_chain_name"),
    ("xds.listener_direction: 1", "xds|listener_direction"),
    ("xds.route_metadata.filter_metadata.a: {b: {c: 1.5}}", "xds|route_metadata"),
    ("xds.virtual_host_metadata.filter_metadata.a.b: mine", "xds|virtual_host_metadata|filter_metadata|a|b"),
    ("xds.cluster_metadata.filter_metadata.a.b: mine", "xds|cluster_metadata"),
    ("xds.listener_metadata.filter_metadata.a.b: false", "xds|listener_metadata|filter_metadata|a|b"),
    ("xds.upstream_host_metadata.filter_metadata.a.b: mine", "xds|upstream_host_metadata"),
    (
        "metadata.filter_metadata['envoy.filters.http.jwt_authn']: {claims: {sub: alice, aud: [a, b]}}",
        "metadata|filter_metadata|envoy.filters.http.jwt_authn|claims|aud",
    ),
    ("metadata.filter_metadata['a.b'].c: 5", "metadata"),
    ("", "metadata|filter_metadata|other"),
    ("filter_state['a.b']: mine", "filter_state|a.b"),
    // What other filters leave is no property of the plugin's own.
    ("filter_state['wasm.own']: theirs", "own"),
    ("", "filter_state|wasm.own"),
    ("filter_state.odd: 'ä 100%, %REQ(:path)%'", "filter_state|odd"),
    ("", "filter_state|other"),
];

#[test]
#[ignore = "needs Envoy: run `cargo xtask test`"]
fn envoy_and_the_embedded_gateway_tell_the_properties_that_they_are_configured_with() {
    // Without any, and with all of them.
    for configured in [false, true] {
        let mut text = "name: Properties\nplugin: {}\ngateway:\n  properties:\n".to_owned();
        let properties = PROPERTIES.iter().map(|(property, _)| property).filter(|text| configured && !text.is_empty());
        properties.for_each(|property| writeln!(text, "    {property}").expect("a text"));
        text += "steps:\n";
        for (property, path) in PROPERTIES {
            // Its members come in the order of a hash table.
            if path == "metadata" && configured {
                continue;
            }
            let is_told = configured && property.ends_with(": mine") && !path.ends_with("_metadata");
            let expect = if is_told { "logsContain: ['06d696e65']" } else { "" };
            writeln!(text, "  - request: {{headers: {{x-path: '{path}'}}, expect: {{{expect}}}}}").expect("a text");
        }
        let (found, _) = run_guest(ASKING, &text.replace("properties:\nsteps", "properties: {}\nsteps"));
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}
