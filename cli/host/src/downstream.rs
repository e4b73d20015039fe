//! What Envoy makes of a client's headers before any filter sees them.

use crate::{headers::HeaderMap, world::HttpResponse};

/// Headers that Envoy keeps once: a further value is appended behind a comma, an empty one vanishes. Observed on Envoy
/// 1.40.0, whose extensions register more of them than its core does; other headers keep their duplicates.
const JOINED: [&[u8]; 28] = [
    b"accept",
    b"accept-encoding",
    b"access-control-request-headers",
    b"access-control-request-method",
    b"authorization",
    b"cache-control",
    b"content-encoding",
    b"content-type",
    b"expect",
    b"grpc-timeout",
    b"if-match",
    b"if-modified-since",
    b"if-none-match",
    b"if-range",
    b"if-unmodified-since",
    b"origin",
    b"pragma",
    b"referer",
    b"user-agent",
    b"via",
    b"x-client-trace-id",
    b"x-envoy-original-path",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-port",
    b"x-forwarded-proto",
    b"x-request-id",
    b"x-envoy-decorator-operation",
];

/// An answer that Envoy gives itself, before any filter sees the request.
pub(crate) struct Refusal {
    status: u16,
    body: &'static str,
    /// Why, for people.
    pub(crate) why: &'static str,
}

/// Envoy's own answer to a request that no filter will see.
pub(crate) fn refusal(sent: &HeaderMap) -> Option<Refusal> {
    let path = sent.first(b":path")?;
    let refusal = |status, body, why| Some(Refusal { status, body, why });
    if path.iter().any(|byte| !byte.is_ascii_graphic()) {
        return refusal(400, "Bad Request", "the path holds a byte that is not visible ASCII");
    }
    if sent.iter().any(|(_, value)| value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t')) {
        return refusal(400, "Bad Request", "a header holds a control character");
    }
    if path.contains(&b'#') {
        return refusal(400, "", "the path holds a fragment");
    }
    if path == b"*" && sent.first(b":method") == Some(b"OPTIONS") {
        return refusal(404, "", "no route has `*`");
    }
    None
}

impl Refusal {
    pub(crate) fn response(&self) -> HttpResponse {
        let mut response = HttpResponse::made_up(self.status, self.body);
        if self.body.is_empty() {
            response.headers.remove(b"content-type");
        }
        response
    }
}

/// The headers as filters see them.
pub(crate) fn received(sent: &HeaderMap) -> HeaderMap {
    let mut seen = HeaderMap::new();
    for (name, value) in sent.iter() {
        match seen.first(name).filter(|_| JOINED.contains(&name)) {
            None => seen.add(name, value),
            Some(_) if value.is_empty() => {}
            Some([]) => seen.replace(name, value),
            Some(first) => seen.replace(name, &[first, value].join(&b',')),
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::received;

    #[test]
    fn some_headers_are_joined_and_others_kept() {
        let sent = [("authorization", "a"), ("x-a", "1"), ("Authorization", ""), ("authorization", "b"), ("x-a", "2")];
        let seen = [("authorization", "a,b"), ("x-a", "1"), ("x-a", "2")];
        assert_eq!(received(&sent.into_iter().collect()), seen.into_iter().collect());
        let empty_first = [("via", ""), ("via", "a")];
        assert_eq!(received(&empty_first.into_iter().collect()), [("via", "a")].into_iter().collect());
    }
}
