//! What a client sends for a request of a scenario.

use std::time::Duration;

use jiff::SignedDuration;

use super::{format::Request, token::TokenKey};
use crate::{headers::HeaderMap, world::HttpRequest};

/// A request on its way to a gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientRequest {
    /// Headers, pseudo-headers included: as Envoy has them of an HTTP/1.1 client, before it adds its own.
    pub headers: HeaderMap,
    /// The body in the pieces in which it is sent, each with the time since the headers, never falling; none: the headers
    /// are the end, or the trailers follow them.
    pub chunks: Vec<(Duration, Vec<u8>)>,
    /// Trailers; they follow the last chunk at once.
    pub trailers: HeaderMap,
    /// The token among the headers, where one was minted.
    pub token: Option<String>,
}

impl Request {
    /// What the client sends while the gateway's clock shows `now`, the time since the Unix epoch: the pseudo-headers, the
    /// headers of the file in their order, the token, and how long the body is (RFC 9112, section 6).
    #[must_use]
    pub fn client_request(&self, now: Duration, key: &TokenKey) -> ClientRequest {
        let has_body = self.body.is_some() || self.chunks.is_some();
        let method = self.method.as_deref().unwrap_or(if has_body { "POST" } else { "GET" });
        let host = self.host.as_deref().unwrap_or("gateway.local");
        let mut headers = HttpRequest::new(method, host, self.path.as_deref().unwrap_or("/").as_bytes()).headers;
        self.headers.pairs().for_each(|(name, value)| headers.add(name, value));
        let token = self.token.as_ref().map(|token| token.mint(now, key));
        if let Some(token) = &token {
            headers.add("authorization", format!("Bearer {token}"));
        }
        let trailers: HeaderMap = self.trailers.pairs().collect();
        if self.chunks.is_some() || !trailers.is_empty() {
            headers.add("transfer-encoding", "chunked");
        } else if let Some(body) = &self.body {
            headers.add("content-length", body.len().to_string());
        }
        ClientRequest { headers, chunks: self.sent_chunks(), trailers, token }
    }

    /// The pieces of the body, with the time since the headers. An empty piece cannot be sent: it would end the body.
    fn sent_chunks(&self) -> Vec<(Duration, Vec<u8>)> {
        let mut at = Duration::ZERO;
        let pieces = self.chunks.iter().flatten().map(|chunk| (chunk.after.unwrap_or_default(), chunk.text.as_str()));
        let whole = self.body.iter().map(|body| (SignedDuration::ZERO, body.as_str()));
        pieces
            .chain(whole)
            .map(|(after, text)| {
                at = at.saturating_add(after.unsigned_abs());
                (at, text.as_bytes().to_vec())
            })
            .filter(|(_, text)| !text.is_empty())
            .collect()
    }
}

impl ClientRequest {
    /// As one piece: the headers and the whole body.
    #[must_use]
    pub fn whole(&self) -> HttpRequest {
        let body = self.chunks.iter().flat_map(|(_, chunk)| chunk.iter().copied()).collect();
        HttpRequest { headers: self.headers.clone(), body }
    }

    /// What no log may hold: the credentials in every `authorization`, which follow the scheme (RFC 9110, section 11.4).
    /// Anything shorter than a real secret is left out: it would be found in other words.
    #[must_use]
    pub fn credentials(&self) -> Vec<String> {
        const SHORTEST: usize = 8;
        let authorization = self.headers.iter().filter(|(name, _)| *name == b"authorization");
        let texts = authorization.map(|(_, value)| String::from_utf8_lossy(value).into_owned());
        texts
            .filter_map(|text| text.split_once(' ').map(|(_, credentials)| credentials.trim().to_owned()))
            .filter(|credentials| credentials.len() >= SHORTEST)
            .collect()
    }

    /// Whether nothing follows the headers.
    #[must_use]
    pub fn ends_with_headers(&self) -> bool {
        self.chunks.is_empty() && self.trailers.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{ClientRequest, Request, TokenKey};
    use crate::headers::HeaderMap;

    fn sent(text: &str) -> ClientRequest {
        let request: Request = serde_saphyr::from_str(text).unwrap();
        request.client_request(Duration::from_secs(1_767_225_600), &TokenKey::published().unwrap())
    }

    fn headers(method: &str, more: &[(&str, &str)]) -> HeaderMap {
        let pseudo = [(":authority", "gateway.local"), (":path", "/"), (":method", method), (":scheme", "http")];
        pseudo.iter().chain(more).copied().collect()
    }

    #[test]
    fn headers_say_how_long_the_body_is() {
        let bodiless = sent("{}");
        assert_eq!(bodiless.headers, headers("GET", &[]));
        assert!(bodiless.ends_with_headers());
        assert_eq!(sent("body: ''").headers, headers("POST", &[("content-length", "0")]));
        assert!(sent("body: ''").ends_with_headers());
        assert_eq!(sent("{body: ab, method: PUT}").headers, headers("PUT", &[("content-length", "2")]));
        let trailing = sent("{body: ab, trailers: {x: a}}");
        assert_eq!(trailing.headers, headers("POST", &[("transfer-encoding", "chunked")]));
        assert_eq!(trailing.trailers, [("x", "a")].into_iter().collect());
    }

    #[test]
    fn chunks_are_sent_in_their_time() {
        let sent = sent("chunks: [{text: a}, {text: '', after: 1s}, {text: b, after: 500ms}]");
        assert_eq!(sent.chunks, [(Duration::ZERO, b"a".to_vec()), (Duration::from_millis(1500), b"b".to_vec())]);
        assert_eq!(sent.whole().body, b"ab");
        assert_eq!(sent.headers, headers("POST", &[("transfer-encoding", "chunked")]));
    }

    #[test]
    fn the_token_follows_the_headers() {
        let sent = sent("{headers: {X-A: [one, two]}, token: {}}");
        let token = sent.token.clone().unwrap();
        let expected = [("x-a", "one"), ("x-a", "two"), ("authorization", &format!("Bearer {token}"))];
        assert_eq!(sent.headers, headers("GET", &expected));
        assert_eq!(sent.credentials(), [token]);
    }

    #[test]
    fn credentials_are_what_follows_the_scheme() {
        let sent = sent("headers: {authorization: [Basic dXNlcjpwYXNz, Bearer, bearer abc]}");
        assert_eq!(sent.credentials(), ["dXNlcjpwYXNz"]);
    }
}
