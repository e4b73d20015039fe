//! `gwauthz test` with scenarios, as a user runs it: what it prints, and how it ends.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// Lets every request pass, and says so.
const GUEST: &str = r#"(module
    (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 8) "seen")
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 1024)
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (drop (call $log (i32.const 2) (i32.const 8) (i32.const 4))) (i32.const 0)))"#;

const HELD: &str = "name: Everybody passes
plugin: {}
steps: [{request: {expect: {decision: allow, status: 200}}}]
";
const FAILED: &str = "name: Nobody passes
plugin: {}
steps:
  - request:
      headers: {authorization: Basic dXNlcjpwYXNz}
      expect:
        decision: deny
        status: 401
";
const WRONG: &str = "name: Not a scenario
plugin: {confg: {}}
steps: []
";

/// A folder with a module and these scenarios.
fn folder(scenarios: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("guest.wasm"), wat::parse_str(GUEST).unwrap()).unwrap();
    for (name, text) in scenarios {
        let path = folder.path().join("scenarios").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn all() -> TempDir {
    folder(&[("a/held.yaml", HELD), ("b/failed.yml", FAILED), ("c.yaml", WRONG), ("d.yaml", HELD), ("notes.txt", "-")])
}

fn gwauthz(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gwauthz"));
    command
        .arg("test")
        .args(arguments)
        .current_dir(folder)
        .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
        .env_remove("CLICOLOR_FORCE")
        .env_remove("GWAUTHZ_TOKEN")
        .stdin(Stdio::null());
    command
}

fn run(folder: &TempDir, arguments: &[&str]) -> Output {
    gwauthz(folder.path(), &[&["--module", "guest.wasm"], arguments].concat()).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// This project's plugin does what its scenarios say.
#[test]
fn the_plugin_holds_its_scenarios() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let output = gwauthz(&root, &["fixtures/scenarios"]).output().unwrap();
    assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
}

#[test]
fn human() {
    let output = run(&all(), &["scenarios"]);
    assert_eq!(code(&output), 2);
    insta::assert_snapshot!(stdout(&output));
    let told = stderr(&output);
    assert!(told.contains("no key `confg`") && told.contains("scenarios/c.yaml:2:10"), "{told}");
}

#[test]
fn human_with_every_timeline() {
    insta::assert_snapshot!(stdout(&run(&all(), &["scenarios/a", "--verbose"])));
}

#[test]
fn json() {
    let output = run(&all(), &["scenarios", "--format", "json"]);
    assert_eq!(code(&output), 2);
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&value).unwrap());
}

#[test]
fn junit() {
    let output = run(&all(), &["scenarios", "--format", "junit"]);
    assert_eq!(code(&output), 2);
    insta::assert_snapshot!(stdout(&output));
}

#[test]
fn the_exit_code_is_the_answer() {
    let folder = all();
    for (arguments, expected) in [
        (&["scenarios/a"][..], 0),
        (&["scenarios/a", "scenarios/d.yaml"], 0),
        (&["scenarios/b"], 1),
        (&["scenarios/a", "scenarios/b"], 1),
        (&["scenarios/b", "scenarios/c.yaml"], 2),
        (&["scenarios/none.yaml"], 4),
        (&["scenarios/a", "--filter", "no such"], 2),
        (&["scenarios/a", "--token"], 2),
        (&["scenarios/a", "--authz", "403"], 2),
        (&["scenarios/a", "--probe"], 2),
        (&["--fail-fast"], 2),
        (&["--host", "envoy"], 2),
        (&["scenarios/a", "--envoy", "envoy"], 2),
        (&["scenarios/a", "--host", "envoy", "--envoy", "/bin/echo"], 2),
        (&["scenarios/a", "--host", "envoy", "--profile", "spec"], 2),
        (&["--format", "junit"], 2),
    ] {
        let output = run(&folder, arguments);
        assert_eq!(code(&output), expected, "{arguments:?}: {}{}", stdout(&output), stderr(&output));
    }
    fs::create_dir(folder.path().join("empty")).unwrap();
    let output = run(&folder, &["empty"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("no scenario in empty"), "{}", stderr(&output));
}

/// By the specification a counter is set to what is recorded; in Envoy, that is added.
#[test]
fn scenarios_follow_the_profile() {
    let counter = r#"(module
        (import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
        (import "env" "proxy_record_metric" (func $record (param i32 i64) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 8) "seen")
        (func (export "proxy_abi_version_0_2_1"))
        (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 1024)
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (drop (call $define (i32.const 0) (i32.const 8) (i32.const 4) (i32.const 16)))
            (drop (call $record (i32.load (i32.const 16)) (i64.const 1))) (i32.const 0)))"#;
    let folder =
        folder(&[("a.yaml", "name: a\nplugin: {}\nsteps: [{request: {times: 2}}]\nexpect: {metrics: {seen: 1}}\n")]);
    fs::write(folder.path().join("guest.wasm"), wat::parse_str(counter).unwrap()).unwrap();
    for (profile, expected) in [("spec", 0), ("envoy", 1)] {
        let output = run(&folder, &["scenarios", "--profile", profile]);
        assert_eq!(code(&output), expected, "{}", stdout(&output));
    }
}

