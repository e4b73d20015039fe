//! The access log: what Envoy says of each stream once it has ended.

use std::{io, net::SocketAddr, path::Path};

use serde::Deserialize;

use super::tail::Tail;

/// A stream that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Ended {
    /// The client's address.
    pub client: SocketAddr,
    /// Envoy's end of the connection to the upstream, if there was one: no two requests share one.
    pub upstream: Option<SocketAddr>,
    /// The status that the client got, 0 for none.
    #[serde(default)]
    pub status: u16,
    /// Response code details: who answered, and why.
    #[serde(default)]
    pub details: String,
    /// Response flags, such as `NFCF`; `-` for none.
    #[serde(default)]
    pub flags: String,
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

    /// The stream of the client at this address, if it has ended.
    ///
    /// # Errors
    /// Fails where the file cannot be read.
    pub fn of(&mut self, client: SocketAddr) -> io::Result<Option<&Ended>> {
        for line in self.file.lines()? {
            self.ended.push(serde_json::from_slice(&line)?);
        }
        // Addresses are used again: the latest stream is the one that is asked for.
        Ok(self.ended.iter().rev().find(|ended| ended.client == client))
    }
}
