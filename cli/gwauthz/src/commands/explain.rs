//! `gwauthz explain`: what a rule looks for, why, and what is right.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use clap::Args;
use gwauthz_lint::{RULES, Rule, find};

use crate::{
    exit::{Exit, Failure},
    terminal::Terminal,
};

/// Explain a lint rule: why it is one, what an attacker gains, what is right
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The rule's code or name, such as GW203 or fail-open; all rules in short without one
    #[arg(value_name = "RULE")]
    rule: Option<String>,
}

impl ExplainArgs {
    pub(crate) fn execute(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let text = match self.rule {
            Some(rule) => explain(
                find(&rule)
                    .map_err(|unknown| Failure::wrong(unknown.to_string(), "`gwauthz explain` lists all rules"))?,
            ),
            None => list(),
        };
        terminal.print(&text)?;
        Ok(Exit::Yes)
    }
}

/// How wide text is set, in columns.
const WIDTH: usize = 100;
const HEADING: Style = AnsiColor::Cyan.on_default().bold();

fn explain(rule: &Rule) -> String {
    let Rule { code, name, summary, why, gain, source, vector, persona, confidence, bad, good, .. } = rule;
    let (severity, score) = (vector.severity(), vector.score());
    let manifest = |text: &str| text.lines().fold(String::new(), |shown, line| shown + "    " + line + "\n");
    let (bad, good) = (manifest(bad), manifest(good));
    let [summary, why, gain, source] = [summary, why, gain, source].map(|text| textwrap::fill(text, WIDTH));
    format!(
        "{HEADING}{code} {name}{HEADING:#}\n{summary}\n\n\
         {HEADING}Why{HEADING:#}\n{why}\n\n\
         {HEADING}What an attacker gains{HEADING:#}\n{gain}\n\n\
         {HEADING}Severity{HEADING:#}\n{severity} {score:.1}, {vector}\n\
         persona {persona}, confidence {confidence}\n\n\
         {HEADING}Source{HEADING:#}\n{source}\n\n\
         {HEADING}Wrong{HEADING:#}\n{bad}\n\
         {HEADING}Right{HEADING:#}\n{good}\n\
         To accept a finding: `# gwauthz: ignore[{code}] REASON` on its line or above its document;\n\
         to turn the rule off: `{name} = \"off\"` under [lint.rules] in gwauthz.toml.\n"
    )
}

fn list() -> String {
    let width = RULES.iter().map(|rule| rule.name.len()).max().unwrap_or_default();
    let mut text = String::new();
    for rule in RULES {
        let severity = rule.vector.severity().to_string();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{HEADING}{}{HEADING:#} {severity:8} {:width$}  {}", rule.code, rule.name, rule.summary);
    }
    text
}
