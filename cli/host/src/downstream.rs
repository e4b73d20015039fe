//! What Envoy makes of a client's headers before any filter sees them.

use crate::{abi::MapType, headers::HeaderMap, inline_headers::gathered, world::HttpResponse};

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

/// What plugins log of the headers of a request that was refused: nothing has been added to them yet, no scheme either. Of
/// one that is no HTTP there are none.
pub(crate) fn logged(sent: &HeaderMap, refusal: &Refusal) -> Option<HeaderMap> {
    let is_http = refusal.body.is_empty();
    is_http.then(|| sent.iter().filter(|(name, _)| *name != b":scheme").collect())
}

/// The headers as filters see them; `number` tells this request from the others of the gateway.
pub(crate) fn received(sent: &HeaderMap, number: u32) -> HeaderMap {
    let mut seen = gathered(MapType::HttpRequestHeaders, sent);
    if let Some((host, path)) = seen.first(b":path").and_then(absolute_form) {
        let (host, path) = (host.to_vec(), path.to_vec());
        seen.replace(b":authority", &host);
        seen.replace(b":path", &path);
    } else if let Some(target) = authority_form(&seen).map(<[u8]>::to_vec) {
        seen.replace(b":authority", &target);
        seen.remove(b":path");
    }
    let scheme = sent.first(b":scheme").unwrap_or(b"http");
    // Envoy's identifier is random; this one repeats, so that runs do.
    for (name, value) in [("x-forwarded-proto", scheme), ("x-request-id", request_id(number).as_slice())] {
        if seen.first(name.as_bytes()).is_none() {
            seen.add(name, value);
        }
    }
    seen
}

/// Host and path of a target in absolute form (RFC 9112, section 3.2.2): Envoy makes an ordinary request of it.
fn absolute_form(target: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = target.strip_prefix(b"http://").or_else(|| target.strip_prefix(b"https://"))?;
    let host = rest.iter().position(|byte| *byte == b'/')?;
    (host > 0).then(|| rest.split_at(host))
}

/// The target of CONNECT (RFC 9112, section 3.2.3), which has no path.
fn authority_form(sent: &HeaderMap) -> Option<&[u8]> {
    let target = sent.first(b":path")?;
    (sent.first(b":method") == Some(b"CONNECT") && !target.starts_with(b"/")).then_some(target)
}

/// A version 4 UUID (RFC 9562) in form.
fn request_id(number: u32) -> [u8; 36] {
    let mut id = *b"00000000-0000-4000-8000-000000000000";
    let digits = (0..8).map(|place| number >> (4 * place) & 0xf);
    for (byte, digit) in id.iter_mut().rev().zip(digits) {
        *byte = b"0123456789abcdef".get(digit as usize).copied().unwrap_or(b'0');
    }
    id
}

#[cfg(test)]
mod tests {
    use super::{logged, received, refusal};
    use crate::{headers::HeaderMap, world::HttpRequest};

    #[test]
    fn headers_are_kept_as_envoy_keeps_them() {
        let own = [("x-forwarded-proto", "http"), ("x-request-id", "00000000-0000-4000-8000-00000000002a")];
        let check = |sent: &[(&str, &str)], seen: &[(&str, &str)]| {
            let seen: HeaderMap = seen.iter().copied().chain(own).collect();
            assert_eq!(received(&sent.iter().copied().collect(), 42), seen);
        };
        check(
            &[("authorization", "a"), ("x-a", "1"), ("authorization", "b"), ("x-a", "2")],
            &[("authorization", "a,b"), ("x-a", "1"), ("x-a", "2")],
        );
        check(
            &[(":authority", "a"), (":path", "http://b:80/c?d=http://e/")],
            &[(":authority", "b:80"), (":path", "/c?d=http://e/")],
        );
        check(
            &[(":authority", "a"), (":path", "b:443"), (":method", "CONNECT")],
            &[(":authority", "b:443"), (":method", "CONNECT")],
        );
        for odd in ["http:///c", "/http://b/c", "ftp://b/c"] {
            check(&[(":path", odd)], &[(":path", odd)]);
        }
    }

    #[test]
    fn a_refused_request_is_logged_as_it_was_sent() {
        let sent = |path: &[u8]| HttpRequest::new("GET", "h", path).headers;
        let logged = |path: &[u8]| logged(&sent(path), &refusal(&sent(path)).unwrap());
        let expected = [(":authority", "h"), (":path", "/#"), (":method", "GET")].into_iter().collect();
        assert_eq!(logged(b"/#"), Some(expected));
        assert_eq!(logged(b"/\xff"), None);
    }

    #[test]
    fn what_a_client_sends_is_left() {
        let sent: HeaderMap = [("x-forwarded-proto", "https"), ("x-request-id", "a")].into_iter().collect();
        assert_eq!(received(&sent, 1), sent);
    }
}
