//! `url` of a WasmPlugin, read as the two parsers of Istio read it: the CRD's first, istiod's afterwards.

/// Where a gateway fetches a module from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ModuleUrl<'a> {
    Oci(Image<'a>),
    Http,
    Https,
    File,
}

/// An OCI reference: `repository[:tag][@digest]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Image<'a> {
    pub(crate) repository: &'a str,
    pub(crate) tag: Option<&'a str>,
    pub(crate) digest: Option<&'a str>,
}

/// Why a `url` is no place to fetch a module from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UrlError<'a> {
    /// The CRD refuses it: its scheme is none of oci, file, http, https.
    Scheme(&'a str),
    /// The CRD refuses it: not a URL at all.
    NotUrl,
    /// The CRD takes it for a host and a port, istiod's parser then fails and drops the plugin.
    HostWithPort,
    /// The CRD takes it for a path, istiod then fetches it as an image without a host.
    AbsolutePath,
}

impl<'a> ModuleUrl<'a> {
    pub(crate) fn parse(url: &'a str) -> Result<Self, UrlError<'a>> {
        if url.bytes().any(|byte| byte.is_ascii_control()) || !escapes_are_whole(url) {
            return Err(UrlError::NotUrl);
        }
        let (scheme, rest) = match scheme_of(url) {
            Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
            None if url.starts_with('/') => return Err(UrlError::AbsolutePath),
            None if url.starts_with(['#', '?', ' ']) => return Err(UrlError::NotUrl),
            None if url.split('/').next().is_some_and(|first| first.contains(':')) => {
                return Err(UrlError::HostWithPort);
            }
            None => return Ok(Self::Oci(Image::parse(url))),
        };
        match scheme.as_str() {
            "oci" => Ok(Self::Oci(Image::parse(rest.strip_prefix("//").unwrap_or(rest)))),
            "http" => Ok(Self::Http),
            "https" => Ok(Self::Https),
            "file" => Ok(Self::File),
            _ => Err(UrlError::Scheme(url.get(..scheme.len()).unwrap_or(url))),
        }
    }
}

impl<'a> Image<'a> {
    fn parse(reference: &'a str) -> Self {
        let (name, digest) = match reference.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (reference, None),
        };
        // A colon before the last slash belongs to a port.
        let (repository, tag) = match name.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
            _ => (name, None),
        };
        Self { repository, tag, digest }
    }

    /// Whether the reference names content rather than a name that can be moved.
    pub(crate) fn is_pinned(&self) -> bool {
        self.digest.and_then(|digest| digest.strip_prefix("sha256:")).is_some_and(is_sha256)
    }
}

/// 64 lowercase hexadecimal digits.
pub(crate) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The scheme as Go's `net/url` finds it: a letter, then letters, digits, `+`, `-`, `.`, up to the first colon.
fn scheme_of(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once(':')?;
    let well_formed = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    well_formed.then_some((scheme, rest))
}

fn escapes_are_whole(url: &str) -> bool {
    url.split('%').skip(1).all(|after| {
        after
            .as_bytes()
            .first_chunk()
            .is_some_and(|[high, low]: &[u8; 2]| high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::{Image, ModuleUrl, UrlError};

    #[test]
    fn urls_are_read_as_istio_reads_them() {
        let image = |repository, tag, digest| Ok(ModuleUrl::Oci(Image { repository, tag, digest }));
        for (url, expected) in [
            ("oci://ghcr.io/a/b:v1", image("ghcr.io/a/b", Some("v1"), None)),
            ("ghcr.io/a/b", image("ghcr.io/a/b", None, None)),
            ("oci://private:5000/a/b@sha256:00", image("private:5000/a/b", None, Some("sha256:00"))),
            ("oci://private:5000/a", image("private:5000/a", None, None)),
            ("http://x/y.wasm", Ok(ModuleUrl::Http)),
            ("HTTPS://x/y.wasm", Ok(ModuleUrl::Https)),
            ("file:///opt/x.wasm", Ok(ModuleUrl::File)),
            ("fake://example.com", Err(UrlError::Scheme("fake"))),
            ("registry:5000/x", Err(UrlError::Scheme("registry"))),
            ("#%blah$#@", Err(UrlError::NotUrl)),
            ("10.0.0.1:5000/x:v1", Err(UrlError::HostWithPort)),
            ("/opt/x.wasm", Err(UrlError::AbsolutePath)),
        ] {
            assert_eq!(ModuleUrl::parse(url), expected, "{url}");
        }
    }

    #[test]
    fn only_a_whole_digest_pins() {
        let pinned = |digest: &str| Image { repository: "r", tag: None, digest: Some(digest) }.is_pinned();
        assert!(pinned(&format!("sha256:{}", "0".repeat(64))));
        assert!(!pinned(&format!("sha256:{}", "0".repeat(63))));
        assert!(!pinned(&format!("sha256:{}", "A".repeat(64))));
    }
}
