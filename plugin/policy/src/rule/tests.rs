use proptest::prelude::*;

use super::{OnError, Rules, Ruling, Target};
use crate::{Config, Denial, HeaderMap, Request, config::tests::ISSUERS};

const RULES: &str = r#"{"cluster":"c","bypassPaths":["/health"],"paths":{"ambiguous":"neverMatch"},"rules":[
    {"match":{"path":{"prefix":"/admin"}},"require":{"scopes":["admin"]}},
    {"match":{"hosts":["*.internal"]},"require":{"scopes":["internal"]}},
    {"match":{"methods":["DELETE"]},"require":{"scopes":["delete"]}},
    {"match":{"path":{"prefix":"/public"}},"auth":"none"},
    {"match":{"hosts":["docs.example.com"],"methods":["GET"]},"auth":"none"},
    {"match":{"path":{"template":"/users/{id}"}},"require":{"scopes":["users"]}}
]}"#;

/// The scopes that a request needs, each rule's being one; `None` where it needs no token.
fn ruling(config: &str, headers: &[(&str, &[u8])]) -> Result<Option<Vec<String>>, Denial> {
    let config = Config::from_slice(config.as_bytes()).unwrap().config;
    let rules: &Rules = &config.rules;
    Ok(match rules.ruling(&Target::new(Request::new(&HeaderMap::new(headers))), config.ambiguous_paths)? {
        Ruling::Open(_) => None,
        Ruling::Protected(requirements, _) => {
            Some(requirements.iter().flat_map(|requirement| requirement.scopes.clone()).collect())
        }
    })
}

/// The same, of a method, a host and a path, with the scopes in one text.
fn needed(method: &str, host: &str, path: &str) -> Option<String> {
    let headers = [(":method", method.as_bytes()), (":authority", host.as_bytes()), (":path", path.as_bytes())];
    ruling(RULES, &headers).unwrap().map(|scopes| scopes.join(" "))
}

#[test]
fn all_rules_that_may_match_have_to_let_a_request_do_without_the_service() {
    let on_error = |otherwise: &str, path: &str| {
        let has_stale = otherwise == "staleThenDeny";
        let cache = if has_stale { r#"{"allowTtl":1,"staleFor":1}"# } else { "{}" };
        let text = format!(
            r#"{{"cluster":"c","issuers":{ISSUERS},"cache":{cache},"onError":"{otherwise}","paths":{{"ambiguous":"neverMatch"}},"rules":[
                {{"match":{{"path":{{"prefix":"/strict"}}}},"onError":"deny"}},
                {{"match":{{"path":{{"prefix":"/lax"}}}},"onError":"allow"}},
                {{"match":{{"path":{{"prefix":"/silent"}}}}}},
                {{"match":{{"path":{{"exact":"/open"}}}},"auth":"none"}}]}}"#
        );
        let config = Config::from_slice(text.as_bytes()).unwrap().config;
        let headers = HeaderMap::new(&[(":path", path)]);
        match config.rules.ruling(&Target::new(Request::new(&headers)), config.ambiguous_paths).unwrap() {
            Ruling::Protected(_, on_error) => on_error,
            ruling @ Ruling::Open(_) => panic!("{ruling:?}"),
        }
    };
    use OnError::{Allow, Deny, StaleThenDeny};
    for (path, denying, stale, allowing) in [
        ("/", Deny, StaleThenDeny, Allow),
        ("/strict", Deny, Deny, Deny),
        ("/lax", Allow, Allow, Allow),
        ("/silent", Deny, StaleThenDeny, Allow),
        ("/LAX", Deny, StaleThenDeny, Allow),
        ("/Strict", Deny, Deny, Deny),
        ("/lax/..%2fstrict", Deny, Deny, Deny),
        ("/%6cax/%78", Allow, Allow, Allow),
    ] {
        let found = ["deny", "staleThenDeny", "allow"].map(|word| on_error(word, path));
        assert_eq!(found, [denying, stale, allowing], "{path}");
    }
}

#[test]
fn the_first_rule_that_matches_decides() {
    for (method, host, path, expected) in [
        ("GET", "a", "/admin", Some("admin")),
        ("DELETE", "x.internal", "/admin/x", Some("admin")),
        ("DELETE", "x.internal", "/", Some("internal")),
        ("DELETE", "a", "/public/x", Some("delete")),
        ("GET", "a", "/public/x", None),
        ("GET", "Docs.Example.com.:443", "/anything", None),
        ("GET", "a.docs.example.com", "/anything", Some("")),
        ("HEAD", "docs.example.com", "/anything", Some("")),
        ("GET", "a", "/users/7", Some("users")),
        ("GET", "a", "/users", Some("")),
        ("GET", "a", "/health/live", None),
        ("DELETE", "x.internal", "/health", None),
    ] {
        assert_eq!(needed(method, host, path).as_deref(), expected, "{method} {host} {path}");
    }
}

