//! `gwauthz test` as a user runs it: the decision, the exit code, and what a wrong call is told.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may fail by panicking")]

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::Value;

/// A run of `gwauthz test`.
struct Run {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Run {
    fn result(&self) -> Value {
        let output: Value =
            serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("{}{}", self.stdout, self.stderr));
        assert_eq!(output["schema"], "gwauthz.test/v1");
        output["results"][0].clone()
    }

    /// The decision and the status; the exit code must fit.
    fn decision(&self) -> (String, u64) {
        let result = self.result();
        let decision = result["decision"].as_str().unwrap().to_owned();
        assert_eq!(self.code, i32::from(decision == "deny"), "{}", self.stdout);
        (decision, result["status"].as_u64().unwrap())
    }
}

fn run(arguments: &[&str]) -> Run {
    run_with(arguments, "", &[])
}

fn run_with(arguments: &[&str], stdin: &str, environment: &[(&str, &str)]) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_gwauthz"))
        .arg("test")
        .args(arguments)
        .current_dir(root())
        .env_remove("GWAUTHZ_TOKEN")
        .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read leaves a closed pipe.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    Run {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn json(arguments: &[&str]) -> Run {
    run(&[arguments, &["--format", "json"]].concat())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn allowed() -> (String, u64) {
    ("allow".to_owned(), 200)
}

fn denied(status: u64) -> (String, u64) {
    ("deny".to_owned(), status)
}

#[test]
fn a_demo_token_is_allowed_and_the_callout_is_shown() {
    let run = json(&["--token"]);
    assert_eq!(run.decision(), allowed());
    let result = run.result();
    let callout = &result["callouts"][0];
    assert_eq!(callout["cluster"], "outbound|8080||jwt-auth-service.default.svc.cluster.local");
    assert_eq!(callout["authority"], "jwt-auth-service.default.svc.cluster.local");
    assert_eq!(
        (&callout["method"], &callout["path"], &callout["status"]),
        (&"POST".into(), &"/authorize".into(), &200.into())
    );
    assert!(result["duration_ns"].as_u64().unwrap() > 0);
}

#[test]
fn no_token_is_denied_without_a_callout() {
    let run = json(&[]);
    assert_eq!(run.decision(), denied(401));
    assert_eq!(run.result()["callouts"], Value::Array(Vec::new()));
    assert_eq!(run.result()["class"], "missing_token");
}

#[test]
fn the_service_decides() {
    for (authz, decision) in [
        ("200", allowed()),
        ("401", denied(401)),
        ("403", denied(403)),
        ("500", denied(503)),
        ("204", denied(503)),
        ("timeout", denied(503)),
        ("refused", denied(503)),
        ("reset", denied(503)),
    ] {
        assert_eq!(json(&["--token", "--authz", authz]).decision(), decision, "{authz}");
    }
}

#[test]
fn the_expected_decision_is_a_success() {
    assert_eq!(run(&["--expect", "deny"]).code, 0);
    assert_eq!(run(&["--token", "--expect", "deny"]).code, 1);
}

#[test]
fn claims_shape_the_demo_token() {
    assert!(
        json(&["--token", "--claims", r#"{"exp":1}"#]).result()["reason"].as_str().unwrap().contains("expired_token")
    );
    assert!(json(&["--claims", r#"{"jti":null}"#]).result()["class"] == "malformed_token");
    for wrong in ["{", "[]"] {
        assert_eq!(run(&["--token", "--claims", wrong]).code, 2, "{wrong}");
    }
    assert_eq!(run(&["--token", "a.b.c", "--claims", "{}"]).code, 2);
    assert_eq!(run(&["--claims", "@no-such-file"]).code, 4);
}

/// {"alg":"ES256"}.{"jti":"secret-id"}.signature
const TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.eyJqdGkiOiJzZWNyZXQtaWQifQ.c2lnbmF0dXJl";

#[test]
fn a_token_can_stay_off_the_command_line_and_is_never_printed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let at_file = format!("@{}", file.display());
    for run in [
        run_with(&["--token", "-", "-v"], &format!("{TOKEN}\n"), &[]),
        run_with(&["--token", &at_file, "-v"], "", &[]),
        run_with(&["-v"], "", &[("GWAUTHZ_TOKEN", TOKEN)]),
        run_with(&["--token", "-v"], "", &[("GWAUTHZ_TOKEN", TOKEN)]),
        run_with(&["-v", "--token", TOKEN, "--format", "json"], "", &[]),
        run_with(&["-v", "--token", TOKEN, "--authz", "500"], "", &[]),
    ] {
        assert!(run.stdout.contains("/authorize"), "{}{}", run.stdout, run.stderr);
        assert!(!run.stderr.contains("minted"), "{}", run.stderr);
        for part in TOKEN.split('.').chain(["secret-id"]) {
            assert!(!run.stdout.contains(part) && !run.stderr.contains(part), "{}{}", run.stdout, run.stderr);
        }
    }
}

#[test]
fn a_token_that_is_garbage_is_the_plugins_to_refuse() {
    for token in ["garbage", "a.b.c", "eyJhbGciOiJub25lIn0.eyJqdGkiOiJhIn0.", &"x".repeat(100_000)] {
        assert_eq!(json(&["--token", token]).decision(), denied(401), "{token:.20}");
    }
    assert_eq!(run_with(&["--token", "-"], "two\nlines", &[]).code, 2);
    assert_eq!(run_with(&["--token", "-"], &"x".repeat(2 << 20), &[]).code, 2);
}

#[test]
fn the_configuration_comes_from_the_manifest() {
    let run = json(&["--config", "fixtures/deploy/gateway.yaml", "--path", "/healthz/live"]);
    assert_eq!(run.decision(), allowed());
    let run = json(&["--config", "fixtures/deploy/gateway.yaml", "--path", "/healthz/..%2fadmin"]);
    assert_eq!(run.decision(), denied(400));
}

/// Takes a secret from the environment of the VM.
const SECRET: &str = "{cluster: c, issuers: [{issuer: https://a.example, audiences: [a], secret: {env: A}}]}";

#[test]
fn the_environment_comes_from_the_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deploy.yaml");
    let secret = "vmConfig: {env: [{name: A, value: 0123456789abcdef0123456789abcdef}]}";
    let plugin = "apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nmetadata: {name: a}\n";
    fs::write(&path, format!("{plugin}spec: {{url: oci://r/x, pluginConfig: {SECRET}, {secret}}}\n")).unwrap();
    let run = run(&["--config", path.to_str().unwrap()]);
    assert_eq!(run.code, 1, "{}", run.stderr);
}

#[test]
fn a_wrong_configuration_says_what_the_plugin_says() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = |text: &str| {
        let path = folder.path().join("deploy.yaml");
        fs::write(&path, text).unwrap();
        run(&["--token", "--config", path.to_str().unwrap()])
    };
    let plugin = |name: &str, config: &str| {
        format!(
            "apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nmetadata: {{name: {name}}}\nspec: {{url: oci://r/x, pluginConfig: {config}}}\n---\n"
        )
    };
    for (text, code, said) in [
        (plugin("a", "{cluster: c, timout: 1}"), 2, "did you mean `timeout`"),
        (plugin("a", "{}"), 2, "cluster: required"),
        (plugin("a", SECRET), 2, "issuers[0].secret.env"),
        (plugin("a", "{cluster: c}") + &plugin("b", "{cluster: d}"), 2, "--plugin NAME"),
        ("kind: Service\n".to_owned(), 2, "no WasmPlugin"),
        ("a: [".to_owned(), 2, "deploy.yaml"),
        (String::new(), 2, "no WasmPlugin"),
    ] {
        let run = manifest(&text);
        assert_eq!(run.code, code, "{text}");
        assert!(run.stderr.contains(said) && run.stdout.is_empty(), "{text}: {}", run.stderr);
    }
    assert_eq!(run(&["--config", "no-such-file.yaml"]).code, 4);
    assert_eq!(run(&["--config", "fixtures"]).code, 4);
}

#[test]
fn a_module_that_is_none_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("module.wasm");
    for (bytes, said) in [
        (b"".as_slice(), "an empty file"),
        (b"\x7fELF", "does not begin with"),
        (b"\0asm\x0d\0\x01\0", "component"),
        (b"\0asm\x01\0\0\0", "not a proxy-wasm plugin"),
    ] {
        fs::write(&file, bytes).unwrap();
        let run = run(&["--token", "--module", file.to_str().unwrap()]);
        assert_eq!(run.code, 2, "{said}");
        assert!(run.stderr.contains(said) && run.stderr.contains("help:"), "{}", run.stderr);
        assert!(!run.stderr.contains("RUST_BACKTRACE"), "{}", run.stderr);
    }
    assert_eq!(run(&["--module", folder.path().to_str().unwrap()]).code, 4);
    assert_eq!(run(&["--module", "no-such-file.wasm"]).code, 4);
}

#[test]
fn duplicate_headers_are_two_headers() {
    let authorization = format!("authorization: Bearer {TOKEN}");
    assert_eq!(json(&["--header", &authorization]).decision(), allowed());
    assert_eq!(json(&["--header", &authorization, "--header", &authorization]).decision(), denied(401));
}

#[test]
fn a_wrong_call_ends_with_2() {
    for arguments in [
        &["--authz", "maybe"][..],
        &["--authz", "http://127.0.0.1/authorize"],
        &["--expect", "both"],
        &["--header", "no colon"],
        &["--header", "a\u{20}b: c"],
        &["--header", "a: b\nc"],
        &["--method", ""],
        &["--plugin", "a"],
        &["--nonsense"],
    ] {
        let run = run(arguments);
        assert_eq!(run.code, 2, "{arguments:?}: {}", run.stderr);
        assert!(run.stdout.is_empty());
    }
}

/// The callout goes to a real service on loopback, with the plugin's own headers.
#[test]
fn a_real_authorization_service_is_asked() {
    for (answer, decision) in [("200 OK", allowed()), ("403 Forbidden", denied(403))] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let service = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            let mut request = Vec::new();
            let mut buffer = [0; 1024];
            while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                let count = stream.read(&mut buffer).unwrap();
                assert!(count > 0, "the request ended early");
                request.extend_from_slice(&buffer[..count]);
            }
            write!(stream, "HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n").unwrap();
            String::from_utf8(request).unwrap().to_ascii_lowercase()
        });
        let run = json(&["--token", TOKEN, "--authz", &url]);
        assert_eq!(run.decision(), decision);
        let request = service.join().unwrap();
        assert!(request.starts_with("post /authorize http/1.1\r\n"), "{request}");
        assert!(request.contains("\r\nhost: jwt-auth-service.default.svc.cluster.local\r\n"), "{request}");
        assert!(
            request.contains(&format!("\r\nauthorization: bearer {}\r\n", TOKEN.to_ascii_lowercase())),
            "{request}"
        );
    }
}

