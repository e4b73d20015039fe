//! Conditions on paths: `bypassPaths`, and `path` of a rule.

use super::{Path, trimmed};
use crate::rule::Fit;

/// Paths that a condition names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PathPattern {
    kind: Kind,
    text: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// This path.
    Exact,
    /// This path and all below it; with a slash at the end, only what lies below.
    Prefix,
    /// Paths of as many segments, where a segment `{name}` stands for any one.
    Template,
}

impl PathPattern {
    /// `None` for what is not in normal form.
    pub(crate) fn exact(text: &str) -> Option<Self> {
        Self::new(Kind::Exact, text)
    }

    /// `None` for what is not in normal form, and for the root, below which everything lies.
    pub(crate) fn prefix(text: &str) -> Option<Self> {
        Self::new(Kind::Prefix, text).filter(|pattern| pattern.text.len() > 1)
    }

    /// `None` for what is not in normal form, and where no segment, or less than one, is a `{name}`.
    pub(crate) fn template(text: &str) -> Option<Self> {
        let segments = || text.split('/').map(str::as_bytes);
        let whole =
            segments().all(|segment| is_placeholder(segment) || !segment.iter().any(|byte| b"{}".contains(byte)));
        (whole && segments().any(is_placeholder)).then(|| Self::new(Kind::Template, text))?
    }

    fn new(kind: Kind, text: &str) -> Option<Self> {
        let plain = matches!(Path::parse(Some(text.as_bytes())), Path::Plain(_)) && !text.contains(['%', '?']);
        plain.then(|| Self { kind, text: text.as_bytes().to_vec() })
    }

    /// Whether a path, of which `loose` is the laxest reading, is among these.
    ///
    /// Upstreams differ on letter case, on a slash at the end and on escapes of reserved characters: what fits but for
    /// those may fit.
    pub(crate) fn fit(&self, path: &[u8], loose: &[u8]) -> Fit {
        if self.kind.holds(&self.text, path, |one, other| one == other) {
            Fit::Yes
        } else if self.kind.holds(trimmed(&self.text), loose, <[u8]>::eq_ignore_ascii_case) {
            Fit::Maybe
        } else {
            Fit::No
        }
    }

    /// Whether every path of `other` is among these.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        let below = match (self.kind, other.kind) {
            (Kind::Prefix, Kind::Template) => other.text.split(|byte| *byte == b'{').next().unwrap_or_default(),
            (Kind::Prefix, _) | (Kind::Template, Kind::Exact | Kind::Template) => &other.text,
            (Kind::Exact, _) | (Kind::Template, Kind::Prefix) => return self == other,
        };
        self.kind.holds(&self.text, below, |one, other| one == other)
    }
}

impl Kind {
    fn holds(self, text: &[u8], path: &[u8], same: fn(&[u8], &[u8]) -> bool) -> bool {
        match self {
            Self::Exact => same(text, path),
            Self::Prefix => path.split_at_checked(text.len()).is_some_and(|(start, rest)| {
                same(text, start) && (text.ends_with(b"/") || rest.is_empty() || rest.starts_with(b"/"))
            }),
            Self::Template => {
                let (mut expected, mut segments) = (text.split(is_slash), path.split(is_slash));
                loop {
                    match (expected.next(), segments.next()) {
                        (None, None) => return true,
                        (Some(name), Some(segment)) if is_placeholder(name) && !segment.is_empty() => {}
                        (Some(literal), Some(segment)) if same(literal, segment) => {}
                        _ => return false,
                    }
                }
            }
        }
    }
}

fn is_slash(byte: &u8) -> bool {
    *byte == b'/'
}

/// Whether a segment of a template is `{name}`.
fn is_placeholder(segment: &[u8]) -> bool {
    let name = segment.strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}"));
    name.is_some_and(|name| {
        !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte))
    })
}

#[cfg(test)]
mod tests {
    use super::{Path, PathPattern};
    use crate::rule::Fit;

