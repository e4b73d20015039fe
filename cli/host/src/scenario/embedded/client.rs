//! Requests of a scenario: what their clients still have to send, and how long they wait.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    gateway::{Ending, Gateway, Part, StreamId},
    world::HttpRequest,
};

use super::{
    super::{
        format::Request,
        observed::Exchange,
        request::ClientRequest,
        services::{Mark, Services},
        timeline::Recorder,
    },
    Run, RunError, name,
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

impl Run<'_> {
    pub(super) fn request(&mut self, request: &Request) -> Result<(), RunError> {
        let slot = self.exchanges.len();
        self.exchanges.push(BTreeMap::new());
        for number in 0..request.times.unwrap_or(1) as usize {
            self.open(request, (slot, number));
            while !request.background && self.clients.iter().any(|client| client.slot == (slot, number)) {
                self.pass_one_moment()?;
            }
        }
        Ok(())
    }

    fn open(&mut self, request: &Request, slot: (usize, usize)) {
        let now = self.now();
        let sent = request.client_request(now, &self.key);
        for credentials in sent.credentials() {
            // The same request again has the same token.
            if self.observed.tokens.last() != Some(&credentials) {
                self.observed.tokens.push(credentials);
            }
        }
        let before = self.mark();
        if let Some(recorder) = &mut self.recorder {
            recorder.sends(now.saturating_sub(self.start), &name("request", slot), &sent);
        }
        let worker = request.worker.unwrap_or_default().into();
        let stream = self.gateway.open(worker, sent.headers.clone(), sent.ends_with_headers());
        let whole = sent.whole();
        let client = Client {
            slot,
            stream,
            request: whole,
            at: now,
            sends: sends(sent, now),
            leaves_at: request.leaves_after.map(|time| now + time.unsigned_abs()),
            active: now,
            before,
        };
        self.clients.push(client);
        self.take_news(Vec::new());
        self.settle();
    }

    pub(super) fn clients_act(&mut self, time: Duration) {
        for client in &mut self.clients {
            let told = self.recorder.as_mut().map(|recorder| (recorder, time.saturating_sub(self.start)));
            client.act(&mut self.gateway, time, told);
        }
        self.take_news(Vec::new());
    }

    /// Takes note of what became of the requests that have ended; whether there were any.
    pub(super) fn close_ended(&mut self) -> bool {
        let now = self.now();
        let ended = |client: &mut Client| self.gateway.has_ended(client.stream) || client.has_waited_too_long(now);
        let ended: Vec<_> = self.clients.extract_if(.., ended).collect();
        let any = !ended.is_empty();
        ended.into_iter().for_each(|client| self.close(client));
        any
    }

    fn close(&mut self, client: Client) {
        let now = self.now();
        let outcome = self.gateway.close(client.stream);
        let answered = !matches!(outcome.ending, Ending::Closed | Ending::ClientLeft);
        self.take_news(outcome.logs);
        let (callouts, grpc_callouts) = self.journal.of(client.stream, client.before.callouts);
        let exchange = Exchange {
            at: client.at.saturating_sub(self.start),
            took: now.saturating_sub(client.at),
            request: client.request,
            response: answered.then_some(outcome.response),
            forwarded: outcome.forwarded.map(|request| (request, outcome.forwarded_trailers)),
            callouts: Some(callouts.into_iter().map(|asked| self.observed_callout(asked)).collect()),
            grpc_callouts: Some(grpc_callouts),
            foreign_calls: Some(self.foreign_calls_of(client.stream, client.before.foreign_calls)),
            details: match &outcome.ending {
                Ending::Answered(local) => local.details.clone(),
                _ => String::new(),
            },
            ending: Some(outcome.ending),
            logs: Some(client.before.logs..self.observed.logs.len()),
        };
        self.put(client.slot, exchange);
    }

    fn put(&mut self, (step, number): (usize, usize), exchange: Exchange) {
        if let Some(recorder) = &mut self.recorder {
            recorder.ends(exchange.at.saturating_add(exchange.took), &name("request", (step, number)), &exchange);
        }
        if let Some(ended) = self.exchanges.get_mut(step) {
            ended.insert(number, exchange);
        }
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
