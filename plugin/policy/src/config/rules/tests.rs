use proptest::prelude::*;
use regex::Regex;
use serde_json::json;

use super::{Key, MATCH, PATH, REQUIRE, Value};
use crate::Config;

fn read(rules: &str) -> Result<(), Vec<String>> {
    let text = format!(r#"{{"cluster":"c","rules":{rules}}}"#);
    let read = Config::from_slice(text.as_bytes());
    read.map(|_| ()).map_err(|errors| errors.issues().iter().map(ToString::to_string).collect())
}

fn issue(rules: &str) -> String {
    read(rules).unwrap_err().join("\n")
}

#[test]
fn rules_are_read() {
    let rules = r#"[
        {"match":{"hosts":["*.Example.com","api.example.org"],"methods":["GET","M-SEARCH"],"path":{"exact":"/"}},"auth":"none"},
        {"match":{"path":{"template":"/users/{user-id}/orders"}},"require":{"scopes":["orders:read"],"anyRole":["ops"]}},
        {"match":{"path":{"prefix":"/admin/"}},"auth":"required","require":{"claims":{
            "tenant":{"equals":"acme"},"level":{"oneOf":[1,2.5,true]},"act":{"exists":false}}}},
        {"match":{}}
    ]"#;
    assert_eq!(read(rules), Ok(()));
    assert_eq!(read("[]"), Ok(()));
    assert_eq!(read("null"), Ok(()));
}

