//! Messages of scenarios as HTTP/1.1 has them, and back.

use std::time::Duration;

use crate::{
    envoy::{Message, Sending},
    headers::HeaderMap,
    scenario::{ClientRequest, Reply},
    world::{HttpRequest, HttpResponse},
};

/// What a client sends, and when.
pub(super) fn sending(request: &ClientRequest, leaves_after: Option<Duration>) -> Sending {
    let pseudo = |name: &str| request.headers.first(name.as_bytes()).unwrap_or_default();
    let mut head =
        [pseudo(":method"), b" ", pseudo(":path"), b" HTTP/1.1\r\nhost: ", pseudo(":authority"), b"\r\n"].concat();
    put_fields(&mut head, &request.headers);

    let chunked = request.headers.first(b"transfer-encoding").is_some();
    let framed = |data: &Vec<u8>| if chunked { chunk(data) } else { data.clone() };
    let mut pieces: Vec<_> = request.chunks.iter().map(|(at, data)| (*at, framed(data))).collect();
    // What is sent at once with the headers goes with them, as clients do it.
    match pieces.first_mut() {
        Some((Duration::ZERO, first)) => {
            head.append(first);
            *first = head;
        }
        _ => pieces.insert(0, (Duration::ZERO, head)),
    }
    if chunked && let Some((_, last)) = pieces.last_mut() {
        put_last_chunk(last, &request.trailers);
    }
    Sending { pieces, head: pseudo(":method") == b"HEAD", leaves_after }
}

/// What a service sends before it breaks off.
pub(super) const BROKEN_REPLY: &[u8] = b"HTTP/1.1 200 Told\r\ncontent-length: 9\r\n\r\n";

/// What a service sends; the head alone to who asked for no more.
pub(super) fn reply(reply: &Reply, start: Duration, to_head: bool) -> Vec<u8> {
    let response = reply.response(start);
    let mut wire = format!("HTTP/1.1 {} Told\r\n", response.status()).into_bytes();
    put_fields(&mut wire, &response.headers);
    if to_head {
        return wire;
    }
    let chunked = response.headers.first(b"transfer-encoding").is_some();
    if chunked {
        if !response.body.is_empty() {
            wire.extend(chunk(&response.body));
        }
        put_last_chunk(&mut wire, &response.trailers);
    } else {
        wire.extend(&response.body);
    }
    wire
}

/// A request as filters have it.
pub(super) fn request_of(message: &Message) -> HttpRequest {
    let authority = message.headers.first(b"host").unwrap_or_default();
    let mut headers = HeaderMap::new();
    headers.add(":authority", authority);
    headers.add(":path", message.target());
    headers.add(":method", message.method());
    put_end_to_end(&mut headers, &message.headers);
    headers.remove(b"host");
    HttpRequest { headers, body: message.body.clone() }
}

/// A response as filters have it; without what Envoy adds last.
pub(super) fn response_of(message: &Message) -> HttpResponse {
    let mut response = HttpResponse::new(message.status());
    put_end_to_end(&mut response.headers, &message.headers);
    for name in [&b"date"[..], b"server"] {
        response.headers.remove(name);
    }
    HttpResponse { body: message.body.clone(), trailers: message.trailers.clone(), ..response }
}

/// Without those that are about the connection (RFC 9110, section 7.6.1).
fn put_end_to_end(headers: &mut HeaderMap, received: &HeaderMap) {
    received.iter().for_each(|(name, value)| headers.add(name, value));
    for name in [&b"connection"[..], b"keep-alive", b"transfer-encoding"] {
        headers.remove(name);
    }
}

/// The fields, pseudo-headers left out, and the empty line behind them.
fn put_fields(wire: &mut Vec<u8>, fields: &HeaderMap) {
    for (name, value) in fields.iter().filter(|(name, _)| !name.starts_with(b":")) {
        wire.extend([name, b": ", value, b"\r\n"].concat());
    }
    wire.extend(b"\r\n");
}

fn chunk(data: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat()
}

fn put_last_chunk(wire: &mut Vec<u8>, trailers: &HeaderMap) {
    wire.extend(b"0\r\n");
    put_fields(wire, trailers);
}
