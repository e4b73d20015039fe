use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use proptest::prelude::*;

use super::MOST;
use crate::{
    CalloutReply, Config, Engine, Exchange, HeaderMap, Request, Step,
    engine::tests::{name, reply},
};

/// {"alg":"ES256"}.{"jti":"a"} and signatures that tell them apart.
const TOKENS: [&str; 3] = ["c2ln", "c2lo", "c2lp"];

fn at(milliseconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000) + Duration::from_millis(milliseconds)
}

fn engine(config: &str) -> Engine {
    Engine::new(Config::from_slice(config.as_bytes()).unwrap().config)
}

fn coalescing() -> Engine {
    engine(r#"{"cluster":"c","timeout":1000,"cache":{"coalesce":true}}"#)
}

/// A gateway that may let requests pass without the service; then nobody verifies tokens before.
fn failing_open(config: &str) -> Engine {
    let keys = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    let issuers = format!(r#"[{{"issuer":"i","audiences":["a"],"jwks":{{"inline":{keys}}}}}]"#);
    let config = format!(r#"{{"cluster":"c",{config},"issuers":{issuers},"cache":{{"coalesce":true}}}}"#);
    let mut config = Config::from_slice(config.as_bytes()).unwrap().config;
    config.issuers.clear();
    Engine::new(config)
}

fn headers(signature: &str, path: &str) -> HeaderMap {
    let token = format!("Bearer eyJhbGciOiJFUzI1NiJ9.eyJqdGkiOiJhIn0.{signature}");
    HeaderMap::new(&[(":path", path), ("authorization", &token)])
}

fn ask(engine: &mut Engine, exchange: &mut Exchange, token: &str, now: SystemTime) -> Option<&'static str> {
    exchange.handle_request(engine, Request::new(&headers(token, "/")), now).as_ref().map(name)
}

#[test]
fn what_one_hears_counts_for_who_waits() {
    for (status, expected) in [
        (b"200".as_slice(), "authorized_by_service"),
        (b"401", "rejected_by_service"),
        (b"403", "revoked_token"),
        (b"500", "authorization_unavailable"),
        (b"503", "authorization_unavailable"),
    ] {
        let mut engine = coalescing();
        let mut exchanges = [1, 2, 3].map(Exchange::new);
        let steps = exchanges.each_mut().map(|exchange| ask(&mut engine, exchange, "c2ln", at(0)).unwrap());
        assert_eq!(steps, ["callout", "wait", "wait"]);
        let [first, others @ ..] = &mut exchanges;
        assert_eq!(reply(&mut engine, first, status, at(10)), Some(expected));
        assert_eq!(engine.next_tick(at(10)), Some(Duration::ZERO));
        engine.handle_tick(at(11));
        assert_eq!(engine.take_woken(), [2, 3]);
        for other in others {
            assert_eq!(ask(&mut engine, other, "c2ln", at(11)), Some(expected));
            assert_eq!(ask(&mut engine, other, "c2ln", at(11)), None, "decided once");
        }
        assert_eq!(engine.next_tick(at(11)), None);
        let mut later = Exchange::new(4);
        assert_eq!(ask(&mut engine, &mut later, "c2ln", at(11)), Some("callout"), "nothing is kept");
    }
}

#[test]
fn each_question_is_its_own() {
    let forward = r#"{"cluster":"c","cache":{"coalesce":true},"callout":{"forward":{"path":true}}}"#;
    for (config, path, expected) in [
        (r#"{"cluster":"c","cache":{"coalesce":true}}"#, "/b", "wait"),
        (forward, "/b", "callout"),
        (forward, "/", "wait"),
        (r#"{"cluster":"c"}"#, "/", "callout"),
    ] {
        let mut engine = engine(config);
        let [mut first, mut second, mut third] = [1, 2, 3].map(Exchange::new);
        assert_eq!(ask(&mut engine, &mut first, "c2ln", at(0)), Some("callout"));
        assert_eq!(ask(&mut engine, &mut second, "c2lo", at(0)), Some("callout"), "another token");
        let step = third.handle_request(&mut engine, Request::new(&headers("c2ln", path)), at(0));
        assert_eq!(step.as_ref().map(name), Some(expected), "{config} {path}");
    }
}

#[test]
fn where_the_client_leaves_who_waits_asks() {
    let mut engine = coalescing();
    let [mut first, mut second, mut third] = [1, 2, 3].map(Exchange::new);
    for exchange in [&mut first, &mut second, &mut third] {
        ask(&mut engine, exchange, "c2ln", at(0));
    }
    first.handle_end(&mut engine);
    assert_eq!(engine.take_woken(), [2], "one of them");
    // Also where that one leaves before it has asked.
    second.handle_end(&mut engine);
    assert_eq!(engine.take_woken(), [3]);
    assert_eq!(ask(&mut engine, &mut third, "c2ln", at(5)), Some("callout"));
    assert_eq!(reply(&mut engine, &mut third, b"200", at(6)), Some("authorized_by_service"));
    assert!(engine.take_woken().is_empty());
}

#[test]
fn who_is_denied_before_it_asks_hands_on_too() {
    let mut engine = coalescing();
    let mut exchanges = [1, 2, 3].map(Exchange::new);
    for exchange in &mut exchanges {
        ask(&mut engine, exchange, "c2ln", at(0));
    }
    let [first, second, third] = &mut exchanges;
    first.handle_end(&mut engine);
    assert_eq!(engine.take_woken(), [2]);
    // Its headers are gone: what it asked about is not asked any more.
    let step = second.handle_request(&mut engine, Request::new(&HeaderMap::default()), at(1));
    assert_eq!(step.as_ref().map(name), Some("missing_token"));
    assert_eq!(engine.take_woken(), [3]);
    assert_eq!(ask(&mut engine, third, "c2ln", at(2)), Some("callout"));
}

#[test]
fn nobody_waits_for_others_beyond_its_time() {
    let mut engine = engine(r#"{"cluster":"c","timeout":1000,"onError":"deny","cache":{"coalesce":true}}"#);
    let [mut first, mut second] = [1, 2].map(Exchange::new);
    ask(&mut engine, &mut first, "c2ln", at(0));
    assert_eq!(ask(&mut engine, &mut second, "c2ln", at(100)), Some("wait"));
    assert_eq!(engine.next_tick(at(100)), Some(Duration::from_millis(1000)));
    engine.handle_tick(at(1100));
    assert_eq!(engine.take_woken(), [2]);
    let step = second.handle_request(&mut engine, Request::new(&headers("c2ln", "/")), at(1100));
    let Some(Step::Deny(answer)) = step else { panic!("{step:?}") };
    assert_eq!((answer.denial.code(), answer.status), ("authorization_unavailable", 503));
    assert!(answer.headers.iter().any(|(name, _)| *name == "retry-after"));
    assert_eq!(reply(&mut engine, &mut first, b"200", at(1101)), Some("authorized_by_service"));
    assert!(engine.take_woken().is_empty());
}

#[test]
fn a_clock_that_steps_back_keeps_nobody_waiting_for_others() {
    let mut engine = coalescing();
    let [mut first, mut second] = [1, 2].map(Exchange::new);
    ask(&mut engine, &mut first, "c2ln", at(5000));
    assert_eq!(ask(&mut engine, &mut second, "c2ln", at(5000)), Some("wait"));
    assert_eq!(engine.next_tick(at(0)), Some(Duration::ZERO));
    engine.handle_tick(at(0));
    assert_eq!(engine.take_woken(), [2]);
    assert_eq!(ask(&mut engine, &mut second, "c2ln", at(0)), Some("authorization_unavailable"));
    assert_eq!(reply(&mut engine, &mut first, b"200", at(1)), Some("authorized_by_service"));
}

/// Whoever has clients leave one behind the other makes others wait, but no service unavailable.
#[test]
fn who_has_waited_in_vain_does_not_get_in_without_the_service() {
    let mut engine = failing_open(r#""onError":"allow""#);
    let [mut first, mut second, mut third] = [1, 2, 3].map(Exchange::new);
    for exchange in [&mut first, &mut second, &mut third] {
        ask(&mut engine, exchange, "c2ln", at(0));
    }
    engine.handle_tick(at(1999));
    first.handle_end(&mut engine);
    assert_eq!(engine.take_woken(), [2]);
    let step = second.handle_request(&mut engine, Request::new(&headers("c2ln", "/")), at(1999));
    let Some(Step::Callout(callout)) = step else { panic!("{step:?}") };
    assert_eq!(callout.timeout, Duration::from_secs(2), "a time that the service can keep");
    engine.handle_tick(at(2000));
    assert_eq!(engine.take_woken(), [3]);
    assert_eq!(ask(&mut engine, &mut third, "c2ln", at(2000)), Some("authorization_unavailable"));
    assert_eq!(reply(&mut engine, &mut second, b"503", at(2001)), Some("fail_open"));
}

#[test]
fn what_counts_without_the_service_each_knows_for_itself() {
    let mut engine = failing_open(r#""rules":[{"match":{"path":{"prefix":"/public"}},"onError":"allow"}]"#);
    let mut exchanges = [1, 2, 3].map(Exchange::new);
    let paths = ["/public", "/admin", "/public/a"];
    let send = |exchange: &mut Exchange, engine: &mut Engine, path: &str| {
        exchange.handle_request(engine, Request::new(&headers("c2ln", path)), at(0)).as_ref().map(name)
    };
    for ((exchange, path), expected) in exchanges.iter_mut().zip(paths).zip(["callout", "wait", "wait"]) {
        assert_eq!(send(exchange, &mut engine, path), Some(expected));
    }
    assert_eq!(reply(&mut engine, &mut exchanges[0], b"503", at(0)), Some("fail_open"));
    assert_eq!(send(&mut exchanges[1], &mut engine, paths[1]), Some("authorization_unavailable"));
    assert_eq!(send(&mut exchanges[2], &mut engine, paths[2]), Some("fail_open"));
}

#[test]
fn so_many_questions_are_remembered() {
    let mut engine = coalescing();
    let mut exchanges = Vec::new();
    for number in 0..2 * MOST {
        let mut exchange = Exchange::new(u32::try_from(number).unwrap());
        assert_eq!(ask(&mut engine, &mut exchange, &format!("{number:04}"), at(0)), Some("callout"));
        assert!(engine.coalescing.as_ref().unwrap().asking.len() <= MOST);
        exchanges.push(exchange);
    }
    let mut again = |number: usize| {
        let stream = u32::try_from(10 * MOST + number).unwrap();
        ask(&mut engine, &mut Exchange::new(stream), &format!("{number:04}"), at(0))
    };
    assert_eq!(again(0), Some("wait"));
    assert_eq!(again(2 * MOST - 1), Some("callout"));
    for exchange in &mut exchanges {
        exchange.handle_end(&mut engine);
    }
    // Who waited for the first asks now.
    assert_eq!(engine.coalescing.as_ref().unwrap().asking.len(), 1);
}

/// What happens next in a run.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A request with one of the tokens.
    Arrival(usize),
    /// The service replies to one of the callouts under way.
    Reply(usize, u16),
    /// A client leaves.
    Leaves(usize),
    /// Time passes, in milliseconds, and the root context ticks.
    Tick(u64),
}

fn event() -> impl Strategy<Value = Event> {
    let status = prop::sample::select(&[200, 200, 401, 403, 500, 503][..]);
    prop_oneof![
        4 => (0..TOKENS.len()).prop_map(Event::Arrival),
        2 => (0..8_usize, status).prop_map(|(which, status)| Event::Reply(which, status)),
        1 => (0..8_usize).prop_map(Event::Leaves),
        2 => (0..400_u64).prop_map(Event::Tick),
    ]
}

/// Requests under way, and what the service has said so far.
struct Run {
    engine: Engine,
    now: u64,
    open: BTreeMap<u32, (usize, u64, Exchange)>,
    asking: BTreeMap<u32, usize>,
    decided: usize,
    /// When each token was last allowed.
    allowed: [Option<u64>; TOKENS.len()],
    retries: bool,
}

impl Run {
    fn go_on(&mut self, stream: u32, step: Option<Step>) {
        let (token, came, exchange) = &self.open[&stream];
        match step.expect("a step for each event") {
            Step::Callout(_) => {
                self.asking.insert(stream, *token);
                let same = self.asking.values().filter(|asked| *asked == token).count();
                assert_eq!(same, 1, "one callout a question");
                assert!(!exchange.is_allowed());
            }
            Step::Wait => assert!(!exchange.is_allowed()),
            step => {
                if let Step::Continue(permit) = step {
                    assert_eq!(permit.reason().code(), "authorized_by_service");
                    assert!(self.allowed[*token].is_some_and(|when| when >= *came), "a verdict on its own question");
                }
                self.open.remove(&stream);
                self.decided += 1;
            }
        }
    }

    fn request(&mut self, stream: u32) {
        let Some((token, _, exchange)) = self.open.get_mut(&stream) else { return };
        let headers = headers(TOKENS[*token], "/");
        let step = exchange.handle_request(&mut self.engine, Request::new(&headers), at(self.now));
        self.go_on(stream, step);
    }

    fn reply(&mut self, which: usize, status: u16) {
        let Some((stream, token)) = self.asking.iter().nth(which).map(|(stream, token)| (*stream, *token)) else {
            return;
        };
        self.asking.remove(&stream);
        if status == 200 {
            self.allowed[token] = Some(self.now);
        }
        let (.., exchange) = self.open.get_mut(&stream).unwrap();
        let text = status.to_string();
        let step = exchange.handle_callout_reply(&mut self.engine, CalloutReply::Status(text.as_bytes()), at(self.now));
        assert!(self.retries || !matches!(step, Some(Step::Wait | Step::Callout(_))));
        self.go_on(stream, step);
    }

    fn tick(&mut self) {
        self.engine.handle_tick(at(self.now));
        for stream in self.engine.take_woken() {
            self.request(stream);
        }
    }
}

proptest! {
    /// However requests, replies, clients that leave and ticks follow each other: each request is decided once, and allowed
    /// by nothing but what the service has said of its own question while it was there.
    #[test]
    fn each_gets_one_decision_of_its_own(events in prop::collection::vec(event(), 0..80), retries in any::<bool>()) {
        let callout = if retries { r#""callout":{"retry":{"backoff":50},"deadline":900},"# } else { "" };
        let config = format!(r#"{{"cluster":"c",{callout}"timeout":1000,"cache":{{"coalesce":true}}}}"#);
        let mut run = Run {
            engine: engine(&config),
            now: 0,
            open: BTreeMap::new(),
            asking: BTreeMap::new(),
            decided: 0,
            allowed: [None; TOKENS.len()],
            retries,
        };
        let (mut arrived, mut left) = (0, 0);
        for event in events {
            match event {
                Event::Arrival(token) => {
                    let stream = arrived;
                    arrived += 1;
                    run.open.insert(stream, (token, run.now, Exchange::new(stream)));
                    run.request(stream);
                }
                Event::Reply(which, status) => run.reply(which, status),
                Event::Leaves(which) => {
                    if let Some(stream) = run.open.keys().nth(which).copied() {
                        let (.., mut exchange) = run.open.remove(&stream).unwrap();
                        run.asking.remove(&stream);
                        exchange.handle_end(&mut run.engine);
                        left += 1;
                    }
                }
                Event::Tick(milliseconds) => {
                    run.now += milliseconds;
                    run.tick();
                }
            }
        }
        // Whatever is left is decided in bounded time, with callouts that time out.
        for _ in 0..200 {
            while !run.asking.is_empty() {
                run.reply(0, 504);
            }
            run.now += 50;
            run.tick();
        }
        prop_assert!(run.open.is_empty(), "{:?}", run.open);
        prop_assert_eq!(run.decided + left, usize::try_from(arrived).unwrap());
        prop_assert_eq!(run.engine.next_tick(at(run.now)), None);
        let coalescing = run.engine.coalescing.as_ref().unwrap();
        prop_assert!(coalescing.asking.is_empty() && coalescing.told.is_empty());
    }
}
