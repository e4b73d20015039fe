//! One file a command: an arguments struct with `execute(self, &Terminal)`.

mod completions;

use clap::Subcommand;

use crate::{
    exit::{Exit, Failure},
    terminal::Terminal,
};

/// What gwauthz can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Completions(completions::CompletionsArgs),
}

impl Command {
    pub(crate) fn execute(self, terminal: &Terminal) -> Result<Exit, Failure> {
        match self {
            Self::Completions(args) => args.execute(terminal),
        }
    }
}
