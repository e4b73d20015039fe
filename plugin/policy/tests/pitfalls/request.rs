//! Requests.

use gwauthz_policy::{HeaderMutation, Step};
use proptest::prelude::*;

use crate::gateway::{ES256, Gateway, Held, KEY, claims, issuer};

/// `/health` and `/public` are open, and what is below `/admin` needs a scope that nobody here has.
const PATHS: &str = r#"{"cluster":"authz","bypassPaths":["/health"],"rules":[
    {"match":{"path":{"prefix":"/admin"}},"require":{"scopes":["admin"]}},
    {"match":{"path":{"prefix":"/public"}},"auth":"none"}]}"#;

/// What becomes of a request for this path: without a token, and with one that the service allows.
fn at_path(config: &str, method: &str, path: Option<&[u8]>) -> [&'static str; 2] {
    let token = format!("Bearer {}", KEY.sign(ES256, &claims("")));
    [None, Some(token)].map(|token| {
        let mut headers = vec![(":method", method.as_bytes()), (":authority", b"a.example".as_slice())];
        headers.extend(path.map(|path| (":path", path)));
        headers.extend(token.as_ref().map(|token| ("authorization", token.as_bytes())));
        Gateway::new(config).answered(&headers, b"200")
    })
}

const REFUSED: [&str; 2] = ["ambiguous_path"; 2];
const ASKED: [&str; 2] = ["missing_token", "authorized_by_service"];
/// What only may be below `/admin` has to meet what is required there.
const STRICT: [&str; 2] = ["missing_token", "insufficient_scope"];

