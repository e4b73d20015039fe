//! Plays both sides of a TCP connection through a real Envoy.

use std::{
    net::SocketAddr,
    rc::Rc,
    thread,
    time::{Duration, Instant},
};

use crate::{
    envoy::{Ended, Peer},
    gateway::Received,
    scenario::{
        TcpConnection,
        conversation::{Act, Speaker},
    },
};

use super::{OracleError, io_error, journal::Journal, upstream::Upstream};

/// What came of a connection, as its two sides and Envoy have it.
pub(super) struct Conversed {
    /// The client's address.
    pub(super) address: SocketAddr,
    pub(super) began: Instant,
    pub(super) took: Duration,
    pub(super) client: Said,
    pub(super) upstream: Said,
    /// What Envoy says of it; `None`: it was held.
    pub(super) ended: Option<Ended>,
}

/// What one side got, and whether it has ended its own.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) got: Received,
    pub(super) has_ended: bool,
}

/// One side on its way through what it does.
struct Side {
    speaker: Speaker,
    /// `None`: it has reset the connection.
    peer: Option<Peer>,
    said: Said,
}

/// How far apart a side does two things, so that Envoy reads them apart.
const APART: Duration = Duration::from_millis(50);
/// How long both sides may take to have got what Envoy had sent when it closed the connection.
const ARRIVES: Duration = Duration::from_millis(500);
const POLL: Duration = Duration::from_millis(1);

/// Plays a connection until Envoy has closed it, or nothing has happened for as long as `silence`.
pub(super) fn converse(
    gateway: SocketAddr,
    connection: &TcpConnection,
    (upstream, journal): (&Upstream, &Journal),
    silence: Duration,
) -> Result<Conversed, OracleError> {
    let began = Instant::now();
    let peer = Peer::connect(gateway).map_err(io_error("connect to envoy"))?;
    let address = peer.address();
    let mut client = Side::new(peer, connection.client_acts(), Duration::ZERO);
    let mut behind: Option<Side> = None;
    let mut active = Duration::ZERO;
    let ended = loop {
        let now = began.elapsed();
        if behind.is_none() {
            behind = upstream.take(address).map(|peer| Side::new(peer, connection.upstream_acts(), now));
        }
        let acted = [client.act(now), behind.as_mut().is_some_and(|side| side.act(now))];
        if acted.contains(&true) {
            active = now;
        }
        let ended = journal.ended(address).map_err(io_error("read envoy's access log"))?;
        if ended.is_some() || now > active + silence {
            break ended;
        }
        thread::sleep(POLL);
    };
    let took = began.elapsed();
    if ended.as_ref().is_some_and(|ended| ended.upstream.is_some()) && behind.is_none() {
        behind = arrives(upstream, address).map(|peer| Side::new(peer, Rc::default(), took));
    }
    let is_closed = ended.is_some();
    let upstream = behind.map(|side| side.leave(is_closed)).unwrap_or_default();
    Ok(Conversed { address, began, took, client: client.leave(is_closed), upstream, ended })
}

/// The upstream's end of a connection that Envoy has closed as soon as it was there.
fn arrives(upstream: &Upstream, client: SocketAddr) -> Option<Peer> {
    let deadline = Instant::now() + ARRIVES;
    loop {
        let peer = upstream.take(client);
        if peer.is_some() || Instant::now() > deadline {
            return peer;
        }
        thread::sleep(POLL);
    }
}

impl Side {
    fn new(peer: Peer, acts: Rc<[Act]>, now: Duration) -> Self {
        let mut speaker = Speaker::new(acts, now);
        speaker.keep_quiet(now, APART);
        Self { speaker, peer: Some(peer), said: Said::default() }
    }

    /// Does what it does now; whether that was anything. To let time pass is something too.
    fn act(&mut self, now: Duration) -> bool {
        let Some(mut peer) = self.peer.take() else { return false };
        peer.poll();
        let act = self.speaker.next_act(now, peer.received());
        if matches!(act, Some(Act::Send(_) | Act::End | Act::Reset)) {
            self.speaker.keep_quiet(now, APART);
        }
        match &act {
            Some(Act::Reset) => {
                self.said.got = peer.received().clone();
                peer.reset();
                return true;
            }
            Some(Act::Send(bytes)) => peer.send(bytes),
            Some(Act::End) => {
                self.said.has_ended = true;
                peer.end();
            }
            Some(Act::Receive(_) | Act::AwaitEnd | Act::Wait(_)) | None => {}
        }
        self.peer = Some(peer);
        act.is_some() || self.speaker.waits(now)
    }

    /// Takes what has come up to the end; of one that is still open, nothing more is waited for, and it is reset.
    fn leave(mut self, is_closed: bool) -> Said {
        if let Some(mut peer) = self.peer {
            peer.wait(if is_closed { ARRIVES } else { Duration::ZERO }, |got| got.ended);
            self.said.got = peer.received().clone();
            peer.reset();
        }
        self.said
    }
}
