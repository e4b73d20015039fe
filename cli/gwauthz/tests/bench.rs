//! `gwauthz bench` as a user runs it: the figures, the gate, the picture, and what a wrong call is told.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

/// What it burns depends on the gateway's clock.
const MODULE: &str = r#"(module
  (import "env" "proxy_get_current_time_nanoseconds" (func $now (param i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "malloc") (param i32) (result i32) i32.const 0)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (local $rounds i32)
    (drop (call $now (i32.const 0)))
    (local.set $rounds (i32.load8_u (i32.const 3)))
    (block (loop
      (br_if 1 (i32.eqz (local.get $rounds)))
      (local.set $rounds (i32.sub (local.get $rounds) (i32.const 1)))
      (br 0)))
    (drop (memory.grow (i32.const GROWTH)))
    i32.const 0))"#;

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gwauthz"))
        .args(["bench", "--requests", "100"])
        .args(arguments)
        .env_remove("GWAUTHZ_TOKEN")
        .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
        .output()
        .unwrap()
}

/// A module whose memory grows by so many pages with each request.
fn module(folder: &Path, growth: u32) -> String {
    let file = folder.join(format!("{growth}.wasm"));
    fs::write(&file, wat::parse_str(MODULE.replace("GROWTH", &growth.to_string())).unwrap()).unwrap();
    file.to_str().unwrap().to_owned()
}

fn json(arguments: &[&str]) -> Value {
    let output = bench(&[arguments, &["--format", "json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_request_is_taken_apart() {
    let folder = tempfile::tempdir().unwrap();
    let (module, growing) = (module(folder.path(), 0), module(folder.path(), 1));
    let result = json(&["--module", &module, "--against", &growing]);
    assert_eq!((&result["schema"], &result["requests"]), (&"gwauthz.bench/v1".into(), &100.into()));
    let [first, second] = [0, 1].map(|number| &result["modules"][number]);
    assert_eq!(first["status"], 200);
    assert_eq!(first["host_calls"], serde_json::json!({"get_current_time_nanoseconds": 1}));
    let callback = &first["callbacks"]["proxy_on_request_headers"];
    assert_eq!((&callback["calls_per_request"], &callback["ns"]["count"]), (&1.0.into(), &100.into()));
    assert_eq!(callback["fuel"], first["fuel"]);
    assert!(first["fuel"].as_u64().unwrap() > 0 && first["request_ns"]["median"].as_u64().unwrap() > 0);
    assert_eq!((&first["growth_bytes"], &second["growth_bytes"]), (&0.0.into(), &65536.0.into()));
    assert_eq!(json(&["--module", &module, "--token"])["modules"][0]["fuel"], first["fuel"], "fuel repeats");
}

#[test]
fn more_fuel_than_in_the_baseline_is_a_no() {
    let folder = tempfile::tempdir().unwrap();
    let module = module(folder.path(), 0);
    let mut result = json(&["--module", &module]);
    let baseline = folder.path().join("baseline.json");
    let gate = |result: &Value| {
        fs::write(&baseline, result.to_string()).unwrap();
        bench(&["--module", &module, "--baseline", baseline.to_str().unwrap(), "--fail-above", "5%"])
    };
    let same = gate(&result);
    assert_eq!(same.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&same.stdout).contains("Since the baseline fuel +0.0 %"), "{same:?}");
    let fuel = result["modules"][0]["fuel"].as_u64().unwrap();
    result["modules"][0]["fuel"] = (fuel / 2).into();
    assert_eq!(gate(&result).status.code(), Some(1));
    result["schema"] = "other".into();
    let refused = gate(&result);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("expected the schema gwauthz.bench/v1"), "{refused:?}");
}

#[test]
fn the_picture_needs_no_other_file() {
    let folder = tempfile::tempdir().unwrap();
    let module = module(folder.path(), 0);
    for (name, begins) in [("times.svg", "<svg "), ("times.html", "<!doctype html>")] {
        let file = folder.path().join(name);
        assert_eq!(bench(&["--module", &module, "--plot", file.to_str().unwrap()]).status.code(), Some(0));
        let picture = fs::read_to_string(file).unwrap();
        assert!(picture.starts_with(begins) && picture.contains("<polyline"), "{picture}");
        assert!(!picture.contains("href") && !picture.contains("src="), "{picture}");
    }
}

#[test]
fn wrong_calls_are_told_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let module = module(folder.path(), 0);
    for (arguments, help) in [
        (["--plot", "times.png"], ".svg or .html"),
        (["--fail-above", "5"], "--baseline"),
        (["--authz", "http://localhost:1"], "--authz 200"),
        (["--against", "Cargo.toml"], "name a .wasm file"),
    ] {
        let output = bench(&[arguments.as_slice(), &["--module", &module]].concat());
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(help), "{told}");
    }
}
