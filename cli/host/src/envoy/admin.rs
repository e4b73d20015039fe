//! Envoy's administration interface, over a socket in the process's folder.

use std::{
    collections::BTreeMap,
    io::{self, BufReader, Write as _},
    net::SocketAddr,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;

use super::message::{Message, Role};

/// The administration interface of one Envoy.
#[derive(Clone, Debug)]
pub struct Admin {
    socket: PathBuf,
}

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

impl Admin {
    pub(super) fn at(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// Whether it serves.
    ///
    /// # Errors
    /// Fails where nothing answers yet.
    pub fn is_ready(&self) -> io::Result<bool> {
        Ok(self.get("/ready")?.status() == 200)
    }

    /// Where each listener listens, by name.
    ///
    /// # Errors
    /// Fails where the answer does not come or is not understood.
    pub fn listeners(&self) -> io::Result<BTreeMap<String, SocketAddr>> {
        let listed: Value = serde_json::from_slice(&self.get("/listeners?format=json")?.body)?;
        let listed = listed.get("listener_statuses").and_then(Value::as_array);
        let one = |listener: &Value| {
            let socket = listener.pointer("/local_address/socket_address")?;
            let address = socket.get("address")?.as_str()?.parse().ok()?;
            let port = u16::try_from(socket.get("port_value")?.as_u64()?).ok()?;
            Some((listener.get("name")?.as_str()?.to_owned(), SocketAddr::new(address, port)))
        };
        let listeners =
            listed.into_iter().flatten().map(|listener| one(listener).ok_or(io::ErrorKind::InvalidData.into()));
        listeners.collect()
    }

    /// The counters and gauges whose names begin with `prefix`, by the rest of their names.
    ///
    /// # Errors
    /// Fails where the answer does not come or is not understood.
    pub fn stats(&self, prefix: &str) -> io::Result<BTreeMap<String, u64>> {
        // Names hold what a regular expression would have to escape; the prefixes that are asked for do not, dots aside.
        let answer = self.get(&format!("/stats?format=json&filter=^{}", prefix.replace('.', "\\.")))?;
        let stats: Value = serde_json::from_slice(&answer.body)?;
        let stats = stats.get("stats").and_then(Value::as_array).into_iter().flatten();
        let one = |stat: &Value| {
            let name = stat.get("name")?.as_str()?.strip_prefix(prefix)?;
            Some((name.to_owned(), stat.get("value")?.as_u64()?))
        };
        Ok(stats.filter_map(one).collect())
    }

    /// All statistics as text for Prometheus.
    ///
    /// # Errors
    /// Fails where the answer does not come or is no text.
    pub fn prometheus(&self) -> io::Result<String> {
        String::from_utf8(self.get("/stats/prometheus")?.body).map_err(io::Error::other)
    }

    fn get(&self, path: &str) -> io::Result<Message> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        write!(stream, "GET {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n")?;
        let response = Message::read(&mut BufReader::new(stream), Role::Response { to_head: false })?;
        response.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}
