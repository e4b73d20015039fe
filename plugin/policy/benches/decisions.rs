//! What a decision costs natively, from a request's headers on: `cargo bench -p gwauthz-policy --bench decisions`.
#![expect(clippy::unwrap_used, reason = "a bench may fail by panicking")]

use std::{
    hint::black_box,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use criterion::{Criterion, criterion_group, criterion_main};
use gwauthz_policy::{CalloutReply, Config, Engine, Exchange, HeaderMap, Request, Step};
use p256::ecdsa::{Signature, SigningKey, signature::Signer as _};

fn decisions(c: &mut Criterion) {
    let token = format!("Bearer {}", token());
    for (case, config, path, token, expected) in [
        ("a token is missing", r#"{"cluster":"authz"}"#.to_owned(), "/orders", None, "missing_token"),
        ("a path is open", r#"{"cluster":"authz","bypassPaths":["/health"]}"#.to_owned(), "/health", None, "bypass"),
        ("the service is asked", r#"{"cluster":"authz"}"#.to_owned(), "/orders", Some(&token), "callout"),
        (
            "the service has allowed it",
            r#"{"cluster":"authz","cache":{"allowTtl":"5s"}}"#.to_owned(),
            "/orders",
            Some(&token),
            "authorized_by_service",
        ),
        ("the token has been verified", issuers(), "/orders", Some(&token), "verified"),
    ] {
        let mut engine = Engine::new(Config::from_slice(config.as_bytes()).unwrap().config);
        let headers = headers(path, token.map(String::as_str));
        let mut first = Exchange::new(1);
        first.handle_request(&mut engine, Request::new(&headers), now());
        first.handle_callout_reply(&mut engine, CalloutReply::Status(b"200"), now());
        assert_eq!(decide(&mut engine, &headers), expected, "{case}");
        c.bench_function(case, |bencher| bencher.iter(|| decide(&mut engine, black_box(&headers))));
    }
}

fn decide(engine: &mut Engine, headers: &HeaderMap) -> &'static str {
    match Exchange::new(2).handle_request(engine, Request::new(headers), now()).unwrap() {
        Step::Continue(permit) => permit.reason().code(),
        Step::Deny(answer) => answer.denial.code(),
        Step::Callout(_) => "callout",
        Step::Wait => "wait",
    }
}

/// Headers such as a browser's request has.
fn headers(path: &str, authorization: Option<&str>) -> HeaderMap {
    let mut headers = vec![
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "api.example.com"),
        (":path", path),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0"),
        ("accept", "application/json"),
        ("accept-encoding", "gzip, deflate, br"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-request-id", "5f0c7d3e-7a64-9f53-8f0a-0f6a3d0b1c2d"),
    ];
    headers.extend(authorization.map(|value| ("authorization", value)));
    HeaderMap::new(&headers)
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

fn key() -> SigningKey {
    SigningKey::from_slice(&[7; 32]).unwrap()
}

fn issuers() -> String {
    let point = key().verifying_key().to_sec1_point(false);
    let [x, y] = [point.x(), point.y()].map(|coordinate| Base64UrlUnpadded::encode_string(coordinate.unwrap()));
    format!(
        r#"{{"issuers":[{{"issuer":"https://a","audiences":["api"],"algorithms":["ES256"],
            "jwks":{{"inline":{{"keys":[{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"}}]}}}}}}]}}"#
    )
}

fn token() -> String {
    let encode = |text: &str| Base64UrlUnpadded::encode_string(text.as_bytes());
    let claims =
        r#"{"iss":"https://a","aud":["api"],"sub":"user-1","jti":"5f0c7d3e","iat":1699999000,"exp":1700003600}"#;
    let signed = format!("{}.{}", encode(r#"{"alg":"ES256","typ":"JWT"}"#), encode(claims));
    let signature: Signature = key().sign(signed.as_bytes());
    format!("{signed}.{}", Base64UrlUnpadded::encode_string(&signature.to_bytes()))
}

criterion_group!(benches, decisions);
criterion_main!(benches);
