//! The host: what it hands over, and what it is told.

use gwauthz_policy::{CalloutReply, Step};

use crate::gateway::{ES256, Gateway, Held, KEY, NOW, claims, issuer, name};

/// Every header counts here.
fn everywhere() -> String {
    issuer(&[KEY.jwk("")]).replace(
        r#""bypassPaths":[]"#,
        r#""cluster":"authz","bypassPaths":["/health"],"preflight":"allow",
        "tokens":{"sources":[{"header":"authorization"},{"header":"x-token"},{"cookie":"session"},{"query":"t"}]},
        "callout":{"forward":{"method":true,"path":true,"host":true,"headers":["x-request-id","traceparent"]}},
        "headers":{"set":{"x-user-id":"sub"},"stripToken":true},"observability":{"audit":"all"},
        "rules":[{"match":{"hosts":["a.example"],"methods":["GET"],"path":{"prefix":"/public"}},"auth":"none"}]"#,
    )
}

#[test]
fn a_0xff_in_every_header() {
    let credentials = format!("Bearer {}", KEY.sign(ES256, &claims("")));
    let headers: Vec<(&str, &[u8])> = vec![
        (":method", b"POST"),
        (":scheme", b"https"),
        (":path", b"/orders?a=b"),
        (":authority", b"a.example"),
        ("authorization", credentials.as_bytes()),
        ("x-token", b""),
        ("cookie", b"a=b; c=d"),
        ("origin", b"https://a.example"),
        ("access-control-request-method", b"PUT"),
        ("content-type", b"application/grpc"),
        ("x-request-id", b"1"),
        ("traceparent", b"00-1-1-01"),
        ("x-user-id", b"root"),
        ("x-http-method-override", b"GET"),
    ];
    let headers: Vec<_> = headers.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    assert_eq!(Gateway::new(&everywhere()).answered(&headers, b"200"), "authorized_by_service");
    for number in 0..headers.len() {
        for odd in [&b"\xff"[..], &[b"\xff", headers[number].1].concat(), &[headers[number].1, b"\xff"].concat()] {
            let mut headers = headers.clone();
            headers[number].1 = odd;
            let mut gateway = Gateway::new(&everywhere());
            let Held { exchange, step } = gateway.open(&headers);
            // What is not text is passed on as it is, or is refused where somebody has to read it.
            let is_read = ["authorization", ":path", "x-request-id", "traceparent"].contains(&headers[number].0)
                || headers[number].0 == ":method"
                || headers[number].0 == ":authority";
            assert!(!exchange.is_allowed(), "{number}");
            assert_eq!(matches!(step, Step::Deny(_)), is_read, "{}: {}", headers[number].0, name(&step));
        }
    }
    let all: Vec<_> = headers.iter().map(|(name, _)| (*name, b"\xff\xfe\x00\xc0".as_slice())).collect();
    assert!(matches!(Gateway::new(&everywhere()).open(&all).step, Step::Deny(_)));
}

/// What a request whose callout is replied to like this is denied with.
fn denied(reply: CalloutReply<'_>) -> &'static str {
    let mut gateway = Gateway::new(r#"{"cluster":"authz","bypassPaths":[]}"#);
    let credentials = format!("Bearer {}", KEY.sign(ES256, &claims("")));
    let mut held = gateway.open(&[(":path", b"/"), ("authorization", credentials.as_bytes())]);
    let Some(Step::Deny(answer)) = gateway.reply(&mut held, reply) else { panic!("allowed") };
    assert_eq!(answer.status, 503);
    assert!(!held.exchange.is_allowed());
    answer.denial.code()
}

#[test]
fn a_timeout_arrives_as_504() {
    assert_eq!(denied(CalloutReply::Status(b"504")), "authorization_unavailable");
}

#[test]
fn a_refused_connection_arrives_as_503() {
    assert_eq!(denied(CalloutReply::Status(b"503")), "authorization_unavailable");
}

#[test]
fn a_reset_arrives_as_zero_headers() {
    assert_eq!(denied(CalloutReply::Reset), "authorization_error");
}

#[test]
fn a_callout_that_could_not_be_sent() {
    assert_eq!(denied(CalloutReply::NotSent), "authorization_unavailable");
}

#[test]
fn never_two_local_replies() {
    let replies =
        [CalloutReply::Status(b"200"), CalloutReply::Status(b"403"), CalloutReply::Reset, CalloutReply::NotSent];
    let credentials = format!("Bearer {}", KEY.sign(ES256, &claims("")));
    let with_token: &[(&str, &[u8])] = &[(":path", b"/"), ("authorization", credentials.as_bytes())];
    for (headers, first) in [
        (&[(":path", b"/".as_slice())][..], None),
        (&[(":path", b"/health")], None),
        (with_token, Some(CalloutReply::Status(b"403"))),
        (with_token, Some(CalloutReply::Status(b"200"))),
        (with_token, Some(CalloutReply::Reset)),
    ] {
        let mut gateway = Gateway::new(r#"{"cluster":"authz","bypassPaths":["/health"]}"#);
        let mut held = gateway.open(headers);
        if let Some(reply) = first {
            assert!(matches!(held.step, Step::Callout(_)));
            assert_eq!(gateway.again(&mut held), None, "it is being asked about");
            assert!(gateway.reply(&mut held, reply).is_some());
        }
        let allowed = held.exchange.is_allowed();
        for reply in replies {
            assert_eq!(gateway.reply(&mut held, reply), None);
            assert_eq!(gateway.again(&mut held), None);
        }
        assert_eq!(held.exchange.is_allowed(), allowed, "a decision stands");
    }
}

#[test]
fn a_clock_at_the_beginning_or_the_end_of_time() {
    for clock in [0, 1, NOW, u64::from(u32::MAX), u64::MAX / 1_000_000_000] {
        for config in [everywhere(), r#"{"cluster":"authz"}"#.to_owned()] {
            let mut gateway = Gateway::new(&config);
            gateway.set_clock(clock);
            let outcome = gateway.bearer(&KEY.sign(ES256, &claims("")));
            let expected = if clock > NOW { "expired_token" } else { "callout" };
            assert_eq!(outcome, expected, "{clock}");
            gateway.tick();
        }
    }
}
