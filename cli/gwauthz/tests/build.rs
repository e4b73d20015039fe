//! `gwauthz build` as a user runs it: what comes out, that it comes out alike everywhere, and what a failure says.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

fn build(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gwauthz"));
    command
        .arg("build")
        .args(arguments)
        .current_dir(folder)
        .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
        .stdin(Stdio::null());
    command
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A crate of its own with this library.
fn other_crate(folder: &Path, kind: &str, code: &str) {
    fs::create_dir_all(folder.join("src")).unwrap();
    let manifest = format!(
        "[package]\nname = \"other\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[lib]\ncrate-type = [\"{kind}\"]\n[workspace]\n"
    );
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    fs::write(folder.join("src/lib.rs"), code).unwrap();
}

#[test]
fn the_plugin_is_built_checked_and_described() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("plugin.wasm");
    let output = build(&root(), &["--out", out.to_str().unwrap(), "--format", "json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    let module = fs::read(&out).unwrap();
    assert_eq!(result.get("schema").unwrap(), "gwauthz.build/v1");
    assert_eq!(result.get("bytes").unwrap(), module.len());
    assert_eq!(result.get("abi").unwrap(), "0.2.1");
    // The figure to reach is 450 KB.
    assert!(module.len() < 450_000, "{} bytes", module.len());
    let text = String::from_utf8_lossy(&module);
    assert!(!text.contains("gwauthz_policy"), "the names of functions are left out");
    assert!(
        !text.contains(root().to_str().unwrap()) && !text.contains("/registry/src/"),
        "a path of this machine is in the module"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left behind");
}

#[test]
fn the_names_of_functions_are_kept_if_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    other_crate(
        folder.path(),
        "cdylib",
        "#[unsafe(no_mangle)] pub extern \"C\" fn proxy_abi_version_0_2_1() {} #[unsafe(no_mangle)] pub extern \"C\" fn proxy_on_memory_allocate(_: usize) -> usize { 0 }",
    );
    let built = |more: &[&str]| {
        let out = folder.path().join("out.wasm");
        let output =
            build(folder.path(), &[&["--manifest-path", "Cargo.toml", "--out", out.to_str().unwrap()], more].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        String::from_utf8_lossy(&fs::read(&out).unwrap()).matches("proxy_abi_version_0_2_1").count()
    };
    // It is an export, and then a name too.
    assert_eq!(built(&[]), 1);
    assert!(built(&["--names"]) > 1);
}

#[test]
fn flags_of_the_environment_change_nothing() {
    let digest = |flags: &str| {
        let output = command(&root(), &["--format", "json"])
            .env("RUSTFLAGS", flags)
            .env("CARGO_TARGET_DIR", "/nonexistent")
            .output()
            .unwrap();
        let result: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", stderr(&output)));
        result.get("sha256").unwrap().clone()
    };
    assert_eq!(digest(""), digest("-C opt-level=0"));
}

#[test]
fn what_cannot_be_built_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let crate_folder = folder.path().join("a crate");
    let manifest = crate_folder.join("Cargo.toml");
    let build_other = || build(folder.path(), &["--manifest-path", manifest.to_str().unwrap()]);

    other_crate(&crate_folder, "cdylib", "fn broken( {");
    let output = build_other();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("unclosed delimiter"), "{}", stderr(&output));

    other_crate(&crate_folder, "cdylib", "");
    let output = build_other();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("not a proxy-wasm plugin"), "{}", stderr(&output));

    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, format!("{text}[package.metadata.gwauthz]\ncallbacks = [\"proxy_on_tick\"]\n")).unwrap();
    let output = build_other();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("`proxy_on_tick`, of the `callbacks`"), "{}", stderr(&output));
    fs::write(&manifest, format!("{text}[package.metadata.gwauthz]\ncallback = []\n")).unwrap();
    let output = build_other();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("unknown field `callback`"), "{}", stderr(&output));

    other_crate(&crate_folder, "rlib", "");
    let output = build_other();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("cdylib"), "{}", stderr(&output));

    assert_eq!(build(folder.path(), &["--manifest-path", "no-such/Cargo.toml"]).status.code(), Some(4));
    assert_eq!(build(folder.path(), &["--manifest-path", "."]).status.code(), Some(2));
    let output = build(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--manifest-path"), "{}", stderr(&output));
}

#[test]
fn an_output_that_cannot_be_written_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("no/such/folder/plugin.wasm");
    assert_eq!(build(&root(), &["--out", missing.to_str().unwrap()]).status.code(), Some(4));
    assert_eq!(build(&root(), &["--out", folder.path().to_str().unwrap()]).status.code(), Some(2));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// A toolchain without the target, whose rustup cannot add it.
#[test]
fn a_missing_target_is_added_or_says_how() {
    let folder = tempfile::tempdir().unwrap();
    other_crate(folder.path(), "cdylib", "");
    let tool = |name: &str, script: &str| {
        let path = folder.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    tool("rustc", "echo /no/such/folder");
    tool("rustup", "echo 'error: no network' >&2; exit 1");
    let output =
        command(folder.path(), &["--manifest-path", "Cargo.toml"]).env("PATH", folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    let said = stderr(&output);
    assert!(said.contains("adding the target wasm32-wasip1") && said.contains("no network"), "{said}");
    assert!(said.contains("run `rustup target add wasm32-wasip1`"), "{said}");
}

/// Byte for byte the same module from two folders with different names.
#[test]
#[ignore = "builds the plugin twice from nothing: run cargo xtask test"]
fn two_folders_give_the_same_bytes() {
    let root = root();
    let digests = ["a", "another folder/with a longer name"].map(|name| {
        let copy = tempfile::tempdir().unwrap();
        let folder = copy.path().join(name);
        let files = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(&root)
            .output()
            .unwrap();
        assert!(files.status.success());
        for file in String::from_utf8(files.stdout).unwrap().split('\0').filter(|file| root.join(file).is_file()) {
            fs::create_dir_all(folder.join(file).parent().unwrap()).unwrap();
            fs::copy(root.join(file), folder.join(file)).unwrap();
        }
        let output = build(&folder, &["--format", "json"]);
        let result: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", stderr(&output)));
        result.get("sha256").unwrap().clone()
    });
    assert_eq!(digests.first(), digests.last());
}
