//! `cargo xtask fuzz`: hands every fuzz target any bytes for a while, starting from the seeds beside it.

use std::{fs, io, path::Path, process::Command};

use crate::{
    steps::{Failed, Steps, by_hand, run},
    tools,
};

/// The fuzz crates; each file in their `fuzz_targets` is a target.
const CRATES: [&str; 4] = ["plugin/policy/fuzz", "cli/lint/fuzz", "cli/oci/fuzz", "cli/host/fuzz"];
/// Where builds, finds and failing inputs go: the seeds in the repository stay as they are.
const HOME: &str = "target/fuzz";
/// The bounds of one input. A guest may loop for 5 s in each of its callbacks, of which it has several before the first
/// request.
const BOUNDS: [&str; 2] = ["-timeout=60", "-rss_limit_mb=2048"];

/// Runs one target, or all of them, for some seconds each.
///
/// # Errors
/// The first target that fails ends the run, with the command that repeats the failure.
pub(crate) fn fuzz(steps: &mut Steps, only: Option<&str>, seconds: u32) -> Result<(), Failed> {
    let mut targets = Vec::new();
    for folder in CRATES {
        targets.extend(targets_of(steps.root(), folder)?);
    }
    let chosen = |target: &&Target| only.is_none_or(|name| target.name == name);
    if let Some(name) = only
        && !targets.iter().any(|target| chosen(&target))
    {
        let known: Vec<_> = targets.into_iter().map(|target| target.name).collect();
        return Err(Failed::FuzzTarget { name: name.to_owned(), known: known.join(", ") });
    }
    let cargo_fuzz = tools::cargo_fuzz(steps)?;
    for target in targets.iter().filter(chosen) {
        steps.step(&format!("fuzz {}", target.name), |steps| target.run(steps, &cargo_fuzz, seconds))?;
    }
    Ok(())
}

/// The lock files of the fuzz crates are up to date: building a target would write them anew without a word.
pub(crate) fn check_locks(steps: &mut Steps) -> Result<(), Failed> {
    steps.step("lock files of the fuzz crates", |steps| {
        let fetch = |folder| run(steps.cargo("fetch --locked --manifest-path").arg(format!("{folder}/Cargo.toml")));
        CRATES.into_iter().try_for_each(fetch)
    })
}

/// A program that takes any bytes.
struct Target {
    /// The folder of its crate.
    folder: &'static str,
    name: String,
}

impl Target {
    fn run(&self, steps: &Steps, cargo_fuzz: &Path, seconds: u32) -> Result<(), Failed> {
        let Self { folder, name } = self;
        // libFuzzer keeps what it finds in the first folder.
        let finds = format!("{HOME}/corpus/{name}");
        let failing = format!("{HOME}/failing/{name}");
        for folder in [&finds, &format!("{HOME}/failing")] {
            let path = steps.root().join(folder);
            fs::create_dir_all(&path).map_err(|source| Failed::Io { doing: "create", path, source })?;
        }
        let kept = steps.root().join(&failing);
        match fs::remove_file(&kept) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(Failed::Io { doing: "remove", path: kept, source });
            }
            _ => {}
        }

        let mut command = self.command(steps, cargo_fuzz);
        command.args([&finds, &format!("{folder}/corpus/{name}")]);
        if name == "lint" {
            command.arg("fixtures");
        }
        command.args(["--", &format!("-max_total_time={seconds}"), &format!("-exact_artifact_path={failing}")]);
        command.args(BOUNDS).args(["-verbosity=0", "-print_funcs=0", "-print_final_stats=1"]);
        match run(&mut command) {
            Err(Failed::Command { .. }) if kept.exists() => {
                let mut again = self.command(steps, cargo_fuzz);
                again.args([&failing, "--"]).args(BOUNDS);
                Err(Failed::Fuzz { target: name.clone(), command: by_hand(&again) })
            }
            done => done,
        }
    }

    /// Builds the target and runs it; a corpus or an input comes next.
    fn command(&self, steps: &Steps, cargo_fuzz: &Path) -> Command {
        let mut command = steps.command(cargo_fuzz);
        // What there is to find are panics and endless loops: our crates forbid `unsafe`. So no sanitizer, which would
        // need a nightly compiler. Full optimisation would take longer than the runs in CI gain by it.
        command.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
        command.args(["run", "--sanitizer", "none", "--codegen-units", "16", "--target-dir", HOME, "--fuzz-dir"]);
        command.args([self.folder, &self.name]);
        command
    }
}

/// The targets of a fuzz crate, by name.
fn targets_of(root: &Path, folder: &'static str) -> Result<Vec<Target>, Failed> {
    let path = root.join(folder).join("fuzz_targets");
    let files = fs::read_dir(&path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let files = files.map_err(|source| Failed::Io { doing: "list", path, source })?;
    let names = files.iter().filter_map(|file| Some(file.path().file_stem()?.to_str()?.to_owned()));
    let mut targets: Vec<_> = names.map(|name| Target { folder, name }).collect();
    targets.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(targets)
}
