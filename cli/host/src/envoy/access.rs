//! The access log: what Envoy says of each stream, and of each TCP connection, once it has ended.

use std::{io, net::SocketAddr, path::Path};

use serde::Deserialize;

use super::tail::Tail;

/// A stream, or a TCP connection, that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Ended {
    /// The client's address.
    pub client: SocketAddr,
    /// Envoy's end of the connection to the upstream, if there was one: no two requests share one.
    pub upstream: Option<SocketAddr>,
    /// The status that the client got, 0 for none.
    #[serde(default)]
    pub status: u16,
    /// Response code details: who answered, and why; none of a TCP connection.
    pub details: Option<String>,
    /// Response flags, such as `NFCF`; `-` for none.
    #[serde(default)]
    pub flags: String,
    /// Why Envoy closed the connection to the client, such as `wasm_downstream_close`, where it says so.
    pub close_reason: Option<String>,
    /// How the connection to the client was closed, such as `RemoteReset` by a client that reset it.
    pub client_close: Option<String>,
    /// The same of the connection to the upstream.
    pub upstream_close: Option<String>,
}

/// Reads an access log that is still being written.
#[derive(Debug)]
pub struct AccessLog {
    file: Tail,
    ended: Vec<Ended>,
}

impl AccessLog {
    /// Opens an access log.
    ///
    /// # Errors
    /// Fails where the file cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: Tail::open(path)?, ended: Vec::new() })
    }

    /// Takes out the stream of the client at this address, if it has ended. Addresses are used again: what is not taken
    /// would be mistaken for a later one.
    ///
    /// # Errors
    /// Fails where the file cannot be read.
    pub fn take(&mut self, client: SocketAddr) -> io::Result<Option<Ended>> {
        for line in self.file.lines()? {
            self.ended.push(serde_json::from_slice(&line)?);
        }
        let at = self.ended.iter().rposition(|ended| ended.client == client);
        Ok(at.map(|at| self.ended.swap_remove(at)))
    }
}
