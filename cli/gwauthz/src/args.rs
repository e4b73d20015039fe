//! What can be typed: the options that every command takes, and the list of commands.

use clap::{Args, ColorChoice, Parser};

use crate::commands::Command;

/// Build, lint, test and push authorization plugins for Envoy and Istio gateways
#[derive(Debug, Parser)]
#[command(name = "gwauthz", version, propagate_version = true, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
}

/// Options that every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    /// When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", value_enum)]
    pub(crate) color: ColorChoice,
    /// Print results and errors only: no notes, no progress
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Print more of what is done and why
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
}

const EXIT_CODES: &str = "\
Exit codes:
   0  yes: allowed, clean, verified, done
   1  no: denied, findings, not verified, a scenario that does not hold
   2  wrong use or bad content (arguments, configuration, manifest, module, scenario)
   4  a file, a tool or a registry could not be read or written
  70  a defect of gwauthz itself
  75  transient, worth trying again
  77  authentication refused";

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Cli;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }
}
