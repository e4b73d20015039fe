//! As much HTTP/1.1 as clients and services on loopback need (RFC 9112), by hand: what a library would refuse to send or to
//! read is what matters here.

use std::io::{self, BufRead, Read};

use crate::headers::HeaderMap;

/// A message as it was received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The request or status line.
    pub start: String,
    /// Header fields in the order of the wire, names in lower case.
    pub headers: HeaderMap,
    /// The body, its transfer coding undone.
    pub body: Vec<u8>,
    /// Trailer fields.
    pub trailers: HeaderMap,
}

/// What a message is: that says where its body ends (RFC 9112, section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A request.
    Request,
    /// A response, perhaps to HEAD, which has no body.
    Response {
        /// Whether it answers a HEAD request.
        to_head: bool,
    },
}

/// The bounds on what is read: a start line and fields, and a body, in bytes.
const MAX_HEAD: u64 = 1 << 20;
const MAX_BODY: usize = 64 << 20;
/// A body is read in pieces: a length alone takes no memory.
const PIECE: usize = 64 << 10;

impl Message {
    /// Reads one message; `None` where the peer closed the connection before its first byte. Interim responses (1xx) are
    /// passed over.
    ///
    /// # Errors
    /// Fails where the peer ends the connection in mid-message, is silent for longer than the socket's time-out, or sends
    /// what is no HTTP/1.1 or more than 1 MiB of fields or 64 MiB of body.
    pub fn read(from: &mut impl BufRead, role: Role) -> io::Result<Option<Self>> {
        loop {
            let mut head = from.take(MAX_HEAD);
            let Some(start) = line(&mut head)? else { return Ok(None) };
            let start = String::from_utf8_lossy(&start).into_owned();
            let headers = fields(&mut head)?;
            let mut message = Self { start, headers, ..Self::default() };
            if role != Role::Request && (100..200).contains(&message.status()) {
                continue;
            }
            message.read_content(from, role)?;
            return Ok(Some(message));
        }
    }

    /// The status of a response; 0 where there is none.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.start.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
    }

    /// The method of a request.
    #[must_use]
    pub fn method(&self) -> &str {
        self.start.split(' ').next().unwrap_or_default()
    }

    /// The target of a request, such as a path with its query.
    #[must_use]
    pub fn target(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }

    fn read_content(&mut self, from: &mut impl BufRead, role: Role) -> io::Result<()> {
        let bodiless = match role {
            Role::Request => false,
            Role::Response { to_head } => to_head || matches!(self.status(), 204 | 304),
        };
        let length = self.headers.first(b"content-length").map(decimal).transpose()?;
        let chunked = self.headers.first(b"transfer-encoding").is_some();
        match (chunked, length, role) {
            _ if bodiless => {}
            (true, ..) => {
                self.body = chunks(from)?;
                self.trailers = fields(&mut from.take(MAX_HEAD))?;
            }
            (false, Some(length), _) => exactly(from, length, &mut self.body)?,
            (false, None, Role::Request) => {}
            (false, None, Role::Response { .. }) => {
                from.take(MAX_BODY as u64).read_to_end(&mut self.body)?;
            }
        }
        Ok(())
    }
}

/// Field lines up to the empty one.
fn fields(from: &mut impl BufRead) -> io::Result<HeaderMap> {
    let mut fields = HeaderMap::new();
    loop {
        let line = line(from)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        if line.is_empty() {
            return Ok(fields);
        }
        let colon = line.iter().position(|byte| *byte == b':').ok_or(io::ErrorKind::InvalidData)?;
        let (name, value) = line.split_at(colon);
        fields.add(name, value.strip_prefix(b":").unwrap_or_default().trim_ascii());
    }
}

/// The chunked coding (RFC 9112, section 7.1), up to its last chunk.
fn chunks(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = line(from)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let digits = size.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let digits = std::str::from_utf8(digits).map_err(io::Error::other)?;
        match usize::from_str_radix(digits, 16).map_err(io::Error::other)? {
            0 => return Ok(body),
            size => exactly(from, size, &mut body)?,
        }
        line(from)?;
    }
}

fn exactly(from: &mut impl Read, mut length: usize, body: &mut Vec<u8>) -> io::Result<()> {
    if length > MAX_BODY.saturating_sub(body.len()) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a body of more than {MAX_BODY} bytes")));
    }
    while length > 0 {
        let piece = length.min(PIECE);
        let read = from.take(piece as u64).read_to_end(body)?;
        if read < piece {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        length -= piece;
    }
    Ok(())
}

fn decimal(digits: &[u8]) -> io::Result<usize> {
    std::str::from_utf8(digits).map_err(io::Error::other)?.parse().map_err(io::Error::other)
}

fn line(from: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    if from.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    let line = line.strip_suffix(b"\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok(Some(line.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::{Message, Role};

    fn read(mut wire: &[u8], role: Role) -> Option<Message> {
        Message::read(&mut wire, role).unwrap()
    }

    #[test]
    fn messages_are_read_to_their_end() {
        let request = read(b"PUT /a?b HTTP/1.1\r\nHost: x\r\ncontent-length: 2\r\n\r\nhix", Role::Request).unwrap();
        assert_eq!((request.method(), request.target(), &request.body[..]), ("PUT", "/a?b", &b"hi"[..]));
        assert_eq!(request.headers.first(b"host"), Some(&b"x"[..]));

        let response = Role::Response { to_head: false };
        let chunked =
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n1;x=y\r\n!\r\n0\r\nx-t: \xff\r\n\r\n";
        let message = read(chunked, response).unwrap();
        assert_eq!((message.status(), &message.body[..]), (200, &b"hi!"[..]));
        assert_eq!(message.trailers.first(b"x-t"), Some(&b"\xff"[..]));

        assert_eq!(read(b"HTTP/1.1 200 OK\r\n\r\nto the end", response).unwrap().body, b"to the end");
        let interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n";
        assert_eq!(read(interim, response).unwrap().status(), 304);
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n";
        assert_eq!(read(head, Role::Response { to_head: true }).unwrap().body, b"");
        assert_eq!(read(b"", response), None);
    }

    #[test]
    fn messages_that_break_off_or_are_none_fail() {
        for wire in [
            &b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi"[..],
            b"HTTP/1.1 200 OK\r\ncontent-length: -9\r\n\r\nhi",
            b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\nhi",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n",
            b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            b"HTTP/1.1 200 OK\n\n",
        ] {
            assert!(
                Message::read(&mut &wire[..], Role::Response { to_head: false }).is_err(),
                "{}",
                wire.escape_ascii()
            );
        }
    }
}
