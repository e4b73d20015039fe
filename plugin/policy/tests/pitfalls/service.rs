//! The authorization service, and what is kept of its word.

use std::{fs, path::Path};

use gwauthz_policy::{CalloutReply, Step};

use crate::gateway::{ES256, Gateway, Held, KEY, Key, NOW, claims, issuer, name};

#[test]
fn admitted_streams_outlive_exp_and_revocation() {
    let mut gateway = Gateway::new(&issuer(&[KEY.jwk("")]));
    let credentials = format!("Bearer {}", KEY.sign(ES256, &claims("")));
    let mut held = gateway.open(&[(":path", b"/"), ("authorization", credentials.as_bytes())]);
    gateway.set_clock(NOW + 1_000_000);
    gateway.tick();
    assert_eq!(gateway.again(&mut held), None);
    assert!(held.exchange.is_allowed());
    // Whoever configures it is told.
    let told = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../CONFIG.md")).unwrap();
    assert!(told.contains("neither the end of its token's time nor its revocation ends a stream that is under\nway"));
}

const CACHED: &str = r#"{"cluster":"authz","bypassPaths":[],"cache":{"allowTtl":"60s","denyTtl":"60s"},
    "callout":{"forward":{"method":true,"path":true,"host":true,"headers":["x-tenant","x-b"]}}}"#;

/// A request of this token.
fn headers(credentials: &str) -> Vec<(&'static str, &[u8])> {
    vec![
        (":method", b"GET"),
        (":path", b"/orders"),
        (":authority", b"a.example"),
        ("x-tenant", b"one"),
        ("authorization", credentials.as_bytes()),
    ]
}

fn bearer(more: &str) -> String {
    format!("Bearer {}", KEY.sign(ES256, &claims(more)))
}

