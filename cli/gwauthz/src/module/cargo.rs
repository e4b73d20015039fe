//! Builds a plugin crate with cargo: one profile, one set of flags, and the same bytes from every folder.

use std::{
    collections::VecDeque,
    env,
    ffi::OsString,
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use gwauthz_host::MAX_MODULE_BYTES;
use indicatif::ProgressBar;
use miette::MietteDiagnostic;
use serde::Deserialize;

use crate::{
    exit::{Exit, Failure},
    input,
    terminal::Terminal,
};

use super::{callbacks, write_whole};

/// The target that gateways run.
pub(crate) const TARGET: &str = "wasm32-wasip1";
/// The profile, named so that it shares no files with builds by hand.
pub(crate) const PROFILE: &str = "gwauthz-plugin";
/// Where modules lie from which callbacks were left out, beside those that cargo has built.
pub(crate) const TRIMMED: &str = "trimmed";

/// Small first, since every worker of a gateway holds a copy.
const PROFILE_SETTINGS: &[&str] =
    &["inherits=\"release\"", "opt-level=\"s\"", "lto=\"fat\"", "codegen-units=1", "panic=\"abort\"", "debug=false"];

/// What cryptographic crates cannot find out: big integers are faster in words of 32 bits here, where there is no wider
/// product, though their default for wasm32 are 64; SHA-2 without unrolled rounds is 17 KB smaller, at a microsecond a
/// token.
const CFGS: &[&str] = &["cpubits=\"32\"", "sha2_backend_soft=\"compact\""];

/// Addresses in as many bytes as they need rather than five are a sixteenth of the module; functions that are copied into
/// their callers only where they are small, be it that they ask for it, and have little on the stack, another eleventh, at
/// no cost to a request. What V8 takes to compile a function grows faster than that does, and a gateway keeps the peak: 5 MiB
/// less of it.
const SIZE_FLAGS: &[&str] = &[
    "-Clink-arg=--compress-relocations",
    "-Cllvm-args=-inline-threshold=40",
    "-Cllvm-args=-inlinehint-threshold=40",
    "-Cllvm-args=-inline-max-stacksize=1024",
];

/// Whether the module has the names of its functions, for backtraces: they are a fifth of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FunctionNames {
    Stripped,
    Kept,
}

/// A module that cargo has built.
pub(crate) struct Built {
    pub(crate) path: PathBuf,
}

/// Builds the crate of `manifest`; adds the target to the toolchain where it is missing.
pub(crate) fn build(manifest: &Path, names: FunctionNames, terminal: &Terminal) -> Result<Built, Failure> {
    let manifest = manifest.canonicalize().map_err(|error| Failure::io("find", manifest, &error))?;
    if !manifest.is_file() {
        return Err(Failure::wrong(format!("{} is a folder", manifest.display()), "name the crate's Cargo.toml"));
    }
    let folder = manifest.parent().unwrap_or(&manifest);
    let wanted = callbacks::wanted(&manifest)?;
    ensure_target(folder, terminal)?;
    let progress = terminal.progress("building the plugin", None);
    let result = run_cargo(&manifest, names, folder, terminal, &progress);
    progress.finish_and_clear();
    match wanted {
        Some(wanted) => trim(&result?, &wanted),
        None => result,
    }
}

/// Leaves out of a module all callbacks but these. What cargo has built it puts back whenever it is asked, so that this
/// lies in a folder of its own.
fn trim(built: &Built, wanted: &[String]) -> Result<Built, Failure> {
    let module = input::read("the module", &built.path, MAX_MODULE_BYTES as u64)?;
    let folder = built.path.with_file_name(TRIMMED);
    let path = folder.join(built.path.file_name().unwrap_or_default());
    fs::create_dir_all(&folder).map_err(|error| Failure::io("write the module to", &folder, &error))?;
    write_whole(&path, &callbacks::keep(&module, wanted)?)?;
    Ok(Built { path })
}

fn run_cargo(
    manifest: &Path,
    names: FunctionNames,
    folder: &Path,
    terminal: &Terminal,
    progress: &ProgressBar,
) -> Result<Built, Failure> {
    let mut command = tool("cargo", folder);
    command.args([
        "build",
        "--message-format=json-render-diagnostics",
        "--target",
        TARGET,
        "--profile",
        PROFILE,
        "--manifest-path",
    ]);
    command.arg(manifest);
    let strip = match names {
        FunctionNames::Stripped => "strip=\"symbols\"",
        FunctionNames::Kept => "strip=\"debuginfo\"",
    };
    for setting in PROFILE_SETTINGS.iter().chain([&strip]) {
        command.args(["--config", &format!("profile.{PROFILE}.{setting}")]);
    }
    command
        .env("CARGO_ENCODED_RUSTFLAGS", encoded_flags(folder)?)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| cargo_missing(&error))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (terminal, bar) = (terminal.clone(), progress.clone());
    let said =
        thread::spawn(move || stderr.map(|stderr| watch(BufReader::new(stderr), &terminal, &bar)).unwrap_or_default());
    let mut modules = Vec::new();
    for line in stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).lines()).map_while(Result::ok) {
        if let Ok(Message { reason: Reason::CompilerArtifact, manifest_path: Some(path), filenames }) =
            serde_json::from_str(&line)
            && path == manifest
        {
            modules.extend(
                filenames.into_iter().filter(|file| file.extension().is_some_and(|extension| extension == "wasm")),
            );
        }
    }
    let status = child.wait().map_err(|error| cargo_missing(&error))?;
    let said = said.join().unwrap_or_default();
    if !status.success() {
        return Err(Failure::wrong(format!("cargo could not build {}", manifest.display()), said));
    }
    match <[PathBuf; 1]>::try_from(modules) {
        Ok([path]) => Ok(Built { path }),
        Err(modules) if modules.is_empty() => Err(Failure::wrong(
            format!("{} builds no module", manifest.display()),
            "give its library `crate-type = [\"cdylib\"]`, or name the plugin's own Cargo.toml in a workspace",
        )),
        Err(_) => Err(Failure::wrong(
            format!("{} builds more than one module", manifest.display()),
            "leave one library or binary in the crate",
        )),
    }
}

