//! What a request costs a real Envoy, with the plugin and without: `cargo xtask bench`.
//!
//! One Envoy a setup, each with one worker; wrk sends requests to one after the other, round by round, so that what else the
//! machine does meets all of them. One process is slower than another of the same setup, as long as it lasts: after some
//! rounds, others take their place. Counted is the CPU time of Envoy's process: the upstream and the services are in this
//! process, whose time is nobody's. Where that is too noisy to tell two modules apart, `--instructions` counts those.
#![expect(
    clippy::panic,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench fails by panicking and prints"
)]

mod callgrind;
mod process;
mod report;
mod services;
mod setup;
mod tokens;
mod wrk;

use std::{
    env,
    path::{self, Path, PathBuf},
    process::Command,
    time::Duration,
};

use clap::Parser;
use gwauthz_host::envoy::{Envoy, Program};
use serde_json::Value;

use crate::{
    callgrind::Callgrind,
    process::CpuTime,
    report::Row,
    services::Services,
    setup::{Modules, Setup, setups},
    wrk::{Load, Wrk},
};

/// What a request costs a real Envoy, with the plugin and without
#[derive(Debug, Parser)]
struct Cli {
    /// How many gateways there are of each setup, one after the other
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    gateways: u32,
    /// How often each gateway is measured
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How long each measurement takes
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Count instructions under valgrind instead: the machine's noise does not move them
    #[arg(long, conflicts_with_all = ["gateways", "rounds", "seconds"])]
    instructions: bool,
    /// The setups to measure whose names contain this; the two that the others are compared with always
    #[arg(long)]
    only: Option<String>,
    /// The module to measure instead of the one that this checkout makes
    #[arg(long)]
    module: Option<PathBuf>,
    /// Said by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

/// A setup that is being measured.
struct Measured {
    setup: Setup,
    load: Load,
    row: Row,
}

fn main() {
    let mut cli = Cli::parse();
    let bin = PathBuf::from(env::var_os("GWAUTHZ_INTEROP_BIN").expect("run `cargo xtask bench`"));
    let services = Services::start().expect("ports to listen on");
    let module = cli.module.take().map(|module| path::absolute(module).expect("a module"));
    let modules =
        Modules { plugin: module.unwrap_or_else(|| build("plugin/filter")), calls: build("fixtures/guests/calls") };
    let chosen = |setup: &Setup| setup.is_baseline() || cli.only.as_ref().is_none_or(|only| setup.name.contains(only));
    let setups = setups().into_iter().filter(chosen).collect();
    let configuration = |setup: &Setup| setup.configuration(&modules, services);
    let table =
        if cli.instructions { count(&bin, setups, configuration) } else { time(&cli, &bin, setups, configuration) };
    println!("{table}");
}

/// What requests take of time and memory.
fn time(cli: &Cli, bin: &Path, setups: Vec<Setup>, configuration: impl Fn(&Setup) -> Value) -> String {
    let program = Program::find(Some(&bin.join("envoy"))).expect("envoy");
    let wrk = Wrk::new(bin.join("wrk"), Duration::from_secs(cli.seconds));
    let measure = |setup: Setup| Measured { row: Row::new(setup.name), load: Load::new(&setup.tokens()), setup };
    let mut measured: Vec<_> = setups.into_iter().map(measure).collect();

    for gateway in 1..=cli.gateways {
        let start =
            |Measured { setup, .. }: &Measured| Envoy::start_quiet(&program, configuration(setup)).expect("envoy");
        let envoys: Vec<_> = measured.iter().map(start).collect();
        // The first round is for V8, which compiles what is called often, and is not counted.
        for round in 0..=cli.rounds {
            eprintln!("gateway {gateway} of {}, round {round} of {}", cli.gateways, cli.rounds);
            for (one, envoy) in measured.iter_mut().zip(&envoys) {
                one.measure(envoy, &wrk, round > 0);
            }
        }
    }
    report::times(&measured.into_iter().map(|one| one.row).collect::<Vec<_>>())
}

/// What requests take of instructions.
fn count(bin: &Path, setups: Vec<Setup>, configuration: impl Fn(&Setup) -> Value) -> String {
    let callgrind = Callgrind::new(bin);
    let count = |setup: Setup| {
        eprintln!("{}", setup.name);
        let counted = callgrind.count(configuration(&setup), &setup.tokens());
        (setup.name, counted.unwrap_or_else(|error| panic!("{}: {error}", setup.name)))
    };
    report::counts(&setups.into_iter().map(count).collect::<Vec<_>>())
}

impl Measured {
    /// Measures one of its gateways once.
    fn measure(&mut self, envoy: &Envoy, wrk: &Wrk, is_counted: bool) {
        let Self { setup, load, row } = self;
        let process = envoy.main_thread();
        let listener = envoy.listener("gateway").expect("a listener");
        let before = CpuTime::of(process);
        let sent = wrk.send(load, listener).unwrap_or_else(|error| fail(setup, envoy, &error));
        let took = CpuTime::of(process).since(before);
        if is_counted {
            row.add(took, &sent);
        }
        row.peak_memory = row.peak_memory.max(process::peak_memory(process));
    }
}

/// What is measured has to be what is meant: requests that are let through.
fn fail(setup: &Setup, envoy: &Envoy, error: &str) -> ! {
    panic!("{}: {error}\nenvoy's log:\n{}", setup.name, envoy.folder().log_text())
}

/// A module of this checkout, as `gwauthz build` makes it of the crate in this folder.
fn build(folder: &str) -> PathBuf {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let manifest = Path::new(folder).join("Cargo.toml");
    let mut build = Command::new(env!("CARGO_BIN_EXE_gwauthz"));
    let built = build.args(["build", "--format", "json", "--manifest-path"]).arg(manifest).current_dir(root).output();
    let built = built.expect("run gwauthz");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let built: Value = serde_json::from_slice(&built.stdout).expect("JSON");
    built.get("path").and_then(Value::as_str).expect("the module's path").into()
}
