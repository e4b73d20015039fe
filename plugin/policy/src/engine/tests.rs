use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proptest::prelude::*;

use super::{Engine, Exchange, Step};
use crate::{CalloutReply, Config, Denial, HeaderMap, PermitReason, Request};

const NOW: Duration = Duration::from_secs(1_700_000_000);
/// {"alg":"ES256"}.{"jti":"a"}.signature
const TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.eyJqdGkiOiJhIn0.c2lnbmF0dXJl";

fn engine(config: &str) -> Engine {
    Engine::new(Config::from_slice(config.as_bytes()).unwrap().config)
}

fn strict() -> Engine {
    engine(
        r#"{"cluster":"outbound|8080|v1|authz.local","authorizeUrl":"/check","timeout":1500,"bypassPaths":["/health"]}"#,
    )
}

fn now() -> SystemTime {
    UNIX_EPOCH + NOW
}

fn headers(path: &str, authorization: Option<&str>) -> HeaderMap {
    let mut headers = vec![(":method", "GET"), (":path", path)];
    headers.extend(authorization.map(|value| ("authorization", value)));
    HeaderMap::new(&headers)
}

/// The name of what the engine does with a request; "callout" where it asks.
fn outcome(engine: &mut Engine, path: &str, authorization: Option<&str>) -> &'static str {
    name(&Exchange::new(1).handle_request(engine, Request::new(&headers(path, authorization)), now()).unwrap())
}

/// What becomes of a request once the service has said this.
pub(super) fn reply(
    engine: &mut Engine,
    exchange: &mut Exchange,
    status: &[u8],
    now: SystemTime,
) -> Option<&'static str> {
    exchange.handle_callout_reply(engine, CalloutReply::Status(status), now).as_ref().map(name)
}

/// What the engine wants to be done.
pub(super) fn name(step: &Step) -> &'static str {
    match step {
        Step::Continue(permit) => permit.reason().code(),
        Step::Deny(answer) => answer.denial.code(),
        Step::Callout(_) => "callout",
        Step::Wait => "wait",
    }
}

#[test]
fn a_token_is_asked_about_with_the_original_callout() {
    let mut exchange = Exchange::new(1);
    let headers = headers("/x", Some(&format!("bearer  {TOKEN}")));
    let Some(Step::Callout(callout)) = exchange.handle_request(&mut strict(), Request::new(&headers), now()) else {
        panic!("no callout")
    };
    assert_eq!(callout.cluster(), "outbound|8080|v1|authz.local");
    assert_eq!(callout.timeout, Duration::from_millis(1500));
    let sent = callout.headers();
    assert_eq!(
        sent,
        [
            (":method", "POST"),
            (":path", "/check"),
            (":authority", "authz.local"),
            ("authorization", format!("Bearer {TOKEN}").as_str()),
            ("content-length", "0"),
        ]
    );
    assert!(!format!("{callout:?}").contains(TOKEN), "a token must not reach a log");
}

#[test]
fn nothing_but_200_allows() {
    for (reply, expected) in [
        (CalloutReply::Status(b"200"), Ok(PermitReason::AuthorizedByService)),
        (CalloutReply::Status(b"401"), Err(Denial::RejectedByService)),
        (CalloutReply::Status(b"403"), Err(Denial::RevokedToken)),
        (CalloutReply::Status(b"201"), Err(Denial::ServiceUnavailable)),
        (CalloutReply::Status(b"204"), Err(Denial::ServiceUnavailable)),
        (CalloutReply::Status(b"302"), Err(Denial::ServiceUnavailable)),
        (CalloutReply::Status(b"500"), Err(Denial::ServiceUnavailable)),
        (CalloutReply::Status(b"504"), Err(Denial::ServiceUnavailable)),
        (CalloutReply::Status(b""), Err(Denial::ServiceUnavailable)),
        (CalloutReply::Status(b"200 "), Err(Denial::ServiceUnavailable)),
        (CalloutReply::NotSent, Err(Denial::ServiceUnavailable)),
        (CalloutReply::Reset, Err(Denial::ServiceError)),
    ] {
        let mut engine = strict();
        let mut exchange = Exchange::new(1);
        exchange.handle_request(&mut engine, Request::new(&headers("/x", Some(&format!("Bearer {TOKEN}")))), now());
        let decision = match exchange.handle_callout_reply(&mut engine, reply, now()).unwrap() {
            Step::Continue(permit) => Ok(permit.reason()),
            Step::Deny(answer) => Err(answer.denial),
            Step::Callout(_) | Step::Wait => panic!("asked twice"),
        };
        assert_eq!(decision, expected, "{reply:?}");
        assert_eq!(exchange.is_allowed(), expected.is_ok());
    }
}

#[test]
fn a_request_is_answered_once() {
    let mut engine = strict();
    let headers = headers("/x", None);
    let mut exchange = Exchange::new(1);
    assert!(matches!(exchange.handle_request(&mut engine, Request::new(&headers), now()), Some(Step::Deny(_))));
    assert_eq!(exchange.handle_request(&mut engine, Request::new(&headers), now()), None);
    assert_eq!(exchange.handle_callout_reply(&mut engine, CalloutReply::Status(b"200"), now()), None);
    assert!(!exchange.is_allowed());
}

