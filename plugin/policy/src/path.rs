//! Paths: one normal form to match on, and what is too ambiguous to match.
//!
//! A gateway, its filters and the upstream may read one path in different ways. Only a path that all of them must read
//! alike can match a condition; see RFC 3986, section 6.2.2, for the normal form.

use std::borrow::Cow;

/// What happens to a request whose path is ambiguous: `paths.ambiguous`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AmbiguousPaths {
    /// It is refused, so that it can neither bypass nor slip past a stricter rule.
    Reject,
    /// It matches no condition, so that it needs a token like any other.
    NeverMatch,
}

/// A request's path, ready to be matched.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Path<'a> {
    /// The path without its query, unreserved characters decoded.
    Plain(Cow<'a, [u8]>),
    /// Two readers could take it for two paths.
    Ambiguous,
    /// There is none: CONNECT, or `*`.
    Absent,
}

impl<'a> Path<'a> {
    /// Reads the `:path` pseudo-header (RFC 9113, section 8.3.1).
    pub(crate) fn parse(target: Option<&'a [u8]>) -> Self {
        let target = match target {
            None | Some(b"*" | b"") => return Self::Absent,
            Some(target) => target,
        };
        let path = target.split(|byte| *byte == b'?').next().unwrap_or(target);
        // The absolute form and an authority both lack the slash.
        if path.first() != Some(&b'/') || target.contains(&b'#') {
            return Self::Ambiguous;
        }
        let Some(decoded) = decode_unreserved(path) else { return Self::Ambiguous };
        let mut segments = decoded.split(|byte| *byte == b'/').skip(1).peekable();
        while let Some(segment) = segments.next() {
            let last = segments.peek().is_none();
            if matches!(segment, b"." | b"..") || (segment.is_empty() && !last) {
                return Self::Ambiguous;
            }
        }
        Self::Plain(decoded)
    }
}

/// Decodes percent-encoded unreserved characters (RFC 3986, section 2.3) and writes the other escapes in upper case;
/// `None` where the path holds what readers disagree on.
fn decode_unreserved(path: &[u8]) -> Option<Cow<'_, [u8]>> {
    let mut decoded = Cow::Borrowed(path);
    if path.contains(&b'%') {
        decoded = Cow::Owned(Vec::with_capacity(path.len()));
    }
    let mut bytes = path.iter().copied();
    while let Some(byte) = bytes.next() {
        let plain = match byte {
            b'%' => {
                let (high, low) = (hex(bytes.next()?)?, hex(bytes.next()?)?);
                let value = high << 4 | low;
                match value {
                    // Folder separators, path parameters, a second layer of encoding, control characters.
                    b'/' | b'\\' | b';' | b'%' | 0..=0x1f | 0x7f => return None,
                    unreserved if is_unreserved(unreserved) => unreserved,
                    _ => {
                        decoded.to_mut().extend(format!("%{value:02X}").bytes());
                        continue;
                    }
                }
            }
            b'\\' | b';' => return None,
            visible if visible.is_ascii_graphic() => visible,
            _ => return None,
        };
        if let Cow::Owned(owned) = &mut decoded {
            owned.push(plain);
        }
    }
    Some(decoded)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// A path below which nothing needs a token: one of `bypassPaths`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PathPrefix(Vec<u8>);

impl PathPrefix {
    /// `None` for whatever is not in normal form, and for the root, which would open everything.
    pub(crate) fn new(text: &str) -> Option<Self> {
        match Path::parse(Some(text.as_bytes())) {
            Path::Plain(_) if text.len() > 1 && !text.contains(['%', '?']) => Some(Self(text.as_bytes().to_vec())),
            _ => None,
        }
    }

    /// Whether `path` is this path or lies below it. With a slash at the end, only what lies below.
    pub(crate) fn matches(&self, path: &[u8]) -> bool {
        let Some(rest) = path.strip_prefix(self.0.as_slice()) else { return false };
        self.0.ends_with(b"/") || rest.is_empty() || rest.starts_with(b"/")
    }
}

#[cfg(test)]
mod tests {
    use super::{Path, PathPrefix};

    fn plain(target: &str) -> Option<String> {
        match Path::parse(Some(target.as_bytes())) {
            Path::Plain(path) => Some(String::from_utf8(path.into_owned()).unwrap()),
            _ => None,
        }
    }

    #[test]
    fn the_normal_form_is_the_path_without_its_query() {
        assert_eq!(plain("/").as_deref(), Some("/"));
        assert_eq!(plain("/a/b/?x=/../%2f;").as_deref(), Some("/a/b/"));
        assert_eq!(plain("/%61dmin/%7euser").as_deref(), Some("/admin/~user"));
        assert_eq!(plain("/caf%c3%a9%20x").as_deref(), Some("/caf%C3%A9%20x"));
    }

    #[test]
    fn whatever_two_readers_could_take_for_two_paths_is_ambiguous() {
        for target in [
            "/a/..%2f",
            "/a%2Fb",
            "/a%5cb",
            "/a\\b",
            "//a",
            "/a//b",
            "/a//",
            "/./a",
            "/a/..",
            "/../a",
            "/%2e%2e/a",
            "/a/%2E",
            "/a;x",
            "/a%3bx",
            "/..;/a",
            "/a%252fb",
            "/a%00",
            "/a%0a",
            "/a%7f",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a#b",
            "/a?x#b",
            "/a b",
            "/a\tb",
            "/é",
            "http://h/a",
            "host:443",
            "a",
        ] {
            assert_eq!(Path::parse(Some(target.as_bytes())), Path::Ambiguous, "{target}");
        }
        assert_eq!(Path::parse(Some(b"/\xff")), Path::Ambiguous);
    }

    #[test]
    fn connect_and_asterisk_have_no_path() {
        for target in [None, Some(b"".as_slice()), Some(b"*")] {
            assert_eq!(Path::parse(target), Path::Absent);
        }
    }

    #[test]
    fn prefixes_end_at_segments() {
        let health = PathPrefix::new("/health").unwrap();
        assert!(health.matches(b"/health") && health.matches(b"/health/") && health.matches(b"/health/live"));
        assert!(!health.matches(b"/healthcare") && !health.matches(b"/") && !health.matches(b"/x/health"));
        let folder = PathPrefix::new("/health/").unwrap();
        assert!(folder.matches(b"/health/live") && folder.matches(b"/health/") && !folder.matches(b"/health"));
    }

    #[test]
    fn a_prefix_that_opens_more_than_it_says_is_none() {
        for text in ["", "/", "health", "//", "/a//b", "/a/../b", "/a%20b", "/a?b", "/a;b", "/a#b", "*"] {
            assert_eq!(PathPrefix::new(text), None, "{text}");
        }
    }
}
