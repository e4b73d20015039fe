//! Findings as annotations of GitHub Actions: one workflow command a line.

use std::fmt::Write as _;

use gwauthz_lint::{Diagnostic, Report, Severity, Sources};

/// A line for each finding; nothing where there is none.
pub(crate) fn render(sources: &Sources, report: &Report) -> String {
    let mut text = String::new();
    for Diagnostic { rule, severity, message, primary, help, .. } in &report.diagnostics {
        let Some(source) = sources.get(primary.location.source) else { continue };
        let (start, end) = (source.position(primary.location.span.start), source.position(primary.location.span.end));
        let command = match severity {
            Severity::Critical | Severity::High => "error",
            Severity::Medium => "warning",
            Severity::Low => "notice",
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "::{command} file={},line={},endLine={},col={},endColumn={},title={}::{}",
            property(source.name()),
            start.line,
            end.line,
            start.column,
            end.column,
            property(&format!("{} {}", rule.code, rule.name)),
            data(&format!("{message}\n{help}")),
        );
    }
    text
}

/// What the runner would read as the end of the command (actions/toolkit, `command.ts`).
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::{data, property};

    #[test]
    fn nothing_ends_a_command_early() {
        assert_eq!(data("50%\n::error::x"), "50%25%0A::error::x");
        assert_eq!(property("a,b:c%"), "a%2Cb%3Ac%25");
    }
}
