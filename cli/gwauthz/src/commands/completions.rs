//! `gwauthz completions`: the shells' completion scripts and the man page, made from the arguments themselves.

use clap::{Args, CommandFactory as _, ValueEnum};
use clap_complete::Shell;

use crate::{
    args::Cli,
    exit::{Exit, Failure},
    terminal::Terminal,
};

/// Print a completion script for a shell, or the man page
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// For which shell, or `man` for the man page
    #[arg(value_enum)]
    shell: Target,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Target {
    Bash,
    Elvish,
    Fish,
    #[value(name = "powershell")]
    PowerShell,
    Zsh,
    Man,
}

impl CompletionsArgs {
    pub(crate) fn execute(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let mut command = Cli::command();
        let mut text = Vec::new();
        let shell = match self.shell {
            Target::Bash => Some(Shell::Bash),
            Target::Elvish => Some(Shell::Elvish),
            Target::Fish => Some(Shell::Fish),
            Target::PowerShell => Some(Shell::PowerShell),
            Target::Zsh => Some(Shell::Zsh),
            Target::Man => None,
        };
        match shell {
            Some(shell) => clap_complete::generate(shell, &mut command, "gwauthz", &mut text),
            None => clap_mangen::Man::new(command).render(&mut text).map_err(Failure::bug)?,
        }
        terminal.print(&String::from_utf8(text).map_err(Failure::bug)?)?;
        Ok(Exit::Yes)
    }
}
