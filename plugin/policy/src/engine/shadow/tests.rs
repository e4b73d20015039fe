use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use p256::ecdsa::{Signature, SigningKey, signature::Signer as _};
use proptest::prelude::*;

use super::MOST;
use crate::{
    Callout, CalloutReply, Config, Engine, Exchange, FetchReply, HeaderMap, Metric, Permit, Report, Request, Step,
};

const NOW: Duration = Duration::from_secs(1_700_000_000);

fn engine(config: &str, mode: &str) -> Engine {
    let config = format!(r#"{{"mode":"{mode}",{config}}}"#);
    Engine::new(Config::from_slice(config.as_bytes()).unwrap().config)
}

fn encode(text: &str) -> String {
    Base64UrlUnpadded::encode_string(text.as_bytes())
}

fn key() -> SigningKey {
    SigningKey::from_slice(&[7; 32]).unwrap()
}

fn jwks() -> String {
    let point = key().verifying_key().to_sec1_point(false);
    let coordinate = |bytes: &[u8]| Base64UrlUnpadded::encode_string(bytes);
    let (x, y) = (coordinate(point.x().unwrap()), coordinate(point.y().unwrap()));
    format!(r#"{{"keys":[{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"}}]}}"#)
}

/// `authorization` with a token of these claims, signed by the issuer.
fn bearer(claims: &str) -> Vec<u8> {
    let signed = format!("{}.{}", encode(r#"{"alg":"ES256"}"#), encode(claims));
    let signature: Signature = key().sign(signed.as_bytes());
    format!("Bearer {signed}.{}", Base64UrlUnpadded::encode_string(&signature.to_bytes())).into_bytes()
}

/// A gateway in one of the modes, and what is under way there.
struct Gateway {
    engine: Engine,
    is_shadow: bool,
    now: SystemTime,
    exchanges: Vec<Exchange>,
    requests: Vec<HeaderMap>,
    /// By the number of their request, counted from 1.
    callouts: Vec<(u32, Callout)>,
    /// What was decided, or would have been.
    decided: Vec<String>,
}

impl Gateway {
    fn new(config: &str, mode: &str) -> Self {
        Self {
            engine: engine(config, mode),
            is_shadow: mode == "shadow",
            now: UNIX_EPOCH + NOW,
            exchanges: Vec::new(),
            requests: Vec::new(),
            callouts: Vec::new(),
            decided: Vec::new(),
        }
    }

    fn request(&mut self, headers: &[(&str, &[u8])]) {
        self.requests.push(HeaderMap::new(headers));
        let number = u32::try_from(self.requests.len()).unwrap();
        self.exchanges.push(Exchange::new(number));
        let step = self.ask(number);
        if self.is_shadow {
            // At once, and as it came.
            let Some(Step::Continue(permit)) = step else { panic!("{step:?}") };
            assert_eq!((permit.reason().code(), permit.mutations()), ("shadow", [].as_slice()));
            let place = self.exchanges.len() - 1;
            assert!(self.exchanges[place].is_allowed());
            self.exchanges[place].handle_end(&mut self.engine);
            self.collect();
        } else {
            self.follow(number, step);
        }
    }

    fn ask(&mut self, number: u32) -> Option<Step> {
        let place = usize::try_from(number).unwrap() - 1;
        let source = || b"192.0.2.1".to_vec();
        let request = Request::new(&self.requests[place]).with_source(&source);
        self.exchanges[place].handle_request(&mut self.engine, request, self.now)
    }

    fn follow(&mut self, number: u32, step: Option<Step>) {
        match step {
            Some(Step::Continue(_)) => self.decided.push("allowed".to_owned()),
            Some(Step::Deny(answer)) => self.decided.push(answer.denial.code().to_owned()),
            Some(Step::Callout(callout)) => self.callouts.push((number, callout)),
            Some(Step::Wait) | None => {}
        }
    }

    /// What has come behind the requests.
    fn collect(&mut self) {
        self.callouts.extend(self.engine.take_detached());
        while let Some(report) = self.engine.next_report() {
            match report {
                Report::Count(Metric::ShadowAllowed) => self.decided.push("allowed".to_owned()),
                Report::Count(Metric::ShadowDenied(denial)) => self.decided.push(denial.code().to_owned()),
                Report::Count(Metric::ShadowUndecided) => self.decided.push("undecided".to_owned()),
                _ => {}
            }
        }
    }

    fn reply(&mut self, which: usize, reply: CalloutReply<'_>) {
        let Some(which) = which.checked_rem(self.callouts.len()) else { return };
        // The order in which they were sent is the gateway's affair.
        self.callouts.sort_by_key(|(number, _)| *number);
        let (number, _) = self.callouts.remove(which);
        if self.is_shadow {
            self.engine.handle_detached_reply(number, reply, self.now);
            self.collect();
        } else {
            let place = usize::try_from(number).unwrap() - 1;
            let step = self.exchanges[place].handle_callout_reply(&mut self.engine, reply, self.now);
            self.follow(number, step);
            self.go_on();
        }
    }

    fn tick(&mut self, milliseconds: u64, fetched: &str) {
        self.now += Duration::from_millis(milliseconds);
        let fetches = self.engine.handle_tick(self.now);
        self.go_on();
        for fetch in fetches {
            let reply = FetchReply { status: b"200", etag: None, body: fetched.into() };
            self.engine.handle_fetch_reply(fetch.id, (!fetched.is_empty()).then_some(reply), self.now);
        }
        self.go_on();
    }

    fn go_on(&mut self) {
        self.collect();
        while self.engine.has_woken() {
            for number in self.engine.take_woken() {
                let step = self.ask(number);
                self.follow(number, step);
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Event {
    Request(Vec<u8>, Option<Vec<u8>>),
    Reply(usize, Option<Vec<u8>>),
    Tick(u64, bool),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let claims = prop_oneof![
        Just(r#"{"iss":"https://a","aud":"api","exp":1800000000,"jti":"a"}"#),
        Just(r#"{"iss":"https://a","aud":"api","exp":1800000000,"jti":"b","scope":"admin"}"#),
        Just(r#"{"iss":"https://a","aud":"api","exp":1700000030,"jti":"c"}"#),
        Just(r#"{"iss":"https://b","aud":"api","exp":1800000000,"jti":"d","sub":"a\r\nb"}"#),
    ];
    let authorization = prop_oneof![
        4 => claims.prop_map(|claims| Some(bearer(claims))),
        1 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Some),
        1 => Just(None),
    ];
    let path = prop_oneof!["/(admin|public|health|x)(/|;|%2f|\\?a=b)?".prop_map(String::into_bytes), any::<Vec<u8>>()];
    let status = prop_oneof![
        Just(None),
        "200|401|403|500|503|504".prop_map(|status| Some(status.into_bytes())),
        any::<Vec<u8>>().prop_map(Some)
    ];
    let event = prop_oneof![
        4 => (path, authorization).prop_map(|(path, authorization)| Event::Request(path, authorization)),
        3 => (any::<usize>(), status).prop_map(|(which, status)| Event::Reply(which, status)),
        2 => (0..2500_u64, any::<bool>()).prop_map(|(time, is_fetched)| Event::Tick(time, is_fetched)),
    ];
    prop::collection::vec(event, 1..40)
}

/// Configurations that wait for nothing, for replies, for time, and for keys.
fn configs() -> Vec<String> {
    let rules = r#""rules":[{"match":{"path":{"prefix":"/admin"}},"require":{"scopes":["admin"]}},{"match":{"path":{"prefix":"/public"}},"auth":"none"}]"#;
    let issuer = |keys: &str| format!(r#""issuers":[{{"issuer":"https://a","audiences":["api"],"jwks":{{{keys}}}}}]"#);
    let remote = issuer(r#""cluster":"outbound|443||a.local","refresh":"10s","staleFor":"0s""#);
    let inline = issuer(&format!(r#""inline":{}"#, jwks()));
    let callout = r#""cluster":"c","timeout":1000,"callout":{"fallbacks":[{"cluster":"d"}],"retry":{"attempts":3,"backoff":200},"deadline":"3s","breaker":{"failures":2,"openFor":"2s"}}"#;
    vec![
        format!(
            r#""cluster":"c","bypassPaths":["/health"],{rules},"headers":{{"set":{{"x-user":"sub"}},"stripToken":true}}"#
        ),
        format!(r#"{callout},{rules},"cache":{{"allowTtl":"2s","denyTtl":"1s"}}"#),
        format!(r#"{callout},{rules},"cache":{{"coalesce":true}}"#),
        format!(r#""timeout":1000,{remote},{rules}"#),
        format!(r#"{callout},{remote},"onError":"allow""#),
        format!(
            r#"{callout},{inline},{rules},"revocation":{{"snapshot":{{"cluster":"r","every":"1s","maxStale":"3s","onStale":"callout"}}}}"#
        ),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whatever comes: a request in shadow mode passes at once and unchanged; it would have been decided, and asked about,
    /// as it is in the other mode.
    #[test]
    fn the_modes_decide_alike(config in prop::sample::select(configs()), events in events()) {
        let mut gateways = ["enforce", "shadow"].map(|mode| Gateway::new(&config, mode));
        let mut requests = 0;
        // In the end all has been replied to, and nobody waits any more.
        let end = (0..200).map(|_| Event::Reply(0, None)).chain((0..20).flat_map(|_| [Event::Tick(2000, false), Event::Reply(0, None)]));
        for event in events.into_iter().chain(end) {
            requests += usize::from(matches!(event, Event::Request(..)));
            for gateway in &mut gateways {
                match event.clone() {
                    Event::Request(path, authorization) => {
                        let mut headers = vec![(":method", b"GET".as_slice()), (":path", &path)];
                        headers.extend(authorization.as_ref().map(|value| ("authorization", value.as_slice())));
                        gateway.request(&headers);
                    }
                    Event::Reply(which, status) => {
                        let reply = status.as_deref().map_or(CalloutReply::Reset, CalloutReply::Status);
                        gateway.reply(which, reply);
                    }
                    Event::Tick(time, is_fetched) => gateway.tick(time, &if is_fetched { jwks() } else { String::new() }),
                }
            }
            let [enforce, shadow] = &mut gateways;
            enforce.callouts.sort_by_key(|(number, _)| *number);
            shadow.callouts.sort_by_key(|(number, _)| *number);
            prop_assert_eq!(&enforce.callouts, &shadow.callouts);
            enforce.decided.sort();
            shadow.decided.sort();
            prop_assert_eq!(&enforce.decided, &shadow.decided);
        }
        prop_assert_eq!(gateways[0].decided.len(), requests);
        prop_assert!(gateways[1].engine.shadows.under_way.is_empty());
    }
}

#[test]
fn so_many_are_looked_at_at_a_time() {
    let mut gateway = Gateway::new(r#""cluster":"c""#, "shadow");
    let token = bearer(r#"{"jti":"a"}"#);
    let headers = [(":path", b"/".as_slice()), ("authorization", &token)];
    for _ in 0..MOST + 3 {
        gateway.request(&headers);
    }
    assert_eq!(gateway.callouts.len(), MOST);
    assert_eq!(gateway.decided, ["undecided"; 3]);
    // What needs nobody's word is decided all the same.
    gateway.request(&headers[..1]);
    assert_eq!(gateway.decided.pop().unwrap(), "missing_token");
    gateway.reply(0, CalloutReply::Status(b"200"));
    assert_eq!(gateway.decided.pop().unwrap(), "allowed");
    gateway.request(&headers);
    assert_eq!(gateway.callouts.len(), MOST);
}

#[test]
fn a_request_that_nothing_is_known_of_passes_too() {
    for (mode, expected) in [("enforce", false), ("shadow", true)] {
        let (mut engine, mut exchange) = (engine(r#""cluster":"c""#, mode), Exchange::new(1));
        let step = exchange.handle_unread(&mut engine);
        assert_eq!(matches!(step.as_ref().map(|step| matches!(step, Step::Continue(_))), Some(true)), expected);
        assert_eq!(exchange.is_allowed(), expected);
        assert_eq!(exchange.handle_unread(&mut engine), None);
        let reports: Vec<_> = std::iter::from_fn(|| engine.next_report()).collect();
        assert_eq!(reports == [Report::Count(Metric::ShadowUndecided)], expected, "{reports:?}");
    }
}

#[test]
fn the_audit_tells_what_would_have_been() {
    let config = r#""cluster":"c","observability":{"audit":"all"}"#;
    let mut gateway = Gateway::new(config, "shadow");
    gateway.exchanges.push(Exchange::new(1));
    gateway.requests.push(HeaderMap::new(&[(":path", "/a")]));
    let permit: Option<Permit> = match gateway.ask(1) {
        Some(Step::Continue(permit)) => Some(permit),
        _ => None,
    };
    // Once a request: not of the permit.
    assert_eq!(gateway.exchanges[0].audit_permit(&mut gateway.engine, &permit.unwrap()), None);
    let lines: Vec<_> = std::iter::from_fn(|| gateway.engine.next_report())
        .filter(|report| matches!(report, Report::Audit(_)))
        .collect();
    let [Report::Audit(line)] = lines.as_slice() else { panic!("{lines:?}") };
    assert!(line.starts_with(r#"{"mode":"shadow","decision":"deny","reason":"missing_token","path":"/a","#), "{line}");
}
