//! What the fuzz targets of the policy are handed, handed to the compiled plugin.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use gwauthz_host::scenario::{Request, TokenKey};
use serde_json::json;

use crate::{
    configs::CONFIGS,
    gateway::{Answer, Headers, Services, compare, send, start},
    inputs::inputs,
};

/// The key that tokens of scenarios are signed with (RFC 7515, appendix A.3.1).
pub(crate) const PUBLISHED: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;

/// A configuration with the issuer of scenarios' tokens, its keys from there, and these keys more.
pub(crate) fn issuer(jwks: &str, more: &str) -> String {
    format!(
        r#"{{"bypassPaths":[],"timeout":100{more},"issuers":[{{"issuer":"https://issuer.gwauthz.example","audiences":["gwauthz-demo"],"jwks":{jwks}}}]}}"#
    )
}

/// A request with this token.
pub(crate) fn with_token(token: &[u8]) -> Headers {
    let headers = [(":method", b"GET".as_slice()), (":path", b"/"), (":authority", b"h")];
    let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_vec()));
    headers.chain([("authorization".to_owned(), [b"Bearer ".as_slice(), token].concat())]).collect()
}

/// A valid token with these claims, at the time of the tests.
pub(crate) fn valid(claims: serde_json::Value) -> Vec<u8> {
    let request: Request = serde_json::from_value(json!({"token": {"claims": claims}})).unwrap();
    let sent = request.client_request(Duration::from_secs(1_790_000_000), &TokenKey::published().unwrap());
    sent.token.unwrap().into_bytes()
}

#[test]
fn configurations() {
    let (mut accepted, mut refused) = (0, 0);
    for input in inputs("config") {
        match start(&input, Services::default()) {
            Some(mut gateway) => {
                accepted += 1;
                let headers = vec![(":path".to_owned(), "/%20".repeat(64).into_bytes())];
                assert!(!send(&mut gateway, &headers).is_allowed(), "everything needs no token: {input:?}");
            }
            None => refused += 1,
        }
    }
    assert!(accepted >= 5 && refused >= 100, "{accepted} {refused}");
}

#[test]
fn requests() {
    let (mut allowed, mut denied) = (0, 0);
    for input in inputs("request") {
        let Some((choice, script)) = input.split_first() else { continue };
        let (configuration, _) = CONFIGS[usize::from(*choice) % CONFIGS.len()];
        let (headers, authorization) = read(script);
        let services = Services { authorization, ..Services::default() };
        let mut gateway = start(configuration.as_bytes(), services.clone()).unwrap();
        match compare(&mut gateway, configuration, &headers, &services) {
            true => allowed += 1,
            false => denied += 1,
        }
    }
    assert!(allowed >= 10 && denied >= 100, "{allowed} {denied}");
}

/// The headers of a script, and the first reply in it.
fn read(script: &[u8]) -> (Headers, Answer) {
    let (mut headers, mut answer, mut sent) = (Headers::new(), None, false);
    for line in script.split(|byte| *byte == b'\n') {
        let (word, rest) = line.split_at(line.iter().position(|byte| *byte == b' ').unwrap_or(line.len()));
        let rest = rest.strip_prefix(b" ").unwrap_or(rest);
        match word {
            b">" => sent = true,
            b"<" => answer = answer.or_else(|| Some(Answer::Status(rest.to_vec()))),
            b"reset" => answer = answer.or(Some(Answer::Reset)),
            b"unsent" => answer = answer.or(Some(Answer::Refused)),
            _ if sent => {}
            b"token" => {
                let parts: Vec<_> =
                    rest.splitn(2, |byte| *byte == b'|').map(|part| URL_SAFE_NO_PAD.encode(part)).collect();
                headers.push(("authorization".to_owned(), format!("Bearer {}.c2ln", parts.join(".")).into_bytes()));
            }
            name => {
                let name = String::from_utf8_lossy(name).to_ascii_lowercase();
                // A gateway joins the values of most names that it knows, and shows no pseudo-header twice.
                if name.starts_with("x-") || headers.iter().all(|(other, _)| *other != name) {
                    headers.push((name, rest.to_vec()));
                }
            }
        }
    }
    (headers, answer.unwrap_or(Answer::Refused))
}

#[test]
fn paths() {
    let (mut allowed, mut denied) = (0, 0);
    // A gateway shows the absolute form as the path that it holds.
    for path in inputs("path").into_iter().filter(|path| !path.starts_with(b"http")) {
        for (configuration, _) in [CONFIGS[1], CONFIGS[6]] {
            let services = Services::default();
            let mut gateway = start(configuration.as_bytes(), services.clone()).unwrap();
            let mut headers = with_token(&valid(json!({})));
            headers[1].1.clone_from(&path);
            for headers in [headers[..3].to_vec(), headers] {
                match compare(&mut gateway, configuration, &headers, &services) {
                    true => allowed += 1,
                    false => denied += 1,
                }
            }
        }
    }
    assert!(allowed >= 100 && denied >= 100, "{allowed} {denied}");
}

#[test]
fn tokens() {
    let configuration = issuer(&format!(r#"{{"inline":{{"keys":[{PUBLISHED}]}}}}"#), "");
    let services = Services::default();
    let mut gateway = start(configuration.as_bytes(), services.clone()).unwrap();
    let allowed: usize = inputs("token")
        .into_iter()
        .map(|token| usize::from(compare(&mut gateway, &configuration, &with_token(&token), &services)))
        .sum();
    assert_eq!(allowed, 0, "a seed is valid then");
    let valid = valid(json!({}));
    assert!(compare(&mut gateway, &configuration, &with_token(&valid), &services));
    // One bit changed at a time. The last one of a signature means nothing, and has to be 0.
    for (number, bit) in (0..valid.len()).flat_map(|number| (0..8).map(move |bit| (number, bit))) {
        let mut changed = valid.clone();
        changed[number] ^= 1 << bit;
        assert!(!send(&mut gateway, &with_token(&changed)).is_allowed(), "{number} {bit}");
    }
}

#[test]
fn key_sets() {
    let configuration = issuer(r#"{"cluster":"keys","authority":"keys"}"#, "");
    let valid = with_token(&valid(json!({})));
    let mut sets = inputs("jwks");
    sets.push(format!(r#"{{"keys":[{PUBLISHED}]}}"#).into_bytes());
    let mut allowed = 0;
    for keys in sets {
        let services = Services { keys, ..Services::default() };
        let mut gateway = start(configuration.as_bytes(), services.clone()).unwrap();
        allowed += usize::from(compare(&mut gateway, &configuration, &valid, &services));
    }
    assert!(allowed >= 1, "{allowed}");
}

#[test]
fn snapshots() {
    let snapshot =
        r#","revocation":{"snapshot":{"cluster":"revocations","authority":"h","maxStale":"24h"},"claims":["jti"]}"#;
    let inline = format!(r#"{{"inline":{{"keys":[{PUBLISHED}]}}}}"#);
    let (mut allowed, mut denied) = (0, 0);
    for more in [snapshot.to_owned(), format!(r#","cluster":"authz"{snapshot}"#)] {
        let configuration = issuer(&inline, &more);
        for revocations in inputs("snapshot") {
            let services = Services { revocations, ..Services::default() };
            let mut gateway = start(configuration.as_bytes(), services.clone()).unwrap();
            for id in ["a", "other"] {
                match compare(&mut gateway, &configuration, &with_token(&valid(json!({"jti": id}))), &services) {
                    true => allowed += 1,
                    false => denied += 1,
                }
            }
        }
    }
    assert!(allowed >= 10 && denied >= 100, "{allowed} {denied}");
}
