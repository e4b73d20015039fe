//! `gwauthz completions`: the shells' completion scripts and the man page, made from the arguments themselves.

use std::io::{self, BufRead as _, Write as _};

use clap::{Args, Command, CommandFactory as _, ValueEnum};
use clap_complete::Shell;
use clap_mangen::Man;

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
            None => man_page(command, &mut text).map_err(Failure::bug)?,
        }
        terminal.print(&String::from_utf8(text).map_err(Failure::bug)?)?;
        Ok(Exit::Yes)
    }
}

/// One page for all: the top command, then a section a command.
fn man_page(mut command: Command, page: &mut Vec<u8>) -> io::Result<()> {
    command.build();
    Man::new(command.clone()).render(page)?;
    for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
        writeln!(page, ".SH \"GWAUTHZ {}\"", verb.get_name().to_uppercase())?;
        let man = Man::new(verb.clone());
        let mut sections = Vec::new();
        man.render_synopsis_section(&mut sections)?;
        man.render_description_section(&mut sections)?;
        man.render_options_section(&mut sections)?;
        for line in sections.lines() {
            // A page defines its apostrophe once, at its beginning.
            let line = line?;
            match line.strip_prefix(".SH ") {
                Some(heading) => writeln!(page, ".SS {heading}")?,
                None if line.starts_with(".ie ") || line.starts_with(".el ") => {}
                None => writeln!(page, "{line}")?,
            }
        }
    }
    Ok(())
}
