//! A scenario as a timeline: who said what to whom, and when. Secrets are left out.

use std::{collections::VecDeque, fmt, time::Duration};

use super::{
    observed::{Exchange, Observed, ObservedGrpcCallout},
    request::ClientRequest,
    secrets::shown_headers,
    services::Asked,
};
use crate::{abi::LogLevel, foreign::ForeignCall, headers::HeaderMap, logs::LogLine, trace::TraceLine};

/// What happened, in the order in which it did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    /// The events; the last 100,000 of them.
    pub events: Vec<Event>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, on the gateway's clock, since the start.
    pub at: Duration,
    /// Who did it.
    pub from: Party,
    /// Whom it reached.
    pub to: Party,
    /// What it was.
    pub text: String,
}

/// Who takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// Who sends requests.
    Client,
    /// The gateway itself.
    Gateway,
    /// The plugin.
    Plugin,
    /// A service that the plugin calls.
    Service,
    /// What lies behind the gateway.
    Upstream,
    /// The log.
    Log,
}

impl Party {
    /// Its name, of at most eight letters.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Gateway => "gateway",
            Self::Plugin => "plugin",
            Self::Service => "service",
            Self::Upstream => "upstream",
            Self::Log => "log",
        }
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Event { at, from, to, text } in &self.events {
            let milliseconds = format!("{}.{:03}", at.as_millis(), at.subsec_micros() % 1000);
            let milliseconds = milliseconds.strip_suffix(".000").unwrap_or(&milliseconds);
            writeln!(f, "{milliseconds:>9} ms  {:>8} → {:8}  {text}", from.name(), to.name())?;
        }
        Ok(())
    }
}

/// The status of a host call whose pointers lead nowhere.
const INVALID_MEMORY_ACCESS: &str = "6";
/// The bound on events.
const MAX_EVENTS: usize = 100_000;

/// Writes a timeline.
pub(super) struct Recorder {
    timeline: Timeline,
    /// Where the callbacks that run stand, the innermost last; those that are not told have no place.
    running: Vec<Option<usize>>,
    /// Callouts whose replies have not reached the plugin, with their numbers.
    waiting: Vec<(usize, Asked)>,
    asked: usize,
}

/// What has happened since the last time, each in its order.
pub(super) struct News {
    pub(super) trace: Vec<TraceLine>,
    pub(super) logs: VecDeque<LogLine>,
    pub(super) foreign_calls: VecDeque<ForeignCall>,
    pub(super) asked: VecDeque<Asked>,
    pub(super) grpc_asked: VecDeque<ObservedGrpcCallout>,
    pub(super) served: VecDeque<HeaderMap>,
}

impl Recorder {
    pub(super) fn new() -> Self {
        Self { timeline: Timeline::default(), running: Vec::new(), waiting: Vec::new(), asked: 0 }
    }

    /// The timeline, without the secrets that were seen.
    pub(super) fn finish(mut self, observed: &Observed) -> Timeline {
        self.forget();
        for event in &mut self.timeline.events {
            event.text = one_line(&observed.redacted(&event.text));
        }
        self.timeline
    }

    pub(super) fn sends(&mut self, at: Duration, name: &str, sent: &ClientRequest) {
        let text = format!("{name}: {}", message(&sent.headers));
        self.event(at, Party::Client, Party::Gateway, text);
    }

    pub(super) fn says(&mut self, at: Duration, name: &str, what: &str) {
        self.event(at, Party::Client, Party::Gateway, format!("{name}: {what}"));
    }

    pub(super) fn ends(&mut self, at: Duration, name: &str, exchange: &Exchange) {
        let text = match &exchange.response {
            Some(response) => {
                let body = String::from_utf8_lossy(&response.body);
                format!("{name}: {} {body}", message(&response.headers)).trim_end().to_owned()
            }
            None => format!("{name}: the stream ends"),
        };
        self.event(at, Party::Gateway, Party::Client, text);
    }

