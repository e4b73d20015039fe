use std::time::Duration;

use super::{Config, IssueKind, Segment};
use crate::{answer::ErrorFormat, path::AmbiguousPaths};

/// One issuer with the key of RFC 7515, appendix A.3.
pub(crate) const ISSUERS: &str = r#"[{"issuer":"https://a","audiences":["b"],"jwks":{"inline":{"keys":[{"kty":"EC","crv":"P-256",
    "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}}}]"#;

fn issues(text: &str) -> Vec<String> {
    Config::from_slice(text.as_bytes()).unwrap_err().issues().iter().map(ToString::to_string).collect()
}

fn config(text: &str) -> Config {
    Config::from_slice(text.as_bytes()).unwrap().config
}

#[test]
fn the_published_configuration_is_read() {
    let config = config(
        r#"{"cluster":"outbound|8080||jwt-auth-service.default.svc.cluster.local","authorizeUrl":"/authorize","timeout":2000}"#,
    );
    assert_eq!(config.errors, ErrorFormat::Problem);
    assert_eq!(config.rules.list.len(), 1);
    assert_eq!(config.ambiguous_paths, AmbiguousPaths::Reject);
}

#[test]
fn a_typo_is_named_with_what_was_meant() {
    assert_eq!(
        issues(r#"{"cluster":"c","timout":2000,"colour":1}"#),
        ["timout: unknown key, did you mean `timeout`?", "colour: unknown key"]
    );
    assert_eq!(
        issues(r#"{"cluster":"c","tokens":{"maxbyte":1}}"#),
        ["tokens.maxbyte: unknown key, did you mean `maxBytes`?"]
    );
}

#[test]
fn every_issue_is_found_at_its_place() {
    let errors =
        Config::from_slice(br#"{"timeout":"soon","bypassPaths":["/ok",7],"cluster":"a","cluster":"b"}"#).unwrap_err();
    let paths: Vec<_> = errors.issues().iter().map(|issue| issue.path.clone()).collect();
    let key = |key: &str| Segment::Key(key.into());
    assert_eq!(paths, [vec![key("cluster")], vec![key("timeout")], vec![key("bypassPaths"), Segment::Index(1)]]);
    assert_eq!(errors.issues()[0].kind, IssueKind::DuplicateKey);
}

#[test]
fn a_configuration_must_be_an_object_with_a_cluster() {
    assert_eq!(issues("{}"), ["cluster: required: expected the name of the authorization service's Envoy cluster"]);
    assert_eq!(issues("[]")[0], "expected an object, found a list");
    assert!(issues("").concat().starts_with("not JSON: "));
    assert_eq!(issues(r#"{"cluster":""}"#), ["cluster: `` is not allowed: expected a name"]);
    assert_eq!(issues(r#"{"cluster":7}"#), ["cluster: expected a string, found a number"]);
    assert!(issues(r#"{"cluster":"a/b"}"#)[0].starts_with("callout.authority: required"));
}

#[test]
fn a_configuration_is_enforced_unless_it_says_otherwise() {
    for (text, is_shadow) in [
        (r#"{"cluster":"c"}"#, false),
        (r#"{"cluster":"c","mode":"enforce"}"#, false),
        (r#"{"cluster":"c","mode":"shadow"}"#, true),
        (r#"{"cluster":"c","compat":"seed","Mode":"shadow"}"#, true),
    ] {
        let config = config(text);
        assert_eq!((config.is_shadow, config.audit.is_shadow), (is_shadow, is_shadow), "{text}");
    }
    assert_eq!(
        issues(r#"{"cluster":"c","mode":"Shadow"}"#),
        ["mode: `Shadow` is not allowed: expected `enforce` or `shadow`"]
    );
}

#[test]
fn a_timeout_is_milliseconds_or_a_text_with_its_unit_and_never_none() {
    let timeout = |value: &str| {
        let text = format!(r#"{{"cluster":"c","timeout":{value}}}"#);
        Config::from_slice(text.as_bytes()).ok().map(|parsed| format!("{:?}", parsed.config.upstream))
    };
    for (value, expected) in
        [("1", 1), ("2000.0", 2000), ("\"2s\"", 2000), ("\"500ms\"", 500), ("60000", 60_000), ("null", 2000)]
    {
        let shown = format!("timeout: {:?}", Duration::from_millis(expected));
        assert!(timeout(value).unwrap().contains(&shown), "{value}");
    }
    for value in [
        "0",
        "60001",
        "-1",
        "1.5",
        "\"0s\"",
        "\"2 s\"",
        "\"2\"",
        "\"99999999999999999999s\"",
        "\"18446744073709551615s\"",
        "true",
        "1e300",
    ] {
        assert_eq!(timeout(value), None, "{value}");
    }
}

#[test]
fn what_would_open_everything_is_refused() {
    for path in ["", "/", "//", "health", "/a/../b"] {
        assert!(
            issues(&format!(r#"{{"cluster":"c","bypassPaths":["{path}"]}}"#))[0].starts_with("bypassPaths[0]: "),
            "{path}"
        );
    }
    assert!(config(r#"{"cluster":"c","bypassPaths":[]}"#).rules.list.is_empty());
}

#[test]
fn seed_reads_as_the_original_does() {
    let parsed =
        Config::from_slice(br#"{"compat":"seed","CLUSTER":"a","Cluster":"b","nonsense":1,"bypassPaths":[]}"#).unwrap();
    assert_eq!(parsed.config.errors, ErrorFormat::Seed);
    assert!(format!("{:?}", parsed.config.upstream).contains("cluster: \"b\""));
    assert_eq!(parsed.config.rules.list.len(), 1, "an empty list means the default");
    assert_eq!(parsed.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(), ["nonsense: unknown key"]);
    assert_eq!(parsed.config.ambiguous_paths, AmbiguousPaths::NeverMatch);
}

#[test]
fn an_authorize_url_is_a_path() {
    for value in ["authorize", "http://h/authorize", "/a b", "/a#b", "/é", ""] {
        assert!(
            issues(&format!(r#"{{"cluster":"c","authorizeUrl":"{value}"}}"#))[0].starts_with("authorizeUrl: "),
            "{value}"
        );
    }
}

#[test]
fn a_refused_value_is_shown_escaped_and_short() {
    let text = format!(r#"{{"cluster":"c","compat":"{}\n"}}"#, "x".repeat(200));
    let shown = &issues(&text)[0];
    assert!(shown.len() < 200 && !shown.contains('\n'), "{shown}");
}

#[test]
fn a_source_is_one_place() {
    let sources = |text: &str| issues(&format!(r#"{{"cluster":"c","tokens":{{"sources":{text}}}}}"#)).concat();
    for (text, issue) in [
        ("[]", "tokens.sources: `[]` is not allowed: expected one place or more"),
        ("7", "tokens.sources: expected a list of objects, found a number"),
        ("[{}]", "tokens.sources[0]: `the place` is not allowed"),
        (r#"[{"header":"a","cookie":"b"}]"#, "tokens.sources[0]: `the place` is not allowed"),
        (r#"[{"query":"a","scheme":"Bearer"}]"#, "tokens.sources[0]: `the place` is not allowed"),
        (r#"[{"header":"a b"}]"#, "tokens.sources[0].header: `a b` is not allowed"),
        (r#"[{"header":":path"}]"#, "tokens.sources[0].header: `:path` is not allowed"),
        (r#"[{"header":"Cookie"}]"#, "tokens.sources[0].header: `Cookie` is not allowed: expected `cookie: NAME`"),
        (r#"[{"query":"a&b"}]"#, "tokens.sources[0].query: `a&b` is not allowed"),
        (r#"[{"header":"A"},{"header":"a"}]"#, "tokens.sources[1]: `the same place again` is not allowed"),
        (r#"[{"heder":"a"}]"#, "tokens.sources[0].heder: unknown key, did you mean `header`?"),
    ] {
        assert!(sources(text).starts_with(issue), "{text}: {}", sources(text));
    }
}

#[test]
fn the_service_is_told_nothing_in_headers_of_the_callout() {
    let callout = |text: &str| issues(&format!(r#"{{"cluster":"c","callout":{text}}}"#)).concat();
    for (text, place) in [
        (r#"{"forward":{"headers":["x-a","Authorization"]}}"#, "callout.forward.headers[1]: `authorization`"),
        (r#"{"forward":{"headers":["x-a","X-A"]}}"#, "callout.forward.headers[1]: `x-a`"),
        (r#"{"forward":{"headers":[":path"]}}"#, "callout.forward.headers[0]: `:path`"),
        (r#"{"tokenHeader":"x-t","forward":{"headers":["X-T"]}}"#, "callout.forward.headers: `x-t`"),
        (r#"{"tokenHeader":"Host"}"#, "callout.tokenHeader: `host`"),
        (r#"{"forward":{"path":"yes"}}"#, "callout.forward.path: expected true or false, found a string"),
    ] {
        assert!(callout(text).starts_with(place), "{text}: {}", callout(text));
    }
}

#[test]
fn identity_headers_are_read_from_nothing_else() {
    let set = |set: &str| {
        let more = r#""tokens":{"sources":[{"header":"X-Token"}]},"callout":{"forward":{"headers":["x-tenant"]}}"#;
        format!(r#"{{"cluster":"c",{more},"headers":{{"set":{set}}}}}"#)
    };
    let read = config(&set(r#"{"X-User-Id":"sub","x-email":"https://example.com/email"}"#)).identity;
    assert_eq!(read.0.iter().map(|one| one.header.as_str()).collect::<Vec<_>>(), ["x-user-id", "x-email"]);
    for (written, expected) in [
        (
            r#"{"X_Token":"sub"}"#,
            "headers.set.X_Token: `X_Token` is not allowed: expected a header that nothing else is",
        ),
        (r#"{"x-tenant":"sub"}"#, "headers.set.x-tenant: `x-tenant` is not allowed"),
        (r#"{"Cookie":"sub"}"#, "headers.set.Cookie: `Cookie` is not allowed"),
        (r#"{"authorization":"sub"}"#, "headers.set.authorization: `authorization` is not allowed"),
        (r#"{":path":"sub"}"#, "headers.set.:path: `:path` is not allowed: expected a name of letters"),
        (r#"{"x-a":"a","X_A":"b"}"#, "headers.set: `x-a` is not allowed: expected each header once"),
        (r#"{"x-a":"a","x-a":"b"}"#, "headers.set.x-a: the key stands twice"),
        (r#"{"x-a":["sub"]}"#, "headers.set.x-a: expected a string, found a list"),
        ("{}", "headers.set: `0 elements` is not allowed: expected 1 to 64"),
    ] {
        let found = issues(&set(written));
        assert!(found.len() == 1 && found.iter().all(|issue| issue.starts_with(expected)), "{written}: {found:?}");
    }
}

#[test]
fn only_what_issuers_have_signed_may_pass_without_the_service() {
    let members = |issuers: &str, members: &str| format!(r#"{{"cluster":"c","issuers":{issuers},{members}}}"#);
    for (text, issue) in [
        (
            r#""onError":"allow""#,
            "onError: `onError: allow` is not allowed: expected `onError: deny` where there are no `issuers`",
        ),
        (
            r#""rules":[{"onError":"allow"}]"#,
            "rules: `onError: allow` is not allowed: expected `onError: deny` where there are no",
        ),
        (r#""onError":"alow""#, "onError: `alow` is not allowed: expected `deny` or `allow`"),
    ] {
        assert!(issues(&members("[]", text)).concat().starts_with(issue), "{text}");
    }
    let open = r#""rules":[{"match":{"methods":["GET"]},"auth":"none","onError":"allow"}]"#;
    assert!(issues(&members(ISSUERS, open)).concat().starts_with("rules[0].onError: `a word` is not allowed"));
    for text in [r#""onError":"allow""#, r#""rules":[{"onError":"allow"}]"#] {
        config(&members(ISSUERS, text));
    }
    config(&members("[]", r#""onError":"deny","rules":[{"onError":"deny"}]"#));
}

#[test]
fn secrets_come_from_the_environment_alone() {
    let text = r#"{"cluster":"c","observability":{"audit":"all","hmacKey":{"env":"AUDIT_KEY"}}}"#;
    let fill = |value: Option<&str>| {
        let filled = config(text).fill_secrets(|name| value.filter(|_| name == "AUDIT_KEY").map(str::to_owned));
        filled.map_err(|errors| errors.to_string())
    };
    assert_eq!(fill(Some(&"a".repeat(32))), Ok(()));
    for (value, expected) in [
        (
            None,
            "observability.hmacKey.env: `AUDIT_KEY` is not allowed: expected a variable that the VM's environment has",
        ),
        (
            Some("short"),
            "observability.hmacKey.env: `AUDIT_KEY` is not allowed: expected a variable with 32 bytes or more",
        ),
    ] {
        assert!(fill(value).is_err_and(|error| error.starts_with(expected)), "{value:?}");
    }
    assert_eq!(config(r#"{"cluster":"c"}"#).fill_secrets(|_| None), Ok(()));
    let of = |keys: &str| issues(&format!(r#"{{"cluster":"c","observability":{keys}}}"#));
    assert_eq!(of(r#"{"identifiers":"hmac"}"#).len(), 1);
    assert_eq!(of(r#"{"hmacKey":"secret"}"#), ["observability.hmacKey: expected `{env: NAME}`, found a string"]);
    assert_eq!(of(r#"{"hmacKey":{"env":"A-B"}}"#).len(), 1);
    assert_eq!(of(r#"{"sampleAllow":"1%"}"#), ["observability.sampleAllow: expected a number, found a string"]);
}
