//! Any bytes as a path: what it opens lies below what is open however it is read, and no reading of it slips past a
//! stricter rule.
#![no_main]

#[path = "../readings.rs"]
mod readings;

use std::time::UNIX_EPOCH;

use gwauthz_policy::{CalloutReply, Config, Engine, Exchange, HeaderMap, Request, Step};
use libfuzzer_sys::fuzz_target;

const OPEN: [&str; 2] = ["/health", "/public/"];
/// Without a time and without a scope: {"alg":"ES256"}.{"jti":"a"}.signature
const TOKEN: &str = "Bearer eyJhbGciOiJFUzI1NiJ9.eyJqdGkiOiJhIn0.c2lnbmF0dXJl";

fuzz_target!(|path: &[u8]| {
    for ambiguous in ["reject", "neverMatch"] {
        let config = format!(
            r#"{{"cluster":"authz","bypassPaths":["/health","/public/"],"paths":{{"ambiguous":"{ambiguous}"}},
                "rules":[{{"match":{{"path":{{"prefix":"/admin"}}}},"require":{{"scopes":["admin"]}}}}]}}"#
        );
        if passes(&config, path, None) {
            readings::assert_lies_below(&OPEN, path);
        }
        if passes(&config, path, Some(TOKEN)) {
            for reading in readings::readings(path) {
                assert!(!is_strict(&reading), "{reading:?} needs a scope");
            }
        }
    }
});

/// Whether a request passes which the service allows.
fn passes(config: &str, path: &[u8], credentials: Option<&str>) -> bool {
    let mut engine = Engine::new(Config::from_slice(config.as_bytes()).expect("it is valid").config);
    let mut headers = vec![(":path", path)];
    headers.extend(credentials.map(|value| ("authorization", value.as_bytes())));
    let mut exchange = Exchange::new(1);
    let step = exchange.handle_request(&mut engine, Request::new(&HeaderMap::new(&headers)), UNIX_EPOCH);
    assert!(credentials.is_some() || !matches!(step, Some(Step::Callout(_))), "asked without a token");
    exchange.handle_callout_reply(&mut engine, CalloutReply::Status(b"200"), UNIX_EPOCH);
    exchange.is_allowed()
}

/// Whether a lax upstream finds the path below `/admin`: parameters, empty and dot segments taken out, in any case.
fn is_strict(path: &str) -> bool {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment.split(';').next().unwrap_or_default() {
            "" | "." => {}
            ".." => drop(segments.pop()),
            name => segments.push(name),
        }
    }
    segments.first().is_some_and(|first| first.eq_ignore_ascii_case("admin"))
}
