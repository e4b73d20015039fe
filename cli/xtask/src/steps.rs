//! Steps: a heading, a command, how long it took; the first failure ends the run with the command to run by hand.
#![expect(clippy::print_stderr, reason = "stderr is all that xtask talks to; the tools that it runs own stdout")]

use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    time::{Duration, Instant},
};

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    #[error("the command failed ({status}); to run it by hand:\n  {command}")]
    Command { command: String, status: ExitStatus },
    #[error("cannot start the command, is its program installed? ({source}); to run it by hand:\n  {command}")]
    Start { command: String, source: io::Error },
    #[error("cannot {doing} {}: {source}", path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
    #[error("CI needs every interop tool, and there is no {0}")]
    Tools(String),
    #[error("expected a fuzz target, one of {known}; found {name}")]
    FuzzTarget { name: String, known: String },
    #[error("the fuzz target {target} fails on an input; to see it fail again:\n  {command}")]
    Fuzz { target: String, command: String },
}

/// Runs steps in the root of the workspace and keeps their times.
pub(crate) struct Steps {
    root: &'static Path,
    taken: Vec<(String, Duration)>,
    warnings: Vec<String>,
}

impl Steps {
    pub(crate) fn new(root: &'static Path) -> Self {
        Self { root, taken: Vec::new(), warnings: Vec::new() }
    }

    /// The root of the workspace.
    pub(crate) fn root(&self) -> &'static Path {
        self.root
    }

    /// Does one named piece of work and says how long it took.
    pub(crate) fn step<T>(
        &mut self,
        name: &str,
        work: impl FnOnce(&mut Self) -> Result<T, Failed>,
    ) -> Result<T, Failed> {
        eprintln!("\n==> {name}");
        let start = Instant::now();
        let done = work(self);
        let taken = start.elapsed();
        eprintln!("<== {name}: {} in {:.1} s", if done.is_ok() { "done" } else { "FAILED" }, taken.as_secs_f32());
        self.taken.push((name.to_owned(), taken));
        done
    }

    /// A step that is one command.
    pub(crate) fn run(&mut self, name: &str, command: &mut Command) -> Result<(), Failed> {
        self.step(name, |_| run(command))
    }

    /// A command that starts in the root of the workspace.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.root);
        command
    }

    /// Cargo with arguments that are separated by spaces.
    pub(crate) fn cargo(&self, arguments: &str) -> Command {
        let mut command = self.command("cargo");
        command.args(arguments.split_whitespace());
        command
    }

    /// Says now, and once more at the end, that something was left out.
    pub(crate) fn warn(&mut self, warning: String) {
        eprintln!("warning: {warning}");
        self.warnings.push(warning);
    }

    /// The closing lines: times, what was left out, and why the run failed.
    pub(crate) fn close(&self, done: &Result<(), Failed>) {
        eprintln!();
        for (name, taken) in &self.taken {
            eprintln!("{:7.1} s  {name}", taken.as_secs_f32());
        }
        for warning in &self.warnings {
            eprintln!("warning: {warning}");
        }
        if let Err(failed) = done {
            eprintln!("error: {failed}");
        }
        // The first failure ends a run, so that there is one at the most.
        let failed = usize::from(done.is_err());
        eprintln!("steps: {} passed, {failed} failed", self.taken.len().saturating_sub(failed));
    }
}

/// Runs a command to its end; anything but exit status 0 is a failure.
pub(crate) fn run(command: &mut Command) -> Result<(), Failed> {
    let status = command.status().map_err(|source| Failed::Start { command: by_hand(command), source })?;
    if status.success() { Ok(()) } else { Err(Failed::Command { command: by_hand(command), status }) }
}

/// The command as a shell takes it: its variables, its program, its arguments.
pub(crate) fn by_hand(command: &Command) -> String {
    let variables =
        command.get_envs().filter_map(|(name, value)| Some(format!("{}={}", name.display(), quoted(value?))));
    let words = std::iter::once(command.get_program()).chain(command.get_args()).map(quoted);
    variables.chain(words).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::by_hand;

    #[test]
    fn a_command_is_shown_as_a_shell_takes_it() {
        let mut command = Command::new("cargo");
        command.args(["test", "--", "it's", ""]).env("WHERE", "a b");
        assert_eq!(by_hand(&command), r"WHERE='a b' cargo test -- 'it'\''s' ''");
    }
}
