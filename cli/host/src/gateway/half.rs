//! One direction of a stream: what has arrived, what the plugin holds, what has gone on.

use std::collections::VecDeque;

use crate::{headers::HeaderMap, profile::Profile, state::Message, world::HttpRequest};

/// A piece of a message, as it arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The headers, pseudo-headers included.
    Headers(HeaderMap),
    /// A chunk of the body.
    Data(Vec<u8>),
    /// The trailers, which end the message.
    Trailers(HeaderMap),
}

/// Where the plugin holds a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// At the headers: nothing behind them is shown to it.
    Headers,
    /// In the body: further chunks are shown, and kept.
    Body,
    /// At the trailers.
    Trailers,
}

/// One direction of a stream at one plugin.
#[derive(Debug, Default)]
pub(super) struct Half {
    arrived: VecDeque<(Part, bool)>,
    /// Whether the last piece has been shown.
    pub(super) end_shown: bool,
    pub(super) held: Option<Held>,
    headers_passed: bool,
    stopped: bool,
}

/// What of a message has gone on behind the last plugin.
#[derive(Debug, Default)]
pub(super) struct Passed {
    pub(super) headers: Option<HeaderMap>,
    pub(super) body: Vec<u8>,
    pub(super) trailers: HeaderMap,
    pub(super) ended: bool,
}

impl Part {
    /// Where a plugin that pauses on this piece holds the message.
    pub(super) fn held(&self) -> Held {
        match self {
            Self::Headers(_) => Held::Headers,
            Self::Data(_) => Held::Body,
            Self::Trailers(_) => Held::Trailers,
        }
    }

    /// Puts a piece where the plugin can see it; gives the size that the callback is told: with a body that is held, that of
    /// all of it. The last piece of a body brings trailers with it, which the plugin may fill.
    pub(super) fn put(self, message: &mut Message, end: bool) -> (Held, usize) {
        let at = self.held();
        let size = match self {
            Self::Headers(headers) => {
                message.headers_open = true;
                message.headers.insert(headers).len()
            }
            Self::Data(chunk) => {
                message.body_open = true;
                message.body.extend(chunk);
                if end {
                    message.trailers_open = true;
                }
                message.body.len()
            }
            Self::Trailers(trailers) => {
                message.trailers_open = true;
                message.trailers.insert(trailers).len()
            }
        };
        (at, size)
    }
}

impl Passed {
    /// A further piece has gone on.
    pub(super) fn take(&mut self, part: Part, end: bool) {
        match part {
            Part::Headers(headers) => self.headers = Some(headers),
            Part::Data(chunk) if self.body.is_empty() => self.body = chunk,
            Part::Data(chunk) => self.body.extend(chunk),
            Part::Trailers(trailers) => self.trailers = trailers,
        }
        self.ended |= end;
    }

    /// As a request.
    pub(super) fn request(&self) -> HttpRequest {
        HttpRequest { headers: self.headers.clone().unwrap_or_default(), body: self.body.clone() }
    }
}

impl Half {
    pub(super) fn arrive(&mut self, part: Part, end: bool) {
        self.arrived.push_back((part, end));
    }

    /// The next piece that the plugin may see, and whether it is the last. While it holds the headers, the specification
    /// shows it the body, and Envoy does not.
    pub(super) fn next(&mut self, profile: Profile) -> Option<(Part, bool)> {
        if self.stopped {
            return None;
        }
        match (self.held, &self.arrived.front()?.0) {
            (None, _) | (Some(Held::Body), Part::Data(_) | Part::Trailers(_)) => self.arrived.pop_front(),
            (Some(Held::Headers), Part::Data(_)) if profile == Profile::Spec => self.arrived.pop_front(),
            _ => None,
        }
    }

    /// What goes on of a message, up to the piece that was shown last, and whether each piece is the last.
    pub(super) fn let_on(&mut self, message: &mut Message, last: Held) -> impl Iterator<Item = (Part, bool)> + use<> {
        let ended = self.end_shown;
        let headers = message.headers.as_ref().filter(|_| !self.headers_passed).cloned();
        self.headers_passed = true;
        let body = (last == Held::Body || last == Held::Trailers && !message.body.is_empty())
            .then(|| std::mem::take(&mut message.body));
        let trailers = message.trailers.as_ref().filter(|_| ended).cloned();
        let (behind_body, behind_headers) = (trailers.is_some(), body.is_some() || trailers.is_some());
        [
            headers.map(|headers| (Part::Headers(headers), ended && !behind_headers)),
            body.map(|body| (Part::Data(body), ended && !behind_body)),
            trailers.map(|trailers| (Part::Trailers(trailers), true)),
        ]
        .into_iter()
        .flatten()
    }

    /// Chunks that were kept back while the headers were held are shown as one.
    pub(super) fn merge_data(&mut self) {
        let mut merged: VecDeque<(Part, bool)> = VecDeque::new();
        for (part, end) in self.arrived.drain(..) {
            match (merged.back_mut(), part) {
                (Some((Part::Data(kept), last)), Part::Data(chunk)) => {
                    kept.extend(chunk);
                    *last |= end;
                }
                (_, part) => merged.push_back((part, end)),
            }
        }
        self.arrived = merged;
    }

    /// Nothing more of this direction is shown.
    pub(super) fn stop(&mut self) {
        self.arrived.clear();
        self.held = Some(Held::Headers);
        self.stopped = true;
    }
}
