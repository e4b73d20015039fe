//! Services that record what they are sent and answer as they are told: authorization service and upstream.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use gwauthz_host::envoy::{Message, Reaction, Service};

/// How a service answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Status(u16),
    /// 200 with two headers of one name and this body.
    Text(&'static str),
    /// The status that the token's signature spells in base64url, and the later the smaller it is.
    Spelled,
    /// Keeps the connection and stays silent.
    Never,
    /// Closes the connection instead of answering.
    HangUp,
    /// Closes the connection after the headers of an answer.
    HangUpMidway,
}

pub(crate) struct RecordingService {
    service: Service,
    state: Arc<Mutex<State>>,
}

struct State {
    reply: Reply,
    seen: Vec<Message>,
}

impl RecordingService {
    pub(crate) fn start(reply: Reply) -> Self {
        let state = Arc::new(Mutex::new(State { reply, seen: Vec::new() }));
        let shared = Arc::clone(&state);
        let service = Service::start(move |received| {
            let mut state = lock(&shared);
            let reaction = state.reply.reaction(&received.request);
            state.seen.push(received.request);
            reaction
        });
        Self { service: service.expect("a port to listen on"), state }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.service.address()
    }

    pub(crate) fn reply_with(&self, reply: Reply) {
        lock(&self.state).reply = reply;
    }

    /// What was received since this was last asked.
    pub(crate) fn take_seen(&self) -> Vec<Message> {
        std::mem::take(&mut lock(&self.state).seen)
    }
}

impl Reply {
    fn reaction(self, request: &Message) -> Reaction {
        match self {
            Self::Status(status) => Reaction::Reply(Duration::ZERO, answer(status, "", "")),
            Self::Text(text) => Reaction::Reply(Duration::ZERO, answer(200, "x-twice: one\r\nx-twice: two\r\n", text)),
            Self::Spelled => {
                let (status, after) = spelled(request.headers.first(b"authorization").unwrap_or_default());
                Reaction::Reply(after, answer(status, "", ""))
            }
            Self::Never => Reaction::Silence,
            Self::HangUp => Reaction::HangUp(Vec::new()),
            Self::HangUpMidway => Reaction::HangUp(b"HTTP/1.1 200 Told\r\ncontent-length: 9\r\n\r\n".to_vec()),
        }
    }
}

fn answer(status: u16, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} Told\r\n{headers}content-length: {length}\r\n\r\n{body}").into_bytes()
}

fn spelled(authorization: &[u8]) -> (u16, Duration) {
    let (status, after) = match authorization.rsplit(|byte| *byte == b'.').next() {
        Some(b"MjAw") => (200, 60),
        Some(b"NDAz") => (403, 30),
        _ => (500, 0),
    };
    (status, Duration::from_millis(after))
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
