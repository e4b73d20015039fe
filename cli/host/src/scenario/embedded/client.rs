//! A client of a scenario: what it still has to send, and how long it waits.

use std::time::Duration;

use crate::{
    gateway::{Gateway, Part, StreamId},
    world::HttpRequest,
};

use super::{
    super::{
        request::ClientRequest,
        services::{Mark, Services},
        timeline::Recorder,
    },
    name,
};

/// A client that has sent a request and may still be sending.
pub(super) struct Client {
    /// Which request: its step among those with requests, and its number within.
    pub(super) slot: (usize, usize),
    pub(super) stream: StreamId,
    pub(super) request: HttpRequest,
    pub(super) at: Duration,
    /// What is still to be sent, and when; the next one last.
    pub(super) sends: Vec<(Duration, Send)>,
    pub(super) leaves_at: Option<Duration>,
    /// When something last happened from its side.
    pub(super) active: Duration,
    pub(super) before: Before,
}

/// How many lines had been logged, and calls of each kind made, before a client came.
pub(super) struct Before {
    pub(super) logs: usize,
    pub(super) callouts: Mark,
    pub(super) foreign_calls: usize,
}

/// A piece of a request.
pub(super) struct Send {
    part: Part,
    end: bool,
}

/// How long Envoy keeps a stream on which nothing happens (`stream_idle_timeout`).
const STREAM_IDLE_TIMEOUT: Duration = Duration::from_secs(300);

impl Client {
    /// When it does something next, be it that it gives up.
    pub(super) fn next_time(&self) -> Duration {
        let sends = self.sends.last().map(|(at, _)| *at);
        sends.into_iter().chain(self.leaves_at).fold(self.active + STREAM_IDLE_TIMEOUT, Duration::min)
    }

    /// Sends what is due, and leaves when it is time. Who has got an answer sends nothing more.
    pub(super) fn act(
        &mut self,
        gateway: &mut Gateway<Services<'_>>,
        now: Duration,
        mut told: Option<(&mut Recorder, Duration)>,
    ) {
        let mut says = |what: &str| {
            if let Some((recorder, at)) = &mut told {
                recorder.says(*at, &name("request", self.slot), what);
            }
        };
        while let Some((at, send)) = self.sends.pop_if(|(at, _)| *at <= now) {
            says(&send.shown());
            gateway.receive(self.stream, send.part, send.end);
            self.active = at;
        }
        if self.leaves_at.take_if(|at| *at <= now).is_some() {
            says("goes away");
            gateway.leave(self.stream);
        }
    }

    pub(super) fn has_waited_too_long(&self, now: Duration) -> bool {
        now >= self.active + STREAM_IDLE_TIMEOUT
    }
}

impl Send {
    fn shown(&self) -> String {
        let what = match &self.part {
            Part::Data(data) if data.is_empty() => String::new(),
            Part::Data(data) => format!("{} bytes of the body", data.len()),
            Part::Headers(fields) | Part::Trailers(fields) => format!("{} trailers", fields.len()),
        };
        match (self.end, what.is_empty()) {
            (true, true) => "the end".to_owned(),
            (true, false) => format!("{what}, the end"),
            (false, _) => what,
        }
    }
}

/// The pieces behind the headers, the next one last. As HTTP/1.1 brings it: Envoy sees the end of a body behind it.
pub(super) fn sends(sent: ClientRequest, now: Duration) -> Vec<(Duration, Send)> {
    if sent.ends_with_headers() {
        return Vec::new();
    }
    let last = sent.chunks.last().map_or(now, |(at, _)| now + *at);
    let end = if sent.trailers.is_empty() { Part::Data(Vec::new()) } else { Part::Trailers(sent.trailers) };
    let chunks = sent.chunks.into_iter().map(|(at, chunk)| (now + at, Send { part: Part::Data(chunk), end: false }));
    let mut sends: Vec<_> = chunks.chain([(last, Send { part: end, end: true })]).collect();
    sends.reverse();
    sends
}
