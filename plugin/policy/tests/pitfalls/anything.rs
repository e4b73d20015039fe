//! Any bytes in any place: one answer, no panic, and nobody passes who has no permit.

use gwauthz_policy::{CalloutReply, Config, Step};
use proptest::prelude::*;

use crate::gateway::{ES256, Gateway, Held, KEY, claims, issuer, name, verifying};

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..64),
        "[\\x00-\\xff]{0,40}".prop_map(String::into_bytes),
        r#"[{}\[\]",:a-z0-9.|=_ -]{0,60}"#.prop_map(String::into_bytes),
    ]
}

/// A token that holds, with a few bytes changed, or any bytes.
fn token() -> impl Strategy<Value = (Vec<u8>, bool)> {
    let valid = KEY.sign(ES256, &claims("")).into_bytes();
    let changed = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3).prop_map(move |changes| {
        let mut token = valid.clone();
        changes.into_iter().for_each(|(at, byte)| *at.get_mut(&mut token) = byte);
        let is_valid = token == valid;
        (token, is_valid)
    });
    prop_oneof![changed, bytes().prop_map(|bytes| (bytes, false))]
}

/// Asks for the answer twice: there is one.
fn answered(gateway: &mut Gateway, headers: &[(&str, &[u8])]) -> (&'static str, bool) {
    let mut held = gateway.open(headers);
    let first = name(&held.step);
    let allowed = held.exchange.is_allowed();
    assert_eq!(allowed, matches!(held.step, Step::Continue(_)));
    if matches!(held.step, Step::Continue(_) | Step::Deny(_)) {
        assert_eq!(gateway.again(&mut held), None);
        assert_eq!(gateway.reply(&mut held, CalloutReply::Status(b"200")), None);
        assert_eq!(held.exchange.is_allowed(), allowed);
    }
    (first, allowed)
}

proptest! {
    #[test]
    fn any_bytes_as_a_header(header in "[a-zA-Z:_-]{1,20}", value in bytes(), credentials in bytes()) {
        let headers = [(":path", b"/".as_slice()), (&header, &value), ("authorization", &credentials)];
        let (outcome, allowed) = answered(&mut verifying(), &headers);
        prop_assert!(!allowed, "{outcome}");
    }

    #[test]
    fn any_bytes_as_a_path(path in bytes()) {
        let config = r#"{"cluster":"authz","bypassPaths":["/health"],"rules":[{"match":{"path":{"template":"/u/{id}"}},"auth":"none"}]}"#;
        let (outcome, allowed) = answered(&mut Gateway::new(config), &[(":path", &path)]);
        prop_assert!(!allowed || path.starts_with(b"/health") || path.starts_with(b"/u/"), "{outcome}");
    }

    #[test]
    fn any_bytes_as_a_token((token, is_valid) in token()) {
        let credentials = [b"Bearer ".as_slice(), &token].concat();
        let (outcome, allowed) = answered(&mut verifying(), &[(":path", b"/"), ("authorization", &credentials)]);
        prop_assert_eq!(allowed, is_valid, "{}", outcome);
    }

    #[test]
    fn any_bytes_as_claims(text in bytes()) {
        // Whatever it says, the issuer has signed it: it passes only with what has to be in it.
        let signed = KEY.sign(ES256, &String::from_utf8_lossy(&text));
        prop_assert_ne!(verifying().bearer(&signed), "verified");
        let more = KEY.sign(ES256, &claims(&format!(",{}", String::from_utf8_lossy(&text))));
        let outcome = verifying().bearer(&more);
        prop_assert!(outcome != "callout" && outcome != "wait", "{outcome}");
    }

    #[test]
    fn any_bytes_as_a_jwk_set(text in bytes(), at in any::<prop::sample::Index>()) {
        let config = r#"{"bypassPaths":[],"issuers":[{"issuer":"i","audiences":["a"],"jwks":{"cluster":"keys","authority":"h"}}]}"#;
        let good = format!(r#"{{"keys":[{}]}}"#, KEY.jwk(""));
        let mut spliced = good.clone().into_bytes();
        let at = at.index(spliced.len());
        spliced.splice(at..at, text.iter().copied());
        let signed = KEY.sign(ES256, &claims(""));
        for set in [text, spliced] {
            let mut gateway = Gateway::new(config);
            prop_assert_eq!(gateway.serve(&set), 1);
            let (first, stranger) = (gateway.bearer(&signed), gateway.bearer(&crate::gateway::Key(9).sign(ES256, &claims(""))));
            prop_assert!(["verified", "wait", "invalid_signature", "unknown_key"].contains(&first), "{first}");
            prop_assert!(stranger != "verified", "{stranger}");
        }
    }

    #[test]
    fn any_bytes_as_a_reply(status in prop_oneof![prop::collection::vec(any::<u8>(), 0..5), "[0-9]{3}".prop_map(String::into_bytes)]) {
        let mut gateway = Gateway::new(r#"{"cluster":"authz","bypassPaths":[]}"#);
        let credentials = format!("Bearer {}", KEY.sign(ES256, &claims("")));
        let mut held = gateway.open(&[(":path", b"/"), ("authorization", credentials.as_bytes())]);
        prop_assert!(gateway.reply(&mut held, CalloutReply::Status(&status)).is_some());
        prop_assert_eq!(held.exchange.is_allowed(), status == b"200");
        prop_assert_eq!(gateway.reply(&mut held, CalloutReply::Status(b"200")), None);
    }

    #[test]
    fn any_bytes_as_a_snapshot(text in bytes()) {
        let config = issuer(&[KEY.jwk("")]).replacen(
            '{',
            r#"{"revocation":{"snapshot":{"cluster":"revocations","authority":"h"}},"#,
            1,
        );
        let mut gateway = Gateway::new(&config);
        let credentials = format!("Bearer {}", KEY.sign(ES256, &claims("")));
        let mut held = gateway.open(&[(":path", b"/"), ("authorization", credentials.as_bytes())]);
        prop_assert_eq!(name(&held.step), "wait");
        prop_assert_eq!(gateway.serve(&text), 1);
        let Held { exchange, .. } = &mut held;
        prop_assert!(!exchange.is_allowed());
        let outcome = gateway.bearer(credentials.trim_start_matches("Bearer "));
        prop_assert!(outcome != "verified", "{outcome}: {text:?}");
    }

    #[test]
    fn any_bytes_as_a_configuration(text in bytes()) {
        if let Err(errors) = Config::from_slice(&text) {
            prop_assert!(!errors.to_string().contains(char::is_control), "{errors}");
        }
    }
}