#[test]
fn a_real_service_that_is_not_there_is_refused() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let run = json(&["--token", "--authz", &format!("http://127.0.0.1:{port}")]);
    assert_eq!(run.decision(), denied(503));
    assert_eq!(run.result()["callouts"][0]["status"], 503);
}

#[test]
fn nothing_is_coloured_in_a_pipe_unless_asked() {
    assert!(!run(&["--token"]).stdout.contains('\u{1b}'));
    assert!(run(&["--token", "--color", "always"]).stdout.contains('\u{1b}'));
    assert!(run(&["--token", "-q"]).stderr.is_empty());
}

/// Hears of the end of a stream.
const ENDS: &str = r#"(module (memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1"))
    (func (export "malloc") (param i32) (result i32) i32.const 1024)
    (func (export "proxy_on_log") (param i32))
    (func (export "proxy_on_done") (param i32) (result i32) i32.const 1))"#;

#[test]
fn a_trace_is_printed_and_compared() {
    let trace = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_gwauthz"))
            .args([&["trace", "-q"], arguments].concat())
            .current_dir(root())
            .env_remove("GWAUTHZ_TOKEN")
            .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
            .stdin(Stdio::null())
            .output()
            .unwrap()
    };
    let printed = trace(&[]);
    let calls = String::from_utf8(printed.stdout).unwrap();
    assert_eq!(printed.status.code(), Some(0));
    assert!(
        calls.starts_with("[host->vm] _initialize()\n")
            && calls.contains("[vm->host] env.proxy_send_local_response(401, "),
        "{calls}"
    );

    let place = |calls: &str, call: &str| calls.lines().position(|line| line.starts_with(call)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let module = folder.path().join("module.wasm");
    fs::write(&module, wat::parse_str(ENDS).unwrap()).unwrap();
    let ends = |profile| {
        let output = trace(&["--module", module.to_str().unwrap(), "--profile", profile]);
        String::from_utf8(output.stdout).unwrap()
    };
    let (envoy, spec) = (ends("envoy"), ends("spec"));
    let (log, done) = ("[host->vm] proxy_on_log(", "[host->vm] proxy_on_done(");
    assert!(place(&envoy, log) < place(&envoy, done) && place(&spec, done) < place(&spec, log), "{envoy}{spec}");

    let log = folder.path().join("envoy.log");
    let against = |text: String| {
        fs::write(&log, text).unwrap();
        trace(&["--against", log.to_str().unwrap()])
    };
    let as_logged = |calls: &str| {
        calls
            .lines()
            .map(|call| format!("[2026-01-01 00:00:00.000][7][trace][wasm] [wasm_vm.cc:39] {call}\n"))
            .collect::<String>()
    };
    assert_eq!(against(as_logged(&calls)).status.code(), Some(0));
    let different = against(as_logged(&calls.replace("local_response(401, ", "local_response(403, ")));
    assert_eq!(different.status.code(), Some(1));
    assert!(String::from_utf8(different.stdout).unwrap().contains("- [vm->host] env.proxy_send_local_response(401, "));
    assert_eq!(against("nothing of the kind\n".to_owned()).status.code(), Some(2));
    assert_eq!(trace(&["--against", "no-such.log"]).status.code(), Some(4));
}

