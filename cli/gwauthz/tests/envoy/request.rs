//! Requests of the table, sent byte for byte: what a client library would refuse to send is what matters here.

use std::{net::SocketAddr, time::Duration};

use gwauthz_host::envoy::{Message, Sending};

/// Nothing on loopback takes longer, unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A request as a client sends it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, Vec<u8>)>,
    pub(crate) body: &'static str,
    /// What follows of the body a moment later.
    pub(crate) rest: &'static str,
}

impl Request {
    pub(crate) const AUTHORITY: &'static str = "api.example.com";
    /// How long the rest of a body keeps others waiting: they have long read the rest of it.
    pub(crate) const MOMENT: Duration = Duration::from_millis(200);

    pub(crate) fn get(path: &str) -> Self {
        Self { method: "GET", path: path.to_owned(), headers: Vec::new(), body: "", rest: "" }
    }

    pub(crate) fn method(self, method: &'static str) -> Self {
        Self { method, ..self }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name, value.as_ref().to_vec()));
        self
    }

    /// A POST of this body.
    pub(crate) fn posting(self, body: &'static str) -> Self {
        Self { body, ..self }.method("POST").header("content-length", body.len().to_string())
    }

    /// A POST of a body that comes in two pieces.
    pub(crate) fn posting_in_pieces(self, body: &'static str, rest: &'static str) -> Self {
        let length = body.len() + rest.len();
        Self { body, rest, ..self }.method("POST").header("content-length", length.to_string())
    }

    /// Sends the request and reads the answer to its end; `None`: the connection was closed without one.
    pub(crate) fn send(&self, to: SocketAddr) -> Option<Message> {
        let mut wire = format!("{} {} HTTP/1.1\r\nhost: {}\r\n", self.method, self.path, Self::AUTHORITY).into_bytes();
        for (name, value) in &self.headers {
            wire.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        wire.extend_from_slice(b"\r\n");
        wire.extend_from_slice(self.body.as_bytes());
        let rest = (!self.rest.is_empty()).then(|| (Self::MOMENT, self.rest.into()));
        let pieces = [(Duration::ZERO, wire)].into_iter().chain(rest).collect();
        let sending = Sending { pieces, head: self.method == "HEAD", leaves_after: None };
        let answered = sending.send(to, PATIENCE).expect("a gateway that listens");
        assert!(!answered.gave_up, "no answer in time: {} {}", self.method, self.path);
        answered.response
    }
}