/// One line of cargo's `--message-format=json`.
#[derive(Deserialize)]
struct Message {
    reason: Reason,
    manifest_path: Option<PathBuf>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Reason {
    CompilerArtifact,
    #[serde(other)]
    Other,
}

/// Shows what cargo is at; gives back the last of it, for an error.
fn watch(lines: impl std::io::BufRead, terminal: &Terminal, progress: &ProgressBar) -> String {
    const KEPT: usize = 60;
    let mut last = VecDeque::new();
    for line in lines.lines().map_while(Result::ok) {
        progress.set_message(line.trim().to_owned());
        progress.suspend(|| terminal.detail(&line));
        if last.len() == KEPT {
            last.pop_front();
        }
        last.push_back(line);
    }
    Vec::from(last).join("\n")
}

/// All flags, so that neither the environment nor a config file changes the module. No path of this machine gets in.
fn encoded_flags(folder: &Path) -> Result<OsString, Failure> {
    let workspace =
        PathBuf::from(output(folder, "cargo", &["locate-project", "--workspace", "--message-format=plain"])?);
    let root = workspace.parent().unwrap_or(&workspace);
    let cargo_home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    let sysroot = PathBuf::from(output(folder, "rustc", &["--print", "sysroot"])?);
    let mut flags = OsString::new();
    let mut remap = |from: &Path, to: &str| {
        if !flags.is_empty() {
            flags.push("\u{1f}");
        }
        flags.push("--remap-path-prefix=");
        flags.push(from);
        flags.push(format!("={to}"));
    };
    // The last match wins: the more special folders come later.
    remap(&sysroot, "/rust");
    if let Some(home) = cargo_home {
        let sources = home.join("registry").join("src");
        remap(&home, "/cargo");
        // The name of a registry's folder differs between machines.
        for registry in fs::read_dir(&sources).into_iter().flatten().flatten() {
            remap(&registry.path(), "/cargo/registry");
        }
    }
    remap(root, "/build");
    for cfg in CFGS {
        flags.push("\u{1f}--cfg\u{1f}");
        flags.push(cfg);
    }
    for flag in SIZE_FLAGS {
        flags.push("\u{1f}");
        flags.push(flag);
    }
    Ok(flags)
}

fn ensure_target(folder: &Path, terminal: &Terminal) -> Result<(), Failure> {
    let library = output(folder, "rustc", &["--print", "target-libdir", "--target", TARGET])?;
    if Path::new(&library).is_dir() {
        return Ok(());
    }
    terminal.note(&format!("adding the target {TARGET} with rustup"));
    let added = tool("rustup", folder).args(["target", "add", TARGET]).stdin(Stdio::null()).output();
    match added {
        Ok(added) if added.status.success() => Ok(()),
        Ok(added) => Err(target_missing(String::from_utf8_lossy(&added.stderr).trim())),
        Err(error) => Err(target_missing(&format!("rustup did not start: {error}"))),
    }
}

fn target_missing(reason: &str) -> Failure {
    let message = format!("the Rust target {TARGET} is missing and could not be added: {reason}");
    Failure::new(Exit::Io, MietteDiagnostic::new(message).with_help(format!("run `rustup target add {TARGET}`")))
}

fn cargo_missing(error: &std::io::Error) -> Failure {
    let help = "install Rust from https://rustup.rs, or name a module that is built already with --module FILE";
    Failure::new(Exit::Io, MietteDiagnostic::new(format!("cargo did not start: {error}")).with_help(help))
}

/// What a tool prints, without the end of the line.
fn output(folder: &Path, name: &str, arguments: &[&str]) -> Result<String, Failure> {
    let output =
        tool(name, folder).args(arguments).stdin(Stdio::null()).output().map_err(|error| cargo_missing(&error))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
    }
    Err(Failure::wrong(
        format!("`{name} {}` failed", arguments.join(" ")),
        String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    ))
}

/// A tool of the Rust toolchain that `folder` asks for, free of what an outer cargo has put into the environment.
fn tool(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(name);
    command.current_dir(folder);
    for variable in
        ["RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"]
    {
        command.env_remove(variable);
    }
    command
}