/// The names of the probes that found something in a module.
fn probed(module: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("module.wasm");
    fs::write(&file, wat::parse_str(module).unwrap()).unwrap();
    let run = run(&["--probe", "--module", file.to_str().unwrap(), "--format", "json"]);
    let result: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{}{}", run.stdout, run.stderr));
    assert_eq!(result["schema"], "gwauthz.probe/v1");
    let mut names: Vec<_> = result["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["probe"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(run.code, i32::from(!names.is_empty()));
    names.dedup();
    names
}

#[test]
fn probes_find_nothing_in_the_plugin() {
    let run = run(&["--probe"]);
    assert_eq!(run.code, 0, "{}", run.stdout);
}

#[test]
fn probes_find_an_open_door() {
    let names = probed(
        r#"(module (memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1"))
            (func (export "malloc") (param i32) (result i32) i32.const 1024))"#,
    );
    assert_eq!(names, ["tokenless", "duplicate-authorization", "joined-authorization", "path-confusion"]);
}

/// Asks about every request, waits for nothing, and grows by a page every thousand requests.
#[test]
fn probes_find_a_plugin_that_does_not_wait_and_leaks() {
    let names = probed(
        r#"(module
            (import "env" "proxy_http_call" (func $http_call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1"))
            (func (export "malloc") (param i32) (result i32) i32.const 1024)
            (global $requests (mut i32) (i32.const 0))
            (data (i32.const 64) "authz")
            (data (i32.const 128) "\03\00\00\00\07\00\00\00\04\00\00\00\05\00\00\00\01\00\00\00\0a\00\00\00\01\00\00\00:method\00POST\00:path\00/\00:authority\00h\00")
            (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
                (global.set $requests (i32.add (global.get $requests) (i32.const 1)))
                (if (i32.eqz (i32.rem_u (global.get $requests) (i32.const 1000))) (then (drop (memory.grow (i32.const 1)))))
                (if (call $http_call (i32.const 64) (i32.const 5) (i32.const 128) (i32.const 62) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 2000) (i32.const 512)) (then unreachable))
                (i32.const 0)))"#,
    );
    let expected = [
        "tokenless",
        "verdict-ignored",
        "fail-open",
        "early-release",
        "duplicate-authorization",
        "joined-authorization",
        "path-confusion",
        "memory-growth",
    ];
    assert_eq!(names, expected);
}

#[test]
fn probes_find_a_plugin_that_answers_twice() {
    let names = probed(
        r#"(module
            (import "env" "proxy_send_local_response" (func $answer (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1"))
            (func (export "malloc") (param i32) (result i32) i32.const 1024)
            (func $deny (result i32)
                (drop (call $answer (i32.const 403) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1)))
                (i32.const 1))
            (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) call $deny)
            (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) call $deny))"#,
    );
    assert_eq!(names, ["fail-open", "no-answer", "odd-bytes"]);
}

#[test]
fn probes_find_a_plugin_that_falls() {
    let names = probed(
        r#"(module (memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1"))
            (func (export "malloc") (param i32) (result i32) i32.const 1024)
            (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) unreachable))"#,
    );
    assert_eq!(names, ["fail-open", "odd-bytes"]);
}
