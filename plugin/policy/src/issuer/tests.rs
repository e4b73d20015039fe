use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use p256::ecdsa::{Signature, SigningKey, signature::Signer as _};

use crate::{Config, Denial, Engine, Exchange, FetchId, FetchReply, HeaderMap, Report, Request, Step};

const CONFIG: &str = r#"{"timeout":2000,"bypassPaths":[],"tokens":{"maxFailures":3},"issuers":[{"issuer":"https://a","audiences":["api"],
    "jwks":{"cluster":"outbound|443||a.local","refresh":"1m","staleFor":"10m"}}]}"#;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
}

/// A key, by a number that is its `kid` too.
struct Key(u8);

impl Key {
    fn signing(&self) -> SigningKey {
        SigningKey::from_slice(&[self.0; 32]).unwrap()
    }

    fn jwk(&self) -> String {
        let point = self.signing().verifying_key().to_sec1_point(false);
        let coordinate =
            |bytes: Option<&_>| Base64UrlUnpadded::encode_string(bytes.map(AsRef::<[u8]>::as_ref).unwrap());
        let (x, y) = (coordinate(point.x().map(|x| &**x)), coordinate(point.y().map(|y| &**y)));
        format!(r#"{{"kty":"EC","crv":"P-256","kid":"{}","x":"{x}","y":"{y}"}}"#, self.0)
    }

    fn token(&self) -> String {
        let encode = |text: &str| Base64UrlUnpadded::encode_string(text.as_bytes());
        let header = encode(&format!(r#"{{"alg":"ES256","kid":"{}"}}"#, self.0));
        let signed = format!("{header}.{}", encode(r#"{"iss":"https://a","aud":"api","exp":1800000000}"#));
        let signature: Signature = self.signing().sign(signed.as_bytes());
        format!("{signed}.{}", Base64UrlUnpadded::encode_string(&signature.to_bytes()))
    }
}

fn set(keys: &[Key]) -> String {
    let keys: Vec<_> = keys.iter().map(Key::jwk).collect();
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}

struct Gateway {
    engine: Engine,
    fetched: usize,
}

impl Gateway {
    fn new() -> Self {
        Self { engine: Engine::new(Config::from_slice(CONFIG.as_bytes()).unwrap().config), fetched: 0 }
    }

    /// What becomes of a request with this token.
    fn ask(&mut self, exchange: &mut Exchange, token: &str, now: u64) -> &'static str {
        let headers = HeaderMap::new(&[(":path", "/"), ("authorization", &format!("Bearer {token}"))]);
        let source = || b"192.0.2.1".to_vec();
        let request = Request::new(&headers).with_source(&source);
        match exchange.handle_request(&mut self.engine, request, at(now)) {
            Some(Step::Continue(permit)) => permit.reason().code(),
            Some(Step::Deny(answer)) => answer.denial.code(),
            Some(Step::Wait) => "wait",
            Some(Step::Callout(_)) | None => panic!("nothing to ask"),
        }
    }

    fn outcome(&mut self, token: &str, now: u64) -> &'static str {
        let mut exchange = Exchange::new(99);
        let outcome = self.ask(&mut exchange, token, now);
        exchange.handle_end(&mut self.engine);
        outcome
    }

    /// Ticks, and has what is to be fetched replied to; gives how often that was.
    fn tick(&mut self, status: &str, body: &str, now: u64) -> usize {
        let fetches = self.engine.handle_tick(at(now));
        for fetch in &fetches {
            let sent = fetch.callout.headers();
            assert!(sent.starts_with(&[
                (":method", "GET"),
                (":path", "/.well-known/jwks.json"),
                (":authority", "a.local"),
            ]));
            let reply = FetchReply { status: status.as_bytes(), etag: None, body: body.into() };
            self.engine.handle_fetch_reply(fetch.id, Some(reply), at(now));
        }
        self.fetched += fetches.len();
        fetches.len()
    }
}

#[test]
fn requests_wait_for_the_first_keys_until_they_come() {
    let mut gateway = Gateway::new();
    assert_eq!(gateway.engine.next_tick(at(0)), Some(Duration::ZERO));
    let (mut first, mut second) = (Exchange::new(1), Exchange::new(2));
    assert_eq!(gateway.ask(&mut first, &Key(1).token(), 0), "wait");
    assert_eq!(gateway.ask(&mut second, &Key(2).token(), 0), "wait");
    assert!(gateway.engine.take_woken().is_empty());
    assert_eq!(gateway.tick("200", &set(&[Key(1)]), 1), 1);
    assert_eq!(gateway.engine.take_woken(), [1, 2]);
    assert_eq!(gateway.ask(&mut first, &Key(1).token(), 1), "verified");
    assert_eq!(gateway.ask(&mut second, &Key(2).token(), 1), "unknown_key");
}

#[test]
fn who_has_waited_for_its_time_is_denied() {
    waits_until_denied(0, 2);
}

#[test]
fn a_clock_that_steps_back_keeps_nobody_waiting_for_keys() {
    waits_until_denied(10_000, 9_000);
}

fn waits_until_denied(came: u64, denied: u64) {
    let mut gateway = Gateway::new();
    let mut exchange = Exchange::new(1);
    assert_eq!(gateway.ask(&mut exchange, &Key(1).token(), came), "wait");
    gateway.tick("503", "", came);
    // Each try wakes it, and it waits on.
    assert_eq!(gateway.engine.take_woken(), [1]);
    assert_eq!(gateway.ask(&mut exchange, &Key(1).token(), came), "wait");
    assert_eq!(gateway.engine.next_tick(at(denied)), Some(Duration::ZERO));
    gateway.engine.handle_tick(at(denied));
    assert_eq!(gateway.engine.take_woken(), [1]);
    assert_eq!(gateway.ask(&mut exchange, &Key(1).token(), denied), "keys_unavailable");
}

#[test]
fn who_has_left_is_not_woken() {
    let mut gateway = Gateway::new();
    let mut exchange = Exchange::new(1);
    gateway.ask(&mut exchange, &Key(1).token(), 0);
    exchange.handle_end(&mut gateway.engine);
    gateway.tick("200", &set(&[Key(1)]), 0);
    assert!(gateway.engine.take_woken().is_empty());
}

#[test]
fn an_unknown_key_has_the_set_fetched_once_and_not_again_for_a_while() {
    let mut gateway = Gateway::new();
    gateway.tick("200", &set(&[Key(1)]), 0);
    // The set is too fresh.
    assert_eq!(gateway.outcome(&Key(2).token(), 4), "unknown_key");
    assert_eq!(gateway.tick("200", "", 4), 0);
    let mut exchange = Exchange::new(1);
    assert_eq!(gateway.ask(&mut exchange, &Key(2).token(), 10), "wait");
    assert_eq!(gateway.outcome(&Key(3).token(), 10), "wait");
    assert_eq!(gateway.outcome(&Key(1).token(), 10), "verified");
    assert_eq!(gateway.tick("200", &set(&[Key(1), Key(2)]), 10), 1);
    assert_eq!(gateway.ask(&mut exchange, &Key(2).token(), 10), "verified");
    for second in 10..15 {
        assert_eq!(gateway.outcome(&Key(3).token(), second), "unknown_key");
        assert_eq!(gateway.tick("200", "", second), 0);
    }
    assert_eq!(gateway.fetched, 2);
}

#[test]
fn the_last_good_set_counts_until_it_is_too_old() {
    let mut gateway = Gateway::new();
    gateway.tick("200", &set(&[Key(1)]), 0);
    let reply = |gateway: &mut Gateway, body: &str, now| {
        let reply = FetchReply { status: b"200", etag: None, body: body.into() };
        gateway.engine.handle_fetch_reply(FetchId::Keys(0), Some(reply), at(now));
        std::iter::from_fn(|| gateway.engine.next_report()).find_map(|report| match report {
            Report::Log(line) => Some(line),
            _ => None,
        })
    };
    let said = reply(&mut gateway, "{}", 60).unwrap();
    assert!(said.contains("https://a") && said.contains("`keys`"), "{said}");
    assert_eq!(reply(&mut gateway, "{}", 61), None, "said once");
    assert_eq!(gateway.outcome(&Key(1).token(), 11 * 60), "verified");
    assert_eq!(gateway.outcome(&Key(1).token(), 11 * 60 + 1), "wait");
    assert_eq!(gateway.tick("200", &set(&[Key(1)]), 700), 1);
    assert_eq!(gateway.outcome(&Key(1).token(), 700), "verified");
}

#[test]
fn failing_fetches_become_rarer() {
    let mut gateway = Gateway::new();
    let fetched: Vec<_> = (0..200).filter(|second| gateway.tick("500", "", *second) > 0).collect();
    assert_eq!(fetched, [0, 1, 3, 7, 15, 31, 63, 123, 183]);
}

#[test]
fn a_token_is_forgotten_with_the_key_that_verified_it() {
    let mut gateway = Gateway::new();
    gateway.tick("200", &set(&[Key(1), Key(2)]), 0);
    assert_eq!(gateway.outcome(&Key(1).token(), 0), "verified");
    assert_eq!(gateway.tick("200", &set(&[Key(2)]), 60), 1);
    assert_eq!(gateway.outcome(&Key(1).token(), 60), "unknown_key");
}

#[test]
fn a_clock_that_steps_back_neither_ages_keys_nor_stops_fetches() {
    let mut gateway = Gateway::new();
    gateway.tick("200", &set(&[Key(1)]), 10_000);
    assert_eq!(gateway.outcome(&Key(1).token(), 0), "verified");
    assert_eq!(gateway.engine.next_tick(at(0)), Some(Duration::ZERO));
    assert_eq!(gateway.tick("200", &set(&[Key(2)]), 0), 1);
    assert_eq!(gateway.outcome(&Key(2).token(), 0), "verified");
    assert_eq!(gateway.engine.next_tick(at(0)), Some(Duration::from_mins(1)));
    assert_eq!(gateway.tick("200", "", 59), 0);
    // Also where one is under way.
    let fetches = [60, 60, 0, 0].map(|now| gateway.engine.handle_tick(at(now)).len());
    assert_eq!(fetches, [1, 0, 1, 0]);
}

#[test]
fn too_many_invalid_signatures_are_answered_before_the_arithmetic() {
    let mut gateway = Gateway::new();
    gateway.tick("200", &set(&[Key(1)]), 0);
    assert_eq!(gateway.outcome(&Key(1).token(), 0), "verified");
    let forged = |number: u8| {
        let token = Key(1).token();
        let (signed, _) = token.rsplit_once('.').unwrap();
        format!("{signed}.{}", Base64UrlUnpadded::encode_string(&[number; 64]))
    };
    for number in 1..=3 {
        assert_eq!(gateway.outcome(&forged(number), 0), "invalid_signature");
    }
    assert_eq!(gateway.outcome(&forged(4), 0), "too_many_failures");
    assert_eq!(gateway.outcome(&Key(1).token(), 0), "verified", "what is verified already costs nothing");
    assert_eq!(gateway.outcome(&forged(4), 60), "invalid_signature");
    assert_eq!(Denial::TooManyFailures.code(), "too_many_failures");
}
