//! Leaving secrets out of what is said about a scenario.

use super::observed::Observed;
use crate::headers::HeaderMap;

/// Headers whose values are never shown.
const SECRET_HEADERS: [&[u8]; 4] = [b"authorization", b"cookie", b"proxy-authorization", b"set-cookie"];

impl Observed {
    /// A text without the tokens that were sent.
    #[must_use]
    pub fn redacted(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for token in &self.tokens {
            if text.contains(token) {
                text = text.replace(token, &length(token.len()));
            }
            // A part of a token is a secret too: the signature is all that somebody lacks who has seen the rest.
            if let Some((signed, signature)) = token.rsplit_once('.').filter(|(signed, _)| !signed.is_empty()) {
                for part in [signed, signature] {
                    if !part.is_empty() && text.contains(part) {
                        text = text.replace(part, &length(part.len()));
                    }
                }
            }
        }
        text
    }
}

/// The value of a header, or its length where it is a secret.
pub(super) fn shown_value(name: &[u8], value: &[u8]) -> String {
    if SECRET_HEADERS.iter().any(|secret| name.eq_ignore_ascii_case(secret)) {
        return length(value.len());
    }
    String::from_utf8_lossy(value).into_owned()
}

/// Headers in one line, pseudo-headers aside.
pub(super) fn shown_headers(headers: &HeaderMap) -> String {
    let plain = headers.iter().filter(|(name, _)| !name.starts_with(b":"));
    let shown = plain.map(|(name, value)| format!("{}: {}", String::from_utf8_lossy(name), shown_value(name, value)));
    shown.collect::<Vec<_>>().join(", ")
}

fn length(bytes: usize) -> String {
    format!("«{bytes} bytes»")
}

#[cfg(test)]
mod tests {
    use super::{Observed, shown_headers};

    #[test]
    fn tokens_and_their_parts_are_left_out() {
        let observed = Observed { tokens: vec!["aaaa.bbbb.cccc".to_owned()], ..Observed::default() };
        assert_eq!(observed.redacted("a aaaa.bbbb.cccc b"), "a «14 bytes» b");
        assert_eq!(observed.redacted("sig cccc, signed aaaa.bbbb"), "sig «4 bytes», signed «9 bytes»");
    }

    #[test]
    fn values_of_secret_headers_are_left_out() {
        let headers = [(":path", "/"), ("Authorization", "Basic abc"), ("x-a", "b")].into_iter().collect();
        assert_eq!(shown_headers(&headers), "authorization: «9 bytes», x-a: b");
    }
}