    /// Calls in the words of Envoy's log; with them what they have led to.
    pub(super) fn tell(&mut self, at: Duration, mut news: News) {
        // A callback that trapped never returned.
        self.running.clear();
        // Twice the bound at the most, so that forgetting costs little.
        if self.timeline.events.len() > 2 * MAX_EVENTS {
            self.forget();
        }
        for line in std::mem::take(&mut news.trace) {
            let Some((way, call)) = line.call.split_once("] ") else { continue };
            match way {
                "[host->vm" => self.callback(at, call, &mut news),
                "[host<-vm" => self.returned(call),
                "[vm->host" => self.event(at, Party::Plugin, Party::Gateway, short(call).to_owned()),
                _ => self.answered(at, call, &mut news),
            }
        }
        // Whatever no call has led to, or no trace was there for.
        std::mem::take(&mut news.served).iter().for_each(|headers| self.served(at, headers));
        std::mem::take(&mut news.asked).into_iter().for_each(|asked| self.asked(asked, at));
        std::mem::take(&mut news.grpc_asked).iter().for_each(|asked| self.grpc_asked(asked, at));
        std::mem::take(&mut news.foreign_calls)
            .iter()
            .for_each(|call| self.event(at, Party::Plugin, Party::Gateway, foreign_call(call)));
        std::mem::take(&mut news.logs).iter().for_each(|line| self.logged(at, line));
    }

    fn forget(&mut self) {
        let too_many = self.timeline.events.len().saturating_sub(MAX_EVENTS);
        self.timeline.events.drain(..too_many);
    }

    fn callback(&mut self, at: Duration, call: &str, news: &mut News) {
        if call.starts_with("proxy_on_memory_allocate") || call.starts_with("malloc") {
            self.running.push(None);
            return;
        }
        if call.starts_with("proxy_on_http_call_response") {
            self.replied(at);
        } else if let Some(text) = grpc_reply(call) {
            self.event(at, Party::Service, Party::Plugin, text);
        } else if call.starts_with("proxy_on_response_headers")
            && let Some(headers) = news.served.pop_front()
        {
            self.served(at, &headers);
        }
        self.running.push(Some(self.timeline.events.len()));
        self.event(at, Party::Gateway, Party::Plugin, short(call).to_owned());
    }

    /// A callback has returned: what it answered stands with it.
    fn returned(&mut self, call: &str) {
        let Some((function, result)) = call.split_once(" return: ") else { return };
        let event = self.running.pop().flatten().and_then(|index| self.timeline.events.get_mut(index));
        if let Some(event) = event
            && result != "void"
        {
            let pauses = ["_headers", "_body", "_trailers", "_data", "_new_connection"]
                .iter()
                .any(|end| function.ends_with(end));
            let word = match result {
                "0" if pauses => "continue",
                _ if pauses => "pause",
                other => other,
            };
            event.text += &format!(" → {word}");
        }
    }

    /// The host has answered: the call stands last, but for what the guest allocated meanwhile.
    fn answered(&mut self, at: Duration, call: &str, news: &mut News) {
        let Some((function, result)) = call.split_once(" return: ") else { return };
        let name = short(function);
        let asks = |event: &&mut Event| event.from == Party::Plugin && event.text.starts_with(name);
        if let Some(event) = self.timeline.events.iter_mut().rev().find(asks) {
            // A call that reached no function, since its pointers lead nowhere, is shown with them.
            if name == "call_foreign_function"
                && result != INVALID_MEMORY_ACCESS
                && let Some(call) = news.foreign_calls.pop_front()
            {
                event.text = foreign_call(&call);
            }
            event.text += &format!(" → {}", status(result));
        }
        match name {
            "http_call" if result == "0" => {
                if let Some(asked) = news.asked.pop_front() {
                    self.asked(asked, at);
                }
            }
            "grpc_call" | "grpc_stream" if result == "0" => {
                if let Some(asked) = news.grpc_asked.pop_front() {
                    self.grpc_asked(&asked, at);
                }
            }
            "log" => {
                // The line says it better than the call.
                if let Some(line) = news.logs.pop_front() {
                    self.timeline.events.pop();
                    self.logged(at, &line);
                }
            }
            _ => {}
        }
    }

