//! As much HTTP/1.1 as the tests need, by hand: what a client library would refuse to send is what matters here.

use std::{
    io::{self, BufRead, BufReader, Read, Write as _},
    net::{SocketAddr, TcpStream},
    thread,
    time::Duration,
};

/// Header names in lower case and values, bytes outside printable ASCII escaped, in the order of the wire.
pub(crate) type Headers = Vec<(String, String)>;

/// Nothing on loopback takes longer, unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
const MAX_HEAD: u64 = 1 << 20;
const MAX_BODY: usize = 1 << 20;

/// A request as a client sends it, byte for byte.
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

    /// Sends the request and reads the answer to its end.
    pub(crate) fn send(&self, to: SocketAddr) -> io::Result<Message> {
        let mut wire = format!("{} {} HTTP/1.1\r\nhost: {}\r\n", self.method, self.path, Self::AUTHORITY).into_bytes();
        for (name, value) in &self.headers {
            wire.extend_from_slice(name.as_bytes());
            wire.extend_from_slice(b": ");
            wire.extend_from_slice(value);
            wire.extend_from_slice(b"\r\n");
        }
        wire.extend_from_slice(b"connection: close\r\n\r\n");
        wire.extend_from_slice(self.body.as_bytes());

        let mut stream = TcpStream::connect_timeout(&to, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.write_all(&wire)?;
        if !self.rest.is_empty() {
            thread::sleep(Self::MOMENT);
            stream.write_all(self.rest.as_bytes())?;
        }
        let mut reader = BufReader::new(stream);
        let has_body = self.method != "HEAD";
        Message::read(&mut reader, has_body)?
            .ok_or_else(|| io::Error::other("the connection was closed without an answer"))
    }
}

/// A message as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// The request or status line.
    pub(crate) start: String,
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// Reads one message; `None` where the peer closed the connection before its first byte.
    pub(crate) fn read(from: &mut impl BufRead, has_body: bool) -> io::Result<Option<Self>> {
        let mut head = from.take(MAX_HEAD);
        let Some(start) = line(&mut head)? else { return Ok(None) };
        let mut headers = Headers::new();
        loop {
            let line = line(&mut head)?.ok_or(io::ErrorKind::UnexpectedEof)?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(": ").ok_or(io::ErrorKind::InvalidData)?;
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let header = |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        let body = match (header("transfer-encoding"), header("content-length")) {
            _ if !has_body => Vec::new(),
            (Some(_), _) => chunked(from)?,
            (None, length) => exactly(from, length.unwrap_or("0").parse().map_err(io::Error::other)?)?,
        };
        Ok(Some(Self { start, headers, body }))
    }

    /// The first value of this header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The status of a response.
    pub(crate) fn status(&self) -> u16 {
        self.start.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
    }
}

/// The chunked coding (RFC 9112, section 7.1), without trailers.
fn chunked(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = line(from)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let size = usize::from_str_radix(&size, 16).map_err(io::Error::other)?;
        body.extend(exactly(from, size)?);
        line(from)?;
        if size == 0 {
            return Ok(body);
        }
    }
}

fn exactly(from: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length.min(MAX_BODY)];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn line(from: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    if from.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    let line = line.strip_suffix(b"\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok(Some(line.escape_ascii().to_string()))
}
