//! `gwauthz schema` as a user runs it.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::process::Command;

use serde_json::{Value, json};

fn schema(of: &str) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_gwauthz")).args(["schema", of]).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_schema_of_scenarios_is_printed() {
    assert_eq!(schema("scenario")["required"], json!(["name", "plugin", "steps"]));
}

#[test]
fn the_schema_of_the_plugins_configuration_is_printed() {
    let schema = schema("plugin-config");
    assert_eq!(schema["properties"]["timeout"]["anyOf"][0]["maximum"], 60_000);
    assert_eq!(schema["properties"]["tokens"]["additionalProperties"], false);
}

#[test]
fn the_schema_of_revocation_snapshots_is_printed() {
    let schema = schema("revocation-snapshot");
    assert_eq!(schema["required"], json!(["version", "sequence", "issuedAt"]));
    assert_eq!(schema["properties"]["ids"]["maxItems"], 100_000);
}
