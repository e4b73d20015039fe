//! One file a command: an arguments struct with `execute(self, &Terminal)`.

mod completions;
mod keygen;
mod push;
mod verify;

use clap::Subcommand;

use crate::{
    exit::{Exit, Failure},
    terminal::Terminal,
};

/// What gwauthz can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Completions(completions::CompletionsArgs),
    Keygen(keygen::KeygenArgs),
    Push(push::PushArgs),
    Verify(verify::VerifyArgs),
}

impl Command {
    pub(crate) fn execute(self, terminal: &Terminal) -> Result<Exit, Failure> {
        match self {
            Self::Completions(args) => args.execute(terminal),
            Self::Keygen(args) => args.execute(terminal),
            Self::Push(args) => args.execute(terminal),
            Self::Verify(args) => args.execute(terminal),
        }
    }
}
