//! The only way to stdout and stderr: colour and progress on a terminal alone, quiet and verbose in one place.

use std::{
    io::{self, IsTerminal as _, Write as _},
    time::Duration,
};

use anstream::{AutoStream, ColorChoice};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use miette::{GraphicalReportHandler, GraphicalTheme, MietteDiagnostic};

use crate::{
    args::GlobalArgs,
    exit::{Exit, Failure},
};

/// Where results, notes and progress of a command go.
#[derive(Clone, Debug)]
pub(crate) struct Terminal {
    stdout_color: ColorChoice,
    stderr_color: ColorChoice,
    progress: bool,
    quiet: bool,
    verbose: bool,
}

impl Terminal {
    pub(crate) fn new(global: &GlobalArgs) -> Self {
        let wanted = match global.color {
            clap::ColorChoice::Auto => ColorChoice::Auto,
            clap::ColorChoice::Always => ColorChoice::Always,
            clap::ColorChoice::Never => ColorChoice::Never,
        };
        let resolve = |auto: ColorChoice| if wanted == ColorChoice::Auto { auto } else { wanted };
        Self {
            stdout_color: resolve(AutoStream::choice(&io::stdout())),
            stderr_color: resolve(AutoStream::choice(&io::stderr())),
            progress: io::stderr().is_terminal() && !global.quiet,
            quiet: global.quiet,
            verbose: global.verbose,
        }
    }

    /// Prints a result to stdout. It may hold ANSI styles: they are stripped where colour is off.
    ///
    /// # Errors
    /// Fails where stdout cannot be written. A reader that has gone (`| head`) is not an error.
    pub(crate) fn print(&self, text: &str) -> Result<(), Failure> {
        let mut out = AutoStream::new(io::stdout().lock(), self.stdout_color);
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::new(Exit::Io, MietteDiagnostic::new(format!("cannot write the result: {error}"))))
            }
            _ => Ok(()),
        }
    }

    /// Prints a line about what is being done to stderr, unless `--quiet`.
    pub(crate) fn note(&self, line: &str) {
        if !self.quiet {
            self.to_stderr(&format!("{line}\n"));
        }
    }

    /// Prints a line that only `--verbose` asks for.
    pub(crate) fn detail(&self, line: &str) {
        if self.verbose {
            self.to_stderr(&format!("{line}\n"));
        }
    }

    /// Whether more is to be printed.
    pub(crate) fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// Prints a failure as a diagnostic to stderr.
    pub(crate) fn report(&self, failure: &Failure) {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.report_handler(self.stderr_color).render_report(&mut text, failure.diagnostic());
        self.to_stderr(&text);
    }

    /// The one theme of diagnostics, for a stream of this colour choice.
    pub(crate) fn report_handler(&self, color: ColorChoice) -> GraphicalReportHandler {
        let theme =
            if color == ColorChoice::Never { GraphicalTheme::unicode_nocolor() } else { GraphicalTheme::unicode() };
        GraphicalReportHandler::new_themed(theme).with_links(false).with_width(100)
    }

    /// The colour choice of stdout, for results that are rendered as diagnostics.
    pub(crate) fn stdout_color(&self) -> ColorChoice {
        self.stdout_color
    }

    /// A progress bar over `length` bytes or steps; `None` spins. Hidden where stderr is not a terminal.
    pub(crate) fn progress(&self, message: impl Into<String>, length: Option<u64>) -> ProgressBar {
        let target = if self.progress { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(length, target).with_message(message.into());
        let template = if length.is_some() {
            "{spinner} {msg} {bar:30} {bytes}/{total_bytes}"
        } else {
            "{spinner} {msg} ({elapsed})"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        if self.progress {
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        bar
    }

    fn to_stderr(&self, text: &str) {
        // A closed stderr leaves nobody to tell.
        let _ = AutoStream::new(io::stderr().lock(), self.stderr_color).write_all(text.as_bytes());
    }
}
