//! A request as the gateway shows it: borrowed bytes.

/// The headers of a request, pseudo-headers included, and who sent it.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    headers: &'a [(String, Vec<u8>)],
    source: Option<&'a dyn Fn() -> Vec<u8>>,
}

impl<'a> Request<'a> {
    /// A request with these headers, in the order in which they arrived, duplicates included.
    #[must_use]
    pub fn new(headers: &'a [(String, Vec<u8>)]) -> Self {
        Self { headers, source: None }
    }

    /// The same request, from the client at this address, of which few decisions need to know.
    #[must_use]
    pub fn with_source(self, address: &'a dyn Fn() -> Vec<u8>) -> Self {
        Self { source: Some(address), ..self }
    }

    /// The address of the client, in whatever form; nothing where nobody knows it.
    pub(crate) fn source(self) -> Vec<u8> {
        self.source.map(|address| address()).unwrap_or_default()
    }

    /// Every value of the header `name`; names are compared without regard to case (RFC 9110, section 5.1).
    pub(crate) fn values(self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.headers.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_slice())
    }

    /// The value of a header that stands there once; `None` too where it stands there twice.
    pub(crate) fn only(self, name: &str) -> Option<&'a [u8]> {
        let mut values = self.values(name);
        values.next().filter(|_| values.next().is_none())
    }

    /// Whether there is such a header, with `_` for `-` too: CGI cannot tell them apart (RFC 3875, section 4.1.18).
    pub(crate) fn has(self, name: &str) -> bool {
        let same = |(one, other): (u8, u8)| one.eq_ignore_ascii_case(&other) || (one == b'_' && other == b'-');
        self.headers.iter().any(|(key, _)| key.len() == name.len() && key.bytes().zip(name.bytes()).all(same))
    }

    /// The `:path` pseudo-header.
    pub(crate) fn path(self) -> Option<&'a [u8]> {
        self.only(":path")
    }
}
