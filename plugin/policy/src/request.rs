//! A request as the gateway shows it: borrowed bytes.

/// The name and the value of a header.
pub type Header<'a> = (&'a [u8], &'a [u8]);

/// The headers of a request, pseudo-headers included, and who sent it.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    headers: &'a [Header<'a>],
    source: Option<&'a dyn Fn() -> Vec<u8>>,
}

impl<'a> Request<'a> {
    /// A request with these headers, in the order in which they arrived, duplicates included.
    #[must_use]
    pub fn new(headers: &'a [Header<'a>]) -> Self {
        Self { headers, source: None }
    }

    /// Headers of one's own, as [`Self::new`] takes them.
    #[must_use]
    pub fn borrowed<N: AsRef<[u8]>>(headers: &[(N, Vec<u8>)]) -> Vec<Header<'_>> {
        headers.iter().map(|(name, value)| (name.as_ref(), value.as_slice())).collect()
    }

    /// The same request, from the client at this address, of which few decisions need to know.
    #[must_use]
    pub fn with_source(self, address: &'a dyn Fn() -> Vec<u8>) -> Self {
        Self { source: Some(address), ..self }
    }

    /// A copy of its headers.
    pub(crate) fn headers(self) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.headers.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
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
        let (value, behind) = first(self.headers, name.as_bytes())?;
        first(behind, name.as_bytes()).is_none().then_some(value)
    }

    /// Whether there is a header that can be taken for this one.
    pub(crate) fn has(self, name: &str) -> bool {
        self.alike(name).next().is_some()
    }

    /// The names of headers that can be taken for `name`, as they stand in the request: CGI cannot tell `_` from `-` (RFC
    /// 3875, section 4.1.18).
    pub(crate) fn alike(self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let names = self.headers.iter().map(|(key, _)| *key);
        names.filter(move |key| is_alike(key, name.as_bytes()))
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
    headers: &'a [Header<'a>],
    name: &'n [u8],
}

impl<'a> Iterator for Values<'a, '_> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let (value, behind) = first(self.headers, self.name)?;
        self.headers = behind;
        Some(value)
    }
}

/// The value of the first header of this name, and the headers behind that.
///
/// Each request looks through its headers several times: without adapters, whose closures are calls.
#[inline(never)]
fn first<'a>(headers: &'a [Header<'a>], name: &[u8]) -> Option<(&'a [u8], &'a [Header<'a>])> {
    let mut headers = headers;
    while let Some(((key, value), behind)) = headers.split_first() {
        if key.len() == name.len() && is_same(key, name) {
            return Some((value, behind));
        }
        headers = behind;
    }
    None
}

/// Whether two names of the same length are one but for their case, which mostly is the same too.
pub(crate) fn is_same(one: &[u8], other: &[u8]) -> bool {
    let ends = |name: &[u8]| Some((u64::from_ne_bytes(*name.first_chunk()?), u64::from_ne_bytes(*name.last_chunk()?)));
    if one.len() <= 16 && ends(one).is_some_and(|of_one| ends(other) == Some(of_one)) {
        return true;
    }
    one.iter().zip(other).all(|(one, other)| one == other || one.eq_ignore_ascii_case(other))
}

/// Whether two names of headers are the same but for their case, and for `_` and `-`.
pub(crate) fn is_alike(one: &[u8], other: &[u8]) -> bool {
    let same = |(one, other): (u8, u8)| {
        one.eq_ignore_ascii_case(&other) || matches!((one, other), (b'_', b'-') | (b'-', b'_'))
    };
    one.len() == other.len() && one.iter().copied().zip(other.iter().copied()).all(same)
}