#[test]
fn the_cache_key_covers_the_token_and_whatever_the_service_sees() {
    let (one, other) = (bearer(""), bearer(r#","a":1"#));
    let resigned = format!("Bearer {}", Key(9).sign(ES256, &claims("")));
    for status in [&b"200"[..], b"403"] {
        let mut gateway = Gateway::new(CACHED);
        let decided = gateway.answered(&headers(&one), status);
        assert_eq!(gateway.outcome(&headers(&one)), decided, "it is kept");
        // The same claims under another signature are another token.
        for token in [&other, &resigned] {
            assert_eq!(gateway.outcome(&headers(token)), "callout");
        }
        for (place, value) in [(0, &b"POST"[..]), (1, b"/orders?all"), (1, b"/order"), (2, b"b.example"), (3, b"two")] {
            let mut headers = headers(&one);
            headers[place].1 = value;
            assert_eq!(gateway.outcome(&headers), "callout", "{place}");
        }
        // Not where one part ends and the next begins either.
        for more in [("x-tenant", b"".as_slice()), ("x-b", b"one"), ("x-b", b"")] {
            assert_eq!(gateway.outcome(&[headers(&one), vec![more]].concat()), "callout", "{more:?}");
        }
        // What the service does not see does not matter.
        assert_eq!(gateway.outcome(&[headers(&one), vec![("x-other", b"1".as_slice())]].concat()), decided);
    }
}

#[test]
fn the_cache_key_covers_the_configuration() {
    let one = bearer("");
    let mut gateway = Gateway::new(CACHED);
    assert_eq!(gateway.answered(&headers(&one), b"200"), "authorized_by_service");
    // A configuration has an engine of its own.
    assert_eq!(Gateway::new(CACHED).outcome(&headers(&one)), "callout");
}

#[test]
fn rules_are_looked_at_whatever_is_cached() {
    let config = CACHED.replacen('{', r#"{"rules":[{"match":{"methods":["DELETE"]},"require":{"scopes":["x"]}}],"#, 1);
    let config = config.replace(r#""method":true"#, r#""method":false"#);
    let one = bearer("");
    let mut gateway = Gateway::new(&config);
    assert_eq!(gateway.answered(&headers(&one), b"200"), "authorized_by_service");
    assert_eq!(gateway.outcome(&headers(&one)), "authorized_by_service");
    let mut deleting = headers(&one);
    deleting[0].1 = b"DELETE";
    assert_eq!(gateway.outcome(&deleting), "insufficient_scope");
}

#[test]
fn an_allow_is_never_cached_past_exp() {
    let mut gateway = Gateway::new(CACHED);
    let short = format!("Bearer {}", KEY.sign(ES256, &format!(r#"{{"jti":"t","exp":{}}}"#, NOW + 10)));
    assert_eq!(gateway.answered(&headers(&short), b"200"), "authorized_by_service");
    for (second, expected) in [(9, "authorized_by_service"), (10, "callout"), (29, "callout"), (40, "expired_token")] {
        gateway.set_clock(NOW + second);
        assert_eq!(gateway.outcome(&headers(&short)), expected, "{second}");
    }
}

#[test]
fn an_allow_is_never_cached_past_the_stated_revocation_lag() {
    let one = bearer("");
    for (lag, last) in [("5s", 4), ("1s", 0)] {
        let mut gateway = Gateway::new(&CACHED.replacen('{', &format!(r#"{{"revocation":{{"maxLag":"{lag}"}},"#), 1));
        assert_eq!(gateway.answered(&headers(&one), b"200"), "authorized_by_service");
        gateway.set_clock(NOW + last);
        assert_eq!(gateway.outcome(&headers(&one)), "authorized_by_service");
        gateway.set_clock(NOW + last + 1);
        assert_eq!(gateway.outcome(&headers(&one)), "callout");
    }
    let mut gateway = Gateway::new(&CACHED.replacen('{', r#"{"revocation":{"maxLag":"0s"},"#, 1));
    assert_eq!(gateway.answered(&headers(&one), b"200"), "authorized_by_service");
    assert_eq!(gateway.outcome(&headers(&one)), "callout");
}

#[test]
fn an_error_is_never_cached() {
    let one = bearer("");
    let mut gateway = Gateway::new(CACHED);
    for reply in [
        CalloutReply::NotSent,
        CalloutReply::Reset,
        CalloutReply::Status(b"500"),
        CalloutReply::Status(b"503"),
        CalloutReply::Status(b"504"),
        CalloutReply::Status(b"302"),
        CalloutReply::Status(b"204"),
        CalloutReply::Status(b"429"),
    ] {
        let mut held = gateway.open(&headers(&one));
        assert_eq!(name(&held.step), "callout", "{reply:?}");
        assert!(matches!(gateway.reply(&mut held, reply), Some(Step::Deny(_))));
    }
}

#[test]
fn the_service_answers_anything_but_200() {
    let one = bearer("");
    for status in (0..=999).map(|status| format!("{status:03}")) {
        let expected = match status.as_str() {
            "200" => "authorized_by_service",
            "401" => "rejected_by_service",
            "403" => "revoked_token",
            _ => "authorization_unavailable",
        };
        let config = r#"{"cluster":"authz","bypassPaths":[]}"#;
        assert_eq!(Gateway::new(config).answered(&headers(&one), status.as_bytes()), expected, "{status}");
    }
    for status in ["", "20", "2000", " 200", "200 ", "+200", "2e2", "OK", "200 OK", "\u{0662}\u{0660}\u{0660}"] {
        let config = r#"{"cluster":"authz","bypassPaths":[]}"#;
        let outcome = Gateway::new(config).answered(&headers(&one), status.as_bytes());
        assert_eq!(outcome, "authorization_unavailable", "{status:?}");
    }
}

#[test]
fn nothing_that_is_shown_holds_the_token_or_its_claims() {
    let one = bearer(r#","sub":"alice-in-clear""#);
    let config =
        issuer(&[KEY.jwk("")]).replacen('{', r#"{"cluster":"authz","headers":{"set":{"x-user-id":"sub"}},"#, 1);
    let mut gateway = Gateway::new(&config);
    let Held { exchange, step } = gateway.open(&headers(&one));
    let signature = one.rsplit_once('.').unwrap().1;
    let payload = one.split('.').nth(1).unwrap();
    for shown in [format!("{exchange:?}"), format!("{step:?}"), gateway.shown()] {
        for secret in [signature, payload, "alice-in-clear"] {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
    }
}