#[test]
fn what_may_match_opens_nothing_and_slips_past_nothing() {
    for (method, host, path, expected) in [
        // Spellings of /admin/x that some upstream takes for it.
        ("GET", "a", "/ADMIN/x", Some("admin")),
        ("GET", "a", "/public/..%2fadmin/x", Some("admin users")),
        ("GET", "a", "//admin/x", Some("admin users")),
        ("GET", "a", "/admin;a=b/x", Some("admin users")),
        // What goes through CONNECT may be for any path, and `*` for all.
        ("CONNECT", "a", "", Some("admin users")),
        ("OPTIONS", "a", "*", Some("admin users")),
        // Neither opened in another case.
        ("GET", "a", "/Public/x", Some("")),
        ("GET", "a", "/HEALTH", Some("")),
        ("get", "docs.example.com", "/x", Some("")),
        // A method in another case, a host that nobody can read.
        ("delete", "a", "/public", Some("delete")),
        ("GET", "u@x.internal", "/public", Some("internal")),
        ("GET", "[::1]", "/public", Some("internal")),
        ("GET", "", "/", Some("internal")),
        ("GET", "a", "/Users/7/", Some("users")),
    ] {
        assert_eq!(needed(method, host, path).as_deref(), expected, "{method} {host} {path}");
    }
}

#[test]
fn a_method_in_a_header_of_its_own_may_be_any() {
    let base = [(":method", b"GET".as_slice()), (":authority", b"docs.example.com"), (":path", b"/x")];
    assert_eq!(ruling(RULES, &base), Ok(None));
    for name in ["x-http-method-override", "X-HTTP-Method", "x_method_override"] {
        let headers = [base.as_slice(), &[(name, b"DELETE")]].concat();
        assert_eq!(ruling(RULES, &headers), Ok(Some(vec!["delete".to_owned()])), "{name}");
    }
}

#[test]
fn what_stands_twice_may_be_either() {
    let headers = [(":method", b"GET".as_slice()), (":authority", b"a"), (":path", b"/public"), (":path", b"/admin")];
    assert_eq!(ruling(RULES, &headers), Ok(Some(vec!["admin".to_owned(), "users".to_owned()])));
}

#[test]
fn ambiguous_paths_are_refused_where_a_rule_looks_at_paths() {
    let headers = [(":method", b"GET".as_slice()), (":authority", b"a"), (":path", b"/a%2fb")];
    for (rules, refused) in [
        (r#"[{"match":{"path":{"exact":"/x"}}}]"#, true),
        (r#"[{"match":{"hosts":["x"],"path":{"exact":"/x"}},"auth":"none"}]"#, true),
        (r#"[{"match":{"hosts":["x"]},"auth":"none"}]"#, false),
        ("[]", false),
    ] {
        let config = format!(r#"{{"cluster":"c","bypassPaths":[],"rules":{rules}}}"#);
        assert_eq!(ruling(&config, &headers) == Err(Denial::AmbiguousPath), refused, "{rules}");
    }
}

/// A byte decoded from each escape, over and over.
fn decoded(path: &str) -> String {
    let mut path = path.to_ascii_lowercase();
    for (escape, plain) in [("%25", "%"), ("%2e", "."), ("%2f", "/"), ("%5c", "\\"), ("%3b", ";"), ("%61", "a")] {
        path = path.replace(escape, plain);
    }
    path
}

/// The folder that the laxest upstream serves: parameters cut off, backslashes and repeated slashes taken for one, dots
/// followed.
fn served(path: &str) -> Option<String> {
    let path = decoded(&decoded(path.split('?').next()?)).replace('\\', "/");
    let mut folders: Vec<&str> = Vec::new();
    for segment in path.split('/').map(|segment| segment.split(';').next().unwrap_or_default()) {
        match segment {
            "" | "." => {}
            ".." => drop(folders.pop()),
            name => folders.push(name),
        }
    }
    folders.first().map(|first| (*first).to_owned())
}

proptest! {
    /// Any bytes anywhere: what `auth: none` opens is exactly what its rule names.
    #[test]
    fn any_bytes_open_nothing(
        method in prop_oneof![any::<Vec<u8>>(), "GET|Get|DELETE".prop_map(String::into_bytes)],
        host in prop_oneof![any::<Vec<u8>>(), "(docs\\.example\\.com|a)(\\.|:80|:|@|,|/)*".prop_map(String::into_bytes)],
        path in prop_oneof![any::<Vec<u8>>(), "/(public|health)(/|%|x|;|%2f|%2e)*".prop_map(String::into_bytes)],
    ) {
        let headers = [(":method", method.as_slice()), (":authority", &host), (":path", &path)];
        if ruling(RULES, &headers) == Ok(None) {
            let is_named = |name: &str| host.strip_prefix(name.as_bytes()).is_some_and(|rest| [b"".as_slice(), b".", b":", b":80", b".:80", b".:"].contains(&rest));
            let is_below = |prefix: &[u8]| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"));
            prop_assert!(is_below(b"/health") || (method != b"DELETE" && is_below(b"/public")) || (method == b"GET" && is_named("docs.example.com")));
        }
    }

    /// A path that the laxest upstream serves from /admin needs that scope, and none from there is opened.
    #[test]
    fn no_spelling_slips_past_a_stricter_rule(path in "/{1,2}(admin|%61dmin|ADMIN|%2561dmin|public|health|\\.\\.|%2e%2e|%252e|%2f|%5c|\\\\|;x|\\.|x|/|/|/|\\?){0,9}") {
        let needed = needed("GET", "a", &path);
        match served(&path).as_deref() {
            Some("admin") => prop_assert!(needed.is_some_and(|scopes| scopes.starts_with("admin")), "{path}"),
            Some("public" | "health") => {}
            _ => prop_assert!(needed.is_some(), "{path}"),
        }
    }
}
