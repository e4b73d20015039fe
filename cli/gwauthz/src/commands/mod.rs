//! One file a command: an arguments struct with `execute(self, &Terminal)`.

mod bench;
mod build;
mod completions;
mod explain;
mod keygen;
mod lint;
mod push;
mod schema;
mod test;
mod trace;
mod verify;

use clap::Subcommand;

use crate::{
    exit::{Exit, Failure},
    terminal::Terminal,
};

/// What gwauthz can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Bench(bench::BenchArgs),
    Build(build::BuildArgs),
    Completions(completions::CompletionsArgs),
    Explain(explain::ExplainArgs),
    Keygen(keygen::KeygenArgs),
    Lint(lint::LintArgs),
    Push(push::PushArgs),
    Schema(schema::SchemaArgs),
    Test(test::TestArgs),
    Trace(trace::TraceArgs),
    Verify(verify::VerifyArgs),
}

impl Command {
    pub(crate) fn execute(self, terminal: &Terminal) -> Result<Exit, Failure> {
        match self {
            Self::Bench(args) => args.execute(terminal),
            Self::Build(args) => args.execute(terminal),
            Self::Completions(args) => args.execute(terminal),
            Self::Explain(args) => args.execute(terminal),
            Self::Keygen(args) => args.execute(terminal),
            Self::Lint(args) => args.execute(terminal),
            Self::Push(args) => args.execute(terminal),
            Self::Schema(args) => args.execute(terminal),
            Self::Test(args) => args.execute(terminal),
            Self::Trace(args) => args.execute(terminal),
            Self::Verify(args) => args.execute(terminal),
        }
    }
}
