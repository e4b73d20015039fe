//! The upstream of a scenario's TCP connections on loopback.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::envoy::{Cluster, Peer, Service};

/// The running upstream.
pub(super) struct Upstream {
    /// Ends with this value.
    _listening: Service,
    cluster: Cluster,
    arrived: Arc<Mutex<Arrived>>,
}

/// Connections that nobody has taken, by the addresses of the clients that they are for.
type Arrived = BTreeMap<SocketAddr, Peer>;

/// How long the line that names the client may take; it is sent with the connection.
const NAMED: Duration = Duration::from_secs(10);

impl Upstream {
    /// Starts it; `cluster` leads to it.
    pub(super) fn start(cluster: String) -> io::Result<Self> {
        let arrived = Arc::<Mutex<Arrived>>::default();
        let listening = Service::start_tcp({
            let arrived = Arc::clone(&arrived);
            move |mut peer| {
                if let Some(client) = peer.take_line(NAMED).and_then(|line| client(&line)) {
                    lock(&arrived).insert(client, peer);
                }
            }
        })?;
        let address = listening.address();
        let cluster = Cluster { stat_name: cluster.clone(), name: cluster, address, http2: false, names_client: true };
        Ok(Self { _listening: listening, cluster, arrived })
    }

    pub(super) fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The upstream's end of a client's connection, once that has reached it.
    pub(super) fn take(&self, client: SocketAddr) -> Option<Peer> {
        lock(&self.arrived).remove(&client)
    }
}

/// The client that a header of the PROXY protocol names: `PROXY TCP4 127.0.0.1 127.0.0.1 40000 50000`.
fn client(header: &[u8]) -> Option<SocketAddr> {
    let mut fields = str::from_utf8(header).ok()?.strip_prefix("PROXY TCP4 ")?.split_ascii_whitespace();
    let (address, port) = (fields.next()?, fields.nth(1)?);
    Some(SocketAddr::new(address.parse().ok()?, port.parse().ok()?))
}

fn lock(arrived: &Mutex<Arrived>) -> MutexGuard<'_, Arrived> {
    arrived.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::client;

    #[test]
    fn the_client_is_named() {
        let named = client(b"PROXY TCP4 127.0.0.2 127.0.0.1 40000 50000\r\n");
        assert_eq!(named, Some("127.0.0.2:40000".parse().unwrap()));
        for header in ["", "PROXY UNKNOWN\r\n", "PROXY TCP4 127.0.0.1\r\n", "PROXY TCP4 a b 1 2\r\n"] {
            assert_eq!(client(header.as_bytes()), None, "{header}");
        }
    }
}
