//! A client of the gateway: it sends a request byte for byte, each piece when its time has come, and may leave early.

use std::{
    io::{self, BufReader, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use super::message::{Message, Role};

/// A request on the wire.
#[derive(Clone, Debug, Default)]
pub struct Sending {
    /// Pieces of it, each with how long it is sent after the first byte, never falling.
    pub pieces: Vec<(Duration, Vec<u8>)>,
    /// Whether it is a HEAD request, whose response has no body.
    pub head: bool,
    /// The client goes away after this time.
    pub leaves_after: Option<Duration>,
}

/// What a client has seen.
#[derive(Debug)]
pub struct Answered {
    /// The client's own address: the peer that the gateway sees.
    pub client: SocketAddr,
    /// When the request's first byte was sent.
    pub sent: Instant,
    /// How long it then took until the response's last byte, or until there was to be none.
    pub took: Duration,
    /// The response; `None`: nothing, or not all of one.
    pub response: Option<Message>,
    /// Whether there was still no response when the client's patience was over.
    pub gave_up: bool,
}

impl Sending {
    /// A request that is sent at once.
    #[must_use]
    pub fn at_once(wire: Vec<u8>) -> Self {
        Self { pieces: vec![(Duration::ZERO, wire)], ..Self::default() }
    }

    /// Sends the request on a connection of its own, and reads the response to its end; gives up where the gateway sends
    /// nothing for as long as `patience`.
    ///
    /// # Errors
    /// Fails where nothing listens. A connection that the gateway closes is no failure, but no response.
    pub fn send(&self, to: SocketAddr, patience: Duration) -> io::Result<Answered> {
        let stream = TcpStream::connect_timeout(&to, patience)?;
        // A piece that waits for the one before to be acknowledged would come late.
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(patience))?;
        stream.set_read_timeout(Some(patience))?;
        let client = stream.local_addr()?;
        let sent = Instant::now();
        let response = thread::scope(|scope| {
            let (done, ended) = mpsc::channel::<()>();
            let (stream, head) = (&stream, self.head);
            let reading = scope.spawn(move || {
                let response = Message::read(&mut BufReader::new(stream), Role::Response { to_head: head });
                drop(done);
                response
            });
            self.write(stream, &ended, sent);
            reading.join()
        });
        let took = sent.elapsed();
        let read = response.map_err(|_| io::Error::other("the reading thread has ended early"))?;
        let late = |error: &io::Error| matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
        let gave_up = read.as_ref().is_err_and(late);
        Ok(Answered { client, sent, took, response: read.ok().flatten(), gave_up })
    }

    /// Writes the pieces, each in its time, while nothing has `ended` the exchange; then leaves, if it is to.
    fn write(&self, mut stream: &TcpStream, ended: &mpsc::Receiver<()>, sent: Instant) {
        let leaves = self.leaves_after.map(|after| sent + after);
        // Whether the exchange went on until then.
        let wait = |until: Instant| {
            let time = until.saturating_duration_since(Instant::now());
            time.is_zero() || ended.recv_timeout(time) == Err(RecvTimeoutError::Timeout)
        };
        for (after, bytes) in &self.pieces {
            let due = sent + *after;
            if leaves.is_some_and(|leaves| leaves < due) {
                break;
            }
            // A gateway that has answered and closed reads nothing more; what it answered is what counts.
            if !wait(due) || stream.write_all(bytes).is_err() {
                return;
            }
        }
        if let Some(leaves) = leaves
            && wait(leaves)
        {
            // It may be closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}
