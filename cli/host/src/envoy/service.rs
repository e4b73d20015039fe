//! A service on loopback that reacts to requests as it is told, or to the bytes of a connection: an authorization service, or
//! the upstream.

use std::{
    io::{self, BufReader, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    message::{Message, Role},
    peer::Peer,
};

/// A request that has arrived.
#[derive(Clone, Debug)]
pub struct Received {
    /// The request.
    pub request: Message,
    /// The gateway's end of the connection.
    pub peer: SocketAddr,
    /// When its last byte had arrived.
    pub at: Instant,
}

/// What a service does with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Sends these bytes after this time.
    Reply(Duration, Vec<u8>),
    /// Keeps the connection and stays silent.
    Silence,
    /// Sends these bytes, if any, and closes the connection.
    HangUp(Vec<u8>),
}

/// A running service; it takes no more connections once this value is dropped.
#[derive(Debug)]
pub struct Service {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
}

/// How long a write may take; nothing on loopback takes longer, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(10);

impl Service {
    /// Listens on a free port of loopback for requests.
    ///
    /// # Errors
    /// Fails where no port can be listened on.
    pub fn start(react: impl Fn(Received) -> Reaction + Send + Sync + 'static) -> io::Result<Self> {
        Self::listen(move |stream| serve(&stream, &react))
    }

    /// Listens on a free port of loopback for connections, which `converse` has.
    ///
    /// # Errors
    /// Fails where no port can be listened on.
    pub fn start_tcp(converse: impl Fn(Peer) + Send + Sync + 'static) -> io::Result<Self> {
        Self::listen(move |stream| Peer::of(stream).map(&converse))
    }

    fn listen(serve: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let stopped = Arc::new(AtomicBool::new(false));
        let (stop, serve) = (Arc::clone(&stopped), Arc::new(serve));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let serve = Arc::clone(&serve);
                // A peer that goes away in mid-message is what some scenarios are about.
                thread::spawn(move || serve(stream).ok());
            }
        });
        Ok(Self { address, stopped })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        // Wakes the listening thread; if that fails, it sleeps until the process ends.
        let _ = TcpStream::connect_timeout(&self.address, PATIENCE);
    }
}

fn serve(stream: &TcpStream, react: &impl Fn(Received) -> Reaction) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let peer = stream.peer_addr()?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = Message::read(&mut reader, Role::Request)? {
        match react(Received { request, peer, at: Instant::now() }) {
            Reaction::Reply(after, bytes) => {
                thread::sleep(after);
                (&*stream).write_all(&bytes)?;
            }
            Reaction::Silence => {}
            Reaction::HangUp(bytes) => {
                (&*stream).write_all(&bytes)?;
                return Ok(());
            }
        }
    }
    Ok(())
}
