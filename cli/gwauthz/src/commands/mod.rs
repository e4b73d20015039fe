//! One file a command: an arguments struct with `execute(self, &Terminal)`.

mod completions;
mod explain;
mod keygen;
mod lint;
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
    Explain(explain::ExplainArgs),
    Keygen(keygen::KeygenArgs),
    Lint(lint::LintArgs),
    Push(push::PushArgs),
    Verify(verify::VerifyArgs),
}

impl Command {
    pub(crate) fn execute(self, terminal: &Terminal) -> Result<Exit, Failure> {
        match self {
            Self::Completions(args) => args.execute(terminal),
            Self::Explain(args) => args.execute(terminal),
            Self::Keygen(args) => args.execute(terminal),
            Self::Lint(args) => args.execute(terminal),
            Self::Push(args) => args.execute(terminal),
            Self::Verify(args) => args.execute(terminal),
        }
    }
}
