//! Properties that depend on where the gateway runs, and those that fail.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::fmt::Write as _;

use gwauthz_host::{
    AttributeValue, Certificate, Compiler, Direction, Gateway, GatewayConfig, HttpRequest, Plugin, Surroundings, Tls,
    World,
};

struct Nobody;

impl World for Nobody {}

const OK: u32 = 0;
const NOT_FOUND: u32 = 1;
const SERIALIZATION_FAILURE: u32 = 3;
const INVALID_MEMORY_ACCESS: u32 = 6;
const INTERNAL_FAILURE: u32 = 10;

/// A gateway whose plugin answers in `callback` with what `call` gives: 200 more than its status, and as the body what
/// it has put where offsets 0 and 4 say.
fn gateway(surroundings: Surroundings, callback: &str, data: &[u8], call: &str) -> Gateway<Nobody> {
    let mut text = String::new();
    data.iter().for_each(|byte| write!(text, "\\{byte:02x}").unwrap());
    let module = format!(
        r#"(module
            (import "env" "proxy_send_local_response" (func $respond (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_get_property" (func $get (param i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_set_property" (func $set (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 33)
            (data (i32.const 64) "{text}")
            (func (export "proxy_abi_version_0_2_1"))
            (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 4096)
            (func (export "{callback}") (param i32 i32 i32) (result i32)
                (local $status i32)
                (local.set $status {call})
                (drop (call $respond (i32.add (i32.const 200) (local.get $status)) (i32.const 0) (i32.const 0)
                    (i32.load (i32.const 0)) (i32.load (i32.const 4)) (i32.const 0) (i32.const 0) (i32.const -1)))
                (i32.const 1)))"#
    );
    let module = Compiler::new(None).unwrap().compile(&wat::parse_str(module).unwrap()).unwrap();
    let config = GatewayConfig { surroundings, ..GatewayConfig::default() };
    Gateway::start([Plugin::new(&module, "")], config, Nobody).unwrap_or_else(|error| panic!("{error}"))
}

fn ask(gateway: &mut Gateway<Nobody>) -> (u32, Vec<u8>) {
    let response = gateway.request(&HttpRequest::new("GET", "h", b"/")).response;
    (u32::from(response.status()) - 200, response.body)
}

/// What a plugin gets that reads a property in a callback.
fn property_in(callback: &str, surroundings: Surroundings, path: &str) -> (u32, Vec<u8>) {
    let path = path.replace('.', "\0");
    let call = format!("(call $get (i32.const 64) (i32.const {}) (i32.const 0) (i32.const 4))", path.len());
    ask(&mut gateway(surroundings, callback, path.as_bytes(), &call))
}

fn property(surroundings: Surroundings, path: &str) -> (u32, Vec<u8>) {
    property_in("proxy_on_request_headers", surroundings, path)
}

fn text(value: &str) -> (u32, Vec<u8>) {
    (OK, value.into())
}

fn number(value: i64) -> (u32, Vec<u8>) {
    (OK, value.to_le_bytes().to_vec())
}

const NONE: (u32, Vec<u8>) = (NOT_FOUND, Vec::new());

#[test]
fn addresses_have_their_port() {
    let default = Surroundings::default;
    assert_eq!(property(default(), "source.address"), text("10.244.0.1:40000"));
    assert_eq!(property(default(), "source.port"), number(40_000));
    assert_eq!(property(default(), "destination.address"), text("10.244.0.5:8080"));
    let mut six = default();
    six.connection.source = "[::1]:80".parse().unwrap();
    assert_eq!(property(six, "source.address"), text("[::1]:80"));
}

#[test]
fn the_upstream_is_known_once_the_headers_have_gone_on() {
    let default = Surroundings::default;
    assert_eq!(property(default(), "upstream.address"), NONE);
    let later = |path| property_in("proxy_on_response_headers", default(), path);
    assert_eq!(later("upstream.address"), text("10.244.0.7:8080"));
    assert_eq!(later("upstream.port"), number(8080));
    assert_eq!(later("upstream.local_address"), text("10.244.0.5:50000"));
    assert_eq!(later("upstream_filter_state"), (SERIALIZATION_FAILURE, Vec::new()));
    assert_eq!(later("request.path"), NONE);
}

#[test]
fn an_encrypted_connection_tells_its_certificates() {
    let local = Certificate { subject: "CN=gateway".into(), dns_san: Some("h".into()), ..Certificate::default() };
    let peer = Certificate {
        subject: "CN=client".into(),
        uri_san: Some("spiffe://a/b".into()),
        sha256_digest: "00ff".into(),
        ..Certificate::default()
    };
    let mut mutual = Surroundings::default();
    mutual.connection.tls = Some(Tls { version: "TLSv1.3".into(), local: local.clone(), peer: Some(peer) });
    let mut one_sided = mutual.clone();
    one_sided.connection.tls = Some(Tls { version: "TLSv1.2".into(), local, peer: None });

    let told = |path: &str| property(mutual.clone(), path);
    assert_eq!(told("connection.mtls"), (OK, vec![1]));
    assert_eq!(told("connection.tls_version"), text("TLSv1.3"));
    assert_eq!(told("connection.subject_local_certificate"), text("CN=gateway"));
    assert_eq!(told("connection.subject_peer_certificate"), text("CN=client"));
    assert_eq!(told("connection.dns_san_local_certificate"), text("h"));
    assert_eq!(told("connection.dns_san_peer_certificate"), NONE);
    assert_eq!(told("connection.uri_san_peer_certificate"), text("spiffe://a/b"));
    assert_eq!(told("connection.uri_san_local_certificate"), NONE);
    assert_eq!(told("connection.sha256_peer_certificate_digest"), text("00ff"));
    assert_eq!(property(one_sided.clone(), "connection.mtls"), (OK, vec![0]));
    assert_eq!(property(one_sided, "connection.subject_peer_certificate"), NONE);
    assert_eq!(property(Surroundings::default(), "connection.mtls"), (OK, vec![0]));
}

#[test]
fn the_default_is_an_ingress_gateway_of_istio() {
    let default = Surroundings::default;
    assert_eq!(property(default(), "xds.listener_direction"), number(Direction::Outbound as i64));
    assert_eq!(property(default(), "xds.node.metadata.NAMESPACE"), text("istio-system"));
    assert_eq!(property(default(), "xds.node.metadata.LABELS.istio"), text("ingressgateway"));
    assert!(property(default(), "xds.node.id").1.starts_with(b"router~10.244.0.5~"));
    assert!(property(default(), "xds.cluster_name").1.starts_with(b"outbound|"));
}

#[test]
fn properties_can_be_added_and_replaced() {
    let mut surroundings = Surroundings::default();
    surroundings.properties.insert(b"request\0path".to_vec(), "/other".into());
    surroundings.properties.insert(b"mine".to_vec(), AttributeValue::List(vec![1.into(), true.into()]));
    let claims = [("sub", "me".into())].into_iter().collect();
    surroundings.dynamic_metadata.insert(b"jwt_authn".to_vec(), claims);
    assert_eq!(property(surroundings.clone(), "request.path"), text("/other"));
    let list = b"\x02\0\0\0\x08\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\x01\0\0";
    assert_eq!(property(surroundings.clone(), "mine"), (OK, list.to_vec()));
    assert_eq!(property(surroundings.clone(), "metadata.filter_metadata.jwt_authn.sub"), text("me"));
    assert_eq!(property(surroundings, "metadata.filter_metadata.jwt_authn.sub.x"), NONE);

    let call = "(call $get (i32.const 64) (i32.const 14) (i32.const 0) (i32.const 4))";
    let mut gateway = gateway(Surroundings::default(), "proxy_on_request_headers", b"xds\0route_name", call);
    assert_eq!(ask(&mut gateway), text("default"));
    let mut renamed = Surroundings::default();
    renamed.route.name = "other".to_owned();
    gateway.set_surroundings(renamed);
    assert_eq!(ask(&mut gateway), text("other"));
}

#[test]
fn what_a_plugin_keeps_is_bounded_and_its_pointers_are_checked() {
    let status = |call: &str| {
        let mut gateway = gateway(Surroundings::default(), "proxy_on_request_headers", b"plugin_name", call);
        ask(&mut gateway).0
    };
    assert_eq!(status("(call $set (i32.const 64) (i32.const 4) (i32.const 0) (i32.const 1000000))"), OK);
    assert_eq!(status("(call $set (i32.const 64) (i32.const 4) (i32.const 0) (i32.const 1048576))"), INTERNAL_FAILURE);
    for call in [
        "(call $set (i32.const -1) (i32.const 4) (i32.const 0) (i32.const 1))",
        "(call $set (i32.const 64) (i32.const 4) (i32.const 64) (i32.const -1))",
        "(call $get (i32.const 64) (i32.const -1) (i32.const 0) (i32.const 4))",
        "(call $get (i32.const 64) (i32.const 11) (i32.const -3) (i32.const 8))",
        "(call $get (i32.const 64) (i32.const 11) (i32.const 8) (i32.const -1))",
    ] {
        assert_eq!(status(call), INVALID_MEMORY_ACCESS, "{call}");
    }
}