    fn asked(&mut self, asked: Asked, at: Duration) {
        let text = format!("{} on {}", message(&asked.call.headers), asked.call.upstream);
        self.event(at, Party::Plugin, Party::Service, text);
        self.waiting.push((self.asked, asked));
        self.asked += 1;
    }

    fn grpc_asked(&mut self, asked: &ObservedGrpcCallout, at: Duration) {
        let metadata = shown_headers(&asked.metadata);
        let text = if metadata.is_empty() { asked.to_string() } else { format!("{asked} [{metadata}]") };
        self.event(at, Party::Plugin, Party::Service, text);
    }

    /// The first of the replies that are due reaches the plugin.
    fn replied(&mut self, at: Duration) {
        let due = self.waiting.iter().enumerate().min_by_key(|(_, (number, asked))| (asked.at + asked.took, *number));
        if let Some(position) = due.map(|(position, _)| position) {
            let (_, asked) = self.waiting.remove(position);
            let status = asked.status.map_or_else(|| "a reset".to_owned(), |status| status.to_string());
            let text = format!("{status} after {} ms from {}", asked.took.as_millis(), asked.call.upstream);
            self.event(at, Party::Service, Party::Plugin, text);
        }
    }

    fn served(&mut self, at: Duration, headers: &HeaderMap) {
        self.event(at, Party::Gateway, Party::Upstream, message(headers));
    }

    fn logged(&mut self, at: Duration, line: &LogLine) {
        self.event(at, Party::Plugin, Party::Log, format!("{}: {}", level(line.level), line.message));
    }

    pub(super) fn event(&mut self, at: Duration, from: Party, to: Party, text: String) {
        self.timeline.events.push(Event { at, from, to, text });
    }
}

/// Its first line and its headers.
fn message(headers: &HeaderMap) -> String {
    let pseudo = |name: &str| headers.first(name.as_bytes()).map(String::from_utf8_lossy).unwrap_or_default();
    let first = match headers.first(b":status") {
        Some(_) => pseudo(":status").into_owned(),
        None => format!("{} {}{}", pseudo(":method"), pseudo(":authority"), pseudo(":path")),
    };
    let rest = shown_headers(headers);
    if rest.is_empty() { first } else { format!("{first} [{rest}]") }
}

/// What a gRPC service says with a callback, whose arguments are the root context, the token, and a size or a status.
fn grpc_reply(call: &str) -> Option<String> {
    let (name, arguments) = call.strip_suffix(')')?.split_once('(')?;
    let last = arguments.rsplit(", ").next()?;
    match name {
        "proxy_on_grpc_receive" => Some(format!("gRPC message of {last} bytes")),
        "proxy_on_grpc_close" => Some(format!("gRPC status {last}")),
        _ => None,
    }
}

/// A function without what all have in common.
fn short(call: &str) -> &str {
    let call = call.strip_prefix("env.").unwrap_or(call);
    call.strip_prefix("proxy_").unwrap_or(call)
}

/// A call with what its pointers lead to.
fn foreign_call(ForeignCall { name, arguments, .. }: &ForeignCall) -> String {
    format!("call_foreign_function {name}({})", arguments.escape_ascii())
}

/// The status of a host call in words.
fn status(result: &str) -> String {
    let name = match result {
        "0" => "ok",
        "1" => "not found",
        "2" => "bad argument",
        "3" => "serialization failure",
        "4" => "parse failure",
        INVALID_MEMORY_ACCESS => "invalid memory access",
        "7" => "empty",
        "8" => "cas mismatch",
        "10" => "internal failure",
        "12" => "unimplemented",
        other => other,
    };
    name.to_owned()
}

fn level(level: LogLevel) -> String {
    format!("{level:?}").to_lowercase()
}

/// Text from guests and clients, fit for a terminal.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '␣' } else { c }).collect()
}
