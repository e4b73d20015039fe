//! Answers that Envoy gives in the upstream's place, for clients that speak gRPC: a status in the headers and no body.

use std::fmt::Write as _;

use crate::{headers::HeaderMap, world::HttpResponse};

const GRPC: &[u8] = b"application/grpc";

/// Whether a request is one of gRPC: not so of gRPC-Web, whose type begins alike.
pub(crate) fn is_asked_for(request: &HeaderMap) -> bool {
    let rest = request.first(b"content-type").and_then(|kind| kind.strip_prefix(GRPC));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"+"))
}

/// What becomes of an answer. A status of gRPC among its headers stays; otherwise it is `status`, or what that of HTTP means.
pub(crate) fn grpc_reply(reply: HttpResponse, status: Option<i32>) -> HttpResponse {
    let code = reply.status();
    let HttpResponse { mut headers, body, .. } = reply;
    headers.replace(b":status", b"200");
    headers.replace(b"content-type", GRPC);
    if headers.first(b"grpc-status").is_none_or(<[u8]>::is_empty) {
        let status = status.map_or_else(|| meaning_of(code.into()).to_string(), |status| status.to_string());
        headers.replace(b"grpc-status", status.as_bytes());
    }
    if !body.is_empty() {
        // Envoy encodes the tilde too, which need not be.
        headers.replace(b"grpc-message", percent_encoded(&body).replace('~', "%7E").as_bytes());
    }
    headers.remove(b"content-length");
    HttpResponse { headers, body: Vec::new(), trailers: HeaderMap::new() }
}

/// What a status of HTTP means in gRPC (`http-grpc-status-mapping.md` of gRPC, and 2 for all that it leaves out).
pub(crate) fn meaning_of(code: u32) -> u32 {
    match code {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502 | 503 | 504 => 14,
        _ => 2,
    }
}

/// A status's message as gRPC carries it (`PROTOCOL-HTTP2.md`, "Percent-Encoded").
pub(crate) fn percent_encoded(message: &[u8]) -> String {
    let mut text = String::with_capacity(message.len());
    for byte in message {
        match byte {
            b'%' | 0..=0x1f | 0x7f.. => drop(write!(text, "%{byte:02X}")),
            _ => text.push(char::from(*byte)),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{grpc_reply, is_asked_for, percent_encoded};
    use crate::world::HttpResponse;

    #[test]
    fn the_type_of_a_request_tells_grpc() {
        for (kind, expected) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc-web", false),
            ("application/json", false),
        ] {
            assert_eq!(is_asked_for(&[("content-type", kind)].into_iter().collect()), expected, "{kind}");
        }
    }

    #[test]
    fn a_status_that_is_named_comes_before_what_http_means() {
        let status = |reply: HttpResponse, status| {
            let reply = grpc_reply(reply, status);
            assert_eq!(reply.status(), 200);
            String::from_utf8(reply.headers.first(b"grpc-status").unwrap().to_vec()).unwrap()
        };
        assert_eq!(status(HttpResponse::new(403), None), "7");
        assert_eq!(status(HttpResponse::new(403), Some(0)), "0");
        let mut named = HttpResponse::new(403);
        named.headers.add("grpc-status", "5");
        assert_eq!(status(named, Some(0)), "5");
    }

    #[test]
    fn messages_are_encoded() {
        assert_eq!(percent_encoded("a ü%~\n\x7f".as_bytes()), "a %C3%BC%25~%0A%7F");
        let reply = HttpResponse { body: b"a~%".to_vec(), ..HttpResponse::new(403) };
        assert_eq!(grpc_reply(reply, None).headers.first(b"grpc-message"), Some(&b"a%7E%25"[..]));
    }
}
