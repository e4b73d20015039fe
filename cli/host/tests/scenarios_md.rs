//! SCENARIOS.md is what the types of scenario files say. `cargo xtask generate` writes it anew.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::{collections::VecDeque, env, fs, path::Path};

use gwauthz_host::scenario::{Scenario, schema};
use serde_json::Value;

#[test]
fn scenarios_md_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("SCENARIOS.md");
    let fresh = page();
    if env::var_os("GWAUTHZ_BLESS").is_some() {
        fs::write(&path, &fresh).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == fresh, "SCENARIOS.md is stale: run `cargo xtask generate` and commit the file");
}

#[test]
fn the_example_is_a_scenario() {
    Scenario::read(EXAMPLE).unwrap();
}

const EXAMPLE: &str = r#"name: A revoked token does not pass
plugin:
  config: {cluster: authz, timeout: 500}
services:
  - {cluster: authz, path: /authorize, answer: {reply: {status: 403, delay: 20ms}}}
steps:
  - request:
      path: /orders
      token: {claims: {sub: alice}, expiresIn: 1m}
      expect: {decision: deny, status: 403, json: {code: revoked_token}, callouts: [{path: /authorize}]}
  - wait: 1m
  - expect: {callouts: {authz: 1}, logsLack: [alice]}
"#;

fn page() -> String {
    let schema = schema().to_value();
    let mut text = format!(
        "# Scenarios\n\n\
         Generated from the types in `src/scenario/format.rs`; do not edit. `gwauthz test FILE|FOLDER…` runs scenario files,\n\
         `gwauthz schema scenario` prints their JSON Schema. [fixtures/scenarios](../../fixtures/scenarios) holds those of\n\
         this project's plugin.\n\n\
         ```yaml\n{EXAMPLE}```\n\n\
         Everything happens on a virtual clock, which moves only when something waits: a run takes milliseconds, and is\n\
         the same to the byte each time. Tokens are signed (ES256) with the key that RFC 7515 publishes in its appendix\n\
         A.3. That no line of the log holds a token is always checked. Spans of time are written `20ms`, `5s`, `1h 30m`.\n"
    );
    let mut kinds = VecDeque::from(["Scenario".to_owned()]);
    let mut told = kinds.clone();
    while let Some(kind) = kinds.pop_front() {
        let definition = match kind.as_str() {
            "Scenario" => &schema,
            kind => schema.pointer(&format!("/$defs/{kind}")).unwrap(),
        };
        text += &section(&kind, definition);
        for other in references(definition) {
            if !told.contains(&other) {
                told.push_back(other.clone());
                kinds.push_back(other);
            }
        }
    }
    text
}

fn section(kind: &str, definition: &Value) -> String {
    let description = definition["description"].as_str().unwrap_or_default();
    let mut text = format!("\n## {kind}\n\n{}\n\n", one_line(description));
    if let Some(members) = definition["properties"].as_object() {
        let required: Vec<_> =
            definition["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        text += "| key | value | meaning |\n|---|---|---|\n";
        // Keys that every file has come first.
        let (first, others): (Vec<_>, Vec<_>) = members.iter().partition(|(key, _)| required.contains(&key.as_str()));
        for (key, value) in first.into_iter().chain(others) {
            let mark = if required.contains(&key.as_str()) { ", required" } else { "" };
            text += &format!("| `{key}` | {}{mark} | {} |\n", shown(value), meaning(value));
        }
    }
    for choice in definition["oneOf"].as_array().into_iter().flatten() {
        let meaning = meaning(choice);
        if let Some(word) = choice["const"].as_str() {
            text += &format!("- `{word}`: {meaning}\n");
        }
        for word in choice["enum"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            text += &format!("- `{word}`: {meaning}\n");
        }
        for (key, value) in choice["properties"].as_object().into_iter().flatten() {
            text += &format!("- `{key}: …` ({}): {meaning}\n", shown(value));
        }
    }
    text
}

/// What can stand in a place, in words.
fn shown(value: &Value) -> String {
    if let Some(reference) = value["$ref"].as_str() {
        let kind = reference.rsplit('/').next().unwrap();
        return format!("[{kind}](#{})", kind.to_lowercase());
    }
    for key in ["anyOf", "allOf"] {
        if let Some(choices) = value[key].as_array() {
            let words: Vec<_> = choices.iter().filter(|choice| choice["type"] != "null").map(shown).collect();
            return words.join(" or ");
        }
    }
    if value.get("pattern").is_some() {
        return "span of time".to_owned();
    }
    let kind = match &value["type"] {
        Value::Array(kinds) => kinds.iter().find(|kind| **kind != "null").and_then(Value::as_str),
        kind => kind.as_str(),
    };
    match kind {
        Some("string") if value["format"] == "date-time" => "time (RFC 3339)".to_owned(),
        Some("string") => "text".to_owned(),
        Some("integer") => "number".to_owned(),
        Some("boolean") => "true or false".to_owned(),
        Some("array") => format!("list of {}", shown(&value["items"])),
        Some("object") if value.get("additionalProperties").is_some_and(|values| *values != Value::Bool(false)) => {
            format!("map to {}", shown(&value["additionalProperties"]))
        }
        Some(other) => other.to_owned(),
        None => "any value".to_owned(),
    }
}

fn meaning(value: &Value) -> String {
    one_line(value["description"].as_str().unwrap_or_default()).replace('|', "\\|")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The kinds that a definition names, in its order.
fn references(definition: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut left = VecDeque::from([definition]);
    while let Some(value) = left.pop_front() {
        match value {
            Value::Object(members) => {
                for (key, value) in members.iter().filter(|(key, _)| *key != "$defs") {
                    match value.as_str().filter(|_| key == "$ref") {
                        Some(reference) => found.push(reference.rsplit('/').next().unwrap().to_owned()),
                        None => left.push_back(value),
                    }
                }
            }
            Value::Array(values) => left.extend(values),
            _ => {}
        }
    }
    found
}
