//! For people: a line a scenario; under those that do not hold what was expected, what was found, and the timeline.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use gwauthz_host::scenario::{Failure as Finding, Party, Timeline};

use super::{Outcome, Parting, Summary, Verdict, files::ScenarioFile};

/// The most events of a timeline that are shown.
const MAX_EVENTS: usize = 200;

pub(super) fn render(summary: &Summary, verbose: bool) -> String {
    let mut text = String::new();
    for Outcome { file, verdict } in &summary.outcomes {
        let title = harmless(file.title.as_deref().unwrap_or("not a scenario"));
        let mut line = |mark: &str, color: AnsiColor| {
            let style = Style::new().bold().fg_color(Some(color.into()));
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{style}{mark}{style:#} {}  {title}", file.name);
        };
        match verdict {
            Verdict::Held(timeline) => {
                line("✓", AnsiColor::Green);
                if let Some(timeline) = timeline.as_ref().filter(|_| verbose) {
                    tell(timeline, &mut text);
                }
            }
            Verdict::Failed(findings, timeline) => {
                line("✗", AnsiColor::Red);
                findings.iter().for_each(|finding| found(finding, file, &mut text));
                tell(timeline, &mut text);
            }
            Verdict::Parted(parting) => {
                line("✗", AnsiColor::Red);
                parted(parting, file, &mut text);
            }
            Verdict::VirtualOnly(reason) => {
                line("~", AnsiColor::Yellow);
                let _ = writeln!(text, "  virtual-only: {}", harmless(reason));
            }
            Verdict::Wrong(_) => line("!", AnsiColor::Yellow),
        }
    }
    text + &last_line(summary)
}

fn found(finding: &Finding, file: &ScenarioFile, text: &mut String) {
    let Finding { what, expected, found, range, .. } = finding;
    let (line, column) = file.position(range);
    let _ = writeln!(text, "\n  {}  {}:{line}:{column}", harmless(what), file.name);
    for (name, value) in [("expected", expected), ("found", found)] {
        let mut name = name;
        let empty = ["(empty)"];
        let lines: Vec<_> = if value.is_empty() { empty.to_vec() } else { value.lines().collect() };
        for line in lines {
            let _ = writeln!(text, "    {name:8}  {}", harmless(line));
            name = "";
        }
    }
}

/// What Envoy makes otherwise.
fn parted(Parting { findings, differences, logs }: &Parting, file: &ScenarioFile, text: &mut String) {
    for finding in findings {
        found(&Finding { what: format!("{} on Envoy", finding.what), ..finding.clone() }, file, text);
    }
    if !differences.is_empty() {
        let _ = writeln!(text, "\n  Envoy and the embedded gateway differ");
    }
    for difference in differences {
        let _ = writeln!(text, "    {}", harmless(difference));
    }
    let _ = writeln!(text, "\n  Envoy's log and configuration are in {}\n", harmless(&logs.display().to_string()));
}

/// The end of it, where it is long: that is where it went wrong, or where it goes wrong like before.
fn tell(timeline: &Timeline, text: &mut String) {
    let dim = Style::new().dimmed();
    let left_out = timeline.events.len().saturating_sub(MAX_EVENTS);
    text.push('\n');
    if left_out > 0 {
        let _ = writeln!(text, "    … {left_out} events; `--format json` has them");
    }
    for (line, event) in timeline.to_string().lines().zip(&timeline.events).skip(left_out) {
        // Calls of the plugin into the gateway are what one reads last.
        if event.from == Party::Plugin && event.to == Party::Gateway {
            let _ = writeln!(text, "{dim}{line}{dim:#}");
        } else {
            let _ = writeln!(text, "{line}");
        }
    }
    text.push('\n');
}

fn last_line(summary: &Summary) -> String {
    let total = summary.outcomes.len() + summary.not_run;
    let plural = if total == 1 { "" } else { "s" };
    let parts: Vec<_> = [
        (summary.held(), "held"),
        (summary.failed(), "failed"),
        (summary.virtual_only(), "virtual-only"),
        (summary.wrong(), "wrong"),
        (summary.not_run, "not run"),
    ]
    .into_iter()
    .filter(|(count, word)| *count > 0 || *word == "held")
    .map(|(count, word)| format!("{count} {word}"))
    .collect();
    format!("{total} scenario{plural}: {}\n", parts.join(", "))
}

/// Text from files and guests without what could move a terminal's cursor.
fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '␣' } else { c }).collect()
}