    fn prefix(text: &str) -> PathPattern {
        PathPattern::prefix(text).unwrap()
    }

    fn fit(pattern: &PathPattern, path: &str) -> Fit {
        pattern.fit(path.as_bytes(), &Path::parse(Some(path.as_bytes())).loosened())
    }

    #[test]
    fn prefixes_end_at_segments() {
        for path in ["/health", "/health/", "/health/live"] {
            assert_eq!(fit(&prefix("/health"), path), Fit::Yes, "{path}");
        }
        for path in ["/healthcare", "/", "/x/health"] {
            assert_eq!(fit(&prefix("/health"), path), Fit::No, "{path}");
        }
        for (path, expected) in [("/health/live", Fit::Yes), ("/health/", Fit::Yes), ("/health", Fit::Maybe)] {
            assert_eq!(fit(&prefix("/health/"), path), expected, "{path}");
        }
    }

    #[test]
    fn a_template_has_as_many_segments() {
        let template = PathPattern::template("/users/{id}/orders").unwrap();
        for (path, expected) in [
            ("/users/7/orders", Fit::Yes),
            ("/users/%C3%A9/orders", Fit::Yes),
            ("/users/7/orders/", Fit::Maybe),
            ("/Users/7/orders", Fit::Maybe),
            ("/users/7/orders/1", Fit::No),
            ("/users/7", Fit::No),
            ("/users//orders", Fit::No),
        ] {
            assert_eq!(fit(&template, path), expected, "{path}");
        }
    }

    #[test]
    fn what_upstreams_differ_on_may_fit() {
        let exact = PathPattern::exact("/a@b").unwrap();
        for (path, expected) in [("/a@b", Fit::Yes), ("/a%40b", Fit::Maybe), ("/A@b/", Fit::Maybe), ("/a@b/c", Fit::No)]
        {
            assert_eq!(fit(&exact, path), expected, "{path}");
        }
        assert_eq!(fit(&PathPattern::exact("/").unwrap(), "/"), Fit::Yes);
        assert_eq!(fit(&PathPattern::exact("/").unwrap(), "/a"), Fit::No);
    }

    #[test]
    fn a_pattern_that_means_more_than_it_says_is_none() {
        for text in ["", "/", "health", "//", "/a//b", "/a/../b", "/a%20b", "/a?b", "/a;b", "/a#b", "*"] {
            assert_eq!(PathPattern::prefix(text), None, "{text}");
        }
        for text in ["/users", "/users/{}", "/users/x{id}", "/users/{id", "/{a}/{b}c", "{id}", "/{i d}", "/{a}//b"] {
            assert_eq!(PathPattern::template(text), None, "{text}");
        }
    }

    #[test]
    fn a_pattern_covers_those_whose_paths_are_all_its_own() {
        let exact = |text| PathPattern::exact(text).unwrap();
        let template = |text| PathPattern::template(text).unwrap();
        for (wide, narrow) in [
            (prefix("/a"), prefix("/a/b")),
            (prefix("/a"), prefix("/a/")),
            (prefix("/a/"), exact("/a/b")),
            (prefix("/a"), template("/a/{x}")),
            (template("/a/{x}"), exact("/a/b")),
            (template("/{x}/{y}"), template("/a/{z}")),
            (exact("/a"), exact("/a")),
        ] {
            assert!(wide.covers(&narrow), "{wide:?} {narrow:?}");
            assert!(wide == narrow || !narrow.covers(&wide), "{narrow:?} {wide:?}");
        }
        for (one, other) in [
            (prefix("/a"), prefix("/ab")),
            (prefix("/a/"), exact("/a")),
            (prefix("/a/b"), template("/a/{x}")),
            (template("/a/{x}"), prefix("/a/b")),
            (template("/a/{x}"), template("/{x}/b")),
        ] {
            assert!(!one.covers(&other), "{one:?} {other:?}");
        }
    }
}
