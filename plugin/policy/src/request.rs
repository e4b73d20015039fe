//! A request as the gateway shows it: borrowed bytes.

use crate::header_map::{HeaderMap, Headers, is_alike};

/// The headers of a request, pseudo-headers included, and who sent it.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    headers: Headers<'a>,
    source: Option<&'a dyn Fn() -> Vec<u8>>,
}

impl<'a> Request<'a> {
    /// A request with these headers.
    #[must_use]
    pub fn new(headers: &'a HeaderMap) -> Self {
        Self { headers: headers.headers(), source: None }
    }

    /// The same request, from the client at this address, of which few decisions need to know.
    #[must_use]
    pub fn with_source(self, address: &'a dyn Fn() -> Vec<u8>) -> Self {
        Self { source: Some(address), ..self }
    }

    /// A copy of its headers.
    pub(crate) fn headers(self) -> HeaderMap {
        self.headers.to_map()
    }

    /// The address of the client, in whatever form; nothing where nobody knows it.
    pub(crate) fn source(self) -> Vec<u8> {
        self.source.map(|address| address()).unwrap_or_default()
    }

    /// Every value of the header `name`; names are compared without regard to case (RFC 9110, section 5.1).
    pub(crate) fn values<'n>(self, name: &'n str) -> Values<'a, 'n> {
        Values { headers: self.headers, name: name.as_bytes() }
    }

    /// The value of a header that stands there once; `None` too where it stands there twice.
    pub(crate) fn only(self, name: &str) -> Option<&'a [u8]> {
        self.headers.only(name.as_bytes())
    }

    /// Whether there is a header that can be taken for this one.
    pub(crate) fn has(self, name: &str) -> bool {
        self.alike(name).next().is_some()
    }

    /// The names of headers that can be taken for `name`, as they stand in the request: CGI cannot tell `_` from `-` (RFC
    /// 3875, section 4.1.18).
    pub(crate) fn alike(self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.headers.map(|(key, _)| key).filter(move |key| is_alike(key, name.as_bytes()))
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

/// The values of one header.
pub(crate) struct Values<'a, 'n> {
    headers: Headers<'a>,
    name: &'n [u8],
}

impl<'a> Iterator for Values<'a, '_> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let (value, behind) = self.headers.find(self.name)?;
        self.headers = behind;
        Some(value)
    }
}
