//! `cargo xtask …`: what developers and CI run around cargo.
//!
//! Whatever it brings lands in `target/interop`; nothing is installed on the machine, the wasm target of rustup aside.
#![forbid(unsafe_code)]

mod apt;
mod checks;
mod fuzz;
mod steps;
mod tools;

use std::{path::Path, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::steps::Steps;

/// What developers and CI of gwauthz run
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Clone, Debug, Subcommand)]
enum Task {
    /// Test everything: native, the wasm plugin, the embedded host, and against real Envoy, registry and cosign
    Test,
    /// What has to pass before a change lands: formatting, lints, licences, some fuzzing, then `test`
    Ci,
    /// Hand the code that reads untrusted bytes any bytes; finds and failing inputs go to target/fuzz
    Fuzz {
        /// The target to run; all of them by default
        target: Option<String>,
        /// How long to run each target
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
        seconds: u32,
    },
    /// Measure what a request costs a real Envoy under wrk, with the plugin and without
    Bench {
        /// Arguments of the bench, such as `--rounds 3 --only snapshot`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Rewrite the files that are made from the code: shell completions and man page
    Generate,
    /// Bring the tools of the interop tests into target/interop/bin
    Tools,
}

fn main() -> ExitCode {
    let task = Cli::parse().task;
    let mut steps = Steps::new(root());
    let done = match &task {
        Task::Test => checks::test(&mut steps),
        Task::Ci => checks::ci(&mut steps),
        Task::Fuzz { target, seconds } => fuzz::fuzz(&mut steps, target.as_deref(), *seconds),
        Task::Bench { arguments } => checks::bench(&mut steps, arguments),
        Task::Generate => checks::generate(&mut steps),
        Task::Tools => tools::bring(&mut steps).map(drop),
    };
    steps.close(&done);
    if done.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The root of the workspace: xtask runs from source only.
fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).unwrap_or(own)
}