fn lenient() -> String {
    PATHS.replacen('{', r#"{"paths":{"ambiguous":"neverMatch"},"#, 1)
}

/// None of these opens anything, or is let past the stricter rule.
fn assert_ambiguous(paths: &[&str]) {
    assert_eq!(at_path(PATHS, "GET", Some(b"/health")), ["bypass"; 2]);
    assert_eq!(at_path(PATHS, "GET", Some(b"/admin")), STRICT);
    for path in paths {
        assert_eq!(at_path(PATHS, "GET", Some(path.as_bytes())), REFUSED, "{path}");
        assert_eq!(at_path(&lenient(), "GET", Some(path.as_bytes())), STRICT, "{path}");
    }
}

#[test]
fn a_duplicate_or_comma_joined_authorization() {
    let token = KEY.sign(ES256, &claims(""));
    let (one, other) = (format!("Bearer {token}"), "Bearer a.b.c".to_owned());
    let basic = "Basic dXNlcjpwYXNz".to_owned();
    let mut gateway = Gateway::new(&issuer(&[KEY.jwk("")]));
    for (first, second) in [(&one, &one), (&one, &other), (&other, &one)] {
        let headers = [("authorization", first.as_bytes()), ("Authorization", second.as_bytes())];
        assert_eq!(gateway.outcome(&headers), "multiple_authorizations");
        for separator in [",", ", ", " , "] {
            let joined = format!("{first}{separator}{second}");
            assert_eq!(gateway.outcome(&[("authorization", joined.as_bytes())]), "malformed_authorization");
        }
    }
    for (first, second) in [(&one, &basic), (&basic, &one)] {
        let headers = [("authorization", first.as_bytes()), ("authorization", second.as_bytes())];
        assert_eq!(gateway.outcome(&headers), "malformed_authorization");
    }
}

#[test]
fn a_token_in_two_places() {
    let token = KEY.sign(ES256, &claims(""));
    let config = issuer(&[KEY.jwk("")]).replacen(
        '{',
        r#"{"tokens":{"sources":[{"header":"authorization"},{"cookie":"session"},{"query":"access_token"}]},"#,
        1,
    );
    let (header, cookie, path) =
        (format!("Bearer {token}"), format!("session={token}"), format!("/?access_token={token}"));
    let places = [("authorization", header.as_bytes()), ("cookie", cookie.as_bytes()), (":path", path.as_bytes())];
    let outcome = |chosen: &[(&str, &[u8])]| {
        let headers = [&[(":method", b"GET".as_slice()), (":authority", b"h")], chosen].concat();
        Gateway::new(&config).outcome(&headers)
    };
    for (number, place) in places.iter().enumerate() {
        assert_eq!(outcome(&[*place]), "verified");
        for other in &places[number + 1..] {
            assert_eq!(outcome(&[*place, *other]), "multiple_tokens");
        }
    }
    let twice = [format!("session={token}; session={token}"), format!("/?access_token={token}&access%5ftoken={token}")];
    assert_eq!(outcome(&[("cookie", twice[0].as_bytes())]), "multiple_authorizations");
    assert_eq!(outcome(&[(":path", twice[1].as_bytes())]), "multiple_authorizations");
}

#[test]
fn encoded_dots() {
    assert_ambiguous(&[
        "/health/%2e%2e/admin",
        "/health/%2E%2e/admin",
        "/health/.%2e/admin",
        "/%2e/admin",
        "/health/..",
    ]);
}

#[test]
fn encoded_slashes_and_backslashes() {
    assert_ambiguous(&[
        "/health/..%2fadmin",
        "/health%2F..%2Fadmin",
        "/health/..%5cadmin",
        "/health/..\\admin",
        "/health\\",
    ]);
}

#[test]
fn double_slashes() {
    assert_ambiguous(&["//health", "//admin", "/health//", "/health//../admin", "///"]);
}

#[test]
fn path_parameters() {
    assert_ambiguous(&["/health;x", "/admin;x", "/;/admin", "/health;/../admin", "/health/..;/admin", "/health%3bx"]);
}

#[test]
fn double_encoding() {
    assert_ambiguous(&["/health/%252e%252e/admin", "/health/..%252fadmin", "/%2561dmin", "/health%25"]);
}

#[test]
fn question_marks_and_hashes() {
    // What stands behind the first question mark is no path.
    assert_eq!(at_path(PATHS, "GET", Some(b"/health?/../admin;x=%2f//")), ["bypass"; 2]);
    for path in ["/orders?/health", "/orders?path=/health", "/orders??/health", "/healt?h"] {
        assert_eq!(at_path(PATHS, "GET", Some(path.as_bytes())), ASKED, "{path}");
    }
    assert_eq!(at_path(PATHS, "GET", Some(b"/admin?/health")), STRICT);
    // An encoded one is a letter like any other, but not to every upstream.
    assert_eq!(at_path(PATHS, "GET", Some(b"/health%3f")), ASKED);
    assert_ambiguous(&["/health#", "/health#/../admin", "/admin#", "/health?#"]);
    assert_eq!(at_path(PATHS, "GET", Some(b"/health%23")), ASKED);
}

#[test]
fn an_absolute_form() {
    assert_ambiguous(&[
        "http://a.example/health",
        "https://a.example/admin",
        "a.example/health",
        "health",
        "a.example:443",
    ]);
}

#[test]
fn an_asterisk() {
    for config in [PATHS, &lenient()] {
        assert_eq!(at_path(config, "OPTIONS", Some(b"*")), STRICT);
    }
}

#[test]
fn a_missing_path() {
    for config in [PATHS, &lenient()] {
        for path in [None, Some(b"".as_slice())] {
            assert_eq!(at_path(config, "GET", path), STRICT);
        }
    }
    // One that stands there twice is none either.
    let headers = [(":path", b"/health".as_slice()), (":path", b"/admin")];
    assert_eq!(Gateway::new(PATHS).outcome(&headers), "missing_token");
}

#[test]
fn connect() {
    for config in [PATHS, &lenient()] {
        assert_eq!(at_path(config, "CONNECT", None), STRICT);
        // Extended CONNECT (RFC 8441) has one.
        assert_eq!(at_path(config, "CONNECT", Some(b"/orders")), ASKED);
        assert_eq!(at_path(config, "CONNECT", Some(b"/admin")), STRICT);
    }
    assert_eq!(at_path(PATHS, "CONNECT", Some(b"a.example:443")), REFUSED);
}

#[test]
fn upgrades() {
    let upgrade = [
        (":method", b"GET".as_slice()),
        (":path", b"/orders"),
        (":authority", b"a.example"),
        ("connection", b"Upgrade"),
        ("upgrade", b"websocket"),
        ("sec-websocket-protocol", b"bearer, a.b.c"),
    ];
    assert_eq!(Gateway::new(PATHS).outcome(&upgrade), "missing_token");
    let token = format!("Bearer {}", KEY.sign(ES256, &claims("")));
    let with_token = [&upgrade[..], &[("authorization", token.as_bytes())]].concat();
    assert_eq!(Gateway::new(PATHS).answered(&with_token, b"200"), "authorized_by_service");
    assert_eq!(Gateway::new(PATHS).answered(&with_token, b"403"), "revoked_token");
    // A preflight request is none that changes the protocol under way.
    let preflight = [(":method", b"OPTIONS".as_slice()), ("origin", b"https://a"), ("upgrade", b"websocket")];
    assert_eq!(Gateway::new(PATHS).outcome(&preflight), "missing_token");
}

#[test]
fn segment_boundaries() {
    for path in ["/health", "/health/", "/health/live", "/%68ealth", "/health/%20", "/public/a.b"] {
        assert_eq!(at_path(PATHS, "GET", Some(path.as_bytes()))[0], "bypass", "{path}");
    }
    for path in
        ["/healthcare", "/health.", "/health-", "/health%20", "/health%00x", "/publi", "/publicity", "/x/health"]
    {
        let outcome = at_path(PATHS, "GET", Some(path.as_bytes()))[0];
        assert!(["missing_token", "ambiguous_path"].contains(&outcome), "{path}: {outcome}");
    }
    for path in ["/admin", "/admin/", "/%61dmin/x", "/admin/%20", "/ADMIN", "/Admin/x"] {
        assert_eq!(at_path(PATHS, "GET", Some(path.as_bytes())), STRICT, "{path}");
    }
    for path in ["/administrator", "/admin-x", "/xadmin"] {
        assert_eq!(at_path(PATHS, "GET", Some(path.as_bytes())), ASKED, "{path}");
    }
}

proptest! {
    /// A path that a lax reader finds elsewhere than the gateway does opens nothing.
    #[test]
    fn whatever_is_ambiguous_never_bypasses(
        path in "/(health|public|admin|%68ealth|\\.|\\.\\.|%2e|%2E%2e|%2f|%5c|\\\\|;x|;|%3b|%25|%252e|%00|#|//|/|x){0,8}",
    ) {
        let lax = path.to_ascii_lowercase().replace("%2e", ".");
        let segments = || lax.split('/').skip(1);
        let last = segments().count();
        let ambiguous = ["%2f", "%5c", "\\", ";", "%3b", "%25", "%00", "#"].iter().any(|part| lax.contains(part))
            || segments().any(|segment| segment == "." || segment == "..")
            || segments().take(last.saturating_sub(1)).any(str::is_empty);
        for config in [PATHS, &lenient()] {
            let outcome = at_path(config, "GET", Some(path.as_bytes()))[0];
            prop_assert!(!ambiguous || outcome != "bypass", "{path}: {outcome}");
        }
    }
}

#[test]
fn spoofed_identity_headers() {
    let config = issuer(&[KEY.jwk("")]).replace(
        r#""bypassPaths":[]"#,
        r#""bypassPaths":["/health"],"headers":{"set":{"x-user-id":"sub","x-role":"role"}}"#,
    );
    let token = format!("Bearer {}", KEY.sign(ES256, &claims(r#","sub":"alice""#)));
    for (path, is_told) in [(b"/orders".as_slice(), true), (b"/health", false)] {
        let headers = [
            (":path", path),
            ("authorization", token.as_bytes()),
            ("x-user-id", b"root"),
            ("X-USER-ID", b"root"),
            ("x_user_id", b"root"),
            ("x-role", b"admin"),
            ("X_Role", b"admin"),
            ("x-other", b"kept"),
        ];
        let Held { step: Step::Continue(permit), .. } = Gateway::new(&config).open(&headers) else { panic!("denied") };
        let mut upstream: Vec<_> =
            headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.to_vec())).collect();
        for mutation in permit.mutations() {
            let (HeaderMutation::Set { name, .. } | HeaderMutation::Remove { name }) = mutation;
            upstream.retain(|(other, _)| other != name);
            if let HeaderMutation::Set { name, value } = mutation {
                upstream.push((name.clone(), value.clone()));
            }
        }
        let told: Vec<_> =
            upstream.iter().filter(|(name, _)| name.starts_with("x-") || name.starts_with("x_")).collect();
        let mut expected = vec![("x-other".to_owned(), b"kept".to_vec())];
        if is_told {
            expected.push(("x-user-id".to_owned(), b"alice".to_vec()));
        }
        assert_eq!(told, expected.iter().collect::<Vec<_>>());
    }
}

#[test]
fn cr_lf_or_nul_from_a_claim_into_a_header() {
    let config = issuer(&[KEY.jwk("")]).replacen('{', r#"{"headers":{"set":{"x-user-id":"sub"}},"#, 1);
    let outcome = |sub: &str| Gateway::new(&config).bearer(&KEY.sign(ES256, &claims(&format!(r#","sub":{sub}"#))));
    assert_eq!(outcome(r#""alice""#), "verified");
    for sub in [
        r#""a\r\nx-role: admin""#,
        r#""a\ra""#,
        r#""a\na""#,
        r#""a\u0000""#,
        r#""\u0000""#,
        r#""a\u007f""#,
        r#""a\u0085a""#,
        r#"["a","b\r\nc"]"#,
        r#"["a\u0000"]"#,
    ] {
        assert_eq!(outcome(sub), "unsuitable_claim", "{sub}");
    }
}
