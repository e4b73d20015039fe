//! What the two sides of a scenario's TCP connection do, one thing behind the other.

use std::{rc::Rc, time::Duration};

use crate::gateway::Received;

use super::{
    content::message_bytes,
    format::{TcpAct, TcpConnection},
};

/// Something that a side does, or waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Send(Vec<u8>),
    Receive(Vec<u8>),
    AwaitEnd,
    Wait(Duration),
    End,
    Reset,
}

/// One side of a connection.
pub(super) struct Speaker {
    acts: Rc<[Act]>,
    /// How many of them it has done.
    done: usize,
    /// It does nothing before this.
    pub(super) ready_at: Duration,
    /// It sends nothing before this.
    quiet_until: Duration,
    /// How much of what has arrived it has waited for, and how much it has looked through in vain since then, in bytes.
    seen: usize,
    looked_through: usize,
}

/// How long Envoy's TCP proxy keeps a connection on which nothing happens (`idle_timeout`).
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(3600);

impl TcpConnection {
    /// What the client does, to its end.
    pub(super) fn client_acts(&self) -> Rc<[Act]> {
        acts(&self.client)
    }

    /// What the upstream does, to its end.
    pub(super) fn upstream_acts(&self) -> Rc<[Act]> {
        acts(self.upstream.as_deref().unwrap_or(&[TcpAct::AwaitEnd]))
    }
}

/// With the end that stands behind everything.
fn acts(acts: &[TcpAct]) -> Rc<[Act]> {
    let ends = acts.iter().any(|act| matches!(act, TcpAct::End | TcpAct::Reset));
    acts.iter().map(Act::of).chain((!ends).then_some(Act::End)).collect()
}

impl Act {
    fn of(act: &TcpAct) -> Self {
        let base64 = |text: &str| message_bytes(None, Some(text)).unwrap_or_default();
        match act {
            TcpAct::Send(text) => Self::Send(text.clone().into_bytes()),
            TcpAct::SendBase64(text) => Self::Send(base64(text)),
            TcpAct::Receive(text) => Self::Receive(text.clone().into_bytes()),
            TcpAct::ReceiveBase64(text) => Self::Receive(base64(text)),
            TcpAct::AwaitEnd => Self::AwaitEnd,
            TcpAct::Wait(time) => Self::Wait(time.unsigned_abs()),
            TcpAct::End => Self::End,
            TcpAct::Reset => Self::Reset,
        }
    }
}

impl Speaker {
    pub(super) fn new(acts: Rc<[Act]>, now: Duration) -> Self {
        Self { acts, done: 0, ready_at: now, quiet_until: Duration::ZERO, seen: 0, looked_through: 0 }
    }

    /// Keeps it from sending, ending and resetting for so long. Sockets do not keep apart what is sent at once.
    pub(super) fn keep_quiet(&mut self, now: Duration, time: Duration) {
        self.quiet_until = now + time;
    }

    /// Whether it lets time pass.
    pub(super) fn waits(&self, now: Duration) -> bool {
        self.ready_at > now || self.quiet_until > now
    }

    /// What it does now, given what has `arrived`; `None`: it waits.
    pub(super) fn next_act(&mut self, now: Duration, arrived: &Received) -> Option<Act> {
        if self.ready_at > now {
            return None;
        }
        let act = self.acts.get(self.done)?;
        match act {
            Act::Receive(wanted) => {
                if arrived.bytes.len() <= self.looked_through {
                    return None;
                }
                let from = self.seen.max(self.looked_through.saturating_sub(wanted.len()));
                match find(&arrived.bytes, from, wanted) {
                    Some(seen) => (self.seen, self.looked_through) = (seen, 0),
                    None => {
                        self.looked_through = arrived.bytes.len();
                        return None;
                    }
                }
            }
            Act::AwaitEnd if !arrived.ended => return None,
            Act::Wait(time) => self.ready_at = now.saturating_add(*time),
            Act::Send(_) | Act::End | Act::Reset if self.quiet_until > now => return None,
            Act::Send(_) | Act::AwaitEnd | Act::End | Act::Reset => {}
        }
        self.done += 1;
        Some(act.clone())
    }
}

/// Where `wanted` ends in what was received from `seen` on; `None`: it has not arrived.
fn find(received: &[u8], seen: usize, wanted: &[u8]) -> Option<usize> {
    let unseen = received.get(seen..)?;
    let at = unseen.windows(wanted.len().max(1)).position(|window| window == wanted)?;
    Some(seen + at + wanted.len())
}

#[cfg(test)]
mod tests {
    use super::{Act, TcpConnection, find};

    #[test]
    fn a_side_ends_behind_everything() {
        let acts = |text: &str| {
            let connection: TcpConnection = serde_saphyr::from_str(text).unwrap();
            (connection.client_acts().to_vec(), connection.upstream_acts().to_vec())
        };
        assert_eq!(acts("{}"), (vec![Act::End], vec![Act::AwaitEnd, Act::End]));
        let (client, upstream) = acts("{client: [sendBase64: YQ==, end, receive: b], upstream: [send: b, reset]}");
        assert_eq!(client, [Act::Send(b"a".to_vec()), Act::End, Act::Receive(b"b".to_vec())]);
        assert_eq!(upstream, [Act::Send(b"b".to_vec()), Act::Reset]);
    }

    #[test]
    fn what_has_arrived_is_found_once() {
        assert_eq!(find(b"abcabc", 0, b"bc"), Some(3));
        assert_eq!(find(b"abcabc", 3, b"bc"), Some(6));
        assert_eq!(find(b"abcabc", 6, b"bc"), None);
        assert_eq!(find(b"abc", 9, b"a"), None);
    }
}
