//! A service on loopback that records what it is sent and answers as it is told: authorization service and upstream.

use std::{
    io::{self, BufReader, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use crate::http::{Message, PATIENCE};

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

pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    reply: Reply,
    seen: Vec<Message>,
}

impl Service {
    /// Listens on a free port of loopback until the test process ends.
    pub(crate) fn start(reply: Reply) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let state = Arc::new(Mutex::new(State { reply, seen: Vec::new() }));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&shared);
                // A peer that goes away in mid-message is what some tests are about.
                thread::spawn(move || serve(&stream, &shared).ok());
            }
        });
        Ok(Self { address, state })
    }

    pub(crate) fn reply_with(&self, reply: Reply) {
        lock(&self.state).reply = reply;
    }

    /// What was received since this was last asked.
    pub(crate) fn take_seen(&self) -> Vec<Message> {
        std::mem::take(&mut lock(&self.state).seen)
    }
}

fn serve(stream: &TcpStream, state: &Mutex<State>) -> io::Result<()> {
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream);
    while let Some(message) = Message::read(&mut reader, true)? {
        let authorization = message.header("authorization").unwrap_or_default().to_owned();
        let reply = {
            let mut state = lock(state);
            state.seen.push(message);
            state.reply
        };
        match reply {
            Reply::Status(status) => write!(&*stream, "HTTP/1.1 {status} Told\r\ncontent-length: 0\r\n\r\n")?,
            Reply::Text(text) => {
                let length = text.len();
                write!(
                    &*stream,
                    "HTTP/1.1 200 Told\r\nx-twice: one\r\nx-twice: two\r\ncontent-length: {length}\r\n\r\n{text}"
                )?;
            }
            Reply::Spelled => {
                let (status, after) = spelled(&authorization);
                thread::sleep(after);
                write!(&*stream, "HTTP/1.1 {status} Told\r\ncontent-length: 0\r\n\r\n")?;
            }
            Reply::Never => {}
            Reply::HangUp => return Ok(()),
            Reply::HangUpMidway => {
                write!(&*stream, "HTTP/1.1 200 Told\r\ncontent-length: 9\r\n\r\n")?;
                return Ok(());
            }
        }
    }
    Ok(())
}

fn spelled(authorization: &str) -> (u16, Duration) {
    let (status, after) = match authorization.rsplit('.').next() {
        Some("MjAw") => (200, 60),
        Some("NDAz") => (403, 30),
        _ => (500, 0),
    };
    (status, Duration::from_millis(after))
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
