//! gwauthz: build, lint, test and push authorization plugins for Envoy and Istio gateways.
//!
//! The only crate of the workspace that reads arguments and prints. Results go to stdout, everything else to stderr;
//! [`exit::Exit`] lists the exit codes.
#![forbid(unsafe_code)]

mod args;
mod commands;
mod exit;
mod input;
mod manifests;
mod module;
mod output;
mod passphrase;
mod registry;
mod request;
mod terminal;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{args::Cli, terminal::Terminal};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let terminal = Terminal::new(&cli.global);
    match cli.command.execute(&terminal) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            terminal.report(&failure);
            failure.exit().into()
        }
    }
}
