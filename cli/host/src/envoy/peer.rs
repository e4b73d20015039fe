//! One end of a TCP connection on loopback: a client of the gateway, or an upstream behind it. Nothing here blocks for
//! long, so that one thread can play both ends.

use std::{
    io::{self, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use rustix::net::sockopt::set_socket_linger;

use crate::gateway::Received;

/// One end of a connection, which is closed with this value.
#[derive(Debug)]
pub struct Peer {
    stream: TcpStream,
    address: SocketAddr,
    /// What has not been taken from it yet.
    unsent: Vec<u8>,
    /// Whether it ends its side behind that.
    ends: bool,
    received: Received,
    /// Nothing more comes: the other end has ended, or the connection is lost.
    over: bool,
}

/// How long a connection may take to be there; nothing on loopback takes longer, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(1);
/// The bound on a line, in bytes.
const MAX_LINE: usize = 4096;

impl Peer {
    /// Connects to the gateway.
    ///
    /// # Errors
    /// Fails where nothing listens.
    pub fn connect(to: SocketAddr) -> io::Result<Self> {
        Self::of(TcpStream::connect_timeout(&to, PATIENCE)?)
    }

    pub(super) fn of(stream: TcpStream) -> io::Result<Self> {
        // A piece that waits for the one before to be acknowledged would come late.
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let address = stream.local_addr()?;
        Ok(Self { stream, address, unsent: Vec::new(), ends: false, received: Received::default(), over: false })
    }

    /// Its own address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has received up to the last [`Self::poll`].
    #[must_use]
    pub fn received(&self) -> &Received {
        &self.received
    }

    /// Sends bytes, as soon as they are taken.
    pub fn send(&mut self, bytes: &[u8]) {
        self.unsent.extend(bytes);
        self.poll();
    }

    /// Ends its side, behind what is still to be sent.
    pub fn end(&mut self) {
        self.ends = true;
        self.poll();
    }

    /// Resets the connection.
    pub fn reset(self) {
        // A connection that lingers for no time is reset when it is closed (`SO_LINGER`). That fails only on one that is
        // lost already.
        let _ = set_socket_linger(&self.stream, Some(Duration::ZERO));
    }

    /// Sends and receives what can be at once. That the connection is lost is no failure: nothing more comes.
    pub fn poll(&mut self) {
        self.write();
        self.read();
    }

    /// Polls until `enough` has been received, the connection is over, or the time is.
    pub fn wait(&mut self, time: Duration, enough: impl Fn(&Received) -> bool) {
        let deadline = Instant::now() + time;
        loop {
            self.poll();
            if enough(&self.received) || self.over || Instant::now() >= deadline {
                return;
            }
            thread::sleep(POLL);
        }
    }

    /// Waits for a line, and takes it out of what has been received; `None`: the time was over before, or the connection.
    pub fn take_line(&mut self, time: Duration) -> Option<Vec<u8>> {
        let end = |received: &Received| received.bytes.iter().take(MAX_LINE).position(|byte| *byte == b'\n');
        self.wait(time, |received| end(received).is_some() || received.bytes.len() > MAX_LINE);
        let end = end(&self.received)?;
        Some(self.received.bytes.drain(..=end).collect())
    }

    fn write(&mut self) {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(written) => drop(self.unsent.drain(..written)),
                Err(error) if is_later(&error) => return,
                // Nobody takes it any more.
                Err(_) => self.unsent.clear(),
            }
        }
        if std::mem::take(&mut self.ends) {
            // It may be lost already.
            let _ = self.stream.shutdown(Shutdown::Write);
        }
    }

    fn read(&mut self) {
        let mut buffer = [0; 16 * 1024];
        while !self.over {
            match self.stream.read(&mut buffer) {
                Ok(0) => (self.received.ended, self.over) = (true, true),
                Ok(read) => self.received.bytes.extend(buffer.iter().take(read)),
                Err(error) if is_later(&error) => return,
                Err(_) => self.over = true,
            }
        }
    }
}

fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use std::{
        net::{Ipv4Addr, TcpListener, TcpStream},
        time::Duration,
    };

    use super::Peer;
    use crate::gateway::Received;

    const LONG: Duration = Duration::from_secs(10);

    fn pair() -> (Peer, Peer) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let one = Peer::connect(listener.local_addr().unwrap()).unwrap();
        let other = Peer::of(listener.accept().unwrap().0).unwrap();
        (one, other)
    }

    fn received(bytes: &[u8], ended: bool) -> Received {
        Received { bytes: bytes.to_vec(), ended }
    }

    #[test]
    fn an_end_is_no_reset() {
        let (mut one, mut other) = pair();
        one.send(b"a line\nand more");
        one.end();
        other.send(b"back");
        assert_eq!(other.take_line(LONG).as_deref(), Some(&b"a line\n"[..]));
        other.wait(LONG, |received| received.ended);
        assert_eq!(other.received(), &received(b"and more", true));
        assert_eq!(other.take_line(LONG), None);
        other.reset();
        one.wait(LONG, |received| received.ended);
        assert_eq!(one.received(), &received(b"back", false));
    }

    #[test]
    fn both_may_send_more_than_the_system_keeps() {
        let (mut one, mut other) = pair();
        let much = vec![b'a'; 32 << 20];
        one.send(&much);
        one.end();
        other.send(&much);
        other.end();
        while !(one.received().ended && other.received().ended) {
            one.poll();
            other.poll();
        }
        assert!(one.received().bytes == much && other.received().bytes == much);
    }

    #[test]
    fn who_is_not_there_is_not_connected_to() {
        let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        assert!(TcpStream::connect(nobody).is_err() && Peer::connect(nobody).is_err());
    }
}