#[test]
fn filters_choose_by_file_and_by_name() {
    let folder = all();
    let names = |arguments: &[&str]| {
        let output = run(&folder, &[&["scenarios", "--format", "json"], arguments].concat());
        let value: Value = serde_json::from_slice(&output.stdout).unwrap();
        let results = value["results"].as_array().unwrap().clone();
        results.iter().map(|result| result["file"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(&["--filter", "Everybody"]), "scenarios/a/held.yaml scenarios/d.yaml");
    assert_eq!(names(&["--filter", "failed", "--filter", "c.yaml"]), "scenarios/b/failed.yml scenarios/c.yaml");
}

#[test]
fn fail_fast_leaves_out_what_stands_behind() {
    let output = run(&all(), &["scenarios", "--fail-fast"]);
    assert_eq!(code(&output), 1);
    let said = stdout(&output);
    assert!(said.ends_with("4 scenarios: 1 held, 1 failed, 2 not run\n"), "{said}");
    assert!(!said.contains("scenarios/c.yaml"), "{said}");
}

#[test]
fn a_run_repeats_to_the_byte_and_shows_no_secret() {
    let folder = all();
    for format in ["human", "json", "junit"] {
        let (one, other) = (
            run(&folder, &["scenarios", "-v", "--format", format]),
            run(&folder, &["scenarios", "-v", "--format", format]),
        );
        assert_eq!(stdout(&one), stdout(&other));
        assert!(!stdout(&one).contains("dXNlcjpwYXNz"), "{}", stdout(&one));
        assert!(!stdout(&one).contains('\u{1b}'), "no colour in a pipe");
    }
}

#[test]
fn a_scenario_takes_its_configuration_from_a_manifest_beside_it() {
    let with = |manifest: &str| format!("name: a\nplugin: {{manifest: {{file: {manifest}}}}}\nsteps: []\n");
    let plugin =
        "apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nmetadata: {name: a}\nspec: {url: oci://a/b}\n";
    let folder = folder(&[("a.yaml", &with("deploy/a.yaml")), ("deploy/a.yaml", plugin), ("b.yaml", &with("no.yaml"))]);
    assert_eq!(code(&run(&folder, &["scenarios/a.yaml"])), 0);
    let output = run(&folder, &["scenarios/b.yaml"]);
    assert_eq!(code(&output), 4);
    assert!(stderr(&output).contains("scenarios/no.yaml"), "{}", stderr(&output));
}

#[cfg(unix)]
#[test]
fn watching_runs_again_on_a_change_and_ends_with_the_last_answer() {
    let folder = folder(&[("a.yaml", HELD)]);
    let mut child = gwauthz(folder.path(), &["scenarios", "--module", "guest.wasm", "--watch"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = |wanted: &str| {
        for line in lines.by_ref() {
            if line.unwrap().contains(wanted) {
                return;
            }
        }
        panic!("no line with {wanted}");
    };
    next("1 scenario: 1 held");
    fs::write(folder.path().join("scenarios/a.yaml"), FAILED).unwrap();
    next("1 scenario: 0 held, 1 failed");
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    assert_eq!(child.wait().unwrap().code(), Some(1));
}