#[test]
fn a_mistake_is_named_at_its_place_with_what_was_meant() {
    for (rules, expected) in [
        (r#"[{"mach":{}}]"#, "rules[0].mach: unknown key, did you mean `match`?"),
        (r#"[{"match":{"host":["a"]}}]"#, "rules[0].match.host: unknown key, did you mean `hosts`?"),
        (r#"[{"auth":"optional"}]"#, "rules[0].auth: `optional` is not allowed: expected `required` or `none`"),
        (
            r#"[{"match":{"methods":["GET","get"]}}]"#,
            "rules[0].match.methods[1]: `get` is not allowed: expected a method such as `GET`: methods have case",
        ),
        (r#"[{"match":{"hosts":[]}}]"#, "rules[0].match.hosts: `0 elements` is not allowed: expected 1 to 64"),
        (
            r#"[{"match":{"path":{}}}]"#,
            "rules[0].match.path: `the path` is not allowed: expected one of `exact`, `prefix` and `template`",
        ),
        (
            r#"[{"match":{"path":{"exact":"/a","prefix":"/a"}}}]"#,
            "rules[0].match.path: `the path` is not allowed: expected one of `exact`, `prefix` and `template`",
        ),
        (r#"[{"require":{}}]"#, "rules[0].require: `nothing` is not allowed: expected `scopes`, `anyRole` or `claims`"),
        (r#"[{"require":{"claims":{}}}]"#, "rules[0].require.claims: `0 elements` is not allowed: expected 1 to 64"),
        (
            r#"[{"require":{"claims":{"a":{"equal":1}}}}]"#,
            "rules[0].require.claims.a.equal: unknown key, did you mean `equals`?",
        ),
        (
            r#"[{"require":{"claims":{"a":{"equals":1,"exists":true}}}}]"#,
            "rules[0].require.claims.a: `the condition` is not allowed: expected one of `equals`, `oneOf` and `exists`",
        ),
        (
            r#"[{"require":{"claims":{"a":{"exists":true},"a":{"exists":true}}}}]"#,
            "rules[0].require.claims.a: the key stands twice, keep one",
        ),
        (
            r#"[{"require":{"claims":{"a":{"oneOf":["x",[]]}}}}]"#,
            "rules[0].require.claims.a.oneOf[1]: expected a text, a number, true or false, found a list",
        ),
    ] {
        assert_eq!(issue(rules), expected);
    }
    assert!(
        issue(r#"[{"require":{"claims":{"a":null}}}]"#).starts_with("rules[0].require.claims.a: expected an object")
    );
    assert!(issue(r#"[{"require":{"claims":{"a":{"equals":9007199254740993}}}}]"#).contains("below 2^53"));
}

#[test]
fn a_path_that_means_many_is_written_as_such() {
    for (kind, text) in [
        ("exact", "/a/*"),
        ("exact", "/users/{id}"),
        ("prefix", "/"),
        ("prefix", "/users/{id}"),
        ("prefix", "/a%20b"),
        ("template", "/users"),
        ("template", "/{a}/*"),
    ] {
        let issue = issue(&format!(r#"[{{"match":{{"path":{{"{kind}":"{text}"}}}}}}]"#));
        assert!(issue.starts_with(&format!("rules[0].match.path.{kind}: `{text}` is not allowed")), "{issue}");
    }
}

#[test]
fn what_would_open_everything_is_refused() {
    for rule in [r#"{"auth":"none"}"#, r#"{"auth":"none","match":{}}"#, r#"{"auth":"none","match":null}"#] {
        assert!(issue(&format!("[{rule}]")).starts_with("rules[0].match: required: "), "{rule}");
    }
    let issue = issue(r#"[{"match":{"methods":["GET"]},"auth":"none","require":{"scopes":["a"]}}]"#);
    assert!(issue.starts_with("rules[0].require: `a requirement` is not allowed"), "{issue}");
}

#[test]
fn a_rule_that_is_never_reached_is_refused() {
    for (rules, place, before) in [
        (r#"[{},{"match":{"methods":["GET"]}}]"#, 1, "rules[0]"),
        (r#"[{"match":{"methods":["GET","PUT"]}},{"match":{"methods":["PUT"],"hosts":["a"]}}]"#, 1, "rules[0]"),
        (
            r#"[{"match":{"hosts":["b"]}},{"match":{"hosts":["*.a"]}},{"match":{"hosts":["x.a","*.y.a"]}}]"#,
            2,
            "rules[1]",
        ),
        (r#"[{"match":{"path":{"prefix":"/a"}},"auth":"none"},{"match":{"path":{"exact":"/a/b"}}}]"#, 1, "rules[0]"),
        (r#"[{"match":{"path":{"exact":"/.well-known/acme-challenge/x"}}}]"#, 0, "bypassPaths"),
    ] {
        let issue = issue(rules);
        assert!(issue.starts_with(&format!("rules[{place}]: `the rule` is not allowed")), "{issue}");
        assert!(issue.contains(before) && !issue.contains('\n'), "{issue}");
    }
    for rules in [
        r#"[{"match":{"methods":["GET"]}},{"match":{"methods":["GET","PUT"]}},{}]"#,
        r#"[{"match":{"hosts":["a"],"path":{"prefix":"/a"}}},{"match":{"path":{"prefix":"/a"}}}]"#,
    ] {
        assert_eq!(read(rules), Ok(()), "{rules}");
    }
}

#[test]
fn rules_are_few() {
    let rules = |count: usize| {
        let rules: Vec<_> = (0..count).map(|n| format!(r#"{{"match":{{"path":{{"exact":"/{n}"}}}}}}"#)).collect();
        read(&format!("[{}]", rules.join(",")))
    };
    assert_eq!(rules(256), Ok(()));
    assert_eq!(rules(257), Err(vec!["rules: `257 rules` is not allowed: expected at most 256".to_owned()]));
}

/// The original has no rules: a word that it would have passed over could be what protects something.
#[test]
fn rules_are_read_strictly_whatever_compat_says() {
    for rule in [r#"{"requires":{"scopes":["a"]}}"#, r#"{"Match":{"methods":["GET"]}}"#, r#"{"match":{"Hosts":["a"]}}"#]
    {
        let text = format!(r#"{{"cluster":"c","compat":"seed","rules":[{rule}]}}"#);
        assert!(Config::from_slice(text.as_bytes()).is_err(), "{rule}");
    }
}

proptest! {
    #[test]
    fn a_text_that_is_accepted_fits_its_pattern(text in r#"(\*\.)?[/a.{}*-]{0,5}[%;:?#\\ A"\x00-\x7f]{0,2}[/aA}]{0,3}"#) {
        let within = |part: &'static [Key], wrap: fn(serde_json::Value) -> serde_json::Value| {
            let mut rules = Vec::new();
            for key in part {
                match &key.value {
                    Value::Text { pattern } => rules.push((*pattern, wrap(json!({key.name: text})))),
                    Value::NonEmpty(Value::Text { pattern }) => rules.push((*pattern, wrap(json!({key.name: [text]})))),
                    _ => {}
                }
            }
            rules
        };
        let rules = [
            within(MATCH, |part| json!({"match": part})),
            within(PATH, |part| json!({"match": {"path": part}})),
            within(REQUIRE, |part| json!({"require": part})),
        ];
        for (pattern, rule) in rules.concat() {
            if read(&json!([rule]).to_string()).is_ok() {
                prop_assert!(Regex::new(pattern).unwrap().is_match(&text), "{} {:?}", pattern, text);
            }
        }
    }
}
