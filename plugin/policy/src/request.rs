//! A request as the gateway shows it: borrowed bytes.

/// The headers of a request, pseudo-headers included, and who sent it.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    headers: &'a [(&'a str, &'a [u8])],
    source: Option<&'a dyn Fn() -> Vec<u8>>,
}

impl<'a> Request<'a> {
    /// A request with these headers, in the order in which they arrived, duplicates included.
    #[must_use]
    pub fn new(headers: &'a [(&'a str, &'a [u8])]) -> Self {
        Self { headers, source: None }
    }

    /// Headers of one's own, as [`Self::new`] takes them.
    #[must_use]
    pub fn borrowed(headers: &[(String, Vec<u8>)]) -> Vec<(&str, &[u8])> {
        headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect()
    }

    /// The same request, from the client at this address, of which few decisions need to know.
    #[must_use]
    pub fn with_source(self, address: &'a dyn Fn() -> Vec<u8>) -> Self {
        Self { source: Some(address), ..self }
    }

    /// A copy of its headers.
    pub(crate) fn headers(self) -> Vec<(String, Vec<u8>)> {
        self.headers.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect()
    }

    /// The address of the client, in whatever form; nothing where nobody knows it.
    pub(crate) fn source(self) -> Vec<u8> {
        self.source.map(|address| address()).unwrap_or_default()
    }

    /// Every value of the header `name`; names are compared without regard to case (RFC 9110, section 5.1).
    pub(crate) fn values(self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.headers.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// The value of a header that stands there once; `None` too where it stands there twice.
    pub(crate) fn only(self, name: &str) -> Option<&'a [u8]> {
        let mut values = self.values(name);
        values.next().filter(|_| values.next().is_none())
    }

    /// Whether there is a header that can be taken for this one.
    pub(crate) fn has(self, name: &str) -> bool {
        self.alike(name).next().is_some()
    }

    /// The names of headers that can be taken for `name`, as they stand in the request: CGI cannot tell `_` from `-` (RFC
    /// 3875, section 4.1.18).
    pub(crate) fn alike(self, name: &str) -> impl Iterator<Item = &'a str> {
        let names = self.headers.iter().map(|(key, _)| *key);
        names.filter(move |key| is_alike(key, name))
    }

    /// Whether the client speaks gRPC, as Envoy tells: by `application/grpc` or what begins with that and `+`.
    pub(crate) fn is_grpc(self) -> bool {
        let behind = self.only("content-type").and_then(|kind| kind.strip_prefix(b"application/grpc"));
        behind.is_some_and(|behind| behind.first().is_none_or(|first| *first == b'+'))
    }

    /// The `:path` pseudo-header.
    pub(crate) fn path(self) -> Option<&'a [u8]> {
        self.only(":path")
    }
}

/// Whether two names of headers are the same but for their case, and for `_` and `-`.
pub(crate) fn is_alike(one: &str, other: &str) -> bool {
    let same = |(one, other): (u8, u8)| {
        one.eq_ignore_ascii_case(&other) || matches!((one, other), (b'_', b'-') | (b'-', b'_'))
    };
    one.len() == other.len() && one.bytes().zip(other.bytes()).all(same)
}