#[test]
fn a_reply_that_nobody_waits_for_decides_nothing() {
    let mut exchange = Exchange::new(1);
    assert_eq!(exchange.handle_callout_reply(&mut strict(), CalloutReply::Status(b"200"), now()), None);
    assert!(!exchange.is_allowed());
}

#[test]
fn bypass_has_no_escapes() {
    let mut engine = strict();
    assert_eq!(outcome(&mut engine, "/health?x=1", None), "bypass");
    assert_eq!(outcome(&mut engine, "/%68ealth/live", None), "bypass");
    for path in ["/healthcare", "/x/health", "/x?/health", "/x?path=/health", "*", "/HEALTH"] {
        assert_eq!(outcome(&mut engine, path, None), "missing_token", "{path}");
    }
    for path in [
        "/health/../admin",
        "/health/..%2fadmin",
        "/health/%2e%2e/admin",
        "/health;/../admin",
        "//health",
        "/health\\..\\admin",
        "http://h/health",
    ] {
        assert_eq!(outcome(&mut engine, path, None), "ambiguous_path", "{path}");
        let bearer = format!("Bearer {TOKEN}");
        assert_eq!(outcome(&mut engine, path, Some(&bearer)), "ambiguous_path", "{path}");
        let mut lenient =
            self::engine(r#"{"cluster":"c","bypassPaths":["/health"],"paths":{"ambiguous":"neverMatch"}}"#);
        assert_eq!(outcome(&mut lenient, path, None), "missing_token", "{path}");
        assert_eq!(outcome(&mut lenient, path, Some(&bearer)), "callout", "{path}");
    }
}

#[test]
fn no_path_is_ambiguous_where_none_has_a_condition() {
    assert_eq!(outcome(&mut engine(r#"{"cluster":"c","bypassPaths":[]}"#), "/a%2fb", None), "missing_token");
}

const RULES: &str = r#"{"cluster":"c","bypassPaths":["/health"],"preflight":"allow","rules":[
    {"match":{"path":{"prefix":"/admin"}},"require":{"scopes":["admin","write"],"anyRole":["ops"]}},
    {"match":{"path":{"prefix":"/public"}},"auth":"none"}
]}"#;

/// {"alg":"ES256"}.CLAIMS.signature
fn bearer(claims: &str) -> String {
    use base64ct::{Base64UrlUnpadded, Encoding as _};
    format!("Bearer eyJhbGciOiJFUzI1NiJ9.{}.c2lnbmF0dXJl", Base64UrlUnpadded::encode_string(claims.as_bytes()))
}

/// What becomes of a request with a token of these claims, of which the service says this.
fn decided(path: &str, claims: &str, status: &[u8]) -> (&'static str, Option<String>) {
    let mut engine = engine(RULES);
    let mut exchange = Exchange::new(1);
    let headers = headers(path, Some(&bearer(claims)));
    let asked = exchange.handle_request(&mut engine, Request::new(&headers), now());
    assert!(matches!(asked, Some(Step::Callout(_))), "{asked:?}");
    let step = exchange.handle_callout_reply(&mut engine, CalloutReply::Status(status), now()).unwrap();
    assert_eq!(exchange.is_allowed(), matches!(step, Step::Continue(_)));
    match step {
        Step::Continue(permit) => (permit.reason().code(), None),
        Step::Deny(answer) => {
            let challenge = answer.headers.iter().find(|(name, _)| *name == "www-authenticate");
            (answer.denial.code(), challenge.map(|(_, value)| value.to_string()))
        }
        Step::Callout(_) | Step::Wait => panic!("asked twice"),
    }
}

#[test]
fn what_a_rule_requires_is_looked_at_once_the_service_has_allowed_the_token() {
    let admin = r#"{"jti":"a","scope":"write admin","roles":["ops"]}"#;
    assert_eq!(decided("/admin", admin, b"200"), ("authorized_by_service", None));
    let (code, challenge) = decided("/admin", r#"{"jti":"a","scope":"write","roles":["ops"]}"#, b"200");
    assert_eq!(code, "insufficient_scope");
    assert!(challenge.unwrap().contains(r#"error="insufficient_scope""#));
    assert_eq!(decided("/admin", r#"{"jti":"a","scope":"write admin"}"#, b"200"), ("requirement_not_met", None));
    assert_eq!(decided("/orders", r#"{"jti":"a"}"#, b"200"), ("authorized_by_service", None));
    // Who is not known is told nothing about what is required.
    assert_eq!(decided("/admin", r#"{"jti":"a"}"#, b"401").0, "rejected_by_service");
    assert_eq!(decided("/admin", admin, b"403").0, "revoked_token");
}

#[test]
fn a_preflight_has_its_method_its_origin_and_what_it_asks() {
    let (mut strict, mut engine) = (strict(), engine(RULES));
    let preflight = [(":method", "OPTIONS"), ("origin", "https://a"), ("access-control-request-method", "PUT")];
    let outcome = |engine: &mut Engine, path: &str, headers: &[(&str, &str)]| {
        let headers = HeaderMap::new(&[&[(":path", path)], headers].concat());
        name(&Exchange::new(1).handle_request(engine, Request::new(&headers), now()).unwrap())
    };
    assert_eq!(outcome(&mut engine, "/admin", &preflight), "preflight");
    assert_eq!(outcome(&mut strict, "/admin", &preflight), "missing_token", "denied unless the configuration says so");
    assert_eq!(outcome(&mut engine, "/admin;x", &preflight), "ambiguous_path");
    for left_out in 0..preflight.len() {
        let mut headers = preflight.to_vec();
        headers.remove(left_out);
        assert_eq!(outcome(&mut engine, "/admin", &headers), "missing_token", "{headers:?}");
    }
    for more in [(":method", "GET"), ("origin", "https://b"), ("x-http-method-override", "DELETE")] {
        assert_eq!(
            outcome(&mut engine, "/admin", &[preflight.as_slice(), &[more]].concat()),
            "missing_token",
            "{more:?}"
        );
    }
    let empty = [(":method", "OPTIONS"), ("origin", ""), ("access-control-request-method", "PUT")];
    assert_eq!(outcome(&mut engine, "/admin", &empty), "missing_token");
}

proptest! {
    /// Any bytes anywhere: one answer, and never an allow without the service or a bypassed path.
    #[test]
    fn any_request_gets_one_decision(path in prop::collection::vec(any::<u8>(), 0..64), values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 0..3)) {
        let mut headers = vec![(":path", path)];
        headers.extend(values.into_iter().map(|value| ("authorization", value)));
        let headers = HeaderMap::new(&headers);
        let mut exchange = Exchange::new(1);
        let mut engine = engine(r#"{"cluster":"c","bypassPaths":[]}"#);
        let step = exchange.handle_request(&mut engine, Request::new(&headers), now());
        prop_assert!(matches!(step, Some(Step::Deny(_))), "{step:?}");
        prop_assert!(!exchange.is_allowed());
    }

    /// Any bytes under rules: never an allow but what they open, and never one below /admin without its scope.
    #[test]
    fn any_request_under_rules_gets_one_decision(
        method in prop_oneof![any::<Vec<u8>>(), "GET|OPTIONS".prop_map(String::into_bytes)],
        host in any::<Vec<u8>>(),
        path in prop_oneof![any::<Vec<u8>>(), "/(admin|public|health|Admin|%61dmin)(/|x|;|%2f|%40)*".prop_map(String::into_bytes)],
        is_admin in any::<bool>(),
    ) {
        let claims = if is_admin { r#"{"jti":"a","scope":"admin write","roles":"ops"}"# } else { r#"{"jti":"a"}"# };
        let headers = [(":method", method), (":authority", host), (":path", path.clone()), ("authorization", bearer(claims).into_bytes())];
        let headers = HeaderMap::new(&headers);
        let (mut engine, mut exchange) = (engine(RULES), Exchange::new(1));
        let step = exchange.handle_request(&mut engine, Request::new(&headers), now());
        let starts = |prefix: &str| path.starts_with(prefix.as_bytes());
        prop_assert_eq!(exchange.is_allowed(), matches!(step, Some(Step::Continue(_))));
        prop_assert!(!exchange.is_allowed() || starts("/public") || starts("/health"));
        if exchange.handle_callout_reply(&mut engine, CalloutReply::Status(b"200"), now()).is_some() {
            let seen = String::from_utf8_lossy(&path).to_ascii_lowercase().replace("%61", "a");
            let below_admin = seen == "/admin" || seen.starts_with("/admin/");
            prop_assert!(is_admin || !exchange.is_allowed() || !below_admin);
        }
    }

    /// Any reply: an allow only for 200.
    #[test]
    fn any_reply_gets_one_decision(status in prop::collection::vec(any::<u8>(), 0..5)) {
        let mut exchange = Exchange::new(1);
        let mut engine = strict();
        exchange.handle_request(&mut engine, Request::new(&headers("/x", Some(&format!("Bearer {TOKEN}")))), now());
        exchange.handle_callout_reply(&mut engine, CalloutReply::Status(&status), now());
        prop_assert_eq!(exchange.is_allowed(), status == b"200");
    }

    /// A path that bypasses spells the prefix in unreserved characters and ends it at a segment, whatever else it holds.
    #[test]
    fn a_bypassed_path_is_below_the_prefix(path in "/(health|%68ealth|admin|\\.\\.|%2e%2e|%2f|//|;|x|/|\\?)*") {
        let bypassed = outcome(&mut strict(), &path, None) == "bypass";
        let seen = path.split('?').next().unwrap_or_default().replace("%68", "h").replace("%2e", ".");
        let ended = if seen.ends_with('/') { seen.clone() } else { format!("{seen}/") };
        let ambiguous = ["%2f", "//", ";", "/./", "/../"].iter().any(|part| ended.contains(part));
        let below = !ambiguous && (seen == "/health" || seen.starts_with("/health/"));
        prop_assert_eq!(bypassed, below);
    }
}
