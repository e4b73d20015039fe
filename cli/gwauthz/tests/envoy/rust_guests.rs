//! The guests in Rust of fixtures/guests/rust: what they say of what a gateway answers, in the embedded one and in Envoy.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use gwauthz_host::{Plugin, Startup};
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::{
    request::Request,
    tcp,
    traces::{self, chosen, compiled, gateway, parting},
    trailers,
};

#[test]
fn guests_in_rust_are_answered_as_they_should() {
    for (name, module) in &*GUESTS {
        let observed = embedded(name, module);
        let said: Vec<_> =
            observed.into_iter().filter(|line| line.starts_with("[log]") || line.starts_with("[gateway")).collect();
        assert_snapshot!(name.as_str(), said.join("\n"));
    }
}

/// Nothing in Envoy calls it.
#[test]
fn a_guest_in_rust_is_told_of_foreign_functions() {
    let plugin = Plugin::new(&compiled(&GUESTS["foreign_functions"]), "{}");
    let mut gateway = gateway([plugin], Startup::WorkersOnly);
    gateway.call_foreign_function(0, 7, b"arguments");
    let lines: Vec<_> = gateway.take_logs().into_iter().map(|line| line.message).collect();
    assert_eq!(lines, [r#"called: 7 Ok(Some("arguments"))"#]);
}

#[test]
#[ignore = "needs Envoy: run `cargo xtask test`"]
fn envoy_and_the_embedded_gateway_make_the_same_calls_with_guests_in_rust() {
    let guests = GUESTS.iter().filter(|(name, _)| chosen(name));
    let surprises: Vec<_> = guests
        .filter_map(|(name, module)| {
            let difference = parting(&real(name, module), &embedded(name, module))?;
            Some(format!("{name}: {difference}"))
        })
        .collect();
    assert!(surprises.is_empty(), "{}", surprises.join("\n\n"));
}

fn real(name: &str, module: &Path) -> Vec<String> {
    match name {
        "tcp" => tcp::real(module),
        "trailers" => trailers::real(module),
        _ => traces::real(module, &json!({}), &requests(name)),
    }
}

fn embedded(name: &str, module: &Path) -> Vec<String> {
    match name {
        "tcp" => tcp::embedded(module),
        "trailers" => trailers::embedded(module),
        _ => traces::embedded(module, &json!({}), &requests(name)),
    }
}

fn requests(guest: &str) -> Vec<Request> {
    let first = Request::get("/first?a=b").header("x-twice", "one").header("x-twice", "two");
    let posting = Request::get("/second").posting_in_pieces("01234", "56789");
    match guest {
        // Whether a service has answered before the rest of a body is there, is chance.
        "grpc_calls" | "grpc_streams" | "http_calls" => vec![first, Request::get("/second")],
        // A client of gRPC is answered otherwise.
        "local_response" => {
            let grpc = ["/grpc", "/grpc/status", "/grpc/named", "/grpc/bare"].map(Request::get);
            let grpc = grpc.map(|request| request.header("content-type", "application/grpc"));
            [first, posting].into_iter().chain(grpc).collect()
        }
        _ => vec![first, posting],
    }
}

/// The modules by their names; built once.
pub(crate) static GUESTS: LazyLock<BTreeMap<String, PathBuf>> = LazyLock::new(|| {
    let build = Command::new(env!("CARGO"))
        .args(["build", "--package", "gwauthz-guests", "--examples", "--release", "--target", "wasm32-wasip1"])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .output()
        .expect("run cargo");
    assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
    let messages = build.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    messages.filter_map(|line| built(&serde_json::from_slice(line).expect("JSON"))).collect()
});

/// The guest that one of cargo's messages tells of: its name, and its module.
fn built(message: &Value) -> Option<(String, PathBuf)> {
    let target = message.get("target").filter(|target| target["kind"] == json!(["example"]))?;
    Some((target["name"].as_str()?.to_owned(), message["filenames"][0].as_str()?.into()))
}
