//! Headers that Envoy keeps once: its "inline headers". Observed on Envoy 1.40.0, whose extensions register more of them
//! than its core does; others keep their duplicates.

use crate::{abi::MapType, headers::HeaderMap};

/// Those of requests and of responses.
const BOTH: [&[u8]; 14] = [
    b"cache-control",
    b"connection",
    b"content-encoding",
    b"content-length",
    b"content-type",
    b"keep-alive",
    b"proxy-connection",
    b"proxy-status",
    b"transfer-encoding",
    b"upgrade",
    b"via",
    b"x-envoy-attempt-count",
    b"x-envoy-decorator-operation",
    b"x-request-id",
];

const REQUEST: [&[u8]; 51] = [
    b":authority",
    b":method",
    b":path",
    b":protocol",
    b":scheme",
    b"accept",
    b"accept-encoding",
    b"access-control-request-headers",
    b"access-control-request-method",
    b"access-control-request-private-network",
    b"authorization",
    b"expect",
    b"grpc-accept-encoding",
    b"grpc-timeout",
    b"if-match",
    b"if-modified-since",
    b"if-none-match",
    b"if-range",
    b"if-unmodified-since",
    b"origin",
    b"pragma",
    b"referer",
    b"te",
    b"user-agent",
    b"x-client-trace-id",
    b"x-envoy-downstream-service-cluster",
    b"x-envoy-downstream-service-node",
    b"x-envoy-expected-rq-timeout-ms",
    b"x-envoy-external-address",
    b"x-envoy-force-trace",
    b"x-envoy-hedge-on-per-try-timeout",
    b"x-envoy-internal",
    b"x-envoy-ip-tags",
    b"x-envoy-is-timeout-retry",
    b"x-envoy-max-retries",
    b"x-envoy-original-host",
    b"x-envoy-original-path",
    b"x-envoy-retriable-header-names",
    b"x-envoy-retriable-status-codes",
    b"x-envoy-retry-grpc-on",
    b"x-envoy-retry-on",
    b"x-envoy-upstream-alt-stat-name",
    b"x-envoy-upstream-rq-per-try-timeout-ms",
    b"x-envoy-upstream-rq-timeout-alt-response",
    b"x-envoy-upstream-rq-timeout-ms",
    b"x-envoy-upstream-stream-duration-ms",
    b"x-forwarded-client-cert",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-port",
    b"x-forwarded-proto",
];

const RESPONSE: [&[u8]; 24] = [
    b":status",
    b"access-control-allow-credentials",
    b"access-control-allow-headers",
    b"access-control-allow-methods",
    b"access-control-allow-origin",
    b"access-control-allow-private-network",
    b"access-control-expose-headers",
    b"access-control-max-age",
    b"age",
    b"date",
    b"etag",
    b"expires",
    b"grpc-message",
    b"grpc-status",
    b"last-modified",
    b"location",
    b"server",
    b"vary",
    b"x-envoy-degraded",
    b"x-envoy-immediate-health-check-fail",
    b"x-envoy-ratelimited",
    b"x-envoy-upstream-canary",
    b"x-envoy-upstream-healthchecked-cluster",
    b"x-envoy-upstream-service-time",
];

const RESPONSE_TRAILERS: [&[u8]; 2] = [b"grpc-message", b"grpc-status"];

/// Adds a pair to such a map. To a header that is kept once the value is appended behind a comma, unless it is empty.
pub(crate) fn add(headers: &mut HeaderMap, map: MapType, name: &[u8], value: &[u8]) {
    let name = kept_as(map, name.to_ascii_lowercase());
    match headers.first(&name).filter(|_| is_inline(map, &name)) {
        None => headers.add(name, value),
        Some(_) if value.is_empty() => {}
        Some([]) => headers.replace(&name, value),
        Some(first) => {
            let joined = [first, value].join(&b',');
            headers.replace(&name, &joined);
        }
    }
}

/// Such a map of these pairs.
pub(crate) fn gathered(map: MapType, pairs: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::new();
    pairs.iter().for_each(|(name, value)| add(&mut headers, map, name, value));
    headers
}

/// The name under which Envoy keeps a header: that of HTTP/1.1 for the authority is an alias.
pub(crate) fn kept_as(map: MapType, name: Vec<u8>) -> Vec<u8> {
    if map == MapType::HttpRequestHeaders && name.eq_ignore_ascii_case(b"host") { b":authority".to_vec() } else { name }
}

fn is_inline(map: MapType, name: &[u8]) -> bool {
    match map {
        MapType::HttpRequestHeaders => BOTH.contains(&name) || REQUEST.contains(&name),
        MapType::HttpResponseHeaders => BOTH.contains(&name) || RESPONSE.contains(&name),
        MapType::HttpResponseTrailers => RESPONSE_TRAILERS.contains(&name),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{add, gathered, kept_as};
    use crate::{abi::MapType, headers::HeaderMap};

    #[test]
    fn some_headers_are_joined_and_others_kept() {
        let pairs = [("a", "1"), ("Authorization", ""), ("authorization", "b"), ("authorization", "c"), ("a", "2")];
        let pairs: HeaderMap = pairs.into_iter().chain([("authorization", "")]).collect();
        let expected = [("a", "1"), ("authorization", "b,c"), ("a", "2")].into_iter().collect();
        assert_eq!(gathered(MapType::HttpRequestHeaders, &pairs), expected);
        // Of a response it is a header like others.
        assert_eq!(gathered(MapType::HttpResponseHeaders, &pairs), pairs);
    }

    #[test]
    fn the_authority_has_two_names() {
        let mut headers = [(":authority", "a")].into_iter().collect();
        let map = MapType::HttpRequestHeaders;
        add(&mut headers, map, b"Host", b"b");
        assert_eq!(headers, [(":authority", "a,b")].into_iter().collect());
        assert_eq!(kept_as(MapType::HttpResponseHeaders, b"host".to_vec()), b"host");
    }
}
