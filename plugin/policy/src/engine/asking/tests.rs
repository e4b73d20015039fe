use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::{
    Config, Engine, Exchange, HeaderMap, Request,
    engine::tests::{name, reply},
};

/// {"alg":"ES256"}.{"jti":"a"}.signature
const TOKEN: &str = "Bearer eyJhbGciOiJFUzI1NiJ9.eyJqdGkiOiJhIn0.c2lnbmF0dXJl";

fn at(milliseconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000) + Duration::from_millis(milliseconds)
}

/// A gateway that retries after 50 to 100 ms.
fn patient() -> Engine {
    let config = br#"{"cluster":"c","callout":{"retry":{"attempts":2,"backoff":100}}}"#;
    Engine::new(Config::from_slice(config).unwrap().config)
}

fn request(engine: &mut Engine, exchange: &mut Exchange, now: SystemTime) -> Option<&'static str> {
    let headers = HeaderMap::new(&[(":path", "/"), ("authorization", TOKEN)]);
    exchange.handle_request(engine, Request::new(&headers), now).as_ref().map(name)
}

#[test]
fn a_request_waits_for_its_retry_and_is_decided_by_it() {
    let (mut engine, mut exchange) = (patient(), Exchange::new(7));
    assert_eq!(engine.next_tick(at(0)), None);
    assert_eq!(request(&mut engine, &mut exchange, at(0)), Some("callout"));
    assert_eq!(reply(&mut engine, &mut exchange, b"503", at(10)), Some("wait"));
    assert!(!exchange.is_allowed());
    let next = engine.next_tick(at(10)).unwrap();
    assert!((50..=100).contains(&next.as_millis()), "{next:?}");
    assert_eq!(reply(&mut engine, &mut exchange, b"200", at(11)), None, "none is awaited");
    engine.handle_tick(at(10) + next);
    assert_eq!(engine.take_woken(), [7]);
    assert_eq!(request(&mut engine, &mut exchange, at(10) + next), Some("callout"));
    assert_eq!(reply(&mut engine, &mut exchange, b"200", at(300)), Some("authorized_by_service"));
    assert_eq!(reply(&mut engine, &mut exchange, b"403", at(301)), None);
    assert_eq!(engine.next_tick(at(301)), None);
}

#[test]
fn whoever_is_woken_too_early_waits_on() {
    let (mut engine, mut exchange) = (patient(), Exchange::new(7));
    request(&mut engine, &mut exchange, at(0));
    reply(&mut engine, &mut exchange, b"503", at(0));
    assert_eq!(request(&mut engine, &mut exchange, at(1)), Some("wait"));
    engine.handle_tick(at(100));
    assert_eq!(engine.take_woken().last(), Some(&7));
    assert_eq!(request(&mut engine, &mut exchange, at(100)), Some("callout"));
    assert_eq!(reply(&mut engine, &mut exchange, b"503", at(101)), Some("authorization_unavailable"));
    assert_eq!(request(&mut engine, &mut exchange, at(102)), None);
}

#[test]
fn a_clock_that_steps_back_delays_no_retry() {
    let (mut engine, mut exchange) = (patient(), Exchange::new(7));
    request(&mut engine, &mut exchange, at(5000));
    reply(&mut engine, &mut exchange, b"503", at(5000));
    assert_eq!(engine.next_tick(at(0)), Some(Duration::ZERO));
    engine.handle_tick(at(0));
    assert_eq!(engine.take_woken(), [7]);
    assert_eq!(request(&mut engine, &mut exchange, at(0)), Some("callout"));
    assert_eq!(reply(&mut engine, &mut exchange, b"200", at(1)), Some("authorized_by_service"));
}

#[test]
fn who_leaves_while_waiting_is_not_woken() {
    let (mut engine, mut exchange) = (patient(), Exchange::new(7));
    request(&mut engine, &mut exchange, at(0));
    reply(&mut engine, &mut exchange, b"503", at(0));
    exchange.handle_end(&mut engine);
    assert_eq!(engine.next_tick(at(0)), None);
    engine.handle_tick(at(100));
    assert!(engine.take_woken().is_empty());
}

#[test]
fn what_rules_require_is_looked_at_behind_any_of_the_services() {
    let config = br#"{"cluster":"a","callout":{"fallbacks":[{"cluster":"b"}]},"rules":[{"require":{"scopes":["x"]}}]}"#;
    let mut engine = Engine::new(Config::from_slice(config).unwrap().config);
    let mut exchange = Exchange::new(1);
    assert_eq!(request(&mut engine, &mut exchange, at(0)), Some("callout"));
    assert_eq!(reply(&mut engine, &mut exchange, b"503", at(1)), Some("callout"));
    assert_eq!(reply(&mut engine, &mut exchange, b"200", at(2)), Some("insufficient_scope"));
    assert!(!exchange.is_allowed());
}

#[test]
fn questions_show_no_token() {
    let (mut engine, mut exchange) = (patient(), Exchange::new(7));
    request(&mut engine, &mut exchange, at(0));
    let shown = format!("{exchange:?}");
    assert!(shown.contains("Question") && !shown.contains("c2lnbmF0dXJl"), "{shown}");
}
