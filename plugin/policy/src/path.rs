//! Paths: one normal form to match on, and what is too ambiguous to match.
//!
//! A gateway, its filters and the upstream may read one path in different ways. Only a path that all of them must read
//! alike can match a condition; see RFC 3986, section 6.2.2, for the normal form.

use std::borrow::Cow;

use crate::source::split_once;

mod pattern;

pub(crate) use pattern::PathPattern;

/// What happens to a request whose path is ambiguous: `paths.ambiguous`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AmbiguousPaths {
    /// It is refused, so that it can neither bypass nor slip past a stricter rule.
    Reject,
    /// It opens nothing, and has to meet what every rule requires that might be meant.
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
        simple(target).map_or_else(|| Self::parse_any(target), |path| Self::Plain(Cow::Borrowed(path)))
    }

    fn parse_any(target: &'a [u8]) -> Self {
        let (path, query) = split_once(target, b'?').unwrap_or((target, b""));
        // The absolute form and an authority both lack the slash.
        if path.first() != Some(&b'/') || query.contains(&b'#') {
            return Self::Ambiguous;
        }
        let Some(decoded) = decode_unreserved(path) else { return Self::Ambiguous };
        if has_odd_segment(&decoded) { Self::Ambiguous } else { Self::Plain(Cow::Owned(decoded)) }
    }

    /// The path as the laxest upstream reads it, letter case apart: every escape decoded, no slash at its end. No reading of
    /// it has more segments or fewer.
    pub(crate) fn loosened(&self) -> Cow<'_, [u8]> {
        match self {
            // In normal form as it stands: there are no escapes.
            Self::Plain(Cow::Borrowed(path)) => Cow::Borrowed(trimmed(path)),
            Self::Plain(Cow::Owned(path)) => Cow::Owned(decode_all(trimmed(path))),
            Self::Ambiguous | Self::Absent => Cow::default(),
        }
    }
}

/// The path of what is in normal form already, by one look at each byte: as most requests' are. `None` where more has to be
/// found out.
fn simple(target: &[u8]) -> Option<&[u8]> {
    let (b'/', behind) = target.split_first()? else { return None };
    let mut is_behind_slash = true;
    for (place, byte) in behind.iter().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => is_behind_slash = false,
            b'/' if !is_behind_slash => is_behind_slash = true,
            b'.' if !is_behind_slash => {}
            b'?' => {
                let (path, query) = target.split_at_checked(place + 1)?;
                return (!query.contains(&b'#')).then_some(path);
            }
            _ => return None,
        }
    }
    Some(target)
}

/// Whether there is a segment `.` or `..`, or an empty one before the last.
fn has_odd_segment(path: &[u8]) -> bool {
    let mut rest = path;
    while let Some((byte, behind)) = rest.split_first() {
        let is_odd = matches!(behind, [b'/', ..] | [b'.'] | [b'.', b'/', ..] | [b'.', b'.'] | [b'.', b'.', b'/', ..]);
        if *byte == b'/' && is_odd {
            return true;
        }
        rest = behind;
    }
    false
}

/// Decodes percent-encoded unreserved characters (RFC 3986, section 2.3) and writes the other escapes in upper case;
/// `None` where the path holds what readers disagree on.
fn decode_unreserved(path: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(path.len());
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
                        decoded.extend(format!("%{value:02X}").bytes());
                        continue;
                    }
                }
            }
            plain if is_plain(plain) => plain,
            _ => return None,
        };
        decoded.push(plain);
    }
    Some(decoded)
}

/// Whether all read a byte of a path alike, and as itself: not so folder separators, path parameters, fragments.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'\\' | b';' | b'#')
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// A path as the laxest upstream reads it: every escape decoded.
fn decode_all(path: &[u8]) -> Vec<u8> {
    let mut loose = Vec::with_capacity(path.len());
    let mut bytes = path.iter().copied();
    while let Some(byte) = bytes.next() {
        let escaped = (byte == b'%').then(|| Some(hex(bytes.next()?)? << 4 | hex(bytes.next()?)?)).flatten();
        loose.push(escaped.unwrap_or(byte));
    }
    loose
}

fn trimmed(path: &[u8]) -> &[u8] {
    path.strip_suffix(b"/").unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Path, simple};

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

    proptest! {
        #[test]
        fn what_is_simple_is_what_all_of_it_says(target in "[/aZ9._~%;?#-]{1,8}|/orders/7[?]x=/[.][.]#?") {
            if let Some(path) = simple(target.as_bytes()) {
                prop_assert_eq!(Path::parse_any(target.as_bytes()), Path::Plain(path.to_vec().into()));
            }
        }
    }

    #[test]
    fn connect_and_asterisk_have_no_path() {
        for target in [None, Some(b"".as_slice()), Some(b"*")] {
            assert_eq!(Path::parse(target), Path::Absent);
        }
    }

    #[test]
    fn the_laxest_reading_decodes_everything_and_ends_without_a_slash() {
        for (path, loose) in [("/", ""), ("/a/", "/a"), ("/a%40b%20/", "/a@b "), ("/%C3%89", "/É")] {
            assert_eq!(Path::parse(Some(path.as_bytes())).loosened(), loose.as_bytes(), "{path}");
        }
    }
}
