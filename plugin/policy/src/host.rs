//! Hosts: one normal form to match on.

use std::borrow::Cow;

/// The host of an authority (RFC 3986, section 3.2) in lower case, without port and without a dot at its end; `None` for
/// what is no plain name, such as an address in brackets, which has many spellings.
pub(crate) fn normal(authority: &[u8]) -> Option<Cow<'_, str>> {
    let authority = std::str::from_utf8(authority).ok()?;
    let host = match authority.split_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        Some(_) => return None,
        None => authority,
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    if !host.split('.').all(is_label) {
        return None;
    }
    let lower = !host.bytes().any(|byte| byte.is_ascii_uppercase());
    Some(if lower { Cow::Borrowed(host) } else { Cow::Owned(host.to_ascii_lowercase()) })
}

/// Hosts that a condition names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HostPattern {
    /// This host.
    Exact(String),
    /// The hosts that end in this, which begins with a dot.
    Below(String),
}

impl HostPattern {
    /// A host, or `*.` and the domain that hosts lie below; `None` for anything else, ports included.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let (wildcard, name) = text.strip_prefix("*.").map_or((false, text), |name| (true, name));
        let host = normal(name.as_bytes()).filter(|host| host.len() == name.len())?;
        Some(if wildcard { Self::Below(format!(".{host}")) } else { Self::Exact(host.into_owned()) })
    }

    /// Whether a host in normal form is among these.
    pub(crate) fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exact(name) => name == host,
            Self::Below(domain) => host.strip_suffix(domain.as_str()).is_some_and(|labels| !labels.is_empty()),
        }
    }

    /// Whether every host of `other` is among these.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Exact(host)) => self.matches(host),
            (Self::Exact(_), Self::Below(_)) => false,
            (Self::Below(wide), Self::Below(narrow)) => narrow.ends_with(wide.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{HostPattern, normal};

    #[test]
    fn the_normal_form_has_no_case_no_port_and_no_dot_at_its_end() {
        for authority in ["a.example.com", "A.Example.COM", "a.example.com.", "a.example.com:8443", "a.example.com.:"] {
            assert_eq!(normal(authority.as_bytes()).as_deref(), Some("a.example.com"), "{authority}");
        }
        for authority in [
            "",
            ".",
            ":80",
            "a..b",
            "a.example.com..",
            ".a",
            "u@a",
            "a:b",
            "a:1:2",
            "[::1]",
            "[::1]:80",
            "a b",
            "é",
            "a%2e",
            "a/b",
            "*.a",
        ] {
            assert_eq!(normal(authority.as_bytes()), None, "{authority}");
        }
        assert_eq!(normal(b"a\xff"), None);
    }

    #[test]
    fn a_wildcard_stands_for_one_label_or_more() {
        let below = HostPattern::new("*.Example.com").unwrap();
        assert!(below.matches("a.example.com") && below.matches("a.b.example.com"));
        assert!(!below.matches("example.com") && !below.matches(".example.com") && !below.matches("badexample.com"));
        for text in ["", "*", "*.", "a.*.com", "*a.com", "a:80", "a.", "http://a", "*.*.a"] {
            assert_eq!(HostPattern::new(text), None, "{text}");
        }
    }

    #[test]
    fn a_pattern_covers_those_whose_hosts_are_all_its_own() {
        let pattern = |text| HostPattern::new(text).unwrap();
        assert!(pattern("*.a.com").covers(&pattern("b.a.com")) && pattern("*.a.com").covers(&pattern("*.b.a.com")));
        assert!(!pattern("*.a.com").covers(&pattern("a.com")) && !pattern("*.b.a.com").covers(&pattern("*.a.com")));
        assert!(!pattern("b.a.com").covers(&pattern("*.a.com")) && !pattern("*.a.com").covers(&pattern("*.ba.com")));
    }
}
