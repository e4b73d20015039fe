//! What is said about a request: the decision, why, what was asked, what it cost. Never the token.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use gwauthz_host::{Callout, Ending, HttpRequest, LocalResponse, Outcome};
use indicatif::{HumanBytes, HumanDuration};
use serde_json::{Value, json};

/// The outcome of a request in words.
pub(super) struct Verdict<'a> {
    name: String,
    outcome: &'a Outcome,
    reason: String,
}

/// The longest part of a plugin's answer that is repeated, in characters.
const SHOWN: usize = 200;

impl<'a> Verdict<'a> {
    pub(super) fn new(request: &HttpRequest, outcome: &'a Outcome) -> Self {
        let pseudo = |name: &str| request.headers.first(name.as_bytes()).map(escaped).unwrap_or_default();
        Self { name: format!("{} {}", pseudo(":method"), pseudo(":path")), outcome, reason: reason(outcome) }
    }

    pub(super) fn is_allowed(&self) -> bool {
        self.outcome.is_allowed()
    }

    pub(super) fn human(&self) -> String {
        let (mark, word, color) =
            if self.is_allowed() { ("✓", "allowed", AnsiColor::Green) } else { ("✗", "denied", AnsiColor::Red) };
        let style = Style::new().bold().fg_color(Some(color.into()));
        let cost = self.outcome.cost;
        let mut text = format!("{style}{mark} {word}{style:#}  {}  {}\n\n", self.status(), self.name);
        let mut row = |name: &str, value: &str| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {name:9}{value}");
        };
        row("why", &self.reason);
        for callout in &self.outcome.callouts {
            row("callout", &shown(callout));
        }
        if let Ending::Trapped(fault) = &self.outcome.ending {
            fault.backtrace.iter().for_each(|frame| row("", &format!("at {frame}")));
            fault.last_calls.iter().for_each(|call| row("", &format!("behind {call}")));
        }
        row(
            "cost",
            &format!(
                "{} µs in the plugin, {} callbacks, {} host calls, {} of memory",
                cost.guest_time.as_micros(),
                cost.callbacks,
                cost.host_calls,
                HumanBytes(self.outcome.memory_bytes as u64)
            ),
        );
        text
    }

    /// `gwauthz.test/v1`
    pub(super) fn machine(&self) -> Value {
        let callouts: Vec<_> = self.outcome.callouts.iter().map(callout).collect();
        json!({
            "schema": "gwauthz.test/v1",
            "results": [{
                "name": self.name,
                "decision": if self.is_allowed() { "allow" } else { "deny" },
                "status": self.status(),
                "reason": self.reason,
                "class": class(self.outcome),
                "callouts": callouts,
                "duration_ns": u64::try_from(self.outcome.cost.guest_time.as_nanos()).unwrap_or(u64::MAX),
            }],
        })
    }

    fn status(&self) -> u16 {
        self.outcome.response.status()
    }
}

/// The reason's class, for programs: a plugin's own code (RFC 9457 extension member, or response code details), or how
/// the request ended.
fn class(outcome: &Outcome) -> String {
    match &outcome.ending {
        Ending::Served => "served".to_owned(),
        Ending::Answered(local) => {
            let code = problem(local).get("code").and_then(Value::as_str).map(str::to_owned);
            let details = (!local.details.is_empty()).then(|| local.details.clone());
            code.or(details).map_or_else(|| "answered".to_owned(), |code| escaped(code.as_bytes()))
        }
        Ending::Hung => "hung".to_owned(),
        Ending::Closed => "closed".to_owned(),
        Ending::ClientLeft => "client_left".to_owned(),
        Ending::Refused(_) => "refused_by_gateway".to_owned(),
        Ending::Trapped(_) => "trapped".to_owned(),
    }
}

fn reason(outcome: &Outcome) -> String {
    match &outcome.ending {
        Ending::Served => match outcome.callouts.last() {
            Some(callout) => format!("{} answered {}", escaped(callout.call.upstream.as_bytes()), status(callout)),
            None => "the plugin let it pass without asking anybody".to_owned(),
        },
        Ending::Answered(local) => answer(local),
        Ending::Hung => {
            "the plugin holds the request and waits for nothing: the client would run into a time-out".to_owned()
        }
        Ending::Closed => "the plugin closed the stream without an answer".to_owned(),
        Ending::ClientLeft => "the client went away".to_owned(),
        Ending::Refused(why) => format!("the gateway itself refuses the request before the plugin sees it: {why}"),
        Ending::Trapped(fault) => {
            format!("the plugin failed: {} in {}", fault.reason, fault.callback)
        }
    }
}

/// What the plugin told the client: the detail and code of problem details (RFC 9457), or the first line.
fn answer(local: &LocalResponse) -> String {
    let problem = problem(local);
    let member = |name: &str| problem.get(name).and_then(Value::as_str);
    match (member("detail"), member("code")) {
        (Some(detail), Some(code)) => format!("{} ({})", escaped(detail.as_bytes()), escaped(code.as_bytes())),
        (Some(only), None) | (None, Some(only)) => escaped(only.as_bytes()),
        (None, None) if local.body.is_empty() => "the plugin answered without a word".to_owned(),
        (None, None) => escaped(local.body.split(|byte| *byte == b'\n').next().unwrap_or_default()),
    }
}

/// The body as problem details; null where it is none.
fn problem(local: &LocalResponse) -> Value {
    serde_json::from_slice(&local.body).unwrap_or_default()
}

fn callout(callout: &Callout) -> Value {
    let header = |name: &str| callout.call.headers.first(name.as_bytes()).map(escaped);
    json!({
        "cluster": escaped(callout.call.upstream.as_bytes()),
        "method": header(":method"),
        "authority": header(":authority"),
        "path": header(":path"),
        "status": callout.status,
        "duration_ns": u64::try_from(callout.took.as_nanos()).unwrap_or(u64::MAX),
    })
}

fn shown(callout: &Callout) -> String {
    let header = |name: &str| callout.call.headers.first(name.as_bytes()).map(escaped).unwrap_or_default();
    format!(
        "{} {}{} on {} → {} after {}",
        header(":method"),
        header(":authority"),
        header(":path"),
        escaped(callout.call.upstream.as_bytes()),
        status(callout),
        duration(callout.took),
    )
}

fn duration(took: std::time::Duration) -> String {
    if took.as_secs() >= 60 { HumanDuration(took).to_string() } else { format!("{} ms", took.as_millis()) }
}

fn status(callout: &Callout) -> String {
    callout.status.map_or_else(|| "a reset".to_owned(), |status| status.to_string())
}

/// Bytes from a module or a client, fit for a terminal.
fn escaped(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(SHOWN).flat_map(char::escape_debug).collect()
}
